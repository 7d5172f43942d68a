//! `token` (the same as `token issue`) and `token inspect`, with the secret of the configuration.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::Context as _;
use api::auth::{Claims, Verifier, peek};
use api::identity::TokenRole;
use clap::{Args, Subcommand};
use protocol::id::{SessionId, UserId};
use protocol::time::Wall;

use super::{ConfigArgs, date, out};
use crate::config::setting::Millis;
use crate::identity;

/// `token --user ana …`, or one of the commands below it.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct TokenArgs {
    #[command(subcommand)]
    command: Option<TokenCommand>,
    #[command(flatten)]
    issue: IssueArgs,
}

impl TokenArgs {
    fn command(self) -> TokenCommand {
        self.command.unwrap_or(TokenCommand::Issue(self.issue))
    }

    #[cfg(test)]
    pub(super) fn issues_for(self, name: &str) -> bool {
        match self.command() {
            TokenCommand::Issue(args) => args.user.is_some_and(|user| user.as_str() == name),
            TokenCommand::Inspect(_) => false,
        }
    }
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Print a token
    Issue(IssueArgs),
    /// Say whom a token is for and how long, or what is wrong with it; code 1 if it is not valid
    Inspect(InspectArgs),
}

/// What a token is to say.
#[derive(Debug, Args)]
pub struct IssueArgs {
    /// Whom it is for
    #[arg(long, value_parser = user, required = true)]
    user: Option<UserId>,
    /// candidate, interviewer, observer or admin
    #[arg(long, value_parser = role)]
    role: Option<TokenRole>,
    /// The one session it is an invitation to; needs --role
    #[arg(long, value_parser = session, requires = "role")]
    session: Option<SessionId>,
    /// What to call them
    #[arg(long)]
    name: Option<String>,
    /// 90s, 15m, 12h, 7d [default: auth.expires_in]
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires_in: Option<Millis>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// What to look at.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The token, or - to read it from standard input
    token: String,
    #[command(flatten)]
    config: ConfigArgs,
}

fn user(text: &str) -> Result<UserId, String> {
    UserId::parse(text).map_err(|error| error.to_string())
}

fn session(text: &str) -> Result<SessionId, String> {
    SessionId::parse(text).map_err(|error| error.to_string())
}

fn role(text: &str) -> Result<TokenRole, String> {
    let words = TokenRole::WORDS.join(", ");
    TokenRole::parse(text).ok_or_else(|| format!("a role is one of {words}"))
}

fn time(text: &str) -> Result<Millis, String> {
    let found = Millis::parse(text).filter(|time| time.0 > 0);
    found.ok_or_else(|| "a length of time like 90s, 15m, 12h or 7d".to_owned())
}

/// Runs either.
pub fn run(args: TokenArgs, now: Wall) -> anyhow::Result<ExitCode> {
    match args.command() {
        TokenCommand::Issue(args) => {
            let settings = identity::settings(&args.config.load()?.config)?;
            let verifier = Verifier::new(settings);
            let claims = Claims {
                user: args
                    .user
                    .context("say whom the token is for: --user NAME")?,
                name: args.name,
                role: args.role,
                session: args.session,
                expires_in_ms: args.expires_in.map(|time| time.0),
            };
            out::line(verifier.issue(&claims, now)?);
            Ok(ExitCode::SUCCESS)
        }
        TokenCommand::Inspect(args) => {
            let settings = identity::settings_with_keys(&args.config.load()?.config)?;
            let verifier = Verifier::new(settings);
            let token = match args.token.as_str() {
                "-" => read_token()?,
                token => token.trim().to_owned(),
            };
            let (valid, text) = inspect(&verifier, &token, now);
            out::line(text);
            Ok(if valid {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            })
        }
    }
}

fn read_token() -> anyhow::Result<String> {
    let mut text = String::new();
    let most = api::auth::TOKEN_BYTES_MAX as u64 + 2;
    let input = std::io::stdin().lock();
    input
        .take(most)
        .read_to_string(&mut text)
        .context("cannot read standard input")?;
    Ok(text.trim().to_owned())
}

/// Whether it is valid, and all about it in words.
pub fn inspect(verifier: &Verifier, token: &str, now: Wall) -> (bool, String) {
    let mut lines = Vec::new();
    let verdict = verifier.verify(token, now);
    match &verdict {
        Ok(who) => {
            lines.push("Valid: signed with a key of this server.".to_owned());
            lines.push(format!("  user     {}", who.user));
            if let Some(name) = &who.name {
                lines.push(format!("  name     {}", clean(&name.0)));
            }
            let role = who.token_role().map(TokenRole::as_str);
            lines.push(format!(
                "  role     {}",
                role.unwrap_or("none: as each session says")
            ));
            match &who.session {
                Some(session) => lines.push(format!("  session  {session}")),
                None => lines.push("  session  none: those the user is named in".to_owned()),
            }
            let left = u64::try_from(who.expires_at.0 - now.0).unwrap_or(0);
            let until = date::utc(who.expires_at);
            lines.push(format!("  expires  {until}, in {}", date::span(left)));
        }
        Err(error) => {
            lines.push(format!("Not valid ({}): {error}.", error.code()));
            if let Some((_, claims)) = peek(token) {
                lines.push("What it says, which nobody has to believe:".to_owned());
                let claims = claims.iter().take(32);
                lines.extend(claims.map(|(name, value)| {
                    format!("  {}: {}", clean(name), clean(&value.to_string()))
                }));
            }
        }
    }
    (verdict.is_ok(), lines.join("\n"))
}

/// Escaped, so that what is in a token cannot drive the terminal, and cut.
fn clean(text: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\'' | '\\' => c.to_string(),
        c => c.escape_debug().to_string(),
    };
    text.chars().take(200).map(escape).collect()
}
