"use strict";
/** Plays the document's ReconnectingWebSocket class: node play-class.js ws://127.0.0.1:PORT */

const vm = require("node:vm");
const { perform, report, whenTold } = require("./stage.js");

/** As in a browser, where a socket's error that nobody listens to does not end the program. */
globalThis.WebSocket = class extends require("ws") {
  constructor(address) {
    super(address);
    this.on("error", (error) => report("error", error.message));
  }
};
perform("reconnecting-websocket.js");

const ReconnectingWebSocket = vm.runInThisContext("ReconnectingWebSocket");
const client = new ReconnectingWebSocket(process.argv[2]);
client.onMessage = (message) => report("message", message);
whenTold((message) => client.send(message));
