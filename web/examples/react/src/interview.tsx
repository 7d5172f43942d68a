/** An interview on a page, with React. */
import {
  useInterviewSession,
  useMicrophone,
  usePublish,
  useTranscript,
  useWebSocket,
} from "@greenroom/react";
import { useState } from "react";

export function Interview({ id }: { id: string }) {
  const { status } = useWebSocket();
  const { session, phase, view, start, answerDone, end } = useInterviewSession(id, {
    autoJoin: true,
  });
  const { segments, interim } = useTranscript(session);
  const { microphone, start: listen, error } = useMicrophone();
  usePublish(session, microphone);
  const [problem, setProblem] = useState("");
  const go = (action: () => Promise<unknown>) => () => {
    action().catch((failed: Error) => setProblem(failed.message));
  };

  return (
    <main>
      <p role="status">{problem || error?.message || `${status}, ${phase}`}</p>
      <h1>{view?.question?.text}</h1>
      <p className="captions">
        {segments.map(({ seq, text }) => (
          <span key={seq}>{text} </span>
        ))}
        <i>{interim.map(({ text }) => text).join(" ")}</i>
      </p>
      <button
        type="button"
        onClick={go(() => start({ questions: [{ text: "Who are you?", limitSeconds: 60 }] }))}
      >
        Start
      </button>
      <button type="button" onClick={() => void listen()}>
        Use the microphone
      </button>
      <button type="button" onClick={go(() => answerDone())}>
        I'm done
      </button>
      <button type="button" onClick={go(end)}>
        End
      </button>
    </main>
  );
}
