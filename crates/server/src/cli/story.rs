//! `story`: one session's whole life, read from the records beside a running server or without one.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use protocol::id::SessionId;
use store::sqlite::Reader;

use super::{ConfigArgs, date, out};
use crate::config::load;
use crate::driver::story::{STORY_BYTES, tell};

/// Arguments of `story`.
#[derive(Debug, Clone, Args)]
pub struct StoryArgs {
    /// Which session
    #[arg(value_name = "SESSION")]
    session: String,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Prints the story, a line for each fact.
///
/// # Errors
/// When there is no such session or the records cannot be read.
pub fn run(args: &StoryArgs) -> anyhow::Result<ExitCode> {
    let loaded = load::load(&args.config.inputs()?)?;
    let path = loaded.config.store.dir.join("greenroom.db");
    let session = SessionId::parse(&args.session).context("that is no session id")?;
    let reader = Reader::open(&path)
        .with_context(|| format!("the records in {} cannot be read", path.display()))?;
    let Some(row) = reader.session_row(&session)? else {
        bail!("there is no session {session}");
    };
    let events = reader.log(&session, STORY_BYTES)?;
    let story = tell(&row, &events, &reader.happenings(&session)?);
    out::line(format!("session {session}: {}", row.status));
    for line in story.lines {
        let seq = line.seq.map_or(String::new(), |seq| format!("#{seq}"));
        let user = line.user_id.map(|user| format!(" {user}"));
        let text = format!(
            "{}  {seq:>5}  {}{}  {}",
            date::utc(line.at),
            line.what,
            user.unwrap_or_default(),
            line.detail
        );
        out::line(text.trim_end());
    }
    if story.truncated {
        out::line("… later events are left out");
    }
    Ok(ExitCode::SUCCESS)
}
