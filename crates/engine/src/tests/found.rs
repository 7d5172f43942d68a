//! Cases that simulated worlds found, in their smallest form.

use protocol::client::ClientMessage;
use protocol::error::ErrorCode;
use protocol::value::{PlanOptions, Role};

use super::*;

impl World {
    /// Generations of the seats given since the last time of asking.
    fn generations(&mut self) -> Vec<u32> {
        let effects = std::mem::take(&mut self.effects);
        let given = effects
            .iter()
            .filter_map(|line| line.split_once("generation: Generation("));
        given
            .filter_map(|(_, rest)| rest.split(')').next()?.parse().ok())
            .collect()
    }
}

#[test]
fn a_seat_given_up_and_taken_anew_has_a_higher_generation() {
    let mut w = World::new();
    let (ana, ben) = (who("ana"), guest("ben", Role::Interviewer, "s1"));
    w.join(1, &ana, "s1");
    w.join(2, &ben, "s1");
    w.message(2, &ben, "s1", ClientMessage::Leave);
    w.join(3, &ben, "s1");
    assert_eq!(w.generations(), [1, 2, 3]);
}

#[test]
fn an_ok_that_changes_nothing_is_still_remembered_across_a_restart() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.flushes = false;
    w.message(1, &ana, "s1", ClientMessage::End);
    w.store = StoreMode::Silent;
    w.sent(1);
    w.request(1, &ana, "s1", ClientMessage::End, Some("again"));
    assert!(w.sent(1).is_empty());
    assert_eq!(w.waiting[0].1.requests.len(), 1);
}

#[test]
fn a_piece_of_audio_sent_twice_with_one_id_is_recognised_once() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.effects.clear();
    let piece = protocol::client::TranscribeRequest {
        audio: Default::default(),
        format: protocol::client::AudioFormat::Pcm16,
        sample_rate: 16_000,
    };
    for _ in 0..2 {
        let message = ClientMessage::Transcribe(Box::new(piece.clone()));
        w.request(1, &ana, "s1", message, Some("piece"));
    }
    let asked = w.effects.iter().filter(|e| e.contains("TranscribeOnce"));
    assert_eq!(asked.count(), 1);
}

#[test]
fn a_piece_of_audio_asked_for_again_after_a_restart_has_its_number_and_comes_again() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    let piece = || {
        ClientMessage::Transcribe(Box::new(protocol::client::TranscribeRequest {
            audio: Default::default(),
            format: protocol::client::AudioFormat::Pcm16,
            sample_rate: 16_000,
        }))
    };
    let number = |w: &mut World| -> Vec<String> {
        let of = |effect: &String| effect.contains("TranscribeOnce");
        let asked = w.effects.iter().filter(|effect| of(effect)).cloned();
        let asked: Vec<String> = asked
            .map(|effect| {
                let (_, rest) = effect.split_once("request: ").unwrap();
                rest.split(',').next().unwrap().to_owned()
            })
            .collect();
        w.effects.retain(|effect| !of(effect));
        asked
    };
    w.request(1, &ana, "s1", piece(), None);
    w.request(1, &ana, "s1", piece(), Some("p"));
    assert_eq!(number(&mut w), ["1", "2"]);
    w.restart_after(1_000);
    w.resume(2, &ana, "s1", 1, 2);
    w.request(2, &ana, "s1", piece(), Some("p"));
    assert_eq!(number(&mut w), ["2"]);
    w.request(2, &ana, "s1", piece(), Some("another"));
    assert_eq!(number(&mut w), ["3"]);
}

#[test]
fn a_recognition_that_outlives_its_line_reaches_the_page_that_comes_back() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    let piece = protocol::client::TranscribeRequest {
        audio: Default::default(),
        format: protocol::client::AudioFormat::Pcm16,
        sample_rate: 16_000,
    };
    let message = ClientMessage::Transcribe(Box::new(piece));
    w.request(1, &ana, "s1", message, Some("p"));
    w.lose(1, "s1");
    w.resume(2, &ana, "s1", 1, 2);
    w.sent(2);
    let result = Ok(("words".to_owned(), Vec::new(), 0.9));
    let report = SpeechReport::Once { request: 1, result };
    w.input(Input::Speech {
        session: id("s1"),
        report,
    });
    assert_eq!(w.sent(2).len(), 1, "the result");
}

#[test]
fn takeovers_are_counted_over_any_ten_seconds() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.join(2, &ana, "s1");
    w.wait(9_000);
    w.join(3, &ana, "s1");
    w.join(4, &ana, "s1");
    w.wait(1_500);
    w.join(5, &ana, "s1");
    w.join(6, &ana, "s1");
    assert_eq!(w.sent(6), ["error takeover_storm"]);
    assert_eq!(w.sent(5)[0], "joined scheduled recovered=false");
}

#[test]
fn a_session_made_while_the_records_cannot_be_read_never_overwrites_one_that_is_there() {
    let mut w = World::new();
    let ana = who("ana");
    w.create("s1", room_of("ana", &[], None));
    w.wait(1_000);
    assert!(w.node.is_empty());
    w.store = StoreMode::Silent;
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    assert_eq!(w.waiting[0].1.fence.generation, Generation(0));
}

#[test]
fn who_joins_while_words_wait_is_shown_what_is_stored_and_given_the_rest_marked() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.store = StoreMode::Silent;
    w.start(1, &ana, "s1");
    w.join(2, &guest("oz", Role::Observer, "s1"), "s1");
    w.wait(1_000);
    assert_eq!(
        w.sent(2),
        [
            "joined active recovered=false",
            "~0<1 session:status:updated active",
            "~1<2 question:asked q1",
            "ok",
            "degraded true",
        ]
    );
    w.join(3, &guest("ivy", Role::Interviewer, "s1"), "s1");
    assert_eq!(
        w.sent(3),
        [
            "joined active recovered=false",
            "~0<1 session:status:updated active",
            "~1<2 question:asked q1",
            "ok",
        ]
    );
    w.store_catches_up();
    assert_eq!(w.sent(3), ["degraded false 2"]);
}

#[test]
fn who_comes_back_while_words_wait_misses_none_when_they_go_out_early() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.lose(1, "s1");
    w.store = StoreMode::Silent;
    w.says("s1", 1, "unstored", 10);
    w.resume(2, &ana, "s1", 1, 2);
    w.wait(1_000);
    let sent = w.sent(2);
    assert!(
        sent.contains(&"~2<3 transcription:result q1 unstored".to_owned()),
        "{sent:?}"
    );
}

#[test]
fn a_replaced_page_hears_nothing_of_what_still_waits() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.store = StoreMode::Silent;
    w.start(1, &ana, "s1");
    w.join(2, &guest("oz", Role::Observer, "s1"), "s1");
    w.sent(1);
    w.join(3, &ana, "s1");
    w.store_catches_up();
    // The answer to its own request is still owed: it may live on in another session.
    assert_eq!(w.sent(1), ["replaced", "close 4409", "ok"]);
}

#[test]
fn joining_twice_while_missed_events_are_read_does_not_run_ahead_of_them() {
    let mut w = World::with(|config| config.ring_bytes = 300);
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.lose(1, "s1");
    for n in 0..6 {
        w.says("s1", 1, &format!("word{n}"), n * 10);
    }
    w.reads_wait = true;
    w.resume(2, &ana, "s1", 1, 2);
    w.sent(2);
    w.join(2, &ana, "s1");
    assert_eq!(w.sent(2), ["ok"]);
}

#[test]
fn a_log_read_in_pieces_counts_hidden_events_as_nobodys() {
    let mut w = World::with(|config| config.ring_bytes = 1);
    let options = PlanOptions {
        candidate_sees_transcript: false,
        ..PlanOptions::default()
    };
    let plan = plan(&[("q1", 120), ("q2", 120)], options);
    w.create("s1", room_of("ana", &[], Some(plan)));
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.message(
        1,
        &ana,
        "s1",
        ClientMessage::Start {
            plan: None,
            questions: None,
        },
    );
    w.lose(1, "s1");
    w.says("s1", 1, "hidden", 10);
    w.says("s1", 1, "too", 20);
    w.join(2, &ana, "s1");
    w.message(
        2,
        &ana,
        "s1",
        ClientMessage::AnswerDone {
            question: None,
            skip: false,
        },
    );
    w.lose(2, "s1");
    w.log_rows = 1;
    w.resume(3, &ana, "s1", 2, 2);
    let sent = w.sent(3);
    assert!(
        sent.contains(&"2<5 question:closed q1 answered".to_owned()),
        "{sent:?}"
    );
}

#[test]
fn a_scheduled_session_read_back_after_its_time_expires_at_once() {
    let mut w = World::with(|config| config.scheduled_ttl_ms = 5_000);
    w.create("s1", room_of("ana", &[], None));
    assert!(w.node.is_empty());
    w.wait(6_000);
    let loaded = Box::new(w.rows[&id("s1")].clone());
    w.input(Input::Recover { loaded });
    w.wait(1);
    assert_eq!(w.stored_reason("s1"), Some(EndReason::Expired));
    assert!(w.node.is_empty());
}

#[test]
fn an_end_the_store_calls_impossible_is_written_anew_as_our_fault() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.store = StoreMode::Silent;
    w.end_by_api("s1");
    let (effect, save) = w.waiting.remove(0);
    let session = save.session.clone();
    w.store = StoreMode::Commits;
    w.input(Input::StoreReplied {
        id: effect,
        session,
        saved: Saved::Rejected,
    });
    assert_eq!(w.stored_reason("s1"), Some(EndReason::InternalError));
    assert!(w.node.is_empty());
}

#[test]
fn a_page_replaced_while_the_session_was_read_does_not_take_its_seat_back() {
    let mut w = World::new();
    let ana = who("ana");
    w.loads_wait = true;
    w.join(1, &ana, "s1");
    w.join(2, &ana, "s1");
    w.join(1, &ana, "s1");
    let (effect, session) = w.loads.remove(0);
    w.input(Input::SessionLoaded {
        id: effect,
        session,
        found: Found::Nothing,
    });
    assert!(w.sent(1).ends_with(&["error not_in_session".to_owned()]));
    assert_eq!(w.sent(2), ["joined scheduled recovered=false", "ok"]);
}

#[test]
fn a_fault_in_an_outage_says_that_the_log_is_well_and_what_was_told_early_is_void() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.store = StoreMode::Silent;
    w.says("s1", 1, "unstored", 10);
    w.wait(1_000);
    w.sent(1);
    let (effect, save) = w.waiting.remove(0);
    w.input(Input::StoreReplied {
        id: effect,
        session: save.session.clone(),
        saved: Saved::Rejected,
    });
    assert_eq!(w.sent(1), ["degraded false 2"]);
    w.store_catches_up();
    w.wait(10_000);
    assert_eq!(w.stored_reason("s1"), Some(EndReason::InternalError));
}

#[test]
fn an_ok_without_an_event_waits_for_its_own_row_behind_a_save_under_way() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.flushes = false;
    w.store = StoreMode::Silent;
    w.message(1, &ana, "s1", ClientMessage::End);
    w.request(1, &ana, "s1", ClientMessage::End, Some("again"));
    w.says("s1", 1, "late", 10);
    w.sent(1);
    let (effect, save) = w.waiting.remove(0);
    assert!(save.requests.is_empty());
    w.commit(effect, save);
    w.drain();
    let oks = |sent: Vec<String>| sent.iter().filter(|line| *line == "ok").count();
    assert_eq!(oks(w.sent(1)), 1);
    let (effect, save) = w.waiting.remove(0);
    assert_eq!(save.requests.len(), 1);
    w.commit(effect, save);
    w.drain();
    assert_eq!(oks(w.sent(1)), 1);
}

#[test]
fn the_end_is_said_after_what_a_member_missed() {
    let mut w = World::with(|config| config.ring_bytes = 1);
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.join(2, &guest("oz", Role::Observer, "s1"), "s1");
    w.lose(1, "s1");
    w.says("s1", 1, "missed", 10);
    w.reads_wait = true;
    w.resume(3, &ana, "s1", 1, 2);
    w.end_by_api("s1");
    assert!(!w.sent(2).concat().contains("session_ended"));
    // The read never comes: the page is sent to come back, nobody waits for it any longer.
    w.wait(5_000);
    assert!(w.sent(2).concat().contains("session_ended"));
    assert_eq!(w.sent(3).last().unwrap(), "close 1011");
    assert!(w.node.is_empty());
}

#[test]
fn who_joins_during_a_start_that_is_refused_is_not_shown_it() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.join(2, &ana, "s2");
    w.store = StoreMode::Silent;
    w.start(2, &ana, "s2");
    w.join(3, &guest("oz", Role::Observer, "s2"), "s2");
    w.store_catches_up();
    assert_eq!(w.sent(3)[0], "joined scheduled recovered=false");
}

#[test]
fn who_left_and_came_back_while_words_waited_is_given_each_of_them_once() {
    let mut w = World::new();
    let (ana, oz) = (who("ana"), guest("oz", Role::Observer, "s1"));
    w.join(1, &ana, "s1");
    w.store = StoreMode::Silent;
    w.start(1, &ana, "s1");
    w.join(2, &oz, "s1");
    w.message(2, &oz, "s1", ClientMessage::Leave);
    w.join(2, &oz, "s1");
    w.wait(1_000);
    let sent = w.sent(2);
    let asked = sent.iter().filter(|line| line.contains("question:asked"));
    assert_eq!(asked.count(), 1, "{sent:?}");
}

#[test]
fn a_late_answer_to_an_earlier_stay_in_memory_changes_nothing() {
    let mut w = World::new();
    let ana = who("ana");
    w.create("s1", room_of("ana", &[], None));
    let old = EffectId(2);
    w.join(1, &ana, "s1");
    w.store = StoreMode::Silent;
    w.start(1, &ana, "s1");
    w.sent(1);
    for saved in [Saved::Fenced, Saved::Committed(Seq(2))] {
        w.input(Input::StoreReplied {
            id: old,
            session: id("s1"),
            saved,
        });
    }
    assert!(w.sent(1).is_empty());
}

#[test]
fn a_long_replay_of_one_member_does_not_hurry_another_one() {
    let mut w = World::new();
    let (ana, oz) = (who("ana"), guest("oz", Role::Observer, "s1"));
    w.join(1, &ana, "s1");
    w.join(2, &oz, "s1");
    w.start(1, &ana, "s1");
    w.lose(1, "s1");
    w.lose(2, "s1");
    for n in 0..80 {
        w.says("s1", 1, "word", n);
    }
    w.resume(3, &oz, "s1", 2, 2);
    w.store = StoreMode::Silent;
    w.says("s1", 1, "unstored", 90);
    w.resume(4, &ana, "s1", 1, 2);
    w.wait(10);
    assert!(w.sent(4).is_empty());
    w.store_catches_up();
    assert_eq!(w.sent(4)[0], "joined active recovered=true");
}

#[test]
fn a_fault_after_a_save_whose_answer_was_lost_goes_on_behind_what_is_stored() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.store = StoreMode::Silent;
    w.start(1, &ana, "s1");
    w.wait(5_000);
    // The first save was written, its answer lost; the second is called impossible.
    let (_, first) = w.waiting.remove(0);
    w.apply(&first);
    let (second, save) = w.waiting.remove(0);
    w.sent(1);
    w.input(Input::StoreReplied {
        id: second,
        session: save.session.clone(),
        saved: Saved::Rejected,
    });
    let (third, save) = w.waiting.remove(0);
    assert_eq!(save.row.seq, Seq(0));
    w.store = StoreMode::Commits;
    w.input(Input::StoreReplied {
        id: third,
        session: save.session.clone(),
        saved: Saved::Committed(Seq(2)),
    });
    w.wait(1_000);
    assert_eq!(w.stored_reason("s1"), Some(EndReason::InternalError));
    let sent = w.sent(1);
    assert!(
        sent.contains(&"3<4 session:status:updated ended".to_owned()),
        "{sent:?}"
    );
}

#[test]
fn an_interview_that_runs_is_never_rolled_back_when_its_active_row_is_taken() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.active.insert(user("ana"), id("s9"));
    w.says("s1", 1, "still here", 10);
    w.wait(5_000);
    assert_eq!(w.stored_status("s1"), Some(Status::Active));
    assert_eq!(w.active.get(&user("ana")), Some(&id("s1")));
    assert!(
        w.sent(1)
            .contains(&"2<3 transcription:result q1 still here".to_owned())
    );
}

#[test]
fn a_session_whose_end_is_called_impossible_twice_is_ended_from_its_records() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.store = StoreMode::Silent;
    w.says("s1", 1, "impossible", 10);
    w.loads_wait = true;
    for _ in 0..2 {
        let (effect, save) = w.waiting.remove(0);
        w.input(Input::StoreReplied {
            id: effect,
            session: save.session.clone(),
            saved: Saved::Rejected,
        });
    }
    assert_eq!(w.sent(1).last().unwrap(), "close 1011");
    w.store = StoreMode::Commits;
    let (effect, session) = w.loads.remove(0);
    let found = Found::Session(Box::new(w.rows[&session].clone()));
    w.input(Input::SessionLoaded {
        id: effect,
        session,
        found,
    });
    w.wait(700_000);
    assert_eq!(w.stored_reason("s1"), Some(EndReason::ServerCrash));
    assert!(w.node.is_empty());
}

#[test]
fn who_joined_before_a_fault_is_still_told_that_they_joined() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.store = StoreMode::Silent;
    w.says("s1", 1, "impossible", 10);
    w.join(2, &guest("oz", Role::Observer, "s1"), "s1");
    let (effect, save) = w.waiting.remove(0);
    w.input(Input::StoreReplied {
        id: effect,
        session: save.session.clone(),
        saved: Saved::Rejected,
    });
    assert_eq!(w.sent(2), ["joined active recovered=false", "ok"]);
}

#[test]
fn who_left_and_came_back_while_words_waited_catches_up_after_joining_again() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.lose(1, "s1");
    w.says("s1", 1, "missed", 10);
    w.store = StoreMode::Silent;
    w.says("s1", 1, "unstored", 20);
    w.resume(2, &ana, "s1", 1, 2);
    w.message(2, &ana, "s1", ClientMessage::Leave);
    w.resume(2, &ana, "s1", 2, 2);
    w.store_catches_up();
    let sent = w.sent(2);
    let at = |what: &str| sent.iter().position(|line| line.contains(what));
    assert!(
        at("joined") < at("missed") && at("left") < at("missed"),
        "{sent:?}"
    );
}

#[test]
fn the_id_of_a_deleted_session_is_not_used_again() {
    let mut w = World::new();
    let ana = who("ana");
    w.loads_wait = true;
    w.join(1, &ana, "s1");
    assert_eq!(w.create("s2", room_of("ana", &[], None)), None);
    assert_eq!(w.said_by_api("s3", "custom:hint", Audience::ALL), None);
    for (effect, session) in std::mem::take(&mut w.loads) {
        w.input(Input::SessionLoaded {
            id: effect,
            session,
            found: Found::Forgotten,
        });
    }
    assert_eq!(w.sent(1), ["error session_ended"]);
    for (ask, code) in [
        (99, ErrorCode::SessionExists),
        (97, ErrorCode::SessionNotFound),
    ] {
        let Some(Answer::Refused(refusal)) = w.answers.get(&ask) else {
            panic!("{:?}", w.answers.get(&ask));
        };
        assert_eq!(refusal.code, code);
    }
    assert!(w.waiting.is_empty(), "nothing was saved");
}

#[test]
fn a_session_being_made_is_stored_also_when_its_start_is_refused() {
    let mut w = World::new();
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.start(1, &ana, "s1");
    w.store = StoreMode::Silent;
    w.loads_wait = true;
    assert_eq!(w.create("s2", room_of("ana", &[], None)), None);
    let (effect, session) = w.loads.remove(0);
    w.input(Input::SessionLoaded {
        id: effect,
        session,
        found: Found::Nothing,
    });
    w.join(2, &ana, "s2");
    w.start(2, &ana, "s2");
    let (effect, save) = w.waiting.remove(0);
    w.input(Input::StoreReplied {
        id: effect,
        session: save.session.clone(),
        saved: w.elsewhere(&id("s1"), &user("ana")),
    });
    w.store_catches_up();
    assert_eq!(w.answers.get(&99), Some(&Answer::Created));
}

#[test]
fn repeating_a_request_in_an_outage_does_not_fill_the_memory() {
    let mut w = World::with(|config| config.held_bytes = 2_000);
    let ana = who("ana");
    w.join(1, &ana, "s1");
    w.request(
        1,
        &ana,
        "s1",
        ClientMessage::Start {
            plan: None,
            questions: None,
        },
        Some("start"),
    );
    w.store = StoreMode::Silent;
    w.says("s1", 1, "unstored", 10);
    w.wait(1_000);
    w.sent(1);
    for _ in 0..50 {
        w.request(
            1,
            &ana,
            "s1",
            ClientMessage::Start {
                plan: None,
                questions: None,
            },
            Some("start"),
        );
    }
    assert!(w.node.counts().waiting_bytes < 3_000);
    assert_eq!(w.sent(1).last().unwrap(), "error busy");
}
