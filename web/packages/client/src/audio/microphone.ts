/** A microphone: 16 kHz pcm16 in chunks, a level, and what can go wrong with it. */
import { GreenroomError } from "../errors.ts";
import { guarded, type Store, type Unsubscribe, Value } from "../store.ts";

export interface MicrophoneOptions {
  deviceId?: string;
  /** Default true, all three. */
  echoCancellation?: boolean;
  noiseSuppression?: boolean;
  autoGainControl?: boolean;
  /** Where `worklet.js` of this package is served, if the bundler does not know. */
  workletUrl?: string | URL;
  /** Length of a chunk, milliseconds. Default 100. */
  chunkMs?: number;
  /** Nothing louder than a whisper for so long counts as `silent`. Default 10,000. */
  silentAfterMs?: number;
}

export interface MicrophoneState {
  /**
   * `silent`: on, but nothing is heard; `interrupted`: the system took it away for now (a call);
   * `lost`: unplugged or withdrawn, `switchDevice()` takes another.
   */
  readonly status: "live" | "muted" | "silent" | "interrupted" | "lost" | "stopped";
  readonly deviceId: string;
  readonly deviceLabel: string;
}

/** From 0 to 1. */
export interface Level {
  rms: number;
  peak: number;
}

/** Something that makes pcm16 chunks. A microphone is one; tests and files are others. */
export interface AudioSource {
  readonly sampleRate: number;
  /** One chunk after the other, mono, little-endian. */
  onChunk(listener: (pcm: Uint8Array) => void): Unsubscribe;
}

export interface Microphone extends AudioSource {
  readonly state: Store<MicrophoneState>;
  level(): Level;
  onLevel(listener: (level: Level) => void): Unsubscribe;
  /** Another device, also after `lost`. Rejects as `createMicrophone` does; the old one goes on. */
  switchDevice(deviceId: string): Promise<void>;
  mute(): void;
  unmute(): void;
  /** Lets the device go. */
  stop(): void;
}

const RATE = 16_000;
const LEVEL_MS = 50;
/** A whisper. */
const QUIET_PEAK = 0.002;

/**
 * Asks for the microphone; call it from a click. Rejects with `insecure_page`,
 * `audio_unsupported`, `microphone_denied`, `microphone_missing` or `microphone_busy`.
 */
export async function createMicrophone(options: MicrophoneOptions = {}): Promise<Microphone> {
  if (globalThis.isSecureContext === false) {
    throw new GreenroomError("insecure_page", "Microphones need a secure page (https).");
  }
  if (!navigator.mediaDevices?.getUserMedia || typeof AudioWorkletNode === "undefined") {
    throw new GreenroomError("audio_unsupported", "This browser cannot record sound.");
  }
  // Made before the first wait, while the click still counts.
  const context = new AudioContext();
  try {
    const stream = await record(options, options.deviceId);
    await context.audioWorklet.addModule(
      options.workletUrl ?? new URL("./worklet.js?no-inline", import.meta.url),
    );
    await context.resume().catch(() => {});
    return new Recording(context, stream, options);
  } catch (error) {
    void context.close();
    throw explained(error);
  }
}

async function record(options: MicrophoneOptions, deviceId?: string): Promise<MediaStream> {
  const { echoCancellation = true, noiseSuppression = true, autoGainControl = true } = options;
  const audio: MediaTrackConstraints = {
    echoCancellation,
    noiseSuppression,
    autoGainControl,
    channelCount: 1,
    ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
  };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw explained(error);
  }
}

function explained(cause: unknown): GreenroomError {
  if (cause instanceof GreenroomError) return cause;
  const name = cause instanceof Error ? cause.name : "";
  const details = { cause };
  if (name === "NotAllowedError" || name === "SecurityError") {
    return new GreenroomError("microphone_denied", "The microphone is not allowed.", details);
  }
  if (name === "NotFoundError" || name === "OverconstrainedError") {
    return new GreenroomError("microphone_missing", "No microphone was found.", details);
  }
  if (name === "NotReadableError") {
    return new GreenroomError("microphone_busy", "The microphone is in use.", details);
  }
  return new GreenroomError("audio_unsupported", "Recording could not be started.", details);
}

class Recording implements Microphone {
  readonly sampleRate = RATE;
  readonly state: Value<MicrophoneState>;
  readonly #context: AudioContext;
  readonly #node: AudioWorkletNode;
  readonly #options: MicrophoneOptions;
  readonly #chunks = new Set<(pcm: Uint8Array) => void>();
  readonly #levels = new Set<(level: Level) => void>();
  #stream: MediaStream;
  #source: MediaStreamAudioSourceNode;
  #level: Level = { rms: 0, peak: 0 };
  #loudAt = Date.now();
  #muted = false;
  #stop = new AbortController();

  constructor(context: AudioContext, stream: MediaStream, options: MicrophoneOptions) {
    this.#context = context;
    this.#options = options;
    this.#stream = stream;
    this.#node = new AudioWorkletNode(context, "greenroom-pcm16", {
      processorOptions: { rate: RATE, chunkMs: options.chunkMs ?? 100, levelMs: LEVEL_MS },
    });
    this.#node.port.onmessage = ({ data }) => this.#told(data);
    // Silent; but a node that leads nowhere is not run by every browser.
    this.#node.connect(context.destination);
    this.#source = context.createMediaStreamSource(stream);
    this.#source.connect(this.#node);
    this.state = new Value<MicrophoneState>({ status: "live", ...nameOf(stream) });
    context.onstatechange = () => this.#judge();
    this.#watch();
  }

  onChunk(listener: (pcm: Uint8Array) => void): Unsubscribe {
    this.#chunks.add(listener);
    return () => this.#chunks.delete(listener);
  }

  onLevel(listener: (level: Level) => void): Unsubscribe {
    this.#levels.add(listener);
    return () => this.#levels.delete(listener);
  }

  level(): Level {
    return this.#level;
  }

  async switchDevice(deviceId: string): Promise<void> {
    if (this.#isStopped) throw new GreenroomError("canceled", "The microphone was stopped.");
    const stream = await record(this.#options, deviceId);
    if (this.#isStopped) return end(stream);
    this.#stop.abort();
    this.#source.disconnect();
    end(this.#stream);
    this.#stream = stream;
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#source.connect(this.#node);
    for (const track of stream.getAudioTracks()) track.enabled = !this.#muted;
    await this.#context.resume().catch(() => {});
    this.#loudAt = Date.now();
    this.state.update((state) => ({ ...state, ...nameOf(stream) }));
    this.#watch();
    this.#judge();
  }

  mute(): void {
    this.#setMuted(true);
  }

  unmute(): void {
    this.#setMuted(false);
  }

  stop(): void {
    if (this.#isStopped) return;
    this.state.update((state) => ({ ...state, status: "stopped" }));
    this.#stop.abort();
    this.#context.onstatechange = null;
    this.#node.port.onmessage = null;
    this.#node.port.postMessage("stop");
    this.#node.disconnect();
    this.#source.disconnect();
    end(this.#stream);
    void this.#context.close();
    this.#chunks.clear();
    this.#levels.clear();
  }

  get #isStopped(): boolean {
    return this.state.getSnapshot().status === "stopped";
  }

  #setMuted(muted: boolean): void {
    this.#muted = muted;
    this.#loudAt = Date.now();
    // Goes on as silence, so that the stream's time has no hole.
    for (const track of this.#stream.getAudioTracks()) track.enabled = !muted;
    this.#judge();
  }

  #watch(): void {
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    const judge = () => this.#judge();
    for (const track of this.#stream.getAudioTracks()) {
      for (const name of ["ended", "mute", "unmute"] as const) {
        track.addEventListener(name, judge, { signal });
      }
    }
    // After a phone call the page has to ask for its sound again.
    const resume = () => void this.#context.resume().catch(() => {});
    if (typeof document !== "undefined") {
      document.addEventListener("visibilitychange", resume, { signal });
    }
  }

  #told({ pcm, rms = 0, peak = 0 }: { pcm?: ArrayBuffer; rms?: number; peak?: number }): void {
    if (pcm) {
      for (const listener of [...this.#chunks]) guarded(() => listener(new Uint8Array(pcm)));
      return;
    }
    this.#level = { rms, peak };
    if (peak > QUIET_PEAK) this.#loudAt = Date.now();
    this.#judge();
    for (const listener of [...this.#levels]) guarded(() => listener(this.#level));
  }

  #judge(): void {
    if (this.#isStopped) return;
    const track = this.#stream.getAudioTracks()[0];
    const silentMs = this.#options.silentAfterMs ?? 10_000;
    let status: MicrophoneState["status"] = "live";
    if (!track || track.readyState === "ended") status = "lost";
    else if (track.muted || this.#context.state !== "running") status = "interrupted";
    else if (this.#muted) status = "muted";
    else if (Date.now() - this.#loudAt >= silentMs) status = "silent";
    if (status !== this.state.getSnapshot().status) {
      this.state.update((state) => ({ ...state, status }));
    }
  }
}

function nameOf(stream: MediaStream): { deviceId: string; deviceLabel: string } {
  const track = stream.getAudioTracks()[0];
  return { deviceId: track?.getSettings().deviceId ?? "", deviceLabel: track?.label ?? "" };
}

function end(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
