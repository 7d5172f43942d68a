//! The scoring part of a question in a plan or bank file: kind, target, points → [`Rubric`].

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::{Reader, Value};
use super::{
    ALTERNATIVES_MAX, GROUPS_MAX, LABEL_CHARS_MAX, LIMIT_MS_MAX, NEAR_MAX, PHRASE_CHARS_MAX,
    PHRASES_MAX, POINTS_MAX, POINTS_MIN, WEIGHT_MAX,
};
use crate::rubric::{Group, Kind, Point, Rubric, Way};

/// Keys of a question that belong here.
pub(super) const RUBRIC_KEYS: &[&str] = &["kind", "target", "weight", "points"];

const POINT_KEYS: &[&str] = &["id", "label", "weight", "must", "near", "any", "not", "ask"];
const POINT: &str = "a point";
const NEAR: u32 = 12;

/// The scoring key of a question; `Some(None)` if it has none, `None` if it is wrong.
pub(super) fn rubric(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    span: &Range<usize>,
) -> Option<Option<Rubric>> {
    let Some(points) = table.get("points") else {
        let stray = RUBRIC_KEYS
            .iter()
            .find_map(|key| table.get(*key).zip(Some(key)));
        return match stray {
            None => Some(None),
            Some((value, key)) => {
                let message =
                    format!("`{key}` is of use only with points; expected [[questions.points]]");
                reader.say(Some(value.span()), message);
                None
            }
        };
    };
    let kind = kind(reader, table, span);
    let weight = whole(reader, table, "weight", 1, 1..=WEIGHT_MAX);
    let target = match table.get("target") {
        None => Some(None),
        Some(value) => target(reader, value).map(Some),
    };
    let points = all_points(reader, points);
    let kind = kind?;
    Some(Some(Rubric {
        kind,
        target_ms: target?.unwrap_or(kind.default_target_ms()),
        weight: weight?,
        points: points?,
    }))
}

fn kind(reader: &mut Reader<'_>, table: &DeTable<'_>, span: &Range<usize>) -> Option<Kind> {
    const EXPECTED: &str = "\"behavioral\", \"technical\" or \"situational\"";
    let Some(value) = table.get("kind") else {
        reader.missing(
            "kind",
            "a question with points",
            EXPECTED,
            Some(span.clone()),
        );
        return None;
    };
    let kind = match value.get_ref() {
        DeValue::String(name) => Kind::parse(name),
        _ => None,
    };
    if kind.is_none() {
        reader.say(Some(value.span()), format!("`kind`: expected {EXPECTED}"));
    }
    kind
}

fn target(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<(u64, u64)> {
    let bounds = 5_000..=LIMIT_MS_MAX;
    if let DeValue::Array(ends) = value.get_ref()
        && ends.len() == 2
    {
        let from = reader.duration(&ends[0], "target", bounds.clone())?;
        let to = reader.duration(&ends[1], "target", bounds)?;
        if from < to {
            return Some((from, to));
        }
    }
    let expected =
        "`target`: expected two lengths of time, the shorter first, such as [\"60s\", \"2m\"]";
    reader.say(Some(value.span()), expected.to_owned());
    None
}

fn all_points(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Vec<Point>> {
    let DeValue::Array(array) = value.get_ref() else {
        reader.wrong_kind(value, "points", "a list, each as [[questions.points]]");
        return None;
    };
    if !(POINTS_MIN..=POINTS_MAX).contains(&array.len()) {
        let found = array.len();
        let message = format!("`points`: expected {POINTS_MIN} to {POINTS_MAX}, found {found}");
        reader.say(Some(value.span()), message);
        return None;
    }
    let mut points: Vec<Point> = Vec::new();
    let mut names = BTreeSet::new();
    for item in array.iter() {
        let DeValue::Table(table) = item.get_ref() else {
            reader.wrong_kind(
                item,
                "points",
                "a list of tables, each as [[questions.points]]",
            );
            continue;
        };
        if let Some(point) = point(reader, table, item.span()) {
            if !names.insert(point.id.clone()) {
                let at = table.get("id").map_or(item.span(), Spanned::span);
                let message = format!(
                    "the point id `{}` is used twice in this question; expected another one",
                    point.id
                );
                reader.say(Some(at), message);
                continue;
            }
            points.push(point);
        }
    }
    (points.len() == array.len()).then_some(points)
}

fn point(reader: &mut Reader<'_>, table: &DeTable<'_>, span: Range<usize>) -> Option<Point> {
    reader.check_keys(table, POINT_KEYS, POINT);
    let id = reader.text(table, "id", 40, POINT, Some(span.clone()));
    if let (Some(name), Some(value)) = (&id, table.get("id"))
        && !name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        let message =
            "`id` of a point: expected small letters, digits and -, such as \"root-cause\"";
        reader.say(Some(value.span()), message.to_owned());
        return None;
    }
    let label = reader.text(table, "label", LABEL_CHARS_MAX, POINT, Some(span.clone()));
    let weight = whole(reader, table, "weight", 1, 1..=WEIGHT_MAX);
    let near = whole(reader, table, "near", NEAR, 1..=NEAR_MAX);
    let must = match table.get("must").map(|v| (v, v.get_ref())) {
        None => Some(false),
        Some((_, DeValue::Boolean(set))) => Some(*set),
        Some((value, _)) => {
            reader.wrong_kind(value, "must", "true or false");
            None
        }
    };
    let any = match table.get("any") {
        Some(value) => ways(reader, value),
        None => {
            let expected =
                "ways of saying it, such as [[\"root cause\"], [\"why|reason\", \"~happened\"]]";
            reader.missing("any", POINT, expected, Some(span));
            None
        }
    };
    let not = match table.get("not") {
        None => Some(Vec::new()),
        Some(value) => texts(reader, value, "not"),
    };
    let ask = match table.get("ask") {
        None => Some(None),
        Some(value) => reader
            .checked_text(value, "ask", LABEL_CHARS_MAX * 2)
            .map(Some),
    };
    Some(Point {
        id: id?,
        label: label?,
        weight: weight?,
        must: must?,
        near: near?,
        any: any?,
        not: not?,
        ask: ask?,
    })
}

/// `[["a|b", "~c"], ["d"]]`: ways of groups of phrases.
fn ways(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Vec<Way>> {
    let DeValue::Array(array) = value.get_ref() else {
        reader.wrong_kind(
            value,
            "any",
            "a list of lists of texts, such as [[\"root cause\"]]",
        );
        return None;
    };
    if array.is_empty() || array.len() > ALTERNATIVES_MAX {
        let found = array.len();
        reader.say(
            Some(value.span()),
            format!("`any`: expected 1 to {ALTERNATIVES_MAX} ways, found {found}"),
        );
        return None;
    }
    let mut all = Vec::new();
    for item in array.iter() {
        let groups = texts(reader, item, "any")?;
        if groups.is_empty() || groups.len() > GROUPS_MAX {
            let found = groups.len();
            reader.say(
                Some(item.span()),
                format!("`any`: expected 1 to {GROUPS_MAX} groups in a way, found {found}"),
            );
            return None;
        }
        let mut way = Vec::new();
        for text in groups {
            let (is_context, phrases) = match text.strip_prefix('~') {
                Some(rest) => (true, rest),
                None => (false, text.as_str()),
            };
            let phrases: Vec<String> = phrases.split('|').map(|p| p.trim().to_owned()).collect();
            let ok = phrases.len() <= PHRASES_MAX
                && phrases.iter().all(|p| {
                    p.chars().any(char::is_alphanumeric) && p.chars().count() <= PHRASE_CHARS_MAX
                });
            if !ok {
                let message = format!(
                    "`any`: expected up to {PHRASES_MAX} phrases of up to {PHRASE_CHARS_MAX} characters with | between them, \
                     such as \"root cause|reason\""
                );
                reader.say(Some(item.span()), message);
                return None;
            }
            way.push(Group {
                phrases,
                is_context,
            });
        }
        all.push(Way { groups: way });
    }
    Some(all)
}

fn texts(reader: &mut Reader<'_>, value: &Value<'_>, key: &str) -> Option<Vec<String>> {
    let DeValue::Array(array) = value.get_ref() else {
        reader.wrong_kind(value, key, "a list of texts in quotes");
        return None;
    };
    if array.len() > PHRASES_MAX {
        let message = format!(
            "`{key}`: expected at most {PHRASES_MAX} texts, found {}",
            array.len()
        );
        reader.say(Some(value.span()), message);
        return None;
    }
    let chars_max = PHRASE_CHARS_MAX * PHRASES_MAX;
    let read: Vec<Option<String>> = array
        .iter()
        .map(|item| reader.checked_text(item, key, chars_max))
        .collect();
    read.into_iter().collect()
}

fn whole(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    key: &str,
    default: u32,
    bounds: std::ops::RangeInclusive<u32>,
) -> Option<u32> {
    let Some(value) = table.get(key) else {
        return Some(default);
    };
    if let DeValue::Integer(n) = value.get_ref()
        && let Ok(n) = n.as_str().parse::<u32>()
        && bounds.contains(&n)
    {
        return Some(n);
    }
    let message = format!(
        "`{key}`: expected a whole number from {} to {}",
        bounds.start(),
        bounds.end()
    );
    reader.say(Some(value.span()), message);
    None
}
