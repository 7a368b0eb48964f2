/**
 * Stream: one channel as its subscriber sees it, in order, each entry once, no loss in silence.
 *
 * Pure: what the server says goes in, what has to happen comes out. Opens nothing and waits for
 * nothing; a happening `repair` or `rejoin` asks whoever holds the connection to send a command.
 */

import type { Gap, History, Position, Publication, Skipped, Subscribed } from "./messages.js";

export type Happening =
  | { kind: "message"; message: Publication; isRecovered: boolean }
  /** Something is missing, and nobody can say what: the application loads its state anew. */
  | { kind: "gap"; position: Position }
  /** The messages that follow are the channel's whole state: the latest entry of each key. */
  | { kind: "snapshot"; position: Position }
  | { kind: "live"; position: Position; recovery: "none" | "complete" | "gap" }
  /** Ask for the history after `since`, and hand it to `repaired`. */
  | { kind: "repair"; since: Position }
  /** Subscribe, from `join()`. */
  | { kind: "rejoin" };

type Item = Publication | Skipped;

type State =
  | { kind: "out" }
  | { kind: "joining"; since: Position | undefined; held: Item[] }
  | { kind: "live" }
  | { kind: "repairing"; held: Item[] };

/** Live entries kept while earlier ones are fetched. What comes beyond is fetched as well. */
export const HELD_LIMIT = 1000;

export class Stream {
  #state: State = { kind: "out" };
  #position: Position | undefined;
  /** Up to here everything was handed over or left out on purpose; never behind the position. */
  #reached = 0;
  /** The highest `seq` heard of, held or not. */
  #heard = 0;

  constructor(position?: Position) {
    this.#position = position;
  }

  /** The last entry handed over: what to come back with. */
  get position(): Position | undefined {
    return this.#position;
  }

  get kind(): State["kind"] {
    return this.#state.kind;
  }

  // -- coming and going --------------------------------------------------------------------

  /** A `subscribe` is about to be sent; answers its `since`. */
  join(): Position | undefined {
    this.#state = { kind: "joining", since: this.#position, held: [] };
    return this.#position;
  }

  /** The connection is gone, or the subscription. What was held comes again. */
  leave(): void {
    this.#state = { kind: "out" };
    this.#heard = 0;
  }

  /** The server has subscribed us unasked, from `position`. */
  entered(position: Position): Happening[] {
    if (this.#state.kind !== "out") return [];
    const last = this.#position;
    if (last && !isSame(last, position)) {
      this.join();
      return [{ kind: "rejoin" }];
    }
    this.#moveTo(position);
    this.#state = { kind: "live" };
    return [{ kind: "live", position, recovery: last ? "complete" : "none" }];
  }

  /** We may not ask for what we missed, but are in: the rest is live. */
  enteredWithLoss(position: Position): Happening[] {
    return [...this.gap(position), { kind: "live", position, recovery: "gap" }];
  }

  subscribed(event: Subscribed): Happening[] {
    const state = this.#state;
    if (state.kind === "out") return event.recovery === "none" ? this.entered(event) : [];
    if (state.kind !== "joining") return this.#subscribedAgain(event);
    // With a `since` the answer is never "none": that is the server's own doing, before our answer.
    if (state.since && event.recovery === "none") return [];
    const happenings = this.#page(event);
    if (event.more) return happenings;
    const live: Happening = { kind: "live", position: plain(event), recovery: event.recovery };
    return [...happenings, live, ...this.#goLive(state.held)];
  }

  #page(event: Subscribed): Happening[] {
    const position = plain(event);
    const isContinued = event.recovery === "complete" && !event.snapshot;
    const known = isContinued ? (this.#position?.seq ?? 0) : 0;
    const happenings: Happening[] = [];
    if (event.recovery === "gap") happenings.push({ kind: "gap", position });
    if (event.snapshot) happenings.push({ kind: "snapshot", position });
    for (const message of event.messages) {
      if (message.seq > known) happenings.push({ kind: "message", message, isRecovered: true });
    }
    this.#moveTo(position);
    return happenings;
  }

  #subscribedAgain(event: Subscribed): Happening[] {
    if (event.epoch !== this.#position?.epoch) return this.gap(event);
    return event.messages.flatMap((message) => this.receive(message));
  }

  // -- live --------------------------------------------------------------------------------

  receive(item: Item): Happening[] {
    const state = this.#state;
    if (state.kind === "out") return [];
    this.#heard = Math.max(this.#heard, lastOf(item));
    if (state.kind === "live") return this.#take(item, false);
    if (state.held.length < HELD_LIMIT) state.held.push(item);
    return [];
  }

  #take(item: Item, isRecovered: boolean): Happening[] {
    const last = lastOf(item);
    if (last <= this.#reached) return [];
    if (firstOf(item) > this.#reached + 1) return this.#repair([item]);
    this.#reached = last;
    if (isSkip(item)) return [];
    const epoch = this.#position?.epoch ?? "";
    this.#position = { epoch, seq: item.seq, tag: item.tag };
    return [{ kind: "message", message: item, isRecovered }];
  }

  gap(event: Position | Gap): Happening[] {
    const position = plain(event);
    this.#moveTo(position);
    this.#heard = position.seq;
    this.#state = { kind: "live" };
    return [{ kind: "gap", position }];
  }

  // -- holes -------------------------------------------------------------------------------

  repaired(history: History): Happening[] {
    const state = this.#state;
    if (state.kind !== "repairing") return [];
    const isTold = history.recovery !== "gap" && history.epoch === this.#position?.epoch;
    if (!isTold) return this.unrepairable();
    const before = this.#reached;
    this.#state = { kind: "live" };
    const happenings = history.messages.flatMap((message) => this.#take(message, true));
    if (this.#state.kind !== "live" || this.#reached === before) {
      this.#state = state;
      return [...happenings.filter((each) => each.kind !== "repair"), ...this.unrepairable()];
    }
    if (history.more) return [...happenings, ...this.#repair(state.held)];
    return [...happenings, ...this.#goLive(state.held)];
  }

  /** The hole stays: it is told, and what was held goes on behind it. */
  unrepairable(): Happening[] {
    const state = this.#state;
    if (state.kind !== "repairing") return [];
    const next = state.held.length > 0 ? Math.min(...state.held.map(firstOf)) : this.#heard + 1;
    const epoch = this.#position?.epoch ?? "";
    const position = { epoch, seq: Math.max(next - 1, this.#reached), tag: "" };
    this.#moveTo(position);
    return [{ kind: "gap", position }, ...this.#goLive(state.held)];
  }

  #repair(held: Item[]): Happening[] {
    this.#state = { kind: "repairing", held };
    const since = this.#position ?? { epoch: "", seq: 0, tag: "" };
    return [{ kind: "repair", since }];
  }

  #goLive(held: Item[]): Happening[] {
    this.#state = { kind: "live" };
    const happenings = held.flatMap((item) => this.receive(item));
    const isBehind = this.kind === "live" && this.#heard > this.#reached;
    return isBehind ? [...happenings, ...this.#repair([])] : happenings;
  }

  #moveTo(position: Position): void {
    this.#position = plain(position);
    this.#reached = position.seq;
  }
}

function isSkip(item: Item): item is Skipped {
  return item.type === "skipped" && "reason" in item;
}

function firstOf(item: Item): number {
  return isSkip(item) ? item.from : item.seq;
}

function lastOf(item: Item): number {
  return isSkip(item) ? item.to : item.seq;
}

function plain({ epoch, seq, tag }: Position): Position {
  return { epoch, seq, tag };
}

function isSame(one: Position, other: Position): boolean {
  return one.epoch === other.epoch && one.seq === other.seq && one.tag === other.tag;
}
