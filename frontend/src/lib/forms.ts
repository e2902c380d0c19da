import { all, el, find } from "./dom";
import { guard } from "./drafts";

/** Filters that send themselves, fields judged when left, drafts that survive a reload. */
export function startForms(): void {
  document.addEventListener("change", (event) => {
    const field = event.target;
    if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement || field instanceof HTMLTextAreaElement) {
      if (field.matches("[data-submit]")) field.form?.requestSubmit();
      toggleDependents(field);
    }
  });
  document.addEventListener("focusout", (event) => {
    const field = event.target;
    if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) judge(field);
  });
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (field instanceof HTMLInputElement && field.dataset.mustEqual !== undefined) {
      const button = find<HTMLButtonElement>("[data-when-equal]", field.form ?? document);
      if (button) button.disabled = field.value !== field.dataset.mustEqual;
    }
  });
  for (const field of all<HTMLInputElement>("input[name=timezone][data-detect]")) {
    if (!field.value) field.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
  }
  for (const field of all<HTMLInputElement>("form:not([data-draft]) input[name=seen]")) {
    const { form } = field;
    if (!form) continue;
    const before = said(form);
    guard(form, () => said(form) !== before || find("#overtaken", form) !== null);
  }
  // What was refused is read first.
  find<HTMLElement>("#overtaken")?.focus();
  for (const form of all<HTMLFormElement>("form[data-filters]")) {
    // Empty filters would make long addresses that say nothing.
    form.addEventListener("formdata", (event) => {
      for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
    });
  }
}

/** What a form would send, as one text. */
function said(form: HTMLFormElement): string {
  return JSON.stringify([...new FormData(form)].map(([name, value]) => [name, typeof value === "string" ? value : value.name]));
}

function toggleDependents(field: HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement): void {
  if (!field.name || !field.form) return;
  for (const box of all<HTMLElement>(`[data-shown-for^="${CSS.escape(field.name)}="]`, field.form)) {
    box.hidden = box.dataset.shownFor !== `${field.name}=${field.value}`;
  }
  for (const box of all<HTMLElement>(`[data-hidden-for^="${CSS.escape(field.name)}="]`, field.form)) {
    box.hidden = box.dataset.hiddenFor === `${field.name}=${field.value}`;
  }
}

function judge(field: HTMLInputElement | HTMLTextAreaElement): void {
  const box = field.closest<HTMLElement>(".field");
  if (!box || field.value === "" || field.type === "search") return;
  const isValid = field.checkValidity();
  box.classList.toggle("has-error", !isValid);
  field.setAttribute("aria-invalid", String(!isValid));
  find(".field-error[data-client]", box)?.remove();
  if (!isValid) box.append(el("span", { class: "field-error", "data-client": "" }, field.validationMessage));
}
