"use strict";
/** Plays the document's ReconnectingWebSocket class: node play-class.js ws://127.0.0.1:PORT */

const vm = require("node:vm");
const { perform, report, whenTold } = require("./stage.js");

globalThis.WebSocket = require("ws");
perform("reconnecting-websocket.js");

const ReconnectingWebSocket = vm.runInThisContext("ReconnectingWebSocket");
const client = new ReconnectingWebSocket(process.argv[2]);
client.onMessage = (message) => report("message", message);
whenTold((message) => client.send(message));
