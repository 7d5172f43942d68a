//! Builds the scored report of an invented interview of half an hour and prints how long that
//! took. With a folder as its argument it also writes the page and the exports there.
//!
//! `cargo run --release -p coach --example half_hour -- /tmp/out`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::path::Path;
use std::time::Instant;

use coach::plan::Bank;
use coach::report::{
    AnswerFacts, GapFacts, ParticipantFacts, PlanFacts, RecognizerFacts, ReportInput, SegmentFacts,
    SessionFacts, build_scored,
};
use coach::rubric::{Mode, Scoring};
use coach::{export, page};
use protocol::id::{PlanId, QuestionId, Seq, SessionId, StreamId, UserId};
use protocol::time::Wall;
use protocol::value::{EndReason, Outcome, Plan, Role, Status, Word};

const STORY: &str = "Last year I was working for an online shop and our nightly import took nine \
    hours. It was hard because nobody knew the old code and it only happened with the live data. \
    I was asked to find out why. First I measured every step, then I compared the slow days with \
    the fast ones. It turned out that one index was missing. I told my manager at once, and we \
    talked about what to do. I would always look at the logs and at the database first, because \
    for example a slow query is easy to see. On the other hand it depends on the load. As a result \
    the time went down from nine hours to forty minutes, and since then I always measure first.";

const MINUTES: u64 = 30;
const WORD_MS: u64 = 400;

fn main() {
    let bank = Bank::builtin();
    let (input, scoring) = interview(&bank);
    let words: usize = input.segments.iter().map(|s| s.words.len()).sum();
    // Data files are read once a process; that is not part of a report.
    let report = build_scored(&input, &scoring);
    let begun = Instant::now();
    let again = build_scored(&input, &scoring);
    let built = begun.elapsed();
    let begun = Instant::now();
    let json = again.to_json();
    let written = begun.elapsed();
    let begun = Instant::now();
    let html = page::render(&again);
    let drawn = begun.elapsed();
    assert_eq!(json, report.to_json(), "the same words give the same bytes");
    println!(
        "report of {MINUTES} minutes, {} questions, {words} words: built in {:.1} ms, written in \
         {:.1} ms ({} kB), drawn in {:.1} ms ({} kB)",
        input.answers.len(),
        built.as_secs_f64() * 1e3,
        written.as_secs_f64() * 1e3,
        json.len() / 1000,
        drawn.as_secs_f64() * 1e3,
        html.len() / 1000,
    );
    // For the benchmark: of several runs the one in the middle, from rows to stored text and page.
    let mut runs: Vec<f64> = (0..7)
        .map(|_| {
            let begun = Instant::now();
            let report = build_scored(&input, &scoring);
            let bytes = report.to_json().len() + page::render(&report).len();
            assert!(bytes > 0);
            begun.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    println!("report_ms {:.2}", runs[runs.len() / 2]);
    if let Some(folder) = std::env::args().nth(1) {
        let folder = Path::new(&folder);
        for (name, text) in [
            ("report.json", json),
            ("report.html", html),
            ("report.md", export::markdown(&report)),
            ("report.csv", export::csv(&report)),
            ("report.vtt", export::webvtt(&report)),
        ] {
            std::fs::write(folder.join(name), text).unwrap();
        }
    }
}

fn interview(bank: &Bank) -> (ReportInput, Scoring) {
    let ids = ["behavioral", "technical"];
    let mut questions = Vec::new();
    for id in ids {
        let plan = bank.get(&PlanId::parse(id).unwrap()).unwrap();
        questions.extend(plan.questions.clone());
    }
    let plan = Plan {
        title: "Half an hour".to_owned(),
        questions: questions.clone(),
        ..Plan::default()
    };
    let mut scoring = bank.scoring(&plan);
    scoring.mode = Mode::Practice;
    let ana = UserId::parse("ana").unwrap();
    let share = MINUTES * 60_000 / questions.len() as u64;
    let mut answers = Vec::new();
    let mut segments = Vec::new();
    for (index, question) in (0u32..).zip(&questions) {
        let from_ms = u64::from(index) * share;
        answers.push(AnswerFacts {
            question: question.id.clone(),
            index,
            text: question.text.clone(),
            outcome: Outcome::Answered,
            from_ms,
            to_ms: from_ms + share,
            limit_ms: question.limit_ms,
        });
        speak(&mut segments, &ana, &question.id, from_ms, from_ms + share);
    }
    let end = MINUTES * 60_000;
    let input = ReportInput {
        session: SessionFacts {
            id: SessionId::parse("half-hour").unwrap(),
            title: plan.title.clone(),
            status: Status::Completing,
            created_at: Wall(1_795_232_000_000),
            started_at: Some(Wall(1_795_232_926_000)),
            ended_at: Some(Wall(1_795_232_926_000 + i64::try_from(end).unwrap())),
            duration_ms: Some(end),
            reason: Some(EndReason::Completed),
            ended_by: None,
        },
        plan: Some(PlanFacts::from(&plan)),
        participants: vec![ParticipantFacts {
            user: ana.clone(),
            role: Role::Candidate,
            joined_at: Some(Wall(1_795_232_926_000)),
        }],
        answers,
        segments,
        gaps: vec![GapFacts {
            user: ana,
            stream: StreamId(0),
            start_ms: 300_000,
            end_ms: 303_000,
        }],
        recognizer: Some(RecognizerFacts {
            name: "moonshine-tiny-en".to_owned(),
            version: "1.0.3".to_owned(),
            word_times_estimated: true,
        }),
    };
    (input, scoring)
}

/// The story again and again until the time is up, a sentence a segment.
fn speak(into: &mut Vec<SegmentFacts>, who: &UserId, to: &QuestionId, from_ms: u64, end_ms: u64) {
    let mut at = from_ms + 3_000;
    for sentence in STORY.split_inclusive(". ").cycle() {
        let texts: Vec<&str> = sentence.split_whitespace().collect();
        let length = texts.len() as u64 * WORD_MS;
        if at + length > end_ms {
            return;
        }
        let start_ms = at;
        let words = (0u64..).zip(&texts).map(|(n, text)| Word {
            text: (*text).to_owned(),
            start_ms: start_ms + n * WORD_MS,
            end_ms: start_ms + (n + 1) * WORD_MS,
            confidence: if n % 9 == 4 { 0.55 } else { 0.92 },
        });
        let number = into.len() as u64 + 1;
        into.push(SegmentFacts {
            seq: Seq(number),
            user: who.clone(),
            role: Role::Candidate,
            stream: StreamId(0),
            utterance: u32::try_from(number).unwrap(),
            text: texts.join(" "),
            raw: None,
            words: words.collect(),
            start_ms,
            end_ms: start_ms + length,
            at_ms: start_ms + length / 2,
            confidence: 0.9,
            question: Some(to.clone()),
        });
        at += length + 900;
    }
}
