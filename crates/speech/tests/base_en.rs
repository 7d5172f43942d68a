//! The second profile on recordings of people: `make test-base-en` makes the model and runs these.
//! Not part of `make test`, because the model is made from packages of 200 MB.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use speech::format::{AudioFormat, Encoding, decode_recording};
use speech::models::{Profile, verify};
use speech::{Drafts, Moonshine, Recognizer, transcribe_samples, wer};

const TWO_CITIES: &str = include_str!("../testdata/two_cities.txt");

fn models() -> PathBuf {
    std::env::var_os("GREENROOM_MODELS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models"),
        PathBuf::from,
    )
}

fn model() -> Moonshine {
    Moonshine::load(
        &verify(&models(), Profile::BaseEn).unwrap(),
        Drafts::default(),
    )
    .unwrap()
}

fn sound(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    decode_recording(AudioFormat::Wav, Encoding::Raw, 16_000, &bytes).unwrap()
}

#[test]
fn the_two_cities_recording_has_at_most_three_wrong_words_in_a_hundred() {
    let mut model = model();
    assert_eq!(model.capabilities().name, "moonshine-base-en");
    assert_eq!(model.capabilities().version, "moonshine-cpp==0.1.4");
    let samples = sound(&models().join("recordings/two_cities.wav"));
    let segments = transcribe_samples(&mut model, &samples).unwrap();
    let text: Vec<&str> = segments.iter().map(|s| s.text.as_str()).collect();
    let errors = wer::score(TWO_CITIES, &text.join(" "));
    println!(
        "base-en, two_cities: {} of {} words wrong",
        errors.errors, errors.reference_words
    );
    assert!(errors.rate() <= 0.03, "{errors:?}: {text:?}");
}

/// The end of a quarrel on stage, of which this model, left alone, makes "No, no, no, no, no, no,
/// no"; tiny-en hears one "No" there.
#[test]
fn it_does_not_go_round_in_circles_where_somebody_says_no() {
    let path = std::env::var_os("GREENROOM_QUARREL").expect("`make test-base-en` sets it");
    let samples = sound(Path::new(&path));
    let heard = model().transcribe(&samples[16_000 * 24..]).unwrap();
    println!("base-en, quarrel: {}", heard.text);
    let words = wer::normalize(&heard.text);
    assert!(words.len() > 10, "{words:?}");
    // One run of the circle is kept, and the "No" with a capital before it is another token.
    assert!(
        words.iter().filter(|w| *w == "no").count() <= 2,
        "{words:?}"
    );
}
