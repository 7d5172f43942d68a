import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createClient } from "../src/index.ts";
import { FakePage, FakeServer, MemoryStorage } from "./fake-server.ts";

/** Locks as a browser has them: one holder of a name. */
class FakeLocks {
  readonly held = new Set<string>();
  async request(name: string, a: unknown, b?: unknown): Promise<unknown> {
    const call = (b ?? a) as (lock: object | null) => unknown;
    if (this.held.has(name)) return call(null);
    this.held.add(name);
    try {
      return await call({});
    } finally {
      this.held.delete(name);
    }
  }
}

let server: FakeServer;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const settle = () => vi.advanceTimersByTimeAsync(1);

/** A page with this storage; `page.tell("pagehide")` leaves it. */
function page(storage: MemoryStorage) {
  const fake = new FakePage();
  vi.stubGlobal("document", fake.document);
  vi.stubGlobal("addEventListener", fake.window.addEventListener.bind(fake.window));
  const client = createClient({
    url: "http://localhost",
    token: "t",
    storage,
    WebSocket: server.WebSocket,
  });
  return { fake, client, session: client.session("s1") };
}

const question = {
  questionId: "q1",
  index: 0,
  total: 1,
  text: "?",
  startedAt: 1,
  deadlineAt: 2,
  serverNow: 3,
};

describe.each([
  ["with locks", true],
  ["without locks", false],
])("resume keys %s", (_, hasLocks) => {
  beforeEach(() => {
    vi.stubGlobal("navigator", hasLocks ? { locks: new FakeLocks() } : {});
  });

  it("survive a reload, and everything is told again from the start", async () => {
    const storage = new MemoryStorage();
    const first = page(storage);
    await first.session.join();
    server.event("question:asked", question);
    first.fake.tell("pagehide");
    await settle();
    const second = page(storage);
    expect(second.client.instanceId).not.toBe(first.client.instanceId);
    const replayed: unknown[] = [];
    second.session.on("question:asked", (event) => replayed.push(event.replayed));
    await second.session.join();
    expect(server.last.asked("session:join")[0]?.resume).toEqual({ key: "key1", epoch: 1, seq: 0 });
    await settle();
    expect(replayed).toEqual([true]);
    // The snapshot knows better than what is told again.
    expect(second.session.getSnapshot()).toMatchObject({ recovered: true, question: null });
  });

  it("are not used by a duplicated tab", async () => {
    const storage = new MemoryStorage();
    const first = page(storage);
    await first.session.join();
    server.pages = 2;
    const second = page(storage.copy());
    await second.session.join();
    expect(server.sockets).toHaveLength(2);
    expect(server.last.asked("session:join")[0]?.resume).toBeUndefined();
  });

  it("are gone when the session is left, replaced or over", async () => {
    for (const end of [
      { type: "session_ended", sessionId: "s1", reason: "completed", message: "", recorded: true },
      { type: "connection:replaced", sessionId: "s1" },
    ]) {
      const storage = new MemoryStorage();
      const { session, client } = page(storage);
      await session.join();
      expect(storage.map.size).toBe(1);
      server.last.say(end);
      expect(storage.map.size).toBe(0);
      await client.disconnect();
    }
  });
});

it("after a crash of the tab a lock that nobody holds shows that the key is free", async () => {
  const locks = new FakeLocks();
  vi.stubGlobal("navigator", { locks });
  const storage = new MemoryStorage();
  await page(storage).session.join();
  locks.held.clear();
  server.last.end(1006);
  const second = page(storage.copy());
  await second.session.join();
  expect(server.last.asked("session:join")[0]?.resume).toMatchObject({ key: "key1" });
});

it("storage that is forbidden costs nothing but the resume after a reload", async () => {
  const forbidden = () => {
    throw new Error("SecurityError");
  };
  const storage = { getItem: forbidden, setItem: forbidden, removeItem: forbidden };
  const client = createClient({
    url: "http://localhost",
    token: "t",
    storage,
    WebSocket: server.WebSocket,
  });
  await client.session("s1").join();
  expect(client.session("s1").isLive).toBe(true);
});
