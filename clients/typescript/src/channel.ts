/**
 * Channel: what an application holds of one channel.
 *
 * It is subscribed as long as somebody listens or iterates. What is missing is never passed over
 * in silence: `gap` is told to its listeners, and ends an iteration where there are none.
 */

import { Emitter, type Listener } from "./emitter.js";
import { EntriesMissing, type Refused } from "./errors.js";
import type {
  ClientState,
  History,
  Joined,
  Left,
  Message,
  Occupancy,
  Position,
  Presence,
  Publication,
  Signal,
} from "./messages.js";
import { Reader } from "./reader.js";
import { Stream, type Happening } from "./stream.js";
import type { Cancel } from "./surroundings.js";

export interface ChannelEvents<Data> {
  /** `isRecovered`: it was missed, and came in an answer instead of live. */
  message: { readonly message: Publication<Data>; readonly isRecovered: boolean };
  /** Something is missing. Load the state anew; the channel goes on from `position`. */
  gap: Position;
  /** The messages that follow are the whole state, the latest of each key: forget the rest. */
  snapshot: Position;
  /** Everything that was missed has been handed over; what follows is live. */
  live: { readonly position: Position; readonly recovery: "none" | "complete" | "gap" };
  signal: Signal;
  joined: Joined;
  left: Left;
  occupancy: Occupancy;
  state: ClientState;
  /** We are not subscribed: we may not, or the server has ended it. */
  refused: Refused;
}

export interface ChannelOptions {
  /** Where an earlier page or a server's rendering has stopped reading. */
  readonly since?: Position;
  /** Without `since`: the latest so many entries first, 1 to 300. */
  readonly rewind?: number;
}

export interface PublishOptions {
  /** What makes a repeat recognisable; made up where it is not given. */
  readonly once?: string;
  readonly key?: string;
  readonly op?: "remove";
  /** Seconds until `key` goes by itself. */
  readonly ttl?: number;
  readonly ref?: number;
  readonly tags?: Readonly<Record<string, string>>;
  readonly encoding?: "base64";
}

export interface HistoryOptions {
  readonly since?: Position;
  readonly before?: Position;
  readonly limit?: number;
  readonly reverse?: boolean;
}

/** What a channel needs of its client. */
export interface Link {
  request(command: Message): Promise<Message>;
  sendNow(command: Message): boolean;
  want(channel: string): void;
  forget(channel: string): void;
}

export class Channel<Data = unknown> {
  /** @internal */ readonly stream: Stream;
  /** @internal */ grant: string | undefined;
  readonly #events = new Emitter<ChannelEvents<Data>>();
  readonly #readers = new Set<Reader<Publication<Data>>>();
  #listening = 0;
  #ownState: unknown;

  /** @internal */
  constructor(
    readonly name: string,
    readonly options: ChannelOptions,
    private readonly link: Link,
  ) {
    this.stream = new Stream(options.since);
  }

  /** The last entry handed over; undefined before the first subscription. */
  get position(): Position | undefined {
    return this.stream.position;
  }

  get isWanted(): boolean {
    return this.#listening > 0;
  }

  // -- listening ---------------------------------------------------------------------------

  /** Subscribes with the first listener, and unsubscribes with the last. Answers how to end it. */
  on<Kind extends keyof ChannelEvents<Data>>(
    kind: Kind,
    listener: Listener<ChannelEvents<Data>[Kind]>,
  ): Cancel {
    const off = this.#events.on(kind, listener);
    this.#count(1);
    let isOn = true;
    return () => {
      if (!isOn) return;
      isOn = false;
      off();
      this.#count(-1);
    };
  }

  /** Entries as they come, also those that were missed. Throws what `refused` tells listeners. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Publication<Data>, void, undefined> {
    const reader = new Reader<Publication<Data>>();
    this.#readers.add(reader);
    this.#count(1);
    try {
      yield* reader.items();
    } finally {
      this.#readers.delete(reader);
      this.#count(-1);
    }
  }

  #count(change: 1 | -1): void {
    const wasWanted = this.isWanted;
    this.#listening += change;
    if (this.isWanted === wasWanted) return;
    if (this.isWanted) this.link.want(this.name);
    else this.link.forget(this.name);
  }

  // -- asking ------------------------------------------------------------------------------

  /** Resolves with the place in the log. Rejects with `Refused` or `OutcomeUnknown`. */
  async publish(data: Data, options: PublishOptions = {}): Promise<Position> {
    const command = { type: "publish", channel: this.name, data, ...options };
    const { epoch, seq, tag } = (await this.link.request(command)) as Message & Position;
    return { epoch, seq, tag };
  }

  async history(options: HistoryOptions = {}): Promise<History> {
    const command = { type: "history", channel: this.name, ...options };
    return (await this.link.request(command)) as Message & History;
  }

  async presence(): Promise<Presence> {
    return (await this.link.request({ type: "presence", channel: this.name })) as Message & Presence;
  }

  /** Tells the others something that is not kept. False where there is no connection. */
  signal(name: string, data: unknown = null): boolean {
    return this.link.sendNow({ type: "signal", channel: this.name, name, data });
  }

  /** What the others see of this client here, also after a reconnect; `null` takes it back. */
  setState(data: unknown): void {
    this.#ownState = data;
    if (this.stream.kind === "live") this.#sendState();
  }

  #sendState(): void {
    this.link.sendNow({ type: "state", channel: this.name, data: this.#ownState });
  }

  // -- being told --------------------------------------------------------------------------

  /** @internal */
  happened(happening: Exclude<Happening, { kind: "repair" | "rejoin" }>): void {
    switch (happening.kind) {
      case "message":
        return this.#received(happening.message as Publication<Data>, happening.isRecovered);
      case "live":
        if (this.#ownState !== undefined) this.#sendState();
        return this.#events.emit("live", happening);
      case "gap":
        return this.#gapped(happening.position);
      case "snapshot":
        return this.#events.emit("snapshot", happening.position);
    }
  }

  #received(message: Publication<Data>, isRecovered: boolean): void {
    this.#events.emit("message", { message, isRecovered });
    for (const reader of this.#readers) reader.push(message);
  }

  #gapped(position: Position): void {
    if (this.#events.has("gap")) return this.#events.emit("gap", position);
    for (const reader of this.#readers) reader.fail(new EntriesMissing(position));
  }

  /** @internal */
  told(news: Signal | Joined | Left | Occupancy | ClientState): void {
    if (news.type === "user_joined") this.#events.emit("joined", news);
    else if (news.type === "user_left") this.#events.emit("left", news);
    else if (news.type === "signal") this.#events.emit("signal", news);
    else if (news.type === "state") this.#events.emit("state", news);
    else this.#events.emit("occupancy", news);
  }

  /** @internal */
  refuse(error: Refused): void {
    this.#events.emit("refused", error);
    for (const reader of this.#readers) reader.fail(error);
  }

  /** @internal The application has closed its client: iterations end. */
  end(): void {
    for (const reader of this.#readers) reader.end();
  }
}
