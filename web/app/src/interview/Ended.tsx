// How it ended, in words, and the way on.
import type { SessionState } from "@greenroom/client";
import { after, ended, type Reason, took } from "../texts.ts";
import { Button, Heading, Support } from "../ui/parts.tsx";

type Over = Extract<SessionState, { phase: "ended" }>;

interface EndedProps {
  id: string;
  state: Over;
  onReport: (() => void) | null;
  onAgain: (() => void) | null;
}

export function Ended({ id, state, onReport, onAgain }: EndedProps) {
  const reason: Reason = state.reason ?? "completed";
  const { title, body } =
    state.reason === null ? { title: after.over, body: after.overBody } : ended[reason];
  const { result } = state;
  return (
    <section data-reason={state.reason ?? ""}>
      <Heading>{title}</Heading>
      <p className="lead">{body}</p>
      {result && result.asked > 0 ? (
        <p>{after.facts(result.answered, result.asked, took(result.durationMs))}</p>
      ) : null}
      {state.recorded ? null : <p className="notice">{after.notSaved}</p>}
      <div className="panel">
        <h2 className="label">{after.next}</h2>
        <p>{reason === "declined" || reason === "expired" ? after.askNew : after.nextBody}</p>
        <p>{after.close}</p>
      </div>
      <div className="actions">
        {onReport && (state.reportUrl || result) ? (
          <Button kind="first" onClick={onReport}>
            {after.report}
          </Button>
        ) : null}
        {onAgain ? <Button onClick={onAgain}>{after.again}</Button> : null}
      </div>
      <Support reference={id} />
    </section>
  );
}
