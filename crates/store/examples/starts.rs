//! How long the records make an interview's start wait (X5): 1,000 starts alone, in groups, and
//! beside a steady load of other saves. Fails when the 99th percentile of any is above 5 ms.
//!
//! `cargo run --release -p store --example starts [folder]`

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use protocol::id::{
    BootId, EffectId, Epoch, Generation, IdError, Participant, Seq, SessionId, UserId,
};
use protocol::record::{ActiveChange, EventRow, Fence, ParticipantRow, Save, Saved, SessionRow};
use protocol::time::{Now, Wall};
use protocol::value::{Audience, Role, Status};
use store::sqlite::{Config, Sqlite};
use store::{Callbacks, Store};

const STARTS: u64 = 1_000;
const LIMIT: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(30);

type Answered = Receiver<(EffectId, Saved, Instant)>;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let folder = std::env::args_os()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let path = folder.join(format!("starts-{}.db", std::process::id()));
    let (tell, answered) = channel();
    let callbacks = Callbacks::on_saved(move |answers| {
        let at = Instant::now();
        for (id, _, saved) in answers {
            // An error: the measurement is over.
            let _ = tell.send((id, saved, at));
        }
    });
    let boot = BootId::parse("measure")?;
    let store = Sqlite::open(&Config::new(&path), boot, Now::default, callbacks)?;
    let rounds = [
        ("one after another", closed(&store, &answered, 0, 1)?),
        ("16 at a time", closed(&store, &answered, STARTS, 16)?),
        (
            "beside 1,000 saves/s",
            beside(&store, &answered, 2 * STARTS)?,
        ),
    ];
    store.shutdown(PATIENCE);
    drop(store);
    for end in ["", "-wal", "-shm", ".lock"] {
        // What is not there need not go.
        let _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
    let mut floor = disk(&path)?;
    let mut out = std::io::stdout().lock();
    let mut good = true;
    floor.sort_unstable();
    writeln!(
        out,
        "{:<22} {} writes: p50 {:>8.1?} p99 {:>8.1?} (handed to a thread, 32 KiB, synced)",
        "the disk alone",
        floor.len(),
        floor[floor.len() / 2],
        floor[floor.len() * 99 / 100],
    )?;
    for (name, mut waits) in rounds {
        waits.sort_unstable();
        let at = |percent: usize| waits[(waits.len() * percent / 100).min(waits.len() - 1)];
        good &= at(99) <= LIMIT;
        writeln!(
            out,
            "{name:<22} {} starts: p50 {:>8.1?} p99 {:>8.1?} most {:>8.1?} (limit p99 {LIMIT:?})",
            waits.len(),
            at(50),
            at(99),
            at(100)
        )?;
    }
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What a write that lasts costs here without any records: handed to another thread, synced.
fn disk(beside: &std::path::Path) -> Result<Vec<Duration>, Box<dyn std::error::Error>> {
    let path = beside.with_extension("floor");
    let mut file = std::fs::File::create(&path)?;
    let (order, orders) = channel::<()>();
    let (done, dones) = channel::<std::io::Result<()>>();
    let thread = std::thread::spawn(move || {
        for () in orders {
            // An error: nobody measures any more.
            let _ = done.send(
                file.write_all(&[7; 32 << 10])
                    .and_then(|()| file.sync_data()),
            );
        }
    });
    let mut waits = Vec::new();
    for _ in 0..STARTS {
        let since = Instant::now();
        order.send(())?;
        dones.recv_timeout(PATIENCE)??;
        waits.push(since.elapsed());
    }
    drop(order);
    thread.join().map_err(|_| "the writing thread died")?;
    std::fs::remove_file(path)?;
    Ok(waits)
}

/// Always `width` starts in flight.
fn closed(
    store: &Sqlite,
    answered: &Answered,
    first: u64,
    width: u64,
) -> Result<Vec<Duration>, Box<dyn std::error::Error>> {
    let mut since = HashMap::new();
    let mut waits = Vec::new();
    let mut next = first;
    while waits.len() < STARTS as usize {
        while next < first + STARTS && (since.len() as u64) < width {
            let save = start(next)?;
            since.insert(EffectId(next), Instant::now());
            store.submit(EffectId(next), save).map_err(|_| "refused")?;
            next += 1;
        }
        waits.push(wait_for(answered, &mut since)?);
    }
    Ok(waits)
}

fn wait_for(
    answered: &Answered,
    since: &mut HashMap<EffectId, Instant>,
) -> Result<Duration, Box<dyn std::error::Error>> {
    loop {
        let (id, saved, at) = answered.recv_timeout(PATIENCE)?;
        if !matches!(saved, Saved::Committed(_)) {
            return Err(format!("not committed: {saved:?}").into());
        }
        if let Some(since) = since.remove(&id) {
            return Ok(at - since);
        }
    }
}

/// 100 starts a second, one at a time, beside ten times as many saves of 50 other sessions.
fn beside(
    store: &Sqlite,
    answered: &Answered,
    first: u64,
) -> Result<Vec<Duration>, Box<dyn std::error::Error>> {
    let begun = Instant::now();
    let mut since = HashMap::new();
    let mut waits = Vec::new();
    for n in 0..STARTS {
        for tick in 0..10 {
            let turn = n * 10 + tick;
            let at = begun + Duration::from_millis(turn);
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            let mut other = start(first + STARTS + turn % 50)?;
            let seq = turn / 50 + 1;
            other.row.seq = Seq(seq);
            other.events[0].seq = Seq(seq);
            store
                .submit(EffectId(u64::MAX), other)
                .map_err(|_| "refused")?;
        }
        let save = start(first + n)?;
        since.insert(EffectId(first + n), Instant::now());
        store
            .submit(EffectId(first + n), save)
            .map_err(|_| "refused")?;
        waits.push(wait_for(answered, &mut since)?);
    }
    Ok(waits)
}

/// What an interview's start writes: the row with its plan, two events, two seats, the active row.
fn start(n: u64) -> Result<Save, IdError> {
    let session = SessionId::parse(&format!("session-{n}"))?;
    let candidate = UserId::parse(&format!("candidate-{n}"))?;
    let event = EventRow {
        seq: Seq(1),
        at: Wall(1),
        audience: Audience::ALL,
        body: Arc::from(format!(
            "{{\"type\":\"session_started\",\"pad\":\"{}\"}}",
            "x".repeat(300)
        )),
    };
    let seat = |user: UserId, number| ParticipantRow {
        user,
        participant: Participant(number),
        role: if number == 1 {
            Role::Candidate
        } else {
            Role::Interviewer
        },
        generation: Generation(1),
        joined_at: Some(Wall(1)),
        key: None,
        away_since: None,
        seated: true,
    };
    Ok(Save {
        session: session.clone(),
        fence: Fence {
            boot: BootId::parse("measure")?,
            generation: Generation(1),
        },
        row: SessionRow {
            session,
            status: Status::Active,
            reason: None,
            ended_by: None,
            candidate: Some(candidate.clone()),
            title: "Interview".into(),
            snapshot: Arc::from(format!("{{\"v\":1,\"plan\":\"{}\"}}", "p".repeat(2_000))),
            epoch: Epoch(1),
            seq: Seq(1),
            created_at: Wall(1),
            started_at: Some(Wall(1)),
            ended_at: None,
            duration_ms: None,
            deadline_at: Some(Wall(600_000)),
            last_activity_at: Wall(1),
        },
        events: vec![event],
        active: ActiveChange::Upsert {
            status: Status::Active,
            force: false,
        },
        participants: vec![seat(candidate, 1), seat(UserId::parse("interviewer")?, 2)],
        answers: Vec::new(),
        segments: Vec::new(),
        requests: Vec::new(),
        report: None,
        happenings: Vec::new(),
    })
}
