import { el, icon } from "../lib/dom";
import { formatBytes, formatCount, formatDuration } from "../lib/format";
import { parseLine, type Segment } from "./ansi";
import type { LogLine } from "./cache";
import { type GroupMark, lineLevel } from "./marks";

export interface RowLook {
  line: number;
  content: LogLine | undefined;
  mark: GroupMark | null;
  isCollapsed: boolean;
  groupMs: number | null;
  isTarget: boolean;
  isHit: boolean;
  query: string;
  gap: { from_line: number; to_line: number; bytes: number } | undefined;
}

/** The node of one line; nothing of the log is ever parsed as markup. */
export function buildRow(look: RowLook): HTMLElement {
  const row = el("div", { class: "log-row", "data-line": String(look.line) });
  row.append(el("a", { class: "log-no", href: `#L${look.line}`, tabindex: "-1", "data-n": String(look.line), "aria-label": `Line ${look.line}` }));
  if (look.isTarget) row.classList.add("is-target");
  if (look.isHit) row.classList.add("is-hit");
  if (look.gap && !look.content?.text) {
    row.classList.add("is-gap");
    const { from_line: from, to_line: to, bytes } = look.gap;
    const lines = to > from ? ` (lines ${formatCount(from)}–${formatCount(to)})` : "";
    row.append(el("span", { class: "log-text" }, `… ${formatBytes(bytes)}${lines} not kept: the log reached its size limit`));
    return row;
  }
  if (!look.content) {
    row.classList.add("is-missing");
    return row;
  }
  row.append(el("span", { class: "log-at", "data-at": clockOf(look.content.at) }));
  if (look.mark?.kind === "start") appendGroup(row, look, look.mark.title);
  else if (look.mark?.kind === "end") row.classList.add("is-group-end");
  else appendText(row, look, look.content.text);
  return row;
}

function appendGroup(row: HTMLElement, look: RowLook, title: string): void {
  row.classList.add("is-group");
  const button = el("button", { type: "button", class: "log-fold", "aria-expanded": String(!look.isCollapsed), "data-fold": String(look.line) },
    icon("chevron-right"), ...marked(title, "", look.query));
  row.append(el("span", { class: "log-text" }, button,
    look.groupMs === null ? null : el("span", { class: "log-took" }, formatDuration(look.groupMs))));
}

function appendText(row: HTMLElement, look: RowLook, raw: string): void {
  const segments = parseLine(raw.replace(/^::(?:error|warning|notice)(?: [^:]*)?::/, ""));
  const level = lineLevel(raw.startsWith("::") ? raw : segments.map((segment) => segment.text).join(""));
  if (level) row.dataset.level = level;
  const text = el("span", { class: "log-text" });
  for (const segment of segments) text.append(...segmentNodes(segment, look.query));
  // An empty line is still one line high and one line when copied.
  if (segments.length === 0) text.append("\u200b");
  row.append(text);
}

function segmentNodes(segment: Segment, query: string): (Node | string)[] {
  return marked(segment.text, segment.classes, query);
}

function marked(text: string, classes: string, query: string): (Node | string)[] {
  const parts: (Node | string)[] = [];
  const wrap = (piece: string): Node | string => (classes ? el("span", { class: classes }, piece) : piece);
  if (!query) return [wrap(text)];
  const haystack = text.toLowerCase();
  const needle = query.toLowerCase();
  let at = 0;
  for (let hit = haystack.indexOf(needle); hit >= 0; hit = haystack.indexOf(needle, at)) {
    if (hit > at) parts.push(wrap(text.slice(at, hit)));
    parts.push(el("mark", classes ? { class: classes } : {}, text.slice(hit, hit + query.length)));
    at = hit + query.length;
  }
  if (at < text.length) parts.push(wrap(text.slice(at)));
  return parts;
}

function clockOf(at: string | null): string {
  if (!at) return "";
  const moment = new Date(at);
  return Number.isNaN(moment.getTime()) ? "" : moment.toTimeString().slice(0, 8);
}
