// The candidate's way: is something unfinished, what will happen, agree, check the microphone, in.
// Which step comes next is all that is decided here.
import type { ActiveSession, GreenroomClient } from "@greenroom/client";
import { useCallback, useEffect, useMemo, useState } from "react";
import { INSIDE, type Link, MOVED } from "../link.ts";
import { go } from "../route.ts";
import { clientFor, codeOf, isPassing } from "../session.ts";
import { consent, recovery } from "../texts.ts";
import { Frame, Message, useEvery, Waiting } from "../ui/parts.tsx";
import { Check } from "./Check.tsx";
import { Consent } from "./Consent.tsx";
import { useMicrophone } from "./microphone.ts";
import { type PlanInfo, planInfo } from "./plans.ts";
import { Recovery, type Unfinished, Unreachable } from "./Recovery.tsx";
import { Failed, Room } from "./Room.tsx";
import { Start } from "./Start.tsx";

type Step =
  | { at: "checking" }
  | { at: "unreachable" }
  | { at: "recovery"; found: Unfinished }
  | { at: "start" }
  | { at: "consent" }
  | { at: "check" }
  | { at: "room" }
  | { at: "declined" }
  | { at: "refused"; code: string };

interface About {
  title: string | null;
  plan: PlanInfo | null;
  choices: PlanInfo[];
  /** Somebody made it; else coming in would. */
  made: boolean;
  over: boolean;
}

const UNKNOWN: About = { title: null, plan: null, choices: [], made: false, over: false };
const RETRY_S = 10;

export function InterviewPage({ link, id: named }: { link: Link; id: string | null }) {
  const client = clientFor(link);
  const [id, setId] = useState(() => named ?? link.only ?? fresh());
  const [step, setStep] = useState<Step>({ at: "checking" });
  const [about, setAbout] = useState<About>(UNKNOWN);
  const [plan, setPlan] = useState<string | null>(null);
  const mic = useMicrophone();
  const session = useMemo(() => client.session(id), [client, id]);

  useEffect(() => {
    if (named !== id) go(`/interview/${encodeURIComponent(id)}`, true);
  }, [named, id]);

  const look = useCallback(async () => {
    setStep({ at: "checking" });
    try {
      const active = await client.api.activeSession();
      if (active && inside() === active.sessionId) {
        setId(active.sessionId);
        setStep({ at: "room" });
        // Somebody who just moved here was asked by a click; after a reload nobody was.
        void (moved() ? mic.turnOn() : backOn(mic.turnOn));
        return;
      }
      if (active) return setStep({ at: "recovery", found: unfinished(active) });
      const found = await describe(client, id);
      setAbout(found);
      // What is over tells by itself how it ended.
      setStep({ at: found.over ? "room" : "start" });
    } catch (error) {
      if (isPassing(error)) setStep({ at: "unreachable" });
      else setStep({ at: "refused", code: codeOf(error) });
    }
  }, [client, id, mic.turnOn]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once; later looks are asked for
  useEffect(() => void look(), []);
  useEffect(() => {
    if (step.at === "room") sessionStorage.setItem(INSIDE, id);
  }, [step.at, id]);

  const again = link.only
    ? null
    : () => {
        sessionStorage.removeItem(INSIDE);
        const next = fresh();
        setId(next);
        setStep({ at: "start" });
        void describe(client, next).then(setAbout, () => {});
      };

  if (step.at === "room") {
    return (
      <Room
        client={client}
        session={session}
        mic={mic}
        plan={plan}
        onActiveElsewhere={() => {
          void session.leave();
          void look();
        }}
        onReport={() => go(`/report/${encodeURIComponent(id)}`)}
        onAgain={again}
      />
    );
  }
  return <Frame topic={about.title ? <bdi>{about.title}</bdi> : null}>{shown()}</Frame>;

  function shown() {
    switch (step.at) {
      case "checking":
        return <Waiting>{recovery.checking}</Waiting>;
      case "unreachable":
        return <Later onNow={look} />;
      case "recovery":
        return (
          <Recovery
            found={step.found}
            onContinue={() => {
              // From a click, so the microphone may be asked for.
              void mic.turnOn();
              setId(step.found.id);
              setStep({ at: "room" });
            }}
            onClear={async () => {
              await client.api.clearActiveSession();
              const own = step.found.id === id;
              const next = own && !link.only ? fresh() : id;
              setId(next);
              setAbout(await describe(client, next));
              setStep(
                own && link.only ? { at: "refused", code: "session_ended" } : { at: "start" },
              );
            }}
          />
        );
      case "start":
        return (
          <Start
            name={link.name}
            title={about.title}
            plan={about.plan}
            choices={about.choices}
            onNext={(chosen) => {
              setPlan(chosen);
              const used = about.plan ?? about.choices.find((p) => p.id === chosen);
              // Where the people who invite have their own wording, the server asks with that.
              setStep({ at: used?.asksConsent ? "check" : "consent" });
            }}
          />
        );
      case "consent":
        return (
          <Consent
            asked={null}
            onYes={() => setStep({ at: "check" })}
            onNo={async () => {
              // As the page says: it ends, and whoever invited sees that it did.
              if (about.made) await client.api.endSession(id);
              setStep({ at: "declined" });
            }}
          />
        );
      case "check":
        return (
          <Check
            mic={mic}
            onReady={() => setStep({ at: "room" })}
            onWithout={() => {
              mic.turnOff();
              setStep({ at: "room" });
            }}
          />
        );
      case "declined":
        return <Message title={consent.noTitle} body={consent.noBody} />;
      case "refused":
        return <Failed code={step.code} id={id} onAgain={look} />;
      case "room":
        return null;
    }
  }
}

function Later({ onNow }: { onNow: () => void }) {
  const [seconds, setSeconds] = useState(RETRY_S);
  useEvery(1000, () => {
    if (seconds <= 1) onNow();
    else setSeconds(seconds - 1);
  });
  return <Unreachable seconds={seconds} onNow={onNow} />;
}

/** A name for an interview nobody made yet: short enough to be read out to somebody. */
function fresh(): string {
  const letters = "abcdefghjkmnpqrstuvwxyz23456789";
  const random = crypto.getRandomValues(new Uint8Array(12));
  return `practice-${Array.from(random, (n) => letters[n % letters.length]).join("")}`;
}

function inside(): string | null {
  try {
    return sessionStorage.getItem(INSIDE);
  } catch {
    return null;
  }
}

/** Whether this interview was just moved here from another device; true once. */
function moved(): boolean {
  try {
    const mark = sessionStorage.getItem(MOVED) !== null;
    sessionStorage.removeItem(MOVED);
    return mark;
  } catch {
    return false;
  }
}

/** After a reload the microphone goes on if the browser still allows it. */
async function backOn(turnOn: () => Promise<void>) {
  try {
    const { state } = await navigator.permissions.query({ name: "microphone" as PermissionName });
    if (state === "granted") await turnOn();
  } catch {
    // A browser that cannot say: the button is there.
  }
}

/** What the card shows, out of what the server tells. */
function unfinished(active: ActiveSession): Unfinished {
  const { questionsAsked, questionsTotal } = active;
  return {
    id: active.sessionId,
    title: active.title || null,
    finishing: active.status === "completing",
    began: active.startedAt ?? active.createdAt,
    lastSeen: active.lastSeenAt ?? active.lastActivityAt,
    endsAt: active.deadlineAt,
    question: questionsAsked > 0 ? { number: questionsAsked, of: questionsTotal } : null,
    elsewhere: active.connected,
  };
}

async function describe(client: GreenroomClient, id: string): Promise<About> {
  const plans = await client.api.plans();
  const infos = plans.map(planInfo);
  try {
    const record = await client.api.session(id);
    const own = infos.find((p) => p.id === record.planId) ?? null;
    return {
      title: record.title || own?.title || null,
      plan: own,
      choices: record.planId ? [] : infos,
      made: true,
      over: record.status === "ended",
    };
  } catch (error) {
    // Nobody made it yet; where that is allowed, coming in makes it.
    if (codeOf(error) === "session_not_found") return { ...UNKNOWN, choices: infos };
    throw error;
  }
}
