import { plainText } from "../log/ansi";
import type { LogLine } from "../log/cache";
import { lineLevel } from "../log/marks";

/** What came of a log by its bytes: each byte once, as lines. */
export class JobText {
  private lines: string[] = [];
  private isOpen = false;
  /** How many bytes are in here: where to go on from. */
  end = 0;

  get total(): number {
    return this.lines.length;
  }

  /**
   * Take a piece that begins at a byte; tells where it was put.
   *
   * Null for a repeat, `hole` when bytes before it are missing here.
   */
  take(offset: number, size: number, content: string): { line: number; text: string } | "hole" | null {
    if (offset + size <= this.end) return null;
    if (offset > this.end) return "hole";
    let text = content;
    if (offset < this.end) {
      const bytes = new TextEncoder().encode(content);
      // Bytes that are no UTF-8 were replaced: only the server can cut such a piece.
      if (bytes.length !== size) return "hole";
      text = new TextDecoder().decode(bytes.subarray(this.end - offset));
    }
    this.end = offset + size;
    const line = this.isOpen ? this.lines.length : this.lines.length + 1;
    this.append(text);
    return { line, text };
  }

  slice(from: number, limit: number): LogLine[] {
    return this.lines.slice(from - 1, from - 1 + limit).map((text, index) => ({ n: from + index, at: null, text }));
  }

  find(query: string, limit: number): { total: number; lines: number[] } {
    const needle = query.toLowerCase();
    const lines: number[] = [];
    let total = 0;
    this.lines.forEach((text, index) => {
      if (!plainText(text).toLowerCase().includes(needle)) return;
      total += 1;
      if (lines.length < limit) lines.push(index + 1);
    });
    return { total, lines };
  }

  /** The first line that tells of an error; null without one. */
  firstError(): number | null {
    const at = this.lines.findIndex((text) => lineLevel(plainText(text)) === "error");
    return at < 0 ? null : at + 1;
  }

  clear(): void {
    this.lines = [];
    this.isOpen = false;
    this.end = 0;
  }

  private append(text: string): void {
    if (text === "") return;
    const parts = text.split("\n");
    if (this.isOpen) this.lines[this.lines.length - 1] += parts.shift() ?? "";
    this.isOpen = !text.endsWith("\n");
    if (!this.isOpen) parts.pop();
    for (const part of parts) this.lines.push(part);
  }
}
