//! One message of every kind the server can say, with and without its optional fields.

use std::sync::Arc;

use crate::client::{ErrorEvent, ReplyKey};
use crate::error::{ErrorCode, Refusal};
use crate::id::{
    ConnectionId, Epoch, Participant, PlanId, QuestionId, ResumeKey, Seq, SessionId, StreamId,
    UserId,
};
use crate::server::{
    Asked, ConnectionSuccess, EndResult, EventBody, Joined, Logged, MemberView, PartialCaption,
    PresenceChange, Reply, ServerMessage, SessionView,
};
use crate::time::Wall;
use crate::value::{
    Clock, Consent, EndReason, Outcome, PresenceState, Role, Status, Suggestion, Visibility, Word,
};

fn session() -> SessionId {
    SessionId::parse("s1").unwrap()
}

fn user() -> UserId {
    UserId::parse("ana@example.org").unwrap()
}

fn view(full: bool) -> SessionView {
    SessionView {
        session: session(),
        title: Arc::from("Back \"end\" – τέστ\n\u{1}"),
        status: Status::Active,
        plan: full.then(|| PlanId::parse("backend").unwrap()),
        created_at: Wall(1_000),
        started_at: full.then_some(Wall(2_000)),
        ends_at: full.then_some(Wall(602_000)),
        epoch: Epoch(3),
        seq: Seq(17),
        members: if full { members() } else { Vec::new() },
        question: full.then(asked),
    }
}

fn members() -> Vec<MemberView> {
    vec![
        MemberView {
            user: user(),
            participant: Participant(1),
            role: Role::Candidate,
            state: PresenceState::Connected,
        },
        MemberView {
            user: UserId::parse("ben").unwrap(),
            participant: Participant(2),
            role: Role::Observer,
            state: PresenceState::Disconnected,
        },
    ]
}

fn asked() -> Asked {
    Asked {
        question_id: QuestionId::parse("q1").unwrap(),
        index: 0,
        total: 3,
        text: "Why \\ how?".to_owned(),
        started_at: Wall(5_000),
        deadline_at: Wall(95_000),
    }
}

fn joined(full: bool) -> ServerMessage {
    ServerMessage::Joined(Box::new(Joined {
        room: 1,
        participant: Participant(1),
        user: user(),
        role: Role::Candidate,
        recovered: !full,
        resume_key: ResumeKey(0xfeed),
        view: view(full),
    }))
}

fn presence(change: PresenceChange) -> ServerMessage {
    ServerMessage::Presence {
        session: session(),
        user: user(),
        participant: Participant(1),
        role: Role::Candidate,
        change,
    }
}

fn error(event: ErrorEvent, session: Option<SessionId>) -> ServerMessage {
    ServerMessage::Error {
        event,
        session,
        refusal: ErrorCode::BadAudio.into(),
    }
}

fn refusal() -> Refusal {
    let mut refusal = Refusal::because(ErrorCode::SessionActive, "Still \"open\".");
    let active = concat!(
        r#""activeSessionId":"s0","active":{"sessionId":"s0","title":"A talk","#,
        r#""status":"active","startedAt":1700000000000,"lastActivityAt":1700000000000,"#,
        r#""deadlineAt":1700000600000,"questionsAsked":1,"questionsTotal":3,"#,
        r#""connected":false,"lastSeenAt":1700000000000}"#
    );
    refusal.detail = Some(active.into());
    refusal.retry_after(1_500)
}

fn words() -> Vec<Word> {
    vec![
        Word {
            text: "it's".to_owned(),
            start_ms: 120,
            end_ms: 300,
            confidence: 0.87,
        },
        Word {
            text: "the".to_owned(),
            start_ms: 310,
            end_ms: 400,
            confidence: f32::NAN,
        },
    ]
}

fn result(words: Vec<Word>) -> ServerMessage {
    ServerMessage::TranscriptionResult {
        session: session(),
        request: 4,
        text: "it's the".to_owned(),
        words,
        confidence: 0.5,
    }
}

fn partial(question: Option<QuestionId>) -> ServerMessage {
    ServerMessage::Partial(Box::new(PartialCaption {
        session: session(),
        user: user(),
        stream: StreamId(2),
        utterance: 5,
        text: "it was the".to_owned(),
        stable: 2,
        start_ms: 1_000,
        end_ms: 2_240,
        question,
    }))
}

/// Every durable event, and one that went out before it was stored.
fn logged() -> Vec<ServerMessage> {
    let mut all: Vec<ServerMessage> = bodies().iter().map(|body| logged_as(body, false)).collect();
    all.push(logged_as(&bodies()[0], true));
    all
}

fn logged_as(body: &EventBody, provisional: bool) -> ServerMessage {
    ServerMessage::Event(Logged {
        seq: Seq(18),
        prev: Seq(16),
        provisional,
        body: Arc::from(serde_json::to_string(body).unwrap()),
    })
}

fn bodies() -> Vec<EventBody> {
    let question_id = || QuestionId::parse("q1").unwrap();
    let mut all = vec![
        EventBody::StatusUpdated {
            session_id: session(),
            status: Status::Ended,
            reason: Some(EndReason::Completed),
            at: Wall(7),
        },
        EventBody::StatusUpdated {
            session_id: session(),
            status: Status::Active,
            reason: None,
            at: Wall(7),
        },
        EventBody::QuestionAsked {
            session_id: session(),
            asked: asked(),
            server_now: Wall(5_001),
        },
        EventBody::QuestionExtended {
            session_id: session(),
            question_id: question_id(),
            deadline_at: Wall(155_000),
            server_now: Wall(5_001),
        },
        EventBody::QuestionClosed {
            session_id: session(),
            question_id: question_id(),
            outcome: Outcome::TimedOut,
            at: Wall(95_000),
            used_ms: 90_000,
        },
        EventBody::Gap {
            session_id: session(),
            user_id: user(),
            stream_id: StreamId(2),
            start_ms: 10,
            end_ms: 20,
        },
        EventBody::Suggestions {
            session_id: session(),
            question_id: question_id(),
            suggestions: vec![Suggestion {
                criterion: "point:rollback".to_owned(),
                label: "the way back".to_owned(),
                text: "How would you have gone \"back\"?".to_owned(),
                reason: "No words about this were heard so far.".to_owned(),
            }],
            at: Wall(40_000),
        },
        EventBody::ConsentGiven {
            session_id: session(),
            user_id: user(),
            version: "2026-01".to_owned(),
            purposes: vec!["transcription".to_owned(), "scoring".to_owned()],
            at: Wall(7),
        },
        EventBody::ConsentDeclined {
            session_id: session(),
            user_id: user(),
            version: "2026-01".to_owned(),
            at: Wall(7),
        },
        EventBody::InterviewEnded {
            session_id: session(),
            result: EndResult {
                reason: EndReason::Completed,
                duration_ms: 95_000,
                asked: 3,
                answered: 2,
                report_ready: true,
            },
            report_url: Some("/reports/s1".to_owned()),
        },
    ];
    for question_id in [None, Some(question_id())] {
        all.push(EventBody::Transcript {
            session_id: session(),
            user_id: user(),
            stream_id: StreamId(2),
            utterance: 5,
            is_final: true,
            text: "it's".to_owned(),
            raw: question_id.is_some().then(|| "its".to_owned()),
            words: vec![words().remove(0)],
            start_ms: 120,
            end_ms: 300,
            at_ms: 5_210,
            confidence: 0.87,
            question_id,
        });
    }
    all
}

fn success() -> ServerMessage {
    ServerMessage::ConnectionSuccess(Box::new(ConnectionSuccess {
        connection: ConnectionId(42),
        user: user(),
        server_time: Wall(-1),
        ping_interval_ms: 25_000,
        ping_timeout_ms: 20_000,
        message_bytes: 262_144,
        audio_bytes_per_second: 262_144,
        events_per_second: 50,
        resume_key: ResumeKey(u128::MAX),
    }))
}

/// Pushes of every variant.
pub(crate) fn pushes() -> Vec<ServerMessage> {
    let mut all = vec![
        success(),
        ServerMessage::ConnectionError(ErrorCode::TokenExpired.into()),
        ServerMessage::ConnectionReplaced { session: session() },
        ServerMessage::TokenExpiring {
            expires_at: Wall(1_790_000_060_000),
            server_now: Wall(1_790_000_000_000),
        },
        joined(true),
        joined(false),
        ServerMessage::Left { session: session() },
        presence(PresenceChange::Joined),
        presence(PresenceChange::Left),
        presence(PresenceChange::Disconnected),
        ServerMessage::Visibility {
            session: session(),
            user: user(),
            state: Visibility::Hidden,
        },
        ServerMessage::State(Box::new(view(true))),
        ServerMessage::State(Box::new(view(false))),
        ServerMessage::ConsentRequest {
            session: session(),
            consent: Box::new(Consent {
                version: "2026-01".to_owned(),
                text: "May we write down what you say?\nYou can say \"no\".".to_owned(),
                purposes: vec!["transcription".to_owned(), "scoring".to_owned()],
            }),
        },
        ServerMessage::Expiring {
            session: session(),
            what: Clock::Inactivity,
            deadline_at: Wall(60_000),
        },
        ServerMessage::Degraded {
            session: session(),
            on: true,
            seq: None,
        },
        ServerMessage::Degraded {
            session: session(),
            on: false,
            seq: Some(Seq(9)),
        },
        ServerMessage::SessionEnded {
            session: session(),
            reason: EndReason::Completed,
            message: "Session has been terminated",
            recorded: true,
        },
        partial(None),
        partial(Some(QuestionId::parse("q1").unwrap())),
        ServerMessage::TranscriptionProcessing {
            session: session(),
            request: 4,
        },
        result(words()),
        result(Vec::new()),
        ServerMessage::AudioAck {
            session: session(),
            stream: StreamId(2),
            seq: u32::MAX,
        },
        ServerMessage::Draining {
            retry_after_ms: u64::MAX,
        },
        ServerMessage::Pong { reference: None },
        ServerMessage::Pong {
            reference: Some("\"p\"".into()),
        },
    ];
    all.push(ServerMessage::Said(Arc::from(
        r#"{"type":"transcription:processing","sessionId":"s1","requestId":9}"#,
    )));
    all.push(ServerMessage::Event(Logged {
        seq: Seq(18),
        prev: Seq(16),
        provisional: false,
        body: Arc::from(
            r#"{"type":"custom:hint","sessionId":"s1","at":7,"data":{"text":"Breathe."}}"#,
        ),
    }));
    for event in [
        ErrorEvent::Session,
        ErrorEvent::Audio,
        ErrorEvent::Transcription,
        ErrorEvent::General,
    ] {
        all.push(error(event, None));
        all.push(error(event, Some(session())));
        all.push(ServerMessage::Error {
            event,
            session: None,
            refusal: Refusal::from(ErrorCode::Busy).retry_after(2_000),
        });
    }
    all.push(ServerMessage::ConnectionError(
        Refusal::from(ErrorCode::Limited).retry_after(5_000),
    ));
    all.push(ServerMessage::Error {
        event: ErrorEvent::Transcription,
        session: Some(session()),
        refusal: Refusal {
            detail: Some("\"requestId\":4".into()),
            ..ErrorCode::TimedOut.into()
        },
    });
    all.extend(logged());
    all.iter().for_each(is_listed);
    all
}

/// Does not compile when a variant is added: then it needs a sample above.
fn is_listed(message: &ServerMessage) {
    match message {
        ServerMessage::ConnectionSuccess(_)
        | ServerMessage::ConnectionError(_)
        | ServerMessage::ConnectionReplaced { .. }
        | ServerMessage::TokenExpiring { .. }
        | ServerMessage::Joined(_)
        | ServerMessage::Left { .. }
        | ServerMessage::Presence { .. }
        | ServerMessage::Visibility { .. }
        | ServerMessage::State(_)
        | ServerMessage::ConsentRequest { .. }
        | ServerMessage::Expiring { .. }
        | ServerMessage::Degraded { .. }
        | ServerMessage::SessionEnded { .. }
        | ServerMessage::Partial(_)
        | ServerMessage::TranscriptionProcessing { .. }
        | ServerMessage::Error { .. }
        | ServerMessage::TranscriptionResult { .. }
        | ServerMessage::AudioAck { .. }
        | ServerMessage::Draining { .. }
        | ServerMessage::Event(_)
        | ServerMessage::Said(_)
        | ServerMessage::Pong { .. } => {}
    }
}

/// Replies of every kind.
pub(crate) fn replies() -> Vec<(ReplyKey, Reply)> {
    let text = || ReplyKey::Ref("\"r\\u0041\"".into());
    let number = || ReplyKey::Ref("-7".into());
    let session = || ReplyKey::Event(ErrorEvent::Session);
    vec![
        (text(), Reply::Ok(Arc::from(""))),
        (
            number(),
            Reply::Ok(Arc::from("\"sessionId\":\"s1\",\"deadlineAt\":5")),
        ),
        (session(), Reply::Ok(Arc::from("\"sessionId\":\"s1\""))),
        (number(), Reply::Refused(refusal())),
        (text(), Reply::Refused(ErrorCode::NotAllowed.into())),
        (session(), Reply::Refused(refusal())),
    ]
}
