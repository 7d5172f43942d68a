//! One line of JSON for an event. The stock format goes through a general serializer and makes a
//! string of every field first, which costs more than all else about a line; this one writes
//! straight on. The lines are the same, and where an event has a span the stock format writes it.

use std::cell::RefCell;
use std::fmt::{self, Debug, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{self, Writer};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, time};
use tracing_subscriber::registry::LookupSpan;

/// The format; `stock` writes what has a span.
pub(crate) struct Json {
    pub(crate) stock: format::Format<format::Json>,
}

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let asked = event.parent().is_some() || !event.is_contextual();
        if asked || ctx.lookup_current().is_some() {
            return self.stock.format_event(ctx, writer, event);
        }
        let meta = event.metadata();
        writer.write_str("{\"timestamp\":\"")?;
        now(&mut writer)?;
        write!(writer, "\",\"level\":\"{}\"", meta.level())?;
        let mut fields = Fields {
            out: &mut writer,
            done: Ok(()),
        };
        event.record(&mut fields);
        fields.done?;
        writer.write_str(",\"target\":\"")?;
        Escaped(&mut writer).write_str(meta.target())?;
        writer.write_str("\"}\n")
    }
}

/// Letters of a time that are the same for a second.
const SECOND: usize = "2026-01-01T00:00:00".len();

thread_local! {
    static LAST: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

/// The time as the stock format writes it, in microseconds.
fn now(out: &mut Writer<'_>) -> fmt::Result {
    let mut since = since_epoch();
    LAST.with_borrow_mut(|(second, text)| {
        while text.is_empty() || *second != since.as_secs() {
            *second = since.as_secs();
            text.clear();
            time::SystemTime.format_time(&mut Writer::new(text))?;
            text.truncate(SECOND);
            // What it read may have been the next second.
            since = since_epoch();
        }
        write!(out, "{text}.{:06}Z", since.subsec_micros())
    })
}

fn since_epoch() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default()
}

struct Fields<'a, 'w> {
    out: &'a mut Writer<'w>,
    done: fmt::Result,
}

impl Fields<'_, '_> {
    fn field(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.done.is_ok() {
            let name = field.name();
            let name = name.strip_prefix("r#").unwrap_or(name);
            let out = &mut *self.out;
            self.done = write!(out, ",\"{name}\":").and_then(|()| value(out));
        }
    }

    fn text(&mut self, field: &Field, text: fmt::Arguments<'_>) {
        self.field(field, |out| {
            out.write_char('"')?;
            Escaped(out).write_fmt(text)?;
            out.write_char('"')
        });
    }
}

impl Visit for Fields<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field, |out| write!(out, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field, |out| write!(out, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field, |out| write!(out, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for what is no number.
        match value.is_finite() {
            true => self.field(field, |out| write!(out, "{value:?}")),
            false => self.field(field, |out| out.write_str("null")),
        }
    }
}

/// Writes text as it must stand between the quotes of JSON.
struct Escaped<'a, 'w>(&'a mut Writer<'w>);

impl Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
            let (clean, odd) = rest.split_at(at);
            self.0.write_str(clean)?;
            let mut chars = odd.chars();
            match chars.next() {
                Some('\n') => self.0.write_str("\\n")?,
                Some('\r') => self.0.write_str("\\r")?,
                Some('\t') => self.0.write_str("\\t")?,
                Some(c @ ('"' | '\\')) => write!(self.0, "\\{c}")?,
                Some(c) => write!(self.0, "\\u{:04x}", u32::from(c))?,
                None => {}
            }
            rest = chars.as_str();
        }
        self.0.write_str(rest)
    }
}
