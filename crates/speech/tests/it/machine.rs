//! The running machine with all its threads. The sound is real, because the voice detector is;
//! the words are scripted where they do not matter.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use speech::format::{AudioFormat, Encoding};
use speech::scripted::{Line, ScriptedRecognizer};
use speech::{
    GapReason, RecognizerFactory, Speech, SpeechConfig, SpeechEvent, StreamConfig, StreamKey,
    StreamTap, wer,
};

use crate::recordings::{TWO_CITIES, models, recording};

/// Longest wait for anything; far above what a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Seen {
    events: Mutex<Vec<SpeechEvent>>,
    more: Condvar,
}

impl Seen {
    /// Waits until `found` finds what it looks for among all events so far.
    fn wait<T>(&self, what: &str, mut found: impl FnMut(&[SpeechEvent]) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut events = self.events.lock();
        loop {
            if let Some(value) = found(&events) {
                return value;
            }
            let late = self.more.wait_until(&mut events, deadline).timed_out();
            assert!(!late, "no {what} among {:#?}", *events);
        }
    }

    fn wait_finished(&self, key: u64) -> Vec<SpeechEvent> {
        self.wait("StreamFinished", |events| {
            let mine: Vec<SpeechEvent> = events
                .iter()
                .filter(|e| e.stream() == StreamKey(key))
                .cloned()
                .collect();
            matches!(mine.last(), Some(SpeechEvent::StreamFinished { .. })).then_some(mine)
        })
    }
}

fn start(config: SpeechConfig, factory: RecognizerFactory) -> (Speech, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let sink = Arc::clone(&seen);
    let speech = Speech::start(
        config,
        factory,
        Arc::new(move |event| {
            sink.events.lock().push(event);
            sink.more.notify_all();
        }),
    );
    (speech.unwrap(), seen)
}

fn one_decoder() -> SpeechConfig {
    SpeechConfig {
        decoders: 1,
        // A test pushes faster than real time, and the ear may not be scheduled for a while.
        ring_ms: 120_000,
        ..SpeechConfig::default()
    }
}

fn scripted(lines: impl IntoIterator<Item = Line>) -> (Speech, Arc<Seen>) {
    start(one_decoder(), ScriptedRecognizer::factory(lines))
}

fn pcm() -> StreamConfig {
    StreamConfig {
        format: AudioFormat::Pcm16,
        encoding: Encoding::Raw,
        sample_rate: 16_000,
        base_ms: 0,
        partials: true,
    }
}

fn bytes_of(samples: &[f32]) -> Bytes {
    samples
        .iter()
        .flat_map(|s| ((s * 32_767.0) as i16).to_le_bytes())
        .collect::<Vec<_>>()
        .into()
}

/// 3.5 s of the Two Cities recording: one utterance.
fn utterance() -> Bytes {
    bytes_of(&recording("two_cities.wav")[16_000 * 29..16_000 * 32])
}

fn silence(ms: usize) -> Bytes {
    vec![0; ms * 32].into()
}

/// Pushes sound and waits until it was heard and all work it gave is done, so that interim words
/// have their time on the busiest machine.
fn push_and_settle(speech: &Speech, tap: &StreamTap, bytes: Bytes) {
    let wanted_ms = tap.heard_ms() + bytes.len() as u64 / 32;
    tap.push(bytes, None);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let stats = speech.stats();
        if tap.heard_ms() >= wanted_ms && stats.queued + stats.running == 0 {
            return;
        }
        assert!(Instant::now() < deadline, "{stats:?}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

fn say(text: &str) -> Line {
    Line::Say(text.to_owned())
}

fn finals(events: &[SpeechEvent]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| match event {
            SpeechEvent::Final { segment, .. } => Some(segment.text.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_stream_shows_words_while_they_are_spoken_then_its_final_then_its_end() {
    let (speech, seen) = scripted([Line::Count(300)]);
    let tap = speech.open(StreamKey(1), pcm()).unwrap();
    for chunk in utterance().chunks(16_000) {
        push_and_settle(&speech, &tap, Bytes::copy_from_slice(chunk));
    }
    push_and_settle(&speech, &tap, silence(1_000));
    seen.wait("final", |events| (!finals(events).is_empty()).then_some(()));
    assert!(
        tap.heard_ms() >= 3_900 && tap.voiced_ms() > 1_000,
        "{}",
        tap.voiced_ms()
    );
    tap.close();
    let events = seen.wait_finished(1);
    let is_partial = |e: &SpeechEvent| matches!(e, SpeechEvent::Partial { .. });
    assert!(is_partial(&events[0]), "{events:#?}");
    let last_partial = events.iter().rposition(is_partial).unwrap();
    let first_final = events
        .iter()
        .position(|e| matches!(e, SpeechEvent::Final { .. }))
        .unwrap();
    assert!(last_partial < first_final);
    let stats = speech.stats();
    assert_eq!((stats.streams, stats.queued), (0, 0));
    assert_eq!(
        stats.decode_histogram.iter().sum::<u64>(),
        speech.recent_decode_ms().len() as u64
    );
    assert!(speech.shutdown(PATIENCE));
}

#[test]
fn a_recognizer_that_panics_is_replaced_and_the_next_utterance_is_heard() {
    let config = SpeechConfig {
        endpoint: one_decoder().endpoint.finals_only(),
        ..one_decoder()
    };
    let lines = [Line::Panic, Line::Fail, say("still here")];
    let (speech, seen) = start(config, ScriptedRecognizer::factory(lines));
    let tap = speech.open(StreamKey(1), pcm()).unwrap();
    for _ in 0..3 {
        tap.push(utterance(), None);
        tap.push(silence(1_000), None);
    }
    drop(tap);
    let events = seen.wait_finished(1);
    let codes: Vec<&str> = events
        .iter()
        .filter_map(|e| match e {
            SpeechEvent::Failed { code, .. } => Some(*code),
            _ => None,
        })
        .collect();
    assert_eq!(codes, ["recognizer_panicked", "recognizer_failed"]);
    assert!(finals(&events).iter().all(|text| *text == "still here"));
    assert!(!finals(&events).is_empty());
    assert_eq!((speech.stats().panics, speech.stats().failed), (1, 2));
}

#[test]
fn a_decoder_that_hangs_is_given_up_and_another_takes_its_place() {
    let gate = Arc::new(Mutex::new(()));
    let held = gate.lock();
    let config = SpeechConfig {
        endpoint: one_decoder().endpoint.finals_only(),
        decode_timeout: Duration::from_millis(50),
        ..one_decoder()
    };
    let lines = [
        Line::WaitFor(Arc::clone(&gate), "too late".to_owned()),
        say("in time"),
    ];
    let (speech, seen) = start(config, ScriptedRecognizer::factory(lines));
    let tap = speech.open(StreamKey(1), pcm()).unwrap();
    tap.push(utterance(), None);
    tap.push(silence(1_000), None);
    seen.wait("decode_timeout", |events| {
        events
            .iter()
            .any(|e| {
                matches!(
                    e,
                    SpeechEvent::Failed {
                        code: "decode_timeout",
                        ..
                    }
                )
            })
            .then_some(())
    });
    tap.push(utterance(), None);
    drop(tap);
    let events = seen.wait_finished(1);
    assert_eq!(finals(&events).last(), Some(&"in time"));
    assert_eq!(speech.stats().timed_out, 1);
    drop(held);
    assert!(speech.shutdown(PATIENCE));
    assert!(!finals(&seen.events.lock()).contains(&"too late"));
}

#[test]
fn shutting_down_hears_everything_out_first() {
    let (speech, seen) = scripted([say("last words")]);
    let tap = speech.open(StreamKey(1), pcm()).unwrap();
    tap.push(utterance(), None);
    assert!(speech.shutdown(PATIENCE));
    let events = seen.wait_finished(1);
    assert_eq!(finals(&events).last(), Some(&"last words"));
    assert_eq!(
        speech.open(StreamKey(2), pcm()).err().unwrap().code(),
        "shutting_down"
    );
}

#[test]
fn shutting_down_does_not_wait_for_a_decoder_that_hangs() {
    let gate = Arc::new(Mutex::new(()));
    let held = gate.lock();
    let (speech, seen) = scripted([Line::WaitFor(Arc::clone(&gate), "never".to_owned())]);
    let tap = speech.open(StreamKey(1), pcm()).unwrap();
    tap.push(utterance(), None);
    seen.events.lock().clear();
    assert!(!speech.shutdown(Duration::from_millis(100)));
    drop(held);
}

#[test]
fn a_key_can_be_used_again_once_its_stream_has_finished() {
    let config = SpeechConfig {
        streams_max: 2,
        ..one_decoder()
    };
    let (speech, seen) = start(config, ScriptedRecognizer::factory([]));
    let first = speech.open(StreamKey(1), pcm()).unwrap();
    let _second = speech.open(StreamKey(2), pcm()).unwrap();
    assert_eq!(
        speech.open(StreamKey(1), pcm()).err().unwrap().code(),
        "stream_exists"
    );
    assert_eq!(
        speech.open(StreamKey(3), pcm()).err().unwrap().code(),
        "too_many_streams"
    );
    speech.close(StreamKey(1));
    seen.wait_finished(1);
    assert!(speech.open(StreamKey(1), pcm()).is_ok());
    drop(first);
}

#[test]
fn a_chunk_longer_than_the_ring_is_reported_as_a_gap() {
    let config = SpeechConfig {
        ring_ms: 10_000,
        ..one_decoder()
    };
    let (speech, seen) = start(config, ScriptedRecognizer::factory([]));
    let tap = speech.open(StreamKey(1), pcm()).unwrap();
    tap.push(silence(11_000), None);
    drop(tap);
    let events = seen.wait_finished(1);
    let gap = SpeechEvent::Gap {
        stream: StreamKey(1),
        from_ms: 0,
        to_ms: 11_000,
        reason: GapReason::Overflow,
    };
    assert_eq!(events[0], gap);
    assert_eq!(speech.stats().dropped_ms, 11_000);
}

#[test]
fn forms_that_cannot_be_used_are_refused_when_the_stream_is_opened() {
    let (speech, _) = scripted([]);
    let config = StreamConfig {
        sample_rate: 96_000,
        ..pcm()
    };
    let code = speech.open(StreamKey(1), config).err().unwrap().code();
    assert_eq!(code, "unsupported_sample_rate");
}

#[test]
fn a_factory_that_fails_keeps_the_machine_from_starting() {
    let factory: RecognizerFactory = Arc::new(|| {
        Err(speech::SpeechError::Load {
            message: "no model".to_owned(),
        })
    });
    let started = Speech::start(one_decoder(), factory, Arc::new(|_| {}));
    assert!(matches!(
        started.err(),
        Some(speech::StartError::Recognizer(_))
    ));
    let mut config = one_decoder();
    config.endpoint.end_silence_ms = 1;
    let started = Speech::start(config, ScriptedRecognizer::factory([]), Arc::new(|_| {}));
    assert!(matches!(
        started.err(),
        Some(speech::StartError::Config { .. })
    ));
}

/// The Two Cities recording as each kind of client sends it; one model, one machine.
#[test]
fn the_two_cities_recording_is_understood_in_every_form_it_can_be_sent_in() {
    let (speech, seen) = start(one_decoder(), speech::moonshine_factory(models()));
    let file = std::fs::read(models().recordings().join("two_cities.wav")).unwrap();
    let send = |key: u64, config: StreamConfig, chunks: Vec<Vec<u8>>| {
        let tap = speech.open(StreamKey(key), config).unwrap();
        for chunk in chunks {
            tap.push(chunk.into(), None);
        }
    };
    // 48 kHz PCM, base64 in chunks of 100 ms, as browsers send it.
    let base64 = |bytes: &[u8]| {
        base64::engine::general_purpose::STANDARD
            .encode(bytes)
            .into_bytes()
    };
    let encoded = file[44..].chunks(9_600).map(base64).collect();
    let config = StreamConfig {
        sample_rate: 48_000,
        encoding: Encoding::Base64,
        ..pcm()
    };
    send(1, config, encoded);
    // The WAV file in slices.
    let config = StreamConfig {
        format: AudioFormat::Wav,
        sample_rate: 48_000,
        ..pcm()
    };
    send(2, config, file.chunks(10_001).map(<[u8]>::to_vec).collect());
    // The whole recording at once, at lower priority.
    let samples = recording("two_cities.wav");
    speech
        .transcribe(StreamKey(3), &samples, 5_000, PATIENCE)
        .unwrap();
    for key in 1..=3 {
        let events = seen.wait_finished(key);
        let errors = wer::score(TWO_CITIES, &finals(&events).join(" "));
        assert!(
            errors.rate() <= 0.06,
            "{key}: {errors:?} {:?}",
            finals(&events)
        );
        let Some(SpeechEvent::StreamFinished {
            audio_ms,
            voiced_ms,
            ..
        }) = events.last()
        else {
            panic!()
        };
        let base_ms = if key == 3 { 5_000 } else { 0 };
        assert!(
            audio_ms.abs_diff(44_374 + base_ms) < 100,
            "{key}: {audio_ms}"
        );
        assert!((20_000..44_374).contains(voiced_ms), "{key}: {voiced_ms}");
    }
    assert_eq!(speech.capabilities().name, "moonshine-tiny-en");
    assert!(speech.shutdown(PATIENCE));
}

#[test]
fn what_was_shown_as_stable_is_nearly_all_in_the_final() {
    let (speech, seen) = start(one_decoder(), speech::moonshine_factory(models()));
    let tap = speech.open(StreamKey(1), pcm()).unwrap();
    let samples = recording("two_cities.wav");
    for half_second in samples.chunks(8_000) {
        push_and_settle(&speech, &tap, bytes_of(half_second));
    }
    drop(tap);
    let events = seen.wait_finished(1);
    let (mut stable, mut wrong) = (0, 0);
    for event in &events {
        let SpeechEvent::Final {
            utterance, segment, ..
        } = event
        else {
            continue;
        };
        let shown = events.iter().rev().find_map(|e| match e {
            SpeechEvent::Partial {
                utterance: u,
                stable,
                ..
            } if u == utterance => Some(stable),
            _ => None,
        });
        let Some(shown) = shown else { continue };
        let text = speech::join(shown);
        let words = wer::normalize(&segment.text);
        let said = words[..words.len().min(shown.len())].join(" ");
        stable += shown.len();
        wrong += wer::score(&said, &text).errors;
    }
    assert!(
        stable >= 20,
        "{stable} stable words were shown: {events:#?}"
    );
    assert!(
        wrong * 10 <= stable,
        "{wrong} of {stable} stable words changed"
    );
}
