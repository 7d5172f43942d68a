import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type ClientOptions, createClient, type SessionState } from "../src/index.ts";
import { FakeServer } from "./fake-server.ts";

let server: FakeServer;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function client(options: ClientOptions = {}) {
  return createClient({
    url: "https://iv.example.org",
    token: "a.b.c",
    storage: "memory",
    WebSocket: server.WebSocket,
    reconnect: { minDelayMs: 0, maxDelayMs: 0 },
    ...options,
  });
}

const settle = () => vi.advanceTimersByTimeAsync(1);

async function joined(options: ClientOptions = {}) {
  const c = client(options);
  const session = c.session("s1");
  await session.join();
  return { c, session };
}

const question = (n: number) => ({
  questionId: `q${n}`,
  index: n,
  total: 2,
  text: `Question ${n}?`,
  startedAt: 1,
  deadlineAt: 2,
  serverNow: Date.now(),
});

const final = (text: string, utterance: number) => ({
  userId: "ana",
  streamId: 1,
  utterance,
  isFinal: true,
  text,
  words: [],
  startMs: 0,
  endMs: 1,
  atMs: 1,
  confidence: 1,
});

describe("coming late", () => {
  const stored = (seq: number, type: string, more: object = {}) => ({
    type,
    sessionId: "s1",
    ...more,
    seq,
  });

  function records(pages: object[][]) {
    const asked: string[] = [];
    vi.stubGlobal("fetch", async (url: URL) => {
      asked.push(url.pathname + url.search);
      const events = pages[asked.length - 1] ?? [];
      const next = asked.length < pages.length ? asked.length * 10 : null;
      return new Response(JSON.stringify({ sessionId: "s1", events, next }));
    });
    return asked;
  }

  it("what was said before is told from the records, in its place", async () => {
    const asked = records([
      [
        stored(1, "question:asked", question(0)),
        stored(2, "transcription:result", final("One.", 1)),
      ],
      [
        stored(3, "question:closed", { questionId: "q0", outcome: "answered", at: 1, usedMs: 5 }),
        stored(4, "transcription:result", final("Two.", 2)),
        stored(6, "transcription:result", final("Later.", 3)),
      ],
    ]);
    server.seq = 5;
    const c = client();
    const session = c.session("s1");
    const told: [string, boolean][] = [];
    session.on("transcription:result", (caption) => {
      if (caption.isFinal && "seq" in caption) told.push([caption.text, caption.replayed === true]);
    });
    await session.join({ history: true });
    server.event("transcription:result", final("Now.", 3));
    await vi.waitFor(() => expect(session.transcript.getSnapshot().segments).toHaveLength(3));
    expect(asked).toEqual(["/api/sessions/s1/events?after=0", "/api/sessions/s1/events?after=10"]);
    const { segments } = session.transcript.getSnapshot();
    expect(segments.map(({ text }) => text)).toEqual(["One.", "Two.", "Now."]);
    expect(told.toSorted()).toEqual([
      ["Now.", false],
      ["One.", true],
      ["Two.", true],
    ]);
    expect(session.getSnapshot()).toMatchObject({
      question: null,
      answers: [{ questionId: "q0" }],
    });
  });

  it("nothing is asked for by who was there, or does not want to know", async () => {
    const asked = records([]);
    const session = client().session("s1");
    await session.join({ history: true });
    server.event("transcription:result", final("One.", 1));
    server.last.end(1006);
    await vi.waitFor(() => expect(session.isLive).toBe(true));
    server.seq = 9;
    server.pages = 2;
    await client().session("s1").join();
    await settle();
    expect(asked).toEqual([]);
  });

  it("a page that gave its seat up and takes it again is told nothing twice", async () => {
    const advice = { criterion: "point:why", label: "why", text: "Why?", reason: "Missing." };
    const page = [
      stored(1, "transcription:result", final("One.", 1)),
      stored(2, "responses:suggestions", { questionId: "q0", suggestions: [advice], at: 1 }),
    ];
    records([page]);
    server.seq = 2;
    const session = client().session("s1");
    await session.join({ history: true });
    await vi.waitFor(() => expect(session.suggestions.getSnapshot()).toHaveLength(1));
    server.last.say({ type: "connection:replaced", sessionId: "s1" });
    server.last.end(4409);
    await vi.waitFor(() => expect(session.getSnapshot().phase).toBe("displaced"));
    const asked = records([page]);
    await session.join();
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    await settle();
    expect(session.suggestions.getSnapshot()).toEqual([advice]);
    expect(session.transcript.getSnapshot().segments).toHaveLength(1);
  });

  it("a log that cannot be read now is read after the next join", async () => {
    server.seq = 1;
    vi.stubGlobal("fetch", async () => {
      throw new TypeError("no network");
    });
    const session = client().session("s1");
    await session.join({ history: true });
    await settle();
    expect(session.transcript.getSnapshot().segments).toEqual([]);
    records([[stored(1, "transcription:result", final("One.", 1))]]);
    server.last.end(1006);
    await vi.waitFor(() => expect(session.transcript.getSnapshot().segments).toHaveLength(1));
  });
});

describe("another device", () => {
  it("takes a code for a token, without having one", async () => {
    const calls: [string, RequestInit][] = [];
    vi.stubGlobal("fetch", async (url: URL, init: RequestInit) => {
      calls.push([url.pathname, init]);
      return new Response(JSON.stringify({ sessionId: "s1", userId: "ana", token: "x.y.z" }));
    });
    const { api } = createClient({ url: "https://iv.example.org" });
    expect(await api.redeemTransfer("K7QX9-M2TRB")).toMatchObject({ token: "x.y.z" });
    const [path, init] = calls[0] ?? ["", {}];
    expect([path, init.method, init.body]).toEqual([
      "/api/transfers",
      "POST",
      '{"code":"K7QX9-M2TRB"}',
    ]);
    expect(init.headers).not.toHaveProperty("authorization");
  });

  it("is offered a code by the one that has the seat", async () => {
    const { session } = await joined();
    server.answers = false;
    const offered = session.transfer();
    await settle();
    const { ref } = server.last.asked("session:transfer")[0] ?? {};
    const offer = { code: "K7QX9M2TRB", expiresAt: 9, link: "/?transfer=K7QX9M2TRB" };
    server.last.say({ type: "ok", ref, sessionId: "s1", ...offer });
    expect(await offered).toMatchObject(offer);
  });
});

describe("joining", () => {
  it("connects first, and shows the session as it is", async () => {
    const { c, session } = await joined();
    expect(c.state.status).toBe("connected");
    expect(session.getSnapshot()).toMatchObject({
      phase: "live",
      live: true,
      role: "candidate",
      title: "T",
      members: [{ userId: "ana" }],
      question: null,
    });
    expect(server.last.asked("session:join")).toMatchObject([{ sessionId: "s1", audio: "binary" }]);
    expect(c.session("s1")).toBe(session);
  });

  it("asked twice is joined once", async () => {
    const c = client();
    await Promise.all([c.session("s1").join(), c.session("s1").join()]);
    await c.session("s1").join();
    expect(server.last.asked("session:join")).toHaveLength(1);
  });

  it("fails with the server's code", async () => {
    server.answers = false;
    const c = client();
    const join = c.session("nope").join();
    await settle();
    const { ref } = server.last.asked("session:join")[0] ?? {};
    server.last.say({ type: "error", ref, code: "session_not_found", message: "No such session." });
    await expect(join).rejects.toMatchObject({ code: "session_not_found", retryable: false });
    expect(c.session("nope").getSnapshot()).toMatchObject({ phase: "failed" });
  });

  it("waits where the server is busy for a moment", async () => {
    server.answers = false;
    const c = client();
    const join = c.session("s1").join();
    await settle();
    const { ref } = server.last.asked("session:join")[0] ?? {};
    server.answers = true;
    server.last.say({ type: "error", ref, code: "busy", message: "Wait.", retryAfterMs: 700 });
    await settle();
    expect(c.session("s1").getSnapshot()).toMatchObject({
      phase: "joining",
      error: { code: "busy" },
    });
    await vi.advanceTimersByTimeAsync(700);
    await join;
  });

  it("can be given up", async () => {
    server.answers = false;
    const c = client();
    const stop = new AbortController();
    const join = c.session("s1").join({ signal: stop.signal });
    await settle();
    stop.abort();
    await expect(join).rejects.toMatchObject({ code: "canceled" });
    expect(c.session("s1").getSnapshot()).toEqual({ phase: "detached" });
  });

  it("that was given up before it was sent can be asked for again", async () => {
    const c = client();
    await c.connect();
    const stop = new AbortController();
    const given = c.session("s1").join({ signal: stop.signal });
    stop.abort();
    await expect(given).rejects.toMatchObject({ code: "canceled" });
    await settle();
    await c.session("s1").join();
    expect(c.session("s1").isLive).toBe(true);
  });

  it("fails when connecting fails for good", async () => {
    server.accepts = false;
    const c = client();
    const join = c.session("s1").join();
    await settle();
    server.last.end(4403);
    await expect(join).rejects.toMatchObject({ code: "not_allowed" });
  });

  it("joins several at once and keeps them apart", async () => {
    const c = client();
    await Promise.all(["s1", "s2"].map((id) => c.session(id).join()));
    server.last.say({
      type: "user:joined",
      sessionId: "s2",
      userId: "b",
      role: "observer",
      participant: 2,
    });
    const members = (id: string) =>
      (c.session(id).getSnapshot() as { members: readonly unknown[] }).members.length;
    expect([members("s1"), members("s2")]).toEqual([1, 2]);
  });
});

describe("what happens in it", () => {
  it("becomes question, answers, members and clocks", async () => {
    const { session } = await joined();
    const state = () => session.getSnapshot() as Extract<SessionState, { live: boolean }>;
    server.event("question:asked", question(1));
    expect(state().question).toMatchObject({ questionId: "q1", text: "Question 1?" });
    server.last.say({ type: "session:expiring", sessionId: "s1", what: "question", deadlineAt: 9 });
    expect(state().expiring).toEqual({ question: 9 });
    server.event("question:extended", { questionId: "q1", deadlineAt: 77, serverNow: 1 });
    expect(state()).toMatchObject({ question: { deadlineAt: 77 }, expiring: {} });
    server.event("question:closed", { questionId: "q1", outcome: "answered", at: 3, usedMs: 2 });
    expect(state()).toMatchObject({
      question: null,
      answers: [{ questionId: "q1", outcome: "answered", usedMs: 2 }],
    });
    const ben = { sessionId: "s1", userId: "ben", role: "interviewer", participant: 2 };
    server.last.say({ type: "user:joined", ...ben });
    server.last.say({ type: "user:disconnected", ...ben });
    expect(state().members[1]).toMatchObject({ userId: "ben", state: "disconnected" });
    server.last.say({ type: "user:left", ...ben });
    expect(state().members).toHaveLength(1);
    server.event("session:status:updated", { status: "completing", at: 4 });
    expect(state().phase).toBe("ending");
  });

  it("becomes captions: drafts are replaced, finals stay", async () => {
    const { c, session } = await joined();
    const draft = (text: string, utterance: number) =>
      server.last.say({
        type: "transcription:result",
        sessionId: "s1",
        ...final(text, utterance),
        isFinal: false,
      });
    draft("ever", 0);
    draft("ever tried", 0);
    expect(session.transcript.getSnapshot().interim).toMatchObject([{ text: "ever tried" }]);
    server.event("transcription:result", final("Ever tried.", 0));
    draft("cough", 1);
    draft("", 1);
    expect(session.transcript.getSnapshot()).toMatchObject({
      segments: [{ text: "Ever tried." }],
      interim: [],
    });
    expect(c.messages.getSnapshot().map(({ type }) => type)).toEqual([
      "session:joined",
      "transcription:result",
    ]);
  });

  it("reaches listeners by type, until they are taken off", async () => {
    const { c, session } = await joined();
    const heard: string[] = [];
    const off = session.on("question:asked", ({ text }) => heard.push(text));
    const stop = new AbortController();
    c.on("message", ({ type }) => heard.push(type), { signal: stop.signal });
    server.event("question:asked", question(1));
    off();
    stop.abort();
    server.event("question:asked", question(2));
    expect(heard).toEqual(["Question 1?", "question:asked"]);
  });

  it("survives a listener that throws", async () => {
    const { session } = await joined();
    const thrown: unknown[] = [];
    const catcher = (error: unknown) => void thrown.push(error);
    process.on("uncaughtException", catcher);
    session.on("question:asked", () => {
      throw new Error("mine");
    });
    const heard = vi.fn();
    session.on("question:asked", heard);
    server.event("question:asked", question(1));
    await settle();
    process.off("uncaughtException", catcher);
    expect(heard).toHaveBeenCalledOnce();
    expect(thrown).toHaveLength(1);
  });
});

describe("the server's clock", () => {
  it("is not put back by what is told again", async () => {
    const { c } = await joined();
    const before = c.serverNow();
    server.event("question:asked", { ...question(1), serverNow: Date.now() - 60_000 });
    expect(c.serverNow()).toBe(before);
    server.event("question:extended", { questionId: "q1", deadlineAt: 1, serverNow: before + 9 });
    expect(c.serverNow()).toBe(before + 9);
  });
});

describe("consent", () => {
  it("is asked for in the state, and answered with its version", async () => {
    const { session } = await joined();
    const asked = { version: "2", text: "We record you.", purposes: ["recording"] };
    server.last.say({ type: "consent:request", sessionId: "s1", ...asked });
    expect(session.getSnapshot()).toMatchObject({ consent: asked });
    void session.giveConsent();
    expect(server.last.asked("consent:give")).toMatchObject([{ version: "2" }]);
    server.event("consent:given", { userId: "ana", version: "2", at: 1 });
    expect(session.getSnapshot()).toMatchObject({ consent: null });
    void session.declineConsent();
    expect(server.last.asked("consent:decline")).toHaveLength(1);
    await settle();
  });
});

describe("requests", () => {
  it("carry an id and get their own answer", async () => {
    server.answers = true;
    const { c, session } = await joined();
    server.answers = false;
    const started = session.start({ planId: "practice" });
    const [asked] = server.last.asked("interview:start");
    expect(asked).toMatchObject({ planId: "practice", sessionId: "s1" });
    expect(asked?.id).toContain(c.instanceId);
    server.last.say({ type: "ok", ref: asked?.ref, sessionId: "s1", deadlineAt: 42 });
    expect(await started).toEqual({ sessionId: "s1", deadlineAt: 42 });
  });

  it("reject with what the server knows", async () => {
    const { session } = await joined();
    server.answers = false;
    const started = session.start();
    const ref = server.last.asked("interview:start")[0]?.ref;
    server.last.say({
      type: "error",
      ref,
      code: "session_active",
      message: "Open.",
      activeSessionId: "s0",
    });
    await expect(started).rejects.toMatchObject({
      code: "session_active",
      detail: { activeSessionId: "s0" },
    });
  });

  it("are repeated with the same id after a lost connection, and only then", async () => {
    const { session } = await joined();
    server.event("question:asked", question(1));
    server.answers = false;
    const done = session.answerDone();
    const [first] = server.last.asked("answer:done");
    expect(first).toMatchObject({ questionId: "q1" });
    server.answers = true;
    server.last.end(1006);
    await settle();
    const [second] = server.last.asked("answer:done");
    expect(second?.id).toBe(first?.id);
    expect(server.last.said.map(({ type }) => type)).toEqual(["session:join", "answer:done"]);
    await done;
  });

  it("made while away wait for the session", async () => {
    const { session } = await joined();
    server.accepts = false;
    server.last.end(1006);
    await settle();
    const done = session.answerDone({ questionId: "q1" });
    await settle();
    server.accepts = true;
    server.accept(server.last);
    await settle();
    await done;
    expect(server.last.said.map(({ type }) => type)).toEqual(["session:join", "answer:done"]);
  });

  it("never wait for ever", async () => {
    const { c, session } = await joined();
    server.answers = false;
    const end = expect(session.end()).rejects.toMatchObject({
      code: "request_timeout",
      retryable: true,
    });
    const ping = expect(
      c.request({ type: "session:clear" }, { timeoutMs: 50 }),
    ).rejects.toMatchObject({
      code: "request_timeout",
    });
    await vi.advanceTimersByTimeAsync(10_000);
    await Promise.all([end, ping]);
  });

  it("are repeated when the server is busy for a moment", async () => {
    const { session } = await joined();
    server.answers = false;
    const started = session.start();
    const ref = server.last.asked("interview:start")[0]?.ref;
    server.answers = true;
    server.last.say({ type: "error", ref, code: "busy", message: "Wait.", retryAfterMs: 300 });
    await vi.advanceTimersByTimeAsync(300);
    await started;
    expect(server.last.asked("interview:start")).toHaveLength(2);
  });

  it("without a connection or a session are refused here", async () => {
    const c = client();
    await expect(c.request({ type: "ping" })).rejects.toMatchObject({ code: "not_connected" });
    await expect(c.session("s1").start()).rejects.toMatchObject({ code: "not_in_session" });
  });

  it("are bounded in number", async () => {
    const { session } = await joined();
    server.answers = false;
    const asked = Array.from({ length: 300 }, () => session.extend().catch((e) => e.code));
    const full = (await Promise.all(asked.slice(256))).filter((code) => code === "outbox_full");
    expect(full).toHaveLength(44);
    await vi.advanceTimersByTimeAsync(10_000);
    await Promise.all(asked);
  });

  it("transcribe a piece of audio, also if the result comes before the ok", async () => {
    const { session } = await joined();
    server.answers = false;
    const said = session.transcribe({
      data: new Uint8Array([0, 0]),
      format: "pcm16",
      sampleRate: 16_000,
    });
    const [asked] = server.last.asked("transcription:request");
    expect(asked).toMatchObject({ audioData: "AAA=", format: "pcm16", sampleRate: 16_000 });
    const result = {
      ...final("Hi.", 0),
      type: "transcription:result",
      sessionId: "s1",
      requestId: 4,
    };
    server.last.say({ ...result, requestId: 3, text: "Another." });
    server.last.say(result);
    server.last.say({ type: "ok", ref: asked?.ref, requestId: 4 });
    expect((await said).text).toBe("Hi.");
    expect(session.requested.getSnapshot()).toHaveLength(2);
  });
});

describe("a resume", () => {
  it("shows key, epoch and the last event, and gets what was missed, once and in order", async () => {
    const { session } = await joined();
    const texts: string[] = [];
    session.on("transcription:result", ({ text }) => texts.push(text));
    server.event("transcription:result", final("One.", 0));
    server.event("transcription:result", final("Two.", 1), false);
    server.last.end(1006);
    expect(session.getSnapshot()).toMatchObject({ phase: "live", live: false });
    await settle();
    expect(server.last.asked("session:join")[0]?.resume).toEqual({ key: "key1", epoch: 1, seq: 1 });
    expect(session.getSnapshot()).toMatchObject({ live: true, recovered: true });
    server.event("transcription:result", final("Three.", 2));
    expect(texts).toEqual(["One.", "Two.", "Three."]);
    server.last.end(1006);
    await settle();
    expect(server.last.asked("session:join")[0]?.resume).toEqual({ key: "key2", epoch: 1, seq: 3 });
  });

  it("does not tell an event twice", async () => {
    const { session } = await joined();
    const heard = vi.fn();
    session.on("question:asked", heard);
    server.event("question:asked", question(1));
    server.last.say({ ...server.log[0] });
    expect(heard).toHaveBeenCalledOnce();
  });

  it("follows a hole in seq, which is a lost connection", async () => {
    const { session } = await joined();
    server.event("transcription:result", final("One.", 0));
    server.event("transcription:result", final("Two.", 1), false);
    server.event("transcription:result", final("Three.", 2));
    expect(session.transcript.getSnapshot().segments.map(({ text }) => text)).toEqual(["One."]);
    await settle();
    expect(server.sockets).toHaveLength(2);
    const texts = session.transcript.getSnapshot().segments.map(({ text }) => text);
    expect(texts).toEqual(["One.", "Two.", "Three."]);
  });

  it("takes an event that was hidden from it for no hole", async () => {
    const { session } = await joined();
    server.event("transcription:result", final("One.", 0));
    server.last.say({ type: "question:asked", sessionId: "s1", ...question(1), seq: 4, prev: 1 });
    expect(session.getSnapshot()).toMatchObject({ question: { questionId: "q1" } });
    await settle();
    expect(server.sockets).toHaveLength(1);
  });

  it("starts from the snapshot where the log was lost", async () => {
    const { session } = await joined();
    server.event("transcription:result", final("One.", 0));
    server.epoch = 2;
    server.seq = 0;
    server.log = [];
    server.last.end(1006);
    await settle();
    expect(session.getSnapshot()).toMatchObject({ live: true, recovered: false });
    server.event("transcription:result", final("New.", 0));
    const texts = session.transcript.getSnapshot().segments.map(({ text }) => text);
    expect(texts).toEqual(["One.", "New."]);
  });

  it("does not count what was told before it was stored", async () => {
    const { session } = await joined();
    const heard: string[] = [];
    session.on("transcription:result", ({ text }) => heard.push(text));
    server.event("transcription:result", final("One.", 0));
    server.last.say({ type: "session:degraded", sessionId: "s1", on: true });
    server.seq += 1;
    const event = {
      type: "transcription:result",
      sessionId: "s1",
      ...final("Two.", 1),
      seq: 2,
      prev: 1,
    };
    server.log.push(event);
    server.last.say({ ...event, provisional: true });
    expect(session.getSnapshot()).toMatchObject({ degraded: true });
    server.last.end(1006);
    await settle();
    expect(server.last.asked("session:join")[0]?.resume).toMatchObject({ seq: 1 });
    expect(heard).toEqual(["One.", "Two."]);
    server.last.say({ type: "session:degraded", sessionId: "s1", on: false, seq: 2 });
    server.last.end(1006);
    await settle();
    expect(server.last.asked("session:join")[0]?.resume).toMatchObject({ seq: 2 });
  });

  it("goes on with every session of the connection", async () => {
    const c = client();
    await Promise.all(["s1", "s2"].map((id) => c.session(id).join()));
    server.last.end(1006);
    await settle();
    const again = server.last.asked("session:join").map(({ sessionId }) => sessionId);
    expect(again.sort()).toEqual(["s1", "s2"]);
  });

  it("of a session that ended meanwhile shows its end, with the reason from the records", async () => {
    const fetched = vi.fn(async () =>
      Response.json({ reason: "abandoned", reportUrl: "/reports/s1" }),
    );
    vi.stubGlobal("fetch", fetched);
    const { session } = await joined();
    server.answers = false;
    server.last.end(1006);
    await settle();
    const ref = server.last.asked("session:join")[0]?.ref;
    server.last.say({ type: "error", ref, code: "session_ended", message: "Over." });
    await settle();
    expect(session.getSnapshot()).toMatchObject({
      phase: "ended",
      reason: "abandoned",
      reportUrl: "/reports/s1",
    });
  });
});

describe("the end", () => {
  const result = { reason: "completed", durationMs: 1, asked: 2, answered: 2, reportReady: true };
  const over = {
    type: "session_ended",
    sessionId: "s1",
    reason: "completed",
    message: "Session has been terminated",
    recorded: true,
  };

  it("is in the history, closes the connection, and nothing comes back", async () => {
    const { c, session } = await joined();
    server.event("interview_ended", { result, reportUrl: "/reports/s1" });
    server.last.say(over);
    expect(c.messages.getSnapshot().at(-1)).toMatchObject({
      type: "session_ended",
      message: "Session has been terminated",
    });
    expect(c.isConnected).toBe(false);
    expect(c.state).toMatchObject({ status: "closed", reason: "session_ended" });
    expect(session.getSnapshot()).toEqual({
      phase: "ended",
      reason: "completed",
      message: "Session has been terminated",
      recorded: true,
      result,
      reportUrl: "/reports/s1",
    });
    server.last.end(1000);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.sockets).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
    await expect(session.join()).rejects.toMatchObject({ code: "session_ended" });
  });

  it("leaves the connection open while another session is in it", async () => {
    const c = client();
    await Promise.all(["s1", "s2"].map((id) => c.session(id).join()));
    server.last.say(over);
    await settle();
    expect(c.isConnected).toBe(true);
    expect(c.session("s2").isLive).toBe(true);
  });

  it("answers the request that asked for it", async () => {
    const { session } = await joined();
    server.answers = false;
    const end = session.end();
    const done = session.answerDone().catch((error) => error.code);
    server.last.say(over);
    await expect(end).resolves.toEqual({});
    expect(await done).toBe("session_ended");
  });
});

describe("a takeover", () => {
  it("displaces this page, which stays away until it is asked to join again", async () => {
    const { c, session } = await joined();
    server.last.say({ type: "connection:replaced", sessionId: "s1" });
    server.last.end(4409);
    expect(session.getSnapshot()).toEqual({ phase: "displaced" });
    expect(c.state).toMatchObject({ status: "closed", reason: "replaced" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.sockets).toHaveLength(1);
    await session.join();
    expect(server.last.asked("session:join")[0]?.resume).toBeUndefined();
    expect(session.isLive).toBe(true);
  });

  it("of one seat leaves the others", async () => {
    const c = client();
    await Promise.all(["s1", "s2"].map((id) => c.session(id).join()));
    server.last.say({ type: "connection:replaced", sessionId: "s1" });
    expect(c.session("s1").getSnapshot().phase).toBe("displaced");
    expect(c.session("s2").isLive).toBe(true);
    expect(c.isConnected).toBe(true);
  });
});

describe("leaving", () => {
  it("is told to the server and forgets the seat", async () => {
    const { session } = await joined();
    await session.leave();
    expect(server.last.asked("session:leave")).toMatchObject([{ sessionId: "s1" }]);
    expect(session.getSnapshot()).toEqual({ phase: "detached" });
    server.last.end(1006);
    await settle();
    expect(server.last.asked("session:join")).toHaveLength(0);
  });
});
