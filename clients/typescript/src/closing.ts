/**
 * Closing: what the end of a connection means for the next one.
 *
 * Pure tables: section 11 of the protocol (close codes) and section 2.2 (refusals before the
 * connection opened, as a plain GET of the same URL tells them).
 */

import type { Answer } from "./surroundings.js";

export type ComeBack =
  | { kind: "now" }
  | { kind: "window"; afterS: number }
  | { kind: "newToken" }
  | { kind: "never" };

const NOW: ComeBack = { kind: "now" };
const WINDOW: ComeBack = { kind: "window", afterS: 0 };
const NEW_TOKEN: ComeBack = { kind: "newToken" };
const NEVER: ComeBack = { kind: "never" };

const CLOSE_CODES = new Map<number, ComeBack>([
  [1000, NEVER],
  [1002, NEVER],
  [1003, NEVER],
  [1007, NEVER],
  [1008, NEVER],
  [1009, NEVER],
  [4001, NEW_TOKEN],
  [4003, NEVER],
  [4008, NOW],
  [4009, NOW],
]);

/** Codes not listed, and no Close frame at all (1006), mean "within a window". */
export function afterClose(code: number): ComeBack {
  return CLOSE_CODES.get(code) ?? WINDOW;
}

const REFUSALS = new Map<string, ComeBack>([
  ["malformed", NEVER],
  ["too_large", NEVER],
  ["not_found", NEVER],
  ["unauthorized", NEVER],
  ["forbidden_origin", NEVER],
  ["token_expired", NEW_TOKEN],
  ["revoked", NEW_TOKEN],
]);

/** After a GET that had no answer, or one that is not ours, nobody knows: within a window. */
export function afterRefusal(answer: Answer | undefined): ComeBack {
  const { code, retryAfter } = Object(answer?.body) as { code?: unknown; retryAfter?: unknown };
  if (typeof code !== "string") return WINDOW;
  const afterS = typeof retryAfter === "number" ? retryAfter : 0;
  return REFUSALS.get(code) ?? { kind: "window", afterS };
}
