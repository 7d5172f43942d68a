"use client";
/** A page's own test bench: is there a way to the server, and what comes over it. */
import type { DiagnosticStep } from "@greenroom/client/diagnose";
import { type FormEvent, useState } from "react";
import { useWebSocket } from "./use-web-socket.ts";

export interface WebSocketTestProps {
  /** Also tries the microphone. */
  audio?: boolean;
  className?: string;
  onComplete?: (steps: DiagnosticStep[]) => void;
}

const SHOWN = 20;

/** Connection, checks, a session to join, and the latest messages. Plain elements, no styles. */
export function WebSocketTest({ audio = false, className, onComplete }: WebSocketTestProps) {
  const socket = useWebSocket();
  const [steps, setSteps] = useState<DiagnosticStep[]>([]);
  const [running, setRunning] = useState(false);
  const [problem, setProblem] = useState("");

  const run = async () => {
    setRunning(true);
    const done: DiagnosticStep[] = [];
    const { diagnose } = await import("@greenroom/client/diagnose");
    for await (const step of diagnose(socket.client, { microphone: audio })) {
      done.push(step);
      setSteps([...done]);
    }
    setRunning(false);
    onComplete?.(done);
  };
  const join = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const id = String(new FormData(event.currentTarget).get("id") ?? "");
    setProblem("");
    socket.joinSession(id).catch((error: Error) => setProblem(error.message));
  };

  return (
    <section className={className} aria-label="Connection test">
      <p role="status">
        {socket.status}
        {socket.latencyMs === null ? "" : ` (${socket.latencyMs} ms)`}
        {socket.error ? `: ${socket.error.message}` : ""}
      </p>
      <button type="button" onClick={() => void socket.connect()}>
        Connect
      </button>
      <button type="button" onClick={() => void socket.disconnect()}>
        Disconnect
      </button>
      <button type="button" onClick={() => void run()} disabled={running}>
        Run checks
      </button>
      <ul>
        {steps.map(({ id, state, text }) => (
          <li key={id}>
            {id}: {state}. {text}
          </li>
        ))}
      </ul>
      <form onSubmit={join}>
        <label>
          Session <input name="id" required />
        </label>
        <button type="submit">Join</button>
      </form>
      <p role="alert">{problem}</p>
      <ol>
        {socket.messages.slice(-SHOWN).map((message, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a log that only grows at its end
          <li key={index}>
            <code>{JSON.stringify(message)}</code>
          </li>
        ))}
      </ol>
    </section>
  );
}
