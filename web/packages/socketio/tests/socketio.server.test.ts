/** The same client over Socket.IO, against the real server, beside one on the plain door. */
import { createClient, type GreenroomClient } from "@greenroom/client";
import { publish } from "@greenroom/client/audio";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type Server, startProxy, startServer, until, type Wire } from "../../../testing/server.ts";
import { type SocketIoOptions, socketio } from "../src/index.ts";

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

function client(user: string, role: string, session: string, options?: SocketIoOptions | "plain") {
  const made = createClient({
    url: proxy.url,
    token: server.token(user, role, session),
    storage: "memory",
    reconnect: { minDelayMs: 20, maxDelayMs: 200 },
    WebSocket,
    ...(options === "plain" ? {} : { transport: socketio(options) }),
  });
  clients.push(made);
  return made;
}

const questions = [
  { text: "Who are you?", limitSeconds: 60 },
  { text: "What do you do?", limitSeconds: 60 },
];

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
        for (const listener of listeners) listener(new Uint8Array(3_200).fill(n));
      }
    },
  };
}

it.each<[string, SocketIoOptions]>([
  ["WebSocket", { transports: ["websocket"] }],
  ["polling", { transports: ["polling"] }],
  ["polling and upgrade, on the alias", { namespace: "/" }],
])(
  "goes through an interview over %s, with sound both ways across the doors",
  async (_, options) => {
    number += 1;
    const id = `io${number}`;
    const ana = client(`ana${number}`, "candidate", id, options);
    const session = ana.session(id);
    expect(await session.join()).toMatchObject({ role: "candidate", live: true });
    const ben = client("ben", "interviewer", id, "plain").session(id);
    await ben.join();
    await session.start({ questions });
    await until(() => "question" in ben.getSnapshot(), "the question");

    const heard: number[] = [];
    ben.on("audio", ({ payload }) => payload.length === 3_200 && heard.push(payload[0] ?? -1));
    const mic = microphone();
    const publication = publish(session, mic);
    mic.speak(5);
    await until(() => publication.state.getSnapshot().ackedMs === 500, "the audio is on disk");
    await until(() => heard.length === 5, "the interviewer heard it");
    expect(heard).toEqual([0, 1, 2, 3, 4]);

    const answered: number[] = [];
    session.on("audio", ({ payload }) => answered.push(payload[0] ?? -1));
    const theirs = microphone();
    publish(ben, theirs);
    theirs.speak(3);
    await until(() => answered.length === 3, "the candidate heard the interviewer");
    expect(answered).toEqual([0, 1, 2]);

    await session.answerDone();
    await session.end();
    await until(() => session.getSnapshot().phase === "ended", "the end");
    expect(session.getSnapshot()).toMatchObject({ reason: "candidate_ended" });
    expect(ana.state).toMatchObject({ status: "closed", reason: "session_ended" });
  },
);

it("comes back after a cut, with what it missed", async () => {
  const id = "io-cut";
  const session = client("cut", "candidate", id).session(id);
  await session.join();
  await session.start({ questions });
  const ben = client("ben", "interviewer", id, "plain");
  await ben.session(id).join();
  const done = session.answerDone();
  proxy.cut();
  await done;
  await until(() => {
    const state = session.getSnapshot();
    return "question" in state && state.live && state.question?.index === 1;
  }, "the second question");
});

it("stays away after a takeover from the other door, and takes the seat back when asked", async () => {
  const id = "io-takeover";
  const ana = client("taken", "candidate", id);
  await ana.session(id).join();
  const second = client("taken", "candidate", id, "plain");
  await second.session(id).join();
  await until(() => ana.session(id).getSnapshot().phase === "displaced", "the takeover");
  await until(() => ana.state.status === "closed", "the close");
  expect(ana.state).toMatchObject({ reason: "replaced" });
  await ana.session(id).join();
  await until(() => second.session(id).getSnapshot().phase === "displaced", "the way back");
});

it("says why it was not let in", async () => {
  const nobody = createClient({ url: server.url, token: "a.b.c", transport: socketio() });
  clients.push(nobody);
  await expect(nobody.connect()).rejects.toMatchObject({ code: "token_invalid" });
  expect(nobody.state).toMatchObject({ status: "closed", reason: "unauthorized" });
  const lost = client("lost", "observer", "nowhere");
  await expect(lost.session("other").join()).rejects.toMatchObject({ code: "session_not_found" });
});

it("measures the round trip", async () => {
  const ana = client("pinger", "candidate", "io-ping");
  await ana.connect();
  expect(await ana.ping()).toBeGreaterThan(0);
});
