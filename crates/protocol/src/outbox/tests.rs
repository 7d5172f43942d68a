//! What a slow reader loses and what it never loses, rule by rule; all rules at once against a
//! naive model are in `crate::fuzz`.

use std::io::IoSlice;

use bytes::Bytes;

use super::{FRAMES_MAX, Frame, Limits, Outbox, Push, SLICES_MAX, State};

fn limits() -> Limits {
    Limits {
        control_bytes_max: 20,
        event_bytes_max: 100,
        partial_bytes_max: 30,
        audio_bytes_max: 50,
        audio_ms_max: 2_000,
    }
}

fn bytes(letter: char, len: usize) -> Bytes {
    Bytes::from(letter.to_string().repeat(len))
}

fn event(letter: char, len: usize) -> Frame {
    Frame::event(bytes(letter, len))
}

fn audio(letter: char, len: usize, at_ms: u64) -> Frame {
    Frame::audio(bytes(letter, len), at_ms)
}

/// All that waits, one letter a frame; a capital stands for a frame partly written.
fn letters(outbox: &Outbox) -> String {
    let mut slices = [IoSlice::new(&[]); 256];
    let filled = outbox.slices(&mut slices);
    let waiting: usize = slices[..filled].iter().map(|slice| slice.len()).sum();
    assert_eq!(waiting, outbox.waiting_bytes());
    slices[..filled]
        .iter()
        .map(|slice| slice[0] as char)
        .collect()
}

#[track_caller]
fn queued(outbox: &mut Outbox, frames: impl IntoIterator<Item = Frame>) {
    for frame in frames {
        assert_eq!(outbox.push(frame), Push::Queued);
    }
}

#[test]
fn frames_go_out_whole_and_in_order_whatever_each_write_takes() {
    for step in 1..12 {
        let mut outbox = Outbox::new(limits());
        queued(
            &mut outbox,
            [
                event('a', 5),
                Frame::control(bytes('b', 3)),
                audio('c', 4, 0),
            ],
        );
        let mut out = Vec::new();
        while !outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_MAX];
            let filled = outbox.slices(&mut slices);
            assert_eq!(&slices[0][..], outbox.head());
            let flat: Vec<u8> = slices[..filled]
                .iter()
                .flat_map(|slice| slice.to_vec())
                .collect();
            let taken = step.min(flat.len());
            out.extend_from_slice(&flat[..taken]);
            outbox.advance(taken);
        }
        assert_eq!(out, b"aaaaabbbcccc");
        assert_eq!(outbox.waiting_bytes(), 0);
    }
}

#[test]
fn audio_beyond_its_bytes_drops_the_oldest_and_says_how_much() {
    let mut outbox = Outbox::new(limits());
    queued(
        &mut outbox,
        [
            audio('a', 20, 0),
            event('e', 9),
            audio('b', 20, 0),
            audio('c', 10, 0),
        ],
    );
    assert_eq!(
        outbox.push(audio('d', 25, 0)),
        Push::DroppedAudio {
            bytes: 40,
            frames: 2
        }
    );
    assert_eq!(letters(&outbox), "ecd");
}

#[test]
fn audio_older_than_two_seconds_is_dropped_when_more_comes() {
    let mut outbox = Outbox::new(limits());
    queued(
        &mut outbox,
        [audio('a', 5, 0), audio('b', 5, 1_000), audio('c', 5, 2_000)],
    );
    assert_eq!(
        outbox.push(audio('d', 5, 3_000)),
        Push::DroppedAudio {
            bytes: 5,
            frames: 1
        }
    );
    assert_eq!(letters(&outbox), "bcd");
}

#[test]
fn audio_of_which_a_part_is_out_is_never_dropped() {
    let mut outbox = Outbox::new(limits());
    queued(&mut outbox, [audio('a', 30, 0), audio('b', 20, 0)]);
    outbox.advance(1);
    assert_eq!(
        outbox.push(audio('c', 40, 9_000)),
        Push::DroppedAudio {
            bytes: 20,
            frames: 1
        }
    );
    assert_eq!(letters(&outbox), "ac");
    assert_eq!(outbox.waiting_bytes(), 29 + 40);
}

#[test]
fn one_audio_frame_larger_than_the_bound_still_goes_out() {
    let mut outbox = Outbox::new(limits());
    queued(&mut outbox, [audio('a', 200, 0)]);
    assert_eq!(
        outbox.push(audio('b', 200, 0)),
        Push::DroppedAudio {
            bytes: 200,
            frames: 1
        }
    );
    assert_eq!(letters(&outbox), "b");
}

#[test]
fn a_partial_replaces_its_predecessor_and_stands_behind_what_came_since() {
    let mut outbox = Outbox::new(limits());
    let partial = |letter, stream| Frame::partial(bytes(letter, 5), stream);
    queued(
        &mut outbox,
        [partial('a', 1), partial('b', 2), event('f', 5)],
    );
    assert_eq!(outbox.push(partial('c', 1)), Push::Replaced);
    assert_eq!(letters(&outbox), "bfc");
}

#[test]
fn a_partial_partly_written_goes_out_before_its_successor() {
    let mut outbox = Outbox::new(limits());
    queued(&mut outbox, [Frame::partial(bytes('a', 5), 1)]);
    outbox.advance(2);
    queued(&mut outbox, [Frame::partial(bytes('b', 5), 1)]);
    assert_eq!(letters(&outbox), "ab");
}

#[test]
fn partials_of_many_streams_are_bounded_together() {
    let mut outbox = Outbox::new(limits());
    queued(
        &mut outbox,
        (0..3).map(|stream| Frame::partial(bytes('p', 10), stream)),
    );
    assert_eq!(
        outbox.push(Frame::partial(bytes('q', 10), 9)),
        Push::Replaced
    );
    assert_eq!(letters(&outbox), "ppq");
}

#[test]
fn events_beyond_their_bound_make_a_slow_consumer_once() {
    let mut outbox = Outbox::new(limits());
    queued(&mut outbox, [event('a', 60), event('b', 40)]);
    outbox.advance(1);
    queued(&mut outbox, [event('c', 60)]);
    assert_eq!(outbox.push(event('d', 1)), Push::SlowConsumer);
    assert_eq!(outbox.state(), State::Slow);
    assert_eq!(outbox.push(event('e', 1)), Push::Refused);
    assert_eq!(
        letters(&outbox),
        "a",
        "what waited is dropped, what is half out is not"
    );
    assert!(outbox.close(None, Frame::control(bytes('z', 4)), 9));
    assert_eq!(letters(&outbox), "az");
}

#[test]
fn one_event_larger_than_the_bound_still_goes_out() {
    let mut outbox = Outbox::new(limits());
    queued(&mut outbox, [event('a', 500), audio('b', 5, 0)]);
    assert_eq!(letters(&outbox), "ab");
    assert_eq!(outbox.push(event('c', 1)), Push::SlowConsumer);
}

#[test]
fn a_flood_of_pings_makes_a_slow_consumer() {
    let mut outbox = Outbox::new(limits());
    queued(&mut outbox, (0..10).map(|_| Frame::control(bytes('p', 2))));
    assert_eq!(
        outbox.push(Frame::control(bytes('p', 2))),
        Push::SlowConsumer
    );
}

#[test]
fn tiny_frames_are_bounded_by_their_number() {
    let mut outbox = Outbox::default();
    queued(&mut outbox, (0..FRAMES_MAX).map(|_| event('e', 1)));
    assert_eq!(
        outbox.push(audio('a', 1, 0)),
        Push::DroppedAudio {
            bytes: 1,
            frames: 1
        }
    );
    assert_eq!(
        outbox.push(Frame::partial(bytes('p', 1), 1)),
        Push::Replaced
    );
    assert_eq!(outbox.frames(), FRAMES_MAX);
    assert_eq!(outbox.push(event('e', 1)), Push::SlowConsumer);
}

#[test]
fn closing_drops_sound_and_captions_keeps_events_and_refuses_the_rest() {
    let mut outbox = Outbox::new(limits());
    queued(
        &mut outbox,
        [
            audio('a', 5, 0),
            event('e', 5),
            Frame::partial(bytes('p', 5), 1),
            audio('b', 5, 0),
        ],
    );
    outbox.advance(2);
    assert!(outbox.close(Some(event('l', 5)), Frame::control(bytes('z', 5)), 7_000));
    assert_eq!(
        letters(&outbox),
        "aelz",
        "the half-written audio frame goes out to its end"
    );
    assert_eq!(outbox.state(), State::Closing { by_ms: 7_000 });
    assert_eq!(outbox.push(event('x', 1)), Push::Refused);
    assert!(
        !outbox.close(None, Frame::control(bytes('y', 5)), 1),
        "closing happens once"
    );
    assert!(!outbox.is_closed());
    outbox.advance(outbox.waiting_bytes());
    assert!(outbox.is_closed());
}

#[test]
fn a_broken_socket_drops_everything_and_takes_nothing() {
    let mut outbox = Outbox::new(limits());
    queued(&mut outbox, [event('a', 5)]);
    outbox.advance(1);
    outbox.broke();
    assert_eq!(
        (
            outbox.is_empty(),
            outbox.waiting_bytes(),
            outbox.head().len()
        ),
        (true, 0, 0)
    );
    assert_eq!(outbox.push(event('b', 1)), Push::Refused);
    assert!(!outbox.close(None, event('z', 1), 1));
    assert!(!outbox.is_closed(), "nothing was closed in good order");
}

#[test]
fn an_empty_frame_is_no_frame() {
    let mut outbox = Outbox::new(limits());
    queued(&mut outbox, [event('a', 0)]);
    assert!(outbox.is_empty());
}

#[test]
fn a_drained_queue_gives_its_memory_back() {
    let mut outbox = Outbox::default();
    assert_eq!(
        outbox.queue.capacity(),
        0,
        "nothing is allocated before the first frame"
    );
    queued(&mut outbox, (0..100).map(|_| event('e', 9)));
    outbox.advance(outbox.waiting_bytes());
    assert_eq!(outbox.queue.capacity(), 0);
    queued(&mut outbox, [event('e', 9)]);
    outbox.advance(9);
    assert_eq!(outbox.queue.capacity(), 0);
}

#[test]
#[should_panic = "more bytes were written than were waiting"]
fn advancing_beyond_the_end_is_our_bug() {
    let mut outbox = Outbox::new(limits());
    queued(&mut outbox, [event('a', 5)]);
    outbox.advance(6);
}

#[test]
fn an_idle_outbox_is_small() {
    println!(
        "size_of::<Outbox>() = {}, Frame {}",
        size_of::<Outbox>(),
        size_of::<Frame>()
    );
    assert!(size_of::<Outbox>() <= 96);
    assert!(size_of::<Frame>() <= 48);
}
