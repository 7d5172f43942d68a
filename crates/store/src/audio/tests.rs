//! The recorder on a real folder, its file layout, and what a crash leaves.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use protocol::id::{SessionId, StreamId, UserId};

use super::file::{MAGIC, Records, crc32, encode, path_of, scan};
use super::{AudioEvent, Chunk, Config, PAYLOAD_BYTES_MAX, Recorder, StreamKey};

const PATIENCE: Duration = Duration::from_secs(30);

fn key(session: &str, user: &str, stream: u32) -> StreamKey {
    StreamKey {
        session: SessionId::parse(session).unwrap(),
        user: UserId::parse(user).unwrap(),
        stream: StreamId(stream),
    }
}

fn chunk(seq: u32) -> Chunk {
    let payload = Bytes::from(vec![seq as u8; 100 + seq as usize]);
    Chunk {
        session_ms: (1 << 40) + u64::from(seq),
        seq,
        format: 3,
        sample_rate: 48_000,
        payload,
    }
}

struct Rig {
    recorder: Recorder,
    told: Receiver<AudioEvent>,
    folder: tempfile::TempDir,
}

fn rig() -> Rig {
    rig_with(tempfile::tempdir().unwrap(), |_| {})
}

fn rig_with(folder: tempfile::TempDir, change: impl FnOnce(&mut Config)) -> Rig {
    let (tell, told) = channel();
    let mut config = Config::new(folder.path());
    config.sync_after = Duration::from_millis(1);
    config.linger = Duration::ZERO;
    change(&mut config);
    let recorder = Recorder::open(config, move |event| drop(tell.send(event))).unwrap();
    Rig {
        recorder,
        told,
        folder,
    }
}

impl Rig {
    fn append(&self, key: &StreamKey, seqs: impl IntoIterator<Item = u32>) {
        for seq in seqs {
            assert!(self.recorder.append(key, chunk(seq)));
        }
    }

    fn next(&self) -> AudioEvent {
        self.told.recv_timeout(PATIENCE).expect("an event")
    }

    /// Waits until a chunk is told to be safe.
    fn synced(&self, key: &StreamKey, upto: u32) {
        loop {
            match self.next() {
                AudioEvent::Synced { key: of, seq } if of == *key && seq >= upto => {
                    assert_eq!(seq, upto);
                    return;
                }
                AudioEvent::Synced { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Everything ordered so far is done.
    fn done(self) -> (tempfile::TempDir, Vec<AudioEvent>) {
        assert!(self.recorder.shutdown(PATIENCE));
        drop(self.recorder);
        (self.folder, self.told.iter().collect())
    }
}

fn seqs(data: &Path, key: &StreamKey) -> Vec<u32> {
    let records = Records::open(&path_of(data, key)).unwrap();
    records.map(|chunk| chunk.unwrap().seq).collect()
}

#[test]
fn a_file_nobody_needs_any_more_is_closed_also_when_nothing_else_happens() {
    let folder = tempfile::tempdir().unwrap();
    let rig = rig_with(folder, |config| config.idle = Duration::from_millis(50));
    let one = key("s1", "ana", 1);
    rig.append(&one, 1..=3);
    rig.synced(&one, 3);
    let until = Instant::now() + PATIENCE;
    let open = || rig.recorder.metrics().files.load(Ordering::Relaxed) as usize;
    while open() + rig.recorder.waiting() > 0 {
        assert!(Instant::now() < until, "still open");
        std::thread::sleep(Duration::from_millis(5));
    }
    rig.append(&one, 4..=4);
    rig.synced(&one, 4);
    assert_eq!(seqs(rig.folder.path(), &one), [1, 2, 3, 4]);
}

#[test]
fn a_chunk_is_told_once_it_can_be_read_back() {
    let rig = rig();
    let (one, two) = (key("s1", "ana", 1), key("s1", "bob", 1));
    rig.append(&one, 1..=3);
    rig.synced(&one, 3);
    let records = Records::open(&path_of(rig.folder.path(), &one)).unwrap();
    let read: Vec<_> = records.map(Result::unwrap).collect();
    assert_eq!(read, [chunk(1), chunk(2), chunk(3)]);
    rig.append(&two, 7..=7);
    rig.synced(&two, 7);
    assert_eq!(seqs(rig.folder.path(), &one), [1, 2, 3]);
}

#[test]
fn a_scan_after_a_crash_finds_every_session_and_stream_by_name() {
    let rig = rig();
    let odd = key("a.b:c@d+e|f~g=h-i_J", "..", 4_294_967_295);
    let dots = key("..", "user-1", 0);
    rig.append(&odd, 1..=2);
    rig.append(&dots, 5..=5);
    let (folder, _) = rig.done();
    fs::create_dir(folder.path().join("audio/=zz")).unwrap();
    fs::write(folder.path().join("audio/note.txt"), "x").unwrap();
    let found = scan(folder.path()).unwrap();
    let keys: Vec<_> = found
        .iter()
        .flat_map(|(_, files)| files.iter().map(|file| file.key.clone()))
        .collect();
    assert_eq!(keys, [dots.clone(), odd.clone()]);
    assert_eq!(found[0].0, dots.session);
    assert_eq!(found[1].1[0].records().unwrap().count(), 2);
    assert_eq!(
        found[1].1[0].bytes,
        fs::metadata(path_of(folder.path(), &odd)).unwrap().len()
    );
    let apart = |path: &Path| path.components().count() == folder.path().components().count() + 3;
    assert!(
        found
            .iter()
            .all(|(_, files)| files.iter().all(|file| apart(&file.path)))
    );
    assert_eq!(scan(&folder.path().join("nowhere")).unwrap(), []);
}

#[test]
fn a_torn_end_is_not_read_and_is_cut_off_before_more_is_written() {
    let stream = key("s1", "ana", 1);
    let mut whole = MAGIC.to_vec();
    encode(&chunk(1), &mut whole);
    let first = whole.len();
    encode(&chunk(2), &mut whole);
    for cut in [first + 1, first + 8, first + 30, whole.len() - 1] {
        let folder = tempfile::tempdir().unwrap();
        let path = path_of(folder.path(), &stream);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &whole[..cut]).unwrap();
        let mut records = Records::open(&path).unwrap();
        assert_eq!(records.next().unwrap().unwrap(), chunk(1));
        assert!(
            records.next().is_none() && records.is_torn(),
            "cut at {cut}"
        );
        let rig = rig_with(folder, |_| {});
        rig.append(&stream, [2, 3]);
        rig.synced(&stream, 3);
        assert_eq!(seqs(rig.folder.path(), &stream), [1, 2, 3], "cut at {cut}");
    }
}

#[test]
fn a_changed_byte_or_a_length_beyond_reason_ends_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let mut whole = MAGIC.to_vec();
    encode(&chunk(1), &mut whole);
    for (at, value) in [
        (whole.len() - 1, 0xff),
        (8 + 3, 0xff),
        (12, 0x55),
        (20, 9),
        (0, b'g'),
    ] {
        let mut bytes = whole.clone();
        assert_ne!(bytes[at], value);
        bytes[at] = value;
        fs::write(&path, bytes).unwrap();
        let mut records = Records::open(&path).unwrap();
        assert!(records.next().is_none() && records.is_torn(), "byte {at}");
    }
    fs::write(&path, &whole).unwrap();
    let mut records = Records::open(&path).unwrap();
    assert!(records.by_ref().count() == 1 && !records.is_torn());
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
}

#[test]
fn a_file_with_foreign_first_bytes_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let stream = key("s1", "ana", 1);
    let path = path_of(folder.path(), &stream);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "GRA").unwrap();
    let rig = rig_with(folder, |_| {});
    rig.append(&stream, [4]);
    rig.synced(&stream, 4);
    assert_eq!(seqs(rig.folder.path(), &stream), [4]);
}

#[test]
fn a_write_that_fails_is_told_once_and_holds_acknowledgements_back_until_it_comes_again() {
    let rig = rig();
    let stream = key("s1", "ana", 1);
    rig.append(&stream, 1..=2);
    rig.synced(&stream, 2);
    rig.recorder.faults.writes.store(1, Ordering::SeqCst);
    rig.append(&stream, [3]);
    assert_eq!(
        rig.next(),
        AudioEvent::AudioUnsafe {
            key: stream.clone(),
            from: 3
        }
    );
    rig.append(&stream, [4]);
    rig.append(&stream, [3, 4]);
    // 4 was written before, but only now everything up to it is.
    rig.synced(&stream, 4);
    let (folder, rest) = rig.done();
    assert!(rest.is_empty(), "{rest:?}");
    let kept = seqs(folder.path(), &stream);
    assert_eq!(kept.last(), Some(&4));
    for seq in 1..=4 {
        assert!(kept.contains(&seq), "{kept:?}");
    }
}

#[test]
fn a_sync_that_fails_is_never_acknowledged() {
    let rig = rig();
    let stream = key("s1", "ana", 1);
    rig.recorder.faults.syncs.store(1, Ordering::SeqCst);
    rig.append(&stream, [1]);
    assert_eq!(
        rig.next(),
        AudioEvent::AudioUnsafe {
            key: stream.clone(),
            from: 1
        }
    );
    rig.append(&stream, [1]);
    rig.synced(&stream, 1);
    assert_eq!(
        rig.recorder.metrics().sync_failures.load(Ordering::SeqCst),
        1
    );
}

#[test]
fn a_full_disk_is_an_event_and_heals() {
    let folder = tempfile::tempdir().unwrap();
    let stream = key("s1", "ana", 1);
    let path = path_of(folder.path(), &stream);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let rig = rig_with(folder, |_| {});
    rig.append(&stream, [1]);
    assert_eq!(
        rig.next(),
        AudioEvent::AudioUnsafe {
            key: stream.clone(),
            from: 1
        }
    );
    fs::remove_file(&path).unwrap();
    rig.append(&stream, [1, 2]);
    loop {
        match rig.next() {
            AudioEvent::Synced { seq: 2, .. } => break,
            AudioEvent::Synced { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seqs(rig.folder.path(), &stream), [1, 2]);
}

#[test]
fn what_does_not_fit_the_queue_is_refused_and_not_acknowledged() {
    let rig = rig_with(tempfile::tempdir().unwrap(), |config| {
        // Nothing is taken out before the end, so the bound is met exactly.
        config.linger = PATIENCE;
        config.queue_bytes_max = 2_000_000;
    });
    let stream = key("s1", "ana", 1);
    let big = |seq| Chunk {
        payload: Bytes::from(vec![0; 900_000]),
        ..chunk(seq)
    };
    assert!(rig.recorder.append(&stream, big(1)));
    // Half is not crossed yet, so the thread still lingers.
    let huge = |seq| Chunk {
        payload: Bytes::from(vec![0; 1_200_000]),
        ..chunk(seq)
    };
    assert!(!rig.recorder.append(&stream, huge(2)));
    assert!(rig.recorder.append(&stream, chunk(3)));
    assert_eq!(rig.recorder.metrics().lost.load(Ordering::SeqCst), 1);
    let (folder, told) = rig.done();
    let lost = AudioEvent::AudioUnsafe {
        key: stream.clone(),
        from: 2,
    };
    assert_eq!(
        told,
        [
            lost,
            AudioEvent::Synced {
                key: stream.clone(),
                seq: 1
            }
        ]
    );
    assert_eq!(seqs(folder.path(), &stream), [1, 3]);
}

#[test]
fn a_chunk_beyond_the_bound_is_never_written() {
    let rig = rig();
    let stream = key("s1", "ana", 1);
    let payload = Bytes::from(vec![0; PAYLOAD_BYTES_MAX + 1]);
    assert!(rig.recorder.append(
        &stream,
        Chunk {
            payload,
            ..chunk(1)
        }
    ));
    assert_eq!(
        rig.next(),
        AudioEvent::AudioUnsafe {
            key: stream,
            from: 1
        }
    );
}

#[test]
fn audio_goes_once_its_words_are_committed() {
    let rig = rig();
    let (one, two, three) = (
        key("s1", "ana", 1),
        key("s1", "bob", 2),
        key("s2", "eve", 1),
    );
    for stream in [&one, &two, &three] {
        rig.append(stream, 1..=4);
        rig.synced(stream, 4);
    }
    rig.recorder.delete(&one, 4);
    rig.append(&one, [5]);
    rig.synced(&one, 5);
    assert_eq!(
        seqs(rig.folder.path(), &one),
        [5],
        "the front went with the file's contents"
    );
    rig.recorder.delete(&one, 5);
    rig.recorder.close(&one);
    rig.recorder.close(&two);
    rig.recorder.delete(&two, 2);
    rig.recorder.delete_session(&three.session);
    let (folder, _) = rig.done();
    assert!(
        !path_of(folder.path(), &one).exists(),
        "an empty file goes with its stream"
    );
    assert_eq!(seqs(folder.path(), &two), [3, 4]);
    let sessions: Vec<_> = scan(folder.path())
        .unwrap()
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    assert_eq!(sessions, std::slice::from_ref(&two.session));

    let rig = rig_with(folder, |_| {});
    rig.recorder.delete(&two, 9);
    rig.recorder.delete(&three, 9);
    let (folder, _) = rig.done();
    assert!(scan(folder.path()).unwrap().is_empty());
}

#[test]
fn a_long_stream_loses_its_front_while_it_is_written() {
    let rig = rig();
    let stream = key("s1", "ana", 1);
    let big = |seq| Chunk {
        payload: Bytes::from(vec![7; 200_000]),
        ..chunk(seq)
    };
    for seq in 1..=4 {
        assert!(rig.recorder.append(&stream, big(seq)));
    }
    rig.synced_any(&stream, 4);
    rig.recorder.delete(&stream, 1);
    rig.append(&stream, [5]);
    rig.synced(&stream, 5);
    assert_eq!(
        seqs(rig.folder.path(), &stream),
        [1, 2, 3, 4, 5],
        "not worth it yet"
    );
    rig.recorder.delete(&stream, 3);
    rig.append(&stream, [6]);
    rig.synced(&stream, 6);
    assert_eq!(seqs(rig.folder.path(), &stream), [4, 5, 6]);
}

impl Rig {
    fn synced_any(&self, key: &StreamKey, upto: u32) {
        loop {
            if self.next()
                == (AudioEvent::Synced {
                    key: key.clone(),
                    seq: upto,
                })
            {
                return;
            }
        }
    }
}
