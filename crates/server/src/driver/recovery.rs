//! What a dead process left: sessions nobody owns, audio nobody turned into words, rows behind
//! their deadline. Before the listener opens, and ever after.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use engine::Input;
use engine::input::{Ask, AskId, Found, SpeechReport};
use protocol::id::{Participant, SessionId, StreamId, UserId};
use protocol::record::Loaded;
use protocol::time::Mono;
use protocol::value::{EndReason, Status};
use speech::format::{ChunkDecoder, Encoding};
use speech::resample::Resampler;
use store::StoreError;
use store::audio::{AudioFile, files_of};
use store::rows::Reaped;

use super::Driver;
use super::arrivals::Arrivals;
use super::ears::{Hearing, Live, recorded_format};
use super::{jobs, retention};

/// Added to the nice value of the thread that recognizes what lay in files.
const NICE: i32 = 10;
/// How long one stream may wait for recognizers that live streams need.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// Sound recognized of one stream at most, in samples at 16 kHz: an hour.
const SAMPLES_MAX: usize = 16_000 * 3_600;
/// Samples in a millisecond.
const SAMPLES_PER_MS: u64 = 16;
/// Sessions adopted at a time.
const PAGE: u32 = 200;
/// Rows of `active_interview_sessions` without a session go after this long, milliseconds (L5).
const ROW_AGE_MS: u64 = 15 * 60_000;
/// The question nobody waits for.
const NOBODY: AskId = AskId(0);

type Order = (Arc<Driver>, SessionId);

/// The thread that recognizes what lay in files.
pub(crate) struct Transcriber {
    orders: Sender<Order>,
}

impl Transcriber {
    /// Starts it. It ends with the last of its senders.
    pub(crate) fn start() -> std::io::Result<Self> {
        let (orders, taken): (Sender<Order>, Receiver<Order>) = channel();
        std::thread::Builder::new()
            .name("recovery".to_owned())
            .spawn(move || {
                // On Linux it concerns the calling thread alone.
                if let Err(error) = rustix::process::nice(NICE) {
                    tracing::debug!(%error, "nice_refused");
                }
                for (driver, session) in taken {
                    recognize(&driver, &session);
                }
            })?;
        Ok(Self { orders })
    }

    /// Puts a session at the end of its queue; sessions bound the queue.
    pub(crate) fn queue(&self, driver: &Arc<Driver>, session: SessionId) {
        let order = (Arc::clone(driver), session.clone());
        if self.orders.send(order).is_err() {
            driver.hub.report(&session, SpeechReport::Flushed);
        }
    }
}

/// Where the stored words of a stream end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reached {
    pub(super) ms: u64,
    pub(super) utterances: u32,
}

/// Turns what lies in a session's files behind its last stored words into words.
fn recognize(driver: &Driver, session: &SessionId) {
    let hearing = Hearing::new(session.clone());
    if let Err(error) = recognize_files(driver, session, &hearing) {
        tracing::error!(%session, %error, "audio_not_recovered");
    }
    driver.hub.flush(&hearing);
}

#[derive(Debug, thiserror::Error)]
pub(super) enum RecoverError {
    #[error("the records could not be read")]
    Store(#[from] StoreError),
    #[error("the audio could not be read")]
    Io(#[from] std::io::Error),
}

fn recognize_files(
    driver: &Driver,
    session: &SessionId,
    hearing: &Arc<Hearing>,
) -> Result<(), RecoverError> {
    let files = files_of(&driver.data, session)?;
    let reached = reached(driver, session)?;
    let seats = driver.store.participants(session)?;
    for file in files {
        let seat = seats.iter().find(|seat| seat.user == file.key.user);
        let participant = seat.map_or(Participant(0), |seat| seat.participant);
        let key = (file.key.user.clone(), file.key.stream);
        let reach = reached.get(&key).copied().unwrap_or_default();
        if let Err(error) = recognize_file(driver, hearing, &file, participant, reach) {
            tracing::error!(%session, stream = %file.key.stream, %error, "stream_not_recovered");
        }
    }
    Ok(())
}

/// Where the stored words of a session's streams end.
pub(super) fn reached(
    driver: &Driver,
    session: &SessionId,
) -> Result<HashMap<(UserId, StreamId), Reached>, StoreError> {
    let mut reached: HashMap<(UserId, StreamId), Reached> = HashMap::new();
    for spoken in driver.store.segments(session)? {
        let row = spoken.segment;
        let reach = reached.entry((row.user, row.stream)).or_default();
        reach.ms = reach.ms.max(row.end_ms);
        reach.utterances = reach.utterances.max(row.utterance.saturating_add(1));
    }
    Ok(reached)
}

/// Has one file's sound behind its last stored words recognized.
pub(super) fn recognize_file(
    driver: &Driver,
    hearing: &Arc<Hearing>,
    file: &AudioFile,
    participant: Participant,
    reach: Reached,
) -> Result<(), RecoverError> {
    let (samples, arrivals) = decode(file)?;
    let length_ms = samples.len() as u64 / SAMPLES_PER_MS;
    if length_ms <= reach.ms {
        return Ok(());
    }
    let session = &file.key.session;
    let stream = file.key.stream;
    let gap = |start_ms| SpeechReport::Gap {
        participant,
        stream,
        start_ms,
        end_ms: length_ms,
    };
    let Some(speech) = &driver.speech else {
        driver.hub.report(session, gap(reach.ms));
        return Ok(());
    };
    let from = usize::try_from(reach.ms * SAMPLES_PER_MS).unwrap_or(usize::MAX);
    let rest = &samples[from.min(samples.len())..];
    let heard = &rest[..rest.len().min(SAMPLES_MAX)];
    tracing::info!(%session, %stream, from_ms = reach.ms, length_ms, "recognizing_recorded_audio");
    let key = driver.hub.enter(Arc::new(Live {
        hearing: Arc::clone(hearing),
        participant,
        stream,
        utterances: reach.utterances,
        arrivals: parking_lot::Mutex::new(arrivals),
    }));
    hearing.opened();
    match speech.transcribe(key, heard, reach.ms, PATIENCE) {
        // What did not fit is reported as a gap by the recognizer itself.
        Ok(()) | Err(speech::OpenError::Overloaded) => {}
        Err(error) => {
            tracing::warn!(%session, %error, "recognizer_refused");
            driver.hub.forget(key);
            driver.hub.report(session, gap(reach.ms));
            driver.hub.closed(hearing);
        }
    }
    if heard.len() < rest.len() {
        let heard_ms = heard.len() as u64 / SAMPLES_PER_MS;
        driver.hub.report(session, gap(reach.ms + heard_ms));
    }
    Ok(())
}

/// A file's sound at 16 kHz, and when which part of it came.
fn decode(file: &AudioFile) -> Result<(Vec<f32>, Arrivals), RecoverError> {
    let mut arrivals = Arrivals::new(Mono(0));
    let mut out = Vec::new();
    let mut open: Option<((u8, u32), ChunkDecoder, Resampler)> = None;
    let mut samples = Vec::new();
    for chunk in file.records()? {
        let chunk = chunk?;
        let form = (chunk.format, chunk.sample_rate);
        if open.as_ref().is_none_or(|(known, ..)| *known != form) {
            if let Some((_, _, mut resampler)) = open.take() {
                resampler.finish(&mut out);
            }
            let Some(format) = recorded_format(chunk.format) else {
                continue;
            };
            let decoder = ChunkDecoder::new(format, Encoding::Raw, chunk.sample_rate);
            let resampler = Resampler::new(chunk.sample_rate);
            let (Ok(decoder), Ok(resampler)) = (decoder, resampler) else {
                continue;
            };
            open = Some((form, decoder, resampler));
        }
        let Some((_, decoder, resampler)) = &mut open else {
            continue;
        };
        samples.clear();
        // A chunk that cannot be read was an error to its sender already.
        if decoder.decode(&chunk.payload, &mut samples).is_ok() {
            resampler.push(&samples, &mut out);
            arrivals.note_at(out.len() as u64 / SAMPLES_PER_MS, chunk.session_ms);
        }
        if out.len() > 2 * SAMPLES_MAX {
            break;
        }
    }
    if let Some((_, _, mut resampler)) = open {
        resampler.finish(&mut out);
    }
    Ok((out, arrivals))
}

/// Takes over what ran in dead processes and hands it to the engine. Returns how many sessions.
/// One that never began waits in its row until somebody comes.
pub(crate) fn adopt_all(driver: &Driver) -> Result<usize, StoreError> {
    let mut adopted = 0;
    loop {
        let now = driver.clock.now();
        let page = driver.store.adopt_running(&driver.boot, now, PAGE)?;
        if page.is_empty() {
            return Ok(adopted);
        }
        adopted += page.len();
        for (session, taken) in page {
            match driver.store.load(&session) {
                Ok(Some(loaded)) => {
                    let loaded = Box::new(Loaded {
                        fence: taken.fence,
                        away_ms: taken.away_ms,
                        unsaved_end: driver.unsaved_end(&session),
                        ..loaded
                    });
                    driver.inboxes.post(Input::Recover { loaded });
                }
                Ok(None) => {}
                Err(error) => tracing::error!(%session, %error, "session_not_recovered"),
            }
        }
    }
}

/// What an earlier process told as ended and could not save is ended in the records, whatever they
/// say of it. Returns how many sessions.
fn end_unsaved(driver: &Driver) -> usize {
    let mut ended = 0;
    for (session, end) in driver.unsaved_ends() {
        match jobs::load(driver, &session) {
            Ok(Found::Session(loaded)) if loaded.row.status != Status::Ended => {
                tracing::warn!(%session, reason = %end.reason, "end_was_not_saved");
                driver.inboxes.post(Input::Recover { loaded });
                ended += 1;
            }
            // It was saved after all, or deleted since.
            Ok(Found::Session(_) | Found::Forgotten) => driver.forget_end(session),
            Ok(Found::Nothing) => {
                tracing::warn!(%session, reason = %end.reason, "session_was_never_saved");
                driver.forget_end(session);
            }
            Ok(Found::Unavailable) => tracing::warn!(%session, "session_not_recovered"),
            Err(error) => tracing::error!(%session, %error, "session_not_recovered"),
        }
    }
    ended
}

/// Before the listener opens: what ran lives on with all it needs in the records, or ends, as far
/// as that is done by the deadline.
pub(crate) fn recover_before_start(driver: &Driver, wait: Duration) {
    let begun = Instant::now();
    let by = begun + wait;
    let unsaved = end_unsaved(driver);
    let adopted = match adopt_all(driver) {
        Ok(adopted) => adopted + unsaved,
        Err(error) => {
            tracing::error!(%error, "recovery_failed");
            return;
        }
    };
    put_active_right(driver);
    if adopted == 0 {
        return;
    }
    tracing::info!(sessions = adopted, "recovering");
    let Some(core) = driver.core() else {
        return;
    };
    while Instant::now() < by {
        let gauges = core.gauges();
        let engine = gauges.engine;
        // What is decided and not yet written is not recovered: another kill would find the
        // session as it was.
        let open = engine.completing + engine.loading + engine.unsaved + engine.unsettled;
        if gauges.inputs_waiting + open == 0 {
            let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(sessions = adopted, live = engine.active, ms, "recovered");
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    tracing::warn!("recovery goes on while requests are served");
}

fn put_active_right(driver: &Driver) {
    match driver.store.reap_active(driver.clock.wall(), ROW_AGE_MS) {
        Ok(done) if done != Reaped::default() => {
            tracing::info!(gone = done.gone, come = done.come, "active_rows_put_right");
        }
        Ok(_) => {}
        Err(error) => tracing::error!(%error, "active_rows_not_put_right"),
    }
}

/// One round of the reaper.
pub(crate) fn reap(driver: &Driver) -> Result<(), StoreError> {
    let now = driver.clock.wall();
    for session in driver.store.overdue(now, PAGE)? {
        driver.inboxes.post(Input::Ask {
            ask: NOBODY,
            session,
            what: Ask::End {
                reason: EndReason::Expired,
                by: None,
                only_if_allowed: None,
            },
        });
    }
    adopt_all(driver)?;
    retention::sweep(driver)?;
    put_active_right(driver);
    Ok(())
}

/// Another program ended a session's row (S8).
pub(crate) fn ended_elsewhere(session: SessionId) -> Input {
    Input::Ask {
        ask: NOBODY,
        session,
        what: Ask::End {
            reason: EndReason::ClosedExternally,
            by: None,
            only_if_allowed: None,
        },
    }
}
