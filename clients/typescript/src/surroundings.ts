/**
 * Surroundings: everything of the outside world that the client touches, in one value.
 *
 * The other rooms reach for no global, so that tests pass a clock of their own, Node passes
 * `ws`, and nothing needs a DOM.
 */

/** What we use of a WebSocket: browsers, workers, Node 22 and the package `ws` have it. */
export interface SocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

export type SocketConstructor = new (url: string, protocols?: string[]) => SocketLike;

export type Cancel = () => void;

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  after(delayMs: number, action: () => void): Cancel;
}

/** What is told of the page that the client runs in. */
export interface Page {
  readonly isHidden: boolean;
  /** `wake` is called when the network or the page has come back. */
  watch(wake: () => void): Cancel;
}

/** As much of an HTTP answer as is looked at. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export interface Surroundings {
  readonly clock: Clock;
  /** Like Math.random. */
  readonly random: () => number;
  readonly openSocket: (url: string, protocols: string[]) => SocketLike;
  /** A plain GET that asks for JSON; undefined where there was no answer. */
  readonly get: (url: string, token: string | undefined) => Promise<Answer | undefined>;
  readonly page: Page;
}

/** What a timer takes: with 2^31 milliseconds and more it fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, Math.min(delayMs, LONGEST_TIMER_MS));
    return () => clearTimeout(timer);
  },
};

/** The real ones. Throws where there is no WebSocket to be had: Node 20 needs the option. */
export function realSurroundings(socket?: SocketConstructor): Surroundings {
  const Socket = socket ?? (globalThis.WebSocket as SocketConstructor | undefined);
  if (Socket === undefined) {
    throw new TypeError('There is no WebSocket here: pass one, as { WebSocket } from "ws".');
  }
  return {
    clock: systemClock,
    random: Math.random,
    openSocket: (url, protocols) => new Socket(url, protocols),
    get: plainGet,
    page: realPage(),
  };
}

/** For how long an answer is waited for. It only decides how to wait. */
const GET_LIMIT_MS = 10_000;

async function plainGet(url: string, token: string | undefined): Promise<Answer | undefined> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
  try {
    const signal = AbortSignal.timeout(GET_LIMIT_MS);
    const response = await fetch(url, { headers, cache: "no-store", signal });
    return { status: response.status, body: await response.json() };
  } catch {
    return undefined; // no network, no CORS, or no JSON: it says nothing about coming back
  }
}

/** Events that say that whatever was the matter may be over. */
const WAKING = ["online", "pageshow"] as const;

function realPage(): Page {
  const { document } = globalThis as { document?: Document };
  const target = globalThis as Partial<Pick<EventTarget, "addEventListener">> & EventTarget;
  return {
    get isHidden() {
      return document?.visibilityState === "hidden";
    },
    watch(wake) {
      if (!target.addEventListener) return () => undefined;
      const wakeIfShown = (): void => {
        if (document?.visibilityState !== "hidden") wake();
      };
      for (const name of WAKING) target.addEventListener(name, wake);
      document?.addEventListener("visibilitychange", wakeIfShown);
      return () => {
        for (const name of WAKING) target.removeEventListener(name, wake);
        document?.removeEventListener("visibilitychange", wakeIfShown);
      };
    },
  };
}
