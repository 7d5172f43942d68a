"use client";
/** The way out, and the way back in. */
import { type ActiveSession, GreenroomError } from "@greenroom/client";
import { useCallback, useEffect, useRef, useState } from "react";
import { useClient } from "./context.tsx";

/** Ending may take so long before the page leads on all the same. */
const END_MS = 5_000;

export interface UseSessionExit {
  /** Ends the session, then leads on; also when ending failed. Called twice, it ends once. */
  handleExitSession(destination?: string): Promise<void>;
  isExiting: boolean;
  /** Why ending failed. The page has been led on. */
  error: GreenroomError | null;
}

/** `onExit` leads on: to the dashboard, to a thank-you page. */
export function useSessionExit(
  sessionId: string | null,
  onExit?: (destination?: string) => void,
): UseSessionExit {
  const client = useClient();
  const [isExiting, setExiting] = useState(false);
  const [error, setError] = useState<GreenroomError | null>(null);
  const running = useRef<Promise<void> | null>(null);
  const latest = useLatest(onExit);
  const handleExitSession = useCallback(
    (destination?: string) => {
      running.current ??= (async () => {
        setExiting(true);
        setError(null);
        try {
          if (sessionId !== null) await client.api.endSession(sessionId, { timeoutMs: END_MS });
        } catch (cause) {
          const session = client.session(sessionId ?? "");
          // The other way to say it, if there is one.
          const again = session.isLive ? session.end({ timeoutMs: END_MS }) : Promise.reject(cause);
          await again.catch((failed) => setError(failed as GreenroomError));
        }
        setExiting(false);
        running.current = null;
        latest.current?.(destination);
      })();
      return running.current;
    },
    [client, sessionId, latest],
  );
  return { handleExitSession, isExiting, error };
}

export interface UseActiveSession {
  status: "checking" | "none" | "found" | "clearing" | "failed";
  active: ActiveSession | null;
  error: GreenroomError | null;
  /** Ends it, so that another can begin. */
  clear(): Promise<void>;
  /** Looks again. */
  refresh(): Promise<void>;
}

/** "You have an unfinished interview": looks for the caller's open session once mounted. */
export function useActiveSession(): UseActiveSession {
  const client = useClient();
  const [found, setFound] = useState<Omit<UseActiveSession, "clear" | "refresh">>({
    status: "checking",
    active: null,
    error: null,
  });
  const failed = useCallback((cause: unknown) => {
    const error =
      cause instanceof GreenroomError ? cause : new GreenroomError("internal", String(cause));
    if (error.code !== "canceled") setFound((f) => ({ ...f, status: "failed", error }));
  }, []);
  const look = useCallback(
    async (signal?: AbortSignal) => {
      try {
        const active = await client.api.activeSession(signal ? { signal } : {});
        setFound({ status: active ? "found" : "none", active, error: null });
      } catch (cause) {
        failed(cause);
      }
    },
    [client, failed],
  );
  useEffect(() => {
    const stop = new AbortController();
    void look(stop.signal);
    return () => stop.abort();
  }, [look]);
  const refresh = useCallback(async () => {
    setFound((f) => ({ ...f, status: "checking", error: null }));
    await look();
  }, [look]);
  const clear = useCallback(async () => {
    setFound((f) => ({ ...f, status: "clearing", error: null }));
    try {
      await client.api.clearActiveSession();
      setFound({ status: "none", active: null, error: null });
    } catch (cause) {
      failed(cause);
    }
  }, [client, failed]);
  return { ...found, clear, refresh };
}

/** The newest value in a callback that stays the same. */
export function useLatest<T>(value: T): { readonly current: T } {
  const ref = useRef(value);
  useEffect(() => {
    ref.current = value;
  });
  return ref;
}
