/** The protocol's own cases, as the server and every client are run against them. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { decode, encode, isPublication, type Message } from "../src/messages.js";
import { Stage } from "./support/stage.js";

interface Vectors {
  readonly commands: readonly {
    about: string;
    text?: string;
    parts?: readonly [string, number][];
    command: Message;
  }[];
  readonly events: readonly { about: string; json: Message }[];
  readonly publications: readonly { about: string; json: Message }[];
}

const path = process.env["TIDEWIRE_VECTORS"] ?? "../../spec/vectors/native.json";
const vectors = JSON.parse(readFileSync(path, "utf-8")) as Vectors;

/** What a command means when its defaults are written out, as the vectors do. */
const DEFAULTS: Record<string, object> = {
  chat: { channel: "lobby" },
  history: { limit: 100 },
  signal: { data: null },
  state: { data: null },
  call: { data: null },
};

test("every event is read as it was written", () => {
  for (const { about, json } of vectors.events) {
    assert.deepEqual(decode(JSON.stringify(json)), json, about);
  }
});

test("no event is taken for an entry of a channel, and every entry is", () => {
  for (const { about, json } of vectors.events) assert.ok(!isPublication(json), about);
  for (const { about, json } of vectors.publications) {
    const message = decode(JSON.stringify(json));
    assert.ok(message && isPublication(message), about);
    assert.deepEqual(message, json, about);
  }
});

test("every command is written as the server reads it", () => {
  for (const { about, command } of vectors.commands) {
    assert.deepEqual(JSON.parse(encode(command)), command, about);
  }
});

test("a command's text means to us what it means to the server", () => {
  for (const { about, text, parts, command } of vectors.commands) {
    const whole = text ?? (parts ?? []).map(([part, times]) => part.repeat(times)).join("");
    const message = decode(whole);
    assert.ok(message, about);
    for (const [field, value] of Object.entries({ ...DEFAULTS[message.type], ...message })) {
      if (Object.hasOwn(command, field) && field !== "channels" && field !== "since") {
        assert.deepEqual(value, command[field], about);
      }
    }
  }
});

test("what is no message of this protocol is ignored", () => {
  for (const text of ["", "nonsense", "[]", "7", "null", "{}", '{"type":7}', undefined, 7]) {
    assert.equal(decode(text), undefined, String(text));
  }
});

test("every event can reach a client at any time without harm", async () => {
  const stage = new Stage();
  const client = stage.connect();
  client.channel("room:7").on("message", () => undefined);
  const socket = await stage.welcome();
  for (const { json } of vectors.events) socket.says(json);
  for (const { json } of vectors.publications) socket.says(json);
  assert.equal(client.state.kind, "open");
});
