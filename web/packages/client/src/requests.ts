/**
 * Requests and their answers. One that may be repeated survives a lost connection: it carries an
 * `id`, so that the server does it once and answers twice.
 */
import { GreenroomError, refusal } from "./errors.ts";
import type { ClientMessage, OkFields, ServerMessage } from "./protocol.ts";
import type { Outgoing } from "./transport.ts";

export interface RequestOptions {
  /** Milliseconds; default: the client's `requestTimeoutMs`. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

interface Entry {
  message: Outgoing;
  /** Waits for this session to be joined. */
  sessionId: string | undefined;
  /** Kept when the connection is lost. */
  keep: boolean;
  sent: boolean;
  deadline: number;
  done(error: GreenroomError | null, fields?: OkFields): void;
}

/** Requests that wait at most. */
const WAITING_MAX = 256;
/** Refusals that say when to try again, and mean a moment. */
const IN_A_MOMENT = ["busy", "rate_limited", "store_unavailable"];

export class Requests {
  readonly #waiting = new Map<number, Entry>();
  readonly #send: (message: Outgoing) => void;
  readonly #nextRef: () => number;
  readonly #ready: (sessionId: string | undefined) => boolean;
  readonly #prefix: string;

  /** `ready` says whether a request may go out now: connected, and in its session. */
  constructor(
    prefix: string,
    nextRef: () => number,
    ready: (sessionId: string | undefined) => boolean,
    send: (message: Outgoing) => void,
  ) {
    this.#prefix = prefix;
    this.#nextRef = nextRef;
    this.#ready = ready;
    this.#send = send;
  }

  add(
    message: ClientMessage,
    how: {
      timeoutMs: number;
      keep: boolean;
      inSession?: string | undefined;
      signal?: AbortSignal | undefined;
    },
  ): Promise<OkFields> {
    if (this.#waiting.size >= WAITING_MAX) {
      return Promise.reject(new GreenroomError("outbox_full", "Too many requests are waiting."));
    }
    return new Promise((resolve, reject) => {
      const ref = this.#nextRef();
      const finish = (error: GreenroomError | null, fields: OkFields = {}) => {
        if (!this.#waiting.delete(ref)) return;
        clearTimeout(timer);
        how.signal?.removeEventListener("abort", canceled);
        if (error) reject(error);
        else resolve(fields);
      };
      const canceled = () => finish(new GreenroomError("canceled", "The request was given up."));
      const timer = setTimeout(() => {
        finish(new GreenroomError("request_timeout", `No answer to ${message.type} in time.`));
      }, how.timeoutMs);
      const entry: Entry = {
        message: { ...message, ref, ...(how.keep ? { id: `${this.#prefix}.${ref}` } : {}) },
        sessionId: how.inSession,
        keep: how.keep,
        sent: false,
        deadline: Date.now() + how.timeoutMs,
        done: finish,
      };
      this.#waiting.set(ref, entry);
      if (how.signal?.aborted) return canceled();
      how.signal?.addEventListener("abort", canceled, { once: true });
      this.#try(entry);
    });
  }

  /** True if the message was the answer to a request. */
  answered(message: ServerMessage): boolean {
    const { type } = message;
    if ((type !== "ok" && type !== "error" && type !== "pong") || message.ref === undefined) {
      return false;
    }
    const entry = this.#waiting.get(message.ref as number);
    if (!entry) return true;
    if (message.type !== "error") {
      const { type: _, ref: __, ...fields } = message;
      entry.done(null, fields);
      return true;
    }
    const wait = message.retryAfterMs;
    const soon = wait !== undefined && Date.now() + wait < entry.deadline;
    if (soon && entry.keep && IN_A_MOMENT.includes(message.code)) {
      setTimeout(() => {
        entry.sent = false;
        if (this.#waiting.get(message.ref as number) === entry) this.#try(entry);
      }, wait);
    } else entry.done(refusal(message));
    return true;
  }

  /** Something became ready: sends what waited for it. */
  flush(): void {
    for (const entry of [...this.#waiting.values()]) this.#try(entry);
  }

  /** The connection is gone. */
  lost(cause: GreenroomError): void {
    for (const entry of [...this.#waiting.values()]) {
      if (entry.keep) entry.sent = false;
      else entry.done(cause);
    }
  }

  /** Nothing more will come of these. */
  drop(error: GreenroomError, sessionId?: string): void {
    for (const entry of [...this.#waiting.values()]) {
      if (sessionId !== undefined && entry.sessionId !== sessionId) continue;
      // What asked for the end has it.
      const over = error.code === "session_ended" && entry.message.type === "end_interview";
      entry.done(over ? null : error);
    }
  }

  #try(entry: Entry): void {
    if (entry.sent || !this.#ready(entry.sessionId)) return;
    entry.sent = true;
    this.#send(entry.message);
  }
}
