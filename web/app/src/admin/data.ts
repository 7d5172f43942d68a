// What the admin page asks the server for, and how it asks again. Only the public API.
import type { Answer, GreenroomClient, Routes } from "@greenroom/client";
import { useCallback, useEffect, useRef, useState } from "react";
import type { LiveSession } from "./health.ts";

export interface Loaded<T> {
  value: T | null;
  failed: unknown;
  /** When the value came, milliseconds. */
  at: number;
  again: () => void;
}

/** Asks, and asks again every so often while the page is in front. */
export function useLoaded<T>(ask: () => Promise<T>, everyMs: number): Loaded<T> {
  const [state, setState] = useState<Omit<Loaded<T>, "again">>({
    value: null,
    failed: null,
    at: 0,
  });
  const latest = useRef(ask);
  useEffect(() => {
    latest.current = ask;
  });
  const again = useCallback(() => {
    latest.current().then(
      (value) => setState({ value, failed: null, at: Date.now() }),
      (failed) => setState((before) => ({ ...before, failed })),
    );
  }, []);
  useEffect(() => {
    again();
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") again();
    }, everyMs);
    return () => clearInterval(timer);
  }, [again, everyMs]);
  return { ...state, again };
}

const list = (client: GreenroomClient, query: Routes["listSessions"]["query"]) =>
  client.api.request<Answer<"listSessions">>("/api/sessions", { query: { ...query } });

/** What runs or waits to, with who is in. */
export async function liveSessions(client: GreenroomClient): Promise<LiveSession[]> {
  const pages = await Promise.all(
    (["active", "completing", "scheduled"] as const).map((status) =>
      list(client, { status, limit: 50 }),
    ),
  );
  const rows = pages.flatMap((page) => page.sessions);
  // A room's members are in the answer about one session only.
  const full: LiveSession[] = await Promise.all(
    rows.slice(0, 60).map((row) => client.api.session(row.id).catch(() => row)),
  );
  return full.filter((row) => row.status !== "ended");
}

export const recentlyEnded = async (client: GreenroomClient) =>
  (await list(client, { status: "ended", limit: 20 })).sessions;

/** Ends by reason in stretches of so many milliseconds. */
export const closures = (client: GreenroomClient, from: number, to: number, bucket: number) =>
  client.api.request<Answer<"closures">>("/api/analytics/closures", {
    query: { from, to, bucket },
  });

export const closedConnections = async (client: GreenroomClient) =>
  (await client.api.request<Answer<"closedConnections">>("/api/connections/closed")).connections;
