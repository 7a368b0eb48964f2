/**
 * Connection: one WebSocket that comes back by itself, and says at any time how things are.
 *
 * Knows sockets, credentials, `connected` and `draining`. Knows no channel and keeps no command.
 * Its whole truth is one `Phase`; whatever arrives for an earlier phase is dropped.
 */

import { Backoff } from "./backoff.js";
import { afterClose, afterRefusal, type ComeBack } from "./closing.js";
import { Heartbeat } from "./heartbeat.js";
import { decode, encode, type Connected, type Draining, type Message } from "./messages.js";
import type { Cancel, SocketLike, Surroundings } from "./surroundings.js";
import type { Tokens } from "./tokens.js";

/** What an application can show. Times are milliseconds since the Unix epoch. */
export type ConnectionState =
  | { readonly kind: "idle" }
  | { readonly kind: "connecting"; readonly attempt: number }
  | { readonly kind: "open"; readonly clientId: string; readonly userId: string }
  | {
      readonly kind: "waiting";
      readonly attempt: number;
      readonly retryAt: number;
      readonly reason: string;
    }
  | { readonly kind: "stopped"; readonly code: number | string; readonly reason: string };

type Phase =
  | { kind: "idle" }
  | { kind: "authorizing" }
  | { kind: "opening"; socket: SocketLike; token?: string; hasOpened: boolean; cancel: Cancel }
  | { kind: "open"; socket: SocketLike; since: number; connected: Connected }
  | { kind: "asking" }
  | { kind: "waiting"; retryAt: number; reason: string; isFirm: boolean; cancel: Cancel }
  | { kind: "stopped"; code: number | string; reason: string };

type Opening = Extract<Phase, { kind: "opening" }>;

/** A handshake, and the `connected` behind it, that take longer are given up. */
export const OPENING_LIMIT_MS = 15_000;

/** `online`, `pageshow` and `visibilitychange` tend to come together. */
const WAKE_AT_MOST_EVERY_MS = 1_000;

/** The server's word for who we are holds five minutes; a little less is certain. */
const GRANT_MS = 290_000;

const NO_CLOSE_FRAME = 1006;

export interface ConnectionListener {
  onState(state: ConnectionState): void;
  onConnected(connected: Connected): void;
  onMessage(message: Message): void;
  onLost(): void;
}

export class Connection {
  #phase: Phase = { kind: "idle" };
  #attemptedAt = 0;
  #windowS: number | undefined;
  #needsNewToken = false;
  #grant: { value: string; until: number } | undefined;
  #unwatch: Cancel = () => undefined;
  readonly #backoff: Backoff;
  readonly #heartbeat: Heartbeat;

  constructor(
    private readonly url: string,
    private readonly surroundings: Surroundings,
    private readonly tokens: Tokens,
    private readonly listener: ConnectionListener,
  ) {
    this.#backoff = new Backoff(surroundings.random);
    this.#heartbeat = new Heartbeat(surroundings.clock, {
      ping: () => this.send({ type: "ping" }),
      giveUp: () => this.#lost(NO_CLOSE_FRAME, "nothing was heard any more"),
    });
  }

  get state(): ConnectionState {
    const phase = this.#phase;
    const attempt = this.#backoff.failures;
    switch (phase.kind) {
      case "idle":
        return { kind: "idle" };
      case "stopped":
        return { kind: "stopped", code: phase.code, reason: phase.reason };
      case "waiting":
        return { kind: "waiting", attempt, retryAt: phase.retryAt, reason: phase.reason };
      case "open": {
        const { clientId, userId } = phase.connected;
        return { kind: "open", clientId, userId };
      }
      default:
        return { kind: "connecting", attempt: attempt + 1 };
    }
  }

  // -- what is asked of it -----------------------------------------------------------------

  /** Connect now, whatever was planned. Does nothing where it is connected or about to be. */
  open(): void {
    const { kind } = this.#phase;
    if (kind !== "idle" && kind !== "waiting" && kind !== "stopped") return;
    if (kind !== "waiting") this.#unwatch = this.surroundings.page.watch(() => this.wake());
    void this.#begin();
  }

  /** Leave, and stay away until `open`. */
  close(): void {
    const wasOpen = this.#phase.kind === "open";
    this.#end({ kind: "idle" });
    this.#grant = undefined; // a secret like a token, and the user may have logged out
    if (wasOpen) this.listener.onLost();
  }

  /** False where there is no connection; nothing is kept. */
  send(command: Message): boolean {
    if (this.#phase.kind !== "open") return false;
    this.#phase.socket.send(encode(command));
    return true;
  }

  /** The network or the page is back: wait no longer, and trust nothing that looks open. */
  wake(): void {
    const phase = this.#phase;
    if (phase.kind === "open") this.#heartbeat.probe();
    const isRested = this.surroundings.clock.now() - this.#attemptedAt >= WAKE_AT_MOST_EVERY_MS;
    if (phase.kind === "waiting" && !phase.isFirm && isRested) void this.#begin();
  }

  // -- opening -----------------------------------------------------------------------------

  async #begin(): Promise<void> {
    this.#attemptedAt = this.surroundings.clock.now();
    const phase = this.#enter({ kind: "authorizing" });
    try {
      const token = await (this.#needsNewToken ? this.tokens.renew() : this.tokens.current());
      if (this.#phase !== phase) return;
      this.#needsNewToken = false;
      this.#openSocket(token);
    } catch (error) {
      if (this.#phase !== phase) return;
      this.#backoff.failed(0);
      this.#wait(this.#backoff.waitMs(this.surroundings.page), `no token: ${String(error)}`);
    }
  }

  #openSocket(token: string | undefined): void {
    const socket = this.#trySocket(token);
    if (!socket) return;
    const cancel = this.surroundings.clock.after(OPENING_LIMIT_MS, () =>
      this.#lost(NO_CLOSE_FRAME, "the server did not answer in time"),
    );
    const phase: Opening = { kind: "opening", socket, hasOpened: false, cancel };
    if (token !== undefined) phase.token = token;
    this.#enter(phase);
    socket.onopen = () => {
      phase.hasOpened = true;
    };
    socket.onmessage = ({ data }: { data: unknown }) => this.#heard(socket, data);
    socket.onclose = ({ code, reason }: { code: number; reason: string }) =>
      this.#closed(socket, code, reason);
    socket.onerror = () => undefined; // `close` follows, and says more
  }

  #trySocket(token: string | undefined): SocketLike | undefined {
    try {
      return this.surroundings.openSocket(this.url, this.#protocols(token));
    } catch (error) {
      this.#stop("malformed", String(error)); // the address or the token is none; time changes nothing
      return undefined;
    }
  }

  #protocols(token: string | undefined): string[] {
    const grant = this.#grant && this.surroundings.clock.now() < this.#grant.until;
    return [
      "tidewire.v1",
      ...(token === undefined ? [] : [`bearer.${token}`]),
      ...(grant ? [`resume.${this.#grant?.value}`] : []),
    ];
  }

  #heard(socket: SocketLike, data: unknown): void {
    if (!this.#isCurrent(socket)) return;
    this.#heartbeat.heard();
    const message = decode(data);
    if (!message) return;
    if (message.type === "connected") this.#connected(message as Message & Connected);
    else this.#told(message);
  }

  #connected(connected: Connected): void {
    const phase = this.#phase;
    if (phase.kind !== "opening") return;
    phase.cancel();
    this.#windowS = undefined;
    this.#keep(connected.grant);
    const { socket } = phase;
    const since = this.surroundings.clock.now();
    this.#enter({ kind: "open", socket, since, connected });
    this.#heartbeat.start(connected.heartbeat);
    this.listener.onConnected(connected);
  }

  #told(message: Message): void {
    if (message.type === "draining") {
      const { window, grant } = message as Message & Draining;
      this.#windowS = window;
      this.#keep(grant);
    }
    this.listener.onMessage(message);
  }

  #keep(grant: string | null | undefined): void {
    if (typeof grant !== "string") return;
    this.#grant = { value: grant, until: this.surroundings.clock.now() + GRANT_MS };
  }

  // -- losing ------------------------------------------------------------------------------

  /** We give up on a socket; its close handshake would take minutes with a dead peer. */
  #lost(code: number, reason: string): void {
    if ("socket" in this.#phase) this.#closed(this.#phase.socket, code, reason);
  }

  #closed(socket: SocketLike, code: number, reason: string): void {
    const phase = this.#phase;
    if (!this.#isCurrent(socket)) return;
    const wasOpen = phase.kind === "open";
    this.#backoff.failed(wasOpen ? this.surroundings.clock.now() - phase.since : 0);
    if (phase.kind === "opening" && !phase.hasOpened) void this.#askWhy(phase.token);
    else this.#obey(afterClose(code), code, reason);
    if (wasOpen) this.listener.onLost();
  }

  /** A browser knows of a refused upgrade only that there is no connection. */
  async #askWhy(token: string | undefined): Promise<void> {
    const phase = this.#enter({ kind: "asking" });
    const answer = await this.surroundings.get(pageUrl(this.url), token);
    if (this.#phase !== phase) return;
    const { code } = Object(answer?.body) as { code?: unknown };
    const why = typeof code === "string" ? code : "the server cannot be reached";
    this.#obey(afterRefusal(answer), why, why);
  }

  #obey(comeBack: ComeBack, code: number | string, reason: string): void {
    const { page } = this.surroundings;
    switch (comeBack.kind) {
      case "never":
        return this.#stop(code, reason);
      case "now":
        return this.#wait(this.#backoff.atOnceMs(page), reason);
      case "newToken":
        if (!this.tokens.canRenew) return this.#stop(code, reason);
        this.#needsNewToken = true;
        return this.#wait(this.#backoff.atOnceMs(page), reason);
      case "window":
        return this.#waitWithin(comeBack.afterS, reason, { isCrowd: code !== NO_CLOSE_FRAME });
    }
  }

  #waitWithin(afterS: number, reason: string, { isCrowd }: { isCrowd: boolean }): void {
    const windowS = this.#windowS;
    this.#windowS = undefined;
    const isFirm = windowS !== undefined || afterS > 0;
    const { isHidden } = this.surroundings.page;
    const waitMs = afterS * 1000 + this.#backoff.waitMs({ isHidden, isCrowd });
    const untilMs = windowS === undefined ? waitMs : this.#backoff.withinMs(windowS);
    this.#wait(untilMs, reason, { isFirm });
  }

  /** `isFirm`: the server has said how long, and being woken up changes nothing about that. */
  #wait(waitMs: number, reason: string, { isFirm } = { isFirm: false }): void {
    const { clock } = this.surroundings;
    const cancel = clock.after(waitMs, () => void this.#begin());
    this.#enter({ kind: "waiting", retryAt: clock.now() + waitMs, reason, isFirm, cancel });
  }

  #stop(code: number | string, reason: string): void {
    this.#end({ kind: "stopped", code, reason });
  }

  #end(phase: Extract<Phase, { kind: "idle" | "stopped" }>): void {
    this.#unwatch();
    this.#enter(phase);
  }

  /** Every change goes through here: what belonged to the phase before is let go of. */
  #enter<Next extends Phase>(next: Next): Next {
    const before = this.#phase;
    const goesOn = "socket" in before && "socket" in next && before.socket === next.socket;
    if ("cancel" in before) before.cancel();
    if ("socket" in before && !goesOn) this.#abandon(before.socket);
    const shown = this.state;
    this.#phase = next;
    if (shown.kind !== this.state.kind) this.listener.onState(this.state);
    return next;
  }

  #abandon(socket: SocketLike): void {
    this.#heartbeat.stop();
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(1000);
  }

  #isCurrent(socket: SocketLike): boolean {
    return "socket" in this.#phase && this.#phase.socket === socket;
  }
}

function pageUrl(url: string): string {
  return url.replace(/^ws/, "http");
}
