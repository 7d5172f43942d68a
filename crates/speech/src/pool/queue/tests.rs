use super::*;
use crate::format::Encoding;
use crate::pool::ring::Ring;

fn stream(key: u64) -> Arc<Stream> {
    Arc::new(Stream::new(
        StreamKey(key),
        Ring::new(10_000, Encoding::Raw, 16_000),
    ))
}

/// A job named by its utterance, `age_ms` old, with 1 kB of sound.
fn job(key: u64, kind: Kind, id: u64, age_ms: u64) -> Job {
    let now = Instant::now();
    Job {
        stream: stream(key),
        kind,
        spoken: Spoken {
            id,
            start_ms: 0,
            end_ms: 100,
            voiced: vec![(0, 100)],
            is_cut: false,
        },
        samples: vec![0.0; 256],
        since: now
            .checked_sub(Duration::from_millis(age_ms))
            .unwrap_or(now),
        has_yielded: false,
    }
}

const FIRST: Kind = Kind::Interim { first: true };
const LATER: Kind = Kind::Interim { first: false };

fn submit(queue: &Queue, job: Job) -> usize {
    queue
        .submit(job)
        .unwrap_or_else(|_| panic!("there is room"))
}

fn record(queue: &Queue, job: Job) {
    let taken = queue.submit_recorded(job, Instant::now());
    assert!(taken.is_ok());
}

fn order(queue: &Queue) -> Vec<(u64, u64)> {
    (0..queue.size().0)
        .map(|_| {
            queue
                .next()
                .map(|job| (job.stream.key.0, job.spoken.id))
                .unwrap()
        })
        .collect()
}

#[test]
fn finals_go_first_then_first_words_then_pauses_then_other_words_then_recordings() {
    let queue = Queue::new(1 << 20);
    record(&queue, job(9, Kind::Recorded, 1, 0));
    submit(&queue, job(1, LATER, 1, 500));
    submit(&queue, job(2, Kind::Pausing, 1, 900));
    submit(&queue, job(3, FIRST, 1, 10));
    submit(&queue, job(4, Kind::Final, 1, 5));
    submit(&queue, job(5, Kind::Final, 1, 1));
    submit(&queue, job(6, LATER, 1, 700));
    assert_eq!(
        order(&queue),
        [(4, 1), (5, 1), (3, 1), (2, 1), (6, 1), (1, 1), (9, 1)]
    );
}

#[test]
fn a_recording_that_waited_long_goes_before_interim_words_but_not_before_finals() {
    let queue = Queue::new(1 << 20);
    record(&queue, job(9, Kind::Recorded, 1, 3_000));
    submit(&queue, job(1, FIRST, 1, 0));
    submit(&queue, job(2, Kind::Final, 1, 0));
    assert_eq!(order(&queue), [(2, 1), (9, 1), (1, 1)]);
}

#[test]
fn the_newest_interim_of_a_stream_replaces_the_older_one_and_keeps_its_place() {
    let queue = Queue::new(1 << 20);
    assert_eq!(submit(&queue, job(1, LATER, 1, 800)), 0);
    assert_eq!(submit(&queue, job(2, LATER, 1, 400)), 0);
    assert_eq!(submit(&queue, job(1, LATER, 7, 0)), 1);
    assert_eq!(queue.size(), (2, 2 * 1_024));
    assert_eq!(order(&queue), [(1, 7), (2, 1)]);
}

#[test]
fn a_final_takes_the_place_of_what_its_stream_had_waiting() {
    let queue = Queue::new(1 << 20);
    submit(&queue, job(1, LATER, 1, 0));
    assert_eq!(submit(&queue, job(1, Kind::Final, 1, 0)), 1);
    assert_eq!(queue.size().0, 1);
}

#[test]
fn a_pause_that_was_the_end_joins_the_finals_and_one_that_was_not_is_withdrawn() {
    let queue = Queue::new(1 << 20);
    submit(&queue, job(1, Kind::Pausing, 1, 0));
    submit(&queue, job(2, Kind::Pausing, 1, 0));
    submit(&queue, job(3, FIRST, 1, 0));
    queue.promote(StreamKey(2));
    assert!(queue.withdraw_pausing(StreamKey(1)));
    assert!(!queue.withdraw_pausing(StreamKey(1)));
    let job = queue.next().unwrap();
    assert_eq!((job.stream.key.0, job.kind), (2, Kind::Final));
    assert_eq!(order(&queue), [(3, 1)]);
}

#[test]
fn live_sound_beyond_the_limit_is_given_back() {
    let queue = Queue::new(2_048);
    submit(&queue, job(1, Kind::Final, 1, 0));
    submit(&queue, job(2, Kind::Final, 1, 0));
    let refused = queue.submit(job(3, Kind::Final, 1, 0)).err().unwrap();
    assert_eq!(refused.stream.key, StreamKey(3));
    queue.next().unwrap();
    submit(&queue, job(3, Kind::Final, 1, 0));
}

#[test]
fn a_recording_waits_for_its_share_only_until_its_deadline() {
    let queue = Queue::new(4_096);
    record(&queue, job(1, Kind::Recorded, 1, 0));
    let refused = queue.submit_recorded(job(1, Kind::Recorded, 2, 0), Instant::now());
    assert_eq!(refused.err().unwrap().spoken.id, 2);
    queue.next().unwrap();
    record(&queue, job(1, Kind::Recorded, 2, 0));
}

#[test]
fn interim_work_that_made_way_goes_back_unless_its_stream_has_newer() {
    let queue = Queue::new(1 << 20);
    submit(&queue, job(1, LATER, 1, 0));
    let interim = queue.next().unwrap();
    assert!(!queue.has_urgent());
    submit(&queue, job(2, Kind::Final, 1, 0));
    assert!(queue.has_urgent());
    assert!(queue.put_back(interim));
    assert_eq!(queue.next().unwrap().stream.key.0, 2);
    assert!(!queue.has_urgent());
    let interim = queue.next().unwrap();
    assert!(interim.has_yielded);
    submit(&queue, job(1, LATER, 2, 0));
    assert!(!queue.put_back(interim));
}

#[test]
fn the_queue_is_idle_only_when_nothing_runs_either() {
    let queue = Queue::new(1 << 20);
    assert!(queue.is_idle());
    submit(&queue, job(1, Kind::Final, 1, 0));
    assert!(!queue.is_idle());
    queue.next().unwrap();
    assert!(!queue.is_idle());
    queue.done();
    assert!(queue.is_idle());
}

#[test]
fn a_stopped_queue_gives_nothing_and_takes_nothing() {
    let queue = Queue::new(1 << 20);
    submit(&queue, job(1, Kind::Final, 1, 0));
    queue.stop();
    assert!(queue.next().is_none());
    assert!(queue.submit(job(1, Kind::Final, 2, 0)).is_err());
    assert_eq!(queue.size(), (0, 0));
}

#[test]
fn first_words_that_were_never_shown_stay_first_when_newer_ones_replace_them() {
    let queue = Queue::new(1 << 20);
    submit(&queue, job(1, FIRST, 1, 800));
    submit(&queue, job(1, LATER, 1, 0));
    assert_eq!(queue.next().unwrap().kind, FIRST);
    submit(&queue, job(1, FIRST, 1, 800));
    submit(&queue, job(1, LATER, 2, 0));
    assert_eq!(queue.next().unwrap().kind, LATER);
}
