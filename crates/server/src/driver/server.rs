//! A whole server out of its parts: started, run, drained, stopped. Tests start real ones in
//! their own process.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use api::guard::Guard;
use api::handle::{Handle, Records};
use api::office::Office;
use axum::Router;
use coach::plan::{Bank, Shelf};
use engine::gate::{Gate, GateLimits};
use engine::{Config, Input, Node, Plans};
use parking_lot::Mutex;
use protocol::close::CloseCode;
use protocol::id::BootId;
use protocol::limits::Limits;
use protocol::outbox;
use speech::{RecognizerFactory, Speech, SpeechConfig};
use store::audio::Recorder;
use store::ends::Ends;
use store::sqlite::Sqlite;
use store::{Callbacks, Store};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::ears::Hub;
use super::retention::Retention;
use super::{Driver, Parts, desk, office, recovery, reporting};
use crate::core::clock::Clock;
use crate::core::inbox::Inboxes;
use crate::core::{Core, Watch};
use crate::guard::DoorGuard;
use crate::hooks::{HookSettings, Hooks};
use crate::telemetry;
use crate::transport::beat::{beat, see_to_inbox};
use crate::transport::handshake::{Doors, Welcome};
use crate::transport::http::Http;
use crate::transport::listener::{SocketOptions, accept_loop, bind};

/// Blocking work at once.
const BLOCKING_THREADS: usize = 16;
/// How often it is looked whether memory should go back to the system.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// How long io threads have to make ready for it; one that is late gives back less.
const TIDY_LIMIT: Duration = Duration::from_millis(100);
/// How often the reaper looks.
const REAP_EVERY: Duration = Duration::from_secs(60);
/// How long what is being recognized may take when the server stops.
const SPEECH_STOP: Duration = Duration::from_millis(500);
/// How long those who were sent away may take to hear it, while whoever comes is still answered.
const LAST_WORDS: Duration = Duration::from_millis(2_500);
/// How long a server may take to stop once it has drained, milliseconds.
const STOP_MS: u64 = 10_000;
/// Files a process should be able to open.
const FILES_WANTED: u64 = 65_536;

/// Where sessions are recorded.
#[derive(Debug, Clone)]
pub enum RecordsAt {
    /// A SQLite file; with its own settings.
    Sqlite(store::sqlite::Config),
    /// Nowhere: gone with the process.
    Memory,
}

/// The recognizer to run.
pub struct SpeechSetup {
    /// Sizes and times.
    pub config: SpeechConfig,
    /// Makes one for each thread.
    pub factory: RecognizerFactory,
}

/// What the HTTP side is built with.
pub struct RouterParts {
    /// Asks the running server.
    pub handle: Arc<dyn Handle>,
    /// Reads what is written down.
    pub records: Arc<dyn Records>,
    /// Plans by name, as they are now.
    pub plans: Arc<Shelf>,
    /// The operator's desk.
    pub office: Arc<dyn Office>,
}

/// Builds the HTTP side.
pub type MakeRouter = Box<dyn FnOnce(RouterParts) -> Router + Send>;

/// Everything a server needs to be told.
pub struct Settings {
    /// Where to listen; port 0 chooses.
    pub addr: SocketAddr,
    /// Threads that serve sockets.
    pub io_threads: usize,
    /// Threads that run HTTP handlers.
    pub work_threads: usize,
    /// Parts the sessions are spread over.
    pub shards: usize,
    /// Limits of the doors.
    pub limits: Limits,
    /// Bounds of a connection's queue.
    pub outbox: outbox::Limits,
    /// Sockets.
    pub sockets: SocketOptions,
    /// Clocks and bounds of sessions.
    pub engine: Config,
    /// Plans and questions, before those of the records are laid over them.
    pub bank: Bank,
    /// How long what is kept.
    pub retention: Retention,
    /// How often the server looks for reports that are still to be made, and for what is past its
    /// time.
    pub look_every: (Duration, Duration),
    /// Judges tokens.
    pub guard: Arc<Guard>,
    /// How long after its `exp` a token keeps its connection open, milliseconds.
    pub token_leeway_ms: u64,
    /// Whom to tell of starts, ends and reports.
    pub hooks: Option<HookSettings>,
    /// Judges pages (D6).
    pub welcome: Arc<Welcome>,
    /// Socket.IO clients may join the namespace `/` instead of `/interview`.
    pub root_is_alias: bool,
    /// Serve the suites of the protocols in the place of the product.
    #[cfg(feature = "conformance")]
    pub conformance: bool,
    /// Is shown every input of the engine; for tests.
    pub watch: Option<Arc<Watch>>,
    /// Where sessions are recorded.
    pub records: RecordsAt,
    /// The folder for the audio of answers.
    pub data: PathBuf,
    /// The recognizer; without one everything but speech works.
    pub speech: Option<SpeechSetup>,
    /// The HTTP side.
    pub router: MakeRouter,
    /// How long the start waits for sessions of a dead process to end.
    pub recovery_wait: Duration,
    /// Over how long a drain spreads its closes.
    pub drain_window: Duration,
    /// When a drain gives up waiting and stops.
    pub drain_deadline: Duration,
}

impl Settings {
    /// Defaults around what has none.
    pub fn new(
        addr: SocketAddr,
        data: impl Into<PathBuf>,
        guard: Arc<Guard>,
        router: MakeRouter,
    ) -> Self {
        let data = data.into();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            addr,
            io_threads: cores.min(8),
            work_threads: cores.min(4),
            shards: 16,
            limits: Limits::default(),
            outbox: outbox::Limits::default(),
            sockets: SocketOptions {
                send_buffer: 128 * 1024,
                sockets_max: 20_000,
            },
            engine: Config::default(),
            bank: Bank::builtin(),
            retention: Retention::default(),
            look_every: (reporting::LOOK_EVERY, REAP_EVERY),
            guard,
            token_leeway_ms: 5_000,
            hooks: None,
            welcome: Arc::new(|_| true),
            root_is_alias: true,
            watch: None,
            #[cfg(feature = "conformance")]
            conformance: false,
            records: RecordsAt::Sqlite(store::sqlite::Config::new(data.join("greenroom.db"))),
            data,
            speech: None,
            router,
            recovery_wait: Duration::from_secs(30),
            drain_window: Duration::from_secs(5),
            drain_deadline: Duration::from_secs(30),
        }
    }
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}")]
    Bind {
        /// Which.
        addr: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The records cannot be opened.
    #[error("the records cannot be opened")]
    Store(#[from] store::StoreError),
    /// The recognizer cannot be started.
    #[error("the recognizer cannot be started")]
    Speech(#[from] speech::StartError),
    /// The system gives no thread, runtime or randomness.
    #[error("the system refused a thread or a runtime")]
    System(#[from] io::Error),
}

/// Starts servers.
pub struct Server;

/// A server that runs.
pub struct Running {
    addr: SocketAddr,
    core: Arc<Core>,
    driver: Arc<Driver>,
    doors: Arc<Doors>,
    work: Option<tokio::runtime::Runtime>,
    stop_accepting: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    /// Has io threads renew what they keep of the heap.
    tidy: watch::Sender<()>,
    threads: Vec<JoinHandle<()>>,
    drain_window: Duration,
    drain_deadline: Duration,
    stopped: AtomicBool,
    hooks: Option<Hooks>,
}

impl Server {
    /// Starts a server and returns once it takes connections. Blocks meanwhile: for the recognizer
    /// to load and for what a dead process left.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub fn start(settings: Settings) -> Result<Running, StartError> {
        raise_file_limit();
        // First, so that a port in use is known before anything is written.
        let listeners =
            bind(settings.addr, settings.io_threads).map_err(|source| StartError::Bind {
                addr: settings.addr,
                source,
            })?;
        let addr = listeners[0].local_addr()?;
        let work = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(settings.work_threads.max(1))
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("work")
            .enable_all()
            .build()?;
        let clock = Clock::start();
        let boot = boot_id()?;
        let inboxes = Arc::new(Inboxes::new(listeners.len(), settings.shards));
        let hub = Hub::new(Arc::clone(&inboxes));
        let hooks_wanted = settings.hooks.is_some();
        let store = open_store(&settings.records, hooks_wanted, &boot, clock, &inboxes)?;
        let shelf = Shelf::new(desk::open(settings.bank, &*store)?);
        let recorder = {
            let hub = Arc::clone(&hub);
            let config = store::audio::Config::new(&settings.data);
            Arc::new(Recorder::open(config, move |event| {
                hub.recorder_told(event)
            })?)
        };
        let speech = match settings.speech {
            None => None,
            Some(setup) => {
                let hub = Arc::clone(&hub);
                let sink: speech::Sink = Arc::new(move |event| hub.recognizer_told(event));
                Some(Arc::new(Speech::start(setup.config, setup.factory, sink)?))
            }
        };
        let driver = Driver::new(Parts {
            ends: Ends::open(&settings.data)?,
            boot: boot.clone(),
            clock,
            inboxes: Arc::clone(&inboxes),
            store,
            recorder,
            speech,
            hub,
            guard: Arc::clone(&settings.guard),
            data: settings.data,
            work: work.handle().clone(),
            plans: Arc::clone(&shelf),
            retention: settings.retention,
        })?;
        let plans = Arc::new(desk::for_engine(&shelf.bank()));
        let drain_ms = u64::try_from(settings.drain_deadline.as_millis()).unwrap_or(u64::MAX);
        let rules = Config {
            clock: Clock::name().into(),
            drain_ms: drain_ms.saturating_add(STOP_MS),
            ..settings.engine
        };
        let nodes = nodes(settings.shards, rules, plans, &boot)?;
        let core = Core::new(
            clock,
            nodes.into_iter(),
            inboxes,
            Arc::clone(&driver) as _,
            settings.watch,
        );
        // Set once, here.
        let _ = driver.core.set(Arc::downgrade(&core));
        let router = (settings.router)(RouterParts {
            handle: Arc::clone(&driver) as _,
            records: Arc::clone(&driver) as _,
            plans: shelf,
            office: Arc::clone(&driver) as _,
        });
        let doors = Arc::new(Doors {
            guard: Arc::new(DoorGuard::new(settings.guard, settings.token_leeway_ms)),
            welcome: settings.welcome,
            gate: Mutex::new(Gate::new(GateLimits {
                connections: settings.limits.connections as usize,
                connections_per_user: settings.limits.connections_per_user as usize,
                handshakes_per_second: settings.limits.handshakes_per_second,
                handshakes_burst: settings.limits.handshakes_burst,
            })),
            limits: Arc::new(settings.limits),
            outbox: settings.outbox,
            closing: AtomicBool::new(false),
            root_is_alias: settings.root_is_alias,
            polls: Arc::default(),
            #[cfg(feature = "conformance")]
            conformance: settings.conformance,
        });
        let http = Arc::new(Http {
            core: Arc::clone(&core),
            doors: Arc::clone(&doors),
            router,
            work: work.handle().clone(),
            open: Arc::new(AtomicUsize::new(0)),
        });
        driver.open_desk()?;
        let hooks = settings
            .hooks
            .map(|hooks| Hooks::start(hooks, Arc::clone(&driver.store), clock))
            .transpose()?;
        let (stop_accepting, _) = watch::channel(false);
        let (stop, _) = watch::channel(false);
        let (go, _) = watch::channel(false);
        let (tidy, _) = watch::channel(());
        let mut running = Running {
            addr,
            core,
            driver,
            doors,
            work: Some(work),
            stop_accepting,
            stop,
            tidy,
            threads: Vec::new(),
            drain_window: settings.drain_window,
            drain_deadline: settings.drain_deadline,
            stopped: AtomicBool::new(false),
            hooks,
        };
        let threads = listeners.len();
        for (index, listener) in listeners.into_iter().enumerate() {
            let thread = IoThread {
                index,
                threads,
                http: Arc::clone(&http),
                sockets: settings.sockets,
                go: go.subscribe(),
                stop_accepting: running.stop_accepting.subscribe(),
                stop: running.stop.subscribe(),
                tidy: running.tidy.subscribe(),
            };
            running.threads.push(thread.start(listener)?);
        }
        recovery::recover_before_start(&running.driver, settings.recovery_wait);
        running.start_work(settings.look_every);
        running.start_desk();
        go.send_replace(true);
        tracing::info!(%addr, %boot, "listening");
        Ok(running)
    }
}

/// A thread that serves sockets.
struct IoThread {
    index: usize,
    threads: usize,
    http: Arc<Http>,
    sockets: SocketOptions,
    go: watch::Receiver<bool>,
    stop_accepting: watch::Receiver<bool>,
    stop: watch::Receiver<bool>,
    tidy: watch::Receiver<()>,
}

impl IoThread {
    fn start(self, listener: StdListener) -> io::Result<JoinHandle<()>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_park(telemetry::let_go)
            .build()?;
        let listener = {
            let _guard = runtime.enter();
            TcpListener::from_std(listener)?
        };
        std::thread::Builder::new()
            .name(format!("io-{}", self.index))
            .spawn(move || {
                telemetry::hold();
                runtime.block_on(self.run(listener));
                // Drops every connection's task, which gives its seats back.
                drop(runtime);
            })
    }

    async fn run(self, listener: TcpListener) {
        let core = Arc::clone(&self.http.core);
        tokio::spawn(see_to_inbox(Arc::clone(&core), self.index));
        tokio::spawn(beat(core, self.index, self.threads));
        let Self {
            http,
            sockets,
            stop_accepting,
            mut go,
            mut stop,
            mut tidy,
            ..
        } = self;
        tokio::select! {
            _ = go.wait_for(|go| *go) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        tokio::spawn(accept_loop(listener, http, sockets, stop_accepting));
        loop {
            // The other ends live as long as the server.
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                Ok(()) = tidy.changed() => heap::renew_kept_pieces(),
            }
        }
    }
}

impl Running {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The core, for gauges and counters.
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// What the API asks.
    pub fn handle(&self) -> Arc<dyn Handle> {
        Arc::clone(&self.driver) as _
    }

    /// What is done again and again: reports still to be made, the reaper, memory.
    fn start_work(&self, (reports, reaper): (Duration, Duration)) {
        self.again(reports, Duration::ZERO, |driver| {
            reporting::make_due(driver).map(drop)
        });
        self.again(reaper, reaper, recovery::reap);
        self.keep_memory_down();
    }

    /// The look is on a task of its own: on a thread of the pool it would keep idle ones from ending.
    fn keep_memory_down(&self) {
        let (driver, mut stop) = (Arc::clone(&self.driver), self.stop.subscribe());
        let (tidy, Some(work)) = (self.tidy.clone(), &self.work) else {
            return;
        };
        work.spawn(async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(UPKEEP_EVERY) => {}
                    _ = stop.wait_for(|stop| *stop) => return,
                }
                if driver.upkeep.is_due(&driver) {
                    tidy.send_replace(());
                    tokio::time::sleep(TIDY_LIMIT).await;
                    let given = tokio::task::spawn_blocking(heap::give_back).await;
                    tracing::debug!(?given, "memory_given_back");
                }
            }
        });
    }

    /// Does something where it may block, first after `first` and then every so often, until the
    /// server stops.
    fn again(
        &self,
        every: Duration,
        first: Duration,
        act: impl Fn(&Driver) -> Result<(), store::StoreError> + Send + Sync + 'static,
    ) {
        let (driver, mut stop) = (Arc::clone(&self.driver), self.stop.subscribe());
        let Some(work) = &self.work else {
            return;
        };
        let act = Arc::new(act);
        work.spawn(async move {
            let mut pause = first;
            loop {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    _ = stop.wait_for(|stop| *stop) => return,
                }
                pause = every;
                let (driver, act) = (Arc::clone(&driver), Arc::clone(&act));
                let done = tokio::task::spawn_blocking(move || act(&driver)).await;
                if let Ok(Err(error)) = done {
                    tracing::warn!(%error, "recurring_work_failed");
                }
            }
        });
    }

    fn start_desk(&self) {
        let (driver, mut stop) = (Arc::clone(&self.driver), self.stop.subscribe());
        if let Some(work) = &self.work {
            work.spawn(async move {
                tokio::select! {
                    () = office::keep_keys(driver) => {}
                    _ = stop.wait_for(|stop| *stop) => {}
                }
            });
        }
    }

    /// Listens for SIGTERM and SIGINT from now on; before anybody is told that the server is there.
    ///
    /// # Errors
    /// When signals cannot be listened for.
    pub fn signals(&self) -> io::Result<Signals> {
        match &self.work {
            Some(work) => work.block_on(async { Signals::listen() }),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Serves until the process is told to stop, then drains; a second signal ends the wait at
    /// once.
    pub fn serve_until(mut self, mut signals: Signals) {
        let Some(work) = self.work.take() else {
            return;
        };
        work.block_on(signals.next());
        tracing::info!("draining");
        let handle = work.handle().clone();
        self.work = Some(work);
        let hurry = Arc::new(AtomicBool::new(false));
        let hurried = Arc::clone(&hurry);
        handle.spawn(async move {
            signals.next().await;
            hurried.store(true, Ordering::Release);
        });
        self.drain(&hurry);
        self.stop_all(&hurry);
    }

    /// Drains and stops.
    pub fn shutdown(mut self) {
        let hurry = AtomicBool::new(false);
        self.drain(&hurry);
        self.stop_all(&hurry);
    }

    /// Stops at once, as a kill would but for the threads.
    pub fn abort(mut self) {
        self.stop_all(&AtomicBool::new(true));
    }

    /// Refuses what is new, sends everybody away one after the other, waits for what is unsaved.
    fn drain(&self, hurry: &AtomicBool) {
        let by = Instant::now() + self.drain_deadline;
        let over = || hurry.load(Ordering::Acquire) || Instant::now() >= by;
        self.driver.draining.store(true, Ordering::Release);
        self.doors.closing.store(true, Ordering::Release);
        self.core.inboxes().post(Input::Drain);
        let conns = self.core.conns().all();
        let step = self.drain_window / u32::try_from(conns.len().max(1)).unwrap_or(u32::MAX);
        let begun = Instant::now();
        for (nth, conn) in conns.iter().enumerate() {
            let at = begun + step * u32::try_from(nth).unwrap_or(u32::MAX);
            while Instant::now() < at && !over() {
                std::thread::sleep((at - Instant::now()).min(Duration::from_millis(20)));
            }
            // Those that go first come back first: spread as they were sent away.
            let spread = conn.id().0.wrapping_mul(0x9E37_79B9) % 1_000;
            self.core
                .send_away(conn, 1_000 + spread, CloseCode::Restart);
        }
        // Who polls fetches its last words with another request, and must find somebody.
        let fetched = Instant::now() + LAST_WORDS;
        while !over() && Instant::now() < fetched && self.core.connections() > 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.stop_accepting.send_replace(true);
        while !over() {
            let gauges = self.core.gauges();
            let waiting = gauges.engine.unsettled + gauges.engine.unsaved;
            if gauges.connections + gauges.inputs_waiting + waiting == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn stop_all(&mut self, hurry: &AtomicBool) {
        if self.stopped.swap(true, Ordering::AcqRel) {
            return;
        }
        self.stop_accepting.send_replace(true);
        self.stop.send_replace(true);
        for thread in std::mem::take(&mut self.threads) {
            // A thread that panicked has aborted the process or left its connections behind.
            let _ = thread.join();
        }
        let patience = match hurry.load(Ordering::Acquire) {
            true => Duration::from_millis(100),
            false => Duration::from_secs(5),
        };
        if let Some(speech) = &self.driver.speech {
            speech.shutdown(SPEECH_STOP.min(patience));
        }
        if !self.driver.recorder.shutdown(patience) {
            tracing::warn!("audio_not_all_written");
        }
        // They write to the store, so they stop before it does.
        drop(self.hooks.take());
        if !self.driver.store.shutdown(patience) {
            tracing::warn!("not_all_saved");
        }
        if !self.driver.ends.shutdown(patience) {
            tracing::warn!("unsaved_ends_not_all_kept");
        }
        if let Some(work) = self.work.take() {
            work.shutdown_background();
        }
        tracing::info!("stopped");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop_all(&AtomicBool::new(true));
    }
}

/// The signals that ask a process to stop.
#[derive(Debug)]
pub struct Signals {
    term: tokio::signal::unix::Signal,
    int: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

fn open_store(
    at: &RecordsAt,
    hooks: bool,
    boot: &BootId,
    clock: Clock,
    inboxes: &Arc<Inboxes>,
) -> Result<Arc<dyn Store>, StartError> {
    let (saved, ended) = (Arc::clone(inboxes), Arc::clone(inboxes));
    let callbacks = Callbacks {
        saved: Box::new(move |answers| {
            let input = |(id, session, saved)| Input::StoreReplied { id, session, saved };
            saved.post_all(answers.into_iter().map(input));
        }),
        foreign_end: Box::new(move |session| ended.post(recovery::ended_elsewhere(session))),
        lease_failed: Box::new(|| tracing::error!("lease_not_written")),
    };
    let boot = boot.clone();
    Ok(match at {
        RecordsAt::Sqlite(config) => {
            let config = store::sqlite::Config {
                clock: Clock::name(),
                hooks,
                ..config.clone()
            };
            Arc::new(Sqlite::open(&config, boot, move || clock.now(), callbacks)?)
        }
        RecordsAt::Memory => Arc::new(store::memory::Memory::open(
            store::memory::Tables::new(),
            100_000,
            boot,
            clock.wall(),
            callbacks,
        )?),
    })
}

fn nodes(shards: usize, config: Config, plans: Arc<Plans>, boot: &BootId) -> io::Result<Vec<Node>> {
    let config = Arc::new(Config {
        // Each shard has its share of the process's sessions, and room for an uneven spread.
        sessions: (config.sessions / shards.max(1) * 2).max(64),
        ..config
    });
    let mut nodes = Vec::new();
    for _ in 0..shards.clamp(1, 256) {
        let seed = u64::from_le_bytes(random()?);
        nodes.push(Node::new(
            Arc::clone(&config),
            Arc::clone(&plans),
            boot.clone(),
            seed,
        ));
    }
    Ok(nodes)
}

fn boot_id() -> io::Result<BootId> {
    let number = u128::from_le_bytes(random()?);
    BootId::parse(&format!("boot-{number:032x}")).map_err(io::Error::other)
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// As many files as the system allows, up to what many connections need.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let wanted = now
        .maximum
        .map_or(FILES_WANTED, |most| most.min(FILES_WANTED));
    if now.current.is_some_and(|current| current < wanted) {
        let limit = Rlimit {
            current: Some(wanted),
            maximum: now.maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "file_limit_not_raised");
        }
    }
}
