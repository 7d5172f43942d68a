//! The hot part of the shell: shards, turns, and what their effects do to connections and routes.
//!
//! An input takes a shard's lock, the engine judges it, its effects are carried out in order, and
//! what connections were given is written after the lock is released. Any thread may run a turn.
//! What needs another shard or may block is handed to an inbox or to the [`Outside`].
//!
//! **Lock order**: shard → route → wire or seats or the table of connections; never two shards.
//! What must never be here: rules about sessions (`execute` has no condition on their state), SQL,
//! anything that blocks.

pub mod clock;
pub mod closed;
pub mod conn;
pub mod conns;
pub mod counters;
pub(crate) mod dirty;
pub mod inbox;
pub mod news;
pub(crate) mod received;
pub mod route;
#[cfg(test)]
mod tests;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use engine::effect::{Answer, SeatGiven};
use engine::input::{AskId, SpeechReport};
use engine::{Effect, Input, Node};
use parking_lot::Mutex;
use protocol::client::ReplyTo;
use protocol::dialect::{self, DIALECTS};
use protocol::id::{ConnectionId, EffectId, Generation, SessionId, UserId};
use protocol::outbox::Frame;
use protocol::record::Save;
use protocol::server::{Reply, ServerMessage};
use protocol::time::{Mono, Now};
use protocol::value::Role;

use self::clock::Clock;
use self::conn::{Conn, Seat};
use self::conns::Conns;
use self::counters::Counters;
use self::inbox::Inboxes;
use self::route::{Route, Seated, Tap};

/// Which shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShardId(u8);

impl ShardId {
    pub(crate) fn new(index: usize) -> Self {
        Self(u8::try_from(index).unwrap_or(0))
    }

    /// Its place, from 0.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What effects need beyond memory. None of these may block or run a turn: answers come back
/// through the inboxes.
pub trait Outside: Send + Sync {
    /// Has this written; answers `StoreReplied`.
    fn save(&self, id: EffectId, save: Save);
    /// Has slow work done.
    fn work(&self, job: Job);
    /// Opens a session's tap; its time zero is `since`.
    fn listen(&self, session: &SessionId, since: Mono) -> Box<dyn Tap>;
    /// The same for a session that another process began: its files come first.
    fn listen_again(&self, session: &SessionId, since: Mono) -> Box<dyn Tap>;
    /// Somebody who asked through the API has their answer.
    fn answered(&self, ask: AskId, answer: Answer);
}

/// Slow work that an effect orders.
#[derive(Debug)]
pub enum Job {
    /// Answers `SessionLoaded`.
    LoadSession(EffectId, SessionId),
    /// Answers `LogLoaded`.
    LoadLog(EffectId, SessionId, engine::input::LogRange),
    /// Answers `ReportMade`.
    MakeReport(EffectId, SessionId, Box<engine::effect::ReportFacts>),
    /// Answers `Advised`.
    Advise(EffectId, SessionId, Box<engine::effect::AdviceAsked>),
    /// Answers `SpeechReport::Once`.
    TranscribeOnce(SessionId, u32, Box<protocol::client::TranscribeRequest>),
    /// Answers finals, then `Flushed`.
    RecoverSpeech(SessionId),
    /// Answers nothing.
    ForgetAudio(SessionId),
    /// Answers nothing.
    KeepEnd(SessionId, Box<protocol::record::EndBegun>),
    /// Answers nothing.
    ForgetEnd(SessionId),
    /// Ends the user's running session, whichever it is, and answers the request.
    Clear(UserId, ReplyTo),
    /// Makes a code that moves the user's seat to another device, and answers the request; asked
    /// again with the same id, it is the same code.
    Transfer(SessionId, UserId, Option<Box<str>>, ReplyTo),
}

/// Is shown every input before its turn: what a scenario leaves in the engine can be compared.
pub type Watch = dyn Fn(&Input) + Send + Sync;

/// One shard: a node without a network.
struct Shard {
    turn: Mutex<(Node, Hands)>,
    /// When the node's next clock runs out, monotonic milliseconds.
    due: AtomicU64,
}

/// What a shard's effects work on beside the connections.
#[derive(Default)]
struct Hands {
    routes: HashMap<SessionId, Arc<Route>>,
}

/// What is in memory, counted when asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauges {
    /// What the engine holds, over all shards.
    pub engine: engine::Counts,
    /// Rooms of the data plane.
    pub routes: usize,
    /// Places in those rooms.
    pub members: usize,
    /// Open sockets that got past the upgrade.
    pub connections: usize,
    /// Inputs waiting for their turn.
    pub inputs_waiting: usize,
}

/// All of it.
pub struct Core {
    clock: Clock,
    shards: Vec<Shard>,
    conns: Conns,
    closed: closed::ClosedList,
    counters: Counters,
    inboxes: Arc<Inboxes>,
    outside: Arc<dyn Outside>,
    watch: Option<Arc<Watch>>,
}

impl Core {
    /// Empty shards, as many as the inboxes know.
    pub(crate) fn new(
        clock: Clock,
        nodes: impl Iterator<Item = Node>,
        inboxes: Arc<Inboxes>,
        outside: Arc<dyn Outside>,
        watch: Option<Arc<Watch>>,
    ) -> Arc<Self> {
        let shards = nodes
            .map(|node| Shard {
                turn: Mutex::new((node, Hands::default())),
                due: AtomicU64::new(u64::MAX),
            })
            .collect();
        Arc::new(Self {
            clock,
            shards,
            conns: Conns::default(),
            closed: closed::ClosedList::default(),
            counters: Counters::default(),
            inboxes,
            outside,
            watch,
        })
    }

    /// The clocks.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The counters.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The connections.
    pub fn conns(&self) -> &Conns {
        &self.conns
    }

    /// The latest connections that are over.
    pub fn closed(&self) -> &closed::ClosedList {
        &self.closed
    }

    /// What effects need beyond memory.
    pub(crate) fn outside(&self) -> &dyn Outside {
        &*self.outside
    }

    /// The inboxes.
    pub fn inboxes(&self) -> &Arc<Inboxes> {
        &self.inboxes
    }

    /// How many shards there are.
    pub(crate) fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Runs an input through the shard of its session.
    pub fn input(&self, input: Input) {
        match input
            .session()
            .map(|session| self.inboxes.shard_of(session))
        {
            Some(shard) => self.turn(shard, input),
            None => self.inboxes.post(input),
        }
    }

    /// One turn: judge, carry out, release, write.
    pub fn turn(&self, shard: ShardId, input: Input) {
        if let Some(watch) = &self.watch {
            watch(&input);
        }
        let left = match &input {
            Input::ConnectionClosed { session, .. } => Some(session.clone()),
            _ => None,
        };
        self.run(shard, left.as_ref(), |node, now| {
            node.handle_input(now, input)
        });
    }

    /// A turn for the clocks, if one of them has run out.
    pub(crate) fn turn_if_due(&self, shard: ShardId, now: Mono) {
        if self.shards[shard.index()].due.load(Ordering::Acquire) <= now.0 {
            self.run(shard, None, |node, now| node.handle_timeout(now));
        }
    }

    fn run(&self, id: ShardId, left: Option<&SessionId>, input: impl FnOnce(&mut Node, Now)) {
        let shard = &self.shards[id.index()];
        {
            let mut turn = shard.turn.lock();
            let _guard = AbortOnPanic;
            let begun = self.clock.micros();
            let (node, hands) = &mut *turn;
            // Inside the lock, so that time never goes back for a node.
            let now = self.clock.now();
            input(node, now);
            while let Some(effect) = node.poll_effect() {
                self.execute(id, hands, now, effect);
            }
            while let Some(event) = node.poll_event() {
                news::tell(&self.counters, event);
            }
            if let Some(session) = left {
                hands.tidy(session);
            }
            let due = node.poll_timeout().map_or(u64::MAX, |(at, _)| at.0);
            shard.due.store(due, Ordering::Release);
            self.counters
                .turn_held
                .observe_us(self.clock.micros() - begun);
        }
        dirty::flush();
    }

    /// Carries one effect out. No condition on the state of a session belongs here.
    fn execute(&self, shard: ShardId, hands: &mut Hands, now: Now, effect: Effect) {
        match effect {
            Effect::Send { to, message } => self.send(now, &to, &message),
            Effect::Reply { to, reply } => self.reply(now, &to, &reply),
            Effect::Seat(seat) => self.seat(shard, hands, *seat),
            Effect::Hear {
                session,
                conn,
                generation,
            } => {
                if let Some(route) = hands.routes.get(&session) {
                    route.hear(conn, generation);
                }
            }
            Effect::Unseat {
                session,
                conn,
                generation,
                close,
            } => self.unseat(hands, now, (&session, conn, generation), close),
            Effect::Voice {
                session,
                conn,
                generation,
                voice,
            } => {
                if let Some(route) = hands.routes.get(&session) {
                    route.set_voice(conn, generation, voice);
                }
            }
            Effect::Listen { session, since } => {
                let tap = self.outside.listen(&session, since);
                hands.route(&session).listen(tap);
            }
            Effect::ListenAgain { session, since } => {
                let tap = self.outside.listen_again(&session, since);
                hands.route(&session).listen(tap);
            }
            Effect::FlushSpeech { session } => {
                match hands.routes.get(&session).and_then(|route| route.deafen()) {
                    Some(tap) => tap.flush(),
                    None => self.inboxes.post(Input::Speech {
                        session,
                        report: SpeechReport::Flushed,
                    }),
                }
            }
            Effect::CloseRoute { session } => {
                if let Some(route) = hands.routes.remove(&session) {
                    route.close();
                }
                hands.give_back();
            }
            Effect::Save { id, save } => self.outside.save(id, *save),
            Effect::Answer { ask, answer } => self.outside.answered(ask, answer),
            Effect::Contest { other, mine, live } => self.inboxes.post(Input::Contested {
                session: other,
                by: mine,
                live,
            }),
            Effect::ContestAnswer { session, won } => {
                self.inboxes.post(Input::ContestAnswered { session, won });
            }
            Effect::LoadSession { id, session } => {
                self.outside.work(Job::LoadSession(id, session));
            }
            Effect::LoadLog { id, session, range } => {
                self.outside.work(Job::LoadLog(id, session, range));
            }
            Effect::MakeReport { id, session, facts } => {
                self.outside.work(Job::MakeReport(id, session, facts));
            }
            Effect::TranscribeOnce {
                session,
                request,
                audio,
            } => self
                .outside
                .work(Job::TranscribeOnce(session, request, audio)),
            Effect::RecoverSpeech { session } => self.outside.work(Job::RecoverSpeech(session)),
            Effect::Advise { id, session, asked } => {
                self.outside.work(Job::Advise(id, session, asked));
            }
            Effect::ForgetAudio { session } => self.outside.work(Job::ForgetAudio(session)),
            Effect::KeepEnd { session, end } => self.outside.work(Job::KeepEnd(session, end)),
            Effect::ForgetEnd { session } => self.outside.work(Job::ForgetEnd(session)),
        }
    }

    /// Queues a message on these connections, written once for each dialect.
    fn send(&self, now: Now, to: &[ConnectionId], message: &ServerMessage) {
        let written: [OnceCell<Bytes>; DIALECTS] = Default::default();
        for conn in to.iter().filter_map(|id| self.conns.get(*id)) {
            let dialect = conn.dialect();
            let bytes = written[dialect as usize]
                .get_or_init(|| dialect::encode(dialect, message, now.wall))
                .clone();
            conn.push(now.mono, class(message, bytes), &self.counters);
        }
    }

    /// Queues an answer on the connection that asked.
    fn reply(&self, now: Now, to: &ReplyTo, reply: &Reply) {
        if let Some(conn) = self.conns.get(to.conn)
            && let Some(bytes) = dialect::encode_reply(conn.dialect(), &to.key, reply)
        {
            conn.push(now.mono, Frame::event(bytes), &self.counters);
        }
    }

    /// Answers a request outside a turn, and writes.
    pub(crate) fn answer(&self, to: &ReplyTo, reply: &Reply) {
        self.reply(self.clock.now(), to, reply);
        dirty::flush();
    }

    fn seat(&self, shard: ShardId, hands: &mut Hands, given: SeatGiven) {
        let route = hands.route(&given.session);
        let conn = self.conns.get(given.conn);
        let sat = conn.as_ref().is_some_and(|conn| {
            conn.sit(Seat {
                session: given.session.clone(),
                shard,
                generation: given.generation,
                route: Arc::clone(&route),
                room: given.room,
                role: given.role,
            })
        });
        let Some(conn) = conn.filter(|_| sat) else {
            // Lost while its join was under way: its own goodbye did not know of this seat.
            return self.inboxes.post(Input::ConnectionClosed {
                conn: given.conn,
                session: given.session,
            });
        };
        route.admit(
            &conn,
            Seated {
                generation: given.generation,
                user: given.user,
                participant: given.participant,
                room: given.room,
                role: given.role,
                voice: given.voice,
            },
        );
    }

    fn unseat(
        &self,
        hands: &mut Hands,
        now: Now,
        (session, conn, generation): (&SessionId, ConnectionId, Generation),
        close: Option<protocol::close::CloseCode>,
    ) {
        if let Some(route) = hands.routes.get(session) {
            route.dismiss(conn, generation);
            hands.tidy(session);
        }
        let Some(conn) = self.conns.get(conn) else {
            return;
        };
        let stood = conn.stand(session, generation);
        if let (true, true, Some(code)) = (stood.held, stood.last, close) {
            conn.close(now.mono, code, None);
        }
    }

    /// Tells a connection to come back later, and closes it.
    pub(crate) fn send_away(
        &self,
        conn: &Arc<Conn>,
        retry_after_ms: u64,
        code: protocol::close::CloseCode,
    ) {
        let now = self.clock.now();
        let message = ServerMessage::Draining { retry_after_ms };
        let last = Frame::event(dialect::encode(conn.dialect(), &message, now.wall));
        conn.close(now.mono, code, Some(last));
        dirty::flush();
    }

    /// The socket of a connection is gone: its seats are given back.
    pub(crate) fn connection_gone(&self, conn: &Conn) {
        self.conns.leave(conn.id());
        if let Some(closed) = conn.epitaph(self.clock.wall()) {
            self.closed.add(&closed);
        }
        self.vacate(conn, conn.retire());
    }

    /// The client has left, though its socket is still there: its seats are given back.
    pub(crate) fn connection_left(&self, conn: &Conn) {
        self.vacate(conn, conn.give_up_seats());
    }

    fn vacate(&self, conn: &Conn, seats: impl IntoIterator<Item = Seat>) {
        for seat in seats {
            let input = Input::ConnectionClosed {
                conn: conn.id(),
                session: seat.session,
            };
            seat.route.dismiss(conn.id(), seat.generation);
            self.turn(seat.shard, input);
        }
    }

    /// Who is in a session's room with a live connection; none: it has no room here.
    pub(crate) fn members(&self, session: &SessionId) -> Option<Vec<(UserId, Role)>> {
        let shard = self.inboxes.shard_of(session);
        let route = {
            let turn = self.shards[shard.index()].turn.lock();
            turn.1.routes.get(session).cloned()
        };
        Some(route?.who())
    }

    /// Connections now; unlike [`Self::gauges`] without a walk.
    pub(crate) fn connections(&self) -> usize {
        self.conns.len()
    }

    /// What is in memory now. Walks every session under its shard's lock.
    pub fn gauges(&self) -> Gauges {
        let mut gauges = Gauges {
            connections: self.conns.len(),
            inputs_waiting: self.inboxes.waiting(),
            ..Gauges::default()
        };
        for shard in &self.shards {
            let turn = shard.turn.lock();
            add(&mut gauges.engine, turn.0.counts());
            gauges.routes += turn.1.routes.len();
            gauges.members += turn.1.routes.values().map(|r| r.members()).sum::<usize>();
        }
        gauges
    }
}

impl Hands {
    /// The session's route, made if it is not there.
    fn route(&mut self, session: &SessionId) -> Arc<Route> {
        let route = self
            .routes
            .entry(session.clone())
            .or_insert_with(|| Route::new(session.clone()));
        Arc::clone(route)
    }

    /// Drops the session's route if nobody is in the room and nobody listens in.
    fn tidy(&mut self, session: &SessionId) {
        if self
            .routes
            .get(session)
            .is_some_and(|route| route.is_idle())
        {
            self.routes.remove(session);
            self.give_back();
        }
    }

    /// What a flood of sessions took is given back once they are gone.
    fn give_back(&mut self) {
        if self.routes.capacity() > 64 && self.routes.len() * 8 < self.routes.capacity() {
            self.routes.shrink_to_fit();
        }
    }
}

/// How a slow reader's queue may treat this message.
fn class(message: &ServerMessage, bytes: Bytes) -> Frame {
    match message {
        ServerMessage::Partial(caption) => {
            let key = [
                caption.session.as_str().as_bytes(),
                caption.user.as_str().as_bytes(),
                &caption.stream.0.to_le_bytes(),
            ];
            // Two captions that fall together only mean that one is shown a moment later.
            let hash = key
                .iter()
                .flat_map(|part| part.iter())
                .fold(0x811c_9dc5_u32, |hash, byte| {
                    (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
                });
            Frame::partial(bytes, hash)
        }
        _ => Frame::event(bytes),
    }
}

/// A panic under a shard's lock would leave rules half applied: restart and resume is the tested
/// way on. (The engine catches a session's own panics itself.)
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a turn panicked outside a session; the process ends");
            std::process::abort();
        }
    }
}

fn add(sum: &mut engine::Counts, more: engine::Counts) {
    sum.scheduled += more.scheduled;
    sum.active += more.active;
    sum.completing += more.completing;
    sum.unsaved += more.unsaved;
    sum.loading += more.loading;
    sum.connections += more.connections;
    sum.detached += more.detached;
    sum.question_timers += more.question_timers;
    sum.timers += more.timers;
    sum.degraded += more.degraded;
    sum.waiting_bytes += more.waiting_bytes;
    sum.unsettled += more.unsettled;
}
