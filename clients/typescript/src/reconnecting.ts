/**
 * ReconnectingWebSocket: plain JSON messages over a socket that comes back, and nothing else.
 *
 * For code that has such a class already: `onMessage`, `send` and `maxReconnectAttempts` mean
 * what they usually do. It keeps no channel and no place; `connect` does.
 */

import { Backoff } from "./backoff.js";
import { afterClose } from "./closing.js";
import {
  realSurroundings,
  type Cancel,
  type SocketConstructor,
  type SocketLike,
  type Surroundings,
} from "./surroundings.js";

export interface ReconnectingOptions {
  readonly protocols?: string[];
  readonly WebSocket?: SocketConstructor;
  /** For tests: a clock, randomness and sockets of their own. */
  readonly surroundings?: Surroundings;
}

type State =
  | { kind: "connecting"; socket: SocketLike }
  | { kind: "open"; socket: SocketLike; since: number }
  | { kind: "waiting"; retryAt: number; cancel: Cancel }
  | { kind: "closed" };

export class ReconnectingWebSocket {
  /** Called with each message, parsed. */
  onMessage: ((message: unknown) => void) | undefined;
  onOpen: (() => void) | undefined;
  onClose: ((code: number, reason: string) => void) | undefined;
  /** Failures in a row after which it gives up. A connection that held resets the count. */
  maxReconnectAttempts = 10;
  #state: State = { kind: "closed" };
  readonly #surroundings: Surroundings;
  readonly #backoff: Backoff;

  constructor(
    readonly url: string,
    private readonly options: ReconnectingOptions = {},
  ) {
    this.#surroundings = options.surroundings ?? realSurroundings(options.WebSocket);
    this.#backoff = new Backoff(this.#surroundings.random);
    this.connect();
  }

  /** Failures in a row so far. */
  get reconnectAttempts(): number {
    return this.#backoff.failures;
  }

  get state(): State["kind"] {
    return this.#state.kind;
  }

  /** Connect now, in place of waiting, or after `close` and giving up. */
  connect(): void {
    if (this.#state.kind === "connecting" || this.#state.kind === "open") return;
    if (this.#state.kind === "waiting") this.#state.cancel();
    const socket = this.#surroundings.openSocket(this.url, this.options.protocols ?? []);
    this.#state = { kind: "connecting", socket };
    socket.onopen = () => this.#opened(socket);
    socket.onmessage = ({ data }: { data: unknown }) => this.#heard(data);
    socket.onclose = ({ code, reason }: { code: number; reason: string }) =>
      this.#closed(code, reason);
    socket.onerror = () => undefined; // `close` follows
  }

  /** Sends now. False where it is not connected: nothing is kept. */
  send(data: unknown): boolean {
    if (this.#state.kind !== "open") return false;
    this.#state.socket.send(JSON.stringify(data));
    return true;
  }

  close(): void {
    const state = this.#state;
    this.#state = { kind: "closed" };
    if (state.kind === "waiting") state.cancel();
    if (!("socket" in state)) return;
    state.socket.onopen = state.socket.onmessage = state.socket.onclose = null;
    state.socket.close(1000);
  }

  #opened(socket: SocketLike): void {
    this.#state = { kind: "open", socket, since: this.#surroundings.clock.now() };
    this.onOpen?.();
  }

  #heard(data: unknown): void {
    let message: unknown;
    try {
      message = JSON.parse(String(data));
    } catch {
      return; // no JSON: not for us
    }
    this.onMessage?.(message);
  }

  #closed(code: number, reason: string): void {
    const { clock, page } = this.#surroundings;
    const since = this.#state.kind === "open" ? this.#state.since : clock.now();
    this.#backoff.failed(clock.now() - since);
    const isOver = this.#backoff.failures > this.maxReconnectAttempts;
    if (isOver || afterClose(code).kind === "never") this.#state = { kind: "closed" };
    else this.#wait(this.#backoff.waitMs(page));
    this.onClose?.(code, reason);
  }

  #wait(waitMs: number): void {
    const { clock } = this.#surroundings;
    const cancel = clock.after(waitMs, () => {
      this.#state = { kind: "closed" };
      this.connect();
    });
    this.#state = { kind: "waiting", retryAt: clock.now() + waitMs, cancel };
  }
}
