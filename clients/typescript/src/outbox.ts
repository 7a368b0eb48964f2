/**
 * Outbox: commands on their way, from the application's call to a truthful answer.
 *
 * Pure: a clock and ids come in, frames to send go out. An entry leaves in exactly one way:
 * answered, refused (nothing was done), or unknown (it may have been done). What carries a `once`
 * key, or only asks, is sent again after a broken connection; anything else is not, because
 * nobody can say whether it arrived. A `once` key is one user's: who comes back as somebody else,
 * as guests do, must not repeat it, and waits a while to see it come back.
 */

import { OutcomeUnknown, Refused, type TidewireError } from "./errors.js";
import {
  encode,
  type Id,
  type Limits,
  type Message,
  type Position,
  type Refusal,
} from "./messages.js";

export interface OutboxLimits {
  /** Entries that wait or are on their way. A person writes less; a loop should notice. */
  readonly count: number;
  readonly bytes: number;
  /** Far under the five minutes for which the server remembers a `once` key. */
  readonly ageMs: number;
}

export const OUTBOX_LIMITS: OutboxLimits = { count: 500, bytes: 1 << 20, ageMs: 120_000 };

/** What a server allows that has announced nothing else. */
const USUAL = { maxMessageBytes: 65_536, unansweredIds: 64 };

/** Of the ids that may be unanswered, those left to subscribing and repairing. */
const KEPT_IDS = 8;

/** What an `id` adds to a command. */
const ID_BYTES = 32;

/** A pause after "try again" from a server that does not say when. */
const PAUSE_MS = 1_000;

/** How long one who came back as another user looks for its own entries in what it missed. */
const RECOGNISING_MS = 10_000;

/** Answers that say: not now, or perhaps not; the same entry may succeed later. */
const PASSING = new Set(["rate_limited", "unavailable", "unknown_outcome"]);

export type Settled =
  | { kind: "ok"; answer: Message }
  | { kind: "failed"; error: TidewireError };

interface Entry {
  readonly command: Message;
  readonly isRepeatable: boolean;
  readonly bytes: number;
  expiresAt: number;
  readonly settle: (settled: Settled) => void;
  /** `doneAs`: the user as whom it may have been done already. */
  way:
    | { kind: "waiting"; doneAs: string | undefined }
    | { kind: "sent"; id: Id; doneAs: string | undefined };
}

export class Outbox {
  /** In the order of the application's calls, which is the order they leave in. */
  #entries: Entry[] = [];
  #bytes = 0;
  #lastId = 0;
  #pausedUntil = 0;
  #user = "";
  #allowed: Pick<Limits, "maxMessageBytes" | "unansweredIds"> = USUAL;

  constructor(
    private readonly now: () => number,
    private readonly limits: OutboxLimits = OUTBOX_LIMITS,
  ) {}

  get count(): number {
    return this.#entries.length;
  }

  /** Takes a command; `settle` is called once, perhaps before this returns. */
  add(command: Message, isRepeatable: boolean, settle: (settled: Settled) => void): void {
    const bytes = bytesOf(command);
    const error = this.#whyNot(bytes);
    if (error) {
      settle({ kind: "failed", error });
      return;
    }
    this.#bytes += bytes;
    const expiresAt = this.now() + this.limits.ageMs;
    const way = { kind: "waiting", doneAs: undefined } as const;
    this.#entries.push({ command, isRepeatable, bytes, expiresAt, settle, way });
  }

  /** We are `user` now, and this is what the server takes. */
  connected(user: string, limits: Pick<Limits, "maxMessageBytes" | "unansweredIds">): void {
    this.#user = user;
    this.#allowed = limits;
    const recognisedAt = this.now() + RECOGNISING_MS;
    for (const entry of [...this.#entries]) {
      if (this.#isAnothers(entry)) entry.expiresAt = Math.min(entry.expiresAt, recognisedAt);
      // The server closes for good on a message that is too large: none is sent.
      if (this.#isTooLarge(entry.bytes)) this.#giveUp(entry, tooLarge());
    }
  }

  /** The commands to send now, each with its `id`. */
  take(): Message[] {
    if (this.now() < this.#pausedUntil) return [];
    const onTheirWay = this.#entries.filter(({ way }) => way.kind === "sent").length;
    const room = Math.max(1, this.#allowed.unansweredIds - KEPT_IDS) - onTheirWay;
    const waiting = this.#entries.filter(
      (entry) => entry.way.kind === "waiting" && !this.#isAnothers(entry),
    );
    return waiting.slice(0, Math.max(0, room)).map((entry) => {
      const id = ++this.#lastId;
      entry.way = { kind: "sent", id, doneAs: entry.way.doneAs };
      return { ...entry.command, id };
    });
  }

  /** When to look again: a pause ends, or an entry grows too old. */
  nextAt(): number | undefined {
    if (this.#entries.length === 0) return undefined;
    const tooOldAt = Math.min(...this.#entries.map(({ expiresAt }) => expiresAt));
    return this.now() < this.#pausedUntil ? Math.min(this.#pausedUntil, tooOldAt) : tooOldAt;
  }

  // -- what becomes of an entry ------------------------------------------------------------

  /** The server's answer to `id`; false where nobody asked (any more). */
  answered(id: Id, answer: Message): boolean {
    const entry = this.#entries.find(({ way }) => way.kind === "sent" && way.id === id);
    if (!entry) return false;
    if (answer.type === "error") this.#refused(entry, answer as Message & Refusal);
    else this.#settle(entry, { kind: "ok", answer });
    return true;
  }

  /** Our own `once` key came back, live or recovered: it is in the log, answer or not. */
  seen(once: string, channel: string, position: Position): void {
    const entry = this.#entries.find(
      ({ command }) => command.once === once && command.channel === channel,
    );
    if (entry) this.#settle(entry, { kind: "ok", answer: { type: "published", channel, ...position } });
  }

  /** The connection is gone, and with it the answers. */
  disconnected(): void {
    for (const entry of this.#entries.filter(({ way }) => way.kind === "sent")) {
      if (entry.isRepeatable) entry.way = { kind: "waiting", doneAs: this.#user };
      else this.#fail(entry, unknown("the connection broke before the answer came"));
    }
    this.#pausedUntil = 0;
  }

  /** Gives up what has grown too old. */
  expire(): void {
    const now = this.now();
    for (const entry of this.#entries.filter(({ expiresAt }) => expiresAt <= now)) {
      this.#giveUp(entry, new Refused("expired", "it could not be sent in time"));
    }
  }

  /** The client has stopped: nothing will be sent any more. */
  stop(reason: string): void {
    for (const entry of [...this.#entries]) this.#giveUp(entry, new Refused("stopped", reason));
  }

  #whyNot(bytes: number): Refused | undefined {
    if (this.#isTooLarge(bytes)) return tooLarge();
    const isFull = this.#entries.length >= this.limits.count;
    if (!isFull && this.#bytes + bytes <= this.limits.bytes) return undefined;
    return new Refused("queue_full", "too much is waiting to be sent");
  }

  #isTooLarge(bytes: number): boolean {
    return bytes + ID_BYTES > this.#allowed.maxMessageBytes;
  }

  #refused(entry: Entry, refusal: Refusal): void {
    const doneAs = refusal.code === "unknown_outcome" ? this.#user : entry.way.doneAs;
    const mayBeDone = doneAs !== undefined;
    if (PASSING.has(refusal.code) && (entry.isRepeatable || !mayBeDone)) {
      entry.way = { kind: "waiting", doneAs };
      this.#pausedUntil = this.now() + pauseMs(refusal);
    } else if (mayBeDone) {
      this.#fail(entry, unknown(refusal.message));
    } else {
      this.#fail(entry, Refused.by(refusal));
    }
  }

  /** Whether to send it again might do it twice: the server knows its key from another user. */
  #isAnothers({ command, way }: Entry): boolean {
    return command.once !== undefined && way.doneAs !== undefined && way.doneAs !== this.#user;
  }

  #giveUp(entry: Entry, refused: Refused): void {
    const mayBeDone = entry.way.kind === "sent" || entry.way.doneAs !== undefined;
    this.#fail(entry, mayBeDone ? unknown(refused.message) : refused);
  }

  #fail(entry: Entry, error: TidewireError): void {
    this.#settle(entry, { kind: "failed", error });
  }

  #settle(entry: Entry, settled: Settled): void {
    this.#entries = this.#entries.filter((each) => each !== entry);
    this.#bytes -= entry.bytes;
    entry.settle(settled);
  }
}

function pauseMs({ retryAfter }: Refusal): number {
  return retryAfter === undefined || retryAfter === null ? PAUSE_MS : retryAfter * 1000;
}

function unknown(message: string): OutcomeUnknown {
  return new OutcomeUnknown(message);
}

function tooLarge(): Refused {
  return new Refused("too_large", "it has more bytes than the server takes");
}

function bytesOf(command: Message): number {
  return new TextEncoder().encode(encode(command)).length;
}
