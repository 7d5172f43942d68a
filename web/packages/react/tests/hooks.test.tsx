// @vitest-environment happy-dom
import { createClient, type GreenroomClient } from "@greenroom/client";
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { StrictMode, useState } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeServer } from "../../client/tests/fake-server.ts";
import {
  useActiveSession,
  useCountdown,
  useInterviewSession,
  useSessionExit,
  useTranscript,
  useWebSocket,
  WebSocketProvider,
  WebSocketTest,
} from "../src/index.ts";

let server: FakeServer;

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
});

afterEach(async () => {
  cleanup();
  await vi.advanceTimersByTimeAsync(2_000);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function options() {
  return {
    url: "http://localhost",
    token: "t",
    storage: "memory" as const,
    WebSocket: server.WebSocket,
  };
}

const settle = (ms = 1) => act(() => vi.advanceTimersByTimeAsync(ms));

function strict(element: React.ReactNode, client: GreenroomClient) {
  return render(
    <StrictMode>
      <WebSocketProvider client={client}>{element}</WebSocketProvider>
    </StrictMode>,
  );
}

describe("the provider", () => {
  it("opens one connection under StrictMode, and closes it a second after it is gone", async () => {
    const view = render(
      <StrictMode>
        <WebSocketProvider options={options()}>
          <p>in</p>
        </WebSocketProvider>
      </StrictMode>,
    );
    await settle(5_000);
    expect(server.sockets).toHaveLength(1);
    view.unmount();
    await settle(999);
    expect(server.last.isOpen).toBe(true);
    await settle(1);
    expect(server.last.isOpen).toBe(false);
    expect(server.sockets).toHaveLength(1);
  });

  it("opens one connection over 50 quick mounts and unmounts", async () => {
    const client = createClient(options());
    const release = client.retain();
    render(
      <StrictMode>
        <Toggle client={client} />
      </StrictMode>,
    );
    for (let n = 0; n < 50; n += 1) {
      fireEvent.click(screen.getByText("toggle"));
      await settle();
    }
    expect(server.sockets).toHaveLength(1);
    release();
    await settle(1_000);
    expect(client.state.status).toBe("closed");
  });

  it("never touches a client that was passed in", async () => {
    const client = createClient(options());
    const view = strict(<Status />, client);
    await settle(5_000);
    expect(client.state).toEqual({ status: "idle" });
    await act(() => client.connect());
    expect(screen.getByRole("status").textContent).toBe("connected");
    view.unmount();
    await settle(5_000);
    expect(client.isConnected).toBe(true);
    await client.disconnect();
  });

  it("renders on a server without touching anything, and hydrates", async () => {
    const client = createClient(options());
    const page = (
      <WebSocketProvider client={client}>
        <Status />
        <WebSocketTest />
      </WebSocketProvider>
    );
    const html = renderToString(page);
    expect(html).toContain("idle");
    expect(server.sockets).toHaveLength(0);
    await client.connect();
    const errors = vi.spyOn(console, "error").mockImplementation(() => {});
    const place = document.createElement("div");
    place.innerHTML = html;
    const root = hydrateRoot(place, page);
    await settle();
    expect(place.querySelector("[role=status]")?.textContent).toBe("connected");
    expect(errors).not.toHaveBeenCalled();
    act(() => root.unmount());
    await client.disconnect();
  });
});

function Toggle({ client }: { client: GreenroomClient }) {
  const [on, set] = useState(true);
  return (
    <>
      <button type="button" onClick={() => set(!on)}>
        toggle
      </button>
      {on && <WebSocketProvider client={client}>{<Status />}</WebSocketProvider>}
    </>
  );
}

function Interview() {
  const socket = useWebSocket();
  return (
    <>
      <button type="button" onClick={() => void socket.connect("auth.token")}>
        connect
      </button>
      <button
        type="button"
        onClick={() => void socket.joinSession("s1")}
        disabled={!socket.isConnected}
      >
        join
      </button>
      <button
        type="button"
        onClick={() =>
          socket.streamAudio({ audioData: "AAAA", format: "webm", sampleRate: 44_100 })
        }
      >
        speak
      </button>
      <output>
        {JSON.stringify({
          connected: socket.connected,
          said: socket.transcriptions.map(({ text }) => text),
          advice: socket.responseSuggestions.map(({ text }) => text),
          last: socket.messages.at(-1)?.type,
        })}
      </output>
    </>
  );
}

function Room({ id }: { id: string | null }) {
  const { phase, view, session, error } = useInterviewSession(id, { autoJoin: true });
  const { segments } = useTranscript(session);
  const left = useCountdown(view?.question?.deadlineAt);
  return (
    <output>{[phase, view?.question?.text, segments.length, left, error?.code].join("|")}</output>
  );
}

function Exit({ onExit }: { onExit: (to?: string) => void }) {
  const { handleExitSession, error } = useSessionExit("s1", onExit);
  return (
    <button type="button" onClick={() => void handleExitSession("/dashboard")}>
      exit {error?.code}
    </button>
  );
}

function Card() {
  const { status, active, clear } = useActiveSession();
  return (
    <button type="button" onClick={() => void clear()}>
      {status} {active?.sessionId}
    </button>
  );
}

function Status() {
  return <p role="status">{useWebSocket().status}</p>;
}

describe("useWebSocket", () => {
  const shown = () => JSON.parse(screen.getByRole("status").textContent ?? "");
  const final = {
    userId: "ana",
    streamId: 1,
    utterance: 0,
    words: [],
    startMs: 0,
    endMs: 1,
    atMs: 1,
    confidence: 1,
  };

  it("has the documents' shape, from connect to session_ended", async () => {
    strict(<Interview />, createClient(options()));
    expect(shown()).toEqual({ connected: false, said: [], advice: [] });
    fireEvent.click(screen.getByText("connect"));
    await settle();
    expect(server.last.protocols[1]).toBe("bearer.auth.token");
    expect(shown().connected).toBe(true);
    fireEvent.click(screen.getByText("join"));
    await settle();
    act(() => {
      server.event("transcription:result", { ...final, isFinal: true, text: "Ever tried." });
      server.last.say({
        type: "transcription:result",
        sessionId: "s1",
        ...final,
        utterance: 1,
        isFinal: false,
        text: "ever",
        stable: 0,
      });
      server.event("responses:suggestions", { suggestions: [{ text: "Ask why." }] });
    });
    expect(shown()).toMatchObject({ said: ["Ever tried.", "ever"], advice: ["Ask why."] });
    fireEvent.click(screen.getByText("speak"));
    fireEvent.click(screen.getByText("speak"));
    expect(server.last.audio.map(({ seq, format }) => [seq, format])).toEqual([
      [0, 2],
      [1, 2],
    ]);
    act(() => {
      server.last.say({
        type: "session_ended",
        sessionId: "s1",
        reason: "completed",
        message: "Session has been terminated",
        recorded: true,
      });
    });
    expect(shown()).toMatchObject({ connected: false, last: "session_ended" });
    await settle(60_000);
    expect(server.sockets).toHaveLength(1);
  });

  it("does not reject when connecting fails: the state says why", async () => {
    server.accepts = false;
    const client = createClient({ ...options(), reconnect: false });
    strict(<Interview />, client);
    fireEvent.click(screen.getByText("connect"));
    await settle();
    act(() => server.last.end(4403));
    expect(client.state).toMatchObject({ status: "closed", reason: "not_allowed" });
  });
});

describe("useInterviewSession", () => {
  it("joins once under StrictMode and shows what happens", async () => {
    const client = createClient(options());
    strict(<Room id="s1" />, client);
    await settle();
    expect(server.last.asked("session:join")).toHaveLength(1);
    const deadlineAt = client.serverNow() + 2_500;
    act(() =>
      server.event("question:asked", {
        questionId: "q1",
        index: 0,
        total: 1,
        text: "Why?",
        startedAt: 1,
        deadlineAt,
        serverNow: client.serverNow(),
      }),
    );
    expect(screen.getByRole("status").textContent).toBe("live|Why?|0|2500|");
    await settle(500);
    expect(screen.getByRole("status").textContent).toBe("live|Why?|0|2000|");
    await settle(1_000);
    expect(screen.getByRole("status").textContent).toBe("live|Why?|0|1000|");
    await client.disconnect();
  });

  it("waits for an id, and does not leave when unmounted", async () => {
    const client = createClient(options());
    const view = strict(<Room id={null} />, client);
    expect(screen.getByRole("status").textContent).toBe("detached||0||");
    expect(server.sockets).toHaveLength(0);
    view.rerender(
      <WebSocketProvider client={client}>
        <Room id="s1" />
      </WebSocketProvider>,
    );
    await settle();
    view.unmount();
    await settle();
    expect(client.session("s1").isLive).toBe(true);
    expect(server.last.asked("session:leave")).toHaveLength(0);
    await client.disconnect();
  });
});

describe("useSessionExit", () => {
  it("ends the session once, then leads on", async () => {
    const fetched = vi.fn(async (_: URL, __: RequestInit) => Response.json({ status: "ended" }));
    vi.stubGlobal("fetch", fetched);
    const onExit = vi.fn();
    strict(<Exit onExit={onExit} />, createClient(options()));
    fireEvent.click(screen.getByRole("button"));
    fireEvent.click(screen.getByRole("button"));
    await settle();
    expect(fetched).toHaveBeenCalledTimes(1);
    const [url, init] = fetched.mock.calls[0] ?? [];
    expect(String(url)).toBe("http://localhost/api/session/end-session");
    expect(init).toMatchObject({ method: "POST", body: '{"sessionId":"s1"}' });
    expect(onExit).toHaveBeenCalledExactlyOnceWith("/dashboard");
  });

  it("leads on although ending failed, and says why", async () => {
    vi.stubGlobal("fetch", async () => {
      throw new TypeError("no network");
    });
    const onExit = vi.fn();
    strict(<Exit onExit={onExit} />, createClient(options()));
    fireEvent.click(screen.getByRole("button"));
    await settle();
    expect(onExit).toHaveBeenCalledExactlyOnceWith("/dashboard");
    expect(screen.getByRole("button").textContent).toBe("exit connection_lost");
  });
});

describe("useActiveSession", () => {
  it("finds what is open and clears it", async () => {
    const answers = [
      { active: { sessionId: "s0" } },
      { active: { sessionId: "s0" } },
      { cleared: "s0" },
    ];
    vi.stubGlobal("fetch", async (_: URL, { signal }: RequestInit) => {
      signal?.throwIfAborted();
      return Response.json(answers.shift());
    });
    strict(<Card />, createClient(options()));
    expect(screen.getByRole("button").textContent).toBe("checking ");
    await settle();
    expect(screen.getByRole("button").textContent).toBe("found s0");
    answers.splice(0, 1);
    answers.unshift({ cleared: "s0" });
    fireEvent.click(screen.getByRole("button"));
    expect(screen.getByRole("button").textContent).toBe("clearing s0");
    await settle();
    expect(screen.getByRole("button").textContent).toBe("none ");
  });
});

describe("WebSocketTest", () => {
  it("connects, checks and joins by hand", async () => {
    vi.stubGlobal("fetch", async () => Response.json({ plans: [{}, {}] }));
    const onComplete = vi.fn();
    strict(<WebSocketTest onComplete={onComplete} />, createClient(options()));
    fireEvent.click(screen.getByText("Run checks"));
    // The checks are loaded from disk, which takes real time.
    await act(() => vi.waitFor(() => expect(onComplete).toHaveBeenCalled(), 5_000));
    const [steps] = onComplete.mock.calls[0] ?? [];
    expect(steps.map(({ id, state }: { id: string; state: string }) => `${id} ${state}`)).toEqual([
      expect.stringMatching(/^secure /),
      "http passed",
      "connect passed",
      "round_trip passed",
      "microphone skipped",
    ]);
    fireEvent.change(screen.getByLabelText("Session"), { target: { value: "s1" } });
    fireEvent.submit(screen.getByLabelText("Session"));
    await settle();
    expect(screen.getByText(/session:joined/)).toBeTruthy();
    fireEvent.click(screen.getByText("Disconnect"));
    await settle();
    expect(screen.getByRole("status").textContent).toBe("closed");
  });
});
