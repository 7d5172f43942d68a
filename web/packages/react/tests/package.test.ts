import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const folder = new URL("../src/", import.meta.url);

it("every module says that it is for clients, so that server components may import it", () => {
  for (const name of readdirSync(folder)) {
    const text = readFileSync(new URL(name, folder), "utf8");
    expect(text.startsWith('"use client";'), name).toBe(true);
  }
});

it("importing touches no page, no network and no device", async () => {
  expect(typeof document).toBe("undefined");
  await import("../src/index.ts");
  await import("../../client/src/audio/index.ts");
});
