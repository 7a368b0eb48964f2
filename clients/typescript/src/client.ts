/**
 * Client: the connection, the channels and the outbox as one thing to use.
 *
 *     const client = connect("wss://rt.example.com/ws");
 *     for await (const message of client.channel("chat:1")) show(message);
 *
 * Wires the rooms together and decides nothing itself.
 */

import type { Channel, ChannelOptions } from "./channel.js";
import { Connection, type ConnectionState } from "./connection.js";
import { Emitter, type Listener } from "./emitter.js";
import { Refused } from "./errors.js";
import type { Connected, Draining, Id, Message, Refusal } from "./messages.js";
import { Outbox, OUTBOX_LIMITS, type OutboxLimits } from "./outbox.js";
import { Refresher } from "./refresher.js";
import { Subscriptions } from "./subscriptions.js";
import {
  realSurroundings,
  type Cancel,
  type SocketConstructor,
  type Surroundings,
} from "./surroundings.js";
import { Tokens, type GetToken } from "./tokens.js";

export interface ClientOptions {
  /** A token that is never replaced. Without this and `getToken` the client is anonymous. */
  readonly token?: string;
  /** Asked for the first token, before one runs out, and when the server wants another. */
  readonly getToken?: GetToken;
  /** For where there is no global one: Node 20 with the package `ws`. */
  readonly WebSocket?: SocketConstructor;
  /** What may wait while there is no connection. */
  readonly outbox?: Partial<OutboxLimits>;
  /** For tests: a clock, randomness and sockets of their own. */
  readonly surroundings?: Surroundings;
}

export interface ClientEvents {
  state: ConnectionState;
  connected: Connected;
  /** The server is about to close the connection. The client comes back by itself. */
  draining: Draining;
  /** Whatever is neither an answer nor about a channel: the application's own. */
  message: Message;
  /** A refusal of something that has no promise. */
  refused: Refused;
}

/** What `tidewire types` writes about an application, as far as it has declared anything. */
export interface Schema {
  channels: object;
  calls: object;
  messages: object;
}

export interface AnySchema extends Schema {
  channels: Record<string, unknown>;
  calls: Record<string, { parameters: unknown; result: unknown }>;
  messages: Record<string, Record<string, unknown>>;
}

type Call<Calls, Method> = Method extends keyof Calls
  ? Calls[Method] extends { parameters: infer Parameters; result: infer Result }
    ? { parameters: Parameters; result: Result }
    : never
  : never;

/** Commands that only ask, and may be asked again. */
const ASKING = new Set(["history", "presence", "ping"]);

/** Commands the server does once, however often they come with one `once` key. */
const ONCE = new Set(["publish", "chat"]);

export class Client<S extends Schema = AnySchema> {
  readonly #events = new Emitter<ClientEvents>();
  readonly #surroundings: Surroundings;
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #subscriptions: Subscriptions;
  readonly #refresher: Refresher;
  #wakeOutbox: Cancel = () => undefined;

  constructor(url: string, options: ClientOptions = {}) {
    this.#surroundings = options.surroundings ?? realSurroundings(options.WebSocket);
    const { clock } = this.#surroundings;
    const request = (command: Message): Promise<Message> => this.#request(command);
    const tokens = new Tokens(options.getToken, options.token);
    this.#outbox = new Outbox(() => clock.now(), { ...OUTBOX_LIMITS, ...options.outbox });
    this.#refresher = new Refresher(this.#surroundings, tokens, request);
    this.#connection = new Connection(url, this.#surroundings, tokens, {
      onState: (state) => this.#onState(state),
      onConnected: (connected) => this.#onConnected(connected),
      onMessage: (message) => this.#onMessage(message),
      onLost: () => this.#onLost(),
    });
    this.#subscriptions = new Subscriptions(
      clock,
      request,
      (command) => this.#connection.send(command),
      ({ once, channel }, position) => {
        if (once) this.#outbox.seen(once, channel, position);
      },
    );
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  on<Kind extends keyof ClientEvents>(kind: Kind, listener: Listener<ClientEvents[Kind]>): Cancel {
    return this.#events.on(kind, listener);
  }

  /** Always the same object for a name; `options` count where it is asked for first. */
  channel<Name extends keyof S["channels"] & string>(
    name: Name,
    options?: ChannelOptions,
  ): Channel<S["channels"][Name]> {
    return this.#subscriptions.channel(name, options) as Channel<S["channels"][Name]>;
  }

  /** Asks the server's application. A call whose answer was lost is not repeated. */
  async call<Method extends keyof S["calls"] & string>(
    method: Method,
    data?: Call<S["calls"], Method>["parameters"],
  ): Promise<Call<S["calls"], Method>["result"]> {
    return (await this.#request({ type: "call", method, data })).data as never;
  }

  /** Sends one of the application's messages. Resolves once it has been handled. */
  async send<Type extends keyof S["messages"] & string>(
    message: { type: Type } & S["messages"][Type],
  ): Promise<Message> {
    return this.#request(message as Message);
  }

  /** Connects; also again after `close`, a stop, or in place of waiting any longer. */
  open(): void {
    this.#connection.open();
  }

  /** Leaves for good, until `open`. What was not sent is refused. */
  close(): void {
    this.#connection.close();
    this.#outbox.stop("the client was closed");
    for (const channel of this.#subscriptions.all()) channel.end();
  }

  // -- sending -----------------------------------------------------------------------------

  #request(command: Message): Promise<Message> {
    const once = ONCE.has(command.type) ? (command.once ?? this.#onceKey()) : undefined;
    const whole = once === undefined ? command : { ...command, once };
    const isRepeatable = once !== undefined || ASKING.has(command.type);
    return new Promise((resolve, reject) => {
      const { state } = this;
      if (state.kind === "stopped") return reject(new Refused("stopped", state.reason));
      this.#outbox.add(whole, isRepeatable, (settled) => {
        if (settled.kind === "ok") resolve(settled.answer);
        else reject(settled.error);
      });
      this.#flush();
    });
  }

  /** Random enough for one user, one channel and five minutes; needs no secure page. */
  #onceKey(): string {
    const part = (): string => this.#surroundings.random().toString(36).slice(2);
    return part() + part();
  }

  #flush(): void {
    if (this.state.kind === "open") {
      for (const command of this.#outbox.take()) this.#connection.send(command);
    }
    this.#wakeOutbox();
    const at = this.#outbox.nextAt();
    if (at === undefined) return;
    this.#wakeOutbox = this.#surroundings.clock.after(at - this.#surroundings.clock.now(), () => {
      this.#outbox.expire();
      this.#flush();
    });
  }

  // -- being told --------------------------------------------------------------------------

  #onState(state: ConnectionState): void {
    if (state.kind === "stopped") this.#onStopped(state.reason);
    this.#events.emit("state", state);
  }

  #onStopped(reason: string): void {
    this.#outbox.stop(reason);
    this.#flush();
    const error = new Refused("stopped", reason);
    for (const channel of this.#subscriptions.all()) channel.refuse(error);
  }

  #onConnected(connected: Connected): void {
    this.#outbox.connected(connected.userId, connected.limits);
    this.#events.emit("connected", connected);
    this.#subscriptions.connected(connected);
    this.#refresher.start(connected.expiresAt);
    this.#flush();
  }

  #onMessage(message: Message): void {
    const id = message.id as Id | undefined;
    if (id !== undefined && this.#outbox.answered(id, message)) return this.#flush();
    if (this.#subscriptions.receive(message)) return;
    if (message.type === "draining") this.#onDraining(message as Message & Draining);
    else if (message.type === "error") this.#onRefusal(message as Message & Refusal);
    else if (message.type !== "pong") this.#events.emit("message", message);
  }

  #onDraining(draining: Draining): void {
    this.#subscriptions.keepGrants(draining);
    this.#events.emit("draining", draining);
  }

  #onRefusal(refusal: Refusal): void {
    this.#events.emit("refused", Refused.by(refusal));
  }

  #onLost(): void {
    this.#refresher.stop();
    this.#outbox.disconnected();
    this.#subscriptions.disconnected();
    this.#flush();
  }
}

/** A client that connects at once, comes back by itself, and never loses its place. */
export function connect<S extends Schema = AnySchema>(
  url: string,
  options: ClientOptions = {},
): Client<S> {
  const client = new Client<S>(url, options);
  client.open();
  return client;
}
