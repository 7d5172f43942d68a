//! From a stream's own time to the session's: when which part of a stream came in. Questions run
//! by the server's clock, so words belong to the question that was open when they were heard.

use protocol::client::AudioFormat;
use protocol::time::Mono;

/// Most points kept; beyond it every second one goes.
const POINTS_MAX: usize = 2_048;
/// Stream time between two points, milliseconds.
const EVERY_MS: u64 = 200;
/// A WAV header in front of each chunk.
const WAV_HEAD_BYTES: usize = 44;

/// Points of one stream, in order.
#[derive(Debug, Clone)]
pub(crate) struct Arrivals {
    since: Mono,
    /// End of what came, microseconds of the stream.
    audio_us: u64,
    every_ms: u64,
    /// Stream time and session time, milliseconds.
    points: Vec<(u64, u64)>,
}

impl Arrivals {
    /// None yet; the session began at `since`.
    pub(crate) fn new(since: Mono) -> Self {
        Self {
            since,
            audio_us: 0,
            every_ms: EVERY_MS,
            points: Vec::new(),
        }
    }

    /// How far the stream has come, milliseconds.
    pub(crate) fn audio_ms(&self) -> u64 {
        self.audio_us / 1_000
    }

    /// What was heard reaches to `audio_us`, microseconds of the stream.
    pub(crate) fn go_to(&mut self, audio_us: u64) {
        self.audio_us = audio_us;
    }

    /// A chunk came at `at`, with this format and rate.
    pub(crate) fn note(
        &mut self,
        (format, sample_rate): (AudioFormat, u32),
        bytes: usize,
        from_ms: Option<u64>,
        at: Mono,
    ) {
        let bytes = match format {
            AudioFormat::Wav => bytes.saturating_sub(WAV_HEAD_BYTES),
            _ => bytes,
        };
        let rate = u64::from(sample_rate.max(1));
        let length_us = bytes as u64 / 2 * 1_000_000 / rate;
        if let Some(from_us) = from_ms.map(|ms| ms * 1_000) {
            // A time that lies back is no reason to go back.
            self.audio_us = self.audio_us.max(from_us);
        }
        self.audio_us += length_us;
        self.note_at(self.audio_us / 1_000, at.since(self.since));
    }

    /// Stream time `audio_ms` came at `session_ms`.
    pub(crate) fn note_at(&mut self, audio_ms: u64, session_ms: u64) {
        let last = self.points.last().map_or(0, |(audio, _)| *audio);
        if !self.points.is_empty() && audio_ms < last + self.every_ms {
            return;
        }
        self.points.push((audio_ms, session_ms));
        if self.points.len() > POINTS_MAX {
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
            self.every_ms *= 2;
        }
    }

    /// When a moment of the stream came in, milliseconds of the session.
    pub(crate) fn session_ms(&self, audio_ms: u64) -> u64 {
        let at = self.points.partition_point(|(audio, _)| *audio < audio_ms);
        let found = self.points.get(at).or(self.points.last());
        found.map_or(0, |(_, session)| *session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(points: impl IntoIterator<Item = (u64, u64)>) -> Arrivals {
        let mut arrivals = Arrivals::new(Mono(1_000));
        for (audio, session) in points {
            arrivals.note_at(audio, session);
        }
        arrivals
    }

    #[test]
    fn a_moment_belongs_to_when_its_chunk_came() {
        let arrivals = arrivals([(250, 5_000), (500, 5_250), (750, 9_000)]);
        assert_eq!(arrivals.session_ms(100), 5_000);
        assert_eq!(arrivals.session_ms(250), 5_000);
        assert_eq!(arrivals.session_ms(251), 5_250);
        assert_eq!(arrivals.session_ms(600), 9_000);
        assert_eq!(arrivals.session_ms(9_999), 9_000, "the last known point");
    }

    #[test]
    fn hours_of_audio_keep_a_bounded_number_of_points() {
        let arrivals = arrivals((1..100_000).map(|n| (n * 250, n * 250 + 7)));
        assert!(arrivals.points.len() <= POINTS_MAX);
        let found = arrivals.session_ms(12_000_000);
        assert!(found.abs_diff(12_000_007) <= arrivals.every_ms, "{found}");
    }

    #[test]
    fn nothing_came_yet() {
        assert_eq!(arrivals([]).session_ms(700), 0);
    }
}
