/**
 * Subscriptions: every channel of a client, on this connection and the next.
 *
 * Decides which channels to ask for and from where, and hands each message to its channel.
 * Sends through whoever holds the connection; what it asks dies with that connection, since the
 * next one begins with asking anew.
 */

import { Channel, type ChannelOptions, type Link } from "./channel.js";
import { Refused } from "./errors.js";
import {
  isPublication,
  type ChannelNews,
  type Connected,
  type Draining,
  type History,
  type Id,
  type Message,
  type Position,
  type Publication,
  type Refusal,
} from "./messages.js";
import type { Happening } from "./stream.js";
import type { Clock } from "./surroundings.js";

/** With their grants and positions so many channels fit into half of a message. */
const CHANNELS_PER_COMMAND = 20;

/** The most that one `history` answers. */
const HISTORY_LIMIT = 300;

/** A pause after "try again" from a server that does not say when. */
const PAUSE_MS = 1_000;

const PASSING = new Set(["rate_limited", "unavailable", "unknown_outcome"]);

const NEWS = new Set([
  ...["subscribed", "unsubscribed", "skipped", "gap"],
  ...["signal", "user_joined", "user_left", "occupancy", "state"],
]);

interface Asked {
  answered(answer: Message): void;
}

export class Subscriptions {
  readonly #channels = new Map<string, Channel>();
  readonly #asked = new Map<Id, Asked>();
  readonly #wanted = new Set<Channel>();
  /** Where the server has put us unasked, and where we may therefore not be allowed to ask. */
  readonly #entered = new Map<Channel, Position>();
  #connection: "up" | "down" = "down";
  #lastId = 0;

  constructor(
    private readonly clock: Clock,
    private readonly request: (command: Message) => Promise<Message>,
    private readonly send: (command: Message) => boolean,
    private readonly seen: (message: Publication, position: Position) => void,
  ) {}

  channel(name: string, options: ChannelOptions = {}): Channel {
    const known = this.#channels.get(name);
    if (known) return known;
    const channel = new Channel(name, options, this.#link());
    this.#channels.set(name, channel);
    return channel;
  }

  all(): Iterable<Channel> {
    return this.#channels.values();
  }

  #link(): Link {
    return {
      request: this.request,
      sendNow: this.send,
      want: (name) => this.#want(this.channel(name)),
      forget: (name) => this.#forget(this.channel(name)),
    };
  }

  // -- connections come and go -------------------------------------------------------------

  connected(connected: Connected): void {
    this.#connection = "up";
    const { channel, epoch, seq, tag } = connected;
    if (typeof channel === "string" && typeof epoch === "string") {
      this.#enter(this.channel(channel), { epoch, seq: seq ?? 0, tag: tag ?? "" });
    }
    for (const each of this.#channels.values()) {
      if (each.isWanted && each.stream.kind === "out") this.#wanted.add(each);
    }
    this.#ask();
  }

  disconnected(): void {
    this.#connection = "down";
    this.#asked.clear();
    this.#wanted.clear();
    this.#entered.clear();
    for (const channel of this.#channels.values()) channel.stream.leave();
  }

  keepGrants({ grants }: Draining): void {
    for (const [name, grant] of Object.entries(grants ?? {})) this.channel(name).grant = grant;
  }

  // -- asking ------------------------------------------------------------------------------

  #want(channel: Channel): void {
    if (this.#connection === "down" || channel.stream.kind !== "out") return;
    if (this.#wanted.size === 0) queueMicrotask(() => this.#ask()); // more may follow at once
    this.#wanted.add(channel);
  }

  #wantStill(channel: Channel): void {
    if (channel.isWanted) this.#want(channel);
  }

  #forget(channel: Channel): void {
    this.#wanted.delete(channel);
    if (channel.stream.kind === "out" || this.#entered.has(channel)) return;
    channel.stream.leave();
    this.#sendAsking({ type: "unsubscribe", channel: channel.name }, () => this.#isOut(channel));
  }

  /** The server has let go of it; meanwhile somebody may have begun to listen again. */
  #isOut(channel: Channel): void {
    this.#entered.delete(channel);
    if (channel.stream.kind === "live") channel.stream.leave();
    this.#wantStill(channel);
  }

  #ask(): void {
    const channels = [...this.#wanted];
    this.#wanted.clear();
    if (this.#connection === "down") return;
    while (channels.length > 0) this.#askFor(channels.splice(0, CHANNELS_PER_COMMAND));
  }

  #askFor(channels: Channel[]): void {
    const places = channels.map((channel) => this.#place(channel));
    this.#sendAsking({ type: "subscribe", channels: places }, (answer) => {
      if (answer.type !== "error") return;
      for (const channel of channels) this.#refused(channel, answer as Message & Refusal);
    });
  }

  #place(channel: Channel): object {
    const { name, grant, options } = channel;
    const since = channel.stream.join();
    const rewind = since ? undefined : options.rewind;
    return { channel: name, since, rewind, grant };
  }

  #sendAsking(command: Message, answered: Asked["answered"]): void {
    const id = `s${++this.#lastId}`;
    this.#asked.set(id, { answered });
    this.send({ ...command, id });
  }

  #repair(channel: Channel, since: Position): void {
    const command = { type: "history", channel: channel.name, since, limit: HISTORY_LIMIT };
    this.#sendAsking(command, (answer) => {
      if (answer.type !== "error") {
        return this.#do(channel, channel.stream.repaired(answer as Message & History));
      }
      const refusal = answer as Message & Refusal;
      if (!PASSING.has(refusal.code)) return this.#do(channel, channel.stream.unrepairable());
      this.#later(refusal, () => {
        if (channel.stream.kind === "repairing") this.#repair(channel, since);
      });
    });
  }

  #later({ retryAfter }: Refusal, action: () => void): void {
    this.clock.after(retryAfter ? retryAfter * 1000 : PAUSE_MS, action);
  }

  // -- being told --------------------------------------------------------------------------

  /** Takes what is about channels; false where `message` is about something else. */
  receive(message: Message): boolean {
    if (this.#isAnswer(message)) return true;
    if (typeof message.channel !== "string") return false;
    if (isPublication(message)) {
      const channel = this.channel(message.channel);
      this.#do(channel, channel.stream.receive(message));
      return true;
    }
    if (message.type === "error") {
      this.#refused(this.channel(message.channel), message as Message & Refusal);
      return true;
    }
    if (!NEWS.has(message.type)) return false;
    this.#told(this.channel(message.channel), message as Message & ChannelNews);
    return true;
  }

  #isAnswer(message: Message): boolean {
    const id = message.id as Id | undefined;
    const asked = id === undefined ? undefined : this.#asked.get(id);
    if (id === undefined || !asked) return false;
    this.#asked.delete(id);
    asked.answered(message);
    return true;
  }

  #told(channel: Channel, news: ChannelNews): void {
    const { stream } = channel;
    switch (news.type) {
      case "subscribed":
        if (news.grant) channel.grant = news.grant;
        if (stream.kind === "out" && !channel.isWanted) return this.#enter(channel, news);
        return this.#do(channel, stream.subscribed(news));
      case "unsubscribed":
        return this.#putOut(channel, news.code);
      case "skipped":
        return this.#do(channel, stream.receive(news));
      case "gap":
        return this.#do(channel, stream.gap(news));
      default:
        channel.told(news);
    }
  }

  #enter(channel: Channel, position: Position): void {
    this.#entered.set(channel, position);
    this.#do(channel, channel.stream.entered(position));
  }

  #putOut(channel: Channel, code: string | undefined): void {
    this.#entered.delete(channel);
    channel.stream.leave();
    channel.refuse(new Refused(code ?? "forbidden", "the server has ended this subscription"));
  }

  #refused(channel: Channel, refusal: Refusal): void {
    const { stream } = channel;
    if (stream.kind !== "joining") return;
    stream.leave();
    channel.grant = undefined;
    const entered = this.#entered.get(channel);
    if (PASSING.has(refusal.code)) this.#later(refusal, () => this.#wantStill(channel));
    else if (entered) this.#do(channel, stream.enteredWithLoss(entered));
    else channel.refuse(Refused.by(refusal));
  }

  #do(channel: Channel, happenings: Happening[]): void {
    for (const happening of happenings) {
      if (happening.kind === "repair") this.#repair(channel, happening.since);
      else if (happening.kind === "rejoin") this.#rejoin(channel);
      else this.#happened(channel, happening);
    }
  }

  #rejoin(channel: Channel): void {
    if (this.#wanted.size === 0) queueMicrotask(() => this.#ask());
    this.#wanted.add(channel);
  }

  #happened(
    channel: Channel,
    happening: Exclude<Happening, { kind: "repair" | "rejoin" }>,
  ): void {
    if (happening.kind === "message") {
      const { message } = happening;
      const epoch = channel.position?.epoch ?? "";
      this.seen(message, { epoch, seq: message.seq, tag: message.tag });
    }
    channel.happened(happening);
  }
}
