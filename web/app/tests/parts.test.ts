import { describe, expect, it, vi } from "vitest";
import { addressFor } from "../src/address.ts";
import { filled, kindOf, step } from "../src/admin/buckets.ts";
import { healthOf, type LiveSession } from "../src/admin/health.ts";
import { codeIn, read, spelled } from "../src/link.ts";
import { parse } from "../src/route.ts";
import { left, warnFrom } from "../src/ui/time.ts";

const key = (claims: object) =>
  `x.${btoa(JSON.stringify(claims)).replaceAll("=", "").replaceAll("+", "-").replaceAll("/", "_")}.y`;

describe("a link", () => {
  it("says who comes, as what, and where they belong", () => {
    const link = read(key({ sub: "ana", role: "candidate", session: "s 1", exp: 1000 }));
    expect(link).toMatchObject({
      user: "ana",
      role: "candidate",
      only: "s 1",
      until: 1_000_000,
      name: null,
    });
    expect(link && addressFor(link)).toBe("/interview/s%201");
    for (const [role, address] of [
      ["admin", "/admin"],
      ["observer", "/watch"],
      ["interviewer", "/watch"],
      [undefined, "/interview"],
    ] as const) {
      const other = read(key({ sub: "x", role }));
      expect(other && addressFor(other)).toBe(address);
    }
  });

  it("that is none is no link", () => {
    for (const text of ["", "x", "a.b.c", "a.!!.c", key({}), key({ sub: 7 }), `x.${btoa("[1]")}.y`])
      expect(read(text)).toBeNull();
  });

  it("may hold any letters in a name", () => {
    const bytes = new TextEncoder().encode(JSON.stringify({ sub: "a", name: "Zoë 李" }));
    expect(read(`x.${btoa(String.fromCharCode(...bytes))}.y`)?.name).toBe("Zoë 李");
  });
});

describe("a code from another device", () => {
  it("is found however it is typed, and in its link", () => {
    vi.stubGlobal("location", { origin: "https://iv.example.org" });
    for (const text of [
      "K7QX9M2TRB",
      "k7qx9-m2trb",
      " k7qx9 m2trb ",
      "https://iv.example.org/?transfer=K7QX9M2TRB",
    ])
      expect(codeIn(text)).toBe("K7QX9M2TRB");
    for (const text of [
      "",
      "K7QX9",
      "K7QX9M2TRBX",
      "https://elsewhere.example.org/?transfer=K7QX9M2TRB",
      "https://iv.example.org/interview/K7QX9M2TRB",
    ])
      expect(codeIn(text)).toBeNull();
    expect(spelled("K7QX9M2TRB")).toBe("K7QX9-M2TRB");
    vi.unstubAllGlobals();
  });
});

describe("an address", () => {
  it("means one page, or none", () => {
    expect(parse("/")).toEqual({ page: "home" });
    expect(parse("/check")).toEqual({ page: "check" });
    expect(parse("/interview")).toEqual({ page: "interview", id: null });
    expect(parse("/interview/a%20b")).toEqual({ page: "interview", id: "a b" });
    expect(parse("/watch/a,b,,c")).toEqual({ page: "watch", ids: ["a", "b", "c"] });
    expect(parse("/report/x")).toEqual({ page: "report", id: "x" });
    expect(parse("/report")).toEqual({ page: "nowhere" });
    expect(parse("/admin")).toEqual({ page: "admin", part: "live" });
    expect(parse("/admin/plans/x")).toEqual({ page: "nowhere" });
    expect(parse("/watch/%E0%A4%A")).toEqual({ page: "watch", ids: ["%E0%A4%A"] });
  });
});

describe("the time that is left", () => {
  it("is minutes first and seconds only in the last one", () => {
    expect(left(125_000)).toBe("About 3 minutes left");
    expect(left(60_001)).toBe("About 2 minutes left");
    expect(left(60_000)).toBe("60 seconds left");
    expect(left(900)).toBe("1 second left");
    expect(left(0)).toBe("Time is up");
  });

  it("is warned about for twenty seconds at least", () => {
    expect(warnFrom(5_000)).toBe(20_000);
    expect(warnFrom(60_000)).toBe(30_000);
    expect(warnFrom(600_000)).toBe(60_000);
  });
});

describe("how interviews end", () => {
  it("is sorted into stretches of time, the empty ones, too", () => {
    const hour = 3_600_000;
    const found = [
      { from: 99 * hour, reasons: { abandoned: 2 } },
      { from: 100 * hour, reasons: { completed: 1 } },
    ];
    const all = filled(found, 98 * hour, 3, hour);
    expect(all.map(({ from, counts }) => [from / hour, counts])).toEqual([
      [98, {}],
      [99, { abandoned: 2 }],
      [100, { completed: 1 }],
    ]);
    expect(
      ["completed", "abandoned", "server_crash"].map((reason) => kindOf(reason as "completed")),
    ).toEqual(["good", "early", "broken"]);
    expect([1, 4, 11, 60, 999].map(step)).toEqual([1, 1, 5, 20, 200]);
  });
});

describe("the health of an interview", () => {
  const row = (more: Partial<LiveSession>) =>
    ({
      id: "s",
      title: "",
      status: "active",
      createdAt: 0,
      lastActivityAt: 1_000_000,
      ...more,
    }) as LiveSession;
  const member = (role: "candidate" | "observer", state: "connected" | "disconnected") => ({
    userId: role,
    role,
    state,
  });

  it("is a word that says what to do", () => {
    const now = 1_000_000;
    expect(healthOf(row({ members: [member("candidate", "connected")] }), now)).toBe("good");
    expect(
      healthOf(
        row({ members: [member("candidate", "disconnected"), member("observer", "connected")] }),
        now,
      ),
    ).toBe("unstable");
    expect(healthOf(row({ members: [] }), now + 300_000)).toBe("stuck");
    expect(healthOf(row({ status: "scheduled" }), now)).toBe("waiting");
    expect(healthOf(row({ status: "completing" }), now)).toBe("finishing");
    expect(healthOf(row({ status: "completing" }), now + 120_000)).toBe("stuck");
  });
});
