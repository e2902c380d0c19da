export interface LogLine {
  n: number;
  at: string | null;
  text: string;
}

export const WINDOW = 500;
const KEPT_WINDOWS = 160;

/** Lines by number, sparsely: what was loaded or received, the least recently seen dropped. */
export class LineCache {
  private readonly windows = new Map<number, (LogLine | undefined)[]>();
  /** The first line that came by the live stream; from there on only the stream may write. */
  liveFrom = Infinity;

  get(line: number): LogLine | undefined {
    const index = Math.floor((line - 1) / WINDOW);
    const window = this.windows.get(index);
    return window?.[(line - 1) % WINDOW];
  }

  /** Keep lines that were asked for; the stream's own lines win. */
  putLoaded(lines: readonly LogLine[]): void {
    for (const line of lines) if (line.n < this.liveFrom || !this.get(line.n)) this.set(line);
  }

  /** Add text of the stream to the line it belongs to; false when that line's start is not here. */
  appendLive(line: number, at: string | null, text: string, isContinuation: boolean): boolean {
    this.liveFrom = Math.min(this.liveFrom, line);
    const known = this.get(line);
    if (isContinuation && !known) return false;
    this.set(isContinuation && known ? { ...known, text: known.text + text } : { n: line, at, text });
    // What is being written must stay: nobody else can tell where the stream stands in it.
    this.touch(line);
    return true;
  }

  /** The first line and the number of lines to ask for so that `from`–`to` is complete, or null. */
  missing(from: number, to: number): { line: number; limit: number } | null {
    const first = this.firstMissing(from, to);
    if (first === null) return null;
    const start = Math.floor((first - 1) / WINDOW) * WINDOW + 1;
    const end = Math.min(Math.ceil(to / WINDOW) * WINDOW, start + 4 * WINDOW - 1);
    return { line: start, limit: end - start + 1 };
  }

  touch(line: number): void {
    const index = Math.floor((line - 1) / WINDOW);
    const window = this.windows.get(index);
    if (window) {
      this.windows.delete(index);
      this.windows.set(index, window);
    }
  }

  clear(): void {
    this.windows.clear();
    this.liveFrom = Infinity;
  }

  private firstMissing(from: number, to: number): number | null {
    for (let line = from; line <= to; line += 1) if (!this.get(line)) return line;
    return null;
  }

  private set(line: LogLine): void {
    const index = Math.floor((line.n - 1) / WINDOW);
    let window = this.windows.get(index);
    if (!window) {
      window = [];
      this.windows.set(index, window);
      this.forget();
    }
    window[(line.n - 1) % WINDOW] = line;
  }

  private forget(): void {
    for (const index of this.windows.keys()) {
      // Oldest first, as a Map keeps its keys in order of insertion.
      if (this.windows.size <= KEPT_WINDOWS) return;
      this.windows.delete(index);
    }
  }
}
