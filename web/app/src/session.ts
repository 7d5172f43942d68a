// The app's hold on the SDK: one client for the page, its stores as React sees them, and what was
// said as lines for the eye. Everything about the wire is the SDK's.
import {
  createClient,
  type GreenroomClient,
  GreenroomError,
  type InterviewSession,
  type Store,
  Value,
} from "@greenroom/client";
import { useMemo, useSyncExternalStore } from "react";
import type { Link } from "./link.ts";
import { watch } from "./texts.ts";
import type { Growing, Line } from "./ui/Captions.tsx";

let client: GreenroomClient | null = null;
let owner = "";

/** The page's only client. */
export function clientFor(link: Link): GreenroomClient {
  if (!client || owner !== link.key) {
    void client?.disconnect();
    client = createClient({ token: link.key });
    owner = link.key;
  }
  return client;
}

export function useStore<T>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.getSnapshot);
}

export const codeOf = (error: unknown) => (error instanceof GreenroomError ? error.code : "other");

/** Whether trying again later can help: the network or the server, not the person. */
export const isPassing = (error: unknown) =>
  error instanceof GreenroomError && (error.retryable || error.code === "bad_answer");

/** The stream of what was typed instead of spoken. */
const TYPED = 0xffff_ffff;

/** What happened in an interview, with its place in the order. */
type Happened = { seq: number } & (
  | { kind: "said"; userId: string; text: string; typed: boolean }
  | { kind: "gap" }
  | { kind: "asked"; text: string }
);

const LINES_MAX = 3000;
/** By interview and not by page, so that a page that is shown again has what was said before. */
const noted = new WeakMap<InterviewSession, Value<readonly Happened[]>>();

function notesOf(session: InterviewSession): Value<readonly Happened[]> {
  const known = noted.get(session);
  if (known) return known;
  const notes = new Value<readonly Happened[]>([]);
  noted.set(session, notes);
  const add = (one: Happened) =>
    notes.update((all) => {
      if (all.some(({ seq }) => seq === one.seq)) return all;
      const next = [...all, one].slice(-LINES_MAX);
      // What was said before this page came is told late.
      return (all.at(-1)?.seq ?? 0) > one.seq ? next.toSorted((a, b) => a.seq - b.seq) : next;
    });
  session.on("transcription:result", (said) => {
    if (!said.isFinal || "requestId" in said || !said.text) return;
    const { seq, userId, text } = said;
    add({ kind: "said", seq, userId, text, typed: said.streamId === TYPED });
  });
  session.on("transcription:gap", ({ seq }) => add({ kind: "gap", seq }));
  session.on("question:asked", ({ seq, index, total, text }) =>
    add({ kind: "asked", seq, text: watch.asked(index + 1, total, text) }),
  );
  return notes;
}

/** Everything that was said and asked, in order; `nameOf` says who speaks, null leaves it out. */
export function useLines(
  session: InterviewSession,
  nameOf: (userId: string) => string | null,
): readonly Line[] {
  const all = useStore(notesOf(session));
  return useMemo(
    () =>
      all.map((one): Line => {
        const key = `${one.seq}`;
        if (one.kind === "gap") return { kind: "gap", key };
        if (one.kind === "asked") return { kind: "asked", key, text: one.text };
        return { kind: "said", key, who: nameOf(one.userId), text: one.text, typed: one.typed };
      }),
    [all, nameOf],
  );
}

/** Somebody's place in an interview, with what happened in it before they came. */
export function takePart(session: InterviewSession): Promise<unknown> {
  notesOf(session);
  return session.join({ history: true });
}

/** Turns a code from another device into a key for this one. */
export const redeem = (code: string) => createClient().api.redeemTransfer(code);

/** Words that are still being heard. */
export function useGrowing(
  session: InterviewSession,
  nameOf: (userId: string) => string | null,
): Growing[] {
  const { interim } = useStore(session.transcript);
  return useMemo(
    () =>
      interim.map((c) => ({
        key: `${c.userId} ${c.streamId} ${c.utterance}`,
        who: nameOf(c.userId),
        text: c.text,
        stable: c.stable,
      })),
    [interim, nameOf],
  );
}
