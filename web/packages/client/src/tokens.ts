/** Where tokens come from: one at a time, asked for only when needed. */
import { GreenroomError, TokenDeniedError } from "./errors.ts";

export interface TokenContext {
  /** There is none yet; the one there is runs out soon; the server did not accept it. */
  reason: "missing" | "expiring" | "refused";
  /** Aborted when the answer would come too late. */
  signal: AbortSignal;
}

export type GetToken = (context: TokenContext) => Promise<string> | string;

export class Tokens {
  #token: string | undefined;
  #refused = false;
  #pending: Promise<string> | undefined;
  readonly #ask: GetToken | undefined;
  readonly #timeoutMs: number;

  constructor(token: string | undefined, ask: GetToken | undefined, timeoutMs: number) {
    this.#token = token;
    this.#ask = ask;
    this.#timeoutMs = timeoutMs;
  }

  set(token: string): void {
    this.#token = token;
    this.#refused = false;
  }

  /** The server did not accept the present one. True: another can be asked for. */
  refuse(): boolean {
    this.#refused = true;
    return this.#ask !== undefined;
  }

  /** The token to use now. Rejects with `token_denied`, `request_timeout` or what `getToken` threw. */
  get(): Promise<string> {
    if (this.#token !== undefined && !this.#refused) return Promise.resolve(this.#token);
    return this.renew(this.#token === undefined ? "missing" : "refused");
  }

  /** A new one, whatever there is. */
  renew(reason: TokenContext["reason"]): Promise<string> {
    this.#pending ??= this.#asked(reason).finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #asked(reason: TokenContext["reason"]): Promise<string> {
    if (!this.#ask) throw new TokenDeniedError("There is no token, and no `getToken` to ask.");
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        abort.abort();
        reject(new GreenroomError("request_timeout", "`getToken` did not answer in time."));
      }, this.#timeoutMs);
    });
    try {
      const token = await Promise.race([this.#ask({ reason, signal: abort.signal }), late]);
      if (!token) throw new TokenDeniedError();
      this.set(token);
      return token;
    } finally {
      clearTimeout(timer);
    }
  }
}
