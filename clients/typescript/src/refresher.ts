/**
 * Refresher: hands the server a newer token before the one in use runs out.
 *
 * `expiresAt` is the server's time, and clocks of phones are off by minutes: the difference is
 * asked for first.
 */

import { Backoff } from "./backoff.js";
import type { Message } from "./messages.js";
import type { Cancel, Surroundings } from "./surroundings.js";
import type { Tokens } from "./tokens.js";

/** How long before its end a token is replaced: time enough for a few failures. */
export const LEAD_MS = 60_000;

/** Tokens that live shorter than five leads are replaced when a fifth of their time is left. */
const LEAD_SHARE = 0.2;

/** However short a token lives, the backend is asked no more often. */
const AT_MOST_EVERY_MS = 1_000;

export class Refresher {
  #cancel: Cancel = () => undefined;
  /** Which connection is meant: what belongs to an earlier one is dropped. */
  #turn = 0;
  readonly #backoff: Backoff;

  constructor(
    private readonly surroundings: Surroundings,
    private readonly tokens: Tokens,
    private readonly request: (command: Message) => Promise<Message>,
  ) {
    this.#backoff = new Backoff(surroundings.random);
  }

  /** The token in use runs out at `expiresAt` (seconds, by the server's clock). */
  start(expiresAt: number | undefined): void {
    this.stop();
    if (expiresAt !== undefined && this.tokens.canRenew) void this.#plan(expiresAt, this.#turn);
  }

  stop(): void {
    this.#cancel();
    this.#turn += 1;
  }

  async #plan(expiresAt: number, turn: number): Promise<void> {
    const aheadMs = await this.#serverIsAheadMs();
    if (turn !== this.#turn) return;
    const leftMs = expiresAt * 1000 - (this.surroundings.clock.now() + aheadMs);
    const leadMs = Math.min(LEAD_MS, leftMs * LEAD_SHARE);
    const waitMs = Math.max(AT_MOST_EVERY_MS, leftMs - leadMs * (1 + this.surroundings.random()));
    this.#after(waitMs, turn);
  }

  #after(waitMs: number, turn: number): void {
    this.#cancel = this.surroundings.clock.after(waitMs, () => void this.#refresh(turn));
  }

  async #refresh(turn: number): Promise<void> {
    try {
      const token = await this.tokens.renew();
      if (turn !== this.#turn) return;
      const { expiresAt } = await this.request({ type: "refresh", token });
      if (turn !== this.#turn) return;
      this.#backoff.succeeded();
      if (typeof expiresAt === "number") void this.#plan(expiresAt, turn);
    } catch {
      if (turn !== this.#turn) return;
      this.#backoff.failed(0);
      this.#after(Math.max(AT_MOST_EVERY_MS, this.#backoff.waitMs({ isHidden: false })), turn);
    }
  }

  async #serverIsAheadMs(): Promise<number> {
    const { clock } = this.surroundings;
    const askedAt = clock.now();
    try {
      const { timestamp } = await this.request({ type: "ping" });
      return typeof timestamp === "number" ? timestamp - (askedAt + clock.now()) / 2 : 0;
    } catch {
      return 0; // the connection broke: there will be another start
    }
  }
}
