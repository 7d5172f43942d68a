"use client";
import {
  useInterviewSession,
  useMicrophone,
  usePublish,
  useSessionExit,
  useTranscript,
  useWebSocket,
  WebSocketProvider,
} from "@greenroom/react";
import { useEffect, useState } from "react";

const options = {
  url: process.env.NEXT_PUBLIC_API_URL ?? "http://localhost:8080",
  // Your own back end knows who is signed in. Here it is what stands behind the #.
  getToken: () => new URLSearchParams(location.hash.slice(1)).get("token") ?? "",
};

export function Interview() {
  return (
    <WebSocketProvider options={options}>
      <Room />
    </WebSocketProvider>
  );
}

function Room() {
  const { status, connected, messages } = useWebSocket();
  const [id, setId] = useState<string | null>(null);
  useEffect(() => {
    setId(new URLSearchParams(location.hash.slice(1)).get("session") ?? "demo");
  }, []);
  const { session, phase, view, start } = useInterviewSession(id, { autoJoin: true });
  const { segments } = useTranscript(session);
  const { microphone, start: listen, error } = useMicrophone();
  usePublish(session, microphone);
  const { handleExitSession, isExiting } = useSessionExit(id, () => location.assign("/"));

  return (
    <main>
      <p role="status">{error?.message ?? `${status}, ${phase}`}</p>
      <h1>{view?.question?.text}</h1>
      <p>{segments.map(({ text }) => text).join(" ")}</p>
      <button type="button" onClick={() => void start()} disabled={!connected}>
        Start
      </button>
      <button type="button" onClick={() => void listen()} disabled={!connected}>
        Use the microphone
      </button>
      <button type="button" onClick={() => void handleExitSession("/")} disabled={isExiting}>
        End
      </button>
      <p>{messages.length} messages</p>
    </main>
  );
}
