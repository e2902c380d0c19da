import { all, closest, el, find, icon } from "./lib/dom";
import { addStep, listSteps, moveStep, readTop, removeStep, writeTop } from "./document";

const TOP_KEYS = ["name", "description", "type", "timeout_minutes"];

/**
 * The form beside the text: it edits lines of the same document, so comments and order stay.
 */
export function startStepForm(root: HTMLElement, read: () => string, write: (text: string) => void): void {
  const form = find<HTMLElement>("[data-editor-form]", root);
  if (!form) return;
  const draw = (): void => {
    const text = read();
    for (const key of TOP_KEYS) {
      const field = fieldOf(form, key);
      if (field && field !== document.activeElement) field.value = readTop(text, key).replace(/^(\d+)\.0$/, "$1") || (field.dataset.default ?? "");
    }
    drawSteps(form, text);
  };
  form.addEventListener("input", (event) => {
    const field = event.target;
    if (!(field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement || field instanceof HTMLSelectElement)) return;
    if (field.dataset.documentKey) write(writeTop(read(), field.dataset.documentKey, field.value));
  });
  form.addEventListener("click", (event) => {
    const button = closest<HTMLElement>(event, "[data-step-action]");
    if (!button) return;
    const at = Number(button.dataset.at);
    const action = button.dataset.stepAction;
    if (action === "remove") write(removeStep(read(), at));
    else if (action === "up") write(moveStep(read(), at, -1));
    else if (action === "down") write(moveStep(read(), at, 1));
    else if (action === "add") addFrom(form, read, write);
  });
  root.addEventListener("powernode:document", draw);
  draw();
}

function fieldOf(form: HTMLElement, key: string): HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement | null {
  return find<HTMLInputElement>(`[data-document-key="${key}"]`, form);
}

function addFrom(form: HTMLElement, read: () => string, write: (text: string) => void): void {
  const name = find<HTMLInputElement>("[data-new-step=name]", form);
  const type = find<HTMLSelectElement>("[data-new-step=type]", form);
  if (!name || !type) return;
  if (name.value.trim() === "") {
    name.focus();
    return;
  }
  write(addStep(read(), name.value.trim(), type.value));
  name.value = "";
}

function drawSteps(form: HTMLElement, text: string): void {
  const list = find<HTMLElement>("[data-step-list]", form);
  if (!list) return;
  const steps = listSteps(text);
  list.replaceChildren(...steps.map((step, at) =>
    el("li", {},
      el("span", { class: "num quiet" }, String(at + 1)),
      el("span", { class: "step-words" }, el("span", { class: "strong clip" }, step.name || step.uses || "Step"), el("span", { class: "quiet small clip" }, step.uses || step.group)),
      tool("up", at, "arrow-up", `Move ${step.name} up`, at === 0),
      tool("down", at, "arrow-down", `Move ${step.name} down`, at === steps.length - 1),
      tool("remove", at, "trash", `Remove ${step.name}`, false))));
  const none = find<HTMLElement>("[data-no-steps]", form);
  if (none) none.hidden = steps.length > 0;
  all<HTMLElement>("[data-step-count]", form).forEach((count) => { count.textContent = String(steps.length); });
}

function tool(action: string, at: number, name: string, label: string, isDisabled: boolean): HTMLElement {
  const button = el("button", { type: "button", class: "btn btn-quiet btn-icon btn-s", "data-step-action": action, "data-at": String(at), "aria-label": label }, icon(name));
  button.disabled = isDisabled;
  return button;
}
