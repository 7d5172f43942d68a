//! Any rate from 8 to 48 kHz to 16 kHz, chunk after chunk without a seam.
//!
//! A windowed-sinc filter at any ratio; the filter's delay is taken out, so that time in is time
//! out. At 16 kHz samples pass through untouched.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Indexing, Resampler as _, SincInterpolationParameters, WindowFunction,
};

use crate::format::{AudioError, check_sample_rate};
use crate::recognizer::SAMPLE_RATE;

/// Filter length in input samples: 2.7 ms at 48 kHz, 16 ms at 8 kHz.
const FILTER_LENGTH: usize = 128;

/// The resampler of one stream.
pub struct Resampler {
    filter: Option<Filter>,
}

struct Filter {
    inner: Async<f32>,
    ratio: f64,
    waiting: Vec<f32>,
    scratch: Vec<f32>,
    delay_left: usize,
    taken: u64,
    given: u64,
}

impl Resampler {
    /// A resampler from `sample_rate` hertz.
    ///
    /// # Errors
    /// [`AudioError::UnsupportedSampleRate`] outside 8–48 kHz.
    pub fn new(sample_rate: u32) -> Result<Self, AudioError> {
        let rate = check_sample_rate(sample_rate)?;
        if rate == SAMPLE_RATE {
            return Ok(Self { filter: None });
        }
        let ratio = f64::from(SAMPLE_RATE) / f64::from(rate);
        let parameters =
            SincInterpolationParameters::new(FILTER_LENGTH, WindowFunction::BlackmanHarris2);
        let chunk = (rate / 100) as usize;
        let inner = Async::new_sinc(ratio, 1.0, &parameters, chunk, 1, FixedAsync::Input)
            .map_err(|_| AudioError::UnsupportedSampleRate { rate })?;
        let scratch = vec![0.0; inner.output_frames_max()];
        let delay_left = inner.output_delay();
        Ok(Self {
            filter: Some(Filter {
                inner,
                ratio,
                waiting: Vec::new(),
                scratch,
                delay_left,
                taken: 0,
                given: 0,
            }),
        })
    }

    /// Appends what `samples` give at 16 kHz to `out`. Up to about 20 ms stay inside until more
    /// comes or [`finish`](Self::finish) is called.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        match &mut self.filter {
            None => out.extend_from_slice(samples),
            Some(filter) => filter.push(samples, out),
        }
    }

    /// Appends what is still inside. The resampler must not be fed again.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        if let Some(filter) = &mut self.filter {
            filter.finish(out);
        }
    }
}

impl Filter {
    fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.waiting.extend_from_slice(samples);
        self.taken += samples.len() as u64;
        let mut used = 0;
        loop {
            let need = self.inner.input_frames_next();
            if self.waiting.len() - used < need {
                break;
            }
            let produced = run(
                &mut self.inner,
                &self.waiting[used..used + need],
                need,
                &mut self.scratch,
            );
            used += need;
            self.give(produced, out);
        }
        self.waiting.drain(..used);
    }

    fn finish(&mut self, out: &mut Vec<f32>) {
        let target = (self.taken as f64 * self.ratio).round() as u64;
        let mut rest = std::mem::take(&mut self.waiting);
        while self.given < target {
            let need = self.inner.input_frames_next();
            let real = rest.len().min(need);
            rest.resize(need, 0.0);
            let produced = run(&mut self.inner, &rest, real, &mut self.scratch);
            rest.clear();
            let before = out.len();
            self.give(produced, out);
            if self.given > target {
                let surplus = usize::try_from(self.given - target).unwrap_or(0);
                out.truncate(before.max(out.len().saturating_sub(surplus)));
                self.given = target;
            }
        }
    }

    fn give(&mut self, produced: usize, out: &mut Vec<f32>) {
        let skip = self.delay_left.min(produced);
        self.delay_left -= skip;
        out.extend_from_slice(&self.scratch[skip..produced]);
        self.given += (produced - skip) as u64;
    }
}

/// One step of the filter; how many samples it wrote to `scratch`.
fn run(inner: &mut Async<f32>, input: &[f32], real: usize, scratch: &mut [f32]) -> usize {
    let capacity = scratch.len();
    let indexing = Indexing::new().partial_len(real);
    let source = InterleavedSlice::new(input, 1, input.len())
        .expect("invariant: a slice holds as many frames as it is long");
    let mut target = InterleavedSlice::new_mut(scratch, 1, capacity)
        .expect("invariant: a slice holds as many frames as it is long");
    let (_, produced) = inner
        .process_into_buffer(&source, &mut target, Some(&indexing))
        .expect("invariant: input and scratch have the sizes the resampler asked for");
    produced
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(rate: u32, hertz: f64, seconds: f64) -> Vec<f32> {
        (0..(f64::from(rate) * seconds) as usize)
            .map(|i| {
                (std::f64::consts::TAU * hertz * i as f64 / f64::from(rate)).sin() as f32 * 0.5
            })
            .collect()
    }

    fn resampled(rate: u32, samples: &[f32], chunk: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(rate).unwrap();
        let mut out = Vec::new();
        for piece in samples.chunks(chunk) {
            resampler.push(piece, &mut out);
        }
        resampler.finish(&mut out);
        out
    }

    #[test]
    fn a_tone_keeps_its_place_in_time_at_every_rate() {
        for rate in [
            8_000, 11_025, 12_345, 16_000, 22_050, 24_000, 44_100, 47_999, 48_000,
        ] {
            let out = resampled(rate, &sine(rate, 440.0, 1.0), 777);
            let wanted = sine(16_000, 440.0, 1.0);
            assert!(out.len().abs_diff(16_000) <= 2, "{rate}: {}", out.len());
            let worst = (400..15_600)
                .map(|i| (out[i] - wanted[i]).abs())
                .fold(0.0f32, f32::max);
            // One sample of this tone is worth 0.087: half the filter is not always a whole sample.
            assert!(worst < 0.09, "{rate}: off by {worst}");
        }
    }

    #[test]
    fn how_the_sound_is_cut_into_chunks_makes_no_difference() {
        let tone = sine(44_100, 300.0, 0.5);
        let whole = resampled(44_100, &tone, tone.len());
        for chunk in [1, 7, 441, 1_000] {
            assert_eq!(resampled(44_100, &tone, chunk), whole, "{chunk}");
        }
    }

    #[test]
    fn what_16_khz_cannot_hold_is_filtered_out() {
        let out = resampled(48_000, &sine(48_000, 11_000.0, 0.5), 480);
        let loudest = out[200..out.len() - 200]
            .iter()
            .fold(0.0f32, |a, b| a.max(b.abs()));
        assert!(loudest < 0.01, "{loudest}");
    }

    #[test]
    fn an_empty_stream_gives_nothing() {
        assert!(resampled(48_000, &[], 10).is_empty());
    }
}
