use super::*;
use protocol::value::PlanOptions;

const GOOD: &str = r#"
id = "mine"
title = "Mine"

[[questions]]
id = "q1"
text = "Why?"
limit = "90s"
"#;

fn problems(text: &str) -> Vec<String> {
    let found = parse("p.toml", text).expect_err("the plan should be refused");
    found.iter().map(ToString::to_string).collect()
}

/// Replaces a line of a good plan and returns the only problem.
fn problem(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "nothing to replace");
    let mut found = problems(&GOOD.replace(from, to));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn id(text: &str) -> PlanId {
    PlanId::parse(text).unwrap()
}

#[test]
fn five_plans_ship_with_the_server_and_every_question_in_them_is_scored() {
    let bank = Bank::builtin();
    let names: Vec<_> = bank.list().map(|e| e.id.to_string()).collect();
    let expected = [
        "behavioral",
        "practice",
        "situational",
        "technical",
        "technical-operations",
    ];
    assert_eq!(names, expected);
    let questions: usize = bank.list().map(|e| e.plan.questions.len()).sum();
    assert_eq!(questions, 21);
    for entry in bank.list() {
        let scoring = bank.scoring(&entry.plan);
        assert_eq!(scoring.rubrics, entry.rubrics);
        assert_eq!(
            scoring.rubrics.len(),
            entry.plan.questions.len(),
            "{}",
            entry.id
        );
        assert_eq!(scoring.mode, entry.mode);
    }
    for entry in bank.list() {
        assert!(!entry.description.is_empty() && entry.language == "en");
        assert_eq!(bank.get(&entry.id), Some(&entry.plan));
        let all: u64 = entry.plan.questions.iter().map(|q| q.limit_ms).sum();
        let most = entry.plan.options.max_duration_ms.unwrap();
        assert!(all < most, "{}: the last question would be cut", entry.id);
    }
    let practice = bank.get(&id("practice")).unwrap();
    assert_eq!(practice.questions.len(), 3);
    assert!(practice.options.start_on_join);
    for question in &practice.questions {
        assert!((60_000..=120_000).contains(&question.limit_ms));
    }
    assert_eq!(bank.get(&id("nobody")), None);
}

#[test]
fn what_is_left_out_of_a_plan_has_the_engines_default() {
    let entry = parse("p.toml", GOOD).unwrap();
    assert_eq!(entry.plan.options, PlanOptions::default());
    assert_eq!(entry.language, "en");
    assert_eq!(entry.plan.id, Some(id("mine")));
    assert_eq!(entry.plan.questions[0].limit_ms, 90_000);
}

#[test]
fn every_option_can_be_set() {
    let text = format!(
        "{GOOD}[options]\nstart_on_join = true\npause_on_disconnect = true\n\
         candidate_sees_transcript = false\nextensions = 2\nextension = \"1m30s\"\n\
         max_duration = 1200000\n"
    );
    let options = parse("p.toml", &text).unwrap().plan.options;
    let expected = PlanOptions {
        start_on_join: true,
        pause_on_disconnect: true,
        candidate_sees_transcript: false,
        extensions: 2,
        extension_ms: 90_000,
        max_duration_ms: Some(1_200_000),
    };
    assert_eq!(options, expected);
}

#[test]
fn a_plan_without_questions_is_a_plain_room() {
    let entry = parse("p.toml", "id = \"room\"\ntitle = \"Room\"").unwrap();
    assert!(entry.plan.questions.is_empty());
}

#[test]
fn lengths_of_time_are_read_as_people_write_them() {
    for (text, ms) in [
        ("90s", 90_000),
        ("2m", 120_000),
        ("1m30s", 90_000),
        (" 500ms ", 500),
        ("1h", 3_600_000),
        ("1h2m3s4ms", 3_723_004),
    ] {
        assert_eq!(parse_duration(text), Ok(ms), "{text}");
    }
    for (text, error) in [
        ("", DurationError::Form),
        ("90", DurationError::Unit),
        ("1.5m", DurationError::Form),
        ("-3s", DurationError::Form),
        ("3s2m", DurationError::Form),
        ("3s 2ms", DurationError::Form),
        ("s", DurationError::Form),
        ("9x", DurationError::Form),
        ("99999999999999999999h", DurationError::TooLong),
        ("9999999999999999999m", DurationError::TooLong),
    ] {
        assert_eq!(parse_duration(text), Err(error), "{text}");
    }
}

#[test]
fn a_wrong_plan_is_told_with_line_and_what_was_expected() {
    for (from, to, expected) in [
        (
            "title = ",
            "tilte = \"x\"\ntitle = ",
            "p.toml:3: unknown key `tilte` in a plan; did you mean `title`?",
        ),
        (
            "limit = ",
            "colour = 3\nlimit = ",
            "p.toml:8: unknown key `colour` in a question; expected one of id, use, text, limit, kind, target, weight, points",
        ),
        (
            "limit = \"90s\"",
            "",
            "p.toml:5: a question needs `limit`: a length of time such as \"90s\"",
        ),
        (
            "title = \"Mine\"",
            "",
            "p.toml:1: a plan needs `title`: a text in quotes",
        ),
        (
            "\"90s\"",
            "\"4s\"",
            "p.toml:8: `limit`: expected 5 seconds to 1 hour, found 4 seconds",
        ),
        (
            "\"90s\"",
            "90",
            "p.toml:8: `limit`: expected 5 seconds to 1 hour, found 90 ms",
        ),
        (
            "\"90s\"",
            "\"61m\"",
            "p.toml:8: `limit`: expected 5 seconds to 1 hour, found 1 hour 1 minute",
        ),
        (
            "\"90s\"",
            "\"90\"",
            "p.toml:8: `limit`: expected a unit after the number: ms, s, m or h, as in \"90s\"",
        ),
        (
            "\"90s\"",
            "-5",
            "p.toml:8: `limit`: expected a number of milliseconds, found -5",
        ),
        (
            "\"90s\"",
            "1.5",
            "p.toml:8: `limit`: expected a length of time such as \"90s\", or milliseconds, \
             found a number with a point",
        ),
        (
            "\"Mine\"",
            "7",
            "p.toml:3: `title`: expected a text in quotes, found a whole number",
        ),
        (
            "\"Why?\"",
            "\" \"",
            "p.toml:7: `text` is empty; expected a text",
        ),
        (
            "\"Why?\"",
            "\"a\\u001bb\"",
            "p.toml:7: `text` holds a control character; expected plain text, with line breaks \
             at most",
        ),
        (
            "\"q1\"",
            "\"q 1\"",
            "p.toml:6: `id`: an id may hold only letters, digits and . _ : @ + | ~ = -",
        ),
        (
            "title = ",
            "language = \"English\"\ntitle = ",
            "p.toml:3: `language`: expected a language tag such as \"en\" or \"pt-BR\"",
        ),
        (
            "title = ",
            "options = 3\ntitle = ",
            "p.toml:3: `options`: expected a table [options], found a whole number",
        ),
        (
            "title = ",
            "options = { extensions = 11 }\ntitle = ",
            "p.toml:3: `extensions`: expected 0 to 10, found 11",
        ),
        (
            "title = ",
            "options = { start_on_joi = true }\ntitle = ",
            "p.toml:3: unknown key `start_on_joi` in [options]; did you mean `start_on_join`?",
        ),
        (
            "title = ",
            "options = { start_on_join = \"yes\" }\ntitle = ",
            "p.toml:3: `start_on_join`: expected true or false, found a text",
        ),
        (
            "title = ",
            "options = { max_duration = \"9h\" }\ntitle = ",
            "p.toml:3: `max_duration`: expected 1 minute to 8 hours, found 9 hours",
        ),
        (
            "[[questions]]",
            "[[questions]]\nid = \"q1\"\ntext = \"Who?\"\nlimit = \"10s\"\n[[questions]]",
            "p.toml:10: the question id `q1` is used twice; expected another one",
        ),
        (
            "[[questions]]",
            "[questions]",
            "p.toml:5: `questions`: expected a list, each as [[questions]], found a table",
        ),
    ] {
        assert_eq!(problem(from, to), expected);
    }
}

#[test]
fn broken_toml_is_told_with_its_line() {
    let found = problems("id = \"x\"\ntitle = \"no end\n");
    assert!(found[0].starts_with("p.toml:2: "), "{found:?}");
    let found = problems("id = \"x\"\nid = \"y\"\ntitle = \"t\"\n");
    assert!(found[0].starts_with("p.toml:2: "), "{found:?}");
}

#[test]
fn all_problems_of_a_file_come_at_once_in_the_order_of_its_lines() {
    let found = problems("titel = \"x\"\n[[questions]]\nid = 3\ntext = \"\"\nlimit = 4\n");
    let lines: Vec<_> = found.iter().map(|p| p.split(' ').next().unwrap()).collect();
    assert_eq!(
        lines,
        [
            "p.toml:1:",
            "p.toml:1:",
            "p.toml:1:",
            "p.toml:3:",
            "p.toml:4:",
            "p.toml:5:"
        ],
        "{found:?}"
    );
}

#[test]
fn bounds_hold_exactly() {
    let question =
        |n: usize| format!("[[questions]]\nid = \"q{n}\"\ntext = \"t\"\nlimit = \"5s\"\n");
    let plan = |n: usize| {
        let all: String = (0..n).map(question).collect();
        format!("id = \"p\"\ntitle = \"t\"\n{all}")
    };
    assert_eq!(parse("p", &plan(50)).unwrap().plan.questions.len(), 50);
    assert_eq!(
        problems(&plan(51)),
        ["p.toml:3: 51 questions; expected at most 50"]
    );
    let text = |n: usize| GOOD.replace("Why?", &"é".repeat(n));
    assert!(parse("p", &text(2_000)).is_ok());
    assert_eq!(
        problems(&text(2_001)),
        ["p.toml:7: `text` has 2001 characters; expected at most 2000"]
    );
}

#[test]
fn no_text_makes_the_reader_panic() {
    let pieces = [
        "id",
        "=",
        "\"a\"",
        "\n",
        "[[questions]]",
        "[options]",
        "limit",
        "90",
        "\"90s\"",
        "{",
        "}",
        "[",
        "]",
        "é",
        "\u{0}",
        "#",
        "text",
        ".",
        "1979-05-27",
        "true",
    ];
    let mut state = 0x9e37_79b9_u64;
    for _ in 0..3_000 {
        let mut text = String::new();
        for _ in 0..12 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let pick = usize::try_from(state >> 33).unwrap() % pieces.len();
            text.push_str(pieces[pick]);
            text.push(' ');
        }
        if let Err(found) = parse("p", &text) {
            assert!(!found.is_empty());
        }
    }
}

#[test]
fn files_of_a_folder_go_over_the_built_in_plans() {
    let folder = Folder::new("over");
    folder.write("mine.toml", GOOD);
    folder.write("practice.toml", &GOOD.replace("\"mine\"", "\"practice\""));
    folder.write("notes.txt", "not a plan");
    let bank = Bank::load_dir(&folder.0).unwrap();
    assert_eq!(bank.list().len(), 6);
    assert_eq!(bank.get(&id("practice")).unwrap().title, "Mine");
    assert_eq!(bank.entry(&id("mine")).unwrap().plan.title, "Mine");
}

#[test]
fn a_folder_with_mistakes_gives_no_bank_and_every_mistake() {
    let folder = Folder::new("mistakes");
    folder.write("a.toml", GOOD);
    folder.write("b.toml", GOOD);
    folder.write("c.toml", "id = 3");
    folder.write("d.toml", &"#".repeat(300_000));
    let error = Bank::load_dir(&folder.0).unwrap_err();
    assert_eq!(error.code(), "plan_invalid");
    let text = error.to_string();
    assert!(
        text.contains("b.toml: the plan id `mine` is taken by"),
        "{text}"
    );
    assert!(text.contains("c.toml:1: `id`: expected a text"), "{text}");
    assert!(text.contains("d.toml: expected a UTF-8 file"), "{text}");
    let error = Bank::load_dir(&folder.0.join("nowhere")).unwrap_err();
    assert_eq!(error.code(), "plan_unreadable");
}

/// A folder of its own, gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("coach-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
