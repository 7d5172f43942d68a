//! `serve`: configuration, logs, and what a person at the terminal is told. Listening, sessions
//! and shutting down are the server's, which is handed in as a function.

use std::fmt::Write as _;
use std::fs::DirBuilder;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use api::auth::{Claims, Verifier};
use api::identity::TokenRole;
use clap::Args;
use protocol::id::{SessionId, UserId};
use protocol::time::Wall;
use protocol::value::Role;

use super::{ConfigArgs, out};
use crate::config::load::Loaded;
use crate::config::{Config, dev};

/// Flags of `serve`: the settings changed most often. Everything else is file and environment.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Address and port [default: 0.0.0.0:8080, with --dev 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The folder of the speech model
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// A folder of interview plans, besides the built-in ones
    #[arg(long, value_name = "DIR")]
    plans: Option<PathBuf>,
    /// auto, on or off
    #[arg(long, value_name = "WORD")]
    speech: Option<String>,
    /// error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,
}

/// Everything the server needs to know to run.
#[derive(Debug)]
pub struct Start {
    /// Valid, with a secret.
    pub config: Config,
}

/// Runs the server until it is told to stop.
pub type Serve = fn(Start) -> anyhow::Result<()>;

/// Loads the configuration, starts the log, and hands over.
pub fn run(args: &ServeArgs, serve: Serve) -> anyhow::Result<ExitCode> {
    let loaded = args.load()?;
    crate::telemetry::init(&loaded.config.log)?;
    for (path, place) in &loaded.places {
        tracing::debug!(setting = %path, %place, "set");
    }
    make_private(&loaded.config.store.dir)?;
    serve(Start {
        config: loaded.config,
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The folder of the records, for this user alone: what people said is in it. One that is there
/// keeps the rights its owner gave it.
fn make_private(dir: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("cannot make the folder {}", dir.display()))
}

impl ServeArgs {
    fn load(&self) -> anyhow::Result<Loaded> {
        let mut inputs = self.config.inputs()?;
        let path = |path: &Option<PathBuf>| path.as_ref().map(|p| p.to_string_lossy().into_owned());
        let flags = [
            ("--listen", "server.listen", self.listen.clone()),
            ("--models", "speech.models", path(&self.models)),
            ("--plans", "plans.dir", path(&self.plans)),
            ("--speech", "speech.enabled", self.speech.clone()),
            ("--log", "log.level", self.log.clone()),
        ];
        for (flag, path, value) in flags {
            if let Some(value) = value {
                inputs.flags.push((flag, path, value));
            }
        }
        let mut loaded = crate::config::load::load(&inputs)?;
        dev::fill(&mut loaded.config)?;
        Ok(loaded)
    }
}

impl Start {
    /// Prints where the server is to be found, once it listens there; with `--dev` with links and
    /// tokens that open everything. The only place that ever prints a token, and only on loopback.
    pub fn announce(&self, address: SocketAddr, now: Wall) -> anyhow::Result<()> {
        out::line(self.banner(address, now)?.trim_end());
        Ok(())
    }

    /// What [`Start::announce`] prints.
    pub fn banner(&self, address: SocketAddr, now: Wall) -> anyhow::Result<String> {
        let base = match &self.config.server.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{address}"),
        };
        let socket = base.replacen("http", "ws", 1);
        let mut text = format!("greenroom {}\n", super::version::SHORT);
        let _ = writeln!(text, "  server      {base}");
        let _ = writeln!(text, "  WebSocket   {socket}/ws");
        let _ = writeln!(text, "  health      {base}/healthz  {base}/readyz");
        let _ = writeln!(text, "  records     {}", self.config.store.dir.display());
        if self.config.dev && address.ip().is_loopback() {
            self.links(&mut text, &base, &socket, now)?;
        }
        Ok(text)
    }

    fn links(&self, text: &mut String, base: &str, socket: &str, now: Wall) -> anyhow::Result<()> {
        let verifier = Verifier::new(self.config.auth_settings());
        if !verifier.can_issue() {
            text.push_str("\nTokens are signed elsewhere (auth.algorithm): there are no links.\n");
            return Ok(());
        }
        let token = |name: &str, role, session| -> anyhow::Result<String> {
            let claims = Claims {
                role: Some(role),
                session,
                ..Claims::of(UserId::parse(name)?)
            };
            Ok(verifier.issue(&claims, now)?)
        };
        let candidate = token("ana", TokenRole::Session(Role::Candidate), None)?;
        let admin = token("admin", TokenRole::Admin, None)?;
        // One interview for all of the links, a new one at every start.
        let session = SessionId::parse(&format!("practice-{:x}", now.0 / 1000))?;
        let invited =
            |name: &str, role: Role| token(name, TokenRole::Session(role), Some(session.clone()));
        let interviewer = invited("ivo", Role::Interviewer)?;
        let observer = invited("olga", Role::Observer)?;
        text.push_str(
            "\nDEVELOPMENT: reachable from this machine only. Whoever has these links is let in.\n\
             The same interview for three people, and the page of those who run it:\n",
        );
        let _ = writeln!(
            text,
            "  candidate   {base}/interview/{session}#token={candidate}"
        );
        let _ = writeln!(
            text,
            "  interviewer {base}/watch/{session}#token={interviewer}"
        );
        let _ = writeln!(
            text,
            "  observer    {base}/watch/{session}#token={observer}"
        );
        let _ = writeln!(text, "  admin       {base}/admin#token={admin}");
        let _ = writeln!(text, "\nFor programs:");
        let _ = writeln!(text, "  metrics     {base}/api/metrics");
        let _ = writeln!(text, "  candidate   {socket}/ws?token={candidate}");
        let _ = writeln!(text, "  admin       {socket}/ws?token={admin}");
        let _ = writeln!(text, "\nAn interview from recordings, in another terminal:");
        let _ = writeln!(
            text,
            "  greenroom interview --url {base} --token {candidate} --audio FILE.wav"
        );
        let data = self.config.store.dir.display();
        let _ = writeln!(text, "More tokens:");
        let _ = writeln!(
            text,
            "  greenroom token --dev --data {data} --user NAME --role ROLE"
        );
        Ok(())
    }
}
