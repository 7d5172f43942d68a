use super::*;
use crate::rubric::Kind;
use protocol::value::{Audience, PlanOptions, Role};

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
        suggestions_to: Audience::STAFF,
        extensions: 2,
        extension_ms: 90_000,
        max_duration_ms: Some(1_200_000),
    };
    assert_eq!(options, expected);
}

#[test]
fn a_word_list_is_read_and_its_mistakes_are_told_with_their_lines() {
    let entry = parse(
        "p.toml",
        "id = \"p\"\ntitle = \"P\"\nwords = [\"Kubernetes\", \"Ana  Oliveira\"]",
    );
    assert_eq!(entry.unwrap().plan.words, ["Kubernetes", "Ana Oliveira"]);
    let text = "id = \"p\"\ntitle = \"P\"\nwords = [\n\"Go\",\n\"Kubernetes\",\n7,\n\
                \"a b c dddd\",\n\"kubernetes\",\n]";
    let told: Vec<String> = parse("p.toml", text)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(told.len(), 4, "{told:?}");
    for (told, expected) in told.iter().zip([
        "p.toml:4: `words`: \"Go\" is too short; expected at least 5 letters",
        "p.toml:6: ",
        "p.toml:7: `words`: \"a b c dddd\" is too long; expected a name of at most 3 words",
        "p.toml:8: `words`: \"kubernetes\" is there twice",
    ]) {
        assert!(told.starts_with(expected), "{told}");
    }
    let many = format!(
        "id = \"p\"\ntitle = \"P\"\nwords = [{}]",
        "\"word\",".repeat(101)
    );
    assert!(
        parse("p.toml", &many).unwrap_err()[0]
            .message
            .contains("at most 100")
    );
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

const SCORED: &str = r#"
id = "mine"
title = "Mine"

[coaching]
mode = "practice"
suggestions_to = ["interviewer", "candidate"]

[[questions]]
use = "mistake"
limit = "2m"

[[questions]]
id = "q1"
kind = "technical"
text = "Why?"
limit = "90s"
target = ["30s", "60s"]

[[questions.points]]
id = "cause"
label = "the cause"
weight = 3
must = true
near = 9
any = [["root cause|reason", "~was"], ["because"]]
not = ["no reason"]
ask = "What was the cause?"

[[questions.points]]
id = "second"
label = "a second thing"
any = [["second"]]

[[questions.points]]
id = "third"
label = "a third thing"
any = [["third"]]
"#;

#[test]
fn a_question_is_taken_from_the_bank_or_brings_its_own_points() {
    let entry = parse("p.toml", SCORED).unwrap();
    let names: Vec<_> = entry.plan.questions.iter().map(|q| q.id.as_str()).collect();
    assert_eq!(names, ["mistake", "q1"]);
    let banked = Questions::builtin()
        .get(&QuestionId::parse("mistake").unwrap())
        .unwrap();
    assert_eq!(entry.plan.questions[0].text, banked.question.text);
    assert_eq!(
        entry.plan.questions[0].limit_ms, 120_000,
        "the plan's own limit"
    );
    assert_eq!(entry.rubrics[&banked.question.id], banked.rubric);
    assert_eq!(entry.mode, Mode::Practice);
    let to = entry.plan.options.suggestions_to.roles();
    assert_eq!(to, [Role::Candidate, Role::Interviewer]);
    let own = &entry.rubrics[&QuestionId::parse("q1").unwrap()];
    assert_eq!((own.target_ms, own.points.len()), ((30_000, 60_000), 3));
    let cause = &own.points[0];
    assert_eq!((cause.weight, cause.must, cause.near), (3, true, 9));
    assert_eq!(cause.any[0].groups[0].phrases, ["root cause", "reason"]);
    assert!(cause.any[0].groups[1].is_context && !cause.any[1].groups[0].is_context);
    assert_eq!(
        (own.points[1].weight, own.points[1].near),
        (1, 12),
        "defaults"
    );
}

#[test]
fn a_wrong_scoring_key_is_told_with_line_and_what_was_expected() {
    for (from, to, expected) in [
        (
            "use = \"mistake\"",
            "use = \"mistak\"",
            "p.toml:10: `use`: no question `mistak` in the bank; did you mean `mistake`?",
        ),
        (
            "use = \"mistake\"",
            "use = \"mistake\"\ntext = \"Which?\"",
            "p.toml:11: `text` comes from the bank; expected only `use` and `limit`",
        ),
        (
            "kind = \"technical\"",
            "kind = \"hard\"",
            "p.toml:15: `kind`: expected \"behavioral\", \"technical\" or \"situational\"",
        ),
        (
            "target = [\"30s\", \"60s\"]",
            "target = [\"60s\", \"30s\"]",
            "p.toml:18: `target`: expected two lengths of time, the shorter first, such as \
             [\"60s\", \"2m\"]",
        ),
        (
            "weight = 3",
            "weight = 11",
            "p.toml:23: `weight`: expected a whole number from 1 to 10",
        ),
        (
            "any = [[\"third\"]]",
            "any = [\"third\"]",
            "p.toml:38: `any`: expected a list of texts in quotes, found a text",
        ),
        (
            "any = [[\"third\"]]",
            "any = [[\"a||b\"]]",
            "p.toml:38: `any`: expected up to 40 phrases of up to 60 characters with | between \
             them, such as \"root cause|reason\"",
        ),
        (
            "id = \"third\"",
            "id = \"second\"",
            "p.toml:36: the point id `second` is used twice in this question; expected another one",
        ),
        (
            "must = true",
            "must = 1",
            "p.toml:24: `must`: expected true or false, found a whole number",
        ),
        (
            "mode = \"practice\"",
            "mode = \"fun\"",
            "p.toml:6: `mode`: expected \"practice\" or \"hiring\"",
        ),
        (
            "suggestions_to = [\"interviewer\", \"candidate\"]",
            "suggestions_to = [\"everybody\"]",
            "p.toml:7: `suggestions_to`: expected a list of \"candidate\", \"interviewer\" and \
             \"observer\", or []",
        ),
    ] {
        assert!(SCORED.contains(from), "{from}");
        assert_eq!(problems(&SCORED.replace(from, to)), [expected]);
    }
    let two = SCORED
        .split("[[questions.points]]\nid = \"third\"")
        .next()
        .unwrap();
    assert_eq!(
        problems(two),
        ["p.toml:20: `points`: expected 3 to 8, found 2"]
    );
}

#[test]
fn the_bank_has_two_dozen_questions_of_three_kinds_with_three_to_eight_points() {
    let bank = Bank::builtin();
    let all: Vec<_> = bank.questions().list().collect();
    assert!(all.len() >= 24, "{}", all.len());
    for kind in Kind::ALL {
        assert!(
            all.iter().filter(|q| q.rubric.kind == *kind).count() >= 7,
            "{kind:?}"
        );
    }
    for BankQuestion { question, rubric } in all {
        assert!(
            (POINTS_MIN..=POINTS_MAX).contains(&rubric.points.len()),
            "{}",
            question.id
        );
        assert!(rubric.points.iter().any(|p| p.must), "{}", question.id);
        assert!(
            rubric.points.iter().all(|p| p.ask.is_some()),
            "{}",
            question.id
        );
        assert!(rubric.target_ms.1 <= question.limit_ms, "{}", question.id);
    }
}

#[test]
fn the_question_of_a_point_does_not_say_the_point() {
    // Whoever repeats the question has not answered it.
    let mut wrong = Vec::new();
    for BankQuestion { question, rubric } in Questions::builtin().list() {
        let words = question
            .text
            .split_whitespace()
            .map(|text| crate::score::Said {
                text: text.to_owned(),
                from_ms: 0,
                to_ms: 0,
                confidence: None,
            });
        let answer = crate::score::Answer::new(words.collect());
        let told = rubric.points.iter().filter(|p| {
            crate::score::Ready::new(p).find(&answer).cover == crate::score::Cover::Covered
        });
        wrong.extend(told.map(|p| format!("{} {}", question.id, p.id)));
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_folders_own_bank_goes_over_the_built_in_questions() {
    let folder = Folder::new("bank");
    std::fs::create_dir(folder.0.join(BANK_FOLDER)).unwrap();
    let own = SCORED.split("[[questions]]").nth(2).unwrap();
    let own = format!("[[questions]]{}", own.replace("\"q1\"", "\"mistake\""));
    folder.write("bank/own.toml", &own);
    folder.write(
        "mine.toml",
        "id = \"m\"\ntitle = \"M\"\n[[questions]]\nuse = \"mistake\"\n",
    );
    let bank = Bank::load_dir(&folder.0).unwrap();
    let plan = bank.get(&id("m")).unwrap();
    assert_eq!(plan.questions[0].text, "Why?");
    assert_eq!(bank.scoring(plan).rubrics.len(), 1);
    assert_eq!(
        bank.questions().list().len(),
        Questions::builtin().list().len()
    );
    folder.write(
        "bank/pointless.toml",
        GOOD.split_once("[[")
            .map(|(_, q)| format!("[[{q}"))
            .unwrap()
            .as_str(),
    );
    let error = Bank::load_dir(&folder.0).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the question `q1` has no points"),
        "{error}"
    );
}

#[test]
fn a_question_with_another_text_than_in_the_bank_is_not_scored_by_it() {
    let bank = Bank::builtin();
    let mut plan = bank.get(&id("behavioral")).unwrap().clone();
    plan.questions[0].text = "Something else?".to_owned();
    assert_eq!(bank.scoring(&plan).rubrics.len(), plan.questions.len() - 1);
    plan.id = None;
    let scoring = bank.scoring(&plan);
    assert_eq!(
        scoring.rubrics.len(),
        plan.questions.len() - 1,
        "by the bank, word for word"
    );
}

#[test]
fn a_plan_can_be_put_into_a_bank_and_taken_out() {
    let mut bank = Bank::builtin();
    let entry = parse_with(bank.questions(), "request", SCORED).unwrap();
    assert_eq!(bank.put(entry.clone()), None);
    assert_eq!(
        bank.scoring(bank.get(&id("mine")).unwrap()).rubrics.len(),
        2
    );
    assert_eq!(bank.put(entry.clone()), Some(entry.clone()));
    assert_eq!(bank.remove(&id("mine")), Some(entry));
    assert_eq!(bank, Bank::builtin());
}

#[test]
fn a_question_of_the_bank_is_one_flat_object_for_other_programs() {
    let question = Questions::builtin()
        .get(&QuestionId::parse("mistake").unwrap())
        .unwrap();
    let json = serde_json::to_value(question).unwrap();
    assert_eq!(
        (&json["id"], &json["limitMs"]),
        (&"mistake".into(), &180_000.into())
    );
    assert_eq!(json["rubric"]["kind"], "behavioral");
    assert_eq!(json["rubric"]["points"][0]["id"], "owned-it");
}
