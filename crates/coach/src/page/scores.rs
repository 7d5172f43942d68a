//! Scores → what the page says about them, as ready strings. Like `view`, it makes every string of
//! foreign origin plain and escapes nothing.

use std::collections::BTreeSet;

use protocol::value::Role;

use crate::report::{QuestionPart, Report};
use crate::rubric::Mode;
use crate::score::{
    Criterion, CriterionKind, Evidence, Finding, Gate, LevelRange, NotMeasurable, PaceLine,
    QuestionScore, Scores,
};
use crate::text::{clock, plain};

pub(super) struct ScoresView {
    pub(super) what_for: &'static str,
    pub(super) level: Option<String>,
    pub(super) range: Option<String>,
    pub(super) scored: String,
    pub(super) review: Option<&'static str>,
    pub(super) findings: Vec<FindingsView>,
    pub(super) pace: Option<PaceView>,
    pub(super) method: Vec<String>,
}

pub(super) struct FindingsView {
    pub(super) heading: &'static str,
    pub(super) class: &'static str,
    pub(super) all: Vec<FindingView>,
}

pub(super) struct FindingView {
    pub(super) number: u64,
    pub(super) href: String,
    pub(super) text: String,
    pub(super) quote: Option<QuoteView>,
}

pub(super) struct QuoteView {
    pub(super) text: String,
    pub(super) at: String,
    pub(super) href: String,
}

pub(super) struct QuestionScoreView {
    /// For the overview: `3`, or `–`.
    pub(super) short: String,
    pub(super) level: Option<String>,
    pub(super) range: Option<String>,
    pub(super) notes: Vec<String>,
    pub(super) points: Vec<CriterionView>,
    pub(super) parts: Vec<CriterionView>,
    pub(super) delivery: Vec<CriterionView>,
}

pub(super) struct CriterionView {
    pub(super) anchor: String,
    pub(super) label: String,
    /// `yes`, `partly`, `no`, `none`.
    pub(super) class: &'static str,
    pub(super) mark: &'static str,
    pub(super) state: String,
    pub(super) quote: Option<QuoteView>,
    pub(super) share: u32,
}

pub(super) struct PaceView {
    pub(super) bars: Vec<BarView>,
    pub(super) lines: Vec<GridView>,
    /// Top and height of the band of full credit; for practice.
    pub(super) band: Option<(String, String)>,
    pub(super) rows: Vec<(String, String, String)>,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) told: String,
}

pub(super) struct BarView {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: String,
}

pub(super) struct GridView {
    pub(super) y: String,
    pub(super) label: String,
}

/// Width and height of the drawing and what its axes leave free.
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 30.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 130.0;

impl ScoresView {
    pub(super) fn of(report: &Report, scores: &Scores) -> Self {
        let finding = |f: &Finding| FindingView {
            number: number(report, f.question),
            href: format!("#{}", anchor(f.question, &f.criterion)),
            text: plain(f.text.trim()),
            quote: f.evidence.as_ref().map(|e| quote(report, e)),
        };
        let findings = [
            ("Told well", "well", &scores.strengths),
            ("For next time", "next", &scores.next_steps),
        ];
        let some = findings.into_iter().filter(|(_, _, all)| !all.is_empty());
        Self {
            what_for: match scores.mode {
                Mode::Practice => "For practice",
                Mode::Hiring => "Only what was said counts",
            },
            level: scores.level.map(|l| format!("{} of 5", l.level)),
            range: scores.level.and_then(|l| range(&l)),
            scored: format!("{} of {} answers scored", scores.scored, scores.of),
            review: scores.human_review.then_some(
                "Some answers could not be scored, or their level is uncertain. A person should \
                 read them before anything is decided.",
            ),
            findings: some
                .map(|(heading, class, all)| FindingsView {
                    heading,
                    class,
                    all: all.iter().map(finding).collect(),
                })
                .collect(),
            pace: pace(&scores.pace, scores.mode),
            method: scores.method.iter().map(|s| plain(s)).collect(),
        }
    }
}

impl QuestionScoreView {
    pub(super) fn of(report: &Report, place: u32, score: &QuestionScore) -> Self {
        let of = |kind: CriterionKind| -> Vec<CriterionView> {
            let all = score.criteria.iter().filter(|c| c.kind == kind);
            all.map(|c| criterion(report, place, c)).collect()
        };
        let mut notes: Vec<String> = Vec::new();
        match (&score.reason, score.gate) {
            (_, Gate::Open) => {}
            (Some(reason), Gate::LowEvidence) => {
                notes.push(format!(
                    "Not scored, for a person to judge. {}",
                    plain(reason)
                ));
            }
            (Some(reason), _) => notes.push(format!("Not scored. {}", plain(reason))),
            (None, _) => notes.push("Not scored.".to_owned()),
        }
        if score.is_capped {
            let note = "A point that must be told was not found, so the level is 3 at most.";
            notes.push(note.to_owned());
        }
        if score.gate == Gate::Open && score.human_review {
            notes.push("The level is uncertain: a person should read this answer.".to_owned());
        }
        if score.may_be_off_topic {
            let note = "Few of the words belong to the question. That changes no level.";
            notes.push(note.to_owned());
        }
        Self {
            short: score
                .level
                .map_or_else(|| "–".to_owned(), |l| l.level.to_string()),
            level: score.level.map(|l| format!("Level {} of 5", l.level)),
            range: score.level.and_then(|l| range(&l)),
            notes,
            points: match score.gate {
                Gate::Open | Gate::LowEvidence => of(CriterionKind::Content),
                _ => Vec::new(),
            },
            parts: of(CriterionKind::Structure),
            delivery: of(CriterionKind::Delivery),
        }
    }
}

fn range(level: &LevelRange) -> Option<String> {
    (level.low < level.high).then(|| format!("between {} and {}", level.low, level.high))
}

fn number(report: &Report, place: u32) -> u64 {
    let question = usize::try_from(place)
        .ok()
        .and_then(|at| report.questions.get(at));
    question.map_or_else(|| u64::from(place) + 1, |q| u64::from(q.index) + 1)
}

/// Names of points come from files and from stored reports: only what an id may hold gets in.
fn anchor(place: u32, criterion: &str) -> String {
    let kept = criterion
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let name: String = kept.collect();
    format!("q{}-{name}", u64::from(place) + 1)
}

/// The anchor of a line of the transcript.
pub(super) fn line_anchor(place: usize, line: usize) -> String {
    format!("line-{}-{}", place + 1, line + 1)
}

/// Which line of the question's transcript holds a word of the candidate.
fn line_of(question: &QuestionPart, word: u32) -> Option<usize> {
    let mut passed = 0;
    question.transcript.iter().position(|line| {
        if line.role != Role::Candidate {
            return false;
        }
        passed += line.text.split_whitespace().count();
        passed > usize::try_from(word).unwrap_or(usize::MAX)
    })
}

fn quote(report: &Report, evidence: &Evidence) -> QuoteView {
    let place = usize::try_from(evidence.question).unwrap_or(usize::MAX);
    let line = report
        .questions
        .get(place)
        .and_then(|q| line_of(q, evidence.from_word));
    QuoteView {
        text: plain(&evidence.quote),
        at: clock(evidence.from_ms),
        href: match line {
            Some(line) => format!("#{}", line_anchor(place, line)),
            None => format!("#question-{}", u64::from(evidence.question) + 1),
        },
    }
}

/// The lines of the transcript that evidence points to, as entry of questions and line.
pub(super) fn pointed_at(report: &Report) -> BTreeSet<(usize, usize)> {
    let scores = report.scores.iter();
    let of_questions = scores
        .clone()
        .flat_map(|s| &s.questions)
        .flat_map(|q| &q.criteria);
    let findings = scores.flat_map(|s| s.strengths.iter().chain(&s.next_steps));
    of_questions
        .flat_map(|c| &c.evidence)
        .chain(findings.filter_map(|f| f.evidence.as_ref()))
        .filter_map(|e| {
            let place = usize::try_from(e.question).ok()?;
            Some((place, line_of(report.questions.get(place)?, e.from_word)?))
        })
        .collect()
}

fn criterion(report: &Report, place: u32, criterion: &Criterion) -> CriterionView {
    let (class, mark, state) = match criterion.value {
        None => ("none", "–", not_measured(criterion)),
        Some(_) if criterion.kind == CriterionKind::Delivery => {
            let figure = criterion.figure.as_deref().map(plain);
            ("none", "", figure.unwrap_or_default())
        }
        Some(value) if value >= 1.0 => ("yes", "✓", "Found".to_owned()),
        Some(value) if value > 0.0 => ("partly", "◐", "Partly found".to_owned()),
        Some(_) => ("no", "○", "Not found in the transcript".to_owned()),
    };
    CriterionView {
        anchor: anchor(place, &criterion.criterion),
        label: upper_first(&plain(&criterion.label)),
        class,
        mark,
        state,
        quote: criterion.evidence.first().map(|e| quote(report, e)),
        share: share(criterion.weight),
    }
}

/// 0 to 1 as a whole number of hundredths.
fn share(weight: f64) -> u32 {
    let hundredths = (weight.clamp(0.0, 1.0) * 100.0).round();
    (0..=100u32)
        .find(|n| f64::from(*n) >= hundredths)
        .unwrap_or(100)
}

fn upper_first(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

fn not_measured(criterion: &Criterion) -> String {
    let said = match criterion.reason {
        Some(NotMeasurable::FillersDropped) => "not measurable: this recognizer leaves them out",
        Some(NotMeasurable::TooShort) => "not measured: too little speech",
        Some(NotMeasurable::NoTimes) => "not measured: the words have no times",
        Some(NotMeasurable::ShownOnly) => {
            let figure = criterion.figure.as_deref().map(plain);
            return figure.unwrap_or_else(|| "not measured".to_owned());
        }
        Some(NotMeasurable::Gate) | None => "not measured",
    };
    said.to_owned()
}

fn pace(line: &PaceLine, mode: Mode) -> Option<PaceView> {
    let measured = line.windows.iter().filter_map(|w| w.words_per_minute);
    let highest = measured.clone().max()?;
    let lowest = measured.min()?;
    let first = line.windows.first()?.from_ms;
    let end = line.windows.last()?.from_ms.saturating_add(line.window_ms);
    let top = f64::from(highest.clamp(200, 600).div_ceil(100) * 100);
    let y = |pace: f64| BOTTOM - (pace.clamp(0.0, top) / top) * (BOTTOM - TOP);
    let span = end.saturating_sub(first).max(1) as f64;
    let x = |ms: u64| LEFT + (ms.saturating_sub(first) as f64 / span) * (WIDTH - LEFT);
    let bars = line.windows.iter().filter_map(|w| {
        let pace = f64::from(w.words_per_minute?);
        let (from, to) = (x(w.from_ms), x(w.from_ms.saturating_add(line.window_ms)));
        Some(BarView {
            x: format!("{:.1}", from + 0.5),
            y: format!("{:.1}", y(pace)),
            width: format!("{:.1}", (to - from - 1.0).max(0.5)),
            height: format!("{:.1}", BOTTOM - y(pace)),
        })
    });
    let step = if top > 300.0 { 200 } else { 100 };
    let lines = (0..=6u32)
        .map(|n| n * step)
        .take_while(|n| f64::from(*n) <= top);
    let rows = line.windows.iter().map(|w| {
        let pace = w
            .words_per_minute
            .map_or_else(|| "–".to_owned(), |p| p.to_string());
        let to = w.from_ms.saturating_add(line.window_ms);
        (
            format!("{} to {}", clock(w.from_ms), clock(to)),
            pace,
            w.words.to_string(),
        )
    });
    Some(PaceView {
        bars: bars.collect(),
        lines: lines
            .map(|n| GridView {
                y: format!("{:.1}", y(f64::from(n))),
                label: n.to_string(),
            })
            .collect(),
        band: (mode == Mode::Practice).then(|| {
            let (upper, lower) = (y(170.0), y(120.0));
            (format!("{upper:.1}"), format!("{:.1}", lower - upper))
        }),
        rows: rows.collect(),
        from: clock(first),
        to: clock(end),
        told: format!(
            "Words a minute while the candidate spoke: from {lowest} to {highest}, in windows of {}.",
            crate::text::spelled(line.window_ms)
        ),
    })
}

/// Height of the drawing, for the template.
pub(super) const DRAWING: (f64, f64) = (WIDTH, HEIGHT);
