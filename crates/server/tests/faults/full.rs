//! The disk is full.
//!
//! The means: a small file system of its own in a mount namespace that dies with the server, where
//! the system lets us have one; else a limit to the size of files, which every process may set for
//! its own children. Both make every further byte an error.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;

use crate::Pair;
use crate::harness::client::answers;
use crate::harness::records::Records;
use crate::harness::run::Run;
use crate::harness::server::{Server, Setup};
use crate::harness::{SOON, sound, until};
use history::entry::What;

/// Mounts a small file system over the data folder, for this process and its children alone.
const MOUNT: &str = "mount -t tmpfs -o size=8m none \"$0\" && exec \"$@\"";
/// Makes writes beyond the limit an error instead of a signal.
const LIMITED: &str = "trap '' XFSZ; exec \"$@\"";

/// How the disk is made full.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Means {
    FileSystem,
    FileSize,
}

impl Means {
    fn best(folder: &Path) -> Self {
        let probe = Command::new("unshare")
            .args(["-m", "sh", "-c", MOUNT])
            .arg(folder)
            .arg("true")
            .stderr(Stdio::null())
            .status();
        match probe {
            Ok(status) if status.success() => Self::FileSystem,
            _ => Self::FileSize,
        }
    }

    fn setup(self, folder: &Path) -> Setup {
        let setup = Setup::new(folder);
        match self {
            Self::FileSystem => setup.under(&[
                "unshare",
                "-m",
                "sh",
                "-c",
                MOUNT,
                &folder.to_string_lossy(),
            ]),
            Self::FileSize => setup.under(&["sh", "-c", LIMITED, "sh"]),
        }
    }
}

/// The server's disk.
struct Disk<'a> {
    means: Means,
    server: &'a Server,
    /// The data folder as the server sees it.
    folder: PathBuf,
}

impl<'a> Disk<'a> {
    fn of(means: Means, server: &'a Server, folder: &Path) -> Self {
        let inside = format!("/proc/{}/root{}", server.id(), folder.display());
        let folder = match means {
            Means::FileSystem => PathBuf::from(inside),
            Means::FileSize => folder.to_owned(),
        };
        Self {
            means,
            server,
            folder,
        }
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    fn fill(&self) {
        match self.means {
            Means::FileSystem => {
                let mut file = File::create(self.ballast()).unwrap();
                for size in [256 * 1024, 4096, 1] {
                    let block = vec![b'x'; size];
                    while file.write_all(&block).is_ok() {}
                }
            }
            Means::FileSize => self.limit(Some(1)),
        }
    }

    fn free(&self) {
        match self.means {
            Means::FileSystem => std::fs::remove_file(self.ballast()).unwrap(),
            Means::FileSize => self.limit(None),
        }
    }

    /// Looks at the records, in a copy made while the server stands still: no other process can
    /// open them by a name inside the server's own file system.
    fn looked_at(&self, look: impl FnOnce(&Records)) {
        let copy = tempfile::tempdir().unwrap();
        self.server.freeze();
        for name in ["greenroom.db", "greenroom.db-wal"] {
            std::fs::copy(self.folder.join(name), copy.path().join(name)).unwrap();
        }
        self.server.thaw();
        look(&Records::of(copy.path()));
    }

    fn limit(&self, bytes: Option<u64>) {
        let pid = i32::try_from(self.server.id()).ok().and_then(Pid::from_raw);
        let limit = Rlimit {
            current: bytes,
            maximum: None,
        };
        prlimit(pid, Resource::Fsize, limit).expect("no means to make the disk full");
    }
}

#[test]
fn while_the_disk_is_full_nothing_is_acknowledged_and_afterwards_all_is_stored() {
    let data = tempfile::tempdir().unwrap();
    let means = Means::best(data.path());
    println!("the disk is made full by {means:?}");
    let server = means.setup(data.path()).start();
    let disk = Disk::of(means, &server, data.path());
    let mut pair = Pair::start(&server, "full", &[600, 600, 600]);
    let (ana, ben) = (&mut pair.candidate, &mut pair.interviewer);
    ana.send_binary(&sound::binary(1, 0, &[1; 3_200]));
    ana.wait("an acknowledgement", SOON, |m| {
        m["type"] == "audio:ack" && m["seq"] == 0
    });
    let before = ana.position();

    disk.fill();
    server.run.fault("the disk is full");
    let first = ana.post(json!({"type": "answer:done", "questionId": "q1"}));
    for member in [&*ana, &*ben] {
        assert_eq!(member.expect("session:degraded")["on"], true);
        let closed = member.expect("question:closed");
        assert_eq!(closed["provisional"], true, "{closed}");
    }
    for seq in 1..20 {
        ana.send_binary(&sound::binary(1, seq, &[1; 3_200]));
        let heard = ben.wait("a chunk", SOON, |m| {
            m["type"] == "audio:received" && m["seq"] == seq
        });
        assert_eq!(heard["userId"], "ana", "sound is passed on all the same");
    }
    until("readiness says 503", SOON, || {
        (server.ready() == 503).then_some(())
    });
    let second = ana.post(json!({"type": "answer:done", "questionId": "q2"}));
    ben.wait("q2 closed", SOON, |m| {
        m["type"] == "question:closed" && m["questionId"] == "q2"
    });
    // Longer than a group of saves, a retry and an fsync take.
    let tries = server.metric("greenroom_store_saves_temporary_total") + 3.0;
    until("it tried again and again", Duration::from_secs(20), || {
        (server.metric("greenroom_store_saves_temporary_total") >= tries).then_some(())
    });
    ana.settle();
    let told = ana.all();
    let promise = told
        .iter()
        .find(|m| answers(m, first) || answers(m, second));
    assert_eq!(
        promise, None,
        "something that is not stored was acknowledged"
    );
    let ack = told
        .iter()
        .filter(|m| m["type"] == "audio:ack")
        .filter_map(|m| m["seq"].as_u64());
    assert_eq!(
        ack.max(),
        Some(0),
        "sound that is not written was acknowledged"
    );
    assert_eq!(ana.position(), before);

    disk.free();
    server.run.note(What::Peace);
    for reference in [first, second] {
        let answer = ana.wait("the answer", SOON, |m| answers(m, reference));
        assert_eq!(answer["type"], "ok", "{answer}");
    }
    for member in [&*ana, &*ben] {
        let well = member.expect("session:degraded");
        assert_eq!(
            (&well["on"], &well["seq"]),
            (&json!(false), &json!(before + 4)),
            "{well}"
        );
    }
    until("it is ready again", SOON, || {
        (server.ready() == 200).then_some(())
    });
    disk.looked_at(|records| {
        records.assert_sound();
        for member in [&*ana, &*ben] {
            let all = member.all().into_iter();
            let said: Vec<_> = all.filter(|m| m["provisional"] == true).collect();
            assert_eq!(said.len(), 4);
            records.assert_holds("full", &said);
        }
    });
    // Sound that was never acknowledged is sent again, and is written this time.
    for seq in 1..20 {
        ana.send_binary(&sound::binary(1, seq, &[1; 3_200]));
    }
    ana.wait("an acknowledgement", SOON, |m| {
        m["type"] == "audio:ack" && m["seq"] == 19
    });
    ana.ask(json!({"type": "answer:done", "questionId": "q3"}));
    assert_eq!(ana.expect("session_ended")["reason"], "completed");
    ben.expect("session_ended");
    disk.looked_at(|records| {
        let row = records.session("full").unwrap();
        let ended = ("ended", Some("completed"));
        assert_eq!((&*row.status, row.reason.as_deref()), ended);
        assert!(records.report("full").is_some());
        server.run.judge_by(records, &["full"], Run::limits());
    });
}
