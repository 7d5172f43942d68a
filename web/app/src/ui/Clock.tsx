// The time that is left, from the server's deadline and clock: never counted here, because browsers
// slow down what ticks in the background.
import { useEffect, useRef, useState } from "react";
import { live } from "../texts.ts";
import { Button, useNow } from "./parts.tsx";
import { say } from "./say.ts";
import { left, warnFrom } from "./time.ts";

export interface ClockProps {
  startedAt: number;
  deadlineAt: number;
  /** What the server's clock shows, milliseconds. */
  serverNow: () => number;
  /** Said aloud at half time and at the end; false for people who only watch. */
  speaks?: boolean;
  hideable?: boolean;
}

/** Where something is said: with a minute to go, and with 20 seconds. The end is the server's. */
const POINTS = [60_000, 20_000];

export function Clock({ startedAt, deadlineAt, serverNow, speaks, hideable }: ClockProps) {
  useNow(250);
  const [hidden, setHidden] = useState(false);
  const whole = Math.max(1, deadlineAt - startedAt);
  const rest = Math.max(0, deadlineAt - serverNow());
  const near = rest <= warnFrom(whole);
  useSpoken(rest, whole, deadlineAt, speaks === true);
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => bar.current?.style.setProperty("--part", String(Math.min(1, rest / whole))));
  return (
    <div className="clock-row">
      {hidden && !near ? (
        <span className="time">{live.clockHidden}</span>
      ) : (
        <>
          <span className={near ? "time near" : "time"} role="timer" aria-label={live.time}>
            {left(rest)}
          </span>
          <div className={near ? "bar near" : "bar"} aria-hidden="true">
            <div ref={bar} />
          </div>
        </>
      )}
      {hideable ? (
        <Button kind="quiet small" onClick={() => setHidden(!hidden)} aria-pressed={hidden}>
          {hidden ? live.showClock : live.hideClock}
        </Button>
      ) : null}
    </div>
  );
}

function useSpoken(rest: number, whole: number, deadlineAt: number, speaks: boolean) {
  const said = useRef({ deadlineAt, last: Number.POSITIVE_INFINITY });
  useEffect(() => {
    const known = said.current;
    if (known.deadlineAt !== deadlineAt) {
      known.deadlineAt = deadlineAt;
      known.last = rest;
    }
    if (!speaks) return;
    for (const point of POINTS) {
      if (point < whole * 0.75 && known.last > point && rest <= point) {
        say(live.warn(left(point)));
        break;
      }
    }
    known.last = rest;
  });
}
