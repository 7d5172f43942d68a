// The interview while it runs: the question, the time, the words, the microphone, and few buttons.
import type { InSession, InterviewSession } from "@greenroom/client";
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { codeOf, useGrowing, useLines, useStore } from "../session.ts";
import { live, moved as movedTexts, took, trouble, watch } from "../texts.ts";
import { Captions } from "../ui/Captions.tsx";
import { Clock } from "../ui/Clock.tsx";
import { Level } from "../ui/Level.tsx";
import { Button, Confirm, Dialog, useNow } from "../ui/parts.tsx";
import { say, sayNow } from "../ui/say.ts";
import { warnFrom } from "../ui/time.ts";
import { Devices } from "./Check.tsx";
import { Move } from "./Move.tsx";
import { aboutTrouble, type Mic } from "./microphone.ts";
import type { Extra } from "./plans.ts";

interface LiveProps {
  session: InterviewSession;
  state: InSession;
  serverNow: () => number;
  /** What the plan grants; null: nothing, undefined: not known. */
  extra: Extra | null | undefined;
  mic: Mic;
  captionsLate: boolean;
}

type Aloud = "none" | "questions" | "all";

export function Live({ session, state, serverNow, extra, mic, captionsLate }: LiveProps) {
  const { question } = state;
  const [aloud, setAloud] = useState<Aloud>("questions");
  const [ending, setEnding] = useState(false);
  const [typing, setTyping] = useState(false);
  const [busy, setBusy] = useState(false);
  const nameOf = useCallback(
    (userId: string) => (userId === state.userId ? null : userId),
    [state.userId],
  );
  const lines = useLines(session, nameOf);
  const growing = useGrowing(session, nameOf);
  useQuestionSpoken(question, aloud);
  useEffect(() => {
    return session.on("user:joined", ({ userId, role }) => {
      say(live.cameIn(userId, watch.roles[role] ?? role));
    });
  }, [session]);
  useEffect(() => {
    return session.on("question:closed", ({ outcome, replayed }) => {
      if (outcome === "timed_out" && !replayed) say(live.timeUp);
    });
  }, [session]);

  const answer = async (skip: boolean) => {
    setBusy(true);
    await session.answerDone(skip ? { skip } : {}).catch(() => {});
    setBusy(false);
  };
  return (
    <>
      <div className="live">
        <div className="center side">
          <QuestionCard session={session} state={state} serverNow={serverNow} extra={extra} />
          {state.degraded ? <Note>{live.degraded}</Note> : null}
          {captionsLate ? <Note>{live.captionsLate}</Note> : null}
          {mic.trouble ? <MicTrouble mic={mic} onType={() => setTyping(true)} /> : null}
          {typing ? <Typing session={session} onClose={() => setTyping(false)} /> : null}
          <Captions
            title={live.captions}
            empty={live.captionsEmpty}
            lines={lines}
            growing={growing}
            aloud={aloud === "all"}
            head={<AloudChoice value={aloud} onChange={setAloud} />}
          />
        </div>
        <div className="side">
          <MicPanel mic={mic} onType={() => setTyping(true)} typing={typing} />
          <Tips session={session} />
          <People state={state} />
          <section className="panel">
            <h2>{live.otherDevice}</h2>
            <Move session={session} serverNow={serverNow} />
          </section>
        </div>
      </div>
      <Actions
        busy={busy}
        open={question !== null}
        onDone={() => answer(false)}
        onSkip={() => answer(true)}
        onEnd={() => setEnding(true)}
      />
      {ending ? (
        <Confirm
          title={live.endTitle}
          body={live.endBody}
          yes={live.endYes}
          no={live.endNo}
          onYes={() => session.end().catch(() => {})}
          onNo={() => setEnding(false)}
        />
      ) : null}
    </>
  );
}

const Note = ({ children }: { children: ReactNode }) => (
  <p className="notice" role="status">
    {children}
  </p>
);

function useQuestionSpoken(question: InSession["question"], aloud: Aloud) {
  const last = useRef("");
  useEffect(() => {
    if (!question || last.current === question.questionId) return;
    last.current = question.questionId;
    const head = live.question(question.index + 1, question.total);
    say(aloud === "none" ? head : `${head}. ${question.text}`);
  }, [question, aloud]);
}

function AloudChoice({ value, onChange }: { value: Aloud; onChange: (value: Aloud) => void }) {
  return (
    <label>
      {live.aloud}
      <select value={value} onChange={(event) => onChange(event.target.value as Aloud)}>
        <option value="none">{live.aloudNone}</option>
        <option value="questions">{live.aloudQuestions}</option>
        <option value="all">{live.aloudAll}</option>
      </select>
    </label>
  );
}

function QuestionCard({
  session,
  state,
  serverNow,
  extra,
}: Pick<LiveProps, "session" | "state" | "serverNow" | "extra">) {
  const { question } = state;
  const now = useNow(1000) - Date.now() + serverNow();
  if (!question) {
    return (
      <section className="question-now">
        <h1>{live.getReady}</h1>
        <Expiring session={session} state={state} />
      </section>
    );
  }
  const whole = question.deadlineAt - question.startedAt;
  const near = question.deadlineAt - now <= warnFrom(whole);
  return (
    <section className="question-now" aria-labelledby="question">
      <p className="which">
        <span>{live.question(question.index + 1, question.total)}</span>
      </p>
      <h1 id="question" dir="auto">
        {question.text}
      </h1>
      <Clock
        key={question.questionId}
        startedAt={question.startedAt}
        deadlineAt={question.deadlineAt}
        serverNow={serverNow}
        speaks
        hideable
      />
      {extra === null ? null : (
        <Extend
          session={session}
          near={near}
          extra={extra}
          deadlineAt={question.deadlineAt}
          key={`x${question.questionId}`}
        />
      )}
      <Expiring session={session} state={state} />
    </section>
  );
}

/** One simple action for more time, shown as soon as the time is warned about (WCAG 2.2.1). */
function Extend({
  session,
  near,
  extra,
  deadlineAt,
}: {
  session: InterviewSession;
  near: boolean;
  extra: Extra | undefined;
  deadlineAt: number;
}) {
  const [refused, setRefused] = useState(false);
  const [asking, setAsking] = useState(false);
  const first = useRef(deadlineAt);
  const longer = deadlineAt > first.current;
  if (!near) return longer ? <p className="soft">{live.extended}</p> : null;
  if (refused) return <p className="soft">{live.noExtend}</p>;
  const ask = async () => {
    setAsking(true);
    try {
      await session.extend();
      say(live.extended);
    } catch (error) {
      if (codeOf(error) === "no_extension") {
        setRefused(true);
        say(live.noExtend);
      }
    } finally {
      setAsking(false);
    }
  };
  return (
    <div className="actions">
      <Button kind="small" onClick={ask} disabled={asking}>
        {extra ? live.extend(took(extra.ms)) : live.extendPlain}
      </Button>
    </div>
  );
}

/** The clocks of the whole interview, when they are nearly over; being there stops one of them. */
function Expiring({ session, state }: { session: InterviewSession; state: InSession }) {
  const { inactivity, duration } = state.expiring;
  const text = inactivity ? live.expiring.inactivity : duration ? live.expiring.duration : null;
  useEffect(() => {
    if (text) (inactivity ? sayNow : say)(text);
  }, [text, inactivity]);
  if (!text) return null;
  return (
    <div className="notice" data-expiring={inactivity ? "inactivity" : "duration"}>
      <p>{text}</p>
      {inactivity ? (
        <div className="actions">
          <Button kind="small first" onClick={() => void session.stay().catch(() => {})}>
            {live.stay}
          </Button>
        </div>
      ) : null}
    </div>
  );
}

function MicTrouble({ mic, onType }: { mic: Mic; onType: () => void }) {
  const what = mic.trouble;
  if (!what) return null;
  const { title, body } = aboutTrouble(what);
  return (
    <div className="notice bad" role="alert" data-trouble={what}>
      <strong>{title}</strong>
      <p>{body}</p>
      {mic.devices.length > 0 ? <Devices mic={mic} /> : null}
      <div className="actions">
        {what === "silent" ? null : (
          <Button kind="small" onClick={() => mic.turnOn()}>
            {trouble.retry}
          </Button>
        )}
        <Button kind="small" onClick={onType}>
          {trouble.type}
        </Button>
      </div>
    </div>
  );
}

interface TypingProps {
  session: InterviewSession;
  onClose: () => void;
}

/** Words instead of sound: they stand in the transcript like spoken ones. */
function Typing({ session, onClose }: TypingProps) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus(), []);
  const send = async () => {
    const words = text.trim();
    if (!words) return;
    setBusy(true);
    setFailed(false);
    try {
      await session.answerText(words);
      setText("");
      say(live.typeSent);
      field.current?.focus();
    } catch {
      setFailed(true);
    } finally {
      setBusy(false);
    }
  };
  return (
    <section className="panel typing">
      <label className="field">
        <span>{live.typeLabel}</span>
        <textarea
          ref={field}
          value={text}
          maxLength={4000}
          onChange={(event) => setText(event.target.value)}
          dir="auto"
        />
      </label>
      {failed ? <p role="alert">{live.typeFailed}</p> : null}
      <div className="actions">
        <Button kind="small first" onClick={send} disabled={busy || !text.trim()}>
          {live.typeSend}
        </Button>
        <Button kind="small quiet" onClick={onClose}>
          {live.typeClose}
        </Button>
      </div>
    </section>
  );
}

function MicPanel({ mic, onType, typing }: { mic: Mic; onType: () => void; typing: boolean }) {
  const text =
    mic.status === "on" ? live.micOn : mic.status === "muted" ? live.micMuted : live.micOff;
  return (
    <section className="panel">
      <h2>{live.mic}</h2>
      <p data-mic={mic.status}>
        <span className={mic.status === "on" ? "dot good" : "dot warn"} aria-hidden="true" />
        {text}
      </p>
      {mic.microphone ? (
        <div className="level-row">
          <Level source={mic.status === "muted" ? null : mic.level} label={live.mic} />
        </div>
      ) : null}
      <div className="actions">
        {mic.status === "on" ? (
          <Button
            kind="small"
            onClick={() => {
              mic.mute();
              say(live.micMuted);
            }}
          >
            {live.mute}
          </Button>
        ) : mic.status === "muted" ? (
          <Button
            kind="small"
            onClick={() => {
              mic.unmute();
              say(live.micOn);
            }}
          >
            {live.unmute}
          </Button>
        ) : (
          <Button kind="small" onClick={() => mic.turnOn()} disabled={mic.status === "asking"}>
            {live.turnOnMic}
          </Button>
        )}
        {typing ? null : (
          <Button kind="small quiet" onClick={onType}>
            {live.type}
          </Button>
        )}
      </div>
    </section>
  );
}

function Tips({ session }: { session: InterviewSession }) {
  const tips = useStore(session.suggestions);
  if (tips.length === 0) return null;
  return (
    <section className="panel tips-live" aria-live="polite">
      <h2>{live.tips}</h2>
      <ul className="tip-list">
        {tips.slice(-3).map((tip) => (
          <li key={tip.text} dir="auto">
            {tip.text}
          </li>
        ))}
      </ul>
      <p className="soft">{live.tipsHint}</p>
    </section>
  );
}

function People({ state }: { state: InSession }) {
  const others = state.members.filter((m) => m.userId !== state.userId);
  return (
    <section className="panel">
      <h2>{live.people}</h2>
      {others.length === 0 ? (
        <p>{live.alone}</p>
      ) : (
        <ul className="people">
          {others.map((m) => (
            <li key={m.participant}>
              <bdi>{m.userId}</bdi>
              <span className="soft">
                ({watch.roles[m.role]}
                {m.state === "connected" ? "" : `, ${watch.gone}`})
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

interface ActionsProps {
  busy: boolean;
  open: boolean;
  onDone: () => void;
  onSkip: () => void;
  onEnd: () => void;
}

function Actions({ busy, open, onDone, onSkip, onEnd }: ActionsProps) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: no field set, these are buttons
    <div className="foot-bar" role="group" aria-label={live.controls}>
      <div>
        <Button kind="first" onClick={onDone} disabled={busy || !open}>
          {busy ? live.doneBusy : live.done}
        </Button>
        <Button onClick={onSkip} disabled={busy || !open}>
          {live.pass}
        </Button>
        <Button kind="risky end" onClick={onEnd}>
          {live.end}
        </Button>
      </div>
    </div>
  );
}

/** On the page that was left: it has stopped listening, and says so. */
export function Displaced({ onBack, onLeave }: { onBack: () => void; onLeave: () => void }) {
  return (
    <Dialog title={movedTexts.title} onClose={onLeave} alert>
      <p>{movedTexts.body}</p>
      <div className="actions">
        <Button kind="first" onClick={onBack} autoFocus>
          {movedTexts.here}
        </Button>
        <Button onClick={onLeave}>{movedTexts.close}</Button>
      </div>
    </Dialog>
  );
}
