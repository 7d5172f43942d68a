//! Many simulated pages on one thread: each joins its session, answers, listens, loses its line,
//! comes back with the backoff of the SDK and resumes. Everything they see goes on a tape a session,
//! for the judge. What a run does with a crowd is the business of the run.

mod churn;
mod line;
mod page;
pub mod records;

pub use churn::Churned;

use crate::target::{Identity, Role};
use history::tape::Tape;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;
use tokio::task::LocalSet;

/// What everybody is to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Act, and lose the line as the habits say.
    Wild,
    /// Act, on lines that hold.
    Calm,
    /// Stay and listen.
    Still,
    /// Drop the line and go.
    Home,
}

/// How pages behave.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// Milliseconds between two things a page does, from and to.
    pub pace_ms: (u64, u64),
    /// Milliseconds a line lasts in [`Mode::Wild`], from and to.
    pub line_ms: (u64, u64),
    /// Of a hundred lost lines so many fall silent, the others are reset.
    pub silent: u64,
    /// Questions of an interview, at most 50.
    pub questions: u32,
    /// Milliseconds a question is open at most.
    pub question_ms: u64,
    /// A candidate sends a chunk of audio every so many milliseconds; 0: none.
    pub audio_ms: u64,
    /// A session that is over is followed by a new one while the mode is wild.
    pub again: bool,
    /// Interviewers in each session.
    pub listeners: u32,
    /// Of a hundred candidates that could answer so many end the interview instead.
    pub enders: u64,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            pace_ms: (1_500, 3_500),
            line_ms: (3_000, 8_000),
            silent: 0,
            questions: 50,
            question_ms: 600_000,
            audio_ms: 0,
            again: false,
            listeners: 1,
            enders: 0,
        }
    }
}

/// One session and what was seen of it.
#[derive(Debug)]
pub struct Room {
    /// Its number, from which its name comes.
    pub number: u32,
    /// Its id.
    pub name: String,
    /// What its pages saw.
    pub tape: RefCell<Tape>,
    /// Why it ended, as a page was told.
    pub over: RefCell<Option<String>>,
}

/// A join that succeeded.
#[derive(Debug, Clone, Copy)]
pub struct Join {
    /// In which session.
    pub room: u32,
    /// Which page of it.
    pub place: u32,
    /// Milliseconds since the run began.
    pub at: u64,
    /// It showed a resume and was recovered; none: it showed nothing.
    pub recovered: Option<bool>,
}

/// What all pages share.
#[derive(Debug)]
pub struct Shared {
    address: SocketAddr,
    identity: Identity,
    habits: Habits,
    began: Instant,
    /// Wall time at the beginning, milliseconds.
    pub wall_zero: i64,
    mode: watch::Receiver<Mode>,
    rooms: RefCell<Vec<Rc<Room>>>,
    joins: RefCell<Vec<Join>>,
    dice: Cell<u64>,
    /// Lines lost by their page.
    cuts: Cell<u64>,
    /// Lines the server closed or lost, by code.
    losses: RefCell<std::collections::BTreeMap<u16, u64>>,
    /// Refusals by code.
    refusals: RefCell<std::collections::BTreeMap<String, u64>>,
}

impl Shared {
    /// Milliseconds since the run began.
    pub fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&self, (low, high): (u64, u64)) -> u64 {
        // SplitMix64: load needs variety, not secrets.
        let seed = self.dice.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.dice.set(seed);
        let mut z = seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        low + (z ^ (z >> 31)) % (high.saturating_sub(low) + 1)
    }

    fn chance(&self, percent: u64) -> bool {
        self.between((0, 99)) < percent
    }

    fn mode(&self) -> Mode {
        *self.mode.borrow()
    }

    fn fresh_room(&self) -> Rc<Room> {
        let mut rooms = self.rooms.borrow_mut();
        let number = u32::try_from(rooms.len()).unwrap_or(u32::MAX);
        let room = Rc::new(Room {
            number,
            name: self.identity.session(number),
            tape: RefCell::new(Tape::new()),
            over: RefCell::new(None),
        });
        rooms.push(Rc::clone(&room));
        room
    }
}

/// A crowd at work.
pub struct Crowd {
    /// What its pages share.
    pub shared: Rc<Shared>,
    mode: watch::Sender<Mode>,
    local: LocalSet,
    runtime: tokio::runtime::Runtime,
}

impl Crowd {
    /// Nobody yet.
    ///
    /// # Errors
    /// When there is no runtime to be had.
    pub fn new(address: SocketAddr, identity: Identity, habits: Habits) -> anyhow::Result<Crowd> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (mode, watched) = watch::channel(Mode::Calm);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let shared = Shared {
            address,
            identity,
            habits,
            began: Instant::now(),
            wall_zero: i64::try_from(wall)?,
            mode: watched,
            rooms: RefCell::default(),
            joins: RefCell::default(),
            dice: Cell::new(wall as u64),
            cuts: Cell::new(0),
            losses: RefCell::default(),
            refusals: RefCell::default(),
        };
        Ok(Crowd {
            shared: Rc::new(shared),
            mode,
            local: LocalSet::new(),
            runtime,
        })
    }

    /// Lets so many sessions begin, their pages spread over `over`.
    pub fn open(&self, sessions: u32, over: Duration) {
        for n in 0..sessions {
            let shared = Rc::clone(&self.shared);
            let wait = over * n / sessions.max(1);
            self.local.spawn_local(async move {
                tokio::time::sleep(wait).await;
                page::lane(shared).await;
            });
        }
    }

    /// What everybody does from now on.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Lets the crowd go on for so long.
    pub fn run(&self, length: Duration) {
        self.local.block_on(&self.runtime, async {
            tokio::time::sleep(length).await;
        });
    }

    /// Lets the crowd go on until `done` says so; false if that takes longer than `limit`.
    pub fn until(&self, limit: Duration, done: impl Fn(&Shared) -> bool) -> bool {
        let begun = Instant::now();
        while !done(&self.shared) {
            if begun.elapsed() > limit {
                return false;
            }
            self.run(Duration::from_millis(20));
        }
        true
    }

    /// All sessions so far.
    #[must_use]
    pub fn rooms(&self) -> Vec<Rc<Room>> {
        self.shared.rooms.borrow().clone()
    }

    /// All joins so far, and forgets them.
    #[must_use]
    pub fn take_joins(&self) -> Vec<Join> {
        std::mem::take(&mut self.shared.joins.borrow_mut())
    }

    /// Forgets all joins so far.
    pub fn forget_joins(&self) {
        self.shared.joins.borrow_mut().clear();
    }

    /// How many joins there were since they were last taken.
    #[must_use]
    pub fn joins(&self) -> usize {
        self.shared.joins.borrow().len()
    }

    /// Lines lost by their pages, and how lines ended otherwise, for people.
    #[must_use]
    pub fn losses(&self) -> String {
        let shared = &self.shared;
        format!(
            "{} cut, closed by code {:?}, refused {:?}",
            shared.cuts.get(),
            shared.losses.borrow(),
            shared.refusals.borrow()
        )
    }

    /// Notes something on every session's tape.
    pub fn note(&self, what: &history::entry::What) {
        let at = self.shared.now();
        for room in self.shared.rooms.borrow().iter() {
            room.tape.borrow_mut().note(at, what.clone());
        }
    }
}

/// Who a page is.
#[derive(Debug, Clone)]
struct Who {
    user: String,
    role: Role,
    place: u32,
    token: String,
}
