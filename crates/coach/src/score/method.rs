//! How the scores were made and what they cannot tell, in plain sentences.

use super::data::{data_parts, weights};
use super::parts::{Gate, QuestionScore};
use crate::rubric::{Mode, Scoring};

pub(super) fn method(scoring: &Scoring, questions: &[QuestionScore]) -> Vec<String> {
    let rules = weights();
    let percent = |share: f64| format!("{:.0}", share * 100.0);
    let mut said = vec![
        "The levels come from fixed rules about words. No person and no language model read the \
         answers for them: the same words always give the same levels."
            .to_owned(),
        "“Not found” means that no words for a point were found in the transcript. It does not \
         mean that the person does not know it. Somebody who says a thing in very different words \
         may be missed, and somebody who only names the right words may be overrated."
            .to_owned(),
    ];
    said.push(match scoring.mode {
        Mode::Practice if scoring.without_delivery => format!(
            "Practice: what was said counts {} in 100 and how the answer was built {}; the way of \
             speaking was left out on request, and the other two were scaled up to 100.",
            percent(rules.practice.content),
            percent(rules.practice.structure)
        ),
        Mode::Practice => format!(
            "Practice: what was said counts {} in 100, how the answer was built {}, and the way of \
             speaking {}, for practice only.",
            percent(rules.practice.content),
            percent(rules.practice.structure),
            percent(rules.practice.delivery)
        ),
        Mode::Hiring => format!(
            "What was said counts {} in 100 and how the answer was built {}. The way of speaking \
             does not count at all.",
            percent(rules.hiring.content),
            percent(rules.hiring.structure)
        ),
    });
    let from = rules.levels.from.map(percent);
    said.push(format!(
        "Level 5 begins at {} of 100, level 4 at {}, level 3 at {}, level 2 at {}. Where a point \
         that must be told was not found, the level is {} at most.",
        from[0], from[1], from[2], from[3], rules.levels.missing_must_cap
    ));
    said.push(
        "“Between … and …” tells how far the level may be off: the low number leaves out \
         every word the program was not sure about, the high one counts points partly found as \
         found. The level of the interview is the middle one of the levels of its questions."
            .to_owned(),
    );
    say_gate(&mut said, questions);
    if scoring.mode == Mode::Practice && !scoring.without_delivery && !scoring.keeps_fillers {
        said.push(
            "Words like “um” and “uh” are not measurable here: this recognizer leaves them out."
                .to_owned(),
        );
    }
    said.push(
        "There is no look at faces, feelings, accents or the sound of a voice, no rank, and no \
         advice whether to hire. A person decides, and should read the answers first."
            .to_owned(),
    );
    let data: Vec<String> = data_parts()
        .iter()
        .map(|d| format!("{} version {} ({})", d.name, d.version, d.hash))
        .collect();
    said.push(format!("Made with: {}.", data.join(", ")));
    said
}

fn say_gate(said: &mut Vec<String>, questions: &[QuestionScore]) {
    let rules = &weights().gate;
    if questions.iter().all(|q| q.gate == Gate::Open) {
        return;
    }
    said.push(format!(
        "An answer is not scored if less than {} seconds of speech were heard, if the words are \
         unsure on average, if for more than {:.0} in 100 of the speech there are no words, or if \
         more than {:.0} in 100 of the time was lost on the way. Not scored is not zero: a person \
         should listen.",
        rules.no_answer_below_ms / 1000,
        (1.0 - rules.words_cover_min) * 100.0,
        rules.gap_share_max * 100.0
    ));
}
