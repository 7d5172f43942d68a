// What the admin page asks the server for, and how it asks again. Only the public API.
import type { EndReason, GreenroomClient, SessionRecord } from "@greenroom/client";
import { useCallback, useEffect, useRef, useState } from "react";
import type { LiveSession } from "./health.ts";

export interface Figures {
  activeSessions: number;
  questionTimers: number;
  socketMappings: number;
  cleanedUpTotal: number;
  memory: { rss: number; heapTotal: number; heapUsed: number; external: number };
  activeInterviewSessions: { rows: number; oldestAgeMs: number | null } | null;
}

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

interface List {
  sessions: SessionRecord[];
  next: string | null;
}

const list = (client: GreenroomClient, query: Record<string, string | number | undefined>) =>
  client.api.request<List>("/api/sessions", { query });

/** What runs or waits to, with who is in. */
export async function liveSessions(client: GreenroomClient): Promise<LiveSession[]> {
  const pages = await Promise.all(
    ["active", "completing", "scheduled"].map((status) => list(client, { status, limit: 50 })),
  );
  const rows = pages.flatMap((page) => page.sessions);
  // A room's members are in the answer about one session only.
  const full = await Promise.all(
    rows
      .slice(0, 60)
      .map((row) => ("members" in row ? row : client.api.session(row.id).catch(() => row))),
  );
  return full.filter((row) => row.status !== "ended") as LiveSession[];
}

export const recentlyEnded = async (client: GreenroomClient) =>
  (await list(client, { status: "ended", limit: 20 })).sessions;

export interface Closed {
  buckets: { from: number; reasons: Partial<Record<EndReason, number>> }[];
}

/** Ends by reason in stretches of so many milliseconds. */
export const closures = (client: GreenroomClient, from: number, to: number, bucket: number) =>
  client.api.request<Closed>("/api/analytics/closures", { query: { from, to, bucket } });

export interface ClosedConnection {
  connectionId: string;
  userId: string;
  sessionId?: string;
  closedAt: number;
  reason: string;
}

export const closedConnections = async (client: GreenroomClient) =>
  (await client.api.request<{ connections: ClosedConnection[] }>("/api/connections/closed"))
    .connections;
