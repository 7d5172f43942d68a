//! Which expected points an answer tells, and where: a match is made of words alone, so no
//! sentence addressed to the reader or to a program can change it.

use super::data::cues;
use super::words::{Answer, Phrase, phrase};
use crate::rubric::{Point, Way};

/// How much of a point was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cover {
    NotFound,
    Partial,
    Covered,
}

impl Cover {
    pub(crate) fn value(self) -> f64 {
        match self {
            Self::NotFound => 0.0,
            Self::Partial => 0.5,
            Self::Covered => 1.0,
        }
    }
}

/// A point looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) cover: Cover,
    /// Which rule applied, for people who read the scoring key.
    pub(crate) rule: String,
    /// The words that match, from the first to one past the last.
    pub(crate) span: Option<(usize, usize)>,
}

/// A point made ready for matching.
pub(crate) struct Ready<'a> {
    point: &'a Point,
    ways: Vec<Vec<(bool, Vec<Phrase>)>>,
    not: Vec<Phrase>,
}

impl<'a> Ready<'a> {
    pub(crate) fn new(point: &'a Point) -> Self {
        let groups = |way: &Way| {
            let groups = way.groups.iter();
            groups
                .map(|g| (g.is_context, g.phrases.iter().map(|p| phrase(p)).collect()))
                .collect()
        };
        Self {
            point,
            ways: point.any.iter().map(groups).collect(),
            not: point.not.iter().map(|p| phrase(p)).collect(),
        }
    }

    /// The best way in which the answer tells the point: covered before partial, then the first.
    pub(crate) fn find(&self, answer: &Answer) -> Found {
        let forbidden: Vec<(usize, usize)> = self
            .not
            .iter()
            .flat_map(|p| answer.find(p, false))
            .map(|(a, b)| answer.word_span(a, b))
            .collect();
        let mut best: Option<Found> = None;
        for (number, way) in self.ways.iter().enumerate() {
            let found = self.way(answer, way, number, &forbidden);
            if found.cover > best.as_ref().map_or(Cover::NotFound, |b| b.cover) {
                let done = found.cover == Cover::Covered;
                best = Some(found);
                if done {
                    break;
                }
            }
        }
        best.unwrap_or_else(|| Found {
            cover: Cover::NotFound,
            rule: format!("none of {} ways of saying it", self.ways.len()),
            span: None,
        })
    }

    fn way(
        &self,
        answer: &Answer,
        way: &[(bool, Vec<Phrase>)],
        number: usize,
        forbidden: &[(usize, usize)],
    ) -> Found {
        let whole_only = way.iter().all(|(is_context, _)| *is_context);
        let mut hits: Vec<Hit> = Vec::new();
        for (group, (is_context, phrases)) in way.iter().enumerate() {
            for phrase in phrases {
                for (from, to) in answer.find(phrase, true) {
                    let span = answer.word_span(from, to);
                    let touches = forbidden.iter().any(|(a, b)| span.0 < *b && *a < span.1);
                    let matters = whole_only || !is_context;
                    let turned = matters && negated(answer, phrase, from);
                    if !touches && !turned {
                        hits.push(Hit { span, group });
                    }
                }
            }
        }
        hits.sort_unstable();
        hits.dedup();
        let keys = way.iter().filter(|(is_context, _)| !is_context).count();
        let near = usize::try_from(self.point.near).unwrap_or(usize::MAX);
        let name = format!("any[{number}]");
        let Some(best) = densest(&hits, way, near) else {
            return Found {
                cover: Cover::NotFound,
                rule: format!("{name}: no group"),
                span: None,
            };
        };
        let cover = if best.groups == way.len() {
            Cover::Covered
        } else if best.keys > 0 && best.keys * 2 >= keys && best.groups * 2 >= way.len() {
            Cover::Partial
        } else {
            Cover::NotFound
        };
        Found {
            cover,
            rule: format!(
                "{name}: {} of {} groups within {near} words",
                best.groups,
                way.len()
            ),
            span: (cover != Cover::NotFound).then_some(best.span),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    span: (usize, usize),
    group: usize,
}

struct Dense {
    groups: usize,
    keys: usize,
    span: (usize, usize),
}

/// The stretch of at most `near` words with most groups (of them, most that are no context), the
/// shortest such, the first such.
fn densest(hits: &[Hit], way: &[(bool, Vec<Phrase>)], near: usize) -> Option<Dense> {
    let mut best: Option<Dense> = None;
    for (at, first) in hits.iter().enumerate() {
        let reach = first.span.0.saturating_add(near).max(first.span.1);
        let mut seen = vec![false; way.len()];
        let mut span = first.span;
        for hit in hits[at..].iter().take_while(|h| h.span.0 < reach) {
            // Two groups are never met by the very same word.
            let overlaps = hit.group != first.group && hit.span.0 < first.span.1;
            if seen[hit.group] || hit.span.1 > reach || overlaps {
                continue;
            }
            seen[hit.group] = true;
            span.1 = span.1.max(hit.span.1);
        }
        let groups = seen.iter().filter(|s| **s).count();
        let keys = seen
            .iter()
            .zip(way)
            .filter(|(s, (context, _))| **s && !context)
            .count();
        let better = best.as_ref().is_none_or(|b| {
            (keys, groups, b.span.1 - b.span.0) > (b.keys, b.groups, span.1 - span.0)
        });
        if better {
            best = Some(Dense { groups, keys, span });
        }
    }
    best
}

/// Whether one of the two tokens before turns the phrase around, as in “did not measure”.
fn negated(answer: &Answer, phrase: &Phrase, from: usize) -> bool {
    const BEFORE: usize = 2;
    let cues = cues();
    let begins_negated = phrase
        .stems
        .first()
        .is_some_and(|s| cues.negations.contains(s));
    if begins_negated {
        return false;
    }
    let start = from.saturating_sub(BEFORE);
    (start..from).any(|at| {
        let is_negation = cues.negations.contains(&answer.tokens[at].stem);
        let ends_before = (at..from).any(|t| {
            let word = answer.tokens[t].word;
            let next = answer.tokens.get(t + 1).map(|n| n.word);
            next != Some(word) && ends_clause(&answer.words[word].text)
        });
        let harmless = cues.not_negations.iter().any(|p| {
            let end = (at + p.stems.len()).min(answer.tokens.len());
            answer.tokens[at..end]
                .iter()
                .map(|t| &t.stem)
                .eq(p.stems.iter())
        });
        is_negation && !ends_before && !harmless
    })
}

/// Whether a pause of the sentence follows the word.
pub(crate) fn ends_clause(word: &str) -> bool {
    word.ends_with([',', '.', ';', ':', '?', '!'])
}

#[cfg(test)]
mod tests {
    use super::super::words::Said;
    use super::*;
    use crate::rubric::Group;

    /// The way as plan files have it: groups with | and ~.
    fn point(way: &[&str], not: &[&str]) -> Point {
        let groups = way.iter().map(|text| Group {
            phrases: text
                .trim_start_matches('~')
                .split('|')
                .map(str::to_owned)
                .collect(),
            is_context: text.starts_with('~'),
        });
        Point {
            id: "p".to_owned(),
            label: "p".to_owned(),
            weight: 1,
            must: false,
            near: 6,
            any: vec![Way {
                groups: groups.collect(),
            }],
            not: not.iter().map(|t| (*t).to_owned()).collect(),
            ask: None,
        }
    }

    fn cover(way: &[&str], not: &[&str], text: &str) -> Cover {
        let words = text.split_whitespace().map(|text| Said {
            text: text.to_owned(),
            from_ms: 0,
            to_ms: 0,
            confidence: None,
        });
        let answer = Answer::new(words.collect());
        Ready::new(&point(way, not)).find(&answer).cover
    }

    #[test]
    fn all_groups_near_each_other_cover_a_point_and_half_of_them_a_part() {
        let way = ["measured|timed", "query|page"];
        assert_eq!(cover(&way, &[], "I timed the slow page"), Cover::Covered);
        assert_eq!(cover(&way, &[], "the page is what I timed"), Cover::Covered);
        assert_eq!(cover(&way, &[], "I timed my run"), Cover::Partial);
        let far = "I timed it and a b c d e f g the page";
        assert_eq!(cover(&way, &[], far), Cover::Partial);
        assert_eq!(cover(&way, &[], "nothing of that"), Cover::NotFound);
    }

    #[test]
    fn a_group_that_is_only_context_is_no_part_of_a_point() {
        assert_eq!(
            cover(&["told", "~manager"], &[], "my manager"),
            Cover::NotFound
        );
        assert_eq!(
            cover(&["told", "~manager"], &[], "I told a friend"),
            Cover::Partial
        );
        assert_eq!(
            cover(&["~told", "~manager"], &[], "I told a friend"),
            Cover::NotFound
        );
        assert_eq!(
            cover(&["~told", "~manager"], &[], "I told my manager"),
            Cover::Covered
        );
    }

    #[test]
    fn what_is_denied_is_not_told() {
        for denied in [
            "I did not measure it",
            "we never measured",
            "without measuring",
        ] {
            assert_eq!(
                cover(&["measured"], &[], denied),
                Cover::NotFound,
                "{denied}"
            );
        }
        for told in [
            "I not only measured it",
            "Did I? No. I measured",
            "not that, I measured",
        ] {
            assert_eq!(cover(&["measured"], &[], told), Cover::Covered, "{told}");
        }
        assert_eq!(
            cover(&["tests"], &["no tests"], "it has no tests"),
            Cover::NotFound
        );
        assert_eq!(
            cover(&["~told", "~manager"], &[], "I never told my manager"),
            Cover::NotFound
        );
    }
}
