/**
 * The wire as types: what the generated file says, under the names this library uses, and the two
 * tables the core needs without their sentences. The tests compare the tables with the generated
 * ones.
 */
import type * as wire from "./protocol.gen.ts";

export type {
  AudioFormat,
  Clock,
  EndReason,
  EndResult,
  Member,
  Outcome,
  PresenceState,
  QuestionInput,
  Replies,
  Resume,
  Role,
  SessionInfo,
  SessionJoined,
  Status,
  Suggestion,
  Visibility,
  Word,
} from "./protocol.gen.ts";

/** Codes the server answers with. */
export type ServerErrorCode = wire.ErrorCode;
/** Wall-clock time of the server, milliseconds since 1970 UTC. */
export type Wall = number;
/** A question as a client sends it: with exactly one of `limitSeconds` and `limitMs`. */
export type Question = wire.QuestionInput;
export type AskedQuestion = wire.OpenQuestion;
export type SessionView = Omit<wire.SessionState, "type">;
export type PartialCaption = wire.TranscriptionPartial;
export type FinalCaption = wire.TranscriptionFinal;
export type RequestedTranscription = wire.TranscriptionAnswer;
export type ConnectionSuccess = wire.ConnectionSuccess;

/** What the candidate is asked to agree to. */
export type ConsentAsked = Pick<wire.ConsentRequest, "version" | "text" | "purposes">;

/** What the server may say, by event. */
export type ServerMessages = Omit<wire.ServerMessages, "ok"> & {
  /** The reply to a request that was done. */
  ok: { type: "ok"; ref: string | number } & OkFields;
};
export type ServerMessage = ServerMessages[keyof ServerMessages];
/** A message with a place in the session's log. */
export type DurableMessage = Extract<ServerMessage, { prev: number }>;
export type ClientMessage = wire.ClientMessage;

/** Fields of an `ok`, depending on the request: see `Replies`. */
export interface OkFields {
  sessionId?: string;
  /** `interview:start`, `session:extend`: when the open question's time is over. */
  deadlineAt?: Wall;
  /** `transcription:request`: what its result will carry. */
  requestId?: number;
  status?: wire.Status;
  /** `session:clear`: which session was open. */
  cleared?: string | null;
  /** `session:transfer`: the code, until when it is good, and a path of the server's own app. */
  code?: string;
  expiresAt?: Wall;
  link?: string;
}

/** Close codes that do not mean "come back and resume": word, and what to do. */
export const CLOSE_CODES: Readonly<Record<number, readonly [reason: string, wire.ComeBack]>> = {
  1000: ["session_over", "no"],
  1002: ["protocol_error", "no"],
  1003: ["unsupported_data", "no"],
  1007: ["invalid_data", "no"],
  1008: ["policy", "no"],
  1009: ["too_big", "no"],
  4401: ["not_authenticated", "no"],
  4403: ["not_allowed", "no"],
  4409: ["replaced", "no"],
  4410: ["token_expired", "with_new_token"],
  4420: ["server_restart", "after_delay"],
  4429: ["limited", "after_delay"],
};

/** Codes after which the same request may succeed later. */
export const TEMPORARY: readonly string[] = [
  "limited",
  "rate_limited",
  "takeover_storm",
  "busy",
  "store_unavailable",
  "draining",
  "timed_out",
];
