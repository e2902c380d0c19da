// What a pipeline is, when it starts, where it runs, who is told.

import { el, icon } from "../lib/dom";
import { features, pipelineServices } from "./advanced";
import { chips, field, idOf, inline } from "./fields";
import { isObject, type Value } from "./render";
import type { Session } from "./session";
import { coming } from "./times";
import { rulesOf } from "./triggers";
import type { Path } from "./places";

export const UNLIMITED = "unlimited";
const SHOWN = new Set(["name", "key", "description", "services", "features", "type", "timeout_minutes", "on", "concurrency", "runner_labels", "image", "env", "secrets", "notifications", "steps", "finally"]);
const POLICIES: readonly (readonly [Value, string])[] = [
  ["queue", "Queue: the new run waits for its turn"],
  ["replace", "Replace: waiting runs give way to the newest one"],
  ["cancel_running", "Cancel running: the run that goes on is stopped, too"],
  ["reject", "Reject: the new run ends at once and says why"],
];
const TYPES: readonly (readonly [Value, string])[] = [["review", "Review"], ["implement", "Implement"], ["security", "Security"], ["deploy", "Deploy"], ["custom", "Custom"]];

export function basics(session: Session): HTMLElement {
  return el("div", {},
    field(session, { path: ["name"], label: "Name", isRequired: true }),
    field(session, { path: ["key"], label: "Key", isMono: true, placeholder: "made from the name", help: "Stands in addresses; a saved pipeline keeps the one that it has." }),
    field(session, { path: ["description"], label: "Description", placeholder: "A sentence or two for readers" }),
    el("div", { class: "field-row" },
      field(session, { path: ["type"], label: "Type", kind: "choice", options: TYPES, standard: "custom" }),
      field(session, { path: ["timeout_minutes"], label: "Time limit, minutes", kind: "number", standard: 60, help: "Up to 360; waiting for people is not counted." })));
}

export function running(session: Session): HTMLElement {
  const concurrency = session.value(["concurrency"]);
  const isUnlimited = concurrency === UNLIMITED;
  return el("div", {},
    el("div", { class: "field", id: "form-concurrent" }, check(session, "concurrent", "Allow concurrent runs", isUnlimited, ["concurrency"],
      isUnlimited ? "As many runs as come go on side by side." : "Off: one run at a time; the rule below decides about the others.")),
    ...(isUnlimited ? [] : [
      field(session, { path: ["concurrency", "policy"], label: "While a run goes on", kind: "choice", options: POLICIES, standard: "queue", keep: 0 }),
      field(session, { path: ["concurrency", "group"], label: "Group", isMono: true, keep: 0, placeholder: "ci-${{ trigger.branch }}", help: "Runs of one group share the turn; empty: all runs of this pipeline are one group." }),
    ]),
    chips(session, { path: ["runner_labels"], label: "Worker labels", keep: 0, placeholder: "linux", help: "Only workers that have all of them run it; none: any worker." }),
    field(session, { path: ["image"], label: "Image", isMono: true, placeholder: "python:3.12-slim", help: "Steps run in a container of it; empty: as processes of the worker." }),
    field(session, { path: ["env"], label: "Environment", kind: "yaml", keep: 0, placeholder: "PIP_NO_INPUT: \"1\"", help: "Variables of every step, a line each: `NAME: value`." }),
    chips(session, { path: ["secrets"], label: "Secrets", keep: 0, list: "form-secrets", placeholder: "NAME", help: "Names of the secrets that steps may ask for." }),
    pipelineServices(session),
    features(session),
    ...others(session));
}

/** The keys that only the document shows. */
function others(session: Session): HTMLElement[] {
  const names = Object.keys(session.tree.value).filter((key) => !SHOWN.has(key));
  return names.length > 0 ? [el("p", { class: "field-help also" }, "Also in the document: ", ...inline(names.map((name) => `\`${name}\``).join(", ")), ".")] : [];
}

/** A switch that does more than set its place. */
export function check(session: Session, act: string, label: string, isOn: boolean, path: Path, help = "", isSwitch = true): HTMLElement {
  const input = el("input", { type: "checkbox", "data-act": act, "data-place": JSON.stringify(path), id: `${idOf(path)}-${act}` });
  input.checked = isOn;
  input.disabled = session.isLocked;
  return el("label", { class: isSwitch ? "check switch" : "check" }, input, el("span", {}, label, ...(help ? [el("small", {}, help)] : [])));
}

// Triggers.

interface TriggerFacts {
  name: string;
  title: string;
  summary: string;
  filters: readonly string[];
}

const MAIN: readonly TriggerFacts[] = [
  { name: "manual", title: "Manual", summary: "Declare here what people give when they start it. They may, too, where this is off; “manual: false” in the document forbids it.", filters: [] },
  { name: "push", title: "Push", summary: "Commits or tags arrive in the repository.", filters: ["branches", "branches-ignore", "tags", "paths", "paths-ignore"] },
  { name: "pull_request", title: "Pull request", summary: "A pull request is opened or changes.", filters: ["actions", "branches", "branches-ignore", "paths", "paths-ignore", "labels"] },
  { name: "schedule", title: "Schedule", summary: "The clock starts it.", filters: [] },
];
const MORE: readonly TriggerFacts[] = [
  { name: "issue", title: "Issue", summary: "An issue is opened or changes.", filters: ["actions", "labels"] },
  { name: "issue_comment", title: "Comment", summary: "Somebody comments on an issue or pull request.", filters: ["actions", "mention", "labels"] },
  { name: "release", title: "Release", summary: "A release is published or changes.", filters: ["actions", "tags"] },
  { name: "webhook", title: "Webhook", summary: "A signed call to the pipeline's own address.", filters: [] },
  { name: "workflow_dispatch", title: "Manual, as workflow_dispatch", summary: "The name that GitHub workflows have for Manual.", filters: [] },
];
const FILTERS: Record<string, { label: string; placeholder: string; help: string }> = {
  actions: { label: "Actions", placeholder: "opened\nsynchronize", help: "One per line; empty: every action." },
  branches: { label: "Branches", placeholder: "main\nrelease/**", help: "Patterns, one per line; empty: every branch." },
  "branches-ignore": { label: "Branches left out", placeholder: "wip/**", help: "Patterns, one per line." },
  tags: { label: "Tags", placeholder: "v*", help: "Patterns, one per line. With tags and no branches, only tags start it." },
  paths: { label: "Paths", placeholder: "src/**\n!docs/**", help: "Patterns, one per line; one changed file must match." },
  "paths-ignore": { label: "Paths left out", placeholder: "docs/**", help: "Starts nothing when every changed file matches." },
  labels: { label: "Labels", placeholder: "deploy", help: "One per line; one of them must be set." },
  mention: { label: "Mention", placeholder: "@powernode", help: "The comment must contain it." },
};
const ACTIONS: Record<string, string> = { pull_request: "opened\nsynchronize", issue: "opened\nlabeled", issue_comment: "created", release: "published" };
const MISSED: readonly (readonly [Value, string])[] = [["latest", "Start the last one"], ["skip", "Start none"], ["all", "Start each, at most ten"]];
const OVERLAP: readonly (readonly [Value, string])[] = [["queue", "Start another; concurrency decides who waits"], ["skip", "Leave the time out"], ["cancel_running", "Stop the earlier run"]];
const INPUT_TYPES: readonly (readonly [Value, string])[] = [["string", "Text"], ["choice", "Choice"], ["number", "Number"], ["boolean", "Yes or no"]];

export function triggers(session: Session): HTMLElement {
  const rules = rulesOf(session.value(["on"]));
  const others = MORE.filter((each) => rules[each.name]);
  const count = others.length > 0 ? ` (${others.map((each) => each.title).join(", ")})` : "";
  const summary = el("summary", { class: "small soft", id: "form-more-triggers" }, `More triggers${count}`);
  return el("div", {},
    ...MAIN.map((each) => trigger(session, each, rules[each.name])),
    el("details", { class: "form-more" }, summary, ...MORE.map((each) => trigger(session, each, rules[each.name]))),
    ...session.found(["on"]).map((each) => el("p", { class: "field-error" }, each.message)),
    el("p", { class: "field-help" }, "Switching one off takes its filters out of the document; Ctrl+Z there, or ⌘Z, brings them back."));
}

function trigger(session: Session, facts: TriggerFacts, rule: { [filter: string]: Value } | undefined): HTMLElement {
  const path = ["on", facts.name];
  return el("div", { class: "form-part", id: `${idOf(path)}-part` },
    check(session, "trigger", facts.title, rule !== undefined, path, facts.summary),
    ...(rule ? [el("div", { class: "form-inner", id: `${idOf(path)}-inner` }, ...inner(session, facts, rule))] : []));
}

function inner(session: Session, facts: TriggerFacts, rule: { [filter: string]: Value }): HTMLElement[] {
  if (facts.name === "schedule") return times(session, rule["entries"]);
  if (facts.name === "manual" || facts.name === "workflow_dispatch") return inputs(session, ["on", facts.name, "inputs"], rule["inputs"]);
  const fields = facts.filters.map((name) => field(session, {
    path: ["on", facts.name, name], label: FILTERS[name]?.label ?? name, help: FILTERS[name]?.help ?? "", keep: 2, isMono: true,
    kind: name === "mention" ? "text" : "list", value: rule[name],
    placeholder: (name === "actions" ? ACTIONS[facts.name] : FILTERS[name]?.placeholder) ?? "",
  }));
  const [first, second, ...rest] = fields;
  if (rest.length < 2) return fields;
  const isUsed = facts.filters.slice(2).some((name) => rule[name] !== undefined);
  const more = el("details", { class: "form-more", ...(isUsed ? { open: "" } : {}) }, el("summary", { class: "small soft" }, "More filters"), ...rest);
  return [first, second, more].filter((each) => each !== undefined);
}

function times(session: Session, entries: Value | undefined): HTMLElement[] {
  const rows = Array.isArray(entries) ? entries : [];
  return [
    ...rows.map((entry, at) => {
      const facts = isObject(entry) ? entry : {};
      const path = ["on", "schedule", at];
      const show = (name: string): { path: Path; value: Value | undefined } => ({ path: [...path, name], value: facts[name] });
      const isMore = ["name", "missed", "overlap", "jitter_seconds", "inputs"].some((name) => facts[name] !== undefined);
      return el("div", { class: "form-row", id: `${idOf(path)}-row` },
        el("div", { class: "field-row" },
          field(session, { ...show("cron"), label: "Times (cron)", isMono: true, isRequired: true, placeholder: "0 3 * * 1-5", help: "Minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly." }),
          field(session, { ...show("timezone"), label: "Time zone", list: "form-zones", placeholder: "UTC" })),
        ...coming(session, String(facts["cron"] ?? ""), String(facts["timezone"] ?? "UTC")),
        el("details", { class: "form-more", ...(isMore ? { open: "" } : {}) }, el("summary", { class: "small soft" }, "Name, missed times, overlap, inputs"),
          field(session, { ...show("name"), label: "Name", placeholder: String(facts["cron"] ?? "") }),
          field(session, { ...show("missed"), label: "Times missed while nothing ran", kind: "choice", options: MISSED, standard: "latest" }),
          field(session, { ...show("overlap"), label: "While an earlier run goes on", kind: "choice", options: OVERLAP, standard: "queue" }),
          field(session, { ...show("jitter_seconds"), label: "Spread, seconds", kind: "number", standard: 0, help: "Each time comes up to so much later, always by the same." }),
          field(session, { ...show("inputs"), label: "Inputs of the run", kind: "yaml", placeholder: "target: staging" })),
        remover(session, path, "Remove this time"));
    }),
    adder(session, "time", ["on", "schedule"], "Add a time"),
  ];
}

function inputs(session: Session, path: Path, declared: Value | undefined): HTMLElement[] {
  const rows = isObject(declared) ? Object.entries(declared) : [];
  return [
    ...rows.map(([name, rule], at) => {
      const here = [...path, name];
      const type = isObject(rule) ? rule["type"] ?? "string" : "string";
      const id = `form-input-${path[1]}-${at}`;
      const key = el("input", { id, value: name, "data-rename": JSON.stringify(here), class: "mono", autocomplete: "off" });
      key.disabled = session.isLocked;
      return el("div", { class: "form-row", id: `${id}-row` },
        el("div", { class: "field-row" },
          el("div", { class: "field" }, el("label", { for: id }, "Input"), key),
          field(session, { path: [...here, "type"], label: `Type of ${name}`, kind: "choice", options: INPUT_TYPES, standard: "string" })),
        ...(type === "choice" ? [field(session, { path: [...here, "options"], label: `Choices of ${name}`, kind: "list", help: "One per line." })] : []),
        field(session, { path: [...here, "description"], label: `Description of ${name}` }),
        type === "boolean"
          ? field(session, { path: [...here, "default"], label: `${name} is on unless somebody switches it off`, kind: "check" })
          : field(session, { path: [...here, "default"], label: `Default of ${name}`, kind: type === "number" ? "number" : "text" }),
        field(session, { path: [...here, "required"], label: `${name} must be given`, kind: "check" }),
        remover(session, here, `Remove the input ${name}`));
    }),
    adder(session, "input", path, "Add an input"),
  ];
}

function remover(session: Session, path: Path, label: string): HTMLElement {
  const button = el("button", { type: "button", class: "btn btn-s btn-quiet", "data-act": "remove", "data-place": JSON.stringify(path), id: `${idOf(path)}-remove` }, icon("trash"), label);
  button.disabled = session.isLocked;
  return button;
}

export function adder(session: Session, act: string, path: Path, label: string): HTMLElement {
  const button = el("button", { type: "button", class: "btn btn-s", "data-act": act, "data-place": JSON.stringify(path), id: `${idOf(path)}-${act}` }, icon("plus"), label);
  button.disabled = session.isLocked;
  return button;
}

