//! The command line. Each command parses, loads the configuration where it needs it, and says what
//! came of it; none of them knows a rule. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 something
//! is wrong with the configuration, 4 the server could not be reached.

pub mod check;
pub mod date;
pub mod interview;
pub mod keys;
pub mod models;
pub mod out;
pub mod serve;
pub mod story;
pub mod token;
pub mod version;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::load::{self, Inputs, Loaded, Problems};
use crate::core::clock::wall_now;

/// A self-hosted server for live AI interviews over WebSocket.
#[derive(Debug, Parser)]
#[command(name = "greenroom", version = version::SHORT, after_help = AFTER)]
#[command(disable_help_subcommand = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 wrong configuration, 4 server not reachable.
Settings: a file (greenroom.toml, --config), the environment (GREENROOM__SECTION__KEY, JWT_SECRET,
JWT_EXPIRES_IN, FRONTEND_URL, PORT) and flags, the later ones stronger. config.example.toml lists
them all.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::ServeArgs),
    /// Print a token, or say what is wrong with one
    Token(token::TokenArgs),
    /// Make, list and take back API keys for back ends
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Tell everything that is wrong with the configuration, or what is in force
    CheckConfig(ConfigArgs),
    /// Take part in an interview with recordings instead of a microphone
    Interview(Box<interview::InterviewArgs>),
    /// See, check and install the speech model
    #[command(subcommand)]
    Models(models::ModelsCommand),
    /// Tell one session's whole life in order
    Story(story::StoryArgs),
    /// Versions of the program and of the database inside it
    Version,
}

/// Where the configuration comes from: flags that most commands share.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// For trying things out: loopback only, makes its own secret, lets candidates make sessions
    #[arg(long)]
    pub dev: bool,
    /// The configuration file [default: greenroom.toml, if it is there]
    #[arg(long, value_name = "FILE", env = "GREENROOM_CONFIG")]
    pub config: Option<PathBuf>,
    /// The folder of everything that is kept
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

impl ConfigArgs {
    /// The layers below the flags, and the flags all commands share.
    pub fn inputs(&self) -> Result<Inputs, Problems> {
        let mut inputs = load::gather(self.dev, self.config.as_deref())?;
        if let Some(data) = &self.data {
            let data = data.to_string_lossy().into_owned();
            inputs.flags.push(("--data", "store.dir", data));
        }
        Ok(inputs)
    }

    /// The whole configuration; with `--dev` and no secret set, with the one kept in the data
    /// folder.
    pub fn load(&self) -> anyhow::Result<Loaded> {
        let mut loaded = load::load(&self.inputs()?)?;
        crate::config::dev::fill(&mut loaded.config)?;
        Ok(loaded)
    }
}

/// Runs what the command line says; `serve` runs the server.
pub fn main(serve: serve::Serve) -> ExitCode {
    // Wrong usage ends here with code 2, `--help` and `--version` with 0.
    let cli = Cli::parse();
    match run(cli.command, serve) {
        Ok(code) => code,
        Err(error) => {
            out::note(format!("error: {}", out::chain(&error)));
            ExitCode::from(exit_code(&error))
        }
    }
}

/// What kind of failure this is, for scripts.
fn exit_code(error: &anyhow::Error) -> u8 {
    if error.chain().any(|cause| cause.is::<Problems>()) {
        3
    } else if error.chain().any(is_unreachable) {
        4
    } else {
        1
    }
}

fn is_unreachable(cause: &(dyn std::error::Error + 'static)) -> bool {
    use std::io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, NetworkUnreachable,
    };
    let network = [
        ConnectionRefused,
        ConnectionReset,
        ConnectionAborted,
        HostUnreachable,
        NetworkUnreachable,
    ];
    let io = cause.downcast_ref::<std::io::Error>();
    io.is_some_and(|io| network.contains(&io.kind())) || cause.is::<tokio::time::error::Elapsed>()
}

fn run(command: Command, serve: serve::Serve) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(args) => serve::run(&args, serve),
        Command::Token(args) => token::run(args, wall_now()),
        Command::Keys(command) => keys::run(command, wall_now()),
        Command::CheckConfig(args) => check::run(&args),
        Command::Interview(args) => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(interview::run(*args))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Models(command) => models::run(command),
        Command::Story(args) => story::run(&args),
        Command::Version => version::run(),
    }
}
