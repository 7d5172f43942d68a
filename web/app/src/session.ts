// The app's hold on the SDK: one client for the page, its stores as React sees them, and what was
// said as lines for the eye. Everything about the wire is the SDK's.
import {
  createClient,
  type GreenroomClient,
  GreenroomError,
  type InterviewSession,
  type Store,
} from "@greenroom/client";
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
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

/** Everything that was said and asked, in order; `nameOf` says who speaks, null leaves it out. */
export function useLines(
  session: InterviewSession,
  nameOf: (userId: string) => string | null,
  questions: boolean,
) {
  const [lines, setLines] = useState<readonly Line[]>([]);
  const name = useRef(nameOf);
  useEffect(() => {
    name.current = nameOf;
  });
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const add = (line: Line) =>
      setLines((all) =>
        all.some((known) => known.key === line.key) ? all : [...all, line].slice(-3000),
      );
    session.on(
      "transcription:result",
      (said) => {
        if (!said.isFinal || "requestId" in said || !said.text) return;
        const typed = said.streamId === TYPED;
        add({
          kind: "said",
          key: `${said.seq}`,
          who: name.current(said.userId),
          text: said.text,
          typed,
        });
      },
      { signal },
    );
    session.on("transcription:gap", (gap) => add({ kind: "gap", key: `${gap.seq}` }), { signal });
    if (questions) {
      session.on(
        "question:asked",
        (q) =>
          add({ kind: "asked", key: `${q.seq}`, text: watch.asked(q.index + 1, q.total, q.text) }),
        { signal },
      );
    }
    return () => stop.abort();
  }, [session, questions]);
  return lines;
}

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
