/** A channel's log, as a server would tell of it. */

import type { History, Position, Publication, Subscribed } from "../../src/messages.js";

export const CHANNEL = "chat:1";

export function at(seq: number, epoch = "e1"): Position {
  return { epoch, seq, tag: seq === 0 ? "" : `t${seq}` };
}

export function entry(seq: number, fields: object = {}): Publication {
  const known = { type: "message", channel: CHANNEL, seq, tag: `t${seq}`, timestamp: 1, from: "ada" };
  return { ...known, data: seq, ...fields } as Publication;
}

export function entries(from: number, to: number): Publication[] {
  return Array.from({ length: to - from + 1 }, (_, index) => entry(from + index));
}

export function subscribed(
  recovery: "none" | "complete" | "gap",
  position: Position,
  messages: Publication[] = [],
  fields: object = {},
): Subscribed {
  return { type: "subscribed", channel: CHANNEL, ...position, recovery, messages, ...fields };
}

export function history(messages: Publication[], fields: object = {}): History {
  const last = at(messages.at(-1)?.seq ?? 0);
  return { type: "history", channel: CHANNEL, ...last, recovery: "complete", messages, ...fields };
}
