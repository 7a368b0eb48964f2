// @ts-check
/**
 * Outbox: what was written and is not yet known to be in the channel.
 *
 * Each text has a `once` key, so sending it again after a lost answer publishes it once.
 * Kept in the tab's storage: a reload loses nothing. Knows no socket and no page.
 */

const MOST_UNSENT = 20; // beyond it the box keeps the text: enough for a tunnel, not for a flood
const STORED_AS = "tidewire.outbox";

/**
 * @typedef {{ once: string, text: string, failure: string | null }} Letter
 */

export class Outbox {
  /** @type {Letter[]} */ letters;
  #storage;

  /** @param {Storage} storage - the tab's own */
  constructor(storage) {
    this.#storage = storage;
    this.letters = JSON.parse(storage.getItem(STORED_AS) ?? "[]");
  }

  get isFull() {
    return this.letters.length >= MOST_UNSENT;
  }

  /**
   * @param {string} text
   * @returns {Letter}
   */
  put(text) {
    const letter = { once: randomKey(), text, failure: null };
    this.#keep([...this.letters, letter]);
    return letter;
  }

  /** @param {string} once - it is in the channel, or its writer gave it up */
  remove(once) {
    const others = this.letters.filter((letter) => letter.once !== once);
    if (others.length < this.letters.length) this.#keep(others);
  }

  /**
   * @param {string} once
   * @param {string | null} failure - why the server would not have it; null to try again
   */
  mark(once, failure) {
    this.#keep(this.letters.map((it) => (it.once === once ? { ...it, failure } : it)));
  }

  /** @param {Letter[]} letters */
  #keep(letters) {
    this.letters = letters;
    this.#storage.setItem(STORED_AS, JSON.stringify(letters));
  }
}

/** `crypto.randomUUID` is missing on plain http from another machine; this is not. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(12))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
