//! The sentences of a report: every end reason and the method, in words a ten-year-old can read.
//! No figures are made here.

use protocol::value::EndReason;

use super::{LONG_PAUSE_MS_MIN, PACE_SPEECH_MS_MIN, PAUSE_MS_MIN, RecognizerPart, UNSURE_BELOW};

/// How a session ended, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// A few words, without a full stop.
    pub title: &'static str,
    /// A sentence or two.
    pub text: &'static str,
}

/// The words for an end reason; none: the session had not ended.
pub fn ending(reason: Option<EndReason>) -> Ending {
    let (title, text) = match reason {
        None => (
            "Not over yet",
            "The interview had not ended when this report was made.",
        ),
        Some(reason) => by_reason(reason),
    };
    Ending { title, text }
}

fn by_reason(reason: EndReason) -> (&'static str, &'static str) {
    match reason {
        EndReason::Completed => ("Finished", "The interview went all the way to its end."),
        EndReason::CandidateEnded => (
            "Ended by the candidate",
            "The candidate chose to end the interview.",
        ),
        EndReason::InterviewerEnded => (
            "Ended by the interviewer",
            "An interviewer chose to end the interview.",
        ),
        EndReason::AdminEnded => (
            "Ended by an administrator",
            "Somebody who looks after this server ended the interview.",
        ),
        EndReason::ApiEnded => (
            "Ended by another program",
            "Another program, which works with this server, ended the interview.",
        ),
        EndReason::ClosedByApi => (
            "Connection closed by another program",
            "Another program closed the connection, and that ended the interview.",
        ),
        EndReason::ClosedExternally => (
            "Marked as over in the records",
            "Another program marked the interview as over in the records, so the server closed it.",
        ),
        EndReason::ClearedByUser => (
            "Cleared by the candidate",
            "The interview had been left open, and the candidate cleared it away.",
        ),
        EndReason::ReplacedByNewSession => (
            "Replaced by another interview",
            "The candidate began another interview, and it took the place of this one.",
        ),
        EndReason::Declined => (
            "The candidate said no",
            "The candidate was asked for permission and said no, so the interview did not go on.",
        ),
        EndReason::Expired => (
            "Never started",
            "Nobody started the interview before its time had passed.",
        ),
        EndReason::MaxDuration => (
            "Time was up",
            "The interview reached the longest time it may take.",
        ),
        EndReason::Inactivity => (
            "Nothing happened for too long",
            "Nobody spoke or did anything for a long time, so the server ended the interview.",
        ),
        EndReason::Abandoned => (
            "The candidate did not come back",
            "The candidate's connection was lost, and they did not come back in time.",
        ),
        EndReason::UploadTimeout => (
            "The recording did not arrive",
            "A recording was not sent completely in time, so the server stopped waiting for it.",
        ),
        EndReason::TokenRevoked => (
            "Access was taken away",
            "The candidate's right to use this server was taken away while the interview ran.",
        ),
        EndReason::ServerCrash => (
            "The server stopped suddenly",
            "The server stopped without warning and the interview could not go on. What had been \
             saved by then is in this report.",
        ),
        EndReason::StoreLost => (
            "The end could not be saved",
            "The server could not reach its records and had to stop before the end was saved. \
             Something may be missing from this report.",
        ),
        EndReason::InternalError => (
            "Something went wrong in the server",
            "A fault in the server ended the interview. The people in it did nothing wrong.",
        ),
    }
}

/// How the report was made, a thought a sentence or two. `has_words`: somebody was heard.
pub(super) fn method(
    recognizer: Option<&RecognizerPart>,
    has_words: bool,
    any_unsure: bool,
    any_raw: bool,
) -> Vec<String> {
    let mut said = Vec::new();
    match recognizer {
        Some(recognizer) => {
            said.push(format!(
                "A computer program wrote down the words: {}, version {}. It makes mistakes, and \
                 with some voices, accents or noises it makes more. Ask the person before you \
                 rely on a single word.",
                recognizer.name, recognizer.version
            ));
            said.push(
                "“Nothing was heard” means that no words reached the program. It does not mean \
                 that the person knew nothing."
                    .to_owned(),
            );
        }
        None if has_words => said.push(
            "A computer program wrote down the words; which one was not noted. Such programs \
             make mistakes. Ask the person before you rely on a single word."
                .to_owned(),
        ),
        None => said.push(
            "No program listened to this interview, so nothing that was said could be written \
             down. That does not mean that nothing was said."
                .to_owned(),
        ),
    }
    said.push(
        "Times are counted from the start of the interview, in minutes and seconds.".to_owned(),
    );
    if recognizer.is_some() || has_words {
        say_figures(&mut said, recognizer, any_unsure);
    }
    if any_raw {
        said.push(
            "The plan of this interview has a list of names. Where the program had nearly heard one \
             of them, it was put right; what was heard stands below it. Everything in this report \
             goes by the words as they were put right."
                .to_owned(),
        );
    }
    said.push(gives_no_marks().to_owned());
    said
}

/// What a report without scores says about that.
pub(super) fn gives_no_marks() -> &'static str {
    "This report gives no marks. It does not look at faces, feelings, accents or the sound of a \
     voice."
}

fn say_figures(said: &mut Vec<String>, recognizer: Option<&RecognizerPart>, any_unsure: bool) {
    if any_unsure {
        said.push(format!(
            "Words with dots under them are ones the program was not sure about (less than \
             {} in 100).",
            percent(UNSURE_BELOW)
        ));
    }
    said.push("Words stand under the question that was open when they were spoken.".to_owned());
    said.push(format!(
        "Pace is the number of words divided by the minutes from the first word to the last. It \
         is left out when there were less than {} seconds of speech.",
        PACE_SPEECH_MS_MIN / 1000
    ));
    said.push(format!(
        "A pause is a silence of {} seconds or more between two words. A long pause has {} \
         seconds or more. People pause to think: a pause is not a fault.",
        hundredths(PAUSE_MS_MIN),
        LONG_PAUSE_MS_MIN / 1000
    ));
    said.push(
        "Time in which sound was lost, or somebody else spoke, does not count as a pause and \
         does not make the pace slower. Only the candidate's words are counted."
            .to_owned(),
    );
    if recognizer.is_none_or(|r| r.word_times_estimated) {
        said.push(
            "The program does not measure when each word begins and ends; those times are \
             estimated. So pace and pauses are estimates, too."
                .to_owned(),
        );
    }
}

fn percent(share: f32) -> String {
    format!("{:.0}", share * 100.0)
}

fn hundredths(ms: u64) -> String {
    format!("{}.{:02}", ms / 1000, ms % 1000 / 10)
}
