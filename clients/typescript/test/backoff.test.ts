import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff, HIDDEN_BOUND_MS, LAST_BOUND_MS, STEADY_AFTER_MS } from "../src/backoff.js";

const SHOWN = { isHidden: false };
const HIDDEN = { isHidden: true };

function bounds(failures: number, circumstances = SHOWN): number[] {
  const backoff = new Backoff(() => 1);
  return Array.from({ length: failures }, () => {
    backoff.failed(0);
    return backoff.waitMs(circumstances);
  });
}

test("two short bounds are followed by the last", () => {
  assert.deepEqual(bounds(4), [500, 4000, 25_000, 25_000]);
});

test("jitter is full, also where everybody has reached the cap", () => {
  const draws = [0, 0.25, 0.999];
  const backoff = new Backoff(() => draws.shift() ?? 0);
  for (let failures = 0; failures < 20; failures += 1) backoff.failed(0);
  const waits = [1, 2, 3].map(() => backoff.waitMs(SHOWN));
  assert.deepEqual(waits, [0, 0.25 * LAST_BOUND_MS, 0.999 * LAST_BOUND_MS]);
});

test("only a connection that held resets the count", () => {
  const backoff = new Backoff(() => 1);
  for (const uptimeMs of [0, 0, STEADY_AFTER_MS - 1]) backoff.failed(uptimeMs);
  assert.equal(backoff.failures, 3);
  backoff.failed(STEADY_AFTER_MS);
  assert.equal(backoff.failures, 1);
});

test("coming back at once is for the first failure alone", () => {
  const backoff = new Backoff(() => 1);
  backoff.failed(STEADY_AFTER_MS);
  assert.equal(backoff.atOnceMs(SHOWN), 0);
  backoff.failed(0);
  assert.equal(backoff.atOnceMs(SHOWN), 4000);
});

test("a hidden page tries once like any other, and then seldom", () => {
  assert.deepEqual(bounds(3, HIDDEN), [500, HIDDEN_BOUND_MS, HIDDEN_BOUND_MS]);
});

test("who was closed on purpose skips the shortest bound, and no other", () => {
  const backoff = new Backoff(() => 1);
  const waits = [1, 2, 3].map(() => {
    backoff.failed(0);
    return backoff.waitMs({ ...SHOWN, isCrowd: true });
  });
  assert.deepEqual(waits, [4000, 4000, 25_000]);
});
