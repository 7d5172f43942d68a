import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as texts from "../src/texts.ts";

const src = join(import.meta.dirname, "../src");

/** Every sentence, the ones with gaps filled by something harmless. */
function sentences(value: unknown, path = ""): { path: string; text: string }[] {
  if (typeof value === "string") return [{ path, text: value }];
  if (typeof value === "function") {
    const filled =
      value.length === 3 ? value(2, 3, "five minutes") : value(path.endsWith("es") ? "2" : 2, 3);
    return typeof filled === "string" ? [{ path, text: filled }] : [];
  }
  if (value && typeof value === "object") {
    return Object.entries(value).flatMap(([key, inner]) =>
      sentences(inner, path ? `${path}.${key}` : key),
    );
  }
  return [];
}

const all = sentences(texts);
/** What candidates read; the admin's page may speak of servers. */
const forCandidates = all.filter(({ path }) => !/^(admin|watch|reasons)\b/.test(path));

const JARGON =
  /\b(sessions?|sockets?|websocket|tokens?|epoch|stale|null|undefined|ids?|uuid|json web|jwt|payload|endpoint|api|http|timeout|timed out|reconnect\w*|disconnect\w*|buffer\w*|stream\w*|latency|exception|error code|client|backend|database|cache|sync\w*|initiali[sz]\w*|authenticat\w*|authori[sz]\w*|seat generation|transcri\w*|upload\w*|resume key|heartbeat|ping)\b/i;

describe("the texts", () => {
  it("are all found by this test", () => {
    expect(all.length).toBeGreaterThan(250);
  });

  it("hold no word of the people who built it", () => {
    const found = forCandidates.filter(({ text }) => JARGON.test(text));
    expect(found).toEqual([]);
  });

  it("say nothing of sockets and tokens even to admins", () => {
    expect(
      all.filter(({ text }) =>
        /\b(socket|token|websocket|session id|epoch|undefined)\b/i.test(text),
      ),
    ).toEqual([]);
  });

  it("can be read at the age of eleven", () => {
    const prose = forCandidates
      .map(({ text }) => text)
      .filter((text) => /[.?!]$/.test(text) && text.split(" ").length > 3);
    expect(prose.length).toBeGreaterThan(80);
    expect(gradeOf(prose.join(" "))).toBeLessThan(5.5);
    const long = prose
      .flatMap((text) => text.split(/(?<=[.?!:])\s/))
      .filter((sentence) => sentence.split(/\s+/).length > 22);
    expect(long).toEqual([]);
  });

  it("are not in the parts that show them", () => {
    const parts = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".tsx"),
    );
    expect(parts.length).toBeGreaterThan(15);
    for (const name of parts) {
      const code = readFileSync(join(src, name), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
      // Words between tags, and in attributes that are read out.
      const inTags = [...code.matchAll(/(?<![=>])>\s*([A-Z][a-z]+[^<>{}=;()]*?)\s*<\//g)].map(
        (m) => m[1],
      );
      const inNames = [...code.matchAll(/(?:aria-label|title|placeholder|alt)="([^"]+)"/g)].map(
        (m) => m[1],
      );
      expect([name, ...inTags, ...inNames]).toEqual([name]);
    }
  });

  it("know every reason an interview can end for", () => {
    expect(Object.keys(texts.ended).sort()).toEqual(Object.keys(texts.reasons).sort());
  });
});

describe("spans of time", () => {
  it("are told as people tell them", () => {
    expect([0, 1_000, 59_000, 60_000, 3_600_000, 5_400_000].map(texts.took)).toEqual([
      "0 seconds",
      "1 second",
      "59 seconds",
      "1 minute",
      "1 hour",
      "1 hour 30 minutes",
    ]);
    expect(texts.roughly(20_000)).toBe("less than a minute");
    expect(texts.roughly(300_000)).toBe("about 5 minutes");
    expect(texts.ago(1_000)).toBe("just now");
  });
});

/** The Flesch-Kincaid grade: 5 is what a child of ten or eleven reads. */
function gradeOf(text: string): number {
  const count = text.split(/[.?!:]+\s/).filter(Boolean).length;
  const words = text.match(/[a-z']+/gi) ?? [];
  const syllables = words.reduce((n, word) => {
    const core = word.toLowerCase().replace(/(?:[^laeiouy]es|ed|[^laeiouy]e)$/, "");
    return n + Math.max(1, (core.match(/[aeiouy]{1,2}/g) ?? []).length);
  }, 0);
  return 0.39 * (words.length / count) + 11.8 * (syllables / words.length) - 15.59;
}
