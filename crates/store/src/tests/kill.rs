//! `kill -9` in the middle of writing: whatever was told to be committed is there.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use protocol::id::Seq;
use protocol::record::Saved;

use super::{NOW, Rig, boot, callbacks, event, save_events, sid};
use crate::Store;
use crate::sqlite::{Config, Sqlite};

const FILE_OF_CHILD: &str = "STORE_TEST_KILL_FILE";

const SESSIONS: u64 = 4;

/// Writes and tells, until it is killed.
fn child(path: PathBuf) -> ! {
    let (callbacks, told) = callbacks();
    let store = Sqlite::open(&Config::new(path), boot("b1"), super::now, callbacks).unwrap();
    for seq in 1.. {
        for session in 0..SESSIONS {
            let name = format!("s{session}");
            let id = protocol::id::EffectId(seq);
            store
                .submit(id, save_events(&name, &name, seq, seq))
                .unwrap();
        }
        for _ in 0..SESSIONS {
            let (_, session, saved) = told.next();
            assert_eq!(saved, Saved::Committed(Seq(seq)));
            println!("\ncommitted {session} {seq}");
        }
    }
    unreachable!("it is killed")
}

#[test]
fn a_killed_process_loses_nothing_it_was_told_is_committed() {
    if let Some(path) = std::env::var_os(FILE_OF_CHILD) {
        child(path.into());
    }
    for round in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let name = "tests::kill::a_killed_process_loses_nothing_it_was_told_is_committed";
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env(FILE_OF_CHILD, folder.path().join("records.db"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut told = [0u64; SESSIONS as usize];
        let mut count = 0;
        for line in lines {
            let Ok(line) = line else { break };
            let mut words = line.split(' ');
            if words.next() != Some("committed") {
                continue;
            }
            let (Some(session), Some(seq)) = (words.next(), words.next()) else {
                break;
            };
            let at: usize = session.trim_start_matches('s').parse().unwrap();
            // The last line may be cut short by the kill; a shorter number is smaller.
            told[at] = told[at].max(seq.parse().unwrap_or(0));
            count += 1;
            if count == 20 + 37 * round {
                process.kill().unwrap();
            }
        }
        process.wait().unwrap();
        assert!(count >= 20 + 37 * round, "the child wrote");

        let rig = Rig::sqlite_in(folder, "b2", |_| {});
        for (at, told) in told.into_iter().enumerate() {
            let events = rig
                .store()
                .log(&sid(&format!("s{at}")), Seq(0), usize::MAX)
                .unwrap();
            let stored = events.len() as u64;
            assert!(stored >= told, "s{at}: told {told}, stored {stored}");
            let all: Vec<_> = (1..=stored).map(event).collect();
            assert_eq!(events, all, "without a hole");
        }
        let left = rig
            .store()
            .unfinished_of_other_boots(&boot("b2"), NOW, 9)
            .unwrap();
        assert_eq!(left.len(), SESSIONS as usize);
    }
}
