/** Gives a token that works now. `refused` is one that the server did not take: another one is wanted. */
export type TokenFunction = (refused?: string) => string | Promise<string>;

/** The token of a client, asked for once and kept until the server refuses it. */
export class TokenSource {
  readonly #give: TokenFunction;
  readonly #canRenew: boolean;
  #token: string | undefined;
  #asking: Promise<string> | undefined;

  constructor(token: string | TokenFunction) {
    this.#give = typeof token === 'function' ? token : () => token;
    this.#canRenew = typeof token === 'function';
  }

  async current(): Promise<string> {
    return this.#token ?? this.#ask();
  }

  /** Another token than `refused`, or undefined where there is no other. Requests refused together ask once. */
  async renewed(refused: string): Promise<string | undefined> {
    if (!this.#canRenew) return undefined;
    if (this.#token === refused) this.#token = undefined;
    const token = await (this.#token ?? this.#ask(refused));
    return token === refused ? undefined : token;
  }

  #ask(refused?: string): Promise<string> {
    this.#asking ??= Promise.resolve(this.#give(refused))
      .then((token) => {
        this.#token = token;
        return token;
      })
      .finally(() => {
        this.#asking = undefined;
      });
    return this.#asking;
  }
}
