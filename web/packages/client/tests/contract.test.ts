/** This library against the generated contract: tables, texts, names. */
import { describe, expect, it } from "vitest";
import { decodeChunk, encodeChunk } from "../src/index.ts";
import * as wire from "../src/protocol.gen.ts";
import { CLOSE_CODES, TEMPORARY } from "../src/protocol.ts";
import { remedyFor } from "../src/texts.ts";

describe("the generated contract", () => {
  it("has the close codes the connection acts on", () => {
    const told = Object.entries(wire.CLOSE_CODES)
      .filter(([, { comeBack }]) => comeBack !== "resume")
      .map(([code, { reason, comeBack }]) => [code, [reason, comeBack]]);
    expect(CLOSE_CODES).toEqual(Object.fromEntries(told));
  });

  it("has the codes after which trying again helps", () => {
    const again = wire.ERROR_CODES.filter((code) => wire.ERRORS[code].remedy === "retry");
    expect([...TEMPORARY].sort()).toEqual([...again].sort());
  });

  it("has something to do for every code", () => {
    const unknown = remedyFor("nobody_knows");
    expect(wire.ERROR_CODES.filter((code) => remedyFor(code) === unknown)).toEqual([]);
  });

  it("has the audio layout that is written and read here", () => {
    const { offsets, formats, headerBytes, toServer, toClient } = wire.AUDIO;
    const chunk = {
      payload: Uint8Array.of(5),
      format: "ogg" as const,
      sampleRate: 8_000,
      streamId: 1,
      seq: 2,
      atMs: 3,
      isLast: false,
    };
    const bytes = encodeChunk(chunk, 4);
    const view = new DataView(bytes.buffer);
    expect(bytes.length).toBe(headerBytes + 1);
    expect(view.getUint8(offsets.kind)).toBe(toServer);
    expect(view.getUint8(offsets.format)).toBe(formats.ogg);
    expect(view.getUint16(offsets.room, true)).toBe(4);
    expect(view.getUint16(offsets.sampleRate, true)).toBe(8_000);
    expect(view.getUint32(offsets.stream, true)).toBe(1);
    expect(view.getUint32(offsets.seq, true)).toBe(2);
    expect(view.getUint32(offsets.atMs, true)).toBe(3);
    view.setUint8(offsets.kind, toClient);
    expect(decodeChunk(bytes.buffer)).toMatchObject(chunk);
  });
});
