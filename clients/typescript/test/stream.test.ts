import assert from "node:assert/strict";
import { test } from "node:test";

import { HELD_LIMIT, Stream, type Happening } from "../src/stream.js";
import { at, CHANNEL, entries, entry, history, subscribed } from "./support/log.js";

/** A stream that is live behind `seq`. */
function liveAt(seq: number): Stream {
  const stream = new Stream();
  stream.join();
  stream.subscribed(subscribed("none", at(seq)));
  return stream;
}

function feed(stream: Stream, ...seqs: number[]): Happening[] {
  return seqs.flatMap((seq) => stream.receive(entry(seq)));
}

function skip(stream: Stream, from: number, to: number): Happening[] {
  return stream.receive({ type: "skipped", channel: CHANNEL, from, to, reason: "dropped" });
}

/** Happenings in short: entries by their seq, everything else by its kind. */
function short(happenings: Happening[]): (number | string)[] {
  return happenings.map((each) => (each.kind === "message" ? each.message.seq : each.kind));
}

test("entries are handed over in order, and the position follows them", () => {
  const stream = liveAt(3);
  assert.deepEqual(short(feed(stream, 4, 5)), [4, 5]);
  assert.deepEqual(stream.position, at(5));
});

test("an entry that is known already is dropped", () => {
  assert.deepEqual(short(feed(liveAt(3), 3, 4, 4, 2, 5)), [4, 5]);
});

test("a live hole is repaired from history before what follows it", () => {
  const stream = liveAt(3);
  assert.deepEqual(feed(stream, 6), [{ kind: "repair", since: at(3) }]);
  assert.deepEqual(feed(stream, 7), []);
  const happenings = stream.repaired(history(entries(4, 6)));
  assert.deepEqual(short(happenings), [4, 5, 6, 7]);
  assert.deepEqual(
    happenings.map((each) => each.kind === "message" && each.isRecovered),
    [true, true, true, false],
  );
});

test("a hole that history tells in pages is asked for page by page", () => {
  const stream = liveAt(0);
  feed(stream, 9);
  const first = stream.repaired(history(entries(1, 4), { more: true }));
  assert.deepEqual(short(first), [1, 2, 3, 4, "repair"]);
  assert.deepEqual(short(stream.repaired(history(entries(5, 8)))), [5, 6, 7, 8, 9]);
});

test("a hole that history cannot tell is told as a gap", () => {
  const stream = liveAt(3);
  feed(stream, 6, 7);
  const happenings = stream.repaired(history([], { recovery: "gap" }));
  assert.deepEqual(short(happenings), ["gap", 6, 7]);
});

test("a hole that may not be repaired is told as a gap", () => {
  const stream = liveAt(3);
  feed(stream, 6);
  assert.deepEqual(short(stream.unrepairable()), ["gap", 6]);
  assert.deepEqual(stream.position, at(6));
});

test("a history of another epoch repairs nothing", () => {
  const stream = liveAt(3);
  feed(stream, 6);
  const happenings = stream.repaired(history(entries(4, 5), { epoch: "e2" }));
  assert.deepEqual(short(happenings), ["gap", 6]);
});

test("a history that stops before the hole's end leaves a gap, not a loop", () => {
  const stream = liveAt(3);
  feed(stream, 9);
  assert.deepEqual(short(stream.repaired(history([]))), ["gap", 9]);
});

test("what was left out on purpose is no hole", () => {
  const stream = liveAt(3);
  assert.deepEqual(skip(stream, 4, 6), []);
  assert.deepEqual(short(feed(stream, 7)), [7]);
});

test("the position stays at the last entry whose tag is known", () => {
  const stream = liveAt(0);
  feed(stream, 1);
  skip(stream, 2, 4);
  assert.deepEqual(stream.position, at(1));
});

test("a recovery hands over what was missed, page by page, and then what came live", () => {
  const stream = liveAt(3);
  stream.leave();
  assert.deepEqual(stream.join(), at(3));
  const page = stream.subscribed(subscribed("complete", at(5), entries(4, 5), { more: true }));
  assert.deepEqual(short(page), [4, 5]);
  assert.deepEqual(feed(stream, 7), []);
  const last = stream.subscribed(subscribed("complete", at(6), entries(6, 6)));
  assert.deepEqual(short(last), [6, "live", 7]);
});

test("a recovery that repeats what is known hands it over once", () => {
  const stream = liveAt(3);
  stream.join();
  assert.deepEqual(short(stream.subscribed(subscribed("complete", at(5), entries(2, 5)))), [
    ...[4, 5],
    "live",
  ]);
});

test("what cannot be recovered is a gap, and the channel goes on behind it", () => {
  const stream = liveAt(3);
  stream.join();
  const happenings = stream.subscribed(subscribed("gap", at(9, "e2")));
  assert.deepEqual(short(happenings), ["gap", "live"]);
  assert.deepEqual(stream.position, at(9, "e2"));
  assert.deepEqual(short(feed(stream, 10)), [10]);
});

test("a gap with a snapshot hands over the whole state", () => {
  const stream = liveAt(300);
  stream.join();
  const snapshot = subscribed("gap", at(9, "e2"), [entry(2), entry(9)], { snapshot: true });
  assert.deepEqual(short(stream.subscribed(snapshot)), ["gap", "snapshot", 2, 9, "live"]);
});

test("where the server puts us before our own answer, that answer is waited for", () => {
  const stream = liveAt(3);
  stream.leave();
  stream.join();
  assert.deepEqual(stream.subscribed(subscribed("none", at(8))), []);
  assert.deepEqual(feed(stream, 9), []);
  const answer = subscribed("complete", at(8), entries(4, 8));
  assert.deepEqual(short(stream.subscribed(answer)), [4, 5, 6, 7, 8, "live", 9]);
});

test("put in again by the server, what was missed meanwhile is asked for", () => {
  const stream = liveAt(3);
  stream.leave();
  assert.deepEqual(short(stream.entered(at(8))), ["rejoin"]);
  assert.equal(stream.kind, "joining");
});

test("put in again by the server where nothing was missed, it is live", () => {
  const stream = liveAt(3);
  stream.leave();
  assert.deepEqual(short(stream.entered(at(3))), ["live"]);
});

test("the same seq in a log that was rewound and regrown is not taken for the same place", () => {
  const stream = liveAt(3);
  stream.leave();
  assert.deepEqual(short(stream.entered({ ...at(3), tag: "other" })), ["rejoin"]);
});

test("a gap while live moves to its position", () => {
  const stream = liveAt(3);
  assert.deepEqual(short(stream.gap({ ...at(40), epoch: "e2" })), ["gap"]);
  assert.deepEqual(short(feed(stream, 41)), [41]);
  assert.deepEqual(stream.position, at(41, "e2"));
});

test("what does not fit while earlier entries are fetched is fetched, too", () => {
  const stream = liveAt(0);
  const last = HELD_LIMIT + 10;
  for (let seq = 2; seq <= last; seq += 1) feed(stream, seq);
  const happenings = stream.repaired(history(entries(1, 1)));
  assert.equal(stream.kind, "repairing");
  assert.deepEqual(happenings.at(-1), { kind: "repair", since: at(HELD_LIMIT + 1) });
  const rest = stream.repaired(history(entries(HELD_LIMIT + 2, last)));
  assert.equal(short(rest).at(-1), last);
  assert.equal(stream.kind, "live");
});

test("nothing is handed over after leaving", () => {
  const stream = liveAt(3);
  stream.leave();
  assert.deepEqual(feed(stream, 4), []);
});
