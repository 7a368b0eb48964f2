// @ts-check
/**
 * Room: what was said in one channel, in the server's order, and who is there.
 *
 * Pure: no page, no socket, no clock. A message may arrive more than once (live, from history,
 * recovered); it is kept once, where its `seq` puts it. Live messages that arrive before it is
 * known what was missed are held back until then, so that the log only ever grows at its end.
 */

const MOST_ENTRIES = 500; // older lines leave the page, so that a tab can stay open for weeks
const MOST_NAMES = 2_000; // of people who have left, for the messages they left behind

/**
 * `place` orders entries: [era, seq, minor]. A new era starts where the log was broken. A notice
 * takes the seq it was noticed at and counts up in `minor`, so it stays behind that message.
 *
 * @typedef {{ epoch: string, seq: number, tag: string }} Position
 * @typedef {[era: number, seq: number, minor: number]} Place
 * @typedef {{ type: string, from: string, text: string, timestamp: number, seq: number,
 *             tag: string, once?: string }} Publication
 * @typedef {{ kind: "message", place: Place, message: Publication }
 *         | { kind: "notice", place: Place, text: string, tone: "quiet" | "loss" }} Entry
 * @typedef {{ userId: string, info?: { name?: string } }} Member
 */

export class Room {
  /** @type {Entry[]} */ entries = [];
  /** Nothing is missing up to here; null before the first answer.
   *  @type {Position | null} */ position = null;
  /** @type {Publication[] | null} */ #held = null;
  #era = 0;
  #notices = 0;
  /** @type {Set<string>} */ #members = new Set();
  /** @type {Map<string, string>} */ #names = new Map();
  /** @type {Set<string>} */ #ownIds = new Set();
  /** @type {number | null} */ #countOnly = null;

  // --- the log -----------------------------------------------------------------------------

  /** @param {Member} self - who we are on this connection, until the next one */
  join(self) {
    this.#ownIds.add(self.userId);
    this.#learnName(self);
    this.#held = [];
  }

  get isCaughtUp() {
    return this.position !== null && this.#held === null;
  }

  /**
   * @param {Publication} publication - as it was published, just now
   * @returns {boolean} false where something before it is missing; it is held until `catchUp`
   */
  receive(publication) {
    const isHole = this.isCaughtUp && publication.seq > (this.position?.seq ?? 0) + 1;
    if (isHole) this.#held = [];
    if (this.#held === null) this.#add(publication);
    else if (this.#held.push(publication) > MOST_ENTRIES) this.#held.shift();
    return !isHole;
  }

  /**
   * @param {Position} position - nothing is missing up to here, now that
   * @param {Publication[]} publications - are in the log too
   */
  catchUp(position, publications) {
    this.position = position;
    for (const publication of publications) this.#add(publication);
    for (const publication of this.#held ?? []) this.#add(publication);
    this.#held = null;
  }

  /** Messages were lost, or the log started again: what follows is not compared with the past. */
  breakOff() {
    this.#era += 1;
    this.position = null;
  }

  /**
   * A line of our own, behind everything that is known now.
   *
   * @param {string} text
   * @param {"quiet" | "loss"} tone
   */
  note(text, tone = "quiet") {
    const place = /** @type {Place} */ ([this.#era, this.position?.seq ?? 0, ++this.#notices]);
    this.#insert({ kind: "notice", place, text, tone });
  }

  /** Only chat is shown, but every publication of the channel moves the position.
   *
   * @param {Publication} publication
   */
  #add(publication) {
    const { type, seq, tag } = publication;
    if (type === "chat")
      this.#insert({ kind: "message", place: [this.#era, seq, 0], message: publication });
    if (this.position !== null && seq > this.position.seq)
      this.position = { ...this.position, seq, tag };
  }

  /** @param {Entry} entry */
  #insert(entry) {
    let index = this.entries.length;
    while (index > 0 && compare(this.entries[index - 1].place, entry.place) > 0) index -= 1;
    if (index > 0 && compare(this.entries[index - 1].place, entry.place) === 0) return;
    this.entries.splice(index, 0, entry);
    if (this.entries.length > MOST_ENTRIES) this.entries.shift();
  }

  // --- who is here -------------------------------------------------------------------------

  /** How many are here: counted by us, or by the server where it no longer names them. */
  get crowd() {
    return this.#countOnly ?? this.#members.size;
  }

  get isCountOnly() {
    return this.#countOnly !== null;
  }

  /** @returns {{ userId: string, name: string, isOwn: boolean }[]} you first, then by name */
  get members() {
    const everybody = [...this.#members].map((userId) => ({
      userId,
      name: this.nameOf(userId),
      isOwn: this.isOwn(userId),
    }));
    return everybody.sort((a, b) => +b.isOwn - +a.isOwn || a.name.localeCompare(b.name));
  }

  /** @param {Member} member */
  enter(member) {
    this.#learnName(member);
    this.#members.add(member.userId);
  }

  /** @param {string} userId */
  leave(userId) {
    this.#members.delete(userId);
  }

  /**
   * @param {number} userCount
   * @param {Member[]} users - empty where the server only counts
   */
  present(userCount, users) {
    this.#members.clear();
    for (const user of users) this.enter(user);
    this.#countOnly = users.length === 0 ? userCount : null;
  }

  /** @param {number} userCount */
  counted(userCount) {
    this.#countOnly = userCount;
  }

  /** @param {string} userId */
  isOwn(userId) {
    return this.#ownIds.has(userId);
  }

  /** @param {string} userId */
  nameOf(userId) {
    return this.#names.get(userId) ?? userId;
  }

  /** @param {Member} member */
  #learnName({ userId, info }) {
    if (typeof info?.name === "string") this.#names.set(userId, info.name);
    if (this.#names.size > MOST_NAMES) this.#names.delete([...this.#names.keys()][0]);
  }
}

/**
 * @param {Place} a
 * @param {Place} b
 */
function compare(a, b) {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
