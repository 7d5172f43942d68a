//! The cue pack and the weights: data files of the crate, read once, each with its version and
//! fingerprint.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde::Deserialize;

use super::DataPart;
use super::words::{Phrase, phrases, raw_tokens, stem};
use crate::hash::hash;

const WEIGHTS_TOML: &str = include_str!("../../data/weights.toml");
const CUES_EN_TOML: &str = include_str!("../../data/cues.en.toml");

/// Weights, thresholds and bands.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Weights {
    version: String,
    pub(crate) practice: Shares,
    pub(crate) hiring: Shares,
    pub(crate) levels: LevelRules,
    pub(crate) gate: GateRules,
    pub(crate) off_topic: OffTopicRules,
    pub(crate) pace: PaceRules,
    pub(crate) fillers: FillerRules,
    pub(crate) length: LengthRules,
}

/// What counts how much.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shares {
    pub(crate) content: f64,
    pub(crate) structure: f64,
    pub(crate) delivery: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LevelRules {
    pub(crate) from: [f64; 4],
    pub(crate) missing_must_cap: u8,
    pub(crate) review_spread: u8,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GateRules {
    pub(crate) no_answer_below_ms: u64,
    pub(crate) mean_confidence_min: f64,
    pub(crate) words_cover_min: f64,
    pub(crate) gap_share_max: f64,
    pub(crate) unsure_below: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OffTopicRules {
    pub(crate) floor: f64,
    pub(crate) words_min: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PaceRules {
    pub(crate) band: [f64; 4],
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FillerRules {
    pub(crate) per_minute: [f64; 3],
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LengthRules {
    pub(crate) full_from: f64,
    pub(crate) full_to: f64,
    pub(crate) zero_from: f64,
    pub(crate) zero_below_ms: u64,
}

/// Words that show how an answer is built.
#[derive(Debug)]
pub(crate) struct Cues {
    pub(crate) parts: Vec<PartCues>,
    pub(crate) stop: BTreeSet<String>,
    pub(crate) fillers: Vec<Phrase>,
    pub(crate) soft_fillers: Vec<Phrase>,
    pub(crate) hedges: Vec<Phrase>,
    pub(crate) negations: BTreeSet<String>,
    pub(crate) not_negations: Vec<Phrase>,
    pub(crate) units: BTreeSet<String>,
    pub(crate) verbs: BTreeSet<String>,
    pub(crate) suggest: BTreeMap<String, String>,
}

/// A part of the story or of the argument.
#[derive(Debug)]
pub(crate) struct PartCues {
    pub(crate) frame: Frame,
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) weight: f64,
    pub(crate) third: Third,
    pub(crate) cues: Vec<Cue>,
}

#[derive(Debug)]
pub(crate) struct Cue {
    pub(crate) kind: String,
    pub(crate) matcher: Matcher,
}

#[derive(Debug)]
pub(crate) enum Matcher {
    Phrases(Vec<Phrase>),
    PastProgressive,
    Year,
    FirstPersonVerbs,
    NumberWithUnit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Frame {
    Star,
    Argument,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Third {
    First,
    Last,
    Any,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CueFile {
    version: String,
    #[serde(rename = "language")]
    _language: String,
    stop: String,
    fillers: String,
    soft_fillers: String,
    hedges: String,
    negations: String,
    not_negations: String,
    units: String,
    verbs: String,
    parts: Vec<PartFile>,
    suggest: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PartFile {
    frame: Frame,
    id: String,
    label: String,
    weight: f64,
    third: Third,
    cues: Vec<CueRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CueRow {
    kind: String,
    #[serde(default)]
    phrases: String,
    matcher: Option<String>,
}

struct Loaded {
    weights: Weights,
    cues: Cues,
    parts: Vec<DataPart>,
}

fn loaded() -> &'static Loaded {
    static LOADED: OnceLock<Loaded> = OnceLock::new();
    LOADED.get_or_init(|| {
        let weights: Weights =
            toml::from_str(WEIGHTS_TOML).expect("invariant: data/weights.toml is valid");
        let file: CueFile =
            toml::from_str(CUES_EN_TOML).expect("invariant: data/cues.en.toml is valid");
        let part = |name: &str, version: &str, text: &str| DataPart {
            name: name.to_owned(),
            version: version.to_owned(),
            hash: hash(text.as_bytes()),
        };
        let parts = vec![
            part("cues.en", &file.version, CUES_EN_TOML),
            part("weights", &weights.version, WEIGHTS_TOML),
        ];
        Loaded {
            weights,
            cues: cues_of(file),
            parts,
        }
    })
}

/// The weights the crate ships with.
pub(crate) fn weights() -> &'static Weights {
    &loaded().weights
}

/// The English cue pack.
pub(crate) fn cues() -> &'static Cues {
    &loaded().cues
}

/// Name, version and fingerprint of every data file.
pub(super) fn data_parts() -> Vec<DataPart> {
    loaded().parts.clone()
}

fn cues_of(file: CueFile) -> Cues {
    let words = |text: &str| {
        text.split([' ', '|'])
            .map(stem)
            .collect::<BTreeSet<String>>()
    };
    let verbs = raw_tokens(&file.verbs).into_iter().map(|t| t.raw).collect();
    Cues {
        parts: file.parts.into_iter().map(part_of).collect(),
        stop: words(&file.stop),
        fillers: phrases(&file.fillers),
        soft_fillers: phrases(&file.soft_fillers),
        hedges: phrases(&file.hedges),
        negations: words(&file.negations),
        not_negations: phrases(&file.not_negations),
        units: words(&file.units),
        verbs,
        suggest: file.suggest,
    }
}

fn part_of(part: PartFile) -> PartCues {
    let cue = |row: CueRow| Cue {
        matcher: match row.matcher.as_deref() {
            None => Matcher::Phrases(phrases(&row.phrases)),
            Some("past_progressive") => Matcher::PastProgressive,
            Some("year") => Matcher::Year,
            Some("first_person_verbs") => Matcher::FirstPersonVerbs,
            Some("number_with_unit") => Matcher::NumberWithUnit,
            Some(other) => panic!("invariant: data/cues.en.toml knows no matcher {other}"),
        },
        kind: row.kind,
    };
    PartCues {
        frame: part.frame,
        id: part.id,
        label: part.label,
        weight: part.weight,
        third: part.third,
        cues: part.cues.into_iter().map(cue).collect(),
    }
}
