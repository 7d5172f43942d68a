/**
 * One interview as this client sees it. It outlives connections: whoever joined stays joined until
 * they leave, are replaced, or it ends.
 */
import type { AudioChunk, ReceivedAudio } from "./audio-frame.ts";
import { toBase64 } from "./audio-frame.ts";
import { Emitter, type ListenOptions } from "./emitter.ts";
import { GreenroomError, refusal } from "./errors.ts";
import type {
  AskedQuestion,
  AudioFormat,
  ClientMessage,
  Clock,
  ConsentAsked,
  EndReason,
  EndResult,
  FinalCaption,
  Member,
  OkFields,
  Outcome,
  PartialCaption,
  Question,
  RequestedTranscription,
  Resume,
  Role,
  ServerMessage,
  ServerMessages,
  SessionJoined,
  SessionView,
  Status,
  Suggestion,
  Visibility,
  Wall,
} from "./protocol.ts";
import type { RequestOptions } from "./requests.ts";
import { appended, type Store, type Unsubscribe, Value } from "./store.ts";

/** A question that is open. Times are the server's; see `client.serverNow()`. */
export type OpenQuestion = Omit<AskedQuestion, "sessionId" | "serverNow">;

export interface ClosedQuestion {
  questionId: string;
  outcome: Outcome;
  usedMs: number;
}

/** What is known while in a session. */
export interface InSession {
  readonly role: Role;
  readonly userId: string;
  readonly participant: number;
  readonly title: string;
  readonly status: Status;
  readonly planId: string | null;
  readonly createdAt: Wall;
  readonly startedAt: Wall | null;
  /** When its longest duration is over. */
  readonly endsAt: Wall | null;
  readonly members: readonly Member[];
  readonly question: OpenQuestion | null;
  readonly answers: readonly ClosedQuestion[];
  /** Clocks that are about to run out, and when. */
  readonly expiring: Readonly<Partial<Record<Clock, Wall>>>;
  /** The server cannot store at the moment; the interview goes on. */
  readonly degraded: boolean;
  /** The candidate must agree to this before anything they say is taken. */
  readonly consent: ConsentAsked | null;
  /** False while the connection is lost and the seat is kept. */
  readonly live: boolean;
  /** How the last join went: false where something that happened meanwhile cannot be told again. */
  readonly recovered: boolean;
}

export type SessionState =
  | { readonly phase: "detached" }
  | { readonly phase: "joining"; readonly error: GreenroomError | null }
  | ({ readonly phase: "lobby" | "live" | "ending" } & InSession)
  /** Another page of the same user has the seat. `join()` takes it back. */
  | { readonly phase: "displaced" }
  | {
      readonly phase: "ended";
      /** Null where it ended while this client was away. */
      readonly reason: EndReason | null;
      readonly message: string;
      /** False: the end is not in the records yet. */
      readonly recorded: boolean;
      readonly result: EndResult | null;
      readonly reportUrl: string | null;
    }
  | { readonly phase: "failed"; readonly error: GreenroomError };

export interface Transcript {
  /** Will not change, in the order of the log. */
  readonly segments: readonly FinalCaption[];
  /** Still changing, at most one for each utterance that is being spoken. */
  readonly interim: readonly PartialCaption[];
}

/** Every message of the session under its type; `audio` for sound others send. */
export type SessionEvents = {
  [Type in keyof ServerMessages]: ServerMessages[Type] & {
    /** It happened before this page joined and is told again. */
    replayed?: true;
  };
} & { audio: ReceivedAudio };

export interface JoinOptions {
  signal?: AbortSignal;
  /**
   * Tell what happened before this page came, too, marked `replayed`: captions, suggestions,
   * questions. It is read from the records after the join, so it comes a moment later.
   */
  history?: boolean;
}

/** What a session needs of its client. */
export interface Link {
  /** Connected right now. */
  isUp(): boolean;
  connect(): Promise<void>;
  request(
    message: ClientMessage,
    how: RequestOptions & { keep: boolean; inSession?: string },
  ): Promise<OkFields>;
  flush(): void;
  drop(error: GreenroomError, sessionId: string): void;
  lose(cause: GreenroomError): void;
  sendAudio(chunk: AudioChunk, session: { id: string; room: number }): void;
  buffered(): number;
  hears: "binary" | "json" | undefined;
  take(sessionId: string): Promise<Resume | null>;
  keep(sessionId: string, resume: Resume): void;
  forget(sessionId: string): void;
  /** Somebody joins it: from now on it is the current one. */
  joining(session: InterviewSession): void;
  /** What happened behind `after`, from the records. */
  history(sessionId: string, after: number): AsyncIterable<readonly { seq: number }[]>;
  /** Why a session ended, from the records. */
  ending(sessionId: string): Promise<{ reason: EndReason | null; reportUrl: string | null }>;
}

const SEGMENTS_MAX = 5_000;
const INTERIM_MAX = 16;
const SUGGESTIONS_MAX = 200;
const ANSWERS_MAX = 200;
/** A join that is refused for a moment is repeated after so long, where nothing else is said. */
const JOIN_AGAIN_MS = 1_000;
/** Recognizing a piece of audio may take so long. */
const TRANSCRIBE_MS = 30_000;
const DEFAULT_END = "Session has been terminated";
const NOTHING_SAID: Transcript = { segments: [], interim: [] };

interface Deferred {
  promise: Promise<InSession>;
  resolve(state: InSession): void;
  reject(error: GreenroomError): void;
}

export class InterviewSession {
  readonly id: string;
  readonly state = new Value<SessionState>({ phase: "detached" });
  readonly #transcript = new Value<Transcript>(NOTHING_SAID);
  readonly #suggestions = new Value<readonly Suggestion[]>([]);
  readonly #requested = new Value<readonly RequestedTranscription[]>([]);
  readonly #events = new Emitter<SessionEvents>();
  readonly #link: Link;
  /** Joined, or to be joined as soon as there is a connection. */
  #wanted = false;
  #joined: Deferred | null = null;
  #entering = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #room = 0;
  #resume: Resume | null = null;
  /** The last event that was told here, stored or not. */
  #seen = 0;
  /** The snapshot of the last join holds everything up to here. */
  #snapshot = 0;
  #ended: { result: EndResult; reportUrl: string | null } | null = null;
  /** What happened before is wanted, too. */
  #history = false;
  /** Everything after this and up to the snapshot is still to be read from the records. */
  #unread: number | null = null;
  #reading = false;

  constructor(id: string, link: Link) {
    this.id = id;
    this.#link = link;
  }

  getSnapshot = (): SessionState => this.state.getSnapshot();
  subscribe = (listener: () => void): Unsubscribe => this.state.subscribe(listener);

  get transcript(): Store<Transcript> {
    return this.#transcript;
  }

  get suggestions(): Store<readonly Suggestion[]> {
    return this.#suggestions;
  }

  /** What came of `transcribe`, the latest 200. */
  get requested(): Store<readonly RequestedTranscription[]> {
    return this.#requested;
  }

  on<E extends keyof SessionEvents>(
    name: E,
    listener: (event: SessionEvents[E]) => void,
    options?: ListenOptions,
  ): Unsubscribe {
    return this.#events.on(name, listener, options);
  }

  /** It is joined, or about to be. */
  get isWanted(): boolean {
    return this.#wanted;
  }

  /** In the session with a live connection. */
  get isLive(): boolean {
    const state = this.state.getSnapshot();
    return "live" in state && state.live;
  }

  /** An interview is under way here: it must not be cut by a hidden page. */
  get isRunning(): boolean {
    const { phase } = this.state.getSnapshot();
    return phase === "live" || phase === "ending";
  }

  /**
   * Takes a seat, connecting first if need be. Takes it away from another page of the same user.
   * Resolves when in; rejects with `session_not_found`, `session_ended`, `takeover_storm` …
   */
  join(options: JoinOptions = {}): Promise<InSession> {
    const state = this.state.getSnapshot();
    if ("live" in state && state.live) return Promise.resolve(state);
    if (state.phase === "ended") {
      return Promise.reject(new GreenroomError("session_ended", "This session is over."));
    }
    this.#wanted = true;
    this.#history ||= options.history === true;
    this.#link.joining(this);
    this.#joined ??= deferred();
    const { promise } = this.#joined;
    if (!("live" in state)) this.state.set({ phase: "joining", error: null });
    const canceled = () => {
      if (!this.isLive) void this.leave();
    };
    if (options.signal?.aborted) canceled();
    options.signal?.addEventListener("abort", canceled, { once: true });
    void promise
      .catch(() => {})
      .finally(() => options.signal?.removeEventListener("abort", canceled));
    if (this.#link.isUp()) void this.enter();
    else {
      this.#link.connect().catch((error: GreenroomError) => {
        if (!this.isLive && this.#wanted) this.#fail(error);
      });
    }
    return promise;
  }

  /** Gives the seat up. The candidate of a running interview may come back within the grace. */
  async leave(): Promise<void> {
    if (!this.#wanted) return;
    const wasLive = this.isLive;
    this.#detach({ phase: "detached" }, new GreenroomError("canceled", "The session was left."));
    if (!wasLive) return;
    await this.#link
      .request({ type: "session:leave", sessionId: this.id }, { keep: false })
      .catch(() => {});
  }

  /** Begins the interview. Resolves with the first deadline, where there is a question. */
  start(what: { planId?: string; questions?: Question[] } = {}, o?: RequestOptions) {
    return this.request({ type: "interview:start", ...what }, o);
  }

  /** The candidate has finished (or, with `skip`, passes over) the question. */
  answerDone(what: { questionId?: string; skip?: boolean } = {}, o?: RequestOptions) {
    return this.request({ type: "answer:done", ...this.#open(), ...what }, o);
  }

  /** Answers the open question in writing: what cannot be said can be typed. */
  answerText(text: string, o?: RequestOptions) {
    return this.request({ type: "answer:text", ...this.#open(), text }, o);
  }

  /** Agrees to what `consent` in the state asks. */
  giveConsent(o?: RequestOptions) {
    return this.request({ type: "consent:give", version: this.#consent()?.version ?? "" }, o);
  }

  /** Does not agree, or does so no longer: the session ends `declined`. */
  declineConsent(o?: RequestOptions) {
    const version = this.#consent()?.version;
    return this.request({ type: "consent:decline", ...(version ? { version } : {}) }, o);
  }

  /** Ends the interview for everybody. `session_ended` follows. */
  end(o?: RequestOptions) {
    return this.request({ type: "end_interview" }, o);
  }

  /**
   * A code that moves the running interview to another device of the candidate: there
   * `api.redeemTransfer(code)` makes a token of it. Resolves with `code`, `expiresAt` and `link`,
   * a path of the server's own app.
   */
  transfer(o?: RequestOptions) {
    return this.request({ type: "session:transfer" }, o);
  }

  /** More time, where the plan grants it. Resolves with the new deadline. */
  extend(o?: RequestOptions) {
    return this.request({ type: "session:extend" }, o);
  }

  /**
   * Somebody is there, though nothing is heard: the inactivity clock of candidate and interviewer
   * starts again, and its warning goes.
   */
  async stay(o?: RequestOptions): Promise<void> {
    try {
      // Every request counts as a sign of life, one that is refused, too; this one changes nothing.
      await this.setStatus("active", o);
    } catch (error) {
      const { code } = error as GreenroomError;
      if (code !== "not_allowed" && code !== "bad_transition") throw error;
    }
    this.#awake();
  }

  #awake(): void {
    const state = this.state.getSnapshot();
    if (!("live" in state) || state.expiring.inactivity === undefined) return;
    this.#change(({ expiring }) => ({ expiring: without(expiring, "inactivity") }));
  }

  setStatus(status: Status, o?: RequestOptions) {
    return this.request({ type: "session:status", status }, o);
  }

  /** Tells the others whether this page is in front. Done by the client for a page. */
  async setVisibility(state: Visibility): Promise<void> {
    if (!this.isLive) return;
    const message: ClientMessage = { type: "user:visibility", sessionId: this.id, state };
    await this.#link.request(message, { keep: false }).catch(() => {});
  }

  /** Any request of this session; it waits for the connection and survives its loss. */
  request(message: ClientMessage, options: RequestOptions = {}): Promise<OkFields> {
    if (!this.#wanted) {
      return Promise.reject(new GreenroomError("not_in_session", "Join the session first."));
    }
    const named = { ...message, sessionId: this.id } as ClientMessage;
    return this.#link.request(named, { ...options, keep: true, inSession: this.id });
  }

  /** Recognizes one piece of audio. Rejects with `unsupported_format`, `speech_unavailable` … */
  async transcribe(
    audio: { data: Uint8Array | string; format: AudioFormat; sampleRate?: number },
    options: RequestOptions = {},
  ): Promise<RequestedTranscription> {
    const { data, ...rest } = audio;
    const audioData = typeof data === "string" ? data : toBase64(data);
    const timeoutMs = options.timeoutMs ?? TRANSCRIBE_MS;
    const stop = new AbortController();
    const { signal } = stop;
    try {
      return await new Promise<RequestedTranscription>((resolve, reject) => {
        let mine: unknown;
        // An answer may overtake the `ok` that says which one is ours.
        const early: (() => void)[] = [];
        const judge = (requestId: unknown, settle: () => void) => {
          const check = () => {
            if (requestId === mine) settle();
          };
          if (mine === undefined) early.push(check);
          else check();
        };
        this.on(
          "transcription:result",
          (result) => {
            if ("requestId" in result) judge(result.requestId, () => resolve(result));
          },
          { signal },
        );
        this.on(
          "transcription:error",
          (error) => judge(error.requestId, () => reject(refusal(error))),
          { signal },
        );
        const late = setTimeout(
          () => reject(new GreenroomError("request_timeout", "Recognition took too long.")),
          timeoutMs,
        );
        signal.addEventListener("abort", () => clearTimeout(late));
        this.request(
          { type: "transcription:request", audioData, ...rest },
          { ...options, timeoutMs },
        )
          .then((fields) => {
            mine = fields.requestId ?? null;
            for (const check of early) check();
          })
          .catch(reject);
      });
    } finally {
      stop.abort();
    }
  }

  /** Sends a chunk at once. False: not live at the moment, and it was not sent. */
  sendAudio(chunk: AudioChunk): boolean {
    if (!this.isLive) return false;
    this.#link.sendAudio(chunk, { id: this.id, room: this.#room });
    return true;
  }

  /** Bytes that wait in the socket. */
  bufferedBytes(): number {
    return this.#link.buffered();
  }

  // ---- For the client, not for users. ----

  /** @internal There is a connection: take the seat (again). */
  async enter(): Promise<void> {
    if (this.#entering || !this.#wanted || this.isLive) return;
    clearTimeout(this.#timer);
    this.#entering = true;
    try {
      // After a reload nothing was seen yet, so everything is asked for.
      const kept = this.#resume ?? (await this.#link.take(this.id));
      const resume = kept && { key: kept.key, epoch: kept.epoch, seq: this.#resume ? kept.seq : 0 };
      if (!this.#wanted) return;
      await this.#link.request(
        {
          type: "session:join",
          sessionId: this.id,
          ...(resume ? { resume } : {}),
          ...(this.#link.hears ? { audio: this.#link.hears } : {}),
        },
        { keep: false },
      );
    } catch (cause) {
      if (this.#wanted) this.#refused(cause as GreenroomError);
    } finally {
      this.#entering = false;
    }
  }

  /** @internal The connection is gone; the seat is kept for a while. */
  down(): void {
    const state = this.state.getSnapshot();
    if ("live" in state) this.state.set({ ...state, live: false });
  }

  /** @internal The connection will not come back by itself. */
  closed(error: GreenroomError): void {
    if (!this.#wanted) return;
    if (error.code === "replaced") this.#replaced();
    else if (!("live" in this.state.getSnapshot())) this.#fail(error);
  }

  /** @internal */
  heard(chunk: AudioChunk & { participant: number }): void {
    this.#events.emit("audio", { ...chunk, sessionId: this.id });
  }

  /** @internal */
  get room(): number {
    return this.#room;
  }

  /** @internal A message of this session. */
  receive(message: ServerMessage): void {
    let replayed = false;
    if ("prev" in message) {
      if (message.seq <= this.#seen) return;
      if (message.prev > this.#seen) {
        this.#link.lose(new GreenroomError("connection_lost", "An event is missing."));
        return;
      }
      this.#seen = message.seq;
      replayed = message.seq <= this.#snapshot;
      if (!message.provisional) this.#moved(message.seq);
    }
    this.#apply(message, replayed);
    const event = replayed ? { ...message, replayed: true as const } : message;
    (this.#events as unknown as Emitter<Record<string, unknown>>).emit(message.type, event);
  }

  /** Named in requests, so that a repeated one can never concern the next question. */
  #open(): { questionId?: string } {
    const state = this.state.getSnapshot();
    return "live" in state && state.question ? { questionId: state.question.questionId } : {};
  }

  #consent(): ConsentAsked | null {
    const state = this.state.getSnapshot();
    return "live" in state ? state.consent : null;
  }

  #apply(message: ServerMessage, replayed: boolean): void {
    switch (message.type) {
      case "session:joined":
        return this.#enterAs(message);
      case "session:state":
        return this.#change(() => viewed(message));
      case "session:left":
        if (this.#wanted) this.#detach({ phase: "detached" }, new GreenroomError("canceled"));
        return;
      case "connection:replaced":
        return this.#replaced();
      case "session_ended":
        return this.#over(message.reason, message.message || DEFAULT_END, message.recorded);
      case "interview_ended":
        this.#ended = { result: message.result, reportUrl: message.reportUrl };
        return;
      case "transcription:result":
        return this.#caption(message);
      case "responses:suggestions":
        this.#suggestions.update((list) => {
          // What is told again after this page was away may be there already.
          const known = ({ criterion, text }: Suggestion) =>
            replayed && list.some((one) => one.criterion === criterion && one.text === text);
          return message.suggestions
            .filter((one) => !known(one))
            .reduce((all, one) => appended(all, one, SUGGESTIONS_MAX), list);
        });
        return;
      case "user:joined":
      case "user:disconnected":
      case "user:left":
        return this.#change(({ members }) => {
          const others = members.filter((m) => m.participant !== message.participant);
          if (message.type === "user:left") return { members: others };
          const { userId, role, participant } = message;
          const state = message.type === "user:joined" ? "connected" : "disconnected";
          return { members: [...others, { userId, role, participant, state }] };
        });
      case "session:degraded":
        if (!message.on && message.seq !== undefined)
          this.#moved(Math.min(message.seq, this.#seen));
        return this.#change(() => ({ degraded: message.on }));
      case "consent:request": {
        const { version, text, purposes } = message;
        return this.#change(() => ({ consent: { version, text, purposes } }));
      }
      case "consent:given":
      case "consent:declined":
        // One told again says nothing about what is asked now.
        return replayed ? undefined : this.#change(() => ({ consent: null }));
      case "session:expiring":
        return this.#change(({ expiring }) => ({
          expiring: { ...expiring, [message.what]: message.deadlineAt },
        }));
      case "question:closed":
        this.#change(({ answers }) => {
          const { questionId, outcome, usedMs } = message;
          if (answers.some((known) => known.questionId === questionId)) return {};
          return { answers: appended(answers, { questionId, outcome, usedMs }, ANSWERS_MAX) };
        });
    }
    // The snapshot of the join knows what came of these.
    if (!replayed) this.#progress(message);
  }

  #progress(message: ServerMessage): void {
    switch (message.type) {
      case "session:status:updated":
        return this.#change(({ startedAt }) => ({
          status: message.status,
          startedAt: message.status === "active" ? message.at : startedAt,
        }));
      case "question:asked":
        return this.#change(({ expiring }) => ({
          question: opened(message),
          expiring: without(expiring, "question"),
        }));
      case "question:extended":
        return this.#change(({ question, expiring }) => ({
          question: question && { ...question, deadlineAt: message.deadlineAt },
          expiring: without(expiring, "question"),
        }));
      case "question:closed":
        return this.#change(({ question, expiring }) =>
          question?.questionId === message.questionId
            ? { question: null, expiring: without(expiring, "question") }
            : {},
        );
    }
  }

  #enterAs(joined: SessionJoined): void {
    const before = this.state.getSnapshot();
    const { key, epoch, seq } = { key: joined.resumeKey, epoch: joined.epoch, seq: joined.seq };
    const sameLog = this.#resume?.epoch === epoch;
    // Recovered: what was missed follows. Else the snapshot is where we are.
    const at = joined.recovered ? this.#seen : sameLog ? Math.max(this.#seen, seq) : seq;
    // What this page was not told, and will not be.
    if (this.#history && !joined.recovered) {
      const known = sameLog ? this.#seen : 0;
      if (known < at) this.#unread = Math.min(this.#unread ?? known, known);
    }
    this.#seen = at;
    this.#snapshot = seq;
    const stored = joined.recovered ? (this.#resume?.seq ?? 0) : at;
    this.#resume = { key, epoch, seq: stored };
    this.#link.keep(this.id, this.#resume);
    this.#room = joined.room;
    const state = {
      ...viewed(joined),
      phase: phaseOf(joined.status),
      ...joined.you,
      answers: "live" in before ? before.answers : [],
      expiring: {},
      degraded: false,
      consent: null,
      live: true,
      recovered: joined.recovered || !("live" in before),
    };
    this.state.set(state);
    this.#joined?.resolve(state);
    this.#joined = null;
    this.#link.flush();
    void this.#readHistory();
  }

  /** Tells what happened before, page by page; what fails is tried again after the next join. */
  async #readHistory(): Promise<void> {
    if (this.#unread === null || this.#reading) return;
    this.#reading = true;
    const upto = this.#snapshot;
    try {
      for await (const page of this.#link.history(this.id, this.#unread)) {
        if (!this.#wanted) return;
        for (const event of page) {
          if (event.seq > upto) continue;
          this.#tellAgain(event as ServerMessage & { seq: number });
          this.#unread = event.seq;
        }
      }
      this.#unread = null;
    } catch {
      // Live events go on meanwhile.
    } finally {
      this.#reading = false;
    }
  }

  #tellAgain(event: ServerMessage & { seq: number }): void {
    const known = this.#transcript.getSnapshot().segments;
    if (event.type === "transcription:result" && known.some(({ seq }) => seq === event.seq)) return;
    this.#apply(event, true);
    (this.#events as unknown as Emitter<Record<string, unknown>>).emit(event.type, {
      ...event,
      replayed: true as const,
    });
  }

  /** The resume position moves. */
  #moved(seq: number): void {
    if (!this.#resume || seq <= this.#resume.seq) return;
    this.#resume = { ...this.#resume, seq };
    this.#link.keep(this.id, this.#resume);
  }

  #caption(caption: Extract<ServerMessage, { type: "transcription:result" }>): void {
    if ("requestId" in caption) {
      return this.#requested.update((list) => appended(list, caption, SUGGESTIONS_MAX));
    }
    // A voice.
    this.#awake();
    this.#transcript.update(({ segments, interim }) => {
      const others = interim.filter(
        (c) =>
          c.userId !== caption.userId ||
          c.streamId !== caption.streamId ||
          c.utterance !== caption.utterance,
      );
      if (caption.isFinal) {
        return { segments: inOrder(segments, caption), interim: others };
      }
      // Nothing: what sounded like speech was none.
      if (!caption.text) return { segments, interim: others };
      return { segments, interim: appended(others, caption, INTERIM_MAX) };
    });
  }

  #refused(error: GreenroomError): void {
    if (error.code === "session_ended") return this.#endedAway();
    if (error.code === "connection_lost" || error.code === "canceled" || !this.#link.isUp()) return;
    if (error.code === "request_timeout") return this.#link.lose(error);
    if (error.retryable && error.code !== "takeover_storm") {
      if (!("live" in this.state.getSnapshot())) this.state.set({ phase: "joining", error });
      this.#timer = setTimeout(
        () => this.#link.isUp() && void this.enter(),
        error.retryAfterMs ?? JOIN_AGAIN_MS,
      );
      return;
    }
    this.#fail(error);
  }

  #replaced(): void {
    if (!this.#wanted) return;
    const error = new GreenroomError("replaced", "The interview was opened in another place.");
    this.#detach({ phase: "displaced" }, error);
  }

  #over(reason: EndReason | null, message: string, recorded: boolean): void {
    const { result = null, reportUrl = null } = this.#ended ?? {};
    this.#transcript.update((t) => ({ ...t, interim: [] }));
    const error = new GreenroomError("session_ended", message, { detail: { reason } });
    this.#detach({ phase: "ended", reason, message, recorded, result, reportUrl }, error);
  }

  /** It ended while we were not there; the records know why. */
  #endedAway(): void {
    this.#over(null, DEFAULT_END, true);
    const ended = this.state.getSnapshot();
    this.#link
      .ending(this.id)
      .then(({ reason, reportUrl }) => {
        const now = this.state.getSnapshot();
        if (now === ended && now.phase === "ended") this.state.set({ ...now, reason, reportUrl });
      })
      .catch(() => {});
  }

  #fail(error: GreenroomError): void {
    this.#detach({ phase: "failed", error }, error);
  }

  #detach(state: SessionState, error: GreenroomError): void {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#resume = null;
    this.#seen = 0;
    this.#unread = null;
    this.#link.forget(this.id);
    this.state.set(state);
    this.#link.drop(error, this.id);
    this.#joined?.reject(error);
    this.#joined = null;
  }

  #change(change: (state: InSession) => Partial<InSession>): void {
    const state = this.state.getSnapshot();
    if (!("live" in state)) return;
    const next = { ...state, ...change(state) };
    const phase = next.status === state.status ? state.phase : phaseOf(next.status);
    this.state.set({ ...next, phase });
  }
}

/** With one more; what is told late goes to its place. */
function inOrder(segments: readonly FinalCaption[], caption: FinalCaption) {
  const all = appended(segments, caption, SEGMENTS_MAX);
  const late = segments.some(({ seq }) => seq > caption.seq);
  return late ? all.toSorted((a, b) => a.seq - b.seq) : all;
}

function phaseOf(status: Status): "lobby" | "live" | "ending" {
  return status === "scheduled" ? "lobby" : status === "active" ? "live" : "ending";
}

function opened(asked: AskedQuestion): OpenQuestion {
  const { questionId, index, total, text, startedAt, deadlineAt } = asked;
  return { questionId, index, total, text, startedAt, deadlineAt };
}

function viewed(view: SessionView) {
  const { title, planId, createdAt, startedAt, endsAt } = view.session;
  return {
    title,
    status: view.status,
    planId: planId ?? null,
    createdAt,
    startedAt: startedAt ?? null,
    endsAt: endsAt ?? null,
    members: view.members,
    question: view.question ? opened(view.question) : null,
  };
}

function without(expiring: InSession["expiring"], what: Clock): InSession["expiring"] {
  const { [what]: _, ...rest } = expiring;
  return rest;
}

function deferred(): Deferred {
  let resolve!: Deferred["resolve"];
  let reject!: Deferred["reject"];
  const promise = new Promise<InSession>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // Whoever asked has it; nobody else need hear of it.
  promise.catch(() => {});
  return { promise, resolve, reject };
}
