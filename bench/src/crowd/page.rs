//! One page: what it knows, what it does, how it comes back.

use super::line::{Came, Line};
use super::{Join, Mode, Room, Shared, Who};
use crate::target::Role;
use protocol::audio::{Direction, Format, Header};
use serde_json::{Value, json};
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// The SDK's backoff: full jitter between nothing and this, doubled up to the most.
const BACKOFF_MS: u64 = 500;
const BACKOFF_MS_MAX: u64 = 20_000;
/// How long a line that fell silent is kept from being closed.
const SILENCE: Duration = Duration::from_secs(70);
const CHUNK_MS: u32 = 100;
static CHUNK: [u8; 3_200] = [3; 3_200];

/// A session after the other, each with its pages, until nobody wants a further one.
pub(super) async fn lane(shared: Rc<Shared>) {
    loop {
        let room = shared.fresh_room();
        let pages = (0..=shared.habits.listeners).filter_map(|place| {
            let role = match place {
                0 => Role::Candidate,
                _ => Role::Interviewer,
            };
            let user = shared.identity.user(room.number, place);
            let token = shared.identity.token(room.number, place, role).ok()?;
            let who = Who {
                user,
                role,
                place,
                token,
            };
            let page = Page::new(Rc::clone(&shared), Rc::clone(&room), who);
            Some(tokio::task::spawn_local(page.live()))
        });
        for page in pages.collect::<Vec<_>>() {
            // A page that fails would be missing in the joins.
            let _ = page.await;
        }
        let more = matches!(shared.mode(), Mode::Wild | Mode::Calm);
        if !shared.habits.again || !more {
            return;
        }
    }
}

/// How a stay ended.
enum Left {
    /// It does not come back.
    ForGood,
    /// It comes back when its backoff says so.
    Lost,
    /// The server said when.
    After(u64),
}

#[derive(Debug, Clone)]
struct Known {
    key: String,
    epoch: Value,
    pos: u64,
    early: Vec<u64>,
}

/// A request that is repeated until it is answered.
struct Waiting {
    message: Value,
    /// Under which number it was sent on this connection.
    reference: Option<u64>,
}

struct Page {
    shared: Rc<Shared>,
    room: Rc<Room>,
    who: Who,
    known: Option<Known>,
    joined: bool,
    status: String,
    question: Option<String>,
    waiting: Option<Waiting>,
    /// The join that is under way.
    join: Option<u64>,
    refs: u64,
    conn: u64,
    retry_after: Option<u64>,
    chunks: u32,
    acts: u64,
}

impl Page {
    fn new(shared: Rc<Shared>, room: Rc<Room>, who: Who) -> Self {
        Self {
            shared,
            room,
            who,
            known: None,
            joined: false,
            status: String::new(),
            question: None,
            waiting: None,
            join: None,
            refs: 0,
            conn: 0,
            retry_after: None,
            chunks: 0,
            acts: 0,
        }
    }

    fn done(&self) -> bool {
        self.shared.mode() == Mode::Home || self.room.over.borrow().is_some()
    }

    async fn live(mut self) {
        let mut failed = 0_u32;
        while !self.done() {
            self.joined = false;
            let opened = Line::open(self.shared.address, &self.who.token).await;
            let left = match opened {
                Ok(line) => self.stay(line).await,
                Err(_) => Left::Lost,
            };
            if self.joined {
                failed = 0;
            }
            let wait = match left {
                Left::ForGood => return,
                Left::After(ms) => ms,
                Left::Lost => {
                    let most = (BACKOFF_MS << failed.min(10)).min(BACKOFF_MS_MAX);
                    failed += 1;
                    self.shared.between((0, most))
                }
            };
            let mut mode = self.shared.mode.clone();
            tokio::select! {
                () = sleep(Duration::from_millis(wait)) => {}
                _ = mode.wait_for(|mode| *mode == Mode::Home) => {}
            }
        }
    }

    fn soon(&self, range: (u64, u64)) -> Instant {
        Instant::now() + Duration::from_millis(self.shared.between(range))
    }

    async fn stay(&mut self, mut line: Line) -> Left {
        let at = self.shared.now();
        self.conn = self.room.tape.borrow_mut().opened(at, &self.who.user);
        if let Some(waiting) = &mut self.waiting {
            waiting.reference = None;
        }
        let join = self.a_join();
        if self.send(&mut line, join).await.is_err() {
            return self.lost();
        }
        let mut mode = self.shared.mode.clone();
        let habits = self.shared.habits;
        let mut act_at = self.soon(habits.pace_ms);
        let mut cut_at = (self.shared.mode() == Mode::Wild).then(|| self.soon(habits.line_ms));
        let mut chunk_at = (habits.audio_ms > 0 && self.who.role == Role::Candidate)
            .then(|| self.soon((0, habits.audio_ms)));
        loop {
            tokio::select! {
                came = line.receive() => {
                    let Ok(came) = came else { return self.lost() };
                    for came in came {
                        match came {
                            Came::Message(message) => self.take_in(&message),
                            Came::Close(code) => return self.closed(code),
                        }
                    }
                    if line.answer_pings().await.is_err() {
                        return self.lost();
                    }
                }
                () = sleep_until(act_at) => {
                    act_at = self.soon(habits.pace_ms);
                    let acts = matches!(self.shared.mode(), Mode::Wild | Mode::Calm);
                    if let Some(message) = acts.then(|| self.next_act()).flatten()
                        && self.send(&mut line, message).await.is_err()
                    {
                        return self.lost();
                    }
                }
                () = until(chunk_at) => {
                    chunk_at = Some(Instant::now() + Duration::from_millis(habits.audio_ms));
                    let active = self.joined && self.status == "active";
                    if active && self.shared.mode() != Mode::Still {
                        let chunk = self.a_chunk();
                        if line.send_binary(&chunk).await.is_err() {
                            return self.lost();
                        }
                    }
                }
                () = until(cut_at) => {
                    self.note_close(None);
                    self.shared.cuts.set(self.shared.cuts.get() + 1);
                    if self.shared.chance(habits.silent) {
                        line.fall_silent(SILENCE);
                    } else {
                        line.reset();
                    }
                    return Left::Lost;
                }
                _ = mode.changed() => match self.shared.mode() {
                    Mode::Home => {
                        self.note_close(None);
                        line.reset();
                        return Left::ForGood;
                    }
                    Mode::Wild => cut_at = Some(self.soon(habits.line_ms)),
                    Mode::Calm | Mode::Still => cut_at = None,
                },
            }
        }
    }

    fn note_close(&self, code: Option<u16>) {
        let at = self.shared.now();
        self.room.tape.borrow_mut().closed(at, self.conn, code);
    }

    fn lost(&self) -> Left {
        self.note_close(None);
        *self.shared.losses.borrow_mut().entry(1006).or_default() += 1;
        self.retry_after.map_or(Left::Lost, Left::After)
    }

    fn closed(&mut self, code: u16) -> Left {
        self.note_close(Some(code));
        *self.shared.losses.borrow_mut().entry(code).or_default() += 1;
        match code {
            1000 | 1002 | 1003 | 1007..=1009 | 4401 | 4403 | 4409 | 4410 => Left::ForGood,
            _ => self.retry_after.take().map_or(Left::Lost, Left::After),
        }
    }

    async fn send(&mut self, line: &mut Line, mut message: Value) -> anyhow::Result<()> {
        self.refs += 1;
        message["ref"] = self.refs.into();
        if message["type"] == "session:join" {
            self.join = Some(self.refs);
        }
        if let Some(waiting) = &mut self.waiting
            && waiting.message["id"] == message["id"]
            && message["id"].is_string()
        {
            waiting.reference = Some(self.refs);
        }
        let at = self.shared.now();
        self.room.tape.borrow_mut().sent(at, self.conn, &message);
        line.send(&message).await
    }

    fn a_join(&self) -> Value {
        let mut join = json!({"type": "session:join", "sessionId": self.room.name});
        if let Some(known) = &self.known {
            join["resume"] = json!({"key": known.key, "epoch": known.epoch, "seq": known.pos});
        }
        join
    }

    fn next_act(&mut self) -> Option<Value> {
        if !self.joined {
            return self.join.is_none().then(|| self.a_join());
        }
        if let Some(waiting) = &self.waiting {
            // Sent on this connection already: its answer is on its way.
            return waiting.reference.is_none().then(|| waiting.message.clone());
        }
        self.acts += 1;
        let listens = self.who.role != Role::Candidate;
        if listens || self.acts.is_multiple_of(7) {
            let state = ["visible", "hidden"][usize::from(self.acts.is_multiple_of(2))];
            return Some(json!({"type": "user:visibility", "state": state}));
        }
        let message = match (&*self.status, &self.question) {
            ("scheduled", _) => self.a_start(),
            ("active", Some(_)) if self.shared.chance(self.shared.habits.enders) => {
                json!({"type": "end_interview", "id": "end"})
            }
            ("active", Some(question)) => {
                json!({"type": "answer:done", "questionId": question, "id": format!("a-{question}")})
            }
            _ => return None,
        };
        let reference = None;
        self.waiting = Some(Waiting {
            message: message.clone(),
            reference,
        });
        Some(message)
    }

    fn a_start(&self) -> Value {
        let habits = self.shared.habits;
        let name = &self.room.name;
        let question = |n: u32| {
            let text = format!("canary:{name}:q And {n}?");
            json!({"id": format!("q{n}"), "text": text, "limitSeconds": habits.question_ms / 1_000})
        };
        let questions: Vec<Value> = (1..=habits.questions).map(question).collect();
        json!({"type": "interview:start", "id": "start", "questions": questions})
    }

    fn a_chunk(&mut self) -> Vec<u8> {
        let header = Header {
            format: Format::Pcm16,
            is_last: false,
            sender: 0,
            room: 0,
            sample_rate: 16_000,
            stream: u32::try_from(self.conn).unwrap_or(1),
            seq: self.chunks,
            at_ms: self.chunks.wrapping_mul(CHUNK_MS),
        };
        self.chunks += 1;
        let mut out = header.encode(Direction::ToServer).to_vec();
        out.extend_from_slice(&CHUNK);
        out
    }

    /// What a message means to the page.
    fn take_in(&mut self, message: &Value) {
        let at = self.shared.now();
        self.room.tape.borrow_mut().came(at, self.conn, message);
        match message["type"].as_str().unwrap_or_default() {
            "ok" => self.answered(message, true),
            "error" => self.answered(message, false),
            "session:joined" => self.took_a_seat(at, message),
            "session:state" => {
                self.look(message);
                if let Some(known) = &mut self.known {
                    known.pos = known.pos.max(message["seq"].as_u64().unwrap_or(0));
                }
            }
            "session:degraded" if message["on"] == false => {
                let upto = message["seq"].as_u64().unwrap_or(0);
                if let Some(known) = &mut self.known {
                    let stored = known.early.iter().filter(|early| **early <= upto).max();
                    known.pos = known.pos.max(stored.copied().unwrap_or(0));
                    known.early.retain(|early| *early > upto);
                }
            }
            "session_ended" => {
                let reason = message["reason"].as_str().unwrap_or_default();
                self.room.over.replace(Some(reason.to_owned()));
            }
            "server:draining" => self.retry_after = message["retryAfterMs"].as_u64(),
            "question:asked" => {
                self.question = message["questionId"].as_str().map(str::to_owned);
            }
            "question:closed" if self.question.as_deref() == message["questionId"].as_str() => {
                self.question = None;
            }
            "session:status:updated" => {
                self.status = message["status"].as_str().unwrap_or_default().to_owned();
            }
            _ => {}
        }
        let logged = message["prev"].is_u64();
        if let (Some(known), Some(seq), true) = (&mut self.known, message["seq"].as_u64(), logged) {
            if message["provisional"] == true {
                known.early.push(seq);
            } else {
                known.pos = known.pos.max(seq);
            }
        }
    }

    fn look(&mut self, message: &Value) {
        self.status = message["status"].as_str().unwrap_or_default().to_owned();
        let question = &message["question"]["questionId"];
        self.question = question.as_str().map(str::to_owned);
    }

    fn took_a_seat(&mut self, at: u64, message: &Value) {
        let recovered = message["recovered"] == true;
        let showed = self.known.is_some();
        let before = self.known.as_ref().map_or(0, |known| known.pos);
        let pos = if recovered {
            before
        } else {
            message["seq"].as_u64().unwrap_or(0)
        };
        self.known = Some(Known {
            key: message["resumeKey"].as_str().unwrap_or_default().to_owned(),
            epoch: message["epoch"].clone(),
            pos,
            early: Vec::new(),
        });
        self.look(message);
        self.joined = true;
        self.retry_after = None;
        self.shared.joins.borrow_mut().push(Join {
            room: self.room.number,
            place: self.who.place,
            at,
            recovered: showed.then_some(recovered),
        });
    }

    fn answered(&mut self, message: &Value, ok: bool) {
        let reference = message["ref"].as_u64();
        let code = message["code"].as_str().unwrap_or_default();
        if !ok {
            *self
                .shared
                .refusals
                .borrow_mut()
                .entry(code.to_owned())
                .or_default() += 1;
            if code == "session_ended" {
                self.room.over.replace(Some(code.to_owned()));
            }
            if self.join == reference {
                // An interviewer may be there before the candidate's join has made the session.
                self.join = None;
            }
        }
        let mine =
            |waiting: &Waiting| waiting.reference.is_some() && waiting.reference == reference;
        let Some(waiting) = self.waiting.as_mut().filter(|waiting| mine(waiting)) else {
            return;
        };
        let later = [
            "busy",
            "draining",
            "rate_limited",
            "not_in_session",
            "store_unavailable",
            "timed_out",
        ];
        if !ok && later.contains(&code) {
            waiting.reference = None;
        } else {
            self.waiting = None;
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
