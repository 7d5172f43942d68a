//! When free memory goes back to the system: after a crowd has left. No rules about sessions.

use parking_lot::Mutex;

use super::Driver;

/// How few may be left of the most there were, as one of so many.
const OF_THE_MOST: usize = 4;
/// Fewer than this were no crowd, while some are still here.
const CROWD: usize = 400;
/// Looks an empty server waits: by then ends are stored and reports made, and the threads that did
/// it have ended for want of work, and keep nothing for themselves.
const QUIET_LOOKS: u32 = 4;

/// What was seen since memory last went back.
#[derive(Debug, Default)]
pub(crate) struct Upkeep(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// Connections, the most at any look.
    most: usize,
    /// Connections ever, when memory last went back.
    known: u64,
    /// Looks in a row that found nobody.
    nobody: u32,
}

impl Seen {
    /// Whether memory should go back now: somebody was here and nobody has been for some looks, or most
    /// of a crowd is gone.
    fn look(&mut self, connections: usize, ever: u64) -> bool {
        self.most = self.most.max(connections);
        let due = if connections == 0 {
            self.nobody = self.nobody.saturating_add(1);
            self.nobody >= QUIET_LOOKS && ever != self.known
        } else {
            self.nobody = 0;
            self.most >= CROWD && connections * OF_THE_MOST <= self.most
        };
        if due {
            (self.most, self.known) = (connections, ever);
        }
        due
    }
}

impl Upkeep {
    /// Looks whether memory should go back now.
    pub(crate) fn is_due(&self, driver: &Driver) -> bool {
        driver.core().is_some_and(|core| {
            let ever = core.counters().opened.get();
            self.0.lock().look(core.connections(), ever)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_server_gives_back_once_after_some_quiet() {
        let mut seen = Seen::default();
        let due =
            |seen: &mut Seen, looks: u32, ever| (0..looks).filter(|_| seen.look(0, ever)).count();
        assert_eq!(due(&mut seen, 9, 0), 0, "nobody ever came");
        assert!(!seen.look(3, 3));
        assert_eq!(due(&mut seen, QUIET_LOOKS - 1, 3), 0);
        assert!(seen.look(0, 3));
        assert_eq!(due(&mut seen, 9, 3), 0);
        assert!(!seen.look(1, 4));
        assert_eq!(due(&mut seen, 9, 4), 1);
    }

    #[test]
    fn a_server_that_is_never_empty_gives_back_when_a_crowd_has_left() {
        let mut seen = Seen::default();
        assert!(!seen.look(4_000, 4_000));
        assert!(!seen.look(1_001, 4_000));
        assert!(seen.look(1_000, 4_000));
        assert!(!seen.look(1_000, 4_000));
        assert!(seen.look(250, 4_000));
        assert!(!seen.look(50, 4_000), "250 were no crowd");
    }
}
