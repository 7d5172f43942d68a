//! `version`: which build this is.

use std::process::ExitCode;

use super::out;

/// `0.1.0`, and the commit where the build knew it.
pub const SHORT: &str = env!("GREENROOM_VERSION");

/// Prints all versions.
pub fn run() -> anyhow::Result<ExitCode> {
    out::line(format!("greenroom {SHORT}"));
    out::line(format!("sqlite {}", rusqlite::version()));
    Ok(ExitCode::SUCCESS)
}
