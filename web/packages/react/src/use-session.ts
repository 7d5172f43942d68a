"use client";
/** One interview in a component. */
import type {
  GreenroomError,
  InSession,
  InterviewSession,
  Question,
  SessionState,
  Suggestion,
  Transcript,
} from "@greenroom/client";
import { useEffect, useMemo, useState } from "react";
import { useClient } from "./context.tsx";
import { useStore } from "./stores.ts";

export interface UseSessionOptions {
  /** Join while mounted. Default false: call `join()`. */
  autoJoin?: boolean;
  /** Tell what happened before, too; see `JoinOptions`. Default false. */
  history?: boolean;
}

export interface UseInterviewSession {
  session: InterviewSession | null;
  state: SessionState;
  phase: SessionState["phase"];
  /** What is known while in it, also while the connection is lost; else null. */
  view: InSession | null;
  /** Why it could not be joined. */
  error: GreenroomError | null;
  /** Rejects as `session.join()` does. */
  join(): Promise<InSession>;
  leave(): Promise<void>;
  start(what?: { planId?: string; questions?: Question[] }): Promise<void>;
  answerDone(what?: { questionId?: string; skip?: boolean }): Promise<void>;
  extend(): Promise<void>;
  end(): Promise<void>;
}

const DETACHED: SessionState = { phase: "detached" };
const SILENCE: Transcript = { segments: [], interim: [] };
const NONE: readonly Suggestion[] = [];

/** The session of that id; null: not known yet. Unmounting never leaves it. */
export function useInterviewSession(
  id: string | null,
  { autoJoin = false, history = false }: UseSessionOptions = {},
): UseInterviewSession {
  const client = useClient();
  const session = useMemo(() => (id === null ? null : client.session(id)), [client, id]);
  const state = useStore(session?.state ?? null, DETACHED);
  useEffect(() => {
    if (!autoJoin || !session) return;
    // What goes wrong is in the state.
    session.join({ history }).catch(() => {});
  }, [session, autoJoin, history]);
  const actions = useMemo(() => {
    const of = () => session ?? client.session("");
    return {
      join: () => of().join({ history }),
      leave: () => of().leave(),
      start: async (what?: { planId?: string; questions?: Question[] }) => {
        await of().start(what);
      },
      answerDone: async (what?: { questionId?: string; skip?: boolean }) => {
        await of().answerDone(what);
      },
      extend: async () => {
        await of().extend();
      },
      end: async () => {
        await of().end();
      },
    };
  }, [client, session, history]);
  const view = "live" in state ? state : null;
  const error = "error" in state ? state.error : null;
  return { session, state, phase: state.phase, view, error, ...actions };
}

/** What is said: `segments` that stay, `interim` that may change. */
export function useTranscript(session: InterviewSession | null): Transcript {
  return useStore(session?.transcript ?? null, SILENCE);
}

export function useSuggestions(session: InterviewSession | null): readonly Suggestion[] {
  return useStore(session?.suggestions ?? null, NONE);
}

/**
 * Milliseconds until a server time (a deadline), never below 0; null without one. Renders once a
 * second, on the second of what is left.
 */
export function useCountdown(deadlineAt: number | null | undefined): number | null {
  const client = useClient();
  const [, tick] = useState(0);
  const left = deadlineAt == null ? null : Math.max(0, deadlineAt - client.serverNow());
  useEffect(() => {
    if (deadlineAt == null) return;
    let timer: ReturnType<typeof setTimeout>;
    const next = () => {
      const ms = deadlineAt - client.serverNow();
      if (ms <= 0) return;
      timer = setTimeout(
        () => {
          tick((n) => n + 1);
          next();
        },
        ms % 1000 || 1000,
      );
    };
    next();
    return () => clearTimeout(timer);
  }, [client, deadlineAt]);
  return left;
}
