import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type AudioSource, publish } from "../src/audio/index.ts";
import { Chunker, mixed, Resampler } from "../src/audio/worklet.js";
import { createClient, decodeChunk, encodeChunk, fromBase64, toBase64 } from "../src/index.ts";
import { FakeServer } from "./fake-server.ts";
import { decodeForServer } from "./frames.ts";

function tone(hz: number, rate: number, seconds = 1): Float32Array {
  return Float32Array.from({ length: rate * seconds }, (_, n) =>
    Math.sin((2 * Math.PI * hz * n) / rate),
  );
}

function resample(input: Float32Array, from: number, to: number, piece: number): Float32Array {
  const resampler = new Resampler(from, to);
  const out: number[] = [];
  for (let at = 0; at < input.length; at += piece) {
    out.push(...resampler.push(input.subarray(at, at + piece)));
  }
  return Float32Array.from(out);
}

/** Part of the power at a frequency, 0 to 1, away from the edges. */
function powerAt(signal: Float32Array, hz: number, rate: number): number {
  const part = signal.subarray(rate / 10, signal.length - rate / 10);
  let re = 0;
  let im = 0;
  for (const [n, sample] of part.entries()) {
    const angle = (2 * Math.PI * hz * n) / rate;
    re += sample * Math.cos(angle);
    im += sample * Math.sin(angle);
  }
  return (4 * (re * re + im * im)) / part.length ** 2;
}

describe("the resampler", () => {
  it.each([8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000])(
    "keeps a voice's band from %i Hz",
    (from) => {
      for (const hz of [200, 1_000, 3_000]) {
        const out = resample(tone(hz, from), from, 16_000, 128);
        expect(Math.abs(out.length - 16_000)).toBeLessThan(40);
        expect(powerAt(out, hz, 16_000)).toBeGreaterThan(0.97);
        expect(powerAt(out, hz, 16_000)).toBeLessThan(1.03);
      }
    },
  );

  it.each([44_100, 48_000])("lets nothing fold back from above the band at %i Hz", (from) => {
    for (const hz of [9_500, 12_000, 15_000]) {
      const out = resample(tone(hz, from), from, 16_000, 128);
      expect(powerAt(out, 16_000 - hz, 16_000)).toBeLessThan(1e-6);
    }
  });

  it("gives the same, however the input is cut", () => {
    const input = tone(440, 44_100, 0.2);
    const whole = resample(input, 44_100, 16_000, input.length);
    for (const piece of [1, 7, 128, 1_000]) {
      const cut = resample(input, 44_100, 16_000, piece);
      expect(cut.length).toBe(whole.length);
      for (const [n, sample] of cut.entries()) expect(sample).toBeCloseTo(whole[n] ?? 9, 5);
    }
  });

  it("leaves 16 kHz alone", () => {
    const input = tone(440, 16_000, 0.1);
    expect(new Resampler(16_000, 16_000).push(input)).toBe(input);
  });
});

describe("the chunker", () => {
  it("cuts equal chunks, clips, and measures", () => {
    const told: { pcm?: ArrayBuffer; rms?: number; peak?: number }[] = [];
    const chunker = new Chunker(16_000, 16_000, 1_600, 800, (message) => told.push(message));
    for (let n = 0; n < 40; n += 1) chunker.push(new Float32Array(128).fill(2));
    const chunks = told.flatMap(({ pcm }) => (pcm ? [new Int16Array(pcm)] : []));
    expect(chunks.map(({ length }) => length)).toEqual([1_600, 1_600, 1_600]);
    expect(chunks[0]?.[0]).toBe(32_767);
    expect(told.filter(({ rms }) => rms !== undefined)[0]).toEqual({ rms: 2, peak: 2 });
  });

  it("mixes channels", () => {
    expect([...mixed([Float32Array.of(1, 0), Float32Array.of(0, 0.5)])]).toEqual([0.5, 0.25]);
    expect(mixed([])).toHaveLength(0);
  });
});

describe("binary audio", () => {
  it("has the layout of the contract", () => {
    const chunk = {
      payload: Uint8Array.of(1, 2, 3, 4),
      format: "pcm16" as const,
      sampleRate: 48_000,
      streamId: 0xfffffffe,
      seq: 7,
      atMs: 700,
      isLast: true,
    };
    const bytes = encodeChunk(chunk, 3);
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    expect(hex).toBe("010001000300" + "80bb" + "feffffff" + "07000000" + "bc020000" + "01020304");
    expect(decodeForServer(bytes)).toMatchObject({ room: 3, seq: 7, atMs: 700, isLast: true });
    bytes[0] = 0x81;
    bytes[3] = 9;
    expect(decodeChunk(bytes.buffer)).toEqual({ ...chunk, participant: 9, room: 3 });
    bytes[0] = 0x82;
    expect(decodeChunk(bytes.buffer)).toBeNull();
    expect(decodeChunk(new ArrayBuffer(3))).toBeNull();
  });

  it("goes through base64 and back", () => {
    const bytes = Uint8Array.from({ length: 20_000 }, (_, n) => n % 256);
    expect(fromBase64(toBase64(bytes))).toEqual(bytes);
  });
});

class FakeMicrophone implements AudioSource {
  readonly sampleRate = 16_000;
  readonly listeners = new Set<(pcm: Uint8Array) => void>();
  onChunk(listener: (pcm: Uint8Array) => void) {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }
  /** 100 ms each. */
  speak(chunks = 1): void {
    for (let n = 0; n < chunks; n += 1) {
      for (const listener of this.listeners) listener(new Uint8Array(3_200));
    }
  }
}

describe("publishing", () => {
  let server: FakeServer;
  let microphone: FakeMicrophone;

  beforeEach(() => {
    vi.useFakeTimers();
    server = new FakeServer();
    microphone = new FakeMicrophone();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  async function begun(keepMs?: number) {
    const client = createClient({
      url: "http://localhost",
      token: "t",
      storage: "memory",
      WebSocket: server.WebSocket,
      reconnect: { minDelayMs: 0, maxDelayMs: 0 },
    });
    const session = client.session("s1");
    await session.join();
    const publication = publish(session, microphone, keepMs === undefined ? {} : { keepMs });
    const ack = (seq: number) =>
      server.last.say({ type: "audio:ack", sessionId: "s1", streamId: publication.streamId, seq });
    return { client, session, publication, ack };
  }

  const seqs = () => server.last.audio.map(({ seq }) => seq);

  it("sends each chunk at once, numbered and timed", async () => {
    const { publication } = await begun();
    microphone.speak(3);
    expect(server.last.audio).toMatchObject([
      { kind: 1, seq: 0, atMs: 0, room: 1, sampleRate: 16_000, streamId: publication.streamId },
      { seq: 1, atMs: 100 },
      { seq: 2, atMs: 200 },
    ]);
    expect(publication.state.getSnapshot()).toMatchObject({ sentMs: 300, waitingMs: 0 });
  });

  it("sends again what was not on disk when the connection was lost, in order", async () => {
    const { ack, publication } = await begun();
    microphone.speak(5);
    ack(1);
    expect(publication.state.getSnapshot().ackedMs).toBe(200);
    server.last.end(1006);
    microphone.speak(2);
    await vi.advanceTimersByTimeAsync(10);
    expect(seqs()).toEqual([2, 3, 4, 5, 6]);
    microphone.speak();
    expect(seqs().at(-1)).toBe(7);
  });

  it("catches up slower than the server's limit", async () => {
    await begun();
    server.accepts = false;
    server.last.end(1006);
    microphone.speak(400);
    await vi.advanceTimersByTimeAsync(10);
    server.accepts = true;
    server.accept(server.last);
    await vi.advanceTimersByTimeAsync(1);
    const burst = server.last.audio.length;
    expect(burst).toBeLessThan(60);
    await vi.advanceTimersByTimeAsync(1_000);
    expect((server.last.audio.length - burst) * 3_712).toBeLessThan(180 * 1024);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(seqs()).toEqual(Array.from({ length: 400 }, (_, n) => n));
  });

  it("keeps no more than it may, and says what was lost", async () => {
    const { publication } = await begun(1_000);
    server.accepts = false;
    server.last.end(1006);
    microphone.speak(50);
    expect(publication.state.getSnapshot()).toMatchObject({ droppedMs: 3_900, waitingMs: 1_100 });
  });

  it("waits while the socket is full", async () => {
    await begun();
    server.last.bufferedAmount = 100_000;
    microphone.speak(2);
    expect(server.last.audio).toHaveLength(0);
    server.last.bufferedAmount = 0;
    await vi.advanceTimersByTimeAsync(50);
    expect(seqs()).toEqual([0, 1]);
  });

  it("says the last chunk when stopped, and waits for its acknowledgement", async () => {
    const { publication, ack } = await begun();
    microphone.speak();
    const stopped = publication.stop();
    expect(server.last.audio.at(-1)).toMatchObject({ seq: 1, isLast: true });
    ack(1);
    await stopped;
    expect(publication.state.getSnapshot().active).toBe(false);
    expect(microphone.listeners.size).toBe(0);
  });

  it("stops with the session", async () => {
    const { publication } = await begun();
    server.last.say({ type: "connection:replaced", sessionId: "s1" });
    expect(publication.state.getSnapshot().active).toBe(false);
    expect(microphone.listeners.size).toBe(0);
  });
});
