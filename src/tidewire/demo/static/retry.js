// @ts-check
/**
 * Retry: when to come back after a connection was lost, and when not to.
 *
 * Pure: no socket, no timer, no clock. Randomness is passed in.
 */

const FIRST_RETRY_MS = 500; // an isolated drop should be over before it is noticed
const GROWTH = 8; // by doubling, a crowd is still in its short waits after an outage of seconds
const LONGEST_RETRY_MS = 25_000; // spreads a crowd to a twentieth a second (bench/HERD.md)

const MISUNDERSTOOD = "The server and this page do not understand each other. Reload the page.";

/** Close codes marked "never" and "with a new token" (spec/protocol.md, section 11). */
const STOPS = new Map([
  [1000, "The server has closed this connection."],
  [1002, MISUNDERSTOOD],
  [1003, MISUNDERSTOOD],
  [1007, MISUNDERSTOOD],
  [1008, "The server asked this page to stop."],
  [1009, "A message was larger than the server takes."],
  [4001, "Your time here has run out. Enter again."],
  [4003, "You were asked to leave."],
]);

/** Refusals, by the status of a plain GET, that waiting does not change (section 2.2). */
const FINAL_REFUSALS = new Map([
  [400, MISUNDERSTOOD],
  [401, "The server wants to know who you are."],
  [403, "The server does not let this page in."],
]);

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
  return random() * Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * GROWTH ** attempt);
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
  const isAnnounced = windowS !== null && attempt === 0;
  if (isAnnounced) return { kind: "retry", delayMs: random() * windowS * 1000 };
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
  const reason = FINAL_REFUSALS.get(status);
  if (reason !== undefined) return { kind: "stop", reason };
  const { retryAfter } = Object(body);
  return typeof retryAfter === "number" ? { kind: "retry", delayMs: retryAfter * 1000 } : null;
}
