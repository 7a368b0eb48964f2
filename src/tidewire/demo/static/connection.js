// @ts-check
/**
 * Connection: one WebSocket that comes back by itself.
 *
 * Knows sockets, timers and three message types (`connected`, `draining`, `ping`). Knows no
 * channel, no chat and no page: messages go out and come in as plain objects.
 */

import { afterClose, afterRefusal } from "./retry.js";

const STEADY_AFTER_MS = 5_000; // an earlier loss counts as one more failure, not as a first
const OPENING_LIMIT_MS = 10_000; // a handshake that hangs is given up
const PONG_LIMIT_MS = 10_000; // silence after our ping: the connection is dead
const CHECK_EVERY_MS = 1_000;
const DEFAULT_HEARTBEAT_S = 25;
const LOST = { code: 1006, reason: "" };

/**
 * The whole truth about the connection; there is no flag beside it.
 *
 * @typedef {{ kind: "idle" }
 *         | { kind: "connecting", socket: WebSocket, attempt: number }
 *         | { kind: "open", socket: WebSocket, since: number }
 *         | { kind: "waiting", retryAt: number, isAsked: boolean }
 *         | { kind: "stopped", reason: string }} ConnectionState
 *
 * @typedef {{ type: string, [field: string]: any }} Message
 */

export class Connection {
  /** @type {ConnectionState} */ #state = { kind: "idle" };
  /** @type {number | null} */ #windowS = null;
  #attempt = 0;
  #timer = 0;
  #heardAt = 0;
  #pingedAt = 0;
  #heartbeatMs = DEFAULT_HEARTBEAT_S * 1000;
  #address;
  #onState;
  #onMessage;

  /**
   * @param {() => string} address - asked before every attempt
   * @param {{ onState: (state: ConnectionState) => void,
   *           onMessage: (message: Message) => void }} listener
   */
  constructor(address, { onState, onMessage }) {
    this.#address = address;
    this.#onState = onState;
    this.#onMessage = onMessage;
    setInterval(() => this.#checkLife(), CHECK_EVERY_MS);
  }

  get state() {
    return this.#state;
  }

  /** Tries now, whatever was planned. A connection that is already up is replaced. */
  open() {
    clearTimeout(this.#timer);
    this.#abandon();
    const socket = new WebSocket(this.#address());
    this.#enter({ kind: "connecting", socket, attempt: this.#attempt });
    socket.onmessage = ({ data }) => this.#heard(socket, data);
    socket.onclose = (close) => this.#lost(socket, close);
    this.#timer = setTimeout(() => this.#lost(socket, LOST), OPENING_LIMIT_MS);
  }

  /** The network is back, or the page is: wait no longer, and trust nothing that looks open. */
  wake() {
    if (this.#state.kind === "waiting") this.open();
    else if (this.#state.kind === "open") this.#ping();
  }

  /** Leaves cleanly, until `open` is called again. */
  close() {
    clearTimeout(this.#timer);
    this.#abandon();
    this.#enter({ kind: "idle" });
  }

  /**
   * @param {Message} message
   * @returns {boolean} false when there is no connection; the message is then not kept
   */
  send(message) {
    if (this.#state.kind !== "open") return false;
    this.#state.socket.send(JSON.stringify(message));
    return true;
  }

  /** @param {ConnectionState} state */
  #enter(state) {
    this.#state = state;
    this.#onState(state);
  }

  /** @param {WebSocket} socket */
  #isCurrent(socket) {
    return "socket" in this.#state && this.#state.socket === socket;
  }

  /** Lets go of the socket at once: a close handshake with a dead peer takes minutes. */
  #abandon() {
    if (!("socket" in this.#state)) return;
    const { socket } = this.#state;
    socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }

  /**
   * @param {WebSocket} socket
   * @param {string} data
   */
  #heard(socket, data) {
    if (!this.#isCurrent(socket)) return;
    this.#heardAt = Date.now();
    const message = /** @type {Message} */ (JSON.parse(data));
    if (message.type === "connected") this.#opened(socket, message);
    if (message.type === "draining") this.#windowS = message.window;
    this.#onMessage(message);
  }

  /**
   * @param {WebSocket} socket
   * @param {Message} connected
   */
  #opened(socket, { heartbeat = DEFAULT_HEARTBEAT_S }) {
    clearTimeout(this.#timer);
    this.#heartbeatMs = heartbeat * 1000;
    this.#enter({ kind: "open", socket, since: Date.now() });
  }

  /**
   * @param {WebSocket} socket
   * @param {{ code: number, reason: string }} close
   */
  #lost(socket, close) {
    if (!this.#isCurrent(socket)) return;
    const wasOpen = this.#state.kind === "open";
    if (this.#wasSteady()) this.#attempt = 0;
    this.#abandon();
    const circumstances = { attempt: this.#attempt, windowS: this.#windowS, random: Math.random };
    const verdict = afterClose(close, circumstances);
    this.#attempt += 1;
    this.#obey(verdict, this.#windowS !== null);
    this.#windowS = null;
    if (!wasOpen) void this.#askWhy(socket.url);
  }

  #wasSteady() {
    return this.#state.kind === "open" && Date.now() - this.#state.since >= STEADY_AFTER_MS;
  }

  /**
   * @param {import("./retry.js").Verdict} verdict
   * @param {boolean} isAsked - the server asked for this pause
   */
  #obey(verdict, isAsked) {
    clearTimeout(this.#timer);
    if (verdict.kind === "stop") return this.#enter({ kind: "stopped", reason: verdict.reason });
    this.#timer = setTimeout(() => this.open(), verdict.delayMs);
    this.#enter({ kind: "waiting", retryAt: Date.now() + verdict.delayMs, isAsked });
  }

  /**
   * Asks in plain HTTP why the upgrade was refused; a server that is down has no answer.
   *
   * @param {string} address
   */
  async #askWhy(address) {
    const waiting = this.#state;
    try {
      const answer = await fetch(address.replace(/^ws/, "http"), { cache: "no-store" });
      const verdict = afterRefusal(answer.status, await answer.json());
      if (verdict !== null && this.#state === waiting) this.#obey(verdict, true);
    } catch {
      // No server, or an answer that is not JSON: the planned retry stands.
    }
  }

  #ping() {
    if (this.send({ type: "ping" })) this.#pingedAt = Date.now();
  }

  /** A browser hides the server's pings, so the page asks for itself when it hears nothing. */
  #checkLife() {
    if (this.#state.kind !== "open") return;
    const now = Date.now();
    const isAsking = this.#pingedAt > this.#heardAt;
    if (isAsking && now - this.#pingedAt > PONG_LIMIT_MS) this.#lost(this.#state.socket, LOST);
    else if (!isAsking && now - this.#heardAt > this.#heartbeatMs) this.#ping();
  }
}
