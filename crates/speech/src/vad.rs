//! Is this frame voice? One detector per stream.
//!
//! Only scores come from here; what a run of scores means is decided in `endpoint`.

/// Samples in one frame: 16 ms at 16 kHz.
pub const FRAME: usize = 256;

/// Scores frames for voice.
pub trait VoiceDetector: Send {
    /// How likely the frame holds voice, 0 to 1. Frames come in order.
    fn score(&mut self, frame: &[f32; FRAME]) -> f32;

    /// Forgets all frames so far.
    fn reset(&mut self);
}

/// The detector used in earnest: a small recurrent network, about 8 KiB of state.
pub struct Earshot(Box<earshot::Detector>);

impl Default for Earshot {
    fn default() -> Self {
        Self(Box::new(earshot::Detector::const_default()))
    }
}

impl VoiceDetector for Earshot {
    fn score(&mut self, frame: &[f32; FRAME]) -> f32 {
        self.0.predict_f32(frame)
    }

    fn reset(&mut self) {
        self.0.reset();
    }
}
