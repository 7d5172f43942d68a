//! What a world did, as a number that two runs of one seed must share, and as lines for people when
//! asked for.

/// The trace of one world.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    hash: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// A trace; with `lines` it also keeps what a person can read.
    pub(crate) fn new(lines: bool) -> Self {
        Self {
            hash: 0xcbf2_9ce4_8422_2325,
            lines: lines.then(Vec::new),
        }
    }

    /// Mixes a number in.
    pub(crate) fn word(&mut self, word: u64) {
        self.hash = (self.hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    /// Mixes a text in.
    pub(crate) fn text(&mut self, text: &str) {
        self.word(text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            let mut eight = [0_u8; 8];
            eight[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(eight));
        }
    }

    /// Adds a line, made only if somebody reads it.
    pub(crate) fn line(&mut self, make: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(make());
        }
    }

    /// The number so far.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// The lines so far.
    pub(crate) fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}
