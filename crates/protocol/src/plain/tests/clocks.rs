//! The heartbeat.

use super::Bench;
use crate::id::ConnectionId;
use crate::limits::Limits;
use crate::plain::Machine;
use crate::time::Mono;

#[test]
fn it_pings_every_25_seconds_and_closes_after_20_of_silence() {
    let mut bench = Bench::open(Limits::default());
    let first = bench.next().unwrap();
    assert!((1..=25_000).contains(&first));
    assert_eq!(bench.said(), ["ping"]);
    bench.wait(19_999);
    assert!(bench.said().is_empty());
    bench.machine.alive();
    assert_eq!(bench.next(), Some(5_001));
    assert_eq!(bench.said(), ["ping"]);
    assert_eq!(bench.next(), Some(20_000));
    assert_eq!(bench.said(), ["close 4422"]);
    assert_eq!(bench.next(), None);
}

#[test]
fn any_frame_is_a_sign_of_life() {
    let frames: [fn(&mut Bench); 3] = [
        |bench| bench.text("{"),
        |bench| bench.binary(&[]),
        |bench| bench.machine.alive(),
    ];
    for frame in frames {
        let mut bench = Bench::open(Limits::default());
        for _ in 0..10 {
            bench.next();
            assert!(bench.said().contains(&"ping".to_owned()));
            bench.wait(19_000);
            frame(&mut bench);
        }
        assert!(bench.machine.is_open());
    }
}

#[test]
fn an_answer_in_the_same_millisecond_is_an_answer() {
    let mut bench = Bench::open(Limits::default());
    bench.next();
    bench.machine.alive();
    assert_eq!(bench.next(), Some(25_000));
    assert_eq!(bench.said(), ["ping", "ping"]);
}

#[test]
fn a_frame_right_before_the_ping_is_no_answer_to_it() {
    let mut bench = Bench::open(Limits::default());
    bench.now = bench.machine.poll_timeout().unwrap();
    bench.machine.alive();
    bench.wait(0);
    assert_eq!(bench.next(), Some(20_000));
    assert_eq!(bench.said(), ["ping", "close 4422"]);
}

#[test]
fn who_slept_itself_asks_again_before_it_blames_the_other() {
    let mut bench = Bench::open(Limits::default());
    bench.next();
    bench.said();
    bench.wait(60_000);
    assert_eq!(bench.said(), ["ping"]);
    assert_eq!(bench.next(), Some(20_000));
    assert_eq!(bench.said(), ["close 4422"]);
}

#[test]
fn looking_too_early_or_too_often_changes_nothing() {
    let mut bench = Bench::open(Limits::default());
    for _ in 0..25_000 {
        bench.wait(1);
        bench.wait(0);
    }
    assert_eq!(bench.said(), ["ping"]);
}

#[test]
fn first_pings_of_many_connections_are_spread_over_the_interval() {
    let limits = std::sync::Arc::new(Limits::default());
    let mut seconds = [0_u32; 25];
    for id in 0..5_000 {
        let mut machine = Machine::new(limits.clone(), Mono(0));
        machine.open(Mono(0), ConnectionId(id));
        let due = machine.poll_timeout().unwrap().0;
        seconds[usize::try_from((due - 1) / 1_000).unwrap()] += 1;
    }
    assert!(
        seconds.iter().all(|n| (150..=250).contains(n)),
        "{seconds:?}"
    );
}
