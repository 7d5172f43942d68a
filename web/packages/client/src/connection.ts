/**
 * The life of the one connection: connect, lose, wait, connect again. It knows tokens, close
 * codes and heartbeats, and nothing about sessions or requests.
 *
 * At any time at most one transport is open: an earlier one is closed, and its end waited for a
 * moment, before the next begins.
 */
import { BACKOFF, type BackoffOptions, delayOf } from "./backoff.ts";
import { GreenroomError, refusal, TokenDeniedError } from "./errors.ts";
import { CLOSE_CODES, type ConnectionSuccess, type ServerMessage } from "./protocol.ts";
import { Value } from "./store.ts";
import type { Tokens } from "./tokens.ts";
import type { CarriedAudio, Outgoing, Transport, TransportFactory } from "./transport.ts";

export type CloseReason =
  | "by_client"
  | "session_ended"
  | "replaced"
  | "unauthorized"
  | "not_allowed"
  | "protocol"
  | "gave_up";

/** Where the connection is. */
export type ConnectionState =
  | { readonly status: "idle" }
  | {
      /** `reconnecting`: it was connected before. */
      readonly status: "connecting" | "reconnecting";
      /** Counts from 1; starts again when the network or the page comes back. */
      readonly attempt: number;
      /** When this began, milliseconds since 1970. */
      readonly since: number;
      /** `page`: hidden and idle, on purpose; it goes on when the page is visible. */
      readonly waitingFor: "server" | "timer" | "network" | "token" | "page";
      /** When the next attempt is due, where one is. */
      readonly nextAttemptAt: number | null;
      /** Why the last attempt or connection failed. */
      readonly cause: GreenroomError | null;
    }
  | {
      readonly status: "connected";
      readonly connectionId: string;
      readonly userId: string;
      readonly since: number;
      /** Round trip to the server, once measured. */
      readonly latencyMs: number | null;
    }
  | {
      readonly status: "closed";
      readonly reason: CloseReason;
      readonly error: GreenroomError | null;
      /** Whether `connect()` may help: false where the same token or program would fail again. */
      readonly canReconnect: boolean;
    };

/** Decides about the next attempt: milliseconds to wait, or null to give up. */
export type ReconnectPolicy = (context: {
  attempt: number;
  elapsedMs: number;
  cause: GreenroomError;
}) => number | null;

export interface ConnectionOptions {
  baseUrl: string;
  transport: TransportFactory;
  tokens: Tokens;
  reconnect: Partial<BackoffOptions> | ReconnectPolicy | false;
  connectTimeoutMs: number;
  WebSocket: typeof WebSocket | undefined;
  on: {
    up(success: ConnectionSuccess): void;
    /** It was up and is not any more. */
    down(cause: GreenroomError): void;
    message(message: ServerMessage): void;
    audio(chunk: CarriedAudio): void;
  };
}

/** A second `connect` waits so long for the first. */
const SECOND_CONNECT_MS = 3_000;
/** A closed transport is waited for so long before the next one opens. */
const GONE_MS = 300;
/** Silence after a ping that means the connection is dead. */
const PONG_MS = 10_000;
/** The same when there is a reason to doubt it: the page woke up, the network changed. */
const PROBE_MS = 4_000;
/** A connection that lasted so long starts the count of attempts anew. */
const STABLE_MS = 10_000;
/** After "limited" without a time. */
const LIMITED_MS = 5_000;
/** Close code of ours: the server need not know more. */
const CLOSE_LOST = 4000;

interface Attempt {
  transport: Transport | null;
  up: number;
  refused: GreenroomError | null;
  closing: { code: number; reason: string } | null;
  /** How many messages came. */
  heard: number;
  gone: () => void;
  timers: Set<ReturnType<typeof setTimeout>>;
  ping: { ref: number; at: number } | null;
}

interface Deferred {
  promise: Promise<void>;
  resolve(): void;
  reject(error: GreenroomError): void;
}

type Wait = Extract<ConnectionState, { attempt: number }>["waitingFor"];

export class Connection {
  readonly state = new Value<ConnectionState>({ status: "idle" });
  readonly #options: ConnectionOptions;
  #attempt: Attempt | null = null;
  #attempts = 0;
  #since = 0;
  #wasUp = false;
  #refusals = 0;
  #retryAfterMs: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #second: ReturnType<typeof setTimeout> | undefined;
  #ready: Deferred | null = null;
  #gone: Promise<void> = Promise.resolve();
  #refs = 0;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#attempt !== null && this.#attempt.up > 0;
  }

  nextRef(): number {
    return ++this.#refs;
  }

  /**
   * Resolves when connected; rejects only when there is no hope. Called while an attempt is under
   * way, it waits up to 3 s for that one and then makes a new one in its place.
   */
  connect(): Promise<void> {
    const attempt = this.#attempt;
    if (attempt?.up) return Promise.resolve();
    this.#ready ??= deferred();
    const { promise } = this.#ready;
    if (attempt) {
      this.#second ??= setTimeout(() => {
        this.#second = undefined;
        if (this.#attempt !== attempt || attempt.up) return;
        this.#abandon(attempt, "superseded");
        this.#begin();
      }, SECOND_CONNECT_MS);
    } else {
      this.#restart();
    }
    return promise;
  }

  /** Closes it on purpose. Sessions stay resumable. Resolves when the transport is gone. */
  disconnect(
    reason: CloseReason = "by_client",
    error: GreenroomError | null = null,
  ): Promise<void> {
    if (this.state.getSnapshot().status === "idle") return Promise.resolve();
    const attempt = this.#attempt;
    if (attempt) this.#abandon(attempt, reason);
    this.#finish(reason, error);
    return this.#gone;
  }

  /** Closes it until the page is visible again. */
  suspend(): void {
    const { status } = this.state.getSnapshot();
    if (status === "idle" || status === "closed") return;
    const attempt = this.#attempt;
    if (attempt) this.#abandon(attempt, "page");
    clearTimeout(this.#timer);
    this.#since ||= Date.now();
    this.#waiting("page", null, null);
  }

  /** The network or the page came back: try at once, or make sure that it still works. */
  wake(): void {
    const attempt = this.#attempt;
    const { status } = this.state.getSnapshot();
    if (attempt?.up) this.#probe(attempt, PROBE_MS);
    else if (!attempt && (status === "connecting" || status === "reconnecting")) this.#restart();
  }

  /** The connection cannot be trusted any more (a hole in the log): lose it and come back. */
  lose(cause: GreenroomError): void {
    if (this.#attempt) this.#broken(this.#attempt, cause);
  }

  send(message: Outgoing): void {
    if (this.isUp) this.#attempt?.transport?.send(message);
  }

  get transport(): Transport | null {
    return this.isUp ? (this.#attempt?.transport ?? null) : null;
  }

  #restart(): void {
    this.#attempts = 0;
    this.#since = Date.now();
    this.#begin();
  }

  #begin(): void {
    clearTimeout(this.#timer);
    const attempt: Attempt = {
      transport: null,
      up: 0,
      refused: null,
      closing: null,
      heard: 0,
      gone: () => {},
      timers: new Set(),
      ping: null,
    };
    this.#attempt = attempt;
    this.#attempts += 1;
    this.#waiting("server", null, this.#cause());
    after(attempt, this.#options.connectTimeoutMs, () => {
      this.#broken(attempt, new GreenroomError("request_timeout", "The server did not answer."));
    });
    void this.#open(attempt);
  }

  async #open(attempt: Attempt): Promise<void> {
    let token: string;
    try {
      token = await this.#options.tokens.get();
      await this.#gone;
    } catch (error) {
      if (this.#attempt !== attempt) return;
      this.#leave(attempt);
      const cause =
        error instanceof GreenroomError
          ? error
          : new GreenroomError("connection_lost", "`getToken` failed.", { cause: error });
      if (error instanceof TokenDeniedError) this.#finish("unauthorized", cause);
      else this.#later(cause, undefined, "token");
      return;
    }
    if (this.#attempt !== attempt) return;
    const mine = (call: () => void) => {
      if (this.#attempt === attempt) call();
    };
    try {
      attempt.transport = this.#options.transport({
        baseUrl: this.#options.baseUrl,
        token,
        WebSocket: this.#options.WebSocket,
        on: {
          message: (message) => mine(() => this.#heard(attempt, message)),
          audio: (chunk) =>
            mine(() => {
              attempt.heard += 1;
              this.#options.on.audio(chunk);
            }),
          closed: (code, reason) => {
            attempt.gone();
            mine(() => this.#closed(attempt, code, reason));
          },
        },
      });
    } catch (cause) {
      const error = new GreenroomError("connection_lost", String(cause), { cause });
      this.#leave(attempt);
      this.#finish("protocol", error);
    }
  }

  #heard(attempt: Attempt, message: ServerMessage): void {
    attempt.heard += 1;
    switch (message.type) {
      case "connection:success":
        this.#up(attempt, message);
        return;
      case "connection:error":
        attempt.refused = refusal(message);
        break;
      case "connection:closing":
        attempt.closing = message;
        break;
      case "server:draining":
        this.#retryAfterMs = message.retryAfterMs;
        break;
      case "pong":
        this.#pong(attempt, message.ref);
        break;
    }
    this.#options.on.message(message);
  }

  #up(attempt: Attempt, success: ConnectionSuccess): void {
    attempt.up = Date.now();
    clear(attempt);
    clearTimeout(this.#second);
    this.#second = undefined;
    this.#wasUp = true;
    this.#refusals = 0;
    this.#retryAfterMs = undefined;
    this.state.set({
      status: "connected",
      connectionId: success.connectionId,
      userId: success.userId,
      since: attempt.up,
      latencyMs: null,
    });
    after(attempt, STABLE_MS, () => {
      this.#attempts = 0;
    });
    this.#beat(attempt, success.heartbeat?.pingIntervalMs || 25_000);
    this.#options.on.up(success);
    this.#ready?.resolve();
    this.#ready = null;
  }

  /** The server's own pings are invisible to a page, so it asks for itself. */
  #beat(attempt: Attempt, everyMs: number): void {
    after(attempt, everyMs, () => {
      this.#probe(attempt, PONG_MS);
      this.#beat(attempt, everyMs);
    });
  }

  #probe(attempt: Attempt, patienceMs: number): void {
    const { heard } = attempt;
    attempt.ping = { ref: this.nextRef(), at: Date.now() };
    attempt.transport?.send({ type: "ping", ref: attempt.ping.ref });
    after(attempt, patienceMs, () => {
      if (attempt.heard === heard) {
        this.#broken(attempt, new GreenroomError("connection_lost", "The server fell silent."));
      }
    });
  }

  #pong(attempt: Attempt, ref: string | number | undefined): void {
    const state = this.state.getSnapshot();
    if (state.status !== "connected" || attempt.ping?.ref !== ref || !attempt.ping) return;
    this.state.set({ ...state, latencyMs: Date.now() - attempt.ping.at });
  }

  /** Ours to notice: the transport says nothing of it. */
  #broken(attempt: Attempt, cause: GreenroomError): void {
    if (this.#attempt !== attempt) return;
    const wasUp = attempt.up > 0;
    this.#drop(attempt, CLOSE_LOST, "lost");
    if (wasUp) this.#options.on.down(cause);
    this.#later(cause);
  }

  #closed(attempt: Attempt, atCode: number, atReason: string): void {
    const { code, reason } = attempt.closing ?? { code: atCode, reason: atReason };
    this.#leave(attempt);
    const known = CLOSE_CODES[code];
    const error =
      attempt.refused ??
      new GreenroomError(
        code === 4409 ? "replaced" : (known?.[0] ?? "connection_lost"),
        reason || "The connection was lost.",
        { closeCode: code },
      );
    if (attempt.up) this.#options.on.down(error);
    // What `down` told may have called us.
    if (this.#attempt || this.state.getSnapshot().status === "closed") return;
    const aboutToken = code === 4410 || (code === 4401 && error.code !== "not_allowed");
    if (aboutToken && this.#options.tokens.refuse() && this.#refusals < 2) {
      this.#refusals += 1;
      return this.#later(error, this.#refusals === 1 ? 0 : undefined, "token");
    }
    const back = known?.[1] ?? "resume";
    if (back === "no" || back === "with_new_token") this.#finish(reasonOf(code), error);
    else this.#later(error, this.#retryAfterMs ?? error.retryAfterMs ?? unsaid(code));
  }

  /** Plans the next attempt. */
  #later(cause: GreenroomError, givenMs?: number, wait: Wait = "timer"): void {
    const policy = this.#options.reconnect;
    if (this.#attempts === 0) this.#since = Date.now();
    const elapsedMs = Date.now() - this.#since;
    const attempt = Math.max(1, this.#attempts);
    let delay: number | null;
    if (policy === false) delay = null;
    else if (typeof policy === "function") delay = policy({ attempt, elapsedMs, cause });
    else {
      const options = { ...BACKOFF, ...policy };
      delay = elapsedMs > options.maxElapsedMs ? null : delayOf(attempt, options);
    }
    if (delay === null) return this.#finish("gave_up", cause);
    // What the server asked for is not shortened, and not all come back in the same moment.
    if (givenMs !== undefined) delay = givenMs;
    this.#retryAfterMs = undefined;
    const offline = typeof navigator !== "undefined" && navigator.onLine === false;
    this.#timer = setTimeout(() => this.#begin(), delay);
    this.#waiting(offline ? "network" : wait, Date.now() + delay, cause);
  }

  #waiting(waitingFor: Wait, nextAttemptAt: number | null, cause: GreenroomError | null): void {
    this.state.set({
      status: this.#wasUp ? "reconnecting" : "connecting",
      attempt: Math.max(1, this.#attempts),
      since: this.#since,
      waitingFor,
      nextAttemptAt,
      cause,
    });
  }

  #cause(): GreenroomError | null {
    const state = this.state.getSnapshot();
    return "cause" in state ? state.cause : null;
  }

  /** Ends it for good, until somebody calls `connect`. */
  #finish(reason: CloseReason, error: GreenroomError | null): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#second);
    this.#second = undefined;
    this.#wasUp = false;
    this.#attempts = 0;
    const canReconnect = reason !== "protocol" && reason !== "not_allowed";
    this.state.set({ status: "closed", reason, error, canReconnect });
    this.#ready?.reject(error ?? new GreenroomError("canceled", "The connection was closed."));
    this.#ready = null;
  }

  /** Closes our side of a transport that nobody listens to any more. */
  #abandon(attempt: Attempt, reason: string): void {
    const wasUp = attempt.up > 0;
    this.#drop(attempt, 1000, reason);
    if (wasUp) this.#options.on.down(new GreenroomError("canceled", "The connection was closed."));
  }

  #drop(attempt: Attempt, code: number, reason: string): void {
    this.#leave(attempt);
    const { transport } = attempt;
    if (!transport) return;
    this.#gone = new Promise((resolve) => {
      attempt.gone = resolve;
      setTimeout(resolve, GONE_MS);
    });
    transport.close(code, reason);
  }

  #leave(attempt: Attempt): void {
    clear(attempt);
    if (this.#attempt === attempt) this.#attempt = null;
  }
}

function after(attempt: Attempt, ms: number, call: () => void): void {
  const timer = setTimeout(() => {
    attempt.timers.delete(timer);
    call();
  }, ms);
  attempt.timers.add(timer);
}

function clear(attempt: Attempt): void {
  for (const timer of attempt.timers) clearTimeout(timer);
  attempt.timers.clear();
}

/** Limited, and nobody said for how long. */
function unsaid(code: number): number | undefined {
  return code === 4429 ? LIMITED_MS : undefined;
}

function reasonOf(code: number): CloseReason {
  if (code === 1000) return "session_ended";
  if (code === 4401 || code === 4410) return "unauthorized";
  if (code === 4403) return "not_allowed";
  return code === 4409 ? "replaced" : "protocol";
}

function deferred(): Deferred {
  let resolve!: () => void;
  let reject!: (error: GreenroomError) => void;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
