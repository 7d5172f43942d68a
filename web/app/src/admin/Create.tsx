// A new interview and a link for each person in it.
import type { CreatedSession, GreenroomClient, Invitation, PlanSummary } from "@greenroom/client";
import { type FormEvent, useEffect, useState } from "react";
import { addressFor } from "../address.ts";
import { read } from "../link.ts";
import { admin, roughly, start, watch } from "../texts.ts";
import { Button, CopyButton } from "../ui/parts.tsx";

const texts = admin.create;

/** Somebody with a token to come in with; servers whose tokens are signed elsewhere give none. */
type Invited = Invitation & { token: string };

const invitations = (made: CreatedSession): Invited[] =>
  made.join?.people.filter((one): one is Invited => one.token !== undefined) ?? [];

/** The address that lets this person in; the key stands behind the `#`. */
export function linkOf(invitation: Invited): string {
  const link = read(invitation.token);
  return `${location.origin}${link ? addressFor(link) : "/"}#token=${invitation.token}`;
}

export function Create({ client, onMade }: { client: GreenroomClient; onMade: () => void }) {
  const [plans, setPlans] = useState<PlanSummary[]>([]);
  const [made, setMade] = useState<CreatedSession | null>(null);
  const [failed, setFailed] = useState<string | null>(null);
  useEffect(() => {
    client.api.plans().then(setPlans, () => {});
  }, [client]);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const text = (name: string) => String(fields.get(name) ?? "").trim();
    const interviewer = text("interviewer");
    setFailed(null);
    try {
      const body = {
        ...(text("title") ? { title: text("title") } : {}),
        candidate: text("candidate"),
        participants: interviewer ? [{ userId: interviewer, role: "interviewer" as const }] : [],
        ...(text("plan") ? { planId: text("plan") } : {}),
      };
      setMade(await client.api.createSession(body));
      onMade();
    } catch (error) {
      setFailed(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <details className="card create">
      <summary>
        <h2 className="inline-head">{texts.title}</h2>
      </summary>
      {made ? (
        <>
          <p role="status">{texts.made}</p>
          <ul className="links">
            {invitations(made).map((one) => (
              <li key={one.userId}>
                <label className="field">
                  <span>{texts.linkFor(one.userId, watch.roles[one.role] ?? one.role)}</span>
                  <input
                    type="text"
                    readOnly
                    value={linkOf(one)}
                    onFocus={(event) => event.target.select()}
                  />
                </label>
                <CopyButton text={linkOf(one)} label={texts.copyFor(one.userId)} />
              </li>
            ))}
          </ul>
          <Button onClick={() => setMade(null)}>{texts.another}</Button>
        </>
      ) : (
        <form onSubmit={submit}>
          <label className="field">
            <span>{texts.name}</span>
            <input type="text" name="title" maxLength={200} autoComplete="off" />
            <small>{texts.nameHint}</small>
          </label>
          <label className="field">
            <span>{texts.candidate}</span>
            <input
              type="text"
              name="candidate"
              required
              maxLength={64}
              pattern="[^\s]+"
              autoComplete="off"
            />
            <small>{texts.candidateHint}</small>
          </label>
          <label className="field">
            <span>{texts.interviewer}</span>
            <input
              type="text"
              name="interviewer"
              maxLength={64}
              pattern="[^\s]*"
              autoComplete="off"
            />
          </label>
          <label className="field">
            <span>{texts.plan}</span>
            <select name="plan" defaultValue="practice">
              {plans.map((plan) => (
                <option key={plan.id} value={plan.id}>
                  {plan.title} ({start.planLine(plan.questionCount, roughly(plan.totalLimitMs))})
                </option>
              ))}
            </select>
          </label>
          {failed ? (
            <p className="notice" role="alert">
              {texts.failed} {failed}
            </p>
          ) : null}
          <Button type="submit" kind="first">
            {texts.make}
          </Button>
        </form>
      )}
    </details>
  );
}
