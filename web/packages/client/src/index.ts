/** Everything that is public. */
export type {
  ActiveSession,
  ClosedConnection,
  ClosureBucket,
  CreatedSession,
  CreateSession,
  HttpErrorCode,
  Invitation,
  LiveMember,
  Metrics,
  PlanSummary,
  Problem,
  Readiness,
  RouteName,
  Routes,
  SessionRecord,
  SessionSummary,
  StoredEvent,
  StoryLine,
  Transferred,
} from "./api.gen.ts";
export { type Answer, Api, type ApiOptions } from "./api.ts";
export {
  type AudioChunk,
  decodeChunk,
  encodeChunk,
  fromBase64,
  type ReceivedAudio,
  toBase64,
} from "./audio-frame.ts";
export { type BackoffOptions, delayOf } from "./backoff.ts";
export {
  type ClientEvents,
  type ClientOptions,
  createClient,
  GreenroomClient,
  type LifecycleOptions,
} from "./client.ts";
export type { CloseReason, ConnectionState, ReconnectPolicy } from "./connection.ts";
export { type ErrorCode, GreenroomError, type LocalErrorCode, TokenDeniedError } from "./errors.ts";
export * from "./protocol.ts";
export type { RequestOptions } from "./requests.ts";
export {
  type ClosedQuestion,
  type InSession,
  InterviewSession,
  type JoinOptions,
  type OpenQuestion,
  type SessionEvents,
  type SessionState,
  type Transcript,
} from "./session.ts";
export { type Store, type Unsubscribe, Value } from "./store.ts";
export type { GetToken, TokenContext } from "./tokens.ts";
export {
  type CarriedAudio,
  type Outgoing,
  plainWebSocket,
  type Transport,
  type TransportEvents,
  type TransportFactory,
  type TransportOptions,
} from "./transport.ts";
export type { KeyStorage } from "./vault.ts";
