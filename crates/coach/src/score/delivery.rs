//! The way of speaking, for practice: pace, fillers, length count a little; the rest is shown.

use super::content::ends_clause;
use super::data::{Weights, cues, weights};
use super::parts::NotMeasurable;
use super::words::{Answer, Phrase};
use crate::report::{Figures, NotMeasured};
use crate::text;

/// A figure about the way of speaking.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measure {
    pub(crate) id: &'static str,
    pub(crate) label: &'static str,
    pub(crate) value: Result<f64, NotMeasurable>,
    pub(crate) figure: Option<String>,
    pub(crate) rule: String,
    pub(crate) spans: Vec<(usize, usize)>,
}

/// What delivery is measured from.
pub(crate) struct Spoken<'a> {
    pub(crate) answer: &'a Answer,
    pub(crate) figures: &'a Figures,
    pub(crate) target_ms: (u64, u64),
    pub(crate) used_ms: u64,
    pub(crate) limit_ms: u64,
    pub(crate) keeps_fillers: bool,
}

/// Every figure, those that count first.
pub(crate) fn measures(spoken: &Spoken<'_>) -> Vec<Measure> {
    let weights = weights();
    let mut all = vec![
        pace(spoken, weights),
        fillers(spoken, weights),
        length(spoken, weights),
    ];
    all.extend(shown_only(spoken));
    all
}

/// Mean of the figures that count and could be measured.
pub(crate) fn value(measures: &[Measure]) -> Option<f64> {
    let known: Vec<f64> = measures.iter().filter_map(|m| m.value.ok()).collect();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

/// 1 between the middle two, falling to 0 at the outer two.
fn trapezoid(x: f64, [zero, full, full_to, zero_to]: [f64; 4]) -> f64 {
    let rise = (x - zero) / (full - zero).max(f64::EPSILON);
    let fall = (zero_to - x) / (zero_to - full_to).max(f64::EPSILON);
    rise.min(fall).clamp(0.0, 1.0)
}

fn pace(spoken: &Spoken<'_>, weights: &Weights) -> Measure {
    let band = weights.pace.band;
    let (value, figure) = match spoken.figures.pace.words_per_minute {
        Some(pace) => {
            let mut figure = format!("{pace} words a minute");
            if let Some((low, high)) = stretches(spoken.answer) {
                figure += &format!("; in stretches of 10 seconds {low} to {high}");
            }
            (Ok(trapezoid(pace as f64, band)), Some(figure))
        }
        None => {
            let reason = match spoken.figures.pace.not_measured {
                Some(NotMeasured::NoTimes) => NotMeasurable::NoTimes,
                _ => NotMeasurable::TooShort,
            };
            (Err(reason), None)
        }
    };
    Measure {
        id: "pace",
        label: "Pace",
        value,
        figure,
        rule: format!(
            "full credit from {} to {} words a minute, none below {} or above {}",
            band[1], band[2], band[0], band[3]
        ),
        spans: Vec::new(),
    }
}

/// Words a minute in stretches of ten seconds: the tenth and the ninetieth of a hundred.
fn stretches(answer: &Answer) -> Option<(u64, u64)> {
    const STRETCH_MS: u64 = 10_000;
    const STRETCHES_MIN: usize = 3;
    let first = answer.words.first()?.from_ms;
    let last = answer.words.last()?.from_ms;
    let whole = last.saturating_sub(first) / STRETCH_MS;
    let mut counts = std::collections::BTreeMap::<u64, u64>::new();
    for word in &answer.words {
        *counts
            .entry(word.from_ms.saturating_sub(first) / STRETCH_MS)
            .or_default() += 1;
    }
    // The last stretch is not a whole one.
    let mut counts: Vec<u64> = counts
        .into_iter()
        .filter(|(at, _)| *at < whole)
        .map(|(_, n)| n)
        .collect();
    if counts.len() < STRETCHES_MIN {
        return None;
    }
    counts.sort_unstable();
    let at = |percent: usize| counts[(counts.len() - 1) * percent / 100] * 6;
    Some((at(10), at(90)))
}

fn fillers(spoken: &Spoken<'_>, weights: &Weights) -> Measure {
    let [full, low, zero] = weights.fillers.per_minute;
    let mut measure = Measure {
        id: "fillers",
        label: "Filler words",
        value: Err(NotMeasurable::FillersDropped),
        figure: None,
        rule: format!("full credit up to {full} a minute, 0.3 at {low}, none from {zero}"),
        spans: Vec::new(),
    };
    if !spoken.keeps_fillers {
        return measure;
    }
    if spoken.figures.pace.words_per_minute.is_none() || spoken.figures.speaking_ms == 0 {
        measure.value = Err(NotMeasurable::TooShort);
        return measure;
    }
    let answer = spoken.answer;
    let find = |all: &[Phrase]| -> Vec<(usize, usize)> {
        let spans = all.iter().flat_map(|p| answer.find(p, false));
        spans.map(|(a, b)| answer.word_span(a, b)).collect()
    };
    let hard = find(&cues().fillers);
    let mut soft = find(&cues().soft_fillers);
    soft.retain(|(from, to)| {
        let before = *from == 0 || ends_clause(&answer.words[from - 1].text);
        before && ends_clause(&answer.words[to - 1].text)
    });
    let count = hard.len() as f64 + soft.len() as f64 / 2.0;
    let rate = count * 60_000.0 / spoken.figures.speaking_ms as f64;
    let value = if rate <= low {
        1.0 - 0.7 * ((rate - full) / (low - full)).max(0.0)
    } else {
        (0.3 * (zero - rate) / (zero - low)).max(0.0)
    };
    measure.value = Ok(value);
    measure.figure = Some(format!("{rate:.1} a minute"));
    measure.spans = hard;
    measure.spans.extend(soft);
    measure.spans.sort_unstable();
    measure.spans.truncate(3);
    measure
}

fn length(spoken: &Spoken<'_>, weights: &Weights) -> Measure {
    let rules = &weights.length;
    let (short, long) = (spoken.target_ms.0 as f64, spoken.target_ms.1 as f64);
    let (from, to) = (short * rules.full_from, long * rules.full_to);
    let zero = (rules.zero_below_ms as f64).min(from / 2.0);
    let spoke = spoken.figures.speaking_ms;
    let band = [zero, from, to, long * rules.zero_from];
    Measure {
        id: "length",
        label: "Length of the answer",
        value: Ok(trapezoid(spoke as f64, band)),
        figure: Some(format!(
            "{} of speech; asked for {} to {}",
            text::spelled(spoke),
            text::spelled(spoken.target_ms.0),
            text::spelled(spoken.target_ms.1)
        )),
        rule: format!(
            "full credit from {} to {}, none below {} or above {}",
            text::clock(band[1] as u64),
            text::clock(band[2] as u64),
            text::clock(band[0] as u64),
            text::clock(band[3] as u64)
        ),
        spans: Vec::new(),
    }
}

fn shown_only(spoken: &Spoken<'_>) -> Vec<Measure> {
    let shown = |id, label, figure: Option<String>, rule: &str| Measure {
        id,
        label,
        value: Err(NotMeasurable::ShownOnly),
        figure,
        rule: rule.to_owned(),
        spans: Vec::new(),
    };
    let answer = spoken.answer;
    let pauses = spoken.figures.pauses.map(|p| match p.count {
        0 => "none".to_owned(),
        n => format!(
            "{n}, {} long; the longest {}",
            p.long,
            text::seconds(p.longest_ms)
        ),
    });
    let first = spoken.figures.first_word_ms.map(text::seconds);
    let count = |raws: &[&str]| {
        let tokens = answer.tokens.iter();
        tokens.filter(|t| raws.contains(&t.raw.as_str())).count()
    };
    let hedges: usize = cues()
        .hedges
        .iter()
        .map(|p| answer.find(p, false).len())
        .sum();
    vec![
        shown(
            "pauses",
            "Pauses",
            pauses,
            "silences of 0.25 seconds or more; long from 2 seconds",
        ),
        shown(
            "first-word",
            "First word after",
            first,
            "from the question to the first word",
        ),
        shown(
            "variety",
            "Different words",
            variety(answer).map(|v| format!("{:.0} in 100", v * 100.0)),
            "mean share of different words in every 50 words in a row",
        ),
        shown(
            "i-we",
            "“I” and “we”",
            Some(format!(
                "{} and {}",
                count(&["i", "my", "me"]),
                count(&["we", "our", "us"])
            )),
            "counted with my, me and our, us",
        ),
        shown(
            "hedges",
            "Careful words",
            Some(hedges.to_string()),
            "such as maybe, I guess, I think",
        ),
        shown(
            "time-use",
            "Time used",
            Some(format!(
                "{} of {}",
                text::clock(spoken.used_ms),
                text::clock(spoken.limit_ms)
            )),
            "from the question to its end",
        ),
    ]
}

fn variety(answer: &Answer) -> Option<f64> {
    const WINDOW: usize = 50;
    let stems: Vec<&str> = answer.tokens.iter().map(|t| t.stem.as_str()).collect();
    if stems.len() < WINDOW {
        return None;
    }
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    let mut different = 0;
    let mut sum = 0;
    for (at, stem) in stems.iter().enumerate() {
        let count = counts.entry(stem).or_default();
        different += usize::from(*count == 0);
        *count += 1;
        if at >= WINDOW
            && let Some(count) = counts.get_mut(stems[at - WINDOW])
        {
            *count -= 1;
            different -= usize::from(*count == 0);
        }
        if at + 1 >= WINDOW {
            sum += different;
        }
    }
    let windows = stems.len() - WINDOW + 1;
    Some(sum as f64 / (windows * WINDOW) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_is_full_in_the_band_and_falls_off_on_both_sides() {
        let band = weights().pace.band;
        let value = |pace: f64| (trapezoid(pace, band) * 100.0).round() / 100.0;
        assert_eq!([120.0, 145.0, 170.0].map(value), [1.0, 1.0, 1.0]);
        assert_eq!(
            [80.0, 100.0, 195.0, 220.0, 500.0].map(value),
            [0.0, 0.5, 0.5, 0.0, 0.0]
        );
    }
}
