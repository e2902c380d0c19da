import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import type { Value } from "../src/form/render";
import { type Path, readTree, valueAt } from "../src/form/places";
import { drop, insert, put, rename, swap } from "../src/form/tree";

const TEXT = `# what people wrote stays
name: CI # the name
on:
  push: {branches: [main]} # only there

  manual: {}
env: { A: "1" , B: '2'}
steps:
  # about the first
  - name: Check out
    uses: checkout
    with: {name: inner}

  - {name: Lint, uses: run_command}
  # about the group
  - name: Group
    parallel:
    - name: A   # dashes at the key's column
      uses: run_command
      with:
        command: |
          make a
          make b
    - {name: B, uses: run_command}
finally:
- name: Tell
  uses: notify
# the end
`;

/** What one edit changed: the part that went and the part that came. */
function difference(before: string, after: string): [string, string] {
  let head = 0;
  while (head < before.length && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < Math.min(before.length, after.length) - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  return [before.slice(head, before.length - tail), after.slice(head, after.length - tail)];
}

/** The value that an edit must give, reckoned without any text. */
function expected(text: string, path: Path, value: Value | undefined): unknown {
  const whole = parse(text) as Value;
  let holder = whole as Record<string | number, unknown>;
  for (const part of path.slice(0, -1)) holder = (holder[part] ??= {}) as Record<string | number, unknown>;
  const part = path.at(-1) ?? "";
  if (value === undefined) delete holder[part];
  else holder[part] = value;
  return whole;
}

function lines(...parts: string[]): string {
  return parts.map((part) => `${part}\n`).join("");
}

test("a changed value is the only change", () => {
  const cases: [Path, Value, [string, string]][] = [
    [["name"], "Build", ["CI", "Build"]],
    [["name"], "a: b", ["CI", '"a: b"']],
    [["on", "push", "branches", 0], "dev", ["main", "dev"]],
    [["on", "push", "branches"], ["main", "release/**"], ["", ", release/**"]],
    [["on", "push", "branches"], ["a", "main"], ["", "a, "]],
    [["env", "A"], "3", ["1", "3"]],
    [["env", "B"], "it's", ["2", "it''s"]],
    [["env", "C"], "x y", ["", ", C: x y"]],
    [["steps", 1, "uses"], "run_tests", ["command", "tests"]],
    [["steps", 2, "parallel", 0, "name"], "AA", ["", "A"]],
    [["steps", 2, "parallel", 0, "with", "command"], "make a\nmake c\n", ["b", "c"]],
    [["finally", 0, "with", "to"], ["a@b.example"], ["", "\n  with:\n    to: [a@b.example]"]],
    [["on", "push", "paths"], ["src/**"], ["", ", paths: [src/**]"]],
    [["on", "pull_request"], {}, ["", "\n  pull_request: {}"]],
    [["description"], "One. Two.", ["", "\ndescription: One. Two."]],
    [["concurrency"], "unlimited", ["", "\nconcurrency: unlimited"]],
  ];
  for (const [path, value, [went, came]] of cases) {
    const made = put(TEXT, path, value);
    const [gone, added] = difference(TEXT, made);
    assert.deepEqual(parse(made), expected(TEXT, path, value), JSON.stringify(path));
    // Where the same letters stand on both sides, the change may be seen one place further.
    assert.equal(gone.length, went.length, `${JSON.stringify(path)}: ${gone} became ${added}`);
    assert.equal(added.length, came.length, `${JSON.stringify(path)}: ${gone} became ${added}`);
    assert.equal(TEXT.length - went.length + came.length, made.length);
    assert.ok(made.includes(came.trim()), made);
  }
});

test("what was set where nothing was is taken away without a trace", () => {
  const places: [Path, Value, number][] = [
    [["description"], "Tests", 1],
    [["on", "release", "actions"], ["published"], 1],
    [["concurrency", "policy"], "reject", 0],
    [["notifications", "on_failure"], ["team@example.com", "user:1"], 0],
    [["steps", 0, "with", "depth"], 3, 3],
    [["steps", 1, "if"], "failure() && x == 'a'", 2],
    [["steps", 2, "parallel", 0, "approval"], { required: 2 }, 4],
    [["steps", 2, "parallel", 1, "continue_on_error"], true, 4],
    [["finally", 0, "with", "message"], "one\ntwo", 2],
    [["finally", 0, "retry"], { attempts: 2, on: ["worker_lost", { exit_code: 75 }] }, 2],
    [["runner_labels"], ["linux"], 0],
  ];
  for (const text of [TEXT, TEXT.replaceAll("\n", "\r\n"), TEXT.trimEnd(), TEXT.replace("# the end\n", "")]) {
    for (const [path, value, keep] of places) {
      const made = put(text, path, value);
      assert.notEqual(made, text, JSON.stringify(path));
      assert.deepEqual(valueAt(readTree(made).value, path), value, made);
      assert.equal(drop(made, path, keep), text, JSON.stringify(path));
    }
  }
});

test("a value and its former one give the same text", () => {
  const words = ["Build", "x y", "deux é 文 🎉", "release/1.x", "${{ inputs.a }}"];
  for (const path of [["name"], ["env", "A"], ["env", "B"], ["steps", 0, "uses"], ["steps", 1, "name"], ["on", "push", "branches", 0]] as Path[]) {
    const before = valueAt(readTree(TEXT).value, path) ?? null;
    for (const word of words.filter((each) => path[0] !== "on" && path[1] !== 1 || !each.includes("{"))) {
      const made = put(TEXT, path, word);
      assert.equal(valueAt(readTree(made).value, path), word);
      assert.equal(put(made, path, before), TEXT, `${JSON.stringify(path)} ${word}`);
    }
  }
});

test("steps are added, moved and removed whole", () => {
  const names = (text: string): unknown[] => (readTree(text).value["steps"] as { name: string }[]).map((step) => step.name);
  for (const text of [TEXT, TEXT.replaceAll("\n", "\r\n")]) {
    const moved = swap(text, ["steps"], 0, 1);
    assert.deepEqual(names(moved), ["Lint", "Check out", "Group"]);
    assert.match(moved, /# about the first\r?\n {2}- name: Check out/);
    assert.equal(swap(moved, ["steps"], 1, -1), text);
    assert.equal(swap(swap(text, ["steps"], 1, 1), ["steps"], 2, -1), text);
    const members = swap(text, ["steps", 2, "parallel"], 0, 1);
    assert.deepEqual(valueAt(readTree(members).value, ["steps", 2, "parallel", 0, "name"]), "B");
    assert.equal(swap(members, ["steps", 2, "parallel"], 1, -1), text);
    for (const at of [0, 1, 2, 3]) {
      const added = insert(text, ["steps"], at, { name: "New", uses: "custom", with: { command: "a\nb\n" } });
      assert.equal(names(added)[at], "New");
      assert.equal(drop(added, ["steps", at]), text);
    }
    assert.equal(swap(text, ["steps"], 0, -1), text);
    assert.equal(swap(text, ["steps"], 2, 1), text);
  }
  assert.equal(drop("name: x\nsteps:\n  - name: a\n    uses: b\n", ["steps", 0]), "name: x\nsteps: []\n");
  assert.equal(insert("name: x\nsteps: []\n", ["steps"], 0, { name: "a", uses: "b" }), "name: x\nsteps:\n  - name: a\n    uses: b\n");
  assert.equal(insert("name: x\n", ["steps"], 0, { name: "a" }), "name: x\nsteps:\n  - name: a\n");
});

test("a first key goes and comes without the dash", () => {
  const text = lines("steps:", "  - if: always() # when", "    # what", "    name: a");
  assert.deepEqual(parse(drop(text, ["steps", 0, "if"])), { steps: [{ name: "a" }] });
  assert.match(drop(text, ["steps", 0, "if"]), /# what/);
  assert.equal(put(lines("steps:", "  - uses: b"), ["steps", 0, "name"], "a"), lines("steps:", "  - name: a", "    uses: b"));
});

test("values change their kind in place", () => {
  const cases: [string, Path, Value, string][] = [
    ["on: push # why\nsteps: []\n", ["on"], { push: {}, manual: {} }, "on: # why\n  push: {}\n  manual: {}\nsteps: []\n"],
    ["on:\n  push: {}\n  # c\n  manual: {}\nname: x\n", ["on"], "push", "on: push\nname: x\n"],
    ["a: # here\nb: 1\n", ["a", "c"], 2, "a: {c: 2} # here\nb: 1\n"],
    ["a:\nb: 1\n", ["a"], "v", "a: v\nb: 1\n"],
    ["a: {}\n", ["a", "with"], { x: "1\n2\n" }, "a:\n  with:\n    x: |\n      1\n      2\n"],
    ["a: | # kept\n  one\n  two\nb: 1\n", ["a"], "one\n", "a: | # kept\n  one\nb: 1\n"],
    ["a: |\n  one\n\n\nb: 1\n", ["a"], 5, "a: 5\n\n\nb: 1\n"],
    ["l:\n  - '0 3 * * *'\n  - x\n", ["l", 0], { cron: "0 4 * * *", zone: "UTC" }, "l:\n  - cron: \"0 4 * * *\"\n    zone: UTC\n  - x\n"],
    ["l:\n  - cron: a\n    z: b\n  - x\n", ["l", 0], "v", "l:\n  - v\n  - x\n"],
    ["l: ['a', \"b\"]\n", ["l"], ["a", "b", "c"], "l: ['a', \"b\", c]\n"],
    ["l: [a, b, ]\n", ["l"], ["a"], "l: [a, ]\n"],
    ["l: [\n  a, # first\n  b # second\n]\n", ["l"], ["b"], "l: [\n   # first\n  b # second\n]\n"],
    ["{name: x, steps: []}\n", ["type"], "deploy", "{name: x, type: deploy, steps: []}\n"],
  ];
  for (const [text, path, value, made] of cases) {
    assert.equal(put(text, path, value), made);
    assert.deepEqual(valueAt(readTree(put(text, path, value)).value, path), value);
  }
});

test("the last member of an object leaves it empty or takes it along", () => {
  const text = lines("on:", "  push:", "    branches: [main] # x", "  manual: {}");
  assert.equal(drop(text, ["on", "push", "branches"]), lines("on:", "  push: {} # x", "  manual: {}"));
  assert.equal(drop(text, ["on", "push", "branches"], 1), lines("on:", "  manual: {}"));
  assert.equal(drop("a: {b: 1}\n", ["a", "b"]), "a: {}\n");
  assert.equal(drop("a: {b: 1, c: 2, d: 3}\n", ["a", "c"]), "a: {b: 1, d: 3}\n");
  assert.equal(drop("a: {b: 1, c: 2, d: 3}\n", ["a", "b"]), "a: {c: 2, d: 3}\n");
});

test("an empty document takes its first key", () => {
  for (const text of ["", "# only a comment", "\n\n", "---\n"]) {
    const made = put(text, ["name"], "x");
    assert.ok(made.startsWith(text));
    assert.deepEqual(parse(made), { name: "x" });
  }
});

test("keys are renamed where they stand", () => {
  const text = "inputs:\n  'a b': {type: string} # c\n  other: {}\n";
  assert.equal(rename(text, ["inputs", "a b"], "target"), "inputs:\n  'target': {type: string} # c\n  other: {}\n");
  assert.equal(rename(text, ["inputs", "a b"], "other"), text);
  assert.equal(rename("a: {b: 1}", ["a", "b"], "c: d"), 'a: {"c: d": 1}');
});

test("a text that does not parse says where and is left alone", () => {
  const broken = ["a: [", "a: 1\na: 2\n", "\tb: 1\n", "a: {b", "a: b: c", "a: \"x", "- 1\n- 2\n", "word", "a: 1\n---\nb: 2\n", "a: *none\n", "? [a]\n: {\n"];
  for (const text of broken) {
    const tree = readTree(text);
    assert.ok(tree.problem && tree.problem.line >= 1 && tree.problem.message !== "", text);
    assert.equal(put(text, ["name"], "x"), text);
    assert.equal(drop(text, ["a"]), text);
    assert.equal(insert(text, ["steps"], 0, "x"), text);
    assert.equal(swap(text, ["steps"], 0, 1), text);
    assert.equal(rename(text, ["a"], "b"), text);
  }
});

test("aliases, anchors and odd keys are left as they are", () => {
  const text = lines("base: &b {x: 1}", "used: *b", "? odd", ": 1", "name: &n old # c");
  assert.equal(put(text, ["used", "x"], 2), text);
  assert.equal(put(text, ["odd"], 2), text);
  assert.equal(drop(text, ["odd"]), text);
  assert.equal(put(text, ["name"], "new"), text.replace("old", "new"));
  assert.equal(put(text, ["base", "x"], 3), text.replace("x: 1", "x: 3"));
  const bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "bcdefghij".split("").map((key, at) => `${key}: &${key} [${`*${"abcdefghij"[at]}, `.repeat(9)}x]\n`).join("");
  assert.ok(readTree(bomb).problem);
});

test("texts that mean something else are quoted", () => {
  const odd = ["", " ", "yes", "No", "null", "~", "1", "1.5", "0x1f", "1_000", "12:30", "2024-01-01", "-", "- a", "a:", "a: b", "a #b", "#a", "*x", "&x", "!t", "%d", "@x", "`c`", "{a}", "[a]", "a]", "a, b", "?", "? a", "|", ">", "'", '"', "\\", "a\nb", "\na", "a\n\n", " lead\nx", "tab\tx", "\u0000", "\u0085", "\u2028", "\ufeff", "\r\n", "...", "---", ".inf", "=", "<<", "é", "文字", "🎉", "${{ a.b }}", "a\u00a0", "x".repeat(300)];
  for (const text of [TEXT, "name: x\n", "name: 'x'\n", 'name: "x"\n', "name: |\n  x\n", "name: >-\n  x\n  y\n"]) {
    for (const word of odd) {
      const made = put(text, ["name"], word);
      assert.deepEqual(parse(made), expected(text, ["name"], word), JSON.stringify([text, word, made]));
      const inside = put(TEXT, ["on", "push", "branches"], ["main", word]);
      assert.deepEqual(valueAt(readTree(inside).value, ["on", "push", "branches"]), ["main", word], inside);
      const step = put(TEXT, ["steps", 2, "parallel", 0, "with", "command"], word);
      assert.equal(valueAt(readTree(step).value, ["steps", 2, "parallel", 0, "with", "command"]), word, step);
      const key = put(TEXT, ["env", word === "" ? "e" : word], "1");
      assert.equal(valueAt(readTree(key).value, ["env", word === "" ? "e" : word]), "1", key);
    }
  }
});

test("any edit of any document gives the value that was meant", () => {
  // A generator of our own: the same documents each time.
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T;
  const word = (): string => pick(["a", "b c", "x: y", "# no", "yes", "é", "l1\nl2\n", "l1\nl2", "- i", "{", "${{ a }}", ""]);
  const value = (depth: number): Value => {
    const kind = random(depth > 2 ? 3 : 6);
    if (kind === 0) return word();
    if (kind === 1) return random(90) - 45;
    if (kind === 2) return pick([true, false, null]);
    if (kind < 5) return Object.fromEntries(Array.from({ length: random(4) }, (_, at) => [pick(["name", "on", "k", "a b"]) + at, value(depth + 1)]));
    return Array.from({ length: random(4) }, () => value(depth + 1));
  };
  const places = (of: Value, path: Path = []): Path[] => {
    const inner = typeof of === "object" && of !== null ? Object.entries(of).map(([key, member]) => [Array.isArray(of) ? Number(key) : key, member] as const) : [];
    return [...(path.length ? [path] : []), ...inner.flatMap(([key, member]) => places(member, [...path, key]))];
  };
  for (let round = 0; round < 1500; round += 1) {
    let text = pick([TEXT, TEXT.replaceAll("\n", "\r\n"), "", "# c\n"]);
    for (let edit = 0; edit < 4; edit += 1) {
      const before = readTree(text);
      const known = places(before.value);
      const path: Path = known.length > 0 && random(4) > 0 ? pick(known) : [`new${edit}`, "deep"];
      const meant = value(0);
      const made = put(text, path, meant);
      assert.equal(readTree(made).problem, null, made);
      assert.deepEqual(valueAt(readTree(made).value, path), meant, JSON.stringify({ text, path, meant, made }));
      if (known.some((each) => each.length === path.length && each.every((part, at) => part === path[at]))) {
        assert.deepEqual(readTree(made).value, expected(text, path, meant), JSON.stringify({ text, path, meant, made }));
      }
      const comments = (of: string): number => of.split("# about the first").length;
      if (path[0] !== "steps") assert.equal(comments(made), comments(text));
      text = made;
    }
  }
});
