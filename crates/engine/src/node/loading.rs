//! Sessions that are being read, who waits for them, and what each is told once it is known what
//! there is: the way of a session into a shard's memory. No rule about an interview is here.

use std::sync::Arc;

use protocol::client::{ClientMessage, ReplyTo};
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{ConnectionId, EffectId, Epoch, Generation, SessionId, UserId};
use protocol::record::Loaded;
use protocol::said::Said;
use protocol::time::Mono;
use protocol::value::{Audience, EndReason, Status};

use super::{Node, Slot, What};
use crate::effect::{Answer, Effect};
use crate::input::{AskId, Caller, Create, Found, Identity};
use crate::session::seat::may_create;
use crate::session::{Seed, Session};

/// A session that is being read, and who waits for it.
#[derive(Debug)]
pub(super) struct Loading {
    pub(super) id: EffectId,
    pub(super) by: Mono,
    pub(super) waiting: Vec<Waiting>,
    /// It left memory by our fault: it is ended from its records.
    must_end: bool,
}

/// Somebody who waits for a session, and for what.
#[derive(Debug)]
pub(super) enum Waiting {
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
    Say {
        ask: AskId,
        said: Said,
        audience: Audience,
    },
}

impl Node {
    pub(super) fn load(&mut self, session: SessionId, first: Option<Waiting>) {
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
        let slot = Slot {
            what: What::Loading(loading),
            armed: None,
        };
        self.put(session.clone(), slot);
        self.effects.push_back(Effect::LoadSession { id, session });
    }

    /// A session was read, or could not be; whoever waits gets their answer in their order.
    pub(super) fn loaded(&mut self, session: &SessionId, id: EffectId, found: Found) {
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
                self.read_back(*loaded, must_end);
                Missing::Found
            }
            Found::Nothing => Missing::Nothing,
            Found::Forgotten => Missing::Forgotten,
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
        if matches!(missing, Missing::Found) {
            self.turn(session, |_, _| {});
        }
    }

    /// A session comes back into memory. One that waits goes on waiting; any other lives on or
    /// ends, as its records say, and ends in any case if it must.
    pub(super) fn read_back(&mut self, loaded: Loaded, must_end: bool) {
        let waits = loaded.row.status == Status::Scheduled && loaded.unsaved_end.is_none();
        let make = match (waits, must_end) {
            (true, _) => Session::restore,
            (false, true) => Session::recover,
            (false, false) => Session::take_over,
        };
        let session = self.with_ctx(|ctx| make(ctx, loaded));
        self.insert(session, false);
    }

    /// Whether an order after the first `before` ones closes this connection: somebody who waited
    /// behind it has its seat, and its own later requests are void.
    fn was_sent_away(&self, before: usize, conn: ConnectionId) -> bool {
        self.effects.iter().skip(before).any(|effect| {
            matches!(effect, Effect::Unseat { conn: gone, close: Some(_), .. } if *gone == conn)
        })
    }

    /// Somebody who waited, or need not wait, for a session.
    pub(super) fn admit(
        &mut self,
        session: &SessionId,
        waiting: Waiting,
        missing: Option<&Missing>,
    ) {
        let live = self.is_live(session);
        match waiting {
            Waiting::Join {
                caller,
                message,
                reply,
            } => {
                if !live && let Err(refusal) = self.make_for_join(session, &caller, missing) {
                    self.effects.push_back(Effect::refuse(reply, refusal));
                    return;
                }
                self.turn(session, |session, ctx| {
                    session.handle_message(ctx, caller, message, reply, None);
                });
            }
            Waiting::Create { ask, create } => {
                let refusal = match missing {
                    _ if live => exists(),
                    Some(Missing::Nothing) => return self.create(session, ask, *create),
                    Some(Missing::Unavailable) => unavailable(),
                    _ => exists(),
                };
                self.answer(ask, Answer::Refused(refusal));
            }
            Waiting::End {
                ask,
                reason,
                by,
                who,
            } => {
                let answer = match missing {
                    _ if live => {
                        return self.turn(session, |session, ctx| {
                            session.end_by_api(ctx, ask, reason, by, who.as_ref());
                        });
                    }
                    Some(Missing::Ended(reason)) => Answer::Ended {
                        status: Status::Ended,
                        reason: *reason,
                        recorded: true,
                    },
                    Some(Missing::Unavailable) => Answer::Refused(unavailable()),
                    _ => Answer::Refused(ErrorCode::SessionNotFound.into()),
                };
                self.answer(ask, answer);
            }
            Waiting::Say {
                ask,
                said,
                audience,
            } => {
                let refusal = match missing {
                    _ if live => {
                        return self.turn(session, |session, ctx| {
                            session.say_by_api(ctx, ask, said, audience);
                        });
                    }
                    Some(Missing::Ended(_)) => ErrorCode::SessionEnded.into(),
                    Some(Missing::Unavailable) => unavailable(),
                    _ => ErrorCode::SessionNotFound.into(),
                };
                self.answer(ask, Answer::Refused(refusal));
            }
        }
    }

    fn answer(&mut self, ask: AskId, answer: Answer) {
        self.effects.push_back(Effect::Answer { ask, answer });
    }

    /// A join found no session: makes it where the join may, else says why not.
    fn make_for_join(
        &mut self,
        session: &SessionId,
        caller: &Caller,
        missing: Option<&Missing>,
    ) -> Result<(), Refusal> {
        let creatable =
            self.config.create_on_join && !self.draining && may_create(&caller.who, session);
        match missing {
            Some(Missing::Nothing | Missing::Unavailable) if creatable => {
                let blind = matches!(missing, Some(Missing::Unavailable));
                self.create_empty(session, Some(caller.who.user.clone()), blind);
                Ok(())
            }
            Some(Missing::Unavailable) => Err(unavailable()),
            Some(Missing::Ended(_) | Missing::Forgotten) => Err(ErrorCode::SessionEnded.into()),
            _ => Err(ErrorCode::SessionNotFound.into()),
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
}

/// Why a session that somebody waits for is not in memory.
#[derive(Debug)]
pub(super) enum Missing {
    Found,
    Nothing,
    /// It was deleted as a whole.
    Forgotten,
    Unavailable,
    Ended(Option<EndReason>),
}

fn exists() -> Refusal {
    ErrorCode::SessionExists.into()
}

/// The records could not say.
fn unavailable() -> Refusal {
    Refusal::new(ErrorCode::StoreUnavailable).retry_after(2_000)
}
