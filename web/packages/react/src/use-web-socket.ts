"use client";
/** The hook the documents' pages are written with. */
import {
  type AudioFormat,
  type ConnectionState,
  type FinalCaption,
  fromBase64,
  type GreenroomClient,
  type GreenroomError,
  type InSession,
  type InterviewSession,
  type PartialCaption,
  type RequestedTranscription,
  type ServerMessage,
  type Suggestion,
} from "@greenroom/client";
import { useMemo } from "react";
import { useClient } from "./context.tsx";
import { useStore } from "./stores.ts";

/** One piece of sound, as the documents send it. */
export interface AudioPiece {
  /** Bytes, or base64 of them. */
  audioData: string | Uint8Array;
  format: AudioFormat;
  sampleRate?: number;
}

export type Transcription = FinalCaption | RequestedTranscription | PartialCaption;

export interface UseWebSocket {
  state: ConnectionState;
  status: ConnectionState["status"];
  isConnected: boolean;
  /** The same. */
  connected: boolean;
  /** Why there is no connection, where there is a reason. */
  error: GreenroomError | null;
  latencyMs: number | null;
  client: GreenroomClient;
  /** The session joined last. */
  session: InterviewSession | null;
  /** What was said, the latest 500 messages; `{type: "session_ended", message}` at the end. */
  messages: readonly ServerMessage[];
  /** Of the session joined last: final ones, then those still changing. */
  transcriptions: readonly Transcription[];
  responseSuggestions: readonly Suggestion[];
  /** Never rejects: look at `error`. */
  connect(token?: string): Promise<void>;
  disconnect(): Promise<void>;
  joinSession(sessionId: string): Promise<InSession>;
  leaveSession(): Promise<void>;
  /** False: not in a session at the moment, and it was not sent. */
  streamAudio(piece: AudioPiece): boolean;
  requestTranscription(piece: AudioPiece): Promise<RequestedTranscription>;
}

const NO_TRANSCRIPT = { segments: [], interim: [] };
const NONE: readonly never[] = [];

/** The connection and the session joined last. `client`: another than the provider's. */
export function useWebSocket(client?: GreenroomClient): UseWebSocket {
  const provided = useClient();
  const used = client ?? provided;
  const state = useStore(used, IDLE);
  const session = useStore(used.current, null);
  const messages = useStore(used.messages, NONE);
  const { segments, interim } = useStore(session?.transcript ?? null, NO_TRANSCRIPT);
  const requested = useStore<readonly RequestedTranscription[]>(session?.requested ?? null, NONE);
  const responseSuggestions = useStore<readonly Suggestion[]>(session?.suggestions ?? null, NONE);
  const transcriptions = useMemo(
    () => [...segments, ...requested, ...interim],
    [segments, requested, interim],
  );
  const actions = useMemo(() => actionsOf(used), [used]);
  const isConnected = state.status === "connected";
  return {
    state,
    status: state.status,
    isConnected,
    connected: isConnected,
    error: "cause" in state ? state.cause : state.status === "closed" ? state.error : null,
    latencyMs: isConnected ? state.latencyMs : null,
    client: used,
    session,
    messages,
    transcriptions,
    responseSuggestions,
    ...actions,
  };
}

const IDLE: ConnectionState = { status: "idle" };

/** Chunks of a session are numbered through, whichever component sends them. */
const streams = new WeakMap<InterviewSession, { streamId: number; seq: number; atMs: number }>();

function actionsOf(client: GreenroomClient) {
  const current = () => client.current.getSnapshot();
  return {
    connect: (token?: string) => client.connect(token).catch(() => {}),
    disconnect: () => client.disconnect(),
    joinSession: (sessionId: string) => client.session(sessionId).join(),
    leaveSession: async () => current()?.leave(),
    streamAudio: (piece: AudioPiece) => {
      const session = current();
      if (!session) return false;
      const { audioData, format, sampleRate = 0 } = piece;
      const payload = typeof audioData === "string" ? fromBase64(audioData) : audioData;
      const stream = streams.get(session) ?? { streamId: randomStream(), seq: 0, atMs: 0 };
      const sent = session.sendAudio({ payload, format, sampleRate, ...stream, isLast: false });
      if (sent) {
        const ms = format === "pcm16" && sampleRate ? (payload.length * 500) / sampleRate : 0;
        const atMs = Math.round(stream.atMs + ms);
        streams.set(session, { ...stream, seq: stream.seq + 1, atMs });
      }
      return sent;
    },
    requestTranscription: ({ audioData, ...how }: AudioPiece) => {
      const session = current() ?? client.session("");
      return session.transcribe({ data: audioData, ...how });
    },
  };
}

function randomStream(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}
