import { api } from "../lib/api";
import { type Frame, ResumingSocket, type SocketState } from "../lib/socket";
import { type LogPage, type LogStore, PAGE_LIMIT, type SearchResult } from "../log/source";
import type { Step } from "../log/stream";
import { JobText } from "./jobtext";

interface LogPart {
  logs: string;
  offset: number;
  next_offset: number;
  size_bytes: number;
  is_complete: boolean;
  error: string;
}

export interface JobEvents {
  /** Whether the job failed: its log then opens where it first says so. */
  hasFailed: () => boolean;
  onStatus: (status: string, conclusion: string) => void;
  onProblem: (text: string) => void;
}

const MAX_HITS = 1000;
// A host cuts its logs long before; more would only make the page slow.
const MAX_BYTES = 48 * 1024 * 1024;

/** The log of a job of a host's own CI: read by bytes, kept as lines, followed while it grows. */
export class JobLog implements LogStore {
  private readonly text = new JobText();
  private socket: ResumingSocket | null = null;
  private isComplete = false;

  constructor(private readonly url: string, private readonly socketUrl: string, private readonly events: JobEvents) {}

  page(line: number, limit: number): Promise<LogPage> {
    return Promise.resolve(this.shown(line, limit));
  }

  async open(): Promise<LogPage> {
    this.text.clear();
    for (;;) {
      const part = await api<LogPart>(`${this.url}?after=${this.text.end}`);
      const taken = this.text.take(part.offset, part.next_offset - part.offset, part.logs);
      this.isComplete = part.is_complete;
      if (part.error) this.events.onProblem(part.error);
      if (taken === null || taken === "hole" || part.next_offset >= part.size_bytes || this.text.end > MAX_BYTES) break;
    }
    const isShort = this.isComplete || this.text.total <= PAGE_LIMIT;
    const page = this.shown(isShort ? 1 : this.text.total - 500, PAGE_LIMIT);
    const failing = this.isComplete && this.events.hasFailed() ? this.text.firstError() : null;
    return failing === null ? page : { ...page, open_at: failing };
  }

  search(text: string, _signal: AbortSignal): Promise<SearchResult> {
    return Promise.resolve(this.text.find(text, MAX_HITS));
  }

  follow(_offset: number, onStep: (step: Step) => void, onState: (state: SocketState) => void): void {
    const socket = new ResumingSocket({
      address: () => `${this.socketUrl}&after=${this.text.end}`,
      onState,
      onFrame: (frame) => {
        const payload = (frame.payload ?? {}) as Record<string, unknown>;
        const step = this.take(frame, payload);
        if (step === "resume") socket.restart();
        else if (step) onStep(step);
      },
    });
    this.socket = socket;
  }

  /** Have the host asked now. */
  refresh(): void {
    this.socket?.send({ type: "refresh" });
  }

  close(): void {
    this.socket?.close();
    this.socket = null;
  }

  private shown(line: number, limit: number): LogPage {
    return {
      total_lines: this.text.total, size_bytes: this.text.end, complete: this.isComplete, dropped_bytes: 0, gaps: [],
      lines: this.text.slice(line, limit),
    };
  }

  private take(frame: Frame, payload: Record<string, unknown>): Step | "resume" | null {
    switch (frame.type) {
      case "connection_established":
        return Number(payload.offset) < this.text.end ? { do: "reset" } : null;
      case "log.chunk":
        return this.takeChunk(Number(payload.offset), Number(payload.chunk_size), String(payload.content));
      case "log.complete":
        this.isComplete = true;
        return { do: "complete", totalLines: this.text.total, sizeBytes: this.text.end };
      case "log.error":
        this.events.onProblem(String(payload.error));
        return null;
      case "job.status":
        this.events.onStatus(String(payload.status), String(payload.conclusion));
        return null;
      default:
        return null;
    }
  }

  private takeChunk(offset: number, size: number, content: string): Step | "resume" | null {
    const taken = this.text.take(offset, size, content);
    if (taken === "hole") return "resume";
    return taken && { do: "append", line: taken.line, at: null, text: taken.text };
  }
}
