// What every JavaScript client of these tests needs: tokens, a plain WebSocket as the other side,
// and waits with a limit. The harness starts the server and restarts it when it is asked to.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createInterface } from "node:readline";
import WebSocket from "ws";

export const ADDRESS = process.env.GREENROOM_ADDRESS;
const SECRET = process.env.GREENROOM_SECRET;
const PATIENCE_MS = 20_000;

export function token(sub, role, { session, seconds = 600 } = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const claims = { sub, role, session, iat: now, exp: now + seconds };
  const message = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${message}.${createHmac("sha256", SECRET).update(message).digest("base64url")}`;
}

/** Things that happened, in order; whoever waits gets the first one that fits. */
export class Seen {
  #all = [];
  #waits = new Set();

  add(name, value) {
    this.#all.push([name, value]);
    for (const look of this.#waits) look();
  }

  names() {
    return this.#all.map(([name]) => name);
  }

  next(name, fits = () => true) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const at = this.#all.findIndex(([n, value]) => n === name && fits(value));
        if (at < 0) return;
        clearTimeout(limit);
        this.#waits.delete(look);
        resolve(this.#all.splice(at, 1)[0][1]);
      };
      const limit = setTimeout(() => {
        this.#waits.delete(look);
        reject(new Error(`no ${name} came; there was ${this.names().join(", ")}`));
      }, PATIENCE_MS);
      this.#waits.add(look);
      look();
    });
  }
}

/** The plain door. */
export class Plain {
  seen = new Seen();
  #ref = 0;

  constructor(bearer) {
    this.socket = new WebSocket(`ws://${ADDRESS}/ws`, {
      headers: { authorization: `Bearer ${bearer}` },
    });
    this.socket.on("message", (data, isBinary) => {
      if (isBinary) return this.seen.add("binary", data);
      const message = JSON.parse(data.toString());
      if (message.ref === undefined) this.seen.add(message.type, message);
      else this.seen.add(`ref ${message.ref}`, message);
    });
    this.socket.on("close", (code, reason) =>
      this.seen.add("close", { code, reason: reason.toString() }),
    );
    this.socket.on("error", () => {});
  }

  static async open(bearer) {
    const plain = new Plain(bearer);
    await plain.seen.next("connection:success");
    return plain;
  }

  async ask(message) {
    const ref = ++this.#ref;
    this.socket.send(JSON.stringify({ ...message, ref }));
    return this.seen.next(`ref ${ref}`);
  }

  async join(sessionId, more = {}) {
    const answer = await this.ask({ type: "session:join", sessionId, ...more });
    assert.equal(answer.type, "ok", JSON.stringify(answer));
    return this.seen.next("session:joined");
  }
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Has the harness stop the server, as a deploy does, and start it again on the same port. */
export async function restart() {
  console.log("restart");
  const { value } = await lines.next();
  assert.equal(value, "restarted");
}

/** Nothing of these names comes for so long. */
export async function quiet(seen, names, ms = 1_500) {
  await new Promise((resolve) => setTimeout(resolve, ms));
  for (const name of names) {
    assert.ok(!seen.names().includes(name), `${name} came: ${seen.names().join(", ")}`);
  }
}

/** Runs the steps one after the other and says how it went. */
export async function run(steps) {
  for (const [name, step] of steps) {
    try {
      await step();
      console.log(`ok ${name}`);
    } catch (error) {
      console.log(`failed ${name}: ${error.stack}`);
      process.exit(1);
    }
  }
  console.log(`done ${steps.length}`);
  process.exit(0);
}
