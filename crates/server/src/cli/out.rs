//! What a command says: results on standard output, everything else on standard error. The only
//! place that writes there, so that a closed pipe is no panic.

use std::fmt::Display;
use std::io::Write as _;

/// A line of the result. A reader that went away is no error of ours.
pub fn line(text: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A line for the person at the terminal.
pub fn note(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// An error and what caused it, as sentences one after the other.
pub fn chain(error: &anyhow::Error) -> String {
    let mut sentences: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        // Some errors repeat what caused them.
        if sentences
            .last()
            .is_some_and(|last| last.to_lowercase().contains(&text.to_lowercase()))
        {
            continue;
        }
        sentences.push(sentence(&text));
    }
    sentences.join(" ")
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut chars = text.chars();
    let first = chars
        .next()
        .map(|c| c.to_uppercase().to_string())
        .unwrap_or_default();
    // A path or a name in the first place keeps its case.
    let first = match text.split_whitespace().next() {
        Some(word) if word.chars().all(|c| c.is_ascii_lowercase()) => first,
        _ => text.chars().next().map(String::from).unwrap_or_default(),
    };
    let stop = if text.ends_with(['.', '!', '?']) || text.contains('\n') {
        ""
    } else {
        "."
    };
    format!("{first}{}{stop}", chars.as_str())
}
