//! The same session in both twins of the records gives the same report, byte for byte.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use coach::plan::Bank;
use coach::report::{Report, SCHEMA_V2_JSON};
use protocol::id::{
    BootId, EffectId, Epoch, Generation, Participant, PlanId, QuestionId, StreamId,
};
use protocol::record::{
    ActiveChange, AnswerRow, EventRow, Fence, ParticipantRow, Save, Saved, SegmentRow, SessionRow,
};
use protocol::time::Wall;
use protocol::value::{Audience, EndReason, Outcome, Word};
use store::Callbacks;
use store::memory::{Memory, Tables};
use store::sqlite::{Config, Sqlite};

use super::*;

const NOW: Wall = Wall(1_795_000_000_000);
const STORY: &str = "Last year at my old job I deleted a table of the live database on a Friday. \
     I noticed it because a customer called me. I told my manager at once and restored the backup. \
     In the end we lost ten minutes of orders.";

fn session() -> SessionId {
    SessionId::parse("s1").unwrap()
}

fn plan() -> Plan {
    let id = PlanId::parse("behavioral").unwrap();
    Bank::builtin().get(&id).unwrap().clone()
}

fn final_of(question: &QuestionId, seq: u64, from_ms: u64) -> (EventRow, SegmentRow) {
    let words: Vec<Word> = STORY
        .split(' ')
        .zip(0..)
        .map(|(text, nth)| Word {
            text: text.to_owned(),
            start_ms: from_ms + nth * 400,
            end_ms: from_ms + nth * 400 + 300,
            confidence: 0.9,
        })
        .collect();
    let end_ms = words.last().unwrap().end_ms;
    let user = UserId::parse("ana").unwrap();
    let body = EventBody::Transcript {
        session_id: session(),
        user_id: user.clone(),
        stream_id: StreamId(1),
        utterance: u32::try_from(seq).unwrap(),
        is_final: true,
        text: STORY.to_owned(),
        raw: None,
        words,
        start_ms: from_ms,
        end_ms,
        at_ms: u64::midpoint(from_ms, end_ms),
        confidence: 0.9,
        question_id: Some(question.clone()),
    };
    let row = EventRow {
        seq: Seq(seq),
        at: NOW,
        audience: Audience::ALL,
        body: serde_json::to_string(&body).unwrap().into(),
    };
    let segment = SegmentRow {
        seq: Seq(seq),
        user,
        stream: StreamId(1),
        utterance: u32::try_from(seq).unwrap(),
        question: Some(question.clone()),
        start_ms: from_ms,
        end_ms,
    };
    (row, segment)
}

/// The whole interview in one save.
fn interview() -> Save {
    let plan = plan();
    let asked = [&plan.questions[0], &plan.questions[1]];
    let (events, segments): (Vec<_>, Vec<_>) = asked
        .iter()
        .zip(1..)
        .map(|(question, seq)| final_of(&question.id, seq, seq * 60_000))
        .unzip();
    let answers = asked.iter().zip(0u32..).map(|(question, index)| AnswerRow {
        question: question.id.clone(),
        index,
        outcome: Outcome::Answered,
        from_ms: u64::from(index + 1) * 60_000 - 5_000,
        to_ms: u64::from(index + 2) * 60_000 - 5_000,
        limit_ms: question.limit_ms,
    });
    let fixed = serde_json::json!({ "fixed": { "plan": plan } });
    Save {
        session: session(),
        fence: Fence {
            boot: BootId::parse("b1").unwrap(),
            generation: Generation(1),
        },
        row: SessionRow {
            session: session(),
            status: Status::Ended,
            reason: Some(EndReason::Completed),
            ended_by: None,
            candidate: Some(UserId::parse("ana").unwrap()),
            title: "Talk".into(),
            snapshot: fixed.to_string().into(),
            epoch: Epoch(1),
            seq: Seq(2),
            created_at: NOW,
            started_at: Some(NOW),
            ended_at: Some(NOW.after(180_000)),
            duration_ms: Some(180_000),
            deadline_at: None,
            last_activity_at: NOW,
        },
        events,
        active: ActiveChange::Keep,
        participants: vec![ParticipantRow {
            user: UserId::parse("ana").unwrap(),
            participant: Participant(1),
            role: Role::Candidate,
            generation: Generation(1),
            joined_at: Some(NOW),
            key: None,
            away_since: None,
            seated: true,
        }],
        answers: answers.collect(),
        segments,
        happenings: Vec::new(),
        requests: Vec::new(),
        report: None,
    }
}

/// Saves the interview, keeps the plan's key, and makes the report out of what is there.
fn reported(open: impl FnOnce(Callbacks) -> Arc<dyn Store>) -> (String, Arc<dyn Store>) {
    let (told, answers) = channel();
    let store = open(Callbacks::on_saved(move |batch| drop(told.send(batch))));
    store.submit(EffectId(1), interview()).unwrap();
    let saved = answers.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(matches!(saved[0].2, Saved::Committed(_)), "{saved:?}");
    let bank = Bank::builtin();
    let entry = bank.entry(&PlanId::parse("behavioral").unwrap()).unwrap();
    let key = entry.scoring().unwrap();
    store.put_scorings(&[(key.name(), key.to_json())]).unwrap();
    (made(&*store), store)
}

fn made(store: &dyn Store) -> String {
    let facts = ReportFacts {
        reason: EndReason::Completed,
        by: None,
        ended_at: NOW.after(180_000),
        duration_ms: 180_000,
    };
    let (input, plan) = read(store, &session(), &facts, None).unwrap();
    let name = plan.unwrap().scoring.unwrap();
    let key = store.scoring(&name).unwrap().unwrap();
    let key: Scoring = serde_json::from_str(&key).unwrap();
    write(&input, &key, None).to_string()
}

#[test]
fn both_twins_of_the_records_give_the_same_report_every_time() {
    let boot = || BootId::parse("b1").unwrap();
    let (memory, in_memory) = reported(|callbacks| {
        Arc::new(Memory::open(Tables::new(), 64, boot(), NOW, callbacks).unwrap())
    });
    let folder = tempfile::tempdir().unwrap();
    let (sqlite, in_sqlite) = reported(|callbacks| {
        let config = Config::new(folder.path().join("records.db"));
        let now = || protocol::time::Now {
            mono: protocol::time::Mono(0),
            wall: NOW,
        };
        Arc::new(Sqlite::open(&config, boot(), now, callbacks).unwrap())
    });
    assert_eq!(memory, sqlite);
    assert_eq!(memory, made(&*in_memory));
    assert_eq!(sqlite, made(&*in_sqlite));
    let report: Report = serde_json::from_str(&memory).unwrap();
    assert_eq!(report.to_json(), memory, "it reads back as itself");
    let scores = report.scores.unwrap();
    assert!(scores.questions[0].level.is_some(), "{scores:?}");
    assert!(SCHEMA_V2_JSON.contains("greenroom.report/2"));
}
