/**
 * Backoff: how long to wait before coming back.
 *
 * Pure: randomness and the time are passed in. A crowd that lost its server at one moment must
 * not come back as one: every wait is drawn anew from zero to its bound, after the bound was
 * capped, so that clients stay spread out even when all of them have reached the cap. What a
 * crowd does with these numbers: bench/HERD.md; why: docs/explanation/reconnecting.md.
 */

/** The first bound: an isolated drop should be over before it is noticed. */
export const FIRST_BOUND_MS = 500;

/** Doubling is too slow: a crowd must be in its long waits when an outage of five seconds ends. */
export const GROWTH = 8;

/** The last bound: the shortest with which at most one client in twenty comes back in a second. */
export const LAST_BOUND_MS = 25_000;

/** Where a server closed or refused on purpose it did so to others: as if one try had failed. */
export const CROWD_FAILURES = 2;

/** The bound while nobody looks at the page. */
export const HIDDEN_BOUND_MS = 60_000;

/** A connection that held so long was a good one: what comes next is a first failure. */
export const STEADY_AFTER_MS = 5_000;

export class Backoff {
  #failures = 0;

  constructor(private readonly random: () => number) {}

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** A connection has ended that was up for `uptimeMs`; 0 where it never was. */
  failed(uptimeMs: number): void {
    this.#failures = uptimeMs >= STEADY_AFTER_MS ? 1 : this.#failures + 1;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** The wait after a failure, in milliseconds. */
  waitMs({ isHidden, isCrowd = false }: { isHidden: boolean; isCrowd?: boolean }): number {
    const failures = isCrowd ? Math.max(CROWD_FAILURES, this.#failures) : this.#failures;
    const grown = FIRST_BOUND_MS * GROWTH ** (failures - 1);
    const bound = isHidden && this.#failures > 1 ? HIDDEN_BOUND_MS : Math.min(LAST_BOUND_MS, grown);
    return this.random() * bound;
  }

  /** A moment within a window that the server has named. */
  withinMs(windowS: number): number {
    return this.random() * windowS * 1000;
  }

  /** At once after a first failure, of this connection alone; as after any other else. */
  atOnceMs(circumstances: { isHidden: boolean }): number {
    return this.#failures <= 1 ? 0 : this.waitMs(circumstances);
  }
}
