//! Moonshine tiny-en on ONNX Runtime: raw sound in, words out.
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
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Tensor, TensorRef};
use parking_lot::Mutex;

use crate::models::ModelFiles;
use crate::recognizer::{
    Capabilities, Recognizer, SAMPLE_RATE, SAMPLES_PER_MS, SpeechError, Transcript, WordTimes,
};
use crate::{repeats, times};

mod tokenizer;

use tokenizer::Tokenizer;

const START: i64 = 1;
const END: i64 = 2;
/// The encoder's convolutions need about 0.06 s; anything shorter holds no word anyway.
const SAMPLES_MIN: usize = 1_600;
const UTTERANCE_MS_MAX: u64 = 30_000;
/// Fast speech has about five tokens a second.
const TOKENS_PER_SECOND_MAX: f32 = 6.5;

/// A loaded Moonshine tiny-en: about 120 MB resident.
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
    /// Loads the model (about 0.3 s).
    ///
    /// # Errors
    /// [`SpeechError::Load`] when the runtime refuses the files.
    pub fn load(files: &ModelFiles) -> Result<Self, SpeechError> {
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
        let (heads, head_size) = match layers {
            6 => (8, 36),
            8 => (8, 52),
            other => return Err(load(format!("a decoder with {other} layers is not known"))),
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
    fn decode(
        &mut self,
        hidden: &DynValue,
        samples: usize,
    ) -> Result<Vec<(u32, f32)>, SpeechError> {
        let seconds = samples as f32 / SAMPLE_RATE as f32;
        let steps = (seconds * TOKENS_PER_SECOND_MAX).ceil() as usize;
        let mask = if self.decoder_wants_mask {
            Some(Tensor::from_array(([1, samples], vec![1i64; samples])).map_err(failed)?)
        } else {
            None
        };
        let mut past = self.empty_past()?;
        let mut tokens: Vec<(u32, f32)> = Vec::with_capacity(steps);
        let mut last = START;
        for step in 0..steps {
            let cached = step > 0;
            let mut inputs: Vec<(Cow<'_, str>, SessionInputValue<'_>)> =
                Vec::with_capacity(past.len() + 4);
            let ids = Tensor::from_array(([1usize, 1], vec![last])).map_err(failed)?;
            let branch = Tensor::from_array(([1usize], vec![cached])).map_err(failed)?;
            inputs.push(("input_ids".into(), ids.into()));
            inputs.push(("encoder_hidden_states".into(), hidden.into()));
            inputs.push(("use_cache_branch".into(), branch.into()));
            if let Some(mask) = &mask {
                inputs.push(("encoder_attention_mask".into(), mask.into()));
            }
            for (slot, value) in self.past.iter().zip(&past) {
                inputs.push((slot.input.as_str().into(), value.into()));
            }
            let mut outputs = self.decoder.run(inputs).map_err(failed)?;
            let logits = outputs.get("logits").ok_or_else(|| failed("no logits"))?;
            let (_, logits) = logits.try_extract_tensor::<f32>().map_err(failed)?;
            let (token, log_probability) =
                best(logits).ok_or_else(|| failed("the logits are empty"))?;
            for (slot, value) in self.past.iter().zip(past.iter_mut()) {
                if !slot.of_encoder || !cached {
                    *value = outputs
                        .remove(&slot.output)
                        .ok_or_else(|| failed("the decoder left out a cache"))?;
                }
            }
            if i64::from(token) == END {
                break;
            }
            tokens.push((token, log_probability));
            last = i64::from(token);
            if let Some(kept) = repeats::end_of_loop(&tokens, |t| t.0) {
                tracing::debug!(kept, "a repetition loop was cut");
                tokens.truncate(kept);
                break;
            }
        }
        Ok(tokens)
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

/// The likeliest token and the logarithm of its probability.
fn best(logits: &[f32]) -> Option<(u32, f32)> {
    let (index, top) = logits
        .iter()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(b.1))
        .map(|(i, &v)| (i, v))?;
    let total: f32 = logits.iter().map(|&v| (v - top).exp()).sum();
    Some((u32::try_from(index).ok()?, -total.ln()))
}

impl Recognizer for Moonshine {
    fn capabilities(&self) -> Capabilities {
        let size = if self.head_size == 36 { "tiny" } else { "base" };
        Capabilities {
            name: format!("moonshine-{size}-en"),
            version: crate::models::manifest().package,
            word_times: WordTimes::Estimated,
            confidence: true,
            fillers: false,
            languages: vec!["en".to_owned()],
            utterance_ms_max: UTTERANCE_MS_MAX,
        }
    }

    fn transcribe(&mut self, samples: &[f32]) -> Result<Transcript, SpeechError> {
        let ms = (samples.len() / SAMPLES_PER_MS) as u64;
        if ms > UTTERANCE_MS_MAX {
            return Err(SpeechError::TooLong {
                ms,
                max_ms: UTTERANCE_MS_MAX,
            });
        }
        if samples.len() < SAMPLES_MIN {
            return Ok(Transcript::default());
        }
        let hidden = self.encode(samples)?;
        let tokens = self.decode(&hidden, samples.len())?;
        let words = self.tokenizer.words(&tokens);
        let words = words.into_iter().map(|w| (w.text, w.confidence)).collect();
        Ok(Transcript::from_words(times::spread(words, &[(0, ms)])))
    }
}
