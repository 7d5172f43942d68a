// The official Socket.IO client for JavaScript: node socketio.mjs <newest|oldest> <transports>
import assert from "node:assert/strict";
import { ADDRESS, Plain, Seen, quiet, restart, run, token } from "./lib.mjs";

const [which, transports] = process.argv.slice(2);
const { io } = await import(which === "oldest" ? "socket.io-client-oldest" : "socket.io-client");
const EVENTS = [
  "connection:success", "connection:closing", "connection:replaced", "connection:error",
  "session:joined", "user:joined", "user:left", "user:disconnected", "audio:received",
  "session_ended", "interview_ended", "server:draining", "session:state", "question:asked",
];
let number = 0;
const fresh = (name) => `${which}-${transports.replaceAll(",", "-")}-${name}-${++number}`;

/** A client and all that happens to it. */
class Client {
  seen = new Seen();

  constructor(auth, namespace = "/interview") {
    this.socket = io(`http://${ADDRESS}${namespace}`, {
      auth,
      transports: transports.split(","),
      forceNew: true,
      reconnectionDelay: 100,
      reconnectionDelayMax: 500,
    });
    for (const name of EVENTS) {
      this.socket.on(name, (...args) => {
        assert.equal(args.length, 1, `${name} has one argument`);
        this.seen.add(name, args[0]);
      });
    }
    this.socket.on("connect", () => this.seen.add("connect", this.socket.id));
    this.socket.on("disconnect", (reason) => this.seen.add("disconnect", reason));
    this.socket.on("connect_error", (error) => this.seen.add("connect_error", error));
    this.socket.io.on("reconnect_attempt", () => this.seen.add("reconnect_attempt"));
  }

  static async open(sub, role, options) {
    const client = new Client({ token: token(sub, role, options) });
    await client.seen.next("connect");
    client.success = await client.seen.next("connection:success");
    return client;
  }

  ask(event, fields = {}) {
    return new Promise((resolve) => this.socket.emit(event, fields, resolve));
  }

  async join(sessionId, more = {}) {
    const answer = await this.ask("session:join", { sessionId, ...more });
    assert.equal(answer.type, "ok", JSON.stringify(answer));
    return this.seen.next("session:joined");
  }

  /** It was told to stay away, and does. */
  async staysAway(code) {
    const closing = await this.seen.next("connection:closing");
    assert.equal(closing.code, code);
    assert.equal(closing.comeBack, "no");
    assert.equal(await this.seen.next("disconnect"), "io server disconnect");
    await quiet(this.seen, ["connect", "reconnect_attempt"], 1_000);
  }
}

async function interview() {
  const session = fresh("session");
  const candidate = await Client.open(fresh("ana"), "candidate");
  assert.match(candidate.success.connectionId, /./);
  const joined = await candidate.join(session);
  assert.equal(joined.sessionId, session);
  const interviewer = await Plain.open(token("ben", "interviewer", { session }));
  await interviewer.join(session);
  assert.equal((await candidate.seen.next("user:joined")).userId, "ben");
  return { session, candidate, interviewer };
}

const sound = Buffer.from(Array.from({ length: 320 }, (_, n) => n % 251));

async function talksAcrossDoors() {
  const { session, candidate, interviewer } = await interview();
  // As base64, as a field, and as a whole chunk in the binary layout.
  const fields = { format: "pcm16", sampleRate: 16_000, streamId: 1 };
  const base64 = sound.toString("base64");
  const said = await candidate.ask("audio:stream", { ...fields, seq: 0, audioData: base64 });
  assert.deepEqual([said.type, said.seq], ["ok", 0]);
  candidate.socket.emit("audio:stream", { ...fields, seq: 1, audioData: sound });
  const layout = Buffer.alloc(20);
  layout[0] = 0x01;
  layout.writeUInt16LE(16_000, 6);
  layout.writeUInt32LE(1, 8);
  layout.writeUInt32LE(2, 12);
  candidate.socket.emit("audio:stream", Buffer.concat([layout, sound]));
  for (const seq of [0, 1, 2]) {
    const heard = await interviewer.seen.next("audio:received", (a) => a.seq === seq);
    assert.equal(heard.audioData, base64);
    assert.equal(heard.sessionId, session);
  }
  // And back: base64 unless it asked for binary.
  await interviewer.ask({ type: "audio:stream", ...fields, audioData: base64 });
  assert.equal((await candidate.seen.next("audio:received")).audioData, base64);
  await candidate.join(session, { audio: "binary" });
  await interviewer.ask({ type: "audio:stream", ...fields, audioData: base64 });
  const chunk = Buffer.from(await candidate.seen.next("audio:received"));
  assert.equal(chunk[0], 0x81);
  assert.ok(chunk.subarray(20).equals(sound));
  candidate.socket.disconnect();
  assert.ok(await interviewer.seen.next("user:disconnected"));
}

async function staysAwayAfterTheEnd() {
  const { candidate, interviewer } = await interview();
  const answer = await candidate.ask("end_interview");
  assert.equal(answer.type, "ok", JSON.stringify(answer));
  assert.equal((await candidate.seen.next("session_ended")).reason, "candidate_ended");
  await candidate.staysAway(1000);
  assert.equal((await interviewer.seen.next("close")).code, 1000);
}

async function staysAwayWhenReplaced() {
  const session = fresh("session");
  const user = fresh("eve");
  const first = await Client.open(user, "candidate");
  await first.join(session);
  const second = await Client.open(user, "candidate");
  await second.join(session);
  await first.seen.next("connection:replaced");
  await first.staysAway(4409);
  assert.equal((await second.ask("ping")).type, "pong");
  second.socket.disconnect();
}

async function isRefusedWithoutAToken() {
  for (const [auth, code] of [
    [{}, "auth_required"],
    [{ token: "no.good.token" }, "token_invalid"],
  ]) {
    const client = new Client(auth);
    const error = await client.seen.next("connect_error");
    assert.equal(error.data.code, code);
    assert.equal(error.message, error.data.message);
    await quiet(client.seen, ["connect", "reconnect_attempt"], 500);
  }
}

async function joinsTheAlias() {
  const client = new Client({ token: token(fresh("rob"), "candidate") }, "/");
  await client.seen.next("connect");
  await client.join(fresh("session"));
  client.socket.disconnect();
}

async function errorsAreAnswered() {
  const client = await Client.open(fresh("max"), "candidate");
  for (const [event, fields, code] of [
    ["session:join", {}, "missing_field"],
    ["session:join", { sessionId: 5 }, "invalid_field"],
    ["no:such", {}, "unknown_event"],
    ["end_interview", {}, "not_in_session"],
  ]) {
    const answer = await client.ask(event, fields);
    assert.deepEqual([answer.type, answer.code], ["error", code], JSON.stringify(answer));
  }
  assert.equal((await client.ask("ping")).type, "pong");
  client.socket.disconnect();
}

async function comesBackWithANewToken() {
  const session = fresh("session");
  const user = fresh("kim");
  let calls = 0;
  const client = new Client((give) => {
    calls += 1;
    give({ token: token(user, "candidate", { seconds: calls === 1 ? 2 : 600 }) });
  });
  const success = await client.seen.next("connection:success");
  const joined = await client.join(session);
  const closing = await client.seen.next("connection:closing");
  assert.deepEqual([closing.code, closing.comeBack], [4410, "with_new_token"]);
  assert.equal(await client.seen.next("disconnect"), "transport close");
  await client.seen.next("connection:success");
  assert.equal(calls, 2);
  const resume = { key: success.resumeKey, epoch: joined.epoch, seq: joined.seq };
  const again = await client.join(session, { resume });
  assert.equal(again.recovered, true);
  client.socket.disconnect();
}

async function comesBackAfterADeploy() {
  const client = await Client.open(fresh("lea"), "candidate");
  await client.join(fresh("session"));
  await restart();
  assert.ok((await client.seen.next("server:draining")).retryAfterMs > 0);
  const closing = await client.seen.next("connection:closing");
  assert.deepEqual([closing.code, closing.comeBack], [4420, "after_delay"]);
  // Who polls may find nobody listening any more before it hears that the transport is closed.
  assert.match(await client.seen.next("disconnect"), /^transport (close|error)$/);
  await client.seen.next("connect");
  await client.join(fresh("session"));
  client.socket.disconnect();
}

async function watchesThreeSessions() {
  const sessions = [fresh("room"), fresh("room"), fresh("room")];
  const candidates = [];
  for (const session of sessions) {
    const candidate = await Plain.open(token(fresh("cand"), "candidate"));
    await candidate.join(session);
    candidates.push(candidate);
  }
  const watcher = await Client.open("root", "admin");
  const rooms = new Set();
  for (const session of sessions) rooms.add((await watcher.join(session)).room);
  assert.equal(rooms.size, 3);
  const fields = { type: "audio:stream", format: "pcm16", sampleRate: 16_000 };
  for (const [nth, candidate] of candidates.entries()) {
    await candidate.ask({ ...fields, audioData: sound.toString("base64") });
    assert.equal((await watcher.seen.next("audio:received")).sessionId, sessions[nth]);
  }
  assert.equal((await watcher.ask("session:leave")).code, "session_required");
  for (const [nth, candidate] of candidates.slice(0, 2).entries()) {
    await candidate.ask({ type: "end_interview" });
    assert.equal((await watcher.seen.next("session_ended")).sessionId, sessions[nth]);
    assert.ok(watcher.socket.connected, "it is still in another session");
  }
  await candidates[2].ask({ type: "end_interview" });
  await watcher.seen.next("session_ended", (ended) => ended.sessionId === sessions[2]);
  await watcher.staysAway(1000);
}

await run([
  ["talks across doors", talksAcrossDoors],
  ["stays away after the end", staysAwayAfterTheEnd],
  ["stays away when replaced", staysAwayWhenReplaced],
  ["is refused without a token", isRefusedWithoutAToken],
  ["joins the alias", joinsTheAlias],
  ["gets its errors answered", errorsAreAnswered],
  ["watches three sessions", watchesThreeSessions],
  ["comes back with a new token", comesBackWithANewToken],
  ["comes back after a deploy", comesBackAfterADeploy],
]);
