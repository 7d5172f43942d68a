//! Crowds of pages under faults, small and short; `make faults` runs the same at full size. What
//! they see is judged by the one judge.

use std::path::Path;

use bench::faults::{self, Run};
use bench::judge::Sheet;
use bench::limits::Limits;

fn holds_under(fault: &str) {
    let limits = Limits::load().unwrap();
    let mut sheet = Sheet::new(fault, limits.method, true);
    let run = Run {
        binary: Path::new(env!("CARGO_BIN_EXE_greenroom")),
        core: None,
        limits: limits.faults,
        quick: true,
    };
    faults::run(&run, Some(fault), &mut sheet).unwrap();
    println!("{sheet}");
    assert!(sheet.holds(), "{sheet}");
}

#[test]
fn killed_at_random_instants_under_load_the_server_keeps_what_it_acknowledged() {
    holds_under("kills");
}

#[test]
fn through_links_that_are_cut_all_the_time_every_event_arrives_once_and_in_order() {
    holds_under("links");
}

#[test]
fn ten_thousand_wrong_rows_are_put_right_in_little_of_the_writers_time() {
    holds_under("reaper");
}

#[test]
fn while_the_database_is_away_interviews_go_on_and_afterwards_all_is_right() {
    holds_under("away");
}
