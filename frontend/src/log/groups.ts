import type { LineCache } from "./cache";
import { type GroupMark, groupMark } from "./marks";

export interface GroupEnd {
  line: number;
  milliseconds: number | null;
}

const SCAN_LIMIT = 20_000;

/** Finds where groups end among the lines that are here, and remembers it. */
export class Groups {
  private readonly ends = new Map<number, GroupEnd>();

  constructor(private readonly cache: LineCache) {}

  markOf(line: number): GroupMark | null {
    const content = this.cache.get(line);
    return content ? groupMark(content.text) : null;
  }

  /** The end of the group that starts at a line, or the first line that must be loaded to know. */
  endOf(start: number, total: number): GroupEnd | { missing: number } | null {
    const known = this.ends.get(start);
    if (known) return known;
    const opening = this.markOf(start);
    if (opening?.kind !== "start") return null;
    let depth = 0;
    const last = Math.min(total, start + SCAN_LIMIT);
    for (let line = start + 1; line <= last; line += 1) {
      const content = this.cache.get(line);
      if (!content) return { missing: line };
      const mark = groupMark(content.text);
      if (mark?.kind === "start") depth += 1;
      else if (mark && this.closes(opening, mark, depth)) return this.remember(start, opening, line, mark);
      else if (mark) depth = Math.max(0, depth - 1);
    }
    return null;
  }

  clear(): void {
    this.ends.clear();
  }

  private closes(opening: GroupMark, mark: GroupMark, depth: number): boolean {
    return opening.name !== "" ? mark.name === opening.name : mark.name === "" && depth === 0;
  }

  private remember(start: number, opening: GroupMark, line: number, mark: GroupMark): GroupEnd {
    const from = opening.at ?? this.momentOf(start);
    const to = mark.at ?? this.momentOf(line);
    const end = { line, milliseconds: from === null || to === null ? null : Math.max(0, to - from) };
    this.ends.set(start, end);
    return end;
  }

  private momentOf(line: number): number | null {
    const at = this.cache.get(line)?.at;
    return at ? new Date(at).getTime() : null;
  }
}
