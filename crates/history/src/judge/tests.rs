//! A history that holds, and the smallest change to it that breaks each promise.

mod orphans;

use super::{Limits, Promise, judge};
use crate::entry::{Entry, Makes, What};

/// Two members of one session, a cut, a resume, an end.
fn good() -> Vec<Entry> {
    let mut run = Run::default();
    run.open(1, "ana").open(2, "ben");
    run.join(1, 1, None, 0).join(2, 2, None, 0);
    run.invoke(1, 2, "answer:done", Some("a1"));
    run.event(1, 1, 0, "q1").event(2, 1, 0, "q1");
    run.answer(1, 2, true, "{}");
    run.at(100).push(What::Close {
        conn: 1,
        code: None,
    });
    run.event(2, 2, 1, "q2");
    run.open(3, "ana")
        .join(3, 1, Some(1), 2)
        .event(3, 2, 1, "q2");
    // The answer was lost: asked again, answered the same, done once.
    run.invoke(3, 2, "answer:done", Some("a1"))
        .answer(3, 2, true, "{}");
    run.push(What::Down).at(5_000).push(What::Up);
    run.push(What::Peace).at(11_000).push(What::Over);
    run.row("active", None, 2).stored(1, "q1").stored(2, "q2");
    run.entries
}

#[derive(Default)]
struct Run {
    entries: Vec<Entry>,
    now: u64,
}

impl Run {
    fn at(&mut self, at: u64) -> &mut Self {
        self.now = at;
        self
    }

    fn push(&mut self, what: What) -> &mut Self {
        self.now += 1;
        self.entries.push(Entry { at: self.now, what });
        self
    }

    fn open(&mut self, conn: u64, user: &str) -> &mut Self {
        let user = user.into();
        self.push(What::Open { conn, user })
    }

    fn invoke(&mut self, conn: u64, reference: u64, event: &str, id: Option<&str>) -> &mut Self {
        let makes = (event == "answer:done").then(|| Makes {
            event: "question:closed".into(),
            holds: Some(r#""questionId":"q1""#.into()),
        });
        self.push(What::Invoke {
            conn,
            session: "s1".into(),
            reference,
            event: event.into(),
            id: id.map(Into::into),
            from: None,
            makes,
            canary: (reference == 2).then(|| "canary:s1:q1".into()),
        })
    }

    fn join(&mut self, conn: u64, reference: u64, from: Option<u64>, seq: u64) -> &mut Self {
        self.push(What::Invoke {
            conn,
            session: "s1".into(),
            reference,
            event: "session:join".into(),
            id: None,
            from,
            makes: None,
            canary: None,
        });
        self.push(What::Joined {
            conn,
            session: "s1".into(),
            role: if conn == 2 { 2 } else { 1 },
            epoch: 1,
            seq,
            recovered: from.is_some(),
            status: "active".into(),
        });
        self.answer(conn, reference, true, "{}")
    }

    fn answer(&mut self, conn: u64, reference: u64, ok: bool, body: &str) -> &mut Self {
        let body = body.into();
        self.push(What::Answer {
            conn,
            reference,
            ok,
            body,
        })
    }

    fn event(&mut self, conn: u64, seq: u64, prev: u64, text: &str) -> &mut Self {
        self.push(What::Receive {
            conn,
            session: "s1".into(),
            event: "question:closed".into(),
            seq: Some(seq),
            prev: Some(prev),
            provisional: false,
            body: body(text),
        })
    }

    /// Nobody looks any more; the session of one event has ended.
    fn over_and_ended(&mut self, reason: &str, ended_at: u64) -> &mut Self {
        self.push(What::Over).push(What::Row {
            session: "s1".into(),
            status: "ended".into(),
            reason: Some(reason.into()),
            epoch: 1,
            seq: 1,
            ended_at: Some(ended_at),
            active: false,
        });
        self.stored(1, "q1")
    }

    fn row(&mut self, status: &str, reason: Option<&str>, seq: u64) -> &mut Self {
        self.push(What::Row {
            session: "s1".into(),
            status: status.into(),
            reason: reason.map(Into::into),
            epoch: 1,
            seq,
            ended_at: None,
            active: false,
        })
    }

    fn stored(&mut self, seq: u64, text: &str) -> &mut Self {
        self.push(What::Stored {
            session: "s1".into(),
            seq,
            to: 7,
            body: body(text),
        })
    }
}

fn body(text: &str) -> std::sync::Arc<str> {
    format!(r#"{{"questionId":"{text}","text":"canary:s1:q1","type":"question:closed"}}"#).into()
}

/// Which promises a changed history breaks.
fn broken(change: impl FnOnce(&mut Vec<Entry>)) -> Vec<Promise> {
    let mut entries = good();
    change(&mut entries);
    let verdict = judge(&entries, Limits::default());
    println!("{verdict}");
    let mut found: Vec<Promise> = verdict.violations.iter().map(|v| v.promise).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn place(entries: &[Entry], fits: impl Fn(&What) -> bool) -> usize {
    entries.iter().position(|entry| fits(&entry.what)).unwrap()
}

fn after(entries: &mut Vec<Entry>, fits: impl Fn(&What) -> bool, what: What) {
    let at = place(entries, fits);
    let entry = Entry {
        at: entries[at].at,
        what,
    };
    entries.insert(at + 1, entry);
}

fn is_event(of: u64, place: u64) -> impl Fn(&What) -> bool {
    move |what| matches!(what, What::Receive { conn, seq, .. } if *conn == of && *seq == Some(place))
}

fn is_stored(place: u64) -> impl Fn(&What) -> bool {
    move |what| matches!(what, What::Stored { seq, .. } if *seq == place)
}

fn is_row(what: &What) -> bool {
    matches!(what, What::Row { .. })
}

fn ended(conn: u64, reason: &str) -> What {
    What::Ended {
        conn,
        session: "s1".into(),
        reason: reason.into(),
        recorded: true,
    }
}

#[test]
fn a_history_in_which_all_is_well_breaks_no_promise() {
    assert_eq!(broken(|_| {}), []);
}

#[test]
fn p1_an_acknowledged_event_that_is_not_in_the_record() {
    // Told and lost from the end of the log.
    let lost = broken(|all| {
        let at = place(all, is_stored(2));
        all.remove(at);
    });
    assert_eq!(lost, [Promise::P1]);
    // Acknowledged, and its effect is nowhere.
    let promised = broken(|all| {
        for entry in all.iter_mut() {
            match &mut entry.what {
                What::Stored { seq: 1, body, .. }
                | What::Receive {
                    seq: Some(1), body, ..
                } => {
                    *body = body_of_nothing();
                }
                _ => {}
            }
        }
    });
    assert_eq!(promised, [Promise::P1]);
    // A hole.
    let hole = broken(|all| {
        let at = place(all, is_stored(1));
        all.remove(at);
    });
    assert_eq!(hole, [Promise::P1]);
}

fn body_of_nothing() -> std::sync::Arc<str> {
    r#"{"type":"question:asked"}"#.into()
}

#[test]
fn p2_a_word_of_a_session_to_somebody_who_is_not_in_it() {
    let stranger = broken(|all| {
        let open = What::Open {
            conn: 9,
            user: "eve".into(),
        };
        after(all, is_event(2, 2), open);
        let heard = What::Receive {
            conn: 9,
            session: "s1".into(),
            event: "question:closed".into(),
            seq: Some(2),
            prev: Some(1),
            provisional: false,
            body: body("q2"),
        };
        after(
            all,
            |what| matches!(what, What::Open { conn: 9, .. }),
            heard,
        );
        after(
            all,
            |what| matches!(what, What::Receive { conn: 9, .. }),
            What::Close {
                conn: 9,
                code: None,
            },
        );
    });
    assert_eq!(stranger, [Promise::P2]);
    let mark = broken(|all| {
        let other = What::Receive {
            conn: 2,
            session: "s1".into(),
            event: "transcription:result".into(),
            seq: None,
            prev: None,
            provisional: false,
            body: "canary:s2:q1".into(),
        };
        after(all, is_event(2, 2), other);
    });
    assert_eq!(mark, [Promise::P2]);
}

#[test]
fn p3_a_silent_gap_and_a_word_after_the_last_one() {
    let gap = broken(|all| {
        let at = place(all, is_event(2, 1));
        all.remove(at);
    });
    assert_eq!(gap, [Promise::P3]);
    let after_end = broken(|all| {
        let left = What::Left {
            conn: 2,
            session: "s1".into(),
        };
        let at = place(all, is_event(2, 2));
        all.insert(
            at,
            Entry {
                at: all[at].at,
                what: left,
            },
        );
    });
    assert_eq!(after_end, [Promise::P3]);
}

#[test]
fn a_join_where_one_sits_already_is_answered_and_no_longer_waited_for() {
    let mut run = Run::default();
    run.open(1, "ana").join(1, 1, None, 0);
    run.invoke(1, 2, "session:join", None)
        .answer(1, 2, true, "{}");
    run.push(What::Left {
        conn: 1,
        session: "s1".into(),
    });
    run.join(1, 3, Some(0), 0);
    let verdict = judge(&run.entries, Limits::default());
    assert!(verdict.holds(), "{:?}", verdict.violations);
}

#[test]
fn who_takes_a_seat_and_leaves_before_the_news_of_it_arrives_had_it_all_the_same() {
    let mut run = Run::default();
    run.open(1, "ana").join(1, 1, None, 0);
    run.open(2, "ana").at(100).join(2, 1, None, 0);
    run.at(5_000)
        .invoke(1, 3, "session:join", None)
        .invoke(1, 4, "user:visibility", None)
        .answer(1, 3, true, "{}")
        .answer(1, 4, true, "{}");
    let verdict = judge(&run.entries, Limits::default());
    assert!(verdict.holds(), "{:?}", verdict.violations);
    // The one before has lost the seat by it.
    let mut before = run.entries.clone();
    run.at(7_000)
        .invoke(2, 3, "user:visibility", None)
        .answer(2, 3, true, "{}");
    let verdict = judge(&run.entries, Limits::default());
    let promises = verdict.violations.iter().map(|broken| broken.promise);
    assert_eq!(promises.collect::<Vec<_>>(), [Promise::P5]);
    std::mem::swap(&mut run.entries, &mut before);
    // Without the join it is a connection that is served where another one sits.
    run.entries.retain(|entry| {
        !matches!(
            &entry.what,
            What::Invoke { reference: 3, .. } | What::Answer { reference: 3, .. }
        )
    });
    let verdict = judge(&run.entries, Limits::default());
    assert!(!verdict.holds());
}

#[test]
fn p2_sound_before_the_answer_to_ones_join() {
    let sound = |conn| What::Receive {
        conn,
        session: "s1".into(),
        event: "audio:received".into(),
        seq: None,
        prev: None,
        provisional: false,
        body: "".into(),
    };
    let promises = |run: &Run| -> Vec<Promise> {
        let verdict = judge(&run.entries, Limits::default());
        verdict.violations.iter().map(|v| v.promise).collect()
    };
    let mut run = Run::default();
    run.open(1, "ana").join(1, 1, None, 0).push(sound(1));
    assert_eq!(promises(&run), []);
    // Asked, and not answered yet.
    run.open(2, "ben").invoke(2, 1, "session:join", None);
    run.push(sound(2));
    assert_eq!(promises(&run), [Promise::P2]);
    // The same on the way back into a session that was left.
    let mut run = Run::default();
    run.open(1, "ana").join(1, 1, None, 0).push(What::Left {
        conn: 1,
        session: "s1".into(),
    });
    run.invoke(1, 3, "session:join", None).push(sound(1));
    assert_eq!(promises(&run), [Promise::P2]);
}

#[test]
fn p4_two_members_who_hear_two_orders() {
    let differs = broken(|all| {
        let at = place(all, is_event(3, 2));
        if let What::Receive { body, .. } = &mut all[at].what {
            *body = body_of_nothing();
        }
    });
    assert_eq!(differs, [Promise::P4]);
    let backwards = broken(|all| {
        let (first, second) = (place(all, is_event(2, 1)), place(all, is_event(2, 2)));
        // The hole that this makes is told as one, by `prev`.
        all.swap(first, second);
        if let What::Receive { prev, .. } = &mut all[first].what {
            *prev = Some(0);
        }
    });
    assert_eq!(backwards, [Promise::P4]);
}

#[test]
fn p5_a_replaced_connection_that_still_hears() {
    let both = broken(|all| {
        // The first connection never closes, and hears the next event long after the second joined.
        all.retain(|entry| !matches!(entry.what, What::Close { conn: 1, .. }));
        let late = What::Receive {
            conn: 1,
            session: "s1".into(),
            event: "question:closed".into(),
            seq: Some(2),
            prev: Some(1),
            provisional: false,
            body: body("q2"),
        };
        after(all, |what| matches!(what, What::Up), late);
    });
    assert_eq!(both, [Promise::P5]);
}

#[test]
fn p6_two_reasons_and_a_way_back() {
    let told = broken(|all| {
        let at = place(all, is_row);
        all[at].what = What::Row {
            session: "s1".into(),
            status: "ended".into(),
            reason: Some("abandoned".into()),
            epoch: 1,
            seq: 2,
            ended_at: None,
            active: false,
        };
        for conn in [2, 3] {
            after(all, is_event(3, 2), ended(conn, "completed"));
        }
        all.retain(|entry| {
            !matches!(
                entry.what,
                What::Invoke {
                    conn: 3,
                    reference: 2,
                    ..
                } | What::Answer {
                    conn: 3,
                    reference: 2,
                    ..
                }
            )
        });
    });
    assert_eq!(told, [Promise::P6]);
    let two = broken(|all| {
        after(all, is_event(3, 2), ended(3, "completed"));
        after(all, is_event(3, 2), ended(2, "abandoned"));
    });
    assert_eq!(two, [Promise::P6]);
    let back = broken(|all| {
        let before = What::Row {
            session: "s1".into(),
            status: "completing".into(),
            reason: None,
            epoch: 1,
            seq: 1,
            ended_at: None,
            active: true,
        };
        after(all, |what| matches!(what, What::Peace), before);
    });
    assert_eq!(back, [Promise::P6]);
}

#[test]
fn p8_a_second_delivery_a_second_answer_and_a_second_effect() {
    let delivery = broken(|all| {
        let at = place(all, is_event(2, 2));
        let again = all[at].clone();
        all.insert(at + 1, again);
    });
    assert_eq!(delivery, [Promise::P8]);
    let answer = broken(|all| {
        let at = place(all, |what| {
            matches!(
                what,
                What::Answer {
                    conn: 3,
                    reference: 2,
                    ..
                }
            )
        });
        let again = all[at].clone();
        all.insert(at + 1, again);
    });
    assert_eq!(answer, [Promise::P8]);
    let other = broken(|all| {
        let at = place(all, |what| {
            matches!(
                what,
                What::Answer {
                    conn: 3,
                    reference: 2,
                    ..
                }
            )
        });
        if let What::Answer { body, .. } = &mut all[at].what {
            *body = r#"{"deadlineAt":1}"#.into();
        }
    });
    assert_eq!(other, [Promise::P8]);
    // By another process too, and also where nothing is promised about the log.
    let later = broken(|all| {
        let moments = [
            place(all, |what| matches!(what, What::Peace)),
            place(all, |what| matches!(what, What::Down)),
        ];
        for (reference, at) in (8..).zip(moments) {
            let asked = What::Invoke {
                conn: 3,
                session: "s1".into(),
                reference,
                event: "transcription:request".into(),
                id: Some("t1".into()),
                from: None,
                makes: None,
                canary: None,
            };
            let answered = What::Answer {
                conn: 3,
                reference,
                ok: true,
                body: format!(r#"{{"requestId":{reference}}}"#).into(),
            };
            let time = all[at].at;
            let both = [asked, answered].map(|what| Entry { at: time, what });
            all.splice(at..at, both);
        }
    });
    assert_eq!(later, [Promise::P8]);
    let effect = broken(|all| {
        for entry in all.iter_mut() {
            match &mut entry.what {
                What::Stored {
                    seq: 2, body: it, ..
                }
                | What::Receive {
                    seq: Some(2),
                    body: it,
                    ..
                } => {
                    *it = body("q1");
                }
                _ => {}
            }
        }
    });
    assert_eq!(effect, [Promise::P8]);
}

#[test]
fn p9_a_member_that_does_not_have_all_after_peace() {
    let behind = broken(|all| {
        let at = place(all, is_event(3, 2));
        all.remove(at);
    });
    assert_eq!(behind, [Promise::P9]);
    let silent = broken(|all| {
        let at = place(all, |what| {
            matches!(
                what,
                What::Answer {
                    conn: 3,
                    reference: 2,
                    ..
                }
            )
        });
        all.remove(at);
    });
    assert_eq!(silent, [Promise::P9]);
    let degraded = broken(|all| {
        let on = What::Degraded {
            conn: 2,
            session: "s1".into(),
            on: true,
            seq: None,
        };
        after(all, is_event(2, 2), on);
    });
    assert_eq!(degraded, [Promise::P9]);
}

#[test]
fn p9_two_members_who_know_two_things_of_who_is_there() {
    let told = |conn: u64, whole: bool, member: u64, state: &str| What::Members {
        conn,
        session: "s1".into(),
        whole,
        members: vec![(member, state.into())],
    };
    let holds = |last: What| {
        broken(|all| {
            let words = [
                told(2, true, 1, "connected"),
                told(3, true, 1, "connected"),
                told(2, false, 4, "disconnected"),
                last,
            ];
            let at = place(all, |what| matches!(what, What::Peace));
            let time = all[at].at;
            all.splice(at..at, words.map(|what| Entry { at: time, what }));
        })
    };
    assert_eq!(holds(told(3, false, 4, "disconnected")), []);
    assert_eq!(holds(told(2, false, 4, "left")), []);
    assert_eq!(holds(told(3, false, 4, "connected")), [Promise::P9]);
    assert_eq!(holds(told(3, false, 4, "left")), [Promise::P9]);
}

#[test]
fn p10_words_nobody_said_and_answers_nobody_asked_for() {
    let mark = broken(|all| {
        for entry in all.iter_mut() {
            if let What::Invoke { canary, .. } = &mut entry.what {
                *canary = None;
            }
        }
    });
    assert_eq!(mark, [Promise::P10]);
    let answer = broken(|all| {
        let at = place(all, |what| {
            matches!(
                what,
                What::Answer {
                    conn: 3,
                    reference: 2,
                    ..
                }
            )
        });
        if let What::Answer { reference, .. } = &mut all[at].what {
            *reference = 77;
        }
        let at = place(all, |what| {
            matches!(
                what,
                What::Invoke {
                    conn: 3,
                    reference: 2,
                    ..
                }
            )
        });
        all.remove(at);
    });
    assert_eq!(answer, [Promise::P10]);
    let changed = broken(|all| {
        let at = place(all, is_stored(2));
        if let What::Stored { body, .. } = &mut all[at].what {
            *body = body_of_nothing();
        }
    });
    assert_eq!(changed, [Promise::P10]);
}

#[test]
fn a_history_says_which_promises_it_says_nothing_about() {
    let verdict = judge(&good(), Limits::default());
    assert_eq!(verdict.acknowledged, 2);
    assert_eq!(verdict.received, 4);
    assert_eq!(verdict.untested(), [Promise::P5, Promise::P7]);
}
