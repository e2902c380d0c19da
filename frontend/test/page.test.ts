import assert from "node:assert/strict";
import { test } from "node:test";
import { completionsAt } from "../src/completions";
import { formatBytes, formatDuration, formatRelative } from "../src/lib/format";
import { backoff } from "../src/lib/socket";
import { chipStatus } from "../src/lib/status";
import { progressWords } from "../src/lib/progress";
import { layOut } from "../src/waterfall";
import { prune, wordsIn } from "../prune.mjs";

test("durations read as people say them", () => {
  assert.deepEqual([0, 8, 400, 1200, 59_949, 59_990, 64_000, 3_600_000, 7_500_000, 187_200_000].map(formatDuration),
    ["0s", "8ms", "400ms", "1.2s", "59.9s", "1m 00s", "1m 04s", "1h 00m", "2h 05m", "2d 04h"]);
  assert.equal(formatDuration(Number.NaN), "–");
});

test("moments are told from now", () => {
  const now = new Date("2026-05-10T12:00:00Z");
  const at = (text: string): string => formatRelative(new Date(text), now);
  assert.equal(at("2026-05-10T11:59:55Z"), "just now");
  assert.equal(at("2026-05-10T11:56:00Z"), "4m ago");
  assert.equal(at("2026-05-10T14:00:00Z"), "in 2h");
  assert.equal(at("2025-01-02T12:00:00Z"), "2 Jan 2025");
});

test("sizes have one unit", () => {
  assert.deepEqual([0, 1023, 1024, 1_048_575, 5_368_709_120].map(formatBytes), ["0 B", "1023 B", "1.0 kB", "1.0 MB", "5.0 GB"]);
});

test("connecting again waits longer each time, up to half a minute", () => {
  assert.equal(backoff(0, 0.5), 1000);
  assert.equal(backoff(3, 0.5), 8000);
  assert.ok(backoff(50, 1) <= 37_500);
});

test("only waiting for people looks like waiting", () => {
  assert.equal(chipStatus("running", "approval"), "waiting");
  assert.equal(chipStatus("queued", "worker"), "queued");
  assert.equal(chipStatus("cancelled", "approval"), "cancelled");
  assert.equal(chipStatus("waiting_approval"), "waiting");
});

test("a run says how far it has come and where it is", () => {
  assert.equal(progressWords(3, 7, "Tests"), "3 of 7 · Tests");
  assert.equal(progressWords(0, 2, ""), "0 of 2");
});

test("bars share one axis and stay visible", () => {
  assert.deepEqual(layOut([{ start: 0, end: 50 }, { start: 50, end: 100 }]), [{ left: 0, width: 0.5 }, { left: 0.5, width: 0.5 }]);
  const [instant] = layOut([{ start: 100, end: 100 }, { start: 0, end: 100 }]);
  assert.ok(instant && instant.width > 0 && instant.left + instant.width <= 1);
});

test("completion knows where it stands", () => {
  const labels = (before: string): string[] | undefined =>
    completionsAt(before, [{ type: "checkout", description: "", keys: ["fetch_depth"] }])?.options.map((option) => option.label);
  assert.ok(labels("na")?.includes("name"));
  assert.ok(labels("on:\n  pu")?.includes("push"));
  assert.ok(labels("steps:\n  - us")?.includes("uses"));
  assert.ok(labels("steps:\n  - name: x\n    us")?.includes("uses"));
  assert.deepEqual(labels("steps:\n  - uses: ch"), ["checkout"]);
  assert.deepEqual(labels("steps:\n  - uses: checkout\n    with:\n      fe"), ["fetch_depth"]);
  assert.equal(labels("env:\n  FO"), undefined);
});

test("pruning keeps what can match and drops what cannot", () => {
  const words = wordsIn(['<p class="a b">']);
  assert.equal(prune("p{x:1}.a{y:1}.c{z:1}.a,.c{w:1}@media print{.c{v:1}.b:not(.c){u:1}}", words),
    "p{x:1}.a{y:1}.a{w:1}@media print{.b:not(.c){u:1}}");
});
