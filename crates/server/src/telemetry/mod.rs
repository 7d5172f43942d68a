//! Logs: one subscriber, text for people or JSON for machines, on standard error. A last net takes
//! tokens out of every line, whoever wrote them there; names and spoken text are kept out by
//! `api::secret::Private` at their source. No metrics here.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write};

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use self::lines::Lines;
pub(crate) use self::lines::{hold, let_go};
use crate::config::Log;
use crate::config::setting::LogFormat;

mod json;
mod lines;
#[cfg(test)]
mod tests;

/// Starts logging for the whole process. A second call changes nothing and says so.
///
/// # Errors
/// A level that cannot be read, or a subscriber that is already there.
pub fn init(log: &Log) -> anyhow::Result<()> {
    let filter = filter(&log.level).map_err(anyhow::Error::msg)?;
    let terminal = io::stderr().is_terminal();
    let json = match log.format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let layer = layer(json, terminal, Lines);
    // For all at once, so that what is asked of a line's level is asked once in a process.
    tracing_subscriber::registry()
        .with(filter)
        .with(layer)
        .try_init()?;
    Ok(())
}

type BoxedLayer<S> = Box<dyn tracing_subscriber::Layer<S> + Send + Sync>;

fn layer<S, W>(json: bool, color: bool, writer: W) -> BoxedLayer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    if json {
        layer
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .map_event_format(|stock| json::Json { stock })
            .boxed()
    } else {
        layer.with_ansi(color).boxed()
    }
}

/// Reads `info` or `info,server=debug,engine=trace`.
///
/// # Errors
/// A sentence about the part that cannot be read.
pub fn filter(text: &str) -> Result<Targets, String> {
    let mut targets = Targets::new();
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let (target, level) = match part.split_once('=') {
            Some((target, level)) => (Some(target.trim()), level.trim()),
            None => (None, part),
        };
        let level: LevelFilter = level
            .parse()
            .map_err(|_| format!("{level:?} is no level"))?;
        targets = match target {
            Some(target) => targets.with_target(target, level),
            None => targets.with_default(level),
        };
    }
    Ok(targets)
}

/// Passes lines on without the tokens in them.
#[derive(Debug)]
pub struct Redacting<W>(pub W);

impl<W: Write> Write for Redacting<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match redact(&String::from_utf8_lossy(line)) {
            Cow::Borrowed(_) => self.0.write_all(line)?,
            Cow::Owned(clean) => self.0.write_all(clean.as_bytes())?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What a secret begins with, how much of that may be shown, and how long it is at least. JSON Web
/// Tokens all begin with a base64url object, `{"`.
const SECRETS: [(&str, usize, usize); 5] = [
    ("eyJ", 0, 0),
    ("token=", "token=".len(), 0),
    ("ticket=", "ticket=".len(), 0),
    (api::ticket::PREFIX, 0, 20),
    (api::apikey::PREFIX, 0, 20),
];

/// The text with every token, ticket and API key, and every `token=` and `ticket=` of a query,
/// replaced.
pub fn redact(text: &str) -> Cow<'_, str> {
    // A few searches find nearly all lines that need nothing.
    if !SECRETS.iter().any(|(begin, ..)| text.contains(begin)) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let first = SECRETS
            .iter()
            .filter_map(|secret| Some((rest.find(secret.0)?, secret)));
        let Some((at, &(begin, shown, least))) = first.min_by_key(|(at, _)| *at) else {
            break;
        };
        let (before, found) = rest.split_at(at);
        clean.push_str(before);
        let value = &found[shown..];
        let end = value.find(|c| !is_token(c)).unwrap_or(value.len());
        clean.push_str(&found[..shown]);
        if end < least {
            clean.push_str(begin);
            rest = &value[begin.len()..];
            continue;
        }
        if end > 0 {
            clean.push_str("[token]");
        }
        rest = &value[end..];
    }
    clean.push_str(rest);
    Cow::Owned(clean)
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '+' | '/' | '=' | '%')
}
