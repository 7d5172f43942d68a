// What will happen, how long, what is kept, who sees it, how AI is used: before anything begins.
import { useState } from "react";
import { roughly, start, took } from "../texts.ts";
import { Button, Heading } from "../ui/parts.tsx";
import type { PlanInfo } from "./plans.ts";

interface StartProps {
  name: string | null;
  title: string | null;
  /** The plan of this interview, where it has one. */
  plan: PlanInfo | null;
  /** Else one of these may be chosen. */
  choices: readonly PlanInfo[];
  onNext: (plan: string | null) => void;
}

export function Start({ name, title, plan, choices, onNext }: StartProps) {
  const [chosen, setChosen] = useState(
    choices.find((p) => p.id === "practice")?.id ?? choices[0]?.id ?? null,
  );
  const shown = plan ?? choices.find((p) => p.id === chosen) ?? null;
  const heading = title || plan?.title;
  return (
    <>
      <Heading>{start.title}</Heading>
      <p className="lead">
        {name ? `${start.hello(name)} ` : null}
        {heading ? <bdi>{start.about(heading)}</bdi> : null}
      </p>
      {plan === null && choices.length > 0 ? (
        <label className="field">
          <span>{start.choose}</span>
          <select value={chosen ?? ""} onChange={(event) => setChosen(event.target.value)}>
            {choices.map((p) => (
              <option key={p.id} value={p.id}>
                {p.title} ({start.planLine(p.questions, roughly(p.totalMs))})
              </option>
            ))}
          </select>
        </label>
      ) : null}
      <ul className="told">
        <li>
          <h2>{start.whatHappens}</h2>
          <p>
            {shown ? start.questions(shown.questions) : start.questionsUnknown} {start.clock}{" "}
            {shown?.extra ? start.extra(took(shown.extra.ms), shown.extra.times) : null}
          </p>
        </li>
        <li>
          <h2>{start.howLong}</h2>
          <p>{shown ? start.howLongIs(roughly(shown.totalMs)) : start.howLongUnknown}</p>
        </li>
        <li>
          <h2>{start.recorded}</h2>
          <p>{start.recordedBody}</p>
        </li>
        <li>
          <h2>{start.sees}</h2>
          <p>{start.seesBody}</p>
        </li>
        <li>
          <h2>{start.ai}</h2>
          <p>{start.aiBody}</p>
        </li>
        <li>
          <h2>{start.otherWay}</h2>
          <p>{start.otherWayBody}</p>
        </li>
      </ul>
      <div className="actions">
        <Button kind="first" onClick={() => onNext(plan ? null : chosen)}>
          {start.next}
        </Button>
      </div>
    </>
  );
}
