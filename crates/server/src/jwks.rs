//! Fetching public keys from where their owner publishes them: one thread, one fetch at a time, to
//! deadlines and bounds. Everybody who waits for a key waits for the same fetch. What was fetched
//! stays good while the source is away, for a day. What the keys are is `api::keyring`'s.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use api::keyring::{Algorithm, Fetching, KeyError, Keyring, PublicKey, Refetch, from_jwks};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

/// Largest document.
const BYTES_MAX: u64 = 256 * 1024;
/// How long a fetch may take, name look-up included.
const DEADLINE: Duration = Duration::from_secs(4);
/// After a fetch, a `kid` nobody knows is no reason for another so soon.
pub const COOLDOWN: Duration = Duration::from_secs(10);
/// After a fetch that failed, it may be tried again this soon.
const RETRY: Duration = Duration::from_secs(2);
/// Pauses between attempts while the source is away: doubled up to this.
const RETRY_MAX: Duration = Duration::from_secs(60);
/// How long keys are good that could not be fetched again.
const STALE_MAX: Duration = Duration::from_secs(24 * 3600);
/// Tokens that may wait for a fetch.
const WAITING_MAX: usize = 4_096;

/// Why there are no new keys.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No answer, or none that can be read.
    #[error("no usable answer")]
    Http(#[from] ureq::Error),
    /// Another answer than 200. Redirects are not followed.
    #[error("the answer is {0}, not 200")]
    Status(u16),
    /// What came is no set of keys for us.
    #[error("the document cannot be used")]
    Keys(#[from] KeyError),
}

/// Fetches the keys once.
///
/// # Errors
/// [`FetchError`].
pub fn fetch(url: &str, algorithm: Algorithm) -> Result<Vec<PublicKey>, FetchError> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(DEADLINE))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .proxy(None)
        .user_agent("greenroom")
        .build();
    let mut answer = ureq::Agent::from(config)
        .get(url)
        .header("accept", "application/json")
        .call()?;
    if answer.status() != 200 {
        return Err(FetchError::Status(answer.status().as_u16()));
    }
    let body = answer.body_mut().with_config().limit(BYTES_MAX);
    Ok(from_jwks(algorithm, &body.read_to_vec()?)?)
}

#[derive(Default)]
struct State {
    wanted: bool,
    busy: bool,
    stop: bool,
    /// Not before then on a stranger's wish.
    not_before: Option<Instant>,
    waiting: Vec<oneshot::Sender<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

/// What a fetcher is told.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where the keys are published.
    pub url: String,
    /// Which keys are wanted.
    pub algorithm: Algorithm,
    /// How often they are fetched anew.
    pub every: Duration,
    /// How long after a fetch nobody's wish is a reason for another, [`COOLDOWN`].
    pub cooldown: Duration,
}

/// The thread, from outside.
pub struct Fetcher {
    shared: Arc<Shared>,
}

impl Fetcher {
    /// Starts fetching into this ring, at once and ever after; ends with the ring.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(source: Source, ring: &Arc<Keyring>) -> std::io::Result<()> {
        let shared = Arc::new(Shared::default());
        shared.state.lock().wanted = true;
        let (of_thread, weak) = (Arc::clone(&shared), Arc::downgrade(ring));
        std::thread::Builder::new()
            .name("jwks".to_owned())
            .spawn(move || run(&source, &of_thread, &weak))?;
        ring.fetch_with(Arc::new(Self { shared }));
        Ok(())
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        self.shared.state.lock().stop = true;
        self.shared.wake.notify_one();
    }
}

impl Refetch for Fetcher {
    fn refetch(&self) -> Option<Fetching> {
        let mut state = self.shared.state.lock();
        if !state.busy && !state.wanted {
            if state.not_before.is_some_and(|at| Instant::now() < at) {
                return None;
            }
            state.wanted = true;
            self.shared.wake.notify_one();
        }
        if state.waiting.len() >= WAITING_MAX {
            return None;
        }
        let (done, fetched) = oneshot::channel();
        state.waiting.push(done);
        Some(Box::pin(async move {
            // However it went: the ring knows.
            let _ = fetched.await;
        }))
    }
}

fn run(source: &Source, shared: &Shared, ring: &Weak<Keyring>) {
    let mut good_since = Instant::now();
    let mut pause = RETRY;
    let mut due = Instant::now();
    loop {
        {
            let mut state = shared.state.lock();
            while !state.wanted && !state.stop && Instant::now() < due {
                shared.wake.wait_until(&mut state, due);
            }
            if state.stop {
                return;
            }
            state.wanted = false;
            state.busy = true;
        }
        let fetched = fetch(&source.url, source.algorithm);
        let Some(ring) = ring.upgrade() else {
            return;
        };
        let cooldown = match fetched {
            Ok(keys) => {
                tracing::debug!(keys = keys.len(), "jwks_fetched");
                ring.replace(keys);
                good_since = Instant::now();
                pause = RETRY;
                due = good_since + source.every;
                source.cooldown
            }
            Err(error) => {
                let error = crate::cli::out::chain(&anyhow::Error::new(error));
                tracing::warn!(url = %source.url, %error, "jwks_not_fetched");
                if good_since.elapsed() > STALE_MAX {
                    ring.replace(Vec::new());
                }
                due = Instant::now() + pause;
                pause = (pause * 2).min(RETRY_MAX);
                RETRY.min(source.cooldown)
            }
        };
        let waiting = {
            let mut state = shared.state.lock();
            state.busy = false;
            state.not_before = Some(Instant::now() + cooldown);
            std::mem::take(&mut state.waiting)
        };
        for done in waiting {
            // Whoever waited may have given up.
            let _ = done.send(());
        }
    }
}
