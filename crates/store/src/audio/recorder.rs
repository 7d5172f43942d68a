//! The one thread that writes audio: appends chunks, syncs files in rounds, deletes what became
//! text. It never fails as a whole: what cannot be written is told per stream.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use protocol::id::SessionId;

use super::file::{self, MAGIC, Records, path_of, session_folder};
use super::queue::{Order, Queue};
use super::{AudioEvent, Chunk, PAYLOAD_BYTES_MAX, StreamKey};
use crate::error::StoreError;

/// Deleted bytes at the front of a file that make it worth writing the rest anew.
const REWRITE_BYTES: u64 = 256 << 10;

/// How long a dropped recorder waits for its thread.
const LEAVE: Duration = Duration::from_secs(5);

/// How to record.
#[derive(Debug, Clone)]
pub struct Config {
    /// The data folder; files go to `audio/` below it.
    pub data: PathBuf,
    /// Bytes of chunks that may wait for the disk.
    pub queue_bytes_max: usize,
    /// How long after its first unsynced chunk a file is synced. An acknowledgement is promised
    /// within 1 s, and the sync itself takes time.
    pub sync_after: Duration,
    /// How long chunks gather before they are written.
    pub linger: Duration,
    /// A stream's file is closed after so long without a chunk; the next one opens it again.
    pub idle: Duration,
}

impl Config {
    /// The defaults for a data folder.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            queue_bytes_max: 32 << 20,
            sync_after: Duration::from_millis(500),
            linger: Duration::from_millis(20),
            idle: Duration::from_secs(60),
        }
    }
}

/// What the recorder counts.
#[derive(Debug, Default)]
pub struct RecorderMetrics {
    /// Chunks written.
    pub chunks: AtomicU64,
    /// Bytes written.
    pub bytes: AtomicU64,
    /// Chunks that could not be written or queued.
    pub lost: AtomicU64,
    /// Files synced.
    pub syncs: AtomicU64,
    /// Syncs that failed.
    pub sync_failures: AtomicU64,
    /// Files that are open, as counted after the last round of work.
    pub files: AtomicU64,
}

/// Failures the tests order.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// So many writes stop half-way, as on a full disk.
    pub(crate) writes: std::sync::atomic::AtomicU32,
    /// So many syncs fail.
    pub(crate) syncs: std::sync::atomic::AtomicU32,
}

#[cfg(test)]
impl Faults {
    fn strikes(count: &std::sync::atomic::AtomicU32) -> bool {
        count
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
            .is_ok()
    }
}

/// The recorder.
pub struct Recorder {
    queue: Arc<Queue>,
    metrics: Arc<RecorderMetrics>,
    /// Says when the thread is over.
    over: Mutex<Receiver<()>>,
    #[cfg(test)]
    pub(crate) faults: Arc<Faults>,
}

impl Recorder {
    /// Makes the folder and starts the thread. `told` is called on that thread.
    ///
    /// # Errors
    /// When the folder cannot be made or no thread started.
    pub fn open(
        config: Config,
        told: impl Fn(AudioEvent) + Send + 'static,
    ) -> Result<Self, StoreError> {
        fs::create_dir_all(file::audio_folder(&config.data)).map_err(StoreError::Io)?;
        let queue = Arc::new(Queue::new(config.queue_bytes_max, config.linger));
        let metrics = Arc::new(RecorderMetrics::default());
        #[cfg(test)]
        let faults = Arc::new(Faults::default());
        let work = Worker {
            config,
            queue: Arc::clone(&queue),
            metrics: Arc::clone(&metrics),
            told: Box::new(told),
            streams: HashMap::new(),
            #[cfg(test)]
            faults: Arc::clone(&faults),
        };
        let (ends, over) = channel();
        std::thread::Builder::new()
            .name("store-recorder".to_owned())
            .spawn(move || {
                let _ends: Sender<()> = ends;
                work.run();
            })
            .map_err(StoreError::Io)?;
        Ok(Self {
            queue,
            metrics,
            over: Mutex::new(over),
            #[cfg(test)]
            faults,
        })
    }

    /// Queues a chunk; never blocks. False when it did not fit: then `AudioUnsafe` is told, and
    /// acknowledgements stop before it.
    pub fn append(&self, key: &StreamKey, chunk: Chunk) -> bool {
        let fits = self.queue.push(Order::Append(key.clone(), chunk));
        if !fits {
            self.metrics.lost.fetch_add(1, Ordering::Relaxed);
        }
        fits
    }

    /// The stream is over: what it has is synced and told, its file closed, not deleted.
    pub fn close(&self, key: &StreamKey) {
        self.queue.push(Order::Close(key.clone()));
    }

    /// A stream another process began may go on: its file is opened and synced, and how far it is
    /// safe is told.
    pub fn reopen(&self, key: &StreamKey) {
        self.queue.push(Order::Reopen(key.clone()));
    }

    /// The words of every chunk up to `upto` are committed. The file goes when nothing else is in
    /// it; else the front goes once it is worth it, so a reader may still find deleted chunks.
    pub fn delete(&self, key: &StreamKey, upto: u32) {
        self.queue.push(Order::Delete(key.clone(), upto));
    }

    /// The words of the whole session are committed, or it was deleted.
    pub fn delete_session(&self, session: &SessionId) {
        self.queue.push(Order::DeleteSession(session.clone()));
    }

    /// Counters.
    pub fn metrics(&self) -> &RecorderMetrics {
        &self.metrics
    }

    /// Bytes of chunks that wait for the disk.
    pub fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Orders that are not carried out yet: chunks, closes, deletions.
    pub fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// Writes and syncs what is queued and stops; later chunks are refused. Whether that was done
    /// within the time.
    pub fn shutdown(&self, within: Duration) -> bool {
        self.queue.stop();
        self.over.lock().recv_timeout(within) != Err(RecvTimeoutError::Timeout)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shutdown(LEAVE);
    }
}

/// A stream as the thread knows it.
struct Stream {
    file: Option<File>,
    /// Bytes of whole records in the file.
    good: u64,
    /// Highest chunk written.
    highest: Option<u32>,
    /// Highest chunk told as synced.
    told: Option<u32>,
    /// First chunk and time of what is not synced.
    unsynced: Option<(u32, Instant)>,
    /// Lowest chunk that was lost and has not come again.
    lost: Option<u32>,
    used: Instant,
}

struct Worker {
    config: Config,
    queue: Arc<Queue>,
    metrics: Arc<RecorderMetrics>,
    told: Box<dyn Fn(AudioEvent) + Send>,
    streams: HashMap<StreamKey, Stream>,
    #[cfg(test)]
    faults: Arc<Faults>,
}

struct Closing(Arc<Queue>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Worker {
    fn run(mut self) {
        let _closing = Closing(Arc::clone(&self.queue));
        loop {
            let work = self.queue.wait(self.next_wake());
            // Chunks that follow each other in one stream become one write.
            let mut run: Vec<Chunk> = Vec::new();
            let mut of: Option<StreamKey> = None;
            for order in work.orders {
                match order {
                    Order::Append(key, chunk) => {
                        if of.as_ref() != Some(&key) {
                            self.write(of.take(), &mut run);
                        }
                        run.push(chunk);
                        of = Some(key);
                    }
                    other => {
                        self.write(of.take(), &mut run);
                        self.carry_out(other);
                    }
                }
            }
            self.write(of.take(), &mut run);
            let due = self.next_sync().is_some_and(|at| at <= Instant::now());
            if due || work.stop {
                self.sync_all();
            }
            let idle = self.config.idle;
            self.streams
                .retain(|_, stream| stream.used.elapsed() < idle || stream.unsynced.is_some());
            let open = { self.streams.values() }.filter(|stream| stream.file.is_some());
            let open = u64::try_from(open.count()).unwrap_or(u64::MAX);
            self.metrics.files.store(open, Ordering::Relaxed);
            if work.stop {
                return;
            }
        }
    }

    /// When the next file is due to be synced, or to be closed because nobody needs it.
    fn next_wake(&self) -> Option<Instant> {
        let idle = self
            .streams
            .values()
            .map(|stream| stream.used + self.config.idle)
            .min();
        [self.next_sync(), idle].into_iter().flatten().min()
    }

    /// When the next file is due to be synced.
    fn next_sync(&self) -> Option<Instant> {
        let since = self.streams.values().filter_map(|stream| stream.unsynced);
        since.map(|(_, at)| at + self.config.sync_after).min()
    }

    fn carry_out(&mut self, order: Order) {
        match order {
            Order::Append(..) => {}
            Order::Lost(key, seq) => self.lose(&key, seq),
            Order::Close(key) => {
                self.sync(&key);
                if let Some(stream) = self.streams.remove(&key)
                    && let Err(error) = stream.leave(&path_of(&self.config.data, &key))
                {
                    tracing::warn!(session = %key.session, %error, "audio could not be deleted");
                }
            }
            Order::Reopen(key) => {
                if let Err(error) = self.reopen(&key) {
                    tracing::warn!(session = %key.session, %error, "audio could not be opened");
                }
            }
            Order::Delete(key, upto) => {
                if let Err(error) = self.delete(&key, upto) {
                    tracing::warn!(session = %key.session, %error, "audio could not be deleted");
                }
            }
            Order::DeleteSession(session) => {
                self.streams.retain(|key, _| key.session != session);
                let folder = session_folder(&self.config.data, &session);
                if let Err(error) = gone(fs::remove_dir_all(folder)) {
                    tracing::warn!(%session, %error, "audio could not be deleted");
                }
            }
        }
    }

    /// Remembers that a chunk was lost; tells it once.
    fn lose(&mut self, key: &StreamKey, seq: u32) {
        let stream = self
            .streams
            .entry(key.clone())
            .or_insert_with(Stream::unopened);
        let first = stream.lost.is_none();
        stream.lost = Some(stream.lost.map_or(seq, |lost| lost.min(seq)));
        if first {
            tracing::warn!(session = %key.session, stream = %key.stream, seq, "audio is not safe");
            (self.told)(AudioEvent::AudioUnsafe {
                key: key.clone(),
                from: seq,
            });
        }
    }

    /// Writes chunks that follow each other in one stream, all of them or none.
    fn write(&mut self, key: Option<StreamKey>, run: &mut Vec<Chunk>) {
        let Some(key) = key else { return };
        let (fit, too_large): (Vec<_>, Vec<_>) = run
            .drain(..)
            .partition(|chunk| chunk.payload.len() <= PAYLOAD_BYTES_MAX);
        let lowest = fit.iter().map(|chunk| chunk.seq).min();
        if let Some(lowest) = lowest
            && let Err(error) = self.append(&key, &fit)
        {
            tracing::debug!(%error, "audio could not be written");
            let chunks = u64::try_from(fit.len()).unwrap_or(u64::MAX);
            self.metrics.lost.fetch_add(chunks, Ordering::Relaxed);
            self.lose(&key, lowest);
        }
        for chunk in too_large {
            self.metrics.lost.fetch_add(1, Ordering::Relaxed);
            self.lose(&key, chunk.seq);
        }
    }

    fn reopen(&mut self, key: &StreamKey) -> io::Result<()> {
        let stream = self
            .streams
            .entry(key.clone())
            .or_insert_with(Stream::unopened);
        stream.open(&self.config.data, key)?;
        stream.told = None;
        if let Some(highest) = stream.highest {
            stream.unsynced.get_or_insert((highest, Instant::now()));
            self.sync(key);
        }
        Ok(())
    }

    fn append(&mut self, key: &StreamKey, run: &[Chunk]) -> io::Result<()> {
        let stream = self
            .streams
            .entry(key.clone())
            .or_insert_with(Stream::unopened);
        stream.used = Instant::now();
        stream.open(&self.config.data, key)?;
        // What is written already is sent again because its page did not hear that it is: it is
        // told once more.
        let mut written = stream.highest.filter(|_| stream.lost.is_none());
        let mut fresh = Vec::with_capacity(run.len());
        for chunk in run {
            if written.is_some_and(|written| chunk.seq <= written) {
                stream.told = None;
                stream.unsynced.get_or_insert((chunk.seq, Instant::now()));
            } else {
                written = written.map(|written| written.max(chunk.seq));
                fresh.push(chunk);
            }
        }
        let run = fresh;
        if run.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        for chunk in &run {
            file::encode(chunk, &mut bytes);
        }
        #[cfg(test)]
        let half = Faults::strikes(&self.faults.writes).then_some(bytes.len() / 2);
        #[cfg(not(test))]
        let half = None;
        stream.write(&bytes, half)?;
        for chunk in &run {
            stream.unsynced.get_or_insert((chunk.seq, Instant::now()));
            stream.highest = stream.highest.max(Some(chunk.seq));
            if stream.lost.is_some_and(|lost| chunk.seq <= lost) {
                // The client goes back to before what was lost and sends it again.
                stream.lost = None;
                stream.highest = Some(chunk.seq);
            }
        }
        let count = u64::try_from(run.len()).unwrap_or(u64::MAX);
        self.metrics.chunks.fetch_add(count, Ordering::Relaxed);
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.metrics.bytes.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }

    fn sync_all(&mut self) {
        let unsynced = self
            .streams
            .iter()
            .filter(|(_, stream)| stream.unsynced.is_some());
        let keys: Vec<_> = unsynced.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.sync(&key);
        }
    }

    /// Syncs one file and tells how far the stream is safe.
    fn sync(&mut self, key: &StreamKey) {
        let Some(stream) = self.streams.get_mut(key) else {
            return;
        };
        let Some((first, _)) = stream.unsynced.take() else {
            return;
        };
        let Some(file) = stream.file.as_ref() else {
            return;
        };
        #[cfg(test)]
        let struck = Faults::strikes(&self.faults.syncs);
        #[cfg(not(test))]
        let struck = false;
        let synced = if struck {
            Err(ErrorKind::StorageFull.into())
        } else {
            file.sync_data()
        };
        match synced {
            Ok(()) => {
                self.metrics.syncs.fetch_add(1, Ordering::Relaxed);
                let safe = match stream.lost {
                    Some(lost) => stream.highest.min(lost.checked_sub(1)),
                    None => stream.highest,
                };
                if let Some(seq) = safe.filter(|_| safe > stream.told) {
                    stream.told = safe;
                    (self.told)(AudioEvent::Synced {
                        key: key.clone(),
                        seq,
                    });
                }
            }
            Err(error) => {
                // What the kernel has dropped is unknown: read the file again before going on.
                tracing::warn!(session = %key.session, %error, "audio could not be synced");
                self.metrics.sync_failures.fetch_add(1, Ordering::Relaxed);
                stream.file = None;
                self.lose(key, first);
            }
        }
    }

    /// Deletes chunks that became text.
    fn delete(&mut self, key: &StreamKey, upto: u32) -> io::Result<()> {
        let path = path_of(&self.config.data, key);
        let Some(stream) = self.streams.get_mut(key) else {
            return delete_closed(&path, upto);
        };
        if stream.lost.is_none() && stream.highest.is_some_and(|highest| highest <= upto) {
            if let Some(file) = stream.file.as_ref() {
                file.set_len(MAGIC.len() as u64)?;
                stream.good = MAGIC.len() as u64;
            }
            return Ok(());
        }
        if front_bytes(&path, upto)? >= REWRITE_BYTES {
            stream.file = None;
            rewrite(&path, upto)?;
        }
        Ok(())
    }
}

impl Stream {
    fn unopened() -> Self {
        Self {
            file: None,
            good: 0,
            highest: None,
            told: None,
            unsynced: None,
            lost: None,
            used: Instant::now(),
        }
    }

    /// The stream is over: a file without a record goes.
    fn leave(self, path: &Path) -> io::Result<()> {
        let empty = self.file.is_some() && self.good <= MAGIC.len() as u64;
        if empty { remove(path) } else { Ok(()) }
    }

    /// Opens the file for appending, with a torn end cut off.
    fn open(&mut self, data: &Path, key: &StreamKey) -> io::Result<()> {
        if self.file.is_some() {
            return Ok(());
        }
        let path = path_of(data, key);
        let folder = session_folder(data, &key.session);
        let fresh = !path.exists();
        if !folder.exists() {
            fs::create_dir_all(&folder)?;
            sync_folder(&file::audio_folder(data))?;
        }
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        self.file = Some(file);
        self.good = 0;
        if !fresh && path.is_file() {
            let mut records = Records::open(&path)?;
            for chunk in records.by_ref() {
                self.highest = self.highest.max(Some(chunk?.seq));
            }
            self.good = records.good_bytes();
        }
        if self.good == 0 {
            let begun = self.write(&MAGIC, None).and_then(|()| sync_folder(&folder));
            if begun.is_err() {
                self.file = None;
            }
            return begun;
        }
        self.cut()
    }

    /// Cuts off what lies behind the last whole record.
    fn cut(&mut self) -> io::Result<()> {
        let Some(file) = self.file.as_ref() else {
            return Ok(());
        };
        let done = match file.metadata()?.len() > self.good {
            true => file.set_len(self.good),
            false => Ok(()),
        };
        if done.is_err() {
            self.file = None;
        }
        done
    }

    /// Appends bytes, all of them or none. `stop_at`: the disk is full there.
    fn write(&mut self, bytes: &[u8], stop_at: Option<usize>) -> io::Result<()> {
        if self.good == 0 {
            // Nothing in it is a record; its own first bytes come first.
            self.cut()?;
        }
        let Some(mut file) = self.file.as_ref() else {
            return Err(ErrorKind::NotConnected.into());
        };
        let written = match stop_at {
            None => file.write_all(bytes),
            Some(at) => file
                .write_all(&bytes[..at])
                .and(Err(ErrorKind::StorageFull.into())),
        };
        match written {
            Ok(()) => {
                self.good += u64::try_from(bytes.len()).unwrap_or(0);
                Ok(())
            }
            Err(error) => {
                // A file that cannot even be cut is closed by `cut` and read again later.
                let _ = self.cut();
                Err(error)
            }
        }
    }
}

/// What was already gone is gone.
fn gone(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Removes a file, and its session's folder when that was the last.
fn remove(path: &Path) -> io::Result<()> {
    gone(fs::remove_file(path))?;
    // A folder that is not empty stays; that is no failure.
    let _ = path.parent().map(fs::remove_dir);
    Ok(())
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Deletes from a file nobody writes to: all of it, or its front.
fn delete_closed(path: &Path, upto: u32) -> io::Result<()> {
    let mut records = match Records::open(path) {
        Ok(records) => records,
        Err(error) => return gone(Err(error)),
    };
    for chunk in records.by_ref() {
        if chunk?.seq > upto {
            return rewrite(path, upto);
        }
    }
    remove(path)
}

/// Bytes of records up to `upto` at the front of a file.
fn front_bytes(path: &Path, upto: u32) -> io::Result<u64> {
    let mut records = match Records::open(path) {
        Ok(records) => records,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut front = 0;
    while let Some(chunk) = records.next() {
        if chunk?.seq > upto {
            break;
        }
        front = records.good_bytes();
    }
    Ok(front)
}

/// Writes what lies behind `upto` into a file that takes the old one's place.
fn rewrite(path: &Path, upto: u32) -> io::Result<()> {
    let mut bytes = MAGIC.to_vec();
    for chunk in Records::open(path)? {
        let chunk = chunk?;
        if chunk.seq > upto {
            file::encode(&chunk, &mut bytes);
        }
    }
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(&bytes)?;
    file.sync_data()?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}
