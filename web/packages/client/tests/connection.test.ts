import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type ClientOptions,
  createClient,
  GreenroomError,
  TokenDeniedError,
} from "../src/index.ts";
import { FakePage, FakeServer } from "./fake-server.ts";

let server: FakeServer;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function client(options: ClientOptions = {}) {
  const made = createClient({
    url: "https://iv.example.org",
    token: "a.b.c",
    storage: "memory",
    WebSocket: server.WebSocket,
    ...options,
  });
  const states: string[] = [];
  made.subscribe(() => {
    const state = made.getSnapshot();
    states.push("waitingFor" in state ? `${state.status}:${state.waitingFor}` : state.status);
  });
  return Object.assign(made, { states });
}

const settle = () => vi.advanceTimersByTimeAsync(0);

describe("connecting", () => {
  it("opens one socket with the token in a subprotocol, not in the address", async () => {
    const c = client();
    expect(c.state).toEqual({ status: "idle" });
    await c.connect();
    expect(server.last.url).toBe("wss://iv.example.org/ws");
    expect(server.last.protocols).toEqual(["greenroom.v1", "bearer.a.b.c"]);
    expect(c.state).toMatchObject({ status: "connected", connectionId: "c1", userId: "ana" });
  });

  it("sends a token that cannot be a subprotocol as the first message", async () => {
    await client({ token: "ticket/1=" }).connect();
    expect(server.last.protocols).toEqual(["greenroom.v1"]);
    expect(server.last.said[0]).toEqual({ type: "auth", token: "ticket/1=" });
  });

  it("is one connection however often connect is called", async () => {
    const c = client();
    await Promise.all([c.connect(), c.connect(), c.connect()]);
    await c.connect();
    expect(server.sockets).toHaveLength(1);
  });

  it("lets a second connect wait 3 s for the first and then take its place", async () => {
    server.accepts = false;
    const c = client();
    const first = c.connect();
    await settle();
    const second = c.connect();
    await vi.advanceTimersByTimeAsync(2_999);
    expect(server.sockets).toHaveLength(1);
    server.accepts = true;
    await vi.advanceTimersByTimeAsync(1);
    await Promise.all([first, second]);
    expect(server.sockets.map((socket) => socket.isOpen)).toEqual([false, true]);
  });

  it("gives an attempt up after the connect timeout and tries again", async () => {
    server.accepts = false;
    const c = client();
    const connected = c.connect();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(c.state).toMatchObject({ status: "connecting", waitingFor: "timer", attempt: 1 });
    expect(server.last.isOpen).toBe(false);
    server.accepts = true;
    await vi.advanceTimersByTimeAsync(500);
    await connected;
    expect(server.sockets).toHaveLength(2);
  });

  it("knows the server's clock", async () => {
    const c = client();
    await c.connect();
    expect(c.serverNow() - Date.now()).toBe(5_000);
  });

  it("does nothing at all before connect is called", () => {
    client();
    expect(server.sockets).toHaveLength(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a lost connection", () => {
  it("comes back with full jitter between 0 and a bound that doubles up to 20 s", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.999);
    const c = client();
    await c.connect();
    server.accepts = false;
    const waits: number[] = [];
    server.last.end(1006);
    for (let n = 0; n < 8; n += 1) {
      const { nextAttemptAt } = c.state as { nextAttemptAt: number };
      const wait = nextAttemptAt - Date.now();
      waits.push(Math.round(wait / 100) / 10);
      await vi.advanceTimersByTimeAsync(wait);
      server.last.end(1006);
      await settle();
    }
    expect(waits).toEqual([0.5, 1, 2, 4, 8, 16, 20, 20]);
  });

  it.each([1001, 1006, 1011, 1012, 4421, 4422])("comes back after close %i", async (code) => {
    const c = client();
    await c.connect();
    server.last.end(code);
    expect(c.state).toMatchObject({ status: "reconnecting", cause: { closeCode: code } });
    await vi.advanceTimersByTimeAsync(500);
    expect(c.state.status).toBe("connected");
  });

  it.each([
    [1000, "session_ended"],
    [1002, "protocol"],
    [1003, "protocol"],
    [1007, "protocol"],
    [1008, "protocol"],
    [1009, "protocol"],
    [4401, "unauthorized"],
    [4403, "not_allowed"],
    [4409, "replaced"],
  ])("stays away after close %i (%s)", async (code, reason) => {
    const c = client();
    await c.connect();
    server.last.end(code);
    expect(c.state).toMatchObject({ status: "closed", reason });
    await vi.advanceTimersByTimeAsync(120_000);
    expect(server.sockets).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("comes back from a restart when the server said, not earlier", async () => {
    const c = client();
    await c.connect();
    server.last.say({ type: "server:draining", retryAfterMs: 7_000 });
    server.last.end(4420);
    await vi.advanceTimersByTimeAsync(6_999);
    expect(server.sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(c.state.status).toBe("connected");
  });

  it("keeps away for a while when it was limited", async () => {
    const c = client();
    await c.connect();
    server.last.end(4429);
    await vi.advanceTimersByTimeAsync(4_999);
    expect(server.sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(c.state.status).toBe("connected");
  });

  it("obeys the code in connection:closing where the transport has none", async () => {
    const c = client();
    await c.connect();
    server.last.say({ type: "connection:closing", code: 4409, reason: "replaced" });
    server.last.end(1006);
    expect(c.state).toMatchObject({ status: "closed", reason: "replaced" });
  });

  it("is noticed when the server falls silent", async () => {
    const c = client();
    await c.connect();
    await vi.advanceTimersByTimeAsync(25_000);
    expect(server.last.asked("ping")).toHaveLength(1);
    expect(c.state).toMatchObject({ status: "connected", latencyMs: 0 });
    server.last.dead = true;
    await vi.advanceTimersByTimeAsync(25_000 + 10_000);
    expect(c.state.status).toBe("reconnecting");
    expect(server.sockets[0]?.closedWith).toEqual({ code: 4000, reason: "lost" });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(c.state.status).toBe("connected");
  });

  it("is given up where a policy says so", async () => {
    const seen: number[] = [];
    const c = client({
      reconnect: ({ attempt }) => {
        seen.push(attempt);
        return attempt < 3 ? 100 : null;
      },
    });
    server.accepts = false;
    const connected = c.connect();
    connected.catch(() => {});
    for (let n = 0; n < 3; n += 1) {
      await settle();
      server.last.end(1006);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(seen).toEqual([1, 2, 3]);
    expect(c.state).toMatchObject({ status: "closed", reason: "gave_up", canReconnect: true });
    await expect(connected).rejects.toMatchObject({ code: "connection_lost" });
  });

  it("is final with reconnect: false", async () => {
    const c = client({ reconnect: false });
    await c.connect();
    server.last.end(1006);
    expect(c.state).toMatchObject({ status: "closed", reason: "gave_up" });
  });

  it("counts attempts on when a connection does not last", async () => {
    vi.spyOn(Math, "random").mockReturnValue(1);
    const c = client();
    await c.connect();
    server.last.end(1011);
    await vi.advanceTimersByTimeAsync(500);
    server.last.end(1011);
    expect(c.state).toMatchObject({ attempt: 2 });
    await vi.advanceTimersByTimeAsync(1_000);
    await vi.advanceTimersByTimeAsync(10_000);
    server.last.end(1011);
    expect(c.state).toMatchObject({ attempt: 1 });
  });
});

describe("tokens", () => {
  it("are asked for when missing, once however many need one", async () => {
    const getToken = vi.fn(async () => "fresh");
    const c = createClient({
      url: "http://localhost",
      getToken,
      storage: "memory",
      WebSocket: server.WebSocket,
    });
    await Promise.all([c.connect(), c.connect()]);
    expect(getToken).toHaveBeenCalledTimes(1);
    expect(getToken).toHaveBeenCalledWith(expect.objectContaining({ reason: "missing" }));
    expect(server.last.protocols[1]).toBe("bearer.fresh");
  });

  it("are renewed on the connection before they run out", async () => {
    const getToken = vi.fn(async () => "second");
    const c = client({ getToken });
    await c.connect();
    server.last.say({ type: "connection:token_expiring", expiresAt: 1 });
    await settle();
    expect(getToken).toHaveBeenCalledWith(expect.objectContaining({ reason: "expiring" }));
    expect(server.last.asked("auth:refresh")).toMatchObject([{ token: "second" }]);
    expect(server.sockets).toHaveLength(1);
  });

  it("that could not be renewed are asked for again while there is time", async () => {
    const getToken = vi.fn().mockRejectedValueOnce(new Error("down")).mockResolvedValue("second");
    const c = client({ getToken });
    await c.connect();
    server.last.say({ type: "connection:token_expiring" });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.last.asked("auth:refresh")).toHaveLength(1);
  });

  it("that ran out are replaced, and the connection comes back at once", async () => {
    const c = client({ getToken: () => "second" });
    await c.connect();
    server.last.end(4410);
    await settle();
    expect(server.last.protocols[1]).toBe("bearer.second");
    expect(c.state.status).toBe("connected");
  });

  it("that ran out are the end without getToken", async () => {
    const c = client();
    await c.connect();
    server.last.end(4410);
    expect(c.state).toMatchObject({ status: "closed", reason: "unauthorized" });
  });

  it("that are refused are asked for anew, but not for ever", async () => {
    server.accepts = false;
    const getToken = vi.fn(async () => "bad");
    const c = client({ getToken });
    const connected = c.connect();
    connected.catch(() => {});
    for (let n = 0; n < 3; n += 1) {
      await vi.advanceTimersByTimeAsync(1_000);
      server.last.open();
      server.last.say({ type: "connection:error", code: "token_invalid", message: "No." });
      server.last.end(4401);
    }
    expect(getToken).toHaveBeenCalledTimes(2);
    expect(c.state).toMatchObject({
      status: "closed",
      reason: "unauthorized",
      error: { code: "token_invalid" },
    });
    await expect(connected).rejects.toBeInstanceOf(GreenroomError);
  });

  it("that getToken denies are the end", async () => {
    const c = createClient({
      url: "http://localhost",
      getToken: async () => {
        throw new TokenDeniedError();
      },
      WebSocket: server.WebSocket,
    });
    await expect(c.connect()).rejects.toMatchObject({ code: "token_denied" });
    expect(server.sockets).toHaveLength(0);
  });

  it("that do not come are waited for no longer than an attempt", async () => {
    const getToken = vi
      .fn()
      .mockImplementationOnce(() => new Promise(() => {}))
      .mockResolvedValue("late");
    const c = createClient({
      url: "http://localhost",
      getToken,
      storage: "memory",
      WebSocket: server.WebSocket,
    });
    const connected = c.connect();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(c.state).toMatchObject({ status: "connecting" });
    await vi.advanceTimersByTimeAsync(1_000);
    await connected;
    expect(server.sockets).toHaveLength(1);
  });
});

describe("disconnecting", () => {
  it("closes for good and leaves no timer", async () => {
    const c = client();
    await c.connect();
    await c.disconnect();
    expect(server.last.closedWith).toEqual({ code: 1000, reason: "by_client" });
    expect(c.state).toMatchObject({ status: "closed", reason: "by_client", canReconnect: true });
    await vi.advanceTimersByTimeAsync(300);
    expect(vi.getTimerCount()).toBe(0);
    await c.connect();
    expect(server.sockets).toHaveLength(2);
  });

  it("ends an attempt that is under way", async () => {
    server.accepts = false;
    const c = client();
    const connected = c.connect();
    await settle();
    void c.disconnect();
    await expect(connected).rejects.toMatchObject({ code: "canceled" });
    expect(server.last.isOpen).toBe(false);
  });

  it("waits a moment for the old socket before it opens the next", async () => {
    const c = client();
    await c.connect();
    const old = server.last;
    old.dead = true;
    void c.disconnect();
    const again = c.connect();
    await settle();
    expect(server.sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(300);
    await again;
    expect(server.sockets).toHaveLength(2);
  });

  it("comes a second after the last one let go", async () => {
    const c = client();
    const release = c.retain();
    await settle();
    expect(c.state.status).toBe("connected");
    release();
    release();
    const second = c.retain();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(server.sockets).toHaveLength(1);
    expect(c.state.status).toBe("connected");
    second();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(c.state.status).toBe("closed");
  });
});

describe("the page", () => {
  let page: FakePage;

  beforeEach(() => {
    page = new FakePage();
    vi.stubGlobal("document", page.document);
    vi.stubGlobal("addEventListener", page.window.addEventListener.bind(page.window));
  });

  it("has listeners only while somebody wants a connection", async () => {
    const c = client();
    expect(page.listeners).toBe(0);
    for (let n = 0; n < 3; n += 1) {
      await c.connect();
      expect(page.listeners).toBe(7);
      await c.disconnect();
      expect(page.listeners).toBe(0);
    }
  });

  it("disconnects an idle connection half a minute after it was hidden", async () => {
    const c = client();
    await c.connect();
    page.show("hidden");
    await vi.advanceTimersByTimeAsync(29_999);
    expect(c.state.status).toBe("connected");
    await vi.advanceTimersByTimeAsync(1);
    expect(c.state).toMatchObject({ status: "reconnecting", waitingFor: "page" });
    await vi.advanceTimersByTimeAsync(600_000);
    expect(server.sockets).toHaveLength(1);
    page.show("visible");
    await vi.advanceTimersByTimeAsync(300);
    expect(c.state.status).toBe("connected");
    expect(server.sockets).toHaveLength(2);
  });

  it("keeps a running interview when hidden, and tells the session", async () => {
    const c = client();
    await c.session("s1").join();
    page.show("hidden");
    await vi.advanceTimersByTimeAsync(120_000);
    expect(c.state.status).toBe("connected");
    page.show("visible");
    await settle();
    const told = server.last.asked("user:visibility").map(({ state }) => state);
    expect(told).toEqual(["hidden", "visible"]);
  });

  it("closes when it is left, and comes back from the back/forward cache", async () => {
    const c = client();
    await c.session("s1").join();
    page.tell("pagehide");
    page.show("hidden");
    expect(server.last.closedWith).toMatchObject({ code: 1000 });
    expect(server.last.asked("session:leave")).toHaveLength(0);
    expect(server.last.asked("end_interview")).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(server.sockets).toHaveLength(1);
    page.tell("pageshow");
    page.show("visible");
    await vi.advanceTimersByTimeAsync(500);
    expect(c.session("s1").isLive).toBe(true);
    expect(server.last.asked("session:join")).toMatchObject([{ resume: { key: "key1" } }]);
  });

  it("tries at once when the network is back", async () => {
    vi.spyOn(Math, "random").mockReturnValue(1);
    const c = client();
    await c.connect();
    server.accepts = false;
    server.last.end(1006);
    await vi.advanceTimersByTimeAsync(500);
    server.last.end(1006);
    await settle();
    vi.stubGlobal("navigator", { onLine: false });
    server.accepts = true;
    page.tell("online");
    await settle();
    expect(c.state.status).toBe("connected");
  });

  it("makes sure of the connection when the network changed", async () => {
    const c = client();
    await c.connect();
    server.last.dead = true;
    page.tell("offline");
    await vi.advanceTimersByTimeAsync(4_000);
    expect(c.state.status).toBe("reconnecting");
  });

  it("is left alone with lifecycle: false", async () => {
    const c = client({ lifecycle: false });
    await c.connect();
    expect(page.listeners).toBe(0);
  });
});
