/**
 * Messages: what a client and a server say to each other, and how that looks on the wire.
 *
 * Pure: text in, typed events out, and the other way round. `spec/vectors/native.json` holds
 * this room to what the server does.
 */

/** A place in a channel's log. `tag` names the entry at `seq`; it is empty at `seq` 0. */
export interface Position {
  readonly epoch: string;
  readonly seq: number;
  readonly tag: string;
}

/** One entry of a channel, the same for every subscriber. Its kind is `type`. */
export interface Publication<Data = unknown> {
  readonly type: string;
  readonly channel: string;
  readonly seq: number;
  readonly tag: string;
  /** Milliseconds, by the server's clock. It informs; it never orders. */
  readonly timestamp: number;
  /** The publishing user; absent where a backend published without one. */
  readonly from?: string;
  /** What a `message` carries. Every other kind has fields of its own (`chat` has `text`). */
  readonly data: Data;
  readonly once?: string;
  readonly key?: string;
  readonly ref?: number;
  readonly op?: "remove";
  readonly tags?: Readonly<Record<string, string>>;
  readonly expiresAt?: number;
  readonly encoding?: "base64";
  readonly [field: string]: unknown;
}

export interface Limits {
  readonly maxMessageBytes: number;
  readonly publicationsPerSecond: number;
  readonly publicationBytesPerSecond: number;
  readonly framesPerSecond: number;
  readonly subscriptions: number;
  readonly unansweredIds: number;
}

/** The first message on every connection. */
export interface Connected extends Partial<Position> {
  readonly type: "connected";
  readonly userId: string;
  readonly clientId: string;
  readonly userCount: number;
  readonly protocol: number;
  readonly heartbeat: number;
  readonly features: readonly string[];
  readonly limits: Limits;
  /** The channel the client is in from the start, with its position: the lobby. */
  readonly channel?: string;
  readonly info?: unknown;
  readonly expiresAt?: number;
  readonly grant?: string;
}

export interface Subscribed extends Position {
  readonly type: "subscribed";
  readonly channel: string;
  readonly recovery: "none" | "complete" | "gap";
  readonly messages: readonly Publication[];
  readonly more?: boolean;
  readonly snapshot?: boolean;
  readonly grant?: string;
}

export interface SubscribedAll {
  readonly type: "subscribed";
  readonly channels: readonly string[];
  readonly refused?: readonly string[];
}

export interface History extends Position {
  readonly type: "history";
  readonly channel: string;
  readonly recovery: "none" | "complete" | "gap";
  readonly messages: readonly Publication[];
  readonly more?: boolean;
}

export interface PresentUser {
  readonly userId: string;
  readonly info?: unknown;
  readonly clients?: Readonly<Record<string, unknown>>;
}

export interface Presence {
  readonly type: "presence";
  readonly channel: string;
  readonly userCount: number;
  readonly clientCount?: number;
  readonly users: readonly PresentUser[];
}

export interface Published extends Position {
  readonly type: "published";
  readonly channel: string;
}

/** Another client's signal; the application's own has neither `from` nor `clientId`. */
export interface Signal {
  readonly type: "signal";
  readonly channel: string;
  readonly name: string;
  readonly data: unknown;
  readonly from?: string;
  readonly clientId?: string;
}

export interface Joined {
  readonly type: "user_joined";
  readonly channel: string;
  readonly userId: string;
  readonly info?: unknown;
}

export interface Left {
  readonly type: "user_left";
  readonly channel: string;
  readonly userId: string;
}

export interface Occupancy {
  readonly type: "occupancy";
  readonly channel: string;
  readonly userCount: number;
}

export interface ClientState {
  readonly type: "state";
  readonly channel: string;
  readonly userId: string;
  readonly clientId: string;
  readonly data: unknown;
}

export interface Skipped {
  readonly type: "skipped";
  readonly channel: string;
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

export interface Gap extends Position {
  readonly type: "gap";
  readonly channel: string;
}

export interface Unsubscribed {
  readonly type: "unsubscribed";
  readonly channel: string;
  readonly code?: string;
}

export interface Draining {
  readonly type: "draining";
  readonly window: number;
  readonly grant?: string;
  readonly grants?: Readonly<Record<string, string>>;
}

export interface Refusal {
  readonly type: "error";
  readonly code: string;
  readonly message: string;
  readonly retryAfter?: number;
  readonly channel?: string;
}

/** What is about one channel, and is not one of its entries. */
export type ChannelNews =
  | Subscribed
  | Signal
  | Joined
  | Left
  | Occupancy
  | ClientState
  | Skipped
  | Gap
  | Unsubscribed;

/** A JSON object with a type: every message on the wire. */
export interface Message {
  readonly type: string;
  readonly [field: string]: unknown;
}

export type Id = number | string;

/** Types of events that may carry a `channel` and a `seq` without being an entry of its log. */
const NO_ENTRIES = new Set(["connected", "subscribed", "published", "history", "gap"]);

/** The message in one frame; undefined where it is none of this protocol, to be ignored. */
export function decode(text: unknown): Message | undefined {
  if (typeof text !== "string") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isMessage(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function encode(command: Message): string {
  return JSON.stringify(command);
}

/** Whether a message is an entry of a channel: of kind `message`, `chat` or the application's. */
export function isPublication(message: Message): message is Publication & Message {
  return (
    typeof message.channel === "string" &&
    Number.isSafeInteger(message.seq) &&
    typeof message.tag === "string" &&
    !NO_ENTRIES.has(message.type)
  );
}

function isMessage(value: unknown): value is Message {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    typeof (value as Partial<Message>).type === "string"
  );
}
