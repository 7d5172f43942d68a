// The plans there are, with their questions.
import type { GreenroomClient } from "@greenroom/client";
import { admin, app, roughly, took } from "../texts.ts";
import { Waiting } from "../ui/parts.tsx";
import { useLoaded } from "./data.ts";

const texts = admin.plans;

export function Plans({ client }: { client: GreenroomClient }) {
  const loaded = useLoaded(() => client.api.plans(), 60_000);
  if (loaded.value === null) {
    return loaded.failed ? (
      <p className="notice">{admin.failed}</p>
    ) : (
      <Waiting>{app.loading}</Waiting>
    );
  }
  if (loaded.value.length === 0) return <p className="panel">{texts.none}</p>;
  return (
    <div className="plans">
      {loaded.value.map((plan) => (
        <article className="card" key={plan.id} data-plan={plan.id}>
          <h2 dir="auto">{plan.title}</h2>
          <p className="soft">{texts.line(plan.questionCount, roughly(plan.totalLimitMs))}</p>
          {plan.description ? <p dir="auto">{plan.description}</p> : null}
          {plan.questions ? (
            <ol className="asks">
              {plan.questions.map((question) => (
                <li key={question.id} dir="auto">
                  {question.text}{" "}
                  <span className="soft">({texts.seconds(took(question.limitMs))})</span>
                </li>
              ))}
            </ol>
          ) : null}
        </article>
      ))}
    </div>
  );
}
