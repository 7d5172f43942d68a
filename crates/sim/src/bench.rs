//! How many inputs a second the engine takes alone, on one core. The inputs are made before the
//! clock runs: an interview day is played once against a node with a perfect store, everything it
//! was told is written down, and then told again to fresh nodes, which must order exactly the same.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use engine::input::{Ask, AskId, Caller, Create, Found, Identity, SpeechReport};
use engine::{Config, Effect, Input, Node, Plans};
use protocol::client::{ClientMessage, ErrorEvent, ReplyKey, ReplyTo, Resume};
use protocol::id::{
    BootId, ConnectionId, Epoch, Participant, ResumeKey, Seq, SessionId, StreamId, UserId,
};
use protocol::server::ServerMessage;
use protocol::time::{Mono, Now, Wall};
use protocol::value::{Invited, Plan, PlanOptions, Role, Visibility};

use store::memory::Tables;

use crate::rng::Rng;
use crate::setup::{parse, question, session_id};

/// Sessions at a time.
const SESSIONS: usize = 200;
/// Inputs of one round.
const INPUTS: usize = 200_000;
/// Rounds; the middle one counts.
const ROUNDS: usize = 7;
/// Inputs of the round with every check.
const CHECKED: usize = 20_000;

/// Something a node is told.
#[derive(Debug, Clone)]
enum Step {
    Input(Now, Input),
    Timeout(Now),
}

/// An interview that is being played.
#[derive(Debug)]
struct Talk {
    id: SessionId,
    /// Candidate, interviewer, observer.
    conns: [u64; 3],
    names: [Arc<Identity>; 3],
    seen: u64,
    epoch: Epoch,
    utterance: u32,
    over: bool,
}

struct Player {
    node: Node,
    rng: Rng,
    now: u64,
    talks: Vec<Talk>,
    made: usize,
    conns: u64,
    steps: Vec<Step>,
    answers: VecDeque<(u64, Input)>,
    effects: u64,
    kinds: [u64; 5],
    tables: Tables,
}

fn node() -> Node {
    let config = Config {
        max_duration_ms: 20 * 60_000,
        ..Config::default()
    };
    let boot = parse(BootId::parse("bench"));
    Node::new(Arc::new(config), Arc::new(Plans::new()), boot, 1)
}

impl Player {
    fn new() -> Self {
        let mut player = Self {
            node: node(),
            rng: Rng::new(2),
            now: 1,
            talks: Vec::new(),
            made: 0,
            conns: 0,
            steps: Vec::new(),
            answers: VecDeque::new(),
            effects: 0,
            kinds: [0; 5],
            tables: Tables::new(),
        };
        for _ in 0..SESSIONS {
            let talk = player.begin();
            player.talks.push(talk);
        }
        player
    }

    fn clock(&self) -> Now {
        let ms = i64::try_from(self.now).unwrap_or(0);
        Now {
            mono: Mono(self.now),
            wall: Wall(1_700_000_000_000 + ms),
        }
    }

    fn tell(&mut self, input: Input) {
        let kind = match &input {
            Input::Message { .. } | Input::Ask { .. } | Input::ConnectionClosed { .. } => 0,
            Input::Speech { .. } => 1,
            Input::AudioStored { .. } => 2,
            _ => 3,
        };
        self.kinds[kind] += 1;
        let now = self.clock();
        self.steps.push(Step::Input(now, input.clone()));
        self.node.handle_input(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(effect) = self.node.poll_effect() {
            self.effects += 1;
            self.carry_out(effect);
        }
        while self.node.poll_event().is_some() {}
    }

    fn carry_out(&mut self, effect: Effect) {
        let answer = match effect {
            Effect::Save { id, save } => Input::StoreReplied {
                id,
                session: save.session.clone(),
                saved: self.tables.apply(&save),
            },
            Effect::LoadSession { id, session } => {
                let loaded = self.tables.load(&session).map(Box::new);
                let found = loaded.map_or(Found::Nothing, Found::Session);
                Input::SessionLoaded { id, session, found }
            }
            Effect::LoadLog { id, session, range } => {
                let events = Some(self.tables.log(&session, range.after, 100_000));
                Input::LogLoaded {
                    id,
                    session,
                    events,
                }
            }
            Effect::MakeReport { id, session, .. } => Input::ReportMade {
                id,
                session,
                report: Some(Arc::from("{}")),
            },
            Effect::FlushSpeech { session } => Input::Speech {
                session,
                report: SpeechReport::Flushed,
            },
            Effect::Send { to, message } => return self.heard(&to, &message),
            _ => return,
        };
        self.answers.push_back((self.now + 2, answer));
    }

    /// Candidates keep what a resume needs.
    fn heard(&mut self, to: &[ConnectionId], message: &ServerMessage) {
        for talk in &mut self.talks {
            if !to.contains(&ConnectionId(talk.conns[0])) {
                continue;
            }
            match message {
                ServerMessage::Joined(joined) if !joined.recovered => {
                    talk.epoch = joined.view.epoch;
                    talk.seen = joined.view.seq.0;
                }
                ServerMessage::Event(event) => talk.seen = event.seq.0,
                ServerMessage::SessionEnded { .. } => talk.over = true,
                _ => {}
            }
        }
    }

    fn begin(&mut self) -> Talk {
        self.made += 1;
        let n = self.made;
        let id = session_id(n);
        let user = |name: &str| parse(UserId::parse(&format!("{name}{n}")));
        let who = |name: &str| {
            Arc::new(Identity {
                user: user(name),
                role: None,
                admin: false,
                session: None,
            })
        };
        let invite = |name: &str, role| Invited {
            user_id: user(name),
            role,
        };
        let mut limits = || self.rng.between(500, 8_000);
        let questions = (0..8).map(|n| question(&format!("q{n}"), limits()));
        let plan = Plan {
            title: "Bench".into(),
            questions: questions.collect(),
            options: PlanOptions {
                start_on_join: true,
                ..PlanOptions::default()
            },
            ..Plan::default()
        };
        let create = Create {
            title: "A talk".into(),
            candidate: Some(user("ana")),
            invited: vec![
                invite("ivy", Role::Interviewer),
                invite("oz", Role::Observer),
            ],
            plan: Some(plan),
        };
        let what = Ask::Create(Box::new(create));
        let ask = AskId(n as u64);
        let session = id.clone();
        self.tell(Input::Ask { ask, session, what });
        self.answer_all();
        let mut talk = Talk {
            id,
            conns: [0; 3],
            names: [who("ana"), who("ivy"), who("oz")],
            seen: 0,
            epoch: Epoch(0),
            utterance: 0,
            over: false,
        };
        for member in 0..3 {
            self.conns += 1;
            talk.conns[member] = self.conns;
            let join = ClientMessage::Join { resume: None };
            self.request(&talk, member, join);
        }
        self.answer_all();
        talk
    }

    fn answer_all(&mut self) {
        while let Some((at, answer)) = self.answers.pop_front() {
            self.now = self.now.max(at);
            self.tell(answer);
        }
    }

    fn request(&mut self, talk: &Talk, member: usize, message: ClientMessage) {
        let conn = ConnectionId(talk.conns[member]);
        let caller = Caller {
            conn,
            who: Arc::clone(&talk.names[member]),
            key: ResumeKey(u128::from(conn.0)),
            room: 1,
        };
        let key = ReplyKey::Event(ErrorEvent::Session);
        self.tell(Input::Message {
            caller,
            session: talk.id.clone(),
            message,
            reply: ReplyTo { conn, key },
            id: None,
        });
    }

    /// One thing that happens in some interview.
    fn play(&mut self) {
        let at = self.rng.below(self.talks.len());
        let dice = self.rng.below(1_000);
        if self.talks[at].over {
            self.talks[at] = self.begin();
            return;
        }
        let talk = &mut self.talks[at];
        let session = talk.id.clone();
        let participant = Participant(1);
        let stream = StreamId(0);
        let report = match dice {
            0..=449 => SpeechReport::Partial {
                participant,
                stream,
                utterance: talk.utterance,
                text: "it was the best of times it was".to_owned(),
                stable: 5,
                start_ms: 100,
                end_ms: 1_400,
            },
            450..=549 => SpeechReport::Voiced { participant },
            550..=629 => {
                talk.utterance += 1;
                SpeechReport::Final {
                    participant,
                    stream,
                    utterance: talk.utterance,
                    text: "it was the best of times it was the worst of times".to_owned(),
                    words: Vec::new(),
                    start_ms: 100,
                    end_ms: 3_000,
                    at_ms: 1_500,
                    confidence: 0.9,
                }
            }
            630..=829 => {
                let seq = talk.utterance;
                return self.tell(Input::AudioStored {
                    session,
                    participant,
                    stream,
                    seq,
                });
            }
            _ => return self.play_request(at, dice),
        };
        self.tell(Input::Speech { session, report });
    }

    fn play_request(&mut self, at: usize, dice: usize) {
        if dice >= 985 {
            return self.lose_and_resume(at);
        }
        let (member, message) = match dice {
            830..=899 => (1, ClientMessage::Visibility(Visibility::Hidden)),
            900..=959 => (0, ClientMessage::Visibility(Visibility::Visible)),
            960..=974 => (2, ClientMessage::Extend),
            _ => (
                0,
                ClientMessage::AnswerDone {
                    question: None,
                    skip: false,
                },
            ),
        };
        let talk = self.talks.swap_remove(at);
        self.request(&talk, member, message);
        self.talks.push(talk);
    }

    fn lose_and_resume(&mut self, at: usize) {
        let mut talk = self.talks.swap_remove(at);
        let before = talk.conns[0];
        self.tell(Input::ConnectionClosed {
            conn: ConnectionId(before),
            session: talk.id.clone(),
        });
        self.conns += 1;
        talk.conns[0] = self.conns;
        let resume = Some(Resume {
            key: ResumeKey(u128::from(before)),
            epoch: talk.epoch,
            seq: Seq(talk.seen),
        });
        self.request(&talk, 0, ClientMessage::Join { resume });
        self.talks.push(talk);
    }

    /// Plays until so many things were told.
    fn record(mut self, many: usize) -> (Vec<Step>, u64, [u64; 5]) {
        while self.steps.len() < many {
            if self.rng.chance(10) {
                self.now += 1;
            }
            while self.answers.front().is_some_and(|(at, _)| *at <= self.now) {
                if let Some((_, answer)) = self.answers.pop_front() {
                    self.tell(answer);
                }
            }
            if self
                .node
                .poll_timeout()
                .is_some_and(|(at, _)| at.0 <= self.now)
            {
                self.kinds[4] += 1;
                let now = self.clock();
                self.steps.push(Step::Timeout(now));
                self.node.handle_timeout(now);
                self.drain();
            }
            self.play();
        }
        (self.steps, self.effects, self.kinds)
    }
}

/// Tells a fresh node everything; orders it gave, and inputs a second.
fn replay(steps: Vec<Step>, audit: bool) -> (u64, f64) {
    let mut node = node();
    let many = steps.len();
    let mut effects = 0_u64;
    let begun = Instant::now();
    for step in steps {
        match step {
            Step::Input(now, input) => node.handle_input(now, input),
            Step::Timeout(now) => node.handle_timeout(now),
        }
        while let Some(effect) = node.poll_effect() {
            effects += 1;
            drop(std::hint::black_box(effect));
        }
        while let Some(news) = node.poll_event() {
            drop(std::hint::black_box(news));
        }
        std::hint::black_box(node.poll_timeout());
        if audit && node.audit().is_err() {
            return (0, 0.0);
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss)]
    let pace = many as f64 / seconds;
    (effects, pace)
}

/// Measures; lines for people, and whether the limit was held.
pub fn bench(limit: u64) -> (Vec<String>, bool) {
    let (steps, effects, kinds) = Player::new().record(INPUTS);
    let mut lines = vec![format!(
        "{} inputs to {SESSIONS} sessions of 3: {} requests and calls, {} speech, {} audio progress, {} answers of store and report, {} wake-ups; {effects} orders",
        steps.len(),
        kinds[0],
        kinds[1],
        kinds[2],
        kinds[3],
        kinds[4]
    )];
    let mut paces = Vec::new();
    for _ in 0..ROUNDS {
        let (same, pace) = replay(steps.clone(), false);
        if same != effects {
            lines.push(format!(
                "FAILED: {same} orders in the replay, {effects} when played"
            ));
            return (lines, false);
        }
        paces.push(pace);
    }
    paces.sort_by(f64::total_cmp);
    let (low, high) = (paces[0], paces[ROUNDS - 1]);
    let middle = paces[ROUNDS / 2];
    let few: Vec<Step> = steps.into_iter().take(CHECKED).collect();
    let (_, checked) = replay(few, true);
    lines.push(format!(
        "with every check after every input: {checked:.0} inputs/s"
    ));
    #[allow(clippy::cast_precision_loss)]
    let good = middle >= limit as f64;
    let word = if good { "ok" } else { "FAILED" };
    lines.push(format!(
        "engine alone: {middle:.0} inputs/s (limit {limit}), {low:.0} to {high:.0} in {ROUNDS} rounds: {word}"
    ));
    (lines, good)
}
