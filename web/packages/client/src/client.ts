/** The client: one connection, its sessions, what the page lives through. */
import { Api } from "./api.ts";
import type { BackoffOptions } from "./backoff.ts";
import { Connection, type ConnectionState, type ReconnectPolicy } from "./connection.ts";
import { Emitter, type ListenOptions } from "./emitter.ts";
import { GreenroomError } from "./errors.ts";
import { isHidden, watchPage } from "./page.ts";
import type { ClientMessage, OkFields, ServerMessage, ServerMessages } from "./protocol.ts";
import { type RequestOptions, Requests } from "./requests.ts";
import { InterviewSession, type Link } from "./session.ts";
import { appended, type Store, type Unsubscribe, Value } from "./store.ts";
import { type GetToken, Tokens } from "./tokens.ts";
import { type CarriedAudio, plainWebSocket, type TransportFactory } from "./transport.ts";
import { type KeyStorage, Vault } from "./vault.ts";

export interface LifecycleOptions {
  /** A hidden page without a running interview disconnects after so long. Default 30,000. */
  hiddenIdleMs: number;
  /** After the last `release()` the connection closes after so long. Default 1,000. */
  idleCloseMs: number;
}

export interface ClientOptions {
  /** The server: `https://interviews.example.org`. Default: where the page came from. */
  url?: string | URL;
  /** A token to begin with. */
  token?: string;
  /** Asked when there is no token, when it runs out, or when it was refused. */
  getToken?: GetToken;
  /** Default: plain WebSocket. `socketio()` of `@greenroom/socketio` is another. */
  transport?: TransportFactory;
  /** Bounds of the waits, a function that decides, or false: never. */
  reconnect?: Partial<BackoffOptions> | ReconnectPolicy | false;
  /** Milliseconds for one attempt, the token included. Default 10,000. */
  connectTimeoutMs?: number;
  /** Milliseconds for one request, reconnecting included. Default 10,000. */
  requestTimeoutMs?: number;
  /** What to do when the page is hidden or left; false: nothing. */
  lifecycle?: Partial<LifecycleOptions> | false;
  /** Where resume keys live. Default: `session` in a page, else `memory`. Never tokens. */
  storage?: "session" | "memory" | KeyStorage;
  /** The form in which others' audio comes. Default `binary`. */
  audio?: "binary" | "json";
  /** Another WebSocket class (Node before 22: the one of `ws`). */
  WebSocket?: unknown;
}

/** Every message of the server under its type, and the connection's own. */
export type ClientEvents = ServerMessages & {
  state: ConnectionState;
  /** Any message. */
  message: ServerMessage;
};

/** What `messages` does not keep: it would be too much, or says nothing to people. */
const NO_HISTORY: readonly string[] = [
  "connection:success",
  "audio:received",
  "audio:ack",
  "ok",
  "pong",
  "transcription:processing",
];
const HISTORY_MAX = 500;
const SESSIONS_MAX = 64;
/** A token that could not be renewed is asked for again after so long. */
const RENEW_AGAIN_MS = 10_000;

export class GreenroomClient implements Store<ConnectionState> {
  /** Fresh on every page load. */
  readonly instanceId: string;
  /** The server over HTTP. */
  readonly api: Api;
  readonly #current = new Value<InterviewSession | null>(null);
  readonly #messages = new Value<readonly ServerMessage[]>([]);
  readonly #events = new Emitter<ClientEvents>();
  readonly #connection: Connection;
  readonly #tokens: Tokens;
  readonly #requests: Requests;
  readonly #sessions = new Map<string, InterviewSession>();
  readonly #vault: Vault;
  readonly #link: Link;
  readonly #requestTimeoutMs: number;
  readonly #lifecycle: LifecycleOptions | null;
  #offsetMs = 0;
  #unwatch: (() => void) | null = null;
  #hiddenTimer: ReturnType<typeof setTimeout> | undefined;
  #retained = 0;
  #releaseTimer: ReturnType<typeof setTimeout> | undefined;
  #renewTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ClientOptions) {
    const connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
    const baseUrl = baseOf(options.url);
    this.instanceId = randomId();
    this.#requestTimeoutMs = options.requestTimeoutMs ?? 10_000;
    this.#lifecycle =
      options.lifecycle === false
        ? null
        : { hiddenIdleMs: 30_000, idleCloseMs: 1_000, ...options.lifecycle };
    this.#tokens = new Tokens(options.token, options.getToken, connectTimeoutMs);
    this.api = new Api(baseUrl, this.#tokens, this.#requestTimeoutMs);
    this.#vault = new Vault(storageOf(options.storage), this.instanceId);
    this.#connection = new Connection({
      baseUrl,
      transport: options.transport ?? plainWebSocket,
      tokens: this.#tokens,
      reconnect: options.reconnect ?? {},
      connectTimeoutMs,
      WebSocket: options.WebSocket as typeof WebSocket | undefined,
      on: {
        up: (success) => this.#up(success),
        down: (cause) => this.#down(cause),
        message: (message) => this.#receive(message),
        audio: (chunk) => this.#heard(chunk),
      },
    });
    this.#requests = new Requests(
      this.instanceId,
      () => this.#connection.nextRef(),
      (id) =>
        this.#connection.isUp && (id === undefined || (this.#sessions.get(id)?.isLive ?? false)),
      (message) => this.#connection.send(message),
    );
    this.#link = this.#makeLink(options.audio ?? "binary");
    this.#connection.state.subscribe(() => this.#stateChanged());
  }

  // ---- The connection ----

  getSnapshot = (): ConnectionState => this.#connection.state.getSnapshot();
  subscribe = (listener: () => void): Unsubscribe => this.#connection.state.subscribe(listener);

  /** Where the connection is. */
  get state(): ConnectionState {
    return this.getSnapshot();
  }

  get isConnected(): boolean {
    return this.#connection.isUp;
  }

  /**
   * Connects, and keeps connected. Resolves when connected; rejects only with a final error, such
   * as `token_invalid`. Called twice, there is still one connection.
   */
  connect(token?: string): Promise<void> {
    if (token !== undefined) this.#tokens.set(token);
    if (this.#lifecycle) this.#unwatch ??= this.#watch(this.#lifecycle);
    return this.#connection.connect();
  }

  /** Closes the connection. Sessions are not left: `connect()` resumes them within the grace. */
  disconnect(): Promise<void> {
    return this.#connection.disconnect();
  }

  /** Connects for as long as somebody holds on to it. Call the result once to let go. */
  retain(): () => void {
    this.#retained += 1;
    clearTimeout(this.#releaseTimer);
    const { status } = this.state;
    if (status === "idle" || status === "closed") this.connect().catch(() => {});
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#retained -= 1;
      if (this.#retained > 0) return;
      // The second mount of React's StrictMode comes before this.
      const idle = this.#lifecycle?.idleCloseMs ?? 1_000;
      this.#releaseTimer = setTimeout(() => void this.disconnect(), idle);
    };
  }

  on<E extends keyof ClientEvents>(
    name: E,
    listener: (event: ClientEvents[E]) => void,
    options?: ListenOptions,
  ): Unsubscribe {
    return this.#events.on(name, listener, options);
  }

  /** What was said, the latest 500: everything but audio, drafts of captions and answers. */
  get messages(): Store<readonly ServerMessage[]> {
    return this.#messages;
  }

  /** The server's clock, as well as it is known: compare deadlines with it. */
  serverNow(): number {
    return Date.now() + (Number.isFinite(this.#offsetMs) ? this.#offsetMs : 0);
  }

  /** Any request that belongs to no session. It waits for the connection and survives its loss. */
  request(message: ClientMessage, options: RequestOptions = {}): Promise<OkFields> {
    return this.#link.request(message, { ...options, keep: true });
  }

  /** Asks the server for a sign of life. Resolves with the round trip in milliseconds. */
  async ping(options: RequestOptions = {}): Promise<number> {
    const from = performance.now();
    await this.#link.request({ type: "ping" }, { ...options, keep: false });
    return performance.now() - from;
  }

  /** The session of that id; always the same object. Nothing is sent before `join()`. */
  session(id: string): InterviewSession {
    let session = this.#sessions.get(id);
    if (!session) {
      if (this.#sessions.size >= SESSIONS_MAX) {
        for (const [known, { isWanted }] of this.#sessions) {
          if (!isWanted) this.#sessions.delete(known);
        }
      }
      session = new InterviewSession(id, this.#link);
      this.#sessions.set(id, session);
    }
    return session;
  }

  /** Sessions that are joined or about to be. */
  get joinedSessions(): InterviewSession[] {
    return [...this.#sessions.values()].filter((session) => session.isWanted);
  }

  /** The session that was joined last; it stays when it ends. */
  get current(): Store<InterviewSession | null> {
    return this.#current;
  }

  // ---- Inside ----

  #makeLink(hears: "binary" | "json"): Link {
    return {
      hears,
      isUp: () => this.#connection.isUp,
      connect: () => this.connect(),
      request: (message, { timeoutMs = this.#requestTimeoutMs, signal, keep, inSession }) => {
        const { status } = this.state;
        if (status === "idle" || status === "closed") {
          const why = new GreenroomError("not_connected", "Call connect() first.");
          return Promise.reject(why);
        }
        return this.#requests.add(message, { timeoutMs, keep, inSession, signal });
      },
      flush: () => this.#requests.flush(),
      drop: (error, id) => this.#requests.drop(error, id),
      lose: (cause) => this.#connection.lose(cause),
      sendAudio: (chunk, session) => this.#connection.transport?.sendAudio(chunk, session),
      buffered: () => this.#connection.transport?.buffered() ?? 0,
      take: (id) => this.#vault.take(id),
      keep: (id, resume) => this.#vault.keep(id, resume),
      forget: (id) => this.#vault.drop(id),
      joining: (session) => this.#current.set(session),
      history: (id, after) => this.api.events(id, after),
      ending: async (id) => {
        const { reason = null, reportUrl = null } = await this.api.session(id);
        return { reason, reportUrl };
      },
    };
  }

  #up(success: { serverTime: number }): void {
    this.#offsetMs = Number.NEGATIVE_INFINITY;
    this.#clock(success.serverTime);
    for (const session of this.joinedSessions) void session.enter();
    this.#requests.flush();
    if (isHidden()) this.#hidden();
  }

  #down(cause: GreenroomError): void {
    clearTimeout(this.#renewTimer);
    for (const session of this.joinedSessions) session.down();
    this.#requests.lost(cause);
  }

  #stateChanged(): void {
    const state = this.state;
    if (state.status === "closed") {
      const left = this.joinedSessions;
      if (state.reason === "session_ended" && left.length > 0) {
        // The last one ended while another was about to be joined.
        queueMicrotask(() => this.connect().catch(() => {}));
      } else {
        this.#unwatch?.();
        this.#unwatch = null;
        clearTimeout(this.#hiddenTimer);
        const error = state.error ?? new GreenroomError("canceled", "The connection was closed.");
        for (const session of left) session.closed(error);
        this.#requests.drop(error);
      }
    }
    this.#events.emit("state", state);
  }

  #receive(message: ServerMessage): void {
    if ("serverNow" in message) this.#clock(message.serverNow);
    if (this.#requests.answered(message)) return;
    if (message.type === "connection:token_expiring") this.#renew();
    const id = "sessionId" in message ? message.sessionId : undefined;
    const session = id === undefined ? undefined : this.#sessions.get(id);
    const draft = message.type === "transcription:result" && !message.isFinal;
    if (!draft && !NO_HISTORY.includes(message.type)) {
      this.#messages.update((list) => appended(list, message, HISTORY_MAX));
    }
    session?.receive(message);
    const emitter = this.#events as unknown as Emitter<Record<string, unknown>>;
    emitter.emit(message.type, message);
    emitter.emit("message", message);
    if (message.type === "session_ended" && this.joinedSessions.length === 0) {
      void this.#connection.disconnect("session_ended");
    }
  }

  #heard(chunk: CarriedAudio): void {
    for (const session of this.#sessions.values()) {
      const mine = chunk.sessionId === session.id || chunk.room === session.room;
      if (mine && session.isLive) return session.heard(chunk);
    }
  }

  #renew(): void {
    const again = () => {
      clearTimeout(this.#renewTimer);
      this.#renewTimer = setTimeout(() => this.#renew(), RENEW_AGAIN_MS);
    };
    this.#tokens
      .renew("expiring")
      .then((token) =>
        this.#requests.add(
          { type: "auth:refresh", token },
          { timeoutMs: this.#requestTimeoutMs, keep: false },
        ),
      )
      .catch((error) => {
        // The connection lives until the token is over; until then there is time to try again.
        if (this.#connection.isUp && error?.code !== "token_denied") again();
      });
  }

  /** What is told late, or again, shows an earlier time than it is: the latest is the best. */
  #clock(serverNow: number): void {
    if (Number.isFinite(serverNow)) {
      this.#offsetMs = Math.max(this.#offsetMs, serverNow - Date.now());
    }
  }

  #watch(lifecycle: LifecycleOptions): () => void {
    const visibility = (state: "visible" | "hidden") => {
      for (const session of this.joinedSessions) void session.setVisibility(state);
    };
    this.#hidden = () => {
      visibility("hidden");
      clearTimeout(this.#hiddenTimer);
      this.#hiddenTimer = setTimeout(() => {
        const running = this.joinedSessions.some((session) => session.isRunning);
        if (isHidden() && !running) this.#connection.suspend();
      }, lifecycle.hiddenIdleMs);
    };
    return watchPage({
      hidden: () => this.#hidden(),
      visible: () => {
        clearTimeout(this.#hiddenTimer);
        visibility("visible");
        this.#connection.wake();
      },
      left: () => {
        visibility("hidden");
        this.#vault.leave();
        this.#connection.suspend();
      },
      back: () => {
        this.#vault.back();
        this.#connection.wake();
      },
      online: () => this.#connection.wake(),
      offline: () => this.#connection.wake(),
    });
  }

  #hidden: () => void = () => {};
}

/** A client. Nothing happens before `connect()` (or a session's `join()`). */
export function createClient(options: ClientOptions = {}): GreenroomClient {
  return new GreenroomClient(options);
}

function baseOf(url: string | URL | undefined): string {
  const here = typeof location === "undefined" ? undefined : location.href;
  const parsed = new URL(url ?? "/", here ?? "http://localhost:8080");
  const path = parsed.pathname.replace(/\/(ws)?\/?$/, "");
  return `${parsed.protocol.replace(/^ws/, "http")}//${parsed.host}${path}`;
}

function storageOf(storage: ClientOptions["storage"]): KeyStorage | null {
  if (typeof storage === "object") return storage;
  if (storage === "memory") return null;
  try {
    return typeof sessionStorage === "undefined" ? null : sessionStorage;
  } catch {
    // Forbidden by the browser's settings.
    return null;
  }
}

function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
