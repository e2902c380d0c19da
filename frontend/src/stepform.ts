import { all, closest, el, find, icon } from "./lib/dom";
import { type Approval, readApproval, writeApproval } from "./approval";
import { addStep, listSteps, moveStep, readTop, removeStep, writeTop } from "./document";

const TOP_KEYS = ["name", "description", "type", "timeout_minutes"];

/**
 * The form beside the text: it edits lines of the same document, so comments and order stay.
 */
export function startStepForm(root: HTMLElement, read: () => string, write: (text: string) => void): void {
  const form = find<HTMLElement>("[data-editor-form]", root);
  if (!form) return;
  let opened = -1;
  const draw = (): void => {
    const text = read();
    for (const key of TOP_KEYS) {
      const field = fieldOf(form, key);
      if (field && field !== document.activeElement) field.value = readTop(text, key).replace(/^(\d+)\.0$/, "$1") || (field.dataset.default ?? "");
    }
    drawSteps(form, text, opened);
  };
  form.addEventListener("input", (event) => {
    const field = event.target;
    if (!(field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement || field instanceof HTMLSelectElement)) return;
    if (field.dataset.documentKey) write(writeTop(read(), field.dataset.documentKey, field.value));
    const asked = field.closest<HTMLElement>("[data-approval-of]");
    if (asked) write(writeApproval(read(), Number(asked.dataset.approvalOf), approvalIn(asked)));
  });
  form.addEventListener("click", (event) => {
    const button = closest<HTMLElement>(event, "[data-step-action]");
    if (!button) return;
    const at = Number(button.dataset.at);
    const action = button.dataset.stepAction;
    if (action === "remove") write(removeStep(read(), at));
    else if (action === "up") write(moveStep(read(), at, -1));
    else if (action === "down") write(moveStep(read(), at, 1));
    else if (action === "approval") opened = opened === at ? -1 : at;
    else if (action === "add") addFrom(form, read, write);
    if (action !== "approval") opened = -1;
    draw();
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

function drawSteps(form: HTMLElement, text: string, opened: number): void {
  const list = find<HTMLElement>("[data-step-list]", form);
  // Somebody types in it; what they type is in the text already.
  if (!list || list.querySelector("[data-approval-of] :focus")) return;
  const steps = listSteps(text);
  list.replaceChildren(...steps.map((step, at) =>
    el("li", {},
      el("span", { class: "num quiet" }, String(at + 1)),
      el("span", { class: "step-words" }, el("span", { class: "strong clip" }, step.name || step.uses || "Step"), el("span", { class: "quiet small clip" }, step.uses || step.group)),
      approvalTool(text, at, step.name, opened === at),
      tool("up", at, "arrow-up", `Move ${step.name} up`, at === 0),
      tool("down", at, "arrow-down", `Move ${step.name} down`, at === steps.length - 1),
      tool("remove", at, "trash", `Remove ${step.name}`, false),
      ...(opened === at ? [approvalForm(text, at)] : []))));
  const none = find<HTMLElement>("[data-no-steps]", form);
  if (none) none.hidden = steps.length > 0;
  all<HTMLElement>("[data-step-count]", form).forEach((count) => { count.textContent = String(steps.length); });
}

function tool(action: string, at: number, name: string, label: string, isDisabled: boolean): HTMLElement {
  const button = el("button", { type: "button", class: "btn btn-quiet btn-icon btn-s", "data-step-action": action, "data-at": String(at), "aria-label": label }, icon(name));
  button.disabled = isDisabled;
  return button;
}

function approvalTool(text: string, at: number, name: string, isOpen: boolean): HTMLElement {
  const button = tool("approval", at, "hand-stop", `Who approves ${name}`, false);
  button.setAttribute("aria-expanded", String(isOpen));
  button.classList.toggle("is-on", readApproval(text, at) !== null);
  return button;
}

function approvalForm(text: string, at: number): HTMLElement {
  const approval = readApproval(text, at);
  if (approval === "by hand") return el("p", { class: "step-approval quiet small" }, "This step's approval is written over several lines; change it in the document.");
  const given = approval ?? { recipients: "", hours: "", required: "", needsComment: false, allowsSelf: false };
  return el("div", { class: "step-approval", "data-approval-of": String(at) },
    check("asks", "Ask people before it begins", approval !== null),
    field("recipients", "Who", given.recipients, "role:admin, boss@example.com", "Addresses, user:<id> or role:<role>; empty: anyone who may answer."),
    el("div", { class: "field-row" }, field("hours", "Within hours", given.hours, "24", ""), field("required", "Approvals", given.required, "1", "")),
    check("needsComment", "An approval needs a comment", given.needsComment),
    check("allowsSelf", "Whoever started the run may approve it", given.allowsSelf));
}

function field(name: string, label: string, value: string, placeholder: string, help: string): HTMLElement {
  const input = el("input", { name, placeholder, autocomplete: "off" });
  input.value = value;
  return el("div", { class: "field" }, el("label", {}, label, input), ...(help ? [el("div", { class: "field-help" }, help)] : []));
}

function check(name: string, label: string, isOn: boolean): HTMLElement {
  const input = el("input", { type: "checkbox", name });
  input.checked = isOn;
  return el("label", { class: "check" }, input, el("span", {}, label));
}

function approvalIn(root: HTMLElement): Approval | null {
  const text = (name: string): string => find<HTMLInputElement>(`[name=${name}]`, root)?.value ?? "";
  const isOn = (name: string): boolean => find<HTMLInputElement>(`[name=${name}]`, root)?.checked ?? false;
  if (!isOn("asks")) return null;
  return { recipients: text("recipients"), hours: text("hours"), required: text("required"), needsComment: isOn("needsComment"), allowsSelf: isOn("allowsSelf") };
}
