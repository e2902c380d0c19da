import { all, find } from "./lib/dom";

export interface Span {
  start: number;
  end: number;
}

/** Where spans stand on the axis of all of them, as fractions; each wide enough to be seen. */
export function layOut(spans: readonly Span[]): { left: number; width: number }[] {
  const from = Math.min(...spans.map((span) => span.start));
  const length = Math.max(1, Math.max(...spans.map((span) => span.end)) - from);
  return spans.map((span) => {
    const width = Math.min(1, Math.max(0.012, (span.end - span.start) / length));
    return { left: Math.min(1 - width, (span.start - from) / length), width };
  });
}

/** Draw the steps' bars on the run's time axis. */
export function placeBars(): void {
  const rows = all<HTMLElement>(".run-side [data-started]");
  if (rows.length === 0) return;
  const now = Date.now();
  const spans = rows.map((row) => {
    const start = new Date(row.dataset.started ?? "").getTime();
    return { start, end: row.dataset.ms ? start + Number(row.dataset.ms) : Math.max(now, start) };
  });
  layOut(spans).forEach((place, index) => {
    const bar = find<HTMLElement>(".step-bar > i", rows[index]);
    bar?.style.setProperty("left", `${place.left * 100}%`);
    bar?.style.setProperty("width", `${place.width * 100}%`);
  });
}
