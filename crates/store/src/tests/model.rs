//! Random saves against a model written from the contract, on both implementations at once: every
//! answer and everything read back must agree.

use std::collections::BTreeMap;

use protocol::id::{Epoch, Generation, Seq, SessionId, UserId};
use protocol::record::{ActiveChange, EventRow, Save, Saved, SessionRow};
use protocol::value::{EndReason, Role, Status};

use super::{NOW, Rig, answer, boot, event, request, save, seat, segment, sid, uid};
use crate::memory::{Fault, Tables};

/// Small, seeded, good enough for choices.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }
}

/// A session by the contract.
struct Session {
    row: SessionRow,
    generation: Generation,
    events: Vec<EventRow>,
}

/// The contract, for the saves this test makes: one boot owns everything.
#[derive(Default)]
struct Model {
    sessions: BTreeMap<SessionId, Session>,
    active: BTreeMap<UserId, (SessionId, Status)>,
}

impl Model {
    fn ended(&self, session: &SessionId) -> bool {
        self.sessions
            .get(session)
            .is_some_and(|known| known.row.status == Status::Ended)
    }

    fn expect(&mut self, save: &Save) -> Saved {
        let first = save.events.first().map(|event| event.seq.0);
        let stored = match self.sessions.get(&save.session) {
            None => 0,
            Some(known) => {
                if save.fence.boot != boot("b1") || save.fence.generation < known.generation {
                    return Saved::Fenced;
                }
                if known.row.status == Status::Ended && save.row.reason != known.row.reason {
                    return Saved::Fenced;
                }
                if save.row.epoch < known.row.epoch {
                    return Saved::Rejected;
                }
                known.row.seq.0
            }
        };
        let overtaken = save.row.seq.0 < stored;
        if !overtaken && self.goes_back(save) {
            return Saved::Rejected;
        }
        if first.is_some_and(|first| first > stored + 1)
            || first.is_none() && save.row.seq.0 > stored
        {
            return Saved::Rejected;
        }
        let log = self
            .sessions
            .get(&save.session)
            .map_or(&[][..], |known| &known.events);
        let known = log
            .iter()
            .filter(|old| save.events.iter().any(|new| new.seq == old.seq));
        if !known.into_iter().all(|old| save.events.contains(old)) {
            return Saved::Rejected;
        }
        if overtaken {
            return Saved::Committed(Seq(stored));
        }
        let user = save.row.candidate.clone().unwrap();
        let held = self.active.get(&user).map(|(session, _)| session.clone());
        if let ActiveChange::Upsert { status, force } = save.active {
            if let Some(other) = held.filter(|held| *held != save.session && !force)
                && !self.ended(&other)
            {
                return super::elsewhere(other);
            }
            self.active.insert(user, (save.session.clone(), status));
        } else if save.active == ActiveChange::Delete && held.as_ref() == Some(&save.session) {
            self.active.remove(&user);
        }
        let known = self
            .sessions
            .entry(save.session.clone())
            .or_insert_with(|| Session {
                row: save.row.clone(),
                generation: save.fence.generation,
                events: Vec::new(),
            });
        known.row = save.row.clone();
        known.generation = save.fence.generation;
        let new = save.events.iter().filter(|event| event.seq.0 > stored);
        known.events.extend(new.cloned());
        Saved::Committed(save.row.seq)
    }

    fn goes_back(&self, save: &Save) -> bool {
        self.sessions
            .get(&save.session)
            .is_some_and(|known| save.row.status < known.row.status)
    }

    fn next(&self, dice: &mut Dice) -> Save {
        let session = format!("s{}", dice.roll(5));
        // Two sessions share a candidate.
        let user = format!("u{}", dice.roll(2) + u64::from(session == "s4"));
        let known = self.sessions.get(&sid(&session));
        let stored = known.map_or(0, |known| known.row.seq.0);
        let from = (stored + 1).saturating_sub(dice.roll(3)).max(1);
        let from = if dice.chance(5) { from + 1 } else { from };
        let mut upto = from - 1 + dice.roll(4);
        if dice.chance(5) {
            upto = upto.saturating_sub(4);
        }
        let mut next = save(&session, &user, upto);
        next.events = (from..=upto).map(event).collect();
        if next.events.is_empty() && dice.chance(90) {
            next.row.seq = Seq(stored);
        }
        if dice.chance(4)
            && let Some(first) = next.events.first_mut()
        {
            first.body = "{\"other\":1}".into();
        }
        let generation = known.map_or(1, |known| known.generation.0);
        next.fence.generation = Generation(match dice.roll(20) {
            0 => generation + 1,
            1 => generation.saturating_sub(1),
            _ => generation,
        });
        if dice.chance(3) && known.is_some() {
            next.fence.boot = boot("b7");
        }
        next.row.epoch = Epoch(if dice.chance(3) { 0 } else { 1 });
        let at_least = known.map_or(Status::Scheduled, |known| known.row.status);
        let word = dice.roll(3) as usize;
        let status = if dice.chance(90) {
            Status::ALL[word].max(at_least)
        } else {
            Status::ALL[word]
        };
        next.row.status = status;
        if status == Status::Ended || dice.chance(6) {
            let reasons = [EndReason::Completed, EndReason::Abandoned];
            next.row.status = Status::Ended;
            next.row.reason = Some(reasons[usize::from(dice.chance(30))]);
            next.row.ended_at = Some(NOW.after(dice.roll(50)));
            next.row.duration_ms = Some(dice.roll(1000));
            next.row.deadline_at = None;
            next.report = dice
                .chance(50)
                .then(|| format!("report {}", dice.roll(9)).into());
        }
        self.extras(&mut next, dice);
        next
    }

    fn extras(&self, next: &mut Save, dice: &mut Dice) {
        next.active = match (next.row.status, dice.roll(4)) {
            (Status::Ended, 0) => ActiveChange::Keep,
            (Status::Ended, _) => ActiveChange::Delete,
            (status @ (Status::Active | Status::Completing), 0..=2) => ActiveChange::Upsert {
                status,
                force: dice.chance(20),
            },
            _ => ActiveChange::Keep,
        };
        if dice.chance(30) {
            next.participants = vec![
                seat("ana", 1, Role::Candidate),
                seat("bob", 2, Role::Observer),
            ];
            next.participants[1].generation = Generation(dice.roll(9) as u32);
        }
        if dice.chance(30) {
            next.answers = vec![answer(&format!("q{}", dice.roll(3)), dice.roll(3) as u32)];
        }
        next.segments = next
            .events
            .iter()
            .filter(|_| dice.chance(30))
            .map(|e| segment(e.seq.0))
            .collect();
        if dice.chance(30) {
            let reply = format!("{{\"n\":{}}}", dice.roll(9));
            next.requests = vec![request("ana", &format!("r{}", dice.roll(5)), &reply)];
        }
    }
}

fn world(seed: u64, steps: u32) {
    let mut dice = Dice(seed);
    let mut model = Model::default();
    let (memory, sqlite) = (Rig::memory(), Rig::sqlite());
    let mut past: Vec<Save> = Vec::new();
    let mut kinds = BTreeMap::<&str, u32>::new();
    for step in 0..steps {
        let old = (!past.is_empty() && dice.chance(15)).then(|| dice.roll(past.len() as u64));
        let save = match old {
            Some(at) => past[at as usize].clone(),
            None => model.next(&mut dice),
        };
        let expected = model.expect(&save);
        *kinds
            .entry(match expected {
                Saved::Committed(_) => "committed",
                Saved::ActiveElsewhere(_) => "elsewhere",
                Saved::Fenced => "fenced",
                Saved::Temporary => "temporary",
                Saved::Rejected => "rejected",
            })
            .or_default() += 1;
        for rig in [&memory, &sqlite] {
            assert_eq!(
                super::plain(rig.save(&save)),
                expected,
                "seed {seed} step {step}: {save:#?}"
            );
        }
        past.push(save);
    }
    assert!(
        ["committed", "elsewhere", "fenced", "rejected"]
            .iter()
            .all(|kind| kinds.contains_key(kind)),
        "{kinds:?}"
    );
    compare(&model, &memory, &sqlite);
}

fn compare(model: &Model, memory: &Rig, sqlite: &Rig) {
    let (one, two) = (memory.store(), sqlite.store());
    for (id, known) in &model.sessions {
        let loaded = one.load(id).unwrap().unwrap();
        assert_eq!(
            (&loaded.row, loaded.fence.generation),
            (&known.row, known.generation)
        );
        assert_eq!(one.log(id, Seq(0), usize::MAX).unwrap(), known.events);
        assert_eq!(Some(loaded), two.load(id).unwrap());
        assert_eq!(two.log(id, Seq(0), usize::MAX).unwrap(), known.events);
        assert_eq!(one.answers(id).unwrap(), two.answers(id).unwrap());
        assert_eq!(one.segments(id).unwrap(), two.segments(id).unwrap());
        assert_eq!(one.participants(id).unwrap(), two.participants(id).unwrap());
        assert_eq!(one.report(id).unwrap(), two.report(id).unwrap());
    }
    for user in ["u0", "u1", "u2"].map(uid) {
        let row = one.active_of(&user).unwrap();
        assert_eq!(row, two.active_of(&user).unwrap());
        let held = row.map(|row| (row.session, row.status));
        assert_eq!(held, model.active.get(&user).cloned());
    }
}

#[test]
fn random_saves_end_in_the_same_rows_everywhere() {
    for seed in 1..=6 {
        world(seed, 250);
    }
}

#[test]
fn faults_of_the_simulator_write_exactly_what_they_say() {
    let save = super::start("s1", "ana");
    for (fault, answer, written) in [
        (Fault::None, Some(Saved::Committed(Seq(1))), true),
        (Fault::Away, Some(Saved::Temporary), false),
        (Fault::Lost, None, false),
        (Fault::AnswerLost, None, true),
        (Fault::Uncertain, Some(Saved::Temporary), true),
    ] {
        let mut tables = Tables::new();
        assert_eq!(tables.apply_under(&save, fault), answer, "{fault:?}");
        assert_eq!(tables.load(&sid("s1")).is_some(), written, "{fault:?}");
        assert_eq!(tables.apply(&save), Saved::Committed(Seq(1)), "{fault:?}");
    }
}
