//! Scenarios: one node, a store that can be held or made to fail, and what each connection was
//! sent, in short lines. A test reads like the sentence in its name.

mod advice;
mod consent;
mod end;
mod found;
mod interview;
mod life;
mod room;
mod say;
mod store;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::client::{ClientMessage, ReplyKey, ReplyTo, Resume};
use protocol::id::{
    BootId, ConnectionId, EffectId, Epoch, Generation, Participant, PlanId, QuestionId, ResumeKey,
    Seq, SessionId, StreamId, UserId,
};
use protocol::record::{
    Elsewhere, EndBegun, EventRow, Fence, HappeningRow, Loaded, ParticipantRow, RequestRow, Save,
    Saved,
};
use protocol::said::Said;
use protocol::server::{PresenceChange, Reply, ServerMessage};
use protocol::time::{Mono, Now, Wall};
use protocol::value::{Audience, EndReason, Invited, Plan, PlanOptions, Question, Role, Status};

use crate::effect::{AdviceAsked, Answer};
use crate::input::{Ask, AskId, Caller, Create, Found, Identity, SpeechReport};
use crate::{Config, Effect, Input, Node};

/// How the store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StoreMode {
    /// Commits at once.
    Commits,
    /// Keeps silent; `World::store_catches_up` answers.
    Silent,
    /// Says "not now".
    Fails,
}

struct World {
    node: Node,
    config: Arc<Config>,
    plans: Arc<crate::Plans>,
    happenings: Vec<HappeningRow>,
    now: Now,
    store: StoreMode,
    waiting: Vec<(EffectId, Box<Save>)>,
    log: Vec<EventRow>,
    rows: BTreeMap<SessionId, Loaded>,
    /// Ends kept beside the records.
    kept_ends: BTreeMap<SessionId, EndBegun>,
    active: BTreeMap<UserId, SessionId>,
    sent: BTreeMap<u64, Vec<String>>,
    /// Who hears others speak, and the last thing they were sent before.
    hears: BTreeMap<u64, String>,
    effects: Vec<String>,
    /// Details of refusals.
    details: Vec<String>,
    answers: BTreeMap<u64, Answer>,
    last_save: Option<Box<Save>>,
    reports: bool,
    flushes: bool,
    /// Rows of the log that one read returns at most.
    log_rows: usize,
    /// Reads of the log are not answered.
    reads_wait: bool,
    /// Reads of sessions are kept in `loads`.
    loads_wait: bool,
    loads: Vec<(EffectId, SessionId)>,
    /// Questions to the coach that are not answered.
    advice: Vec<(EffectId, SessionId, AdviceAsked)>,
}

fn id(text: &str) -> SessionId {
    SessionId::parse(text).unwrap()
}

fn user(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

fn question(name: &str, seconds: u64) -> Question {
    Question {
        id: QuestionId::parse(name).unwrap(),
        text: format!("Tell us about {name}."),
        limit_ms: seconds * 1_000,
    }
}

fn plan(questions: &[(&str, u64)], options: PlanOptions) -> Plan {
    Plan {
        id: None,
        title: "Test".into(),
        questions: questions
            .iter()
            .map(|(name, s)| question(name, *s))
            .collect(),
        options,
        ..Plan::default()
    }
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            create_on_join: true,
            clock: Arc::from("test"),
            ..Config::default()
        };
        change(&mut config);
        let mut plans = crate::Plans::new();
        let two = plan(&[("q1", 120), ("q2", 120)], PlanOptions::default());
        plans.insert(PlanId::parse("two").unwrap(), Arc::new(two));
        let boot = BootId::parse("boot-1").unwrap();
        let (config, plans) = (Arc::new(config), Arc::new(plans));
        Self {
            node: Node::new(Arc::clone(&config), Arc::clone(&plans), boot, 7),
            config,
            plans,
            happenings: Vec::new(),
            now: Now {
                mono: Mono(1_000),
                wall: Wall(1_700_000_000_000),
            },
            store: StoreMode::Commits,
            waiting: Vec::new(),
            log: Vec::new(),
            rows: BTreeMap::new(),
            kept_ends: BTreeMap::new(),
            active: BTreeMap::new(),
            sent: BTreeMap::new(),
            hears: BTreeMap::new(),
            effects: Vec::new(),
            details: Vec::new(),
            answers: BTreeMap::new(),
            last_save: None,
            reports: true,
            flushes: true,
            log_rows: usize::MAX,
            reads_wait: false,
            loads_wait: false,
            loads: Vec::new(),
            advice: Vec::new(),
        }
    }

    fn input(&mut self, input: Input) {
        self.node.handle_input(self.now, input);
        self.drain();
    }

    /// Lets time pass, stopping at each wake-up on the way.
    fn wait(&mut self, ms: u64) {
        let end = self.now.mono.after(ms);
        for _ in 0..10_000 {
            let Some((at, _)) = self.node.poll_timeout().filter(|(at, _)| *at <= end) else {
                self.advance(end);
                return;
            };
            self.advance(at);
            self.node.handle_timeout(self.now);
            self.drain();
        }
        panic!("the node wants to be woken again and again");
    }

    fn advance(&mut self, to: Mono) {
        let ms = to.since(self.now.mono);
        self.now = Now {
            mono: self.now.mono.after(ms),
            wall: self.now.wall.after(ms),
        };
    }

    fn drain(&mut self) {
        while let Some(effect) = self.node.poll_effect() {
            self.carry_out(effect);
        }
        while self.node.poll_event().is_some() {}
        self.node.audit().unwrap();
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send { to, message } => {
                as_described(&message, self.now.wall);
                for conn in to {
                    let line = short(&message);
                    self.sent.entry(conn.0).or_default().push(line);
                }
            }
            Effect::Reply { to, reply } => {
                answered_as_described(&to, &reply);
                if let Reply::Refused(refusal) = &reply {
                    let detail = refusal.detail.as_deref().map(str::to_owned);
                    self.details.extend(detail);
                }
                let line = match reply {
                    Reply::Ok(_) => "ok".to_owned(),
                    Reply::Refused(refusal) => format!("error {}", refusal.code),
                };
                self.sent.entry(to.conn.0).or_default().push(line);
            }
            Effect::Hear { conn, .. } => {
                let last = self.sent.get(&conn.0).and_then(|sent| sent.last());
                self.hears.insert(conn.0, last.cloned().unwrap_or_default());
            }
            Effect::Unseat { conn, close, .. } => {
                let line = match close {
                    Some(code) => format!("close {}", code.number()),
                    None => return,
                };
                self.sent.entry(conn.0).or_default().push(line);
            }
            Effect::Save { id, save } => match self.store {
                StoreMode::Commits => self.commit(id, save),
                StoreMode::Silent => self.waiting.push((id, save)),
                StoreMode::Fails => {
                    let session = save.session.clone();
                    let saved = Saved::Temporary;
                    self.node
                        .handle_input(self.now, Input::StoreReplied { id, session, saved });
                }
            },
            Effect::LoadSession { id, session } if self.loads_wait => {
                self.loads.push((id, session));
            }
            Effect::LoadSession { id, session } => {
                let found = match (self.store, self.rows.get(&session)) {
                    (StoreMode::Commits, Some(row)) => Found::Session(Box::new(Loaded {
                        unsaved_end: self.kept_ends.get(&session).cloned(),
                        ..row.clone()
                    })),
                    (StoreMode::Commits, None) => Found::Nothing,
                    _ => Found::Unavailable,
                };
                self.node
                    .handle_input(self.now, Input::SessionLoaded { id, session, found });
            }
            Effect::LoadLog { id, session, range } if !self.reads_wait => {
                let fits = |row: &&EventRow| row.seq > range.after && row.seq <= range.upto;
                let found = self.log.iter().filter(fits).take(self.log_rows);
                let events = Some(found.cloned().collect());
                self.node.handle_input(
                    self.now,
                    Input::LogLoaded {
                        id,
                        session,
                        events,
                    },
                );
            }
            Effect::MakeReport { id, session, .. } if self.reports => {
                let report = Some(Arc::from("{}"));
                self.node.handle_input(
                    self.now,
                    Input::ReportMade {
                        id,
                        session,
                        report,
                    },
                );
            }
            Effect::FlushSpeech { session } if self.flushes => {
                let report = SpeechReport::Flushed;
                self.node
                    .handle_input(self.now, Input::Speech { session, report });
            }
            Effect::Answer { ask, answer } => {
                self.answers.insert(ask.0, answer);
            }
            Effect::Contest { other, mine, live } => {
                let input = Input::Contested {
                    session: other,
                    by: mine,
                    live,
                };
                self.node.handle_input(self.now, input);
            }
            Effect::ContestAnswer { session, won } => {
                self.node
                    .handle_input(self.now, Input::ContestAnswered { session, won });
            }
            Effect::KeepEnd { session, end } => {
                self.kept_ends.insert(session, *end);
            }
            Effect::ForgetEnd { session } => {
                self.kept_ends.remove(&session);
            }
            Effect::Advise { id, session, asked } => self.advice.push((id, session, *asked)),
            other => self.effects.push(format!("{other:?}")),
        }
    }

    fn commit(&mut self, id: EffectId, save: Box<Save>) {
        let session = save.session.clone();
        let saved = self.apply(&save);
        self.last_save = Some(save);
        self.node
            .handle_input(self.now, Input::StoreReplied { id, session, saved });
    }

    /// The least a store must do, for one test at a time; the real twin is tested in `store`.
    fn apply(&mut self, save: &Save) -> Saved {
        use protocol::record::ActiveChange;
        if let Some(candidate) = &save.row.candidate {
            match save.active {
                ActiveChange::Upsert { force, .. } => match self.active.get(candidate) {
                    Some(other) if *other != save.session && !force => {
                        return self.elsewhere(other, candidate);
                    }
                    _ => {
                        self.active.insert(candidate.clone(), save.session.clone());
                    }
                },
                ActiveChange::Delete if self.active.get(candidate) == Some(&save.session) => {
                    self.active.remove(candidate);
                }
                ActiveChange::Delete | ActiveChange::Keep => {}
            }
        }
        for event in &save.events {
            if !self.log.iter().any(|known| known.seq == event.seq) {
                self.log.push(event.clone());
            }
        }
        let last = |role: Role| {
            let seqs = self
                .log
                .iter()
                .filter(|e| e.audience.includes(role))
                .map(|e| e.seq);
            seqs.max().unwrap_or_default()
        };
        let loaded = Loaded {
            row: save.row.clone(),
            fence: Fence {
                boot: save.fence.boot.clone(),
                generation: Generation(1),
            },
            participants: self.seats_after(save),
            requests: self.requests_after(save),
            last_seq: [
                last(Role::Candidate),
                last(Role::Interviewer),
                last(Role::Observer),
            ],
            happened: save.happenings.last().map_or(0, |row| row.place),
            away_ms: 0,
            unsaved_end: None,
        };
        self.happenings.extend(save.happenings.iter().cloned());
        self.rows.insert(save.session.clone(), loaded);
        Saved::Committed(save.row.seq)
    }

    fn elsewhere(&self, session: &SessionId, candidate: &UserId) -> Saved {
        let known = self.rows.get(session);
        let mut seats = known.into_iter().flat_map(|known| &known.participants);
        Saved::ActiveElsewhere(Box::new(Elsewhere {
            session: session.clone(),
            row: known.map(|known| known.row.clone()),
            seat: seats.find(|seat| seat.user == *candidate).cloned(),
        }))
    }

    fn seats_after(&self, save: &Save) -> Vec<ParticipantRow> {
        let known = self.rows.get(&save.session);
        let mut seats = known.map_or(Vec::new(), |known| known.participants.clone());
        for seat in &save.participants {
            seats.retain(|known| known.user != seat.user);
            seats.push(seat.clone());
        }
        seats
    }

    fn requests_after(&self, save: &Save) -> Vec<RequestRow> {
        let known = self.rows.get(&save.session);
        let mut requests = known.map_or(Vec::new(), |known| known.requests.clone());
        requests.extend(save.requests.iter().cloned());
        requests
    }

    /// A fresh process on the same records, `ms` after this one died; what ran is taken over.
    fn restart_after(&mut self, ms: u64) {
        self.restart_blindly_after(ms);
        for mut loaded in self.rows.values().cloned().collect::<Vec<_>>() {
            if matches!(loaded.row.status, Status::Active | Status::Completing) {
                loaded.away_ms = ms;
                loaded.unsaved_end = self.kept_ends.get(&loaded.row.session).cloned();
                let loaded = Box::new(loaded);
                self.input(Input::Recover { loaded });
            }
        }
    }

    /// A fresh process, which could not read what ran before it.
    fn restart_blindly_after(&mut self, ms: u64) {
        self.advance(self.now.mono.after(ms));
        let boot = BootId::parse("boot-2").unwrap();
        let (config, plans) = (Arc::clone(&self.config), Arc::clone(&self.plans));
        self.node = Node::new(config, plans, boot, 8);
        self.effects.clear();
    }

    fn store_catches_up(&mut self) {
        self.store = StoreMode::Commits;
        for (id, save) in std::mem::take(&mut self.waiting) {
            self.commit(id, save);
        }
        self.drain();
        self.wait(5_000);
    }

    fn message(&mut self, conn: u64, who: &Arc<Identity>, session: &str, message: ClientMessage) {
        self.request(conn, who, session, message, None);
    }

    fn request(
        &mut self,
        conn: u64,
        who: &Arc<Identity>,
        session: &str,
        message: ClientMessage,
        request: Option<&str>,
    ) {
        let caller = Caller {
            conn: ConnectionId(conn),
            who: Arc::clone(who),
            key: ResumeKey(u128::from(conn)),
            room: 1,
        };
        let reply = ReplyTo {
            conn: ConnectionId(conn),
            // The name of the event, so that the answer can be judged by its description.
            key: ReplyKey::Ref(format!("\"{}\"", message.event()).into()),
        };
        self.input(Input::Message {
            caller,
            session: id(session),
            message,
            reply,
            id: request.map(Into::into),
        });
    }

    fn join(&mut self, conn: u64, who: &Arc<Identity>, session: &str) {
        self.message(conn, who, session, ClientMessage::Join { resume: None });
    }

    fn resume(&mut self, conn: u64, who: &Arc<Identity>, session: &str, of: u64, seq: u64) {
        let epoch = self.epoch(session);
        let resume = Resume {
            key: ResumeKey(u128::from(of)),
            epoch,
            seq: Seq(seq),
        };
        self.message(
            conn,
            who,
            session,
            ClientMessage::Join {
                resume: Some(resume),
            },
        );
    }

    fn epoch(&self, session: &str) -> Epoch {
        self.rows
            .get(&id(session))
            .map_or(Epoch(0), |row| row.row.epoch)
    }

    fn start(&mut self, conn: u64, who: &Arc<Identity>, session: &str) {
        let plan = Some(PlanId::parse("two").unwrap());
        self.message(
            conn,
            who,
            session,
            ClientMessage::Start {
                plan,
                questions: None,
            },
        );
    }

    fn lose(&mut self, conn: u64, session: &str) {
        self.input(Input::ConnectionClosed {
            conn: ConnectionId(conn),
            session: id(session),
        });
    }

    fn create(&mut self, session: &str, create: Create) -> Option<Answer> {
        let what = Ask::Create(Box::new(create));
        self.input(Input::Ask {
            ask: AskId(99),
            session: id(session),
            what,
        });
        self.answers.remove(&99)
    }

    fn end_by_api(&mut self, session: &str) -> Option<Answer> {
        let what = Ask::End {
            reason: EndReason::ApiEnded,
            by: None,
            only_if_allowed: None,
        };
        self.input(Input::Ask {
            ask: AskId(98),
            session: id(session),
            what,
        });
        self.answers.remove(&98)
    }

    /// A back end says something; its answer, if it has one yet.
    fn said_by_api(&mut self, session: &str, event: &str, audience: Audience) -> Option<Answer> {
        let data = match event {
            "transcription:processing" => serde_json::json!({ "requestId": 1 }),
            _ => serde_json::json!({ "text": "Breathe." }),
        };
        let data = data.as_object().unwrap().clone();
        let said = Said::new(&id(session), event, data, self.now.wall).unwrap();
        self.input(Input::Ask {
            ask: AskId(97),
            session: id(session),
            what: Ask::Say { said, audience },
        });
        self.answers.remove(&97)
    }

    fn says(&mut self, session: &str, participant: u16, text: &str, at_ms: u64) {
        let report = SpeechReport::Final {
            participant: Participant(participant),
            stream: StreamId(0),
            utterance: 0,
            text: text.into(),
            words: text
                .split_whitespace()
                .map(|word| protocol::value::Word {
                    text: word.to_owned(),
                    start_ms: at_ms,
                    end_ms: at_ms + 10,
                    confidence: 0.9,
                })
                .collect(),
            start_ms: at_ms,
            end_ms: at_ms + 10,
            at_ms,
            confidence: 0.9,
        };
        self.input(Input::Speech {
            session: id(session),
            report,
        });
    }

    /// What a connection was sent since the last time of asking.
    fn sent(&mut self, conn: u64) -> Vec<String> {
        self.sent.remove(&conn).unwrap_or_default()
    }

    fn stored_reason(&self, session: &str) -> Option<EndReason> {
        self.rows.get(&id(session)).and_then(|row| row.row.reason)
    }

    fn stored_status(&self, session: &str) -> Option<Status> {
        self.rows.get(&id(session)).map(|row| row.row.status)
    }
}

fn who(name: &str) -> Arc<Identity> {
    Arc::new(Identity {
        user: user(name),
        role: None,
        admin: false,
        session: None,
    })
}

fn guest(name: &str, role: Role, session: &str) -> Arc<Identity> {
    let session = Some(id(session));
    Arc::new(Identity {
        user: user(name),
        role: Some(role),
        admin: false,
        session,
    })
}

fn room_of(candidate: &str, others: &[(&str, Role)], plan: Option<Plan>) -> Create {
    let invited = others
        .iter()
        .map(|(name, role)| Invited {
            user_id: user(name),
            role: *role,
        })
        .collect();
    Create {
        title: "A talk".into(),
        candidate: Some(user(candidate)),
        invited,
        plan,
    }
}

/// Every word of every scenario is one of the contract.
fn as_described(message: &ServerMessage, now: Wall) {
    let text = protocol::json::encode(message, now);
    let value = serde_json::from_str(&text).unwrap();
    if let Err(mismatch) = protocol::contract::check_server(&value) {
        panic!("{mismatch} in {text}");
    }
}

/// And every answer is one its request may get.
fn answered_as_described(to: &ReplyTo, reply: &Reply) {
    let ReplyKey::Ref(event) = &to.key else {
        return;
    };
    let text = protocol::json::encode_reply(&to.key, reply).unwrap();
    let value = serde_json::from_str(&text).unwrap();
    let event = event.trim_matches('"');
    if let Err(mismatch) = protocol::contract::check_reply(event, &value) {
        panic!("{mismatch} in the answer to {event}: {text}");
    }
}

fn short(message: &ServerMessage) -> String {
    match message {
        ServerMessage::ConnectionReplaced { .. } => "replaced".into(),
        ServerMessage::Joined(joined) => {
            format!(
                "joined {} recovered={}",
                joined.view.status, joined.recovered
            )
        }
        ServerMessage::Left { .. } => "left".into(),
        ServerMessage::Presence { user, change, .. } => {
            let what = match change {
                PresenceChange::Joined => "joined",
                PresenceChange::Left => "left",
                PresenceChange::Disconnected => "disconnected",
            };
            format!("user:{what} {user}")
        }
        ServerMessage::State(view) => format!("state {}", view.status),
        ServerMessage::ConsentRequest { consent, .. } => {
            format!("consent:request {}", consent.version)
        }
        ServerMessage::Expiring { what, .. } => format!("expiring {what}"),
        ServerMessage::Degraded { on, seq, .. } => match seq {
            Some(seq) => format!("degraded {on} {seq}"),
            None => format!("degraded {on}"),
        },
        ServerMessage::SessionEnded {
            reason, recorded, ..
        } => {
            format!("session_ended {reason} recorded={recorded}")
        }
        ServerMessage::Partial(caption) => format!("partial {}", caption.text),
        ServerMessage::Event(event) => {
            let value: serde_json::Value = serde_json::from_str(&event.body).unwrap();
            let text = |key: &str| value.get(key).and_then(|v| v.as_str()).unwrap_or_default();
            let detail = match text("type") {
                "session:status:updated" => text("status").to_owned(),
                "question:closed" => format!("{} {}", text("questionId"), text("outcome")),
                "transcription:result" => format!("{} {}", text("questionId"), text("text")),
                _ => text("questionId").to_owned(),
            };
            let mark = if event.provisional { "~" } else { "" };
            format!(
                "{mark}{}<{} {} {detail}",
                event.prev,
                event.seq,
                text("type")
            )
            .trim_end()
            .to_owned()
        }
        ServerMessage::Error { event, refusal, .. } => {
            format!("{} {}", event.name(), refusal.code)
        }
        ServerMessage::Said(body) => {
            let value: serde_json::Value = serde_json::from_str(body).unwrap();
            format!("said {}", value["type"].as_str().unwrap())
        }
        other => format!("{other:?}"),
    }
}
