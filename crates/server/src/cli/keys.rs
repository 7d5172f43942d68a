//! `keys create`, `keys list`, `keys revoke`: API keys, straight in the records, beside a server
//! that runs or before the first start. A running server knows them within seconds.

use std::os::unix::fs::DirBuilderExt as _;
use std::process::ExitCode;

use anyhow::Context as _;
use api::apikey::{self, KEY_CHARS_MIN, NAME_CHARS_MAX};
use clap::{Args, Subcommand};
use protocol::time::Wall;
use store::sqlite::DeskFile;

use super::{ConfigArgs, date, out};
use crate::config::load;
use crate::run::letters;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key and print it; it is never shown again
    Create(CreateArgs),
    /// List the keys, without what is secret of them
    List(ConfigArgs),
    /// Take a key back; code 1 if there is none of that id
    Revoke(RevokeArgs),
}

/// A key to be made.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// What to call it, for lists and logs
    #[arg(long, value_parser = name)]
    name: String,
    #[command(flatten)]
    config: ConfigArgs,
}

/// A key to be taken back.
#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// The id, as `keys list` shows it
    id: String,
    #[command(flatten)]
    config: ConfigArgs,
}

fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= NAME_CHARS_MAX;
    match fits && !text.contains(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err("a name has 1 to 80 characters".to_owned()),
    }
}

/// Opens the records where the configuration has them.
fn open(args: &ConfigArgs) -> anyhow::Result<DeskFile> {
    let mut inputs = args.inputs()?;
    // Not needed here, so it is not asked for: whoever may write the records may make keys.
    inputs
        .flags
        .push(("keys", "auth.jwt_secret", letters::<48>()));
    let dir = load::load(&inputs)?.config.store.dir;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&dir)
        .with_context(|| format!("cannot make the folder {}", dir.display()))?;
    let path = dir.join("greenroom.db");
    DeskFile::open(&path).with_context(|| format!("cannot open {}", path.display()))
}

/// Runs one of them.
pub fn run(command: KeysCommand, now: Wall) -> anyhow::Result<ExitCode> {
    match command {
        KeysCommand::Create(args) => create(&args, now),
        KeysCommand::List(args) => list(&args),
        KeysCommand::Revoke(args) => {
            let id = args.id.trim();
            if !open(&args.config)?.revoke_api_key(id, now)? {
                out::note(format!("There is no key {id} in force."));
                return Ok(ExitCode::FAILURE);
            }
            out::line(format!(
                "Revoked {id}. A running server refuses it within seconds."
            ));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn create(args: &CreateArgs, now: Wall) -> anyhow::Result<ExitCode> {
    let desk = open(&args.config)?;
    loop {
        let made = apikey::make(&letters::<KEY_CHARS_MIN>(), &args.name, now);
        // An id that is taken: another one.
        if desk.add_api_key(&made.row)? {
            out::line(made.key.reveal());
            out::note(format!(
                "Key {} made. Keep it now: it is never shown again.",
                made.row.id
            ));
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn list(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    for key in open(args)?.api_keys()? {
        let state = match key.revoked_at {
            Some(at) => format!("revoked {}", date::utc(at)),
            None => "in force".to_owned(),
        };
        let made = date::utc(key.created_at);
        out::line(format!("{}  {made}  {state}  {}", key.id, key.name));
    }
    Ok(ExitCode::SUCCESS)
}
