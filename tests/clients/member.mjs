// What a page makes of its connection, by docs/protocol.md: it joins, keeps its place in the log,
// and after a close does what the contract says. No file, no process and no import is named here,
// so that the same text runs in Node and in a browser.
//
// `tell(name, data)` reports what happened. Nothing is judged here: that is done where the orders
// come from.

/** What a member knows of one session. */
class Place {
  key;
  epoch;
  /** The last event that was handled. */
  seq = 0;

  resume() {
    return this.key && { key: this.key, epoch: this.epoch, seq: this.seq };
  }
}

/** What both doors have in common. */
class Member {
  places = new Map();
  nth = 0;
  is_over = false;
  token_at = 0;

  constructor(order, tell) {
    this.order = order;
    this.tell = tell;
    for (const id of order.join ?? []) this.places.set(id, new Place());
  }

  token() {
    const { tokens } = this.order;
    return tokens[Math.min(this.token_at, tokens.length - 1)];
  }

  /** Takes the seats this page wants, and those it had. */
  opened() {
    this.nth += 1;
    this.tell("open", { nth: this.nth });
    for (const [sessionId, place] of this.places) {
      const join = { type: "session:join", sessionId };
      if (this.order.hears) join.audio = this.order.hears;
      const resume = place.resume();
      if (resume) join.resume = resume;
      this.ask(join, (reply) => {
        if (reply.type === "ok") return;
        this.tell("refused", reply);
        // There is nothing to come back to.
        this.places.delete(sessionId);
        if (this.places.size === 0) this.leave();
      });
    }
  }

  /** Something was said. */
  heard(message) {
    this.tell("event", message);
    const place = this.places.get(message.sessionId);
    if (message.type === "session:joined" && place) {
      place.key = message.resumeKey;
      place.epoch = message.epoch;
      if (!message.recovered) place.seq = message.seq;
    } else if (message.type === "session_ended") {
      this.places.delete(message.sessionId);
    } else if (message.seq !== undefined && message.prev !== undefined && place) {
      if (!message.provisional && message.prev === place.seq) place.seq = message.seq;
    }
  }

  /** A chunk in the binary layout came: large ones are only counted. */
  heard_chunk(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.tell("chunk", {
      kind: bytes[0],
      room: view.getUint16(4, true),
      stream: view.getUint32(8, true),
      seq: view.getUint32(12, true),
      bytes: bytes.byteLength - 20,
      sound: bytes.byteLength > 1_000 ? undefined : base64(bytes.subarray(20)),
    });
  }

  send({ message }) {
    this.ask(message, (reply) => this.tell("reply", reply));
  }

  /** A message too large for any server. */
  big({ bytes }) {
    this.ask({ type: "session:leave", sessionId: "x".repeat(bytes) }, () => {});
  }

  /** More requests at once than anybody may send. */
  storm({ requests }) {
    for (let nth = 0; nth < requests; nth += 1) this.ask({ type: "ping" }, () => {});
  }

  /** Sound in the binary layout. */
  chunk({ stream = 1, seq = 0, sound }) {
    this.send_chunk(layout(stream, seq, from_base64(sound)));
  }

  /** A lot of it, as fast as the line takes it. */
  flood({ stream = 1, from = 0, chunks, bytes }) {
    const sound = new Uint8Array(bytes);
    for (let seq = from; seq < from + chunks; seq += 1) this.send_chunk(layout(stream, seq, sound));
    this.tell("flooded", { next: from + chunks });
  }
}

/** A member at the plain door, over any WebSocket with the browser's interface. */
export class PlainMember extends Member {
  #asked = new Map();
  #ref = 0;
  #pause_ms = 0;
  #retry_ms = 0;

  /** `connect(order, token)` makes a WebSocket; `contract` is `x-close-codes` of the server. */
  constructor(order, tell, { connect, contract }) {
    super(order, tell);
    this.make = connect;
    this.contract = new Map(contract.map((row) => [row.code, row.comeBack]));
    this.connect();
  }

  connect() {
    if (this.is_over) return;
    if (this.tries) this.tell("attempt");
    this.tries = true;
    const socket = this.make(this.order, this.token());
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    // Whoever is let in is told so; before that nothing may be asked.
    socket.onmessage = ({ data }) => {
      if (typeof data !== "string") return this.heard_chunk(new Uint8Array(data));
      const message = JSON.parse(data);
      const answer = message.ref === undefined ? undefined : this.#asked.get(message.ref);
      if (answer) {
        this.#asked.delete(message.ref);
        return answer(message);
      }
      if (message.retryAfterMs !== undefined) this.#retry_ms = message.retryAfterMs;
      this.heard(message);
      if (message.type === "connection:success") {
        this.#pause_ms = 0;
        this.#retry_ms = 0;
        this.opened();
      }
    };
    socket.onerror = () => {};
    socket.onclose = ({ code, reason }) => this.closed(code, String(reason));
  }

  closed(code, reason) {
    this.#asked.clear();
    const back = this.contract.get(code) ?? "no";
    this.tell("closed", { code, reason, back });
    if (back === "no" || this.is_over) return;
    if (back === "with_new_token") this.token_at += 1;
    // Shorter than a real page's, and growing as they do.
    this.#pause_ms = Math.min(this.#pause_ms * 2 || 250, 2_000);
    const pause = Math.max(this.#pause_ms, back === "after_delay" ? this.#retry_ms : 0);
    setTimeout(() => this.connect(), pause);
  }

  ask(message, answer) {
    this.#ref += 1;
    this.#asked.set(this.#ref, answer);
    this.socket.send(JSON.stringify({ ...message, ref: this.#ref }));
  }

  send_chunk(bytes) {
    this.socket.send(bytes);
  }

  leave() {
    this.is_over = true;
    this.socket.close(1000);
  }
}

/** A member at the Socket.IO door. Coming back is the official client's own business. */
export class SocketIoMember extends Member {
  /** `io` is the client's; `options` what it is told beside the token. */
  constructor(order, tell, { io, options }) {
    super(order, tell);
    const socket = io(order.url + (order.namespace ?? "/interview"), {
      auth: (give) => give(order.tokens.length > 0 ? { token: this.token() } : {}),
      forceNew: true,
      reconnectionDelay: 250,
      reconnectionDelayMax: 2_000,
      ...options,
    });
    this.socket = socket;
    socket.onAny((name, ...args) => {
      const [data] = args;
      if (args.length !== 1) return this.tell("broken", { name, args: args.length });
      if (data instanceof ArrayBuffer) return this.heard_chunk(new Uint8Array(data));
      if (ArrayBuffer.isView(data)) return this.heard_chunk(data);
      if (data.type !== name) return this.tell("broken", { name, data });
      if (name === "connection:closing" && data.comeBack === "with_new_token") this.token_at += 1;
      this.heard(data);
    });
    socket.on("connect", () => this.opened());
    socket.on("disconnect", (reason) => this.tell("disconnect", { reason }));
    socket.on("connect_error", (error) =>
      this.tell("connect_error", { message: error.message, data: error.data }),
    );
    socket.io.on("reconnect_attempt", () => this.tell("attempt"));
  }

  ask({ type, ...fields }, answer) {
    // `{bytes}` stands for sound that is sent as it is, without base64.
    if (fields.audioData?.bytes) fields.audioData = buffer(from_base64(fields.audioData.bytes));
    this.socket.emit(type, fields, answer);
  }

  send_chunk(bytes) {
    this.socket.emit("audio:stream", buffer(bytes));
  }

  leave() {
    this.is_over = true;
    this.socket.disconnect();
  }
}

/** 20 bytes and the sound: docs/protocol.md, "Audio". */
function layout(stream, seq, sound) {
  const bytes = new Uint8Array(20 + sound.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x01;
  view.setUint16(6, 16_000, true);
  view.setUint32(8, stream, true);
  view.setUint32(12, seq, true);
  bytes.set(sound, 20);
  return bytes;
}

/** What the official client sends as an attachment: in Node a Buffer, elsewhere an ArrayBuffer. */
function buffer(bytes) {
  return globalThis.Buffer ? Buffer.from(bytes) : bytes.slice().buffer;
}

function base64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

function from_base64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
