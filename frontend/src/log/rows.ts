/** Which lines are rows: all but those inside collapsed groups. */
export class RowMap {
  private ranges: { from: number; to: number }[] = [];
  total = 0;

  get rows(): number {
    return this.total - this.hiddenBefore(this.total + 1);
  }

  /** Hide the lines `from`–`to`; a range inside another one is swallowed by it. */
  hide(from: number, to: number): void {
    if (to < from) return;
    const apart = this.ranges.filter((range) => range.to < from || range.from > to);
    const touching = this.ranges.filter((range) => !(range.to < from || range.from > to));
    apart.push({
      from: Math.min(from, ...touching.map((range) => range.from)),
      to: Math.max(to, ...touching.map((range) => range.to)),
    });
    this.ranges = apart.sort((a, b) => a.from - b.from);
  }

  /** Show a range again that begins at this line. */
  show(from: number): void {
    this.ranges = this.ranges.filter((range) => range.from !== from);
  }

  /** Show whatever hides this line; true when something did. */
  reveal(line: number): boolean {
    const before = this.ranges.length;
    this.ranges = this.ranges.filter((range) => line < range.from || line > range.to);
    return this.ranges.length !== before;
  }

  isHiddenFrom(from: number): boolean {
    return this.ranges.some((range) => range.from <= from && from <= range.to);
  }

  clear(): void {
    this.ranges = [];
    this.total = 0;
  }

  /** The line (from 1) that stands at a row (from 0). */
  lineAt(row: number): number {
    let line = row + 1;
    for (const range of this.ranges) {
      if (line < range.from) break;
      line += range.to - range.from + 1;
    }
    return line;
  }

  /** The row (from 0) of a line; of a hidden one the row before its group's lines. */
  rowOf(line: number): number {
    return line - 1 - this.hiddenBefore(line);
  }

  private hiddenBefore(line: number): number {
    let hidden = 0;
    for (const range of this.ranges) {
      if (range.from >= line) break;
      hidden += Math.min(range.to, line - 1) - range.from + 1;
    }
    return hidden;
  }
}

const CHUNK = 256;

/** Heights of rows of which most have the usual one; offsets without a list of all of them. */
export class Heights {
  private extra = new Map<number, number>();
  private chunks = new Map<number, number>();
  private sum = 0;

  constructor(readonly usual: number) {}

  total(rows: number): number {
    return rows * this.usual + this.sum;
  }

  set(row: number, height: number): number {
    const before = this.extra.get(row) ?? 0;
    const extra = height - this.usual;
    const change = extra - before;
    if (Math.abs(change) < 0.5) return 0;
    this.extra.set(row, extra);
    const chunk = Math.floor(row / CHUNK);
    this.chunks.set(chunk, (this.chunks.get(chunk) ?? 0) + change);
    this.sum += change;
    return change;
  }

  offsetOf(row: number): number {
    let offset = row * this.usual;
    if (this.sum === 0) return offset;
    const last = Math.floor(row / CHUNK);
    for (const [chunk, extra] of this.chunks) if (chunk < last) offset += extra;
    for (let at = last * CHUNK; at < row; at += 1) offset += this.extra.get(at) ?? 0;
    return offset;
  }

  rowAt(offset: number, rows: number): number {
    if (this.sum === 0) return clamp(Math.floor(offset / this.usual), 0, Math.max(0, rows - 1));
    let low = 0;
    let high = Math.max(0, rows - 1);
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.offsetOf(middle) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  clear(): void {
    this.extra.clear();
    this.chunks.clear();
    this.sum = 0;
  }
}

/** Pixels an element may be high in every browser: Firefox stops near 17.9 million. */
export const MAX_HEIGHT = 15_000_000;

/** Where a scroll bar of limited height stands in a log of any height, and back. */
export class ScrollScale {
  constructor(readonly content: number, readonly view: number) {}

  get height(): number {
    return Math.min(this.content, MAX_HEIGHT);
  }

  get isScaled(): boolean {
    return this.content > MAX_HEIGHT;
  }

  get maximum(): number {
    return Math.max(0, this.content - this.view);
  }

  toContent(scrollTop: number): number {
    const range = this.height - this.view;
    return range <= 0 ? 0 : clamp((scrollTop / range) * this.maximum, 0, this.maximum);
  }

  toScroll(offset: number): number {
    return this.maximum === 0 ? 0 : (clamp(offset, 0, this.maximum) / this.maximum) * (this.height - this.view);
  }
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
