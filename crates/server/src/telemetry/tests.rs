//! What reaches the log, read back from a buffer.

use std::sync::{Arc, Mutex};

use super::*;

const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl";

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(json: bool, level: &str, write: impl FnOnce()) -> String {
    let buffer = Buffer::default();
    let sink = buffer.clone();
    let layer = layer(json, false, move || Redacting(sink.clone()));
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter(level).unwrap()));
    tracing::subscriber::with_default(subscriber, write);
    String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap()
}

#[test]
fn no_token_gets_into_a_line_in_either_format() {
    for json in [true, false] {
        let text = logged(json, "info", || {
            tracing::info!(uri = format!("/ws?token={TOKEN}&x=1"), "upgrade");
            tracing::warn!("protocols: greenroom.v1, bearer.{TOKEN}");
            tracing::info!(header = ?format!("Bearer {TOKEN}"), "odd");
        });
        assert!(!text.contains("c2lnbmF0dXJl"), "{text}");
        assert!(!text.contains("eyJ"), "{text}");
        assert_eq!(text.matches("[token]").count(), 3, "{text}");
        assert!(text.contains("&x=1"), "the rest of the line stays: {text}");
    }
}

#[test]
fn secrets_and_private_text_are_hidden_by_their_types() {
    let text = logged(true, "info", || {
        let key = api::secret::Secret::new("hunter2hunter2");
        let said = api::secret::Private("I was fired");
        tracing::info!(?key, ?said, %key, "started");
    });
    assert!(
        !text.contains("hunter2") && !text.contains("fired"),
        "{text}"
    );
}

#[test]
fn a_json_line_has_its_fields_at_the_top_and_the_sessions_id_from_its_span() {
    let text = logged(true, "info", || {
        let span = tracing::info_span!("session", session = "s1");
        span.in_scope(|| tracing::info!(event = "session_cleaned_up", "gone"));
    });
    let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(line["event"], "session_cleaned_up");
    assert_eq!(line["span"]["session"], "s1");
}

/// Everything a line may hold, with and without a span.
fn all_sorts() {
    let odd = "a \"quote\", a \\ and\na\ttab\r\u{1}\u{7f} – ü";
    tracing::info!(
        odd,
        ?odd,
        n = -7,
        big = u64::MAX,
        yes = true,
        x = 0.5,
        "said {}",
        odd
    );
    tracing::warn!(target: "a\"b", whole = 3.0, none = f64::NAN, huge = i128::MAX, r#type = %"t");
    tracing::error!(error = ?Some("x"), "");
    tracing::info!(e = %io::Error::other("gone\n"));
}

fn stock(write: impl FnOnce()) -> String {
    let buffer = Buffer::default();
    let sink = buffer.clone();
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(move || sink.clone())
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false);
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, write);
    String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap()
}

/// Lines without their times, which are looked at by themselves.
fn untimed(text: &str) -> Vec<(serde_json::Value, usize)> {
    let line = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        let time = value.as_object_mut().unwrap().remove("timestamp").unwrap();
        let time = time.as_str().unwrap();
        assert_eq!(time.as_bytes()[10], b'T', "{time}");
        assert!(time.ends_with('Z'), "{time}");
        (value, time.len())
    };
    text.lines().map(line).collect()
}

#[test]
fn a_json_line_is_the_stock_formats() {
    let (ours, theirs) = (logged(true, "trace", all_sorts), stock(all_sorts));
    assert_eq!(untimed(&ours), untimed(&theirs), "{ours}\n{theirs}");
    let spanned = || tracing::info_span!("session", session = "s1").in_scope(all_sorts);
    let (ours, theirs) = (logged(true, "trace", spanned), stock(spanned));
    assert_eq!(untimed(&ours), untimed(&theirs), "{ours}\n{theirs}");
}

#[test]
fn the_time_of_a_json_line_is_now() {
    let before = std::time::SystemTime::now();
    let text = logged(true, "info", || tracing::info!("now"));
    let theirs = stock(|| tracing::info!("now"));
    let time = |text: &str| {
        let value: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        value["timestamp"].as_str().unwrap().to_owned()
    };
    // Sorted as text they are sorted in time: ours was written first.
    assert!(time(&text) <= time(&theirs), "{text} {theirs}");
    assert!(before.elapsed().unwrap().as_secs() < 5);
    assert_eq!(time(&text)[..16], time(&theirs)[..16], "{text} {theirs}");
}

#[test]
fn levels_are_kept_apart_by_module() {
    let text = logged(false, "warn,telemetry_test=debug", || {
        tracing::info!("unseen");
        tracing::debug!(target: "telemetry_test", "seen");
    });
    assert!(!text.contains("unseen") && text.contains("seen"), "{text}");
}

#[test]
fn a_level_that_is_none_is_refused() {
    for bad in ["verbose", "server=loud", "info,=x"] {
        assert!(filter(bad).is_err(), "{bad}");
    }
}

#[test]
fn text_without_a_token_is_passed_on_untouched() {
    assert!(matches!(redact("nothing to hide"), Cow::Borrowed(_)));
    assert_eq!(redact("token= and token=abc;"), "token= and token=[token];");
    let key = "gr_abcdefghijklmnopqrstuvwxyz234567abcdefgh";
    let ticket = "grt_abcdefghijklmnopqrstuvwxyz";
    assert_eq!(
        redact(&format!(
            "a {key} b {ticket} c ticket={ticket}&x=1 gr_short"
        )),
        "a [token] b [token] c ticket=[token]&x=1 gr_short"
    );
}
