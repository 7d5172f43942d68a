// The card somebody sees whose earlier interview is still open (C6). It is the page, not a box in
// front of one: nothing traps, nothing hurries.
import { useState } from "react";
import { ago, recovery, roughly } from "../texts.ts";
import { Button, Heading, Support, useNow, Waiting } from "../ui/parts.tsx";

export interface Unfinished {
  id: string;
  title: string | null;
  finishing: boolean;
  /** When it began, milliseconds. */
  began: number;
  lastSeen: number | null;
  endsAt: number | null;
  question: { number: number; of: number } | null;
  /** Whether it is open somewhere; null: not known. */
  elsewhere: boolean;
}

interface RecoveryProps {
  found: Unfinished;
  onContinue: () => void;
  onClear: () => Promise<void>;
}

const day = new Intl.DateTimeFormat("en", { weekday: "long", hour: "numeric", minute: "2-digit" });

export function Recovery({ found, onContinue, onClear }: RecoveryProps) {
  const now = useNow(10_000);
  const [asked, setAsked] = useState(false);
  const [clearing, setClearing] = useState(false);
  const clear = async () => {
    setClearing(true);
    try {
      await onClear();
    } catch {
      setClearing(false);
      setAsked(false);
    }
  };
  return (
    <section className="recovery">
      <Heading>{recovery.title}</Heading>
      <div className="card">
        {found.title ? (
          <p>
            <strong>
              <bdi>{found.title}</bdi>
            </strong>
          </p>
        ) : null}
        <p>{recovery.began(day.format(found.began), ago(now - found.began))}</p>
        <p>
          {found.finishing
            ? recovery.closing
            : found.question
              ? recovery.far(found.question.number, found.question.of)
              : recovery.farUnknown}
        </p>
        {found.endsAt && found.endsAt > now && !found.finishing ? (
          <p>{recovery.timeLeft(roughly(found.endsAt - now))}</p>
        ) : null}
        <p>{found.elsewhere ? recovery.openElsewhere : recovery.openNowhere}</p>
        {found.lastSeen && !found.elsewhere ? (
          <p>{recovery.lastSeen(ago(now - found.lastSeen))}</p>
        ) : null}
      </div>
      {clearing ? (
        <Waiting>{recovery.clearing}</Waiting>
      ) : asked ? (
        <div className="notice">
          <strong>{recovery.clearSure}</strong>
          <p>{recovery.clearHint}</p>
          <div className="actions">
            <Button onClick={() => setAsked(false)} autoFocus>
              {recovery.clearNo}
            </Button>
            <Button kind="risky" onClick={clear}>
              {recovery.clearYes}
            </Button>
          </div>
        </div>
      ) : (
        <div className="actions">
          <Button kind="first" onClick={onContinue} disabled={found.finishing}>
            {recovery.continueHere}
          </Button>
          <Button onClick={() => setAsked(true)}>{recovery.clear}</Button>
        </div>
      )}
      <p className="note soft">{recovery.continueHint}</p>
      <Support reference={found.id} />
    </section>
  );
}

/** When the server does not answer: what is kept here is said, and it looks again by itself. */
export function Unreachable({ seconds, onNow }: { seconds: number; onNow: () => void }) {
  return (
    <section>
      <Heading>{recovery.unreachable}</Heading>
      <p className="lead">{recovery.unreachableBody(seconds)}</p>
      <div className="actions">
        <Button kind="first" onClick={onNow}>
          {recovery.checkNow}
        </Button>
      </div>
    </section>
  );
}
