import { api } from "../lib/api";
import { type Frame, ResumingSocket, type SocketState } from "../lib/socket";
import type { LogLine } from "./cache";
import { type Step, StreamPosition } from "./stream";

export interface LogGap {
  from_line: number;
  to_line: number;
  bytes: number;
}

export interface LogPage {
  total_lines: number;
  size_bytes: number;
  complete: boolean;
  dropped_bytes: number;
  gaps: LogGap[];
  lines: LogLine[];
  /** Where to begin reading, when the log says so itself. */
  open_at?: number;
}

export interface SearchResult {
  total: number;
  lines: number[];
}

export const PAGE_LIMIT = 2000;

/** Where a viewer takes a log from. */
export interface LogStore {
  page: (line: number, limit: number) => Promise<LogPage>;
  /** The log's size with lines from where a stream can go on. */
  open: () => Promise<LogPage>;
  search: (text: string, signal: AbortSignal) => Promise<SearchResult>;
  follow: (offset: number, onStep: (step: Step) => void, onState: (state: SocketState) => void) => void;
  close: () => void;
}

/** The log of one attempt, as the server has it. */
export class LogSource implements LogStore {
  private socket: ResumingSocket | null = null;

  constructor(private readonly url: string, private readonly socketUrl: string, private readonly execution: string) {}

  page(line: number, limit: number): Promise<LogPage> {
    return api<LogPage>(`${this.url}?line=${line}&limit=${Math.min(limit, PAGE_LIMIT)}`);
  }

  /**
   * The log's size with its last lines (or its first, when complete), from one answer.
   *
   * A log that still grows is asked again until the answer reaches its own end: only then do
   * size and last line belong together and the stream can continue from there.
   */
  async open(): Promise<LogPage> {
    let page = await this.page(1, PAGE_LIMIT);
    for (let tries = 0; tries < 5 && !page.complete && (page.lines.at(-1)?.n ?? 0) < page.total_lines; tries += 1) {
      page = await this.page(Math.max(1, page.total_lines - 500), PAGE_LIMIT);
    }
    return page;
  }

  search(text: string, signal: AbortSignal): Promise<SearchResult> {
    return api<SearchResult>(`${this.url}?search=${encodeURIComponent(text)}`, { signal });
  }

  /** Follow the log from a byte offset; steps arrive in order and each byte once. */
  follow(offset: number, onStep: (step: Step) => void, onState: (state: SocketState) => void): void {
    const position = new StreamPosition(offset);
    const socket = new ResumingSocket({
      address: () => `${this.socketUrl}?step_execution_id=${this.execution}&after=${position.offset}`,
      onState,
      onFrame: (frame: Frame) => {
        const step = position.take(frame);
        if (step.do === "resume") socket.restart();
        else if (step.do !== "ignore") onStep(step);
      },
    });
    this.socket = socket;
  }

  close(): void {
    this.socket?.close();
    this.socket = null;
  }
}
