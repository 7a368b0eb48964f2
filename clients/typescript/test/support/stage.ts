/** A client without a network: the test plays the server, the clock and the page. */

import assert from "node:assert/strict";

import { connect, type Client, type ClientOptions } from "../../src/client.js";
import type { Message } from "../../src/messages.js";
import type { Answer, Page, SocketLike, Surroundings } from "../../src/surroundings.js";
import { FakeClock, settled } from "./clock.js";

export class FakeSocket implements SocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly sent: Message[] = [];
  closedWith: number | undefined;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {}

  send(data: string): void {
    this.sent.push(JSON.parse(data) as Message);
  }

  close(code?: number): void {
    this.closedWith = code;
  }

  // -- as the server -----------------------------------------------------------------------

  opens(): void {
    this.onopen?.({} as never);
  }

  says(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) } as never);
  }

  ends(code: number, reason = ""): void {
    this.onclose?.({ code, reason } as never);
  }

  /** What was sent of a type, the last of it. */
  last(type: string): Message {
    const found = this.sent.filter((each) => each.type === type).at(-1);
    assert.ok(found, `no ${type} was sent: ${JSON.stringify(this.sent)}`);
    return found;
  }

  count(type: string): number {
    return this.sent.filter((each) => each.type === type).length;
  }
}

class FakePage implements Page {
  isHidden = false;
  wake: () => void = () => undefined;

  watch(wake: () => void): () => void {
    this.wake = wake;
    return () => {
      this.wake = () => undefined;
    };
  }
}

export class Stage {
  readonly clock = new FakeClock();
  readonly page = new FakePage();
  readonly sockets: FakeSocket[] = [];
  readonly asked: { url: string; token: string | undefined }[] = [];
  /** What a plain GET answers. */
  answer: Answer | undefined;
  /** What the dice show. */
  luck = 0.5;
  #thrown = 0;

  readonly surroundings: Surroundings = {
    clock: this.clock,
    random: () => this.luck + (this.#thrown++ % 97) * 1e-9,
    openSocket: (url, protocols) => {
      const socket = new FakeSocket(url, protocols);
      this.sockets.push(socket);
      return socket;
    },
    get: async (url, token) => {
      this.asked.push({ url, token });
      return this.answer;
    },
    page: this.page,
  };

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    assert.ok(socket, "no socket was opened");
    return socket;
  }

  connect(options: ClientOptions = {}): Client {
    return connect("ws://rt.test/ws", { surroundings: this.surroundings, ...options });
  }

  /** The newest socket opens, and the server says hello. */
  async welcome(fields: object = {}): Promise<FakeSocket> {
    await settled();
    this.socket.opens();
    this.socket.says({ ...CONNECTED, ...fields });
    await settled();
    return this.socket;
  }

  /** The connection is lost, waited for, and welcomed again. */
  async reconnect(fields: object = {}): Promise<FakeSocket> {
    this.socket.ends(1006);
    await this.clock.pass(1_000);
    return this.welcome(fields);
  }
}

export const CONNECTED = {
  type: "connected",
  userId: "ada",
  clientId: "c-1",
  userCount: 1,
  protocol: 1,
  heartbeat: 1_000,
  features: [],
  limits: {
    maxMessageBytes: 65_536,
    publicationsPerSecond: 20,
    publicationBytesPerSecond: 262_144,
    framesPerSecond: 200,
    subscriptions: 128,
    unansweredIds: 64,
  },
};
