import type { Frame } from "../lib/socket";

export interface LogFrame {
  offset: number;
  next_offset: number;
  line: number;
  at: string | null;
  text: string;
}

export type Step =
  | { do: "append"; line: number; at: string | null; text: string }
  | { do: "gap"; bytes: number }
  | { do: "resume" | "ignore" | "reset" }
  | { do: "complete"; totalLines: number; sizeBytes: number }
  | { do: "fail"; detail: string };

/**
 * What to do with each frame of a log's stream so that every byte is shown exactly once.
 *
 * The position is in bytes: frames before it are repeats, a frame after it tells of a hole.
 */
export class StreamPosition {
  constructor(public offset: number) {}

  take(frame: Frame): Step {
    switch (frame.type) {
      case "log":
        return this.takeLog(frame as unknown as LogFrame);
      case "gap":
        return this.takeGap(Number(frame.from_offset), Number(frame.to_offset));
      case "complete":
        return { do: "complete", totalLines: Number(frame.total_lines), sizeBytes: Number(frame.size_bytes) };
      case "reset":
        return { do: "reset" };
      case "error":
        return { do: "fail", detail: String(frame.detail ?? frame.code ?? "unknown") };
      default:
        return { do: "ignore" };
    }
  }

  private takeLog(frame: LogFrame): Step {
    if (frame.next_offset <= this.offset) return { do: "ignore" };
    if (frame.offset > this.offset) return { do: "resume" };
    let { text, line } = frame;
    if (frame.offset < this.offset) {
      const bytes = new TextEncoder().encode(text);
      const seen = this.offset - frame.offset;
      // Masking can make the text's length differ from the stored one; then ask again exactly.
      if (bytes.length !== frame.next_offset - frame.offset) return { do: "resume" };
      line += newlines(new TextDecoder().decode(bytes.subarray(0, seen)));
      text = new TextDecoder().decode(bytes.subarray(seen));
    }
    this.offset = frame.next_offset;
    return { do: "append", line, at: frame.at, text };
  }

  private takeGap(from: number, to: number): Step {
    if (to <= this.offset) return { do: "ignore" };
    const bytes = to - Math.max(from, this.offset);
    this.offset = to;
    return { do: "gap", bytes };
  }
}

function newlines(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count += 1;
  return count;
}

/** The lines of a chunk: an end without newline leaves its last line open for the next chunk. */
export function splitChunk(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}
