//! Names that were put right: shown with what was heard, in every form of the report.

use coach::export;
use coach::page;
use coach::report::{Report, build, build_scored};
use coach::rubric::{Mode, Scoring};

use crate::fixture::{answer, question, quiet, says, to};

/// One answer in which "Kubernetes" was heard as something else.
fn corrected() -> Report {
    let mut input = quiet();
    input.answers = vec![answer("q", 0, 0, 60_000)];
    let mut said = to("q", says(1, 1_000, 500, "We ran Kubernetes at work."));
    said.raw = Some("We ran cooper netties at work.".to_owned());
    let plain = to("q", says(2, 9_000, 500, "It went well."));
    input.segments = vec![said, plain];
    build(&input)
}

#[test]
fn the_words_put_right_stand_with_what_was_heard_in_json_page_markdown_and_captions() {
    let report = corrected();
    let (right, heard) = (
        "We ran Kubernetes at work.",
        "We ran cooper netties at work.",
    );
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    let lines = &json["questions"][0]["transcript"];
    assert_eq!(
        (&lines[0]["text"], &lines[0]["raw"]),
        (&right.into(), &heard.into())
    );
    assert!(lines[1].get("raw").is_none(), "only where they differ");
    assert_eq!(serde_json::from_value::<Report>(json).unwrap(), report);

    let page = page::render(&report);
    assert!(page.contains(right));
    assert!(page.contains(&format!("Heard as: <span dir=\"auto\">{heard}</span>")));
    assert_eq!(page.matches("Heard as:").count(), 1);

    let markdown = export::markdown(&report);
    assert!(markdown.contains(right) && markdown.contains(&format!("*heard as:* {heard}")));
    let captions = export::webvtt(&report);
    assert!(captions.contains(right) && captions.contains(&format!("NOTE Heard as: {heard}")));
}

#[test]
fn the_method_says_which_words_count_and_only_where_names_were_put_right() {
    let said = |report: &Report| report.method.iter().any(|m| m.contains("list of names"));
    let report = corrected();
    assert!(said(&report));
    let counts = report
        .method
        .iter()
        .any(|m| m.contains("goes by the words as they were put right"));
    assert!(counts);
    assert!(!said(&build(&quiet())));
}

#[test]
fn scores_go_by_the_words_as_they_were_put_right() {
    let key = |text: &str| {
        let file = format!(
            "id = \"p\"\ntitle = \"P\"\n[[questions]]\nid = \"q\"\nkind = \"technical\"\n\
             text = \"What is q?\"\nlimit = \"90s\"\n{}",
            ["a", "b", "c"]
                .map(|id| format!(
                    "[[questions.points]]\nid = \"{id}\"\nlabel = \"{id}\"\nany = [[\"{text}\"]]\n"
                ))
                .concat()
        );
        let entry = coach::plan::parse("p.toml", &file).unwrap();
        Scoring {
            mode: Mode::Hiring,
            language: "en".to_owned(),
            rubrics: entry.rubrics,
            ..Scoring::default()
        }
    };
    let mut input = quiet();
    input.answers = vec![answer("q", 0, 0, 60_000)];
    let mut said = to(
        "q",
        says(
            1,
            1_000,
            500,
            "We ran Kubernetes at work for years and years.",
        ),
    );
    said.raw = Some("We ran cooper netties at work for years and years.".to_owned());
    said.confidence = 0.9;
    input.segments = vec![said];
    assert_eq!(question("q").as_str(), "q");
    let value = |text: &str| {
        let report = build_scored(&input, &key(text));
        let scores = report.scores.unwrap();
        let first = scores.questions[0]
            .criteria
            .iter()
            .find(|c| c.criterion == "point:a");
        first.unwrap().value
    };
    assert_eq!(value("kubernetes"), Some(1.0));
    assert_eq!(value("netties"), Some(0.0));
}
