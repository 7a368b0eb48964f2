/** Reader: what waits for one `for await`, bounded, with its end or its fault behind it. */

import { FellBehind, type TidewireError } from "./errors.js";

/** What an iteration may be behind. Who needs more has a `message` listener and a store. */
export const READ_AHEAD = 10_000;

type End = { kind: "ended" } | { kind: "failed"; error: TidewireError };

export class Reader<Item> {
  #waiting: Item[] = [];
  #end: End | undefined;
  #wake = (): void => undefined;

  push(item: Item): void {
    if (this.#end) return;
    if (this.#waiting.length >= READ_AHEAD) this.fail(new FellBehind("the reader is too slow"));
    else this.#waiting.push(item);
    this.#wake();
  }

  /** The iteration throws once it has had what came before. */
  fail(error: TidewireError): void {
    this.#end ??= { kind: "failed", error };
    this.#wake();
  }

  end(): void {
    this.#end ??= { kind: "ended" };
    this.#wake();
  }

  async *items(): AsyncGenerator<Item, void, undefined> {
    for (;;) {
      const batch = this.#waiting;
      this.#waiting = [];
      yield* batch;
      if (this.#waiting.length > 0) continue;
      if (this.#end?.kind === "failed") throw this.#end.error;
      if (this.#end) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
