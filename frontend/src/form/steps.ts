// The steps of the document as a list that unfolds into forms.

import { el, icon } from "../lib/dom";
import { advanced } from "./advanced";
import { check } from "./basics";
import { chips, field, idOf, inline, tool } from "./fields";
import { lazy } from "./morph";
import { approval } from "./people";
import { isObject, type Value } from "./render";
import { type FieldFacts, fieldsOf } from "./schema";
import { pointerOf, type Session } from "./session";
import type { Path } from "./places";

export const GROUP = "parallel";
const SHOWN = new Set(["name", "key", "uses", "with", "if", "approval", "continue_on_error", "enabled", "timeout_minutes", "retry", "secrets", "env", "image", "inputs", "matrix", "cache", "services", "outputs", "parallel", "fail_fast", "max_parallel"]);
// The linter's code for an object that lacks a key.
const MISSING = "missing-key";
const BACKOFFS: readonly (readonly [Value, string])[] = [["fixed", "Always the same"], ["exponential", "Twice as long each time"]];

/** A list of steps with the field that adds one. */
export function stepList(session: Session, path: Path, empty: string): HTMLElement[] {
  const value = session.value(path);
  const steps = Array.isArray(value) ? value : [];
  return [
    el("ol", { class: "step-list", id: `${idOf(path)}-list` }, ...steps.map((step, at) => stepRow(session, [...path, at], isObject(step) ? step : {}, at, steps.length))),
    ...(steps.length === 0 ? [el("p", { class: "card-body quiet" }, empty)] : []),
    ...session.found(path).map((each) => el("p", { class: "field-error card-body" }, each.message)),
    adder(session, path),
  ];
}

function stepRow(session: Session, path: Path, step: { [key: string]: Value }, at: number, count: number): Element {
  const isOpen = session.opened.has(pointerOf(path));
  const isGroup = Array.isArray(step["parallel"]);
  const name = String(step["name"] ?? "") || String(step["uses"] ?? "") || "Step";
  const type = session.typeOf(step["uses"]);
  const what = isGroup ? `${(step["parallel"] as Value[]).length} side by side` : type?.title ?? String(step["uses"] ?? "No type");
  const errors = session.found(path, true).filter((each) => each.severity === "error").length;
  const tags = marks(step);
  const draw = (): HTMLElement => drawnRow(session, path, { step, at, count, isOpen, isGroup, name, what, errors, tags });
  // Hundreds of rows stay as they are with every key that is typed.
  return isOpen ? draw() : lazy("li", `${idOf(path)}-row`, JSON.stringify([at, count, name, what, errors, tags, session.isLocked]), draw);
}

interface RowFacts {
  step: { [key: string]: Value };
  at: number;
  count: number;
  isOpen: boolean;
  isGroup: boolean;
  name: string;
  what: string;
  errors: number;
  tags: string[];
}

function drawnRow(session: Session, path: Path, facts: RowFacts): HTMLElement {
  const { step, at, count, isOpen, isGroup, name, what, errors } = facts;
  const head = el("button", { type: "button", class: "step-head", id: `${idOf(path)}-head`, "data-act": "open", "data-place": JSON.stringify(path), "aria-expanded": String(isOpen) },
    el("span", { class: "num quiet" }, String(at + 1)),
    el("span", { class: "step-words" }, el("span", { class: "strong clip" }, name), el("span", { class: "quiet small clip" }, what)),
    ...facts.tags.map((words) => el("span", { class: "tag" }, words)), ...(errors > 0 ? [el("span", { class: "tab-count is-bad" }, `${errors} ${errors === 1 ? "error" : "errors"}`)] : []),
    icon("chevron-down"));
  return el("li", { id: `${idOf(path)}-row`, ...(isOpen ? { class: "is-open" } : {}) },
    el("div", { class: "step-line" }, head,
      tool(session, "up", path, icon("arrow-up"), `Move ${name} up`, at === 0),
      tool(session, "down", path, icon("arrow-down"), `Move ${name} down`, at === count - 1),
      tool(session, "remove-step", path, icon("trash"), `Remove ${name}`)),
    ...(isOpen ? [el("div", { class: "step-body", id: `${idOf(path)}-body` }, ...(isGroup ? groupBody(session, path) : stepBody(session, path, step)))] : []));
}

function marks(step: { [key: string]: Value }): string[] {
  const said: [boolean, string][] = [
    [step["approval"] !== undefined && step["approval"] !== false && step["approval"] !== null, "asks"],
    [step["if"] !== undefined, "if"],
    [step["continue_on_error"] === true, "may fail"],
    [step["enabled"] === false, "off"],
  ];
  return said.filter(([isSaid]) => isSaid).map(([, words]) => words);
}

function groupBody(session: Session, path: Path): HTMLElement[] {
  return [
    field(session, { path: [...path, "name"], label: "Name of the group", isRequired: true }),
    el("div", { class: "field-row" },
      field(session, { path: [...path, "max_parallel"], label: "At the same time, at most", kind: "number", standard: 4 }),
      field(session, { path: [...path, "fail_fast"], label: "One failure ends the others", kind: "check", standard: false })),
    el("div", { class: "step-group" }, ...stepList(session, [...path, "parallel"], "No members yet.")),
  ];
}

function stepBody(session: Session, path: Path, step: { [key: string]: Value }): HTMLElement[] {
  const type = session.typeOf(step["uses"]);
  const options = session.facts.types.map((each) => [each.type, `${each.title} (${each.type})`] as const);
  return [
    ...said(session, path),
    el("div", { class: "field-row" },
      field(session, { path: [...path, "name"], label: "Name of the step", isRequired: true }),
      field(session, { path: [...path, "uses"], label: "Type of the step", kind: "choice", options, isRequired: true })),
    ...(type ? [about(session, path, type.type)] : []),
    ...configuration(session, path, step),
    approval(session, path),
    conditions(session, path, step),
    ...advanced(session, path),
  ];
}

function about(session: Session, path: Path, name: string): HTMLElement {
  const type = session.typeOf(name);
  const example = el("button", { type: "button", class: "btn btn-s", "data-act": "example", "data-place": JSON.stringify(path), id: `${idOf(path)}-example` }, "Insert the example");
  example.disabled = session.isLocked || Object.keys(type?.example ?? {}).length === 0;
  return el("div", { class: "step-about", id: `${idOf(path)}-about` },
    el("p", { class: "soft" }, ...inline(type?.description ?? "")),
    el("div", { class: "row-line" }, example, el("a", { class: "small", href: `/docs/steps/${encodeURIComponent(name)}`, target: "_blank", rel: "noopener" }, `Reference of ${name}`)));
}

function configuration(session: Session, path: Path, step: { [key: string]: Value }): HTMLElement[] {
  const type = session.typeOf(step["uses"]);
  const given = isObject(step["with"]) ? step["with"] : {};
  const place = [...path, "with"];
  const unbound = said(session, place);
  if (!type) return [...unbound, field(session, { path: place, label: "Settings", kind: "yaml", help: "This type is not installed here; its settings are kept as YAML." })];
  const fields = fieldsOf(type.schema);
  const isSeen = (facts: FieldFacts): boolean => facts.isRequired || given[facts.key] !== undefined || fields.length <= 6 || facts.key in type.example;
  const shown = fields.filter(isSeen);
  const rest = fields.filter((facts) => !isSeen(facts));
  const unknown = Object.keys(given).filter((key) => !fields.some((facts) => facts.key === key));
  const others = Object.keys(step).filter((key) => !SHOWN.has(key));
  const isNeeded = [...session.found(place), ...session.found(path)].some((each) => each.code === MISSING);
  const draw = (facts: FieldFacts): HTMLElement => setting(session, path, facts, isNeeded && facts.isRequired && given[facts.key] === undefined);
  return [
    ...unbound,
    ...shown.map(draw),
    ...(rest.length > 0 ? [el("details", { class: "form-more", id: `${idOf(path)}-rest` }, el("summary", { class: "small soft" }, `${rest.length} more settings`), ...rest.map(draw))] : []),
    ...unknown.map((key) => field(session, { path: [...place, key], label: key, kind: "yaml", help: "Also in the document; this type has no such setting.", keep: path.length })),
    ...(others.length > 0 ? [el("p", { class: "field-help also" }, "Also in the document: ", ...inline(others.map((key) => `\`${key}\``).join(", ")), ".")] : []),
  ];
}

/** What the linter says of a step or its settings as a whole; a setting that is missing says it itself. */
function said(session: Session, path: Path): HTMLElement[] {
  const type = session.typeOf(session.value([...path.slice(0, path.at(-1) === "with" ? -1 : undefined), "uses"]));
  return session.found(path).filter((each) => each.code !== MISSING || !type)
    .map((each) => el("p", { class: "field-error" }, ...inline([each.message, each.remedy].filter(Boolean).join(" "))));
}

function setting(session: Session, path: Path, facts: FieldFacts, isMissing: boolean): HTMLElement {
  return field(session, {
    ...(isMissing ? { problem: "This is needed." } : {}),
    path: [...path, "with", facts.key], label: facts.title, kind: facts.kind, help: facts.help, standard: facts.standard,
    options: facts.options.map((value) => [value, String(value)] as const),
    isRequired: facts.isRequired, keep: path.length, hasExpression: true, isMono: facts.kind === "lines" || facts.kind === "list",
    ...(facts.kind === "yaml" ? { placeholder: "YAML" } : {}),
  });
}

function conditions(session: Session, path: Path, step: { [key: string]: Value }): HTMLElement {
  const used = ["key", "if", "timeout_minutes", "retry", "secrets", "env", "inputs", "image", "continue_on_error", "enabled"].filter((key) => step[key] !== undefined);
  const at = (key: string): Path => [...path, key];
  return el("details", { class: "form-more", id: `${idOf(path)}-conditions`, ...(used.length > 0 ? { open: "" } : {}) },
    el("summary", { class: "small soft" }, "Condition, failure, limits, secrets"),
    field(session, { path: at("if"), label: "Condition", isMono: true, placeholder: "trigger.branch == 'main'", help: "The step is skipped unless it is true; `success() &&` is implied." }),
    field(session, { path: at("continue_on_error"), label: "Go on when it fails", kind: "check", standard: false, help: "The failure becomes a warning." }),
    el("div", { class: "field-row" },
      field(session, { path: at("timeout_minutes"), label: "Time limit of the step, minutes", kind: "number", placeholder: "the run's" }),
      field(session, { path: [...at("retry"), "attempts"], label: "Attempts", kind: "number", placeholder: "1", keep: path.length })),
    el("div", { class: "field-row" },
      field(session, { path: [...at("retry"), "delay_seconds"], label: "Seconds between attempts", kind: "number", keep: path.length }),
      field(session, { path: [...at("retry"), "backoff"], label: "Waiting", kind: "choice", options: BACKOFFS, standard: "fixed", keep: path.length })),
    field(session, { path: [...at("retry"), "max_delay_seconds"], label: "Seconds between attempts, at most", kind: "number", standard: 600, keep: path.length }),
    field(session, { path: [...at("retry"), "on"], label: "Try again after", kind: "yaml", keep: path.length, placeholder: "[worker_lost, exit_code: 75]", help: "Which failures; empty: every one." }),
    chips(session, { path: at("secrets"), label: "Secrets of the step", keep: path.length, list: "form-secrets", help: "Only what is named here reaches the step; the pipeline must name it, too." }),
    field(session, { path: at("env"), label: "Environment", kind: "yaml", keep: path.length, placeholder: "TITLE: ${{ trigger.commit.title }}", help: "A line each: `NAME: value`." }),
    field(session, { path: at("inputs"), label: "Inputs", kind: "yaml", keep: path.length, placeholder: "command: ${{ steps.plan.outputs.command }}", help: "Laid over the settings above, key by key." }),
    field(session, { path: at("image"), label: "Image of the step", isMono: true, help: "In place of the pipeline's; `none`: a process of the worker." }),
    field(session, { path: at("key"), label: "Key of the step", isMono: true, placeholder: "made from the name", help: "Its outputs live under `steps.<key>`." }),
    check(session, "enabled", "Part of the run", step["enabled"] !== false, at("enabled"), "Off: it is left out of runs."));
}

function adder(session: Session, path: Path): HTMLElement {
  const draft = session.drafts.get(pointerOf(path));
  const id = `${idOf(path)}-new`;
  const where = path.at(-1) === "parallel" ? "member" : path.at(-1) === "finally" ? "final step" : "step";
  const name = el("input", { class: "form-control", id: `${id}-name`, placeholder: `Name of the ${where}`, "aria-label": `Name of the new ${where}`, autocomplete: "off", maxlength: "200", "data-new": JSON.stringify(path) });
  const select = el("select", { class: "form-select", id: `${id}-type`, "aria-label": `Type of the new ${where}`, "data-new-type": JSON.stringify(path) },
    ...session.facts.types.map((each) => el("option", { value: each.type }, `${each.title} (${each.type})`)),
    ...(path.at(-1) === "parallel" ? [] : [el("option", { value: GROUP }, "Group: members run side by side")]));
  select.value = draft?.type ?? "run_command";
  name.value = draft?.name ?? "";
  const button = el("button", { type: "button", class: "btn btn-icon", "data-act": "add-step", "data-place": JSON.stringify(path), "aria-label": `Add the ${where}`, id: `${id}-add` }, icon("plus"));
  for (const each of [name, select, button]) each.disabled = session.isLocked;
  const summary = select.value === GROUP ? "Steps that do not wait for each other." : session.typeOf(select.value)?.description ?? "";
  return el("div", { class: "step-add", id }, name, select, button, el("p", { class: "field-help" }, ...inline(summary)));
}
