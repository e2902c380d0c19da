// The short forms in which `on` may be written, and edits that leave them as short as they can be.

import { isObject, type Value } from "./render";
import { type Path, readTree } from "./places";
import { drop, insert, put } from "./tree";

export type Rules = { [trigger: string]: { [filter: string]: Value } };

const LISTS = new Set(["pull_request", "issue", "issue_comment", "release"]);
export const FIRST_TIME = "0 3 * * *";

/** Triggers with their filters, whatever the form; schedules are under `entries`. */
export function rulesOf(on: Value | undefined): Rules {
  if (typeof on === "string") return { [on]: {} };
  if (Array.isArray(on)) return Object.fromEntries(on.filter((name) => typeof name === "string").map((name) => [name, {}]));
  if (!isObject(on)) return {};
  return Object.fromEntries(Object.entries(on).filter(([, rule]) => rule !== false).map(([name, rule]) => [name, ruleOf(name, rule)]));
}

function ruleOf(name: string, rule: Value): { [filter: string]: Value } {
  if (name === "schedule") {
    const entries = Array.isArray(rule) ? rule : typeof rule === "string" ? [rule] : [];
    return { entries: entries.map((entry) => (isObject(entry) ? entry : { cron: entry })) };
  }
  if (Array.isArray(rule)) return { actions: rule };
  return isObject(rule) ? rule : {};
}

/** Switch a trigger on or off. */
export function toggle(text: string, name: string, isOn: boolean): string {
  const { on } = readTree(text).value;
  const first: Value = name === "schedule" ? [{ cron: FIRST_TIME }] : {};
  if (isOn) {
    if (rulesOf(on)[name]) return text;
    if (isObject(on) || on === undefined || on === null) return put(text, ["on", name], first);
    if (name === "schedule") return put(spread(text), ["on", name], first);
    return typeof on === "string" ? put(text, ["on"], [on, name]) : insert(text, ["on"], Number.POSITIVE_INFINITY, name);
  }
  if (typeof on === "string") return on === name ? drop(text, ["on"]) : text;
  if (Array.isArray(on)) return on.includes(name) ? drop(text, ["on", on.indexOf(name)], 0) : text;
  return drop(text, ["on", name], 0);
}

/** Set a filter of a trigger, or take it away with `undefined`. */
export function setFilter(text: string, path: Path, value: Value | undefined): string {
  const [, trigger, filter] = path;
  const { on } = readTree(text).value;
  let made = isObject(on) ? text : spread(text);
  const rule = isObject(on) ? on[String(trigger)] : undefined;
  if (LISTS.has(String(trigger)) && Array.isArray(rule)) {
    if (filter === "actions") return value === undefined ? put(made, ["on", String(trigger)], {}) : put(made, ["on", String(trigger)], value);
    made = put(made, ["on", String(trigger)], { actions: rule });
  }
  if (value === undefined) return drop(made, path);
  return put(made, path, value);
}

/** Set a member of a time, which may be written as its expression alone. */
export function setTime(text: string, path: Path, value: Value | undefined): string {
  const [, , index, member] = path;
  const at = Number(index);
  const rule = onOf(text)["schedule"];
  const entry = Array.isArray(rule) ? rule[at] : rule;
  if (typeof rule === "string") return setTime(put(text, ["on", "schedule"], [rule]), path, value);
  const place = ["on", "schedule", at];
  if (typeof entry === "string" && member === "cron") return value === undefined ? text : put(text, place, value);
  const made = typeof entry === "string" ? put(text, place, { cron: entry }) : text;
  return value === undefined ? drop(made, [...place, String(member)]) : put(made, [...place, String(member)], value);
}

export function addTime(text: string): string {
  const { schedule } = onOf(text);
  return insert(typeof schedule === "string" ? put(text, ["on", "schedule"], [schedule]) : text, ["on", "schedule"], Number.POSITIVE_INFINITY, { cron: FIRST_TIME });
}

function onOf(text: string): { [name: string]: Value } {
  const { on } = readTree(text).value;
  return isObject(on) ? on : {};
}

/** `on: push` and `on: [push, manual]` as an object, which can hold filters. */
function spread(text: string): string {
  const rules = rulesOf(readTree(text).value["on"]);
  return put(text, ["on"], Object.fromEntries(Object.keys(rules).map((name) => [name, {}])));
}
