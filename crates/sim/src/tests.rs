//! Many small worlds, every planted bug, and seeds that once found something.

use super::many::{many, planted};
use super::run::run;

/// Worlds that found bugs of the engine; each held after its fix.
const FOUND: &[u64] = &[
    // Words that waited: holes, ghosts, snapshots of what was never stored.
    30, 79, 159, 206, 243, 966, 1774, 2576, 3876, 110_052, 200_815, 3_105_489, 4_355_273,
    // Ends that were not: scheduled for ever, awake for ever, said before a member had all.
    357, 405, 2_534, 5_813, 107, // Fences and generations.
    2, 180, 1_093, 5_132, // Our own fault, and the store knows more.
    3_931, 310_378, 312_072, 314_720, 317_928, 1_036_978, 2_028_756, 2_042_811,
    // A running interview rolled back when its active row was taken.
    1_006_101, 1_041_899, 1_051_550,
    // Left in an outage, a scheduled session stayed in memory with a note of it unsaved.
    806, 2_912,
    // A member whose log could not be read was not told, and waited for ever on a page that was
    // open for another session.
    39, 7_801,  // The judge waited for an answer that had been given.
    22_575, // The coach was asked in a session that had ended by our own fault, its question open.
    131_733, 511_297, 537_826, 605_596, 618_595, 704_599, 758_626, 949_841,
    // The judges: which of two joins is answered, who left before it was, who waits by clocks alone.
    152_743, 402_964, 659_270, 925_149,
    // The judge took an open connection for a seat, and asked for the grace of a candidate who was
    // gone when the interview began. They had left, and the goodbye never reached them:
    161_540, 192_910, 578_133, // The goodbye did, but not the refusal of a later join:
    382_876, // A newer connection of theirs had the seat, and was lost, before the older one was:
    144_920, 327_332, 381_083, 520_908, 598_513,
];

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[test]
fn two_thousand_worlds_hold_and_take_every_way() {
    let total = many(1, 2_000, threads());
    assert!(total.good(), "{}", total.lines(1).join("\n"));
}

#[test]
fn worlds_that_once_found_something_hold() {
    for seed in FOUND {
        let outcome = run(*seed, None, false);
        assert_eq!(outcome.failed, None, "replay: sim --trace {seed}");
    }
}

#[test]
fn the_same_seed_leaves_the_same_trace_and_another_one_does_not() {
    for seed in [3, 77, 4_242] {
        let (one, two) = (run(seed, None, true), run(seed, None, true));
        assert_eq!(one.lines, two.lines);
        assert_eq!(one.hash, two.hash);
        assert_ne!(one.hash, run(seed + 1, None, false).hash);
    }
}

#[test]
fn every_planted_bug_is_caught() {
    let caught = planted(1, 5_000, threads());
    for bug in &caught {
        println!("{bug}");
    }
    let missed: Vec<_> = caught.iter().filter(|bug| bug.worlds == 0).collect();
    assert!(missed.is_empty(), "{missed:?}");
}
