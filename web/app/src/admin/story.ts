// The server's account of an interview, as sentences.
import type { GreenroomClient } from "@greenroom/client";
import { admin, type Reason, reasons, watch } from "../texts.ts";

export interface Chapter {
  key: string;
  at: number;
  text: string;
}

interface Entry {
  at: number;
  kind?: string;
  type?: string;
  userId?: string;
  role?: string;
  reason?: string;
  [more: string]: unknown;
}

export async function storyOf(client: GreenroomClient, id: string): Promise<Chapter[]> {
  const path = `/api/sessions/${encodeURIComponent(id)}/story`;
  const answer = await client.api.request<{ story?: Entry[]; events?: Entry[]; entries?: Entry[] }>(
    path,
  );
  const entries = answer.story ?? answer.entries ?? answer.events ?? [];
  return entries.map((entry, n) => ({ key: `${n}`, at: Number(entry.at), text: sentence(entry) }));
}

const texts = admin.story;

function sentence(entry: Entry): string {
  const what = entry.kind ?? entry.type ?? "";
  const known = texts.kinds[what];
  const text = known ?? what.replaceAll(/[_:]/g, " ");
  const who = entry.userId ? ` ${entry.userId}` : "";
  const role = entry.role ? ` (${watch.roles[entry.role] ?? entry.role})` : "";
  const reason = entry.reason ? `: ${reasons[entry.reason as Reason] ?? entry.reason}` : "";
  return `${text}${who}${role}${reason}`;
}
