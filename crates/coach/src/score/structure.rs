//! Whether an answer has the parts of a story, or of an argument, and where.

use super::content::ends_clause;
use super::data::{Cue, Frame, Matcher, PartCues, Third, cues};
use super::words::Answer;
use crate::rubric::Kind;

/// A cue met in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CueHit {
    pub(crate) kind: &'static str,
    /// Words, from the first to one past the last.
    pub(crate) span: (usize, usize),
    in_place: bool,
}

/// A part looked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PartFound {
    pub(crate) id: &'static str,
    pub(crate) label: &'static str,
    pub(crate) weight: f64,
    pub(crate) value: f64,
    pub(crate) rule: String,
    /// At most three, in the order of the answer.
    pub(crate) hits: Vec<CueHit>,
}

const HITS_SHOWN: usize = 3;
const DISTINCT_VERBS: usize = 3;
/// An own action's verb stands this close after its “I”.
const VERB_REACH: usize = 9;

/// How answers to such a question are expected to be built.
pub(crate) fn frame(kind: Kind) -> Frame {
    match kind {
        Kind::Behavioral => Frame::Star,
        Kind::Technical | Kind::Situational => Frame::Argument,
    }
}

/// Every part of the frame.
pub(crate) fn parts(answer: &Answer, kind: Kind) -> Vec<PartFound> {
    let frame = frame(kind);
    let parts = cues().parts.iter().filter(|p| p.frame == frame);
    parts.map(|p| part(answer, p)).collect()
}

/// Weighted mean of the parts.
pub(crate) fn value(parts: &[PartFound]) -> f64 {
    let whole: f64 = parts.iter().map(|p| p.weight).sum();
    if whole <= 0.0 {
        return 0.0;
    }
    parts.iter().map(|p| p.weight * p.value).sum::<f64>() / whole
}

fn part(answer: &Answer, part: &'static PartCues) -> PartFound {
    let mut hits: Vec<CueHit> = Vec::new();
    let mut verbs = 0;
    for cue in &part.cues {
        let (found, distinct) = cue_hits(answer, cue);
        verbs = verbs.max(distinct);
        hits.extend(found.into_iter().map(|span| CueHit {
            kind: &cue.kind,
            span,
            in_place: in_third(part.third, span, answer.words.len()),
        }));
    }
    hits.sort_by_key(|h| (h.span, h.kind));
    hits.dedup_by_key(|h| h.span);
    let mut kinds: Vec<&str> = hits.iter().map(|h| h.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let placed = part.third != Third::Any && hits.iter().any(|h| h.in_place);
    let (value, rule) = if verbs >= DISTINCT_VERBS {
        (1.0, format!("{verbs} different own actions"))
    } else if kinds.len() >= 2 {
        (
            1.0,
            format!("{} kinds of cues: {}", kinds.len(), kinds.join(", ")),
        )
    } else if placed {
        let third = if part.third == Third::First {
            "first"
        } else {
            "last"
        };
        (
            1.0,
            format!("one cue ({}) in the {third} third", kinds.join("")),
        )
    } else if let Some(kind) = kinds.first() {
        (0.5, format!("one kind of cue: {kind}"))
    } else {
        (0.0, "no cue".to_owned())
    };
    // Those at the expected place tell most.
    hits.sort_by_key(|h| (!h.in_place, h.span));
    hits.truncate(HITS_SHOWN);
    hits.sort_by_key(|h| h.span);
    PartFound {
        id: &part.id,
        label: &part.label,
        weight: part.weight,
        value,
        rule,
        hits,
    }
}

fn in_third(third: Third, span: (usize, usize), words: usize) -> bool {
    match third {
        Third::Any => false,
        Third::First => span.0 * 3 < words,
        Third::Last => span.1 * 3 > words * 2,
    }
}

/// The stretches of words that meet the cue, and how many different own actions they tell of.
fn cue_hits(answer: &Answer, cue: &Cue) -> (Vec<(usize, usize)>, usize) {
    let tokens = &answer.tokens;
    let spans = |starts: Vec<(usize, usize)>| -> Vec<(usize, usize)> {
        starts
            .into_iter()
            .map(|(a, b)| answer.word_span(a, b))
            .collect()
    };
    match &cue.matcher {
        Matcher::Phrases(all) => {
            let found = all.iter().flat_map(|p| answer.find(p, false)).collect();
            (spans(found), 0)
        }
        Matcher::PastProgressive => {
            let pairs = (1..tokens.len()).filter(|at| {
                matches!(tokens[at - 1].raw.as_str(), "was" | "were")
                    && tokens[*at].raw.len() > 5
                    && tokens[*at].raw.ends_with("ing")
                    && tokens[*at].raw != "nothing"
            });
            (spans(pairs.map(|at| (at - 1, at + 1)).collect()), 0)
        }
        Matcher::Year => {
            let years = (0..tokens.len()).filter(|at| {
                let raw = &tokens[*at].raw;
                raw.len() == 4 && (raw.starts_with("19") || raw.starts_with("20")) && is_number(raw)
            });
            (spans(years.map(|at| (at, at + 1)).collect()), 0)
        }
        Matcher::NumberWithUnit => (spans(numbers_with_units(answer)), 0),
        Matcher::FirstPersonVerbs => {
            let (found, distinct) = own_actions(answer);
            (spans(found), distinct)
        }
    }
}

fn is_number(raw: &str) -> bool {
    raw.starts_with(|c: char| c.is_ascii_digit())
}

fn numbers_with_units(answer: &Answer) -> Vec<(usize, usize)> {
    let tokens = &answer.tokens;
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        if !is_number(&tokens[at].raw) {
            continue;
        }
        let unit = (at + 1..(at + 4).min(tokens.len()))
            .find(|next| cues().units.contains(&tokens[*next].stem));
        if let Some(unit) = unit {
            found.push((at, unit + 1));
        }
    }
    found
}

/// `I … verb`: from the pronoun to the verb, the first time each verb comes.
fn own_actions(answer: &Answer) -> (Vec<(usize, usize)>, usize) {
    let tokens = &answer.tokens;
    let mut found = Vec::new();
    let mut verbs: Vec<&str> = Vec::new();
    let mut subject: Option<usize> = None;
    for (at, token) in tokens.iter().enumerate() {
        let raw = token.raw.as_str();
        let after_sentence = at > 0 && {
            let before = &answer.words[tokens[at - 1].word].text;
            tokens[at - 1].word != token.word && before.ends_with(['.', '?', '!'])
        };
        if after_sentence || matches!(raw, "he" | "she" | "they" | "you" | "it" | "nobody") {
            subject = None;
        }
        if matches!(raw, "i" | "we") {
            subject = Some(at);
            continue;
        }
        let Some(from) = subject else { continue };
        let is_new = !verbs.contains(&raw);
        if at - from <= VERB_REACH && is_new && cues().verbs.contains(raw) {
            let denied = matches!(tokens[at - 1].stem.as_str(), "not" | "never");
            if !denied {
                verbs.push(raw);
                let near = if at - from > 4 { at } else { from };
                found.push((near, at + 1));
            }
            // A row of verbs belongs to the same subject: “I measured, compared and decided”.
            subject = Some(at);
        }
    }
    (found, verbs.len())
}

/// Widens a stretch of words to something people can read: to at least eight words, inside the
/// clause where that is long enough.
pub(crate) fn readable(answer: &Answer, span: (usize, usize)) -> (usize, usize) {
    const WORDS: usize = 8;
    const LETTERS: usize = 40;
    let words = &answer.words;
    let (mut from, mut to) = span;
    let short = |at: usize| words[at].text.chars().take(LETTERS + 1).count() <= LETTERS;
    while to - from < WORDS {
        let right = to < words.len() && !ends_clause(&words[to - 1].text) && short(to);
        let left = from > 0 && !ends_clause(&words[from - 1].text) && short(from - 1);
        if right {
            to += 1;
        }
        if left && to - from < WORDS {
            from -= 1;
        }
        if !right && !left {
            break;
        }
    }
    (from, to)
}

#[cfg(test)]
mod tests {
    use super::super::words::Said;
    use super::*;

    fn values(kind: Kind, text: &str) -> Vec<(&'static str, f64)> {
        let words = text.split_whitespace().map(|text| Said {
            text: text.to_owned(),
            from_ms: 0,
            to_ms: 0,
            confidence: None,
        });
        let answer = Answer::new(words.collect());
        parts(&answer, kind)
            .iter()
            .map(|p| (p.id, p.value))
            .collect()
    }

    #[test]
    fn a_story_has_situation_task_action_and_result() {
        let text = "Last year we were moving to a new office. My job was to keep the shop open. I \
                    measured the rooms, ordered nothing twice and built a plan. In the end we \
                    lost only two hours.";
        let all = values(Kind::Behavioral, text);
        let expected = [
            ("situation", 1.0),
            ("task", 0.5),
            ("action", 0.5),
            ("result", 1.0),
        ];
        assert_eq!(
            all, expected,
            "one kind of cue is half, two or the right third the whole"
        );
    }

    #[test]
    fn own_actions_are_counted_once_each_and_only_after_i_or_we() {
        let three = values(Kind::Behavioral, "I measured, compared and rewrote it");
        assert_eq!(three[2], ("action", 1.0));
        let same = values(Kind::Behavioral, "I measured. I measured. I measured.");
        assert_eq!(same[2], ("action", 0.5));
        let others = values(Kind::Behavioral, "They measured, compared and rewrote it");
        assert_eq!(others[2], ("action", 0.0));
        let denied = values(Kind::Behavioral, "I never measured");
        assert_eq!(denied[2], ("action", 0.0));
    }

    #[test]
    fn an_argument_has_a_claim_a_reason_an_example_a_trade_off_and_a_summary() {
        let text = "I would begin with the tests of the checkout, because errors there cost \
                    money. For example a wrong price. On the other hand these tests are slow. \
                    To sum up: a few good ones.";
        let all = values(Kind::Technical, text);
        assert!(all.iter().all(|(_, value)| *value >= 0.5), "{all:?}");
        let nothing = values(Kind::Situational, "lake tree bird");
        assert!(nothing.iter().all(|(_, value)| *value == 0.0));
    }
}
