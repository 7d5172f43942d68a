// The server's account of an interview, as sentences.
import type { Answer, GreenroomClient, StoryLine } from "@greenroom/client";
import { admin } from "../texts.ts";

export interface Chapter {
  key: string;
  at: number;
  text: string;
}

export async function storyOf(client: GreenroomClient, id: string): Promise<Chapter[]> {
  const path = `/api/sessions/${encodeURIComponent(id)}/story`;
  const { lines } = await client.api.request<Answer<"sessionStory">>(path);
  return lines.map((line, n) => ({ key: `${n}`, at: line.at, text: sentence(line) }));
}

function sentence({ what, userId, detail }: StoryLine): string {
  const known = admin.story.kinds[what] ?? what.replaceAll(/[_:]/g, " ");
  const who = userId ? ` ${userId}` : "";
  const more = detail ? ` (${detail.replaceAll("_", " ")})` : "";
  return `${known}${who}${more}`;
}
