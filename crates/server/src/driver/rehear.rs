//! What a dead process left of the audio of sessions that live on (L2, I11): files are looked into,
//! streams go on where the last stored words end, and what never goes on is recognized as it lies.
//!
//! One thread, orders in turn: looking in comes before every claim on what it found. No rules, and
//! nothing here runs on an io thread but the two calls that only queue.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use protocol::client::AudioFormat;
use protocol::id::{Participant, SessionId};
use protocol::time::Mono;
use speech::StreamTap;
use store::audio::{AudioFile, Chunk, StreamKey as RecordKey, files_of};

use super::Driver;
use super::arrivals::Arrivals;
use super::ears::{Hearing, Live, format_number};
use super::recovery::{self, Reached, RecoverError};
use super::taps::{Line, Means, Numbers, checksum, open};

/// Sound handed to the recognizer ahead of what it has heard, milliseconds: half its ring.
const AHEAD_MS: u64 = 5_000;
/// How long the recognizer may take for a piece of a file before the rest is left to the end.
const PATIENCE: Duration = Duration::from_secs(20);
/// A WAV header in front of each chunk.
const WAV_HEAD_BYTES: usize = 44;

/// What was found of one stream.
struct Tail {
    file: AudioFile,
    participant: Participant,
    reached: Reached,
    numbers: Numbers,
    arrivals: Arrivals,
    length_ms: u64,
}

type Tails = Arc<Mutex<HashMap<RecordKey, Tail>>>;

/// A stream that goes on and wants what lies in its file first.
pub(crate) struct Claim {
    pub(crate) means: Means,
    pub(crate) key: RecordKey,
    pub(crate) line: Arc<Mutex<Line>>,
    pub(crate) form: (AudioFormat, u32),
}

enum Order {
    Look(Arc<Driver>, SessionId, Mono, Tails),
    Claim(Arc<Driver>, Box<Claim>, Tails),
    Finish(Arc<Driver>, Arc<Hearing>, Tails),
}

/// The thread.
pub(crate) struct Rehearing {
    orders: Sender<Order>,
}

impl Rehearing {
    /// Starts it. It ends with the last of its senders.
    pub(crate) fn start() -> std::io::Result<Self> {
        let (orders, taken): (Sender<Order>, Receiver<Order>) = channel();
        std::thread::Builder::new()
            .name("rehear".to_owned())
            .spawn(move || {
                for order in taken {
                    carry_out(order);
                }
            })?;
        Ok(Self { orders })
    }

    /// Has a session's files looked into; what is found can be claimed.
    pub(crate) fn look(&self, driver: &Arc<Driver>, session: SessionId, since: Mono) -> Rehear {
        let tails = Tails::default();
        let order = Order::Look(Arc::clone(driver), session, since, Arc::clone(&tails));
        // The thread lives as long as we do.
        let _ = self.orders.send(order);
        Rehear {
            driver: Arc::clone(driver),
            orders: self.orders.clone(),
            tails,
        }
    }
}

/// What is left of one session's audio.
pub(crate) struct Rehear {
    driver: Arc<Driver>,
    orders: Sender<Order>,
    tails: Tails,
}

impl Rehear {
    /// The stream goes on; its line waits until this is done.
    pub(crate) fn claim(&self, claim: Claim) {
        let driver = Arc::clone(&self.driver);
        let order = Order::Claim(driver, Box::new(claim), Arc::clone(&self.tails));
        let _ = self.orders.send(order);
    }

    /// No stream of the session goes on: the rest is recognized as it lies, then it is flushed.
    pub(crate) fn finish(&self, means: &Means, hearing: Arc<Hearing>) {
        let driver = Arc::clone(&self.driver);
        let order = Order::Finish(driver, Arc::clone(&hearing), Arc::clone(&self.tails));
        if self.orders.send(order).is_err() {
            means.hub.flush(&hearing);
        }
    }
}

fn carry_out(order: Order) {
    match order {
        Order::Look(driver, session, since, tails) => {
            if let Err(error) = look(&driver, &session, since, &tails) {
                tracing::error!(%session, %error, "audio_not_looked_into");
            }
        }
        Order::Claim(driver, claim, tails) => {
            let tail = tails.lock().remove(&claim.key);
            go_on(&claim, tail);
            // A page that begins another stream will not go on with its old ones.
            let mut tails = tails.lock();
            let left: Vec<RecordKey> = { tails.keys() }
                .filter(|key| key.user == claim.key.user)
                .cloned()
                .collect();
            let left: Vec<Tail> = left.iter().filter_map(|key| tails.remove(key)).collect();
            drop(tails);
            let hearing = Arc::clone(&claim.line.lock().live.hearing);
            for tail in left {
                recognize(&driver, &hearing, &tail);
            }
        }
        Order::Finish(driver, hearing, tails) => {
            let left = std::mem::take(&mut *tails.lock());
            for tail in left.into_values() {
                recognize(&driver, &hearing, &tail);
            }
            driver.hub.flush(&hearing);
        }
    }
}

/// Finds what lies in the session's files, and has the recorder say how far they are safe.
fn look(
    driver: &Driver,
    session: &SessionId,
    since: Mono,
    tails: &Tails,
) -> Result<(), RecoverError> {
    let files = files_of(&driver.data, session)?;
    if files.is_empty() {
        return Ok(());
    }
    let reached = recovery::reached(driver, session)?;
    let seats = driver.store.participants(session)?;
    for file in files {
        let key = file.key.clone();
        let seat = seats.iter().find(|seat| seat.user == key.user);
        let participant = seat.map_or(Participant(0), |seat| seat.participant);
        let of = (key.user.clone(), key.stream);
        let reached = reached.get(&of).copied().unwrap_or_default();
        match tail(file, participant, reached, since) {
            Ok(tail) => {
                driver.hub.recorded(key.clone(), participant);
                driver.recorder.reopen(&key);
                tails.lock().insert(key, tail);
            }
            Err(error) => tracing::error!(%session, %error, "stream_not_looked_into"),
        }
    }
    Ok(())
}

fn tail(
    file: AudioFile,
    participant: Participant,
    reached: Reached,
    since: Mono,
) -> Result<Tail, RecoverError> {
    let mut numbers = Numbers::default();
    let mut arrivals = Arrivals::new(since);
    let mut audio_us = 0;
    for chunk in file.records()? {
        let chunk = chunk?;
        numbers.judge(chunk.seq, true, checksum(&chunk.payload));
        audio_us += length_us(&chunk);
        arrivals.note_at(audio_us / 1_000, chunk.session_ms);
    }
    arrivals.go_to(audio_us);
    Ok(Tail {
        file,
        participant,
        reached,
        numbers,
        arrivals,
        length_ms: audio_us / 1_000,
    })
}

fn length_us(chunk: &Chunk) -> u64 {
    let head = match chunk.format {
        format if format == format_number(AudioFormat::Wav) => WAV_HEAD_BYTES,
        _ => 0,
    };
    let samples = chunk.payload.len().saturating_sub(head) as u64 / 2;
    samples * 1_000_000 / u64::from(chunk.sample_rate.max(1))
}

fn recognize(driver: &Driver, hearing: &Arc<Hearing>, tail: &Tail) {
    let done =
        recovery::recognize_file(driver, hearing, &tail.file, tail.participant, tail.reached);
    if let Err(error) = done {
        let (session, stream) = (&tail.file.key.session, tail.file.key.stream);
        tracing::error!(%session, %stream, %error, "stream_not_recovered");
    }
}

/// The recognizer hears what lies in the file behind the last stored words, then what came
/// meanwhile, then the stream itself.
fn go_on(claim: &Claim, tail: Option<Tail>) {
    let hearing = Arc::clone(&claim.line.lock().live.hearing);
    let (numbers, live, from) = match tail {
        None => {
            let live = Arc::clone(&claim.line.lock().live);
            (Numbers::default(), live, None)
        }
        Some(tail) => {
            // From where the stored words end; the stream's own times go on from the file's end.
            let mut arrivals = tail.arrivals.clone();
            arrivals.go_to(tail.reached.ms.min(tail.length_ms) * 1_000);
            let live = Arc::new(Live {
                hearing,
                participant: tail.participant,
                stream: claim.key.stream,
                utterances: tail.reached.utterances,
                arrivals: Mutex::new(arrivals),
            });
            (tail.numbers, live, Some((tail.file, tail.arrivals)))
        }
    };
    let mut tap = match open(&claim.means, &live, claim.form) {
        Ok(tap) => Some(tap),
        Err(refusal) => {
            let session = &live.hearing.session;
            tracing::warn!(%session, code = %refusal.code, "stream_does_not_go_on");
            None
        }
    };
    if let Some((file, arrivals)) = from {
        let reached = live.arrivals.lock().audio_ms();
        let heard = tap
            .as_ref()
            .map(|tap| replay(tap, &file, claim.form.0, reached));
        if let Some(Err(error)) = heard {
            let session = &live.hearing.session;
            tracing::error!(%session, %error, "stream_not_replayed");
            tap = None;
        }
        *live.arrivals.lock() = arrivals;
    }
    let mut line = claim.line.lock();
    line.numbers = numbers;
    line.live = live;
    line.tap = tap;
    let waiting: VecDeque<_> = line.waiting.take().unwrap_or_default();
    for piece in waiting {
        line.take(&claim.key, &claim.means, &piece);
        if piece.is_last {
            line.tap = None;
        }
    }
    if line.closed {
        line.tap = None;
        claim.means.recorder.close(&claim.key);
    }
}

/// Pushes what lies in the file behind `reached_ms`, never more than the recognizer takes.
fn replay(
    tap: &StreamTap,
    file: &AudioFile,
    format: AudioFormat,
    reached_ms: u64,
) -> Result<(), RecoverError> {
    let by = Instant::now() + PATIENCE;
    let mut audio_us = 0;
    for chunk in file.records()? {
        let chunk = chunk?;
        let begins_us = audio_us;
        audio_us += length_us(&chunk);
        let behind = audio_us / 1_000 <= reached_ms;
        // A stream has one format; what was sent in another stays in the file.
        if behind || chunk.format != format_number(format) {
            continue;
        }
        let mut payload = chunk.payload.clone();
        let mut from_us = begins_us;
        if format == AudioFormat::Pcm16 && begins_us < reached_ms * 1_000 {
            let skip_us = reached_ms * 1_000 - begins_us;
            let bytes = (skip_us * u64::from(chunk.sample_rate) / 1_000_000 * 2) as usize;
            payload = payload.slice(bytes.min(payload.len())..);
            from_us = reached_ms * 1_000;
        }
        tap.push_at(payload, Some(from_us / 1_000), chunk.sample_rate);
        while audio_us / 1_000 > tap.heard_ms() + AHEAD_MS {
            if Instant::now() > by {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::taps::Judged;
    use super::*;

    #[test]
    fn a_chunk_that_comes_again_is_known_and_a_page_that_counts_anew_is_counted_on() {
        let mut numbers = Numbers::default();
        for seq in 0..4 {
            assert_eq!(numbers.judge(seq, true, 100 + seq), Judged::New(seq));
        }
        assert_eq!(numbers.judge(2, true, 102), Judged::Again(2));
        assert_eq!(numbers.judge(3, true, 103), Judged::Again(3));
        assert_eq!(numbers.judge(6, true, 106), Judged::New(6));
        // Another page of the same user, with the same stream number.
        assert_eq!(numbers.judge(0, true, 900), Judged::New(7));
        assert_eq!(numbers.judge(1, true, 901), Judged::New(8));
        // One that does not count.
        assert_eq!(numbers.judge(0, false, 902), Judged::New(9));
    }
}
