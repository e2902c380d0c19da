import assert from "node:assert/strict";
import { test } from "node:test";
import { type Path, readTree } from "../src/form/places";
import type { Value } from "../src/form/render";
import { fieldsOf } from "../src/form/schema";
import { Session } from "../src/form/session";
import { addTime, rulesOf, setFilter, setTime, toggle } from "../src/form/triggers";

test("a schema becomes fields, required ones first", () => {
  const fields = fieldsOf({
    type: "object",
    required: ["command"],
    properties: {
      folder: { type: "string", title: "Folder", description: "Below it.", default: "" },
      command: { type: "string", title: "Command", "x-command": true },
      body: { type: "string", maxLength: 60_000 },
      depth: { type: "integer", default: 1 },
      number: { anyOf: [{ type: "integer" }, { type: "null" }], default: null, title: "Number" },
      strict: { type: "boolean", default: true },
      shell: { enum: ["", "bash"], type: "string" },
      names: { type: "array", items: { type: "string" } },
      levels: { type: "array", items: { enum: ["low", "high"], type: "string" } },
      stages: { type: "array", items: { $ref: "#/$defs/Stage" } },
      budget: { $ref: "#/$defs/Budget", default: { usd: 1 } },
      shape: { anyOf: [{ type: "object" }, { type: "string" }, { type: "null" }] },
      labels: { type: "object", additionalProperties: { type: "string" } },
      anything: true,
    },
    $defs: { Stage: { type: "object" }, Budget: { type: "object", title: "Budget" } },
  });
  assert.deepEqual(fields.map((field) => [field.key, field.kind]), [
    ["command", "lines"], ["folder", "text"], ["body", "lines"], ["depth", "number"], ["number", "number"], ["strict", "check"], ["shell", "choice"],
    ["names", "list"], ["levels", "yaml"], ["stages", "yaml"], ["budget", "yaml"], ["shape", "yaml"], ["labels", "yaml"], ["anything", "yaml"],
  ]);
  assert.equal(fields[0]?.isRequired, true);
  assert.deepEqual([fields[1]?.title, fields[1]?.help, fields[1]?.standard], ["Folder", "Below it.", ""]);
  assert.equal(fields[4]?.title, "Number");
  assert.equal(fields[10]?.title, "Budget");
  assert.deepEqual(fieldsOf({}), []);
});

test("every form of `on` is read as the same rules", () => {
  assert.deepEqual(rulesOf("push"), { push: {} });
  assert.deepEqual(rulesOf(["push", "manual", 1]), { push: {}, manual: {} });
  assert.deepEqual(rulesOf({ push: null, manual: false, release: ["published"], issue: true }), { push: {}, release: { actions: ["published"] }, issue: {} });
  assert.deepEqual(rulesOf({ schedule: ["@daily", { cron: "0 1 * * *" }] }), { schedule: { entries: [{ cron: "@daily" }, { cron: "0 1 * * *" }] } });
  assert.deepEqual([rulesOf(undefined), rulesOf(null), rulesOf(5)], [{}, {}, {}]);
});

test("a trigger is switched on and off without a trace", () => {
  const texts = ["name: x\n", "name: x\non: push # c\nsteps: []\n", "on: [push, release] # c\n", "on:\n  push: {branches: [main]}\n  # about\n  release: [published]\n", "on: {push: {}}\n"];
  for (const text of texts) {
    const before = rulesOf(readTree(text).value["on"]);
    for (const name of ["manual", "pull_request", "webhook", "schedule"]) {
      const on = toggle(text, name, true);
      assert.ok(rulesOf(readTree(on).value["on"])[name], on);
      assert.equal(toggle(on, name, true), on);
      const off = toggle(on, name, false);
      assert.deepEqual(rulesOf(readTree(off).value["on"]), before, off);
      if (name !== "schedule" && !text.includes("on: push")) assert.equal(off, text);
    }
  }
  assert.equal(toggle("on: push\n", "push", false), "");
  assert.equal(toggle("on: [push, manual]\n", "push", false), "on: [manual]\n");
  assert.equal(toggle("on:\n  push: {}\nname: x\n", "push", false), "name: x\n");
});

test("a filter widens the short forms no further than it must", () => {
  const set = (text: string, trigger: string, name: string, value: Value | undefined): string => setFilter(text, ["on", trigger, name], value);
  assert.equal(set("on: push # c\n", "push", "branches", ["main"]), "on: # c\n  push: {branches: [main]}\n");
  assert.equal(set("on: [push, manual]\n", "push", "tags", ["v*"]), "on:\n  push: {tags: [v*]}\n  manual: {}\n");
  assert.equal(set("on:\n  release: [published] # c\n", "release", "actions", ["published", "edited"]), "on:\n  release: [published, edited] # c\n");
  assert.equal(set("on:\n  issue: [opened]\n", "issue", "labels", ["bug"]), "on:\n  issue: {actions: [opened], labels: [bug]}\n");
  assert.equal(set("on:\n  issue: [opened]\n", "issue", "actions", undefined), "on:\n  issue: {}\n");
  assert.equal(set("on:\n  push:\n    branches: [main]\n", "push", "branches", undefined), "on:\n  push: {}\n");
  assert.equal(set("on:\n  push:\n  manual:\n", "push", "branches", ["a"]), "on:\n  push: {branches: [a]}\n  manual:\n");
});

test("times are changed in each form that they may have", () => {
  const at = (index: number, member: string): Path => ["on", "schedule", index, member];
  assert.equal(setTime("on:\n  schedule: '0 3 * * *'\n", at(0, "cron"), "0 4 * * *"), "on:\n  schedule: [\"0 4 * * *\"]\n");
  assert.equal(setTime("on:\n  schedule: ['0 3 * * *', '@daily']\n", at(1, "cron"), "@hourly"), "on:\n  schedule: ['0 3 * * *', '@hourly']\n");
  assert.deepEqual(readTree(setTime("on:\n  schedule: ['0 3 * * *']\n", at(0, "timezone"), "UTC")).value, { on: { schedule: [{ cron: "0 3 * * *", timezone: "UTC" }] } });
  const text = "on:\n  schedule:\n    - cron: '0 3 * * *' # nightly\n      timezone: UTC\n";
  assert.equal(setTime(text, at(0, "cron"), "5 3 * * *"), text.replace("0 3", "5 3"));
  assert.equal(setTime(text, at(0, "timezone"), undefined), text.replace("      timezone: UTC\n", ""));
  assert.deepEqual(readTree(addTime(text)).value, { on: { schedule: [{ cron: "0 3 * * *", timezone: "UTC" }, { cron: "0 3 * * *" }] } });
  assert.deepEqual(readTree(addTime("on:\n  schedule: '@daily'\n")).value, { on: { schedule: ["@daily", { cron: "0 3 * * *" }] } });
});

test("what is unfolded follows its step", () => {
  const session = new Session({ types: [], people: [], secrets: [], isReadOnly: false });
  for (const pointer of ["/steps/0", "/steps/2", "/steps/2/parallel/1", "/finally/0"]) session.opened.add(pointer);
  session.reorder(["steps"], 2, 1);
  assert.deepEqual([...session.opened].sort(), ["/finally/0", "/steps/0", "/steps/1", "/steps/1/parallel/1"]);
  session.reorder(["steps"], 0, null);
  assert.deepEqual([...session.opened].sort(), ["/finally/0", "/steps/0", "/steps/0/parallel/1"]);
});

test("findings belong to their place and to those above it", () => {
  const session = new Session({ types: [], people: [], secrets: [], isReadOnly: false });
  const finding = { severity: "error", code: "c", message: "m", line: 1, column: 1, remedy: null } as const;
  session.findings = [{ ...finding, pointer: "/steps/1/with/a~1b" }, { ...finding, pointer: "/steps/10" }];
  assert.equal(session.found(["steps", 1, "with", "a/b"]).length, 1);
  assert.equal(session.found(["steps", 1]).length, 0);
  assert.equal(session.found(["steps", 1], true).length, 1);
});
