//! The files: their names, their layout, reading them back. No threads here.
//!
//! `<data>/audio/<session>/<user>-<stream>.gra`. Ids are written as they are, but every byte
//! outside `A-Z a-z 0-9 _ .` and a leading dot becomes `=` and two hexadecimal digits.
//!
//! A file is 8 bytes of [`MAGIC`], then records, integers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of everything after the checksum |
//! | 4 | CRC-32 (IEEE) of everything after itself |
//! | 8 | milliseconds of the session |
//! | 4 | the client's number |
//! | 1 | format |
//! | 4 | samples per second |
//! | rest | payload |
//!
//! A record whose length or checksum is wrong ends the file: it was torn by a crash, and is cut
//! off before anything is appended.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use protocol::id::{SessionId, StreamId, UserId};

use super::{Chunk, PAYLOAD_BYTES_MAX, StreamKey};

/// First bytes of every file; the last is the version of the layout.
pub const MAGIC: [u8; 8] = *b"GRAUDIO\x01";

const HEAD_BYTES: usize = 8;
const FIXED_BYTES: usize = 17;
const EXTENSION: &str = "gra";

/// The folder of all sessions' audio.
pub fn audio_folder(data: &Path) -> PathBuf {
    data.join("audio")
}

/// The folder of a session's audio.
pub(crate) fn session_folder(data: &Path, session: &SessionId) -> PathBuf {
    audio_folder(data).join(escape(session.as_str()))
}

/// Where a stream is written.
pub fn path_of(data: &Path, key: &StreamKey) -> PathBuf {
    let name = format!("{}-{}.{EXTENSION}", escape(key.user.as_str()), key.stream);
    session_folder(data, &key.session).join(name)
}

fn escape(id: &str) -> String {
    let mut name = String::with_capacity(id.len());
    for (at, byte) in id.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || byte == b'_' || (byte == b'.' && at > 0);
        if plain {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("={byte:02x}"));
        }
    }
    name
}

fn unescape(name: &str) -> Option<String> {
    let mut id = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((plain, after)) = rest.split_once('=') {
        id.push_str(plain);
        let digits = after.get(..2)?;
        id.push(char::from(u8::from_str_radix(digits, 16).ok()?));
        rest = &after[2..];
    }
    id.push_str(rest);
    Some(id)
}

/// A stream's file, as found after a crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioFile {
    /// Whose audio.
    pub key: StreamKey,
    /// Where.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

impl AudioFile {
    /// Reads it from the beginning.
    ///
    /// # Errors
    /// When it cannot be opened. A file without its first bytes has no records.
    pub fn records(&self) -> io::Result<Records> {
        Records::open(&self.path)
    }
}

/// Every session that has audio on disk, with its files. Names nobody here wrote are left alone.
///
/// # Errors
/// When a folder cannot be read; a missing one is empty.
pub fn scan(data: &Path) -> io::Result<Vec<(SessionId, Vec<AudioFile>)>> {
    let mut found = Vec::new();
    for folder in entries(&audio_folder(data))? {
        let name = folder.file_name();
        let id = name
            .to_str()
            .and_then(unescape)
            .and_then(|id| SessionId::parse(&id).ok());
        let Some(session) = id.filter(|_| folder.path().is_dir()) else {
            tracing::warn!(?name, "not the audio of a session");
            continue;
        };
        let files = files_in(&folder.path(), &session)?;
        found.push((session, files));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// One session's files; none if it has no audio on disk.
///
/// # Errors
/// When its folder cannot be read.
pub fn files_of(data: &Path, session: &SessionId) -> io::Result<Vec<AudioFile>> {
    files_in(&session_folder(data, session), session)
}

fn files_in(folder: &Path, session: &SessionId) -> io::Result<Vec<AudioFile>> {
    let mut files = Vec::new();
    for entry in entries(folder)? {
        let Some((user, stream)) = stream_of(&entry.file_name()) else {
            continue;
        };
        let key = StreamKey {
            session: session.clone(),
            user,
            stream,
        };
        files.push(AudioFile {
            key,
            path: entry.path(),
            bytes: entry.metadata()?.len(),
        });
    }
    files.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(files)
}

fn entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn stream_of(name: &OsStr) -> Option<(UserId, StreamId)> {
    let name = name.to_str()?.strip_suffix(EXTENSION)?.strip_suffix('.')?;
    let (user, stream) = name.rsplit_once('-')?;
    Some((
        UserId::parse(&unescape(user)?).ok()?,
        StreamId(stream.parse().ok()?),
    ))
}

/// Writes a record behind what is in `out`.
pub(crate) fn encode(chunk: &Chunk, out: &mut Vec<u8>) {
    let start = out.len();
    let length = u32::try_from(FIXED_BYTES + chunk.payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&chunk.session_ms.to_le_bytes());
    out.extend_from_slice(&chunk.seq.to_le_bytes());
    out.push(chunk.format);
    out.extend_from_slice(&chunk.sample_rate.to_le_bytes());
    out.extend_from_slice(&chunk.payload);
    let sum = crc32(&out[start + HEAD_BYTES..]);
    out[start + 4..start + HEAD_BYTES].copy_from_slice(&sum.to_le_bytes());
}

/// The records of a file, in order, up to the first that is torn.
#[derive(Debug)]
pub struct Records {
    from: BufReader<File>,
    good: u64,
    size: u64,
    over: bool,
}

impl Records {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be opened or read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut from = BufReader::with_capacity(64 << 10, file);
        let mut magic = [0; MAGIC.len()];
        let whole = fill(&mut from, &mut magic)? && magic == MAGIC;
        let good = if whole { MAGIC.len() as u64 } else { 0 };
        Ok(Self {
            from,
            good,
            size,
            over: !whole,
        })
    }

    /// Bytes up to the end of the last whole record read; 0 when even the first bytes are wrong.
    pub fn good_bytes(&self) -> u64 {
        self.good
    }

    /// Whether bytes lie behind the last whole record; meaningful once the iterator is over.
    pub fn is_torn(&self) -> bool {
        self.over && self.good < self.size
    }

    fn read(&mut self) -> io::Result<Option<Chunk>> {
        let mut head = [0; HEAD_BYTES];
        if !fill(&mut self.from, &mut head)? {
            return Ok(None);
        }
        let word =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (length, sum) = (word(0) as usize, word(4));
        if !(FIXED_BYTES..=FIXED_BYTES + PAYLOAD_BYTES_MAX).contains(&length) {
            return Ok(None);
        }
        let mut body = vec![0; length];
        if !fill(&mut self.from, &mut body)? || crc32(&body) != sum {
            return Ok(None);
        }
        let take = |at: usize| [body[at], body[at + 1], body[at + 2], body[at + 3]];
        let (low, high) = (u32::from_le_bytes(take(0)), u32::from_le_bytes(take(4)));
        let chunk = Chunk {
            session_ms: u64::from(low) | u64::from(high) << 32,
            seq: u32::from_le_bytes(take(8)),
            format: body[12],
            sample_rate: u32::from_le_bytes(take(13)),
            payload: Bytes::from(body).slice(FIXED_BYTES..),
        };
        self.good += (HEAD_BYTES + length) as u64;
        Ok(Some(chunk))
    }
}

impl Iterator for Records {
    type Item = io::Result<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let read = self.read();
        self.over = !matches!(read, Ok(Some(_)));
        read.transpose()
    }
}

/// Reads exactly so many bytes; false when the file ends before.
fn fill(from: &mut impl Read, to: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut value = at as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                0xedb8_8320 ^ (value >> 1)
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[at] = value;
        at += 1;
    }
    table
};

/// CRC-32 as in IEEE 802.3.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        let [low, ..] = (sum ^ u32::from(*byte)).to_le_bytes();
        CRC_TABLE[usize::from(low)] ^ (sum >> 8)
    };
    !bytes.iter().fold(u32::MAX, step)
}
