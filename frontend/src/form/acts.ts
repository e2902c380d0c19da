// What the form's buttons and switches do to the document.

import { find } from "../lib/dom";
import { UNLIMITED } from "./basics";
import { holdsExpression, idOf } from "./fields";
import { recipient } from "./people";
import { isObject, type Value } from "./render";
import { pointerOf, type Session } from "./session";
import { GROUP } from "./steps";
import type { Path } from "./places";
import { drop, insert, put, swap } from "./tree";
import { addTime, rulesOf, setFilter, toggle } from "./triggers";

const LAST = Number.POSITIVE_INFINITY;
// Lists whose entries are people.
const PEOPLE = new Set(["recipients", "on_failure", "on_completion", "on_approval_required"]);

// As the document's schema has it.
const RECIPIENT = /^(?:user:[0-9a-f-]{36}|role:(?:developer|admin|owner)|[^@\s:,;<>]{1,64}@[A-Za-z0-9.-]{1,180})$/;

type Write = (text: string) => void;

/** Do what a control asks for, and leave the focus where the work goes on. */
export function act(root: HTMLElement, session: Session, text: string, control: HTMLElement, write: Write): void {
  const name = control.dataset.act ?? "chip-add";
  if (name === "open") return open(session, text, control, write);
  if (session.isLocked) return;
  const focus = (id: string): void => find<HTMLElement>(`#${CSS.escape(id)}`, root)?.focus();
  const path = JSON.parse(control.dataset.place ?? control.dataset.add ?? "[]") as Path;
  const isOn = control instanceof HTMLInputElement && control.checked;
  switch (name) {
    case "up": return move(session, text, path, -1, write, focus);
    case "down": return move(session, text, path, 1, write, focus);
    case "remove-step": return removeStep(session, text, path, write, focus);
    case "add-step": {
      const typed = find<HTMLInputElement>(`#${CSS.escape(`${idOf(path)}-new-name`)}`, root);
      if (typed) typed.value = "";
      return addStep(session, text, path, write, focus);
    }
    case "chip-add": return addChip(root, session, text, control, write);
    case "chip": {
      write(drop(text, path, Number(control.dataset.keep)));
      return focus(idOf(path.slice(0, -1)));
    }
    case "expression": return expression(session, text, path, write, focus);
    default: return write(switched(session, text, name, path, isOn));
  }
}

/** The text after a switch or a button without a life of its own. */
function switched(session: Session, text: string, name: string, path: Path, isOn: boolean): string {
  switch (name) {
    case "trigger": return toggle(text, String(path[1]), isOn);
    case "concurrent": return isOn ? put(text, path, UNLIMITED) : drop(text, path);
    case "approval": return isOn ? put(text, path, true) : drop(text, path);
    case "event": return isOn ? drop(text, path, 0) : put(text, path, false);
    case "enabled": return isOn ? drop(text, path) : put(text, path, false);
    case "example": return example(session, text, path);
    case "time": return addTime(text);
    case "input": return addInput(session, text, path);
    case "dimension": return addEntry(session, text, path, "values", []);
    case "service": return addEntry(session, text, path, "service", { image: "" });
    case "output": return addEntry(session, text, path, "output", { type: "string" });
    case "remove-entry": return drop(text, path, path.length - 2);
    case "remove": return path[1] === "schedule" ? removeTime(text, path) : drop(text, path, 2);
    default: return text;
  }
}

function open(session: Session, text: string, control: HTMLElement, write: Write): void {
  const pointer = pointerOf(JSON.parse(control.dataset.place ?? "[]") as Path);
  if (!session.opened.delete(pointer)) session.opened.add(pointer);
  write(text);
}

function move(session: Session, text: string, path: Path, by: -1 | 1, write: Write, focus: (id: string) => void): void {
  const list = path.slice(0, -1);
  const at = Number(path.at(-1));
  const made = swap(text, list, at, by);
  if (made === text) return;
  session.reorder(list, at, at + by);
  write(made);
  const here = idOf([...list, at + by]);
  const count = (session.value(list) as Value[]).length;
  const isEnd = by < 0 ? at + by === 0 : at + by === count - 1;
  focus(isEnd ? `${here}-head` : `${here}-${by < 0 ? "up" : "down"}`);
}

function removeStep(session: Session, text: string, path: Path, write: Write, focus: (id: string) => void): void {
  const list = path.slice(0, -1);
  session.reorder(list, Number(path.at(-1)), null);
  write(drop(text, path, list.at(-1) === "finally" ? 0 : list.length));
  focus(`${idOf(list)}-new-name`);
}

function addStep(session: Session, text: string, path: Path, write: Write, focus: (id: string) => void): void {
  const draft = session.drafts.get(pointerOf(path));
  const uses = draft?.type ?? "run_command";
  const isGroup = uses === GROUP;
  const name = draft?.name.trim() || (isGroup ? "Group" : session.typeOf(uses)?.title ?? uses);
  const steps = session.value(path);
  const at = Array.isArray(steps) ? steps.length : 0;
  session.drafts.set(pointerOf(path), { name: "", type: uses });
  session.opened.add(pointerOf([...path, at]));
  write(insert(text, path, LAST, isGroup ? { name, parallel: [] } : { name, uses }));
  focus(isGroup ? `${idOf([...path, at, "parallel"])}-new-name` : idOf([...path, at, "name"]));
}

function addChip(root: HTMLElement, session: Session, text: string, control: HTMLElement, write: Write): void {
  const input = control.dataset.for ? find<HTMLInputElement>(`#${CSS.escape(control.dataset.for)}`, root) : control;
  if (!(input instanceof HTMLInputElement)) return;
  const path = JSON.parse(input.dataset.add ?? "[]") as Path;
  const typed = input.value.trim();
  const isPerson = PEOPLE.has(String(path.at(-1)));
  const value = isPerson ? recipient(session, typed) : typed;
  const isRefused = isPerson && typed !== "" && !RECIPIENT.test(value);
  if (isRefused) session.pending.set(pointerOf(path), { text: typed, problem: "Not added: this is no address, member or role." });
  else {
    session.pending.delete(pointerOf(path));
    input.value = "";
  }
  if (isRefused || typed === "") return write(text);
  const before = session.value(path);
  if (!(Array.isArray(before) && before.includes(value))) write(insert(text, path, LAST, value));
}

function expression(session: Session, text: string, path: Path, write: Write, focus: (id: string) => void): void {
  const pointer = pointerOf(path);
  const isExpression = session.expressions.has(pointer) || holdsExpression(session.value(path));
  session.expressions.delete(pointer);
  if (!isExpression) session.expressions.add(pointer);
  // The value of the other kind would be shown as what it is not.
  write(isExpression && session.value(path) !== undefined ? drop(text, path, path.length - 2) : text);
  focus(idOf(path));
}

/** The example's settings; those that the step has stay as they are. */
function example(session: Session, text: string, path: Path): string {
  const type = session.typeOf(session.value([...path, "uses"]));
  const given = session.value([...path, "with"]);
  let made = text;
  for (const [key, value] of Object.entries(type?.example ?? {})) {
    if (!isObject(given) || given[key] === undefined) made = put(made, [...path, "with", key], value);
  }
  return made;
}

function addInput(session: Session, text: string, path: Path): string {
  const declared = rulesOf(session.value(["on"]))[String(path[1])]?.["inputs"];
  const known = isObject(declared) ? declared : {};
  let name = "input";
  for (let number = 2; known[name] !== undefined; number += 1) name = `input_${number}`;
  return setFilter(text, path, { ...known, [name]: { type: "string" } });
}

/** An entry under a name that nothing there has yet. */
function addEntry(session: Session, text: string, path: Path, base: string, value: Value): string {
  const given = session.value(path);
  const known = isObject(given) ? given : {};
  let name = base;
  for (let number = 2; Object.hasOwn(known, name); number += 1) name = `${base}${number}`;
  return put(text, [...path, name], value);
}

function removeTime(text: string, path: Path): string {
  const made = drop(text, path, 0);
  return made === text ? toggle(text, "schedule", false) : made;
}
