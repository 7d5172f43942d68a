//! Everything a node can ask for. Orders, carried out in the order given. No behavior here.

use protocol::client::{ReplyTo, TranscribeRequest};
use protocol::close::CloseCode;
use protocol::error::Refusal;
use protocol::id::{
    ConnectionId, EffectId, Generation, Participant, PlanId, Seq, SessionId, UserId,
};
use protocol::record::{EndBegun, Save};
use protocol::server::{Reply, ServerMessage};
use protocol::time::Mono;
use protocol::value::{EndReason, Question, Role, Status};
use smallvec::SmallVec;

use crate::input::{AskId, LogRange};

/// Receivers of one message.
pub type To = SmallVec<[ConnectionId; 4]>;

/// An order to the shell.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Queue this message on these connections. Made in `session::log` alone.
    Send {
        /// Whom.
        to: To,
        /// What.
        message: ServerMessage,
    },
    /// Answer a request.
    Reply {
        /// Whom and which.
        to: ReplyTo,
        /// With what.
        reply: Reply,
    },
    /// This connection has a seat now: they may speak by these rights. They hear nobody yet.
    Seat(Box<SeatGiven>),
    /// The answer to this holder's join was sent: from now on they hear who speaks. Before it a
    /// client knows of no seat and could not tell what the sound belongs to.
    Hear {
        /// Where.
        session: SessionId,
        /// Which.
        conn: ConnectionId,
        /// Of which holder of the seat; a later one is not touched.
        generation: Generation,
    },
    /// This connection has this seat no more; with its last seat it is closed, if a code is given.
    Unseat {
        /// Where.
        session: SessionId,
        /// Which.
        conn: ConnectionId,
        /// Of which holder of the seat; a later one is not touched.
        generation: Generation,
        /// Close it with this, unless it has another seat.
        close: Option<CloseCode>,
    },
    /// From now on this holder of a seat is heard, or not.
    Voice {
        /// Where.
        session: SessionId,
        /// Which.
        conn: ConnectionId,
        /// Of which holder of the seat; a later one is not touched.
        generation: Generation,
        /// How far.
        voice: Voice,
    },
    /// From now on the candidate's audio is recorded and recognised. Time zero of the session.
    Listen {
        /// Where.
        session: SessionId,
        /// When the session began.
        since: Mono,
    },
    /// The same for a session taken over alive from a dead process: what lies in its files behind
    /// the last stored final of each stream comes first, whether the stream goes on or not. How
    /// far each stream lies on disk is reported as `AudioStored`.
    ListenAgain {
        /// Where.
        session: SessionId,
        /// When the session began.
        since: Mono,
    },
    /// No more audio: close the taps, finish what was heard, then report `Flushed`.
    FlushSpeech {
        /// Where.
        session: SessionId,
    },
    /// This end was told and is not stored: keep it beside the records, where the next process
    /// finds it if this one has to stop first.
    KeepEnd {
        /// Which session's.
        session: SessionId,
        /// What is known of it.
        end: Box<EndBegun>,
    },
    /// The end that was kept beside the records is in them now.
    ForgetEnd {
        /// Which session's.
        session: SessionId,
    },
    /// The session's audio route is over.
    CloseRoute {
        /// Which.
        session: SessionId,
    },
    /// Recognise this piece once and report `Once`.
    TranscribeOnce {
        /// Where.
        session: SessionId,
        /// Which request of this session.
        request: u32,
        /// The audio.
        audio: Box<TranscribeRequest>,
    },
    /// Recognise what lies in the session's audio files after the last stored final of each
    /// stream, report the finals, then `Flushed`.
    RecoverSpeech {
        /// Where.
        session: SessionId,
    },
    /// Write this and answer `StoreReplied`.
    Save {
        /// To be given back.
        id: EffectId,
        /// What.
        save: Box<Save>,
    },
    /// Read a session, adopt it if its owner is dead, and answer `SessionLoaded`.
    LoadSession {
        /// To be given back.
        id: EffectId,
        /// Which.
        session: SessionId,
    },
    /// Read a stretch of the log and answer `LogLoaded`.
    LoadLog {
        /// To be given back.
        id: EffectId,
        /// Of which session.
        session: SessionId,
        /// Which stretch.
        range: LogRange,
    },
    /// Make the report from the records and answer `ReportMade`.
    MakeReport {
        /// To be given back.
        id: EffectId,
        /// Of which session.
        session: SessionId,
        /// How it ends.
        facts: Box<ReportFacts>,
    },
    /// Look for what could be asked next and answer `Advised`.
    Advise {
        /// To be given back.
        id: EffectId,
        /// In which session.
        session: SessionId,
        /// About which answer.
        asked: Box<AdviceAsked>,
    },
    /// The transcript is stored: delete the session's audio (I11).
    ForgetAudio {
        /// Which.
        session: SessionId,
    },
    /// Answer the API.
    Answer {
        /// Which question.
        ask: AskId,
        /// With what.
        answer: Answer,
    },
    /// Ask the holder of the candidate's active row whether it gives way.
    Contest {
        /// The holder.
        other: SessionId,
        /// The claimer.
        mine: SessionId,
        /// Whether the claimer's candidate is connected.
        live: bool,
    },
    /// Tell the claimer.
    ContestAnswer {
        /// The claimer.
        session: SessionId,
        /// Whether it may take the row.
        won: bool,
    },
}

/// A seat, as the data plane needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatGiven {
    /// Where.
    pub session: SessionId,
    /// Who holds it.
    pub conn: ConnectionId,
    /// Whose.
    pub user: UserId,
    /// Their number.
    pub participant: Participant,
    /// As what.
    pub role: Role,
    /// Which holder this is, counted.
    pub generation: Generation,
    /// The handle of this session on this connection.
    pub room: u16,
    /// Whether their audio goes to the others.
    pub voice: Voice,
}

/// How far somebody is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// Their audio goes to the others.
    Speaks,
    /// They may only listen.
    Listens,
    /// Not before they have agreed (I10).
    AwaitsConsent,
}

/// An answer to look at for what could be asked next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdviceAsked {
    /// The plan the question is of, if it has a name.
    pub plan: Option<PlanId>,
    /// Name of the scoring key, if the plan has one.
    pub scoring: Option<String>,
    /// Which question.
    pub question: Question,
    /// What the candidate has said to it so far.
    pub said: String,
    /// Criteria that were suggested already.
    pub given: Vec<String>,
}

/// What only the session knows about its end and the report must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFacts {
    /// Why it ends.
    pub reason: EndReason,
    /// Who ended it.
    pub by: Option<UserId>,
    /// When.
    pub ended_at: protocol::time::Wall,
    /// From start to end, milliseconds.
    pub duration_ms: u64,
}

/// The answer to an [`crate::input::Ask`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Made and stored.
    Created,
    /// Over, or was over already.
    Ended {
        /// Where it stands now.
        status: Status,
        /// The one reason.
        reason: Option<EndReason>,
        /// Whether that is stored.
        recorded: bool,
    },
    /// The seat may be moved to another device, for so long.
    Transfer {
        /// As what they sit.
        role: Role,
        /// Milliseconds.
        lasts_ms: u64,
    },
    /// Said to those who are there, and stored where it is to be.
    Said {
        /// Its place in the log; none: it has none.
        seq: Option<Seq>,
        /// How many connections it went to.
        receivers: u32,
    },
    /// Not done.
    Refused(Refusal),
}

impl Effect {
    /// A reply that refuses.
    pub(crate) fn refuse(to: ReplyTo, refusal: impl Into<Refusal>) -> Self {
        Self::Reply {
            to,
            reply: Reply::Refused(refusal.into()),
        }
    }
}
