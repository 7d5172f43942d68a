//! `check-config`: every problem at once, or what is in force and where it came from.

use std::process::ExitCode;

use speech::models::{self, Profile};

use super::{ConfigArgs, out};
use crate::config::example::effective;
use crate::config::setting::Speech;
use crate::config::{SpeechSection, load};

/// Prints the outcome. Makes no secret and changes no folder.
pub fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let loaded = load::load(&args.inputs()?)?;
    out::line(effective(&loaded).trim_end());
    out::line(format!("\n# {}", speech_words(&loaded.config.speech)));
    out::line("# ok");
    Ok(ExitCode::SUCCESS)
}

/// Which model speech is recognized with, whether it is there, and how to get the other one.
fn speech_words(speech: &SpeechSection) -> String {
    if speech.enabled == Speech::Off {
        return "speech: off".to_owned();
    }
    let name = speech.profile.as_str();
    match (
        models::verify(&speech.models, speech.profile),
        speech.profile,
    ) {
        (Err(error), _) => format!("speech: {name}, which cannot be used: {error}"),
        (Ok(_), Profile::BaseEn) => format!("speech: {name}, every file checked"),
        (Ok(_), Profile::TinyEn) => format!(
            "speech: {name}, every file checked. For fewer wrong words run\n\
             # `greenroom models install --profile base-en` and set speech.profile = \"base-en\""
        ),
    }
}
