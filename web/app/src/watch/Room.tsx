// One interview as somebody sees who is not the candidate.
import type { GreenroomClient, InSession, InterviewSession } from "@greenroom/client";
import { useCallback, useEffect, useState } from "react";
import { go } from "../route.ts";
import { codeOf, takePart, useGrowing, useLines, useStore } from "../session.ts";
import { app, moved, reasons, refused, watch } from "../texts.ts";
import { Captions } from "../ui/Captions.tsx";
import { Clock } from "../ui/Clock.tsx";
import { Button, Confirm, useEvery, Waiting } from "../ui/parts.tsx";

interface RoomViewProps {
  client: GreenroomClient;
  id: string;
  onClose: (() => void) | null;
}

export function RoomView({ client, id, onClose }: RoomViewProps) {
  const session = client.session(id);
  const state = useStore(session);
  const nameOf = useCallback((userId: string) => userId, []);
  const lines = useLines(session, nameOf);
  const growing = useGrowing(session, nameOf);
  const [asking, setAsking] = useState(false);
  const hidden = useHidden(session);
  useEffect(() => {
    takePart(session).catch(() => {});
  }, [session]);
  const inside = "live" in state ? state : null;
  const title = inside?.title || id;
  const staff = inside?.role === "interviewer";
  return (
    <article className="card room" aria-label={title} data-room={id} data-phase={state.phase}>
      <header>
        <h2>
          <bdi>{title}</bdi>
        </h2>
        <Status state={state} />
      </header>
      {state.phase === "joining" || state.phase === "detached" ? (
        <Waiting>{watch.joining}</Waiting>
      ) : null}
      {state.phase === "failed" ? <Refused session={session} code={state.error.code} /> : null}
      {state.phase === "displaced" ? (
        <div className="notice">
          <p>{watch.stopped}</p>
          <div className="actions">
            <Button kind="small" onClick={() => void takePart(session).catch(() => {})}>
              {watch.reopen}
            </Button>
          </div>
        </div>
      ) : null}
      {state.phase === "ended" ? (
        <div className="notice good">
          <p>{state.reason ? watch.endedBecause(reasons[state.reason]) : watch.over}</p>
          <div className="actions">
            <Button kind="small first" onClick={() => go(`/report/${encodeURIComponent(id)}`)}>
              {watch.report}
            </Button>
          </div>
        </div>
      ) : null}
      {inside ? <Now client={client} state={inside} hidden={hidden} /> : null}
      {state.phase === "failed" ? null : (
        <div>
          <h3>{watch.transcript}</h3>
          <Captions
            bare
            title={watch.transcriptOf(title)}
            empty={watch.transcriptNone}
            lines={lines}
            growing={growing}
            aloud={false}
          />
        </div>
      )}
      {inside ? <Tips session={session} /> : null}
      <div className="actions">
        {staff && state.phase === "lobby" && inside?.planId ? (
          <Button kind="small first" onClick={() => void session.start().catch(() => {})}>
            {watch.start}
          </Button>
        ) : null}
        {staff && (state.phase === "live" || state.phase === "lobby") ? (
          <Button kind="small risky" onClick={() => setAsking(true)}>
            {watch.end}
          </Button>
        ) : null}
        {onClose ? (
          <Button kind="small quiet" onClick={onClose} aria-label={watch.removeNamed(title)}>
            {watch.remove}
          </Button>
        ) : null}
      </div>
      {asking ? (
        <Confirm
          title={watch.endTitle(title)}
          body={watch.endBody}
          yes={watch.endYes}
          no={watch.endNo}
          onYes={() =>
            session
              .end()
              .catch(() => {})
              .finally(() => setAsking(false))
          }
          onNo={() => setAsking(false)}
        />
      ) : null}
    </article>
  );
}

type State = ReturnType<InterviewSession["getSnapshot"]>;

function Status({ state }: { state: State }) {
  const [kind, text] =
    state.phase === "live"
      ? ["good", watch.active]
      : state.phase === "lobby"
        ? ["", watch.scheduled]
        : state.phase === "ending"
          ? ["warn", watch.completing]
          : state.phase === "ended"
            ? ["", watch.over]
            : [null, ""];
  if (kind === null) return null;
  return (
    <span className="state">
      <span className={`dot ${kind}`} aria-hidden="true" />
      {text}
    </span>
  );
}

/** Somebody who came before the candidate looks again until it is there. */
function Refused({ session, code }: { session: InterviewSession; code: string }) {
  useEvery(4_000, () => {
    if (code === "session_not_found") void takePart(session).catch(() => {});
  });
  const told =
    code === "takeover_storm"
      ? { title: moved.title, body: moved.storm }
      : code === "session_not_found"
        ? watch.early
        : (refused[code] ?? refused.other);
  return (
    <div className={code === "session_not_found" ? "notice" : "notice bad"} data-refused={code}>
      <strong>{told?.title}</strong>
      <p>{told?.body}</p>
      <div className="actions">
        <Button kind="small" onClick={() => void takePart(session).catch((error) => codeOf(error))}>
          {app.again}
        </Button>
      </div>
    </div>
  );
}

function Now({
  client,
  state,
  hidden,
}: {
  client: GreenroomClient;
  state: InSession;
  hidden: ReadonlySet<string>;
}) {
  const { question } = state;
  return (
    <>
      <section className="panel">
        <h3>{watch.people}</h3>
        <ul className="people">
          {state.members.map((m) => (
            <li key={m.participant}>
              <span
                className={m.state === "connected" ? "dot good" : "dot warn"}
                aria-hidden="true"
              />
              <bdi>{m.userId}</bdi>
              <span className="soft">
                ({watch.roles[m.role]}
                {m.userId === state.userId ? `, ${watch.you}` : ""})
              </span>
              <span className="soft">
                {m.state === "connected"
                  ? hidden.has(m.userId)
                    ? watch.hidden
                    : watch.here
                  : watch.gone}
              </span>
            </li>
          ))}
        </ul>
      </section>
      {question ? (
        <div>
          <p className="asked" dir="auto">
            {watch.asked(question.index + 1, question.total, question.text)}
          </p>
          <Clock
            key={question.questionId}
            startedAt={question.startedAt}
            deadlineAt={question.deadlineAt}
            serverNow={() => client.serverNow()}
          />
        </div>
      ) : state.status === "active" ? (
        <p className="soft asked">{watch.noQuestion}</p>
      ) : null}
    </>
  );
}

function Tips({ session }: { session: InterviewSession }) {
  const tips = useStore(session.suggestions);
  return (
    <section aria-live="polite">
      <h3>{watch.tips}</h3>
      {tips.length === 0 ? (
        <p className="soft">{watch.tipsNone}</p>
      ) : (
        <ul className="tip-list">
          {tips.slice(-4).map((tip) => (
            <li key={tip.text} dir="auto">
              {tip.text}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** Who has another page in front. */
function useHidden(session: InterviewSession): ReadonlySet<string> {
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    const stop = new AbortController();
    const set = (userId: string, away: boolean) =>
      setHidden((all) => {
        const next = new Set(all);
        if (away) next.add(userId);
        else next.delete(userId);
        return next;
      });
    session.on("user:visibility", (v) => set(v.userId, v.state === "hidden"), {
      signal: stop.signal,
    });
    session.on("user:joined", (v) => set(v.userId, false), { signal: stop.signal });
    session.on("user:left", (v) => set(v.userId, false), { signal: stop.signal });
    return () => stop.abort();
  }, [session]);
  return hidden;
}
