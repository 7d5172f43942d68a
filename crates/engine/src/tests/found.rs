//! Cases that simulated worlds found, in their smallest form.

use protocol::client::ClientMessage;
use protocol::value::Role;

use super::*;

impl World {
    /// Generations of the seats given since the last time of asking.
    fn generations(&mut self) -> Vec<u32> {
        let effects = std::mem::take(&mut self.effects);
        let given = effects
            .iter()
            .filter_map(|line| line.split_once("generation: Generation("));
        given
            .filter_map(|(_, rest)| rest.split(')').next()?.parse().ok())
            .collect()
    }
}

#[test]
fn a_seat_given_up_and_taken_anew_has_a_higher_generation() {
    let mut w = World::new();
    let (ana, ben) = (who("ana"), guest("ben", Role::Interviewer, "s1"));
    w.join(1, &ana, "s1");
    w.join(2, &ben, "s1");
    w.message(2, &ben, "s1", ClientMessage::Leave);
    w.join(3, &ben, "s1");
    assert_eq!(w.generations(), [1, 2, 3]);
}
