//! Facts into the engine, orders out of it: the shell of a world. What connections are told is
//! looked at in `hear`; here are seats, saves, reads, speech, reports.

use std::sync::Arc;

use engine::effect::{Answer, SeatGiven};
use engine::event::{Event, JoinKind};
use engine::input::{Ask, LogRange, SpeechReport};
use engine::{Effect, Input, Look};
use history::entry::What;
use protocol::client::{ClientMessage, ReplyKey, ReplyTo};
use protocol::close::CloseCode;
use protocol::id::{ConnectionId, EffectId, Generation, Participant, SessionId, StreamId};
use protocol::record::{Save, Saved};
use protocol::server::Reply;
use protocol::value::{EndReason, Role, Status};

use crate::path::Path;
use crate::setup::session_number;
use crate::world::{Happening, Holder, World};

impl World {
    /// One fact.
    pub(crate) fn fact(&mut self, input: Input) {
        self.fact_of(input, None);
    }

    /// One fact; of a request, so that its promise can be judged when it is answered.
    pub(crate) fn fact_of(&mut self, input: Input, request: Option<(u64, u32)>) {
        let rooms: Vec<usize> = match input.session() {
            Some(session) => vec![session_number(session)],
            None => Vec::new(),
        };
        let Some(&room) = rooms.first() else {
            for shard in 0..self.nodes.len() {
                self.inputs += 1;
                let now = self.clock();
                self.nodes[shard].handle_input(now, input.clone());
                self.drain(shard);
            }
            return;
        };
        let shard = self.shard_of(room);
        self.inputs += 1;
        self.trace.word(kind(&input));
        self.note(|_| short_input(&input));
        let id = self.rooms[room].id.clone();
        let before = self.nodes[shard].look(&id);
        let causes = self.causes(&input, before);
        self.count_input(&input, room, before);
        if let Input::Speech { report, .. } = &input {
            self.note_voice(room, report);
        }
        let now = self.clock();
        self.nodes[shard].handle_input(now, input);
        let after = self.nodes[shard].look(&id);
        if let (Some((conn, number)), Some(after)) = (request, after) {
            let pending = self
                .conns
                .get_mut(&conn)
                .and_then(|c| c.pending.get_mut(&number));
            if let Some(pending) = pending {
                pending.need = Some(after.last.0);
            }
        }
        self.watch_end(room, before, after, causes);
        self.drain(shard);
    }

    /// Somebody's time has come.
    pub(crate) fn wake(&mut self, shard: usize) {
        let now = self.clock();
        let rooms: Vec<usize> = (0..self.rooms.len())
            .filter(|room| self.shard_of(*room) == shard)
            .collect();
        let before: Vec<_> = rooms
            .iter()
            .map(|room| self.nodes[shard].look(&self.rooms[*room].id))
            .collect();
        self.trace.word(shard as u64);
        self.note(|_| format!("wake-up of node {shard}"));
        self.nodes[shard].handle_timeout(now);
        for (room, before) in rooms.into_iter().zip(before) {
            let after = self.nodes[shard].look(&self.rooms[room].id);
            let causes = Some(vec![
                EndReason::MaxDuration,
                EndReason::Inactivity,
                EndReason::Abandoned,
                EndReason::Completed,
                EndReason::Expired,
            ]);
            self.watch_end(room, before, after, causes);
        }
        self.drain(shard);
    }

    /// Reasons an end that begins with this input may have; none: any.
    fn causes(&self, input: &Input, before: Option<Look>) -> Option<Vec<EndReason>> {
        before?;
        let causes = match input {
            Input::Message {
                message, caller, ..
            } => match message {
                ClientMessage::End | ClientMessage::SetStatus(_) => {
                    let user = &caller.who.user;
                    let room = session_number(input.session()?);
                    let holder = self.rooms[room].holders.get(user.as_str());
                    match holder.map(|holder| holder.role) {
                        Some(Role::Candidate) => vec![EndReason::CandidateEnded],
                        _ => vec![EndReason::InterviewerEnded],
                    }
                }
                ClientMessage::AnswerDone { .. } => vec![EndReason::Completed],
                ClientMessage::Leave => vec![EndReason::Abandoned],
                ClientMessage::Consent { given: false, .. } => vec![EndReason::Declined],
                _ => Vec::new(),
            },
            Input::ConnectionClosed { .. } | Input::LogLoaded { .. } => vec![EndReason::Abandoned],
            Input::Ask {
                what: Ask::End { reason, .. },
                ..
            } => vec![*reason],
            Input::Contested { .. } | Input::ContestAnswered { .. } => {
                vec![EndReason::ReplacedByNewSession]
            }
            Input::StoreReplied {
                saved: Saved::Rejected,
                ..
            } => vec![EndReason::InternalError],
            Input::Recover { .. } | Input::SessionLoaded { .. } => return None,
            _ => Vec::new(),
        };
        Some(causes)
    }

    /// Notes what an end that has just begun may be called, whoever asks later.
    fn watch_end(
        &mut self,
        room: usize,
        before: Option<Look>,
        after: Option<Look>,
        causes: Option<Vec<EndReason>>,
    ) {
        if before.is_some_and(|look| look.status == Status::Active)
            && after.is_some_and(|look| look.status == Status::Scheduled)
        {
            // A start was refused: nothing of it happened.
            self.rooms[room].seen = after.map_or(0, |look| look.last.0);
            self.rooms[room].question_by = None;
        }
        let was_on = before.is_none_or(|look| look.status <= Status::Active);
        let Some(after) = after else { return };
        let rejected = self.rooms[room].rejected;
        if after.status > Status::Active {
            let now = self.now;
            self.rooms[room].ends_at.get_or_insert(now);
        }
        if was_on && after.status > Status::Active {
            self.rooms[room].reasons = if before.is_none() || rejected {
                None
            } else {
                causes
            };
            let (id, reasons) = (
                self.rooms[room].id.clone(),
                self.rooms[room].reasons.clone(),
            );
            if reasons.is_some_and(|reasons| reasons.is_empty()) {
                self.violate(|| format!("{id} begins to end for no reason of its own"));
            }
        }
    }

    fn count_input(&mut self, input: &Input, room: usize, before: Option<Look>) {
        let ending = before.is_some_and(|look| look.status >= Status::Completing);
        let begun = self.conns.values().any(|conn| {
            let mut waiting = conn.pending.values();
            waiting.any(|pending| pending.room == room && pending.what == "join")
        });
        match input {
            Input::Message {
                message: ClientMessage::End,
                ..
            } if ending => self.took(Path::EndTwice),
            Input::Ask {
                what: Ask::End { .. },
                ..
            } => {
                if ending {
                    self.took(Path::EndTwice);
                } else if before.is_none() && begun {
                    self.took(Path::EndInJoin);
                }
            }
            _ => {}
        }
    }

    /// Carries out every order of a node, then reads its news.
    fn drain(&mut self, shard: usize) {
        while let Some(effect) = self.nodes[shard].poll_effect() {
            self.carry_out(effect);
        }
        while let Some(news) = self.nodes[shard].poll_event() {
            self.news(shard, &news);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send { to, message } => self.said(&to, &message),
            Effect::Reply { to, reply } => self.replied(&to, &reply),
            Effect::Seat(seat) => self.seated(*seat),
            Effect::Hear {
                session,
                conn,
                generation,
            } => self.let_hear(session_number(&session), conn.0, generation),
            Effect::Unseat {
                session,
                conn,
                generation,
                close,
            } => {
                self.unseated(session_number(&session), conn.0, generation, close);
            }
            Effect::Listen { session, since } | Effect::ListenAgain { session, since } => {
                self.listen(session_number(&session), since.0);
            }
            Effect::FlushSpeech { session } => self.flush(session, false),
            Effect::RecoverSpeech { session } => self.flush(session, true),
            Effect::CloseRoute { session } => {
                self.rooms[session_number(&session)].route_open = false;
            }
            Effect::TranscribeOnce {
                session, request, ..
            } => {
                let result = Ok(("once".to_owned(), Vec::new(), 0.5));
                let report = SpeechReport::Once { request, result };
                if !self.speech_deaf {
                    let wait = self.rng.between(5, 3_000);
                    self.fact_later(wait, Input::Speech { session, report });
                }
            }
            Effect::Save { id, save } => self.save(id, save),
            Effect::LoadSession { id, session } => {
                let wait = self.rng.between(0, 40);
                let boot = self.boot;
                self.later(wait, Happening::ReadSession(boot, id, session));
            }
            Effect::LoadLog { id, session, range } => self.read_log(id, session, range),
            Effect::MakeReport { id, session, .. } => self.make_report(id, session),
            Effect::Advise { id, session, asked } => self.advise(id, session, &asked),
            Effect::Voice {
                session,
                conn,
                generation,
                voice,
            } => self.voice(&session, conn.0, generation, voice),
            Effect::ForgetAudio { session } => {
                let room = &self.rooms[session_number(&session)];
                if room.mirror.status() != Some(Status::Ended) {
                    let status = room.mirror.status();
                    self.violate(|| {
                        format!("{session}: audio deleted while the records say {status:?}")
                    });
                }
            }
            Effect::KeepEnd { session, end } => self.keep_end(&session, *end),
            Effect::ForgetEnd { session } => self.forget_end(&session),
            Effect::Answer { ask, answer } => self.answered(ask, &answer),
            Effect::Contest { other, mine, live } => {
                self.took(Path::Contested);
                let input = Input::Contested {
                    session: other,
                    by: mine,
                    live,
                };
                self.fact_later(0, input);
            }
            Effect::ContestAnswer { session, won } => {
                self.took(if won {
                    Path::ContestWon
                } else {
                    Path::ContestLost
                });
                self.fact_later(0, Input::ContestAnswered { session, won });
            }
        }
    }

    fn seated(&mut self, seat: SeatGiven) {
        let room = session_number(&seat.session);
        let user: Arc<str> = seat.user.as_str().into();
        let (conn, generation) = (seat.conn.0, seat.generation.0);
        self.trace.word(conn << 8 | 1);
        self.note(|_| format!("  seat {user} in s{room} is c{conn}'s, generation {generation}"));
        if let Some(holder) = self.rooms[room].holders.get(&user).copied() {
            self.violate(|| {
                format!(
                    "two live connections in one seat: {user} in s{room} is given to c{conn} while c{} has it",
                    holder.conn
                )
            });
        }
        let last = self.rooms[room].generations.get(&user).copied();
        if last.is_some_and(|last| generation <= last) {
            self.violate(|| {
                format!(
                    "the generation of {user}'s seat in s{room} went from {last:?} to {generation}"
                )
            });
        }
        self.rooms[room]
            .generations
            .insert(Arc::clone(&user), generation);
        let role = seat.role;
        let holder = Holder {
            conn,
            generation,
            role,
            hears: false,
        };
        self.rooms[room].holders.insert(Arc::clone(&user), holder);
        self.rooms[room].route_open = true;
        self.judge_voice(room, seat.participant, role, seat.voice);
        let Some(line) = self.conns.get_mut(&conn) else {
            return;
        };
        line.seats.insert(room, generation);
        let many = line.seats.len() > 1;
        let resume = line.showing(room).flatten();
        let before = line.links.get(&room);
        let leftover = before.map_or(0, |link| {
            link.leftover + u32::from(!link.closed && link.last_word.is_none())
        });
        let key_before = self.rooms[room].keys.insert(Arc::clone(&user), line.key);
        let link = crate::world::Link {
            resume,
            leftover,
            key_before,
            ..Default::default()
        };
        line.links.insert(room, link);
        let gone = line.gone;
        if many {
            self.took(Path::ManyRooms);
        }
        // One that is closing may still get a seat: the goodbye that follows empties it.
        if gone {
            self.violate(|| {
                format!("{user} in s{room} is seated on c{conn}, which is gone and was said so")
            });
        }
    }

    fn unseated(
        &mut self,
        room: usize,
        conn: u64,
        generation: Generation,
        close: Option<CloseCode>,
    ) {
        self.trace.word(conn << 8 | 2);
        let code = close.map(CloseCode::number);
        self.note(|_| format!("  c{conn} has no seat in s{room} any more, close {code:?}"));
        let holders = &mut self.rooms[room].holders;
        let held = |holder: &Holder| holder.conn == conn && holder.generation == generation.0;
        let before = holders.len();
        holders.retain(|_, holder| !held(holder));
        if holders.len() == before {
            self.violate(|| {
                format!("c{conn} is taken out of a seat in s{room} (generation {generation}) it does not have")
            });
        }
        let Some(line) = self.conns.get_mut(&conn) else {
            return;
        };
        line.seats.remove(&room);
        let last_seat = line.seats.is_empty();
        if close.is_some() {
            let silent = !line.heard && line.open;
            if let Some(link) = line.links.get_mut(&room) {
                link.closed = true;
            }
            if silent {
                self.took(Path::SilentReplaced);
            }
            // What was asked there and not answered goes with the connection.
            if !last_seat {
                self.took(Path::ReplacedInOne);
            }
        }
        let Some(code) = close else { return };
        if last_seat {
            self.close(conn, code);
        }
    }

    /// The server closes a connection.
    fn close(&mut self, conn: u64, code: CloseCode) {
        let goodbye = self.rng.between(0, 3_000);
        let Some(line) = self.conns.get_mut(&conn) else {
            return;
        };
        let was_open = std::mem::replace(&mut line.open, false);
        line.pending.clear();
        if was_open {
            self.record(self.now, What::Lost { conn });
            self.later(goodbye, Happening::Gone(conn));
            self.close_down(conn, code);
        }
    }

    fn save(&mut self, id: EffectId, save: Box<Save>) {
        let room = session_number(&save.session);
        self.trace.word(id.0 << 8 | 3);
        let events = save.events.len();
        let (status, seq) = (save.row.status, save.row.seq);
        self.note(|_| format!("  save {id} of s{room}: {status}, {events} events, up to {seq}"));
        self.watch_save(room, id, &save);
        let (at, luck) = self.records.queue(&mut self.rng, self.now);
        let boot = self.boot;
        let job = crate::records::Job {
            boot,
            id,
            save,
            luck,
        };
        self.later(at.saturating_sub(self.now), Happening::Disk(job));
    }

    fn read_log(&mut self, id: EffectId, session: SessionId, range: LogRange) {
        self.took(Path::LogRead);
        let fails = self.records.reads_fail && self.rng.chance(70);
        if fails {
            self.took(Path::LogFailed);
            if self.rng.chance(40) {
                return;
            }
        }
        let room = session_number(&session);
        let limit = self.rng.pick(&[300, 100_000]);
        let events = self.records.tables.log(&session, range.after, limit);
        let events: Vec<_> = events
            .into_iter()
            .filter(|row| row.seq <= range.upto)
            .collect();
        self.note(|_| format!("  read log of s{room} {range:?}: {}", events.len()));
        let wait = self.rng.between(0, 900);
        let events = (!fails).then_some(events);
        self.fact_later(
            wait,
            Input::LogLoaded {
                id,
                session,
                events,
            },
        );
    }

    fn make_report(&mut self, id: EffectId, session: SessionId) {
        if self.no_reports {
            self.took(Path::ReportMissing);
            if self.rng.chance(50) {
                return;
            }
        }
        let report = (!self.no_reports).then(|| Arc::from("{}"));
        let wait = self.rng.between(1, 400);
        self.fact_later(
            wait,
            Input::ReportMade {
                id,
                session,
                report,
            },
        );
    }

    fn listen(&mut self, room: usize, since: u64) {
        self.rooms[room].listening = Some(since);
        if !self.rooms[room].speech_running {
            self.rooms[room].speech_running = true;
            self.later(self.setup.speech_ms, Happening::Speech(room));
        }
    }

    fn flush(&mut self, session: SessionId, recovery: bool) {
        let room = session_number(&session);
        self.rooms[room].listening = None;
        if self.speech_deaf {
            self.took(Path::FlushMissing);
            return;
        }
        let mut wait = self.rng.between(1, 1_200);
        for _ in 0..self.rng.below(if recovery { 6 } else { 3 }) {
            let report = self.final_words(room, 0);
            let session = session.clone();
            self.fact_later(wait, Input::Speech { session, report });
            wait += self.rng.between(0, 300);
        }
        let report = SpeechReport::Flushed;
        self.fact_later(wait, Input::Speech { session, report });
    }

    /// Words heard about `back` milliseconds ago.
    pub(crate) fn final_words(&mut self, room: usize, back: u64) -> SpeechReport {
        self.rooms[room].utterance += 1;
        let utterance = self.rooms[room].utterance;
        let since = self.rooms[room].listening.unwrap_or(self.now);
        let at_ms = self.now.saturating_sub(since).saturating_sub(back);
        let said = What::Said {
            session: Arc::clone(&self.names[room]),
            canary: format!("canary:s{room}:{utterance}").into(),
        };
        self.record(self.now, said);
        SpeechReport::Final {
            participant: Participant(1),
            stream: StreamId(1),
            utterance,
            text: format!("canary:s{room}:{utterance} said"),
            words: Vec::new(),
            start_ms: at_ms,
            end_ms: at_ms + 300,
            at_ms,
            confidence: 0.9,
        }
    }

    fn replied(&mut self, to: &ReplyTo, reply: &Reply) {
        let ReplyKey::Ref(text) = &to.key else { return };
        let number: u32 = text.parse().unwrap_or(0);
        let conn = to.conn.0;
        self.trace.word(conn << 32 | u64::from(number) << 8 | 4);
        if let Reply::Refused(refusal) = reply {
            self.trace.text(refusal.code.as_str());
        }
        self.note(|_| match reply {
            Reply::Ok(fields) => format!("  c{conn} #{number} ok {fields}"),
            Reply::Refused(refusal) => format!("  c{conn} #{number} error {}", refusal.code),
        });
        self.write_answer(to, reply);
        self.judge_reply(conn, number, reply);
    }

    fn answered(&mut self, ask: engine::input::AskId, answer: &Answer) {
        self.trace.word(ask.0 << 8 | 5);
        self.note(|_| format!("  answer to the API's {}: {answer:?}", ask.0));
        self.judge_answer(ask, answer);
    }

    fn news(&mut self, shard: usize, news: &Event) {
        self.note(|_| format!("  news: {news:?}"));
        match news {
            Event::Joined {
                session,
                conn,
                how,
                role,
            } => {
                let degraded = self.nodes[shard].look(session).is_some_and(|l| l.degraded);
                self.count_join(session_number(session), *conn, *how, *role, degraded);
            }
            Event::TakeoverStorm { .. } => self.took(Path::Storm),
            Event::Ended {
                recorded: false, ..
            } => self.took(Path::EndUnrecorded),
            Event::Unloaded { session } => {
                // Nobody was in it, so nothing is left that an old generation could touch.
                let room = &mut self.rooms[session_number(session)];
                room.generations.clear();
                room.takeovers.clear();
                self.took(Path::Unloaded);
            }
            Event::Degraded { on: true, .. } => self.took(Path::Degraded),
            Event::Fenced { session } => {
                self.took(Path::Fenced);
                let room = &mut self.rooms[session_number(session)];
                room.cut_off();
                room.answers.clear();
                let (id, expected) = (room.id.clone(), room.fenced || room.rejected);
                if !expected {
                    self.violate(|| format!("{id} is fenced, and nobody else owns it"));
                }
            }
            Event::Rejected { session } => {
                self.took(Path::Rejected);
                let room = &mut self.rooms[session_number(session)];
                room.cut_off();
                if !room.rejected {
                    let id = room.id.clone();
                    self.violate(|| format!("{id}: the records call what it wrote impossible"));
                }
            }
            Event::Panicked { session } => {
                self.violate(|| format!("{session}: the engine panicked"));
            }
            Event::CleanedUp { session } => {
                self.rooms[session_number(session)].generations.clear();
            }
            Event::Recovering { .. } => self.took(Path::Recovered),
            Event::Revived { session } => {
                self.took(Path::Revived);
                if self.rooms[session_number(session)].lost {
                    self.violate(|| format!("{session}: its end was told, and it lives on"));
                }
            }
            Event::SessionOpened { new: false, .. } => self.took(Path::Reloaded),
            Event::SessionOpened { session, new: true } => {
                let room = &mut self.rooms[session_number(session)];
                room.strange |= room.mirror.row.is_some();
            }
            _ => {}
        }
    }

    fn count_join(
        &mut self,
        room: usize,
        conn: ConnectionId,
        how: JoinKind,
        role: Role,
        degraded: bool,
    ) {
        self.took(match how {
            JoinKind::New => Path::JoinNew,
            JoinKind::Resumed => Path::Resume,
            JoinKind::ResumedWithGap => Path::ResumeGap,
            JoinKind::Takeover => Path::Takeover,
            JoinKind::Rejoined => Path::Rejoin,
        });
        let status = self.nodes[self.shard_of(room)]
            .look(&self.rooms[room].id)
            .map(|l| l.status);
        if status == Some(Status::Completing) {
            self.took(Path::JoinInEnd);
            if how == JoinKind::Takeover {
                self.took(Path::TakeoverInEnd);
            }
        }
        if degraded {
            self.took(Path::JoinDegraded);
        }
        if self.draining && matches!(how, JoinKind::Resumed | JoinKind::ResumedWithGap) {
            self.took(Path::ResumeInDrain);
        }
        let user = self.conns.get(&conn.0).map(|line| self.name_of(line.page));
        if how == JoinKind::Takeover {
            self.judge_takeover(room, conn, role);
        } else if let (JoinKind::New, Some(user)) = (how, user) {
            self.rooms[room].takeovers.remove(user.as_str());
        }
    }
}

impl crate::world::Room {
    /// Its memory is lost, or not to be trusted: what was told early means nothing any more.
    pub(crate) fn cut_off(&mut self) {
        self.cut = true;
        // Whoever comes first to a seat that was read back is believed.
        self.keys.clear();
        self.reasons = None;
        self.early.clear();
        self.question_by = None;
        self.saving.clear();
        self.listening = None;
        self.seen = self.mirror.seq();
        self.generations.clear();
        self.takeovers.clear();
    }
}

fn kind(input: &Input) -> u64 {
    match input {
        Input::Message { .. } => 1,
        Input::ConnectionClosed { .. } => 2,
        Input::AudioStored { .. } => 3,
        Input::Speech { .. } => 4,
        Input::Ask { .. } => 5,
        Input::StoreReplied { .. } => 6,
        Input::SessionLoaded { .. } => 7,
        Input::LogLoaded { .. } => 8,
        Input::ReportMade { .. } => 9,
        Input::Recover { .. } => 10,
        Input::Contested { .. } => 11,
        Input::ContestAnswered { .. } => 12,
        Input::Drain => 13,
        Input::Advised { .. } => 14,
        Input::PlansChanged { .. } => 15,
    }
}

fn short_input(input: &Input) -> String {
    match input {
        Input::Message {
            caller,
            session,
            message,
            reply,
            id,
        } => {
            let id = id.as_deref().map(|id| format!(" id {id}"));
            let ReplyKey::Ref(number) = &reply.key else {
                return String::new();
            };
            let what = match message {
                ClientMessage::Transcribe(_) => "Transcribe".to_owned(),
                other => format!("{other:?}"),
            };
            let (conn, who) = (caller.conn, &caller.who.user);
            format!(
                "{conn} {who} -> {session} #{number}{} {what}",
                id.unwrap_or_default()
            )
        }
        Input::SessionLoaded { session, found, .. } => {
            let found = match found {
                engine::input::Found::Session(loaded) => loaded.row.status.as_str(),
                engine::input::Found::Nothing => "nothing",
                engine::input::Found::Forgotten => "forgotten",
                engine::input::Found::Unavailable => "unavailable",
            };
            format!("{session} read: {found}")
        }
        Input::LogLoaded {
            session, events, ..
        } => {
            format!("{session} log read: {:?}", events.as_ref().map(Vec::len))
        }
        Input::Recover { loaded } => {
            let row = &loaded.row;
            let due = row.deadline_at.map(|at| at.0 - row.created_at.0);
            format!(
                "recover {} ({}), due {due:?} ms after it was made",
                row.session, row.status
            )
        }
        other => format!("{other:?}"),
    }
}
