//! The report as a text with headings, for notes and wikis.

use protocol::value::Outcome;

use crate::report::{Line, QuestionPart, Report};
use crate::score::{Criterion, CriterionKind, NotMeasurable, QuestionScore, Scores};
use crate::text::{clock, plain, spelled};

/// The report as Markdown. Characters with a meaning there are escaped in everything that was
/// spoken or typed.
pub fn markdown(report: &Report) -> String {
    let title = report.session.title.trim();
    let title = if title.is_empty() { "Interview" } else { title };
    let mut out = format!("# {}\n\n", escaped(title));
    out += &format!(
        "**{}.** {}\n\n",
        escaped(&report.end.title),
        escaped(&report.end.text)
    );
    if let Some(ms) = report.session.duration_ms {
        out += &format!("- Length: {}\n", spelled(ms));
    }
    let totals = &report.totals;
    out += &format!(
        "- Answered: {} of {} questions\n",
        totals.answered, totals.questions
    );
    if totals.missing_ms > 0 {
        out += &format!("- Sound missing: {}\n", spelled(totals.missing_ms));
    }
    if let Some(scores) = &report.scores {
        summary(&mut out, scores);
    }
    for (place, question) in report.questions.iter().enumerate() {
        let score = report.scores.as_ref().and_then(|s| s.questions.get(place));
        one_question(&mut out, question, score);
    }
    if !report.outside.transcript.is_empty() {
        out += "\n## Words outside the questions\n\n";
        lines(&mut out, &report.outside.transcript);
    }
    out += "\n## How this report was made\n\n";
    let scored = report.scores.iter().flat_map(|s| &s.method);
    for sentence in report.method.iter().chain(scored) {
        out += &format!("- {}\n", escaped(sentence));
    }
    out
}

fn summary(out: &mut String, scores: &Scores) {
    match scores.level {
        Some(l) => {
            *out += &format!(
                "- Level: {} ({}–{}), {} of {} answers scored\n",
                l.level, l.low, l.high, scores.scored, scores.of
            );
        }
        None => *out += &format!("- Level: none; 0 of {} answers scored\n", scores.of),
    }
    if scores.human_review {
        *out += "- A person should read the answers before anything is decided.\n";
    }
    for (heading, findings) in [
        ("Told well", &scores.strengths),
        ("Next time", &scores.next_steps),
    ] {
        if findings.is_empty() {
            continue;
        }
        *out += &format!("\n## {heading}\n\n");
        for finding in findings {
            *out += &format!(
                "- Question {}: {}",
                u64::from(finding.question) + 1,
                escaped(&finding.text)
            );
            if let Some(evidence) = &finding.evidence {
                *out += &format!(
                    " “{}” ({})",
                    escaped(&evidence.quote),
                    clock(evidence.from_ms)
                );
            }
            out.push('\n');
        }
    }
}

fn one_question(out: &mut String, question: &QuestionPart, score: Option<&QuestionScore>) {
    let number = u64::from(question.index) + 1;
    *out += &format!("\n## {number}. {}\n\n", escaped(question.text.trim()));
    let outcome = match question.outcome {
        Outcome::Answered => "Answered",
        Outcome::TimedOut => "Time ran out",
        Outcome::Skipped => "Skipped",
        Outcome::Lost => "Cut off by the end",
    };
    *out += &format!(
        "{outcome}. {} of {} used.\n\n",
        clock(question.used_ms),
        clock(question.limit_ms)
    );
    if let Some(score) = score {
        match (&score.level, &score.reason) {
            (Some(l), _) => *out += &format!("Level {} ({}–{}).\n\n", l.level, l.low, l.high),
            (None, Some(reason)) => *out += &format!("Not scored. {}\n\n", escaped(reason)),
            (None, None) => {}
        }
        criteria(out, score);
    }
    lines(out, &question.transcript);
}

fn criteria(out: &mut String, score: &QuestionScore) {
    if score.criteria.is_empty() {
        return;
    }
    *out += "| what | found | words |\n| --- | --- | --- |\n";
    for criterion in &score.criteria {
        let quote = criterion.evidence.first().map_or_else(String::new, |e| {
            format!("“{}” ({})", escaped(&e.quote), clock(e.from_ms))
        });
        *out += &format!(
            "| {} | {} | {quote} |\n",
            escaped(&criterion.label),
            verdict(criterion)
        );
    }
    out.push('\n');
}

fn verdict(criterion: &Criterion) -> String {
    let Some(value) = criterion.value else {
        let why = match criterion.reason {
            Some(NotMeasurable::FillersDropped) => "not measurable: the recognizer leaves them out",
            Some(NotMeasurable::TooShort) => "not measured: too little speech",
            Some(NotMeasurable::NoTimes) => "not measured: the words have no times",
            Some(NotMeasurable::Gate | NotMeasurable::ShownOnly) | None => "not measured",
        };
        let figure = criterion.figure.as_deref().map(escaped);
        return figure.unwrap_or_else(|| why.to_owned());
    };
    match criterion.kind {
        CriterionKind::Delivery => criterion
            .figure
            .as_deref()
            .map_or_else(String::new, escaped),
        _ if value >= 1.0 => "yes".to_owned(),
        _ if value > 0.0 => "partly".to_owned(),
        _ => "not found".to_owned(),
    }
}

fn lines(out: &mut String, transcript: &[Line]) {
    for line in transcript {
        let who = escaped(line.user_id.as_str());
        *out += &format!(
            "> {} **{who}:** {}\n>\n",
            clock(line.start_ms),
            escaped(&line.text)
        );
        if let Some(raw) = &line.raw {
            *out += &format!("> *heard as:* {}\n>\n", escaped(raw));
        }
    }
}

/// On one line, with everything that Markdown or the HTML in it would act on escaped.
fn escaped(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(plain).collect();
    let mut out = String::new();
    for c in words.join(" ").chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '-' | '!'
            | '|' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
