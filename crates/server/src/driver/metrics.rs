//! `/metrics`: everything the server counts, in the text format of Prometheus. Gauges are counted
//! here and now from the registries.

use std::fmt::{Display, Write as _};
use std::sync::atomic::Ordering;

use store::metrics::Buckets;

use super::{Driver, memory};

/// The whole text.
pub(crate) fn write(driver: &Driver) -> String {
    let mut out = String::with_capacity(16 * 1024);
    if let Some(core) = driver.core() {
        core.counters().write(&mut out);
        gauges(&mut out, &core.gauges());
    }
    let memory = memory::read();
    gauge(
        &mut out,
        "greenroom_asks_waiting",
        "Questions of the API that wait.",
        driver.asks_waiting(),
    );
    gauge(
        &mut out,
        "process_resident_memory_bytes",
        "Resident memory.",
        memory.rss,
    );
    gauge(
        &mut out,
        "process_open_fds",
        "Open files.",
        memory::open_files(),
    );
    store(&mut out, driver);
    recorder(&mut out, driver);
    speech(&mut out, driver);
    out
}

fn gauges(out: &mut String, gauges: &crate::core::Gauges) {
    let engine = gauges.engine;
    let name = "greenroom_sessions";
    let _ = writeln!(
        out,
        "# HELP {name} Sessions in memory, by status.\n# TYPE {name} gauge"
    );
    for (status, count) in [
        ("scheduled", engine.scheduled),
        ("active", engine.active),
        ("completing", engine.completing),
        ("ended_unsaved", engine.unsaved),
        ("loading", engine.loading),
    ] {
        let _ = writeln!(out, "{name}{{status=\"{status}\"}} {count}");
    }
    for (name, help, value) in [
        ("connections", "Open WebSockets.", gauges.connections),
        (
            "seats_connected",
            "Seats held by connections.",
            engine.connections,
        ),
        (
            "seats_detached",
            "Seats whose connection is lost.",
            engine.detached,
        ),
        (
            "question_timers",
            "Questions with a running clock.",
            engine.question_timers,
        ),
        (
            "session_timers",
            "Sessions with a wake-up time.",
            engine.timers,
        ),
        (
            "sessions_degraded",
            "Sessions that wait for the store.",
            engine.degraded,
        ),
        (
            "held_bytes",
            "Output that waits for a commit.",
            engine.waiting_bytes,
        ),
        ("routes", "Audio rooms.", gauges.routes),
        ("route_members", "Places in audio rooms.", gauges.members),
        (
            "inputs_waiting",
            "Inputs that wait for their turn.",
            gauges.inputs_waiting,
        ),
    ] {
        gauge(out, &format!("greenroom_{name}"), help, value);
    }
}

fn gauge(out: &mut String, name: &str, help: &str, value: impl Display) {
    let _ = writeln!(
        out,
        "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}"
    );
}

fn counter(out: &mut String, name: &str, help: &str, value: impl Display) {
    let _ = writeln!(
        out,
        "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}"
    );
}

/// A histogram of microseconds, written in seconds.
fn seconds(out: &mut String, name: &str, help: &str, buckets: &Buckets) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} histogram");
    let mut sum = 0;
    for (bound, count) in &buckets.by_bound {
        sum += count;
        let le = *bound as f64 / 1e6;
        let _ = writeln!(out, "{name}_bucket{{le=\"{le}\"}} {sum}");
    }
    let (count, total) = (buckets.count(), buckets.sum as f64 / 1e6);
    let _ = writeln!(
        out,
        "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {total}\n{name}_count {count}"
    );
}

fn store(out: &mut String, driver: &Driver) {
    let metrics = driver.store.metrics();
    seconds(
        out,
        "greenroom_start_store_seconds",
        "Store work of an interview's start.",
        &metrics.start_latency_us.read(),
    );
    seconds(
        out,
        "greenroom_save_seconds",
        "From a save's submission to its answer.",
        &metrics.save_latency_us.read(),
    );
    seconds(
        out,
        "greenroom_reap_seconds",
        "How long one step of the reaper held the records' writer.",
        &metrics.reap_us.read(),
    );
    for (name, help, value) in [
        ("commits", "Transactions committed.", &metrics.commits),
        (
            "saves_temporary",
            "Saves answered: not now.",
            &metrics.saves_temporary,
        ),
        (
            "saves_rejected",
            "Saves answered: never.",
            &metrics.saves_rejected,
        ),
        (
            "saves_fenced",
            "Saves answered: not yours.",
            &metrics.saves_fenced,
        ),
        (
            "active_table_missing",
            "Saves that found no active_interview_sessions.",
            &metrics.active_table_missing,
        ),
        (
            "active_rows_reaped",
            "Rows of active_interview_sessions reaped.",
            &metrics.active_rows_reaped,
        ),
        (
            "reap_waited_us",
            "Microseconds of the reaper's steps in which the writer only waited for a processor.",
            &metrics.reap_waited_us,
        ),
        (
            "lease_failures",
            "Leases that could not be written.",
            &metrics.lease_failures,
        ),
    ] {
        let value = value.load(Ordering::Relaxed);
        counter(out, &format!("greenroom_store_{name}_total"), help, value);
    }
    let queued = metrics.queued_bytes.load(Ordering::Relaxed);
    gauge(
        out,
        "greenroom_store_queued_bytes",
        "Saves that wait.",
        queued,
    );
    let away = u8::from(metrics.away.load(Ordering::Relaxed));
    gauge(
        out,
        "greenroom_store_away",
        "1 while the database is away.",
        away,
    );
    if let Ok(rows) = driver.store.active_rows(driver.clock.wall()) {
        gauge(
            out,
            "greenroom_active_rows",
            "Rows of active_interview_sessions.",
            rows.count,
        );
        let age = rows.oldest_age_ms.unwrap_or(0) as f64 / 1e3;
        gauge(
            out,
            "greenroom_active_rows_oldest_age_seconds",
            "Age of the oldest.",
            age,
        );
    }
    let recorder = driver.recorder.metrics();
    for (name, help, value) in [
        ("chunks", "Audio chunks written.", &recorder.chunks),
        ("bytes", "Audio bytes written.", &recorder.bytes),
        (
            "lost",
            "Audio chunks that could not be written.",
            &recorder.lost,
        ),
    ] {
        let value = value.load(Ordering::Relaxed);
        counter(
            out,
            &format!("greenroom_recorder_{name}_total"),
            help,
            value,
        );
    }
}

fn recorder(out: &mut String, driver: &Driver) {
    gauge(
        out,
        "greenroom_recorder_waiting",
        "Orders the audio's writer has not carried out.",
        driver.recorder.waiting(),
    );
    let files = driver.recorder.metrics().files.load(Ordering::Relaxed);
    gauge(
        out,
        "greenroom_recorder_files",
        "Audio files that are open.",
        files,
    );
}

fn speech(out: &mut String, driver: &Driver) {
    let running = u8::from(driver.speech.is_some());
    gauge(
        out,
        "greenroom_speech",
        "1 when a recognizer runs.",
        running,
    );
    let Some(speech) = &driver.speech else {
        return;
    };
    let stats = speech.stats();
    gauge(
        out,
        "greenroom_speech_streams",
        "Streams that are heard.",
        stats.streams,
    );
    gauge(
        out,
        "greenroom_speech_queued",
        "Utterances that wait.",
        stats.queued,
    );
    gauge(
        out,
        "greenroom_speech_queued_bytes",
        "Sound that waits.",
        stats.queued_bytes,
    );
    for (name, help, value) in [
        ("finals", "Utterances recognized.", stats.decodes_final),
        (
            "interim",
            "Recognitions for interim words.",
            stats.decodes_interim,
        ),
        ("failed", "Utterances that failed.", stats.failed),
        (
            "timed_out",
            "Recognitions given up for their time.",
            stats.timed_out,
        ),
        (
            "superseded",
            "Interim work a newer one replaced.",
            stats.superseded,
        ),
    ] {
        counter(out, &format!("greenroom_speech_{name}_total"), help, value);
    }
    decode_times(out, &mut speech.recent_decode_ms());
}

/// Quantiles of the latest decode times; nothing before the first decode.
fn decode_times(out: &mut String, recent_ms: &mut [f32]) {
    const NAME: &str = "greenroom_speech_decode_recent_seconds";
    recent_ms.sort_by(f32::total_cmp);
    let Some(last) = recent_ms.len().checked_sub(1) else {
        return;
    };
    let _ = writeln!(out, "# HELP {NAME} Time of the latest recognitions.");
    let _ = writeln!(out, "# TYPE {NAME} gauge");
    for quantile in [0.5, 0.95, 0.99] {
        let index = (last as f64 * quantile).round() as usize;
        let seconds = recent_ms.get(index).copied().unwrap_or_default() / 1e3;
        let _ = writeln!(out, "{NAME}{{quantile=\"{quantile}\"}} {seconds:.6}");
    }
}
