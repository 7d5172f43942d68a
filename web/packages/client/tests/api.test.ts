import { afterEach, describe, expect, it, vi } from "vitest";
import { createClient, GreenroomError } from "../src/index.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

type Call = { url: string; init: RequestInit & { headers: Record<string, string> } };

function answering(...answers: (Response | Error)[]) {
  const calls: Call[] = [];
  vi.stubGlobal("fetch", async (url: URL, init: Call["init"]) => {
    calls.push({ url: String(url), init });
    const answer = answers.shift() ?? new Response(null, { status: 500 });
    if (answer instanceof Error) throw answer;
    return answer;
  });
  return calls;
}

const problem = (status: number, body: object) => Response.json(body, { status });

describe("the API", () => {
  it("is called at the server's address, with the token", async () => {
    const calls = answering(
      Response.json({ plans: [{ id: "first" }], next: "first" }),
      Response.json({ plans: [{ id: "practice" }], next: null }),
      Response.json({}),
    );
    const { api } = createClient({ url: "wss://iv.example.org/base/ws", token: "t" });
    expect(await api.plans()).toEqual([{ id: "first" }, { id: "practice" }]);
    expect(calls[0]?.url).toBe("https://iv.example.org/base/api/plans?limit=200");
    expect(calls[1]?.url).toBe("https://iv.example.org/base/api/plans?limit=200&after=first");
    expect(calls[0]?.init.headers.authorization).toBe("Bearer t");
    await api.request("/api/sessions", { query: { limit: 5, after: undefined } });
    expect(calls[2]?.url).toBe("https://iv.example.org/base/api/sessions?limit=5");
  });

  it("sends JSON and ids that are safe in a path", async () => {
    const calls = answering(
      Response.json({}),
      Response.json({}),
      new Response(null, { status: 204 }),
    );
    const { api } = createClient({ url: "http://localhost", token: "t" });
    await api.endSession("s1");
    expect(calls[0]?.init).toMatchObject({ method: "POST", body: '{"sessionId":"s1"}' });
    await api.session("a/b");
    expect(calls[1]?.url).toContain("/api/sessions/a%2Fb");
    expect(await api.request("/x", { method: "DELETE" })).toBeUndefined();
  });

  it("rejects with the problem's code, sentence and further fields", async () => {
    answering(
      problem(409, {
        type: "about:blank",
        title: "Conflict",
        status: 409,
        code: "session_active",
        detail: "Another interview of yours is still open.",
        activeSessionId: "s0",
      }),
    );
    const { api } = createClient({ url: "http://localhost", token: "t" });
    const error = await api.createSession({}).catch((e: GreenroomError) => e);
    expect(error).toBeInstanceOf(GreenroomError);
    expect(error).toMatchObject({
      code: "session_active",
      message: "Another interview of yours is still open.",
      httpStatus: 409,
      detail: { activeSessionId: "s0" },
    });
    expect(await (error as GreenroomError).remedy()).toContain("activeSessionId");
  });

  it("gets another token once when the first ran out", async () => {
    const refused = () => problem(401, { code: "token_expired", detail: "Expired." });
    const calls = answering(refused(), Response.json({ active: null }), refused(), refused());
    const getToken = vi.fn(async () => "fresh");
    const { api } = createClient({ url: "http://localhost", token: "old", getToken });
    expect(await api.activeSession()).toBeNull();
    expect(calls.map(({ init }) => init.headers.authorization)).toEqual([
      "Bearer old",
      "Bearer fresh",
    ]);
    await expect(api.activeSession()).rejects.toMatchObject({ code: "token_expired" });
    expect(calls).toHaveLength(4);
  });

  it("never hangs, and says why nothing came", async () => {
    const { api } = createClient({ url: "http://localhost", token: "t" });
    vi.stubGlobal(
      "fetch",
      (_: URL, { signal }: RequestInit) =>
        new Promise((__, reject) => {
          signal?.throwIfAborted();
          signal?.addEventListener("abort", () => reject(signal.reason));
        }),
    );
    await expect(api.plans({ timeoutMs: 5 })).rejects.toMatchObject({ code: "request_timeout" });
    const stop = new AbortController();
    const given = api.plans({ signal: stop.signal });
    stop.abort();
    await expect(given).rejects.toMatchObject({ code: "canceled" });
    answering(new TypeError("fetch failed"));
    await expect(api.plans()).rejects.toMatchObject({ code: "connection_lost", retryable: true });
    answering(new Response("<html>", { status: 200 }));
    await expect(api.plans()).rejects.toMatchObject({ code: "bad_answer" });
    answering(new Response("<html>", { status: 502, statusText: "Bad Gateway" }));
    await expect(api.plans()).rejects.toMatchObject({ code: "bad_answer", httpStatus: 502 });
  });
});
