import assert from "node:assert/strict";
import { test } from "node:test";
import { LINE_LIMIT, parseLine, plainText } from "../src/log/ansi";
import { LineCache } from "../src/log/cache";
import { Groups } from "../src/log/groups";
import { formatHash, groupMark, lineLevel, parseHash } from "../src/log/marks";
import { Heights, MAX_HEIGHT, RowMap, ScrollScale } from "../src/log/rows";
import { type Step, splitChunk, StreamPosition } from "../src/log/stream";

test("colours become classes and end with a reset", () => {
  assert.deepEqual(parseLine("\u001b[1;31mred\u001b[0m plain"), [
    { text: "red", classes: "fg-1 sgr-bold" },
    { text: " plain", classes: "" },
  ]);
});

test("256 and 24-bit colours become one of sixteen", () => {
  assert.equal(parseLine("\u001b[38;5;196mx")[0]?.classes, "fg-9");
  assert.equal(parseLine("\u001b[48;2;0;0;0mx")[0]?.classes, "bg-0");
  assert.equal(parseLine("\u001b[38;5;9;1mx")[0]?.classes, "fg-9 sgr-bold");
});

test("escape sequences other than colours vanish", () => {
  assert.equal(plainText("\u001b]0;title\u0007a\u001b[2Jb\u001b]8;;http://x\u001b\\c\u001b(Bd\u001bPq..\u001b\\e"), "abcde");
});

test("an unfinished escape at the end hides no text before it", () => {
  assert.equal(plainText("done\u001b"), "done");
  assert.equal(plainText("done\u001b]0;never ended"), "done");
});

test("direction controls and zero-width characters are shown", () => {
  assert.equal(plainText("a\u202eb\u200bc"), "a[U+202E]b[U+200B]c");
  assert.equal(plainText("\u0008\u0000"), "␈␀");
});

test("a carriage return overwrites what it reaches", () => {
  assert.equal(plainText("10%\r20%\r\u001b[36m100%"), "100%");
  assert.equal(plainText("abcdef\rXY"), "XYcdef");
  assert.equal(plainText("abcdef\rXY\u001b[K"), "XY");
  assert.equal(plainText("windows\r"), "windows");
});

test("a very long line is cut and says so", () => {
  const shown = plainText("x".repeat(LINE_LIMIT + 5));
  assert.ok(shown.endsWith("5 more characters in the raw log"));
  assert.ok(shown.length < LINE_LIMIT + 60);
});

test("markup stays text", () => {
  assert.deepEqual(parseLine("<b>x</b>"), [{ text: "<b>x</b>", classes: "" }]);
});

test("groups of GitHub and GitLab are recognised", () => {
  assert.deepEqual(groupMark("::group::Set up"), { kind: "start", title: "Set up", name: "", at: null, isCollapsed: false });
  assert.deepEqual(groupMark("::endgroup::"), { kind: "end", name: "", at: null });
  assert.deepEqual(groupMark("\u001b[0Ksection_start:1700000000:build[collapsed=true]\r\u001b[0KBuild"), {
    kind: "start", title: "Build", name: "build", at: 1_700_000_000_000, isCollapsed: true,
  });
  assert.equal(groupMark("a group of people"), null);
});

test("levels tell errors from reports of none", () => {
  assert.equal(lineLevel("FAILED tests/a.py::b - assert"), "error");
  assert.equal(lineLevel("ValueError: no"), "error");
  assert.equal(lineLevel("0 errors, 3 passed"), "");
  assert.equal(lineLevel("no failures"), "");
  assert.equal(lineLevel("::warning file=a::b"), "warning");
});

test("an address names a line or a range, in either order", () => {
  assert.deepEqual(parseHash("#L20-L10"), { from: 10, to: 20 });
  assert.deepEqual(parseHash("#L7"), { from: 7, to: 7 });
  assert.equal(parseHash("#L0"), null);
  assert.equal(parseHash("#L1;x"), null);
  assert.equal(formatHash({ from: 10, to: 20 }), "#L10-L20");
});

test("every byte of a stream is shown once, whatever is repeated or lost", () => {
  const whole = Array.from({ length: 300 }, (_, n) => `line ${n} ${"é".repeat(n % 7)}\n`).join("");
  const bytes = new TextEncoder().encode(whole);
  const position = new StreamPosition(0);
  const shown: string[] = [];
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed % below;
  };
  const lineAt = (offset: number): number => whole.slice(0, new TextDecoder().decode(bytes.subarray(0, offset)).length).split("\n").length;
  const boundary = (offset: number): number => {
    let at = Math.min(offset, bytes.length);
    while (at > 0 && at < bytes.length && ((bytes[at] ?? 0) & 0xc0) === 0x80) at -= 1;
    return at;
  };
  for (let round = 0; position.offset < bytes.length && round < 10_000; round += 1) {
    const from = boundary(Math.max(0, position.offset - random(60) + random(80)));
    const to = boundary(from + 1 + random(90));
    if (to <= from) continue;
    const step: Step = position.take({
      type: "log", offset: from, next_offset: to, line: lineAt(from), at: null, text: new TextDecoder().decode(bytes.subarray(from, to)),
    });
    if (step.do === "append") {
      assert.equal(step.line, shown.join("").split("\n").length);
      shown.push(step.text);
    } else assert.ok(step.do === "resume" || step.do === "ignore");
  }
  assert.equal(shown.join(""), whole);
});

test("a gap moves the position over the bytes that are not kept", () => {
  const position = new StreamPosition(10);
  assert.deepEqual(position.take({ type: "gap", from_offset: 10, to_offset: 60 }), { do: "gap", bytes: 50 });
  assert.deepEqual(position.take({ type: "gap", from_offset: 10, to_offset: 60 }), { do: "ignore" });
  assert.equal(position.offset, 60);
});

test("a chunk without newline leaves its last line open", () => {
  assert.deepEqual(splitChunk("a\nb"), ["a", "b"]);
  assert.deepEqual(splitChunk("a\nb\n"), ["a", "b"]);
  assert.deepEqual(splitChunk("\n"), [""]);
});

test("what the stream wrote is not overwritten by a slower answer", () => {
  const cache = new LineCache();
  cache.putLoaded([{ n: 1, at: null, text: "one" }, { n: 2, at: null, text: "tw" }]);
  assert.equal(cache.appendLive(2, null, "o", true), true);
  cache.putLoaded([{ n: 2, at: null, text: "two and more" }]);
  assert.equal(cache.get(2)?.text, "two");
  assert.equal(cache.missing(1, 2), null);
  assert.deepEqual(cache.missing(1, 3), { line: 1, limit: 500 });
});

test("the cache stays small while a long log passes", () => {
  const cache = new LineCache();
  for (let n = 1; n <= 200_000; n += 1) cache.putLoaded([{ n, at: null, text: "" }]);
  assert.equal(cache.get(1), undefined);
  assert.notEqual(cache.get(200_000), undefined);
});

test("hidden lines leave the rows and come back", () => {
  const map = new RowMap();
  map.total = 100;
  map.hide(11, 20);
  map.hide(31, 40);
  assert.equal(map.rows, 80);
  assert.equal(map.lineAt(9), 10);
  assert.equal(map.lineAt(10), 21);
  assert.equal(map.lineAt(20), 41);
  for (let row = 0; row < map.rows; row += 1) assert.equal(map.rowOf(map.lineAt(row)), row);
  assert.equal(map.reveal(15), true);
  assert.equal(map.rows, 90);
});

test("rows of unusual height move what is below them only", () => {
  const heights = new Heights(20);
  assert.equal(heights.set(300, 60), 40);
  assert.equal(heights.set(300, 60), 0);
  assert.equal(heights.offsetOf(300), 6000);
  assert.equal(heights.offsetOf(301), 6060);
  assert.equal(heights.total(1000), 20_040);
  assert.equal(heights.rowAt(6059, 1000), 300);
  assert.equal(heights.rowAt(6060, 1000), 301);
});

test("a log of a million lines fits the height that browsers allow", () => {
  const scale = new ScrollScale(20_000_000, 800);
  assert.equal(scale.height, MAX_HEIGHT);
  assert.equal(scale.toContent(scale.height - 800), scale.maximum);
  assert.equal(Math.round(scale.toContent(scale.toScroll(1_234_560))), 1_234_560);
});

test("a group ends where its own end is, not an inner one's", () => {
  const cache = new LineCache();
  const texts = ["::group::a", "::group::b", "::endgroup::", "x", "::endgroup::"];
  cache.putLoaded(texts.map((text, at) => ({ n: at + 1, at: `2026-01-01T00:00:0${at}Z`, text })));
  assert.deepEqual(new Groups(cache).endOf(1, 5), { line: 5, milliseconds: 4000 });
  assert.deepEqual(new Groups(cache).endOf(1, 9), { line: 5, milliseconds: 4000 });
  assert.deepEqual(new Groups(new LineCache()).endOf(1, 9), null);
});
