/**
 * Errors: everything the client raises on purpose, one family.
 *
 * Each says what is known: refused is "nothing was done", unknown is "it may have been".
 */

import type { Position, Refusal } from "./messages.js";

export class TidewireError extends Error {
  override readonly name: string = "TidewireError";
}

/** It was not done. `code` is the server's (section 8 of the protocol) or one of ours. */
export class Refused extends TidewireError {
  override readonly name = "Refused";

  constructor(
    /** Ours are `queue_full`, `expired` (never sent in time) and `stopped`. */
    readonly code: string,
    message: string,
    /** Seconds after which the same can succeed, where the server has said so. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }

  static by({ code, message, retryAfter }: Refusal): Refused {
    return new Refused(code, message, retryAfter ?? undefined);
  }
}

/** It was sent, and nobody can say whether it was done. */
export class OutcomeUnknown extends TidewireError {
  override readonly name = "OutcomeUnknown";
}

/** Entries are missing, and nobody listens for `gap`: the iteration ends rather than lie. */
export class EntriesMissing extends TidewireError {
  override readonly name = "EntriesMissing";

  /** `position` is where the channel goes on. */
  constructor(readonly position: Position) {
    super("entries are missing that cannot be told any more");
  }
}

/** The reader of an iterator was slower than its channel for too long. */
export class FellBehind extends TidewireError {
  override readonly name = "FellBehind";
}
