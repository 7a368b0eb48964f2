import assert from "node:assert/strict";
import { test } from "node:test";

import { ReconnectingWebSocket } from "../src/reconnecting.js";
import { Stage } from "./support/stage.js";

function open(stage: Stage): ReconnectingWebSocket {
  return new ReconnectingWebSocket("ws://rt.test/ws", { surroundings: stage.surroundings });
}

test("messages are JSON both ways", () => {
  const stage = new Stage();
  const socket = open(stage);
  const heard: unknown[] = [];
  socket.onMessage = (message) => heard.push(message);
  assert.equal(socket.send({ early: true }), false);
  stage.socket.opens();
  assert.equal(socket.send({ type: "ping" }), true);
  stage.socket.says({ type: "pong" });
  assert.deepEqual(stage.socket.sent, [{ type: "ping" }]);
  assert.deepEqual(heard, [{ type: "pong" }]);
});

test("it comes back, and counts a connection that held as a success", async () => {
  const stage = new Stage();
  const socket = open(stage);
  stage.socket.ends(1006);
  await stage.clock.pass(1_000);
  stage.socket.opens();
  assert.equal(socket.reconnectAttempts, 1);
  await stage.clock.pass(5_000);
  stage.socket.ends(1006);
  assert.equal(socket.reconnectAttempts, 1);
});

test("it gives up after so many failures in a row", async () => {
  const stage = new Stage();
  const socket = open(stage);
  socket.maxReconnectAttempts = 3;
  for (let each = 0; each < 4; each += 1) {
    stage.socket.ends(1006);
    await stage.clock.pass(30_000);
  }
  assert.equal(stage.sockets.length, 4);
  assert.equal(socket.state, "closed");
});

test("closing it is for good, until it is asked to connect", async () => {
  const stage = new Stage();
  const socket = open(stage);
  socket.close();
  await stage.clock.pass(60_000);
  assert.equal(stage.sockets.length, 1);
  socket.connect();
  assert.equal(stage.sockets.length, 2);
});
