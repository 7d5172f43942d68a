//! One question: the gate, its criteria, its level and between which that may lie.

use protocol::value::Role;

use super::Weighed;
use super::content::{Cover, Found, Ready};
use super::data::{Shares, cues, data_parts, weights};
use super::delivery::{self, Measure, Spoken};
use super::parts::{
    Criterion, CriterionKind, Evidence, Finding, Gate, LevelRange, NotMeasurable, QuestionScore,
};
use super::structure::{self, PartFound, readable};
use super::words::{Answer, Said};
use crate::report::{QuestionPart, SegmentFacts, length, merged, session_times};
use crate::rubric::{Mode, Rubric, Scoring};

/// A question that was put, with everything its score is made from.
pub(super) struct Put<'a> {
    pub(super) place: u32,
    pub(super) part: &'a QuestionPart,
    pub(super) said: &'a [&'a SegmentFacts],
    pub(super) rubric: Option<&'a Rubric>,
    pub(super) scoring: &'a Scoring,
    pub(super) nothing_listened: bool,
}

pub(super) struct Scored {
    pub(super) score: QuestionScore,
    pub(super) strengths: Vec<Weighed>,
    pub(super) next_steps: Vec<Weighed>,
}

/// The words of a segment with their times on the session's clock. Where the recognizer's words
/// are not those of the text, the times are spread evenly.
pub(crate) fn said(segment: &SegmentFacts) -> Vec<Said> {
    let (from, to) = session_times(segment);
    let texts: Vec<&str> = segment.text.split_whitespace().collect();
    let own = (segment.words.len() == texts.len()).then_some(&segment.words);
    let known = |c: f32| c.is_finite().then(|| f64::from(c.clamp(0.0, 1.0)));
    let count = texts.len().max(1) as u64;
    let spread = |n: u64| from.saturating_add((to - from) / count * n);
    let mut all = Vec::with_capacity(texts.len());
    for (place, text) in texts.into_iter().enumerate() {
        let n = place as u64;
        let (from_ms, to_ms, confidence) = match own.map(|words| &words[place]) {
            Some(word) => {
                let at = |ms: u64| {
                    let into = ms.saturating_sub(segment.start_ms);
                    from.saturating_add(into).min(to)
                };
                let begin = at(word.start_ms);
                (begin, at(word.end_ms).max(begin), known(word.confidence))
            }
            None => (spread(n), spread(n + 1), known(segment.confidence)),
        };
        all.push(Said {
            text: text.to_owned(),
            from_ms,
            to_ms,
            confidence,
        });
    }
    all
}

pub(super) fn score_question(put: &Put<'_>) -> Scored {
    let candidate = || put.said.iter().filter(|s| s.role == Role::Candidate);
    let words: Vec<Said> = candidate().flat_map(|s| said(s)).collect();
    let answer = Answer::new(words);
    let (gate, reason) = gate(put, &answer);
    let mut scored = Scored {
        score: QuestionScore {
            id: put.part.id.clone(),
            kind: put.rubric.map(|r| r.kind),
            rubric: put.rubric.map(|r| rubric_name(put, r)),
            gate,
            reason,
            level: None,
            value: None,
            weight: put.rubric.map_or(1, |r| r.weight),
            is_capped: false,
            human_review: gate == Gate::LowEvidence,
            overlap: None,
            may_be_off_topic: false,
            criteria: Vec::new(),
            words: counted(answer.words.len()),
        },
        strengths: Vec::new(),
        next_steps: Vec::new(),
    };
    let Some(rubric) = put.rubric else {
        return scored;
    };
    match gate {
        Gate::Open | Gate::LowEvidence => assess(put, rubric, &answer, &mut scored),
        _ => scored.score.criteria = unmeasured(put, rubric),
    }
    scored
}

fn counted(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn rubric_name(put: &Put<'_>, rubric: &Rubric) -> String {
    format!("{}#{}", put.part.id, rubric.hash())
}

fn gate(put: &Put<'_>, answer: &Answer) -> (Gate, Option<String>) {
    let rules = &weights().gate;
    let shut = |gate, reason: String| (gate, Some(reason));
    if put.rubric.is_none() {
        let reason = "Nobody wrote down what a good answer to this question tells.";
        return shut(Gate::NoRubric, reason.to_owned());
    }
    let language = &put.scoring.language;
    if !language.is_empty() && language != "en" && !language.starts_with("en-") {
        let reason = "There are word lists for English only.";
        return shut(Gate::Language, reason.to_owned());
    }
    if answer.words.is_empty() && put.nothing_listened {
        let reason = "No program listened, so there are no words to go by.";
        return shut(Gate::NoRecognizer, reason.to_owned());
    }
    let spoken = |with_words: bool| {
        let own = put.said.iter().filter(|s| s.role == Role::Candidate);
        let own = own.filter(|s| !with_words || !s.text.trim().is_empty());
        length(&merged(own.map(|s| session_times(s)).collect()))
    };
    let (voiced, worded) = (spoken(false), spoken(true));
    // What was typed takes no time, and is an answer all the same.
    let typed = put.said.iter().any(|said| {
        let (from, to) = session_times(said);
        said.role == Role::Candidate && from == to && !said.text.trim().is_empty()
    });
    let silent = voiced < rules.no_answer_below_ms && !typed;
    if answer.words.is_empty() || silent {
        let reason = format!(
            "Less than {} seconds of speech were heard.",
            rules.no_answer_below_ms / 1000
        );
        return shut(Gate::NoAnswer, reason);
    }
    let mean = answer.confidence(0, answer.words.len());
    if mean.is_some_and(|c| c < rules.mean_confidence_min) {
        let reason = "The program that wrote down the words was not sure enough of them.";
        return shut(Gate::LowEvidence, reason.to_owned());
    }
    if (worded as f64) < voiced as f64 * rules.words_cover_min {
        let reason = "For much of the speech no words could be written down.";
        return shut(Gate::LowEvidence, reason.to_owned());
    }
    if put.part.missing_ms as f64 > put.part.used_ms as f64 * rules.gap_share_max {
        let reason = "Too much sound of this answer was lost on the way.";
        return shut(Gate::LowEvidence, reason.to_owned());
    }
    (Gate::Open, None)
}

/// What a question's words come to, in one reading.
struct Reading {
    points: Vec<Found>,
    parts: Vec<PartFound>,
}

impl Reading {
    fn of(answer: &Answer, rubric: &Rubric) -> Self {
        let points = rubric.points.iter();
        Self {
            points: points.map(|p| Ready::new(p).find(answer)).collect(),
            parts: structure::parts(answer, rubric.kind),
        }
    }

    fn content(&self, rubric: &Rubric, partial: f64) -> f64 {
        let value = |cover: Cover| match cover {
            Cover::Partial => partial,
            other => other.value(),
        };
        let pairs = self.points.iter().zip(&rubric.points);
        let sum: f64 = pairs
            .map(|(f, p)| f64::from(p.weight) * value(f.cover))
            .sum();
        sum / f64::from(rubric.points_weight().max(1))
    }

    fn misses_must(&self, rubric: &Rubric) -> bool {
        let mut pairs = self.points.iter().zip(&rubric.points);
        pairs.any(|(found, point)| point.must && found.cover == Cover::NotFound)
    }

    /// Value and level, with partly found points worth `partial`.
    fn level(&self, rubric: &Rubric, mode: Mode, delivery: Option<f64>, partial: f64) -> (f64, u8) {
        let weights = weights();
        let Shares {
            content,
            structure,
            delivery: manner,
        } = match mode {
            Mode::Practice => weights.practice,
            Mode::Hiring => weights.hiring,
        };
        let manner_share = if delivery.is_some() { manner } else { 0.0 };
        let sum = content * self.content(rubric, partial)
            + structure * structure::value(&self.parts)
            + manner_share * delivery.unwrap_or_default();
        let value = rounded(sum / (content + structure + manner_share), 1000.0);
        let rules = &weights.levels;
        let passed = rules.from.iter().filter(|from| value >= **from).count();
        let level = 1 + u8::try_from(passed).unwrap_or(4);
        if self.misses_must(rubric) {
            (value, level.min(rules.missing_must_cap))
        } else {
            (value, level)
        }
    }
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

fn assess(put: &Put<'_>, rubric: &Rubric, answer: &Answer, scored: &mut Scored) {
    let rules = weights();
    let mode = put.scoring.mode;
    let reading = Reading::of(answer, rubric);
    let measures = if mode == Mode::Practice && !put.scoring.without_delivery {
        delivery::measures(&Spoken {
            answer,
            figures: &put.part.figures,
            target_ms: rubric.target_ms,
            used_ms: put.part.used_ms,
            limit_ms: put.part.limit_ms,
            keeps_fillers: put.scoring.keeps_fillers,
        })
    } else {
        Vec::new()
    };
    let delivery = delivery::value(&measures);
    let score = &mut scored.score;
    if score.gate == Gate::Open {
        let (value, level) = reading.level(rubric, mode, delivery, Cover::Partial.value());
        let (_, high) = reading.level(rubric, mode, delivery, 1.0);
        let low = if answer.has_unsure(rules.gate.unsure_below) {
            let sure = Reading::of(&answer.without_unsure(rules.gate.unsure_below), rubric);
            sure.level(rubric, mode, delivery, Cover::Partial.value()).1
        } else {
            level
        };
        let (low, high) = (low.min(level), high.max(level));
        score.level = Some(LevelRange { level, low, high });
        score.value = Some(value);
        let uncapped = 1 + rules
            .levels
            .from
            .iter()
            .filter(|from| value >= **from)
            .count();
        score.is_capped = usize::from(level) < uncapped;
        score.human_review = high - low >= rules.levels.review_spread;
    }
    let overlap = overlap(put, rubric, answer);
    score.overlap = overlap.map(|o| rounded(o, 100.0));
    score.may_be_off_topic = overlap.is_some_and(|o| o < rules.off_topic.floor);
    let maker = Maker {
        put,
        answer,
        rubric: rubric_name(put, rubric),
    };
    score.criteria = maker.criteria(rubric, &reading, &measures);
    if score.gate == Gate::Open {
        findings(put, rubric, &reading, scored);
    }
}

/// Share of the answer's different words that the question or its points use too; none for short
/// answers.
fn overlap(put: &Put<'_>, rubric: &Rubric, answer: &Answer) -> Option<f64> {
    let rules = &weights().off_topic;
    if answer.words.len() < rules.words_min {
        return None;
    }
    let stop = &cues().stop;
    let mut known = std::collections::BTreeSet::new();
    let mut learn = |text: &str| {
        for token in super::words::raw_tokens(text) {
            known.insert(token.stem);
        }
    };
    learn(&put.part.text);
    for point in &rubric.points {
        learn(&point.label);
        let groups = point.any.iter().flat_map(|w| &w.groups);
        groups.flat_map(|g| &g.phrases).for_each(|p| learn(p));
    }
    let own: Vec<&String> = answer.stems().filter(|s| !stop.contains(*s)).collect();
    if own.is_empty() {
        return None;
    }
    let shared = own.iter().filter(|s| known.contains(**s)).count();
    Some(shared as f64 / own.len() as f64)
}

struct Maker<'a> {
    put: &'a Put<'a>,
    answer: &'a Answer,
    rubric: String,
}

impl Maker<'_> {
    fn criteria(&self, rubric: &Rubric, reading: &Reading, measures: &[Measure]) -> Vec<Criterion> {
        let whole = f64::from(rubric.points_weight().max(1));
        let cues_name = data_name("cues.en");
        let mut all = Vec::new();
        for (point, found) in rubric.points.iter().zip(&reading.points) {
            let span = found.span.map(|s| readable(self.answer, s));
            all.push(Criterion {
                value: Some(found.cover.value()),
                weight: rounded(f64::from(point.weight) / whole, 1000.0),
                rule: found.rule.clone(),
                evidence: span.map(|s| self.evidence(s)).into_iter().collect(),
                confidence: self.confidence(found.span.as_slice()),
                ..criterion(
                    format!("point:{}", point.id),
                    CriterionKind::Content,
                    &point.label,
                    &self.rubric,
                )
            });
        }
        for part in &reading.parts {
            let spans: Vec<(usize, usize)> = part.hits.iter().map(|h| h.span).collect();
            let mut shown: Vec<(usize, usize)> =
                spans.iter().map(|s| readable(self.answer, *s)).collect();
            shown.dedup();
            all.push(Criterion {
                value: Some(part.value),
                weight: part.weight,
                rule: part.rule.clone(),
                evidence: shown.into_iter().map(|s| self.evidence(s)).collect(),
                confidence: self.confidence(&spans),
                ..criterion(
                    format!("structure:{}", part.id),
                    CriterionKind::Structure,
                    part.label,
                    &cues_name,
                )
            });
        }
        let measured = measures.iter().filter(|m| m.value.is_ok()).count();
        for measure in measures {
            let share = rounded(1.0 / measured.max(1) as f64, 1000.0);
            all.push(Criterion {
                value: measure.value.ok().map(|v| rounded(v, 1000.0)),
                weight: if measure.value.is_ok() { share } else { 0.0 },
                measurable: measure.value.is_ok(),
                reason: measure.value.err(),
                rule: measure.rule.clone(),
                figure: measure.figure.clone(),
                evidence: measure.spans.iter().map(|s| self.evidence(*s)).collect(),
                ..criterion(
                    format!("delivery:{}", measure.id),
                    CriterionKind::Delivery,
                    measure.label,
                    &data_name("weights"),
                )
            });
        }
        all
    }

    fn evidence(&self, (from, to): (usize, usize)) -> Evidence {
        let words = &self.answer.words[from..to];
        let quote: Vec<&str> = words.iter().map(|w| w.text.as_str()).collect();
        let from_ms = words.first().map_or(0, |w| w.from_ms);
        let to_ms = words.iter().map(|w| w.to_ms).max().unwrap_or(from_ms);
        Evidence {
            question: self.put.place,
            from_word: counted(from),
            to_word: counted(to),
            from_ms,
            to_ms: to_ms.max(from_ms),
            quote: quote.join(" "),
        }
    }

    /// How sure the recognizer was of these words; of the whole answer where there are none.
    fn confidence(&self, spans: &[(usize, usize)]) -> Option<f64> {
        let known: Vec<f64> = spans
            .iter()
            .filter_map(|(a, b)| self.answer.confidence(*a, *b))
            .collect();
        let mean = if known.is_empty() {
            self.answer.confidence(0, self.answer.words.len())?
        } else {
            known.iter().sum::<f64>() / known.len() as f64
        };
        Some(rounded(mean, 100.0))
    }
}

fn criterion(name: String, kind: CriterionKind, label: &str, rubric: &str) -> Criterion {
    Criterion {
        criterion: name,
        kind,
        label: label.to_owned(),
        value: None,
        weight: 0.0,
        measurable: true,
        reason: None,
        confidence: None,
        rule: String::new(),
        rubric: rubric.to_owned(),
        figure: None,
        evidence: Vec::new(),
    }
}

fn data_name(name: &str) -> String {
    let found = data_parts().into_iter().find(|d| d.name == name);
    found.map_or_else(|| name.to_owned(), |d| format!("{}#{}", d.name, d.hash))
}

/// The points of a question whose answer did not pass the gate.
fn unmeasured(put: &Put<'_>, rubric: &Rubric) -> Vec<Criterion> {
    let name = rubric_name(put, rubric);
    let whole = f64::from(rubric.points_weight().max(1));
    let points = rubric.points.iter();
    points
        .map(|point| Criterion {
            weight: rounded(f64::from(point.weight) / whole, 1000.0),
            measurable: false,
            reason: Some(NotMeasurable::Gate),
            rule: "not looked for".to_owned(),
            ..criterion(
                format!("point:{}", point.id),
                CriterionKind::Content,
                &point.label,
                &name,
            )
        })
        .collect()
}

/// What is worth saying in the summary, from what was scored.
fn findings(put: &Put<'_>, rubric: &Rubric, reading: &Reading, scored: &mut Scored) {
    let whole = f64::from(rubric.points_weight().max(1));
    let question = f64::from(rubric.weight);
    let shares = match put.scoring.mode {
        Mode::Practice => weights().practice,
        Mode::Hiring => weights().hiring,
    };
    let evidence_of = |name: &str| {
        let found = scored.score.criteria.iter().find(|c| c.criterion == name);
        found.and_then(|c| c.evidence.first().cloned())
    };
    for (point, found) in rubric.points.iter().zip(&reading.points) {
        let weight = question * shares.content * f64::from(point.weight) / whole;
        let criterion = format!("point:{}", point.id);
        let evidence = evidence_of(&criterion);
        let mut finding = Finding {
            question: put.place,
            criterion,
            label: point.label.clone(),
            text: String::new(),
            evidence,
        };
        let ask = point.ask.as_deref().unwrap_or_default();
        match found.cover {
            Cover::Covered => {
                finding.text = format!("Told: {}.", point.label);
                scored.strengths.push((weight, finding));
            }
            Cover::Partial => {
                finding.text = format!("Only partly found: {}. {ask}", point.label);
                scored.next_steps.push((weight / 2.0, finding));
            }
            Cover::NotFound => {
                finding.text = format!("Not found in the transcript: {}. {ask}", point.label);
                scored.next_steps.push((weight, finding));
            }
        }
    }
    for part in &reading.parts {
        let weight = question * shares.structure * part.weight;
        let criterion = format!("structure:{}", part.id);
        let finding = |text: String, evidence| Finding {
            question: put.place,
            criterion: criterion.clone(),
            label: part.label.to_owned(),
            text,
            evidence,
        };
        let ask = cues().suggest.get(part.id).map_or("", String::as_str);
        if part.value >= 1.0 {
            let text = format!("A clear part of the answer: {}.", part.label.to_lowercase());
            let evidence = evidence_of(&criterion);
            scored.strengths.push((weight, finding(text, evidence)));
        } else if part.value <= 0.0 {
            let text = format!(
                "No words that show this part: {}. {ask}",
                part.label.to_lowercase()
            );
            scored.next_steps.push((weight, finding(text, None)));
        }
    }
}
