// What the fake microphone hears: recordings of people, one after the other with a pause between,
// as one 16 kHz file that the browser plays again and again.
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const RATE = 16_000;
const root = resolve(import.meta.dirname, "../../..");
const models = process.env.GREENROOM_MODELS ?? join(root, "models");
const librivox = "/usr/share/pocketsphinx/test/data/librivox";

/** Samples of a PCM16 WAV file, brought to 16 kHz mono. */
function read(path) {
  const bytes = readFileSync(path);
  let at = 12;
  let format;
  while (at + 8 <= bytes.length) {
    const name = bytes.toString("latin1", at, at + 4);
    const size = bytes.readUInt32LE(at + 4);
    if (name === "fmt ") {
      format = { channels: bytes.readUInt16LE(at + 10), rate: bytes.readUInt32LE(at + 12) };
    }
    if (name === "data" && format) {
      const step = format.channels * (format.rate / RATE);
      const all = new Int16Array(
        bytes.buffer.slice(
          bytes.byteOffset + at + 8,
          bytes.byteOffset + at + 8 + size - (size % 2),
        ),
      );
      return Int16Array.from(
        { length: Math.floor(all.length / step) },
        (_, n) => all[Math.floor(n * step)],
      );
    }
    at += 8 + size + (size % 2);
  }
  throw new Error(`no sound in ${path}`);
}

function write(path, samples) {
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + samples.length * 2, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(RATE, 24);
  head.writeUInt32LE(RATE * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(samples.length * 2, 40);
  writeFileSync(path, Buffer.concat([head, Buffer.from(samples.buffer)]));
}

/** A file of speech; a second and a half of silence behind each recording. */
export function speech() {
  const files = [
    join(models, "recordings/beckett.wav"),
    join(librivox, "sense_and_sensibility_01_austen_64kb-0870.wav"),
    join(librivox, "sense_and_sensibility_01_austen_64kb-0880.wav"),
  ].filter(existsSync);
  if (files.length === 0) throw new Error("no recordings of speech: run make setup");
  const pause = new Int16Array(RATE * 1.5);
  const parts = files.flatMap((file) => [read(file), pause]);
  const all = new Int16Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  const path = join(mkdtempSync(join(tmpdir(), "greenroom-sound-")), "speech.wav");
  write(path, all);
  return path;
}

/** The same length of nothing. */
export function silence() {
  const path = join(mkdtempSync(join(tmpdir(), "greenroom-sound-")), "silence.wav");
  write(path, new Int16Array(RATE * 10));
  return path;
}
