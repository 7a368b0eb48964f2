import assert from "node:assert/strict";
import { test } from "node:test";

import { afterClose, afterRefusal } from "../src/closing.js";

test("close codes mean what the protocol's table says", () => {
  const kinds = {
    now: [4008, 4009],
    window: [1001, 1006, 1011, 1012, 1013, 4029, 3999],
    newToken: [4001],
    never: [1000, 1002, 1003, 1007, 1008, 1009, 4003],
  };
  for (const [kind, codes] of Object.entries(kinds)) {
    for (const code of codes) assert.equal(afterClose(code).kind, kind, String(code));
  }
});

test("refusals before the connection mean what the protocol's table says", () => {
  const kinds = {
    window: ["timeout", "too_many_connections", "draining", "unavailable", "upgrade_required"],
    newToken: ["token_expired", "revoked"],
    never: ["malformed", "too_large", "not_found", "unauthorized", "forbidden_origin"],
  };
  for (const [kind, codes] of Object.entries(kinds)) {
    for (const code of codes) {
      assert.equal(afterRefusal({ status: 400, body: { code } }).kind, kind, code);
    }
  }
});

test("the server's retryAfter is kept", () => {
  const comeBack = afterRefusal({ status: 503, body: { code: "draining", retryAfter: 7 } });
  assert.deepEqual(comeBack, { kind: "window", afterS: 7 });
});

test("an answer that is not the server's decides nothing", () => {
  for (const body of [undefined, null, "<html>", [], { code: 7 }, { code: "constructor" }]) {
    assert.deepEqual(afterRefusal({ status: 404, body }), { kind: "window", afterS: 0 });
  }
  assert.deepEqual(afterRefusal(undefined), { kind: "window", afterS: 0 });
});
