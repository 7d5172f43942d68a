//! Slow work that effects order, on the work runtime's blocking threads. Each job answers with one
//! input. None is dropped half-way: there is no time-out around a query, the engine has its own
//! deadlines and takes no answer for an answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use engine::Input;
use engine::effect::ReportFacts;
use engine::input::{Found, LogRange, SpeechReport};
use protocol::client::{ReplyTo, TranscribeRequest};
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{EffectId, SessionId, UserId};
use protocol::record::{DataKind, EventRow};
use protocol::server::Reply;
use protocol::value::Status;
use speech::format::{Encoding, decode_recording};
use store::StoreError;

use super::{Driver, report};
use crate::core::Job;

/// Bytes of events read for one resume step.
const LOG_BYTES: usize = 256 * 1024;
/// How long a single piece may wait for a recognizer.
const ONCE_PATIENCE: Duration = Duration::from_secs(10);

/// A report that a session's end ordered.
struct Order {
    driver: Arc<Driver>,
    id: EffectId,
    session: SessionId,
    facts: Box<ReportFacts>,
}

/// The one thread that makes the reports of sessions that end, one after the other: each holds a
/// whole log for a moment, so that a crowd that leaves at once costs the memory of one, and sound
/// comes first. At most one of each live session waits.
pub(crate) struct Press(Sender<Order>);

impl Press {
    /// Starts it. It ends with its sender.
    pub(crate) fn start() -> std::io::Result<Self> {
        let (sender, orders): (_, Receiver<Order>) = channel();
        std::thread::Builder::new()
            .name("reports".to_owned())
            .spawn(move || {
                for order in orders {
                    // One that cannot be made keeps none of the others from being made; its
                    // session waits for the answer no longer than its deadline.
                    if catch_unwind(AssertUnwindSafe(|| make_report(order))).is_err() {
                        tracing::error!("report_panicked");
                    }
                }
            })?;
        Ok(Self(sender))
    }

    fn queue(&self, order: Order) {
        // The thread lives as long as we do.
        let _ = self.0.send(order);
    }
}

/// Starts a job where it may block.
pub(crate) fn start(driver: Arc<Driver>, job: Job) {
    let work = driver.work.clone();
    match job {
        Job::LoadSession(id, session) => driver.finder.queue(&driver, id, session),
        Job::LoadLog(id, session, range) => block(driver, move |driver| {
            load_log(driver, id, session, range);
        }),
        Job::MakeReport(id, session, facts) => {
            let order = Order {
                driver: Arc::clone(&driver),
                id,
                session,
                facts,
            };
            driver.press.queue(order);
        }
        Job::Advise(id, session, asked) => block(driver, move |driver| {
            let suggestion = super::coaching::suggestion(driver, &asked);
            driver.inboxes.post(Input::Advised {
                id,
                session,
                question: asked.question.id,
                suggestion,
            });
        }),
        Job::TranscribeOnce(session, request, audio) => block(driver, move |driver| {
            once(driver, session, request, &audio);
        }),
        Job::ForgetAudio(session) => block(driver, move |driver| {
            driver.hub.forget_session(&session);
            driver.recorder.delete_session(&session);
        }),
        Job::RecoverSpeech(session) => driver.recovery.queue(&driver, session),
        Job::KeepEnd(session, end) => driver.keep_end(session, *end),
        Job::ForgetEnd(session) => driver.forget_end(session),
        Job::Clear(user, to) => {
            work.spawn(clear(driver, user, to));
        }
        Job::Transfer(session, user, id, to) => {
            work.spawn(super::transfer::offer(driver, (session, user), id, to));
        }
    }
}

fn block(driver: Arc<Driver>, job: impl FnOnce(&Driver) + Send + 'static) {
    let work = driver.work.clone();
    work.spawn_blocking(move || job(&driver));
}

fn make_report(order: Order) {
    let Order {
        driver,
        id,
        session,
        facts,
    } = order;
    let made = report::make(&driver, &session, &facts).inspect_err(|error| {
        tracing::error!(%session, %error, "report_not_made");
    });
    driver.inboxes.post(Input::ReportMade {
        id,
        session,
        report: made.ok(),
    });
}

/// Reads a session that was found in the records; answers `SessionLoaded`.
pub(crate) fn load_session(driver: &Arc<Driver>, id: EffectId, session: SessionId) {
    block(Arc::clone(driver), move |driver| {
        let found = load(driver, &session).unwrap_or_else(|error| {
            tracing::warn!(%session, %error, "session_not_read");
            Found::Unavailable
        });
        driver
            .inboxes
            .post(Input::SessionLoaded { id, session, found });
    });
}

fn load_log(driver: &Driver, id: EffectId, session: SessionId, range: LogRange) {
    let events = log(driver, &session, range);
    let events = events.inspect_err(|error| {
        tracing::warn!(%session, %error, "log_not_read");
    });
    driver.inboxes.post(Input::LogLoaded {
        id,
        session,
        events: events.ok(),
    });
}

/// Reads a session; one of a dead process is taken over.
pub(crate) fn load(driver: &Driver, session: &SessionId) -> Result<Found, StoreError> {
    let Some(mut loaded) = driver.store.load(session)? else {
        let deleted = driver.store.deletions(session)?;
        let whole = deleted
            .iter()
            .any(|(kind, _)| *kind == DataKind::Everything);
        return Ok(match whole {
            true => Found::Forgotten,
            false => Found::Nothing,
        });
    };
    if loaded.row.status != Status::Ended && loaded.fence.boot != driver.boot {
        let now = driver.clock.now();
        let Some(adopted) = driver.store.adopt(session, &driver.boot, now)? else {
            // Its owner lives, or it ended meanwhile.
            let again = driver.store.load(session)?;
            return Ok(match again {
                Some(ended) if ended.row.status == Status::Ended => Found::Session(Box::new(ended)),
                _ => Found::Unavailable,
            });
        };
        loaded.fence = adopted.fence;
        loaded.away_ms = adopted.away_ms;
    }
    loaded.unsaved_end = driver.unsaved_end(session);
    Ok(Found::Session(Box::new(loaded)))
}

fn log(driver: &Driver, session: &SessionId, range: LogRange) -> Result<Vec<EventRow>, StoreError> {
    let mut events = driver.store.log(session, range.after, LOG_BYTES)?;
    events.retain(|event| event.seq <= range.upto);
    Ok(events)
}

/// Recognizes one piece. The words come back through the hub.
fn once(driver: &Driver, session: SessionId, request: u32, audio: &TranscribeRequest) {
    let result = match &driver.speech {
        None => Err(Refusal::new(ErrorCode::SpeechUnavailable)),
        Some(speech) => samples(audio).and_then(|samples| {
            let key = driver.hub.enter_once(session.clone(), request);
            let queued = speech.transcribe(key, &samples, 0, ONCE_PATIENCE);
            match queued {
                // What was queued before it was too much still answers.
                Ok(()) | Err(speech::OpenError::Overloaded) => Ok(()),
                Err(error) => {
                    driver.hub.forget(key);
                    let code = ErrorCode::SpeechUnavailable;
                    Err(Refusal::because(code, error.to_string()))
                }
            }
        }),
    };
    if let Err(refusal) = result {
        let result = Err(refusal);
        driver
            .hub
            .report(&session, SpeechReport::Once { request, result });
    }
}

fn samples(audio: &TranscribeRequest) -> Result<Vec<f32>, Refusal> {
    let refused = |error: speech::format::AudioError| {
        let code = match error.code() {
            "unsupported_format" => ErrorCode::UnsupportedFormat,
            "unsupported_sample_rate" => ErrorCode::UnsupportedSampleRate,
            _ => ErrorCode::BadAudio,
        };
        Refusal::because(code, error.to_string())
    };
    let format = speech::format::AudioFormat::from_name(audio.format.as_str()).map_err(refused)?;
    decode_recording(format, Encoding::Raw, audio.sample_rate, &audio.audio).map_err(refused)
}

/// `session:clear` over the socket: the same as over HTTP.
async fn clear(driver: Arc<Driver>, user: UserId, to: ReplyTo) {
    let reply = match driver.clear_active(user).await {
        Ok(Some(session)) => Reply::Ok(format!("\"cleared\":\"{session}\"").into()),
        Ok(None) => Reply::Ok("\"cleared\":null".into()),
        Err(refusal) => Reply::Refused(refusal),
    };
    if let Some(core) = driver.core() {
        core.answer(&to, &reply);
    }
}
