/** The wire as types: what the server says and what it may be asked. No code but two tables. */

/** Wall-clock time of the server, milliseconds since 1970 UTC. */
export type Wall = number;

export type Role = "candidate" | "interviewer" | "observer";
export type Status = "scheduled" | "active" | "completing" | "ended";
export type Visibility = "visible" | "hidden";
export type PresenceState = "connected" | "disconnected";
export type Outcome = "answered" | "timed_out" | "skipped" | "lost";
/** Which clock runs out: the question's, the one for silence, the whole session's. */
export type ClockName = "question" | "inactivity" | "duration";
export type AudioFormat = "pcm16" | "wav" | "webm" | "ogg";

export type EndReason =
  | "completed"
  | "candidate_ended"
  | "interviewer_ended"
  | "admin_ended"
  | "api_ended"
  | "closed_by_api"
  | "closed_externally"
  | "cleared_by_user"
  | "replaced_by_new_session"
  | "declined"
  | "expired"
  | "max_duration"
  | "inactivity"
  | "abandoned"
  | "upload_timeout"
  | "token_revoked"
  | "server_crash"
  | "store_lost"
  | "internal_error";

/** Codes the server answers with. */
export type ServerErrorCode =
  | "bad_json"
  | "too_deep"
  | "too_large"
  | "unknown_event"
  | "missing_field"
  | "invalid_field"
  | "auth_required"
  | "token_invalid"
  | "token_expired"
  | "origin_not_allowed"
  | "not_allowed"
  | "session_not_found"
  | "session_ended"
  | "session_active"
  | "not_in_session"
  | "session_required"
  | "bad_transition"
  | "no_open_question"
  | "plan_not_found"
  | "no_extension"
  | "room_full"
  | "limited"
  | "rate_limited"
  | "takeover_storm"
  | "busy"
  | "store_unavailable"
  | "draining"
  | "bad_audio"
  | "unsupported_format"
  | "unsupported_sample_rate"
  | "speech_unavailable"
  | "timed_out"
  | "not_supported"
  | "internal";

export interface Word {
  text: string;
  startMs: number;
  endMs: number;
  /** 0 to 1; null where the model gives none. */
  confidence: number | null;
}

export interface Question {
  id?: string;
  text: string;
  /** Time for the answer in milliseconds, 5,000 to 3,600,000; or `limitSeconds`. */
  limitMs?: number;
  limitSeconds?: number;
}

export interface Member {
  userId: string;
  role: Role;
  participant: number;
  state: PresenceState;
}

export interface SessionInfo {
  id: string;
  title: string;
  status: Status;
  planId?: string;
  createdAt: Wall;
  startedAt?: Wall;
  endsAt?: Wall;
}

export interface AskedQuestion {
  sessionId: string;
  questionId: string;
  index: number;
  total: number;
  text: string;
  startedAt: Wall;
  deadlineAt: Wall;
  serverNow: Wall;
}

export interface SessionView {
  sessionId: string;
  session: SessionInfo;
  members: Member[];
  status: Status;
  epoch: number;
  seq: number;
  question?: AskedQuestion;
}

/** What every durable event carries. */
export interface Durable {
  sessionId: string;
  /** Its place in the session's log: 1, 2, 3 … */
  seq: number;
  /** The last seq this member was entitled to before it. */
  prev: number;
  /** Sent while the records could not be reached; not stored yet. */
  provisional?: boolean;
}

export interface Refused {
  code: string;
  message: string;
  retryAfterMs?: number;
  /** `session_active`: which one is open. */
  activeSessionId?: string;
  /** `transcription:error`: of which request. */
  requestId?: number;
}

export interface ConnectionSuccess {
  type: "connection:success";
  connectionId: string;
  userId: string;
  serverTime: Wall;
  heartbeat: { pingIntervalMs: number; timeoutMs: number };
  limits: { messageBytes: number; audioBytesPerSecond: number; eventsPerSecond: number };
  resumeKey: string;
}

export interface SessionJoined extends SessionView {
  type: "session:joined";
  /** Handle of this session in binary audio of this connection. */
  room: number;
  you: { participant: number; userId: string; role: Role };
  recovered: boolean;
  resumeKey: string;
}

export interface PresenceMessage {
  type: "user:joined" | "user:left" | "user:disconnected";
  sessionId: string;
  userId: string;
  role: Role;
  participant: number;
}

export interface EndResult {
  reason: EndReason;
  durationMs: number;
  asked: number;
  answered: number;
  reportReady: boolean;
}

/** A caption that may still change. */
export interface PartialCaption {
  type: "transcription:result";
  isFinal: false;
  sessionId: string;
  userId: string;
  streamId: number;
  utterance: number;
  text: string;
  /** So many leading words will not change any more. */
  stable: number;
  startMs: number;
  endMs: number;
  questionId?: string;
}

/** A caption that will not change. */
export interface FinalCaption extends Durable {
  type: "transcription:result";
  isFinal: true;
  userId: string;
  streamId: number;
  utterance: number;
  text: string;
  words: Word[];
  startMs: number;
  endMs: number;
  /** From the start of the session to the middle of the segment, milliseconds. */
  atMs: number;
  confidence: number;
  questionId?: string;
}

/** The answer to a `transcription:request`. */
export interface RequestedTranscription {
  type: "transcription:result";
  isFinal: true;
  requestId: number;
  sessionId: string;
  text: string;
  words: Word[];
  startMs: number;
  endMs: number;
  confidence: number;
}

export interface Suggestion {
  /** Stable within the session, where the server gives one. */
  id?: string;
  text: string;
  [more: string]: unknown;
}

export type ServerMessage =
  | ConnectionSuccess
  | ({ type: "connection:error" } & Refused)
  | { type: "connection:replaced"; sessionId: string }
  | { type: "connection:token_expiring"; expiresAt?: Wall; inMs?: number }
  | { type: "connection:closing"; code: number; reason: string; retryAfterMs?: number }
  | SessionJoined
  | { type: "session:left"; sessionId: string }
  | PresenceMessage
  | { type: "user:visibility"; sessionId: string; userId: string; state: Visibility }
  | ({ type: "session:state" } & SessionView)
  | { type: "session:expiring"; sessionId: string; what: ClockName; deadlineAt: Wall }
  | { type: "session:degraded"; sessionId: string; on: boolean; seq?: number }
  | ({
      type: "session:status:updated";
      status: Status;
      reason?: EndReason;
      at: Wall;
    } & Durable)
  | ({ type: "question:asked" } & AskedQuestion & Durable)
  | ({
      type: "question:extended";
      questionId: string;
      deadlineAt: Wall;
      serverNow: Wall;
    } & Durable)
  | ({
      type: "question:closed";
      questionId: string;
      outcome: Outcome;
      at: Wall;
      usedMs: number;
    } & Durable)
  | ({
      type: "interview_ended";
      result: EndResult;
      reportUrl: string | null;
    } & Durable)
  | {
      type: "session_ended";
      sessionId: string;
      reason: EndReason;
      message: string;
      recorded: boolean;
    }
  | PartialCaption
  | FinalCaption
  | RequestedTranscription
  | ({
      type: "transcription:gap";
      userId: string;
      streamId: number;
      startMs: number;
      endMs: number;
    } & Durable)
  | { type: "transcription:processing"; sessionId: string; requestId: number }
  | ({ type: "responses:suggestions"; suggestions: Suggestion[]; questionId?: string } & Durable)
  | { type: "audio:ack"; sessionId: string; streamId: number; seq: number }
  | {
      type: "audio:received";
      sessionId: string;
      userId: string;
      participant: number;
      streamId: number;
      seq: number;
      format: AudioFormat;
      sampleRate?: number;
      atMs?: number;
      isLast?: boolean;
      timestamp: Wall;
      audioData: string;
    }
  | ({
      type: "session:error" | "audio:error" | "transcription:error" | "error";
      sessionId?: string;
      ref?: string | number;
    } & Refused)
  | { type: "server:draining"; retryAfterMs: number }
  | { type: "pong"; ref?: string | number }
  | ({ type: "ok"; ref?: string | number } & OkFields);

/** Fields of an `ok`, depending on the request. */
export interface OkFields {
  sessionId?: string;
  /** `interview:start`, `session:extend`: when the open question's time is over. */
  deadlineAt?: Wall;
  /** `transcription:request`: what its result will carry. */
  requestId?: number;
}

export interface Resume {
  key: string;
  epoch: number;
  seq: number;
}

export type ClientMessage =
  | { type: "auth"; token: string }
  | { type: "auth:refresh"; token: string }
  | { type: "ping" }
  | { type: "session:join"; sessionId: string; resume?: Resume; audio?: "json" | "binary" }
  | { type: "session:leave"; sessionId?: string }
  | { type: "interview:start"; sessionId?: string; planId?: string; questions?: Question[] }
  | { type: "answer:done"; sessionId?: string; questionId?: string; skip?: boolean }
  | { type: "end_interview"; sessionId?: string }
  | { type: "session:status"; sessionId?: string; status: Status }
  | { type: "session:extend"; sessionId?: string }
  | { type: "session:clear"; sessionId?: string }
  | { type: "user:visibility"; sessionId?: string; state: Visibility }
  | {
      type: "transcription:request";
      sessionId?: string;
      audioData: string;
      format: AudioFormat;
      sampleRate?: number;
    };

/** What to do after a close: stay away, come back at once, with a new token, or later. */
export type ComeBack = "no" | "resume" | "new_token" | "after_delay";

/** Close codes of the server and of the transport: word, and whether to come back. */
export const CLOSE_CODES: Readonly<Record<number, readonly [reason: string, ComeBack]>> = {
  1000: ["session_over", "no"],
  1002: ["protocol_error", "no"],
  1003: ["unsupported_data", "no"],
  1007: ["invalid_data", "no"],
  1008: ["policy", "no"],
  1009: ["too_big", "no"],
  4401: ["not_authenticated", "no"],
  4403: ["not_allowed", "no"],
  4409: ["replaced", "no"],
  4410: ["token_expired", "new_token"],
  4420: ["server_restart", "after_delay"],
  4421: ["slow_consumer", "resume"],
  4422: ["heartbeat_missed", "resume"],
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
