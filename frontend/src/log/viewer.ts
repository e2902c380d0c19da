import type { SocketState } from "../lib/socket";
import { settled } from "../lib/parts";
import { LineCache } from "./cache";
import { plainText } from "./ansi";
import { Groups } from "./groups";
import { formatHash, lineLevel, type LineRange } from "./marks";
import { buildRow } from "./row";
import { RowMap } from "./rows";
import { Screen } from "./screen";
import { type LogGap, type LogPage, type LogStore, PAGE_LIMIT, type SearchResult } from "./source";
import { type Step, splitChunk } from "./stream";

export interface ViewerEvents {
  onState: (state: SocketState | "loading" | "complete" | "failed", detail?: string) => void;
  onFollow: (isFollowing: boolean) => void;
  onTotal: (lines: number, bytes: number) => void;
}

export interface ViewerOptions {
  scroller: HTMLElement;
  source: LogStore;
  target: LineRange | null;
  openAtLine: number | null;
  events: ViewerEvents;
}

const ERROR_SCAN_LINES = 40_000;
// More would stall the browser and whatever it is pasted into; a longer log is downloaded.
const COPY_CHARACTERS = 4_000_000;

/** One log on the screen: loads what is seen, follows what is written. */
export class LogViewer {
  readonly map = new RowMap();
  private readonly cache = new LineCache();
  private readonly groups = new Groups(this.cache);
  private readonly screen: Screen;
  private readonly gaps = new Map<number, LogGap>();
  private readonly asked = new Set<string>();
  private readonly folded = new Set<number>();
  private readonly autoFolded = new Set<number>();
  private isClosed = false;
  private isFollowing = false;
  private size = 0;
  private hits = new Set<number>();
  private query = "";
  private cursor = 1;
  private readonly loadVisible = settled(() => this.loadNow(), 40);
  private visible: LineRange = { from: 1, to: 1 };

  constructor(private readonly options: ViewerOptions) {
    this.screen = new Screen({
      scroller: options.scroller,
      map: this.map,
      render: (line) => this.renderRow(line),
      onVisible: (from, to) => {
        this.visible = { from, to };
        this.loadVisible();
      },
      onScroll: (isUp, isAtEnd) => {
        if (isUp) this.setFollow(false);
        else if (isAtEnd && !this.isComplete) this.setFollow(true);
      },
    });
  }

  isComplete = false;
  target: LineRange | null = null;

  async open(): Promise<void> {
    this.options.events.onState("loading");
    const page = await this.options.source.open();
    if (this.isClosed) return;
    this.isComplete = page.complete;
    this.accept(page, 1, PAGE_LIMIT, true);
    this.target = this.options.target;
    const start = this.target?.from ?? this.options.openAtLine ?? page.open_at ?? null;
    if (start !== null && start <= this.map.total) await this.showLine(start);
    else if (!page.complete) this.setFollow(true);
    this.screen.schedule();
    if (page.complete) this.options.events.onState("complete");
    else this.options.source.follow(page.size_bytes, (step) => this.take(step), this.options.events.onState);
  }

  close(): void {
    this.isClosed = true;
    this.screen.close();
    this.options.source.close();
  }

  setWrap(isWrapped: boolean): void {
    this.screen.setWrap(isWrapped);
    if (this.isFollowing) this.screen.scrollToEnd();
  }

  setFollow(isFollowing: boolean): void {
    if (isFollowing) this.screen.scrollToEnd();
    if (this.isFollowing === isFollowing) return;
    this.isFollowing = isFollowing;
    this.options.events.onFollow(isFollowing);
  }

  get follows(): boolean {
    return this.isFollowing;
  }

  jump(where: "start" | "end"): void {
    if (where === "start") {
      this.setFollow(false);
      this.screen.scrollToStart();
    } else if (this.isComplete) this.screen.scrollToEnd();
    else this.setFollow(true);
  }

  scrollBy(pixels: number): void {
    if (pixels < 0) this.setFollow(false);
    this.screen.scrollBy(pixels);
  }

  /** Mark a line or a range as the one that the address names. */
  select(line: number, isRange: boolean): string {
    const anchor = isRange && this.target ? this.target.from : line;
    this.target = { from: Math.min(anchor, line), to: Math.max(anchor, line) };
    this.screen.repaint();
    return formatHash(this.target);
  }

  async showLine(line: number): Promise<void> {
    this.setFollow(false);
    this.cursor = line;
    await this.ensure(Math.max(1, line - 60), Math.min(this.map.total, line + 120));
    if (this.map.reveal(line)) this.unfoldAround();
    this.screen.scrollToLine(line);
  }

  /** The text of the chosen lines, or of the whole log, without colours; cut when it is very long. */
  async copy(): Promise<{ text: string; lines: number; isShort: boolean }> {
    const { from, to } = this.target ?? { from: 1, to: this.map.total };
    const texts: string[] = [];
    let size = 0;
    for (let at = from; at <= to; at += PAGE_LIMIT) {
      const page = await this.options.source.page(at, Math.min(PAGE_LIMIT, to - at + 1));
      for (const line of page.lines) {
        const text = plainText(line.text);
        size += text.length + 1;
        if (size > COPY_CHARACTERS) return { text: texts.join("\n"), lines: texts.length, isShort: true };
        texts.push(text);
      }
    }
    return { text: texts.join("\n"), lines: texts.length, isShort: false };
  }

  async search(query: string, signal: AbortSignal): Promise<SearchResult> {
    const result = query === "" ? { total: 0, lines: [] } : await this.options.source.search(query, signal);
    this.query = query;
    this.hits = new Set(result.lines);
    this.screen.repaint();
    return result;
  }

  /** Go to the next line that tells of an error; false when there is none within reach. */
  async nextError(): Promise<boolean> {
    const last = Math.min(this.map.total, this.cursor + ERROR_SCAN_LINES);
    for (let line = this.cursor + 1; line <= last; line += 1) {
      if (!this.cache.get(line)) await this.ensure(line, Math.min(last, line + PAGE_LIMIT - 1));
      const text = this.cache.get(line)?.text;
      if (text !== undefined && lineLevel(plainText(text)) === "error") {
        await this.showLine(line);
        this.select(line, false);
        return true;
      }
    }
    this.cursor = 0;
    return false;
  }

  async toggleFold(line: number): Promise<void> {
    if (this.folded.delete(line)) this.map.show(line + 1);
    else {
      const end = await this.findEnd(line);
      if (end <= line) return;
      this.folded.add(line);
      this.map.hide(line + 1, end);
    }
    this.screen.relayout();
  }

  private async findEnd(start: number): Promise<number> {
    for (let tries = 0; tries < 12; tries += 1) {
      const end = this.groups.endOf(start, this.map.total);
      if (end === null) return this.map.total;
      if ("line" in end) return end.line;
      await this.ensure(end.missing, Math.min(this.map.total, end.missing + PAGE_LIMIT - 1));
    }
    return start;
  }

  private unfoldAround(): void {
    for (const line of this.folded) if (!this.map.isHiddenFrom(line + 1)) this.folded.delete(line);
    this.screen.relayout();
  }

  private renderRow(line: number): HTMLElement {
    const content = this.cache.get(line);
    const mark = content ? this.groups.markOf(line) : null;
    const end = mark?.kind === "start" ? this.groups.endOf(line, this.map.total) : null;
    return buildRow({
      line, content, mark,
      isCollapsed: this.folded.has(line),
      groupMs: end && "line" in end ? end.milliseconds : null,
      isTarget: this.target !== null && line >= this.target.from && line <= this.target.to,
      isHit: this.hits.has(line) && line === this.cursor,
      query: this.query,
      gap: this.gaps.get(line),
    });
  }

  private async loadNow(): Promise<void> {
    await this.ensure(this.visible.from, this.visible.to);
  }

  private async ensure(from: number, to: number): Promise<void> {
    for (let at = from; at <= to; ) {
      const missing = this.cache.missing(at, to);
      if (missing === null || this.isClosed) return;
      const key = `${missing.line}/${missing.limit}`;
      at = missing.line + missing.limit;
      if (this.asked.has(key)) continue;
      this.asked.add(key);
      try {
        this.accept(await this.options.source.page(missing.line, missing.limit), missing.line, missing.limit, false);
      } catch (error) {
        this.options.events.onState("failed", error instanceof Error ? error.message : "");
        return;
      } finally {
        this.asked.delete(key);
      }
    }
  }

  private accept(page: LogPage, line: number, limit: number, isFirst: boolean): void {
    // While the stream runs only it may tell of lines beyond those it has told of.
    if (isFirst || this.isComplete) this.grow(page.total_lines, page.size_bytes);
    const known = this.map.total;
    for (const gap of page.gaps) this.addGap(gap);
    this.cache.putLoaded(page.lines.filter((item) => item.n <= known));
    const last = Math.min(known, line + limit - 1);
    if (!isFirst) for (let n = line; n <= last; n += 1) if (!this.cache.get(n)) this.cache.putLoaded([{ n, at: null, text: "" }]);
    this.foldMarked(page.lines.map((item) => item.n));
    this.screen.repaint(page.lines.map((item) => item.n));
  }

  private addGap(gap: LogGap): void {
    if (this.gaps.has(gap.from_line)) return;
    this.gaps.set(gap.from_line, gap);
    if (gap.to_line > gap.from_line) this.map.hide(gap.from_line + 1, gap.to_line);
  }

  // GitLab may ask for a section to be folded from the start.
  private foldMarked(lines: number[]): void {
    for (const line of lines) {
      if (this.autoFolded.has(line)) continue;
      const mark = this.groups.markOf(line);
      if (mark?.kind !== "start" || !mark.isCollapsed) continue;
      const end = this.groups.endOf(line, this.map.total);
      if (end === null || !("line" in end)) continue;
      this.autoFolded.add(line);
      this.folded.add(line);
      this.map.hide(line + 1, end.line);
      this.screen.relayout();
    }
  }

  private grow(total: number, bytes: number): void {
    this.map.total = Math.max(this.map.total, total);
    this.size = Math.max(this.size, bytes);
    this.options.events.onTotal(this.map.total, this.size);
  }

  private take(step: Step): void {
    if (step.do === "append") this.append(step.line, step.at, step.text);
    else if (step.do === "gap") this.appendGap(step.bytes);
    else if (step.do === "complete") this.finish(step.totalLines, step.sizeBytes);
    else if (step.do === "reset") this.reset();
    else if (step.do === "fail") this.options.events.onState("failed", step.detail);
  }

  private append(line: number, at: string | null, text: string): void {
    const before = this.map.total;
    const lines = splitChunk(text);
    const changed: number[] = [];
    lines.forEach((content, index) => {
      const n = line + index;
      this.cache.appendLive(n, at, content, index === 0 && n <= before);
      changed.push(n);
    });
    this.grow(line + lines.length - 1, this.size + text.length);
    this.foldMarked(changed);
    this.screen.repaint(changed);
    if (this.isFollowing) this.screen.scrollToEnd();
  }

  private appendGap(bytes: number): void {
    const line = this.map.total + 1;
    this.gaps.set(line, { from_line: line, to_line: line, bytes });
    this.screen.schedule();
  }

  private finish(total: number, bytes: number): void {
    this.options.source.close();
    this.isComplete = true;
    this.cache.liveFrom = Infinity;
    this.grow(total, bytes);
    this.options.events.onState("complete");
    this.setFollow(false);
    this.screen.schedule();
  }

  private reset(): void {
    this.options.source.close();
    this.cache.clear();
    this.groups.clear();
    this.map.clear();
    this.gaps.clear();
    this.folded.clear();
    this.open().catch((error: unknown) => this.options.events.onState("failed", String(error)));
  }
}
