import htmx from "htmx.org";
import { all, closest, el, find, isTyping } from "./dom";
import { localise } from "./time";

// Rows of runs that are open, by the key of their run: a list that comes anew opens them again.
const open = new Set<string>();
let timer = 0;

/** Rows of runs that open below themselves: by their button, or by `o` on a row. */
export function startPeeks(): void {
  document.addEventListener("click", (event) => {
    const button = closest<HTMLElement>(event, "[data-expand]");
    if (button) toggle(button);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "o" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event) || find("dialog[open]")) return;
    const row = closest<HTMLElement>(event, "[data-row]") ?? closest<HTMLElement>(event, ".peek-row")?.previousElementSibling;
    const button = row ? find<HTMLElement>("[data-expand]", row) : null;
    if (button) toggle(button);
  });
  document.addEventListener("powernode:part", () => {
    for (const button of all<HTMLElement>("[data-expand]")) if (open.has(keyOf(button))) show(button);
  });
  document.addEventListener("powernode:run", (event) => {
    const { id } = (event as CustomEvent<{ id: string }>).detail;
    if (!open.has(id)) return;
    window.clearTimeout(timer);
    timer = window.setTimeout(refresh, 500);
  });
}

function keyOf(button: HTMLElement): string {
  return button.closest<HTMLElement>("[data-run]")?.dataset.run ?? "";
}

function rowOf(button: HTMLElement): HTMLElement | null {
  return document.getElementById(button.getAttribute("aria-controls") ?? "");
}

function toggle(button: HTMLElement): void {
  const row = rowOf(button);
  if (!row) return;
  if (row.hidden) {
    show(button);
    return;
  }
  open.delete(keyOf(button));
  button.setAttribute("aria-expanded", "false");
  if (row.contains(document.activeElement)) button.focus();
  row.hidden = true;
}

function show(button: HTMLElement): void {
  const row = rowOf(button);
  const box = row ? find<HTMLElement>(".peek", row) : null;
  if (!row || !box) return;
  open.add(keyOf(button));
  button.setAttribute("aria-expanded", "true");
  row.hidden = false;
  if (box.childElementCount === 0) box.append(el("div", { class: "skeleton" }), el("div", { class: "skeleton" }), el("div", { class: "skeleton" }));
  load(button, box);
}

function load(button: HTMLElement, box: HTMLElement): void {
  void htmx.ajax("get", button.dataset.expand ?? "", { target: box, swap: "innerHTML" }).then(() => localise(box));
}

// What somebody is about to press must not be taken away under their hand.
function refresh(): void {
  if (find("dialog[open]")) return;
  for (const button of all<HTMLElement>("[data-expand][aria-expanded=true]")) {
    const row = rowOf(button);
    const box = row ? find<HTMLElement>(".peek", row) : null;
    if (box) load(button, box);
  }
}
