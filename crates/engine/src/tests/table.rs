//! The table of statuses, whole.

use protocol::value::Status;

use crate::session::status::{Step, Trigger, step};

#[test]
fn every_status_has_an_opinion_on_every_trigger_and_none_leads_back() {
    let triggers = [
        Trigger::Start,
        Trigger::End,
        Trigger::Sealed,
        Trigger::StartRefused,
    ];
    let mut moves = Vec::new();
    for from in Status::ALL {
        for trigger in triggers {
            if let Step::To(to) = step(*from, trigger) {
                moves.push(format!("{from} -{trigger:?}-> {to}"));
                // A refused start was never stored or said, so it is no way back.
                assert!(to > *from || trigger == Trigger::StartRefused);
            }
        }
    }
    assert_eq!(
        moves,
        [
            "scheduled -Start-> active",
            "scheduled -End-> ended",
            "active -End-> completing",
            "active -StartRefused-> scheduled",
            "completing -Sealed-> ended",
        ]
    );
}
