/**
 * Heartbeat: notices that a connection is dead though it looks open.
 *
 * A browser shows its page neither pings nor silence, so we ask in JSON when nothing was heard
 * for a while, and at once when there is a reason to doubt. Any frame is a sign of life.
 */

import type { Cancel, Clock } from "./surroundings.js";

/** Nothing after our ping for so long: nobody is there (section 9 of the protocol). */
export const PONG_LIMIT_MS = 10_000;

/** The same after waking up, when a dead connection is likely and somebody is looking. */
export const PROBE_LIMIT_MS = 5_000;

type State =
  | { kind: "stopped" }
  | { kind: "listening"; cancel: Cancel }
  | { kind: "asked"; cancel: Cancel };

export class Heartbeat {
  #state: State = { kind: "stopped" };
  #heardAt = 0;
  #everyMs = 0;

  constructor(
    private readonly clock: Clock,
    private readonly does: { ping: () => void; giveUp: () => void },
  ) {}

  start(everyS: number): void {
    this.stop();
    this.#everyMs = everyS * 1000;
    this.#heardAt = this.clock.now();
    this.#listen(this.#everyMs);
  }

  stop(): void {
    if (this.#state.kind !== "stopped") this.#state.cancel();
    this.#state = { kind: "stopped" };
  }

  /** Something came. Costs no timer: the one that runs looks at the time. */
  heard(): void {
    this.#heardAt = this.clock.now();
    if (this.#state.kind !== "asked") return;
    this.#state.cancel();
    this.#listen(this.#everyMs);
  }

  /** There is a reason to doubt: ask now. */
  probe(): void {
    if (this.#state.kind !== "stopped") this.#ask(PROBE_LIMIT_MS);
  }

  #listen(forMs: number): void {
    const cancel = this.clock.after(forMs, () => this.#wasQuiet());
    this.#state = { kind: "listening", cancel };
  }

  #wasQuiet(): void {
    const leftMs = this.#heardAt + this.#everyMs - this.clock.now();
    if (leftMs > 0) this.#listen(leftMs);
    else this.#ask(PONG_LIMIT_MS);
  }

  #ask(limitMs: number): void {
    if (this.#state.kind !== "stopped") this.#state.cancel();
    const cancel = this.clock.after(limitMs, () => {
      this.stop();
      this.does.giveUp();
    });
    this.#state = { kind: "asked", cancel };
    this.does.ping();
  }
}
