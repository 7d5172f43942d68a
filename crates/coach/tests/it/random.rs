//! Any rows give a report whose figures are finite and whose words are all there, once.

use coach::plan::Questions;
use coach::report::{Report, ReportInput, build, build_scored};
use coach::rubric::{Mode, Scoring};
use protocol::id::{Seq, StreamId};
use protocol::time::Wall;
use protocol::value::{EndReason, Outcome, Role, Status, Word};

use crate::fixture::{answer, gap, participant, question, quiet, says, user};
use crate::schema::check_report;

/// A linear congruential generator: the same worlds on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 20) % sides
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let at = self.roll(from.len() as u64);
        from[usize::try_from(at).unwrap()].clone()
    }

    /// Mostly sane, sometimes at the edge of the type.
    fn ms(&mut self) -> u64 {
        match self.roll(12) {
            0 => u64::MAX - self.roll(3),
            1 => 0,
            _ => self.roll(600_000),
        }
    }

    fn share(&mut self) -> f32 {
        let odd = [f32::NAN, f32::INFINITY, -1.0, 0.0, 0.3, 0.6, 0.87, 1.0, 7.0];
        self.pick(&odd)
    }

    fn text(&mut self) -> String {
        let words = [
            "yes",
            "no",
            "<b>",
            "é",
            "שלום",
            "\u{1b}[0m",
            "a&b",
            " ",
            "it's",
            "\u{202e}",
            "日本",
        ];
        let count = self.roll(9);
        let all: Vec<&str> = (0..count).map(|_| self.pick(&words)).collect();
        all.join(" ")
    }
}

fn world(dice: &mut Dice) -> ReportInput {
    let mut input = quiet();
    let names = ["ana", "ben", "cleo"];
    input.session.title = dice.text();
    input.session.status = dice.pick(Status::ALL);
    input.session.reason = (dice.roll(5) > 0).then(|| dice.pick(EndReason::ALL));
    input.session.ended_by = (dice.roll(2) > 0).then(|| user(dice.pick(&names)));
    let edge = [i64::MIN, -1, 0, 1_795_232_926_000, i64::MAX];
    input.session.started_at = (dice.roll(4) > 0).then(|| Wall(dice.pick(&edge)));
    input.session.ended_at = (dice.roll(4) > 0).then(|| Wall(dice.pick(&edge)));
    input.session.duration_ms = (dice.roll(4) > 0).then(|| dice.ms());
    input.participants = (0..dice.roll(4))
        .map(|_| participant(dice.pick(&names), dice.pick(Role::ALL)))
        .collect();
    if dice.roll(4) == 0 {
        input.recognizer = None;
    }
    let ids = ["q1", "q2", "q3", "q4"];
    for _ in 0..dice.roll(6) {
        let index = u32::try_from(dice.roll(5)).unwrap();
        let mut put = answer(dice.pick(&ids), index, dice.ms(), dice.ms());
        put.outcome = dice.pick(Outcome::ALL);
        put.limit_ms = dice.ms();
        put.text = dice.text();
        input.answers.push(put);
    }
    for seq in 0..dice.roll(12) {
        let mut said = says(seq, 0, 300, "x");
        said.seq = Seq(seq);
        said.user = user(dice.pick(&names));
        said.role = dice.pick(Role::ALL);
        said.stream = StreamId(u32::try_from(dice.roll(3)).unwrap());
        said.text = dice.text();
        said.start_ms = dice.ms();
        said.end_ms = dice.ms();
        said.at_ms = dice.ms();
        said.confidence = dice.share();
        said.question = (dice.roll(4) > 0).then(|| question(dice.pick(&ids)));
        said.words = (0..dice.roll(6))
            .map(|_| Word {
                text: dice.text(),
                start_ms: dice.ms(),
                end_ms: dice.ms(),
                confidence: dice.share(),
            })
            .collect();
        input.segments.push(said);
    }
    for _ in 0..dice.roll(4) {
        let mut lost = gap(dice.ms(), dice.ms());
        lost.user = user(dice.pick(&names));
        input.gaps.push(lost);
    }
    input
}

fn lines(report: &Report) -> Vec<(Seq, String)> {
    let mut all: Vec<(Seq, String)> = report
        .questions
        .iter()
        .flat_map(|q| &q.transcript)
        .chain(&report.outside.transcript)
        .map(|line| (line.seq, line.text.clone()))
        .collect();
    all.sort();
    all
}

/// The page's text: without tags, marks and escapes.
fn read(page: &str) -> String {
    let body = page.split_once("<body>").unwrap().1;
    let body = body.replace("<span class=\"hidden\"> (not sure)</span>", "");
    let mut text = String::new();
    let mut in_tag = false;
    for c in body.chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    for (code, c) in [
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#39;", "'"),
        ("&#34;", "\""),
    ] {
        text = text.replace(code, c);
    }
    text.replace("&#38;", "&")
}

#[test]
fn any_rows_make_a_report_with_finite_figures_and_all_words_once() {
    let mut dice = Dice(20_261_121);
    let (mut measured, mut unsure, mut silent) = (0, 0, 0);
    for round in 0..600 {
        let input = world(&mut dice);
        let report = build(&input);
        let json = report.to_json();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let problems = check_report(&value);
        assert!(problems.is_empty(), "round {round}: {problems:?}");

        let mut said: Vec<(Seq, String)> = input
            .segments
            .iter()
            .filter(|s| !s.text.trim().is_empty())
            .map(|s| (s.seq, s.text.clone()))
            .collect();
        said.sort();
        assert_eq!(lines(&report), said, "round {round}");

        let page = coach::page::render(&report);
        assert!(!page.contains("NaN") && !page.contains("inf<"));
        let text = read(&page);
        for (_, words) in &said {
            let words: Vec<_> = words.split_whitespace().map(coach::text::plain).collect();
            assert!(text.contains(&words.join(" ")), "round {round}: {words:?}");
        }
        assert!(coach::summary(&report).lines().count() >= 2);

        let mut turned = input.clone();
        turned.segments.reverse();
        turned.gaps.reverse();
        assert_eq!(build(&turned).to_json(), json, "round {round}");
        let back: Report = serde_json::from_str(&json).unwrap();
        assert_eq!(back.to_json(), json, "round {round}");

        measured += u32::from(report.totals.figures.pace.words_per_minute.is_some());
        unsure += u32::from(json.contains("\"unsure\":[0"));
        silent += u32::from(report.is_silent());
    }
    assert!(measured > 50 && unsure > 20 && silent > 20);
}

/// A world whose candidate also says words the rubrics look for.
fn talking_world(dice: &mut Dice) -> (ReportInput, Scoring) {
    let mut input = world(dice);
    let phrases = [
        "I deleted the table",
        "since then I always test",
        "as a result",
        "from 9 hours to 40 minutes,",
        "I told my manager at once.",
        "when I was",
        "the root cause was",
        "I measured and built and fixed it",
        "for example",
        "x".repeat(5_000).leak(),
        "שלום עולם",
        "<script>alert(1)</script>",
        "=cmd|'/c calc'!A1",
        "--> 00:00:01.000",
        "\u{1b}]0;x\u{7} \u{202e}evil",
    ];
    for segment in &mut input.segments {
        if dice.roll(3) > 0 {
            segment.role = Role::Candidate;
            segment.question = Some(question(dice.pick(&["q1", "q2"])));
            segment.start_ms = 1_000;
            segment.end_ms = 30_000;
        }
        for _ in 0..dice.roll(6) {
            segment.text.push(' ');
            segment.text.push_str(dice.pick(&phrases));
        }
        if dice.roll(2) == 0 {
            let texts = segment.text.split_whitespace();
            segment.words = texts
                .map(|text| Word {
                    text: text.to_owned(),
                    start_ms: dice.ms(),
                    end_ms: dice.ms(),
                    confidence: dice.share(),
                })
                .collect();
        }
    }
    let all: Vec<_> = Questions::builtin().list().collect();
    let mut scoring = Scoring {
        mode: dice.pick(&[Mode::Practice, Mode::Hiring]),
        keeps_fillers: dice.roll(2) == 0,
        without_delivery: dice.roll(5) == 0,
        ..Scoring::default()
    };
    for id in ["q1", "q2", "q3"] {
        let rubric = dice.pick(&all).rubric.clone();
        scoring.rubrics.insert(question(id), rubric);
    }
    (input, scoring)
}

#[test]
fn any_words_give_scores_whose_quotes_stand_where_they_say() {
    let mut dice = Dice(3_112_026);
    let (mut quotes, mut levels) = (0, 0);
    for round in 0..400 {
        let (input, scoring) = talking_world(&mut dice);
        let report = build_scored(&input, &scoring);
        let json = report.to_json();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let problems = check_report(&value);
        assert!(problems.is_empty(), "round {round}: {problems:?}");
        quotes += crate::scored::check_quotes(&report);
        let scores = report.scores.as_ref().unwrap();
        for level in scores.questions.iter().filter_map(|q| q.level) {
            assert!(level.low <= level.level && level.level <= level.high);
            levels += 1;
        }
        let mut turned = input.clone();
        turned.segments.reverse();
        assert_eq!(
            build_scored(&turned, &scoring).to_json(),
            json,
            "round {round}"
        );
        let back: Report = serde_json::from_str(&json).unwrap();
        assert_eq!(back.to_json(), json, "round {round}");

        let page = coach::page::render(&report);
        assert!(!page.contains("<script") && !page.contains("NaN") && !page.contains("inf"));
        let exports = [
            page,
            coach::export::markdown(&report),
            coach::export::csv(&report),
            coach::export::webvtt(&report),
        ];
        for text in &exports {
            let odd = |c: char| c.is_control() && c != '\n' && c != '\r';
            assert!(
                !text.contains(odd) && !text.contains('\u{202e}'),
                "round {round}"
            );
        }
        let captions = &exports[3];
        let arrows = captions.matches("-->").count();
        assert_eq!(arrows, captions.matches("\n<v ").count(), "round {round}");
        assert!(!exports[1].contains("<script"));
        assert!(
            exports[2]
                .lines()
                .all(|l| !l.contains(",=") && !l.contains(",\"="))
        );
    }
    assert!(
        quotes > 300 && levels > 100,
        "{quotes} quotes, {levels} levels"
    );
}
