//! `check-config`: every problem at once, or what is in force and where it came from.

use std::process::ExitCode;

use super::{ConfigArgs, out};
use crate::config::example::effective;
use crate::config::load;

/// Prints the outcome. Makes no secret and touches no folder.
pub fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let loaded = load::load(&args.inputs()?)?;
    out::line(effective(&loaded).trim_end());
    out::line("\n# ok");
    Ok(ExitCode::SUCCESS)
}
