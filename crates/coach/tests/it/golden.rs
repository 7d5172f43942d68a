//! What the invented interview becomes, letter by letter. `UPDATE_EXPECT=1` writes the files anew.

use std::path::PathBuf;

use coach::report::{Report, build};

use crate::fixture::{interview, quiet};

fn expect(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    let differs = expected
        .lines()
        .zip(actual.lines())
        .position(|(a, b)| a != b);
    assert!(
        expected == actual,
        "{name} differs from line {:?} on; look, then run the tests with UPDATE_EXPECT=1",
        differs.map(|at| at + 1)
    );
}

#[test]
fn the_report_of_an_interview_is_this_json() {
    let report = build(&interview());
    let pretty = serde_json::to_string_pretty(&report).unwrap();
    expect("interview.json", &(pretty + "\n"));
}

#[test]
fn the_page_of_an_interview_is_this_html() {
    expect("interview.html", &coach::page::render(&build(&interview())));
}

#[test]
fn the_page_of_a_silent_room_is_this_html() {
    let mut input = quiet();
    input.recognizer = None;
    expect("silent.html", &coach::page::render(&build(&input)));
}

#[test]
fn the_pages_without_a_report_are_this_html() {
    expect("not_ready.html", &coach::page::not_ready());
    expect("not_found.html", &coach::page::not_found());
}

#[test]
fn the_summary_of_an_interview_is_these_lines() {
    expect("interview.txt", &coach::summary(&build(&interview())));
    expect("silent.txt", &coach::summary(&build(&quiet())));
}

#[test]
fn the_same_rows_in_any_order_give_the_same_bytes() {
    let input = interview();
    let bytes = build(&input).to_json();
    assert_eq!(build(&input).to_json(), bytes);
    let mut turned = input;
    turned.segments.reverse();
    turned.answers.reverse();
    turned.participants.rotate_left(1);
    turned.gaps.reverse();
    assert_eq!(build(&turned).to_json(), bytes);
}

#[test]
fn a_stored_report_reads_back_as_it_was_written() {
    let report = build(&interview());
    let json = report.to_json();
    let back: Report = serde_json::from_str(&json).unwrap();
    assert_eq!(back, report);
    assert_eq!(back.to_json(), json);
    assert_eq!(coach::page::render(&back), coach::page::render(&report));
}

#[test]
fn a_report_of_another_shape_is_refused() {
    let json = build(&quiet()).to_json();
    let other = json.replace("greenroom.report/1", "greenroom.report/3");
    assert!(serde_json::from_str::<Report>(&other).is_err());
}

#[test]
fn a_scored_interview_is_these_files() {
    let (input, scoring) = crate::scored::talk(coach::rubric::Mode::Practice);
    let report = coach::report::build_scored(&input, &scoring);
    expect("scored.html", &coach::page::render(&report));
    expect("scored.txt", &coach::summary(&report));
    expect("scored.md", &coach::export::markdown(&report));
    expect("scored.csv", &coach::export::csv(&report));
    expect("scored.vtt", &coach::export::webvtt(&report));
}
