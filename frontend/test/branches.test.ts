import assert from "node:assert/strict";
import { test } from "node:test";
import { branchPasses } from "../src/git/branches";

test("without a filter every branch passes", () => {
  assert.equal(branchPasses("none", "", "any/branch"), true);
  assert.equal(branchPasses("wildcard", "", "any/branch"), true);
});

test("one star stops at a slash, two do not", () => {
  assert.equal(branchPasses("wildcard", "release/*", "release/1.2"), true);
  assert.equal(branchPasses("wildcard", "release/*", "release/2.0/rc1"), false);
  assert.equal(branchPasses("wildcard", "release/**", "release/2.0/rc1"), true);
  assert.equal(branchPasses("wildcard", "v?.0", "v1.0"), true);
  assert.equal(branchPasses("wildcard", "v1.0", "v1x0"), false);
});

test("an expression is searched for, and a broken one lets nothing pass", () => {
  assert.equal(branchPasses("regex", "lease/\\d", "release/1"), true);
  assert.equal(branchPasses("regex", "(", "main"), null);
});
