/**
 * Runs on the audio thread: any rate and any number of channels in, 16 kHz mono pcm16 out, and the
 * level on the way. A plain file without imports, because a worklet is loaded by its address.
 *
 * The context keeps the rate of the device: some browsers refuse any other for a microphone.
 */

/** Steps between two samples at which the filter is tabulated; between them it is interpolated. */
const PHASES = 128;
/** Zero crossings of the filter on each side, at the lower of the two rates. */
const CROSSINGS = 16;
/** Part of the lower rate's band that is kept. */
const PASS = 0.92;

/** Changes the sample rate of one channel, in pieces of any length. */
export class Resampler {
  /**
   * @param {number} from samples a second that come in
   * @param {number} to samples a second that go out
   */
  constructor(from, to) {
    /** Input samples for each output sample. */
    this.step = from / to;
    const scale = Math.max(1, this.step);
    this.half = Math.ceil(CROSSINGS * scale);
    this.table = filter(this.half, PASS / scale);
    /** Input that is still needed. The first sample sounds at `half`. */
    this.held = new Float32Array(this.half);
    /** Where the next output sample lies in `held`. */
    this.at = this.half;
  }

  /**
   * @param {Float32Array} input
   * @returns {Float32Array} what can be computed so far
   */
  push(input) {
    if (this.step === 1) return input;
    const held = new Float32Array(this.held.length + input.length);
    held.set(this.held);
    held.set(input, this.held.length);
    const last = held.length - this.half;
    const count = Math.max(0, Math.ceil((last - this.at) / this.step));
    const output = new Float32Array(count);
    for (let n = 0; n < count; n += 1) {
      output[n] = this.sample(held, this.at);
      this.at += this.step;
    }
    const done = Math.max(0, Math.floor(this.at) - this.half);
    this.held = held.subarray(done);
    this.at -= done;
    return output;
  }

  /**
   * @param {Float32Array} held
   * @param {number} at
   */
  sample(held, at) {
    const whole = Math.floor(at);
    const phase = (at - whole) * PHASES;
    const near = Math.floor(phase);
    const part = phase - near;
    let sum = 0;
    for (let tap = 1 - this.half; tap <= this.half; tap += 1) {
      const place = (tap + this.half) * PHASES - near;
      const high = this.table[place] ?? 0;
      const low = this.table[place - 1] ?? 0;
      sum += (held[whole + tap] ?? 0) * (high + (low - high) * part);
    }
    return sum;
  }
}

/**
 * A windowed sinc. Index i stands for the distance i / PHASES - half, in input samples.
 * @param {number} half
 * @param {number} cutoff part of the input's band that passes
 */
function filter(half, cutoff) {
  const table = new Float32Array(2 * half * PHASES + 1);
  for (let i = 0; i < table.length; i += 1) {
    const x = i / PHASES - half;
    const angle = Math.PI * x * cutoff;
    const sinc = x === 0 ? 1 : Math.sin(angle) / angle;
    const turn = (Math.PI * x) / half;
    const window = 0.42 + 0.5 * Math.cos(turn) + 0.08 * Math.cos(2 * turn);
    table[i] = cutoff * sinc * window;
  }
  return table;
}

/** Cuts sound into chunks of pcm16 and measures it. */
export class Chunker {
  /**
   * @param {number} from
   * @param {number} to
   * @param {number} chunkSamples at the rate that goes out
   * @param {number} levelSamples at the rate that comes in: a level is told so often
   * @param {(message: {pcm?: ArrayBuffer, rms?: number, peak?: number}) => void} tell
   */
  constructor(from, to, chunkSamples, levelSamples, tell) {
    this.resampler = new Resampler(from, to);
    this.chunk = new Int16Array(chunkSamples);
    this.filled = 0;
    this.levelSamples = levelSamples;
    this.measured = 0;
    this.power = 0;
    this.peak = 0;
    this.tell = tell;
  }

  /** @param {Float32Array} mono */
  push(mono) {
    for (const sample of mono) {
      this.power += sample * sample;
      this.peak = Math.max(this.peak, Math.abs(sample));
    }
    this.measured += mono.length;
    if (this.measured >= this.levelSamples) {
      this.tell({ rms: Math.sqrt(this.power / this.measured), peak: this.peak });
      this.measured = 0;
      this.power = 0;
      this.peak = 0;
    }
    for (const sample of this.resampler.push(mono)) {
      const whole = Math.round(sample * 32_767);
      this.chunk[this.filled] = Math.max(-32_768, Math.min(32_767, whole));
      this.filled += 1;
      if (this.filled === this.chunk.length) {
        const full = this.chunk;
        this.chunk = new Int16Array(full.length);
        this.filled = 0;
        this.tell({ pcm: full.buffer });
      }
    }
  }
}

/**
 * @param {Float32Array[]} channels
 * @returns {Float32Array}
 */
export function mixed(channels) {
  const [first] = channels;
  if (!first || channels.length === 1) return first ?? new Float32Array(0);
  const mono = new Float32Array(first.length);
  for (const channel of channels) {
    for (let n = 0; n < mono.length; n += 1) {
      mono[n] = (mono[n] ?? 0) + (channel[n] ?? 0) / channels.length;
    }
  }
  return mono;
}

// Only on the audio thread are these there.
const scope = /** @type {any} */ (globalThis);
if (typeof scope.registerProcessor === "function") {
  scope.registerProcessor(
    "greenroom-pcm16",
    class extends scope.AudioWorkletProcessor {
      /** @param {{processorOptions: {rate: number, chunkMs: number, levelMs: number}}} options */
      constructor({ processorOptions: { rate, chunkMs, levelMs } }) {
        super();
        this.over = false;
        this.port.onmessage = () => {
          this.over = true;
        };
        this.chunker = new Chunker(
          scope.sampleRate,
          rate,
          Math.round((rate * chunkMs) / 1000),
          Math.round((scope.sampleRate * levelMs) / 1000),
          (message) => this.port.postMessage(message, message.pcm ? [message.pcm] : []),
        );
      }

      /** @param {Float32Array[][]} inputs */
      process(inputs) {
        const channels = inputs[0] ?? [];
        if (channels.length > 0) this.chunker.push(mixed(channels));
        return !this.over;
      }
    },
  );
}
