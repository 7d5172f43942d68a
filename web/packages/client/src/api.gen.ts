// The HTTP API of Greenroom: what is asked and answered at every route.
// Made from the server's own types; do not edit. `UPDATE_EXPECT=1 cargo test -p api typescript` writes it anew.
import type { EndReason, ErrorCode, PresenceState, Role, Status } from './protocol.gen.ts'

/** Codes that only HTTP has, beside those of the realtime contract. */
export type HttpErrorCode =
  /** There is nothing at this address. */
  | 'not_found'
  /** This address does not understand that method. */
  | 'method_not_allowed'
  /** There is no report yet. It is made when the interview ends. */
  | 'report_not_ready'
  /** The report was deleted. */
  | 'report_deleted'
  /** There is a plan with this id. PUT replaces it. */
  | 'plan_exists'
  /** There are mistakes in the plan. */
  | 'plan_invalid'
  /** The body must be JSON. */
  | 'unsupported_media_type'
export const HTTP_ERROR_CODES: readonly HttpErrorCode[] = ['not_found', 'method_not_allowed', 'report_not_ready', 'report_deleted', 'plan_exists', 'plan_invalid', 'unsupported_media_type']

/** Why a request was refused (RFC 9457). */
export interface Problem {
  /** The code says more than a link would. */
  type: 'about:blank'
  /** The status in words. */
  title: string
  /** The status. (Whole number, 400 to 599.) */
  status: number
  /** Stable word for programs. */
  code: ErrorCode | HttpErrorCode
  /** A sentence for people. */
  detail: string
  /** Try again after so long, milliseconds; where that can help. */
  retryAfterMs?: number
  /** With `session_active`: the session that is open. */
  activeSessionId?: string
  /** Mistakes of a plan, each with a `message` and a `path` or `line`. At most 50. */
  problems?: (Record<string, unknown>)[]
  /** When it was deleted. (Time, ms since 1970.) */
  deletedAt?: number
  /** How far the report is. */
  report?: Record<string, unknown>
  /** Which request, where several are under way. */
  requestId?: number
}

/** The query of `GET /api/sessions`. */
export interface ListSessionsQuery {
  /** Only these. */
  status?: Status | undefined
  /** Only this candidate's. */
  candidate?: string | undefined
  /** At most so many; left out: 50. (Whole number, 1 to 200.) */
  limit?: number | undefined
  /** `next` of the page before. */
  after?: string | undefined
}

/** A session in a list. */
export interface SessionSummary {
  /** Which. */
  id: string
  /** For people. (One line, at most 200 characters.) */
  title: string
  /** Where it is in its life. */
  status: Status
  /** Why it ended. */
  reason?: EndReason
  /** Whose interview it is. */
  candidate?: string
  /** When it was made. (Time, ms since 1970.) */
  createdAt: number
  /** When it became active. (Time, ms since 1970.) */
  startedAt?: number
  /** When it ended. (Time, ms since 1970.) */
  endedAt?: number
  /** From start to end, milliseconds. */
  durationMs?: number
  /** When something last happened in it. (Time, ms since 1970.) */
  lastActivityAt: number
}

/** Sessions, newest first. */
export interface SessionPage {
  /** At most `limit`. At most 200. */
  sessions: SessionSummary[]
  /** Send it as `after` to go on; null: that was all. */
  next: string | null
}

/** Somebody who may come, before or after they did. */
export interface Invited {
  /** Who: the `sub` of their tokens. */
  userId: string
  /** As what. */
  role: Role
}

/** A question of a session without a plan. */
export interface SessionQuestion {
  /** Name inside the session; left out: q1, q2 … by place. */
  id?: string | undefined
  /** What is asked. (Text, 1 to 2000 characters, not only space.) */
  text: string
  /** Time for the answer, milliseconds; left out: 120000. (Whole number, 5000 to 3600000.) */
  limitMs?: number | undefined
}

/** A session to be made. Everything may be left out: that is a plain room. */
export interface CreateSession {
  /** Chosen by you, not `active`; left out: by the server. */
  id?: string | undefined
  /** For people. (One line, at most 200 characters.) */
  title?: string | undefined
  /** Whose interview it is. */
  candidate?: string | undefined
  /** Who else may come; each user once, one candidate at most. At most 32. */
  participants?: Invited[] | undefined
  /** Run this plan; not together with `questions`. */
  planId?: string | undefined
  /** Run these questions. At most 50. */
  questions?: SessionQuestion[] | undefined
}

/** Somebody named in a session. */
export interface Person {
  /** Who. */
  userId: string
  /** As what. */
  role: Role
  /** When they first came; null: not yet. */
  joinedAt: number | null
}

/** Somebody in the room right now. */
export interface LiveMember {
  /** Who. */
  userId: string
  /** As what. */
  role: Role
  /** There, or lost for a moment. */
  state: PresenceState
}

/** What somebody needs to come in. */
export interface Invitation {
  /** Who. */
  userId: string
  /** As what. */
  role: Role
  /** Good for this session only. Whoever has it is that user. Left out where tokens are signed elsewhere: get a ticket when they come. (Text, at most 8192 characters.) */
  token?: string
  /** Until when it is good. (Time, ms since 1970.) */
  expiresAt?: number
}

/** How people come in. */
export interface JoinInfo {
  /** Path of the plain door. */
  path: '/ws'
  /** One for each. At most 32. */
  people: Invitation[]
}

/** The session that was made. */
export interface CreatedSession {
  /** Which. */
  id: string
  /** For people. (One line, at most 200 characters.) */
  title: string
  /** Where it is in its life. */
  status: Status
  /** Why it ended. */
  reason?: EndReason
  /** Whose interview it is. */
  candidate?: string
  /** When it was made. (Time, ms since 1970.) */
  createdAt: number
  /** When it became active. (Time, ms since 1970.) */
  startedAt?: number
  /** When it ended. (Time, ms since 1970.) */
  endedAt?: number
  /** From start to end, milliseconds. */
  durationMs?: number
  /** When something last happened in it. (Time, ms since 1970.) */
  lastActivityAt: number
  /** Who was invited or came. */
  participants: Person[]
  /** Who is in the room; left out while the session is not in memory. */
  members?: LiveMember[]
  /** Which plan it runs, if it has a name. */
  planId?: string
  /** Path of the report's page. (Text, at most 80 characters.) */
  reportUrl?: string
  /** Invitations; to admins only. */
  join?: JoinInfo
}

/** The query of `GET /api/sessions/active`. */
export interface GetActiveSessionQuery {
  /** Somebody else's; only an admin may ask for that. */
  user?: string | undefined
}

/** What the recovery card shows. */
export interface ActiveSession {
  /** Which session. */
  sessionId: string
  /** `active` or `completing`. */
  status: Status
  /** When its interview began. (Time, ms since 1970.) */
  createdAt: number
  /** For people; null: only the row is left. */
  title: string | null
  /** When it became active. */
  startedAt: number | null
  /** When something last happened in it. */
  lastActivityAt: number | null
  /** When it ends by itself. */
  deadlineAt: number | null
  /** Questions that were put. */
  questionsAsked: number
  /** Questions it has; 0: a plain room. */
  questionsTotal: number
  /** A page of the candidate is connected to it now. */
  connected: boolean
  /** When the candidate was last connected, if they are not now. */
  lastSeenAt: number | null
}

/** Whether an interview of the user's is still open. */
export interface ActiveAnswer {
  /** Null: none is. */
  active: ActiveSession | null
}

/** The query of `DELETE /api/sessions/active`. */
export interface ClearActiveSessionQuery {
  /** Somebody else's; only an admin may ask for that. */
  user?: string | undefined
}

/** Nothing of the user's is open any more. */
export interface ClearedAnswer {
  /** The session that was ended; null: there was none. */
  cleared: string | null
}

/** How far a report is. */
export type JobState =
  /** To be made. */
  | 'queued'
  /** Being made. */
  | 'running'
  /** Made. */
  | 'done'
  /** Given up. */
  | 'failed'
export const JOB_STATES: readonly JobState[] = ['queued', 'running', 'done', 'failed']

/** How far a report is. */
export interface ReportState {
  /** Of which session, in a list. */
  sessionId?: string
  /** How far it is. */
  state: JobState
  /** When that last changed. (Time, ms since 1970.) */
  changedAt?: number
  /** How often it was tried after the end. */
  attempts?: number
  /** Stable word for why the last try failed. (Text, at most 64 characters.) */
  error?: string
}

/** What of an ended session is kept for how long (L13). */
export type DataKind =
  /** Files of sound. The records keep only when they were deleted. */
  | 'audio'
  /** What was said: finals in the log, and the report, which quotes them. */
  | 'transcript'
  /** The report. */
  | 'report'
  /** Every record, leaving a tombstone. */
  | 'everything'
export const DATA_KINDS: readonly DataKind[] = ['audio', 'transcript', 'report', 'everything']

/** A session with its people, its room and where its report is. */
export interface SessionRecord {
  /** Which. */
  id: string
  /** For people. (One line, at most 200 characters.) */
  title: string
  /** Where it is in its life. */
  status: Status
  /** Why it ended. */
  reason?: EndReason
  /** Whose interview it is. */
  candidate?: string
  /** When it was made. (Time, ms since 1970.) */
  createdAt: number
  /** When it became active. (Time, ms since 1970.) */
  startedAt?: number
  /** When it ended. (Time, ms since 1970.) */
  endedAt?: number
  /** From start to end, milliseconds. */
  durationMs?: number
  /** When something last happened in it. (Time, ms since 1970.) */
  lastActivityAt: number
  /** Who was invited or came. */
  participants: Person[]
  /** Who is in the room; left out while the session is not in memory. */
  members?: LiveMember[]
  /** Which plan it runs, if it has a name. */
  planId?: string
  /** Path of the report's page. (Text, at most 80 characters.) */
  reportUrl?: string
  /** How far the report is. */
  report?: ReportState
  /** What of it was deleted when, by kind. */
  deleted?: { [word in DataKind]?: number }
}

/** How it stands after the end was asked for. */
export interface EndedSession {
  /** Which session. */
  sessionId: string
  /** Where it is now. */
  status: Status
  /** Its one reason. */
  reason: EndReason | null
  /** Whether the end is in the records. */
  recorded: boolean
}

/** How a report is handed out. */
export type ReportFormat =
  /** Everything, by its schema. */
  | 'json'
  /** Text for people and wikis. */
  | 'md'
  /** A line for each criterion. */
  | 'csv'
  /** Captions with the session's times. */
  | 'vtt'
export const REPORT_FORMATS: readonly ReportFormat[] = ['json', 'md', 'csv', 'vtt']

/** The query of `GET /api/sessions/{id}/report`. */
export interface GetReportQuery {
  /** In which form. */
  format?: ReportFormat | undefined
}

/** Which form a report has. */
export type ReportSchema =
  /** Without scores. */
  | 'greenroom.report/1'
  /** With scores. */
  | 'greenroom.report/2'
export const REPORT_SCHEMAS: readonly ReportSchema[] = ['greenroom.report/1', 'greenroom.report/2']

/** A report as stored. Times named `…Ms` without another word are milliseconds from the session's start. */
export interface Report {
  /** Its form. */
  schema: ReportSchema
  /** Which session. */
  session: Record<string, unknown>
  /** Which plan it ran, if any. */
  plan: Record<string, unknown> | null
  /** How it ended. */
  end: Record<string, unknown>
  /** Who was invited or came. */
  participants: (Record<string, unknown>)[]
  /** Every question that was put, in order. */
  questions: (Record<string, unknown>)[]
  /** What was said while no question was open. */
  outside: Record<string, unknown>
  /** The session as a whole. */
  totals: Record<string, unknown>
  /** Stretches of sound that did not become words. */
  gaps: (Record<string, unknown>)[]
  /** What wrote down the words; null: nothing listened. */
  recognizer: Record<string, unknown> | null
  /** How it was made and what it cannot tell, in plain sentences. */
  method: string[]
  /** Scores and what they rest on. */
  scores?: Record<string, unknown>
  /** Further fields. */
  [field: string]: unknown
}

/** The report is tried again. */
export interface ReportQueued {
  /** Which session. */
  sessionId: string
  /** How far it is. */
  report: ReportState
}

/** The query of `GET /api/reports/open`. */
export interface ListOpenReportsQuery {
  /** At most so many; left out: 50. (Whole number, 1 to 200.) */
  limit?: number | undefined
  /** `next` of the page before. */
  after?: string | undefined
}

/** A page of reports that are not made. */
export interface OpenReports {
  /** Given up ones first. At most 200. */
  reports: ReportState[]
  /** Send it as `after` to go on; null: that was all. */
  next: string | null
}

/** The query of `DELETE /api/sessions/{id}/data`. */
export interface DeleteSessionDataQuery {
  /** What to delete; left out: everything. */
  kind?: DataKind | undefined
}

/** What was deleted when. */
export interface Deletion {
  /** What. */
  kind: DataKind
  /** When. (Time, ms since 1970.) */
  deletedAt: number
}

/** What of a session is deleted by now. */
export interface DataDeleted {
  /** Which session. */
  sessionId: string
  /** By kind. At most 4. */
  deleted: Deletion[]
}

/** An event to be said. Own events are `custom:…`, are stored and reach members who come back later; of the contract's a back end may say suggestions, transcription and errors, with the contract's fields. */
export interface Broadcast {
  /** The event's name: `custom:hint`, `transcription:result` … */
  type: string
  /** Its fields; left out: none. At most 16 KiB, 8 levels deep. */
  data?: Record<string, unknown> | undefined
  /** Which roles hear it; left out: all of them. At most 3. */
  to?: Role[] | undefined
}

/** It was said. */
export interface BroadcastAnswer {
  /** Which session. */
  sessionId: string
  /** Its place in the session's log, where it is stored; null: it has none. */
  seq: number | null
  /** How many connections were there to hear it. */
  receivers: number
}

/** The query of `GET /api/sessions/{id}/events`. */
export interface SessionLogQuery {
  /** Only what comes behind this `seq`; left out: from the beginning. */
  after?: number | undefined
}

/** A message as members got it, without `prev`: its fields are those of the realtime contract. */
export interface StoredEvent {
  /** The event's name. (Text, at most 64 characters.) */
  type: string
  /** Its place in the session's log. */
  seq: number
  /** Further fields. */
  [field: string]: unknown
}

/** A page of a session's log. */
export interface SessionLog {
  /** Which session. */
  sessionId: string
  /** In order; at most 512 KiB of them. */
  events: StoredEvent[]
  /** Send it as `after` to go on; null: that was all. */
  next: number | null
}

/** A session by its id; further fields are passed over. */
export interface NamedSession {
  /** Which session. */
  sessionId: string
}

/** The documents' own answer. */
export interface EndSessionAnswer {
  /** For people. */
  message: 'Session ended successfully'
  /** Which session. */
  sessionId: string
  /** Where it is now. */
  status: 'ended'
}

/** The documents' own answer. */
export interface CloseConnectionAnswer {
  /** For people. */
  message: 'WebSocket connection closed successfully'
}

/** The query of `GET /api/plans`. */
export interface ListPlansQuery {
  /** At most so many; left out: 50. (Whole number, 1 to 200.) */
  limit?: number | undefined
  /** `next` of the page before. */
  after?: string | undefined
}

/** What scores are for. */
export type ScoringMode =
  /** To get better: the way of speaking counts a little. */
  | 'practice'
  /** To choose somebody: only what was said counts. */
  | 'hiring'
export const SCORING_MODES: readonly ScoringMode[] = ['practice', 'hiring']

/** A question of a plan. */
export interface PlanQuestion {
  /** Name inside the plan. */
  id: string
  /** What is asked. (Text, 1 to 2000 characters, not only space.) */
  text: string
  /** Time for the answer, milliseconds. (Whole number, 5000 to 3600000.) */
  limitMs: number
}

/** What a plan allows. */
export interface PlanOptions {
  /** The candidate's join starts the interview. */
  startOnJoin: boolean
  /** Question clocks stand still while the candidate is away. */
  pauseOnDisconnect: boolean
  /** The candidate sees captions. */
  candidateSeesTranscript: boolean
  /** Who gets suggestions of what to ask next. At most 3. */
  suggestionsTo: Role[]
  /** How often the time may be extended. */
  extensions: number
  /** By how much each time, milliseconds. */
  extensionMs: number
  /** Longest duration, milliseconds; null: the server's default. */
  maxDurationMs: number | null
}

/** A plan that sessions can run. */
export interface PlanSummary {
  /** For `planId`. */
  id: string
  /** For people. (Text, 1 to 200 characters, not only space.) */
  title: string
  /** For people. (Text, at most 2000 characters.) */
  description: string
  /** Language of the questions. */
  language: string
  /** What its scores are for. */
  mode: ScoringMode
  /** Nothing the candidate says is taken before they agree. */
  asksConsent: boolean
  /** How many questions. */
  questionCount: number
  /** How often a candidate may have more time; 0: never. */
  extensions: number
  /** How much each time, milliseconds. */
  extensionMs: number
  /** All limits together, milliseconds. */
  totalLimitMs: number
  /** For interviewers and admins only. At most 50. */
  questions?: PlanQuestion[]
  /** For interviewers and admins only. */
  options?: PlanOptions
}

/** A page of the plans. */
export interface Plans {
  /** By id. At most 200. */
  plans: PlanSummary[]
  /** Send it as `after` to go on; null: that was all. */
  next: string | null
}

/** What a plan allows; what is left out is as it is by default. */
export interface PlanOptionsInput {
  /** The candidate's join starts the interview. */
  startOnJoin?: boolean | undefined
  /** Question clocks stand still while the candidate is away. */
  pauseOnDisconnect?: boolean | undefined
  /** The candidate sees captions. */
  candidateSeesTranscript?: boolean | undefined
  /** Who gets suggestions of what to ask next. At most 3. */
  suggestionsTo?: Role[] | undefined
  /** How often the time may be extended. */
  extensions?: number | undefined
  /** By how much each time, milliseconds. (Whole number, 5000 to 3600000.) */
  extensionMs?: number | undefined
  /** Longest duration, milliseconds. (Whole number, 60000 to 28800000.) */
  maxDurationMs?: number | undefined
}

/** What the candidate is asked to agree to, as it is sent. */
export interface PlanConsentInput {
  /** Name of this wording. (Text, at most 64 characters.) */
  version: string
  /** What is shown. (Text, 1 to 2000 characters, not only space.) */
  text: string
  /** What for. At most 8. */
  purposes: string[]
}

/** A question of the bank, with another limit if the plan says so. */
export interface BankQuestionInput {
  /** Which. */
  use: string
  /** Time for the answer, milliseconds. (Whole number, 5000 to 3600000.) */
  limitMs?: number | undefined
}

/** How an answer is expected to be built. */
export type QuestionKind =
  /** About something that happened. */
  | 'behavioral'
  /** About how something works or is built. */
  | 'technical'
  /** About what somebody would do. */
  | 'situational'
export const QUESTION_KINDS: readonly QuestionKind[] = ['behavioral', 'technical', 'situational']

/** Something a good answer tells, as it is sent. */
export interface ExpectedPointInput {
  /** Name inside the question. (Text, at most 40 characters.) */
  id: string
  /** What it is, in a few words. (Text, 1 to 120 characters, not only space.) */
  label: string
  /** How much it counts among the others. (Whole number, 1 to 10.) */
  weight?: number | undefined
  /** Without it the question reaches level 3 at most. */
  must?: boolean | undefined
  /** Within how many words its groups must stand. (Whole number, 1 to 40.) */
  near?: number | undefined
  /** Ways of saying it: groups of phrases with | between them; ~ before what needs the others. At most 24. */
  any: string[][]
  /** Phrases that say the opposite. At most 40. */
  not?: string[] | undefined
  /** The question to ask when it was not said. (Text, at most 240 characters.) */
  ask?: string | undefined
}

/** A question of a plan, as it is sent: with `kind` and 3 to 8 points, or with none of what scores it. */
export interface PlanQuestionInput {
  /** Name in the bank or plan. */
  id: string
  /** What is asked. (Text, 1 to 2000 characters, not only space.) */
  text: string
  /** Time for the answer, milliseconds. (Whole number, 5000 to 3600000.) */
  limitMs: number
  /** What sort of question it is. */
  kind?: QuestionKind | undefined
  /** Length of a good answer, from and to, milliseconds. At most 2. */
  targetMs?: number[] | undefined
  /** How much the question counts. (Whole number, 1 to 10.) */
  weight?: number | undefined
  /** What a good answer tells. At most 8. */
  points?: ExpectedPointInput[] | undefined
}

/** A plan as it is sent. */
export interface PlanInput {
  /** For `planId`; with `PUT` that of the path. */
  id?: string | undefined
  /** For people. (Text, 1 to 200 characters, not only space.) */
  title: string
  /** For people. (Text, at most 2000 characters.) */
  description?: string | undefined
  /** Language of the questions. */
  language?: string | undefined
  /** What its scores are for. */
  mode?: ScoringMode | undefined
  /** What it allows. */
  options?: PlanOptionsInput | undefined
  /** What is asked before anything is heard. */
  consent?: PlanConsentInput | undefined
  /** Names and products recognition is likely to get wrong, of at least 5 letters. At most 100. */
  words?: string[] | undefined
  /** In order. At most 50. */
  questions?: (BankQuestionInput | PlanQuestionInput)[] | undefined
  /** Nothing the candidate says is taken before they agree. */
  asksConsent?: boolean | undefined
  /** How many questions. */
  questionCount?: number | undefined
  /** How often a candidate may have more time; 0: never. */
  extensions?: number | undefined
  /** How much each time, milliseconds. */
  extensionMs?: number | undefined
  /** All limits together, milliseconds. */
  totalLimitMs?: number | undefined
}

/** The plan is stored. */
export interface PlanStored {
  /** Which. */
  id: string
}

/** What the candidate is asked to agree to. */
export interface PlanConsent {
  /** Name of this wording. (Text, at most 64 characters.) */
  version: string
  /** What is shown. (Text, 1 to 2000 characters, not only space.) */
  text: string
  /** What for. At most 8. */
  purposes: string[]
}

/** Something a good answer tells. */
export interface ExpectedPoint {
  /** Name inside the question. (Text, at most 40 characters.) */
  id: string
  /** What it is, in a few words. (Text, 1 to 120 characters, not only space.) */
  label: string
  /** How much it counts among the others. (Whole number, 1 to 10.) */
  weight: number
  /** Without it the question reaches level 3 at most. */
  must: boolean
  /** Within how many words its groups must stand. (Whole number, 1 to 40.) */
  near: number
  /** Ways of saying it: groups of phrases with | between them; ~ before what needs the others. At most 24. */
  any: string[][]
  /** Phrases that say the opposite. At most 40. */
  not?: string[]
  /** The question to ask when it was not said. (Text, at most 240 characters.) */
  ask?: string
}

/** A question with its scoring key. */
export interface ScoredQuestion {
  /** Name in the bank or plan. */
  id: string
  /** What is asked. (Text, 1 to 2000 characters, not only space.) */
  text: string
  /** Time for the answer, milliseconds. (Whole number, 5000 to 3600000.) */
  limitMs: number
  /** What sort of question it is. */
  kind?: QuestionKind
  /** Length of a good answer, from and to, milliseconds. At most 2. */
  targetMs?: number[]
  /** How much the question counts. (Whole number, 1 to 10.) */
  weight?: number
  /** What a good answer tells. At most 8. */
  points?: ExpectedPoint[]
}

/** A plan; for interviewers and admins with all that `PUT` takes. */
export interface PlanDocument {
  /** For `planId`. */
  id: string
  /** For people. (Text, 1 to 200 characters, not only space.) */
  title: string
  /** For people. (Text, at most 2000 characters.) */
  description: string
  /** Language of the questions. */
  language: string
  /** What its scores are for. */
  mode: ScoringMode
  /** Nothing the candidate says is taken before they agree. */
  asksConsent: boolean
  /** How many questions. */
  questionCount: number
  /** How often a candidate may have more time; 0: never. */
  extensions: number
  /** How much each time, milliseconds. */
  extensionMs: number
  /** All limits together, milliseconds. */
  totalLimitMs: number
  /** What it allows. */
  options?: PlanOptions
  /** What is asked before anything is heard. */
  consent?: PlanConsent
  /** Names and products recognition is likely to get wrong, of at least 5 letters; they are put right in the transcript. At most 100. */
  words?: string[]
  /** In order. At most 50. */
  questions?: ScoredQuestion[]
}

/** The query of `GET /api/questions`. */
export interface ListQuestionsQuery {
  /** Only questions of this kind. */
  kind?: QuestionKind | undefined
  /** At most so many; left out: 50. (Whole number, 1 to 200.) */
  limit?: number | undefined
  /** `next` of the page before. */
  after?: string | undefined
}

/** A page of the questions plans may use. */
export interface QuestionBank {
  /** By id. At most 200. */
  questions: ScoredQuestion[]
  /** Send it as `after` to go on; null: that was all. */
  next: string | null
}

/** Whom a ticket is for; nothing: whoever asks, with the rights of their token. */
export interface TicketOrder {
  /** Somebody else; for admins and API keys. */
  userId?: string | undefined
  /** Their role inside sessions. */
  role?: Role | undefined
  /** The one session they are invited to; needs `role`. */
  sessionId?: string | undefined
  /** What to call them. (One line, at most 80 characters.) */
  name?: string | undefined
}

/** A one-time ticket: `GET /ws?ticket=…`, or wherever a door takes a token. */
export interface Ticket {
  /** Good once, for a minute. (Text, at most 128 characters.) */
  ticket: string
  /** Until when it is good. (Time, ms since 1970.) */
  expiresAt: number
  /** Who comes in with it. */
  userId: string
  /** When the connection ends, unless it is refreshed before. (Time, ms since 1970.) */
  connectionUntil: number
  /** The plain door. */
  path: '/ws'
}

/** The query of `GET /api/revocations`. */
export interface ListRevocationsQuery {
  /** `next` of the page before. */
  after?: string | undefined
  /** At most so many; left out: 50. (Whole number, 1 to 200.) */
  limit?: number | undefined
}

/** Tokens that are good no more. Those made from the next second on are. */
export interface Revocation {
  /** All tokens of this user. */
  userId?: string
  /** All invitations to this session. */
  sessionId?: string
  /** Tokens made up to then are good no more. (Time, ms since 1970.) */
  before: number
  /** Who took them back. */
  by: string
}

/** A page of revocations, by kind and id. */
export interface RevocationList {
  /** The page. At most 200. */
  revocations: Revocation[]
  /** Send it as `after` to go on; null: that was all. */
  next: string | null
}

/** Whose tokens: exactly one of the two. */
export interface RevocationOrder {
  /** All tokens of this user. */
  userId?: string | undefined
  /** All invitations to this session. */
  sessionId?: string | undefined
}

/** The tokens are good no more. */
export interface RevocationDone {
  /** All tokens of this user. */
  userId?: string
  /** All invitations to this session. */
  sessionId?: string
  /** Tokens made up to then are good no more. (Time, ms since 1970.) */
  before: number
  /** Who took them back. */
  by: string
  /** The running session that ended `token_revoked`; null: none ran. */
  ended: string | null
}

/** The query of `DELETE /api/revocations`. */
export interface RemoveRevocationQuery {
  /** All tokens of this user. */
  userId?: string | undefined
  /** All invitations to this session. */
  sessionId?: string | undefined
}

/** The revocation is there no more. */
export interface RevocationRemoved {
  /** Whether there was one. */
  removed: boolean
}

/** How a delivery stands. */
export type WebhookState =
  /** To be sent, or sent again. */
  | 'waiting'
  /** Somebody took it. */
  | 'delivered'
  /** Given up. */
  | 'failed'
export const WEBHOOK_STATES: readonly WebhookState[] = ['waiting', 'delivered', 'failed']

/** The query of `GET /api/webhooks/deliveries`. */
export interface ListWebhookDeliveriesQuery {
  /** Only about this session. */
  sessionId?: string | undefined
  /** Only those that stand so. */
  state?: WebhookState | undefined
  /** `next` of the page before. */
  after?: string | undefined
  /** At most so many; left out: 50. (Whole number, 1 to 200.) */
  limit?: number | undefined
}

/** What a webhook can be about. */
export type WebhookKind =
  /** An interview began. */
  | 'session.started'
  /** A session is over. */
  | 'session.ended'
  /** Its report is there. */
  | 'report.ready'
export const WEBHOOK_KINDS: readonly WebhookKind[] = ['session.started', 'session.ended', 'report.ready']

/** One message to one endpoint. */
export interface WebhookDelivery {
  /** The same on every attempt (`webhook-id`). */
  id: string
  /** Where to, without its query. (Text, at most 2048 characters.) */
  endpoint: string
  /** What it tells of. */
  type: WebhookKind
  /** Which session. */
  sessionId: string
  /** When it was due first. (Time, ms since 1970.) */
  createdAt: number
  /** How it stands. */
  state: WebhookState
  /** How often it was tried. */
  attempts: number
  /** Null: it is over. */
  nextAttemptAt: number | null
  /** The HTTP status of the last answer; null: there was none. */
  lastStatus: number | null
  /** Why the last attempt failed. */
  lastError: string | null
}

/** A page of the log, newest first. */
export interface WebhookDeliveryList {
  /** The page. At most 200. */
  deliveries: WebhookDelivery[]
  /** Send it as `after` to go on; null: that was all. */
  next: string | null
}

/** Memory of the process, bytes. */
export interface Memory {
  /** Resident. */
  rss: number
  /** Held by the allocator. */
  heapTotal: number
  /** In use. */
  heapUsed: number
  /** Mapped from files: programs and models. */
  external: number
}

/** How full the table `active_interview_sessions` is. */
export interface ActiveTable {
  /** Rows. */
  rows: number
  /** Age of the oldest, milliseconds. */
  oldestAgeMs: number | null
}

/** The documents' figures, counted now. */
export interface Metrics {
  /** Sessions in memory. */
  activeSessions: number
  /** Questions with a running clock. */
  questionTimers: number
  /** Seats held by connections. */
  socketMappings: number
  /** Memory of the process. */
  memory: Memory
  /** Sessions cleaned up since the start. */
  cleanedUpTotal: number
  /** Null while the records cannot be read. */
  activeInterviewSessions: ActiveTable | null
}

/** The query of `GET /api/analytics/closures`. */
export interface ClosuresQuery {
  /** From here on. (Time, ms since 1970.) */
  from?: number | undefined
  /** Up to here, not included. (Time, ms since 1970.) */
  to?: number | undefined
  /** Length of a stretch, milliseconds; left out: an hour. At most 1000 of them may lie between `from` and `to`. (Whole number, 1 to 9007199254740991.) */
  bucket?: number | undefined
}

/** Ends in one stretch of time. */
export interface ClosureBucket {
  /** Where the stretch begins. (Time, ms since 1970.) */
  from: number
  /** How many ended for which reason. */
  reasons: { [word in EndReason]?: number }
  /** How long they were active, all together. */
  durationMs: number
}

/** Why sessions ended, over time. */
export interface Closures {
  /** From here on. (Time, ms since 1970.) */
  from: number
  /** Up to here, not included. (Time, ms since 1970.) */
  to: number
  /** Length of a stretch. (Whole number, 1 to 9007199254740991.) */
  bucketMs: number
  /** Stretches in which something ended, in order. At most 1000. */
  buckets: ClosureBucket[]
  /** All of them by reason. */
  totals: { [word in EndReason]?: number }
}

/** The query of `GET /api/connections/closed`. */
export interface ClosedConnectionsQuery {
  /** At most so many; left out: 50. (Whole number, 1 to 200.) */
  limit?: number | undefined
  /** `next` of the page before. */
  after?: string | undefined
}

/** A connection that is over. */
export interface ClosedConnection {
  /** Its name. */
  connectionId: string
  /** Whose. */
  userId: string
  /** The session it was in last. */
  sessionId?: string
  /** Since when its user was known. (Time, ms since 1970.) */
  openedAt: number
  /** When it was gone. (Time, ms since 1970.) */
  closedAt: number
  /** The close frame's code; left out: there was none. (Whole number, 1000 to 4999.) */
  code?: number
  /** A word of the table of close codes, `closed_by_client`, or `lost`. (Text, at most 64 characters.) */
  reason: string
}

/** A page of the latest connections that are over. */
export interface ClosedConnections {
  /** The latest first; they are forgotten when the server stops. At most 200. */
  connections: ClosedConnection[]
  /** Send it as `after` to go on; null: that was all. */
  next: string | null
}

/** One fact of a session's life; never a word that somebody said. */
export interface StoryLine {
  /** When. (Time, ms since 1970.) */
  at: number
  /** The event's name, or what happened. (Text, at most 64 characters.) */
  what: string
  /** Its place in the log, for events. */
  seq?: number
  /** Whom it is about. */
  userId?: string
  /** More in a few words. */
  detail?: string
}

/** A session's whole life in order: its log, who came and went, how it ended. */
export interface Story {
  /** Which session. */
  sessionId: string
  /** In order. */
  lines: StoryLine[]
  /** Later events were left out: more than 4 MiB of them. */
  truncated: boolean
}

/** A code from `session:transfer`. */
export interface RedeemTransfer {
  /** As it was shown; case and dashes do not matter. (Text, at most 64 characters.) */
  code: string
}

/** What the other device joins with; its join takes the seat over. */
export interface Transferred {
  /** Which session. */
  sessionId: string
  /** Whose seat. */
  userId: string
  /** As what they sit. */
  role: Role
  /** An invitation to this session alone. (Text, at most 8192 characters.) */
  token: string
  /** Where to connect. */
  path: '/ws'
}

/** The query of `GET /reports/{id}`. */
export interface ReportPageQuery {
  /** In which form. */
  format?: ReportFormat | undefined
}

/** Whether new sessions can be taken. */
export type ReadinessWord =
  /** They can. */
  | 'ready'
  /** They cannot now. */
  | 'not_ready'
export const READINESS_WORDS: readonly ReadinessWord[] = ['ready', 'not_ready']

/** A part of the server that can be well or not. */
export type ServerPart =
  /** The records can be read and written. */
  | 'store'
  /** What happens in sessions is stored in time. */
  | 'sessions'
  /** New sessions are taken: the server is not about to stop. */
  | 'drain'
export const SERVER_PARTS: readonly ServerPart[] = ['store', 'sessions', 'drain']

/** One part of the server. */
export interface ReadinessCheck {
  /** Which. */
  name: ServerPart
  /** Whether it is fine. */
  ok: boolean
  /** In words. */
  detail: string
}

/** Whether new sessions can be taken, part by part. */
export interface Readiness {
  /** Ready when every part is fine. */
  status: ReadinessWord
  /** Part by part; empty: they did not say in time. At most 3. */
  checks: ReadinessCheck[]
}

/** Every route by its name: what is sent, what comes back, and why it may be refused. */
export interface Routes {
  /** All sessions, page by page, newest first; admins only. */
  listSessions: {
    method: 'GET'
    path: '/api/sessions'
    query: ListSessionsQuery
    answer: SessionPage
    errors: 'auth_required' | 'busy' | 'internal' | 'invalid_field' | 'not_allowed' | 'origin_not_allowed' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** Makes a session: admins, and interviewers, who are then in it themselves. */
  createSession: {
    method: 'POST'
    path: '/api/sessions'
    body: CreateSession
    answer: CreatedSession
    errors: 'auth_required' | 'bad_json' | 'busy' | 'draining' | 'internal' | 'invalid_field' | 'missing_field' | 'not_allowed' | 'origin_not_allowed' | 'plan_not_found' | 'session_exists' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked' | 'too_deep' | 'too_large' | 'unsupported_media_type'
  }
  /** Is an interview of mine still open? Works from the row alone, so also after a crash. */
  getActiveSession: {
    method: 'GET'
    path: '/api/sessions/active'
    query: GetActiveSessionQuery
    answer: ActiveAnswer
    errors: 'auth_required' | 'busy' | 'internal' | 'invalid_field' | 'not_allowed' | 'origin_not_allowed' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** End what is still open, with reason `cleared_by_user`. Nothing open is no error. */
  clearActiveSession: {
    method: 'DELETE'
    path: '/api/sessions/active'
    query: ClearActiveSessionQuery
    answer: ClearedAnswer
    errors: 'auth_required' | 'busy' | 'internal' | 'invalid_field' | 'not_allowed' | 'origin_not_allowed' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** One session, for whoever may be in it. */
  getSession: {
    method: 'GET'
    path: '/api/sessions/{id}'
    answer: SessionRecord
    errors: 'auth_required' | 'busy' | 'internal' | 'origin_not_allowed' | 'session_not_found' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** Ends a session: its candidate, its interviewers, admins. One that is over stays as it ended. */
  endSessionById: {
    method: 'POST'
    path: '/api/sessions/{id}/end'
    answer: EndedSession
    errors: 'auth_required' | 'busy' | 'internal' | 'not_allowed' | 'origin_not_allowed' | 'session_not_found' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** The report of an ended interview, for whoever may be in the session. */
  getReport: {
    method: 'GET'
    path: '/api/sessions/{id}/report'
    query: GetReportQuery
    answer: Report | string
    errors: 'auth_required' | 'busy' | 'internal' | 'invalid_field' | 'origin_not_allowed' | 'report_deleted' | 'report_not_ready' | 'session_not_found' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** Tries a report again that was given up; for admins. */
  retryReport: {
    method: 'POST'
    path: '/api/sessions/{id}/report'
    answer: ReportQueued
    errors: 'auth_required' | 'bad_transition' | 'busy' | 'internal' | 'not_allowed' | 'origin_not_allowed' | 'session_not_found' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** Reports that are not made yet or were given up, page by page; for admins. */
  listOpenReports: {
    method: 'GET'
    path: '/api/reports/open'
    query: ListOpenReportsQuery
    answer: OpenReports
    errors: 'auth_required' | 'busy' | 'internal' | 'invalid_field' | 'not_allowed' | 'origin_not_allowed' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** Deletes data of an ended session for good, for admins; without a kind all of it, so that only its id is left. Deleting again is no error. */
  deleteSessionData: {
    method: 'DELETE'
    path: '/api/sessions/{id}/data'
    query: DeleteSessionDataQuery
    answer: DataDeleted
    errors: 'auth_required' | 'bad_transition' | 'busy' | 'draining' | 'internal' | 'invalid_field' | 'not_allowed' | 'origin_not_allowed' | 'session_not_found' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** Says an event into a session; admins only. Answered when it is stored, if it is to be. */
  broadcast: {
    method: 'POST'
    path: '/api/sessions/{id}/events'
    body: Broadcast
    answer: BroadcastAnswer
    errors: 'auth_required' | 'bad_json' | 'bad_transition' | 'busy' | 'internal' | 'invalid_field' | 'missing_field' | 'not_allowed' | 'origin_not_allowed' | 'session_ended' | 'session_not_found' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked' | 'too_deep' | 'too_large' | 'unknown_event' | 'unsupported_media_type'
  }
  /** What was stored of a session's events, page by page, as far as the caller's role may see them: for somebody who comes late. */
  sessionLog: {
    method: 'GET'
    path: '/api/sessions/{id}/events'
    query: SessionLogQuery
    answer: SessionLog
    errors: 'auth_required' | 'busy' | 'internal' | 'invalid_field' | 'origin_not_allowed' | 'session_not_found' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** Ends a session. Ending one that is over, unknown or somebody else's gets the same answer, and nothing is done. */
  endSession: {
    method: 'POST'
    path: '/api/session/end-session'
    body: NamedSession
    answer: EndSessionAnswer
    errors: 'auth_required' | 'bad_json' | 'busy' | 'internal' | 'invalid_field' | 'missing_field' | 'origin_not_allowed' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked' | 'too_deep' | 'too_large' | 'unsupported_media_type'
  }
  /** Closes the connections of a session, ending it with reason `closed_by_api` if it is not over yet. */
  closeConnection: {
    method: 'POST'
    path: '/api/websocket/close-connection'
    body: NamedSession
    answer: CloseConnectionAnswer
    errors: 'auth_required' | 'bad_json' | 'busy' | 'internal' | 'invalid_field' | 'missing_field' | 'origin_not_allowed' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked' | 'too_deep' | 'too_large' | 'unsupported_media_type'
  }
  /** The plans, page by page: names and lengths for everybody with a token, texts for interviewers and admins. */
  listPlans: {
    method: 'GET'
    path: '/api/plans'
    query: ListPlansQuery
    answer: Plans
    errors: 'auth_required' | 'busy' | 'internal' | 'invalid_field' | 'origin_not_allowed' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** Makes a plan, for admins: a document as `GET /api/plans/{id}` shows it or, with `Content-Type: application/toml`, the text of a plan file. Mistakes are told all at once, each with its place. */
  createPlan: {
    method: 'POST'
    path: '/api/plans'
    body: PlanInput
    answer: PlanStored
    errors: 'auth_required' | 'bad_json' | 'busy' | 'draining' | 'internal' | 'invalid_field' | 'missing_field' | 'not_allowed' | 'origin_not_allowed' | 'plan_exists' | 'plan_invalid' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked' | 'too_deep' | 'too_large' | 'unsupported_media_type'
  }
  /** One plan; for interviewers and admins the whole document, as `PUT` takes it. */
  getPlan: {
    method: 'GET'
    path: '/api/plans/{id}'
    answer: PlanDocument
    errors: 'auth_required' | 'busy' | 'internal' | 'origin_not_allowed' | 'plan_not_found' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** Puts this plan under this id, for admins, whatever was there; a body as for `POST`. Sessions that have the plan keep it as it was. */
  putPlan: {
    method: 'PUT'
    path: '/api/plans/{id}'
    body: PlanInput
    answer: PlanStored
    errors: 'auth_required' | 'bad_json' | 'busy' | 'draining' | 'internal' | 'invalid_field' | 'missing_field' | 'not_allowed' | 'origin_not_allowed' | 'plan_invalid' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked' | 'too_deep' | 'too_large' | 'unsupported_media_type'
  }
  /** Takes a plan out, for admins. Sessions that have it keep it. */
  deletePlan: {
    method: 'DELETE'
    path: '/api/plans/{id}'
    answer: undefined
    errors: 'auth_required' | 'busy' | 'draining' | 'internal' | 'not_allowed' | 'origin_not_allowed' | 'plan_not_found' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** The question bank, page by page, with what a good answer tells, for interviewers and admins. */
  listQuestions: {
    method: 'GET'
    path: '/api/questions'
    query: ListQuestionsQuery
    answer: QuestionBank
    errors: 'auth_required' | 'busy' | 'internal' | 'invalid_field' | 'not_allowed' | 'origin_not_allowed' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** A one-time ticket for a socket, so that no token stands in an address. */
  createTicket: {
    method: 'POST'
    path: '/api/tickets'
    body?: TicketOrder
    answer: Ticket
    errors: 'auth_required' | 'bad_json' | 'busy' | 'internal' | 'invalid_field' | 'limited' | 'missing_field' | 'not_allowed' | 'origin_not_allowed' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked' | 'too_deep' | 'too_large' | 'unsupported_media_type'
  }
  /** Everything that was taken back. */
  listRevocations: {
    method: 'GET'
    path: '/api/revocations'
    query: ListRevocationsQuery
    answer: RevocationList
    errors: 'auth_required' | 'busy' | 'internal' | 'invalid_field' | 'not_allowed' | 'origin_not_allowed' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** Take back all tokens of a user, or all invitations to a session. Connections that came with one are closed with 4401, the running interview ends `token_revoked`. */
  revokeTokens: {
    method: 'POST'
    path: '/api/revocations'
    body: RevocationOrder
    answer: RevocationDone
    errors: 'auth_required' | 'bad_json' | 'busy' | 'draining' | 'internal' | 'invalid_field' | 'limited' | 'missing_field' | 'not_allowed' | 'origin_not_allowed' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked' | 'too_deep' | 'too_large' | 'unsupported_media_type'
  }
  /** Forget a revocation: older tokens that have not expired are good again. */
  removeRevocation: {
    method: 'DELETE'
    path: '/api/revocations'
    query: RemoveRevocationQuery
    answer: RevocationRemoved
    errors: 'auth_required' | 'busy' | 'internal' | 'invalid_field' | 'not_allowed' | 'origin_not_allowed' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** What was sent, what waits and what was given up. */
  listWebhookDeliveries: {
    method: 'GET'
    path: '/api/webhooks/deliveries'
    query: ListWebhookDeliveriesQuery
    answer: WebhookDeliveryList
    errors: 'auth_required' | 'busy' | 'internal' | 'invalid_field' | 'not_allowed' | 'origin_not_allowed' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** The documents' figures as JSON. */
  metrics: {
    method: 'GET'
    path: '/api/metrics'
    answer: Metrics
    errors: 'auth_required' | 'busy' | 'internal' | 'not_allowed' | 'origin_not_allowed' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** How many sessions ended for which reason, over time; admins only. Without parameters: the last 24 hours by hour. */
  closures: {
    method: 'GET'
    path: '/api/analytics/closures'
    query: ClosuresQuery
    answer: Closures
    errors: 'auth_required' | 'busy' | 'internal' | 'invalid_field' | 'not_allowed' | 'origin_not_allowed' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** The last 200 connections that are over, and why, page by page; admins only. */
  closedConnections: {
    method: 'GET'
    path: '/api/connections/closed'
    query: ClosedConnectionsQuery
    answer: ClosedConnections
    errors: 'auth_required' | 'busy' | 'internal' | 'invalid_field' | 'not_allowed' | 'origin_not_allowed' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** A session's whole life in order; admins only. */
  sessionStory: {
    method: 'GET'
    path: '/api/sessions/{id}/story'
    answer: Story
    errors: 'auth_required' | 'busy' | 'internal' | 'not_allowed' | 'origin_not_allowed' | 'session_not_found' | 'store_unavailable' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** Move a running interview to this device: a code, good once and for five minutes, for a token. */
  redeemTransfer: {
    method: 'POST'
    path: '/api/transfers'
    body: RedeemTransfer
    answer: Transferred
    errors: 'bad_json' | 'internal' | 'invalid_field' | 'missing_field' | 'not_supported' | 'origin_not_allowed' | 'timed_out' | 'too_deep' | 'too_large' | 'transfer_invalid' | 'unsupported_media_type'
  }
  /** This document. */
  openapi: {
    method: 'GET'
    path: '/api/openapi.json'
    answer: Record<string, unknown>
    errors: 'internal' | 'origin_not_allowed' | 'timed_out'
  }
  /** The realtime contract: every message, field, reply, error code and close code. */
  asyncapi: {
    method: 'GET'
    path: '/api/asyncapi.json'
    answer: Record<string, unknown>
    errors: 'internal' | 'origin_not_allowed' | 'timed_out'
  }
  /** The report as a page for people. Refusals are pages, too. */
  reportPage: {
    method: 'GET'
    path: '/reports/{id}'
    query: ReportPageQuery
    answer: string | Report
    errors: 'auth_required' | 'busy' | 'internal' | 'invalid_field' | 'origin_not_allowed' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
  /** The process answers. Asks nobody. */
  healthz: {
    method: 'GET'
    path: '/healthz'
    answer: string
    errors: 'internal' | 'timed_out'
  }
  /** Whether new sessions can be taken. */
  readyz: {
    method: 'GET'
    path: '/readyz'
    answer: Readiness
    errors: 'internal' | 'timed_out'
  }
  /** Every figure in Prometheus' text format. */
  prometheus: {
    method: 'GET'
    path: '/metrics'
    answer: string
    errors: 'auth_required' | 'busy' | 'internal' | 'not_allowed' | 'timed_out' | 'token_expired' | 'token_invalid' | 'token_revoked'
  }
}
export type RouteName = keyof Routes
