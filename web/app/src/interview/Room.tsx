// From joining to the end: what the interview's own state says is what is shown. Nothing is decided
// here that the server decides.
import type { GreenroomClient, InterviewSession } from "@greenroom/client";
import { type Publication, publish } from "@greenroom/client/audio";
import { useEffect, useRef, useState } from "react";
import { codeOf, takePart, useStore } from "../session.ts";
import { app, connection, live, moved, refused } from "../texts.ts";
import { Button, Frame, Heading, Message, Support, Waiting } from "../ui/parts.tsx";
import { sayNow } from "../ui/say.ts";
import { ConnectionBanner } from "./Banner.tsx";
import { Consent } from "./Consent.tsx";
import { Ended } from "./Ended.tsx";
import { Displaced, Live } from "./Live.tsx";
import type { Mic } from "./microphone.ts";
import { useExtra } from "./plans.ts";

interface RoomProps {
  client: GreenroomClient;
  session: InterviewSession;
  mic: Mic;
  /** The plan to run where the interview has none. */
  plan: string | null;
  onActiveElsewhere: () => void;
  onReport: (() => void) | null;
  onAgain: (() => void) | null;
}

export function Room(props: RoomProps) {
  const { client, session, mic } = props;
  const state = useStore(session);
  const link = useStore(client);
  const restarting = useRestarting(client);
  const { dropped, late } = usePublished(session, mic);
  useJoined(session);
  useSpokenEnd(state.phase);
  useKeptOpen(state.phase === "live");
  const off = mic.turnOff;
  const gone = state.phase === "displaced" || state.phase === "ended" || state.phase === "failed";
  useEffect(() => {
    if (gone) off();
  }, [gone, off]);
  const title = "live" in state ? state.title : "";
  const banner =
    state.phase === "ended" || state.phase === "failed" || state.phase === "displaced" ? null : (
      <ConnectionBanner
        state={link}
        speaking={mic.status === "on" && state.phase === "live"}
        dropped={dropped}
        restarting={restarting}
        onTry={() => void client.connect().catch(() => {})}
      />
    );
  return (
    <Frame
      topic={title ? <bdi>{title}</bdi> : null}
      banner={banner}
      broad={state.phase === "live"}
      help={state.phase !== "live"}
    >
      <Inside {...props} late={late} />
    </Frame>
  );
}

function Inside({
  client,
  session,
  mic,
  plan,
  onActiveElsewhere,
  onReport,
  onAgain,
  late,
}: RoomProps & { late: boolean }) {
  const state = useStore(session);
  const serverNow = () => client.serverNow();
  const extra = useExtra(client, ("live" in state ? state.planId : null) ?? plan);
  const asked = "live" in state && state.phase !== "ending" ? state.consent : null;
  if (asked) {
    return (
      <Consent
        key={asked.version}
        asked={asked}
        onYes={() => session.giveConsent()}
        onNo={() => session.declineConsent()}
      />
    );
  }
  switch (state.phase) {
    case "detached":
    case "joining":
      return <Waiting>{connection.connecting}</Waiting>;
    case "lobby":
      return (
        <Lobby
          session={session}
          plan={state.planId ? null : plan}
          onActiveElsewhere={onActiveElsewhere}
        />
      );
    case "live":
      return (
        <Live
          session={session}
          state={state}
          serverNow={serverNow}
          extra={extra}
          mic={mic}
          captionsLate={late}
        />
      );
    case "ending":
      return <Waiting>{live.finishing}</Waiting>;
    case "displaced":
      return <Moved session={session} mic={mic} />;
    case "ended":
      return <Ended id={session.id} state={state} onReport={onReport} onAgain={onAgain} />;
    case "failed":
      return (
        <Failed
          code={state.error.code}
          id={session.id}
          onAgain={() => void takePart(session).catch(() => {})}
        />
      );
  }
}

/** Joined while this is shown. */
function useJoined(session: InterviewSession) {
  useEffect(() => {
    takePart(session).catch(() => {});
  }, [session]);
}

/** Sends the microphone for as long as there is one and the interview runs. */
function usePublished(session: InterviewSession, mic: Mic): { dropped: boolean; late: boolean } {
  const state = useStore(session);
  const running = state.phase === "live";
  const [dropped, setDropped] = useState(false);
  const [late, setLate] = useState(false);
  const { microphone } = mic;
  useEffect(() => {
    if (!running || !microphone) return;
    const publication: Publication = publish(session, microphone);
    const off = publication.state.subscribe(() => {
      const { droppedMs } = publication.state.getSnapshot();
      if (droppedMs > 0) setDropped(true);
    });
    return () => {
      off();
      void publication.stop();
    };
  }, [running, microphone, session]);
  useEffect(() => {
    const stop = new AbortController();
    session.on("transcription:error", () => setLate(true), { signal: stop.signal });
    session.on("transcription:result", () => setLate(false), { signal: stop.signal });
    return () => stop.abort();
  }, [session]);
  return { dropped, late };
}

function useRestarting(client: GreenroomClient): boolean {
  const [restarting, setRestarting] = useState(false);
  useEffect(() => {
    const stop = new AbortController();
    client.on("server:draining", () => setRestarting(true), { signal: stop.signal });
    client.on("connection:success", () => setRestarting(false), { signal: stop.signal });
    return () => stop.abort();
  }, [client]);
  return restarting;
}

function useSpokenEnd(phase: string) {
  const before = useRef(phase);
  useEffect(() => {
    if (before.current === phase) return;
    before.current = phase;
    if (phase === "displaced") sayNow(moved.title);
  }, [phase]);
}

/** Asks before a running interview is closed by mistake; no longer than it runs. */
function useKeptOpen(running: boolean) {
  useEffect(() => {
    if (!running) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [running]);
}

function Lobby({
  session,
  plan,
  onActiveElsewhere,
}: {
  session: InterviewSession;
  plan: string | null;
  onActiveElsewhere: () => void;
}) {
  const state = useStore(session);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<string | null>(null);
  const ready = "live" in state && (state.planId !== null || plan !== null);
  const begin = async () => {
    setBusy(true);
    setFailed(null);
    try {
      await session.start(plan ? { planId: plan } : {});
    } catch (error) {
      if (codeOf(error) === "session_active") onActiveElsewhere();
      else if (codeOf(error) === "consent_required") setFailed(null);
      else setFailed(codeOf(error));
      setBusy(false);
    }
  };
  return (
    <>
      <Heading>{live.waiting}</Heading>
      <p className="lead">{ready ? live.waitingBody : live.waitingForHost}</p>
      {failed ? (
        <div className="notice bad" role="alert">
          <strong>{(refused[failed] ?? refused.other)?.title}</strong>
          <p>{(refused[failed] ?? refused.other)?.body}</p>
        </div>
      ) : null}
      {ready ? (
        <div className="actions">
          <Button kind="first" onClick={begin} disabled={busy}>
            {busy ? live.starting : live.startNow}
          </Button>
        </div>
      ) : null}
    </>
  );
}

function Moved({ session, mic }: { session: InterviewSession; mic: Mic }) {
  const [left, setLeft] = useState(false);
  const back = () => {
    // From a click, so the microphone may be asked for.
    void mic.turnOn();
    takePart(session).catch(() => {});
  };
  if (left) {
    return (
      <Message title={moved.title} body={moved.left}>
        <Button onClick={back}>{moved.here}</Button>
      </Message>
    );
  }
  return <Displaced onBack={back} onLeave={() => setLeft(true)} />;
}

export function Failed({ code, id, onAgain }: { code: string; id?: string; onAgain?: () => void }) {
  const { title, body } = refused[code] ??
    refused.other ?? { title: app.wrong, body: app.wrongBody };
  const again = code === "takeover_storm" || code === "room_full" || refused[code] === undefined;
  return (
    <section data-refused={code}>
      <Message title={title} body={body}>
        {again && onAgain ? <Button onClick={onAgain}>{app.again}</Button> : null}
      </Message>
      {id ? <Support reference={id} /> : null}
    </section>
  );
}
