//! One invented interview with a bit of everything, and short ways to make rows.

use coach::report::{
    AnswerFacts, GapFacts, ParticipantFacts, PlanFacts, RecognizerFacts, ReportInput, SegmentFacts,
    SessionFacts,
};
use protocol::id::{PlanId, QuestionId, Seq, SessionId, StreamId, UserId};
use protocol::time::Wall;
use protocol::value::{EndReason, Outcome, Role, Status, Word};

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

pub(crate) fn question(name: &str) -> QuestionId {
    QuestionId::parse(name).unwrap()
}

/// A session of Ana's without questions in which nothing was heard.
pub(crate) fn quiet() -> ReportInput {
    ReportInput {
        session: SessionFacts {
            id: SessionId::parse("s-1").unwrap(),
            title: "First talk".to_owned(),
            status: Status::Completing,
            created_at: Wall(1_795_232_000_000),
            started_at: Some(Wall(1_795_232_926_000)),
            ended_at: Some(Wall(1_795_233_226_000)),
            duration_ms: Some(300_000),
            reason: Some(EndReason::Completed),
            ended_by: None,
        },
        plan: None,
        participants: vec![
            participant("ben", Role::Interviewer),
            participant("ana", Role::Candidate),
        ],
        answers: Vec::new(),
        segments: Vec::new(),
        gaps: Vec::new(),
        recognizer: Some(RecognizerFacts {
            name: "moonshine-tiny-en".to_owned(),
            version: "1.0.3".to_owned(),
            word_times_estimated: true,
        }),
    }
}

pub(crate) fn participant(name: &str, role: Role) -> ParticipantFacts {
    ParticipantFacts {
        user: user(name),
        role,
        joined_at: Some(Wall(1_795_232_920_000)),
    }
}

pub(crate) fn answer(id: &str, index: u32, from_ms: u64, to_ms: u64) -> AnswerFacts {
    AnswerFacts {
        question: question(id),
        index,
        text: format!("What is {id}?"),
        outcome: Outcome::Answered,
        from_ms,
        to_ms,
        limit_ms: 90_000,
    }
}

/// Ana says the words on stream 0, which began with the session, `word_ms` each; `|` in the
/// text is a silence of half a second.
pub(crate) fn says(seq: u64, start_ms: u64, word_ms: u64, text: &str) -> SegmentFacts {
    let mut words = Vec::new();
    let mut at = start_ms;
    for word in text.split_whitespace() {
        if word == "|" {
            at += 500;
            continue;
        }
        words.push(Word {
            text: word.to_owned(),
            start_ms: at,
            end_ms: at + word_ms,
            confidence: 0.95,
        });
        at += word_ms;
    }
    SegmentFacts {
        seq: Seq(seq),
        user: user("ana"),
        role: Role::Candidate,
        stream: StreamId(0),
        utterance: u32::try_from(seq).unwrap(),
        text: text.replace("| ", ""),
        raw: None,
        words,
        start_ms,
        end_ms: at,
        at_ms: (start_ms + at) / 2,
        confidence: 0.934_567,
        question: None,
    }
}

pub(crate) fn to(id: &str, mut segment: SegmentFacts) -> SegmentFacts {
    segment.question = Some(question(id));
    segment
}

pub(crate) fn by_ben(mut segment: SegmentFacts) -> SegmentFacts {
    segment.user = user("ben");
    segment.role = Role::Interviewer;
    segment.stream = StreamId(7);
    segment
}

pub(crate) fn gap(start_ms: u64, end_ms: u64) -> GapFacts {
    GapFacts {
        user: user("ana"),
        stream: StreamId(0),
        start_ms,
        end_ms,
    }
}

/// An interview of five questions, four of which were put, ended by the candidate.
pub(crate) fn interview() -> ReportInput {
    let mut input = quiet();
    input.session.title = "Team lead, first talk with Ana".to_owned();
    input.session.reason = Some(EndReason::CandidateEnded);
    input.session.ended_by = Some(user("ana"));
    input.plan = Some(PlanFacts {
        id: Some(PlanId::parse("behavioral").unwrap()),
        title: "Behavioral interview".to_owned(),
        questions: 5,
    });
    let mut absent = participant("cleo", Role::Observer);
    absent.joined_at = None;
    input.participants.push(absent);
    let put = |id: &str, index, text: &str, outcome, from_ms, to_ms| AnswerFacts {
        text: text.to_owned(),
        outcome,
        ..answer(id, index, from_ms, to_ms)
    };
    input.answers = vec![
        put(
            "hard-problem",
            0,
            "Tell me about a hard problem you solved at work or in your studies. What made it \
             hard, what did you do, and how did it turn out?",
            Outcome::Answered,
            12_000,
            74_000,
        ),
        put(
            "mistake",
            1,
            "Tell me about a mistake you made.",
            Outcome::TimedOut,
            74_000,
            164_000,
        ),
        put(
            "helped-someone",
            2,
            "Tell me about a time you helped someone else.\nHow did you go about it?",
            Outcome::Skipped,
            164_000,
            170_000,
        ),
        put(
            "disagreement",
            3,
            "How do you say “peace” in another language, and when is a <b>comma</b> wrong?",
            Outcome::Lost,
            170_000,
            212_000,
        ),
    ];
    input.segments = segments();
    input.gaps = vec![gap(120_000, 123_400)];
    input
}

fn segments() -> Vec<SegmentFacts> {
    let mut unsure = to(
        "mistake",
        says(
            8,
            88_000,
            340,
            "I deleted the wrong table | on a Friday | and the restore took quite a while",
        ),
    );
    for word in &mut unsure.words[4..6] {
        word.confidence = 0.41;
    }
    vec![
        by_ben(says(
            2,
            2_000,
            300,
            "Good morning Ana can you hear me well?",
        )),
        says(3, 5_500, 300, "Yes | loud and clear."),
        to(
            "hard-problem",
            says(
                5,
                14_200,
                360,
                "Last year our nightly import took nine hours | and the shop opened before it \
                 was done.",
            ),
        ),
        to(
            "hard-problem",
            says(
                6,
                24_000,
                380,
                "I measured every step first | found that one index was missing | and made the \
                 import write in batches. In the end it took forty minutes.",
            ),
        ),
        unsure,
        by_ben(to(
            "mistake",
            says(9, 98_000, 320, "What did you tell the team?"),
        )),
        to(
            "mistake",
            says(
                10,
                101_000,
                350,
                "I told them at once | and wrote down what had happened so that nobody would do \
                 it again.",
            ),
        ),
        to(
            "mistake",
            says(
                11,
                126_500,
                400,
                "Since then we try every restore | once a month.",
            ),
        ),
        to(
            "disagreement",
            says(
                14,
                175_000,
                420,
                "In Hebrew it is שלום and a < b is no tag & no \"quote\"",
            ),
        ),
    ]
}
