import assert from "node:assert/strict";
import { test } from "node:test";
import { JobText } from "../src/git/jobtext";

test("pieces of a job's log become lines, whatever they are cut at", () => {
  const text = new JobText();
  assert.deepEqual(text.take(0, 5, "one\nt"), { line: 1, text: "one\nt" });
  assert.deepEqual(text.take(5, 3, "wo\n"), { line: 2, text: "wo\n" });
  assert.deepEqual(text.take(8, 3, "end"), { line: 3, text: "end" });
  assert.deepEqual(text.slice(1, 9).map((line) => line.text), ["one", "two", "end"]);
  assert.equal(text.end, 11);
});

test("a repeated piece is taken once, and an overlapping one from where it is new", () => {
  const text = new JobText();
  text.take(0, 6, "é\nab\n");
  assert.equal(text.take(0, 6, "é\nab\n"), null);
  assert.deepEqual(text.take(3, 5, "ab\ncd"), { line: 3, text: "cd" });
  assert.deepEqual(text.slice(1, 9).map((line) => line.text), ["é", "ab", "cd"]);
});

test("a piece after a hole is refused and changes nothing", () => {
  const text = new JobText();
  text.take(0, 2, "a\n");
  assert.equal(text.take(10, 2, "z\n"), "hole");
  assert.equal(text.total, 1);
});

test("an overlapping piece with replaced bytes is asked for anew", () => {
  const text = new JobText();
  text.take(0, 2, "a\n");
  assert.equal(text.take(1, 3, "\n\ufffdb"), "hole");
});

test("a search tells of all hits and of the first lines", () => {
  const text = new JobText();
  text.take(0, 24, "Error\nok\n\u001b[31merr\u001b[0mor\n");
  assert.deepEqual(text.find("ERROR", 1), { total: 2, lines: [1] });
  assert.equal(text.firstError(), 1);
});
