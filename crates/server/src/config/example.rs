//! `config.example.toml` and the list of effective values, both made from the tree.

use std::fmt::Write as _;

use super::Config;
use super::load::{Loaded, Place, env_name};

const HEAD: &str = "\
# Every setting of Greenroom, each with its default. Take the # away in front of a section and of
# what you want to change. The server reads greenroom.toml in its working directory, or the file
# named by --config or GREENROOM_CONFIG.
#
# What counts: default < this file < environment < flag. Every setting has a variable: [server]
# listen is GREENROOM__SERVER__LISTEN. Short names: JWT_SECRET, JWT_EXPIRES_IN, FRONTEND_URL, PORT.
#
# Times: \"500ms\", \"60s\", \"5m\", \"12h\", \"7d\"; a bare number means seconds.
# Sizes: 4096, \"256KiB\", \"1MiB\". `greenroom check-config` tells what is in force, and what is wrong.
";

/// The commented file.
pub fn example() -> String {
    let defaults = Config::default();
    let mut text = HEAD.to_owned();
    for section in defaults.sections() {
        text.push('\n');
        comment(&mut text, &section.doc());
        let _ = writeln!(text, "# [{}]", section.name());
        for field in section.fields() {
            text.push('\n');
            comment(&mut text, &field.doc);
            let _ = writeln!(text, "# {} = {}", field.key, field.value);
        }
    }
    text
}

fn comment(text: &mut String, doc: &str) {
    for line in doc.lines() {
        let _ = writeln!(text, "##{line}");
    }
}

/// Every value in force as TOML, with where it came from. Secrets are hidden.
pub fn effective(loaded: &Loaded) -> String {
    let mut text = String::new();
    for section in loaded.config.sections() {
        let _ = writeln!(
            text,
            "{}[{}]",
            if text.is_empty() { "" } else { "\n" },
            section.name()
        );
        for field in section.fields() {
            let path = format!("{}.{}", section.name(), field.key);
            let line = format!("{} = {}", field.key, field.value);
            match loaded.places.get(&path) {
                None | Some(Place::Default) => {
                    let _ = writeln!(text, "{line}");
                }
                Some(place) => {
                    let _ = writeln!(text, "{line:<44} # {place}");
                }
            }
        }
    }
    text
}

/// Every variable and what it sets.
pub fn variables() -> Vec<(String, String)> {
    Config::paths()
        .into_iter()
        .map(|path| (env_name(&path), path))
        .collect()
}
