import assert from "node:assert/strict";
import { test } from "node:test";

import { LEAD_MS } from "../src/refresher.js";
import { settled } from "./support/clock.js";
import { Stage } from "./support/stage.js";

/** A `getToken` that hands out t1, t2, t3, and counts. */
function issuer(): { getToken: () => Promise<string>; count: () => number } {
  let issued = 0;
  return { getToken: async () => `t${++issued}`, count: () => issued };
}

test("the first token is asked for before the first connection", async () => {
  const stage = new Stage();
  stage.connect({ getToken: issuer().getToken });
  await settled();
  assert.deepEqual(stage.socket.protocols, ["tidewire.v1", "bearer.t1"]);
});

test("a reconnect uses the token in hand", async () => {
  const stage = new Stage();
  const { getToken, count } = issuer();
  stage.connect({ getToken });
  await stage.welcome();
  await stage.reconnect();
  assert.equal(count(), 1);
});

test("an expired token is replaced before coming back", async () => {
  const stage = new Stage();
  stage.connect({ getToken: issuer().getToken });
  (await stage.welcome()).ends(4001);
  await stage.clock.pass(0);
  await stage.clock.pass(500);
  assert.deepEqual(stage.socket.protocols, ["tidewire.v1", "bearer.t2"]);
});

test("without anybody to ask, an expired token is the end", async () => {
  const stage = new Stage();
  const client = stage.connect({ token: "t1" });
  (await stage.welcome()).ends(4001, "token expired");
  assert.deepEqual(client.state, { kind: "stopped", code: 4001, reason: "token expired" });
});

test("a token refused at the door is replaced", async () => {
  const stage = new Stage();
  stage.answer = { status: 401, body: { code: "token_expired" } };
  stage.connect({ getToken: issuer().getToken });
  await settled();
  stage.socket.ends(1006);
  await stage.clock.pass(1_000);
  assert.deepEqual(stage.socket.protocols, ["tidewire.v1", "bearer.t2"]);
});

test("a backend that gives no token is asked ever less often", async () => {
  const stage = new Stage();
  let asked = 0;
  const getToken = async (): Promise<string> => {
    asked += 1;
    throw new Error("503");
  };
  const client = stage.connect({ getToken });
  await stage.clock.pass(60_000);
  assert.ok(asked > 4 && asked < 16, String(asked));
  assert.equal(client.state.kind, "waiting");
  assert.equal(stage.sockets.length, 0);
});

test("a token is replaced before it runs out, by the server's clock", async () => {
  const stage = new Stage();
  stage.connect({ getToken: issuer().getToken });
  const server = stage.clock.now() + 3_600_000; // our clock is an hour behind
  const socket = await stage.welcome({ expiresAt: server / 1000 + 600 });
  socket.says({ type: "pong", id: socket.last("ping").id, timestamp: server });
  await stage.clock.pass(600_000 - 2 * LEAD_MS - 1_000);
  assert.equal(socket.count("refresh"), 0);
  await stage.clock.pass(LEAD_MS + 1_000);
  assert.equal(socket.last("refresh").token, "t2");
});

test("a refresh is planned anew from the server's answer", async () => {
  const stage = new Stage();
  stage.connect({ getToken: issuer().getToken });
  const now = stage.clock.now() / 1000;
  const socket = await stage.welcome({ expiresAt: now + 600 });
  socket.says({ type: "pong", id: socket.last("ping").id, timestamp: stage.clock.now() });
  await stage.clock.pass(600_000);
  socket.says({ type: "refreshed", id: socket.last("refresh").id, expiresAt: now + 1_200 });
  await settled();
  socket.says({ type: "pong", id: socket.last("ping").id, timestamp: stage.clock.now() });
  await stage.clock.pass(600_000);
  assert.equal(socket.last("refresh").token, "t3");
});

test("a refresh that fails is tried again", async () => {
  const stage = new Stage();
  const tokens = ["t1", undefined, "t2"];
  const getToken = async (): Promise<string> => {
    const token = tokens.shift();
    if (token === undefined) throw new Error("503");
    return token;
  };
  stage.connect({ getToken });
  const socket = await stage.welcome({ expiresAt: stage.clock.now() / 1000 + 600 });
  socket.says({ type: "pong", id: socket.last("ping").id, timestamp: stage.clock.now() });
  await stage.clock.pass(600_000);
  assert.equal(socket.last("refresh").token, "t2");
});

test("two who need a token at once cause one request", async () => {
  const { Tokens } = await import("../src/tokens.js");
  const { getToken, count } = issuer();
  const tokens = new Tokens(getToken);
  assert.deepEqual(await Promise.all([tokens.renew(), tokens.current()]), ["t1", "t1"]);
  assert.equal(count(), 1);
});
