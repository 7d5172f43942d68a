//! Pace over the session, for the drawing in the report.

use std::collections::BTreeMap;

use protocol::value::Role;

use super::parts::{PaceLine, PaceWindow};
use super::question::said;
use crate::report::{SegmentFacts, merged, session_times};

const WINDOWS_MAX: u64 = 60;
const STEP_MS: u64 = 10_000;
const SPEECH_MS_MIN: u64 = 3_000;

/// Windows of the candidate's speech under questions; their length is chosen so that there are
/// sixty at most.
pub(super) fn line(segments: &[Vec<&SegmentFacts>]) -> PaceLine {
    let spoken: Vec<&SegmentFacts> = segments
        .iter()
        .flatten()
        .copied()
        .filter(|s| s.role == Role::Candidate && !s.text.trim().is_empty())
        .collect();
    let voiced = merged(spoken.iter().map(|s| session_times(s)).collect());
    let Some((_, end)) = voiced.last() else {
        return PaceLine::default();
    };
    let window_ms = (end / WINDOWS_MAX / STEP_MS)
        .saturating_add(1)
        .saturating_mul(STEP_MS);
    let mut windows: BTreeMap<u64, (u32, u64)> = BTreeMap::new();
    for (from, to) in &voiced {
        for window in from / window_ms..=to.saturating_sub(1) / window_ms {
            let begin = window.saturating_mul(window_ms);
            let inside = (*to).min(begin.saturating_add(window_ms)) - (*from).max(begin);
            let entry = windows.entry(window).or_default();
            entry.1 = entry.1.saturating_add(inside);
        }
    }
    for word in spoken.iter().flat_map(|s| said(s)) {
        let middle = word.from_ms / 2 + word.to_ms / 2;
        if let Some(entry) = windows.get_mut(&(middle / window_ms)) {
            entry.0 = entry.0.saturating_add(1);
        }
    }
    let windows = windows
        .into_iter()
        .map(|(window, (words, speaking_ms))| PaceWindow {
            from_ms: window.saturating_mul(window_ms),
            words,
            speaking_ms,
            words_per_minute: (speaking_ms >= SPEECH_MS_MIN).then(|| {
                let pace = u128::from(words) * 60_000 / u128::from(speaking_ms);
                u32::try_from(pace).unwrap_or(u32::MAX)
            }),
        });
    PaceLine {
        window_ms,
        windows: windows.collect(),
    }
}
