/** The delay before the nth try to connect again, in milliseconds: 1 s doubling to 30 s, jittered. */
export function backoff(attempt: number, random: number): number {
  return Math.min(30_000, 1000 * 2 ** attempt) * (0.75 + random / 2);
}

export type SocketState = "connecting" | "live" | "reconnecting" | "closed";
export type Frame = { type: string } & Record<string, unknown>;

export interface SocketOptions {
  /** The address for the next try: it carries the position reached so far. */
  address: () => string;
  onFrame: (frame: Frame) => void;
  onState: (state: SocketState) => void;
}

const PING_MS = 30_000;
// A frame at least every ping; silence longer than two means a dead connection behind a proxy.
const SILENCE_MS = 70_000;

/** A websocket of JSON frames that connects again for as long as it is wanted. */
export class ResumingSocket {
  private socket: WebSocket | null = null;
  private attempt = 0;
  private timer = 0;
  private pulse = 0;
  private heardAt = 0;
  private isWanted = true;

  constructor(private readonly options: SocketOptions) {
    window.addEventListener("online", this.retryNow);
    this.connect();
  }

  /** Leave the present connection and come back from the position reached. */
  restart(): void {
    if (!this.isWanted) return;
    this.detach();
    this.later();
  }

  /** Say something to the server while connected. */
  send(frame: Frame): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  close(): void {
    this.isWanted = false;
    window.removeEventListener("online", this.retryNow);
    this.detach();
    this.options.onState("closed");
  }

  private readonly retryNow = (): void => {
    if (this.isWanted && this.socket === null) this.connect();
  };

  private connect(): void {
    window.clearTimeout(this.timer);
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${this.options.address()}`);
    this.socket = socket;
    if (this.attempt === 0) this.options.onState("connecting");
    socket.onmessage = (event) => this.receive(String(event.data));
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.detach();
      this.later();
    };
    this.heardAt = Date.now();
    this.pulse = window.setInterval(() => this.beat(socket), PING_MS);
  }

  private receive(text: string): void {
    this.heardAt = Date.now();
    const frame = JSON.parse(text) as Frame;
    if (frame.type === "pong") return;
    if (frame.type === "subscribed" || frame.type === "connection_established") {
      this.attempt = 0;
      this.options.onState("live");
    }
    this.options.onFrame(frame);
  }

  private beat(socket: WebSocket): void {
    if (Date.now() - this.heardAt > SILENCE_MS) this.restart();
    else if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"ping"}');
  }

  private later(): void {
    if (!this.isWanted) return;
    this.options.onState("reconnecting");
    this.timer = window.setTimeout(() => this.connect(), backoff(this.attempt, Math.random()));
    this.attempt += 1;
  }

  private detach(): void {
    window.clearTimeout(this.timer);
    window.clearInterval(this.pulse);
    const socket = this.socket;
    this.socket = null;
    if (socket) {
      socket.onclose = null;
      socket.onmessage = null;
      socket.close();
    }
  }
}
