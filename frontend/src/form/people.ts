// Who is asked and who is told: addresses, members, roles.

import { el } from "../lib/dom";
import { check } from "./basics";
import { chips, field, idOf } from "./fields";
import type { Session } from "./session";
import type { Path } from "./places";

const ROLES: readonly (readonly [string, string])[] = [["role:owner", "Owners"], ["role:admin", "Administrators and owners"], ["role:developer", "Developers and everybody above"]];
export const EVENTS: readonly (readonly [string, string, string])[] = [
  ["on_approval_required", "An approval is required", "Whoever is asked before a step; the step's own recipients come first."],
  ["on_completion", "A run is over", "However it ended."],
  ["on_failure", "A run failed", ""],
];

/** The datalist that the recipients' fields share. */
export function suggestions(session: Session): HTMLElement[] {
  const people = session.facts.people.map((each) => el("option", { value: label(each.name, each.email) }));
  return [
    el("datalist", { id: "form-people" }, ...people, ...ROLES.map(([, words]) => el("option", { value: words }))),
    el("datalist", { id: "form-secrets" }, ...session.facts.secrets.map((name) => el("option", { value: name }))),
  ];
}

function label(name: string, email: string): string {
  return name && name !== email ? `${name} (${email})` : email;
}

/** What was typed or chosen as the document writes it: an address, `user:<id>`, `role:<role>`. */
export function recipient(session: Session, typed: string): string {
  const words = typed.trim();
  const role = ROLES.find(([key, shown]) => shown === words || key === words);
  if (role) return role[0];
  const person = session.facts.people.find((each) => label(each.name, each.email) === words && words !== each.email);
  return person ? `user:${person.id}` : words;
}

export function shownRecipient(session: Session, written: string): string {
  const role = ROLES.find(([key]) => key === written);
  if (role) return role[1];
  const person = session.facts.people.find((each) => `user:${each.id}` === written);
  return person ? label(person.name, person.email) : written;
}

export function recipients(session: Session, path: Path, name: string, help: string, keep: number, placeholder = "team@example.com"): HTMLElement {
  return chips(session, { path, label: name, help, keep, list: "form-people", placeholder, shown: (each) => shownRecipient(session, each) });
}

export function approval(session: Session, step: Path): HTMLElement {
  const path = [...step, "approval"];
  const value = session.value(path);
  const isAsked = value !== undefined && value !== null && value !== false;
  return el("div", { class: "form-part", id: `${idOf(path)}-part` },
    check(session, "approval", "Ask people before it begins", isAsked, path, "The run waits without holding a worker."),
    ...session.found(path).map((each) => el("p", { class: "field-error" }, each.message)),
    ...(isAsked ? [el("div", { class: "form-inner", id: `${idOf(path)}-inner` },
      recipients(session, [...path, "recipients"], "Recipients", "An address, a member or a role; nobody named: the pipeline's recipients, else anyone who may answer.", path.length, "boss@example.com"),
      el("div", { class: "field-row" },
        field(session, { path: [...path, "timeout_hours"], label: "Time limit, hours", kind: "number", bounds: [1, 168], standard: 24, help: "1 to 168; then the step fails as expired." }),
        field(session, { path: [...path, "required"], label: "Approvals needed", kind: "number", bounds: [1, 20], standard: 1, help: "1 to 20; one rejection always decides." })),
      field(session, { path: [...path, "require_comment"], label: "An approval needs a comment", kind: "check", standard: false }),
      field(session, { path: [...path, "allow_self_approval"], label: "Whoever started the run may approve it", kind: "check", standard: false }))] : []));
}

export function notifications(session: Session): HTMLElement {
  return el("div", {},
    recipients(session, ["notifications", "recipients"], "Recipients", "An address, a member or a role. They get what is switched on below.", 0),
    ...EVENTS.map(([event, title, help]) => {
      const path = ["notifications", event];
      const value = session.value(path);
      const isOn = value !== false;
      return el("div", { class: "form-part", id: `${idOf(path)}-part` },
        check(session, "event", title, isOn, path, help),
        ...session.found(path).map((each) => el("p", { class: "field-error" }, each.message)),
        ...(isOn ? [el("details", { class: "form-more", ...(Array.isArray(value) ? { open: "" } : {}) },
          el("summary", { class: "small soft" }, Array.isArray(value) ? "Others than the recipients above" : "Tell others than the recipients above"),
          recipients(session, path, "Recipients of this alone", "In place of the recipients above.", 0))] : []));
    }));
}
