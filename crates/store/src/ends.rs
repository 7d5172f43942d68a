//! Ends that were told and could not be saved, in a file beside the database: when a process has to
//! stop while its records are away, the next one finds them here and nobody goes on with what was
//! said to be over. No rules, no SQL.
//!
//! `<data>/unsaved-ends.jsonl`: a line for every end, and one for every end that was saved after
//! all. A line that is torn by a crash is none. The file is empty, or not there, when none waits.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::time::Duration;

use parking_lot::Mutex;
use protocol::id::SessionId;
use protocol::record::EndBegun;
use serde::{Deserialize, Serialize};

/// The file's name.
pub const FILE: &str = "unsaved-ends.jsonl";

/// Orders that may wait for the disk.
const ORDERS_MAX: usize = 16_384;

/// Orders written and synced at once.
const BATCH_MAX: usize = 512;

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    session: SessionId,
    /// None: it is saved.
    end: Option<EndBegun>,
}

/// What waits, by session.
pub type Waiting = BTreeMap<SessionId, EndBegun>;

/// Writes them down, on a thread of its own.
#[derive(Debug)]
pub struct Ends {
    orders: Mutex<Option<SyncSender<Line>>>,
    over: Mutex<Receiver<()>>,
}

impl Ends {
    /// Reads what an earlier process left and starts the thread.
    ///
    /// # Errors
    /// When the file is there and cannot be read, or there is no thread.
    pub fn open(data: &Path) -> io::Result<(Self, Waiting)> {
        let path = data.join(FILE);
        let found = read(&path)?;
        let mut writer = Journal {
            path,
            file: None,
            waiting: found.clone(),
        };
        let (orders, taken) = sync_channel(ORDERS_MAX);
        let (ends, over) = channel();
        std::thread::Builder::new()
            .name("unsaved-ends".to_owned())
            .spawn(move || {
                writer.run(&taken);
                // Nobody may be waiting.
                let _ = ends.send(());
            })?;
        let ends = Self {
            orders: Mutex::new(Some(orders)),
            over: Mutex::new(over),
        };
        Ok((ends, found))
    }

    /// Has an end written down. Does not wait; false: too many wait already, or it is over.
    pub fn keep(&self, session: SessionId, end: EndBegun) -> bool {
        self.order(Line {
            session,
            end: Some(end),
        })
    }

    /// Has an end forgotten. Does not wait; false as in [`Ends::keep`].
    pub fn forget(&self, session: SessionId) -> bool {
        self.order(Line { session, end: None })
    }

    fn order(&self, line: Line) -> bool {
        let orders = self.orders.lock();
        orders
            .as_ref()
            .is_some_and(|orders| orders.try_send(line).is_ok())
    }

    /// Takes no more and waits until what was ordered is written; whether it was in time.
    pub fn shutdown(&self, within: Duration) -> bool {
        self.orders.lock().take();
        self.over.lock().recv_timeout(within).is_ok()
    }
}

/// What waits by the file. A line that is no line was torn by a crash.
fn read(path: &Path) -> io::Result<Waiting> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Waiting::new()),
        Err(error) => return Err(error),
    };
    let mut waiting = Waiting::new();
    for line in text.split(|byte| *byte == b'\n') {
        if let Ok(line) = serde_json::from_slice(line) {
            apply(&mut waiting, line);
        }
    }
    Ok(waiting)
}

fn apply(waiting: &mut Waiting, line: Line) {
    match line.end {
        Some(end) => {
            waiting.insert(line.session, end);
        }
        None => {
            waiting.remove(&line.session);
        }
    }
}

/// The file as its one writer sees it.
struct Journal {
    path: PathBuf,
    /// Opened when there is something to write.
    file: Option<File>,
    waiting: Waiting,
}

impl Journal {
    fn run(&mut self, orders: &Receiver<Line>) {
        while let Ok(first) = orders.recv() {
            let more = orders.try_iter().take(BATCH_MAX);
            let lines: Vec<Line> = std::iter::once(first).chain(more).collect();
            if let Err(error) = self.write(lines) {
                tracing::error!(%error, "unsaved_ends_not_kept");
                // What was half written is cut off when it is opened again.
                self.file = None;
            }
        }
    }

    fn write(&mut self, lines: Vec<Line>) -> io::Result<()> {
        let mut text = Vec::new();
        for line in lines {
            put(&mut text, &line)?;
            apply(&mut self.waiting, line);
        }
        match &mut self.file {
            None => self.file = Some(self.anew()?),
            Some(file) if self.waiting.is_empty() => {
                file.set_len(0)?;
                file.seek(SeekFrom::Start(0))?;
                file.sync_data()?;
            }
            Some(file) => {
                file.write_all(&text)?;
                file.sync_data()?;
            }
        }
        Ok(())
    }

    /// A file of what waits now, in the place of the one that is there: it may be long, or torn.
    fn anew(&self) -> io::Result<File> {
        let mut text = Vec::new();
        for (session, end) in &self.waiting {
            let line = Line {
                session: session.clone(),
                end: Some(end.clone()),
            };
            put(&mut text, &line)?;
        }
        let fresh = self.path.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(&text)?;
        file.sync_data()?;
        std::fs::rename(&fresh, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(file)
    }
}

fn put(text: &mut Vec<u8>, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *text, line)?;
    text.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::time::Wall;
    use protocol::value::EndReason;

    const SOON: Duration = Duration::from_secs(10);

    fn id(name: &str) -> SessionId {
        SessionId::parse(name).unwrap()
    }

    fn end(reason: EndReason) -> EndBegun {
        EndBegun {
            reason,
            by: None,
            at: Wall(7),
            duration_ms: 5,
        }
    }

    fn lines(folder: &Path) -> usize {
        let text = std::fs::read(folder.join(FILE)).unwrap();
        text.iter().filter(|byte| **byte == b'\n').count()
    }

    #[test]
    fn what_is_kept_is_found_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let (ends, found) = Ends::open(folder.path()).unwrap();
        assert!(found.is_empty());
        assert!(ends.keep(id("a"), end(EndReason::Completed)));
        assert!(ends.keep(id("b"), end(EndReason::Inactivity)));
        assert!(ends.forget(id("a")));
        assert!(ends.shutdown(SOON));
        assert!(!ends.keep(id("c"), end(EndReason::Completed)), "it is over");

        let (ends, found) = Ends::open(folder.path()).unwrap();
        let left = Waiting::from([(id("b"), end(EndReason::Inactivity))]);
        assert_eq!(found, left);
        assert!(ends.keep(id("d"), end(EndReason::Abandoned)));
        assert!(ends.shutdown(SOON));
        let (ends, found) = Ends::open(folder.path()).unwrap();
        assert_eq!(found.len(), 2);
        assert!(ends.forget(id("b")));
        assert!(ends.forget(id("d")));
        assert!(ends.shutdown(SOON));
        assert_eq!(lines(folder.path()), 0);
        let (_ends, found) = Ends::open(folder.path()).unwrap();
        assert!(found.is_empty());
    }

    #[test]
    fn a_torn_line_is_none_and_is_gone_with_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let (ends, _) = Ends::open(folder.path()).unwrap();
        assert!(ends.keep(id("a"), end(EndReason::Completed)));
        assert!(ends.shutdown(SOON));
        let path = folder.path().join(FILE);
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_slice(b"{\"session\":\"b\",\"end\":{\"rea");
        std::fs::write(&path, text).unwrap();

        let (ends, found) = Ends::open(folder.path()).unwrap();
        assert_eq!(found.into_keys().collect::<Vec<_>>(), [id("a")]);
        assert!(ends.keep(id("c"), end(EndReason::Completed)));
        assert!(ends.shutdown(SOON));
        assert_eq!(lines(folder.path()), 2);
        let (_ends, found) = Ends::open(folder.path()).unwrap();
        assert_eq!(found.into_keys().collect::<Vec<_>>(), [id("a"), id("c")]);
    }

    #[test]
    fn what_could_not_be_written_is_written_with_what_comes_next() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("later");
        let mut journal = Journal {
            path: data.join(FILE),
            file: None,
            waiting: Waiting::new(),
        };
        let kept = |name| {
            vec![Line {
                session: id(name),
                end: Some(end(EndReason::Completed)),
            }]
        };
        assert!(journal.write(kept("a")).is_err());
        std::fs::create_dir(&data).unwrap();
        journal.write(kept("b")).unwrap();
        assert_eq!(read(&journal.path).unwrap().len(), 2);
    }
}
