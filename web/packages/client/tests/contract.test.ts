/** This library against the generated contract: tables, texts, names, and the golden messages. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { createClient, decodeChunk, encodeChunk } from "../src/index.ts";
import * as wire from "../src/protocol.gen.ts";
import { CLOSE_CODES, TEMPORARY } from "../src/protocol.ts";
import { remedyFor } from "../src/texts.ts";
import { FakeServer } from "./fake-server.ts";

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

  it("has golden messages, and every one of them can be told to a session", async () => {
    vi.useFakeTimers();
    const server = new FakeServer();
    // The messages go on from here.
    server.seq = 17;
    const client = createClient({
      url: "http://localhost",
      token: "t",
      storage: "memory",
      WebSocket: server.WebSocket,
    });
    const session = client.session("s1");
    await session.join();
    const folder = new URL("../../../../crates/protocol/vectors/messages/", import.meta.url);
    const told: string[] = [];
    client.on("message", ({ type }) => told.push(type));
    for (const name of readdirSync(folder)) {
      if (!name.startsWith("out-")) continue;
      for (const text of JSON.parse(readFileSync(new URL(name, folder), "utf8"))) {
        const message = JSON.parse(text) as { type: wire.ServerEvent };
        // A back end names its own events.
        if (!message.type.startsWith("custom:")) {
          expect(wire.SERVER_EVENTS, name).toContain(message.type);
        }
        // What ends a connection or a session comes alone.
        if (/success|replaced|connection:error|ended|left|joined/.test(message.type)) continue;
        server.last.say(message);
      }
    }
    expect(new Set(told).size).toBeGreaterThan(15);
    expect(told).toContain("custom:hint");
    expect(client.isConnected).toBe(true);
    await client.disconnect();
    vi.useRealTimers();
  });
});
