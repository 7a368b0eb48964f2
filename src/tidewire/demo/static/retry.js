// @ts-check
/**
 * Retry: when to come back after a connection was lost, and when not to.
 *
 * Pure: no socket, no timer, no clock. Randomness is passed in.
 */

const FIRST_RETRY_MS = 500; // an isolated drop should be over before it is noticed
const LONGEST_RETRY_MS = 20_000; // a server that is down for long is asked three times a minute
const DEFAULT_WINDOW_S = 3; // for a restart (1012) that came without a `draining` announcement

/** Close codes after which coming back by itself would be wrong, and what to tell the reader. */
const STOPS = new Map([
  [1002, "The server and this page do not understand each other. Reload the page."],
  [1003, "The server and this page do not understand each other. Reload the page."],
  [1008, "The server asked this page to stop."],
  [4001, "Your sign-in has expired."],
  [4003, "You were disconnected for good."],
]);

/** Refusals (HTTP status of a plain GET) that waiting does not change. */
const FINAL_REFUSALS = new Set([400, 401, 403]);

/**
 * @typedef {{ kind: "stop", reason: string }
 *         | { kind: "retry", delayMs: number }} Verdict
 */

/**
 * Full jitter, drawn after the cap: spread evenly even when everyone has reached the cap.
 *
 * @param {number} attempt - failures in a row so far, 0 for the first
 * @param {() => number} random - like Math.random
 */
export function backoffMs(attempt, random) {
  return random() * Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt);
}

/**
 * @param {{ code: number, reason: string }} close
 * @param {{ attempt: number, windowS: number | null, random: () => number }} circumstances
 *   `windowS` is what the server's `draining` announced, if it did
 * @returns {Verdict}
 */
export function afterClose({ code, reason }, { attempt, windowS, random }) {
  const stop = STOPS.get(code);
  if (stop !== undefined) return { kind: "stop", reason: reason ? `${stop} (${reason})` : stop };
  if (code === 1012 && attempt === 0) {
    return { kind: "retry", delayMs: random() * (windowS ?? DEFAULT_WINDOW_S) * 1000 };
  }
  return { kind: "retry", delayMs: backoffMs(attempt, random) };
}

/**
 * What a plain GET of the refused address answered: a browser sees a refused upgrade only as 1006.
 *
 * @param {number} status
 * @param {unknown} body - the parsed JSON, whatever it is
 * @returns {Verdict | null} null when the answer says nothing about coming back
 */
export function afterRefusal(status, body) {
  const { code, message, retryAfter } = Object(body);
  const reason = typeof message === "string" ? message : `The server refused (${code ?? status}).`;
  if (FINAL_REFUSALS.has(status)) return { kind: "stop", reason };
  if (typeof retryAfter === "number") return { kind: "retry", delayMs: retryAfter * 1000 };
  return null;
}
