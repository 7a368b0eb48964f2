// @ts-check
/**
 * Chat: the page put together. What the reader does goes to the conversation; whatever changed
 * is shown. The rules live in the parts.
 */

import { Connection } from "./connection.js";
import { Conversation } from "./conversation.js";
import { Outbox } from "./outbox.js";
import { Room } from "./room.js";
import { at, isAtEnd, scrollToEnd, showLetters, showLog, showPeople, showState } from "./view.js";

const NAME = "tidewire.name";
const DRAFT = "tidewire.draft";
const COUNTDOWN_MS = 250; // four looks a second keep a countdown of seconds honest
const MOST_ROWS = 6;

const room = new Room();
const outbox = new Outbox(sessionStorage);
const connection = new Connection(address, { onState, onMessage });
const conversation = new Conversation({
  room,
  outbox,
  send: (message) => connection.send(message),
  now: Date.now,
});
let unread = 0;

/** This tab's own name, else the one in its address, else the remembered one; null: never asked. */
function chosenName() {
  const inAddress = new URLSearchParams(location.search).get("name");
  return sessionStorage.getItem(NAME) ?? inAddress ?? localStorage.getItem(NAME);
}

function address() {
  const url = new URL("/ws", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const name = chosenName();
  if (name) url.searchParams.set("name", name);
  return url.href;
}

// --- what happens --------------------------------------------------------------------------

/** @param {import("./connection.js").ConnectionState} state */
function onState({ kind }) {
  if (kind === "waiting" || kind === "stopped") conversation.connectionLost();
  show();
}

/** @param {import("./connection.js").Message} message */
function onMessage(message) {
  const isSeen = !document.hidden && isAtEnd();
  if (message.type === "chat" && !isSeen && !room.isOwn(message.from)) unread += 1;
  conversation.receive(message);
  if (message.type === "connected") at("own-name").textContent = room.nameOf(message.userId);
  show();
}

let isPlanned = false;

/** Many messages in one turn of the event loop are shown once. */
function show() {
  if (isPlanned) return;
  isPlanned = true;
  queueMicrotask(() => {
    isPlanned = false;
    showNow();
  });
}

function showNow() {
  showState(connection.state);
  showLog(room);
  showPeople(room);
  showLetters(outbox.letters, { onRetry, onDiscard });
  showComposer();
  showUnread();
}

function showUnread() {
  if (isAtEnd() && !document.hidden) unread = 0;
  at("latest").hidden = unread === 0 || isAtEnd();
  document.title = unread === 0 ? "Lobby · Tidewire" : `(${unread}) Lobby · Tidewire`;
}

/** Only a full outbox stops the sending: otherwise a text waits there for the connection. */
function showComposer() {
  at("send").disabled = outbox.isFull;
  at("full").hidden = !outbox.isFull;
  at("text").rows = Math.min(MOST_ROWS, at("text").value.split("\n").length);
}

// --- what the reader does ------------------------------------------------------------------

/** @param {Event} event */
function onSubmit(event) {
  event.preventDefault();
  const text = at("text").value.trim();
  if (text === "" || outbox.isFull) return;
  conversation.say(text);
  at("text").value = "";
  onDraft();
  onLatest();
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) onSubmit(event);
  if (event.key === "Escape") onLatest();
}

function onDraft() {
  sessionStorage.setItem(DRAFT, at("text").value);
  show();
}

function onLatest() {
  showNow();
  scrollToEnd();
  at("text").focus();
  show();
}

/** @param {string} once */
function onRetry(once) {
  outbox.mark(once, null);
  conversation.sendLetters();
  show();
}

/** @param {string} once */
function onDiscard(once) {
  outbox.remove(once);
  show();
}

function onTryNow() {
  connection.open();
  at("text").focus();
}

function askName() {
  at("name").value = chosenName() ?? "";
  at("name-dialog").showModal();
  at("name").select();
}

/** Entered, or left with Escape: the first time, both let you in. */
function onNamed() {
  const name = at("name").value.trim();
  const isChanged = at("name-dialog").returnValue === "named" && name !== chosenName();
  if (isChanged) for (const store of [sessionStorage, localStorage]) store.setItem(NAME, name);
  if (isChanged || connection.state.kind === "idle") connection.open();
  at("text").focus();
}

function onShowSide() {
  const isOpen = document.body.classList.toggle("side-open");
  at("show-side").setAttribute("aria-expanded", String(isOpen));
}

/** @param {Event} event */
async function onCopy({ currentTarget }) {
  const button = /** @type {HTMLElement} */ (currentTarget);
  await navigator.clipboard.writeText(at(String(button.dataset.copies)).textContent);
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1500);
}

// --- the start -----------------------------------------------------------------------------

function listen() {
  at("composer").addEventListener("submit", onSubmit);
  at("text").addEventListener("keydown", onKey);
  at("text").addEventListener("input", onDraft);
  at("latest").addEventListener("click", onLatest);
  at("try-now").addEventListener("click", onTryNow);
  at("rename").addEventListener("click", askName);
  at("name-dialog").addEventListener("close", onNamed);
  at("show-side").addEventListener("click", onShowSide);
  at("log").addEventListener("scroll", showUnread, { passive: true });
  for (const button of document.querySelectorAll(".copy")) {
    button.addEventListener("click", onCopy);
    button.toggleAttribute("hidden", navigator.clipboard === undefined); // plain http, far away
  }
}

/** The network or the page came back from sleep; a page that is put away leaves properly. */
function followThePage() {
  addEventListener("online", () => connection.wake());
  addEventListener("pagehide", () => connection.close());
  addEventListener("pageshow", ({ persisted }) => persisted && connection.open());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) connection.wake();
    showUnread();
  });
  setInterval(() => showState(connection.state), COUNTDOWN_MS);
}

function start() {
  at("text").value = sessionStorage.getItem(DRAFT) ?? "";
  at("snippet-python").textContent = `pip install websockets\npython -m websockets ${address().split("?")[0]}`;
  if (chosenName() === "Robin") at("second-tab").href = "/?name=Kim";
  listen();
  followThePage();
  if (chosenName() === null) askName();
  else connection.open();
  show();
}

start();
