//! What a seed means: settings, plans, people, pages, sessions and the faults to come. Made once
//! per world; nothing here runs.

use std::sync::Arc;

use engine::input::Identity;
use engine::planted::Bug;
use engine::{Config, Plans};
use protocol::id::{PlanId, QuestionId, SessionId, UserId};
use protocol::value::{Audience, Consent, Invited, Plan, PlanOptions, Question, Role};

use crate::rng::Rng;

/// How the records behave for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreMode {
    /// A few milliseconds, always right.
    Well,
    /// Takes up to several seconds.
    Slow,
    /// Says "not now" to most.
    Fails,
    /// Does not answer most, and does not write them.
    Silent,
    /// Writes, and loses most answers.
    LosesAnswers,
    /// Writes, and calls most a failure.
    Uncertain,
    /// Answers most twice.
    Twice,
    /// Takes longer than the engine waits, then writes.
    Late,
}

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The records misbehave for so long.
    Store(StoreMode, u64),
    /// The process dies, and comes back after so long.
    Crash(u64),
    /// Another process takes a session over.
    Fence(usize),
    /// The wall clock jumps by so much.
    WallJump(i64),
    /// The node is told to stop.
    Drain,
    /// Another program ends a session's row.
    ForeignEnd(usize),
    /// Nobody does anything for so long.
    Lull(u64),
    /// Reads of sessions and logs fail for so long.
    Reads(u64),
    /// Speech says nothing and flushes nothing for so long.
    Deaf(u64),
    /// No report is made for so long.
    NoReports(u64),
    /// One save is called impossible.
    Reject,
    /// Pages of this one lose their lines for nearly the grace, while much is said.
    LongLoss(usize),
    /// The store is away, and a candidate starts a second interview.
    Rival,
}

/// One page in a browser.
#[derive(Debug, Clone)]
pub(crate) struct PagePlan {
    /// Who the token says they are.
    pub(crate) who: Arc<Identity>,
    /// Which sessions it wants to be in.
    pub(crate) targets: Vec<usize>,
    /// A second page of somebody: comes later, and fights for the seat.
    pub(crate) second: bool,
}

/// One session to be.
#[derive(Debug, Clone)]
pub(crate) struct RoomPlan {
    /// Its id.
    pub(crate) id: SessionId,
    /// The API makes it; else the candidate's join does.
    pub(crate) by_api: bool,
    /// Whose interview it is, if the API says so.
    pub(crate) candidate: Option<UserId>,
    /// Who else may come.
    pub(crate) invited: Vec<Invited>,
    /// What the API says is asked.
    pub(crate) plan: Option<PlanId>,
}

/// Everything a seed fixes before the first input.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// The engine's settings.
    pub(crate) config: Arc<Config>,
    /// Plans by name.
    pub(crate) plans: Arc<Plans>,
    /// How many nodes share the sessions.
    pub(crate) shards: usize,
    /// How late wake-ups come, milliseconds.
    pub(crate) late_ms: u64,
    /// Milliseconds between two things speech says in one session.
    pub(crate) speech_ms: u64,
    /// Pages.
    pub(crate) pages: Vec<PagePlan>,
    /// Sessions.
    pub(crate) rooms: Vec<RoomPlan>,
    /// What goes wrong, and when.
    pub(crate) faults: Vec<(u64, Fault)>,
    /// The engine is told so many things before peace comes.
    pub(crate) inputs: u64,
    /// Milliseconds between two things a page does, at most.
    pub(crate) pace_ms: u64,
}

/// Names of the plans an interview can be started with.
pub(crate) const PLANS: [&str; 7] = [
    "two", "hidden", "pausing", "onjoin", "empty", "brief", "asking",
];

/// The id of session number `n`.
pub(crate) fn session_id(n: usize) -> SessionId {
    parse(SessionId::parse(&format!("s{n}")))
}

/// The number of a session id made here.
pub(crate) fn session_number(id: &SessionId) -> usize {
    let digits = id.as_str().get(1..).unwrap_or_default();
    digits.parse().unwrap_or(usize::MAX)
}

/// Ids made here always parse.
pub(crate) fn parse<T, E: std::fmt::Debug>(made: Result<T, E>) -> T {
    match made {
        Ok(made) => made,
        Err(e) => panic!("an id of the simulator does not parse: {e:?}"),
    }
}

fn user(name: &str) -> UserId {
    parse(UserId::parse(name))
}

/// A plan's name as its id.
pub(crate) fn plan_id(name: &str) -> PlanId {
    parse(PlanId::parse(name))
}

/// A question of so many milliseconds.
pub(crate) fn question(name: &str, limit_ms: u64) -> Question {
    Question {
        id: parse(QuestionId::parse(name)),
        text: format!("Tell us about {name}."),
        limit_ms,
    }
}

fn plans(rng: &mut Rng) -> Plans {
    let mut all = Plans::new();
    for name in PLANS {
        let letter = if name == "pausing" { "p" } else { "q" };
        let many = match name {
            "empty" => 0,
            "hidden" => 4,
            _ => 2,
        };
        let ask = |n: usize| question(&format!("{letter}{n}"), 0);
        let mut questions: Vec<Question> = (0..many).map(ask).collect();
        for question in &mut questions {
            question.limit_ms = rng.between(4_000, 40_000);
        }
        let options = PlanOptions {
            start_on_join: name == "onjoin",
            pause_on_disconnect: name == "pausing",
            candidate_sees_transcript: name != "hidden",
            suggestions_to: match name {
                "two" => Audience::ALL,
                "empty" => Audience::NONE,
                _ => Audience::STAFF,
            },
            extensions: 2,
            extension_ms: 5_000,
            max_duration_ms: (name == "brief").then_some(12_000),
        };
        let plan = Plan {
            id: Some(plan_id(name)),
            title: name.to_owned(),
            questions,
            options,
            consent: (name == "asking").then(|| Consent {
                version: "1".to_owned(),
                text: "May we?".to_owned(),
                purposes: vec!["transcription".to_owned()],
            }),
            words: Vec::new(),
            scoring: None,
        };
        all.insert(plan_id(name), Arc::new(plan));
    }
    all
}

fn config(rng: &mut Rng, planted: Option<Bug>) -> Config {
    let tight = rng.chance(25);
    Config {
        grace_ms: rng.pick(&[0, 2_000, 4_000, 8_000, 8_000, 20_000, 60_000]),
        inactivity_ms: rng.pick(&[12_000, 30_000, 90_000, 300_000]),
        max_duration_ms: rng.pick(&[25_000, 60_000, 200_000, 600_000]),
        scheduled_ttl_ms: rng.pick(&[15_000, 60_000, 600_000, 600_000]),
        recovery_flush_ms: 6_000,
        drain_ms: 3_000,
        clock: Arc::from("world"),
        create_on_join: rng.chance(70),
        takeover_newest: !rng.chance(8),
        room_size: rng.pick(&[2, 4, 32, 32, 32]),
        held_bytes: if tight { 1_500 } else { 256 * 1024 },
        ring_bytes: rng.pick(&[500, 3_000, 64 * 1024, 64 * 1024]),
        requests: rng.pick(&[6, 1_024, 1_024]),
        planted,
        ..Config::default()
    }
}

fn pages(rng: &mut Rng, rooms: &[RoomPlan]) -> Vec<PagePlan> {
    let mut pages = Vec::new();
    let mut page = |who: Identity, targets: Vec<usize>, second: bool| {
        let who = Arc::new(who);
        pages.push(PagePlan {
            who,
            targets,
            second,
        });
    };
    let all: Vec<usize> = (0..rooms.len()).collect();
    for (n, name) in ["ana", "bob"].into_iter().enumerate() {
        let own: Vec<usize> = all.iter().copied().filter(|room| room % 2 == n).collect();
        let who = |session: Option<SessionId>| Identity {
            user: user(name),
            role: None,
            admin: false,
            session,
        };
        page(who(None), own.clone(), false);
        if rng.chance(50) {
            page(who(None), own.clone(), true);
        }
        for room in own {
            // Made without a candidate: only a token that names the session lets one in.
            if rooms[room].by_api && rooms[room].candidate.is_none() {
                page(who(Some(rooms[room].id.clone())), vec![room], false);
            }
        }
    }
    let by_invitation = |name: &str| Identity {
        user: user(name),
        role: None,
        admin: false,
        session: None,
    };
    page(by_invitation("ivy"), all.clone(), false);
    if rng.chance(40) {
        page(by_invitation("ivy"), vec![0], true);
    }
    for (n, room) in rooms.iter().enumerate() {
        if !room.by_api {
            let role = rng.pick(&[Role::Interviewer, Role::Observer]);
            let (name, session) = (format!("t{n}"), Some(room.id.clone()));
            let who = Identity {
                user: user(&name),
                role: Some(role),
                admin: false,
                session,
            };
            page(who.clone(), vec![n], false);
            if rng.chance(20) {
                page(who, vec![n], true);
            }
        }
    }
    page(by_invitation("oz"), vec![rng.below(rooms.len())], false);
    if rng.chance(30) {
        let admin = Identity {
            admin: true,
            ..by_invitation("adm")
        };
        page(admin, all, false);
    }
    if rng.chance(15) {
        let role = Some(Role::Interviewer);
        let stranger = Identity {
            role,
            ..by_invitation("eve")
        };
        page(stranger, vec![0], false);
    }
    pages
}

fn rooms(rng: &mut Rng, create_on_join: bool) -> Vec<RoomPlan> {
    let many = rng.pick(&[2, 3, 4, 4, 5, 6]);
    let room = |n: usize| {
        let by_api = !create_on_join || rng.chance(50);
        let candidate = by_api && !rng.chance(10);
        let name = if n.is_multiple_of(2) { "ana" } else { "bob" };
        let invited = |name: &str, role| Invited {
            user_id: user(name),
            role,
        };
        RoomPlan {
            id: session_id(n),
            by_api,
            candidate: candidate.then(|| user(name)),
            invited: vec![
                invited("ivy", Role::Interviewer),
                invited("oz", Role::Observer),
            ],
            plan: (by_api && rng.chance(70)).then(|| plan_id(rng.pick(&PLANS))),
        }
    };
    (0..many).map(room).collect()
}

fn store_fault(rng: &mut Rng) -> Fault {
    use StoreMode::{Fails, Late, LosesAnswers, Silent, Slow, Twice, Uncertain};
    let mode = rng.pick(&[
        Slow,
        Fails,
        Silent,
        LosesAnswers,
        Uncertain,
        Twice,
        Late,
        Fails,
    ]);
    Fault::Store(mode, rng.between(1_000, 20_000))
}

fn fault(rng: &mut Rng, rooms: usize) -> Fault {
    match rng.below(21) {
        0..=6 => store_fault(rng),
        7..=8 => Fault::Crash(rng.between(200, 12_000)),
        9 => Fault::Fence(rng.below(rooms)),
        10..=11 => Fault::WallJump(if rng.chance(50) { 60_000 } else { -60_000 }),
        12 if rng.chance(30) => Fault::Drain,
        13 => Fault::ForeignEnd(rng.below(rooms)),
        14 => Fault::Lull(rng.between(10_000, 60_000)),
        15 => Fault::Reads(rng.between(2_000, 20_000)),
        16 => Fault::Deaf(rng.between(4_000, 30_000)),
        17 => Fault::NoReports(rng.between(4_000, 30_000)),
        18 => Fault::Rival,
        _ => Fault::LongLoss(rng.below(rooms)),
    }
}

impl Setup {
    /// What this seed means, maybe with one bug switched on.
    pub(crate) fn new(seed: u64, planted: Option<Bug>) -> Self {
        let mut rng = Rng::new(seed ^ 0x5e7_0b5e_ed00);
        let config = config(&mut rng, planted);
        let rooms = rooms(&mut rng, config.create_on_join);
        let pages = pages(&mut rng, &rooms);
        let mut faults: Vec<(u64, Fault)> = Vec::new();
        for _ in 0..rng.between(1, 4) {
            let at = rng.between(1_000, 40_000);
            faults.push((at, fault(&mut rng, rooms.len())));
        }
        if rng.chance(2) {
            faults.push((rng.between(1_000, 30_000), Fault::Reject));
        }
        let chatty = rng.chance(25);
        Self {
            plans: Arc::new(plans(&mut rng)),
            shards: rng.pick(&[1, 2, 3]),
            late_ms: rng.pick(&[0, 0, 50]),
            speech_ms: if chatty { 60 } else { rng.between(300, 4_000) },
            inputs: rng.between(320, 480),
            pace_ms: rng.pick(&[300, 1_200, 4_000]),
            config: Arc::new(config),
            pages,
            rooms,
            faults,
        }
    }
}
