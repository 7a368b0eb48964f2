/** Tokens: the one in hand, and a newer one on demand. Requests at one time are one request. */

export type GetToken = () => string | Promise<string>;

export class Tokens {
  #asking: Promise<string> | undefined;

  constructor(
    private readonly getToken: GetToken | undefined,
    private inHand?: string,
  ) {}

  get canRenew(): boolean {
    return this.getToken !== undefined;
  }

  /** The token in hand, or the first one; undefined for an anonymous client. */
  async current(): Promise<string | undefined> {
    if (this.inHand === undefined && this.canRenew) return this.renew();
    return this.inHand;
  }

  /** Rejects with what `getToken` failed with; the token in hand then stays. */
  renew(): Promise<string> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<string> {
    if (!this.getToken) throw new TypeError("there is no getToken to ask");
    this.inHand = await this.getToken();
    return this.inHand;
  }
}
