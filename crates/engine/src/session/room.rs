//! Who is in: join, resume, takeover, leave, loss, grace (S1, L1, L2, L3, A5).

use protocol::client::{ReplyTo, Resume};
use protocol::close::CloseCode;
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{ConnectionId, Participant, StreamId};
use protocol::record::{Happening, ParticipantRow};
use protocol::server::{Joined, PresenceChange, Reply, ServerMessage};
use protocol::time::Mono;
use protocol::value::{Audience, EndReason, Role, Status, Visibility};

use super::seat::{Seat, role_by_token};
use super::timer::soonest;
use super::{Acked, Asked, Ctx, Session};
use crate::config::{ACKS_MAX, Config};
use crate::effect::{Effect, SeatGiven, To};
use crate::event::{Event, JoinKind};
use crate::input::Caller;
use crate::planted::{self, Bug};

impl Session {
    /// The role this caller has here, or nothing: then the session does not exist for them.
    fn role_of(&self, caller: &Caller) -> Option<Role> {
        let user = &caller.who.user;
        if self.candidate.as_ref() == Some(user) {
            return Some(Role::Candidate);
        }
        let invited = self.invited.iter().find(|invited| invited.user_id == *user);
        let role = invited
            .map(|invited| invited.role)
            .or_else(|| role_by_token(&caller.who, &self.id))?;
        // There is one candidate; a second one is a stranger.
        let taken = role == Role::Candidate && self.candidate.is_some();
        (!taken).then_some(role)
    }

    pub(super) fn join(
        &mut self,
        ctx: &mut Ctx<'_>,
        caller: &Caller,
        resume: Option<Resume>,
        reply: ReplyTo,
    ) {
        let Some(role) = self.role_of(caller) else {
            ctx.out(Effect::refuse(reply, ErrorCode::SessionNotFound));
            return;
        };
        if self.status == Status::Ended {
            ctx.out(Effect::refuse(reply, ErrorCode::SessionEnded));
            return;
        }
        let user = &caller.who.user;
        let found = self
            .seats
            .iter()
            .position(|seat| seat.user == *user && seat.role == role);
        if found.is_none() && self.seats.len() >= ctx.config.room_size {
            ctx.out(Effect::refuse(reply, ErrorCode::RoomFull));
            return;
        }
        if self.seats.iter().any(|seat| seat.conn == Some(caller.conn)) {
            self.join_again(ctx, caller, reply);
            return;
        }
        let at = found.unwrap_or_else(|| self.new_seat(ctx, caller, role));
        let Some(how) = self.take_seat(ctx, at, caller, resume, &reply) else {
            return;
        };
        self.announce(ctx, at, caller, how, reply);
    }

    /// The connection has the seat already: the same answer again. While missed events are still
    /// to come, the first answer stands: a snapshot now would run ahead of them.
    fn join_again(&mut self, ctx: &mut Ctx<'_>, caller: &Caller, reply: ReplyTo) {
        let at = self
            .seats
            .iter()
            .position(|seat| seat.conn == Some(caller.conn));
        let Some(at) = at else { return };
        if self.seats.get(at).is_some_and(|seat| !seat.catching) {
            let joined = self.joined(ctx, at, caller, false);
            let to = To::from_slice(&[caller.conn]);
            self.say(ctx, to, ServerMessage::Joined(Box::new(joined)));
            self.give_early(ctx, caller.conn);
        }
        let fields = self.named();
        self.reply(ctx, reply, Reply::Ok(fields.into()), false);
    }

    fn new_seat(&mut self, ctx: &mut Ctx<'_>, caller: &Caller, role: Role) -> usize {
        let participant = Participant(self.next_participant);
        self.next_participant = self.next_participant.saturating_add(1);
        let user = caller.who.user.clone();
        if role == Role::Candidate && self.candidate.is_none() {
            self.candidate = Some(user.clone());
        }
        // One seat in most sessions, and each is large: no room to spare.
        self.seats.reserve_exact(1);
        self.seats
            .push(Seat::new(user, role, participant, ctx.now.wall));
        self.seats.len() - 1
    }

    /// Decides who has the seat now. `None`: refused, and answered.
    fn take_seat(
        &mut self,
        ctx: &mut Ctx<'_>,
        at: usize,
        caller: &Caller,
        resume: Option<Resume>,
        reply: &ReplyTo,
    ) -> Option<JoinKind> {
        let (epoch_fits, last) = match &resume {
            Some(resume) => (self.reaches_back(resume.epoch, resume.seq), self.log.last),
            None => (false, self.log.last),
        };
        let committed = self.log.committed;
        let degraded = self.log.degraded;
        let session = self.id.clone();
        let until = self.live.as_ref().and_then(|live| live.transfer_until);
        let seat = self.seats.get_mut(at)?;
        let moves = seat.role == Role::Candidate && until.is_some_and(|by| ctx.now.mono < by);
        let old = seat.conn.filter(|old| *old != caller.conn);
        let believed = seat.unproven && epoch_fits;
        let shown = resume.filter(|resume| believed || seat.key == Some(resume.key.hash()));
        let first = seat.generation.0 == 0;
        let how = match (shown, old) {
            (Some(_), _) if epoch_fits => JoinKind::Resumed,
            (Some(_), _) => JoinKind::ResumedWithGap,
            (None, Some(_)) => JoinKind::Takeover,
            (None, None) if first => JoinKind::New,
            (None, None) => JoinKind::Rejoined,
        };
        if how == JoinKind::Takeover && !moves {
            let storm =
                !seat.may_take_over(ctx.now.mono) && !planted::on(ctx.config, Bug::NoStormDamping);
            if storm || !ctx.config.takeover_newest {
                let code = match storm {
                    true => ErrorCode::TakeoverStorm,
                    false => ErrorCode::SeatTaken,
                };
                ctx.out(Effect::refuse(reply.clone(), code));
                let to = old.into_iter().collect();
                let refusal = Refusal::new(code);
                let user = seat.user.clone();
                self.happen(ctx, Happening::TakeoverRefused, Some(&user), code.as_str());
                let event = protocol::client::ErrorEvent::Session;
                let message = ServerMessage::Error {
                    event,
                    session: Some(session.clone()),
                    refusal,
                };
                self.say(ctx, to, message);
                ctx.news(Event::TakeoverStorm { session });
                return None;
            }
        }
        let before = seat.generation;
        if !planted::on(ctx.config, Bug::ReuseGeneration) || first {
            self.generation = self.generation.next();
            seat.generation = self.generation;
        }
        seat.conn = Some(caller.conn);
        seat.key = Some(caller.key.hash());
        seat.unproven = false;
        seat.gone_at = None;
        seat.away_since = None;
        seat.loading = None;
        seat.catching = how == JoinKind::Resumed;
        seat.replaying = false;
        seat.cursor = match shown.filter(|_| how == JoinKind::Resumed) {
            Some(resume) if planted::on(ctx.config, Bug::ResumeOffByOne) => {
                resume.seq.next().min(last)
            }
            Some(resume) => resume.seq,
            None if degraded => committed,
            None => last,
        };
        seat.given = seat.cursor;
        let user = seat.user.clone();
        self.seats_changed();
        self.departed.retain(|row| row.user != user);
        if let Some(conn) = old {
            self.forget_words(ctx, conn);
            if !planted::on(ctx.config, Bug::KeepOldOnTakeover) {
                // Said at once and not in its turn: the old page must not believe it is in.
                let to = To::from_slice(&[conn]);
                let message = ServerMessage::ConnectionReplaced {
                    session: session.clone(),
                };
                ctx.out(Effect::Send { to, message });
                let close = Some(CloseCode::Replaced);
                ctx.out(Effect::Unseat {
                    session,
                    conn,
                    generation: before,
                    close,
                });
            }
        }
        Some(how)
    }

    fn announce(
        &mut self,
        ctx: &mut Ctx<'_>,
        at: usize,
        caller: &Caller,
        how: JoinKind,
        reply: ReplyTo,
    ) {
        let Some(seat) = self.seats.get(at) else {
            return;
        };
        let (role, participant, user) = (seat.role, seat.participant, seat.user.clone());
        let generation = seat.generation;
        ctx.out(Effect::Seat(Box::new(SeatGiven {
            session: self.id.clone(),
            conn: caller.conn,
            user: user.clone(),
            participant,
            role,
            generation,
            room: caller.room,
            voice: self.voice_of(role),
        })));
        let session = self.id.clone();
        ctx.news(Event::Joined {
            session: session.clone(),
            conn: caller.conn,
            role,
            how,
        });
        let joined = self.joined(ctx, at, caller, how == JoinKind::Resumed);
        let view = (how == JoinKind::ResumedWithGap).then(|| joined.view.clone());
        let to = To::from_slice(&[caller.conn]);
        self.say(ctx, to.clone(), ServerMessage::Joined(Box::new(joined)));
        if let Some(view) = view {
            self.say(ctx, to, ServerMessage::State(Box::new(view)));
        }
        if how == JoinKind::Resumed {
            self.catch_up_later(ctx, caller.conn);
        } else {
            self.give_early(ctx, caller.conn);
        }
        self.acknowledge_again(ctx, caller.conn, participant);
        let what = match how {
            JoinKind::New => Happening::Joined,
            JoinKind::Resumed | JoinKind::ResumedWithGap => Happening::Resumed,
            JoinKind::Takeover => Happening::TookOver,
            JoinKind::Rejoined => Happening::Rejoined,
        };
        let detail = format!("{role} {}", caller.conn);
        self.happen(ctx, what, Some(&user), &detail);
        let presence = self.presence(at, PresenceChange::Joined);
        if let Some(presence) = presence.filter(|_| how != JoinKind::Takeover) {
            self.say_others(ctx, Some(caller.conn), Audience::ALL, presence);
        }
        let fields = self.named();
        self.reply(ctx, reply, Reply::Ok(fields.into()), false);
        self.hear_later(ctx, caller.conn, generation);
        if role == Role::Candidate {
            self.ask_consent(ctx, |seat| seat.conn == Some(caller.conn));
            self.candidate_back(ctx);
        }
    }

    fn joined(&self, ctx: &Ctx<'_>, at: usize, caller: &Caller, recovered: bool) -> Joined {
        let seat = self.seats.get(at);
        Joined {
            room: caller.room,
            participant: seat.map_or(Participant(0), |seat| seat.participant),
            user: caller.who.user.clone(),
            role: seat.map_or(Role::Observer, |seat| seat.role),
            recovered,
            resume_key: caller.key,
            view: self.view(ctx),
        }
    }

    /// Who sits where is to be written down: at once while the interview runs, so that another
    /// process knows who may come back with which key; else with the next save.
    pub(super) fn seats_changed(&mut self) {
        self.seats_dirty = true;
        self.seats_dirty_since_save = true;
        self.log.row_dirty |= self.status == Status::Active;
    }

    /// Tells a member how far their streams lie on disk: what comes after is theirs to send again.
    fn acknowledge_again(&mut self, ctx: &mut Ctx<'_>, conn: ConnectionId, of: Participant) {
        let acks = self.live.as_ref().map(|live| live.acks.clone());
        for ack in acks.into_iter().flatten().filter(|a| a.participant == of) {
            let message = ServerMessage::AudioAck {
                session: self.id.clone(),
                stream: ack.stream,
                seq: ack.seq,
            };
            self.say(ctx, To::from_slice(&[conn]), message);
        }
    }

    pub(super) fn presence(&self, at: usize, change: PresenceChange) -> Option<ServerMessage> {
        let seat = self.seats.get(at)?;
        Some(ServerMessage::Presence {
            session: self.id.clone(),
            user: seat.user.clone(),
            participant: seat.participant,
            role: seat.role,
            change,
        })
    }

    pub(super) fn leave(&mut self, ctx: &mut Ctx<'_>, asked: Asked) {
        let conn = asked.conn;
        let Some(at) = self.seats.iter().position(|seat| seat.conn == Some(conn)) else {
            return;
        };
        let session = self.id.clone();
        let to = To::from_slice(&[conn]);
        self.forget_words(ctx, conn);
        self.say(
            ctx,
            to,
            ServerMessage::Left {
                session: session.clone(),
            },
        );
        let fields = self.named();
        self.reply(ctx, asked.reply, Reply::Ok(fields.into()), false);
        let Some(generation) = self.seats.get(at).map(|seat| seat.generation) else {
            return;
        };
        ctx.out(Effect::Unseat {
            session,
            conn,
            generation,
            close: None,
        });
        // The candidate of a running interview may come back; a goodbye is no end (C3).
        let keeps = asked.role == Role::Candidate && self.status == Status::Active;
        self.detached(ctx, at);
        if keeps && planted::on(ctx.config, Bug::WaitAfterGoodbye) {
            let far = ctx.now.mono.after(ctx.config.max_duration_ms);
            let left = self.seats.iter_mut().find(|s| s.user == asked.user);
            left.into_iter().for_each(|seat| seat.gone_at = Some(far));
        }
        if !keeps {
            let at = self
                .seats
                .iter()
                .position(|s| s.user == asked.user && !s.is_live());
            if let Some(at) = at {
                self.gone(ctx, at);
            }
        }
    }

    /// A connection is gone. Nothing happens if somebody else has the seat by now.
    pub(crate) fn connection_closed(&mut self, ctx: &mut Ctx<'_>, conn: ConnectionId) {
        let late = planted::on(ctx.config, Bug::LateGoodbye);
        let at = self.seats.iter().position(|seat| {
            seat.conn == Some(conn) || (late && seat.is_live() && seat.generation.0 > 1)
        });
        let Some(at) = at else { return };
        let Some(seat) = self.seats.get(at) else {
            return;
        };
        let (session, generation) = (self.id.clone(), seat.generation);
        if !planted::on(ctx.config, Bug::SkipUnregister) {
            ctx.out(Effect::Unseat {
                session,
                conn,
                generation,
                close: None,
            });
        }
        self.detached(ctx, at);
    }

    /// The seat is empty now; it is kept for the grace (L1).
    pub(super) fn detached(&mut self, ctx: &mut Ctx<'_>, at: usize) {
        let grace = self.grace_ms(ctx);
        let Some(seat) = self.seats.get_mut(at) else {
            return;
        };
        let Some(conn) = seat.conn.take() else { return };
        seat.away_since = Some(ctx.now.wall);
        seat.catching = false;
        seat.loading = None;
        let candidate = seat.role == Role::Candidate;
        if !(candidate && planted::on(ctx.config, Bug::DropGraceTimer)) {
            seat.gone_at = Some(ctx.now.mono.after(grace));
        }
        let role = seat.role;
        let user = seat.user.clone();
        self.seats_changed();
        let detail = format!("{role} {conn}");
        self.happen(ctx, Happening::Disconnected, Some(&user), &detail);
        let session = self.id.clone();
        ctx.news(Event::Detached {
            session,
            conn,
            role,
        });
        if let Some(message) = self.presence(at, PresenceChange::Disconnected) {
            self.say_others(ctx, Some(conn), Audience::ALL, message);
        }
        if candidate {
            self.candidate_away(ctx);
        }
        if grace == 0 {
            self.gone(ctx, at);
        }
    }

    /// The grace is over: the seat is free, and without its candidate an interview is abandoned.
    fn gone(&mut self, ctx: &mut Ctx<'_>, at: usize) {
        if self.seats.get(at).is_none_or(Seat::is_live) {
            return;
        }
        let message = self.presence(at, PresenceChange::Left);
        let seat = self.seats.remove(at);
        self.departed.push(ParticipantRow {
            seated: false,
            ..seat.row()
        });
        self.seats_changed();
        self.happen(ctx, Happening::Left, Some(&seat.user), seat.role.as_str());
        // A session that waits for somebody leaves memory when it is empty, and what happened
        // with it.
        let waits = self.stored && self.status == Status::Scheduled;
        self.log.row_dirty |= waits && self.seats.is_empty();
        if let Some(message) = message.filter(|_| !planted::on(ctx.config, Bug::SilentLeave)) {
            self.say_others(ctx, None, Audience::ALL, message);
        }
        if seat.role == Role::Candidate && self.status == Status::Active {
            self.begin_end(ctx, EndReason::Abandoned, None);
        }
    }

    pub(super) fn room_timeouts(&mut self, ctx: &mut Ctx<'_>) {
        let now = ctx.now.mono;
        let due = |seat: &Seat| seat.gone_at.is_some_and(|at| at <= now);
        while let Some(at) = self.seats.iter().position(due) {
            self.gone(ctx, at);
        }
    }

    pub(super) fn room_next(&self, _config: &Config) -> Option<Mono> {
        self.seats.iter().fold(None, |next, seat| {
            let loading = seat.loading.map(|(_, by)| by);
            soonest(next, soonest(seat.gone_at, loading))
        })
    }

    pub(super) fn visibility(&mut self, ctx: &mut Ctx<'_>, asked: Asked, state: Visibility) {
        let message = ServerMessage::Visibility {
            session: self.id.clone(),
            user: asked.user.clone(),
            state,
        };
        self.say_others(ctx, Some(asked.conn), Audience::ALL, message);
        let fields = self.named();
        self.accept(ctx, asked, fields, false);
    }

    /// The audio of this member lies on disk up to here (I11).
    pub(crate) fn audio_stored(
        &mut self,
        ctx: &mut Ctx<'_>,
        participant: Participant,
        stream: StreamId,
        seq: u32,
    ) {
        self.remember_ack(participant, stream, seq);
        let to = self.live(|seat| seat.participant == participant);
        let session = self.id.clone();
        self.say(
            ctx,
            to,
            ServerMessage::AudioAck {
                session,
                stream,
                seq,
            },
        );
    }

    fn remember_ack(&mut self, participant: Participant, stream: StreamId, seq: u32) {
        let Some(live) = &mut self.live else { return };
        let known = |ack: &Acked| ack.participant == participant && ack.stream == stream;
        live.acks.retain(|ack| !known(ack));
        if live.acks.len() >= ACKS_MAX {
            live.acks.remove(0);
        }
        live.acks.push(Acked {
            participant,
            stream,
            seq,
        });
    }

    /// Empties every seat and closes the connections that have no other.
    pub(super) fn clear_seats(&mut self, ctx: &mut Ctx<'_>, close: CloseCode) {
        for at in 0..self.seats.len() {
            let Some(seat) = self.seats.get_mut(at) else {
                break;
            };
            let (conn, generation) = (seat.conn.take(), seat.generation);
            if let Some(conn) = conn {
                self.unseat_later(ctx, conn, generation, close);
            }
        }
        self.seats.clear();
    }
}
