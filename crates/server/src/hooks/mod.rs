//! Webhooks: a consumer of what was committed. One thread turns committed events into deliveries,
//! one thread per endpoint sends them; both work on the store alone, so a restart goes on where the
//! last process stopped, and nothing is told that was not committed. At least once: a receiver
//! knows a repeat by its `webhook-id`.
//!
//! What must never be here: rules of a session. A receiver that is slow or away holds up nobody
//! but itself: its deliveries wait in the store, bounded in number.

pub mod message;
pub mod target;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use api::secret::Secret;
use parking_lot::{Condvar, Mutex};
use protocol::time::Wall;
use store::desk::{DeliveryFilter, DeliveryRow, HookKind, HookState};
use store::rows::PAGE_ROWS_MAX;
use store::{Store, StoreError};

use self::message::Message;
use self::target::Endpoint;
use crate::core::clock::Clock;

/// Deliveries that may wait; beyond it the oldest are given up.
const WAITING_MAX: u32 = 10_000;
/// Deliveries that are over and kept for the log.
const LOG_MAX: u32 = 10_000;
/// Events and deliveries taken at a time.
const BATCH: u32 = 50;
/// How often the store is asked.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often the log is trimmed.
const TRIM_EVERY: Duration = Duration::from_secs(600);
/// Pause after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(2);

/// Whom to tell what, and how often to try.
#[derive(Debug, Clone)]
pub struct HookSettings {
    /// Where to.
    pub endpoints: Vec<Endpoint>,
    /// What messages are signed with.
    pub secret: Secret<Vec<u8>>,
    /// What is told.
    pub kinds: Vec<HookKind>,
    /// Addresses of this machine and its network are allowed.
    pub allow_private: bool,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Attempts before a delivery is given up.
    pub attempts: u32,
    /// From the first attempt to the second; doubled from then on.
    pub first_retry: Duration,
    /// The longest pause between two attempts.
    pub longest_retry: Duration,
    /// How long the log is kept.
    pub keep: Duration,
    /// The address people use, for links to reports; none: paths alone.
    pub public_url: Option<String>,
}

/// Wakes the threads, or stops them.
#[derive(Default)]
struct Bell {
    state: Mutex<bool>,
    wake: Condvar,
}

impl Bell {
    /// Waits; whether to go on.
    fn wait(&self, at_most: Duration) -> bool {
        let until = Instant::now() + at_most;
        let mut stop = self.state.lock();
        while !*stop {
            if self.wake.wait_until(&mut stop, until).timed_out() {
                break;
            }
        }
        !*stop
    }

    fn is_stopped(&self) -> bool {
        *self.state.lock()
    }

    fn stop(&self) {
        *self.state.lock() = true;
        self.wake.notify_all();
    }
}

/// How long a stop waits for an attempt under way. One that takes longer is made again later.
const STOP: Duration = Duration::from_millis(500);

/// The threads. Dropping them stops them.
pub struct Hooks {
    bell: Arc<Bell>,
    threads: Vec<JoinHandle<()>>,
}

/// What every thread works with.
struct Post {
    settings: HookSettings,
    store: Arc<dyn Store>,
    clock: Clock,
    bell: Arc<Bell>,
}

impl Hooks {
    /// Starts them.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(settings: HookSettings, store: Arc<dyn Store>, clock: Clock) -> io::Result<Self> {
        let bell = Arc::new(Bell::default());
        let post = Arc::new(Post {
            settings,
            store,
            clock,
            bell: Arc::clone(&bell),
        });
        let mut hooks = Self {
            bell,
            threads: Vec::new(),
        };
        let of_thread = Arc::clone(&post);
        hooks.spawn("hooks".to_owned(), move || of_thread.collect())?;
        for (nth, endpoint) in post.settings.endpoints.iter().enumerate() {
            let (of_thread, endpoint) = (Arc::clone(&post), endpoint.clone());
            hooks.spawn(format!("hook-{nth}"), move || of_thread.deliver(&endpoint))?;
        }
        Ok(hooks)
    }

    fn spawn(&mut self, name: String, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = std::thread::Builder::new().name(name).spawn(run)?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        self.bell.stop();
        // A receiver that hangs holds up no stop: its thread finds the store closed and ends.
        let by = Instant::now() + STOP;
        for thread in self.threads.drain(..) {
            while !thread.is_finished() && Instant::now() < by {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

impl Post {
    /// Turns what was committed into deliveries, for ever.
    fn collect(&self) {
        if let Err(error) = self.give_up_strangers() {
            tracing::warn!(%error, "hooks_not_read");
        }
        let mut trim_at = Instant::now();
        loop {
            let pause = match self.collect_once() {
                Ok(true) => Duration::ZERO,
                Ok(false) => LOOK_EVERY,
                Err(error) => {
                    tracing::warn!(%error, "hooks_not_collected");
                    STORE_PAUSE
                }
            };
            if Instant::now() >= trim_at {
                trim_at = Instant::now() + TRIM_EVERY;
                self.trim();
            }
            if !self.bell.wait(pause) {
                return;
            }
        }
    }

    /// One batch; whether there may be more.
    fn collect_once(&self) -> Result<bool, StoreError> {
        let events = self.store.hook_events(BATCH)?;
        let Some(last) = events.last().map(|event| event.place) else {
            return Ok(false);
        };
        let now = self.clock.wall();
        let mut rows = Vec::new();
        let wanted = |kind| self.settings.kinds.contains(&kind);
        for (nth, event) in (0..).zip(events.iter().filter(|event| wanted(event.kind))) {
            // Deleted meanwhile: there is nothing left to tell.
            let Some(row) = self.store.session_row(&event.session)? else {
                continue;
            };
            let url = self.settings.public_url.as_deref();
            let message = Message::about(event, &row, url);
            // A millisecond apart, so that they are sent in the order of their commits.
            let at = now.after(nth);
            rows.extend(self.settings.endpoints.iter().map(|endpoint| DeliveryRow {
                id: message.id.clone(),
                endpoint: endpoint.label.clone(),
                kind: event.kind,
                session: event.session.clone(),
                body: message.body.clone(),
                created_at: at,
                state: HookState::Waiting,
                attempts: 0,
                next_at: at,
                status: None,
                error: None,
            }));
        }
        let given_up = self.store.queue_deliveries(last, rows, WAITING_MAX)?;
        if given_up > 0 {
            tracing::warn!(given_up, "hooks_given_up: too many were waiting");
        }
        self.bell.wake.notify_all();
        Ok(true)
    }

    /// What waits for endpoints that are configured no more is given up.
    fn give_up_strangers(&self) -> Result<(), StoreError> {
        let mut filter = DeliveryFilter {
            state: Some(HookState::Waiting),
            limit: PAGE_ROWS_MAX,
            ..DeliveryFilter::default()
        };
        loop {
            let page = self.store.deliveries(&filter)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            filter.after = Some((last.created_at, last.id.clone(), last.endpoint.clone()));
            for row in page {
                let known = self.settings.endpoints.iter();
                if !known.into_iter().any(|one| one.label == row.endpoint) {
                    let error = Some("the endpoint is configured no more".to_owned());
                    let state = HookState::Failed;
                    self.store.delivery_done(DeliveryRow {
                        state,
                        error,
                        ..row
                    })?;
                }
            }
        }
    }

    fn trim(&self) {
        let keep = i64::try_from(self.settings.keep.as_millis()).unwrap_or(i64::MAX);
        let before = Wall(self.clock.wall().0.saturating_sub(keep));
        if let Err(error) = self.store.trim_deliveries(before, LOG_MAX) {
            tracing::warn!(%error, "hook_log_not_trimmed");
        }
    }

    /// Sends what is due to one endpoint, for ever.
    fn deliver(&self, endpoint: &Endpoint) {
        let sender = target::Sender::new(self.settings.allow_private, self.settings.timeout);
        loop {
            let now = self.clock.wall();
            let due = self.store.due_deliveries(&endpoint.label, now, BATCH);
            let pause = match due {
                Ok(due) if due.is_empty() => LOOK_EVERY,
                Ok(due) => {
                    for row in due {
                        if self.bell.is_stopped() {
                            return;
                        }
                        if let Err(error) = self.attempt(&sender, endpoint, row) {
                            tracing::warn!(%error, "hook_not_noted");
                            break;
                        }
                    }
                    Duration::ZERO
                }
                Err(error) => {
                    tracing::warn!(%error, "hooks_not_read");
                    STORE_PAUSE
                }
            };
            if !self.bell.wait(pause) {
                return;
            }
        }
    }

    /// Tries one delivery and writes down how it went.
    fn attempt(
        &self,
        sender: &target::Sender,
        endpoint: &Endpoint,
        mut row: DeliveryRow,
    ) -> Result<(), StoreError> {
        let stamp = self.clock.wall().0.div_euclid(1_000);
        let signature = message::sign(self.settings.secret.reveal(), &row.id, stamp, &row.body);
        let sent = sender.send(endpoint, &row.id, stamp, &signature, &row.body);
        row.attempts += 1;
        row.status = sent
            .as_ref()
            .map_or_else(|error| error.status(), |status| Some(*status));
        match sent {
            Ok(_) => {
                row.state = HookState::Delivered;
                row.error = None;
            }
            Err(error) => {
                row.error = Some(error.to_string());
                if error.is_final() || row.attempts >= self.settings.attempts {
                    row.state = HookState::Failed;
                } else {
                    let pause = self.pause(&row);
                    row.next_at = self.clock.wall().after(pause);
                }
            }
        }
        tracing::debug!(
            id = %row.id, session = %row.session, endpoint = %row.endpoint,
            state = row.state.as_str(), attempts = row.attempts, "hook_attempted"
        );
        if row.state == HookState::Failed {
            tracing::warn!(id = %row.id, endpoint = %row.endpoint, "hook_given_up");
        }
        self.store.delivery_done(row)
    }

    /// How long to wait before the next attempt, milliseconds: doubled each time, and moved by up
    /// to a fifth so that what failed together does not come back together. The spread comes from
    /// the message, so no randomness is needed.
    fn pause(&self, row: &DeliveryRow) -> u64 {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let doublings = row.attempts.saturating_sub(1).min(32);
        let full = millis(self.settings.first_retry)
            .saturating_mul(1 << doublings)
            .min(millis(self.settings.longest_retry));
        let spread = row.id.bytes().fold(u64::from(row.attempts), |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        // 80 % to 120 %.
        full / 5 * 4 + full / 1_000 * (spread % 401)
    }
}
