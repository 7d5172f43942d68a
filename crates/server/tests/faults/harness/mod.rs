//! What the tests against the real binary share: the server as a child process, clients over real
//! sockets, tokens, a proxy that can freeze, the records as any other program reads them, and
//! waiting for conditions. No promise of the server is checked here.

// Each of the two test binaries uses its part.
#![allow(dead_code, unused_imports)]

pub(crate) mod client;
pub(crate) mod proxy;
pub(crate) mod records;
pub(crate) mod run;
pub(crate) mod server;
pub(crate) mod sound;
pub(crate) mod token;
pub(crate) mod tracer;

use std::time::{Duration, Instant};

/// Longest wait for anything that should come at once.
pub(crate) const SOON: Duration = Duration::from_secs(10);
/// Pause between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks again and again until `look` finds something, or panics with `what` after `limit`.
pub(crate) fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let by = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < by, "not within {limit:?}: {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_millis()).unwrap()
}
