//! Pace and pauses out of segments and words.
//!
//! Speech is measured on the clock of its own stream, where the sound lies; only what somebody
//! else said meanwhile has to be looked up on the session's clock. A *run* is a series of
//! segments of one stream that belong to the same part of the report: silence is counted inside
//! runs, never across them, so that the time between two answers is nobody's pause.
//!
//! **Invariants**: no arithmetic here can overflow or divide by zero, whatever the rows hold;
//! the figures of the parts add up to the figures of the whole.

use std::collections::BTreeMap;

use protocol::id::{StreamId, UserId};
use protocol::value::Role;

use super::input::{GapFacts, ReportInput, SegmentFacts};
use super::{
    Figures, LONG_PAUSE_MS_MIN, NotMeasured, PACE_SPEECH_MS_MIN, PAUSE_MS_MIN, Pace, Pauses,
};

/// What was counted of one part of the report.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    words: u64,
    speaking_ms: u64,
    /// From first to last word of every run, without excused silence.
    span_ms: u64,
    pauses: Pauses,
    /// On the session's clock.
    first_word_ms: Option<u64>,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.words = self.words.saturating_add(other.words);
        self.speaking_ms = self.speaking_ms.saturating_add(other.speaking_ms);
        self.span_ms = self.span_ms.saturating_add(other.span_ms);
        self.pauses.count += other.pauses.count;
        self.pauses.long += other.pauses.long;
        self.pauses.longest_ms = self.pauses.longest_ms.max(other.pauses.longest_ms);
        self.pauses.total_ms = self.pauses.total_ms.saturating_add(other.pauses.total_ms);
        self.first_word_ms = match (self.first_word_ms, other.first_word_ms) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// The figures to show. `asked_ms`: when the question was put, on the session's clock.
    pub(super) fn figures(&self, input: &ReportInput, asked_ms: Option<u64>) -> Figures {
        let recognizer = input.recognizer.as_ref();
        let not_measured = if self.words > 0 && self.speaking_ms >= PACE_SPEECH_MS_MIN {
            (self.span_ms == 0).then_some(NotMeasured::NoTimes)
        } else if self.words > 0 {
            Some(NotMeasured::TooShort)
        } else if recognizer.is_none() {
            Some(NotMeasured::NoRecognizer)
        } else {
            Some(NotMeasured::NothingHeard)
        };
        let words_per_minute = not_measured.is_none().then(|| {
            let per_minute = u128::from(self.words) * 60_000;
            let span = u128::from(self.span_ms);
            u64::try_from((per_minute + span / 2) / span).unwrap_or(u64::MAX)
        });
        let first = self.first_word_ms.zip(asked_ms);
        Figures {
            words: self.words,
            speaking_ms: self.speaking_ms,
            pace: Pace {
                words_per_minute,
                not_measured,
            },
            pauses: (self.words > 0).then_some(self.pauses),
            first_word_ms: first.map(|(word, asked)| word.saturating_sub(asked)),
            estimated: recognizer.is_none_or(|r| r.word_times_estimated),
        }
    }
}

/// How far the session's clock is ahead of the stream's at this segment, milliseconds.
fn offset(segment: &SegmentFacts) -> i128 {
    i128::from(segment.at_ms) - (i128::from(segment.start_ms) + i128::from(segment.end_ms)) / 2
}

fn on_session_clock(stream_ms: u64, offset: i128) -> u64 {
    let ms = (i128::from(stream_ms) + offset).max(0);
    u64::try_from(ms).unwrap_or(u64::MAX)
}

/// Where a segment lies on the session's clock.
pub(crate) fn session_times(segment: &SegmentFacts) -> (u64, u64) {
    let offset = offset(segment);
    let end_ms = segment.end_ms.max(segment.start_ms);
    (
        on_session_clock(segment.start_ms, offset),
        on_session_clock(end_ms, offset),
    )
}

/// About when the middle of a gap was, on the session's clock: as the nearest segment of the same
/// stream has it.
pub(super) fn gap_around(gap: &GapFacts, segments: &[&SegmentFacts]) -> Option<u64> {
    let middle = gap.start_ms / 2 + gap.end_ms.max(gap.start_ms) / 2;
    segments
        .iter()
        .filter(|s| s.user == gap.user && s.stream == gap.stream)
        .min_by_key(|s| {
            (
                s.start_ms.abs_diff(middle).min(s.end_ms.abs_diff(middle)),
                s.seq,
            )
        })
        .map(|s| on_session_clock(middle, offset(s)))
}

/// A word, or a whole segment without words, on its stream's clock.
struct Atom {
    start_ms: u64,
    end_ms: u64,
    words: u64,
    offset: i128,
}

/// One tally per part. `parts` says for each of `segments` which part it belongs to.
/// Segments of others than candidates count only as time in which the candidate listened.
pub(super) fn tallies(
    segments: &[&SegmentFacts],
    parts: &[usize],
    gaps: &[GapFacts],
    count: usize,
) -> Vec<Tally> {
    let mut streams: BTreeMap<(&UserId, StreamId), Vec<(&SegmentFacts, usize)>> = BTreeMap::new();
    for (segment, part) in segments.iter().zip(parts) {
        if segment.role == Role::Candidate {
            let key = (&segment.user, segment.stream);
            streams.entry(key).or_default().push((segment, *part));
        }
    }
    let mut tallies = vec![Tally::default(); count];
    for ((user, stream), mut spoken) in streams {
        spoken.sort_by_key(|(s, _)| (s.start_ms, s.end_ms, s.seq));
        let others = merged(
            segments
                .iter()
                .filter(|s| s.user != *user)
                .map(|s| session_times(s))
                .collect(),
        );
        let lost = merged(
            gaps.iter()
                .filter(|g| g.user == *user && g.stream == stream)
                .map(|g| (g.start_ms, g.end_ms))
                .collect(),
        );
        for run in spoken.chunk_by(|a, b| a.1 == b.1) {
            let part = run[0].1;
            if let Some(tally) = tallies.get_mut(part) {
                tally.add(&measure(run, &others, &lost));
            }
        }
    }
    tallies
}

fn measure(run: &[(&SegmentFacts, usize)], others: &[(u64, u64)], lost: &[(u64, u64)]) -> Tally {
    let mut tally = Tally::default();
    let voiced = merged(run.iter().map(|(s, _)| (s.start_ms, s.end_ms)).collect());
    tally.speaking_ms = length(&voiced);
    let mut atoms: Vec<Atom> = run.iter().flat_map(|(s, _)| atoms(s)).collect();
    atoms.sort_by_key(|a| (a.start_ms, a.end_ms));
    tally.words = atoms.iter().map(|a| a.words).sum();
    tally.first_word_ms = atoms
        .iter()
        .map(|a| on_session_clock(a.start_ms, a.offset))
        .min();
    let Some(first) = atoms.first() else {
        return tally;
    };
    let (begin, mut reach, mut offset) = (first.start_ms, first.end_ms, first.offset);
    let mut excused: u64 = 0;
    for atom in &atoms[1..] {
        let silence = atom.start_ms.saturating_sub(reach);
        if silence >= PAUSE_MS_MIN {
            let excuse = excuse(reach, atom.start_ms, offset, others, lost);
            excused = excused.saturating_add(excuse);
            let pause = silence.saturating_sub(excuse);
            if pause >= PAUSE_MS_MIN {
                tally.pauses.count += 1;
                tally.pauses.long += u64::from(pause >= LONG_PAUSE_MS_MIN);
                tally.pauses.longest_ms = tally.pauses.longest_ms.max(pause);
                tally.pauses.total_ms = tally.pauses.total_ms.saturating_add(pause);
            }
        }
        if atom.end_ms >= reach {
            (reach, offset) = (atom.end_ms, atom.offset);
        }
    }
    tally.span_ms = (reach - begin).saturating_sub(excused);
    tally
}

/// Words with their times brought inside the segment's: a recognizer's rounding, or a broken row,
/// must not make a pause out of nothing.
fn atoms(segment: &SegmentFacts) -> Vec<Atom> {
    let offset = offset(segment);
    let (low, high) = (segment.start_ms, segment.end_ms.max(segment.start_ms));
    let words: Vec<Atom> = segment
        .words
        .iter()
        .filter(|w| !w.text.trim().is_empty())
        .map(|w| {
            let start_ms = w.start_ms.clamp(low, high);
            Atom {
                start_ms,
                end_ms: w.end_ms.clamp(start_ms, high),
                words: 1,
                offset,
            }
        })
        .collect();
    if !words.is_empty() {
        return words;
    }
    vec![Atom {
        start_ms: low,
        end_ms: high,
        words: segment.text.split_whitespace().count() as u64,
        offset,
    }]
}

/// How much of a silence of the stream was lost sound or somebody else's turn.
fn excuse(
    from_ms: u64,
    to_ms: u64,
    offset: i128,
    others: &[(u64, u64)],
    lost: &[(u64, u64)],
) -> u64 {
    let shift = |ms: u64| i128::from(ms) - offset;
    let (from, to) = (i128::from(from_ms), i128::from(to_ms));
    let clip = |(a, b): (i128, i128)| (a.clamp(from, to), b.clamp(from, to));
    let begin = others.partition_point(|(_, end)| shift(*end) <= from);
    let heard = others[begin..]
        .iter()
        .take_while(|(start, _)| shift(*start) < to)
        .map(|(a, b)| clip((shift(*a), shift(*b))));
    let begin = lost.partition_point(|(_, end)| i128::from(*end) <= from);
    let gone = lost[begin..]
        .iter()
        .take_while(|(start, _)| i128::from(*start) < to)
        .map(|(a, b)| clip((i128::from(*a), i128::from(*b))));
    let inside = |(a, b): (i128, i128)| {
        // Both lie between two u64 values, so they fit.
        (
            u64::try_from(a).unwrap_or(from_ms),
            u64::try_from(b).unwrap_or(from_ms),
        )
    };
    length(&merged(heard.chain(gone).map(inside).collect()))
}

/// Intervals sorted, without overlaps and without empty ones.
pub(crate) fn merged(mut intervals: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    intervals.retain(|(start, end)| start < end);
    intervals.sort_unstable();
    let mut out: Vec<(u64, u64)> = Vec::with_capacity(intervals.len());
    for (start, end) in intervals {
        match out.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => out.push((start, end)),
        }
    }
    out
}

pub(crate) fn length(intervals: &[(u64, u64)]) -> u64 {
    intervals
        .iter()
        .fold(0, |sum: u64, (start, end)| sum.saturating_add(end - start))
}
