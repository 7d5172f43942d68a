//! Words that want to be more than words.

use coach::page;
use coach::plan::Questions;
use coach::report::{Report, ReportInput, build, build_scored};
use coach::rubric::{Mode, Scoring};

use crate::fixture::{answer, quiet, says, to};

/// Puts the text everywhere where text of others can stand.
fn everywhere(text: &str) -> ReportInput {
    let mut input = quiet();
    input.session.title = text.to_owned();
    input.plan = Some(coach::report::PlanFacts {
        id: None,
        title: text.to_owned(),
        questions: 1,
    });
    let mut asked = answer("q", 0, 0, 60_000);
    asked.text = text.to_owned();
    input.answers = vec![asked];
    let mut said = to("q", says(1, 1_000, 500, "x"));
    said.text = text.to_owned();
    said.raw = Some(text.to_owned());
    let mut outside = said.clone();
    outside.question = None;
    input.segments = vec![said, outside];
    let recognizer = input.recognizer.as_mut().unwrap();
    recognizer.name = text.to_owned();
    recognizer.version = text.to_owned();
    input
}

#[test]
fn markup_in_words_stays_words() {
    let evil = "</style><script>alert('x')</script><img src=x onerror=\"a()\"> &amp; {{ title }}";
    let page = page::render(&build(&everywhere(evil)));
    assert!(!page.contains("<script") && !page.contains("<img"));
    assert_eq!(page.matches("</style>").count(), 1);
    assert!(page.contains("&#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62;"));
    assert!(page.contains("&#38;amp; {{ title }}"));
}

#[test]
fn a_page_needs_nothing_from_elsewhere_and_runs_nothing() {
    for page in [
        page::render(&build(&crate::fixture::interview())),
        page::not_ready(),
        page::not_found(),
    ] {
        for forbidden in [
            "<script",
            "<link",
            "<img",
            "<iframe",
            "<object",
            "<form",
            "url(",
            "@import",
            "http:",
            "https:",
            "javascript:",
            " onload",
            " onclick",
            "src=",
        ] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
        assert_eq!(page.matches("<h1").count(), 1);
        assert_eq!(page.matches("<main").count(), 1);
    }
    assert!(page::CONTENT_SECURITY_POLICY.starts_with("default-src 'none'; style-src"));
}

#[test]
fn control_characters_and_overrides_do_not_reach_a_reader() {
    let report = build(&everywhere(
        "a\u{1b}]0;x\u{7}b\u{202e}c\u{2066}d\u{0}e\u{9b}f",
    ));
    let harmless = "a␛]0;x␇b�c�d␀e�f";
    let (page, summary) = (page::render(&report), coach::summary(&report));
    assert!(page.contains(harmless) && summary.contains(harmless));
    for shown in [&page, &summary] {
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
        assert!(!shown.contains(['\u{202e}', '\u{2066}']));
    }
    // The stored report keeps what was recognized; JSON escapes it.
    let json = report.to_json();
    assert!(json.contains("\\u001b]0;x\\u0007b\u{202e}"));
}

#[test]
fn text_from_right_to_left_keeps_to_itself() {
    let page = page::render(&build(&everywhere("שלום עולם")));
    assert!(page.contains("<p class=\"said\" dir=\"auto\">שלום עולם</p>"));
    assert!(page.contains("<h1 dir=\"auto\">שלום עולם</h1>"));
}

#[test]
fn a_word_of_a_hundred_kilobytes_is_shown_whole_once_a_place_and_may_break() {
    let word = "x".repeat(100_000);
    let report = build(&everywhere(&word));
    let page = page::render(&report);
    assert!(page.contains(&format!("dir=\"auto\">{word}</p>")));
    assert!(page.contains("overflow-wrap: anywhere"));
    assert!(
        coach::summary(&report)
            .lines()
            .all(|l| l.chars().count() <= 120)
    );
}

#[test]
fn a_title_of_nothing_still_names_the_page() {
    let report = build(&everywhere(" \n "));
    let page = page::render(&report);
    assert!(page.contains("<h1 dir=\"auto\">Interview</h1>"));
    assert!(report.is_silent(), "blank words are no words");
    assert!(coach::summary(&report).starts_with("Interview: finished"));
}

/// The words as an answer to a scored question, between words that make evidence of them.
fn scored(text: &str) -> Report {
    let mut input = everywhere(text);
    let banked = Questions::builtin()
        .get(&crate::fixture::question("mistake"))
        .unwrap();
    let mut rubric = banked.rubric.clone();
    rubric.points[0].label = text.chars().take(100).collect();
    input.answers[0].question = banked.question.id.clone();
    let words = format!("I deleted {text} as a result. Since then {text} I always test it first.");
    input.segments = vec![to("mistake", says(1, 1_000, 900, &words))];
    let scoring = Scoring {
        mode: Mode::Practice,
        rubrics: [(banked.question.id.clone(), rubric)].into(),
        ..Scoring::default()
    };
    build_scored(&input, &scoring)
}

#[test]
fn hostile_words_in_quotes_and_labels_stay_words() {
    let report = scored("</style><script>alert('x')</script><img src=x onerror=a()>");
    assert!(crate::scored::check_quotes(&report) > 2);
    let page = page::render(&report);
    assert!(!page.contains("<script") && !page.contains("<img"));
    assert_eq!(page.matches("</style>").count(), 1);
    let markdown = coach::export::markdown(&report);
    assert!(!markdown.contains("<script") && !markdown.contains("<img"));

    let report = scored("a\u{1b}]0;x\u{7}b\u{202e}c");
    let page = page::render(&report);
    assert!(!page.chars().any(|c| c.is_control() && c != '\n'));
    assert!(!page.contains('\u{202e}'));

    let page = page::render(&scored("שלום עולם"));
    assert!(page.contains("<q dir=\"auto\">") && page.contains("<bdi>שלום עולם</bdi>"));

    let word = "x".repeat(100_000);
    let report = scored(&word);
    crate::scored::check_quotes(&report);
    let scores = report.scores.as_ref().unwrap();
    let quotes = scores.questions[0]
        .criteria
        .iter()
        .flat_map(|c| &c.evidence);
    assert!(quotes.clone().count() > 0);
    assert!(
        quotes.map(|e| e.quote.len()).all(|n| n < 1_000),
        "a quote is not widened over it"
    );
    assert!(page::render(&report).len() < 1_000_000);
}

#[test]
fn a_cell_that_a_spreadsheet_would_run_begins_with_an_apostrophe() {
    let report = scored("=HYPERLINK(\"x\")");
    let csv = coach::export::csv(&report);
    assert!(csv.contains("'=HYPERLINK(\"\"x\"\")"), "{csv}");
    assert_eq!(csv.lines().next().unwrap().split(',').count(), 18);
}
