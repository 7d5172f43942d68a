//! Where speech starts and ends: frames in, cues out.
//!
//! Pure: no clock, no thread, no recognizer. All times are stream audio time, counted in samples.
//! Live streams and whole recordings go through the same code.
//!
//! **Invariants**: utterances of one stream never overlap and come in order; each holds voice;
//! none is longer than [`EndpointConfig::utterance_ms_max`]; what is kept in idle is bounded by the
//! pre-roll.

use std::collections::VecDeque;

use crate::recognizer::SAMPLES_PER_MS;
use crate::vad::{FRAME, VoiceDetector};

#[cfg(test)]
mod tests;

const FRAME_MS: u64 = (FRAME / SAMPLES_PER_MS) as u64;
/// Window whose energy decides where a forced cut falls.
const CUT_WINDOW_MS: u64 = 200;
/// How far before the detector's first frame a voice is looked for.
const LATE_MS: u64 = 400;
/// Sound taken along before a voice that began so much earlier.
const LEAD_MS: u64 = 100;
/// Weak frames in a row that do not yet separate a beginning from its voice: a closed consonant.
const WEAK_FRAMES: u32 = 3;
/// What is left of the loudest frame's level after each further frame.
const PEAK_FADING: f32 = 0.995;
/// How fast the room's level may rise, each frame: 3 dB in 5 s.
const FLOOR_RISING: f32 = 1.0011;
/// A sound that began with a voice has told nothing of its room: nothing above this share of the
/// loudest frame is taken for it.
const ROOM_MOST: f32 = 0.2;
/// Digital silence is no room.
const FLOOR_MIN: f32 = 1e-4;

/// When speech starts, ends and is shown. Defaults are measured; see the field of each.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointConfig {
    /// Score a frame needs to open an utterance. 0.7 ignores more key clicks, 0.5 opens sooner.
    pub start_score: f32,
    /// Frames in a row that need it.
    pub start_frames: u32,
    /// Score below which a frame counts as silence once speech runs.
    pub end_score: f32,
    /// Silence that ends an utterance, in milliseconds.
    pub end_silence_ms: u64,
    /// A frame this much weaker than the utterance's loudest of late is quiet, whatever its score:
    /// the detector goes on hearing voice for up to 0.3 s while a room falls silent.
    pub quiet_level: f32,
    /// So is one no louder than this many times the room itself: where little lies between a weak
    /// voice and the room, the loudest frame says nothing.
    pub quiet_floor: f32,
    /// How much of that quiet may count as silence before the detector agrees, in milliseconds.
    /// More ends utterances sooner and splits them at shorter pauses, which costs words.
    pub quiet_credit_ms: u64,
    /// Sound taken along from before the first frame scored as voice, in milliseconds; a little
    /// more when the voice was there before the detector noticed.
    pub pre_roll_ms: u64,
    /// Sound taken along after the last voiced frame, in milliseconds.
    pub tail_ms: u64,
    /// Longest utterance; a longer one is cut at its quietest place.
    pub utterance_ms_max: u64,
    /// First interim words are asked for this long after the voice began. `None`: no interim words.
    pub first_partial_ms: Option<u64>,
    /// Further interim words are asked for at this distance, in milliseconds, or at a tenth of the
    /// utterance's length when that is more.
    pub partial_every_ms: u64,
    /// Silence after which the utterance is recognized in the hope that it is over. `None`: only
    /// when it is over. At least [`tail_ms`](Self::tail_ms).
    pub speculative_ms: Option<u64>,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self {
            start_score: 0.5,
            start_frames: 4,
            end_score: 0.35,
            end_silence_ms: 500,
            quiet_level: 0.05,
            quiet_floor: 2.5,
            quiet_credit_ms: 90,
            pre_roll_ms: 400,
            tail_ms: 150,
            utterance_ms_max: 15_000,
            first_partial_ms: Some(500),
            partial_every_ms: 700,
            speculative_ms: Some(250),
        }
    }
}

impl EndpointConfig {
    /// The same ends, without interim or speculative cues: for recordings.
    #[must_use]
    pub fn finals_only(&self) -> Self {
        Self {
            first_partial_ms: None,
            speculative_ms: None,
            ..self.clone()
        }
    }

    /// Every rule the numbers break, as sentences; empty when all is well.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut rule = |holds: bool, text: &str| {
            if !holds {
                problems.push(text.to_owned());
            }
        };
        let score = |s: f32| s > 0.0 && s < 1.0;
        rule(
            score(self.start_score) && score(self.end_score),
            "scores lie between 0 and 1",
        );
        rule(
            (0.0..=0.5).contains(&self.quiet_level)
                && self.quiet_credit_ms + 100 <= self.end_silence_ms,
            "quiet_level lies between 0 and 0.5, quiet_credit_ms 100 below end_silence_ms",
        );
        rule(
            (0.0..=6.0).contains(&self.quiet_floor),
            "quiet_floor lies between 0 and 6",
        );
        rule(
            self.end_score <= self.start_score,
            "end_score must not be above start_score",
        );
        rule(
            (1..=60).contains(&self.start_frames),
            "start_frames lies between 1 and 60",
        );
        rule(
            (100..=5_000).contains(&self.end_silence_ms),
            "end_silence_ms lies between 100 and 5000",
        );
        rule(
            self.tail_ms <= self.end_silence_ms,
            "tail_ms must not be above end_silence_ms",
        );
        rule(
            self.pre_roll_ms <= 2_000,
            "pre_roll_ms must not be above 2000",
        );
        rule(
            (2_000..=28_000).contains(&self.utterance_ms_max),
            "utterance_ms_max lies between 2000 and 28000",
        );
        rule(
            self.partial_every_ms >= 100,
            "partial_every_ms must be at least 100",
        );
        rule(
            self.speculative_ms
                .is_none_or(|ms| ms >= self.tail_ms && ms < self.end_silence_ms),
            "speculative_ms lies between tail_ms and end_silence_ms",
        );
        problems
    }
}

/// One stretch of speech with its sound.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Utterance {
    /// Counts from 1 within the stream.
    pub id: u64,
    /// Stream audio time of the first sample.
    pub start_ms: u64,
    /// Stream audio time after the last sample.
    pub end_ms: u64,
    /// Stretches with voice, in stream audio time, in order, at least one.
    pub voiced: Vec<(u64, u64)>,
    /// Mono, 16 kHz.
    pub samples: Vec<f32>,
    /// Whether it was cut because it grew too long: the sentence goes on in the next one.
    pub is_cut: bool,
}

impl Utterance {
    /// Milliseconds with voice in them.
    #[must_use]
    pub fn voiced_ms(&self) -> u64 {
        self.voiced.iter().map(|(from, to)| to - from).sum()
    }
}

/// What the endpointer noticed.
#[derive(Debug, Clone, PartialEq)]
pub enum Cue {
    /// An utterance began; its voice starts at `voice_ms`.
    Started {
        /// Of the utterance.
        id: u64,
        /// Stream audio time at which the voice began.
        voice_ms: u64,
    },
    /// Time to show interim words for the utterance so far.
    Interim(Utterance),
    /// It may be over; this is what the final would hold.
    Pausing(Utterance),
    /// It was not over: forget the last `Pausing`.
    Resumed {
        /// Of the utterance.
        id: u64,
    },
    /// It is over.
    Ended {
        /// All of it.
        utterance: Utterance,
        /// It is the very one of the last `Pausing`.
        was_pausing: bool,
    },
}

/// Finds the utterances of one stream.
pub struct Endpointer<V> {
    config: EndpointConfig,
    detector: V,
    /// Stream audio time of sample 0, in milliseconds.
    base_ms: u64,
    /// Samples scored since the base.
    position: u64,
    /// Samples that do not fill a frame yet.
    partial_frame: Vec<f32>,
    /// Idle sound kept for the next pre-roll; its end is `position`.
    history: VecDeque<f32>,
    run: u32,
    active: Option<Active>,
    next_id: u64,
    voiced_samples: u64,
    /// Weakest frame, rising slowly: the room.
    floor: f32,
}

struct Active {
    id: u64,
    start: u64,
    samples: Vec<f32>,
    voiced: Vec<(u64, u64)>,
    silence: u64,
    /// How long frames have been weak, in milliseconds.
    quiet: u64,
    /// Loudest frame, fading by about 3 dB a second.
    peak: f32,
    next_interim: Option<u64>,
    shown_until: u64,
    is_pausing: bool,
}

impl Active {
    /// Silence so far: as the detector has it, or a little more when the room is quiet already.
    fn pause(&self, config: &EndpointConfig) -> u64 {
        self.silence
            .max(self.quiet.min(self.silence + config.quiet_credit_ms))
    }

    fn voice_end(&self) -> u64 {
        self.voiced.last().map_or(self.start, |span| span.1)
    }

    fn mark_voiced(&mut self, from: u64, to: u64) {
        match self.voiced.last_mut() {
            Some(span) if span.1 == from => span.1 = to,
            _ => self.voiced.push((from, to)),
        }
    }
}

fn samples_of(ms: u64) -> u64 {
    ms * SAMPLES_PER_MS as u64
}

impl<V: VoiceDetector> Endpointer<V> {
    /// An endpointer for a stream whose first sample has stream audio time `base_ms`.
    pub fn new(config: EndpointConfig, detector: V, base_ms: u64) -> Self {
        Self {
            config,
            detector,
            base_ms,
            position: 0,
            partial_frame: Vec::with_capacity(FRAME),
            history: VecDeque::new(),
            run: 0,
            active: None,
            next_id: 1,
            voiced_samples: 0,
            floor: f32::INFINITY,
        }
    }

    /// Stream audio time reached, in milliseconds.
    pub fn position_ms(&self) -> u64 {
        self.to_ms(self.position + self.partial_frame.len() as u64)
    }

    /// Voice heard so far, in milliseconds.
    pub fn voiced_ms(&self) -> u64 {
        self.voiced_samples / SAMPLES_PER_MS as u64
    }

    /// Whether an utterance runs.
    pub fn is_speaking(&self) -> bool {
        self.active.is_some()
    }

    /// Takes samples (mono, 16 kHz) and appends what was noticed to `cues`.
    pub fn push(&mut self, samples: &[f32], cues: &mut Vec<Cue>) {
        let mut rest = samples;
        while self.partial_frame.len() + rest.len() >= FRAME {
            let (head, tail) = rest.split_at(FRAME - self.partial_frame.len());
            rest = tail;
            let mut frame = [0.0; FRAME];
            let (kept, fresh) = frame.split_at_mut(self.partial_frame.len());
            kept.copy_from_slice(&self.partial_frame);
            fresh.copy_from_slice(head);
            self.partial_frame.clear();
            self.frame(&frame, cues);
        }
        self.partial_frame.extend_from_slice(rest);
    }

    /// Ends a running utterance and goes on at stream audio time `ms`, as after lost sound.
    pub fn skip_to(&mut self, ms: u64, cues: &mut Vec<Cue>) {
        self.finish(cues);
        self.base_ms = ms.max(self.position_ms());
        self.position = 0;
        self.history.clear();
        self.detector.reset();
    }

    /// Ends a running utterance; the sound is over.
    pub fn finish(&mut self, cues: &mut Vec<Cue>) {
        let rest = std::mem::take(&mut self.partial_frame);
        self.position += rest.len() as u64;
        self.run = 0;
        if let Some(active) = &mut self.active {
            active.samples.extend_from_slice(&rest);
            self.end(cues);
        }
    }

    fn to_ms(&self, sample: u64) -> u64 {
        self.base_ms + sample / SAMPLES_PER_MS as u64
    }

    fn frame(&mut self, frame: &[f32; FRAME], cues: &mut Vec<Cue>) {
        let score = self.detector.score(frame);
        let from = self.position;
        self.position += FRAME as u64;
        if self.active.is_some() {
            self.speaking(frame, from, score, cues);
        } else {
            self.idle(frame, score, cues);
        }
    }

    fn idle(&mut self, frame: &[f32; FRAME], score: f32, cues: &mut Vec<Cue>) {
        self.history.extend(frame);
        self.floor = (self.floor * FLOOR_RISING).min(level(frame).max(FLOOR_MIN));
        self.run = if score >= self.config.start_score {
            self.run + 1
        } else {
            0
        };
        let run_samples = u64::from(self.run) * FRAME as u64;
        if self.run < self.config.start_frames {
            let keep = self.idle_samples() + run_samples;
            let surplus = self
                .history
                .len()
                .saturating_sub(usize::try_from(keep).unwrap_or(0));
            self.history.drain(..surplus);
            return;
        }
        self.run = 0;
        let available = self.position - self.history.len() as u64;
        let detected = self.position - run_samples;
        let voice = detected - self.late_by(run_samples);
        let start = detected
            .saturating_sub(samples_of(self.config.pre_roll_ms))
            .min(voice.saturating_sub(samples_of(LEAD_MS)))
            .max(available);
        let peak = self
            .history
            .iter()
            .copied()
            .collect::<Vec<f32>>()
            .rchunks_exact(FRAME)
            .take(self.config.start_frames as usize)
            .map(level)
            .fold(0.0, f32::max);
        let skip = usize::try_from(start - available).unwrap_or(0);
        let samples: Vec<f32> = self.history.drain(..).skip(skip).collect();
        let id = self.next_id;
        self.next_id += 1;
        self.voiced_samples += self.position - voice;
        self.active = Some(Active {
            id,
            start,
            samples,
            voiced: vec![(voice, self.position)],
            silence: 0,
            quiet: 0,
            peak,
            next_interim: self
                .config
                .first_partial_ms
                .map(|ms| voice + samples_of(ms)),
            shown_until: 0,
            is_pausing: false,
        });
        cues.push(Cue::Started {
            id,
            voice_ms: self.to_ms(voice),
        });
    }

    /// Sound kept while nobody speaks, for the beginning of the next utterance.
    fn idle_samples(&self) -> u64 {
        samples_of(self.config.pre_roll_ms.max(LATE_MS) + LEAD_MS)
    }

    /// How many samples before the detected run the voice began, judged by loudness. The detector
    /// needs some 0.3 s of speech before it is sure.
    fn late_by(&self, run_samples: u64) -> u64 {
        let history: Vec<f32> = self.history.iter().copied().collect();
        let run = usize::try_from(run_samples).unwrap_or(0).min(history.len());
        let (before, run) = history.split_at(history.len() - run);
        let levels: Vec<f32> = before.rchunks_exact(FRAME).map(level).collect();
        let floor = levels.iter().copied().fold(f32::INFINITY, f32::min);
        // 20 dB below the voice and clearly above the room.
        let threshold = (level(run) * 0.1).max(floor * 2.0);
        let mut weak = 0;
        let mut late = 0;
        let frames = usize::try_from(LATE_MS / FRAME_MS).unwrap_or(0);
        for (index, &level) in levels.iter().take(frames).enumerate() {
            weak = if level > threshold { 0 } else { weak + 1 };
            if weak > WEAK_FRAMES {
                break;
            }
            if weak == 0 {
                late = index as u64 + 1;
            }
        }
        late * FRAME as u64
    }

    fn speaking(&mut self, frame: &[f32; FRAME], from: u64, score: f32, cues: &mut Vec<Cue>) {
        let Some(active) = &mut self.active else {
            return;
        };
        active.samples.extend_from_slice(frame);
        let level = level(frame);
        active.peak = (active.peak * PEAK_FADING).max(level);
        self.floor = (self.floor * FLOOR_RISING).min(level.max(FLOOR_MIN));
        let room = (self.floor * self.config.quiet_floor).min(active.peak * ROOM_MOST);
        active.quiet = if level < room.max(active.peak * self.config.quiet_level) {
            active.quiet + FRAME_MS
        } else {
            0
        };
        if score >= self.config.end_score {
            active.mark_voiced(from, self.position);
            active.silence = 0;
            self.voiced_samples += FRAME as u64;
            if std::mem::take(&mut active.is_pausing) {
                cues.push(Cue::Resumed { id: active.id });
            }
        } else {
            active.silence += FRAME_MS;
        }
        if active.pause(&self.config) >= self.config.end_silence_ms {
            self.end(cues);
        } else if active.samples.len() as u64 >= samples_of(self.config.utterance_ms_max) {
            self.cut(cues);
        } else {
            self.show(cues);
        }
    }

    /// Asks for interim or speculative words when their time has come.
    fn show(&mut self, cues: &mut Vec<Cue>) {
        let config = &self.config;
        let Some(active) = &mut self.active else {
            return;
        };
        // The sound offered now has to be the very sound that ends: its tail must be there.
        let may_be_over = |ms| active.pause(config) >= ms && active.silence >= config.tail_ms;
        if !active.is_pausing && config.speculative_ms.is_some_and(may_be_over) {
            active.is_pausing = true;
            active.shown_until = active.voice_end();
            let utterance = self.snapshot(false);
            cues.extend(utterance.map(Cue::Pausing));
            return;
        }
        let is_due = active.next_interim.is_some_and(|at| self.position >= at);
        if is_due && active.voice_end() > active.shown_until {
            active.shown_until = active.voice_end();
            // A long utterance costs more each time and changes less.
            let tenth = active.samples.len() as u64 / 10;
            let distance = samples_of(config.partial_every_ms).max(tenth);
            active.next_interim = Some(self.position + distance);
            let utterance = self.snapshot(false);
            cues.extend(utterance.map(Cue::Interim));
        }
    }

    /// The running utterance, from its start to a little after its last voice.
    fn snapshot(&self, is_cut: bool) -> Option<Utterance> {
        let active = self.active.as_ref()?;
        let available = active.start + active.samples.len() as u64;
        let end = if is_cut {
            available
        } else {
            (active.voice_end() + samples_of(self.config.tail_ms)).min(available)
        };
        let length = usize::try_from(end - active.start).unwrap_or(0);
        Some(Utterance {
            id: active.id,
            start_ms: self.to_ms(active.start),
            end_ms: self.to_ms(end),
            voiced: active
                .voiced
                .iter()
                .map(|&(a, b)| (self.to_ms(a), self.to_ms(b)))
                .collect(),
            samples: active.samples[..length].to_vec(),
            is_cut,
        })
    }

    fn end(&mut self, cues: &mut Vec<Cue>) {
        let Some(utterance) = self.snapshot(false) else {
            return;
        };
        let Some(mut active) = self.active.take() else {
            return;
        };
        // What follows the utterance may be the beginning of the next one.
        let used = utterance.samples.len();
        let keep = usize::try_from(self.idle_samples()).unwrap_or(0);
        let from = used.max(active.samples.len().saturating_sub(keep));
        self.history = active.samples.drain(from..).collect();
        cues.push(Cue::Ended {
            utterance,
            was_pausing: active.is_pausing,
        });
    }

    /// Ends an utterance that grew too long at its quietest place and goes on with the rest.
    fn cut(&mut self, cues: &mut Vec<Cue>) {
        let Some(mut active) = self.active.take() else {
            return;
        };
        let at = quietest(&active.samples);
        let rest_samples = active.samples.split_off(at);
        let border = active.start + at as u64;
        let rest_voiced: Vec<(u64, u64)> = active
            .voiced
            .iter()
            .filter(|span| span.1 > border)
            .map(|span| (span.0.max(border), span.1))
            .collect();
        active.voiced.retain(|span| span.0 < border);
        if let Some(last) = active.voiced.last_mut() {
            last.1 = last.1.min(border);
        }
        let rest = Active {
            id: self.next_id,
            start: border,
            samples: rest_samples,
            voiced: rest_voiced,
            silence: active.silence,
            quiet: active.quiet,
            peak: active.peak,
            next_interim: active.next_interim.map(|_| self.position),
            shown_until: 0,
            is_pausing: false,
        };
        if active.voiced.is_empty() {
            // A stretch without voice is nobody's utterance; the rest keeps the number.
            self.active = Some(Active {
                id: active.id,
                ..rest
            });
            return;
        }
        self.active = Some(active);
        let utterance = self.snapshot(true);
        self.active = None;
        cues.extend(utterance.map(|utterance| Cue::Ended {
            utterance,
            was_pausing: false,
        }));
        if rest.voiced.is_empty() {
            self.history = rest.samples.into();
            return;
        }
        self.next_id += 1;
        cues.push(Cue::Started {
            id: rest.id,
            voice_ms: self.to_ms(rest.voiced[0].0),
        });
        self.active = Some(rest);
    }
}

/// Root mean square.
fn level(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}

/// Middle of the quietest 200 ms in the later half of `samples`.
fn quietest(samples: &[f32]) -> usize {
    let window = usize::try_from(samples_of(CUT_WINDOW_MS)).unwrap_or(1);
    let first = samples.len() / 2;
    let Some(last) = samples
        .len()
        .checked_sub(window)
        .filter(|&last| last > first)
    else {
        return samples.len();
    };
    let energy = |from: usize| -> f64 {
        samples[from..from + window]
            .iter()
            .map(|s| f64::from(*s) * f64::from(*s))
            .sum()
    };
    let mut current = energy(first);
    let mut best = (current, first);
    for from in first + 1..=last {
        let gone = f64::from(samples[from - 1]);
        let come = f64::from(samples[from + window - 1]);
        current += come * come - gone * gone;
        if current < best.0 {
            best = (current, from);
        }
    }
    best.1 + window / 2
}
