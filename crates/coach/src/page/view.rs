//! Report → what the page says, as ready strings: the template only places them. Every string of
//! foreign origin is made plain here; nothing is escaped here.

use askama::Template;
use protocol::value::{EndReason, Outcome, Role};

use super::scores::{self, DRAWING, QuestionScoreView, ScoresView};
use crate::report::{Figures, Line, NotMeasured, Pauses, QuestionPart, Report};
use crate::text::{self, Date, clock, count, plain, plain_lines, seconds, shortened, spelled};

/// Longest question in the overview, characters.
const SHORT_CHARS: usize = 90;

#[derive(Template)]
#[template(path = "report.html", whitespace = "minimize")]
pub(super) struct ReportPage {
    title: String,
    end_title: String,
    end_text: String,
    /// Class of the box that says how it ended: none, `early`, `broken`.
    end_class: &'static str,
    dates: Vec<(&'static str, Date)>,
    facts: Vec<Row>,
    people: Vec<String>,
    tiles: Vec<Tile>,
    notes: Vec<String>,
    questions: Vec<QuestionView>,
    outside: Option<OutsideView>,
    gaps: Vec<String>,
    method: Vec<String>,
    session: String,
    scores: Option<ScoresView>,
    format: u8,
    drawing: (f64, f64),
}

struct Row {
    name: &'static str,
    value: String,
}

struct Tile {
    name: &'static str,
    value: String,
    note: Option<String>,
}

struct QuestionView {
    /// Place on the page, from 1: unlike the number it is never there twice.
    anchor: usize,
    number: u64,
    text: String,
    short: String,
    outcome: &'static str,
    used: String,
    limit: String,
    words: u64,
    clock: String,
    percent: u64,
    lines: Vec<LineView>,
    silence: &'static str,
    missing: Option<String>,
    figures: Vec<Row>,
    score: Option<QuestionScoreView>,
}

struct OutsideView {
    heading: &'static str,
    lines: Vec<LineView>,
    silence: &'static str,
    figures: Vec<Row>,
}

struct LineView {
    /// Where evidence points to it.
    anchor: Option<String>,
    /// Said where the speaker changes.
    who: Option<String>,
    at: String,
    pieces: Vec<Piece>,
    /// What was heard, where a name was put right.
    raw: Option<String>,
}

struct Piece {
    text: String,
    is_unsure: bool,
}

impl ReportPage {
    pub(super) fn of(report: &Report) -> Self {
        let has_questions = !report.questions.is_empty();
        let silence = silence(report);
        let outside = &report.outside;
        let shows_outside = !outside.transcript.is_empty() || !has_questions;
        let questions = report.questions.iter().enumerate();
        let pointed = scores::pointed_at(report);
        let anchors = |place: usize| {
            let pointed = &pointed;
            move |line: usize| {
                let at = (place, line);
                pointed
                    .contains(&at)
                    .then(|| scores::line_anchor(place, line))
            }
        };
        Self {
            title: titled(&report.session.title),
            end_title: plain(&report.end.title),
            end_text: plain(&report.end.text),
            end_class: end_class(report.end.reason),
            dates: dates(report),
            facts: facts(report),
            people: people(report),
            tiles: tiles(report),
            notes: notes(report),
            questions: questions
                .map(|(at, q)| {
                    let view = QuestionView::of(at + 1, q, silence, anchors(at));
                    view.scored(question_score(report, at))
                })
                .collect(),
            outside: shows_outside.then(|| OutsideView {
                heading: if has_questions {
                    "Words outside the questions"
                } else {
                    "What was heard"
                },
                lines: lines(&outside.transcript, |_| None),
                silence,
                figures: figures(&outside.figures),
            }),
            gaps: gaps(report),
            method: report.method.iter().map(|s| plain(s)).collect(),
            session: report.session.id.to_string(),
            scores: report.scores.as_ref().map(|s| ScoresView::of(report, s)),
            format: if report.scores.is_some() { 2 } else { 1 },
            drawing: DRAWING,
        }
    }
}

fn question_score(report: &Report, at: usize) -> Option<QuestionScoreView> {
    let score = report.scores.as_ref()?.questions.get(at)?;
    Some(QuestionScoreView::of(
        report,
        u32::try_from(at).ok()?,
        score,
    ))
}

fn titled(title: &str) -> String {
    let title = plain(title.trim());
    if title.is_empty() {
        "Interview".to_owned()
    } else {
        title
    }
}

fn silence(report: &Report) -> &'static str {
    match report.recognizer {
        Some(_) => "Nothing was heard.",
        None => "There are no words here, because no program listened.",
    }
}

/// Finished, ended on purpose, or ended by something that went wrong.
fn end_class(reason: Option<EndReason>) -> &'static str {
    match reason {
        Some(EndReason::Completed) => "",
        None
        | Some(
            EndReason::CandidateEnded
            | EndReason::InterviewerEnded
            | EndReason::AdminEnded
            | EndReason::ApiEnded
            | EndReason::ClosedByApi
            | EndReason::ClosedExternally
            | EndReason::ClearedByUser
            | EndReason::ReplacedByNewSession
            | EndReason::Declined,
        ) => " early",
        Some(
            EndReason::Expired
            | EndReason::MaxDuration
            | EndReason::Inactivity
            | EndReason::Abandoned
            | EndReason::UploadTimeout
            | EndReason::TokenRevoked
            | EndReason::ServerCrash
            | EndReason::StoreLost
            | EndReason::InternalError,
        ) => " broken",
    }
}

fn dates(report: &Report) -> Vec<(&'static str, Date)> {
    let row = &report.session;
    let begun = match row.started_at {
        Some(at) => ("Started", Some(at)),
        None => ("Made", Some(row.created_at)),
    };
    [begun, ("Ended", row.ended_at)]
        .into_iter()
        .filter_map(|(name, at)| Some((name, text::date(at?)?)))
        .collect()
}

fn facts(report: &Report) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(ms) = report.session.duration_ms {
        rows.push(Row {
            name: "Length",
            value: spelled(ms),
        });
    }
    if let Some(user) = &report.end.ended_by {
        rows.push(Row {
            name: "Ended by",
            value: match report.end.ended_by_role {
                Some(as_what) => format!("{} {user}", role(as_what)),
                None => user.to_string(),
            },
        });
    }
    if let Some(plan) = &report.plan {
        let questions = count(u64::from(plan.questions), "question");
        rows.push(Row {
            name: "Plan",
            value: format!("{} ({questions})", titled(&plan.title)),
        });
    }
    rows
}

fn people(report: &Report) -> Vec<String> {
    let all = report.participants.iter();
    all.map(|p| {
        let absent = if p.joined_at.is_none() {
            " (did not come)"
        } else {
            ""
        };
        format!("{} {}{absent}", role(p.role), p.user_id)
    })
    .collect()
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Candidate => "Candidate",
        Role::Interviewer => "Interviewer",
        Role::Observer => "Observer",
    }
}

fn tiles(report: &Report) -> Vec<Tile> {
    let totals = &report.totals;
    let figures = &totals.figures;
    let mut tiles = Vec::new();
    if totals.questions > 0 {
        tiles.push(Tile {
            name: "Answered",
            value: format!("{} of {}", totals.answered, totals.questions),
            note: Some("questions".to_owned()),
        });
    }
    if figures.words == 0 {
        tiles.push(Tile {
            name: "Words",
            value: "None".to_owned(),
            note: Some(match report.recognizer {
                Some(_) => "nothing was heard".to_owned(),
                None => "no program listened".to_owned(),
            }),
        });
        return tiles;
    }
    tiles.push(Tile {
        name: "Speaking",
        value: clock(figures.speaking_ms),
        note: Some("min:sec".to_owned()),
    });
    tiles.push(Tile {
        name: "Words",
        value: figures.words.to_string(),
        note: None,
    });
    if report.scores.is_some() {
        // Pace has its own drawing there, and pauses stand with the answers, for practice only.
        return tiles;
    }
    let (value, note) = match figures.pace.words_per_minute {
        Some(pace) => (about(figures, &pace.to_string()), "words a minute"),
        None => ("–".to_owned(), not_measured(figures)),
    };
    tiles.push(Tile {
        name: "Pace",
        value,
        note: Some(note.to_owned()),
    });
    if let Some(pauses) = &figures.pauses {
        let long = (pauses.count > 0).then(|| format!("{} long", pauses.long));
        tiles.push(Tile {
            name: "Pauses",
            value: if pauses.count == 0 {
                "None".to_owned()
            } else {
                about(figures, &pauses.count.to_string())
            },
            note: long,
        });
    }
    tiles
}

fn about(figures: &Figures, value: &str) -> String {
    if figures.estimated {
        format!("about {value}")
    } else {
        value.to_owned()
    }
}

fn not_measured(figures: &Figures) -> &'static str {
    match figures.pace.not_measured {
        Some(NotMeasured::TooShort) => "not measured: too little speech",
        Some(NotMeasured::NoTimes) => "not measured: the words have no times",
        Some(NotMeasured::NothingHeard) => "not measured: nothing was heard",
        Some(NotMeasured::NoRecognizer) | None => "not measured",
    }
}

fn notes(report: &Report) -> Vec<String> {
    let totals = &report.totals;
    let mut notes = Vec::new();
    match totals.not_asked {
        0 => {}
        1 => notes.push("1 question was not asked.".to_owned()),
        n => notes.push(format!("{n} questions were not asked.")),
    }
    if totals.figures.words > 0 && report.scores.is_none() {
        notes.push("These figures are no marks. There is no right pace.".to_owned());
    }
    notes
}

impl QuestionView {
    fn of(
        anchor: usize,
        question: &QuestionPart,
        silence: &'static str,
        anchors: impl Fn(usize) -> Option<String>,
    ) -> Self {
        let asked = question.text.trim();
        let missing = (question.missing_ms > 0).then(|| {
            format!(
                "About {} of sound is missing here.",
                seconds(question.missing_ms)
            )
        });
        let percent = match question.limit_ms {
            0 => 100,
            limit => u128::from(question.used_ms) * 100 / u128::from(limit),
        };
        Self {
            anchor,
            number: u64::from(question.index) + 1,
            text: plain_lines(asked),
            short: shortened(&plain(asked), SHORT_CHARS),
            outcome: outcome(question.outcome),
            used: clock(question.used_ms),
            limit: clock(question.limit_ms),
            words: question.figures.words,
            clock: format!(
                "{} of {} used, from {} to {} of the interview.",
                clock(question.used_ms),
                clock(question.limit_ms),
                clock(question.from_ms),
                clock(question.to_ms),
            ),
            percent: u64::try_from(percent.min(100)).unwrap_or(100),
            lines: lines(&question.transcript, anchors),
            silence,
            missing,
            figures: figures(&question.figures),
            score: None,
        }
    }
}

impl QuestionView {
    /// With a score the way of speaking stands there, or, where it does not count, nowhere.
    fn scored(mut self, score: Option<QuestionScoreView>) -> Self {
        if score.is_some() {
            self.figures.clear();
        }
        self.score = score;
        self
    }
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "Answered",
        Outcome::TimedOut => "Time ran out",
        Outcome::Skipped => "Skipped",
        Outcome::Lost => "Cut off by the end",
    }
}

/// Nothing where nothing was heard: the page says that once, above.
fn figures(figures: &Figures) -> Vec<Row> {
    if figures.words == 0 {
        return Vec::new();
    }
    let mut rows = Vec::new();
    let mut row = |name, value| rows.push(Row { name, value });
    row("Words", figures.words.to_string());
    row("Speaking", spelled(figures.speaking_ms));
    let pace = match figures.pace.words_per_minute {
        Some(pace) => format!("{} words a minute", about(figures, &pace.to_string())),
        None => not_measured(figures).to_owned(),
    };
    row("Pace", pace);
    if let Some(ms) = figures.first_word_ms {
        row("First word after", about(figures, &seconds(ms)));
    }
    if let Some(all) = &figures.pauses {
        row("Pauses", pauses(figures, all));
    }
    rows
}

fn pauses(figures: &Figures, all: &Pauses) -> String {
    if all.count == 0 {
        return "none".to_owned();
    }
    let long = match all.long {
        0 => "none long".to_owned(),
        n => format!("{n} long"),
    };
    let number = about(figures, &all.count.to_string());
    format!("{number}, {long}; longest {}", seconds(all.longest_ms))
}

fn lines(transcript: &[Line], anchor: impl Fn(usize) -> Option<String>) -> Vec<LineView> {
    let mut before = None;
    transcript
        .iter()
        .enumerate()
        .map(|(place, line)| {
            let speaker = (line.role, &line.user_id);
            let who =
                (before != Some(speaker)).then(|| format!("{} {}", role(line.role), line.user_id));
            before = Some(speaker);
            LineView {
                anchor: anchor(place),
                who,
                at: clock(line.start_ms),
                pieces: pieces(line),
                raw: line.raw.as_deref().map(plain),
            }
        })
        .collect()
}

/// The text in stretches of sure and unsure words; white space between words becomes one space.
fn pieces(line: &Line) -> Vec<Piece> {
    let mut unsure = line.unsure.iter().peekable();
    let mut pieces: Vec<Piece> = Vec::new();
    for (place, word) in (0u32..).zip(line.text.split_whitespace()) {
        while unsure.next_if(|p| **p < place).is_some() {}
        let is_unsure = unsure.next_if(|p| **p == place).is_some();
        let word = plain(word);
        match pieces.last_mut() {
            Some(last) if last.is_unsure == is_unsure => {
                last.text.push(' ');
                last.text.push_str(&word);
            }
            // The space stands outside the underlined stretch, whichever side that is.
            Some(last) if is_unsure => {
                last.text.push(' ');
                pieces.push(Piece {
                    text: word,
                    is_unsure,
                });
            }
            Some(_) => pieces.push(Piece {
                text: format!(" {word}"),
                is_unsure,
            }),
            None => pieces.push(Piece {
                text: word,
                is_unsure,
            }),
        }
    }
    pieces
}

fn gaps(report: &Report) -> Vec<String> {
    let all = report.gaps.iter();
    all.map(|gap| {
        let missing = format!("{} from {}", seconds(gap.missing_ms), gap.user_id);
        match gap.around_ms {
            Some(at) => format!("{missing}, at about {} of the interview", clock(at)),
            None => missing,
        }
    })
    .collect()
}
