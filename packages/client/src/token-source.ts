/** Returns a valid token. `refused`: the token that the server has refused, if a new one is needed. */
export type TokenFunction = (refused?: string) => string | Promise<string>;

/** The token of a client, which is cached until the server refuses it. */
export class TokenSource {
  readonly #getToken: TokenFunction;
  readonly #canRenew: boolean;
  #token: string | undefined;
  #pending: Promise<string> | undefined;

  constructor(token: string | TokenFunction) {
    this.#getToken = typeof token === 'function' ? token : () => token;
    this.#canRenew = typeof token === 'function';
  }

  async get(): Promise<string> {
    return this.#token ?? this.#request();
  }

  /** Returns a token other than `refused`, or undefined if there is none. Concurrent calls request only one token. */
  async renew(refused: string): Promise<string | undefined> {
    if (!this.#canRenew) return undefined;
    if (this.#token === refused) this.#token = undefined;
    const token = await (this.#token ?? this.#request(refused));
    return token === refused ? undefined : token;
  }

  #request(refused?: string): Promise<string> {
    this.#pending ??= Promise.resolve(this.#getToken(refused))
      .then((token) => {
        this.#token = token;
        return token;
      })
      .finally(() => {
        this.#pending = undefined;
      });
    return this.#pending;
  }
}
