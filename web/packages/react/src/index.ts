"use client";
/** Everything that is public. */
export { useClient, WebSocketProvider, type WebSocketProviderProps } from "./context.tsx";
export { useStore } from "./stores.ts";
export {
  type UseActiveSession,
  type UseSessionExit,
  useActiveSession,
  useSessionExit,
} from "./use-exit.ts";
export {
  type UseMicrophone,
  useClientEvent,
  useLevelMeter,
  useMicrophone,
  usePublish,
} from "./use-microphone.ts";
export {
  type UseInterviewSession,
  type UseSessionOptions,
  useCountdown,
  useInterviewSession,
  useSuggestions,
  useTranscript,
} from "./use-session.ts";
export {
  type AudioPiece,
  type Transcription,
  type UseWebSocket,
  useWebSocket,
} from "./use-web-socket.ts";
export { WebSocketTest, type WebSocketTestProps } from "./web-socket-test.tsx";
