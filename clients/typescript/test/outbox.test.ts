import assert from "node:assert/strict";
import { test } from "node:test";

import { Outbox, type OutboxLimits, type Settled } from "../src/outbox.js";
import type { Message } from "../src/messages.js";
import { FakeClock } from "./support/clock.js";
import { at } from "./support/log.js";

const LIMITS: OutboxLimits = { count: 3, bytes: 1000, ageMs: 60_000 };
const ALLOWED = { maxMessageBytes: 65_536, unansweredIds: 64 };

function setUp(limits = LIMITS): { outbox: Outbox; clock: FakeClock } {
  const clock = new FakeClock();
  return { clock, outbox: new Outbox(() => clock.now(), limits) };
}

/** Adds a publish and answers where it will be written what became of it. */
function publish(outbox: Outbox, once: string, fields: object = {}): Settled[] {
  const settled: Settled[] = [];
  const command = { type: "publish", channel: "a", data: 1, once, ...fields };
  outbox.add(command, true, (how) => settled.push(how));
  return settled;
}

function call(outbox: Outbox): Settled[] {
  const settled: Settled[] = [];
  outbox.add({ type: "call", method: "buy" }, false, (how) => settled.push(how));
  return settled;
}

/** What became of it, in a word. */
function outcome([settled]: Settled[]): string | undefined {
  if (settled?.kind !== "failed") return settled?.kind;
  return "code" in settled.error ? String(settled.error.code) : settled.error.name;
}

function error(code: string, fields: object = {}): Message {
  return { type: "error", code, message: code, ...fields };
}

test("a command leaves with an id, and its answer settles it", () => {
  const { outbox } = setUp();
  const settled = publish(outbox, "k1");
  assert.deepEqual(
    outbox.take().map(({ once, id }) => [once, id]),
    [["k1", 1]],
  );
  const answer = { type: "published", channel: "a", ...at(4) };
  assert.ok(outbox.answered(1, answer));
  assert.deepEqual(settled, [{ kind: "ok", answer }]);
  assert.equal(outbox.count, 0);
});

test("after a broken connection a publish is repeated under the same key, in order", () => {
  const { outbox } = setUp();
  publish(outbox, "k1");
  publish(outbox, "k2");
  outbox.take();
  outbox.disconnected();
  publish(outbox, "k3");
  assert.deepEqual(
    outbox.take().map(({ once }) => once),
    ["k1", "k2", "k3"],
  );
});

test("after a broken connection a call is not repeated: its outcome is unknown", () => {
  const { outbox } = setUp();
  const settled = call(outbox);
  outbox.take();
  outbox.disconnected();
  assert.equal(outcome(settled), "OutcomeUnknown");
});

test("a call that was never sent waits for the connection", () => {
  const { outbox } = setUp();
  const settled = call(outbox);
  outbox.disconnected();
  assert.equal(outcome(settled), undefined);
  assert.equal(outbox.take().length, 1);
});

test("our own key coming back settles a publish whose answer was lost", () => {
  const { outbox } = setUp();
  const settled = publish(outbox, "k1");
  outbox.take();
  outbox.disconnected();
  outbox.seen("k1", "a", at(7));
  assert.equal(outcome(settled), "ok");
  assert.deepEqual(outbox.take(), []);
});

test("a key in another channel is another key", () => {
  const { outbox } = setUp();
  const settled = publish(outbox, "k1");
  outbox.take();
  outbox.seen("k1", "b", at(7));
  assert.equal(outcome(settled), undefined);
});

test("a refusal is a refusal", () => {
  const { outbox } = setUp();
  const settled = publish(outbox, "k1");
  outbox.take();
  outbox.answered(1, error("forbidden"));
  assert.equal(outcome(settled), "forbidden");
});

test("a refused repeat says nothing about the first try", () => {
  const { outbox } = setUp();
  const settled = publish(outbox, "k1");
  outbox.take();
  outbox.disconnected();
  outbox.take();
  outbox.answered(2, error("forbidden"));
  assert.equal(outcome(settled), "OutcomeUnknown");
});

test("what the server could not do now is sent again when it says so", async () => {
  const { outbox, clock } = setUp();
  publish(outbox, "k1");
  outbox.take();
  outbox.answered(1, error("rate_limited", { retryAfter: 2 }));
  assert.deepEqual(outbox.take(), []);
  assert.equal(outbox.nextAt(), clock.now() + 2000);
  await clock.pass(2000);
  assert.equal(outbox.take().length, 1);
});

test("an unknown outcome is repeated for a publish, and told for a call", () => {
  const { outbox } = setUp();
  const [published, called] = [publish(outbox, "k1"), call(outbox)];
  outbox.take();
  outbox.answered(1, error("unknown_outcome"));
  outbox.answered(2, error("unknown_outcome"));
  assert.equal(outcome(published), undefined);
  assert.equal(outcome(called), "OutcomeUnknown");
});

test("what could never be sent in time was not done", async () => {
  const { outbox, clock } = setUp();
  const settled = publish(outbox, "k1");
  await clock.pass(LIMITS.ageMs);
  outbox.expire();
  assert.equal(outcome(settled), "expired");
});

test("what was sent and never answered may have been done", async () => {
  const { outbox, clock } = setUp();
  const settled = publish(outbox, "k1");
  outbox.take();
  outbox.disconnected();
  await clock.pass(LIMITS.ageMs);
  outbox.expire();
  assert.equal(outcome(settled), "OutcomeUnknown");
});

test("the queue is bounded in count and in bytes", () => {
  const { outbox } = setUp();
  assert.equal(outcome(publish(outbox, "big", { data: "x".repeat(1000) })), "queue_full");
  for (const once of ["k1", "k2", "k3"]) assert.equal(outcome(publish(outbox, once)), undefined);
  assert.equal(outcome(publish(outbox, "k4")), "queue_full");
});

test("what the server would close for is never sent", () => {
  const { outbox } = setUp({ ...LIMITS, bytes: 1_000_000 });
  assert.equal(outcome(publish(outbox, "k1", { data: "é".repeat(40_000) })), "too_large");
  const settled = publish(outbox, "k2", { data: "x".repeat(1000) });
  outbox.connected("ada", { ...ALLOWED, maxMessageBytes: 512 });
  assert.equal(outcome(settled), "too_large");
});

test("no more is on its way than the server allows", () => {
  const { outbox } = setUp({ ...LIMITS, count: 100 });
  outbox.connected("ada", { ...ALLOWED, unansweredIds: 10 });
  for (let each = 0; each < 5; each += 1) publish(outbox, `k${each}`);
  assert.equal(outbox.take().length, 2);
  outbox.answered(1, { type: "published" });
  assert.equal(outbox.take().length, 1);
});

test("stopping tells what was not sent apart from what may have been done", () => {
  const { outbox } = setUp();
  const sent = publish(outbox, "k1");
  outbox.take();
  const waiting = publish(outbox, "k2");
  outbox.stop("kicked");
  assert.deepEqual([outcome(sent), outcome(waiting)], ["OutcomeUnknown", "stopped"]);
});

test("who comes back as somebody else repeats nothing that may have been done", async () => {
  const { outbox, clock } = setUp();
  outbox.connected("guest-1", ALLOWED);
  const [recognised, lost] = [publish(outbox, "k1"), publish(outbox, "k2")];
  outbox.take();
  outbox.disconnected();
  const unsent = publish(outbox, "k3");
  outbox.connected("guest-2", ALLOWED);
  assert.deepEqual(
    outbox.take().map(({ once }) => once),
    ["k3"],
  );
  outbox.seen("k1", "a", at(7));
  await clock.pass(10_000);
  outbox.expire();
  assert.deepEqual([recognised, lost, unsent].map(outcome), ["ok", "OutcomeUnknown", undefined]);
});
