// The form beside the text: it shows the document and writes back what is changed, nothing else.

import { closest, el, find } from "../lib/dom";
import { act } from "./acts";
import { basics, running, triggers } from "./basics";
import { idOfPointer, readControl } from "./fields";
import { morph } from "./morph";
import { notifications, suggestions } from "./people";
import { type Facts, type Finding, pointerOf, Session } from "./session";
import { stepList } from "./steps";
import { type Path, readTree, valueAt } from "./places";
import { drop, put, rename } from "./tree";
import { setFilter, setTime } from "./triggers";

// Milliseconds without another key before what is typed goes into the document, or comes from it.
const PAUSE = 200;

type Control = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

export interface Document {
  read: () => string;
  write: (text: string) => void;
}

export interface Form {
  /** The text is another. */
  redraw: () => void;
  /** The linter has spoken. */
  find: (findings: Finding[]) => void;
  /** Put into the text what was typed in a moment ago. */
  flush: () => void;
  /** Whether a field holds what is not in the text yet. */
  isPending: () => boolean;
}

/** Start the form beside a document. */
export function startForm(root: HTMLElement, document: Document, facts: Facts): Form {
  const session = new Session(facts);
  let waits = false;
  let timer = 0;
  const draw = (): void => {
    waits = false;
    window.clearTimeout(timer);
    const tree = readTree(document.read());
    // What was read last stays in sight while the text is broken.
    session.tree = tree.problem ? { ...session.tree, problem: tree.problem } : tree;
    session.isDrawing = true;
    try {
      drawParts(root, session);
    } finally {
      session.isDrawing = false;
    }
  };
  const soon = (): void => {
    if (waits) return;
    waits = true;
    // A change of the form's own is drawn before that.
    requestAnimationFrame(() => {
      if (waits) draw();
    });
  };
  const write = (text: string): void => {
    if (text !== document.read()) document.write(text);
    draw();
  };
  const later = (): void => {
    window.clearTimeout(timer);
    timer = window.setTimeout(draw, PAUSE);
  };
  session.redraw = soon;
  const typing = new Typing(session, document, write, later);
  root.closest("form")?.addEventListener("submit", (event) => {
    typing.flush();
    const [pointer] = [...session.pending.keys()];
    if (pointer === undefined) return;
    // What cannot be put into the document yet would be lost.
    event.preventDefault();
    event.stopImmediatePropagation();
    session.unfold(pointer);
    draw();
    find<HTMLElement>(`#${CSS.escape(idOfPointer(pointer))}`, root)?.focus();
  }, { capture: true });
  listen(root, session, document, write, typing);
  for (const list of lists(session)) root.append(list);
  draw();
  return { redraw: later, flush: () => typing.flush(), find: (findings) => { session.findings = findings; soon(); }, isPending: () => session.pending.size > 0 };
}

function lists(session: Session): HTMLElement[] {
  const zones = el("datalist", { id: "form-zones" }, ...Intl.supportedValuesOf("timeZone").map((zone) => el("option", { value: zone })));
  return [...suggestions(session), zones];
}

function drawParts(root: HTMLElement, session: Session): void {
  const parts: Record<string, () => HTMLElement> = {
    basics: () => basics(session),
    triggers: () => triggers(session),
    steps: () => el("div", {}, ...stepList(session, ["steps"], "No steps yet. Add the first one here or write it in the document.")),
    finally: () => el("div", {}, ...stepList(session, ["finally"], "Nothing is done at the end, whatever happened. A message to the team would stand here.")),
    notifications: () => notifications(session),
    running: () => running(session),
  };
  for (const [name, build] of Object.entries(parts)) {
    const place = find<HTMLElement>(`[data-form-part="${name}"]`, root);
    if (place) morph(place, build());
  }
  for (const name of ["steps", "finally"]) {
    const value = session.value([name]);
    const count = find(`[data-form-count="${name}"]`, root);
    if (count) count.textContent = String(Array.isArray(value) ? value.length : 0);
  }
  const note = find<HTMLElement>("[data-form-problem]", root);
  const words = note ? find("span", note) : null;
  const { problem } = session.tree;
  if (note && words) {
    note.hidden = problem === null;
    words.textContent = problem ? `The form waits: line ${problem.line} of the document cannot be read. ${problem.message}` : "";
  }
}

/** What is typed goes into the document when the keys rest, and before anything else happens. */
class Typing {
  private control: Control | null = null;
  private timer = 0;

  /** `write` draws at once what it wrote, `later` soon after. */
  constructor(private readonly session: Session, private readonly document: Document, private readonly write: (text: string) => void, private readonly later: () => void) {}

  wait(control: Control): void {
    if (this.control !== control) this.flush();
    this.control = control;
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.flush(), PAUSE);
  }

  /** A field's last word covers what was waited for. */
  finish(control: Control): void {
    if (this.control === control) this.stop();
    this.flush();
    this.write(applied(this.session, this.document.read(), control, true));
  }

  /**
   * Put into the document what was typed last. The form is drawn later: what another control
   * holds now must be read first, and the next key waits for neither task long.
   */
  flush(): void {
    const control = this.control;
    this.stop();
    if (!control) return;
    const text = applied(this.session, this.document.read(), control, false);
    if (text !== this.document.read()) this.document.write(text);
    this.later();
  }

  private stop(): void {
    this.control = null;
    window.clearTimeout(this.timer);
  }
}

function isTyped(control: Control): boolean {
  return control instanceof HTMLTextAreaElement || (control instanceof HTMLInputElement && control.type !== "checkbox");
}

function isControl(target: EventTarget | null): target is Control {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

function listen(root: HTMLElement, session: Session, document: Document, write: (text: string) => void, typing: Typing): void {
  const settle = (): void => {
    typing.flush();
    const tree = readTree(document.read());
    if (!tree.problem) session.tree = tree;
  };
  const heard = (event: Event): void => {
    const control = event.target;
    // A field that goes away while it is drawn tells of its change once more.
    if (!isControl(control) || session.isLocked || session.isDrawing) return;
    if (control.dataset.put) {
      if (event.type === "input" && isTyped(control)) typing.wait(control);
      else typing.finish(control);
      return;
    }
    settle();
    if (control.dataset.new || control.dataset.newType) {
      remember(session, control);
      write(document.read());
    } else if (event.type === "change" && control.dataset.rename) {
      write(rename(document.read(), JSON.parse(control.dataset.rename) as Path, control.value.trim()));
    } else if (event.type === "change" && (control.dataset.act || control.dataset.add)) act(root, session, document.read(), control, write);
  };
  root.addEventListener("input", heard);
  root.addEventListener("change", heard);
  root.addEventListener("click", (event) => {
    const button = closest<HTMLElement>(event, "button[data-act]");
    if (!button) return;
    settle();
    act(root, session, document.read(), button, write);
  });
  root.addEventListener("keydown", (event) => {
    const control = event.target;
    if (event.key !== "Enter" || !(control instanceof HTMLInputElement) || control.type === "checkbox") return;
    // Enter would send the whole page.
    event.preventDefault();
    settle();
    if (control.dataset.add) act(root, session, document.read(), control, write);
    else if (control.dataset.new) find<HTMLElement>(`#${CSS.escape(control.id.replace(/-name$/, "-add"))}`, root)?.click();
  });
}

function remember(session: Session, control: Control): void {
  const path = JSON.parse(control.dataset.new ?? control.dataset.newType ?? "[]") as Path;
  const draft = session.drafts.get(pointerOf(path)) ?? { name: "", type: "run_command" };
  session.drafts.set(pointerOf(path), control.dataset.new ? { ...draft, name: control.value } : { ...draft, type: control.value });
}

/** The text after a field was changed; an emptied one leaves the document when it is left. */
function applied(session: Session, text: string, control: Control, isFinal: boolean): string {
  const path = JSON.parse(control.dataset.put ?? "[]") as Path;
  const before = valueAt(readTree(text).value, path);
  const read = readControl(control, before);
  if ("problem" in read) {
    session.pending.set(pointerOf(path), { text: control.value, problem: read.problem });
    return text;
  }
  session.pending.delete(pointerOf(path));
  if (read.value !== undefined) return set(text, path, read.value);
  if (before === undefined && path[0] !== "on") return text;
  const isWords = ["text", "lines", "number"].includes(control.dataset.as ?? "");
  if (isWords && before !== undefined && (!isFinal || control.dataset.needed !== undefined)) return set(text, path, "");
  // A name without values stays, and the linter says what it lacks.
  if (control.dataset.as === "values" && before !== undefined) return isFinal ? set(text, path, []) : text;
  if (!isFinal && ["list", "values", "yaml"].includes(control.dataset.as ?? "")) return text;
  return unset(text, path, Number(control.dataset.keep ?? path.length - 1));
}

function set(text: string, path: Path, value: Parameters<typeof put>[2]): string {
  if (isTime(path)) return setTime(text, path, value);
  return path[0] === "on" && path.length === 3 ? setFilter(text, path, value) : put(text, path, value);
}

function unset(text: string, path: Path, keep: number): string {
  if (isTime(path)) return setTime(text, path, undefined);
  return path[0] === "on" && path.length === 3 ? setFilter(text, path, undefined) : drop(text, path, keep);
}

function isTime(path: Path): boolean {
  return path[0] === "on" && path[1] === "schedule" && path.length === 4;
}
