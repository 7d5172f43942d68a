//! A report in a few plain lines, for a terminal.

use protocol::value::Outcome;

use crate::report::{Figures, QuestionPart, Report};
use crate::score::{CriterionKind, QuestionScore, Scores};
use crate::text;

/// Lines of at most 120 characters, each ended by a line feed, without color and without
/// anything spoken. Control characters of titles and questions are made visible.
pub fn summary(report: &Report) -> String {
    let title = text::shortened(&text::plain(report.session.title.trim()), 60);
    let mut lines = Vec::new();
    let title = if title.is_empty() {
        "Interview"
    } else {
        &title
    };
    lines.push(format!("{title}: {}", lowered(&report.end.title)));
    let totals = &report.totals;
    let mut facts = Vec::new();
    if let Some(ms) = report.session.duration_ms {
        facts.push(format!("{} long", text::clock(ms)));
    }
    if totals.questions > 0 {
        facts.push(format!(
            "{} of {} answered",
            totals.answered,
            text::count(u64::from(totals.questions), "question")
        ));
    }
    facts.push(heard(report, &totals.figures));
    lines.push(format!("  {}", facts.join(" · ")));
    if let Some(scores) = &report.scores {
        lines.push(format!("  {}", level(scores)));
    }
    for (place, question) in report.questions.iter().enumerate() {
        let scores = report.scores.as_ref();
        let score = scores.and_then(|s| s.questions.get(place));
        let told = match score.map(|s| s.level) {
            None => String::new(),
            Some(Some(l)) => format!(" · level {}", l.level),
            Some(None) => " · not scored".to_owned(),
        };
        lines.push(format!("  {}{told}", line(question)));
        if let Some(missing) = score.and_then(not_found) {
            lines.push(format!("     {missing}"));
        }
    }
    if totals.missing_ms > 0 {
        lines.push(format!(
            "  {} of sound missing",
            text::seconds(totals.missing_ms)
        ));
    }
    lines.join("\n") + "\n"
}

/// The expected points that nobody said, as far as they fit on a line.
fn not_found(score: &QuestionScore) -> Option<String> {
    let missing = score.criteria.iter().filter(|criterion| {
        criterion.kind == CriterionKind::Content && criterion.value.is_some_and(|v| v <= 0.0)
    });
    let labels: Vec<String> = missing
        .map(|criterion| text::plain(&criterion.label))
        .collect();
    if labels.is_empty() {
        return None;
    }
    let all = format!("not found in the transcript: {}", labels.join("; "));
    Some(text::shortened(&all, 110))
}

fn level(scores: &Scores) -> String {
    let counted = format!("{} of {} answers scored", scores.scored, scores.of);
    match scores.level {
        Some(l) if l.low < l.high => {
            format!(
                "level {} of 5, between {} and {} · {counted}",
                l.level, l.low, l.high
            )
        }
        Some(l) => format!("level {} of 5 · {counted}", l.level),
        None => counted,
    }
}

fn heard(report: &Report, figures: &Figures) -> String {
    if report.recognizer.is_none() && figures.words == 0 {
        return "nothing listened".to_owned();
    }
    if figures.words == 0 {
        return "nothing was heard".to_owned();
    }
    let words = text::count(figures.words, "word");
    match figures.pace.words_per_minute {
        Some(pace) if figures.estimated => format!("{words}, about {pace} a minute"),
        Some(pace) => format!("{words}, {pace} a minute"),
        None => words,
    }
}

fn line(question: &QuestionPart) -> String {
    let asked = text::shortened(&text::plain(question.text.trim()), 44);
    let outcome = match question.outcome {
        Outcome::Answered => "answered",
        Outcome::TimedOut => "time ran out",
        Outcome::Skipped => "skipped",
        Outcome::Lost => "cut off",
    };
    format!(
        "{}. {asked}  {} of {} · {} · {outcome}",
        u64::from(question.index) + 1,
        text::clock(question.used_ms),
        text::clock(question.limit_ms),
        text::count(question.figures.words, "word"),
    )
}

fn lowered(title: &str) -> String {
    let mut chars = title.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}
