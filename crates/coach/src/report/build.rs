//! Rows → report: sorts the rows, puts every segment under its question, adds up.

use std::collections::BTreeMap;

use protocol::id::QuestionId;
use protocol::value::{Outcome, Role};

use crate::rubric::Scoring;
use crate::score::score;

use super::figures::{Tally, gap_around, session_times, tallies};
use super::input::{AnswerFacts, GapFacts, ReportInput, SegmentFacts};
use super::{
    EndPart, GapPart, Line, OutsidePart, ParticipantPart, PlanPart, QuestionPart, RecognizerPart,
    Report, Schema, SessionPart, TotalsPart, UNSURE_BELOW, words,
};

/// Makes the report of a session, with scores. Like [`build`] in everything else; the shape is
/// [`Schema::V2`].
pub fn build_scored(input: &ReportInput, scoring: &Scoring) -> Report {
    let (mut report, mut segments) = assemble(input);
    segments.truncate(report.questions.len());
    let scores = score(&report, &segments, scoring);
    report.schema = Schema::V2;
    let given = words::gives_no_marks();
    report.method.retain(|sentence| sentence != given);
    report.scores = Some(scores);
    report
}

/// Makes the report of a session, without scores. Never fails: rows that contradict each other
/// give an odd report, not none. Segments without any word are left out; one of a question that
/// was not put stands outside the questions.
pub fn build(input: &ReportInput) -> Report {
    assemble(input).0
}

/// The report, and for each of its questions and then for the time outside them the segments in
/// the order of the transcript, with those in which a voice but no word was heard.
fn assemble(input: &ReportInput) -> (Report, Vec<Vec<&SegmentFacts>>) {
    let mut answers: Vec<&AnswerFacts> = input.answers.iter().collect();
    answers.sort_by_key(|a| (a.index, a.from_ms, &a.question));
    let mut segments: Vec<&SegmentFacts> = input
        .segments
        .iter()
        .filter(|s| !s.text.trim().is_empty())
        .collect();
    segments.sort_by_key(|s| (session_times(s).0, s.seq, &s.user, s.stream, s.utterance));
    let mut gaps = input.gaps.clone();
    gaps.sort();

    let mut part_of: BTreeMap<&QuestionId, usize> = BTreeMap::new();
    for (part, answer) in answers.iter().enumerate() {
        part_of.entry(&answer.question).or_insert(part);
    }
    let outside = answers.len();
    let part = |s: &SegmentFacts| -> usize {
        let known = s.question.as_ref().and_then(|q| part_of.get(q));
        known.copied().unwrap_or(outside)
    };
    let parts: Vec<usize> = segments.iter().map(|s| part(s)).collect();
    let mut by_part: Vec<Vec<&SegmentFacts>> = vec![Vec::new(); outside + 1];
    for segment in &segments {
        by_part[part(segment)].push(segment);
    }
    for wordless in input.segments.iter().filter(|s| s.text.trim().is_empty()) {
        by_part[part(wordless)].push(wordless);
    }
    let tallies = tallies(&segments, &parts, &gaps, outside + 1);
    let lines = |part: usize| -> Vec<Line> {
        let all = segments.iter().zip(&parts);
        all.filter(|(_, p)| **p == part)
            .map(|(s, _)| line(s))
            .collect()
    };

    let gaps: Vec<GapPart> = gaps.iter().map(|g| gap(g, &segments)).collect();
    let questions: Vec<QuestionPart> = answers
        .iter()
        .enumerate()
        .map(|(part, a)| question(a, lines(part), &tallies[part], &gaps, input))
        .collect();
    let outside = OutsidePart {
        transcript: lines(outside),
        figures: tallies[outside].figures(input, None),
    };
    let recognizer = input.recognizer.as_ref().map(|r| RecognizerPart {
        name: r.name.clone(),
        version: r.version.clone(),
        word_times_estimated: r.word_times_estimated,
    });
    let any_unsure = questions
        .iter()
        .flat_map(|q| &q.transcript)
        .chain(&outside.transcript)
        .any(|line| !line.unsure.is_empty());
    let any_raw = segments.iter().any(|segment| segment.raw.is_some());
    let report = Report {
        schema: Schema::V1,
        session: session(input),
        plan: input.plan.as_ref().map(|p| PlanPart {
            id: p.id.clone(),
            title: p.title.clone(),
            questions: p.questions,
        }),
        end: end(input),
        participants: participants(input),
        totals: totals(input, &questions, &tallies, &gaps),
        questions,
        outside,
        gaps,
        method: words::method(
            recognizer.as_ref(),
            !segments.is_empty(),
            any_unsure,
            any_raw,
        ),
        recognizer,
        scores: None,
    };
    (report, by_part)
}

fn session(input: &ReportInput) -> SessionPart {
    let row = &input.session;
    SessionPart {
        id: row.id.clone(),
        title: row.title.clone(),
        status: row.status,
        created_at: row.created_at,
        started_at: row.started_at,
        ended_at: row.ended_at,
        duration_ms: row.duration_ms,
    }
}

fn end(input: &ReportInput) -> EndPart {
    let row = &input.session;
    let ending = words::ending(row.reason);
    let by = row.ended_by.as_ref();
    let role = by.and_then(|user| input.participants.iter().find(|p| p.user == *user));
    EndPart {
        reason: row.reason,
        title: ending.title.to_owned(),
        text: ending.text.to_owned(),
        ended_by: by.cloned(),
        ended_by_role: role.map(|p| p.role),
    }
}

fn participants(input: &ReportInput) -> Vec<ParticipantPart> {
    let mut all: Vec<ParticipantPart> = input
        .participants
        .iter()
        .map(|p| ParticipantPart {
            user_id: p.user.clone(),
            role: p.role,
            joined_at: p.joined_at,
        })
        .collect();
    all.sort_by(|a, b| (a.role, &a.user_id, a.joined_at).cmp(&(b.role, &b.user_id, b.joined_at)));
    all
}

fn question(
    answer: &AnswerFacts,
    transcript: Vec<Line>,
    tally: &Tally,
    gaps: &[GapPart],
    input: &ReportInput,
) -> QuestionPart {
    let of_candidate = |gap: &&GapPart| {
        let named = input.participants.iter().find(|p| p.user == gap.user_id);
        named.is_some_and(|p| p.role == Role::Candidate)
            && gap
                .around_ms
                .is_some_and(|at| (answer.from_ms..answer.to_ms).contains(&at))
    };
    QuestionPart {
        id: answer.question.clone(),
        index: answer.index,
        text: answer.text.clone(),
        outcome: answer.outcome,
        from_ms: answer.from_ms,
        to_ms: answer.to_ms,
        used_ms: answer.to_ms.saturating_sub(answer.from_ms),
        limit_ms: answer.limit_ms,
        missing_ms: sum(gaps.iter().filter(of_candidate).map(|g| g.missing_ms)),
        transcript,
        figures: tally.figures(input, Some(answer.from_ms)),
    }
}

fn line(segment: &SegmentFacts) -> Line {
    let (start_ms, end_ms) = session_times(segment);
    Line {
        seq: segment.seq,
        user_id: segment.user.clone(),
        role: segment.role,
        start_ms,
        end_ms,
        text: segment.text.clone(),
        raw: segment.raw.clone(),
        confidence: hundredths(segment.confidence),
        unsure: unsure(segment),
    }
}

/// 0 to 1 in hundredths, so that the shortest decimal is always the same few characters.
fn hundredths(share: f32) -> Option<f64> {
    share
        .is_finite()
        .then(|| (f64::from(share.clamp(0.0, 1.0)) * 100.0).round() / 100.0)
}

/// Places of unsure words, if the recognizer's words are the words of the text.
fn unsure(segment: &SegmentFacts) -> Vec<u32> {
    if segment.words.len() != segment.text.split_whitespace().count() {
        return Vec::new();
    }
    (0u32..)
        .zip(&segment.words)
        .filter(|(_, word)| word.confidence < UNSURE_BELOW)
        .map(|(place, _)| place)
        .collect()
}

fn gap(gap: &GapFacts, segments: &[&SegmentFacts]) -> GapPart {
    GapPart {
        user_id: gap.user.clone(),
        stream_id: gap.stream,
        stream_start_ms: gap.start_ms,
        stream_end_ms: gap.end_ms,
        missing_ms: gap.end_ms.saturating_sub(gap.start_ms),
        around_ms: gap_around(gap, segments),
    }
}

fn totals(
    input: &ReportInput,
    questions: &[QuestionPart],
    tallies: &[Tally],
    gaps: &[GapPart],
) -> TotalsPart {
    let closed = |outcome| counted(questions.iter().filter(|q| q.outcome == outcome).count());
    let asked = counted(questions.len());
    let planned = input
        .plan
        .as_ref()
        .map_or(asked, |p| p.questions.max(asked));
    let mut all = Tally::default();
    for tally in tallies {
        all.add(tally);
    }
    TotalsPart {
        questions: planned,
        asked,
        answered: closed(Outcome::Answered),
        timed_out: closed(Outcome::TimedOut),
        skipped: closed(Outcome::Skipped),
        lost: closed(Outcome::Lost),
        not_asked: planned - asked,
        used_ms: sum(questions.iter().map(|q| q.used_ms)),
        limit_ms: sum(questions.iter().map(|q| q.limit_ms)),
        missing_ms: sum(gaps.iter().map(|g| g.missing_ms)),
        figures: all.figures(input, None),
    }
}

fn counted(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn sum(values: impl Iterator<Item = u64>) -> u64 {
    values.fold(0, u64::saturating_add)
}
