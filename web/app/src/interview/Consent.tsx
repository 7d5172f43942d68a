// Agreeing is a step of its own (I10): nothing is heard before it, and no is an answer.
import { useState } from "react";
import { consent } from "../texts.ts";
import { Button, Heading } from "../ui/parts.tsx";

interface ConsentProps {
  /** What the people who invite want to know, where they wrote it themselves. */
  asked: { text: string; purposes: readonly string[] } | null;
  /** Where it takes a moment: what it waits for. */
  onYes: () => unknown;
  onNo: () => unknown;
}

export function Consent({ asked, onYes, onNo }: ConsentProps) {
  const [missing, setMissing] = useState(false);
  const [leaving, setLeaving] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState(false);
  const boxes = asked
    ? asked.purposes.map((purpose) => consent.purposes[purpose] ?? consent.purpose(purpose))
    : [consent.voice, consent.ai, consent.people];
  const [ticked, setTicked] = useState<readonly boolean[]>(() => boxes.map(() => false));
  const all = ticked.every(Boolean);
  const answer = async (send: () => unknown) => {
    setBusy(true);
    setFailed(false);
    try {
      await send();
    } catch {
      setFailed(true);
    } finally {
      setBusy(false);
    }
  };
  const trouble = failed ? (
    <p className="notice bad" role="alert">
      {consent.failed}
    </p>
  ) : null;
  if (leaving) {
    return (
      <>
        <Heading>{consent.title}</Heading>
        <p className="lead">{consent.noSure}</p>
        {trouble}
        <div className="actions">
          <Button onClick={() => setLeaving(false)}>{consent.noBack}</Button>
          <Button kind="risky" onClick={() => answer(onNo)} disabled={busy}>
            {consent.noYes}
          </Button>
        </div>
      </>
    );
  }
  return (
    <>
      <Heading>{consent.title}</Heading>
      <p className="lead">{consent.lead}</p>
      {asked ? (
        <p className="panel wording" dir="auto">
          {asked.text}
        </p>
      ) : null}
      <fieldset className="plain-set">
        <legend className="hidden">{consent.title}</legend>
        {boxes.map((box, n) => (
          <label className="choice" key={box}>
            <input
              type="checkbox"
              checked={ticked[n] ?? false}
              aria-invalid={missing && !ticked[n] ? true : undefined}
              onChange={(event) => {
                const now = ticked.with(n, event.target.checked);
                setTicked(now);
                if (now.every(Boolean)) setMissing(false);
              }}
            />
            <span>{box}</span>
          </label>
        ))}
      </fieldset>
      <p className={missing ? "notice" : "hidden"} role="alert">
        {missing ? consent.must : null}
      </p>
      {trouble}
      <div className="actions">
        <Button
          kind="first"
          disabled={busy}
          onClick={() => (all ? void answer(onYes) : setMissing(true))}
        >
          {consent.yes}
        </Button>
        <Button kind="quiet" onClick={() => setLeaving(true)}>
          {consent.no}
        </Button>
      </div>
    </>
  );
}
