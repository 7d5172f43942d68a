//! Scored reports: what they rest on, what they do with little, and that they stay the same.

use coach::export;
use coach::plan::{Bank, Questions};
use coach::report::{Report, ReportInput, build, build_scored};
use coach::rubric::{Mode, Scoring};
use coach::score::{CriterionKind, Evidence, Gate, NotMeasurable};
use protocol::id::PlanId;
use protocol::value::{Outcome, Role};

use crate::fixture::{answer, by_ben, gap, interview, question, quiet, says, to};
use crate::written;

/// Answers of the written set one after another: scored, too short, off the topic and lost.
pub(crate) fn talk(mode: Mode) -> (ReportInput, Scoring) {
    let bank = Questions::builtin();
    let mut input = interview();
    input.answers.clear();
    input.segments.clear();
    input.gaps = vec![gap(330_000, 350_000)];
    let mut scoring = Scoring {
        mode,
        language: "en".to_owned(),
        ..Scoring::default()
    };
    let names = [
        "dropped-table",
        "half-a-story",
        "just-worked",
        "weather",
        "nothing",
        "tests-good",
    ];
    let all = [written::seen(), written::held_out()].concat();
    let mut at = 5_000;
    for (index, name) in (0u32..).zip(names) {
        let written = all.iter().find(|w| w.name == name).unwrap();
        let id = if name == "nothing" {
            "disagreement"
        } else {
            &written.question
        };
        let banked = bank.get(&question(id)).unwrap();
        let mut said = to(
            id,
            says(u64::from(index) * 2 + 1, at + 2_500, 410, &written.text),
        );
        said.confidence = 0.9;
        for word in said.words.iter_mut().skip(7).step_by(11) {
            word.confidence = 0.4;
        }
        let asked = by_ben(to(
            id,
            says(u64::from(index) * 2 + 2, at, 300, "Please go ahead."),
        ));
        let mut put = answer(id, index, at, said.end_ms + 1_500);
        put.text = banked.question.text.clone();
        put.limit_ms = banked.question.limit_ms;
        put.outcome = if name == "nothing" {
            Outcome::Skipped
        } else {
            Outcome::Answered
        };
        at = put.to_ms;
        input.answers.push(put);
        input.segments.extend([asked, said]);
        scoring.rubrics.insert(question(id), banked.rubric.clone());
    }
    (input, scoring)
}

fn evidence(report: &Report) -> Vec<&Evidence> {
    let scores = report.scores.as_ref().unwrap();
    let criteria = scores.questions.iter().flat_map(|q| &q.criteria);
    let findings = scores.strengths.iter().chain(&scores.next_steps);
    criteria
        .flat_map(|c| &c.evidence)
        .chain(findings.filter_map(|f| f.evidence.as_ref()))
        .collect()
}

/// Every quote stands in the transcript at its span, inside the time of the lines it is from.
pub(crate) fn check_quotes(report: &Report) -> usize {
    let all = evidence(report);
    for one in &all {
        let question = &report.questions[usize::try_from(one.question).unwrap()];
        let lines: Vec<_> = question
            .transcript
            .iter()
            .filter(|l| l.role == Role::Candidate)
            .collect();
        let words: Vec<&str> = lines
            .iter()
            .flat_map(|l| l.text.split_whitespace())
            .collect();
        let span = usize::try_from(one.from_word).unwrap()..usize::try_from(one.to_word).unwrap();
        assert_eq!(words[span].join(" "), one.quote);
        assert!(one.from_ms <= one.to_ms);
        let covers = |ms: u64| lines.iter().any(|l| (l.start_ms..=l.end_ms).contains(&ms));
        assert!(covers(one.from_ms) && covers(one.to_ms), "{one:?}");
    }
    all.len()
}

#[test]
fn every_quote_is_found_in_the_transcript_at_its_span() {
    for mode in [Mode::Practice, Mode::Hiring] {
        let (input, scoring) = talk(mode);
        assert!(check_quotes(&build_scored(&input, &scoring)) > 30);
    }
}

#[test]
fn the_same_words_in_any_order_of_rows_give_the_same_bytes() {
    let (input, scoring) = talk(Mode::Practice);
    let report = build_scored(&input, &scoring);
    let mut turned = input;
    turned.segments.reverse();
    turned.answers.reverse();
    turned.gaps.reverse();
    assert_eq!(build_scored(&turned, &scoring).to_json(), report.to_json());
    let back: Report = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(back, report);
    assert_eq!(coach::page::render(&back), coach::page::render(&report));
    assert_eq!(export::markdown(&back), export::markdown(&report));
}

#[test]
fn scores_leave_the_rest_of_the_report_as_it_is() {
    let (input, scoring) = talk(Mode::Hiring);
    let mut plain = serde_json::to_value(build(&input)).unwrap();
    let mut scored = serde_json::to_value(build_scored(&input, &scoring)).unwrap();
    assert_eq!(plain["schema"], "greenroom.report/1");
    assert_eq!(scored["schema"], "greenroom.report/2");
    for report in [&mut plain, &mut scored] {
        let object = report.as_object_mut().unwrap();
        for name in ["schema", "scores", "method"] {
            object.remove(name);
        }
    }
    assert_eq!(plain, scored);
}

#[test]
fn an_answer_with_too_little_to_go_by_is_not_scored_and_says_why() {
    let (input, scoring) = talk(Mode::Hiring);
    let scores = build_scored(&input, &scoring).scores.unwrap();
    let too_short = scores
        .questions
        .iter()
        .find(|q| q.id == question("disagreement"))
        .unwrap();
    assert_eq!((too_short.gate, too_short.level), (Gate::NoAnswer, None));
    assert!(
        too_short
            .criteria
            .iter()
            .all(|c| c.reason == Some(NotMeasurable::Gate))
    );

    let gate_of = |input: &ReportInput, scoring: &Scoring| {
        let scores = build_scored(input, scoring).scores.unwrap();
        scores
            .questions
            .iter()
            .find(|q| q.id == question("mistake"))
            .unwrap()
            .clone()
    };
    assert_eq!(gate_of(&input, &scoring).gate, Gate::Open);
    let mut unsure = input.clone();
    for word in unsure.segments.iter_mut().flat_map(|s| &mut s.words) {
        word.confidence = 0.5;
    }
    let found = gate_of(&unsure, &scoring);
    assert_eq!(
        (found.gate, found.level, found.human_review),
        (Gate::LowEvidence, None, true)
    );
    assert!(
        found.criteria.iter().any(|c| c.value == Some(1.0)),
        "points are still shown"
    );
    let mut lost = input.clone();
    lost.gaps = vec![gap(10_000, 30_000)];
    assert_eq!(gate_of(&lost, &scoring).gate, Gate::LowEvidence);
    let mut wordless = to("mistake", says(90, 60_000, 60_000, "x"));
    wordless.text = String::new();
    let mut unheard = input.clone();
    unheard.segments.push(wordless);
    assert_eq!(gate_of(&unheard, &scoring).gate, Gate::LowEvidence);
    let mut other = scoring.clone();
    other.language = "de".to_owned();
    assert_eq!(gate_of(&input, &other).gate, Gate::Language);
    other.rubrics.clear();
    assert_eq!(gate_of(&input, &other).gate, Gate::NoRubric);
    let mut deaf = input;
    deaf.segments.clear();
    deaf.recognizer = None;
    assert_eq!(gate_of(&deaf, &scoring).gate, Gate::NoRecognizer);
}

#[test]
fn delivery_is_looked_at_in_practice_only_and_fillers_only_where_they_are_kept() {
    let delivery = |mode, keeps, without| {
        let (input, mut scoring) = talk(mode);
        scoring.keeps_fillers = keeps;
        scoring.without_delivery = without;
        let scores = build_scored(&input, &scoring).scores.unwrap();
        let first = scores.questions.into_iter().next().unwrap();
        let criteria = first.criteria.into_iter();
        criteria
            .filter(|c| c.kind == CriterionKind::Delivery)
            .collect::<Vec<_>>()
    };
    assert_eq!(delivery(Mode::Hiring, true, false), []);
    assert_eq!(delivery(Mode::Practice, true, true), []);
    let practice = delivery(Mode::Practice, false, false);
    let fillers = practice
        .iter()
        .find(|c| c.criterion == "delivery:fillers")
        .unwrap();
    assert_eq!(
        (fillers.value, fillers.reason),
        (None, Some(NotMeasurable::FillersDropped))
    );
    let pace = practice
        .iter()
        .find(|c| c.criterion == "delivery:pace")
        .unwrap();
    assert!(pace.value.is_some() && pace.figure.as_ref().unwrap().contains("words a minute"));
    let kept = delivery(Mode::Practice, true, false);
    assert!(
        kept.iter()
            .any(|c| c.criterion == "delivery:fillers" && c.value == Some(1.0))
    );
}

#[test]
fn unsure_words_lower_the_low_bound_and_never_the_level() {
    let text = "I deleted a table of the live database on a Friday. I noticed it because an alert \
                came. I told my manager at once and restored the backup, and since then I always \
                do a dry run first.";
    let banked = Questions::builtin().get(&question("mistake")).unwrap();
    let mut input = quiet();
    let mut said = to("mistake", says(1, 2_000, 400, text));
    for word in said
        .words
        .iter_mut()
        .filter(|w| ["deleted", "since", "restored"].contains(&w.text.as_str()))
    {
        word.confidence = 0.3;
    }
    input.answers = vec![answer("mistake", 0, 0, 30_000)];
    input.segments = vec![said];
    let rubrics = [(question("mistake"), banked.rubric.clone())].into();
    let scoring = Scoring {
        rubrics,
        ..Scoring::default()
    };
    let score = build_scored(&input, &scoring)
        .scores
        .unwrap()
        .questions
        .remove(0);
    let level = score.level.unwrap();
    assert!(
        level.low < level.level && level.level <= level.high,
        "{level:?}"
    );
}

#[test]
fn the_words_of_the_demo_recordings_tell_no_point_of_the_practice_plan() {
    let recordings = [
        "And Mr. John Dashwood had then leisure to consider how much there might be prudently in \
         his power to do for them.",
        "It was the best of times, it was the worst of times, it was the age of wisdom, it was the \
         age of foolishness, it was the epoch of belief, it was the epoch of incredulity.",
        "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better.",
    ];
    let bank = Bank::builtin();
    let plan = bank.get(&PlanId::parse("practice").unwrap()).unwrap();
    let scoring = bank.scoring(plan);
    let mut input = quiet();
    for (index, (question, words)) in (0u32..).zip(plan.questions.iter().zip(recordings)) {
        let at = u64::from(index) * 40_000;
        let mut put = answer(question.id.as_str(), index, at, at + 39_000);
        put.text = question.text.clone();
        input.answers.push(put);
        input.segments.push(to(
            question.id.as_str(),
            says(u64::from(index), at + 2_000, 400, words),
        ));
    }
    let report = build_scored(&input, &scoring);
    let scores = report.scores.as_ref().unwrap();
    let told = scores
        .questions
        .iter()
        .flat_map(|q| &q.criteria)
        .filter(|c| c.kind == CriterionKind::Content && c.value != Some(0.0));
    assert_eq!(
        told.map(|c| &c.criterion).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
    assert_eq!(scores.scored, 3);
    assert!(coach::page::render(&report).contains("Not found in the transcript"));
}

#[test]
fn every_link_of_the_page_leads_to_a_place_on_it() {
    for mode in [Mode::Practice, Mode::Hiring] {
        let (input, scoring) = talk(mode);
        let page = coach::page::render(&build_scored(&input, &scoring));
        let mut links = 0;
        for link in page.split("href=\"#").skip(1) {
            let name = link.split('"').next().unwrap();
            assert_eq!(
                page.matches(&format!(" id=\"{name}\"")).count(),
                1,
                "{name}"
            );
            links += 1;
        }
        assert!(links > 30, "{links}");
        let ids: Vec<&str> = page
            .split(" id=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let different: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(different.len(), ids.len(), "an id is there twice");
    }
}

#[test]
fn the_page_for_hiring_shows_nothing_about_the_way_of_speaking_of_an_answer() {
    let (input, scoring) = talk(Mode::Hiring);
    let page = coach::page::render(&build_scored(&input, &scoring));
    assert!(!page.contains("The way of speaking, for practice"));
    assert!(!page.contains("<dl class=\"figures\">") && !page.contains("class=\"band\""));
    assert!(!page.contains("Pauses</dt>") && !page.contains("Pace</dt>"));
    assert!(page.contains("The way of speaking does not count at all."));
    for word in ["hire this", "rank ", "accent score", "emotion"] {
        assert!(!page.contains(word), "{word}");
    }
}
