import { el, find, icon } from "./dom";

export type ToastLevel = "info" | "success" | "warning" | "error";

const SHOWN_MS = 6000;

/** A word in passing. What matters must also stand on the page: this goes away. */
export function toast(message: string, level: ToastLevel): void {
  const box = find<HTMLElement>("#toasts");
  if (!box) return;
  const mark = level === "success" ? icon("circle-check") : level === "info" ? icon("info-circle") : icon("alert-circle");
  const close = el("button", { type: "button", class: "btn btn-quiet btn-icon btn-s", "aria-label": "Dismiss" }, icon("x"));
  const item = el("div", { class: "toast", "data-level": level, role: level === "error" ? "alert" : "status" }, mark, el("span", {}, message), close);
  close.addEventListener("click", () => item.remove());
  box.append(item);
  if (level !== "error") window.setTimeout(() => item.remove(), SHOWN_MS);
}
