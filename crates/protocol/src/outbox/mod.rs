//! What one connection still has to be sent: a bounded queue of whole frames.
//!
//! Pure: it knows nothing of sockets. Whoever holds the connection's lock pushes, asks for
//! [`slices`](Outbox::slices), writes them, and reports with [`advance`](Outbox::advance) how many
//! bytes went out. It is the only place that knows of partial writes and of what may be dropped
//! for a slow reader, so both are tested without a network.
//!
//! **Invariants**
//! - The bytes handed out are whole frames in the order of their pushes. A frame of which a part
//!   went out goes out to its end, unless the socket is [broken](Outbox::broke).
//! - Only audio and partial captions are ever left out, until the connection is given up.
//! - Every class has a bound in bytes (see [`Limits`]), and the queue one in frames.
//! - An empty queue holds no memory.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;

#[cfg(test)]
mod tests;

/// Most slices worth handing to one vectored write.
pub const SLICES_MAX: usize = 32;
/// More frames than this are never queued, however small they are.
pub const FRAMES_MAX: usize = 8192;

/// What a frame is to the connection, which decides its fate when the reader is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Ping, pong, close: the carrier's own.
    Control,
    /// A message that must arrive, or the connection ends.
    Event,
    /// Words that may change, of the stream with this number; only the newest matters.
    Partial(u32),
    /// Sound; late sound is worthless.
    Audio {
        /// When it was pushed, in milliseconds of the caller's monotonic clock.
        at_ms: u64,
    },
}

/// One or more whole frames that must not be torn apart.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The bytes as they go to the socket.
    pub bytes: Bytes,
    /// How it is treated.
    pub class: Class,
}

impl Frame {
    /// A frame of class [`Class::Control`].
    pub fn control(bytes: Bytes) -> Self {
        Self {
            bytes,
            class: Class::Control,
        }
    }

    /// A frame of class [`Class::Event`].
    pub fn event(bytes: Bytes) -> Self {
        Self {
            bytes,
            class: Class::Event,
        }
    }

    /// A frame of class [`Class::Partial`].
    pub fn partial(bytes: Bytes, stream: u32) -> Self {
        Self {
            bytes,
            class: Class::Partial(stream),
        }
    }

    /// A frame of class [`Class::Audio`].
    pub fn audio(bytes: Bytes, at_ms: u64) -> Self {
        Self {
            bytes,
            class: Class::Audio { at_ms },
        }
    }
}

/// Bounds of one outbox, inclusive. Each holds for what waits; the frame being written comes on
/// top. A single frame larger than its bound is taken when nothing else of its class waits, since
/// otherwise it could never be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pings and pongs in bytes; beyond it the reader is a slow consumer.
    pub control_bytes_max: u32,
    /// Events in bytes; beyond it the reader is a slow consumer.
    pub event_bytes_max: u32,
    /// Partial captions in bytes; beyond it the oldest is dropped.
    pub partial_bytes_max: u32,
    /// Audio in bytes; beyond it the oldest is dropped.
    pub audio_bytes_max: u32,
    /// Age of the oldest waiting audio frame in milliseconds, judged when audio is pushed.
    pub audio_ms_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            control_bytes_max: 16 * 1024,
            event_bytes_max: 1024 * 1024,
            partial_bytes_max: 64 * 1024,
            audio_bytes_max: 96 * 1024,
            audio_ms_max: 2_000,
        }
    }
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Push {
    /// It waits, and nothing else changed.
    Queued,
    /// It waits (unless it is audio and the queue is full of other frames); older audio was
    /// dropped for it.
    DroppedAudio {
        /// Bytes dropped.
        bytes: u32,
        /// Frames dropped.
        frames: u32,
    },
    /// It waits; an older partial was dropped for it.
    Replaced,
    /// The reader does not keep up. All that waited is dropped (a resume replays it), the frame
    /// too; the caller is to [`close`](Outbox::close). Said once, afterwards it is `Refused`.
    SlowConsumer,
    /// The connection is closing or broken; the frame was dropped.
    Refused,
}

/// Whether frames are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Yes.
    Open,
    /// No: the reader is too slow, and the close has not been asked for yet.
    Slow,
    /// No: what is queued and the close frame still go out, until `by_ms`.
    Closing {
        /// When to give up, in milliseconds of the caller's clock.
        by_ms: u64,
    },
    /// No, and nothing goes out any more: the socket failed.
    Broken,
}

/// The queue of one connection.
///
/// Inputs: [`push`](Self::push), [`close`](Self::close), [`advance`](Self::advance),
/// [`set_blocked`](Self::set_blocked), [`broke`](Self::broke). Outputs: [`slices`](Self::slices)
/// or [`head`](Self::head). The caller writes what it was handed before anything else is pushed.
#[derive(Debug)]
pub struct Outbox {
    queue: VecDeque<Frame>,
    state: State,
    /// Bytes of the first frame that are already out.
    head_sent: u32,
    /// Bytes queued by class, the first frame in full.
    bytes: [u32; 4],
    limits: Limits,
    /// The socket took no more; only the owner writes until it is writable again.
    blocked: bool,
}

const CONTROL: usize = 0;
const EVENT: usize = 1;
const PARTIAL: usize = 2;
const AUDIO: usize = 3;

fn index(class: Class) -> usize {
    match class {
        Class::Control => CONTROL,
        Class::Event => EVENT,
        Class::Partial(_) => PARTIAL,
        Class::Audio { .. } => AUDIO,
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Outbox {
    /// An empty, open outbox; it allocates with its first frame.
    pub fn new(limits: Limits) -> Self {
        Self {
            queue: VecDeque::new(),
            state: State::Open,
            head_sent: 0,
            bytes: [0; 4],
            limits,
            blocked: false,
        }
    }

    /// Queues a frame, dropping what its class allows to be dropped. An empty frame is ignored.
    pub fn push(&mut self, frame: Frame) -> Push {
        if self.state != State::Open {
            return Push::Refused;
        }
        match frame.class {
            _ if frame.bytes.is_empty() => Push::Queued,
            Class::Control => self.push_lasting(frame, CONTROL, self.limits.control_bytes_max),
            Class::Event => self.push_lasting(frame, EVENT, self.limits.event_bytes_max),
            Class::Partial(stream) => self.push_partial(frame, stream),
            Class::Audio { at_ms } => self.push_audio(frame, at_ms),
        }
    }

    /// Stops taking frames: drops waiting audio and partials, then queues `last` and `close_frame`
    /// behind what is left. Returns false, and does nothing, if that happened before or the socket
    /// is broken.
    pub fn close(&mut self, last: Option<Frame>, close_frame: Frame, by_ms: u64) -> bool {
        if !matches!(self.state, State::Open | State::Slow) {
            return false;
        }
        self.state = State::Closing { by_ms };
        self.retain_waiting(|frame| matches!(frame.class, Class::Control | Class::Event));
        for frame in last.into_iter().chain([close_frame]) {
            if !frame.bytes.is_empty() {
                self.append(frame);
            }
        }
        true
    }

    /// The socket failed: everything is dropped, and nothing is taken or handed out any more.
    pub fn broke(&mut self) {
        self.state = State::Broken;
        self.queue = VecDeque::new();
        self.bytes = [0; 4];
        self.head_sent = 0;
    }

    /// Fills `out` from the front with what to write next; returns how many slices it filled.
    pub fn slices<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        let mut skip = self.head_sent as usize;
        let mut filled = 0;
        for (slot, frame) in out.iter_mut().zip(&self.queue) {
            *slot = IoSlice::new(&frame.bytes[skip..]);
            skip = 0;
            filled += 1;
        }
        filled
    }

    /// What is left of the first frame; empty if nothing waits. Cheaper than
    /// [`slices`](Self::slices) when [`frames`](Self::frames) is 1.
    pub fn head(&self) -> &[u8] {
        self.queue
            .front()
            .map_or(&[], |frame| &frame.bytes[self.head_sent as usize..])
    }

    /// Notes that `written` bytes went out, and lets go of the frames that are complete.
    ///
    /// # Panics
    /// If more was written than was waiting: the caller would have sent something twice.
    pub fn advance(&mut self, written: usize) {
        let mut left = written;
        while left > 0 {
            let head_len = self.head().len();
            assert!(head_len > 0, "more bytes were written than were waiting");
            if left < head_len {
                self.head_sent += left as u32;
                return;
            }
            left -= head_len;
            self.head_sent = 0;
            if let Some(frame) = self.queue.pop_front() {
                self.bytes[index(frame.class)] -= frame.bytes.len() as u32;
            }
        }
        self.give_back();
    }

    /// Notes whether the socket took no more. While it is set only the connection's owner writes.
    pub fn set_blocked(&mut self, blocked: bool) {
        self.blocked = blocked;
    }

    /// Whether the socket took no more.
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Whether frames are taken.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether the close frame, and all before it, is out.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closing { .. }) && self.queue.is_empty()
    }

    /// Frames waiting, the one being written included.
    pub fn frames(&self) -> usize {
        self.queue.len()
    }

    /// Bytes still to be written.
    pub fn waiting_bytes(&self) -> usize {
        let queued: usize = self.bytes.iter().map(|&bytes| bytes as usize).sum();
        queued - self.head_sent as usize
    }

    /// Bytes queued of `class` (whatever its number or time), a frame being written in full.
    pub fn class_bytes(&self, class: Class) -> usize {
        self.bytes[index(class)] as usize
    }

    fn push_lasting(&mut self, frame: Frame, class: usize, max: u32) -> Push {
        let waiting = self.waiting_of(class);
        let fits = waiting == 0 || waiting + frame.bytes.len() <= max as usize;
        if fits && self.queue.len() < FRAMES_MAX {
            self.append(frame);
            return Push::Queued;
        }
        self.state = State::Slow;
        self.retain_waiting(|_| false);
        Push::SlowConsumer
    }

    fn push_partial(&mut self, frame: Frame, stream: u32) -> Push {
        let mut dropped = false;
        if self.waiting_of(PARTIAL) > 0 {
            // Not put in the old one's place: what was said in between stays in between.
            dropped = self.drop_first(|class| class == Class::Partial(stream)) > 0;
            let max = self.limits.partial_bytes_max as usize;
            while self.waiting_of(PARTIAL) > 0 && self.waiting_of(PARTIAL) + frame.bytes.len() > max
            {
                dropped |= self.drop_first(|class| matches!(class, Class::Partial(_))) > 0;
            }
        }
        if self.queue.len() < FRAMES_MAX {
            self.append(frame);
        } else {
            dropped = true;
        }
        if dropped {
            Push::Replaced
        } else {
            Push::Queued
        }
    }

    fn push_audio(&mut self, frame: Frame, now_ms: u64) -> Push {
        let (mut bytes, mut frames) = (0, 0);
        let max = self.limits.audio_bytes_max as usize;
        let age_ms_max = u64::from(self.limits.audio_ms_max);
        while self.waiting_of(AUDIO) > 0 {
            let is_full =
                self.waiting_of(AUDIO) + frame.bytes.len() > max || self.queue.len() >= FRAMES_MAX;
            let is_late = |at_ms: u64| now_ms.saturating_sub(at_ms) > age_ms_max;
            let Some((at, Class::Audio { at_ms })) =
                self.first(|c| matches!(c, Class::Audio { .. }))
            else {
                break;
            };
            if !is_full && !is_late(at_ms) {
                break;
            }
            bytes += self.remove(at) as u32;
            frames += 1;
        }
        if self.queue.len() < FRAMES_MAX {
            self.append(frame);
        } else {
            bytes += frame.bytes.len() as u32;
            frames += 1;
        }
        if frames > 0 {
            Push::DroppedAudio { bytes, frames }
        } else {
            Push::Queued
        }
    }

    /// Bytes of `class` that may still be dropped, so without a frame partly written.
    fn waiting_of(&self, class: usize) -> usize {
        let half_written = match self.queue.front() {
            Some(frame) if self.head_sent > 0 && index(frame.class) == class => frame.bytes.len(),
            _ => 0,
        };
        self.bytes[class] as usize - half_written
    }

    /// Position and class of the first frame that is wanted and not partly written.
    fn first(&self, wanted: impl Fn(Class) -> bool) -> Option<(usize, Class)> {
        let from = usize::from(self.head_sent > 0);
        let found = self
            .queue
            .iter()
            .enumerate()
            .skip(from)
            .find(|(_, f)| wanted(f.class));
        found.map(|(at, frame)| (at, frame.class))
    }

    /// Drops the first frame that is wanted; returns its length, or 0 if there is none.
    fn drop_first(&mut self, wanted: impl Fn(Class) -> bool) -> usize {
        self.first(wanted).map_or(0, |(at, _)| self.remove(at))
    }

    fn remove(&mut self, at: usize) -> usize {
        let Some(frame) = self.queue.remove(at) else {
            return 0;
        };
        self.bytes[index(frame.class)] -= frame.bytes.len() as u32;
        frame.bytes.len()
    }

    fn append(&mut self, frame: Frame) {
        self.bytes[index(frame.class)] += frame.bytes.len() as u32;
        self.queue.push_back(frame);
    }

    /// Keeps of what is not partly written only what is wanted.
    fn retain_waiting(&mut self, wanted: impl Fn(&Frame) -> bool) {
        let mut is_half_written = self.head_sent > 0;
        let bytes = &mut self.bytes;
        self.queue.retain(|frame| {
            let keep = std::mem::take(&mut is_half_written) || wanted(frame);
            if !keep {
                bytes[index(frame.class)] -= frame.bytes.len() as u32;
            }
            keep
        });
        self.give_back();
    }

    /// An allocation costs some 10 ns, and most connections are quiet most of the time.
    fn give_back(&mut self) {
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }
}
