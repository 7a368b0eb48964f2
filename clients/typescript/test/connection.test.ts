import assert from "node:assert/strict";
import { test } from "node:test";

import { OPENING_LIMIT_MS, type ConnectionState } from "../src/connection.js";
import { PONG_LIMIT_MS, PROBE_LIMIT_MS } from "../src/heartbeat.js";
import { Stage } from "./support/stage.js";
import { settled } from "./support/clock.js";

const A_LONG_TIME_MS = 100_000;

function refusal(code: string, retryAfter?: number): Stage["answer"] {
  return { status: 403, body: { code, retryAfter } };
}

/** The kinds of state a client goes through, from now on. */
function watch(client: ReturnType<Stage["connect"]>): string[] {
  const kinds: string[] = [];
  client.on("state", ({ kind }: ConnectionState) => kinds.push(kind));
  return kinds;
}

test("it offers the protocol, and is open once the server has said who we are", async () => {
  const stage = new Stage();
  const client = stage.connect();
  await settled();
  assert.deepEqual(stage.socket.protocols, ["tidewire.v1"]);
  assert.deepEqual(client.state, { kind: "connecting", attempt: 1 });
  await stage.welcome();
  assert.deepEqual(client.state, { kind: "open", clientId: "c-1", userId: "ada" });
});

test("a waiting client says when it will try again", async () => {
  const stage = new Stage();
  const client = stage.connect();
  (await stage.welcome()).ends(1006, "");
  const { state } = client;
  assert.equal(state.kind, "waiting");
  const retryAt = state.kind === "waiting" ? state.retryAt : 0;
  assert.equal(Math.round(retryAt - stage.clock.now()), 250); // half of half a second
});

test("a lost connection is made again", async () => {
  const stage = new Stage();
  const client = stage.connect();
  await stage.welcome();
  const kinds = watch(client);
  await stage.reconnect();
  assert.deepEqual(kinds, ["waiting", "connecting", "open"]);
  assert.equal(stage.sockets.length, 2);
});

test("who was told to stay away stays away, until it is opened again", async () => {
  for (const code of [1000, 1008, 1009, 4003]) {
    const stage = new Stage();
    const client = stage.connect();
    (await stage.welcome()).ends(code, "too loud");
    await stage.clock.pass(A_LONG_TIME_MS);
    assert.deepEqual(client.state, { kind: "stopped", code, reason: "too loud" });
    client.open();
    await stage.welcome();
    assert.equal(client.state.kind, "open");
  }
});

test("a missed heartbeat is come back from at once, but not over and over", async () => {
  const stage = new Stage();
  stage.connect();
  await stage.welcome();
  await stage.clock.pass(5_000);
  stage.socket.ends(4009);
  await stage.clock.pass(0);
  assert.equal(stage.sockets.length, 2);
  (await stage.welcome()).ends(4009);
  await stage.clock.pass(0);
  assert.equal(stage.sockets.length, 2);
});

test("after a drain it comes back within the window that the server named", async () => {
  const stage = new Stage();
  const client = stage.connect();
  const socket = await stage.welcome();
  socket.says({ type: "draining", window: 60 });
  socket.ends(1012);
  stage.page.wake();
  await stage.clock.pass(29_000);
  assert.equal(client.state.kind, "waiting");
  await stage.clock.pass(2_000);
  assert.equal(client.state.kind, "connecting");
});

test("a refused connection asks why, and obeys", async () => {
  const stage = new Stage();
  stage.answer = refusal("forbidden_origin");
  const client = stage.connect({ token: "abc" });
  await settled();
  stage.socket.ends(1006);
  await settled();
  assert.deepEqual(stage.asked, [{ url: "http://rt.test/ws", token: "abc" }]);
  assert.equal(client.state.kind, "stopped");
});

test("a refusal that passes is waited for as long as the server says", async () => {
  const stage = new Stage();
  stage.answer = refusal("too_many_connections", 30);
  stage.connect();
  await settled();
  stage.socket.ends(1006);
  await stage.clock.pass(29_999);
  assert.equal(stage.sockets.length, 1);
  await stage.clock.pass(4_000);
  assert.equal(stage.sockets.length, 2);
});

test("a server that cannot even be asked is tried again", async () => {
  const stage = new Stage();
  stage.connect();
  await settled();
  stage.socket.ends(1006);
  await stage.clock.pass(4_000);
  assert.equal(stage.sockets.length, 2);
});

test("a handshake that hangs is given up", async () => {
  const stage = new Stage();
  stage.connect();
  await stage.clock.pass(OPENING_LIMIT_MS + 4_000);
  assert.equal(stage.sockets[0]?.closedWith, 1000);
  assert.equal(stage.sockets.length, 2);
});

test("silence is asked about, and a dead connection is given up", async () => {
  const stage = new Stage();
  const client = stage.connect();
  const socket = await stage.welcome({ heartbeat: 25 });
  await stage.clock.pass(25_000);
  assert.equal(socket.count("ping"), 1);
  await stage.clock.pass(PONG_LIMIT_MS);
  assert.equal(client.state.kind, "waiting");
});

test("any frame is a sign of life", async () => {
  const stage = new Stage();
  const client = stage.connect();
  const socket = await stage.welcome({ heartbeat: 25 });
  await stage.clock.pass(24_000);
  socket.says({ type: "something new" });
  await stage.clock.pass(24_000);
  assert.equal(socket.count("ping"), 0);
  await stage.clock.pass(1_000);
  socket.says({ type: "pong" });
  await stage.clock.pass(PONG_LIMIT_MS);
  assert.equal(client.state.kind, "open");
});

test("waking up ends a wait", async () => {
  const stage = new Stage();
  stage.luck = 1;
  stage.connect();
  await settled();
  for (const ms of [1_000, 1_500, 2_500]) {
    stage.socket.ends(1006);
    await stage.clock.pass(ms);
  }
  const before = stage.sockets.length;
  stage.socket.ends(1006);
  await stage.clock.pass(1_000);
  stage.page.wake();
  await settled();
  assert.equal(stage.sockets.length, before + 1);
});

test("waking up again and again does not hammer", async () => {
  const stage = new Stage();
  stage.luck = 1;
  stage.connect();
  await settled();
  for (let each = 0; each < 10; each += 1) {
    stage.socket.ends(1006);
    await settled();
    stage.page.wake();
    await settled();
  }
  assert.equal(stage.sockets.length, 1);
});

test("waking up doubts a connection that looks open", async () => {
  const stage = new Stage();
  const client = stage.connect();
  const socket = await stage.welcome();
  stage.page.wake();
  assert.equal(socket.count("ping"), 1);
  await stage.clock.pass(PROBE_LIMIT_MS);
  assert.equal(client.state.kind, "waiting");
});

test("a resume grant is shown while it holds, beside the token", async () => {
  const stage = new Stage();
  stage.connect({ token: "abc" });
  await stage.welcome({ grant: "g1" });
  const socket = await stage.reconnect();
  assert.deepEqual(socket.protocols, ["tidewire.v1", "bearer.abc", "resume.g1"]);
  await stage.clock.pass(300_000);
  assert.deepEqual((await stage.reconnect()).protocols, ["tidewire.v1", "bearer.abc"]);
});

test("a drain's grant is the one that is shown", async () => {
  const stage = new Stage();
  stage.connect();
  const socket = await stage.welcome({ grant: "g1" });
  socket.says({ type: "draining", window: 1, grant: "g2" });
  assert.deepEqual((await stage.reconnect()).protocols, ["tidewire.v1", "resume.g2"]);
});

test("closing ends everything, and forgets the grant", async () => {
  const stage = new Stage();
  const client = stage.connect();
  const socket = await stage.welcome({ grant: "g1" });
  client.close();
  assert.equal(socket.closedWith, 1000);
  await stage.clock.pass(A_LONG_TIME_MS);
  assert.equal(stage.sockets.length, 1);
  client.open();
  assert.deepEqual((await stage.welcome()).protocols, ["tidewire.v1"]);
});

test("an address that is none stops it with the reason", async () => {
  const stage = new Stage();
  const openSocket = (): never => {
    throw new SyntaxError("not an address");
  };
  const client = stage.connect({ surroundings: { ...stage.surroundings, openSocket } });
  await settled();
  assert.equal(client.state.kind, "stopped");
});
