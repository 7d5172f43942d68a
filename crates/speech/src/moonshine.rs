//! Moonshine tiny-en and base-en on ONNX Runtime: raw sound in, words out.
//!
//! It takes only files that [`models::verify`](crate::models::verify) has checked, because an ONNX
//! Runtime of another version aborts the process while it is loaded. One thread per model, no
//! spinning, no telemetry.
//!
//! What the model does not offer: word times are *estimated* (spread by length over the sound),
//! fillers are mostly left out. What it offers in place: per-token probabilities, from which word
//! confidences follow.

use std::borrow::Cow;
use std::sync::OnceLock;

use ort::environment::Environment;
use ort::session::{Session, SessionInputValue, SessionOutputs};
use ort::value::{DynValue, Tensor, TensorRef};
use parking_lot::Mutex;

use crate::models::{ModelFiles, Profile};
use crate::recognizer::{
    Capabilities, Recognizer, SAMPLE_RATE, SAMPLES_PER_MS, SpeechError, Transcript, WordTimes,
};
use crate::{repeats, times};

mod drafts;
mod tokenizer;

pub use drafts::Drafts;
use tokenizer::Tokenizer;

const START: i64 = 1;
const END: i64 = 2;
/// The encoder's convolutions need about 0.06 s; anything shorter holds no word anyway.
const SAMPLES_MIN: usize = 1_600;
const UTTERANCE_MS_MAX: u64 = 30_000;
/// Fast speech has about five tokens a second.
const TOKENS_PER_SECOND_MAX: f32 = 6.5;
/// Passes over a draft, each with one word more put right.
const ROUNDS: usize = 3;
/// With no more than this left of a draft, single steps are as fast as another pass.
const DRAFT_REST_MIN: usize = 6;

/// A loaded Moonshine: about 120 MB resident with tiny-en, 200 MB with base-en.
pub struct Moonshine {
    encoder: Session,
    decoder: Session,
    tokenizer: Tokenizer,
    encoder_inputs: Vec<String>,
    /// Names of the decoder's `past_key_values.*` inputs, as it lists them.
    past: Vec<Past>,
    decoder_wants_mask: bool,
    head_size: usize,
    heads: usize,
    profile: Profile,
    drafts: Drafts,
}

/// A draft as far as the model confirms it.
struct Checked {
    tokens: Vec<(u32, f32)>,
    /// What the model says after them.
    next: (u32, f32),
    /// Caches up to there.
    past: Vec<DynValue>,
}

struct Past {
    input: String,
    output: String,
    of_encoder: bool,
}

/// ONNX Runtime allows one environment per process and never unloads.
fn environment(files: &ModelFiles) -> Result<Environment, SpeechError> {
    static LOADED: OnceLock<Mutex<Option<Environment>>> = OnceLock::new();
    let mut loaded = LOADED.get_or_init(Mutex::default).lock();
    if let Some(environment) = loaded.as_ref() {
        return Ok(environment.clone());
    }
    let environment = ort::init_from(files.library())
        .map_err(load)?
        .with_name("speech")
        .with_telemetry(false)
        .build()
        .map_err(load)?;
    environment.set_log_level(ort::logging::LogLevel::Error);
    *loaded = Some(environment.clone());
    Ok(environment)
}

fn load(error: impl std::fmt::Display) -> SpeechError {
    SpeechError::Load {
        message: error.to_string(),
    }
}

fn failed(error: impl std::fmt::Display) -> SpeechError {
    SpeechError::Failed {
        message: error.to_string(),
    }
}

fn session(environment: &Environment, path: &std::path::Path) -> Result<Session, SpeechError> {
    Session::builder(environment)
        .map_err(load)?
        .with_intra_threads(1)
        .map_err(load)?
        .with_inter_threads(1)
        .map_err(load)?
        .with_intra_op_spinning(false)
        .map_err(load)?
        .with_inter_op_spinning(false)
        .map_err(load)?
        .commit_from_file(path)
        .map_err(load)
}

impl Moonshine {
    /// Loads the model (about 0.3 s). Recognizers that may be given the same utterance in turn
    /// share `drafts`.
    ///
    /// # Errors
    /// [`SpeechError::Load`] when the runtime refuses the files.
    pub fn load(files: &ModelFiles, drafts: Drafts) -> Result<Self, SpeechError> {
        let environment = environment(files)?;
        let encoder = session(&environment, files.encoder())?;
        let decoder = session(&environment, files.decoder())?;
        let bytes = std::fs::read(files.tokenizer()).map_err(load)?;
        let tokenizer =
            Tokenizer::parse(&bytes).ok_or_else(|| load("the tokenizer file is malformed"))?;
        let encoder_inputs = encoder
            .inputs()
            .iter()
            .map(|i| i.name().to_owned())
            .collect();
        let names: Vec<String> = decoder
            .inputs()
            .iter()
            .map(|i| i.name().to_owned())
            .collect();
        let past: Vec<Past> = names
            .iter()
            .filter_map(|name| {
                let rest = name.strip_prefix("past_key_values.")?;
                Some(Past {
                    input: name.clone(),
                    output: format!("present.{rest}"),
                    of_encoder: rest.contains(".encoder."),
                })
            })
            .collect();
        let layers = past
            .iter()
            .filter(|p| p.input.ends_with(".decoder.key"))
            .count();
        let (heads, head_size) = match (files.profile(), layers) {
            (Profile::TinyEn, 6) => (8, 36),
            (Profile::BaseEn, 8) => (8, 52),
            (_, other) => return Err(load(format!("a decoder with {other} layers is not known"))),
        };
        let decoder_wants_mask = names.iter().any(|n| n == "encoder_attention_mask");
        Ok(Self {
            encoder,
            decoder,
            tokenizer,
            encoder_inputs,
            past,
            decoder_wants_mask,
            head_size,
            heads,
            profile: files.profile(),
            drafts,
        })
    }

    fn encode(&mut self, samples: &[f32]) -> Result<DynValue, SpeechError> {
        let shape = [1, samples.len()];
        let mut inputs: Vec<(Cow<'_, str>, SessionInputValue<'_>)> = Vec::with_capacity(2);
        let mut names = self.encoder_inputs.iter();
        let sound = names
            .next()
            .ok_or_else(|| failed("the encoder lists no input"))?;
        let tensor = TensorRef::from_array_view((shape, samples)).map_err(failed)?;
        inputs.push((Cow::from(sound.as_str()), tensor.into()));
        if let Some(mask) = names.next() {
            let ones = Tensor::from_array((shape, vec![1i64; samples.len()])).map_err(failed)?;
            inputs.push((Cow::from(mask.as_str()), ones.into()));
        }
        let mut outputs = self.encoder.run(inputs).map_err(failed)?;
        let name = outputs.keys().next().map(str::to_owned);
        name.and_then(|name| outputs.remove(name))
            .ok_or_else(|| failed("the encoder gave no output"))
    }

    /// Greedy decoding: tokens with the log probability the model gave each.
    ///
    /// The words found in a shorter form of the same utterance are taken as a draft and checked in
    /// one pass over all of them, which costs as much as five single steps; only what follows the
    /// last confirmed token is decoded step by step. `None` once it is not wanted any more.
    fn decode(
        &mut self,
        hidden: &DynValue,
        samples: usize,
        draft: Vec<u32>,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Option<Vec<(u32, f32)>>, SpeechError> {
        let seconds = samples as f32 / SAMPLE_RATE as f32;
        let steps = (seconds * TOKENS_PER_SECOND_MAX).ceil() as usize;
        let mask = if self.decoder_wants_mask {
            Some(Tensor::from_array(([1, samples], vec![1i64; samples])).map_err(failed)?)
        } else {
            None
        };
        if !is_wanted() {
            return Ok(None);
        }
        let Checked {
            mut tokens,
            mut next,
            mut past,
        } = self.check_draft(hidden, mask.as_ref(), draft)?;
        while i64::from(next.0) != END && tokens.len() < steps {
            tokens.push(next);
            if let Some(kept) = repeats::end_of_loop(&tokens, |t| t.0) {
                tracing::debug!(kept, "a repetition loop was cut");
                tokens.truncate(kept);
                break;
            }
            if !is_wanted() {
                return Ok(None);
            }
            next = self.step(hidden, mask.as_ref(), next.0, &mut past)?;
        }
        tokens.truncate(steps);
        Ok(Some(tokens))
    }

    /// Confirms as much of `draft` as the model itself would say, after at most [`ROUNDS`] passes.
    fn check_draft(
        &mut self,
        hidden: &DynValue,
        mask: Option<&Tensor<i64>>,
        mut draft: Vec<u32>,
    ) -> Result<Checked, SpeechError> {
        let empty = self.empty_past()?;
        for round in 1.. {
            let ids: Vec<i64> = std::iter::once(START)
                .chain(draft.iter().map(|&t| i64::from(t)))
                .collect();
            let count = ids.len();
            let inputs = inputs(&self.past, hidden, mask, ids, false, &empty)?;
            let mut outputs = self.decoder.run(inputs).map_err(failed)?;
            let said = said(&outputs, count)?;
            let agreed = draft
                .iter()
                .zip(&said)
                .take_while(|(d, s)| **d == s.0)
                .count();
            let is_substitution = draft.len() > agreed + DRAFT_REST_MIN;
            if is_substitution && round < ROUNDS && i64::from(said[agreed].0) != END {
                draft[agreed] = said[agreed].0;
                continue;
            }
            let past = self
                .past
                .iter()
                .map(|slot| {
                    let value = outputs.remove(&slot.output).ok_or_else(missing_cache)?;
                    if slot.of_encoder || agreed + 1 == count {
                        Ok(value)
                    } else {
                        shortened(&value, agreed + 1)
                    }
                })
                .collect::<Result<Vec<_>, _>>()?;
            let tokens = said[..agreed].to_vec();
            return Ok(Checked {
                tokens,
                next: said[agreed],
                past,
            });
        }
        unreachable!("the last round returns")
    }

    /// One step with caches: the token after `last`.
    fn step(
        &mut self,
        hidden: &DynValue,
        mask: Option<&Tensor<i64>>,
        last: u32,
        past: &mut [DynValue],
    ) -> Result<(u32, f32), SpeechError> {
        let inputs = inputs(&self.past, hidden, mask, vec![i64::from(last)], true, past)?;
        let mut outputs = self.decoder.run(inputs).map_err(failed)?;
        let next = said(&outputs, 1)?[0];
        for (slot, value) in self
            .past
            .iter()
            .zip(past)
            .filter(|(slot, _)| !slot.of_encoder)
        {
            *value = outputs.remove(&slot.output).ok_or_else(missing_cache)?;
        }
        Ok(next)
    }

    fn empty_past(&self) -> Result<Vec<DynValue>, SpeechError> {
        self.past
            .iter()
            .map(|_| {
                let shape = [1, self.heads, 1, self.head_size];
                Tensor::from_array((shape, vec![0f32; self.heads * self.head_size]))
                    .map(|tensor| tensor.into_dyn())
                    .map_err(failed)
            })
            .collect()
    }
}

fn missing_cache() -> SpeechError {
    failed("the decoder left out a cache")
}

type Inputs<'v> = Vec<(Cow<'v, str>, SessionInputValue<'v>)>;

fn inputs<'v>(
    slots: &'v [Past],
    hidden: &'v DynValue,
    mask: Option<&'v Tensor<i64>>,
    ids: Vec<i64>,
    is_cached: bool,
    past: &'v [DynValue],
) -> Result<Inputs<'v>, SpeechError> {
    let mut inputs: Inputs<'v> = Vec::with_capacity(past.len() + 4);
    let ids = Tensor::from_array(([1, ids.len()], ids)).map_err(failed)?;
    let branch = Tensor::from_array(([1usize], vec![is_cached])).map_err(failed)?;
    inputs.push(("input_ids".into(), ids.into()));
    inputs.push(("encoder_hidden_states".into(), hidden.into()));
    inputs.push(("use_cache_branch".into(), branch.into()));
    if let Some(mask) = mask {
        inputs.push(("encoder_attention_mask".into(), mask.into()));
    }
    for (slot, value) in slots.iter().zip(past) {
        inputs.push((slot.input.as_str().into(), value.into()));
    }
    Ok(inputs)
}

/// What the model says after each of the `count` tokens it was given.
fn said(outputs: &SessionOutputs<'_>, count: usize) -> Result<Vec<(u32, f32)>, SpeechError> {
    let logits = outputs
        .get("logits")
        .ok_or_else(|| failed("the decoder gave no logits"))?;
    let (_, logits) = logits.try_extract_tensor::<f32>().map_err(failed)?;
    let width = logits.len() / count;
    if width == 0 || logits.len() != width * count {
        return Err(failed("the logits have an unknown shape"));
    }
    let said: Option<Vec<_>> = logits.chunks_exact(width).map(best).collect();
    said.ok_or_else(|| failed("the logits are not numbers"))
}

/// The first `length` positions of a cache `[1, heads, positions, size]`.
fn shortened(cache: &DynValue, length: usize) -> Result<DynValue, SpeechError> {
    let (shape, data) = cache.try_extract_tensor::<f32>().map_err(failed)?;
    let sizes: Vec<usize> = shape
        .iter()
        .filter_map(|&n| usize::try_from(n).ok())
        .collect();
    let [1, heads, positions, size] = sizes[..] else {
        return Err(failed("a cache has an unknown shape"));
    };
    let kept: Vec<f32> = data
        .chunks_exact(positions * size)
        .flat_map(|head| &head[..length.min(positions) * size])
        .copied()
        .collect();
    let tensor = Tensor::from_array(([1, heads, length, size], kept)).map_err(failed)?;
    Ok(tensor.into_dyn())
}

/// The likeliest token and the logarithm of its probability.
fn best(logits: &[f32]) -> Option<(u32, f32)> {
    // Lanes let the compiler take many at a time; this runs over 32768 values for every token.
    const LANES: usize = 16;
    // What is e^-16 less likely than the best adds nothing that is seen.
    const NEGLIGIBLE: f32 = 16.0;
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = logits.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = if value > *lane { value } else { *lane };
        }
    }
    let top = lanes
        .iter()
        .chain(rest)
        .copied()
        .fold(f32::NEG_INFINITY, f32::max);
    let index = logits.iter().position(|&value| value == top)?;
    let likely = logits.iter().filter(|&&value| value > top - NEGLIGIBLE);
    let total: f32 = likely.map(|&value| (value - top).exp()).sum();
    Some((u32::try_from(index).ok()?, -total.ln()))
}

impl Recognizer for Moonshine {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: format!("moonshine-{}", self.profile.as_str()),
            version: self.profile.manifest().package,
            word_times: WordTimes::Estimated,
            confidence: true,
            fillers: false,
            languages: vec!["en".to_owned()],
            utterance_ms_max: UTTERANCE_MS_MAX,
        }
    }

    fn transcribe(&mut self, samples: &[f32]) -> Result<Transcript, SpeechError> {
        Ok(self
            .transcribe_while(samples, &|| true)?
            .unwrap_or_default())
    }

    fn transcribe_while(
        &mut self,
        samples: &[f32],
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Option<Transcript>, SpeechError> {
        let ms = (samples.len() / SAMPLES_PER_MS) as u64;
        if ms > UTTERANCE_MS_MAX {
            return Err(SpeechError::TooLong {
                ms,
                max_ms: UTTERANCE_MS_MAX,
            });
        }
        if samples.len() < SAMPLES_MIN {
            return Ok(Some(Transcript::default()));
        }
        let hidden = self.encode(samples)?;
        let key = Drafts::key(samples);
        let draft = self.drafts.get(key);
        let Some(tokens) = self.decode(&hidden, samples.len(), draft, is_wanted)? else {
            return Ok(None);
        };
        self.drafts.put(key, tokens.iter().map(|t| t.0).collect());
        let words = self.tokenizer.words(&tokens);
        let words = words.into_iter().map(|w| (w.text, w.confidence)).collect();
        Ok(Some(Transcript::from_words(times::spread(
            words,
            &[(0, ms)],
        ))))
    }
}

#[cfg(test)]
mod tests {
    use super::best;

    #[test]
    fn the_best_token_is_the_first_of_the_largest_with_its_softmax_probability() {
        let mut logits = vec![-30.0; 100];
        logits[97] = 2.0;
        logits[40] = 2.0;
        let (token, log_probability) = best(&logits).unwrap();
        assert_eq!(token, 40);
        assert!((log_probability.exp() - 0.5).abs() < 1e-4);
        assert_eq!(best(&[1.0]).unwrap(), (0, 0.0));
        assert!(best(&[]).is_none());
        assert!(best(&[f32::NAN; 20]).is_none());
    }
}
