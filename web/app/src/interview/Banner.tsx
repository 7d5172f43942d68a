// What is said when the connection is lost: nothing for two seconds, then what is safe, then when
// it is tried again. Never a box that stands in the way; spoken once, not at every try.
import type { ConnectionState } from "@greenroom/client";
import { useEffect, useRef, useState } from "react";
import { refused, connection as texts } from "../texts.ts";
import { Button, useNow } from "../ui/parts.tsx";
import { say, sayNow } from "../ui/say.ts";

export const QUIET_MS = 2_000;
const LONGER_MS = 10_000;
const LONG_MS = 60_000;
/** Closed because of something the page itself tells about. */
const FINE: readonly string[] = ["by_client", "session_ended", "replaced"];
const BACK_MS = 5_000;

interface BannerProps {
  state: ConnectionState;
  /** Whether somebody is speaking into a microphone here. */
  speaking: boolean;
  /** Whether sound was dropped while the connection was away. */
  dropped: boolean;
  restarting: boolean;
  onTry: () => void;
}

export function ConnectionBanner({ state, speaking, dropped, restarting, onTry }: BannerProps) {
  const now = useNow(250);
  const lost = state.status === "reconnecting";
  const since = lost ? state.since : 0;
  const visible = lost && now - since >= QUIET_MS;
  const sentence = restarting ? texts.restarting : speaking ? texts.lost : texts.lostQuiet;
  const back = useBack(visible, lost, dropped, sentence);
  if (visible) {
    const wait = state.nextAttemptAt
      ? Math.max(0, Math.ceil((state.nextAttemptAt - now) / 1000))
      : 0;
    const long = now - since >= LONG_MS;
    return (
      <aside className="banner notice" data-banner="lost" aria-label={texts.about}>
        <p>
          <strong>{long ? texts.longTitle : sentence}</strong>
          {now - since < LONGER_MS
            ? null
            : long
              ? texts.longBody
              : state.waitingFor === "network"
                ? texts.offline
                : wait > 0
                  ? texts.longer(wait)
                  : texts.trying}
        </p>
        {now - since >= LONGER_MS ? (
          <Button kind="small" onClick={onTry}>
            {texts.tryNow}
          </Button>
        ) : null}
      </aside>
    );
  }
  if (state.status === "closed" && !FINE.includes(state.reason)) {
    const { title, body } = refused[state.error?.code ?? ""] ?? texts.closed;
    return (
      <aside className="banner notice bad" data-banner="closed" aria-label={texts.about}>
        <p>
          <strong>{title}</strong>
          {body}
        </p>
        {state.canReconnect ? (
          <Button kind="small" onClick={onTry}>
            {texts.tryNow}
          </Button>
        ) : null}
      </aside>
    );
  }
  if (back) {
    return (
      <aside className="banner notice good" data-banner="back" aria-label={texts.about}>
        <p>{back}</p>
      </aside>
    );
  }
  return null;
}

/** What is said when it is over, for a few seconds; and both ends are spoken. */
function useBack(
  visible: boolean,
  lost: boolean,
  dropped: boolean,
  sentence: string,
): string | null {
  const shown = useRef(false);
  const [back, setBack] = useState<string | null>(null);
  useEffect(() => {
    if (visible && !shown.current) {
      shown.current = true;
      sayNow(sentence);
    }
    if (!lost && shown.current) {
      shown.current = false;
      const text = dropped ? texts.backWithGap : texts.back;
      setBack(text);
      say(text);
    }
  }, [visible, lost, dropped, sentence]);
  useEffect(() => {
    if (!back) return;
    const timer = setTimeout(() => setBack(null), BACK_MS);
    return () => clearTimeout(timer);
  }, [back]);
  return back;
}
