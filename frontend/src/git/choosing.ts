import { all, find } from "../lib/dom";

/** The import's list: what is chosen stays chosen while the list is searched and grows. */
export function startChoosing(): void {
  const form = find<HTMLFormElement>("form[data-import]");
  const button = find<HTMLButtonElement>("[data-import-button]");
  const words = find<HTMLElement>("[data-chosen]");
  if (!form || !button || !words) return;
  const chosen = new Set<string>();

  const boxes = (): HTMLInputElement[] => all<HTMLInputElement>("input[name=repository]:not(:disabled)", form);
  const draw = (): void => {
    const shown = boxes();
    const head = find<HTMLInputElement>("[data-choose-shown]", form);
    const count = shown.filter((box) => box.checked).length;
    if (head) {
      head.disabled = shown.length === 0;
      head.checked = shown.length > 0 && count === shown.length;
      head.indeterminate = count > 0 && count < shown.length;
    }
    words.textContent = chosen.size === 0 ? "Choose what to import." : `${chosen.size} chosen`;
    button.disabled = chosen.size === 0;
  };
  const restore = (): void => {
    for (const box of boxes()) box.checked = chosen.has(box.value);
    draw();
  };
  const take = (box: HTMLInputElement): void => {
    if (box.checked) chosen.add(box.value);
    else chosen.delete(box.value);
  };
  form.addEventListener("change", (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement)) return;
    if (box.matches("[data-choose-shown]")) {
      for (const each of boxes()) {
        each.checked = box.checked;
        take(each);
      }
    } else take(box);
    draw();
  });
  // One field for all: servers take only so many, and what is not shown now goes along.
  form.addEventListener("formdata", (event) => {
    event.formData.delete("repository");
    event.formData.set("chosen", [...chosen].join("\n"));
  });
  document.addEventListener("htmx:afterSettle", restore);
  // A browser that comes back to the page keeps its ticks.
  for (const box of boxes()) take(box);
  draw();
}
