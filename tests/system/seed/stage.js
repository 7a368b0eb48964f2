"use strict";
/**
 * Stage: what the founding document's code finds around it when a test runs it in Node.
 *
 * The code itself is loaded from its file and run as it stands. Whatever happens on the
 * stage is reported as one JSON line each: {"kind": ..., "value": ...}.
 */

const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const vm = require("node:vm");

/** Console output is part of what the code does, so it is reported too. */
globalThis.console = {
  log: (...values) => report("log", values.map(String).join(" ")),
  error: (...values) => report("error", values.map(String).join(" ")),
};

function report(kind, value) {
  process.stdout.write(`${JSON.stringify({ kind, value })}\n`);
}

/** Runs one file of the document in the global scope, as a script element would. */
function perform(name) {
  const file = path.join(__dirname, name);
  vm.runInThisContext(fs.readFileSync(file, "utf-8"), { filename: file });
}

/** Calls `act` with every JSON line the test sends. */
function whenTold(act) {
  readline.createInterface({ input: process.stdin }).on("line", (line) => act(JSON.parse(line)));
}

module.exports = { perform, report, whenTold };
