"use strict";
/** The browser client in Node, over the package `ws`: publishes once, and reports what it sees. */

const fs = require("node:fs");
const { WebSocket } = require("ws");

const [, , script, url] = process.argv;
const report = (kind, value) => process.stdout.write(`${JSON.stringify({ kind, value })}\n`);

async function main() {
  const source = fs.readFileSync(script, "utf-8");
  const { connect } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
  const client = connect(url, { WebSocket });
  client.on("state", ({ kind }) => report("state", { is: kind }));
  const room = client.channel("room:1");
  room.on("message", ({ message }) => report("seen", message.data));
  room.on("gap", ({ seq }) => report("gap", seq));
  await new Promise((resolve) => room.on("live", resolve));
  report("published", (await room.publish("hello")).seq);
}

void main();
