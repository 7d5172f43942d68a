// How an interview is, in one word, from what the server tells of it.
import type { LiveMember, SessionSummary } from "@greenroom/client";

/** A session in a list, with who is in it where that is known. */
export type LiveSession = SessionSummary & { members?: LiveMember[] };

export type Health = "good" | "waiting" | "unstable" | "stuck" | "finishing";

/** How an interview is, from what is known of it. */
export function healthOf(row: LiveSession, now: number): Health {
  const members = row.members ?? [];
  const candidate = members.find((m) => m.role === "candidate");
  if (row.status === "completing") return now - row.lastActivityAt > 60_000 ? "stuck" : "finishing";
  if (row.status === "scheduled") return "waiting";
  if (candidate?.state === "connected") return "good";
  if (members.length === 0 && now - row.lastActivityAt > 120_000) return "stuck";
  return "unstable";
}
