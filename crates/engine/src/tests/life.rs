//! A session outlives the process that runs it: taken over alive, with its log, seats, clocks and
//! answers; or ended when nobody can come back to it.

use protocol::client::ClientMessage;
use protocol::error::ErrorCode;
use protocol::value::{EndReason, PlanOptions, Role};

use super::*;

fn running() -> World {
    let mut w = World::new();
    w.create("s1", room_of("ana", &[("ben", Role::Interviewer)], None));
    w.join(1, &who("ana"), "s1");
    w.join(2, &who("ben"), "s1");
    w.start(1, &who("ana"), "s1");
    w.says("s1", 1, "hello", 10);
    w
}

fn done() -> ClientMessage {
    ClientMessage::AnswerDone {
        question: None,
        skip: false,
    }
}

#[test]
fn after_a_crash_a_page_resumes_where_it_was_in_the_same_log() {
    let mut w = running();
    w.wait(5_000);
    w.restart_after(2_000);
    assert!(w.effects.iter().any(|e| e.starts_with("ListenAgain")));
    assert_eq!(w.stored_status("s1"), Some(Status::Active));
    w.resume(11, &who("ana"), "s1", 1, 2);
    assert_eq!(
        w.sent(11),
        [
            "joined active recovered=true",
            "ok",
            "2<3 transcription:result q1 hello",
        ]
    );
    w.resume(12, &who("ben"), "s1", 2, 3);
    assert_eq!(w.sent(12)[0], "joined active recovered=true");
    w.says("s1", 1, "again", 8_000);
    assert_eq!(
        w.sent(11).last().unwrap(),
        "3<4 transcription:result q1 again"
    );
    assert_eq!(
        w.sent(12).last().unwrap(),
        "3<4 transcription:result q1 again"
    );
}

#[test]
fn it_works_the_second_and_the_third_time_and_for_a_page_that_was_quiet_meanwhile() {
    let mut w = running();
    for (n, conn) in [(1, 1), (2, 11), (3, 21)] {
        w.restart_after(1_000);
        w.resume(n * 10 + 1, &who("ana"), "s1", conn, 3);
        let sent = w.sent(n * 10 + 1);
        assert_eq!(sent, ["joined active recovered=true", "ok"], "time {n}");
    }
    w.lose(31, "s1");
    w.resume(41, &who("ana"), "s1", 31, 3);
    assert_eq!(w.sent(41)[0], "joined active recovered=true");
}

#[test]
fn a_page_whose_key_was_not_written_in_time_resumes_and_one_that_knows_nothing_does_not() {
    let mut w = running();
    w.restart_after(1_000);
    // Its connection came back and was answered, and the server died before it was written.
    w.resume(11, &who("ana"), "s1", 77, 3);
    assert_eq!(w.sent(11)[0], "joined active recovered=true");
    w.lose(11, "s1");
    w.resume(12, &who("ana"), "s1", 78, 3);
    assert_eq!(w.sent(12)[0], "joined active recovered=false");
    w.restart_after(1_000);
    w.join(13, &who("ana"), "s1");
    assert_eq!(w.sent(13)[0], "joined active recovered=false");
    w.restart_after(1_000);
    w.resume(14, &who("ana"), "s1", 78, 99);
    assert_eq!(w.sent(14)[0], "joined active recovered=false");
}

#[test]
fn the_clock_of_a_question_runs_on_while_there_is_no_server() {
    let mut w = running();
    w.wait(100_000);
    w.restart_after(10_000);
    w.resume(11, &who("ana"), "s1", 1, 3);
    w.sent(11);
    w.wait(9_999);
    assert!(w.sent(11).is_empty(), "the last warning was given before");
    w.wait(1);
    let sent = w.sent(11);
    assert_eq!(sent[0], "3<4 question:closed q1 timed_out");
    let put = w
        .log
        .iter()
        .find(|row| row.body.contains("\"q2\""))
        .unwrap();
    assert!(put.body.contains("question:asked"), "{}", put.body);
}

#[test]
fn where_the_plan_says_so_the_clock_stood_still_since_the_crash() {
    let mut w = World::new();
    let options = PlanOptions {
        pause_on_disconnect: true,
        ..PlanOptions::default()
    };
    let plan = Some(plan(&[("q1", 120)], options));
    w.create("s1", room_of("ana", &[], plan));
    w.join(1, &who("ana"), "s1");
    w.message(
        1,
        &who("ana"),
        "s1",
        ClientMessage::Start {
            plan: None,
            questions: None,
        },
    );
    w.wait(100_000);
    w.restart_after(30_000);
    w.wait(20_000);
    w.resume(11, &who("ana"), "s1", 1, 2);
    assert!(w.sent(11).contains(&"2<3 question:extended q1".to_owned()));
    w.wait(19_000);
    assert_eq!(w.sent(11), ["expiring question"]);
    w.wait(1_000);
    assert_eq!(w.sent(11)[0], "3<4 question:closed q1 timed_out");
}

#[test]
fn clocks_hold_through_a_jump_of_the_wall_clock_and_follow_it_on_another_machine() {
    for same in [true, false] {
        let mut w = running();
        w.wait(100_000);
        if same {
            w.now.wall = w.now.wall.after(3_600_000);
        } else {
            let config = Config {
                clock: Arc::from("another machine"),
                ..Config::clone(&w.config)
            };
            w.config = Arc::new(config);
            w.now.mono = Mono(500_000_000);
        }
        w.restart_after(10_000);
        w.resume(11, &who("ana"), "s1", 1, 3);
        w.sent(11);
        w.wait(10_000);
        assert_eq!(w.sent(11)[0], "3<4 question:closed q1 timed_out", "{same}");
    }
}

#[test]
fn whoever_does_not_come_back_after_a_crash_is_waited_for_one_grace() {
    let mut w = running();
    w.flushes = false;
    w.restart_after(2_000);
    w.wait(59_999);
    assert_eq!(w.stored_status("s1"), Some(Status::Active));
    w.wait(1);
    assert_eq!(w.stored_status("s1"), Some(Status::Completing));
    // There may be whole answers to recognize, and nobody waits.
    w.wait(60_000);
    w.says("s1", 1, "from the file", 3_000);
    w.input(Input::Speech {
        session: id("s1"),
        report: SpeechReport::Flushed,
    });
    assert_eq!(w.stored_reason("s1"), Some(EndReason::Abandoned));
    assert!(w.log.iter().any(|row| row.body.contains("from the file")));
    assert!(w.node.is_empty());
}

#[test]
fn time_without_a_server_is_not_taken_from_the_grace_and_time_before_is() {
    let mut w = running();
    w.lose(1, "s1");
    w.wait(50_000);
    w.restart_after(40_000);
    w.wait(9_999);
    assert_eq!(w.stored_status("s1"), Some(Status::Active));
    w.wait(1);
    assert_eq!(w.stored_reason("s1"), Some(EndReason::Abandoned));
}

#[test]
fn a_session_whose_owner_was_gone_longer_than_the_grace_ends_as_server_crash() {
    let mut w = running();
    w.restart_after(60_001);
    w.input(Input::Speech {
        session: id("s1"),
        report: SpeechReport::Flushed,
    });
    assert_eq!(w.stored_reason("s1"), Some(EndReason::ServerCrash));
    assert!(w.node.is_empty());
}

#[test]
fn an_end_that_had_begun_keeps_its_reason_through_a_crash() {
    let mut w = running();
    w.flushes = false;
    w.message(1, &who("ana"), "s1", ClientMessage::End);
    assert_eq!(w.stored_status("s1"), Some(Status::Completing));
    w.restart_after(1_000);
    w.input(Input::Speech {
        session: id("s1"),
        report: SpeechReport::Flushed,
    });
    assert_eq!(w.stored_reason("s1"), Some(EndReason::CandidateEnded));
}

/// The store is away, ana's end is told unsaved, and the process stops.
fn told_and_not_saved(w: &mut World) {
    w.store = StoreMode::Silent;
    w.message(1, &who("ana"), "s1", ClientMessage::End);
    w.wait(20_000);
    let told = "session_ended candidate_ended recorded=false".to_owned();
    assert!(w.sent(1).contains(&told));
}

fn next_process(w: &mut World) {
    w.waiting.clear();
    w.store = StoreMode::Commits;
    w.restart_after(1_000);
}

#[test]
fn an_end_that_was_told_and_not_saved_is_found_by_the_next_process_as_store_lost() {
    let mut w = running();
    w.wait(30_000);
    told_and_not_saved(&mut w);
    let kept = w.kept_ends.get(&id("s1")).cloned().unwrap();
    assert_eq!(kept.reason, EndReason::CandidateEnded);
    assert_eq!(w.stored_status("s1"), Some(Status::Active));
    next_process(&mut w);
    w.resume(11, &who("ana"), "s1", 1, 3);
    assert!(
        w.sent(11)[0].starts_with("joined completing"),
        "nobody goes on with what is over"
    );
    w.input(Input::Speech {
        session: id("s1"),
        report: SpeechReport::Flushed,
    });
    assert_eq!(w.stored_reason("s1"), Some(EndReason::StoreLost));
    let row = &w.rows.get(&id("s1")).unwrap().row;
    assert_eq!(row.ended_at, Some(kept.at));
    assert_eq!(row.duration_ms, Some(kept.duration_ms));
    let sent = w.sent(11);
    assert!(sent.contains(&"session_ended store_lost recorded=true".to_owned()));
    assert!(w.kept_ends.is_empty(), "it is in the records now");
    let details = w.happenings.iter().map(|row| &*row.detail);
    let detail = "to be ended, candidate_ended was told and not saved";
    assert!(details.into_iter().any(|known| known == detail));
    assert!(w.node.is_empty());
}

#[test]
fn a_session_that_was_not_read_at_the_start_is_taken_over_or_ended_when_somebody_comes() {
    let mut w = running();
    w.restart_blindly_after(1_000);
    w.resume(11, &who("ana"), "s1", 1, 3);
    let sent = w.sent(11);
    assert!(sent[0].starts_with("joined active"), "{sent:?}");
    assert_eq!(w.stored_status("s1"), Some(Status::Active));

    let mut w = running();
    told_and_not_saved(&mut w);
    w.waiting.clear();
    w.store = StoreMode::Commits;
    w.restart_blindly_after(1_000);
    w.resume(11, &who("ana"), "s1", 1, 3);
    let sent = w.sent(11);
    assert!(sent[0].starts_with("joined completing"), "{sent:?}");
    assert_eq!(w.stored_status("s1"), Some(Status::Completing));
    w.input(Input::Speech {
        session: id("s1"),
        report: SpeechReport::Flushed,
    });
    assert_eq!(w.stored_reason("s1"), Some(EndReason::StoreLost));
    assert!(w.kept_ends.is_empty());
}

#[test]
fn a_second_crash_finds_an_unsaved_end_again() {
    let mut w = running();
    told_and_not_saved(&mut w);
    next_process(&mut w);
    next_process(&mut w);
    w.input(Input::Speech {
        session: id("s1"),
        report: SpeechReport::Flushed,
    });
    assert_eq!(w.stored_reason("s1"), Some(EndReason::StoreLost));
    assert!(w.kept_ends.is_empty());
}

#[test]
fn an_unsaved_end_that_its_own_process_saves_after_all_keeps_its_reason() {
    let mut w = running();
    told_and_not_saved(&mut w);
    assert_eq!(w.kept_ends.len(), 1);
    w.store_catches_up();
    assert_eq!(w.stored_reason("s1"), Some(EndReason::CandidateEnded));
    assert!(w.kept_ends.is_empty());
}

#[test]
fn an_unsaved_end_of_which_the_records_know_the_reason_keeps_it() {
    let mut w = running();
    w.flushes = false;
    w.message(1, &who("ana"), "s1", ClientMessage::End);
    assert_eq!(w.stored_status("s1"), Some(Status::Completing));
    w.store = StoreMode::Silent;
    w.wait(20_000);
    assert_eq!(w.kept_ends.len(), 1);
    next_process(&mut w);
    w.input(Input::Speech {
        session: id("s1"),
        report: SpeechReport::Flushed,
    });
    assert_eq!(w.stored_reason("s1"), Some(EndReason::CandidateEnded));
    assert!(w.kept_ends.is_empty());
}

#[test]
fn an_unsaved_end_before_any_beginning_is_lost_for_the_next_process_too() {
    let mut w = World::new();
    w.create("s1", room_of("ana", &[], None));
    w.join(1, &who("ana"), "s1");
    w.store = StoreMode::Silent;
    w.end_by_api("s1");
    w.wait(20_000);
    assert_eq!(w.kept_ends.len(), 1);
    w.waiting.clear();
    w.store = StoreMode::Commits;
    w.restart_after(1_000);
    // Somebody who comes finds it over.
    w.join(11, &who("ana"), "s1");
    assert_eq!(w.stored_reason("s1"), Some(EndReason::StoreLost));
    assert!(w.kept_ends.is_empty());
    assert!(w.node.is_empty());
}

#[test]
fn a_request_with_an_id_is_not_done_twice_across_a_restart() {
    let mut w = running();
    w.request(1, &who("ana"), "s1", done(), Some("r1"));
    let before = w.log.len();
    w.restart_after(1_000);
    w.resume(11, &who("ana"), "s1", 1, 5);
    w.sent(11);
    w.request(11, &who("ana"), "s1", done(), Some("r1"));
    assert_eq!(w.sent(11), ["ok"]);
    assert_eq!(w.log.len(), before);
    w.request(11, &who("ana"), "s1", done(), Some("r2"));
    assert!(w.log.len() > before);
}

#[test]
fn a_drain_ends_nobody_and_the_next_process_has_everybody_back() {
    let mut w = running();
    w.lose(2, "s1");
    w.wait(59_000);
    w.input(Input::Drain);
    w.lose(1, "s1");
    w.wait(39_000);
    assert_eq!(w.stored_status("s1"), Some(Status::Active));
    w.restart_after(1_000);
    w.resume(11, &who("ana"), "s1", 1, 3);
    assert_eq!(w.sent(11)[0], "joined active recovered=true");
    w.resume(12, &who("ben"), "s1", 2, 3);
    assert_eq!(w.sent(12)[0], "joined active recovered=true");
    w.lose(11, "s1");
    w.wait(60_000);
    assert_eq!(w.stored_reason("s1"), Some(EndReason::Abandoned));
}

#[test]
fn the_seats_generation_in_the_row_grows_over_restarts_and_takeovers() {
    let mut w = running();
    let generation = |w: &World| {
        let seats = &w.rows.get(&id("s1")).unwrap().participants;
        let ana = seats.iter().find(|seat| seat.user == user("ana")).unwrap();
        (ana.generation, ana.key)
    };
    let first = generation(&w);
    w.join(3, &who("ana"), "s1");
    let second = generation(&w);
    assert!(second.0 > first.0);
    assert_eq!(second.1, Some(ResumeKey(3).hash()));
    w.restart_after(1_000);
    w.join(11, &who("ana"), "s1");
    assert!(generation(&w).0 > second.0);
}

#[test]
fn a_page_that_comes_back_is_told_how_far_its_audio_lies_on_disk() {
    let mut w = running();
    let stored = |w: &mut World, seq| {
        w.input(Input::AudioStored {
            session: id("s1"),
            participant: Participant(1),
            stream: StreamId(7),
            seq,
        });
    };
    stored(&mut w, 3);
    stored(&mut w, 9);
    w.lose(1, "s1");
    w.resume(3, &who("ana"), "s1", 1, 3);
    let ack = "AudioAck { session: s1, stream: StreamId(7), seq: 9 }";
    assert_eq!(w.sent(3), ["joined active recovered=true", ack, "ok"]);
}

#[test]
fn with_the_policy_to_refuse_a_second_page_is_refused_and_the_first_stays() {
    let mut w = World::with(|config| config.takeover_newest = false);
    w.create("s1", room_of("ana", &[], None));
    w.join(1, &who("ana"), "s1");
    w.sent(1);
    w.join(2, &who("ana"), "s1");
    assert_eq!(w.sent(2), ["error seat_taken"]);
    assert_eq!(w.sent(1), ["session:error seat_taken"]);
    w.lose(1, "s1");
    w.resume(3, &who("ana"), "s1", 1, 0);
    assert_eq!(w.sent(3)[0], "joined scheduled recovered=true");
}

#[test]
fn a_start_that_collides_says_what_the_recovery_card_needs() {
    let mut w = running();
    w.wait(7_000);
    w.lose(1, "s1");
    w.join(5, &who("ana"), "s2");
    w.details.clear();
    w.start(5, &who("ana"), "s2");
    let detail = w.details.pop().unwrap();
    let card: serde_json::Value = serde_json::from_str(&format!("{{{detail}}}")).unwrap();
    assert_eq!(card["activeSessionId"], "s1");
    let active = &card["active"];
    assert_eq!(active["title"], "A talk");
    assert_eq!(
        (&active["questionsAsked"], &active["questionsTotal"]),
        (&1.into(), &2.into())
    );
    assert_eq!(active["connected"], false);
    assert_eq!(active["lastSeenAt"], w.now.wall.0);
    assert_eq!(active["startedAt"], w.now.wall.0 - 7_000);
}

#[test]
fn what_happened_beside_the_log_is_written_down_in_order() {
    let mut w = running();
    w.join(3, &who("ana"), "s1");
    w.lose(3, "s1");
    w.resume(4, &who("ana"), "s1", 3, 3);
    w.wait(30_000);
    w.restart_after(1_000);
    w.resume(5, &who("ana"), "s1", 4, 3);
    let told: Vec<String> = w
        .happenings
        .iter()
        .map(|row| format!("{} {} {}", row.place, row.what, row.detail))
        .collect();
    assert_eq!(
        told,
        [
            "1 joined candidate c1",
            "2 joined interviewer c2",
            "3 took_over candidate c3",
            "4 disconnected candidate c3",
            "5 resumed candidate c4",
            "6 recovered ",
            "7 resumed candidate c5",
        ]
    );
}

#[test]
fn a_session_that_another_program_ended_says_so_within_a_second() {
    let mut w = running();
    w.flushes = false;
    w.sent(1);
    w.input(Input::Ask {
        ask: AskId(1),
        session: id("s1"),
        what: Ask::End {
            reason: EndReason::ClosedExternally,
            by: None,
            only_if_allowed: None,
        },
    });
    w.wait(250);
    let sent = w.sent(1);
    assert!(
        sent.contains(&"session_ended closed_externally recorded=true".to_owned()),
        "{sent:?}"
    );
}

#[test]
fn a_candidate_may_move_to_another_device_where_takeovers_are_refused() {
    let mut w = World::with(|config| config.takeover_newest = false);
    w.create("s1", room_of("ana", &[("ben", Role::Interviewer)], None));
    let ask = |w: &mut World, name: &str| {
        w.input(Input::Ask {
            ask: AskId(7),
            session: id("s1"),
            what: Ask::Transfer { user: user(name) },
        });
        w.answers.remove(&7).unwrap()
    };
    let refused = |code: ErrorCode| Answer::Refused(code.into());
    assert_eq!(ask(&mut w, "ana"), refused(ErrorCode::NotInSession));
    w.join(1, &who("ana"), "s1");
    w.join(2, &who("ben"), "s1");
    assert_eq!(ask(&mut w, "ana"), refused(ErrorCode::BadTransition));
    w.start(1, &who("ana"), "s1");
    assert_eq!(ask(&mut w, "ben"), refused(ErrorCode::NotAllowed));
    w.join(3, &who("ana"), "s1");
    assert_eq!(w.sent(3), ["error seat_taken"]);
    let (role, lasts_ms) = (Role::Candidate, 300_000);
    assert_eq!(ask(&mut w, "ana"), Answer::Transfer { role, lasts_ms });
    w.sent(1);
    w.join(4, &who("ana"), "s1");
    assert_eq!(w.sent(4)[0], "joined active recovered=false");
    assert_eq!(w.sent(1), ["replaced", "close 4409"]);
}
