// @ts-check
/**
 * View: the page's elements, brought in line with what it is shown.
 *
 * Every text from outside goes through `textContent`. Decides nothing and remembers only which
 * element stands for which entry.
 */

const HUES = 6; // as many as chat.css has colours for
const FIRST_ATTEMPT = 0;
const NEAR_END_PX = 60; // a reader this close to the end is following along
const GROUPED_WITHIN_MS = 5 * 60_000; // one heading for what one person says in a row

/** @param {string} id */
export const at = (id) => /** @type {any} */ (document.getElementById(id));

const entries = at("entries");
const log = at("log");

/** @type {Map<import("./room.js").Entry, HTMLElement>} */
const shown = new Map();

/**
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 */
function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** @param {import("./room.js").Room} room */
export function showLog(room) {
  forgetAllBut(new Set(room.entries));
  room.entries.forEach((entry, index) => {
    const line = shown.get(entry) ?? draw(entry, room);
    if (entries.children[index] !== line)
      entries.insertBefore(line, entries.children[index] ?? null);
    const previous = room.entries[index - 1];
    line.classList.toggle("continues", previous !== undefined && continues(previous, entry));
    if (entry.kind === "message") nameIn(line, room.nameOf(entry.message.from));
  });
  at("empty").hidden = room.entries.some(({ kind }) => kind === "message");
  if (isFollowing) scrollToEnd();
}

/** @param {Set<import("./room.js").Entry>} wanted */
function forgetAllBut(wanted) {
  for (const [entry, line] of shown) {
    if (wanted.has(entry)) continue;
    line.remove();
    shown.delete(entry);
  }
}

/**
 * @param {import("./room.js").Entry} entry
 * @param {import("./room.js").Room} room
 */
function draw(entry, room) {
  const line = entry.kind === "notice" ? drawNotice(entry) : drawMessage(entry.message, room);
  shown.set(entry, line);
  return line;
}

/** @param {{ text: string, tone: string }} notice */
function drawNotice({ text, tone }) {
  return element("li", { class: `notice ${tone}` }, element("span", {}, text));
}

/**
 * @param {import("./room.js").Publication} message
 * @param {import("./room.js").Room} room
 */
function drawMessage({ from, text, timestamp, seq }, room) {
  const when = new Date(timestamp);
  const time = element("time", {
    datetime: when.toISOString(),
    title: `${when.toLocaleString()} · no. ${seq}`,
  });
  time.textContent = when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return element(
    "li",
    { class: room.isOwn(from) ? "message own" : "message", "data-seq": String(seq) },
    element("p", { class: "from" }, element("b", {}), " ", time),
    element("p", { class: "text" }, text),
  );
}

/**
 * @param {HTMLElement} line
 * @param {string} name
 */
function nameIn(line, name) {
  const heading = /** @type {HTMLElement} */ (line.querySelector(".from b"));
  if (heading.textContent === name) return;
  heading.textContent = name;
  heading.dataset.hue = hueOf(name);
}

/**
 * @param {import("./room.js").Entry} previous
 * @param {import("./room.js").Entry} entry
 */
function continues(previous, entry) {
  if (previous.kind === "notice" || entry.kind === "notice") return false;
  const [a, b] = [previous.message, entry.message];
  return a.from === b.from && b.timestamp - a.timestamp < GROUPED_WITHIN_MS;
}

/** Whether the reader was at the end when the log was last scrolled: growing does not change it. */
let isFollowing = true;

log.addEventListener("scroll", () => {
  isFollowing = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END_PX;
});

/** A keyboard, a strip of trouble or the people's list takes room: the end stays in sight. */
new ResizeObserver(() => isFollowing && scrollToEnd()).observe(log);

export function isAtEnd() {
  return isFollowing;
}

export function scrollToEnd() {
  isFollowing = true;
  log.scrollTop = log.scrollHeight;
}

/** @type {unknown} */ let lettersShown = null;

/**
 * @typedef {{ onRetry: (once: string) => void, onDiscard: (once: string) => void }} LetterActions
 *
 * @param {import("./outbox.js").Letter[]} letters - a new array whenever anything changed
 * @param {LetterActions} actions
 */
export function showLetters(letters, actions) {
  if (letters === lettersShown) return; // drawing them again would have them read aloud again
  lettersShown = letters;
  at("letters").replaceChildren(...letters.map((letter) => drawLetter(letter, actions)));
  if (isFollowing) scrollToEnd();
}

/**
 * @param {import("./outbox.js").Letter} letter
 * @param {LetterActions} actions
 */
function drawLetter({ once, text, failure }, { onRetry, onDiscard }) {
  const fate = element("p", { class: "fate" }, "Not sent yet");
  if (failure !== null) {
    fate.classList.add("failed");
    fate.textContent = `Not sent: ${failure} `;
    fate.append(
      button("Try again", () => onRetry(once)),
      " ",
    );
    fate.append(button("Discard", () => onDiscard(once)));
  }
  return element(
    "li",
    { class: "message own unsent" },
    element("p", { class: "text" }, text),
    fate,
  );
}

/**
 * @param {string} label
 * @param {() => void} press
 */
function button(label, press) {
  const made = element("button", { type: "button", class: "quiet" }, label);
  made.addEventListener("click", press);
  return made;
}

let rollShown = "";

/** @param {import("./room.js").Room} room */
export function showPeople(room) {
  at("crowd").textContent = at("crowd-short").textContent = room.crowd.toLocaleString();
  at("crowd-only").hidden = !room.isCountOnly;
  at("people").hidden = room.isCountOnly;
  const { members } = room;
  const roll = members.map(({ userId, name }) => `${userId} ${name}`).join("\n");
  if (roll !== rollShown) at("people").replaceChildren(...members.map(drawPerson));
  rollShown = roll;
}

/** @param {{ userId: string, name: string, isOwn: boolean }} person */
function drawPerson({ userId, name, isOwn }) {
  const initial = [...name][0]?.toUpperCase() ?? "?";
  const pebble = element(
    "span",
    { class: "pebble", "data-hue": hueOf(name), "aria-hidden": "true" },
    initial,
  );
  const line = element("li", { title: userId }, pebble, element("span", { class: "name" }, name));
  if (isOwn) line.append(element("span", { class: "you" }, "you"));
  return line;
}

/** @param {string} name - the same colour on every screen, and after coming back */
function hueOf(name) {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  return String(sum % HUES);
}

const STATE_WORDS = {
  idle: "Not connected",
  connecting: "Connecting",
  open: "Connected",
  waiting: "Disconnected",
  stopped: "Stopped",
};

/** @param {import("./connection.js").ConnectionState} state */
export function showState(state) {
  document.body.dataset.state = state.kind;
  if (at("state").textContent !== STATE_WORDS[state.kind])
    at("state").textContent = STATE_WORDS[state.kind];
  const trouble = troubleIn(state);
  at("trouble").hidden = trouble === null;
  if (trouble !== null) at("trouble-text").textContent = trouble;
  at("try-now").hidden = state.kind === "connecting";
  at("try-now").textContent = state.kind === "stopped" ? "Connect again" : "Try now";
}

/** @param {import("./connection.js").ConnectionState} state */
function troubleIn(state) {
  if (state.kind === "stopped") return state.reason;
  if (state.kind === "connecting" && state.attempt > FIRST_ATTEMPT) return "Trying to connect …";
  if (state.kind !== "waiting") return null;
  const seconds = Math.max(0, Math.ceil((state.retryAt - Date.now()) / 1000));
  const why = state.isAsked ? "The server asked for a short pause." : "The connection was lost.";
  return `${why} Trying again ${seconds === 0 ? "now" : `in ${seconds} s`}. What you write is kept.`;
}
