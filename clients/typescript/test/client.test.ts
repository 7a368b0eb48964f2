import assert from "node:assert/strict";
import { test } from "node:test";

import type { Channel } from "../src/channel.js";
import type { Client } from "../src/client.js";
import { EntriesMissing, OutcomeUnknown, Refused } from "../src/errors.js";
import type { Message } from "../src/messages.js";
import { settled } from "./support/clock.js";
import { at, CHANNEL, entries, entry, history, subscribed } from "./support/log.js";
import { type FakeSocket, Stage } from "./support/stage.js";

/** What a channel tells its listeners, in short. */
function listen(channel: Channel): (number | string)[] {
  const told: (number | string)[] = [];
  channel.on("message", ({ message }) => told.push(message.seq));
  channel.on("gap", () => told.push("gap"));
  channel.on("live", ({ recovery }) => told.push(recovery));
  channel.on("refused", ({ code }) => told.push(code));
  return told;
}

/** What a `subscribe` asked for. */
function places(socket: FakeSocket): { channel: string; since?: object; grant?: string }[] {
  return socket.last("subscribe").channels as { channel: string }[];
}

async function liveClient(): Promise<{
  stage: Stage;
  client: Client;
  told: (number | string)[];
  socket: FakeSocket;
}> {
  const stage = new Stage();
  const client = stage.connect();
  const told = listen(client.channel(CHANNEL));
  const socket = await stage.welcome();
  socket.says(subscribed("none", at(3)));
  return { stage, client, told, socket };
}

test("listening subscribes, all channels in one command", async () => {
  const stage = new Stage();
  const client = stage.connect();
  const socket = await stage.welcome();
  for (const name of ["a", "b", "c"]) client.channel(name).on("message", () => undefined);
  await settled();
  assert.equal(socket.count("subscribe"), 1);
  assert.deepEqual(places(socket), [{ channel: "a" }, { channel: "b" }, { channel: "c" }]);
});

test("the last listener's end unsubscribes, once", async () => {
  const { client, socket } = await liveClient();
  const off = client.channel("b").on("message", () => undefined);
  await settled();
  socket.says({ ...subscribed("none", at(0)), channel: "b" });
  off();
  off();
  assert.equal(socket.count("unsubscribe"), 1);
});

test("who listens again before the server has let go is subscribed again", async () => {
  const stage = new Stage();
  const client = stage.connect();
  const socket = await stage.welcome();
  const off = client.channel(CHANNEL).on("message", () => undefined);
  await settled();
  off();
  socket.says(subscribed("none", at(3)));
  const told = listen(client.channel(CHANNEL));
  socket.says({ type: "unsubscribed", id: socket.last("unsubscribe").id, channel: CHANNEL });
  await settled();
  assert.equal(socket.count("subscribe"), 2);
  socket.says(subscribed("complete", at(4), [entry(4)]));
  assert.deepEqual(told, [4, "complete"]);
});

test("after a reconnect every channel is subscribed from its position", async () => {
  const { stage, socket, told } = await liveClient();
  socket.says(entry(4));
  const next = await stage.reconnect();
  assert.deepEqual(places(next), [{ channel: CHANNEL, since: at(4) }]);
  next.says(subscribed("complete", at(6), entries(5, 6)));
  next.says(entry(7));
  assert.deepEqual(told, ["none", 4, 5, 6, "complete", 7]);
});

test("a gap is told, and the channel goes on behind it", async () => {
  const { stage, told } = await liveClient();
  const next = await stage.reconnect();
  next.says(subscribed("gap", at(40, "e2")));
  next.says(entry(41));
  assert.deepEqual(told, ["none", "gap", "gap", 41]);
});

test("a live hole is repaired from history", async () => {
  const { socket, told } = await liveClient();
  socket.says(entry(6));
  const { id, since } = socket.last("history");
  assert.deepEqual(since, at(3));
  socket.says({ ...history(entries(4, 5)), id });
  assert.deepEqual(told, ["none", 4, 5, 6]);
});

test("where history may not be read, a live hole is a gap", async () => {
  const { socket, told } = await liveClient();
  socket.says(entry(6));
  const { id } = socket.last("history");
  socket.says({ type: "error", id, code: "forbidden", message: "no" });
  assert.deepEqual(told, ["none", "gap", 6]);
});

test("a repair that the server cannot do now is done later", async () => {
  const { stage, socket, told } = await liveClient();
  socket.says(entry(6));
  const { id } = socket.last("history");
  socket.says({ type: "error", id, code: "unavailable", message: "later", retryAfter: 2 });
  await stage.clock.pass(2_000);
  socket.says({ ...history(entries(4, 5)), id: socket.last("history").id });
  assert.deepEqual(told, ["none", 4, 5, 6]);
});

test("the lobby, which the server puts us in, is recovered as well", async () => {
  const stage = new Stage();
  const client = stage.connect();
  const told = listen(client.channel("lobby"));
  const socket = await stage.welcome({ channel: "lobby", ...at(3) });
  assert.equal(socket.count("subscribe"), 0);
  socket.says({ ...entry(4), channel: "lobby" });
  const next = await stage.reconnect({ channel: "lobby", ...at(6) });
  assert.deepEqual(places(next), [{ channel: "lobby", since: at(4) }]);
  next.says({ ...entry(7), channel: "lobby" });
  next.says({ ...subscribed("complete", at(6), entries(5, 6)), channel: "lobby" });
  assert.deepEqual(told, ["none", 4, 5, 6, "complete", 7]);
});

test("a channel that only the server may put us in says so when something was missed", async () => {
  const stage = new Stage();
  const client = stage.connect();
  const told = listen(client.channel("lobby"));
  await stage.welcome({ channel: "lobby", ...at(3) });
  const next = await stage.reconnect({ channel: "lobby", ...at(6) });
  next.says({ type: "error", channel: "lobby", code: "forbidden", message: "no" });
  assert.deepEqual(told, ["none", "gap", "gap"]);
});

test("a grant for a channel is shown when it is subscribed again", async () => {
  const { stage, socket } = await liveClient();
  socket.says({ type: "draining", window: 1, grants: { [CHANNEL]: "g7" } });
  assert.equal(places(await stage.reconnect())[0]?.grant, "g7");
});

test("a refused channel is told, and asked for again only where that can help", async () => {
  const stage = new Stage();
  const client = stage.connect();
  const told = listen(client.channel(CHANNEL));
  const socket = await stage.welcome();
  const error = { type: "error", channel: CHANNEL, message: "no" };
  socket.says({ ...error, code: "rate_limited", retryAfter: 1 });
  await stage.clock.pass(1_000);
  assert.equal(socket.count("subscribe"), 2);
  socket.says({ ...error, code: "forbidden" });
  await stage.clock.pass(60_000);
  assert.equal(socket.count("subscribe"), 2);
  assert.deepEqual(told, ["forbidden"]);
});

test("a channel that nobody listens to any more is not asked for again", async () => {
  const stage = new Stage();
  const off = stage.connect().channel(CHANNEL).on("message", () => undefined);
  const socket = await stage.welcome();
  socket.says({ type: "error", channel: CHANNEL, code: "unavailable", message: "later" });
  off();
  await stage.clock.pass(60_000);
  assert.equal(socket.count("subscribe"), 1);
});

test("a refusal of the whole command concerns each of its channels", async () => {
  const stage = new Stage();
  const client = stage.connect();
  const told = listen(client.channel(CHANNEL));
  const socket = await stage.welcome();
  const { id } = socket.last("subscribe");
  socket.says({ type: "error", id, code: "malformed", message: "no" });
  assert.deepEqual(told, ["malformed"]);
});

test("a subscription that the server ends is told with its code", async () => {
  const { socket, told } = await liveClient();
  socket.says({ type: "unsubscribed", channel: CHANNEL, code: "forbidden" });
  socket.says(entry(4));
  assert.deepEqual(told, ["none", "forbidden"]);
});

test("for await hands over entries, also those that were missed", async () => {
  const { stage, client, socket } = await liveClient();
  const seen: number[] = [];
  const reading = (async () => {
    for await (const { seq } of client.channel(CHANNEL)) {
      seen.push(seq);
      if (seq === 6) break;
    }
  })();
  await settled();
  socket.says(entry(4));
  (await stage.reconnect()).says(subscribed("complete", at(6), entries(5, 6)));
  await reading;
  assert.deepEqual(seen, [4, 5, 6]);
});

test("an iteration ends rather than pass over a gap that nobody listens for", async () => {
  const stage = new Stage();
  const client = stage.connect();
  const next = client.channel(CHANNEL)[Symbol.asyncIterator]().next();
  next.catch(() => undefined);
  const socket = await stage.welcome();
  socket.says(subscribed("none", at(3)));
  socket.says({ type: "gap", channel: CHANNEL, ...at(9) });
  await assert.rejects(next, EntriesMissing);
});

test("an iteration ends with its client", async () => {
  const { client } = await liveClient();
  const next = client.channel(CHANNEL)[Symbol.asyncIterator]().next();
  client.close();
  assert.deepEqual(await next, { value: undefined, done: true });
});

test("a publish resolves with its position", async () => {
  const { client, socket } = await liveClient();
  const position = client.channel(CHANNEL).publish("hi", { key: "k" });
  const { id, data, key, once } = socket.last("publish");
  assert.deepEqual([data, key, typeof once], ["hi", "k", "string"]);
  socket.says({ type: "published", id, channel: CHANNEL, ...at(4) });
  assert.deepEqual(await position, at(4));
});

test("a publish that was never answered is repeated under its key", async () => {
  const { stage, client, socket } = await liveClient();
  const position = client.channel(CHANNEL).publish("hi");
  const { once } = socket.last("publish");
  const next = await stage.reconnect();
  const repeated = next.last("publish");
  assert.equal(repeated.once, once);
  next.says({ type: "published", id: repeated.id, channel: CHANNEL, ...at(4) });
  assert.deepEqual(await position, at(4));
});

test("our own publication, recovered, settles the publish", async () => {
  const { stage, client, socket } = await liveClient();
  const position = client.channel(CHANNEL).publish("hi", { once: "k1" });
  assert.equal(socket.last("publish").once, "k1");
  const next = await stage.reconnect();
  next.says(subscribed("complete", at(4), [entry(4, { once: "k1" })]));
  assert.deepEqual(await position, at(4));
});

test("what is published while away is sent on return", async () => {
  const stage = new Stage();
  const client = stage.connect();
  const position = client.channel(CHANNEL).publish("hi");
  const socket = await stage.welcome();
  const { id } = socket.last("publish");
  socket.says({ type: "published", id, channel: CHANNEL, ...at(1) });
  assert.deepEqual(await position, at(1));
});

test("what cannot be published in time is refused", async () => {
  const stage = new Stage();
  const client = stage.connect({ outbox: { ageMs: 5_000 } });
  const refused = assert.rejects(
    client.channel(CHANNEL).publish("hi"),
    (error) => error instanceof Refused && error.code === "expired",
  );
  await stage.clock.pass(5_000);
  await refused;
});

test("a call resolves with its result, and is not repeated", async () => {
  const { stage, client, socket } = await liveClient();
  const score = client.call("score", { player: "ada" });
  socket.says({ type: "result", id: socket.last("call").id, data: 7 });
  assert.equal(await score, 7);
  const lost = assert.rejects(client.call("buy", null), OutcomeUnknown);
  const next = await stage.reconnect();
  await lost;
  assert.equal(next.count("call"), 0);
});

test("the application's messages go out with send, and come in as messages", async () => {
  const { client, socket } = await liveClient();
  const heard: Message[] = [];
  client.on("message", (message) => heard.push(message));
  const handled = client.send({ type: "move", x: 3 });
  socket.says({ type: "result", id: socket.last("move").id });
  await handled;
  socket.says({ type: "moved", x: 3 });
  assert.deepEqual(heard, [{ type: "moved", x: 3 }]);
});

test("history and presence are asked again after a broken connection", async () => {
  const { stage, client } = await liveClient();
  const present = client.channel(CHANNEL).presence();
  const next = await stage.reconnect();
  const answer = { type: "presence", channel: CHANNEL, userCount: 1, users: [{ userId: "ada" }] };
  next.says({ ...answer, id: next.last("presence").id });
  assert.equal((await present).userCount, 1);
});

test("signals are sent while connected, and never kept", async () => {
  const { stage, client, socket } = await liveClient();
  const channel = client.channel(CHANNEL);
  assert.equal(channel.signal("typing"), true);
  assert.equal(socket.last("signal").name, "typing");
  socket.ends(1006);
  assert.equal(channel.signal("typing"), false);
  await stage.clock.pass(1_000);
  assert.equal((await stage.welcome()).count("signal"), 0);
});

test("our own state in a channel is set again after a reconnect", async () => {
  const { stage, client, socket } = await liveClient();
  client.channel(CHANNEL).setState("away");
  assert.equal(socket.last("state").data, "away");
  const next = await stage.reconnect();
  next.says(subscribed("complete", at(3)));
  assert.equal(next.last("state").data, "away");
});

test("news of a channel reaches its listeners", async () => {
  const { client, socket } = await liveClient();
  const news: unknown[] = [];
  const channel = client.channel(CHANNEL);
  channel.on("joined", ({ userId }) => news.push(userId));
  channel.on("left", ({ userId }) => news.push(userId));
  channel.on("signal", ({ name }) => news.push(name));
  channel.on("occupancy", ({ userCount }) => news.push(userCount));
  channel.on("state", ({ data }) => news.push(data));
  const about = { channel: CHANNEL, userId: "bob" };
  socket.says({ type: "user_joined", ...about });
  socket.says({ type: "signal", ...about, name: "typing", data: null });
  socket.says({ type: "state", ...about, clientId: "c-2", data: "away" });
  socket.says({ type: "user_left", ...about });
  socket.says({ type: "occupancy", channel: CHANNEL, userCount: 900 });
  assert.deepEqual(news, ["bob", "typing", "away", "bob", 900]);
});

test("a stopped client refuses at once, and tells its channels", async () => {
  const { client, socket, told } = await liveClient();
  const lost = assert.rejects(client.channel(CHANNEL).publish("hi"), OutcomeUnknown);
  socket.ends(4003, "too loud");
  await lost;
  await assert.rejects(client.channel(CHANNEL).publish("hi"), Refused);
  assert.deepEqual(told, ["none", "stopped"]);
});
