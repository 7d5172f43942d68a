//! One seeded world: nodes, pages, connections, records and a queue of what happens next. This
//! file holds its state and its clockwork; what pages do is in `act`, what orders do in `carry`,
//! what connections are told in `hear`, what must hold in `judge`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use engine::input::AskId;
use engine::planted::Bug;
use engine::{Input, Node};
use history::entry::Entry;
use protocol::client::{ClientMessage, Resume};
use protocol::id::{BootId, EffectId, Epoch, Participant, ResumeKey, SessionId};
use protocol::record::EndBegun;
use protocol::time::{Mono, Now, Wall};
use protocol::value::{EndReason, Status};

use crate::doors::Door;
use crate::line::{Wire, Words};
use crate::path::{Path, Paths};
use crate::polls::Polled;
use crate::records::{Job, Mirror, Records};
use crate::rng::Rng;
use crate::setup::{Fault, Setup, parse};
use crate::trace::Trace;

/// What happens next.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A page does something.
    Page(usize),
    /// A request arrives.
    Arrives(Request),
    /// The server notices that a socket is gone.
    Gone(u64),
    /// A save reaches the disk.
    Disk(Job),
    /// A fact for the engine, from a part of this process run.
    Fact(u32, Box<Input>),
    /// A session is to be read.
    ReadSession(u32, EffectId, SessionId),
    /// Speech says something in a session.
    Speech(usize),
    /// Something goes wrong.
    Fault(Fault),
    /// A fault of the store, of reads, of speech, of reports is over.
    StoreWell,
    ReadsWell,
    SpeechWell,
    ReportsWell,
    /// A connection's door wants to be looked at.
    Beat(u64),
    /// A page's answer to a ping arrives.
    Pong(u64),
    /// The process is back.
    Restart,
    /// The API asks something.
    Api(usize),
}

/// A request on its way.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) conn: u64,
    pub(crate) room: usize,
    pub(crate) message: ClientMessage,
    pub(crate) number: u32,
    pub(crate) id: Option<Box<str>>,
}

#[derive(Debug)]
struct Later {
    at: u64,
    order: u64,
    what: Happening,
}

impl PartialEq for Later {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Later {}
impl PartialOrd for Later {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Later {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// What a page knows of a session and keeps over its connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) key: ResumeKey,
    pub(crate) epoch: Epoch,
    pub(crate) seq: u64,
}

/// A page.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) conn: Option<u64>,
    pub(crate) known: BTreeMap<usize, Known>,
    /// Sent away for good; comes back as a new page, if at all.
    pub(crate) sent_away: bool,
    /// Does nothing until then.
    pub(crate) quiet_until: u64,
    /// Requests with an id, to be repeated, with the answer they got.
    pub(crate) sent: Vec<Sent>,
    pub(crate) next_id: u32,
}

/// A request with an id, as its page remembers it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) room: usize,
    pub(crate) id: Box<str>,
    pub(crate) message: ClientMessage,
}

/// A request that waits for its answer.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) room: usize,
    pub(crate) what: &'static str,
    /// The answer `ok` promises that everything up to here is stored.
    pub(crate) need: Option<u64>,
    /// The answer `ok` promises at least this status in the records.
    pub(crate) status: Option<Status>,
    pub(crate) id: Option<Box<str>>,
}

/// One session on one connection, as the server has told it.
#[derive(Debug, Default)]
pub(crate) struct Link {
    /// What the join showed.
    pub(crate) resume: Option<Resume>,
    pub(crate) joined: bool,
    pub(crate) epoch: Epoch,
    /// The last durable event given, or where the snapshot stands.
    pub(crate) pos: u64,
    /// Provisional ones beyond it.
    pub(crate) early: Vec<u64>,
    pub(crate) degraded: bool,
    pub(crate) replayed: u32,
    /// Missed events are still owed to it.
    pub(crate) reading: bool,
    /// How often the connection left before and `session:left` is still to come.
    pub(crate) leftover: u32,
    /// The key a resume of this seat had to show.
    pub(crate) key_before: Option<ResumeKey>,
    /// `session_ended`, `session:left` or `connection:replaced` was said.
    pub(crate) last_word: Option<&'static str>,
    /// The seat was taken away and the connection closed for it.
    pub(crate) closed: bool,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) page: usize,
    pub(crate) key: ResumeKey,
    /// The server has not closed or lost it.
    pub(crate) open: bool,
    /// The engine was told that it is gone.
    pub(crate) gone: bool,
    /// The page hears what is sent.
    pub(crate) heard: bool,
    /// Requests arrive in order.
    pub(crate) next_arrival: u64,
    /// Where it asked to join.
    pub(crate) touched: Vec<usize>,
    pub(crate) links: BTreeMap<usize, Link>,
    /// What its joins of a session showed that are not answered yet, by their numbers.
    pub(crate) shown: BTreeMap<usize, BTreeMap<u32, Option<Resume>>>,
    /// Seats by the data plane: session and generation.
    pub(crate) seats: BTreeMap<usize, u32>,
    pub(crate) pending: BTreeMap<u32, Pending>,
    pub(crate) next_request: u32,
    /// The network between its ends.
    pub(crate) wire: Wire,
    /// The door it came through.
    pub(crate) door: Door,
    /// It polls instead of having a socket.
    pub(crate) polled: Option<Box<Polled>>,
}

/// One session, as the model has it.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) id: SessionId,
    pub(crate) mirror: Mirror,
    /// Per user: the connection in the seat, by the data plane.
    pub(crate) holders: BTreeMap<Arc<str>, Holder>,
    /// Per user: the highest generation ever.
    pub(crate) generations: BTreeMap<Arc<str>, u32>,
    /// Per user: the key of the last holder.
    pub(crate) keys: BTreeMap<Arc<str>, ResumeKey>,
    /// Per user: when the seat was taken over.
    pub(crate) takeovers: BTreeMap<Arc<str>, Vec<u64>>,
    /// Reasons the end may have; none: the end has not begun, or its cause is not known.
    pub(crate) reasons: Option<Vec<EndReason>>,
    /// The reason told with `recorded: true`, and the one told without.
    pub(crate) told: Option<EndReason>,
    pub(crate) told_unrecorded: Option<EndReason>,
    /// An end that lies beside the records, as a file does: a crash leaves it.
    pub(crate) kept_end: Option<EndBegun>,
    /// It was taken over with such an end, and its records know of none.
    pub(crate) lost: bool,
    /// A crash or another owner has cut its memory off.
    pub(crate) cut: bool,
    /// Another process owned it for a moment.
    pub(crate) fenced: bool,
    /// Another process owned it once, or a join made it anew without having seen its records.
    pub(crate) strange: bool,
    /// A save of it was called impossible by a fault.
    pub(crate) rejected: bool,
    /// Audio flows since.
    pub(crate) listening: Option<u64>,
    pub(crate) route_open: bool,
    /// Numbers of candidates, and when one of them was last heard.
    pub(crate) candidates: BTreeSet<Participant>,
    pub(crate) voiced_at: Option<u64>,
    /// When the last suggestion was recorded.
    pub(crate) suggested_at: Option<u64>,
    pub(crate) utterance: u32,
    /// Provisional words: to whom (roles as bits), and what.
    pub(crate) early: BTreeMap<u64, (u8, Arc<str>)>,
    /// The last event seen in a save, and the open question's latest end.
    pub(crate) seen: u64,
    pub(crate) question_by: Option<u64>,
    /// Saves ordered and not answered: order and when.
    pub(crate) saving: Vec<(EffectId, u64)>,
    /// Requests to transcribe that are under way.
    pub(crate) speech_running: bool,
    pub(crate) api_tries: u32,
    /// First answers of requests with an id.
    pub(crate) answers: BTreeMap<(Arc<str>, Box<str>), Arc<str>>,
    /// When the end began.
    pub(crate) ends_at: Option<u64>,
    /// When the end reached the disk.
    pub(crate) ended_at: Option<u64>,
}

/// Who has a seat, by the data plane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Holder {
    pub(crate) conn: u64,
    pub(crate) generation: u32,
    pub(crate) role: protocol::value::Role,
    /// Hears who speaks.
    pub(crate) hears: bool,
}

/// A question of the API that waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) room: usize,
    pub(crate) create: bool,
}

/// A world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) seed: u64,
    pub(crate) rng: Rng,
    pub(crate) now: u64,
    pub(crate) wall_offset: i64,
    queue: BinaryHeap<Reverse<Later>>,
    order: u64,
    pub(crate) nodes: Vec<Node>,
    pub(crate) boot: u32,
    /// No process runs.
    pub(crate) down: bool,
    pub(crate) pages: Vec<Page>,
    pub(crate) conns: BTreeMap<u64, Conn>,
    pub(crate) next_conn: u64,
    pub(crate) rooms: Vec<Room>,
    pub(crate) records: Records,
    pub(crate) asks: BTreeMap<AskId, Asked>,
    pub(crate) next_ask: u64,
    pub(crate) speech_deaf: bool,
    pub(crate) no_reports: bool,
    pub(crate) peace: bool,
    pub(crate) draining: bool,
    /// Some process was told to stop.
    pub(crate) drained: bool,
    /// Things the engine was told.
    pub(crate) inputs: u64,
    pub(crate) steps: u64,
    pub(crate) faults: u64,
    pub(crate) paths: Paths,
    pub(crate) trace: Trace,
    pub(crate) failed: Option<String>,
    /// What pages asked and heard.
    pub(crate) history: Vec<Entry>,
    /// Ids of the sessions and names of the pages' users, for the history.
    pub(crate) names: Vec<Arc<str>>,
    pub(crate) users: Vec<Arc<str>>,
    pub(crate) words: Words,
}

/// Wall time at the beginning of every world.
const WALL_ZERO: i64 = 1_700_000_000_000;

impl World {
    /// A world of this seed.
    pub(crate) fn new(seed: u64, planted: Option<Bug>, lines: bool) -> Self {
        let setup = Setup::new(seed, planted);
        let rooms = setup.rooms.iter().map(|plan| Room::new(plan.id.clone()));
        let mut world = Self {
            rooms: rooms.collect(),
            pages: setup.pages.iter().map(|_| Page::default()).collect(),
            setup,
            seed,
            rng: Rng::new(seed),
            now: 0,
            wall_offset: 0,
            queue: BinaryHeap::new(),
            order: 0,
            nodes: Vec::new(),
            boot: 0,
            down: false,
            conns: BTreeMap::new(),
            next_conn: 0,
            records: Records::default(),
            asks: BTreeMap::new(),
            next_ask: 0,
            speech_deaf: false,
            no_reports: false,
            peace: false,
            draining: false,
            drained: false,
            inputs: 0,
            steps: 0,
            faults: 0,
            paths: Paths::default(),
            trace: Trace::new(lines),
            failed: None,
            history: Vec::new(),
            names: Vec::new(),
            users: Vec::new(),
            words: Words::default(),
        };
        let names = { world.rooms.iter() }.map(|room| room.id.as_str().into());
        world.names = names.collect();
        let users = { world.setup.pages.iter() }.map(|page| page.who.user.as_str().into());
        world.users = users.collect();
        world.begin();
        world
    }

    fn begin(&mut self) {
        self.start_process();
        for page in 0..self.pages.len() {
            let latest = if self.setup.pages[page].second {
                20_000
            } else {
                3_000
            };
            let at = self.rng.between(10, latest);
            self.later(at, Happening::Page(page));
        }
        for room in 0..self.rooms.len() {
            let at = if self.setup.rooms[room].by_api {
                self.rng.between(0, 1_500)
            } else {
                self.rng.between(5_000, 90_000)
            };
            self.later(at, Happening::Api(room));
        }
        for (at, fault) in self.setup.faults.clone() {
            self.later(at, Happening::Fault(fault));
        }
    }

    /// A fresh process: new nodes, a new boot, the leases of every earlier one over.
    pub(crate) fn start_process(&mut self) {
        self.boot += 1;
        self.down = false;
        self.draining = false;
        let boot = self.boot_id();
        let wall = self.wall();
        let (past, far) = (Wall(wall.0 - 600_000), Wall(wall.0 + 1_000_000_000));
        self.records.tables.register(&boot, past, far);
        self.nodes = (0..self.setup.shards)
            .map(|shard| {
                let seed = self.seed ^ (u64::from(self.boot) << 48) ^ ((shard as u64) << 40);
                let (config, plans) = (
                    Arc::clone(&self.setup.config),
                    Arc::clone(&self.setup.plans),
                );
                Node::new(config, plans, boot.clone(), seed)
            })
            .collect();
    }

    pub(crate) fn boot_id(&self) -> BootId {
        parse(BootId::parse(&format!("boot-{}", self.boot)))
    }

    pub(crate) fn wall(&self) -> Wall {
        let ms = i64::try_from(self.now).unwrap_or(i64::MAX);
        Wall(WALL_ZERO + ms + self.wall_offset)
    }

    pub(crate) fn clock(&self) -> Now {
        Now {
            mono: Mono(self.now),
            wall: self.wall(),
        }
    }

    pub(crate) fn shard_of(&self, room: usize) -> usize {
        room % self.setup.shards
    }

    /// Puts something into the queue, so many milliseconds from now.
    pub(crate) fn later(&mut self, ms: u64, what: Happening) {
        self.order += 1;
        let (at, order) = (self.now + ms, self.order);
        self.queue.push(Reverse(Later { at, order, what }));
    }

    /// A fact for the engine, unless the process dies before.
    pub(crate) fn fact_later(&mut self, ms: u64, input: Input) {
        let boot = self.boot;
        self.later(ms, Happening::Fact(boot, Box::new(input)));
    }

    pub(crate) fn took(&mut self, path: Path) {
        self.paths.took(path);
    }

    /// Something that must hold does not.
    pub(crate) fn violate(&mut self, what: impl FnOnce() -> String) {
        if self.failed.is_none() {
            self.failed = Some(what());
        }
    }

    /// When the next node wants to be woken.
    fn next_wake(&self) -> Option<(u64, usize)> {
        if self.down {
            return None;
        }
        let wakes = self.nodes.iter().enumerate().filter_map(|(shard, node)| {
            let (at, _) = node.poll_timeout()?;
            Some((at.0 + self.setup.late_ms, shard))
        });
        wakes.min()
    }

    /// Whether an answer of the store is on its way to the engine.
    pub(crate) fn has_untold_commits(&self) -> bool {
        self.queue.iter().any(|Reverse(later)| match &later.what {
            Happening::Fact(_, input) => matches!(**input, Input::StoreReplied { .. }),
            _ => false,
        })
    }

    /// One step: the next thing in the queue, or a wake-up. `false`: nothing is left.
    pub(crate) fn step(&mut self, until: u64) -> bool {
        let wake = self.next_wake();
        let queued = self.queue.peek().map(|Reverse(later)| later.at);
        let wake_first = match (wake, queued) {
            (None, None) => return false,
            (Some((at, _)), Some(queued)) => at < queued,
            (wake, _) => wake.is_some(),
        };
        let at = if wake_first {
            wake.map(|(at, _)| at)
        } else {
            queued
        };
        let Some(at) = at.filter(|at| *at <= until) else {
            self.now = self.now.max(until);
            return false;
        };
        if at > self.now {
            self.now = at;
        }
        self.steps += 1;
        self.trace.word(self.now);
        if wake_first {
            if let Some((_, shard)) = wake {
                self.wake(shard);
            }
        } else if let Some(Reverse(later)) = self.queue.pop() {
            self.happen(later.what);
        }
        self.judge_step();
        true
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::Page(page) => self.page_acts(page),
            Happening::Arrives(request) => self.arrives(request),
            Happening::Gone(conn) => self.socket_gone(conn),
            Happening::Disk(job) => self.disk(job),
            Happening::Fact(boot, input) => {
                if boot == self.boot && !self.down {
                    self.fact(*input);
                }
            }
            Happening::ReadSession(boot, id, session) => {
                if boot == self.boot && !self.down {
                    self.read_session(id, session);
                }
            }
            Happening::Speech(room) => self.speech(room),
            Happening::Fault(fault) => self.go_wrong(fault),
            Happening::StoreWell => self.records.mode = crate::setup::StoreMode::Well,
            Happening::ReadsWell => self.records.reads_fail = false,
            Happening::SpeechWell => self.speech_deaf = false,
            Happening::ReportsWell => self.no_reports = false,
            Happening::Beat(conn) => self.beat(conn),
            Happening::Pong(conn) => self.pong(conn),
            Happening::Restart if self.down => self.restart(),
            Happening::Restart => {}
            Happening::Api(room) => self.api(room),
        }
    }

    /// Takes what is queued for the disk out, in order.
    pub(crate) fn take_disk_jobs(&mut self) -> Vec<Job> {
        let mut all: Vec<Later> = std::mem::take(&mut self.queue)
            .into_iter()
            .map(|r| r.0)
            .collect();
        all.sort();
        let mut jobs = Vec::new();
        for later in all {
            match later.what {
                Happening::Disk(job) => jobs.push(job),
                what => self.queue.push(Reverse(Later { what, ..later })),
            }
        }
        jobs
    }
}

impl Conn {
    /// What the oldest join of a session showed that is not answered yet.
    pub(crate) fn showing(&self, room: usize) -> Option<Option<Resume>> {
        let (_, resume) = self.shown.get(&room)?.first_key_value()?;
        Some(*resume)
    }
}

impl Room {
    fn new(id: SessionId) -> Self {
        Self {
            id,
            mirror: Mirror::default(),
            holders: BTreeMap::new(),
            generations: BTreeMap::new(),
            keys: BTreeMap::new(),
            takeovers: BTreeMap::new(),
            reasons: None,
            told: None,
            told_unrecorded: None,
            kept_end: None,
            lost: false,
            cut: false,
            fenced: false,
            strange: false,
            rejected: false,
            listening: None,
            route_open: false,
            candidates: BTreeSet::new(),
            voiced_at: None,
            suggested_at: None,
            utterance: 0,
            early: BTreeMap::new(),
            seen: 0,
            question_by: None,
            saving: Vec::new(),
            speech_running: false,
            api_tries: 0,
            answers: BTreeMap::new(),
            ends_at: None,
            ended_at: None,
        }
    }
}
