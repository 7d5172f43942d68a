//! One row per criterion, with the level of its question, as RFC 4180 has it.

use crate::report::Report;
use crate::score::{Criterion, CriterionKind, Gate, NotMeasurable, QuestionScore};
use crate::text::plain;

const HEAD: &str = "question,question_id,kind,gate,level,level_low,level_high,criterion,label,\
                    value,weight,confidence,not_measurable,rule,figure,from_ms,to_ms,quote\r\n";

/// The scores of a report as CSV with a head line, UTF-8, lines ended by CR LF. A report without
/// scores gives the head line alone. A cell that a spreadsheet would take for a formula begins
/// with an apostrophe.
pub fn csv(report: &Report) -> String {
    let mut out = HEAD.to_owned();
    let Some(scores) = &report.scores else {
        return out;
    };
    for (question, score) in report.questions.iter().zip(&scores.questions) {
        let number = (u64::from(question.index) + 1).to_string();
        if score.criteria.is_empty() {
            row(&mut out, &number, score, None);
        }
        for criterion in &score.criteria {
            row(&mut out, &number, score, Some(criterion));
        }
    }
    out
}

fn row(out: &mut String, number: &str, score: &QuestionScore, criterion: Option<&Criterion>) {
    let level = |of: fn(&crate::score::LevelRange) -> u8| {
        score
            .level
            .as_ref()
            .map_or_else(String::new, |l| of(l).to_string())
    };
    let number_of = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
    let evidence = criterion.and_then(|c| c.evidence.first());
    let cells = [
        number.to_owned(),
        score.id.to_string(),
        criterion.map_or("", |c| kind(c.kind)).to_owned(),
        gate(score.gate).to_owned(),
        level(|l| l.level),
        level(|l| l.low),
        level(|l| l.high),
        criterion.map_or_else(String::new, |c| c.criterion.clone()),
        criterion.map_or_else(String::new, |c| c.label.clone()),
        number_of(criterion.and_then(|c| c.value)),
        number_of(criterion.map(|c| c.weight)),
        number_of(criterion.and_then(|c| c.confidence)),
        criterion
            .and_then(|c| c.reason)
            .map_or("", reason)
            .to_owned(),
        criterion.map_or_else(String::new, |c| c.rule.clone()),
        criterion.and_then(|c| c.figure.clone()).unwrap_or_default(),
        evidence.map_or_else(String::new, |e| e.from_ms.to_string()),
        evidence.map_or_else(String::new, |e| e.to_ms.to_string()),
        evidence.map_or_else(String::new, |e| e.quote.clone()),
    ];
    let cells: Vec<String> = cells.iter().map(|c| cell(c)).collect();
    out.push_str(&cells.join(","));
    out.push_str("\r\n");
}

fn cell(text: &str) -> String {
    let text = plain(text);
    let text = if text.trim_start().starts_with(['=', '+', '-', '@']) {
        format!("'{text}")
    } else {
        text
    };
    if text.contains([',', '"']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

fn kind(kind: CriterionKind) -> &'static str {
    match kind {
        CriterionKind::Content => "content",
        CriterionKind::Structure => "structure",
        CriterionKind::Delivery => "delivery",
    }
}

fn gate(gate: Gate) -> &'static str {
    match gate {
        Gate::Open => "open",
        Gate::NoAnswer => "no_answer",
        Gate::LowEvidence => "low_evidence",
        Gate::NoRecognizer => "no_recognizer",
        Gate::NoRubric => "no_rubric",
        Gate::Language => "language",
    }
}

fn reason(reason: NotMeasurable) -> &'static str {
    match reason {
        NotMeasurable::FillersDropped => "fillers_dropped",
        NotMeasurable::TooShort => "too_short",
        NotMeasurable::NoTimes => "no_times",
        NotMeasurable::Gate => "gate",
        NotMeasurable::ShownOnly => "shown_only",
    }
}
