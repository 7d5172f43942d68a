//! Words of people, recorded. Needs the model directory; without it every test here fails.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use parking_lot::Mutex;
use speech::format::{AudioFormat, Encoding, decode_recording};
use speech::models::ModelFiles;
use speech::{Drafts, Moonshine, Recognizer, Segment, join, transcribe_samples, wer};

pub(crate) const TWO_CITIES: &str = include_str!("../../testdata/two_cities.txt");
const BECKETT: &str = include_str!("../../testdata/beckett.txt");

/// The checked model files; checking takes longer than most tests, so it is done once.
pub(crate) fn models() -> ModelFiles {
    static FILES: OnceLock<ModelFiles> = OnceLock::new();
    let check = || {
        let dir = std::env::var_os("GREENROOM_MODELS").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models"),
            PathBuf::from,
        );
        match speech::models::verify(&dir, speech::models::Profile::TinyEn) {
            Ok(files) => files,
            Err(error) => panic!(
                "{error} (looked in {}; `make setup` fills it)",
                dir.display()
            ),
        }
    };
    FILES.get_or_init(check).clone()
}

/// One model for all tests of this file: loading takes longer than most of them.
fn with_model<T>(run: impl FnOnce(&mut Moonshine) -> T) -> T {
    static MODEL: Mutex<Option<Moonshine>> = Mutex::new(None);
    let mut model = MODEL.lock();
    run(model.get_or_insert_with(|| Moonshine::load(&models(), Drafts::default()).unwrap()))
}

pub(crate) fn recording(name: &str) -> Vec<f32> {
    let bytes = std::fs::read(models().recordings().join(name)).unwrap();
    decode_recording(AudioFormat::Wav, Encoding::Raw, 16_000, &bytes).unwrap()
}

fn text(segments: &[Segment]) -> String {
    segments
        .iter()
        .map(|s| s.text.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn the_two_cities_recording_has_at_most_six_wrong_words_in_a_hundred() {
    let samples = recording("two_cities.wav");
    let segments = with_model(|model| transcribe_samples(model, &samples)).unwrap();
    let errors = wer::score(TWO_CITIES, &text(&segments));
    assert_eq!(errors.reference_words, 119);
    assert!(errors.rate() <= 0.06, "{errors:?}: {}", text(&segments));
}

#[test]
fn the_beckett_recording_is_understood_in_spite_of_its_pauses() {
    let samples = recording("beckett.wav");
    let whole = with_model(|model| model.transcribe(&samples)).unwrap();
    assert_eq!(wer::score(BECKETT, &whole.text).errors, 0, "{}", whole.text);
    let segments = with_model(|model| transcribe_samples(model, &samples)).unwrap();
    let errors = wer::score(BECKETT, &text(&segments));
    assert!(errors.errors <= 3, "{errors:?}: {}", text(&segments));
}

#[test]
fn word_times_are_in_order_inside_their_segment_and_confidences_between_0_and_1() {
    let samples = recording("two_cities.wav");
    let segments = with_model(|model| transcribe_samples(model, &samples)).unwrap();
    assert!(segments.len() >= 3);
    assert!(
        segments
            .windows(2)
            .all(|pair| pair[0].end_ms <= pair[1].start_ms)
    );
    for segment in &segments {
        assert_eq!(segment.text, join(&segment.words));
        assert!(
            segment
                .words
                .windows(2)
                .all(|pair| pair[0].end_ms <= pair[1].start_ms)
        );
        for word in &segment.words {
            assert!(word.start_ms >= segment.start_ms && word.end_ms <= segment.end_ms);
            assert!(word.confidence > 0.0 && word.confidence <= 1.0);
        }
        assert!(segment.confidence > 0.5, "{segment:?}");
    }
}

#[test]
fn words_heard_in_a_growing_utterance_are_those_heard_in_it_at_once() {
    let samples = &recording("two_cities.wav")[16_000..16_000 * 14];
    let mut grown = String::new();
    with_model(|model| {
        for end in (16_000..samples.len()).step_by(44_800) {
            grown = model.transcribe(&samples[..end]).unwrap().text;
            let mut fresh = Moonshine::load(&models(), Drafts::default()).unwrap();
            let at_once = fresh.transcribe(&samples[..end]).unwrap().text;
            let errors = wer::score(&at_once, &grown);
            // Checking many tokens in one pass rounds otherwise than one by one: ties may fall
            // the other way.
            assert!(errors.errors <= 1, "{errors:?}: {grown} / {at_once}");
        }
    });
    assert!(wer::normalize(&grown).len() > 25, "{grown}");
}

#[test]
fn the_same_sound_gives_the_same_words_and_speech_at_8_khz_is_still_understood() {
    let samples = recording("beckett.wav");
    let twice = with_model(|m| {
        (
            m.transcribe(&samples).unwrap(),
            m.transcribe(&samples).unwrap(),
        )
    });
    assert_eq!(twice.0.text, twice.1.text);
    // Every other sample of low-passed sound is the same sound at 8 kHz.
    let low: Vec<u8> = samples
        .windows(2)
        .step_by(2)
        .flat_map(|pair| (((pair[0] + pair[1]) / 2.0 * 32_767.0) as i16).to_le_bytes())
        .collect();
    let low = decode_recording(AudioFormat::Pcm16, Encoding::Raw, 8_000, &low).unwrap();
    let heard = with_model(|m| m.transcribe(&low)).unwrap();
    assert!(
        wer::score(BECKETT, &heard.text).errors <= 4,
        "{}",
        heard.text
    );
}

/// Deterministic noise, so that a failure can be seen again.
fn noise(seconds: f32, loudness: f32) -> Vec<f32> {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    (0..(seconds * 16_000.0) as usize)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((state >> 40) as f32 / 8_388_608.0 - 1.0) * loudness
        })
        .collect()
}

#[test]
fn silence_noise_clicks_and_hum_give_no_words() {
    let hum: Vec<f32> = (0..80_000)
        .map(|i| (i as f32 / 16_000.0 * 100.0 * std::f32::consts::TAU).sin() * 0.3)
        .collect();
    let mut clicks = vec![0.0; 80_000];
    for at in (3_000..80_000).step_by(4_000) {
        for (i, sample) in clicks[at..at + 200].iter_mut().enumerate() {
            *sample = if i % 7 < 3 { 0.6 } else { -0.6 };
        }
    }
    let cases = [
        ("silence", vec![0.0; 80_000]),
        ("quiet noise", noise(5.0, 0.01)),
        ("loud noise", noise(5.0, 0.3)),
        ("hum", hum),
        ("clicks", clicks),
    ];
    for (name, samples) in cases {
        let segments = with_model(|model| transcribe_samples(model, &samples)).unwrap();
        assert!(segments.is_empty(), "{name}: {segments:?}");
    }
}

#[test]
fn too_little_sound_gives_no_words_and_too_much_is_refused() {
    with_model(|model| {
        for length in [0, 1, 400, 1_599] {
            assert!(
                model
                    .transcribe(&vec![0.1; length])
                    .unwrap()
                    .words
                    .is_empty()
            );
        }
        model.transcribe(&vec![0.0; 1_600]).unwrap();
        let error = model.transcribe(&vec![0.0; 16_000 * 31]).unwrap_err();
        assert_eq!(error.code(), "utterance_too_long");
    });
}
