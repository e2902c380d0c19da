// Fields that show a place of the document and name it, so that one listener can write it back.

import { parse, stringify } from "yaml";
import { el, icon } from "../lib/dom";
import { isObject, type Value } from "./render";
import type { Kind } from "./schema";
import { pointerOf, type Session } from "./session";
import type { Path } from "./places";

export interface FieldSpec {
  path: Path;
  label: string;
  kind?: Kind;
  help?: string;
  placeholder?: string;
  standard?: Value | undefined;
  options?: readonly (readonly [value: Value, label: string])[];
  isRequired?: boolean;
  isMono?: boolean;
  /** How many parts of the path stay when the field is emptied. */
  keep?: number;
  /** A datalist with suggestions. */
  list?: string;
  /** Bounds of a number, checked in the field. */
  bounds?: readonly [number, number];
  /** The value to show, where it is not the one at the path. */
  value?: Value | undefined;
  hasExpression?: boolean;
  /** What is wrong here although the linter says it of the place above. */
  problem?: string;
}

type Control = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

/** A label, a control bound to a place, its help, and what the linter says of it. */
export function field(session: Session, spec: FieldSpec): HTMLElement {
  const kind = spec.kind ?? "text";
  const id = idOf(spec.path);
  const pointer = pointerOf(spec.path);
  const value = "value" in spec ? spec.value : session.value(spec.path);
  const isExpression = kind !== "text" && kind !== "lines" && (session.expressions.has(pointer) || holdsExpression(value));
  const shown: Kind = isExpression && kind !== "yaml" && kind !== "list" && kind !== "values" ? "text" : kind;
  const control = controlOf(session, spec, shown, value);
  control.id = id;
  bind(control, spec.path, shown, spec);
  control.disabled = session.isLocked;
  const waiting = session.pending.get(pointer);
  const isDeep = kind === "yaml" || kind === "list" || kind === "values" || kind === "lines";
  const errors = waiting ? [waiting.problem] : spec.problem ? [spec.problem] : session.found(spec.path, isDeep).map((each) => [each.message, each.remedy].filter(Boolean).join(" "));
  const described = [spec.help ? `${id}-help` : "", errors.length > 0 ? `${id}-error` : ""].filter(Boolean).join(" ");
  if (described) control.setAttribute("aria-describedby", described);
  if (errors.length > 0) control.setAttribute("aria-invalid", "true");
  const help = spec.help ? [el("span", { class: "field-help", id: `${id}-help` }, ...inline(spec.help))] : [];
  const error = errors.length > 0 ? [el("span", { class: "field-error", id: `${id}-error` }, ...inline(errors.join(" ")))] : [];
  const box = { class: errors.length > 0 ? "field has-error" : spec.isMono ? "field field-mono" : "field", id: `${id}-box` };
  const canSwitch = spec.hasExpression === true && (kind === "check" || kind === "choice");
  const switchTool = canSwitch ? [expressionTool(session, spec, isExpression)] : [];
  if (shown === "check") {
    return el("div", box, el("div", { class: "field-head" }, el("label", { class: "check" }, control, el("span", {}, spec.label)), ...switchTool), ...help, ...error);
  }
  const mark = spec.isRequired ? [" ", el("span", { class: "needed" }, "required")] : [];
  const label = el("label", { for: id }, spec.label, ...mark);
  return el("div", box, switchTool.length > 0 ? el("div", { class: "field-head" }, label, ...switchTool) : label, control, ...help, ...error);
}

function controlOf(session: Session, spec: FieldSpec, kind: Kind, value: Value | undefined): Control {
  if (kind === "check") {
    const box = el("input", { type: "checkbox" });
    box.checked = value === undefined ? spec.standard === true : value === true;
    return box;
  }
  if (kind === "choice") return choice(spec, value);
  const placeholder = spec.placeholder ?? shownDefault(spec.standard);
  if (kind === "lines" || kind === "list" || kind === "values" || kind === "yaml") {
    const area = el("textarea", { rows: kind === "lines" ? "4" : "2", spellcheck: "false", placeholder, class: kind === "list" && !spec.isMono ? "area-s" : kind === "lines" ? "mono" : "mono area-s" });
    area.value = session.pending.get(pointerOf(spec.path))?.text ?? asText(kind, value);
    return area;
  }
  const input = el("input", { autocomplete: "off", placeholder, ...(spec.isMono ? { class: "mono" } : {}), ...(spec.list ? { list: spec.list } : {}) });
  if (kind === "number") {
    input.inputMode = "decimal";
    // A number's field cannot show what is none.
    if (spec.bounds && (value === undefined || typeof value === "number")) {
      input.type = "number";
      input.step = "any";
      [input.min, input.max] = [String(spec.bounds[0]), String(spec.bounds[1])];
    }
  }
  input.value = value === undefined || value === null ? "" : isObject(value) || Array.isArray(value) ? JSON.stringify(value) : String(value);
  return input;
}

function choice(spec: FieldSpec, value: Value | undefined): HTMLSelectElement {
  // Not to set it is what the empty choice means, too.
  const options = [...spec.options ?? []].filter(([each]) => each !== "");
  const select = el("select", {});
  if (!spec.isRequired) select.append(el("option", { value: "" }, spec.standard === undefined || spec.standard === "" ? spec.placeholder ?? "Not set" : `Default: ${labelOf(options, spec.standard)}`));
  else if (value === undefined) select.append(el("option", { value: "" }, "Choose…"));
  const isKnown = value === undefined || value === null || value === "" || options.some(([each]) => each === value);
  if (!isKnown) options.push([value, `${asText("yaml", value)} (not one of them)`]);
  for (const [each, label] of options) select.append(el("option", { value: JSON.stringify(each) }, label));
  select.value = value === undefined || value === null || value === "" ? "" : JSON.stringify(value);
  return select;
}

function labelOf(options: readonly (readonly [Value, string])[], value: Value): string {
  return options.find(([each]) => each === value)?.[1] ?? String(value);
}

function expressionTool(session: Session, spec: FieldSpec, isOn: boolean): HTMLElement {
  const button = el("button", {
    type: "button", class: "link-button small", "data-act": "expression", "data-place": JSON.stringify(spec.path), id: `${idOf(spec.path)}-expression`,
    "aria-pressed": String(isOn), "aria-label": `Use an expression for ${spec.label}`,
  }, isOn ? "Plain value" : "Expression");
  button.disabled = session.isLocked;
  return button;
}

function bind(control: Control, path: Path, kind: Kind, spec: FieldSpec): void {
  control.dataset.put = JSON.stringify(path);
  control.dataset.as = kind;
  if (spec.keep !== undefined) control.dataset.keep = String(spec.keep);
  if (typeof spec.standard === "boolean") control.dataset.standard = String(spec.standard);
  if (spec.isRequired) control.dataset.needed = "";
}

/** What a control says: a value, nothing, or a text that is no value yet. */
export function readControl(control: Control, before: Value | undefined): { value: Value | undefined } | { problem: string } {
  const text = control.value;
  switch (control.dataset.as) {
    case "check": {
      const isOn = control instanceof HTMLInputElement && control.checked;
      return { value: String(isOn) === (control.dataset.standard ?? "false") ? undefined : isOn };
    }
    case "choice": return { value: text === "" ? undefined : JSON.parse(text) as Value };
    case "number": return { value: text.trim() === "" ? undefined : numberOrText(text.trim()) };
    case "list":
    case "values": {
      const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
      const [only] = lines;
      if (control.dataset.as === "values" && lines.length === 1 && only !== undefined && /^\$\{\{.*\}\}$/.test(only)) return { value: only };
      return { value: lines.length > 0 ? lines.map((line) => itemOf(line, before)) : undefined };
    }
    case "yaml": return readYaml(text);
    case "lines": {
      // The line end at the end of a block is not shown, and stays.
      const end = typeof before === "string" && before.endsWith("\n") && !text.endsWith("\n") ? "\n" : "";
      return { value: text.trim() === "" ? undefined : text + end };
    }
    default: return { value: text.trim() === "" ? undefined : text };
  }
}

/** A line of a list; one that stood there before stays the value that it was. */
function itemOf(line: string, before: Value | undefined): Value {
  const known = Array.isArray(before) ? before.find((each) => lineOf(each) === line) : undefined;
  return known ?? line;
}

function lineOf(item: Value): string {
  return typeof item === "object" ? JSON.stringify(item) : String(item);
}

function numberOrText(text: string): Value {
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}

function readYaml(text: string): { value: Value | undefined } | { problem: string } {
  if (text.trim() === "") return { value: undefined };
  try {
    const value = parse(text, { prettyErrors: false, maxAliasCount: 0 }) as Value;
    return { value: value === null ? undefined : value };
  } catch (error) {
    return { problem: `Not YAML yet: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function asText(kind: Kind, value: Value | undefined): string {
  if (value === undefined || value === null) return "";
  if ((kind === "list" || kind === "values") && Array.isArray(value)) return value.map(lineOf).join("\n");
  if (kind === "lines" && typeof value === "string") return value.replace(/\n$/, "");
  return typeof value === "string" ? value : stringify(value, { lineWidth: 0 }).trimEnd();
}

function shownDefault(standard: Value | undefined): string {
  if (standard === undefined || standard === null || standard === "") return "";
  return typeof standard === "object" ? (Object.keys(standard).length > 0 ? JSON.stringify(standard) : "") : String(standard);
}

export function holdsExpression(value: Value | undefined): boolean {
  return typeof value === "string" && value.includes("${{");
}

export function idOf(path: Path): string {
  return idOfPointer(pointerOf(path));
}

export function idOfPointer(pointer: string): string {
  return `form${encodeURIComponent(pointer).replaceAll("%2F", "/")}`;
}

/** Words with `code` in them. */
export function inline(text: string): (Node | string)[] {
  const plain = text.replace(/\[([^\]]+)\]\([^)]*\)/g, "$1");
  return plain.split(/(`[^`]+`)/).filter((part) => part !== "")
    .map((part) => (part.startsWith("`") && part.length > 2 ? el("code", {}, part.slice(1, -1)) : part));
}

/** A button that does something to a place. */
export function tool(session: Session, act: string, path: Path, name: SVGSVGElement, label: string, isOff = false): HTMLElement {
  const button = el("button", { type: "button", class: "btn btn-quiet btn-icon btn-s", "data-act": act, "data-place": JSON.stringify(path), "aria-label": label, id: `${idOf(path)}-${act}` }, name);
  button.disabled = isOff || session.isLocked;
  return button;
}

/** A list of short texts as chips, with a field that adds another. */
export function chips(session: Session, spec: FieldSpec & { shown?: (value: string) => string }): HTMLElement {
  const id = idOf(spec.path);
  const value = session.value(spec.path);
  const items = Array.isArray(value) ? value : [];
  const shown = spec.shown ?? ((each: string): string => each);
  const input = el("input", { id, autocomplete: "off", "data-add": JSON.stringify(spec.path), ...(spec.list ? { list: spec.list } : {}), placeholder: spec.placeholder ?? "" });
  input.disabled = session.isLocked;
  const waiting = session.pending.get(pointerOf(spec.path));
  input.value = waiting?.text ?? "";
  const errors = waiting ? [waiting.problem] : session.found(spec.path, true).map((each) => each.message);
  if (errors.length > 0) input.setAttribute("aria-invalid", "true");
  const described = [spec.help ? `${id}-help` : "", errors.length > 0 ? `${id}-error` : ""].filter(Boolean).join(" ");
  if (described) input.setAttribute("aria-describedby", described);
  return el("div", { class: errors.length > 0 ? "field has-error" : "field", id: `${id}-box` },
    el("label", { for: id }, spec.label),
    el("div", { class: "chip-list", id: `${id}-chips` }, ...items.map((each, at) => {
      const remove = el("button", { type: "button", class: "chip-remove", "data-act": "chip", "data-place": JSON.stringify([...spec.path, at]), "data-keep": String(spec.keep ?? spec.path.length - 1), "aria-label": `Remove ${shown(String(each))}` }, icon("x"));
      remove.disabled = session.isLocked;
      return el("span", { class: "tag" }, el("span", { class: "clip" }, shown(String(each))), remove);
    })),
    el("div", { class: "input-join" }, input, addButton(session, id, spec.label)),
    ...(spec.help ? [el("span", { class: "field-help", id: `${id}-help` }, ...inline(spec.help))] : []),
    ...(errors.length > 0 ? [el("span", { class: "field-error", id: `${id}-error` }, ...inline(errors.join(" ")))] : []));
}

function addButton(session: Session, id: string, label: string): HTMLElement {
  const button = el("button", { type: "button", class: "btn btn-icon", "data-act": "chip-add", "data-for": id, "aria-label": `Add to ${label}` }, icon("plus"));
  button.disabled = session.isLocked;
  return button;
}
