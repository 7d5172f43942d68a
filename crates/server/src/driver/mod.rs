//! Effects that need more than memory, carried out: the store, the recognizer, the recorder, the
//! report, and the API's questions. Answers come back as inputs through the inboxes.
//!
//! No rules: what to do with an answer is the engine's business. Nothing here runs on an io thread
//! but `save`, `work`, `listen` and `answered`, which only hand on.

pub(crate) mod arrivals;
pub(crate) mod coaching;
pub(crate) mod desk;
pub(crate) mod ears;
mod finder;
pub mod handle;
pub(crate) mod jobs;
pub(crate) mod memory;
pub(crate) mod metrics;
pub(crate) mod office;
pub(crate) mod recovery;
pub(crate) mod rehear;
pub(crate) mod report;
pub(crate) mod reporting;
pub mod retention;
pub mod server;
pub(crate) mod story;
pub(crate) mod taps;
pub(crate) mod transfer;
mod upkeep;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use coach::plan::Shelf;
use engine::Input;
use engine::effect::Answer;
use engine::input::AskId;
use parking_lot::Mutex;
use protocol::id::{BootId, EffectId, SessionId};
use protocol::record::{EndBegun, Save};
use protocol::time::Mono;
use speech::Speech;
use store::Store;
use store::audio::Recorder;
use store::ends::{Ends, Waiting};
use tokio::sync::oneshot;

use self::ears::Hub;
use self::taps::{Means, SessionTap};
use crate::core::clock::Clock;
use crate::core::inbox::Inboxes;
use crate::core::route::Tap;
use crate::core::{Core, Job, Outside};

/// Questions of the API that may wait at once.
const ASKS_MAX: usize = 1_024;

/// Everything beyond memory.
pub(crate) struct Driver {
    pub(crate) boot: BootId,
    pub(crate) clock: Clock,
    pub(crate) inboxes: Arc<Inboxes>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) speech: Option<Arc<Speech>>,
    pub(crate) hub: Arc<Hub>,
    /// Knows who is let in, and what was taken back.
    pub(crate) guard: Arc<api::guard::Guard>,
    /// The folder that holds the audio.
    pub(crate) data: PathBuf,
    /// Where blocking work runs.
    pub(crate) work: tokio::runtime::Handle,
    /// When free memory goes back to the system.
    pub(crate) upkeep: upkeep::Upkeep,
    /// Where reports of sessions that end are made.
    pub(crate) press: jobs::Press,
    /// Where sessions are looked for that are not in memory.
    pub(crate) finder: finder::Finder,
    pub(crate) recovery: recovery::Transcriber,
    /// Plans by name, as they are now.
    pub(crate) plans: Arc<Shelf>,
    /// Scoring keys in use.
    pub(crate) keys: coaching::Keys,
    /// One change of the plans at a time.
    pub(crate) changing: Mutex<()>,
    /// How long what is kept for how long.
    pub(crate) retention: retention::Retention,
    pub(crate) rehearing: rehear::Rehearing,
    /// Keeps ends that were told and are not saved.
    pub(crate) ends: Ends,
    /// Those that are kept, also by an earlier process.
    unsaved: Mutex<Waiting>,
    pub(crate) codes: transfer::Codes,
    /// The core; it owns us.
    pub(crate) core: OnceLock<Weak<Core>>,
    pub(crate) draining: AtomicBool,
    me: Weak<Self>,
    asks: Mutex<HashMap<AskId, oneshot::Sender<Answer>>>,
    next_ask: AtomicU64,
}

/// What a driver is made of.
pub(crate) struct Parts {
    pub(crate) ends: (Ends, Waiting),
    pub(crate) boot: BootId,
    pub(crate) clock: Clock,
    pub(crate) inboxes: Arc<Inboxes>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) speech: Option<Arc<Speech>>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) guard: Arc<api::guard::Guard>,
    pub(crate) data: PathBuf,
    pub(crate) work: tokio::runtime::Handle,
    pub(crate) plans: Arc<Shelf>,
    pub(crate) retention: retention::Retention,
}

impl Driver {
    pub(crate) fn new(parts: Parts) -> std::io::Result<Arc<Self>> {
        let recovery = recovery::Transcriber::start()?;
        let rehearing = rehear::Rehearing::start()?;
        let press = jobs::Press::start()?;
        let finder = finder::Finder::start()?;
        Ok(Arc::new_cyclic(|me| Self {
            me: me.clone(),
            recovery,
            plans: parts.plans,
            keys: coaching::Keys::default(),
            changing: Mutex::default(),
            retention: parts.retention,
            rehearing,
            ends: parts.ends.0,
            unsaved: Mutex::new(parts.ends.1),
            codes: transfer::Codes::default(),
            boot: parts.boot,
            clock: parts.clock,
            inboxes: parts.inboxes,
            store: parts.store,
            recorder: parts.recorder,
            speech: parts.speech,
            hub: parts.hub,
            guard: parts.guard,
            data: parts.data,
            work: parts.work,
            press,
            finder,
            upkeep: upkeep::Upkeep::default(),
            core: OnceLock::new(),
            draining: AtomicBool::new(false),
            asks: Mutex::default(),
            next_ask: AtomicU64::new(1),
        }))
    }

    /// Itself, to be kept beyond a call.
    fn me(&self) -> Option<Arc<Self>> {
        self.me.upgrade()
    }

    /// The core, while it lives.
    pub(crate) fn core(&self) -> Option<Arc<Core>> {
        self.core.get().and_then(Weak::upgrade)
    }

    /// A place to wait for the answer to a question; none if too many wait.
    fn ask(&self) -> Option<(AskId, oneshot::Receiver<Answer>)> {
        let mut asks = self.asks.lock();
        // Whoever gave up waiting has dropped the other end.
        if asks.len() >= ASKS_MAX {
            asks.retain(|_, asker| !asker.is_closed());
        }
        if asks.len() >= ASKS_MAX {
            return None;
        }
        let id = AskId(self.next_ask.fetch_add(1, Ordering::Relaxed));
        let (asker, answer) = oneshot::channel();
        asks.insert(id, asker);
        Some((id, answer))
    }

    fn means(&self, since: Mono) -> Means {
        Means {
            hub: Arc::clone(&self.hub),
            speech: self.speech.clone(),
            recorder: Arc::clone(&self.recorder),
            since,
        }
    }

    /// An end of this session that was told and could not be saved.
    pub(crate) fn unsaved_end(&self, session: &SessionId) -> Option<EndBegun> {
        self.unsaved.lock().get(session).cloned()
    }

    /// All of them.
    pub(crate) fn unsaved_ends(&self) -> Waiting {
        self.unsaved.lock().clone()
    }

    pub(crate) fn keep_end(&self, session: SessionId, end: EndBegun) {
        self.unsaved.lock().insert(session.clone(), end.clone());
        if !self.ends.keep(session.clone(), end) {
            tracing::error!(%session, "unsaved_end_not_kept");
        }
    }

    /// It is in the records, or they know nothing of its session.
    pub(crate) fn forget_end(&self, session: SessionId) {
        self.unsaved.lock().remove(&session);
        if !self.ends.forget(session.clone()) {
            // The next process finds in the records that it is over.
            tracing::debug!(%session, "unsaved_end_not_forgotten");
        }
    }

    fn forget_ask(&self, id: AskId) {
        self.asks.lock().remove(&id);
    }

    /// Questions that wait.
    pub(crate) fn asks_waiting(&self) -> usize {
        self.asks.lock().len()
    }
}

impl Outside for Driver {
    fn save(&self, id: EffectId, save: Save) {
        let session = save.session.clone();
        if let Err(saved) = self.store.submit(id, save) {
            self.inboxes
                .post(Input::StoreReplied { id, session, saved });
        }
    }

    fn work(&self, job: Job) {
        if let Some(me) = self.me.upgrade() {
            jobs::start(me, job);
        }
    }

    fn listen(&self, session: &SessionId, since: Mono) -> Box<dyn Tap> {
        Box::new(SessionTap::new(self.means(since), session.clone(), None))
    }

    fn listen_again(&self, session: &SessionId, since: Mono) -> Box<dyn Tap> {
        let me = self.me.upgrade();
        let rehear = me.map(|me| self.rehearing.look(&me, session.clone(), since));
        let means = self.means(since);
        Box::new(SessionTap::new(means, session.clone(), rehear))
    }

    fn answered(&self, ask: AskId, answer: Answer) {
        let asker = self.asks.lock().remove(&ask);
        if let Some(asker) = asker {
            // Whoever asked may have given up.
            let _ = asker.send(answer);
        }
    }
}
