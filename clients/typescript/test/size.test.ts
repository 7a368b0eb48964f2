import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { buildSync } from "esbuild";

/** What a page pays for: minified, as gzip sends it. */
function gzipBytes(what: string): number {
  const contents = `export { ${what} } from "./src/index.js";`;
  const { outputFiles } = buildSync({
    stdin: { contents, resolveDir: process.cwd() },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  return gzipSync(outputFiles[0]?.contents ?? "", { level: 9 }).length;
}

test("the client is at most eight kilobytes", () => {
  const bytes = gzipBytes("connect");
  assert.ok(bytes > 1_000 && bytes <= 8_000, String(bytes));
});

test("who takes the reconnecting socket alone does not pay for the client", () => {
  const bytes = gzipBytes("ReconnectingWebSocket");
  assert.ok(bytes > 500 && bytes <= 2_000, String(bytes));
});
