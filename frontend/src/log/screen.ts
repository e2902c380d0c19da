import { el } from "../lib/dom";
import { clamp, Heights, type RowMap, ScrollScale } from "./rows";

export const ROW_HEIGHT = 20;
const OVERSCAN = 24;
const MAX_NODES = 400;

export interface ScreenOptions {
  scroller: HTMLElement;
  map: RowMap;
  render: (line: number) => HTMLElement;
  /** The lines now on the screen, after each change of them. */
  onVisible: (from: number, to: number) => void;
  /** Somebody scrolled, and whether the end is now in view. */
  onScroll: (isUp: boolean, isAtEnd: boolean) => void;
}

/** The few rows that can be seen of very many, placed where a full list would have them. */
export class Screen {
  private readonly spacer = el("div", { class: "log-spacer" });
  private readonly rows = el("div", { class: "log-rows" });
  private readonly nodes = new Map<number, HTMLElement>();
  private readonly heights = new Heights(ROW_HEIGHT);
  private top = 0;
  private expected = 0;
  private frame = 0;
  private isWrapped = false;
  private readonly ending = new AbortController();
  private wasAtEnd = false;
  private readonly sizes = new ResizeObserver(() => this.resized());

  constructor(private readonly options: ScreenOptions) {
    const { scroller } = options;
    scroller.replaceChildren(this.spacer, this.rows);
    const { signal } = this.ending;
    scroller.addEventListener("scroll", () => this.scrolled(), { passive: true, signal });
    scroller.addEventListener("wheel", (event) => this.wheeled(event), { passive: false, signal });
    this.sizes.observe(scroller);
  }

  /** Let the scroller go: the next log's screen takes it. */
  close(): void {
    this.ending.abort();
    this.sizes.disconnect();
    cancelAnimationFrame(this.frame);
    // No later call may draw into rows that another screen now owns.
    this.frame = -1;
  }

  get isAtEnd(): boolean {
    return this.top >= this.scale.maximum - ROW_HEIGHT / 2;
  }

  setWrap(isWrapped: boolean): void {
    this.isWrapped = isWrapped;
    this.options.scroller.classList.toggle("is-wrapped", isWrapped);
    this.relayout();
  }

  /** The lines changed in number or folding: measured heights no longer belong to their rows. */
  relayout(): void {
    const line = this.options.map.lineAt(this.heights.rowAt(this.top, this.options.map.rows));
    const within = this.top - this.heights.offsetOf(this.options.map.rowOf(line));
    this.heights.clear();
    this.top = this.heights.offsetOf(this.options.map.rowOf(line)) + within;
    this.repaint();
  }

  /** Draw these lines anew (all, when none are named). */
  repaint(lines?: Iterable<number>): void {
    for (const line of lines ?? [...this.nodes.keys()]) {
      this.nodes.get(line)?.remove();
      this.nodes.delete(line);
    }
    this.schedule();
  }

  schedule(): void {
    if (this.frame === 0) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.draw();
      });
    }
  }

  scrollToEnd(): void {
    this.moveTo(Infinity);
  }

  scrollToStart(): void {
    this.moveTo(0);
  }

  /** Bring a line into view, a third from the top; nothing moves when it is well in view. */
  scrollToLine(line: number, always = true): void {
    const offset = this.heights.offsetOf(this.options.map.rowOf(line));
    const view = this.options.scroller.clientHeight;
    if (!always && offset > this.top + ROW_HEIGHT && offset < this.top + view - 3 * ROW_HEIGHT) return;
    this.moveTo(offset - view / 3);
  }

  scrollBy(pixels: number): void {
    this.moveTo(this.top + pixels);
  }

  // Who sees the end keeps seeing it when the window or what stands above the log changes.
  private resized(): void {
    const isKept = this.wasAtEnd && this.top > 0;
    this.relayout();
    if (isKept) this.scrollToEnd();
  }

  private get scale(): ScrollScale {
    return new ScrollScale(this.heights.total(this.options.map.rows), this.options.scroller.clientHeight);
  }

  private moveTo(offset: number): void {
    this.top = clamp(offset, 0, this.scale.maximum);
    this.draw();
    // Rows measured while drawing may have moved the end.
    if (offset === Infinity && this.isWrapped) {
      this.top = this.scale.maximum;
      this.draw();
    }
  }

  private scrolled(): void {
    const { scroller } = this.options;
    if (Math.abs(scroller.scrollTop - this.expected) < 1) return;
    const before = this.top;
    this.top = this.scale.toContent(scroller.scrollTop);
    this.expected = scroller.scrollTop;
    this.options.onScroll(this.top < before - 1, this.isAtEnd);
    this.schedule();
  }

  // A scaled scroll bar would jump several lines for each notch of a wheel.
  private wheeled(event: WheelEvent): void {
    if (!this.scale.isScaled || event.ctrlKey || event.deltaY === 0) return;
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? ROW_HEIGHT : event.deltaMode === WheelEvent.DOM_DELTA_PAGE ? this.options.scroller.clientHeight : 1;
    this.top = clamp(this.top + event.deltaY * unit, 0, this.scale.maximum);
    this.options.onScroll(event.deltaY < 0, this.isAtEnd);
    this.schedule();
  }

  private draw(): void {
    if (this.ending.signal.aborted) return;
    const { scroller, map } = this.options;
    const scale = this.scale;
    this.top = clamp(this.top, 0, scale.maximum);
    this.spacer.style.height = `${scale.height}px`;
    const first = Math.max(0, this.heights.rowAt(this.top, map.rows) - OVERSCAN);
    const wanted = Math.ceil(scroller.clientHeight / ROW_HEIGHT) + 2 * OVERSCAN;
    const last = Math.min(map.rows, first + Math.min(MAX_NODES, wanted));
    this.place(first, last);
    if (this.isWrapped) this.measure(first, last);
    const scrollTop = scale.toScroll(this.top);
    if (Math.abs(scroller.scrollTop - scrollTop) >= 1) scroller.scrollTop = scrollTop;
    this.expected = scroller.scrollTop;
    this.rows.style.transform = `translateY(${Math.round(this.expected + this.heights.offsetOf(first) - this.top)}px)`;
    this.wasAtEnd = this.isAtEnd;
    if (last > first) this.options.onVisible(map.lineAt(first), map.lineAt(last - 1));
  }

  private place(first: number, last: number): void {
    const wanted = new Set<number>();
    for (let row = first; row < last; row += 1) wanted.add(this.options.map.lineAt(row));
    for (const [line, node] of this.nodes) {
      if (!wanted.has(line)) {
        node.remove();
        this.nodes.delete(line);
      }
    }
    let next = this.rows.firstElementChild;
    for (const line of wanted) {
      const known = this.nodes.get(line);
      if (known && known === next) {
        next = next.nextElementSibling;
      } else {
        const node = known ?? this.options.render(line);
        this.nodes.set(line, node);
        this.rows.insertBefore(node, next);
      }
    }
  }

  private measure(first: number, last: number): void {
    const anchor = this.heights.rowAt(this.top, this.options.map.rows);
    let above = 0;
    for (let row = first; row < last; row += 1) {
      const node = this.nodes.get(this.options.map.lineAt(row));
      if (!node) continue;
      const change = this.heights.set(row, node.offsetHeight);
      if (row < anchor) above += change;
    }
    // What grew above the first visible row must not push it down.
    if (above !== 0) this.top += above;
    this.spacer.style.height = `${this.scale.height}px`;
  }
}
