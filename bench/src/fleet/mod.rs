//! The load generator: thousands of members of many rooms on one thread, with
//! its own epoll loop, since a generator that costs more than the server
//! measures itself. It checks every delivery; it judges nothing.

mod load;
mod member;
#[cfg(test)]
mod tests;

pub use load::{Load, Tally};
pub use member::Reply;

use crate::payload::Template;
use crate::target::Identity;
use anyhow::{Context, Result, bail};
use member::{Member, State};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::time::Timespec;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// One read's worth: a busy socket is emptied in one call.
const READ_BUFFER: usize = 256 * 1024;
/// Members that may be between connect and ready at once.
const AT_ONCE: usize = 256;
/// Requests under way at once when every room asks the same.
const ASKED_AT_ONCE: u32 = 64;
/// All members must be ready by then.
const OPENING_LIMIT: Duration = Duration::from_secs(180);
/// Faults kept word for word; one is enough to fail.
const FAULTS_KEPT: usize = 8;

/// How many rooms, and who is in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Rooms.
    pub rooms: u32,
    /// Members of a room. One is a candidate alone; from two on the second is
    /// the interviewer, who speaks, and all others hear.
    pub members: u32,
}

impl Shape {
    /// Connections in all.
    #[must_use]
    pub fn connections(self) -> u32 {
        self.rooms * self.members
    }

    /// Members that hear the one who speaks.
    #[must_use]
    pub fn receivers(self) -> u32 {
        self.members.saturating_sub(1)
    }
}

/// What is spoken with the process under test.
#[derive(Debug, Clone)]
pub enum Dialect {
    /// Fixed blocks after an eight-byte hello.
    Floor,
    /// The plain door, with tokens made from this identity.
    Plain(Identity),
    /// Socket.IO over WebSocket in the namespace `/interview`, likewise.
    SocketIo(Identity),
}

impl Dialect {
    /// Who makes the tokens; nobody on the floor.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        match self {
            Dialect::Floor => None,
            Dialect::Plain(identity) | Dialect::SocketIo(identity) => Some(identity),
        }
    }

    /// The same with other users and sessions.
    #[must_use]
    pub fn named(&self, name: &str) -> Dialect {
        match self {
            Dialect::Floor => Dialect::Floor,
            Dialect::Plain(identity) => Dialect::Plain(identity.named(name)),
            Dialect::SocketIo(identity) => Dialect::SocketIo(identity.named(name)),
        }
    }

    /// The audio message as this dialect writes it.
    #[must_use]
    pub fn template(&self) -> Template {
        match self {
            Dialect::Floor | Dialect::Plain(_) => Template::default(),
            Dialect::SocketIo(_) => Template::socket_io(),
        }
    }
}

/// Where in a room the speaker sits, by the shape's members.
pub const SPEAKER: u32 = 1;

#[derive(Debug, Default, Clone)]
struct Room {
    next_seq: u32,
    /// Deliveries under way.
    waiting: u32,
    sent_at: u64,
}

/// All connections to one process, and what became of them.
pub struct Fleet {
    address: SocketAddr,
    dialect: Dialect,
    shape: Shape,
    epoll: OwnedFd,
    clock: Instant,
    members: Vec<Member>,
    rooms: Vec<Room>,
    waiting: u64,
    done: Vec<u32>,
    template: Template,
    tally: Tally,
    replies: Vec<Reply>,
    faults: Vec<String>,
    events: Vec<Event>,
    buffer: Vec<u8>,
    scratch: Vec<u8>,
    mask: u32,
    ready: usize,
}

impl Fleet {
    /// Connects all members and brings each into its room: first every
    /// candidate, whose join makes the session, then the others.
    ///
    /// # Errors
    /// When a member cannot connect, is refused, or is not ready in time.
    pub fn open(address: SocketAddr, dialect: Dialect, shape: Shape) -> Result<Fleet> {
        let template = dialect.template();
        let mut fleet = Fleet {
            address,
            dialect,
            shape,
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            clock: Instant::now(),
            members: Vec::new(),
            rooms: vec![Room::default(); shape.rooms as usize],
            waiting: 0,
            done: Vec::new(),
            template,
            tally: Tally::default(),
            replies: Vec::new(),
            faults: Vec::new(),
            events: Vec::with_capacity(1024),
            buffer: vec![0; READ_BUFFER],
            scratch: Vec::new(),
            mask: 0x1357_9bdf,
            ready: 0,
        };
        let until = Instant::now() + OPENING_LIMIT;
        for place in 0..shape.members {
            for room in 0..shape.rooms {
                fleet.add(room, place)?;
                fleet.settle(AT_ONCE, until)?;
            }
            if place == 0 {
                fleet.settle(0, until)?;
            }
        }
        fleet.settle(0, until)?;
        Ok(fleet)
    }

    fn add(&mut self, room: u32, place: u32) -> Result<()> {
        let stream = TcpStream::connect_timeout(&self.address, Duration::from_secs(10))
            .with_context(|| format!("connection {} to {}", self.members.len(), self.address))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let who = self.members.len();
        epoll::add(
            &self.epoll,
            &stream,
            EventData::new_u64(who as u64),
            EventFlags::IN,
        )?;
        self.members.push(Member::new(stream, room, place));
        self.introduce(who)
    }

    /// Turns until at most `open` members are not ready yet.
    fn settle(&mut self, open: usize, until: Instant) -> Result<()> {
        while self.members.len() - self.ready > open {
            self.turn(Duration::from_millis(100))?;
            if let Some(fault) = self.faults.first() {
                bail!("{fault}");
            }
            if Instant::now() > until {
                let (ready, all) = (self.ready, self.members.len());
                bail!("only {ready} of {all} members were ready after {OPENING_LIMIT:?}");
            }
        }
        Ok(())
    }

    /// Waits at most `wait`, then handles what has come.
    fn turn(&mut self, wait: Duration) -> Result<()> {
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        let timeout = Timespec {
            tv_sec: wait.as_secs() as i64,
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e).context("waiting for sockets"),
        }
        for event in &events {
            let (flags, data) = (event.flags, event.data);
            let who = data.u64() as usize;
            if flags.contains(EventFlags::OUT) {
                self.flush(who);
            }
            if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                self.read(who);
            }
        }
        self.events = events;
        Ok(())
    }

    /// Handles what comes for `length`: pings, mostly.
    ///
    /// # Errors
    /// When waiting fails.
    pub fn rest(&mut self, length: Duration) -> Result<()> {
        let until = Instant::now() + length;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.turn(left)?;
        }
    }

    /// Sends `text` from the member at `place` of `room`; the answer carries
    /// the `ref` that the text does.
    ///
    /// # Errors
    /// When no answer comes within `limit`, or the connection fails.
    pub fn ask(&mut self, room: u32, place: u32, text: &str, limit: Duration) -> Result<Reply> {
        let who = (place * self.shape.rooms + room) as usize;
        self.replies.clear();
        self.say(who, text);
        let until = Instant::now() + limit;
        loop {
            if let Some(at) = self.replies.iter().position(|reply| reply.who == who) {
                return Ok(self.replies.swap_remove(at));
            }
            if let Some(fault) = self.faults.first() {
                bail!("{fault}");
            }
            if Instant::now() > until {
                bail!("no answer within {limit:?} to {text}");
            }
            self.turn(Duration::from_millis(50))?;
        }
    }

    /// Sends `text` from the same place of every room, a few at a time, and
    /// waits for all answers.
    ///
    /// # Errors
    /// When one is no `ok`, does not come within `limit`, or a connection fails.
    pub fn ask_all(&mut self, place: u32, text: &str, limit: Duration) -> Result<()> {
        let until = Instant::now() + limit;
        let (mut asked, mut answered) = (0, 0);
        self.replies.clear();
        while answered < self.shape.rooms {
            while asked < self.shape.rooms && asked - answered < ASKED_AT_ONCE {
                self.say((place * self.shape.rooms + asked) as usize, text);
                asked += 1;
            }
            self.turn(Duration::from_millis(50))?;
            for reply in self.replies.drain(..) {
                anyhow::ensure!(reply.is_ok(), "{text} was answered with {}", reply.body);
                answered += 1;
            }
            if let Some(fault) = self.faults.first() {
                bail!("{fault}");
            }
            if Instant::now() > until {
                bail!(
                    "only {answered} of {} rooms answered {text}",
                    self.shape.rooms
                );
            }
        }
        Ok(())
    }

    /// Everything that went wrong so far, and forgets it.
    pub fn take_faults(&mut self) -> Vec<String> {
        std::mem::take(&mut self.faults)
    }

    /// Who is where.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Bytes of one message as the speaker's socket carries it; the floor's
    /// messages have the same.
    #[must_use]
    pub fn message_bytes(&self) -> usize {
        crate::wsclient::masked_len(self.template.text().len())
    }

    fn now(&self) -> u64 {
        self.clock.elapsed().as_nanos() as u64
    }

    fn fault(&mut self, what: String) {
        if self.faults.len() < FAULTS_KEPT {
            self.faults.push(what);
        }
    }

    fn lose(&mut self, who: usize, why: &str) {
        let member = &mut self.members[who];
        if matches!(member.state, State::Gone) {
            return;
        }
        let (room, place) = (member.room, member.place);
        if !matches!(member.state, State::Ready) {
            self.ready += 1;
        }
        self.members[who].state = State::Gone;
        // A socket that has ended would else be reported for ever.
        let _ = epoll::delete(&self.epoll, &self.members[who].stream);
        self.fault(format!("member {place} of room {room}: {why}"));
    }
}

impl Drop for Fleet {
    /// Resets every connection, so that no port lingers in TIME_WAIT for the
    /// next scenario.
    fn drop(&mut self) {
        for member in &self.members {
            let _ = socket2::SockRef::from(&member.stream).set_linger(Some(Duration::ZERO));
        }
    }
}
