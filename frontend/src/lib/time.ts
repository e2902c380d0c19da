import { all, el, meta } from "./dom";
import { formatAbsolute, formatBytes, formatDuration, formatRelative } from "./format";

const zone = (): string | undefined => meta("timezone") || undefined;

/** Write times, durations and sizes in the reader's words; called for all and again for new parts. */
export function localise(root: ParentNode = document): void {
  const now = new Date();
  for (const element of all<HTMLTimeElement>("time[datetime]", root)) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const absolute = formatAbsolute(moment, zone());
    const isRelative = "relative" in element.dataset;
    element.textContent = isRelative ? formatRelative(moment, now) : absolute;
    if (isRelative) {
      element.dataset.tip = absolute;
      if (!element.closest("a, button, summary, [data-row]")) element.tabIndex = 0;
    }
  }
  for (const element of all<HTMLElement>("[data-duration-ms], [data-since]", root)) writeDuration(element, now);
  for (const element of all<HTMLElement>("[data-bytes]", root)) element.textContent = formatBytes(Number(element.dataset.bytes));
}

function writeDuration(element: HTMLElement, now: Date): void {
  const { durationMs, since } = element.dataset;
  if (durationMs) element.textContent = formatDuration(Number(durationMs));
  else if (since) {
    const elapsed = Math.max(0, now.getTime() - new Date(since).getTime());
    element.textContent = formatDuration(elapsed < 60_000 ? Math.floor(elapsed / 1000) * 1000 : elapsed).replace(".0s", "s");
  }
}

/** Keep running durations and relative times true. */
export function startClock(): void {
  window.setInterval(() => {
    if (document.hidden) return;
    const now = new Date();
    for (const element of all<HTMLElement>("[data-since]")) writeDuration(element, now);
  }, 1000);
  window.setInterval(() => localise(), 30_000);
}

/** Explanations on hover and focus, for what carries `data-tip`. */
export function startTips(): void {
  const tip = el("div", { class: "tip", role: "tooltip", id: "tip", hidden: "" });
  document.body.append(tip);
  const show = (event: Event): void => {
    const owner = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-tip]") : null;
    if (!owner?.dataset.tip) return;
    // A modal dialog covers everything outside it.
    (owner.closest("dialog[open]") ?? document.body).append(tip);
    tip.textContent = owner.dataset.tip;
    tip.hidden = false;
    owner.setAttribute("aria-describedby", "tip");
    const box = owner.getBoundingClientRect();
    const size = tip.getBoundingClientRect();
    const above = box.top - size.height - 6;
    tip.style.top = `${above > 4 ? above : box.bottom + 6}px`;
    tip.style.left = `${Math.max(6, Math.min(innerWidth - size.width - 6, box.left + box.width / 2 - size.width / 2))}px`;
  };
  const hide = (): void => {
    tip.hidden = true;
  };
  document.addEventListener("pointerover", (event) => {
    hide();
    show(event);
  });
  document.addEventListener("focusin", (event) => {
    hide();
    if (event.target instanceof Element && event.target.matches(":focus-visible")) show(event);
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("scroll", hide, { passive: true, capture: true });
}
