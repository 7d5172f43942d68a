// The realtime contract of Greenroom: every message, field, reply and code.
// Made from the server's own types; do not edit. `UPDATE_EXPECT=1 cargo test -p protocol contract` writes it anew.

/** The contract's name: the WebSocket subprotocol to ask for. */
export const PROTOCOL = 'greenroom.v1'

/** Bounds that are part of the contract. */
export const LIMITS = {
  jsonDepth: 32,
  refChars: 64,
  requestIdChars: 64,
  questions: 50,
  questionChars: 2000,
  questionLimitMsMin: 5000,
  questionLimitMsMax: 3600000,
  sampleRateMin: 8000,
  sampleRateMax: 48000,
  tokenBytes: 8192,
} as const

/** Binary audio: numbers are little-endian, the payload follows the header. */
export const AUDIO = {
  headerBytes: 20,
  toServer: 1,
  toClient: 129,
  flagLast: 1,
  offsets: { kind: 0, format: 1, flags: 2, sender: 3, room: 4, sampleRate: 6, stream: 8, seq: 12, atMs: 16 },
  formats: { pcm16: 0, wav: 1, webm: 2, ogg: 3 },
} as const

/** What was wrong with a request. */
export type ErrorCode =
  /** The frame is not JSON. */
  | 'bad_json'
  /** The JSON is nested deeper than 32 levels. */
  | 'too_deep'
  /** The message or a field is larger than allowed. */
  | 'too_large'
  /** No such event. */
  | 'unknown_event'
  /** A field is missing. */
  | 'missing_field'
  /** A field has the wrong type or an impossible value. */
  | 'invalid_field'
  /** No valid token came in time. */
  | 'auth_required'
  /** The token cannot be read or its signature is wrong. */
  | 'token_invalid'
  /** The token's time is over. */
  | 'token_expired'
  /** The token was taken back. */
  | 'token_revoked'
  /** A refresh with somebody else's token, or one with other rights. */
  | 'token_mismatch'
  /** The page's origin is not on the list. */
  | 'origin_not_allowed'
  /** The role may not do this. */
  | 'not_allowed'
  /** Unknown session, or one the user was not invited to: the same answer. */
  | 'session_not_found'
  /** The session is over. */
  | 'session_ended'
  /** There is a session with this id already. */
  | 'session_exists'
  /** The candidate has another session running. */
  | 'session_active'
  /** The connection is in no session. */
  | 'not_in_session'
  /** The connection is in several sessions and the message names none. */
  | 'session_required'
  /** The change of status is not possible from where the session is. */
  | 'bad_transition'
  /** No question is open, or another one than named. */
  | 'no_open_question'
  /** The plan is not known. */
  | 'plan_not_found'
  /** The plan grants no more time. */
  | 'no_extension'
  /** The candidate has not agreed yet to what the plan asks for. */
  | 'consent_required'
  /** The room is full. */
  | 'room_full'
  /** Too many connections or handshakes. */
  | 'limited'
  /** Too many events or bytes. */
  | 'rate_limited'
  /** The seat changes hands too fast. */
  | 'takeover_storm'
  /** Another page of the same user has the seat, and it may not be taken over here. */
  | 'seat_taken'
  /** The code to move an interview was used, is over, or never was. */
  | 'transfer_invalid'
  /** Too much is waiting to be stored. */
  | 'busy'
  /** The records cannot be reached. */
  | 'store_unavailable'
  /** The server is about to stop and takes nothing new. */
  | 'draining'
  /** The audio cannot be decoded. */
  | 'bad_audio'
  /** The audio format is not understood here. */
  | 'unsupported_format'
  /** The sample rate is outside 8 to 48 kHz. */
  | 'unsupported_sample_rate'
  /** No recogniser is installed. */
  | 'speech_unavailable'
  /** Recognition took too long. */
  | 'timed_out'
  /** Planned, not there yet. */
  | 'not_supported'
  /** A fault of ours. */
  | 'internal'
export const ERROR_CODES: readonly ErrorCode[] = ['bad_json', 'too_deep', 'too_large', 'unknown_event', 'missing_field', 'invalid_field', 'auth_required', 'token_invalid', 'token_expired', 'token_revoked', 'token_mismatch', 'origin_not_allowed', 'not_allowed', 'session_not_found', 'session_ended', 'session_exists', 'session_active', 'not_in_session', 'session_required', 'bad_transition', 'no_open_question', 'plan_not_found', 'no_extension', 'consent_required', 'room_full', 'limited', 'rate_limited', 'takeover_storm', 'seat_taken', 'transfer_invalid', 'busy', 'store_unavailable', 'draining', 'bad_audio', 'unsupported_format', 'unsupported_sample_rate', 'speech_unavailable', 'timed_out', 'not_supported', 'internal']

/** What a client should do about an error. */
export type Remedy =
  /** The request itself is wrong: repeating it changes nothing, the client must send another. */
  | 'fix'
  /** Get a new token and authenticate with it. */
  | 'new_token'
  /** The session is not where the client thinks it is: look again, then decide. */
  | 'look_again'
  /** Send the same again, after `retryAfterMs` where it is given. */
  | 'retry'
  /** Nothing a client can do: tell the user. */
  | 'give_up'
export const REMEDIES: readonly Remedy[] = ['fix', 'new_token', 'look_again', 'retry', 'give_up']

/** What a client should do after a close. */
export type ComeBack =
  /** Stay away. */
  | 'no'
  /** Connect again and resume. */
  | 'resume'
  /** Connect again with a new token and resume. */
  | 'with_new_token'
  /** Wait as long as it was told, then connect and resume. */
  | 'after_delay'
export const COME_BACKS: readonly ComeBack[] = ['no', 'resume', 'with_new_token', 'after_delay']

/** Every error code: its sentence where no better one is sent, and what to do. */
export const ERRORS: { readonly [code in ErrorCode]: { readonly message: string; readonly remedy: Remedy } } = {
  bad_json: { message: 'The message is not valid JSON.', remedy: 'fix' },
  too_deep: { message: 'The message is nested too deeply.', remedy: 'fix' },
  too_large: { message: 'The message is larger than this server accepts.', remedy: 'fix' },
  unknown_event: { message: 'This server knows no event of that name.', remedy: 'fix' },
  missing_field: { message: 'A field is missing.', remedy: 'fix' },
  invalid_field: { message: 'A field has a value this server cannot use.', remedy: 'fix' },
  auth_required: { message: 'Please send a token first.', remedy: 'new_token' },
  token_invalid: { message: 'The token is not valid.', remedy: 'new_token' },
  token_expired: { message: 'The token has expired. Please get a new one.', remedy: 'new_token' },
  token_revoked: { message: 'This token was taken back. Please get a new one.', remedy: 'new_token' },
  token_mismatch: { message: 'The new token does not fit this connection. Connect anew with it.', remedy: 'new_token' },
  origin_not_allowed: { message: 'Pages of this address may not connect here.', remedy: 'give_up' },
  not_allowed: { message: 'Your role may not do this.', remedy: 'give_up' },
  session_not_found: { message: 'There is no such session, or you were not invited to it.', remedy: 'give_up' },
  session_ended: { message: 'This session is over.', remedy: 'look_again' },
  session_exists: { message: 'There is a session with this id already.', remedy: 'look_again' },
  session_active: { message: 'Another interview of yours is still open.', remedy: 'look_again' },
  not_in_session: { message: 'Join a session first.', remedy: 'look_again' },
  session_required: { message: 'You are in several sessions; say which one you mean.', remedy: 'fix' },
  bad_transition: { message: 'The session cannot change to that status now.', remedy: 'look_again' },
  no_open_question: { message: 'That question is not open.', remedy: 'look_again' },
  plan_not_found: { message: 'There is no plan of that name.', remedy: 'fix' },
  no_extension: { message: 'No more time can be added.', remedy: 'look_again' },
  consent_required: { message: 'The candidate has to agree first: nothing is heard or recorded before that.', remedy: 'look_again' },
  room_full: { message: 'The room is full.', remedy: 'give_up' },
  limited: { message: 'Too many connections. Please try again later.', remedy: 'retry' },
  rate_limited: { message: 'Too much at once. Please slow down.', remedy: 'retry' },
  takeover_storm: { message: 'This seat is changing hands too fast. Close the other tabs.', remedy: 'retry' },
  seat_taken: { message: 'You are in this session with another page. Close that one first.', remedy: 'give_up' },
  transfer_invalid: { message: 'This code is not good any more. Ask for a new one.', remedy: 'give_up' },
  busy: { message: 'Too much is waiting. Please try again in a moment.', remedy: 'retry' },
  store_unavailable: { message: 'The records cannot be reached. Please try again in a moment.', remedy: 'retry' },
  draining: { message: 'This server is about to restart. Please try again in a moment.', remedy: 'retry' },
  bad_audio: { message: 'This audio cannot be read.', remedy: 'fix' },
  unsupported_format: { message: 'This audio format is not understood here.', remedy: 'fix' },
  unsupported_sample_rate: { message: 'The sample rate must be between 8000 and 48000.', remedy: 'fix' },
  speech_unavailable: { message: 'No speech model is installed on this server.', remedy: 'give_up' },
  timed_out: { message: 'This took too long.', remedy: 'retry' },
  not_supported: { message: 'This server cannot do that yet.', remedy: 'give_up' },
  internal: { message: 'Something went wrong on our side.', remedy: 'give_up' },
}

/** What a close code means and whether to come back. A code that is not here: resume. */
export interface CloseInfo {
  /** Stable word; empty for codes this server never sends. */
  readonly reason: string
  /** What happened. */
  readonly meaning: string
  /** What the client should do. */
  readonly comeBack: ComeBack
}
export const CLOSE_CODES: { readonly [code: number]: CloseInfo } = {
  1000: { reason: 'session_over', meaning: 'The session is over; `session_ended` came first.', comeBack: 'no' },
  4401: { reason: 'not_authenticated', meaning: 'Not authenticated; `connection:error` says why.', comeBack: 'no' },
  4403: { reason: 'not_allowed', meaning: 'Authenticated, but not allowed; also a wrong origin.', comeBack: 'no' },
  4409: { reason: 'replaced', meaning: 'A newer connection of the same user took the seat.', comeBack: 'no' },
  4410: { reason: 'token_expired', meaning: 'The token expired while the connection was open.', comeBack: 'with_new_token' },
  4420: { reason: 'server_restart', meaning: 'The server restarts; `server:draining` said when to come back.', comeBack: 'after_delay' },
  4421: { reason: 'slow_consumer', meaning: 'The client does not read fast enough.', comeBack: 'resume' },
  4422: { reason: 'heartbeat_missed', meaning: 'The client was silent too long.', comeBack: 'resume' },
  4429: { reason: 'limited', meaning: 'A limit was reached.', comeBack: 'after_delay' },
  1002: { reason: 'protocol_error', meaning: 'The client broke the WebSocket protocol.', comeBack: 'no' },
  1003: { reason: 'unsupported_data', meaning: 'A kind of data this server does not take.', comeBack: 'no' },
  1007: { reason: 'invalid_data', meaning: 'Text that is not UTF-8.', comeBack: 'no' },
  1008: { reason: 'policy', meaning: 'A rule of this server was broken.', comeBack: 'no' },
  1009: { reason: 'too_big', meaning: 'A message larger than this server accepts.', comeBack: 'no' },
  1011: { reason: 'server_error', meaning: 'A fault of the server.', comeBack: 'resume' },
  1001: { reason: '', meaning: 'The other side went away.', comeBack: 'resume' },
  1005: { reason: '', meaning: 'Closed without a code.', comeBack: 'resume' },
  1006: { reason: '', meaning: 'The connection was lost.', comeBack: 'resume' },
  1012: { reason: '', meaning: 'Something between restarts.', comeBack: 'resume' },
}

/** The first message of a connection whose handshake carried no token. */
export interface Auth {
  type: 'auth'
  /** A JSON Web Token. (Text, at most 8192 characters.) */
  token: string
  /** Exactly one reply comes back with the same `ref`; without it only refusals are told. */
  ref?: string | number | undefined
}

/** The token is good; `connection:success` came first. */
export interface AuthReply {
  /** The connection's name. */
  connectionId: string
}

/** A new token on the same connection: of the same user, with the same role and session. */
export interface AuthRefresh {
  type: 'auth:refresh'
  /** A JSON Web Token. (Text, at most 8192 characters.) */
  token: string
  /** Exactly one reply comes back with the same `ref`; without it only refusals are told. */
  ref?: string | number | undefined
}

/** The connection goes on with the new token. */
export interface AuthRefreshReply {
  /** The new token's `exp`. (Time, ms since 1970.) */
  expiresAt: number
}

/** What a page shows to get its seat back. */
export interface Resume {
  /** The `resumeKey` the earlier connection was given. (32 hexadecimal digits.) */
  key: string
  /** The log's incarnation it knew. */
  epoch: number
  /** The last durable event it saw; 0: none. */
  seq: number
}

/** In which form a connection hears the audio of others. */
export type AudioForm =
  /** `audio:received` with base64; this is the default. */
  | 'json'
  /** Binary frames. */
  | 'binary'
export const AUDIO_FORMS: readonly AudioForm[] = ['json', 'binary']

/** Takes a seat in a session, or takes it again. `session:joined` comes before the `ok`. */
export interface SessionJoin {
  type: 'session:join'
  /** Which session. */
  sessionId: string
  /** What an earlier connection of the same page had; without it the seat is taken over. */
  resume?: Resume | undefined
  /** How this connection hears audio from now on; concerns the whole connection. */
  audio?: AudioForm | undefined
  /** Exactly one reply comes back with the same `ref`; without it only refusals are told. */
  ref?: string | number | undefined
  /** Makes the request safe to repeat: a second one with this id gets the first one's answer. (Text, at most 64 characters.) */
  id?: string | undefined
}

/** Done. */
export interface SessionReply {
  /** Which session. */
  sessionId: string
}

/** Gives the seat up. A running interview waits for its candidate all the same. */
export interface SessionLeave {
  type: 'session:leave'
  /** Which session; may be left out by a connection that is in one only. */
  sessionId?: string | undefined
  /** Exactly one reply comes back with the same `ref`; without it only refusals are told. */
  ref?: string | number | undefined
  /** Makes the request safe to repeat: a second one with this id gets the first one's answer. (Text, at most 64 characters.) */
  id?: string | undefined
}

/** A question as a client sends it: with exactly one of `limitSeconds` and `limitMs`. */
export interface QuestionInput {
  /** Name inside the plan; left out: q1, q2 … by place. */
  id?: string | undefined
  /** What is asked, as shown to people. (Text, at most 2000 characters.) */
  text: string
  /** Time for the answer, seconds. (Number, 5 to 3600.) */
  limitSeconds?: number | undefined
  /** Time for the answer, milliseconds. (Number, 5000 to 3600000.) */
  limitMs?: number | undefined
}

/** Starts the interview: with a plan, with questions of its own, or with the plan the session was made with. */
export interface InterviewStart {
  type: 'interview:start'
  /** Which session; may be left out by a connection that is in one only. */
  sessionId?: string | undefined
  /** Run this plan; not together with `questions`. */
  planId?: string | undefined
  /** Run these questions; an empty list is a room without questions. At most 50. */
  questions?: QuestionInput[] | undefined
  /** Exactly one reply comes back with the same `ref`; without it only refusals are told. */
  ref?: string | number | undefined
  /** Makes the request safe to repeat: a second one with this id gets the first one's answer. (Text, at most 64 characters.) */
  id?: string | undefined
}

/** The interview runs, and that is stored. */
export interface InterviewStartReply {
  /** Which session. */
  sessionId: string
  /** When the first question's time is over. (Time, ms since 1970.) */
  deadlineAt?: number
}

/** The candidate has finished the open question, or passes over it. */
export interface AnswerDone {
  type: 'answer:done'
  /** Which session; may be left out by a connection that is in one only. */
  sessionId?: string | undefined
  /** Which question; left out: the open one. */
  questionId?: string | undefined
  /** Passed over, not answered. */
  skip?: boolean | undefined
  /** Exactly one reply comes back with the same `ref`; without it only refusals are told. */
  ref?: string | number | undefined
  /** Makes the request safe to repeat: a second one with this id gets the first one's answer. (Text, at most 64 characters.) */
  id?: string | undefined
}

/** Words of the candidate's answer that are typed instead of spoken. They become a final `transcription:result` with stream 4294967295 and without word times. */
export interface AnswerText {
  type: 'answer:text'
  /** Which session; may be left out by a connection that is in one only. */
  sessionId?: string | undefined
  /** Which question; left out: the open one. */
  questionId?: string | undefined
  /** What was typed; not only white space. (Text, at most 4000 characters.) */
  text: string
  /** Exactly one reply comes back with the same `ref`; without it only refusals are told. */
  ref?: string | number | undefined
  /** Makes the request safe to repeat: a second one with this id gets the first one's answer. (Text, at most 64 characters.) */
  id?: string | undefined
}

/** Ends the interview in order: last words, report, `interview_ended`, `session_ended`, close 1000. */
export interface EndInterview {
  type: 'end_interview'
  /** Which session; may be left out by a connection that is in one only. */
  sessionId?: string | undefined
  /** Exactly one reply comes back with the same `ref`; without it only refusals are told. */
  ref?: string | number | undefined
  /** Makes the request safe to repeat: a second one with this id gets the first one's answer. (Text, at most 64 characters.) */
  id?: string | undefined
}

/** Where a session is in its life (S2). There is no way back. */
export type Status =
  /** Made, not begun. */
  | 'scheduled'
  /** The interview runs. */
  | 'active'
  /** Asked to end: the last words are written and the report is made. */
  | 'completing'
  /** Over, with one reason. */
  | 'ended'
export const STATUSES: readonly Status[] = ['scheduled', 'active', 'completing', 'ended']

/** The end has begun, or had begun before. */
export interface EndInterviewReply {
  /** Which session. */
  sessionId: string
  /** Where the session is now. */
  status: Status
}

/** Asks for a change of status: `active` starts, `completing` or `ended` ends. Interviewers only. */
export interface SessionStatus {
  type: 'session:status'
  /** Which session; may be left out by a connection that is in one only. */
  sessionId?: string | undefined
  /** The status that is wanted. */
  status: Status
  /** Exactly one reply comes back with the same `ref`; without it only refusals are told. */
  ref?: string | number | undefined
  /** Makes the request safe to repeat: a second one with this id gets the first one's answer. (Text, at most 64 characters.) */
  id?: string | undefined
}

/** The change was made or has begun; `session:status:updated` tells everybody. */
export interface SessionStatusReply {
  /** Which session. */
  sessionId: string
  /** Where the session is now, when it was to end. */
  status?: Status
  /** When it was started: the first question's deadline. (Time, ms since 1970.) */
  deadlineAt?: number
}

/** Asks for more time for the open question, where the plan grants it. */
export interface SessionExtend {
  type: 'session:extend'
  /** Which session; may be left out by a connection that is in one only. */
  sessionId?: string | undefined
  /** Exactly one reply comes back with the same `ref`; without it only refusals are told. */
  ref?: string | number | undefined
  /** Makes the request safe to repeat: a second one with this id gets the first one's answer. (Text, at most 64 characters.) */
  id?: string | undefined
}

/** More time was given; `question:extended` tells everybody. */
export interface SessionExtendReply {
  /** Which session. */
  sessionId: string
  /** The new deadline. (Time, ms since 1970.) */
  deadlineAt: number
}

/** Ends the user's running session, whichever it is; needs no seat in it. */
export interface SessionClear {
  type: 'session:clear'
  /** Which session; may be left out by a connection that is in one only. */
  sessionId?: string | undefined
  /** Exactly one reply comes back with the same `ref`; without it only refusals are told. */
  ref?: string | number | undefined
  /** Makes the request safe to repeat: a second one with this id gets the first one's answer. (Text, at most 64 characters.) */
  id?: string | undefined
}

/** Nothing of the user's is open any more. */
export interface SessionClearReply {
  /** The session that was ended; null: there was none. */
  cleared: string | null
}

/** The candidate agrees to the wording of `consent:request`. Sound is taken from `consent:given` on. */
export interface ConsentGive {
  type: 'consent:give'
  /** Which session; may be left out by a connection that is in one only. */
  sessionId?: string | undefined
  /** Which wording. (Text, at most 64 characters.) */
  version: string
  /** Exactly one reply comes back with the same `ref`; without it only refusals are told. */
  ref?: string | number | undefined
  /** Makes the request safe to repeat: a second one with this id gets the first one's answer. (Text, at most 64 characters.) */
  id?: string | undefined
}

/** The candidate does not agree, or does so no longer: the session ends `declined`. */
export interface ConsentDecline {
  type: 'consent:decline'
  /** Which session; may be left out by a connection that is in one only. */
  sessionId?: string | undefined
  /** Which wording; left out: the one that is asked for. (Text, at most 64 characters.) */
  version?: string | undefined
  /** Exactly one reply comes back with the same `ref`; without it only refusals are told. */
  ref?: string | number | undefined
  /** Makes the request safe to repeat: a second one with this id gets the first one's answer. (Text, at most 64 characters.) */
  id?: string | undefined
}

/** Asks for a code that moves the candidate's running interview to another device: there `POST /api/transfers` turns it into a token, once, and joining with that takes the seat over. */
export interface SessionTransfer {
  type: 'session:transfer'
  /** Which session; may be left out by a connection that is in one only. */
  sessionId?: string | undefined
  /** Exactly one reply comes back with the same `ref`; without it only refusals are told. */
  ref?: string | number | undefined
  /** Makes the request safe to repeat: a second one with this id gets the first one's answer. (Text, at most 64 characters.) */
  id?: string | undefined
}

/** The code, for the candidate's eyes alone. */
export interface SessionTransferReply {
  /** Which session. */
  sessionId: string
  /** Ten letters and digits; good once. (Text, at most 64 characters.) */
  code: string
  /** Until when it is good. (Time, ms since 1970.) */
  expiresAt: number
  /** Path of the web app that takes the code, from the server's root. */
  link: string
}

/** Whether a member's page is in front. */
export type Visibility =
  /** In front. */
  | 'visible'
  /** Behind other windows or tabs. */
  | 'hidden'
export const VISIBILITIES: readonly Visibility[] = ['visible', 'hidden']

/** Says whether the page is in front; the others are told. */
export interface UserVisibilityRequest {
  type: 'user:visibility'
  /** Which session; may be left out by a connection that is in one only. */
  sessionId?: string | undefined
  /** What the page shows. */
  state: Visibility
  /** Exactly one reply comes back with the same `ref`; without it only refusals are told. */
  ref?: string | number | undefined
  /** Makes the request safe to repeat: a second one with this id gets the first one's answer. (Text, at most 64 characters.) */
  id?: string | undefined
}

/** Audio formats by name. Which of them are understood is the speech crate's business. */
export type AudioFormat =
  /** Signed 16-bit samples, little endian, mono. */
  | 'pcm16'
  /** A RIFF WAVE file in each chunk. */
  | 'wav'
  /** Relayed as it is, not transcribed. */
  | 'webm'
  /** Relayed as it is, not transcribed. */
  | 'ogg'
export const AUDIO_FORMATS: readonly AudioFormat[] = ['pcm16', 'wav', 'webm', 'ogg']

/** Recognizes one piece of audio once: `transcription:processing`, then `transcription:result` or `transcription:error` with the same `requestId`. */
export interface TranscriptionRequest {
  type: 'transcription:request'
  /** Which session; may be left out by a connection that is in one only. */
  sessionId?: string | undefined
  /** The sound. */
  audioData: string
  /** How the sound is coded. */
  format: AudioFormat
  /** Samples a second, 8000 to 48000. Required with `pcm16`; 0 or left out with the others: as the data says. */
  sampleRate?: number | undefined
  /** Exactly one reply comes back with the same `ref`; without it only refusals are told. */
  ref?: string | number | undefined
  /** Makes the request safe to repeat: a second one with this id gets the first one's answer. (Text, at most 64 characters.) */
  id?: string | undefined
}

/** Recognition has begun. */
export interface TranscriptionRequestReply {
  /** Which session. */
  sessionId: string
  /** Names the answers that follow. */
  requestId: number
}

/** A chunk of live audio, relayed to the room as `audio:received`; binary frames carry the same without base64. */
export interface AudioStream {
  type: 'audio:stream'
  /** Which session; may be left out by a connection that is in one only. */
  sessionId?: string | undefined
  /** The sound; empty only in a last chunk. */
  audioData: string
  /** How the sound is coded. */
  format: AudioFormat
  /** Samples a second, 8000 to 48000. Required with `pcm16`; 0 or left out with the others: as the data says. */
  sampleRate?: number | undefined
  /** Which of the client's streams; left out: 0. */
  streamId?: number | undefined
  /** Number of the chunk within the stream, from 0; left out: counted by the server. */
  seq?: number | undefined
  /** From the stream's start to the chunk's first sample, milliseconds. */
  atMs?: number | undefined
  /** Whether the stream ends with this chunk. */
  isLast?: boolean | undefined
  /** Exactly one reply comes back with the same `ref`; without it only refusals are told. */
  ref?: string | number | undefined
}

/** The chunk was relayed; `audio:ack` says when it is on disk. */
export interface AudioStreamReply {
  /** Which stream. */
  streamId: number
  /** The chunk's number. */
  seq: number
}

/** Asks for a sign of life: `pong`. Never counts as activity. */
export interface Ping {
  type: 'ping'
  /** Exactly one reply comes back with the same `ref`; without it only refusals are told. */
  ref?: string | number | undefined
}

/** How the server asks for signs of life. */
export interface Heartbeat {
  /** A ping every so often, milliseconds. */
  pingIntervalMs: number
  /** Silence accepted after a ping, milliseconds. */
  timeoutMs: number
}

/** What this connection may send. */
export interface ConnectionLimits {
  /** Largest message, bytes. */
  messageBytes: number
  /** Audio, bytes a second as sent. */
  audioBytesPerSecond: number
  /** Requests a second, audio not counted. */
  eventsPerSecond: number
}

/** Authenticated. The first thing a connection hears. */
export interface ConnectionSuccess {
  type: 'connection:success'
  /** The connection's name, for support. */
  connectionId: string
  /** Who the token says you are. */
  userId: string
  /** The server's clock. (Time, ms since 1970.) */
  serverTime: number
  /** How signs of life are asked for. */
  heartbeat: Heartbeat
  /** What this connection may send. */
  limits: ConnectionLimits
  /** Private: needed to resume; keep it in the page's session storage. (32 hexadecimal digits.) */
  resumeKey: string
}

/** Not let in; a close follows. */
export interface ConnectionError {
  type: 'connection:error'
  /** Stable word for programs. */
  code: ErrorCode
  /** A sentence for people. */
  message: string
  /** Try again after so long, milliseconds; where that can help. */
  retryAfterMs?: number
}

/** Your token expires within a minute: send `auth:refresh`, else close 4410 follows. */
export interface ConnectionTokenExpiring {
  type: 'connection:token_expiring'
  /** The token's `exp`. (Time, ms since 1970.) */
  expiresAt: number
  /** The server's clock when it said this. (Time, ms since 1970.) */
  serverNow: number
}

/** A newer connection of yours took this seat; close 4409 follows, unless you are in another session too. */
export interface ConnectionReplaced {
  type: 'connection:replaced'
  /** Which session. */
  sessionId: string
}

/** Socket.IO only: the close code the plain door would have sent. Then a DISCONNECT, or for who should come back the end of the transport. */
export interface ConnectionClosing {
  type: 'connection:closing'
  /** The number of the table of close codes. (Whole number, 1000 to 4999.) */
  code: number
  /** Its stable word. */
  reason: string
  /** What to do. */
  comeBack: ComeBack
}

/** The reply to a request that was done; its further fields are the request's (`Replies`). */
export interface Ok {
  type: 'ok'
  /** The request's own `ref`. */
  ref: string | number
  /** What the request's own reply carries: see `Replies`. */
  [field: string]: unknown
}

/** The candidate's interview that is open: when it began, how far it is, where it is open. */
export interface ActiveCard {
  /** Which session. */
  sessionId: string
  /** For people. */
  title?: string
  /** Where it is in its life. */
  status?: Status
  /** When it became active. (Time, ms since 1970.) */
  startedAt?: number
  /** When somebody last did something, as far as it is stored. (Time, ms since 1970.) */
  lastActivityAt?: number
  /** When it ends at the latest. (Time, ms since 1970.) */
  deadlineAt?: number
  /** Questions that were put. */
  questionsAsked: number
  /** Questions it has; 0: a plain room. */
  questionsTotal: number
  /** A page of the candidate is connected to it now. */
  connected: boolean
  /** When the candidate was last connected. (Time, ms since 1970.) */
  lastSeenAt?: number
}

/** A request was refused. With `ref`: the reply to that request; without: about a message that had none. */
export interface ErrorMessage {
  type: 'error'
  /** The request's own `ref`. */
  ref?: string | number
  /** Which session, if in one. */
  sessionId?: string
  /** Stable word for programs. */
  code: ErrorCode
  /** A sentence for people. */
  message: string
  /** Try again after so long, milliseconds; where that can help. */
  retryAfterMs?: number
  /** With `session_active`: the session that is open. */
  activeSessionId?: string
  /** With `session_active`: what a recovery card shows of it. */
  active?: ActiveCard
}

/** Something about a session was refused or went wrong, and no `ref` asked for it. */
export interface SessionError {
  type: 'session:error'
  /** Which session, if in one. */
  sessionId?: string
  /** Stable word for programs. */
  code: ErrorCode
  /** A sentence for people. */
  message: string
  /** Try again after so long, milliseconds; where that can help. */
  retryAfterMs?: number
  /** With `session_active`: the session that is open. */
  activeSessionId?: string
  /** With `session_active`: what a recovery card shows of it. */
  active?: ActiveCard
}

/** Audio could not be taken; the session goes on. At most one a second for limits. */
export interface AudioError {
  type: 'audio:error'
  /** Which session, if in one. */
  sessionId?: string
  /** Stable word for programs. */
  code: ErrorCode
  /** A sentence for people. */
  message: string
  /** Try again after so long, milliseconds; where that can help. */
  retryAfterMs?: number
}

/** Recognition failed; with `requestId` it is the answer to that `transcription:request`. */
export interface TranscriptionError {
  type: 'transcription:error'
  /** Which session, if in one. */
  sessionId?: string
  /** Stable word for programs. */
  code: ErrorCode
  /** A sentence for people. */
  message: string
  /** Try again after so long, milliseconds; where that can help. */
  retryAfterMs?: number
  /** Which request. */
  requestId?: number
}

/** What a user may do in a session. `admin` is a role of the token and joins as observer. */
export type Role =
  /** Answers the questions; has the seat whose loss starts the resume grace. */
  | 'candidate'
  /** Asks, listens, may start and end. */
  | 'interviewer'
  /** Sees, says nothing. */
  | 'observer'
export const ROLES: readonly Role[] = ['candidate', 'interviewer', 'observer']

/** Your own place in the session. */
export interface You {
  /** Your number; names you in binary audio. */
  participant: number
  /** Who the token says you are. */
  userId: string
  /** As what you are in. */
  role: Role
}

/** A session in short. */
export interface SessionInfo {
  /** Which. */
  id: string
  /** For people. */
  title: string
  /** Where it is in its life. */
  status: Status
  /** Which plan it runs, if it has a name. */
  planId?: string
  /** When it was made. (Time, ms since 1970.) */
  createdAt: number
  /** When it became active. (Time, ms since 1970.) */
  startedAt?: number
  /** When its longest duration is over. (Time, ms since 1970.) */
  endsAt?: number
}

/** How a member is in the room right now. */
export type PresenceState =
  /** There with a live connection. */
  | 'connected'
  /** Connection lost, the seat is kept for a while. */
  | 'disconnected'
export const PRESENCE_STATES: readonly PresenceState[] = ['connected', 'disconnected']

/** A member of a room as the others see them. */
export interface Member {
  /** Who. */
  userId: string
  /** As what. */
  role: Role
  /** Their number; names them in binary audio. */
  participant: number
  /** There, or lost for a moment. */
  state: PresenceState
}

/** The question that is open now. */
export interface OpenQuestion {
  /** Which session. */
  sessionId: string
  /** Which. */
  questionId: string
  /** Place in the plan, from 0. */
  index: number
  /** How many there are. */
  total: number
  /** What is asked. */
  text: string
  /** When it was put. (Time, ms since 1970.) */
  startedAt: number
  /** Until when; the server's clock decides. (Time, ms since 1970.) */
  deadlineAt: number
  /** The server's clock, to correct the client's. (Time, ms since 1970.) */
  serverNow: number
}

/** You are in. Everything you need to draw the session. */
export interface SessionJoined {
  type: 'session:joined'
  /** The session's number in this connection's binary audio. */
  room: number
  /** Your own place. */
  you: You
  /** Which session. */
  sessionId: string
  /** The session in short. */
  session: SessionInfo
  /** Who is in, you included. */
  members: Member[]
  /** Where it is in its life. */
  status: Status
  /** The log's incarnation; needed to resume. */
  epoch: number
  /** The last event that is stored. */
  seq: number
  /** The open question. */
  question?: OpenQuestion
  /** Whether what you missed follows without a gap. */
  recovered: boolean
  /** What a resume of this seat will need. (32 hexadecimal digits.) */
  resumeKey: string
}

/** Everything at once, when a resume could not be continuous: drop what you know and go on from `seq`. */
export interface SessionState {
  type: 'session:state'
  /** Which session. */
  sessionId: string
  /** The session in short. */
  session: SessionInfo
  /** Who is in, you included. */
  members: Member[]
  /** Where it is in its life. */
  status: Status
  /** The log's incarnation; needed to resume. */
  epoch: number
  /** The last event that is stored. */
  seq: number
  /** The open question. */
  question?: OpenQuestion
}

/** You are out. */
export interface SessionLeft {
  type: 'session:left'
  /** Which session. */
  sessionId: string
}

/** Why a session ended: the closed list of the contract. */
export type EndReason =
  /** The last question was closed. */
  | 'completed'
  /** The candidate ended it. */
  | 'candidate_ended'
  /** An interviewer ended it. */
  | 'interviewer_ended'
  /** An administrator ended it. */
  | 'admin_ended'
  /** A back end ended it through the API. */
  | 'api_ended'
  /** `POST /api/websocket/close-connection` (S7). */
  | 'closed_by_api'
  /** Another program set the row to `ended` (S8). */
  | 'closed_externally'
  /** The candidate cleared a session left open (L7). */
  | 'cleared_by_user'
  /** Another session of the same candidate took its place. */
  | 'replaced_by_new_session'
  /** Consent was declined. */
  | 'declined'
  /** Nobody began it before its time was over. */
  | 'expired'
  /** The longest allowed duration was reached. */
  | 'max_duration'
  /** Nobody said or did anything for too long. */
  | 'inactivity'
  /** The candidate did not come back within the resume grace. */
  | 'abandoned'
  /** An upload was not finished in time. */
  | 'upload_timeout'
  /** The token of the candidate was revoked. */
  | 'token_revoked'
  /** The server process died. */
  | 'server_crash'
  /** A process had to stop with this end unsaved. */
  | 'store_lost'
  /** A fault of ours. */
  | 'internal_error'
export const END_REASONS: readonly EndReason[] = ['completed', 'candidate_ended', 'interviewer_ended', 'admin_ended', 'api_ended', 'closed_by_api', 'closed_externally', 'cleared_by_user', 'replaced_by_new_session', 'declined', 'expired', 'max_duration', 'inactivity', 'abandoned', 'upload_timeout', 'token_revoked', 'server_crash', 'store_lost', 'internal_error']

/** The session changed its status. */
export interface SessionStatusUpdated {
  type: 'session:status:updated'
  /** Which session. */
  sessionId: string
  /** Where it is now. */
  status: Status
  /** When it ended: why. */
  reason?: EndReason
  /** When. (Time, ms since 1970.) */
  at: number
  /** Its place in the session's log: 1, 2, 3 … */
  seq: number
  /** The last `seq` you were entitled to before it; if you have not seen that one, something is missing. */
  prev: number
  /** Sent before it was stored, while the records are away: does not move your resume position. */
  provisional?: true
}

/** Which clock is about to run out (L5). */
export type Clock =
  /** The time limit of the current question. */
  | 'question'
  /** Nothing was said or done. */
  | 'inactivity'
  /** The longest allowed duration of the session. */
  | 'duration'
export const CLOCKS: readonly Clock[] = ['question', 'inactivity', 'duration']

/** A clock is about to run out; said 60 s and 10 s before. */
export interface SessionExpiring {
  type: 'session:expiring'
  /** Which session. */
  sessionId: string
  /** Which clock. */
  what: Clock
  /** When it runs out. (Time, ms since 1970.) */
  deadlineAt: number
}

/** The records are away, or back. Meanwhile durable events come `provisional` and without `ok`. */
export interface SessionDegraded {
  type: 'session:degraded'
  /** Which session. */
  sessionId: string
  /** Begins or is over. */
  on: boolean
  /** When over: everything up to here is stored. */
  seq?: number
}

/** The last word of a session; close 1000 follows, unless you are in another one. */
export interface SessionEnded {
  type: 'session_ended'
  /** Which session. */
  sessionId: string
  /** Why. */
  reason: EndReason
  /** For people: "Session has been terminated". */
  message: string
  /** Whether the end is in the records. */
  recorded: boolean
}

/** A member came, or came back. */
export interface UserJoined {
  type: 'user:joined'
  /** Which session. */
  sessionId: string
  /** Who. */
  userId: string
  /** As what. */
  role: Role
  /** Their number; names them in binary audio. */
  participant: number
}

/** A member left, or did not come back in time. */
export interface UserLeft {
  type: 'user:left'
  /** Which session. */
  sessionId: string
  /** Who. */
  userId: string
  /** As what. */
  role: Role
  /** Their number; names them in binary audio. */
  participant: number
}

/** A member's connection was lost; `user:joined` or `user:left` follows. */
export interface UserDisconnected {
  type: 'user:disconnected'
  /** Which session. */
  sessionId: string
  /** Who. */
  userId: string
  /** As what. */
  role: Role
  /** Their number; names them in binary audio. */
  participant: number
}

/** A member's page came to the front or went behind others. */
export interface UserVisibility {
  type: 'user:visibility'
  /** Which session. */
  sessionId: string
  /** Who. */
  userId: string
  /** What they see. */
  state: Visibility
}

/** The plan asks the candidate to agree before anything they say is taken; `consent:give` and `consent:decline` answer. Until then audio gets `consent_required`. */
export interface ConsentRequest {
  type: 'consent:request'
  /** Which session. */
  sessionId: string
  /** Name of this wording. (Text, at most 64 characters.) */
  version: string
  /** What to show. */
  text: string
  /** What for. At most 8. */
  purposes: string[]
}

/** The candidate agreed. */
export interface ConsentGiven {
  type: 'consent:given'
  /** Which session. */
  sessionId: string
  /** Who. */
  userId: string
  /** To which wording. (Text, at most 64 characters.) */
  version: string
  /** What for. At most 8. */
  purposes: string[]
  /** When. (Time, ms since 1970.) */
  at: number
  /** Its place in the session's log: 1, 2, 3 … */
  seq: number
  /** The last `seq` you were entitled to before it; if you have not seen that one, something is missing. */
  prev: number
  /** Sent before it was stored, while the records are away: does not move your resume position. */
  provisional?: true
}

/** The candidate did not agree, or does so no longer; the session ends. */
export interface ConsentDeclined {
  type: 'consent:declined'
  /** Which session. */
  sessionId: string
  /** Who. */
  userId: string
  /** Which wording. (Text, at most 64 characters.) */
  version: string
  /** When. (Time, ms since 1970.) */
  at: number
  /** Its place in the session's log: 1, 2, 3 … */
  seq: number
  /** The last `seq` you were entitled to before it; if you have not seen that one, something is missing. */
  prev: number
  /** Sent before it was stored, while the records are away: does not move your resume position. */
  provisional?: true
}

/** Something to ask next. */
export interface Suggestion {
  /** What is missing, as in the report: `point:…` or `structure:…`. */
  criterion: string
  /** What it is about, in a few words. */
  label: string
  /** The question to ask. */
  text: string
  /** Why, in a plain sentence. */
  reason: string
}

/** What could be asked next about the answer so far; after a pause of the candidate, at most once in 15 s. */
export interface ResponseSuggestions {
  type: 'responses:suggestions'
  /** Which session. */
  sessionId: string
  /** Which question. */
  questionId: string
  /** The best first. */
  suggestions: Suggestion[]
  /** When. (Time, ms since 1970.) */
  at: number
  /** Its place in the session's log: 1, 2, 3 … */
  seq: number
  /** The last `seq` you were entitled to before it; if you have not seen that one, something is missing. */
  prev: number
  /** Sent before it was stored, while the records are away: does not move your resume position. */
  provisional?: true
}

/** A question was put; its clock runs. */
export interface QuestionAsked {
  type: 'question:asked'
  /** Which session. */
  sessionId: string
  /** Which question. */
  questionId: string
  /** Place in the plan, from 0. */
  index: number
  /** How many there are. */
  total: number
  /** What is asked. */
  text: string
  /** When it was put. (Time, ms since 1970.) */
  startedAt: number
  /** Until when; the server's clock decides. (Time, ms since 1970.) */
  deadlineAt: number
  /** The server's clock when it was recorded. (Time, ms since 1970.) */
  serverNow: number
  /** Its place in the session's log: 1, 2, 3 … */
  seq: number
  /** The last `seq` you were entitled to before it; if you have not seen that one, something is missing. */
  prev: number
  /** Sent before it was stored, while the records are away: does not move your resume position. */
  provisional?: true
}

/** The open question has another deadline. */
export interface QuestionExtended {
  type: 'question:extended'
  /** Which session. */
  sessionId: string
  /** Which question. */
  questionId: string
  /** Until when now. (Time, ms since 1970.) */
  deadlineAt: number
  /** The server's clock when it was recorded. (Time, ms since 1970.) */
  serverNow: number
  /** Its place in the session's log: 1, 2, 3 … */
  seq: number
  /** The last `seq` you were entitled to before it; if you have not seen that one, something is missing. */
  prev: number
  /** Sent before it was stored, while the records are away: does not move your resume position. */
  provisional?: true
}

/** How a question was closed (I2). */
export type Outcome =
  /** The candidate said they were done. */
  | 'answered'
  /** The clock ran out. */
  | 'timed_out'
  /** Passed over. */
  | 'skipped'
  /** The session ended around it. */
  | 'lost'
export const OUTCOMES: readonly Outcome[] = ['answered', 'timed_out', 'skipped', 'lost']

/** A question is over. */
export interface QuestionClosed {
  type: 'question:closed'
  /** Which session. */
  sessionId: string
  /** Which question. */
  questionId: string
  /** How. */
  outcome: Outcome
  /** When. (Time, ms since 1970.) */
  at: number
  /** How long it was open, milliseconds. */
  usedMs: number
  /** Its place in the session's log: 1, 2, 3 … */
  seq: number
  /** The last `seq` you were entitled to before it; if you have not seen that one, something is missing. */
  prev: number
  /** Sent before it was stored, while the records are away: does not move your resume position. */
  provisional?: true
}

/** A chunk of another member's audio. Connections that asked for `binary` get a frame instead. */
export interface AudioReceived {
  type: 'audio:received'
  /** Which session. */
  sessionId: string
  /** Who. */
  userId: string
  /** The speaker's number. */
  participant: number
  /** Which of the speaker's streams. */
  streamId: number
  /** Number of the chunk within the stream. */
  seq: number
  /** How the sound is coded. */
  format: AudioFormat
  /** Samples a second; left out: as the data says. */
  sampleRate?: number
  /** From the stream's start to the first sample, milliseconds. */
  atMs?: number
  /** The stream ends with this chunk. */
  isLast?: true
  /** When the server took it. (Time, ms since 1970.) */
  timestamp: number
  /** The sound, as it was sent. */
  audioData: string
}

/** The candidate's audio lies on disk up to this chunk. Told again for each stream when a page comes back: what is behind it is to be sent again. */
export interface AudioAck {
  type: 'audio:ack'
  /** Which session. */
  sessionId: string
  /** Which of the speaker's streams. */
  streamId: number
  /** The highest chunk written. */
  seq: number
}

/** A `transcription:request` is being worked on. */
export interface TranscriptionProcessing {
  type: 'transcription:processing'
  /** Which session. */
  sessionId: string
  /** Which request. */
  requestId: number
}

/** A caption of live speech that may still change; the next one replaces it. */
export interface TranscriptionPartial {
  type: 'transcription:result'
  /** Which session. */
  sessionId: string
  /** Who. */
  userId: string
  /** Which of the speaker's streams. */
  streamId: number
  /** Which utterance of the stream; its final has the same number. */
  utterance: number
  /** It may still change. */
  isFinal: false
  /** The whole utterance so far. */
  text: string
  /** So many leading words will not change any more. */
  stable: number
  /** From the start of the stream, milliseconds. */
  startMs: number
  /** From the start of the stream, milliseconds. */
  endMs: number
  /** The question it answers, by audio time. */
  questionId?: string
}

/** A recognized word. */
export interface Word {
  /** As recognized. */
  text: string
  /** From the start of the stream, milliseconds. */
  startMs: number
  /** From the start of the stream, milliseconds. */
  endMs: number
  /** How sure the recognizer is. (Share, 0 to 1, or null.) */
  confidence: number | null
}

/** A piece of the transcript. It is stored and does not change. */
export interface TranscriptionFinal {
  type: 'transcription:result'
  /** Which session. */
  sessionId: string
  /** Who. */
  userId: string
  /** Which of the speaker's streams. */
  streamId: number
  /** Which utterance of the stream. */
  utterance: number
  /** It will not change any more. */
  isFinal: true
  /** What was understood. */
  text: string
  /** As it was recognized, where the plan's word list changed something in `text`. */
  raw?: string
  /** The words with their times. */
  words: Word[]
  /** From the start of the stream, milliseconds. */
  startMs: number
  /** From the start of the stream, milliseconds. */
  endMs: number
  /** From the session's start to the middle of it, as heard, milliseconds. */
  atMs: number
  /** How sure the recognizer is. (Share, 0 to 1, or null.) */
  confidence: number | null
  /** The question it answers, by audio time. */
  questionId?: string
  /** Its place in the session's log: 1, 2, 3 … */
  seq: number
  /** The last `seq` you were entitled to before it; if you have not seen that one, something is missing. */
  prev: number
  /** Sent before it was stored, while the records are away: does not move your resume position. */
  provisional?: true
}

/** What was understood of a `transcription:request`. */
export interface TranscriptionAnswer {
  type: 'transcription:result'
  /** Which request. */
  requestId: number
  /** Which session. */
  sessionId: string
  /** It will not change any more. */
  isFinal: true
  /** What was understood. */
  text: string
  /** The words with their times. */
  words: Word[]
  /** From the start of the stream, milliseconds. */
  startMs: number
  /** From the start of the stream, milliseconds. */
  endMs: number
  /** How sure the recognizer is. (Share, 0 to 1, or null.) */
  confidence: number | null
}

/** A stretch of live speech that could not be turned into words. */
export interface TranscriptionGap {
  type: 'transcription:gap'
  /** Which session. */
  sessionId: string
  /** Who. */
  userId: string
  /** Which of the speaker's streams. */
  streamId: number
  /** From the start of the stream, milliseconds. */
  startMs: number
  /** From the start of the stream, milliseconds. */
  endMs: number
  /** Its place in the session's log: 1, 2, 3 … */
  seq: number
  /** The last `seq` you were entitled to before it; if you have not seen that one, something is missing. */
  prev: number
  /** Sent before it was stored, while the records are away: does not move your resume position. */
  provisional?: true
}

/** How an interview ended, in figures. */
export interface EndResult {
  /** Why. */
  reason: EndReason
  /** From start to end, milliseconds. */
  durationMs: number
  /** Questions that were put. */
  asked: number
  /** Questions closed as answered. */
  answered: number
  /** Whether the report is in the records. */
  reportReady: boolean
}

/** The interview is over and its report is stored; `session_ended` follows. */
export interface InterviewEnded {
  type: 'interview_ended'
  /** Which session. */
  sessionId: string
  /** How it ended, in figures. */
  result: EndResult
  /** Path of the report's page, from the server's root. */
  reportUrl: string | null
  /** Its place in the session's log: 1, 2, 3 … */
  seq: number
  /** The last `seq` you were entitled to before it; if you have not seen that one, something is missing. */
  prev: number
  /** Sent before it was stored, while the records are away: does not move your resume position. */
  provisional?: true
}

/** Something a back end said into the session; the name after `custom:` and the data are its own. */
export interface CustomEvent {
  type: `custom:${string}`
  /** Which session. */
  sessionId: string
  /** When. (Time, ms since 1970.) */
  at: number
  /** Whatever the back end sent. */
  data: Record<string, unknown>
  /** Its place in the session's log: 1, 2, 3 … */
  seq: number
  /** The last `seq` you were entitled to before it; if you have not seen that one, something is missing. */
  prev: number
  /** Sent before it was stored, while the records are away: does not move your resume position. */
  provisional?: true
}

/** The server is about to stop; close 4420 follows. Nothing is lost: come back and resume. */
export interface ServerDraining {
  type: 'server:draining'
  /** Come back after so long, milliseconds. */
  retryAfterMs: number
}

/** The answer to `ping`. */
export interface Pong {
  type: 'pong'
  /** The ping's own `ref`. */
  ref?: string | number
}

/** What a client may send, by event. */
export interface ClientMessages {
  auth: Auth
  'auth:refresh': AuthRefresh
  'session:join': SessionJoin
  'session:leave': SessionLeave
  'interview:start': InterviewStart
  'answer:done': AnswerDone
  'answer:text': AnswerText
  end_interview: EndInterview
  'session:status': SessionStatus
  'session:extend': SessionExtend
  'session:clear': SessionClear
  'consent:give': ConsentGive
  'consent:decline': ConsentDecline
  'session:transfer': SessionTransfer
  'user:visibility': UserVisibilityRequest
  'transcription:request': TranscriptionRequest
  'audio:stream': AudioStream
  ping: Ping
}
export type ClientEvent = keyof ClientMessages
export type ClientMessage = ClientMessages[ClientEvent]

/** What the server may send, by event. */
export interface ServerMessages {
  'connection:success': ConnectionSuccess
  'connection:error': ConnectionError
  'connection:token_expiring': ConnectionTokenExpiring
  'connection:replaced': ConnectionReplaced
  'connection:closing': ConnectionClosing
  ok: Ok
  error: ErrorMessage
  'session:error': SessionError
  'audio:error': AudioError
  'transcription:error': TranscriptionError
  'session:joined': SessionJoined
  'session:state': SessionState
  'session:left': SessionLeft
  'session:status:updated': SessionStatusUpdated
  'session:expiring': SessionExpiring
  'session:degraded': SessionDegraded
  session_ended: SessionEnded
  'user:joined': UserJoined
  'user:left': UserLeft
  'user:disconnected': UserDisconnected
  'user:visibility': UserVisibility
  'consent:request': ConsentRequest
  'consent:given': ConsentGiven
  'consent:declined': ConsentDeclined
  'responses:suggestions': ResponseSuggestions
  'question:asked': QuestionAsked
  'question:extended': QuestionExtended
  'question:closed': QuestionClosed
  'audio:received': AudioReceived
  'audio:ack': AudioAck
  'transcription:processing': TranscriptionProcessing
  'transcription:result': TranscriptionPartial | TranscriptionFinal | TranscriptionAnswer
  'transcription:gap': TranscriptionGap
  interview_ended: InterviewEnded
  [event: `custom:${string}`]: CustomEvent
  'server:draining': ServerDraining
  pong: Pong
}
export type ServerEvent = keyof ServerMessages
export type ServerMessage = ServerMessages[ServerEvent]

/** What the `ok` to a request carries beside `ref`, by event. */
export interface Replies {
  auth: AuthReply
  'auth:refresh': AuthRefreshReply
  'session:join': SessionReply
  'session:leave': SessionReply
  'interview:start': InterviewStartReply
  'answer:done': SessionReply
  'answer:text': SessionReply
  end_interview: EndInterviewReply
  'session:status': SessionStatusReply
  'session:extend': SessionExtendReply
  'session:clear': SessionClearReply
  'consent:give': SessionReply
  'consent:decline': SessionReply
  'session:transfer': SessionTransferReply
  'user:visibility': SessionReply
  'transcription:request': TranscriptionRequestReply
  'audio:stream': AudioStreamReply
}

/** Every event a client may send. */
export const CLIENT_EVENTS: readonly ClientEvent[] = ['auth', 'auth:refresh', 'session:join', 'session:leave', 'interview:start', 'answer:done', 'answer:text', 'end_interview', 'session:status', 'session:extend', 'session:clear', 'consent:give', 'consent:decline', 'session:transfer', 'user:visibility', 'transcription:request', 'audio:stream', 'ping']
/** Every event the server may send, beside those that begin with `custom:`. */
export const SERVER_EVENTS: readonly ServerEvent[] = ['connection:success', 'connection:error', 'connection:token_expiring', 'connection:replaced', 'connection:closing', 'ok', 'error', 'session:error', 'audio:error', 'transcription:error', 'session:joined', 'session:state', 'session:left', 'session:status:updated', 'session:expiring', 'session:degraded', 'session_ended', 'user:joined', 'user:left', 'user:disconnected', 'user:visibility', 'consent:request', 'consent:given', 'consent:declined', 'responses:suggestions', 'question:asked', 'question:extended', 'question:closed', 'audio:received', 'audio:ack', 'transcription:processing', 'transcription:result', 'transcription:gap', 'interview_ended', 'server:draining', 'pong']
/** Events that are stored and carry `seq` and `prev`: these (of `transcription:result` the finals of live speech) and those that begin with `custom:`. */
export const DURABLE_EVENTS: readonly ServerEvent[] = ['session:status:updated', 'consent:given', 'consent:declined', 'responses:suggestions', 'question:asked', 'question:extended', 'question:closed', 'transcription:result', 'transcription:gap', 'interview_ended']

/** Why any request may be refused. */
export const ALWAYS_ERRORS: readonly ErrorCode[] = ['bad_json', 'too_deep', 'too_large', 'unknown_event', 'missing_field', 'invalid_field', 'auth_required', 'rate_limited', 'busy', 'store_unavailable', 'internal']
/** Why a request may be refused beside those, and which event says so when it had no `ref`. */
export const REQUESTS: { readonly [event in ClientEvent]: { readonly errors: readonly ErrorCode[]; readonly errorsTo: ServerEvent; readonly repeatable: boolean } } = {
  auth: { errors: ['token_invalid', 'token_expired', 'token_revoked', 'limited', 'busy', 'not_supported'], errorsTo: 'error', repeatable: false },
  'auth:refresh': { errors: ['token_invalid', 'token_expired', 'token_revoked', 'token_mismatch', 'busy'], errorsTo: 'error', repeatable: false },
  'session:join': { errors: ['session_not_found', 'session_ended', 'room_full', 'seat_taken', 'takeover_storm', 'not_in_session', 'draining'], errorsTo: 'session:error', repeatable: true },
  'session:leave': { errors: ['not_in_session', 'session_required'], errorsTo: 'session:error', repeatable: true },
  'interview:start': { errors: ['not_in_session', 'session_required', 'not_allowed', 'bad_transition', 'consent_required', 'plan_not_found', 'session_active', 'draining'], errorsTo: 'session:error', repeatable: true },
  'answer:done': { errors: ['not_in_session', 'session_required', 'not_allowed', 'no_open_question'], errorsTo: 'session:error', repeatable: true },
  'answer:text': { errors: ['not_in_session', 'session_required', 'not_allowed', 'no_open_question'], errorsTo: 'session:error', repeatable: true },
  end_interview: { errors: ['not_in_session', 'session_required', 'not_allowed'], errorsTo: 'session:error', repeatable: true },
  'session:status': { errors: ['consent_required', 'not_in_session', 'session_required', 'not_allowed', 'bad_transition', 'session_active', 'draining'], errorsTo: 'session:error', repeatable: true },
  'session:extend': { errors: ['not_in_session', 'session_required', 'not_allowed', 'no_extension'], errorsTo: 'session:error', repeatable: true },
  'session:clear': { errors: [], errorsTo: 'session:error', repeatable: true },
  'consent:give': { errors: ['not_in_session', 'session_required', 'not_allowed', 'bad_transition'], errorsTo: 'session:error', repeatable: true },
  'consent:decline': { errors: ['not_in_session', 'session_required', 'not_allowed', 'bad_transition'], errorsTo: 'session:error', repeatable: true },
  'session:transfer': { errors: ['not_in_session', 'session_required', 'not_allowed', 'bad_transition'], errorsTo: 'session:error', repeatable: true },
  'user:visibility': { errors: ['not_in_session', 'session_required'], errorsTo: 'session:error', repeatable: true },
  'transcription:request': { errors: ['consent_required', 'not_in_session', 'session_required', 'not_allowed', 'bad_transition', 'bad_audio', 'unsupported_format', 'unsupported_sample_rate'], errorsTo: 'transcription:error', repeatable: true },
  'audio:stream': { errors: ['not_in_session', 'session_required', 'not_allowed', 'bad_audio', 'unsupported_format', 'unsupported_sample_rate'], errorsTo: 'audio:error', repeatable: false },
  ping: { errors: [], errorsTo: 'error', repeatable: false },
}
