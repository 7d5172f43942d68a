import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createMicrophone, watchDevices } from "../src/audio/index.ts";

class FakeTrack extends EventTarget {
  readyState = "live";
  muted = false;
  enabled = true;
  readonly label: string;
  readonly deviceId: string;
  constructor(deviceId: string) {
    super();
    this.deviceId = deviceId;
    this.label = `Microphone ${deviceId}`;
  }
  getSettings() {
    return { deviceId: this.deviceId };
  }
  stop() {
    this.readyState = "ended";
  }
  tell(name: string) {
    this.dispatchEvent(new Event(name));
  }
}

class FakeContext {
  state = "running";
  closed = false;
  onstatechange: (() => void) | null = null;
  modules: string[] = [];
  readonly destination = {};
  readonly audioWorklet = {
    addModule: async (url: URL | string) => void this.modules.push(String(url)),
  };
  constructor(options?: { sampleRate?: number }) {
    // Some browsers refuse any rate but the device's.
    expect(options?.sampleRate).toBeUndefined();
    made.push(this);
  }
  async resume() {
    if (this.state === "suspended") this.set("running");
  }
  async close() {
    this.closed = true;
  }
  createMediaStreamSource() {
    return { connect() {}, disconnect() {} };
  }
  set(state: string) {
    this.state = state;
    this.onstatechange?.();
  }
}

class FakeNode {
  readonly port = {
    onmessage: null as ((event: { data: unknown }) => void) | null,
    postMessage: (message: unknown) => void this.told.push(message),
  };
  readonly told: unknown[] = [];
  readonly options: unknown;
  constructor(_: FakeContext, __: string, options: unknown) {
    this.options = options;
    nodes.push(this);
  }
  connect() {}
  disconnect() {}
  say(data: unknown) {
    this.port.onmessage?.({ data });
  }
}

let made: FakeContext[];
let nodes: FakeNode[];
let tracks: FakeTrack[];
let refusal: Error | null;
let inputs: { kind: string; deviceId: string; label: string }[];
let asked: MediaStreamConstraints[];
let devices: EventTarget & Partial<MediaDevices>;

beforeEach(() => {
  vi.useFakeTimers();
  made = [];
  nodes = [];
  tracks = [];
  asked = [];
  refusal = null;
  inputs = [{ kind: "audioinput", deviceId: "a", label: "" }];
  devices = Object.assign(new EventTarget(), {
    getUserMedia: async (constraints: MediaStreamConstraints = {}) => {
      asked.push(constraints);
      if (refusal) throw refusal;
      const { deviceId } = constraints.audio as { deviceId?: { exact: string } };
      const track = new FakeTrack(deviceId?.exact ?? "a");
      tracks.push(track);
      return { getAudioTracks: () => [track], getTracks: () => [track] } as unknown as MediaStream;
    },
    enumerateDevices: async () =>
      [...inputs, { kind: "videoinput", deviceId: "v", label: "" }] as MediaDeviceInfo[],
  });
  vi.stubGlobal("navigator", { mediaDevices: devices });
  vi.stubGlobal("AudioContext", FakeContext);
  vi.stubGlobal("AudioWorkletNode", FakeNode);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function named(name: string): Error {
  return Object.assign(new Error("no"), { name });
}

function last<T>(list: T[]): T {
  const found = list.at(-1);
  if (!found) throw new Error("nothing there");
  return found;
}

describe("a microphone", () => {
  it("records at the device's own rate and hands out pcm16 and a level", async () => {
    const microphone = await createMicrophone();
    expect(microphone.sampleRate).toBe(16_000);
    expect(last(made).modules[0]).toMatch(/\/worklet\.js\?no-inline$/);
    expect(last(nodes).options).toEqual({
      processorOptions: { rate: 16_000, chunkMs: 100, levelMs: 50 },
    });
    expect(asked[0]?.audio).toMatchObject({ channelCount: 1, echoCancellation: true });
    expect(microphone.state.getSnapshot()).toEqual({
      status: "live",
      deviceId: "a",
      deviceLabel: "Microphone a",
    });
    const chunks: number[] = [];
    const off = microphone.onChunk((pcm) => chunks.push(pcm.length));
    const levels: number[] = [];
    microphone.onLevel(({ peak }) => levels.push(peak));
    last(nodes).say({ pcm: new ArrayBuffer(3_200) });
    last(nodes).say({ rms: 0.1, peak: 0.5 });
    off();
    last(nodes).say({ pcm: new ArrayBuffer(3_200) });
    expect(chunks).toEqual([3_200]);
    expect(levels).toEqual([0.5]);
    expect(microphone.level()).toEqual({ rms: 0.1, peak: 0.5 });
  });

  it.each([
    ["NotAllowedError", "microphone_denied"],
    ["NotFoundError", "microphone_missing"],
    ["OverconstrainedError", "microphone_missing"],
    ["NotReadableError", "microphone_busy"],
    ["TypeError", "audio_unsupported"],
  ])("that is refused with %s says %s, and leaves nothing open", async (name, code) => {
    refusal = named(name);
    await expect(createMicrophone()).rejects.toMatchObject({ code });
    expect(last(made).closed).toBe(true);
  });

  it("needs a secure page and a worklet", async () => {
    vi.stubGlobal("isSecureContext", false);
    await expect(createMicrophone()).rejects.toMatchObject({ code: "insecure_page" });
    vi.stubGlobal("isSecureContext", true);
    vi.stubGlobal("AudioWorkletNode", undefined);
    await expect(createMicrophone()).rejects.toMatchObject({ code: "audio_unsupported" });
  });

  it("that is pulled out is lost, and another takes its place", async () => {
    const microphone = await createMicrophone();
    last(tracks).stop();
    last(tracks).tell("ended");
    expect(microphone.state.getSnapshot().status).toBe("lost");
    await microphone.switchDevice("b");
    expect(microphone.state.getSnapshot()).toMatchObject({ status: "live", deviceId: "b" });
    expect(made).toHaveLength(1);
    const chunks = vi.fn();
    microphone.onChunk(chunks);
    last(nodes).say({ pcm: new ArrayBuffer(2) });
    expect(chunks).toHaveBeenCalledOnce();
  });

  it("goes on when another cannot be had", async () => {
    const microphone = await createMicrophone();
    refusal = named("NotReadableError");
    await expect(microphone.switchDevice("b")).rejects.toMatchObject({ code: "microphone_busy" });
    expect(microphone.state.getSnapshot()).toMatchObject({ status: "live", deviceId: "a" });
    expect(tracks[0]?.readyState).toBe("live");
  });

  it("in which nothing is heard is silent, until somebody speaks", async () => {
    const microphone = await createMicrophone({ silentAfterMs: 3_000 });
    const hear = (peak: number) => last(nodes).say({ rms: peak / 2, peak });
    vi.advanceTimersByTime(2_999);
    hear(0.001);
    expect(microphone.state.getSnapshot().status).toBe("live");
    vi.advanceTimersByTime(1);
    hear(0.001);
    expect(microphone.state.getSnapshot().status).toBe("silent");
    hear(0.2);
    expect(microphone.state.getSnapshot().status).toBe("live");
  });

  it("that the system takes away is interrupted, and comes back", async () => {
    const microphone = await createMicrophone();
    const status = () => microphone.state.getSnapshot().status;
    last(made).set("interrupted");
    expect(status()).toBe("interrupted");
    last(made).set("running");
    expect(status()).toBe("live");
    last(tracks).muted = true;
    last(tracks).tell("mute");
    expect(status()).toBe("interrupted");
    last(tracks).muted = false;
    last(tracks).tell("unmute");
    expect(status()).toBe("live");
  });

  it("that is muted goes on as silence, and stays muted on another device", async () => {
    const microphone = await createMicrophone();
    microphone.mute();
    expect(microphone.state.getSnapshot().status).toBe("muted");
    expect(last(tracks).enabled).toBe(false);
    await microphone.switchDevice("b");
    expect(last(tracks).enabled).toBe(false);
    microphone.unmute();
    expect(last(tracks).enabled).toBe(true);
    expect(microphone.state.getSnapshot().status).toBe("live");
  });

  it("that is stopped lets everything go", async () => {
    const microphone = await createMicrophone();
    microphone.stop();
    microphone.stop();
    expect(microphone.state.getSnapshot().status).toBe("stopped");
    expect(last(tracks).readyState).toBe("ended");
    expect(last(made).closed).toBe(true);
    expect(last(nodes).told).toEqual(["stop"]);
    await expect(microphone.switchDevice("b")).rejects.toMatchObject({ code: "canceled" });
  });
});

describe("the list of devices", () => {
  it("has the inputs, and follows plugging and unplugging", async () => {
    const list = watchDevices();
    await vi.advanceTimersByTimeAsync(0);
    expect(list.getSnapshot()).toEqual([{ id: "a", label: "" }]);
    const changed = vi.fn();
    list.subscribe(changed);
    inputs.push({ kind: "audioinput", deviceId: "b", label: "Headset" });
    devices.dispatchEvent(new Event("devicechange"));
    await vi.advanceTimersByTimeAsync(0);
    expect(list.getSnapshot()).toHaveLength(2);
    devices.dispatchEvent(new Event("devicechange"));
    await vi.advanceTimersByTimeAsync(0);
    expect(changed).toHaveBeenCalledOnce();
    list.stop();
    inputs.pop();
    devices.dispatchEvent(new Event("devicechange"));
    await vi.advanceTimersByTimeAsync(0);
    expect(list.getSnapshot()).toHaveLength(2);
  });

  it("is empty where there are none", () => {
    vi.stubGlobal("navigator", {});
    expect(watchDevices().getSnapshot()).toEqual([]);
  });
});
