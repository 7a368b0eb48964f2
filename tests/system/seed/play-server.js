"use strict";
/** Plays the document's server: node play-server.js PORT stands in for port 8080, on loopback. */

const ws = require("ws");
const { perform, report } = require("./stage.js");

class Server extends ws.Server {
  constructor(options) {
    super({ ...options, host: "127.0.0.1", port: Number(process.argv[2]) });
    this.on("listening", () => report("listening", this.address().port));
  }
}

globalThis.require = (name) => (name === "ws" ? Object.assign(Object.create(ws), { Server }) : require(name));
perform("server.js");
