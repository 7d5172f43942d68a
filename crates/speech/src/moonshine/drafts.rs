//! What was heard in shorter forms of the utterances that run at the moment.
//!
//! An utterance is recognized again and again while it grows. Its earlier tokens are found here by
//! its first 0.6 s, which stay the same. A draft is only a guess, checked by the model: a wrong one
//! costs time and changes no word.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use parking_lot::Mutex;

/// Samples that tell an utterance from others.
const KEY_SAMPLES: usize = 9_600;
/// Utterances remembered; the least recently heard goes first.
const KEPT: usize = 256;

/// Drafts shared by the recognizers of one pool.
#[derive(Debug, Clone, Default)]
pub struct Drafts {
    kept: Arc<Mutex<VecDeque<Draft>>>,
}

/// The utterance's name and its tokens.
type Draft = (u64, Vec<u32>);

impl Drafts {
    /// Names the utterance that begins with these samples; too short a one has no name.
    pub(super) fn key(samples: &[f32]) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        for sample in samples.get(..KEY_SAMPLES)? {
            sample.to_bits().hash(&mut hasher);
        }
        Some(hasher.finish())
    }

    /// The tokens last heard in it; none when it is new.
    pub(super) fn get(&self, key: Option<u64>) -> Vec<u32> {
        let kept = self.kept.lock();
        let found = kept.iter().find(|(k, _)| Some(*k) == key);
        found.map(|(_, tokens)| tokens.clone()).unwrap_or_default()
    }

    pub(super) fn put(&self, key: Option<u64>, tokens: Vec<u32>) {
        let Some(key) = key else { return };
        let mut kept = self.kept.lock();
        kept.retain(|(k, _)| *k != key);
        kept.push_back((key, tokens));
        if kept.len() > KEPT {
            kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_form_of_an_utterance_finds_the_tokens_of_the_shorter() {
        let drafts = Drafts::default();
        let sound: Vec<f32> = (0..20_000).map(|i| i as f32 / 20_000.0).collect();
        drafts.put(Drafts::key(&sound[..10_000]), vec![1, 2]);
        assert_eq!(drafts.get(Drafts::key(&sound)), [1, 2]);
        assert!(drafts.get(Drafts::key(&sound[1..])).is_empty());
    }

    #[test]
    fn a_short_sound_has_no_draft_and_old_drafts_go() {
        let drafts = Drafts::default();
        assert_eq!(Drafts::key(&[0.0; KEY_SAMPLES - 1]), None);
        drafts.put(None, vec![1]);
        assert!(drafts.get(None).is_empty());
        for key in 0..=KEPT as u64 {
            drafts.put(Some(key), vec![7]);
        }
        assert!(drafts.get(Some(0)).is_empty());
        assert_eq!(drafts.get(Some(1)), [7]);
    }
}
