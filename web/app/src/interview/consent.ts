// What the plan wants agreed to before anything is heard (I10): asked by the server, answered to it.
import type { ClientMessage, InterviewSession } from "@greenroom/client";
import { useEffect, useState } from "react";

export interface Asked {
  version: string;
  text: string;
  purposes: readonly string[];
  give: () => void;
  decline: () => void;
}

/** The open question of consent; null: there is none. */
export function useConsent(session: InterviewSession): Asked | null {
  const [asked, setAsked] = useState<Omit<Asked, "give" | "decline"> | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const on = session.on as unknown as (
      name: string,
      listener: (event: { version: string; text: string; purposes: string[] }) => void,
      options: { signal: AbortSignal },
    ) => void;
    on.call(
      session,
      "consent:request",
      ({ version, text, purposes }) => setAsked({ version, text, purposes }),
      { signal },
    );
    on.call(session, "consent:given", () => setAsked(null), { signal });
    on.call(session, "consent:declined", () => setAsked(null), { signal });
    return () => stop.abort();
  }, [session]);
  if (!asked) return null;
  const answer = (type: string) => () => {
    const message = { type, version: asked.version } as unknown as ClientMessage;
    session.request(message).then(
      () => setAsked(null),
      () => {},
    );
  };
  return { ...asked, give: answer("consent:give"), decline: answer("consent:decline") };
}
