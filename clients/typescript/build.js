/**
 * Builds what is shipped: the server's /client.js, and with --package the npm package in dist/.
 *
 *     node build.js            writes src/tidewire/http/client.js
 *     node build.js --print    writes it to standard output instead
 *     node build.js --package  also writes dist/, with types
 */

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { buildSync } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const { version, license } = JSON.parse(readFileSync(`${here}package.json`, "utf-8"));

const COMMON = { absWorkingDir: here, bundle: true, format: "esm", target: "es2022" };

/** One minified module that a page can import as it is. */
function script() {
  const banner = { js: `/*! tidewire ${version} | ${license} */` };
  const entry = ["src/index.ts"];
  const built = buildSync({ ...COMMON, entryPoints: entry, minify: true, banner, write: false });
  return built.outputFiles[0].text;
}

/** Readable modules that share their common parts, for bundlers. */
function buildPackage() {
  const entryPoints = ["src/index.ts", "src/reconnecting.ts"];
  buildSync({ ...COMMON, entryPoints, outdir: "dist", splitting: true, sourcemap: true });
  const types = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--stripInternal"];
  const tsc = ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json", ...types];
  execFileSync(process.execPath, tsc, { cwd: here, stdio: "inherit" });
}

if (process.argv.includes("--print")) process.stdout.write(script());
else writeFileSync(`${here}../../src/tidewire/http/client.js`, script());
if (process.argv.includes("--package")) buildPackage();
