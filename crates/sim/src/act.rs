//! What pages, people and programs do: connect, join, answer, vanish, come back, fight, end, and
//! ask for what they may not have. Dice decide; the rules judge.

use std::sync::Arc;

use engine::Input;
use engine::input::{Ask, AskId, Caller, Create};
use history::entry::What;
use protocol::client::{AudioFormat, ClientMessage, ReplyTo, Resume, TranscribeRequest};
use protocol::id::{ConnectionId, Epoch, ResumeKey, Seq};
use protocol::said::Said;
use protocol::value::{Audience, EndReason, Role, Status, Visibility};

use crate::doors::Door;
use crate::path::Path;
use crate::setup::{PLANS, plan_id, question};
use crate::world::{Asked, Conn, Happening, Pending, Request, Sent, World};

impl World {
    /// A page's turn.
    pub(crate) fn page_acts(&mut self, page: usize) {
        if let Some(conn) = self.pages[page].conn {
            self.deliver(conn);
            self.notice_silence(page, false);
        }
        if self.peace {
            return;
        }
        let quiet = self.pages[page].quiet_until;
        if quiet > self.now {
            self.later(quiet - self.now, Happening::Page(page));
            return;
        }
        match self.pages[page].conn {
            None => self.connect(page),
            Some(conn) => self.use_connection(page, conn),
        }
        let pace = self.rng.between(20, self.setup.pace_ms);
        self.later(pace, Happening::Page(page));
    }

    fn connect(&mut self, page: usize) {
        if self.down {
            return;
        }
        if self.pages[page].sent_away {
            // A new page load: nothing is known of before.
            if self.rng.chance(70) {
                return;
            }
            self.pages[page].sent_away = false;
            self.pages[page].known.clear();
        }
        if self.rng.chance(5) {
            self.pages[page].known.clear();
        }
        self.next_conn += 1;
        let id = self.next_conn;
        let key = ResumeKey(u128::from(self.rng.next()) << 64 | u128::from(id));
        let conn = Conn {
            page,
            key,
            open: true,
            heard: true,
            gone: false,
            next_arrival: self.now,
            touched: Vec::new(),
            links: Default::default(),
            shown: Default::default(),
            seats: Default::default(),
            pending: Default::default(),
            next_request: 0,
            wire: self.a_wire(),
            door: Door::new(id, self.now),
            polled: (id % 4 == 1).then(Box::default),
        };
        self.conns.insert(id, conn);
        self.beat_later(id);
        let user = Arc::clone(&self.users[page]);
        self.record(self.now, What::Open { conn: id, user });
        self.pages[page].conn = Some(id);
        self.note(|w| format!("page {page} ({}) opens c{id}", w.name_of(page)));
        let focus = self.focus(page);
        self.send_join(id, focus);
        if self.watches(page) {
            for room in self.setup.pages[page].targets.clone() {
                if room != focus && self.rng.chance(60) {
                    self.send_join(id, room);
                }
            }
        }
    }

    /// Whether this page may be in several sessions at once (S10).
    fn watches(&self, page: usize) -> bool {
        !matches!(self.name_of(page).as_str(), "ana" | "bob")
    }

    /// The session this page cares about: mostly the first of its own that is not over.
    fn focus(&mut self, page: usize) -> usize {
        let targets = &self.setup.pages[page].targets;
        let on = |room: &&usize| self.rooms[**room].mirror.status() != Some(Status::Ended);
        let first = targets.iter().find(on).copied();
        let any = targets[self.rng.below(targets.len())];
        match first {
            Some(first) if self.watches(page) || self.rng.chance(90) => first,
            _ => any,
        }
    }

    fn send_join(&mut self, conn: u64, room: usize) {
        let page = self.conns[&conn].page;
        let known = self.pages[page].known.get(&room).copied();
        let dice = self.rng.below(100);
        let resume = known.map(|known| Resume {
            key: known.key,
            epoch: known.epoch,
            seq: Seq(known.seq),
        });
        let resume = match dice {
            // Somebody else's key, a log of before, a future nobody has seen.
            0..=2 => resume.map(|r| Resume {
                key: ResumeKey(7),
                ..r
            }),
            3..=5 => resume.map(|r| Resume {
                epoch: Epoch(r.epoch.0 ^ 1),
                ..r
            }),
            6..=7 => resume.map(|r| Resume {
                seq: Seq(r.seq.0 + 1_000),
                ..r
            }),
            8..=12 => None,
            _ => resume,
        };
        self.send(conn, room, ClientMessage::Join { resume }, None);
    }

    fn use_connection(&mut self, page: usize, conn: u64) {
        let room = if self.watches(page) {
            let seats: Vec<usize> = self.conns[&conn].seats.keys().copied().collect();
            if seats.is_empty() || self.rng.chance(10) {
                self.focus(page)
            } else {
                self.rng.pick(&seats)
            }
        } else {
            self.focus(page)
        };
        if !self.conns[&conn].seats.contains_key(&room) && self.rng.chance(40) {
            return self.send_join(conn, room);
        }
        match self.rng.below(100) {
            0..=5 => self.vanish(page, 0, 20_000),
            6..=7 => self.vanish(page, 0, 50),
            8..=9 => self.send(conn, room, ClientMessage::Leave, None),
            10..=12 => self.send_join(conn, room),
            13 => {
                // A reload: the old socket dies a little later than the new one asks.
                self.vanish(page, 100, 3_000);
                self.connect(page);
            }
            14..=15 => self.repeat(page, conn),
            16..=55 => self.speak_up(page, conn, room),
            56 => self.fall_silent(page),
            _ => {}
        }
    }

    /// The line is dead for the page at once, for the server later.
    pub(crate) fn vanish(&mut self, page: usize, at_least: u64, at_most: u64) {
        let Some(conn) = self.pages[page].conn.take() else {
            return;
        };
        self.cut(conn);
        let noticed = self.rng.between(at_least, at_most);
        self.note(|_| format!("c{conn} vanishes, noticed in {noticed} ms"));
        self.later(noticed, Happening::Gone(conn));
        let back = if self.rng.chance(80) {
            self.rng.between(20, 3_000)
        } else {
            self.rng.between(1_000, 40_000)
        };
        self.pages[page].quiet_until = self.now + back;
    }

    fn speak_up(&mut self, page: usize, conn: u64, room: usize) {
        let role = self.likely_role(page, room);
        let message = match (role, self.rng.below(100)) {
            (Role::Candidate, 0..=24) => self.a_start(),
            (Role::Candidate, 25..=64) => ClientMessage::AnswerDone {
                question: self.rng.chance(10).then(|| question("q9", 1).id),
                skip: self.rng.chance(25),
            },
            (Role::Interviewer, 0..=19) => self.a_start(),
            (Role::Interviewer, 20..=22) => ClientMessage::SetStatus(self.rng.pick(Status::ALL)),
            (Role::Candidate, 65..=66) | (Role::Interviewer, 26..=28) => ClientMessage::End,
            (Role::Candidate, 94..=97) => self.a_consent(),
            (Role::Interviewer, 29) => self.a_consent(),
            (Role::Candidate, 67..=69) => ClientMessage::AnswerText {
                question: self.rng.chance(10).then(|| question("q9", 1).id),
                text: "typed".into(),
            },
            (Role::Candidate | Role::Interviewer, 70..=79) => ClientMessage::Extend,
            (Role::Candidate | Role::Interviewer, 80..=85) => self.a_piece_of_audio(),
            // Also what the role may not do.
            (_, 86..=87) => ClientMessage::End,
            (_, 88..=89) => ClientMessage::Extend,
            (_, 90) => ClientMessage::SetStatus(Status::Active),
            (_, 91) => ClientMessage::Clear,
            (_, n) => ClientMessage::Visibility(if n % 2 == 0 {
                Visibility::Hidden
            } else {
                Visibility::Visible
            }),
        };
        let id = self.rng.chance(40).then(|| {
            self.pages[page].next_id += 1;
            format!("p{page}-{}", self.pages[page].next_id).into_boxed_str()
        });
        let twice = id.is_some() && self.rng.chance(15);
        if let Some(id) = &id {
            let (id, message) = (id.clone(), message.clone());
            self.pages[page].sent.push(Sent { room, id, message });
        }
        if twice {
            self.send(conn, room, message.clone(), id.clone());
        }
        self.send(conn, room, message, id);
    }

    /// Sends an earlier request again, with its id.
    fn repeat(&mut self, page: usize, conn: u64) {
        let sent = &self.pages[page].sent;
        if sent.is_empty() {
            return;
        }
        let sent = sent[self.rng.below(sent.len())].clone();
        self.send(conn, sent.room, sent.message, Some(sent.id));
    }

    /// A candidate with an interview under way starts another one, with the store away.
    pub(crate) fn start_a_rival(&mut self) {
        for page in 0..self.pages.len() {
            let targets = self.setup.pages[page].targets.clone();
            let running = targets.iter().copied().find(|room| {
                let it = &self.rooms[*room];
                it.mirror.status() == Some(Status::Active) && it.holders.len() > 1
            });
            let other = targets.iter().copied().find(|room| {
                Some(*room) != running && self.rooms[*room].mirror.status() != Some(Status::Ended)
            });
            let (Some(running), Some(other)) = (running, other) else {
                continue;
            };
            if self.watches(page) {
                continue;
            }
            if self.pages[page].conn.is_some() {
                self.vanish(page, 0, 100);
            }
            self.connect(page);
            let Some(conn) = self.pages[page].conn else {
                return;
            };
            self.note(|_| format!("a rival of s{running}: s{other}"));
            self.send(conn, other, ClientMessage::Join { resume: None }, None);
            let start = self.a_start();
            self.send(conn, other, start, None);
            self.pages[page].quiet_until = self.now + 8_000;
            return;
        }
    }

    fn a_start(&mut self) -> ClientMessage {
        let plan = match self.rng.below(10) {
            0 => None,
            1 => Some(plan_id("unknown")),
            _ => Some(plan_id(self.rng.pick(&PLANS))),
        };
        let own = self
            .rng
            .chance(20)
            .then(|| vec![question("q0", 9_000), question("q1", 5_000)]);
        // The wire takes one of them.
        let plan = plan.filter(|_| own.is_none());
        ClientMessage::Start {
            plan,
            questions: own,
        }
    }

    fn a_piece_of_audio(&mut self) -> ClientMessage {
        ClientMessage::Transcribe(Box::new(TranscribeRequest {
            audio: Default::default(),
            format: AudioFormat::Pcm16,
            sample_rate: 16_000,
        }))
    }

    /// What this page probably is in the session: decides what it tries.
    fn likely_role(&self, page: usize, room: usize) -> Role {
        let user = self.name_of(page);
        let holder = self.rooms[room].holders.get(user.as_str());
        let by_name = match user.as_str() {
            "ana" | "bob" => Role::Candidate,
            "oz" | "adm" => Role::Observer,
            _ => Role::Interviewer,
        };
        holder.map_or(by_name, |holder| holder.role)
    }

    pub(crate) fn name_of(&self, page: usize) -> String {
        self.setup.pages[page].who.user.to_string()
    }

    /// Puts a request on the line; requests of one connection stay in order.
    pub(crate) fn send(
        &mut self,
        conn: u64,
        room: usize,
        message: ClientMessage,
        id: Option<Box<str>>,
    ) {
        let most = self.conns.get(&conn).map_or(0, |line| line.wire.up_ms);
        let delay = self.rng.between(0, most);
        let now = self.now;
        let Some(line) = self.conns.get_mut(&conn) else {
            return;
        };
        line.next_request += 1;
        let number = line.next_request;
        let known = line.heard || line.wire.silent_until.is_some();
        if known {
            self.record_request(conn, room, number, &message, id.as_deref());
        }
        let Some(line) = self.conns.get_mut(&conn) else {
            return;
        };
        line.next_arrival = line.next_arrival.max(now + delay);
        let wait = line.next_arrival - now;
        if matches!(message, ClientMessage::Join { .. }) && !line.touched.contains(&room) {
            line.touched.push(room);
        }
        let request = Request {
            conn,
            room,
            message,
            number,
            id,
        };
        self.later(wait, Happening::Arrives(request));
    }

    /// A request reaches the server.
    pub(crate) fn arrives(&mut self, request: Request) {
        let Some(line) = self.conns.get_mut(&request.conn) else {
            return;
        };
        if line.wire.up_cut {
            return self.took(Path::RequestLost);
        }
        if !line.open || self.down {
            return;
        }
        if let ClientMessage::Join { resume } = &request.message {
            let shown = line.shown.entry(request.room).or_default();
            shown.insert(request.number, *resume);
        }
        let asked = (request.room, request.number);
        let words = (&request.message, request.id.as_deref());
        let Some(read) = self.through_the_door(request.conn, asked, words) else {
            return;
        };
        let Some(line) = self.conns.get_mut(&request.conn) else {
            return;
        };
        let page = line.page;
        let caller = Caller {
            conn: ConnectionId(request.conn),
            who: self.setup.pages[page].who.clone(),
            key: line.key,
            room: u16::try_from(request.room).unwrap_or(0),
        };
        let (what, status) = promise(&request.message);
        let pending = Pending {
            room: request.room,
            what,
            need: None,
            status,
            id: request.id.clone(),
        };
        line.pending.insert(request.number, pending);
        let reply = ReplyTo {
            conn: ConnectionId(request.conn),
            key: read.reply,
        };
        let input = Input::Message {
            caller,
            session: self.rooms[request.room].id.clone(),
            message: read.message,
            reply,
            id: read.id,
        };
        self.fact_of(input, Some((request.conn, request.number)));
    }

    /// The server notices that a socket is gone, once or again.
    pub(crate) fn socket_gone(&mut self, conn: u64) {
        let Some(line) = self.conns.get_mut(&conn) else {
            return;
        };
        let was_open = std::mem::replace(&mut line.open, false);
        line.gone = true;
        line.pending.clear();
        let touched = line.touched.clone();
        if was_open {
            self.record(self.now, What::Lost { conn });
        }
        if self.down {
            return;
        }
        for room in touched {
            let session = self.rooms[room].id.clone();
            let conn = ConnectionId(conn);
            self.fact(Input::ConnectionClosed { conn, session });
        }
        if !was_open {
            self.took(Path::LateGoodbye);
        } else if self.rng.chance(10) {
            let again = self.rng.between(0, 4_000);
            self.later(again, Happening::Gone(conn));
        }
    }

    /// A program asks the API about a session.
    pub(crate) fn api(&mut self, room: usize) {
        if self.peace {
            return;
        }
        if self.down {
            self.later(500, Happening::Api(room));
            return;
        }
        let plan = self.setup.rooms[room].clone();
        let create = plan.by_api && self.rooms[room].mirror.row.is_none();
        let what = if create {
            self.rooms[room].api_tries += 1;
            Ask::Create(Box::new(Create {
                title: "A talk".into(),
                candidate: plan.candidate,
                invited: plan.invited,
                plan: plan.plan.and_then(|id| {
                    self.setup
                        .plans
                        .get(&id)
                        .map(|plan| protocol::value::Plan::clone(plan))
                }),
            }))
        } else if self.rng.chance(40) {
            self.own_event(room)
        } else {
            let somebody = self.rng.below(self.setup.pages.len());
            let who = &self.setup.pages[somebody].who;
            Ask::End {
                reason: self.rng.pick(&[
                    EndReason::ApiEnded,
                    EndReason::ClosedByApi,
                    EndReason::ClearedByUser,
                ]),
                by: self.rng.chance(50).then(|| who.user.clone()),
                only_if_allowed: self.rng.chance(50).then(|| who.clone()),
            }
        };
        if create && self.rooms[room].api_tries < 6 {
            self.later(4_000, Happening::Api(room));
        } else {
            let again = self.rng.between(15_000, 150_000);
            self.later(again, Happening::Api(room));
        }
        self.ask(room, create, what);
    }

    /// Something a back end wants to say into a session.
    fn own_event(&mut self, room: usize) -> Ask {
        let body = format!(r#"{{"type":"custom:hint","sessionId":"s{room}","at":0,"data":{{}}}}"#);
        Ask::Say {
            said: Said {
                body: body.into(),
                durable: true,
            },
            audience: self
                .rng
                .pick(&[Audience::ALL, Audience::STAFF, Audience(1)]),
        }
    }

    pub(crate) fn ask(&mut self, room: usize, create: bool, what: Ask) {
        self.next_ask += 1;
        let ask = AskId(self.next_ask);
        self.asks.insert(ask, Asked { room, create });
        let session = self.rooms[room].id.clone();
        self.fact(Input::Ask { ask, session, what });
    }

    /// Adds a line to the trace.
    pub(crate) fn note(&mut self, make: impl FnOnce(&Self) -> String) {
        let mut trace = std::mem::take(&mut self.trace);
        trace.line(|| format!("{:>7}  {}", self.now, make(self)));
        self.trace = trace;
    }
}

/// What a request is called, and what `ok` promises about the records.
fn promise(message: &ClientMessage) -> (&'static str, Option<Status>) {
    match message {
        ClientMessage::Join { .. } => ("join", None),
        ClientMessage::Leave => ("leave", None),
        ClientMessage::Start { .. } => ("start", Some(Status::Active)),
        ClientMessage::AnswerDone { .. } => ("answer", Some(Status::Active)),
        ClientMessage::AnswerText { .. } => ("text", Some(Status::Active)),
        ClientMessage::End => ("end", Some(Status::Completing)),
        ClientMessage::SetStatus(Status::Active) => ("status", Some(Status::Active)),
        ClientMessage::SetStatus(_) => ("status", Some(Status::Completing)),
        ClientMessage::Extend => ("extend", Some(Status::Active)),
        ClientMessage::Clear => ("clear", None),
        ClientMessage::Transfer => ("transfer", None),
        ClientMessage::Visibility(_) => ("visibility", None),
        ClientMessage::Transcribe(_) => ("transcribe", None),
        ClientMessage::Consent { .. } => ("consent", None),
    }
}
