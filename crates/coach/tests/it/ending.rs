//! How it ended, in words.

use std::collections::BTreeSet;

use coach::report::{build, ending};
use protocol::value::{EndReason, Role};

use crate::fixture::{interview, participant, quiet, user};

#[test]
fn every_end_reason_has_its_own_plain_words() {
    let mut seen = BTreeSet::new();
    let reasons = EndReason::ALL.iter().map(|r| Some(*r)).chain([None]);
    for reason in reasons {
        let ending = ending(reason);
        assert!(seen.insert(ending.title) && seen.insert(ending.text));
        assert!(!ending.title.ends_with('.') && ending.text.ends_with('.'));
        let words = ending.text.split_whitespace().count();
        assert!((6..=32).contains(&words), "{reason:?}: {words} words");
        assert!(!ending.text.contains('_'));

        let mut input = quiet();
        input.session.reason = reason;
        let report = build(&input);
        assert_eq!(report.end.text, ending.text);
        let page = coach::page::render(&report);
        let shown = ending.text.replace('\'', "&#39;");
        assert!(page.contains(&shown), "{reason:?}");
        assert!(page.contains(&ending.title.replace('\'', "&#39;")));
    }
}

#[test]
fn who_ended_it_is_told_with_their_role_if_they_had_one() {
    let mut input = quiet();
    input.session.reason = Some(EndReason::AdminEnded);
    input.session.ended_by = Some(user("root"));
    let report = build(&input);
    assert_eq!(report.end.ended_by, Some(user("root")));
    assert_eq!(report.end.ended_by_role, None);
    assert!(coach::page::render(&report).contains("<dt>Ended by</dt><dd><bdi>root</bdi></dd>"));
    input.participants.push(participant("root", Role::Observer));
    let report = build(&input);
    assert_eq!(report.end.ended_by_role, Some(Role::Observer));
    assert!(coach::page::render(&report).contains("<dd><bdi>Observer root</bdi></dd>"));
}

#[test]
fn questions_that_were_never_put_are_counted_not_invented() {
    let report = build(&interview());
    assert_eq!(report.questions.len(), 4);
    assert_eq!((report.totals.questions, report.totals.not_asked), (5, 1));
    assert!(coach::page::render(&report).contains("1 question was not asked."));
}

#[test]
fn where_nothing_was_heard_the_report_says_so() {
    let report = build(&interview());
    let skipped = &report.questions[2];
    assert!(skipped.transcript.is_empty() && skipped.figures.pauses.is_none());
    assert_eq!(skipped.figures.first_word_ms, None);
    assert_eq!(skipped.figures.pace.words_per_minute, None);
    assert!(coach::page::render(&report).contains("Nothing was heard."));

    let mut input = quiet();
    input.recognizer = None;
    let silent = build(&input);
    assert!(silent.is_silent());
    let page = coach::page::render(&silent);
    assert!(page.contains("no program listened"));
    assert!(!page.contains("a minute"));
    assert!(coach::summary(&silent).contains("nothing listened"));
}
