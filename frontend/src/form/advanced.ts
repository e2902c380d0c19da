// What only some steps have: combinations of values, kept files, services beside them, outputs.

import { el, icon } from "../lib/dom";
import { adder } from "./basics";
import { field, idOf, inline } from "./fields";
import type { Path } from "./places";
import { isObject, type Value } from "./render";
import type { Session } from "./session";

// Members of a matrix that are no dimension of it.
const RESERVED = new Set(["include", "exclude", "fail_fast", "max_parallel"]);
const OUTPUT_TYPES: readonly (readonly [Value, string])[] = [["string", "Text"], ["number", "Number"], ["boolean", "Yes or no"], ["object", "Object"], ["array", "List"]];
const FEATURES: readonly (readonly [name: string, label: string, standard: boolean, help: string])[] = [
  ["commit_status", "Report to the commit", true, "The git host shows on the commit how the run stands."],
  ["pr_comment_summary", "Comment on the pull request", false, "One comment with how the run went, kept up to date."],
  ["test_report", "Tell the pull request of its tests", false, "The comment has how many there were, and the names of those that failed."],
  ["auto_cancel_superseded", "Stop runs that a newer push replaces", false, "A push stops the older runs of its branch or pull request; runs by hand and repetitions go on."],
  ["ai_failure_hint", "Ask an AI why a run failed", false, "Its guess stands on the run's page, with the lines that it cites."],
];

/** The parts of a step that stand below its settings. */
export function advanced(session: Session, step: Path): HTMLElement[] {
  return [
    part(session, [...step, "matrix"], "Matrix", dimensionNames(session.value([...step, "matrix"])), matrix),
    part(session, [...step, "cache"], "Cache", null, cache),
    part(session, [...step, "services"], "Services", null, services),
    part(session, [...step, "outputs"], "Outputs", null, outputs),
  ];
}

/** Containers beside every step of the pipeline. */
export function pipelineServices(session: Session): HTMLElement {
  return part(session, ["services"], "Services beside every step", null, services);
}

/** The switches of optional behaviour; one that this form does not know stays in the document. */
export function features(session: Session): HTMLElement {
  const path = ["features"];
  const given = session.value(path);
  const known = new Set(FEATURES.map(([name]) => name));
  const others = isObject(given) ? Object.keys(given).filter((name) => !known.has(name)) : [];
  return el("div", { class: "form-part", id: `${idOf(path)}-part` },
    ...FEATURES.map(([name, label, standard, help]) => field(session, { path: [...path, name], label, kind: "check", standard, help, keep: 0 })),
    ...said(session, path),
    ...(others.length > 0 ? [el("p", { class: "field-help also" }, "Also in the document: ", ...inline(others.map((name) => `\`${name}\``).join(", ")), ".")] : []));
}

type Draw = (session: Session, path: Path) => HTMLElement[];

/** A part that unfolds; it stands open where the document has it. */
function part(session: Session, path: Path, title: string, names: string[] | null, draw: Draw): HTMLElement {
  const value = session.value(path);
  const shown = names ?? (isObject(value) && title !== "Cache" ? Object.keys(value) : []);
  return el("details", { class: "form-more", id: `${idOf(path)}-details`, ...(value !== undefined ? { open: "" } : {}) },
    el("summary", { class: "small soft" }, shown.length > 0 ? `${title} (${shown.join(", ")})` : title),
    ...said(session, path),
    ...(value === undefined || isObject(value) ? draw(session, path) : [field(session, { path, label: title, kind: "yaml", keep: path.length - 1 })]));
}

function said(session: Session, path: Path): HTMLElement[] {
  return session.found(path).map((each) => el("p", { class: "field-error" }, ...inline([each.message, each.remedy].filter(Boolean).join(" "))));
}

function dimensionNames(matrix: Value | undefined): string[] {
  return isObject(matrix) ? Object.keys(matrix).filter((name) => !RESERVED.has(name)) : [];
}

function matrix(session: Session, path: Path): HTMLElement[] {
  const names = dimensionNames(session.value(path));
  const at = (key: string): Path => [...path, key];
  const more = el("details", { class: "form-more", id: `${idOf(path)}-more`, ...(["include", "exclude"].some((key) => session.value(at(key)) !== undefined) ? { open: "" } : {}) },
    el("summary", { class: "small soft" }, "Combinations to leave out or to add"),
    field(session, { path: at("exclude"), label: "Leave out", kind: "yaml", keep: path.length - 1, placeholder: "- {python: \"3.11\", os: alpine}" }),
    field(session, { path: at("include"), label: "Extend or add", kind: "yaml", keep: path.length - 1, placeholder: "- {python: \"3.13\", os: debian}" }));
  return [
    el("p", { class: "field-help" }, ...inline("The step is executed once for each combination; `${{ matrix.<name> }}` is its value.")),
    ...names.map((name, index) => named(session, at(name), index, "Name of the values", "Remove the values", () => [
      field(session, { path: at(name), label: `Values of ${name}`, kind: "values", isRequired: true, isMono: true, placeholder: "3.11\n3.12", help: "One per line, or one expression that gives a list." }),
    ])),
    adder(session, "dimension", path, "Add values"),
    ...(names.length > 0 ? [
      el("div", { class: "field-row" },
        field(session, { path: at("max_parallel"), label: "Combinations at a time, at most", kind: "number", standard: 4, keep: path.length - 1 }),
        field(session, { path: at("fail_fast"), label: "One failure ends the other combinations", kind: "check", standard: true, keep: path.length - 1 })),
      more] : []),
  ];
}

function cache(session: Session, path: Path): HTMLElement[] {
  const keep = path.length - 1;
  return [
    field(session, { path: [...path, "paths"], label: "Paths that are kept", kind: "list", isMono: true, keep, placeholder: "~/.cache/pip\nnode_modules", help: "One per line; below the workspace, or below `~/`." }),
    field(session, { path: [...path, "key"], label: "Key of the cache", isMono: true, keep, placeholder: "pip-${{ hashFiles('requirements.txt') }}", help: "The same key means the same files; a kept key is never overwritten." }),
    field(session, { path: [...path, "restore_keys"], label: "Otherwise the newest whose key begins with", kind: "list", isMono: true, keep, placeholder: "pip-", help: "One per line, tried in order." }),
  ];
}

function services(session: Session, path: Path): HTMLElement[] {
  const given = session.value(path);
  const names = isObject(given) ? Object.keys(given) : [];
  return [
    el("p", { class: "field-help" }, "Containers that run beside the step; it reaches each by its name. Needs an image."),
    ...names.map((name, index) => named(session, [...path, name], index, "Name of the service", "Remove the service", (here) => service(session, here, name))),
    adder(session, "service", path, "Add a service"),
  ];
}

function service(session: Session, path: Path, name: string): HTMLElement[] {
  const health = [...path, "healthcheck"];
  const at = (key: string): { path: Path; keep: number } => ({ path: [...health, key], keep: path.length });
  return [
    field(session, { path: [...path, "image"], label: `Image of ${name}`, isRequired: true, isMono: true, placeholder: "postgres:17" }),
    field(session, { path: [...path, "env"], label: `Environment of ${name}`, kind: "yaml", keep: path.length, placeholder: "POSTGRES_PASSWORD: test", help: "A line each: `NAME: value`." }),
    field(session, { path: [...path, "command"], label: `Command of ${name}`, kind: "yaml", help: "In place of the image's own; a text is a script, a list a program." }),
    el("details", { class: "form-more", id: `${idOf(health)}-details`, ...(session.value(health) !== undefined ? { open: "" } : {}) },
      el("summary", { class: "small soft" }, "How to tell that it works"),
      ...said(session, health),
      field(session, { ...at("command"), label: `Health check of ${name}`, isMono: true, placeholder: "pg_isready", help: "A command inside the service; success means that it works." }),
      el("div", { class: "field-row" },
        field(session, { ...at("interval_seconds"), label: `Seconds between tries of ${name}`, kind: "number", standard: 1 }),
        field(session, { ...at("timeout_seconds"), label: `Seconds of one try of ${name}`, kind: "number", standard: 10 }),
        field(session, { ...at("retries"), label: `Failures until ${name} is broken`, kind: "number", standard: 30 }),
        field(session, { ...at("wait_seconds"), label: `Seconds to wait for ${name}`, kind: "number", standard: 60 }))),
  ];
}

function outputs(session: Session, path: Path): HTMLElement[] {
  const given = session.value(path);
  const names = isObject(given) ? Object.keys(given) : [];
  return [
    el("p", { class: "field-help" }, ...inline("What later steps read as `steps.<key>.outputs.<name>`; one that is missing at success is a warning.")),
    ...names.map((name, index) => named(session, [...path, name], index, "Name of the output", "Remove the output", (here) => [
      el("div", { class: "field-row" },
        field(session, { path: [...here, "type"], label: `Type of ${name}`, kind: "choice", options: OUTPUT_TYPES, keep: here.length }),
        field(session, { path: [...here, "description"], label: `Description of ${name}`, keep: here.length })),
    ])),
    adder(session, "output", path, "Add an output"),
  ];
}

/** An entry under a name of its own, which can be changed. */
function named(session: Session, path: Path, index: number, label: string, removal: string, draw: (path: Path) => HTMLElement[]): HTMLElement {
  // Its place and not its name: the field stays while the name changes.
  const id = `${idOf(path.slice(0, -1))}-entry-${index}`;
  const name = String(path.at(-1));
  const input = el("input", { id, value: name, "data-rename": JSON.stringify(path), class: "mono", autocomplete: "off" });
  const remove = el("button", { type: "button", class: "btn btn-s btn-quiet", "data-act": "remove-entry", "data-place": JSON.stringify(path), id: `${id}-remove` }, icon("trash"), `${removal} ${name}`);
  for (const each of [input, remove]) each.disabled = session.isLocked;
  return el("div", { class: "form-row", id: `${id}-row` },
    el("div", { class: "field" }, el("label", { for: id }, label), input), ...draw(path), remove);
}
