// @ts-check
/**
 * Conversation: what each message means for the room and the outbox, and what to ask next.
 *
 * Speaks Tidewire's protocol over a connection. Knows no page.
 */

const CHANNEL = "lobby";
const HISTORY_AT_FIRST = 50; // about three screens
const RETRY_RATE_LIMITED_S = 1; // where the server did not say

/**
 * @typedef {import("./connection.js").Message} Message
 * @typedef {import("./room.js").Position} Position
 */

export class Conversation {
  /** @type {number | null} */ #lostAt = null;
  /** @type {Position | null} */ #joinedAt = null;
  /** @type {any[]} */ #pages = [];

  /**
   * @param {{ room: import("./room.js").Room, outbox: import("./outbox.js").Outbox,
   *           send: (message: Message) => boolean, now: () => number }} parts
   */
  constructor({ room, outbox, send, now }) {
    this.room = room;
    this.outbox = outbox;
    this.send = send;
    this.now = now;
  }

  /** @param {Message} message */
  receive(message) {
    if ((message.channel ?? CHANNEL) !== CHANNEL) return;
    if (Object.hasOwn(MEANINGS, message.type)) MEANINGS[message.type](this, message);
    else if (Number.isInteger(message.seq)) this.#published(message);
  }

  /** @param {any} publication - of any kind: each has its place in the log */
  #published(publication) {
    if (!this.room.receive(publication)) this.#askWhatWasMissed();
    this.#delivered(publication);
  }

  /** @param {any} publication - whose key, if it is one of ours, was drawn here and nowhere else */
  #delivered({ once }) {
    if (once !== undefined) this.outbox.remove(once);
  }

  connectionLost() {
    this.#lostAt ??= this.now();
  }

  /** @param {string} text - kept until the server has it, sent at once when that is possible */
  say(text) {
    const letter = this.outbox.put(text);
    if (this.room.isCaughtUp) this.#post(letter);
  }

  /** After catching up: a message that was published after all is recognised first. */
  sendLetters() {
    if (!this.room.isCaughtUp) return;
    for (const letter of this.outbox.letters) if (letter.failure === null) this.#post(letter);
  }

  /** @param {import("./outbox.js").Letter} letter */
  #post({ once, text }) {
    this.send({ type: "chat", id: once, once, channel: CHANNEL, text });
  }

  /** @param {Message} connected */
  joined({ userId, info, epoch, seq, tag }) {
    const { room } = this;
    room.join({ userId, info });
    this.#joinedAt = { epoch, seq, tag };
    this.#pages = [];
    this.askWhoIsHere();
    if (room.position === null) this.#askHistory();
    else this.#askWhatWasMissed();
  }

  #askWhatWasMissed() {
    this.send({ type: "subscribe", id: "since", channel: CHANNEL, since: this.room.position });
  }

  askWhoIsHere() {
    this.send({ type: "presence", channel: CHANNEL });
  }

  #askHistory() {
    this.send({ type: "history", id: "history", channel: CHANNEL, limit: HISTORY_AT_FIRST });
  }

  /** @param {Message} subscribed */
  resumed({ recovery, more, messages = [], ...position }) {
    if (recovery !== "complete")
      return this.startAfresh(this.room.position?.epoch !== position.epoch);
    this.#pages.push(...messages);
    if (more) return;
    this.#sayWhatWasMissed(this.#pages.filter(({ type }) => type === "chat").length);
    this.#caughtUp(position);
  }

  /** @param {number} count - zero is worth a word only after a loss, not after a new name */
  #sayWhatWasMissed(count) {
    if (count > 0) this.room.note(`${this.#back()}Recovered ${plural(count, "missed message")}:`);
    else if (this.#lostAt !== null) this.room.note(`${this.#back()}You missed nothing.`);
  }

  /** @param {Message} history */
  remembered({ more, messages = [], ...position }) {
    this.#pages.push(...messages);
    if (!more) this.#caughtUp(position);
  }

  /** @param {boolean} isNewLog - the server's memory started again, rather than moved on */
  startAfresh(isNewLog) {
    const why = isNewLog
      ? "The server started again with an empty memory"
      : "Too much was said to catch up";
    this.room.note(`${this.#back()}${why}: messages from in between may be missing.`, "loss");
    this.room.breakOff();
    this.#pages = [];
    this.#askHistory();
  }

  /** History is not to be had: go on from where this connection began. */
  withoutHistory() {
    if (this.#joinedAt !== null) this.#caughtUp(this.#joinedAt);
  }

  /** @param {any} position - with whatever else the answer carried */
  #caughtUp({ epoch, seq, tag = "" }) {
    this.room.catchUp({ epoch, seq, tag }, this.#pages);
    this.#pages.forEach(this.#delivered, this);
    this.#pages = [];
    this.#lostAt = null;
    this.sendLetters();
  }

  /** How long we were away; nothing where the connection had not been lost. */
  #back() {
    if (this.#lostAt === null) return "";
    const seconds = Math.round((this.now() - this.#lostAt) / 1000);
    if (seconds < 1) return "Back at once. ";
    return seconds < 100
      ? `Back after ${seconds} s. `
      : `Back after ${Math.round(seconds / 60)} min. `;
  }
}

/** @type {Record<string, (conversation: Conversation, message: any) => void>} */
const MEANINGS = {
  connected: (conversation, message) => conversation.joined(message),
  subscribed: (conversation, message) => conversation.resumed(message),
  history: (conversation, message) => conversation.remembered(message),
  published: ({ outbox }, { id }) => outbox.remove(String(id)),
  presence: ({ room }, { userCount, users }) => room.present(userCount, users),
  occupancy: ({ room }, { userCount }) => room.counted(userCount),
  user_joined(conversation, { userId, info }) {
    const { room } = conversation;
    if (room.isOwn(userId)) return;
    if (room.isCountOnly) conversation.askWhoIsHere();
    room.enter({ userId, info });
    room.note(`${room.nameOf(userId)} joined`);
  },
  user_left({ room }, { userId }) {
    room.leave(userId);
    if (!room.isOwn(userId)) room.note(`${room.nameOf(userId)} left`);
  },
  draining({ room }) {
    room.note("The server is about to restart. This page comes back by itself.");
  },
  error(conversation, { id, code, message, retryAfter = RETRY_RATE_LIMITED_S }) {
    if (id === "since") conversation.startAfresh(false);
    else if (id === "history") conversation.withoutHistory();
    else if (code === "rate_limited")
      setTimeout(() => conversation.sendLetters(), 1000 * retryAfter);
    else if (id !== undefined) conversation.outbox.mark(String(id), message);
  },
};

/**
 * @param {number} count
 * @param {string} noun
 */
function plural(count, noun) {
  return count === 1 ? `${count} ${noun}` : `${count} ${noun}s`;
}
