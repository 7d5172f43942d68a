/** The client against the real server. Speech is off here; the app's own suite runs it. */
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type Server, startProxy, startServer, until, type Wire } from "../../../testing/server.ts";
import { publish } from "../src/audio/index.ts";
import {
  type ClientOptions,
  createClient,
  type GreenroomClient,
  type InSession,
  type SessionState,
} from "../src/index.ts";
import { MemoryStorage } from "./fake-server.ts";

let server: Server;
let proxy: Wire;
const clients: GreenroomClient[] = [];
let number = 0;

beforeAll(async () => {
  server = await startServer();
  proxy = await startProxy(server.url);
});

afterEach(async () => {
  proxy.restore();
  await Promise.all(clients.splice(0).map((client) => client.disconnect()));
});

afterAll(async () => {
  await proxy?.stop();
  await server?.stop();
});

/** A session and a user nobody had before. */
function fresh() {
  number += 1;
  return { id: `s${number}`, user: `ana${number}` };
}

function client(user: string, role = "candidate", session?: string, options: ClientOptions = {}) {
  const made = createClient({
    url: proxy.url,
    token: server.token(user, role, session),
    WebSocket,
    reconnect: { minDelayMs: 20, maxDelayMs: 200 },
    ...options,
  });
  clients.push(made);
  return made;
}

const questions = [
  { text: "Who are you?", limitSeconds: 60 },
  { text: "What do you do?", limitSeconds: 60 },
];

function view(state: SessionState): InSession | null {
  return "live" in state ? state : null;
}

function microphone() {
  const listeners = new Set<(pcm: Uint8Array) => void>();
  return {
    sampleRate: 16_000,
    onChunk: (listener: (pcm: Uint8Array) => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    speak: (chunks: number) => {
      for (let n = 0; n < chunks; n += 1) {
        const pcm = new Int16Array(1_600).map((_, at) => 8_000 * Math.sin(at / 5));
        for (const listener of listeners) listener(new Uint8Array(pcm.buffer));
      }
    },
  };
}

it("goes through a whole interview, with audio on disk, an observer and a report", async () => {
  const { id, user } = fresh();
  const ana = client(user);
  const session = ana.session(id);
  const joined = await session.join();
  expect(joined).toMatchObject({
    role: "candidate",
    userId: user,
    live: true,
    status: "scheduled",
  });

  const ben = client("ben", "observer", id);
  const watched = ben.session(id);
  await watched.join();
  await until(() => view(session.getSnapshot())?.members.length === 2, "both are seen");
  const heard: number[] = [];
  watched.on("audio", ({ seq, payload }) => payload.length === 3_200 && heard.push(seq));

  const { deadlineAt } = await session.start({ questions });
  expect(deadlineAt).toBeGreaterThan(ana.serverNow());
  await until(() => view(session.getSnapshot())?.question?.index === 0, "the first question");
  expect(session.getSnapshot().phase).toBe("live");

  const mic = microphone();
  const publication = publish(session, mic);
  mic.speak(5);
  await until(() => publication.state.getSnapshot().ackedMs === 500, "the audio is on disk");
  await until(() => heard.length === 5, "the observer heard it");
  expect(heard).toEqual([0, 1, 2, 3, 4]);
  await publication.stop();

  await session.answerDone();
  await until(() => view(watched.getSnapshot())?.question?.index === 1, "the second question");
  await session.answerDone({ skip: true });
  await until(() => session.getSnapshot().phase === "ended", "the end");
  expect(session.getSnapshot()).toMatchObject({
    reason: "completed",
    recorded: true,
    result: { asked: 2, answered: 1 },
    reportUrl: `/reports/${id}`,
  });
  expect(ana.state).toMatchObject({ status: "closed", reason: "session_ended" });
  expect(ana.messages.getSnapshot().at(-1)).toMatchObject({
    type: "session_ended",
    message: "Session has been terminated",
  });
  await until(() => watched.getSnapshot().phase === "ended", "the observer sees the end");
  expect(await ana.api.session(id)).toMatchObject({ status: "ended", reason: "completed" });
  expect(await ana.api.report(id)).toBeTypeOf("object");
});

it("comes back after every cut, and misses and repeats nothing", async () => {
  const { id, user } = fresh();
  const session = client(user).session(id);
  await session.join();
  const watched = client("ben", "interviewer", id, { url: server.url }).session(id);
  await watched.join();
  const seqs: number[] = [];
  const told: number[] = [];
  const note = (list: number[]) => (event: { seq: number; replayed?: true }) =>
    list.push(event.seq);
  for (const type of ["question:asked", "question:closed", "session:status:updated"] as const) {
    session.on(type, note(seqs));
    watched.on(type, note(told));
  }
  await session.start({
    questions: Array.from({ length: 6 }, (_, n) => ({ text: `${n}?`, limitSeconds: 60 })),
  });
  for (let n = 0; n < 5; n += 1) {
    await until(() => view(session.getSnapshot())?.question?.index === n, `question ${n}`);
    const done = session.answerDone();
    // In the air, or on its way back: the request is made again with the same id.
    proxy.cut();
    await done;
  }
  await until(() => view(session.getSnapshot())?.question?.index === 5, "the last question");
  await until(() => told.length === seqs.length, "both were told the same");
  expect(seqs).toEqual(told);
  expect(new Set(seqs).size).toBe(seqs.length);
  await session.end();
  await until(() => watched.getSnapshot().phase === "ended", "the end");
});

it("sends audio again that a cut swallowed", async () => {
  const { id, user } = fresh();
  const session = client(user).session(id);
  await session.join();
  await session.start({ questions });
  const mic = microphone();
  const publication = publish(session, mic);
  mic.speak(5);
  await until(() => publication.state.getSnapshot().ackedMs === 500, "the first part is on disk");
  proxy.stall();
  mic.speak(5);
  proxy.cut(false);
  mic.speak(5);
  await until(() => !session.isLive, "the loss is seen");
  proxy.restore();
  await until(() => publication.state.getSnapshot().ackedMs === 1_500, "all of it is on disk");
  expect(publication.state.getSnapshot()).toMatchObject({ droppedMs: 0, waitingMs: 0 });
  await session.end();
});

it("resumes after a reload of the page, with everything told again", async () => {
  const { id, user } = fresh();
  const storage = new MemoryStorage();
  const first = client(user, "candidate", undefined, { storage });
  const session = first.session(id);
  await session.join();
  await session.start({ questions });
  await session.answerDone();
  await until(() => view(session.getSnapshot())?.question?.index === 1, "the second question");
  await first.disconnect();
  // What the page's own goodbye would write.
  for (const [key, text] of storage.map) {
    storage.map.set(key, JSON.stringify({ ...JSON.parse(text), left: true }));
  }
  const again = client(user, "candidate", undefined, { storage }).session(id);
  const asked: string[] = [];
  again.on("question:asked", ({ text, replayed }) => asked.push(`${text} ${replayed}`));
  expect(await again.join()).toMatchObject({ recovered: true, question: { index: 1 } });
  await until(() => asked.length === 2, "both questions are told again");
  expect(asked).toEqual(["Who are you? true", "What do you do? true"]);
  expect(view(again.getSnapshot())).toMatchObject({
    question: { index: 1 },
    answers: [{ outcome: "answered" }],
  });
  await again.end();
});

it("is displaced by a second page of the same user, and takes the seat back when asked", async () => {
  const { id, user } = fresh();
  const first = client(user);
  await first.session(id).join();
  const second = client(user);
  await second.session(id).join();
  await until(() => first.session(id).getSnapshot().phase === "displaced", "the takeover");
  await until(() => first.state.status === "closed", "the close");
  expect(first.state).toMatchObject({ reason: "replaced" });
  await first.session(id).join();
  await until(() => second.session(id).getSnapshot().phase === "displaced", "the way back");
  expect(first.session(id).isLive).toBe(true);
});

it("keeps one interview a candidate, and clears the open one", async () => {
  const { id, user } = fresh();
  const ana = client(user);
  await ana.session(id).join();
  await ana.session(id).start({ questions });
  expect(await ana.api.activeSession()).toMatchObject({ sessionId: id, status: "active" });
  const other = ana.session(`${id}b`);
  await other.join();
  await expect(other.start({ questions })).rejects.toMatchObject({
    code: "session_active",
    detail: { activeSessionId: id },
  });
  expect(await ana.api.clearActiveSession()).toBe(id);
  await until(() => ana.session(id).getSnapshot().phase === "ended", "it is cleared");
  expect(ana.isConnected).toBe(true);
  await other.start({ questions });
  await ana.api.endSession(`${id}b`);
  await until(() => other.getSnapshot().phase === "ended", "ended over HTTP");
});

it("watches three interviews at once over one connection", async () => {
  const rooms = [fresh(), fresh(), fresh()];
  for (const { id, user } of rooms) await client(user).session(id).join();
  const admin = client("root", "admin");
  await Promise.all(rooms.map(({ id }) => admin.session(id).join()));
  expect(admin.joinedSessions).toHaveLength(3);
  for (const { id } of rooms) {
    expect(view(admin.session(id).getSnapshot())).toMatchObject({ role: "observer" });
  }
});

it("renews its token on the connection before it runs out", async () => {
  const { user } = fresh();
  const reasons: string[] = [];
  const ana = createClient({
    url: proxy.url,
    storage: "memory",
    WebSocket,
    getToken: ({ reason }) => {
      reasons.push(reason);
      const expiresIn = reason === "missing" ? "30s" : "1h";
      return server.token(user, "candidate", undefined, expiresIn);
    },
  });
  clients.push(ana);
  const refused: unknown[] = [];
  ana.on("error", (error) => refused.push(error));
  await ana.connect();
  const { state } = ana;
  await until(() => reasons.length === 2, "the warning");
  expect(reasons).toEqual(["missing", "expiring"]);
  const token = server.token(user, "candidate");
  await ana.request({ type: "auth:refresh", token });
  expect(ana.state).toEqual(state);
  expect(refused).toEqual([]);
  const another = server.token("somebody-else", "candidate");
  await expect(ana.request({ type: "auth:refresh", token: another })).rejects.toMatchObject({
    code: "token_mismatch",
  });
});

it("is refused in words where there is nothing to find or to do", async () => {
  const { id, user } = fresh();
  const ben = client("ben", "observer", "nowhere");
  await expect(ben.session(id).join()).rejects.toMatchObject({ code: "session_not_found" });
  await expect(ben.api.session(id)).rejects.toMatchObject({
    code: "session_not_found",
    httpStatus: 404,
  });
  const nobody = createClient({ url: server.url, token: "a.b.c", WebSocket, reconnect: false });
  clients.push(nobody);
  await expect(nobody.connect()).rejects.toMatchObject({ code: "token_invalid" });
  expect(nobody.state).toMatchObject({ status: "closed", reason: "unauthorized" });
  const session = client(user).session(id);
  await session.join();
  await expect(
    session.transcribe({ data: new Uint8Array(2), format: "pcm16", sampleRate: 16_000 }),
  ).rejects.toMatchObject({ name: "GreenroomError" });
});

it("goes on with a server that was killed and started again", async () => {
  const { id, user } = fresh();
  const session = client(user).session(id);
  await session.join();
  await session.start({ questions });
  await server.kill();
  await until(() => !session.isLive, "the loss is seen");
  await server.start();
  await until(() => session.isLive, "the session goes on", 20_000);
  expect(session.getSnapshot()).toMatchObject({
    phase: "live",
    recovered: true,
    question: { index: 0 },
  });
  await session.answerDone();
  await until(() => view(session.getSnapshot())?.question?.index === 1, "the next question");
  await session.end();
});

it("tells an observer who comes late what was said and asked before, then what follows", async () => {
  const { id, user } = fresh();
  const ana = client(user).session(id);
  await ana.join();
  await ana.start({ questions });
  await ana.answerText("First I wrote this.");
  await ana.answerDone();
  await ana.answerText("Then I wrote that.");

  const olga = client("olga", "observer", id).session(id);
  const asked: [number, boolean][] = [];
  olga.on("question:asked", ({ index, replayed }) => void asked.push([index, replayed === true]));
  await olga.join({ history: true });
  const said = () => olga.transcript.getSnapshot().segments.map(({ text }) => text);
  await until(() => said().length === 2, "what was said before");
  expect(said()).toEqual(["First I wrote this.", "Then I wrote that."]);
  expect(asked).toEqual([
    [0, true],
    [1, true],
  ]);
  expect(view(olga.getSnapshot())?.answers).toMatchObject([{ outcome: "answered" }]);
  await ana.answerText("And this is new.");
  await until(() => said().length === 3, "what is new");
  expect(said().at(-1)).toBe("And this is new.");

  // A stranger gets what an unknown session gets.
  const eve = client("eve");
  await expect(eve.api.events(id).next()).rejects.toMatchObject({ code: "session_not_found" });
  await ana.end();
});

it("moves a running interview to another device by a code, once", async () => {
  const { id, user } = fresh();
  const first = client(user).session(id);
  await first.join();
  await first.start({ questions });
  await first.answerText("Said on the first one.");
  const { code = "", link } = await first.transfer();
  expect(link).toBe(`/?transfer=${code}`);

  const bare = createClient({ url: proxy.url, WebSocket });
  const { token, sessionId } = await bare.api.redeemTransfer(code.toLowerCase());
  expect(sessionId).toBe(id);
  await expect(bare.api.redeemTransfer(code)).rejects.toMatchObject({ code: "transfer_invalid" });
  const second = createClient({ url: proxy.url, token, WebSocket });
  clients.push(second);
  const there = second.session(id);
  await there.join({ history: true });
  await until(() => first.getSnapshot().phase === "displaced", "the first one gives way");
  await until(() => there.transcript.getSnapshot().segments.length === 1, "what was said");
  await there.end();
});
