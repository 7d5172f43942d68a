//! A node without a network: the sessions of one shard, who is connected to which, and when each
//! wants to be asked again. Routes inputs; every rule about one interview is in `session`.
//!
//! Inputs: `handle_input`, `handle_timeout`. Outputs: `poll_effect`, `poll_event`, `poll_timeout`.
//! Getters: `counts`, `audit`.

mod loading;
mod look;
mod wakes;

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use protocol::client::{ClientMessage, ReplyTo};
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{BootId, ConnectionId, Generation, PlanId, SessionId};
use protocol::record::{Fence, Loaded};
use protocol::time::{Mono, Now};
use protocol::value::{Plan, Status};
use smallvec::{SmallVec, smallvec};

use crate::by_id::ById;
use crate::config::{Config, WAITING_MAX};
use crate::effect::{Answer, Effect};
use crate::event::Event;
use crate::input::{Ask, AskId, Caller, Found, Input};
use crate::planted::{self, Bug};
use crate::rng::Rng;
use crate::session::{Ctx, Session};

use self::loading::{Loading, Waiting};
pub use self::look::{Counts, Look};
use self::wakes::{Wake, Wakes};

/// The plans an interview can be started with, by id.
pub type Plans = BTreeMap<PlanId, Arc<Plan>>;

/// Why a node wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A session has something due.
    Session,
    /// A session that is being read has taken too long.
    Loading,
}

/// The sessions of one shard.
#[derive(Debug)]
pub struct Node {
    config: Arc<Config>,
    plans: Arc<Plans>,
    fence: Fence,
    no_title: Arc<str>,
    rng: Rng,
    now: Now,
    slots: ById<SessionId, Slot>,
    /// Connection → the sessions it has a seat in.
    seated: ById<ConnectionId, SmallVec<[SessionId; 1]>>,
    wakes: Wakes,
    effects: VecDeque<Effect>,
    events: VecDeque<Event>,
    /// Effects already looked at by the registry.
    noted: usize,
    next_effect: u64,
    draining: bool,
}

#[derive(Debug)]
struct Slot {
    what: What,
    /// The entry in `wakes`.
    armed: Option<Wake>,
}

#[derive(Debug)]
enum What {
    Loading(Box<Loading>),
    Live(Box<Session>),
}

/// Room that an emptied queue keeps, in entries.
const QUEUE_KEPT: usize = 128;

/// The first; a queue found empty gives back what a crowd's moment took.
fn next_of<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let next = queue.pop_front();
    if next.is_none() && queue.capacity() > QUEUE_KEPT {
        queue.shrink_to(QUEUE_KEPT);
    }
    next
}

impl Slot {
    /// Puts the session's next wake-up into the order. A later one than armed is left: it wakes
    /// early, finds nothing due, and arms anew; that spares the order on every input.
    fn arm(&mut self, id: &SessionId, wakes: &mut Wakes, config: &Config) {
        let next = match &self.what {
            What::Loading(loading) => Some(loading.by),
            What::Live(session) => session.next_timeout(config),
        };
        match (next, self.armed) {
            (Some(next), Some(armed)) if armed.at() <= next => {}
            (Some(next), armed) => {
                wakes.forget(armed);
                self.armed = Some(wakes.add(next, id.clone()));
            }
            (None, armed) => {
                wakes.forget(armed);
                self.armed = None;
            }
        }
    }
}

impl Node {
    /// An empty node. `boot` names this process run; `seed` must differ between shards and runs.
    pub fn new(config: Arc<Config>, plans: Arc<Plans>, boot: BootId, seed: u64) -> Self {
        Self {
            config,
            plans,
            fence: Fence {
                boot,
                generation: Generation(1),
            },
            no_title: Arc::from(""),
            rng: Rng::new(seed),
            now: Now::default(),
            slots: ById::new(),
            seated: ById::new(),
            wakes: Wakes::default(),
            effects: VecDeque::new(),
            events: VecDeque::new(),
            noted: 0,
            // Effect ids of two shards or runs never meet in one writer's queue under one session,
            // but logs are easier to read when they differ at all.
            next_effect: seed & 0xFFFF_0000_0000,
            draining: false,
        }
    }

    /// One fact.
    pub fn handle_input(&mut self, now: Now, input: Input) {
        self.advance(now);
        match input {
            Input::Message {
                caller,
                session,
                message,
                reply,
                id,
            } => {
                self.message(session, caller, message, reply, id);
            }
            Input::Ask { ask, session, what } => self.ask(session, ask, what),
            Input::SessionLoaded { id, session, found } => self.loaded(&session, id, found),
            Input::Recover { loaded } => self.recover(*loaded),
            Input::Drain => self.drain(),
            Input::PlansChanged { plans } => self.plans = plans,
            Input::ConnectionClosed { conn, session } => {
                if let Some(Slot {
                    what: What::Loading(loading),
                    ..
                }) = self.slots.get_mut(&session)
                {
                    loading.waiting.retain(|waiting| {
                        !matches!(waiting, Waiting::Join { caller, .. } if caller.conn == conn)
                    });
                }
                self.turn(&session, |session, ctx| {
                    session.connection_closed(ctx, conn)
                });
            }
            Input::AudioStored {
                session,
                participant,
                stream,
                seq,
            } => {
                self.turn(&session, |session, ctx| {
                    session.audio_stored(ctx, participant, stream, seq);
                });
            }
            Input::Speech { session, report } => {
                self.turn(&session, |session, ctx| session.handle_speech(ctx, report));
            }
            Input::StoreReplied { id, session, saved } => {
                self.turn(&session, |session, ctx| {
                    session.handle_saved(ctx, id, &saved)
                });
            }
            Input::LogLoaded {
                id,
                session,
                events,
            } => {
                self.turn(&session, |session, ctx| session.log_loaded(ctx, id, events));
            }
            Input::ReportMade {
                id,
                session,
                report,
            } => {
                self.turn(&session, |session, ctx| {
                    session.report_made(ctx, id, report)
                });
            }
            Input::Advised {
                id,
                session,
                question,
                suggestion,
            } => {
                self.turn(&session, |session, ctx| {
                    session.advised(ctx, id, &question, suggestion);
                });
            }
            Input::Contested { session, by, live } => {
                let mut by = Some(by);
                self.turn(&session, |session, ctx| {
                    if let Some(by) = by.take() {
                        session.contested(ctx, by, live);
                    }
                });
                // Nobody here holds it: the row is what a dead process left.
                if let Some(session) = by {
                    self.effects
                        .push_back(Effect::ContestAnswer { session, won: true });
                }
            }
            Input::ContestAnswered { session, won } => {
                self.turn(&session, |session, ctx| session.contest_answered(ctx, won));
            }
        }
        self.note_seats();
    }

    /// Everything that is due at `now`.
    pub fn handle_timeout(&mut self, now: Now) {
        self.advance(now);
        // Each due session once: what it arms for this very moment waits for the next call, so
        // that one session cannot keep a shard.
        for id in self.wakes.due(self.now.mono) {
            let Some(slot) = self.slots.get_mut(&id) else {
                continue;
            };
            self.wakes.forget(slot.armed.take());
            match &slot.what {
                What::Loading(loading) if loading.by <= self.now.mono => {
                    let effect = loading.id;
                    self.loaded(&id, effect, Found::Unavailable);
                }
                What::Loading(_) => slot.arm(&id, &mut self.wakes, &self.config),
                What::Live(_) => self.turn(&id, |session, ctx| session.handle_timeout(ctx)),
            }
        }
        self.note_seats();
    }

    /// The next order.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.noted = self.noted.saturating_sub(1);
        next_of(&mut self.effects)
    }

    /// The next news.
    pub fn poll_event(&mut self) -> Option<Event> {
        next_of(&mut self.events)
    }

    /// When to call [`Self::handle_timeout`], and why.
    pub fn poll_timeout(&self) -> Option<(Mono, Reason)> {
        let (at, session) = self.wakes.first()?;
        let loading = matches!(
            self.slots.get(session),
            Some(Slot {
                what: What::Loading(_),
                ..
            })
        );
        Some((
            at,
            if loading {
                Reason::Loading
            } else {
                Reason::Session
            },
        ))
    }

    fn is_live(&self, session: &SessionId) -> bool {
        let slot = self.slots.get(session);
        slot.is_some_and(|slot| matches!(slot.what, What::Live(_)))
    }

    fn advance(&mut self, now: Now) {
        self.now = Now {
            mono: self.now.mono.max(now.mono),
            wall: now.wall,
        };
    }

    fn message(
        &mut self,
        session: SessionId,
        caller: Caller,
        message: ClientMessage,
        reply: ReplyTo,
        id: Option<Box<str>>,
    ) {
        let join = matches!(message, ClientMessage::Join { .. });
        match self.slots.get_mut(&session) {
            Some(Slot {
                what: What::Live(_),
                ..
            }) => {
                self.turn(&session, |session, ctx| {
                    session.handle_message(ctx, caller, message, reply, id);
                });
            }
            Some(Slot {
                what: What::Loading(loading),
                ..
            }) if join => {
                if loading.waiting.len() < WAITING_MAX {
                    loading.waiting.push(Waiting::Join {
                        caller,
                        message,
                        reply,
                    });
                } else {
                    let busy = Refusal::new(ErrorCode::Busy).retry_after(1_000);
                    self.effects.push_back(Effect::refuse(reply, busy));
                }
            }
            None if join => {
                if self.slots.len() >= self.config.sessions {
                    let busy = Refusal::new(ErrorCode::Busy).retry_after(5_000);
                    self.effects.push_back(Effect::refuse(reply, busy));
                } else {
                    let join = Waiting::Join {
                        caller,
                        message,
                        reply,
                    };
                    self.load(session, Some(join));
                }
            }
            Some(_) | None => {
                self.effects
                    .push_back(Effect::refuse(reply, ErrorCode::NotInSession));
            }
        }
    }

    fn ask(&mut self, session: SessionId, ask: AskId, what: Ask) {
        let refuse = |code: ErrorCode| Effect::Answer {
            ask,
            answer: Answer::Refused(code.into()),
        };
        if self.draining && matches!(what, Ask::Create(_)) {
            self.effects.push_back(refuse(ErrorCode::Draining));
            return;
        }
        let waiting = match what {
            Ask::Transfer { user } => {
                if self.is_live(&session) {
                    self.turn(&session, |session, ctx| {
                        session.offer_transfer(ctx, ask, &user)
                    });
                } else {
                    self.effects.push_back(refuse(ErrorCode::NotInSession));
                }
                return;
            }
            Ask::Create(create) => Waiting::Create { ask, create },
            Ask::End {
                reason,
                by,
                only_if_allowed: who,
            } => Waiting::End {
                ask,
                reason,
                by,
                who,
            },
            Ask::Say { said, audience } => Waiting::Say {
                ask,
                said,
                audience,
            },
        };
        let full = self.slots.len() >= self.config.sessions;
        match self.slots.get_mut(&session) {
            None if full => {
                self.effects.push_back(refuse(ErrorCode::Busy));
            }
            None => self.load(session, Some(waiting)),
            Some(Slot {
                what: What::Loading(loading),
                ..
            }) => {
                if loading.waiting.len() < WAITING_MAX {
                    loading.waiting.push(waiting);
                } else {
                    self.effects.push_back(refuse(ErrorCode::Busy));
                }
            }
            Some(Slot {
                what: What::Live(_),
                ..
            }) => self.admit(&session, waiting, None),
        }
    }

    /// Nothing new from here on, and nobody who is away is given up (L9).
    fn drain(&mut self) {
        self.draining = true;
        let live = self.slots.sorted().into_iter();
        let live: Vec<SessionId> = live.map(|(id, _)| id.clone()).collect();
        for session in live {
            self.turn(&session, |session, ctx| session.drain(ctx));
        }
    }

    fn recover(&mut self, loaded: Loaded) {
        let id = loaded.row.session.clone();
        if self.slots.get(&id).is_some() || loaded.row.status == Status::Ended {
            return;
        }
        self.read_back(loaded, false);
        self.turn(&id, |_, _| {});
    }

    fn insert(&mut self, session: Session, new: bool) {
        let id = session.id().clone();
        self.events.push_back(Event::SessionOpened {
            session: id.clone(),
            new,
        });
        let slot = Slot {
            what: What::Live(Box::new(session)),
            armed: None,
        };
        self.put(id, slot);
    }

    /// Into memory, with its wake-up in the order.
    fn put(&mut self, id: SessionId, mut slot: Slot) {
        slot.arm(&id, &mut self.wakes, &self.config);
        if let Some(slot) = self.slots.insert(id, slot) {
            self.wakes.forget(slot.armed);
        }
    }

    fn with_ctx<T>(&mut self, make: impl FnOnce(&mut Ctx<'_>) -> T) -> T {
        let mut ctx = Ctx {
            now: self.now,
            config: &self.config,
            plans: &self.plans,
            effects: &mut self.effects,
            events: &mut self.events,
            rng: &mut self.rng,
            next_effect: &mut self.next_effect,
            draining: self.draining,
        };
        make(&mut ctx)
    }

    /// One session's turn. A panic is ours: its half-made orders are dropped, and this session
    /// alone ends.
    fn turn(&mut self, id: &SessionId, act: impl FnOnce(&mut Session, &mut Ctx<'_>)) {
        let Some(slot) = self.slots.get_mut(id) else {
            return;
        };
        let What::Live(session) = &mut slot.what else {
            return;
        };
        let (effects, events) = (self.effects.len(), self.events.len());
        let mut ctx = Ctx {
            now: self.now,
            config: &self.config,
            plans: &self.plans,
            effects: &mut self.effects,
            events: &mut self.events,
            rng: &mut self.rng,
            next_effect: &mut self.next_effect,
            draining: self.draining,
        };
        let done = catch_unwind(AssertUnwindSafe(|| {
            act(session, &mut ctx);
            session.settle(&mut ctx);
        }));
        if done.is_err() {
            ctx.effects.truncate(effects);
            ctx.events.truncate(events);
            ctx.news(Event::Panicked {
                session: id.clone(),
            });
            let ended = catch_unwind(AssertUnwindSafe(|| {
                session.fault(&mut ctx);
                session.settle(&mut ctx);
            }));
            if ended.is_err() {
                ctx.effects.truncate(effects);
                self.evict(id);
                return;
            }
        }
        if session.is_over() || session.is_unloadable(self.now.mono) {
            self.drop_done(id);
        } else {
            slot.arm(id, &mut self.wakes, &self.config);
        }
    }

    /// A session that cannot even end: its members are sent away, and it is ended from its
    /// records; if that was tried already, its row is left to the reaper.
    fn evict(&mut self, id: &SessionId) {
        let Some(Slot {
            what: What::Live(session),
            ..
        }) = self.slots.get(id)
        else {
            return;
        };
        for seat in session.seats() {
            if let Some(conn) = seat.conn {
                let close = Some(protocol::close::CloseCode::ServerError);
                let (session, generation) = (id.clone(), seat.generation);
                self.effects.push_back(Effect::Unseat {
                    session,
                    conn,
                    generation,
                    close,
                });
            }
        }
        let again = !session.is_recovered();
        self.effects.push_back(Effect::CloseRoute {
            session: id.clone(),
        });
        self.remove(id);
        if again {
            self.load(id.clone(), None);
        }
    }

    /// A session that is over, or whom nobody needs in memory.
    fn drop_done(&mut self, id: &SessionId) {
        let Some(Slot {
            what: What::Live(session),
            ..
        }) = self.slots.get(id)
        else {
            return;
        };
        if session.is_over() {
            let again = session.must_be_read_back();
            self.remove(id);
            if again {
                self.load(id.clone(), None);
            }
        } else {
            self.events.push_back(Event::Unloaded {
                session: id.clone(),
            });
            self.remove(id);
        }
    }

    fn remove(&mut self, id: &SessionId) {
        if let Some(slot) = self.slots.remove(id) {
            self.wakes.forget(slot.armed);
        }
    }

    /// Keeps connection → sessions in step with the seats given and taken.
    fn note_seats(&mut self) {
        for effect in self.effects.iter().skip(self.noted) {
            match effect {
                Effect::Seat(seat) => match self.seated.get_mut(&seat.conn) {
                    Some(sessions) if sessions.contains(&seat.session) => {}
                    Some(sessions) => sessions.push(seat.session.clone()),
                    None => {
                        let sessions = smallvec![seat.session.clone()];
                        self.seated.insert(seat.conn, sessions);
                    }
                },
                Effect::Unseat { session, conn, .. } => {
                    if planted::on(&self.config, Bug::SkipUnregister) {
                        continue;
                    }
                    if let Some(sessions) = self.seated.get_mut(conn) {
                        sessions.retain(|known| known != session);
                        if sessions.is_empty() {
                            self.seated.remove(conn);
                        }
                    }
                }
                _ => {}
            }
        }
        self.noted = self.effects.len();
    }
}

#[cfg(test)]
mod queue_tests {
    use super::{QUEUE_KEPT, next_of};
    use std::collections::VecDeque;

    #[test]
    fn a_queue_found_empty_gives_a_crowds_room_back() {
        let mut queue: VecDeque<u64> = (0..10_000).collect();
        for n in 0..10_000 {
            assert_eq!(next_of(&mut queue), Some(n));
        }
        assert!(queue.capacity() >= 10_000);
        assert_eq!(next_of(&mut queue), None);
        assert!(queue.capacity() <= 2 * QUEUE_KEPT);
    }
}
