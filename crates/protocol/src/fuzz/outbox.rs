//! The outbox against a naive model: a list of frames to which the documented rules are applied
//! by counting everything anew each time.

use std::io::IoSlice;

use bytes::Bytes;

use crate::outbox::{Class, Frame, Limits, Outbox, Push, State};

const LIMITS: Limits = Limits {
    control_bytes_max: 60,
    event_bytes_max: 400,
    partial_bytes_max: 120,
    audio_bytes_max: 150,
    audio_ms_max: 2_000,
};

/// Applies the operations written in `data` (two bytes each) to an outbox and to the model, and
/// compares all that is visible after every one.
pub fn outbox(data: &[u8]) {
    let mut real = Outbox::new(LIMITS);
    let mut model = Model::default();
    let mut now_ms = 0;
    let mut written: Vec<u8> = Vec::new();
    for &[operation, argument] in data.as_chunks().0 {
        let len = usize::from(argument % 64) + 1;
        now_ms += u64::from(operation >> 3) * 5;
        match operation % 8 {
            0 => model.check_push(&mut real, Class::Audio { at_ms: now_ms }, 3 * len),
            1 => model.check_push(&mut real, Class::Audio { at_ms: now_ms }, len),
            2 => model.check_push(&mut real, Class::Event, len),
            3 => model.check_push(&mut real, Class::Partial(u32::from(argument >> 6)), len),
            4 => model.check_push(&mut real, Class::Control, len / 4),
            5 | 6 => {
                let most = usize::from(argument) * usize::from(operation % 8 - 4);
                written.extend(write(&mut real, most));
                model.write(most);
            }
            _ if argument >= 250 => {
                real.broke();
                model = Model {
                    state: Some(State::Broken),
                    sent: model.sent,
                    ..Model::default()
                };
            }
            _ if argument >= 235 => model.check_close(&mut real, argument % 2 == 0, now_ms),
            _ => real.set_blocked(argument % 2 == 0),
        }
        model.compare(&real);
        assert_eq!(written, model.sent, "what went out is what should have");
    }
    while !real.is_empty() {
        written.extend(write(&mut real, usize::MAX));
        model.write(usize::MAX);
    }
    assert_eq!(written, model.sent);
    assert_eq!((real.waiting_bytes(), real.frames()), (0, 0));
    assert_eq!(
        real.is_closed(),
        matches!(real.state(), State::Closing { .. })
    );
}

/// Writes at most `most` bytes of what the outbox hands out.
fn write(outbox: &mut Outbox, most: usize) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); 8];
    let filled = outbox.slices(&mut slices);
    assert!(
        slices[..filled].iter().all(|slice| !slice.is_empty()),
        "no empty write"
    );
    let mut out: Vec<u8> = slices[..filled]
        .iter()
        .flat_map(|slice| slice.to_vec())
        .collect();
    out.truncate(most);
    outbox.advance(out.len());
    out
}

#[derive(Default)]
struct Model {
    /// What waits, the first perhaps partly out.
    queue: Vec<Frame>,
    /// Bytes of the first that are out.
    head_sent: usize,
    state: Option<State>,
    next: u8,
    sent: Vec<u8>,
}

impl Model {
    fn is_open(&self) -> bool {
        self.state.is_none()
    }

    /// A frame that can be told from its neighbours.
    fn frame(&mut self, class: Class, len: usize) -> Frame {
        self.next = self.next.wrapping_add(1);
        let bytes: Vec<u8> = (0..len)
            .map(|i| self.next ^ (i as u8).rotate_left(3))
            .collect();
        Frame {
            bytes: Bytes::from(bytes),
            class,
        }
    }

    /// The frames that may still be dropped.
    fn waiting(&self) -> std::ops::Range<usize> {
        usize::from(self.head_sent > 0).min(self.queue.len())..self.queue.len()
    }

    fn sum(&self, wanted: impl Fn(Class) -> bool) -> usize {
        let waiting = &self.queue[self.waiting()];
        waiting
            .iter()
            .filter(|f| wanted(f.class))
            .map(|f| f.bytes.len())
            .sum()
    }

    fn drop_oldest(&mut self, wanted: impl Fn(Class) -> bool) -> Option<usize> {
        let at = self.waiting().find(|&at| wanted(self.queue[at].class))?;
        Some(self.queue.remove(at).bytes.len())
    }

    fn check_push(&mut self, real: &mut Outbox, class: Class, len: usize) {
        let frame = self.frame(class, len);
        let expected = self.push(frame.clone());
        assert_eq!(real.push(frame), expected, "push of {class:?}, {len} bytes");
    }

    fn push(&mut self, frame: Frame) -> Push {
        let len = frame.bytes.len();
        if !self.is_open() {
            return Push::Refused;
        }
        if len == 0 {
            return Push::Queued;
        }
        let outcome = match frame.class {
            Class::Control | Class::Event => {
                let (class, max) = match frame.class {
                    Class::Control => (Class::Control, LIMITS.control_bytes_max),
                    _ => (Class::Event, LIMITS.event_bytes_max),
                };
                let sum = self.sum(|c| c == class);
                if sum > 0 && sum + len > max as usize {
                    self.queue.truncate(self.waiting().start);
                    self.state = Some(State::Slow);
                    return Push::SlowConsumer;
                }
                Push::Queued
            }
            Class::Partial(_) => {
                let mut dropped = self.drop_oldest(|c| c == frame.class).is_some();
                let is_partial = |c| matches!(c, Class::Partial(_));
                while self.sum(is_partial) > 0
                    && self.sum(is_partial) + len > LIMITS.partial_bytes_max as usize
                {
                    dropped |= self.drop_oldest(is_partial).is_some();
                }
                if dropped {
                    Push::Replaced
                } else {
                    Push::Queued
                }
            }
            Class::Audio { at_ms } => self.make_room_for_audio(at_ms, len),
        };
        self.queue.push(frame);
        outcome
    }

    fn make_room_for_audio(&mut self, now_ms: u64, len: usize) -> Push {
        let is_audio = |c| matches!(c, Class::Audio { .. });
        let is_late = |c| matches!(c, Class::Audio { at_ms } if at_ms + u64::from(LIMITS.audio_ms_max) < now_ms);
        let mut dropped = Vec::new();
        dropped.extend(std::iter::from_fn(|| self.drop_oldest(is_late)));
        while self.sum(is_audio) > 0 && self.sum(is_audio) + len > LIMITS.audio_bytes_max as usize {
            dropped.extend(self.drop_oldest(is_audio));
        }
        if dropped.is_empty() {
            return Push::Queued;
        }
        let bytes = dropped.iter().sum::<usize>() as u32;
        Push::DroppedAudio {
            bytes,
            frames: dropped.len() as u32,
        }
    }

    fn check_close(&mut self, real: &mut Outbox, has_last: bool, by_ms: u64) {
        let last = has_last.then(|| self.frame(Class::Event, 9));
        let close_frame = self.frame(Class::Control, 4);
        let accepted = matches!(self.state, None | Some(State::Slow));
        assert_eq!(
            real.close(last.clone(), close_frame.clone(), by_ms),
            accepted
        );
        if accepted {
            let first = self.waiting().start;
            let mut at = 0;
            self.queue.retain(|frame| {
                at += 1;
                at <= first || matches!(frame.class, Class::Control | Class::Event)
            });
            self.queue.extend(last);
            self.queue.push(close_frame);
            self.state = Some(State::Closing { by_ms });
        }
    }

    fn write(&mut self, most: usize) {
        // The writer hands out eight frames at a time.
        let eight: usize = self
            .queue
            .iter()
            .take(8)
            .map(|frame| frame.bytes.len())
            .sum();
        for _ in 0..most.min(eight - self.head_sent) {
            let Some(frame) = self.queue.first() else {
                return;
            };
            self.sent.push(frame.bytes[self.head_sent]);
            self.head_sent += 1;
            if self.head_sent == frame.bytes.len() {
                self.queue.remove(0);
                self.head_sent = 0;
            }
        }
    }

    fn compare(&self, real: &Outbox) {
        let mut slices = vec![IoSlice::new(&[]); self.queue.len() + 1];
        let filled = real.slices(&mut slices);
        let shown: Vec<u8> = slices[..filled]
            .iter()
            .flat_map(|slice| slice.to_vec())
            .collect();
        let mut expected: Vec<u8> = self.queue.iter().flat_map(|f| f.bytes.to_vec()).collect();
        expected.drain(..self.head_sent);
        assert_eq!(shown, expected, "what waits");
        assert_eq!(
            (real.frames(), filled),
            (self.queue.len(), self.queue.len())
        );
        assert_eq!(real.waiting_bytes(), expected.len());
        assert_eq!(real.state(), self.state.unwrap_or(State::Open));
        for class in [
            Class::Control,
            Class::Event,
            Class::Partial(0),
            Class::Audio { at_ms: 0 },
        ] {
            let same = |c| std::mem::discriminant(&c) == std::mem::discriminant(&class);
            let whole = self
                .queue
                .iter()
                .filter(|f| same(f.class))
                .map(|f| f.bytes.len());
            assert_eq!(real.class_bytes(class), whole.sum::<usize>(), "{class:?}");
        }
        let is_audio = |f: &&Frame| matches!(f.class, Class::Audio { .. });
        let audio: Vec<_> = self.queue[self.waiting()].iter().filter(is_audio).collect();
        let bytes: usize = audio.iter().map(|frame| frame.bytes.len()).sum();
        assert!(
            bytes <= LIMITS.audio_bytes_max as usize || audio.len() == 1,
            "{bytes} of audio"
        );
    }
}
