//! Live streams in real time on one worker: how long people wait for their words.
//!
//! `cargo run --release -p speech --example live -- --models models --streams 8 --seconds 30 FILE…`
//!
//! Streams start apart from each other and loop over the recordings. The end of each spoken stretch
//! is judged by energy, independently of the voice detector under test: a stretch ends where 20 ms
//! frames stay below a threshold for 500 ms. Latency is from there to the final's arrival.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser;
use parking_lot::Mutex;
use speech::format::{AudioFormat, Encoding, decode_recording};
use speech::models::Profile;
use speech::{Speech, SpeechConfig, SpeechEvent, StreamConfig, StreamKey, StreamTap};

#[derive(Parser)]
struct Options {
    /// Model directory.
    #[arg(long, default_value = "models")]
    models: PathBuf,
    /// tiny-en or base-en.
    #[arg(long, default_value = "tiny-en", value_parser = profile)]
    profile: Profile,
    #[arg(long, default_value_t = 8)]
    streams: u64,
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    #[arg(long, default_value_t = 1)]
    decoders: usize,
    /// What is so many decibels above the quietest twentieth of a recording is voice.
    #[arg(long, default_value_t = 10.0)]
    above_room_db: f32,
    /// Recognize only when the end of speech is certain.
    #[arg(long)]
    no_early: bool,
    /// WAV files; the model's own recordings when none are given.
    files: Vec<PathBuf>,
}

const CHUNK_MS: u64 = 20;

fn profile(name: &str) -> Result<Profile, &'static str> {
    Profile::parse(name).ok_or("expected tiny-en or base-en")
}

/// Spoken stretches by energy: start and end in milliseconds.
fn stretches(samples: &[f32], pause_ms: u64, above_room_db: f32) -> Vec<(u64, u64)> {
    let frame = 320;
    let levels: Vec<f32> = samples
        .chunks(frame)
        .map(|c| (c.iter().map(|s| s * s).sum::<f32>() / c.len() as f32).sqrt())
        .collect();
    let mut sorted = levels.clone();
    sorted.sort_by(f32::total_cmp);
    let at = |share: usize| sorted[(sorted.len() - 1) * share / 100].max(1e-5);
    let threshold = at(5) * 10f32.powf(above_room_db / 20.0);
    println!(
        "room {:.0} dB, threshold {:.0} dB below loud speech",
        20.0 * (at(5) / at(90)).log10(),
        20.0 * (threshold / at(90)).log10()
    );
    let mut found: Vec<(u64, u64)> = Vec::new();
    for (i, _) in levels
        .iter()
        .enumerate()
        .filter(|(_, level)| **level > threshold)
    {
        let (from, to) = (i as u64 * 20, i as u64 * 20 + 20);
        match found.last_mut() {
            Some(last) if from - last.1 < pause_ms => last.1 = to,
            _ => found.push((from, to)),
        }
    }
    found.retain(|s| s.1 - s.0 >= 100);
    found
}

fn percentile(values: &mut [f64], share: f64) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let files = speech::models::verify(&options.models, options.profile)?;
    let mut paths = options.files.clone();
    if paths.is_empty() {
        paths = ["two_cities.wav", "beckett.wav"]
            .map(|n| files.recordings().join(n))
            .to_vec();
    }
    let mut sound = Vec::new();
    let mut spoken = Vec::new();
    for path in &paths {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let from_ms = sound.len() as u64 / 16;
        let samples = decode_recording(AudioFormat::Wav, Encoding::Raw, 16_000, &bytes)?;
        let found = stretches(&samples, 500, options.above_room_db);
        spoken.extend(found.iter().map(|s| (s.0 + from_ms, s.1 + from_ms)));
        sound.extend(samples);
        sound.extend(std::iter::repeat_n(0.0, 16_000));
    }
    let sound = Arc::new(sound);
    println!(
        "{} spoken stretches in {} s",
        spoken.len(),
        sound.len() / 16_000
    );

    let seen: Arc<Mutex<Vec<(Instant, SpeechEvent)>>> = Arc::default();
    let sink_seen = Arc::clone(&seen);
    let mut config = SpeechConfig {
        decoders: options.decoders,
        ..SpeechConfig::default()
    };
    if options.no_early {
        config.endpoint.speculative_ms = None;
    }
    let speech = Speech::start(
        config,
        speech::moonshine_factory(files),
        Arc::new(move |event| sink_seen.lock().push((Instant::now(), event))),
    )?;
    let started = Instant::now();
    let offset_ms = |stream: u64| stream * sound.len() as u64 / 16 / options.streams;
    let taps = feed(&speech, &options, &sound, offset_ms)?;
    drop(taps);
    assert!(
        speech.shutdown(Duration::from_secs(30)),
        "everything is answered"
    );
    report(
        &options,
        &speech,
        &seen.lock(),
        started,
        &spoken,
        sound.len() as u64 / 16,
        offset_ms,
    );
    Ok(())
}

fn feed(
    speech: &Speech,
    options: &Options,
    sound: &[f32],
    offset_ms: impl Fn(u64) -> u64,
) -> anyhow::Result<Vec<StreamTap>> {
    let config = StreamConfig {
        format: AudioFormat::Pcm16,
        encoding: Encoding::Raw,
        sample_rate: 16_000,
        base_ms: 0,
        partials: true,
    };
    let taps: Vec<StreamTap> = (0..options.streams)
        .map(|key| speech.open(StreamKey(key), config))
        .collect::<Result<_, _>>()?;
    let started = Instant::now();
    for step in 0..options.seconds * 1_000 / CHUNK_MS {
        // A chunk is sent when its last sample has been spoken.
        let due = started + Duration::from_millis((step + 1) * CHUNK_MS);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        for tap in &taps {
            let at = (offset_ms(tap.key().0) + step * CHUNK_MS) * 16;
            let bytes: Vec<u8> = (at..at + CHUNK_MS * 16)
                .flat_map(|i| {
                    let sample = sound[i as usize % sound.len()];
                    ((sample * 32_767.0) as i16).to_le_bytes()
                })
                .collect();
            tap.push(bytes.into(), None);
        }
    }
    Ok(taps)
}

fn report(
    options: &Options,
    speech: &Speech,
    seen: &[(Instant, SpeechEvent)],
    started: Instant,
    spoken: &[(u64, u64)],
    loop_ms: u64,
    offset_ms: impl Fn(u64) -> u64,
) {
    let (mut finals, mut firsts, mut queued) = (Vec::new(), Vec::new(), Vec::new());
    let mut decodes = Vec::new();
    let mut lags = Vec::new();
    let mut onsets = Vec::new();
    let mut shown = std::collections::HashSet::new();
    let fed_ms = options.seconds * 1_000;
    for (at, event) in seen {
        let wall = (*at - started).as_secs_f64() * 1_000.0;
        let offset = offset_ms(event.stream().0);
        // All stretches of the loop in this stream's time.
        let ends = (0..=(fed_ms + offset) / loop_ms).flat_map(|round| {
            spoken
                .iter()
                .map(move |s| (round * loop_ms + s.0, round * loop_ms + s.1))
        });
        match event {
            SpeechEvent::Final {
                segment, timing, ..
            } => {
                decodes.push(f64::from(timing.decode_ms));
                queued.push(f64::from(timing.queued_ms));
                let middle = (segment.start_ms + segment.end_ms) / 2 + offset;
                let truth = ends
                    .filter(|s| s.0 <= middle && middle <= s.1)
                    .map(|s| s.1 - offset)
                    .find(|end| end.abs_diff(segment.end_ms) < 400 && *end + 500 < fed_ms);
                if let Some(end) = truth {
                    lags.push(segment.end_ms as f64 - end as f64);
                    finals.push((wall - end as f64) / 1_000.0);
                }
            }
            SpeechEvent::Partial {
                stream,
                utterance,
                start_ms,
                ..
            } => {
                if shown.insert((*stream, *utterance)) {
                    let truth = ends
                        .filter(|s| s.0 >= offset)
                        .map(|s| s.0 - offset)
                        .find(|start| start.abs_diff(*start_ms) < 400);
                    let by_detector = (wall - *start_ms as f64) / 1_000.0;
                    onsets.extend(truth.map(|t| *start_ms as f64 - t as f64));
                    firsts.push((by_detector, truth.map(|t| (wall - t as f64) / 1_000.0)));
                }
            }
            SpeechEvent::StreamFinished { .. } => {}
            other => println!("{other:?}"),
        }
    }
    let median = percentile(&mut decodes, 0.5) / 1_000.0;
    let all_median = percentile(
        &mut speech
            .recent_decode_ms()
            .iter()
            .map(|m| f64::from(*m))
            .collect::<Vec<_>>(),
        0.5,
    );
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!(
        "streams {}, decoders {}, {} s; load {load}",
        options.streams, options.decoders, options.seconds
    );
    println!(
        "median decode of finals {:.0} ms, of all {all_median:.0} ms; final queue wait p50 {:.0} p95 {:.0} ms",
        median * 1_000.0,
        percentile(&mut queued.clone(), 0.5),
        percentile(&mut queued, 0.95)
    );
    let limit = 0.5 + 3.0 * median;
    println!(
        "end of voice (energy) to final, {} of them: p50 {:.2} p95 {:.2} max {:.2} s (limit {limit:.2})",
        finals.len(),
        percentile(&mut finals.clone(), 0.5),
        percentile(&mut finals.clone(), 0.95),
        percentile(&mut finals, 1.0)
    );
    let mut detector: Vec<f64> = firsts.iter().map(|f| f.0).collect();
    println!(
        "voice (detector) to first partial, {}: p50 {:.2} p95 {:.2} s (limit {limit:.2})",
        detector.len(),
        percentile(&mut detector.clone(), 0.5),
        percentile(&mut detector, 0.95)
    );
    let mut energy: Vec<f64> = firsts.iter().filter_map(|f| f.1).collect();
    println!(
        "voice (energy) to first partial, {}: p50 {:.2} p95 {:.2} s",
        energy.len(),
        percentile(&mut energy.clone(), 0.5),
        percentile(&mut energy, 0.95)
    );
    println!(
        "detector against energy: start p50 {:.0} p95 {:.0} ms, end p50 {:.0} p95 {:.0} ms",
        percentile(&mut onsets.clone(), 0.5),
        percentile(&mut onsets, 0.95),
        percentile(&mut lags.clone(), 0.5),
        percentile(&mut lags, 0.95)
    );
    println!("{:?}", speech.stats());
}
