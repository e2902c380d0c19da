import { all, find, isTyping } from "./dom";

/** `j` and `k` walk the rows of a list, Enter follows the row's link. */
export function startLists(): void {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event) || find("dialog[open]")) return;
    if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
    else if (event.key === "/" && !find("[data-log-search]")) {
      const field = find<HTMLInputElement>(".filter-bar input[type=search]");
      if (!field) return;
      event.preventDefault();
      field.focus();
    }
  });
}

function move(by: number): void {
  const links = all<HTMLElement>("[data-row] .row-link, [data-step-row]");
  if (links.length === 0) return;
  const at = links.findIndex((link) => link === document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by));
  links[next]?.focus();
}

/** Bars of one list on a common scale, from the numbers they carry. */
export function scaleBars(root: ParentNode = document): void {
  for (const list of all<HTMLElement>("[data-bars]", root)) {
    const bars = all<HTMLElement>("[data-ms]", list);
    const longest = Math.max(1, ...bars.map((bar) => Number(bar.dataset.ms)));
    for (const bar of bars) bar.style.setProperty("--part", String(Math.max(0.08, Number(bar.dataset.ms) / longest)));
  }
}
