"use strict";
/** Plays the document's browser code: node play-snippet.js PORT stands in for port 8080. */

const ws = require("ws");
const { perform, report } = require("./stage.js");

globalThis.WebSocket = class extends ws {
  constructor(address) {
    super(address.replace("localhost:8080", `127.0.0.1:${process.argv[2]}`));
  }
};
/** The two functions that the document leaves to its reader. */
globalThis.displayChatMessage = (message) => report("displayed", message);
globalThis.connectWebSocket = () => report("reconnect", null);

perform("browser-client.js");
