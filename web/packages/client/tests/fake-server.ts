/** A scripted server: a WebSocket class whose other end the test holds. */
import { setMaxListeners } from "node:events";
import { decodeForServer } from "./frames.ts";

export interface Said {
  type: string;
  ref?: number;
  id?: string;
  [more: string]: unknown;
}

export class FakeSocket {
  static server: FakeServer;
  readonly url: string;
  readonly protocols: string[];
  binaryType = "blob";
  bufferedAmount = 0;
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  /** Text messages of the client. */
  readonly said: Said[] = [];
  readonly audio: ReturnType<typeof decodeForServer>[] = [];
  /** What the client closed it with. */
  closedWith: { code: number; reason: string } | null = null;
  /** A dead network: nothing arrives, nothing is answered. */
  dead = false;

  constructor(url: string, protocols: string[] = []) {
    this.url = url;
    this.protocols = protocols;
    FakeSocket.server.sockets.push(this);
  }

  send(data: string | Uint8Array): void {
    if (this.dead) return;
    if (typeof data === "string") {
      const message = JSON.parse(data) as Said;
      this.said.push(message);
      FakeSocket.server.heard(this, message);
    } else this.audio.push(decodeForServer(data));
  }

  close(code = 1000, reason = ""): void {
    if (this.readyState >= 2) return;
    this.closedWith = { code, reason };
    this.readyState = 2;
    if (!this.dead) queueMicrotask(() => this.end(code, reason));
  }

  // ---- The server's side ----

  open(): void {
    if (this.readyState !== 0) return;
    this.readyState = 1;
    this.onopen?.();
  }

  say(message: Record<string, unknown>): void {
    if (this.readyState !== 1 || this.dead) return;
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  end(code: number, reason = ""): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }

  get isOpen(): boolean {
    return this.readyState < 2;
  }

  asked(type: string): Said[] {
    return this.said.filter((message) => message.type === type);
  }
}

export class FakeServer {
  readonly sockets: FakeSocket[] = [];
  readonly WebSocket: unknown;
  /** Accepts and greets by itself. */
  accepts = true;
  /** Answers joins and other requests by itself. */
  answers = true;
  /** So many may be open at once: more than one only where there are more pages. */
  pages = 1;
  epoch = 1;
  seq = 0;
  /** Events told on a resume, by session. */
  log: { seq: number; prev: number; [more: string]: unknown }[] = [];

  constructor() {
    FakeSocket.server = this;
    const server = this;
    this.WebSocket = class extends FakeSocket {
      constructor(url: string, protocols?: string[]) {
        super(url, protocols);
        if (server.sockets.filter((socket) => socket.isOpen).length > server.pages) {
          throw new Error("too many sockets are open");
        }
        if (server.accepts) queueMicrotask(() => server.accept(this));
      }
    };
  }

  get last(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("nobody connected");
    return socket;
  }

  accept(socket: FakeSocket): void {
    socket.open();
    const n = this.sockets.indexOf(socket) + 1;
    socket.say({
      type: "connection:success",
      connectionId: `c${n}`,
      userId: "ana",
      serverTime: Date.now() + 5_000,
      heartbeat: { pingIntervalMs: 25_000, timeoutMs: 20_000 },
      limits: { messageBytes: 1, audioBytesPerSecond: 1, eventsPerSecond: 1 },
      resumeKey: `key${n}`,
    });
  }

  heard(socket: FakeSocket, message: Said): void {
    if (!this.answers) return;
    const { type, ref } = message;
    queueMicrotask(() => {
      if (type === "ping") return socket.say({ type: "pong", ref });
      if (type === "session:join") this.join(socket, message);
      socket.say({ type: "ok", ref, sessionId: message.sessionId });
    });
  }

  join(socket: FakeSocket, { sessionId, resume }: Said, more: Record<string, unknown> = {}): void {
    const shown = resume as { epoch: number; seq: number } | undefined;
    const recovered = shown?.epoch === this.epoch;
    const n = this.sockets.indexOf(socket) + 1;
    socket.say({
      type: "session:joined",
      room: 1,
      you: { participant: 1, userId: "ana", role: "candidate" },
      sessionId,
      session: { id: sessionId, title: "T", status: "active", createdAt: 1 },
      members: [{ userId: "ana", role: "candidate", participant: 1, state: "connected" }],
      status: "active",
      epoch: this.epoch,
      seq: this.seq,
      recovered,
      resumeKey: `key${n}`,
      ...more,
    });
    if (!recovered || !shown) return;
    for (const event of this.log) if (event.seq > shown.seq) socket.say(event);
  }

  /** Records an event and tells it. */
  event(type: string, more: Record<string, unknown> = {}, tell = true): void {
    this.seq += 1;
    const event = { type, sessionId: "s1", ...more, seq: this.seq, prev: this.seq - 1 };
    this.log.push(event);
    if (tell) this.last.say(event);
  }
}

/** A page to live in: listeners, visibility, network. */
export class FakePage {
  readonly document = new EventTarget() as EventTarget & { visibilityState: string };
  readonly window = new EventTarget();
  listeners = 0;

  constructor() {
    this.document.visibilityState = "visible";
    for (const target of [this.document, this.window]) {
      const add = target.addEventListener.bind(target);
      target.addEventListener = (name: string, listener: never, options: never) => {
        this.listeners += 1;
        const { signal } = (options ?? {}) as AddEventListenerOptions;
        if (signal) setMaxListeners(0, signal);
        signal?.addEventListener("abort", () => {
          this.listeners -= 1;
        });
        add(name, listener, options);
      };
    }
  }

  show(state: "visible" | "hidden"): void {
    this.document.visibilityState = state;
    this.document.dispatchEvent(new Event("visibilitychange"));
  }

  tell(name: string): void {
    this.window.dispatchEvent(new Event(name));
  }
}

export class MemoryStorage {
  readonly map = new Map<string, string>();
  getItem = (key: string) => this.map.get(key) ?? null;
  setItem = (key: string, value: string) => void this.map.set(key, value);
  removeItem = (key: string) => void this.map.delete(key);
  copy(): MemoryStorage {
    const copy = new MemoryStorage();
    for (const [key, value] of this.map) copy.map.set(key, value);
    return copy;
  }
}
