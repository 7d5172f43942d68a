/**
 * Sends sound into a session, and again what a lost connection swallowed: a chunk is kept until
 * the server says that it lies on its disk. What is kept has a bound; beyond it the oldest goes.
 */
import type { AudioChunk } from "../audio-frame.ts";
import type { InterviewSession } from "../session.ts";
import { type Store, Value } from "../store.ts";
import type { AudioSource } from "./microphone.ts";

export interface PublishOptions {
  /** So much unwritten sound is kept at most, milliseconds. Default 60,000. */
  keepMs?: number;
}

export interface PublicationState {
  /** Handed to the connection, in sound, milliseconds. */
  readonly sentMs: number;
  /** Lies on the server's disk. */
  readonly ackedMs: number;
  /** Recorded here, not yet sent. */
  readonly waitingMs: number;
  /** Lost for want of room: the connection was away for too long. */
  readonly droppedMs: number;
  /** False once it was stopped or the session is over for this page. */
  readonly active: boolean;
}

export interface Publication {
  readonly streamId: number;
  readonly state: Store<PublicationState>;
  /** Says that this was the last chunk, waits a moment for its acknowledgement. */
  stop(): Promise<void>;
}

/** Bytes a second while catching up: well below what the server allows. */
const CATCH_UP_BYTES = 160 * 1024;
const BURST_BYTES = 128 * 1024;
/** So much may wait in the socket; more would only be stale. */
const SOCKET_BYTES_MAX = 64 * 1024;
const PUMP_MS = 50;
/** An acknowledgement comes within a second of the chunk. */
const LAST_ACK_MS = 2_500;

/** Begins at once, and goes on until `stop()` or the session's end. */
export function publish(
  session: InterviewSession,
  source: AudioSource,
  options: PublishOptions = {},
): Publication {
  return new Publishing(session, source, options);
}

class Publishing implements Publication {
  readonly streamId = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  readonly state = new Value<PublicationState>({
    sentMs: 0,
    ackedMs: 0,
    waitingMs: 0,
    droppedMs: 0,
    active: true,
  });
  readonly #session: InterviewSession;
  readonly #rate: number;
  readonly #keepMs: number;
  readonly #off: (() => void)[];
  /** Kept chunks, in order; those before `#next` were sent on this connection. */
  #kept: AudioChunk[] = [];
  #next = 0;
  #seq = 0;
  #samples = 0;
  #droppedMs = 0;
  #sentMs = 0;
  #ackedMs = 0;
  #budget = BURST_BYTES;
  #budgetAt = Date.now();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wasLive: boolean;
  #pausedUntil = 0;
  #acked: (() => void) | undefined;

  constructor(session: InterviewSession, source: AudioSource, options: PublishOptions) {
    this.#session = session;
    this.#rate = source.sampleRate;
    this.#keepMs = options.keepMs ?? 60_000;
    this.#wasLive = session.isLive;
    this.#off = [
      source.onChunk((pcm) => this.#take(pcm, false)),
      session.subscribe(() => this.#moved()),
      session.on("audio:ack", ({ streamId, seq }) => streamId === this.streamId && this.#ack(seq)),
      session.on("audio:error", ({ code, retryAfterMs = 1_000 }) => {
        if (code === "rate_limited") this.#pausedUntil = Date.now() + retryAfterMs;
      }),
    ];
  }

  async stop(): Promise<void> {
    if (!this.state.getSnapshot().active) return;
    this.#off.shift()?.();
    this.#take(new Uint8Array(0), true);
    if (this.#keeps && this.#kept.length > 0) {
      await new Promise<void>((resolve) => {
        this.#acked = resolve;
        setTimeout(resolve, LAST_ACK_MS);
      });
    }
    this.#close();
  }

  /** Whether the server writes this to disk: only the candidate of a running interview. */
  get #keeps(): boolean {
    const state = this.#session.getSnapshot();
    return "role" in state && state.role === "candidate" && state.phase !== "lobby";
  }

  #take(payload: Uint8Array, isLast: boolean): void {
    const atMs = Math.round((this.#samples * 1000) / this.#rate);
    this.#kept.push({
      payload,
      format: "pcm16",
      sampleRate: this.#rate,
      streamId: this.streamId,
      seq: this.#seq,
      atMs,
      isLast,
    });
    this.#seq += 1;
    this.#samples += payload.length / 2;
    while (this.#kept.length > 1 && atMs - (this.#kept[0]?.atMs ?? 0) > this.#keepMs) {
      const lost = this.#kept.shift();
      if (this.#next > 0) this.#next -= 1;
      else if (lost) this.#droppedMs += this.#lengthMs(lost);
    }
    this.#pump();
  }

  #moved(): void {
    const { phase } = this.#session.getSnapshot();
    if (phase === "ended" || phase === "displaced" || phase === "failed" || phase === "detached") {
      return this.#close();
    }
    const live = this.#session.isLive;
    if (live === this.#wasLive) return;
    this.#wasLive = live;
    if (!live) return;
    // A new connection: what was not acknowledged may never have arrived.
    this.#next = 0;
    this.#pump();
  }

  #ack(seq: number): void {
    while (this.#kept[0] && this.#kept[0].seq <= seq) {
      const { atMs } = this.#kept[0];
      this.#ackedMs = atMs + this.#lengthMs(this.#kept[0]);
      this.#kept.shift();
      this.#next = Math.max(0, this.#next - 1);
    }
    if (this.#kept.length === 0) this.#acked?.();
    this.#tell();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    const now = Date.now();
    this.#budget = Math.min(
      BURST_BYTES,
      this.#budget + ((now - this.#budgetAt) * CATCH_UP_BYTES) / 1000,
    );
    this.#budgetAt = now;
    while (this.#next < this.#kept.length) {
      const chunk = this.#kept[this.#next];
      const full = this.#budget <= 0 || this.#session.bufferedBytes() > SOCKET_BYTES_MAX;
      if (!chunk || full || now < this.#pausedUntil || !this.#session.sendAudio(chunk)) break;
      this.#budget -= chunk.payload.length + 512;
      this.#sentMs = Math.max(this.#sentMs, chunk.atMs + this.#lengthMs(chunk));
      if (this.#keeps) this.#next += 1;
      else this.#kept.splice(this.#next, 1);
    }
    if (this.#next < this.#kept.length && this.#session.isLive) {
      this.#timer = setTimeout(() => this.#pump(), PUMP_MS);
    }
    this.#tell();
  }

  #tell(): void {
    const before = this.state.getSnapshot();
    const next = this.#kept[this.#next];
    const end = (this.#samples * 1000) / this.#rate;
    this.state.set({
      ...before,
      sentMs: this.#sentMs,
      ackedMs: this.#ackedMs,
      waitingMs: next ? Math.round(end - next.atMs) : 0,
      droppedMs: this.#droppedMs,
    });
  }

  #lengthMs(chunk: AudioChunk): number {
    return (chunk.payload.length * 500) / this.#rate;
  }

  #close(): void {
    clearTimeout(this.#timer);
    for (const off of this.#off.splice(0)) off();
    this.#kept = [];
    this.#next = 0;
    this.#acked?.();
    if (this.state.getSnapshot().active) this.state.update((s) => ({ ...s, active: false }));
  }
}
