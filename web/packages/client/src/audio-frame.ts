/** The layout of audio in binary messages: a header of 20 bytes, little-endian, then the sound. */
import type { AudioFormat } from "./protocol.ts";

const HEADER_BYTES = 20;
const TO_SERVER = 0x01;
const TO_CLIENT = 0x81;
const FORMATS: readonly AudioFormat[] = ["pcm16", "wav", "webm", "ogg"];

/** One piece of one audio stream. */
export interface AudioChunk {
  /** The sound. Empty only in a last chunk. */
  payload: Uint8Array;
  format: AudioFormat;
  /** Samples a second, 8,000 to 48,000; 0 where the data says it (not with `pcm16`). */
  sampleRate: number;
  /** The sender's number for this recording. */
  streamId: number;
  /** 0, 1, 2 … within the stream. */
  seq: number;
  /** From the stream's start to the first sample, milliseconds. */
  atMs: number;
  isLast: boolean;
}

/** A chunk somebody else sent. */
export interface ReceivedAudio extends AudioChunk {
  sessionId: string;
  /** Number of the one who speaks; see the session's members. */
  participant: number;
}

export function encodeChunk(chunk: AudioChunk, room: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + chunk.payload.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = TO_SERVER;
  bytes[1] = FORMATS.indexOf(chunk.format);
  bytes[2] = chunk.isLast ? 1 : 0;
  view.setUint16(4, room, true);
  view.setUint16(6, chunk.sampleRate, true);
  view.setUint32(8, chunk.streamId, true);
  view.setUint32(12, chunk.seq, true);
  view.setUint32(16, chunk.atMs, true);
  bytes.set(chunk.payload, HEADER_BYTES);
  return bytes;
}

/** Null: a layout of a later version. */
export function decodeChunk(
  buffer: ArrayBuffer,
): (AudioChunk & { participant: number; room: number }) | null {
  if (buffer.byteLength < HEADER_BYTES) return null;
  const view = new DataView(buffer);
  const format = FORMATS[view.getUint8(1)];
  if (view.getUint8(0) !== TO_CLIENT || !format) return null;
  return {
    format,
    isLast: (view.getUint8(2) & 1) === 1,
    participant: view.getUint8(3),
    room: view.getUint16(4, true),
    sampleRate: view.getUint16(6, true),
    streamId: view.getUint32(8, true),
    seq: view.getUint32(12, true),
    atMs: view.getUint32(16, true),
    payload: new Uint8Array(buffer, HEADER_BYTES),
  };
}

export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x2000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x2000));
  }
  return btoa(text);
}

export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}
