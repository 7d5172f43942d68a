//! A node without a network: the sessions of one shard, who is connected to which, and when each
//! wants to be asked again. Routes inputs; every rule about one interview is in `session`.
//!
//! Inputs: `handle_input`, `handle_timeout`. Outputs: `poll_effect`, `poll_event`, `poll_timeout`.
//! Getters: `counts`, `audit`.

mod look;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use protocol::client::{ClientMessage, ReplyTo};
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{BootId, ConnectionId, EffectId, Epoch, Generation, PlanId, SessionId, UserId};
use protocol::record::{Fence, Loaded};
use protocol::time::{Mono, Now};
use protocol::value::{EndReason, Plan, Status};
use smallvec::SmallVec;

use crate::config::{Config, WAITING_MAX};
use crate::effect::{Answer, Effect};
use crate::event::Event;
use crate::input::{Ask, AskId, Caller, Create, Found, Identity, Input};
use crate::planted::{self, Bug};
use crate::rng::Rng;
use crate::session::seat::may_create;
use crate::session::{Ctx, Seed, Session};

pub use self::look::{Counts, Look};

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
    slots: BTreeMap<SessionId, Slot>,
    /// Connection → the sessions it has a seat in.
    seated: BTreeMap<ConnectionId, SmallVec<[SessionId; 1]>>,
    wakes: BTreeSet<(Mono, SessionId)>,
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
    armed: Option<Mono>,
}

#[derive(Debug)]
enum What {
    Loading(Box<Loading>),
    Live(Box<Session>),
}

/// A session that is being read, and who waits for it.
#[derive(Debug)]
struct Loading {
    id: EffectId,
    by: Mono,
    waiting: Vec<Waiting>,
    /// It left memory by our fault: it is ended from its records.
    must_end: bool,
}

#[derive(Debug)]
enum Waiting {
    Join {
        caller: Caller,
        message: ClientMessage,
        reply: ReplyTo,
    },
    Create {
        ask: AskId,
        create: Box<Create>,
    },
    End {
        ask: AskId,
        reason: EndReason,
        by: Option<UserId>,
        who: Option<Arc<Identity>>,
    },
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
            slots: BTreeMap::new(),
            seated: BTreeMap::new(),
            wakes: BTreeSet::new(),
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
        let due: Vec<SessionId> = self
            .wakes
            .iter()
            .take_while(|(at, _)| *at <= self.now.mono)
            .map(|(_, session)| session.clone())
            .collect();
        for id in due {
            let Some(slot) = self.slots.get_mut(&id) else {
                continue;
            };
            if let Some(at) = slot.armed.take() {
                self.wakes.remove(&(at, id.clone()));
            }
            match &slot.what {
                What::Loading(loading) if loading.by <= self.now.mono => {
                    let effect = loading.id;
                    self.loaded(&id, effect, Found::Unavailable);
                }
                What::Loading(_) => self.arm(&id),
                What::Live(_) => self.turn(&id, |session, ctx| session.handle_timeout(ctx)),
            }
        }
        self.note_seats();
    }

    /// The next order.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.noted = self.noted.saturating_sub(1);
        self.effects.pop_front()
    }

    /// The next news.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
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
            *at,
            if loading {
                Reason::Loading
            } else {
                Reason::Session
            },
        ))
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
                let live = matches!(
                    self.slots.get(&session),
                    Some(Slot {
                        what: What::Live(_),
                        ..
                    })
                );
                if live {
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
        let live: Vec<SessionId> = self.slots.keys().cloned().collect();
        for session in live {
            self.turn(&session, |session, ctx| session.drain(ctx));
        }
    }

    fn load(&mut self, session: SessionId, first: Option<Waiting>) {
        let must_end = first.is_none();
        self.next_effect += 1;
        let id = EffectId(self.next_effect);
        let by = self.now.mono.after(self.config.load_ms);
        let loading = Box::new(Loading {
            id,
            by,
            waiting: first.into_iter().collect(),
            must_end,
        });
        self.slots.insert(
            session.clone(),
            Slot {
                what: What::Loading(loading),
                armed: None,
            },
        );
        self.arm(&session);
        self.effects.push_back(Effect::LoadSession { id, session });
    }

    /// A session was read, or could not be; whoever waits gets their answer in their order.
    fn loaded(&mut self, session: &SessionId, id: EffectId, found: Found) {
        let Some(slot) = self.slots.get_mut(session) else {
            return;
        };
        let What::Loading(loading) = &mut slot.what else {
            return;
        };
        if loading.id != id {
            return;
        }
        let waiting = std::mem::take(&mut loading.waiting);
        let must_end = loading.must_end;
        self.remove(session);
        let missing = match found {
            Found::Session(loaded) if loaded.row.status == Status::Ended => {
                Missing::Ended(loaded.row.reason)
            }
            Found::Session(loaded) => {
                if loaded.row.status == Status::Scheduled {
                    let restored = self.with_ctx(|ctx| Session::restore(ctx, *loaded));
                    self.insert(restored, false);
                } else if must_end {
                    let ended = self.with_ctx(|ctx| Session::recover(ctx, *loaded));
                    self.insert(ended, false);
                } else {
                    self.recover(*loaded);
                }
                Missing::Found
            }
            Found::Nothing => Missing::Nothing,
            Found::Unavailable => Missing::Unavailable,
        };
        let before = self.effects.len();
        for waiting in waiting {
            if let Waiting::Join { caller, reply, .. } = &waiting
                && self.was_sent_away(before, caller.conn)
            {
                let code = ErrorCode::NotInSession;
                self.effects.push_back(Effect::refuse(reply.clone(), code));
                continue;
            }
            self.admit(session, waiting, Some(&missing));
        }
        self.drop_if_done(session);
    }

    /// Whether an order after the first `before` ones closes this connection: somebody who waited
    /// behind it has its seat, and its own later requests are void.
    fn was_sent_away(&self, before: usize, conn: ConnectionId) -> bool {
        self.effects.iter().skip(before).any(|effect| {
            matches!(effect, Effect::Unseat { conn: gone, close: Some(_), .. } if *gone == conn)
        })
    }

    /// Somebody who waited, or need not wait, for a session.
    fn admit(&mut self, session: &SessionId, waiting: Waiting, missing: Option<&Missing>) {
        let live = matches!(
            self.slots.get(session),
            Some(Slot {
                what: What::Live(_),
                ..
            })
        );
        match waiting {
            Waiting::Join {
                caller,
                message,
                reply,
            } => {
                if !live {
                    let creatable = self.config.create_on_join
                        && !self.draining
                        && may_create(&caller.who, session);
                    match missing {
                        Some(Missing::Nothing | Missing::Unavailable) if creatable => {
                            let candidate = Some(caller.who.user.clone());
                            let blind = matches!(missing, Some(Missing::Unavailable));
                            self.create_empty(session, candidate, blind);
                        }
                        Some(Missing::Unavailable) => {
                            let refusal =
                                Refusal::new(ErrorCode::StoreUnavailable).retry_after(2_000);
                            self.effects.push_back(Effect::refuse(reply, refusal));
                            return;
                        }
                        Some(Missing::Ended(_)) => {
                            self.effects
                                .push_back(Effect::refuse(reply, ErrorCode::SessionEnded));
                            return;
                        }
                        _ => {
                            let code = ErrorCode::SessionNotFound;
                            self.effects.push_back(Effect::refuse(reply, code));
                            return;
                        }
                    }
                }
                self.turn(session, |session, ctx| {
                    session.handle_message(ctx, caller, message, reply, None);
                });
            }
            Waiting::Create { ask, create } => {
                let answer = match missing {
                    _ if live => Answer::Refused(exists()),
                    Some(Missing::Nothing) => return self.create(session, ask, *create),
                    Some(Missing::Unavailable) => {
                        let refusal = Refusal::new(ErrorCode::StoreUnavailable).retry_after(2_000);
                        Answer::Refused(refusal)
                    }
                    _ => Answer::Refused(exists()),
                };
                self.effects.push_back(Effect::Answer { ask, answer });
            }
            Waiting::End {
                ask,
                reason,
                by,
                who,
            } => {
                let answer = match missing {
                    _ if live => {
                        self.turn(session, |session, ctx| {
                            session.end_by_api(ctx, ask, reason, by, who.as_ref());
                        });
                        return;
                    }
                    Some(Missing::Ended(reason)) => Answer::Ended {
                        status: Status::Ended,
                        reason: *reason,
                        recorded: true,
                    },
                    Some(Missing::Unavailable) => {
                        let refusal = Refusal::new(ErrorCode::StoreUnavailable).retry_after(2_000);
                        Answer::Refused(refusal)
                    }
                    _ => Answer::Refused(ErrorCode::SessionNotFound.into()),
                };
                self.effects.push_back(Effect::Answer { ask, answer });
            }
        }
    }

    fn create(&mut self, id: &SessionId, ask: AskId, create: Create) {
        let seed = Seed {
            id: id.clone(),
            title: create.title,
            candidate: create.candidate,
            invited: create.invited,
            plan: create.plan.map(Box::new),
            fence: self.fence.clone(),
            epoch: self.epoch(),
        };
        let session = self.with_ctx(|ctx| Session::new(ctx, seed));
        self.insert(session, true);
        self.turn(id, |session, _| session.store_new(ask));
    }

    /// A session of nobody's making but a join's. `blind`: the records could not say whether they
    /// have it; then its fence is the lowest, so that a row that is there refuses it.
    fn create_empty(&mut self, id: &SessionId, candidate: Option<UserId>, blind: bool) {
        let mut fence = self.fence.clone();
        if blind {
            fence.generation = Generation(0);
        }
        let seed = Seed {
            id: id.clone(),
            title: Arc::clone(&self.no_title),
            candidate,
            invited: Vec::new(),
            plan: None,
            fence,
            epoch: self.epoch(),
        };
        let session = self.with_ctx(|ctx| Session::new(ctx, seed));
        self.insert(session, true);
    }

    fn epoch(&mut self) -> Epoch {
        Epoch(u32::try_from(self.rng.next() >> 33).unwrap_or(1).max(1))
    }

    fn recover(&mut self, loaded: Loaded) {
        let id = loaded.row.session.clone();
        if self.slots.contains_key(&id) || loaded.row.status == Status::Ended {
            return;
        }
        if loaded.row.status == Status::Scheduled {
            let session = self.with_ctx(|ctx| Session::restore(ctx, loaded));
            self.insert(session, false);
        } else {
            let session = self.with_ctx(|ctx| Session::take_over(ctx, loaded));
            self.insert(session, false);
        }
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
        self.slots.insert(id.clone(), slot);
        self.arm(&id);
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
        let Some(Slot {
            what: What::Live(session),
            ..
        }) = self.slots.get_mut(id)
        else {
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
        self.drop_if_done(id);
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

    fn drop_if_done(&mut self, id: &SessionId) {
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
        } else if session.is_unloadable(self.now.mono) {
            self.events.push_back(Event::Unloaded {
                session: id.clone(),
            });
            self.remove(id);
        } else {
            self.arm(id);
        }
    }

    fn remove(&mut self, id: &SessionId) {
        if let Some(at) = self.slots.remove(id).and_then(|slot| slot.armed) {
            self.wakes.remove(&(at, id.clone()));
        }
    }

    /// Puts the session's next wake-up into the order. A later one than armed is left: it wakes
    /// early, finds nothing due, and arms anew; that spares the set on every input.
    fn arm(&mut self, id: &SessionId) {
        let Some(slot) = self.slots.get_mut(id) else {
            return;
        };
        let next = match &slot.what {
            What::Loading(loading) => Some(loading.by),
            What::Live(session) => session.next_timeout(&self.config),
        };
        let Some(next) = next else {
            if let Some(at) = slot.armed.take() {
                self.wakes.remove(&(at, id.clone()));
            }
            return;
        };
        match slot.armed {
            Some(armed) if armed <= next => {}
            armed => {
                if let Some(at) = armed {
                    self.wakes.remove(&(at, id.clone()));
                }
                slot.armed = Some(next);
                self.wakes.insert((next, id.clone()));
            }
        }
    }

    /// Keeps connection → sessions in step with the seats given and taken.
    fn note_seats(&mut self) {
        for effect in self.effects.iter().skip(self.noted) {
            match effect {
                Effect::Seat(seat) => {
                    let sessions = self.seated.entry(seat.conn).or_default();
                    if !sessions.contains(&seat.session) {
                        sessions.push(seat.session.clone());
                    }
                }
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

/// Why a session that somebody waits for is not in memory.
#[derive(Debug)]
enum Missing {
    Found,
    Nothing,
    Unavailable,
    Ended(Option<EndReason>),
}

fn exists() -> Refusal {
    Refusal::because(
        ErrorCode::InvalidField,
        "There is a session with this id already.",
    )
}
