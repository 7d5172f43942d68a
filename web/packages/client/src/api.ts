/** The server's HTTP side, with the client's token. */
import type {
  ActiveSession,
  CreatedSession,
  CreateSession,
  EndSessionAnswer,
  PlanSummary,
  RouteName,
  Routes,
  SessionRecord,
  StoredEvent,
  Transferred,
} from "./api.gen.ts";
import { GreenroomError } from "./errors.ts";
import type { Tokens } from "./tokens.ts";

/** Everything a route answers, by the route's name in `/api/openapi.json`. */
export type Answer<Name extends RouteName> = Routes[Name]["answer"];

export interface ApiOptions {
  method?: string;
  /** Sent as JSON. */
  body?: unknown;
  query?: Record<string, string | number | undefined>;
  signal?: AbortSignal;
  timeoutMs?: number;
  /** Without a token. */
  anonymous?: boolean;
}

export class Api {
  readonly #baseUrl: string;
  readonly #tokens: Tokens;
  readonly #timeoutMs: number;

  constructor(baseUrl: string, tokens: Tokens, timeoutMs: number) {
    this.#baseUrl = baseUrl;
    this.#tokens = tokens;
    this.#timeoutMs = timeoutMs;
  }

  /** One call, `path` from the server's root. Rejects with the problem's code. */
  async request<T = unknown>(path: string, options: ApiOptions = {}): Promise<T> {
    const response = await this.fetch(path, options);
    if (response.status === 204) return undefined as T;
    const body = await response.json().catch((cause) => {
      throw new GreenroomError("bad_answer", "The answer is not JSON.", { cause });
    });
    return body as T;
  }

  /** The same, for answers that are not JSON. */
  async fetch(path: string, options: ApiOptions = {}): Promise<Response> {
    const first = await this.#once(path, options);
    if (first.ok) return first;
    const error = await problem(first);
    const stale = error.code === "token_expired" || error.code === "token_invalid";
    if (!stale || !this.#tokens.refuse()) throw error;
    const second = await this.#once(path, options);
    if (!second.ok) throw await problem(second);
    return second;
  }

  async #once(path: string, options: ApiOptions): Promise<Response> {
    const url = new URL(this.#baseUrl + path);
    for (const [name, value] of Object.entries(options.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers: Record<string, string> = { accept: "application/json" };
    if (!options.anonymous) headers.authorization = `Bearer ${await this.#tokens.get()}`;
    const init: RequestInit = { method: options.method ?? "GET", headers };
    if (options.body !== undefined) {
      headers["content-type"] = "application/json";
      init.body = JSON.stringify(options.body);
    }
    const limit = AbortSignal.timeout(options.timeoutMs ?? this.#timeoutMs);
    init.signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
    try {
      return await fetch(url, init);
    } catch (cause) {
      if (options.signal?.aborted) throw new GreenroomError("canceled", "Given up.", { cause });
      const code = limit.aborted ? "request_timeout" : "connection_lost";
      throw new GreenroomError(code, "The server cannot be reached.", { cause });
    }
  }

  /** The caller's session that is still open, if any. */
  async activeSession(options?: ApiOptions): Promise<ActiveSession | null> {
    return (await this.request<Answer<"getActiveSession">>("/api/sessions/active", options)).active;
  }

  /** Ends it, whichever it is. Resolves with its id. */
  async clearActiveSession(options?: ApiOptions): Promise<string | null> {
    const call = { ...options, method: "DELETE" };
    return (await this.request<Answer<"clearActiveSession">>("/api/sessions/active", call)).cleared;
  }

  /** Ends a session. One that is over already is no error. */
  endSession(sessionId: string, options?: ApiOptions): Promise<EndSessionAnswer> {
    const call = { ...options, method: "POST", body: { sessionId } };
    return this.request("/api/session/end-session", call);
  }

  session(sessionId: string, options?: ApiOptions): Promise<SessionRecord> {
    return this.request(`/api/sessions/${encodeURIComponent(sessionId)}`, options);
  }

  createSession(body: CreateSession, options?: ApiOptions): Promise<CreatedSession> {
    return this.request("/api/sessions", { ...options, method: "POST", body });
  }

  async plans(options?: ApiOptions): Promise<PlanSummary[]> {
    const plans: PlanSummary[] = [];
    let after: string | null | undefined;
    while (after !== null) {
      const query = { ...options?.query, limit: 200, after };
      const page: Answer<"listPlans"> = await this.request("/api/plans", { ...options, query });
      plans.push(...page.plans);
      after = page.next ?? null;
    }
    return plans;
  }

  /** What happened in a session behind `after`, as far as the caller may see it, page by page. */
  async *events(sessionId: string, after = 0, options?: ApiOptions): AsyncGenerator<StoredEvent[]> {
    const path = `/api/sessions/${encodeURIComponent(sessionId)}/events`;
    let from: number | null = after;
    while (from !== null) {
      const query = { ...options?.query, after: from };
      const page: Answer<"sessionLog"> = await this.request(path, { ...options, query });
      yield page.events;
      from = page.next;
    }
  }

  /** Takes a code from `session.transfer()`: a token to join with on this device. Good once. */
  redeemTransfer(code: string, options?: ApiOptions): Promise<Transferred> {
    const call = { ...options, method: "POST", body: { code }, anonymous: true };
    return this.request("/api/transfers", call);
  }

  report<T = Record<string, unknown>>(sessionId: string, options?: ApiOptions): Promise<T> {
    return this.request(`/api/sessions/${encodeURIComponent(sessionId)}/report`, options);
  }
}

async function problem(response: Response): Promise<GreenroomError> {
  const body = await response.json().catch(() => ({}));
  const { code, detail, retryAfterMs, type: _, title, status: __, ...more } = body;
  return new GreenroomError(code ?? "bad_answer", detail ?? title ?? response.statusText, {
    httpStatus: response.status,
    retryAfterMs,
    detail: more,
  });
}
