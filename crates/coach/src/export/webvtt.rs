//! Captions: one cue per line of the transcript.

use protocol::value::Role;

use crate::report::{Line, Report};
use crate::text::plain;

/// The transcript as WebVTT, in the order of time, times from the start of the session. Lines
/// without a length get a tenth of a second. A line in which names were put right has what was
/// heard in a note before it.
pub fn webvtt(report: &Report) -> String {
    let mut lines: Vec<&Line> = report
        .questions
        .iter()
        .flat_map(|q| &q.transcript)
        .chain(&report.outside.transcript)
        .collect();
    lines.sort_by_key(|l| (l.start_ms, l.seq));
    let mut out = "WEBVTT\n".to_owned();
    for (number, line) in (1u64..).zip(lines) {
        let end = line.end_ms.max(line.start_ms.saturating_add(100));
        if let Some(raw) = &line.raw {
            out += &format!("\nNOTE Heard as: {}\n", escaped(raw));
        }
        out += &format!("\n{number}\n{} --> {}\n", time(line.start_ms), time(end));
        let name = match line.role {
            Role::Candidate => "Candidate",
            Role::Interviewer => "Interviewer",
            Role::Observer => "Observer",
        };
        out += &format!(
            "<v {name} {}>{}</v>\n",
            escaped(line.user_id.as_str()),
            escaped(&line.text)
        );
    }
    out
}

fn escaped(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(plain).collect();
    let text = words.join(" ");
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn time(ms: u64) -> String {
    let seconds = ms / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}", ms % 1000)
}
