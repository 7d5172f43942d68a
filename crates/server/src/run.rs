//! From a valid configuration to a running server: the one place that knows both sides. Every value
//! is only translated; what it means is decided where it is used.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use api::apikey::ApiKeys;
use api::auth::Verifier;
use api::cors::{Origins, Verdict};
use api::guard::Guard;
use api::router::Api;
use api::secret::Secret;
use coach::plan::Bank;
use protocol::limits::Limits;
use speech::{SpeechConfig, moonshine_factory};
use store::desk::HookKind;

use crate::cli::serve::Start;
use crate::config::Config;
use crate::config::setting::{Auto, Speech, Takeover};
use crate::core::clock::wall_now;
use crate::driver::retention::Retention;
use crate::driver::server::{RecordsAt, Server, Settings, SpeechSetup};
use crate::hooks::HookSettings;
use crate::hooks::message::secret_bytes;
use crate::hooks::target::Endpoint;
use crate::identity;
use crate::jwks::Fetcher;

/// Arenas of the heap beside those of the io threads. The other threads come and go and work little,
/// and each arena keeps some of what it once needed.
const SHARED_ARENAS: usize = 3;

/// Runs the server until it is told to stop.
///
/// # Errors
/// When it cannot start; nothing is left running.
pub fn run(start: Start) -> anyhow::Result<()> {
    let settings = settings(&start.config)?;
    heap::share_arenas(settings.io_threads + SHARED_ARENAS);
    let running = Server::start(settings)?;
    let signals = running.signals().context("cannot listen for signals")?;
    start.announce(running.addr(), wall_now())?;
    running.serve_until(signals);
    Ok(())
}

/// What the server is told.
///
/// # Errors
/// When plans or the speech model cannot be read.
pub fn settings(config: &Config) -> anyhow::Result<Settings> {
    let auth = identity::settings(config)?;
    if let Some(source) = identity::source(config) {
        Fetcher::start(source, &auth.keyring).context("cannot start fetching keys")?;
    }
    let verifier = Arc::new(Verifier::new(auth));
    let origins = Origins::new(config.server.frontend_origins.0.iter().map(String::as_str));
    let bank = bank(config)?;

    let keys = ApiKeys::new(&config.auth.api_keys.0);
    let guard = Arc::new(Guard::with_keys(Arc::clone(&verifier), keys));
    let of_doors = Arc::clone(&guard);
    let doors = origins.clone();
    let router = move |parts: crate::driver::server::RouterParts| {
        api::router::build(Api {
            handle: parts.handle,
            records: parts.records,
            office: parts.office,
            verifier,
            guard,
            origins,
            plans: parts.plans,
            clock: wall_now,
            new_id,
        })
    };

    let data = config.store.dir.clone();
    let mut settings = Settings::new(config.server.listen, data, of_doors, Box::new(router));
    settings.welcome = Arc::new(move |headers| doors.judge(headers) != Verdict::Refused);
    settings.root_is_alias = config.server.socketio_root;
    if let Auto::Of(threads) = config.server.io_threads {
        settings.io_threads = threads as usize;
    }
    settings.limits = limits(config);
    settings.sockets.sockets_max = config.limits.connections as usize + 500;
    settings.token_leeway_ms = config.auth.leeway.0;
    settings.hooks = hooks(config)?;
    settings.engine = rules(config);
    settings.bank = bank;
    settings.retention = Retention {
        transcript_ms: config.retention.transcript.0,
        report_ms: config.retention.report.0,
        everything_ms: config.retention.everything.0,
    };
    if let RecordsAt::Sqlite(records) = &mut settings.records {
        records.cache_bytes = config.store.cache.0.into();
    }
    settings.speech = speech_setup(config)?;
    settings.drain_deadline = Duration::from_millis(config.server.drain.0);
    Ok(settings)
}

fn bank(config: &Config) -> anyhow::Result<Bank> {
    match &config.plans.dir {
        Some(dir) => Bank::load_dir(dir)
            .with_context(|| format!("the plans in {} cannot be used", dir.display())),
        None => Ok(Bank::builtin()),
    }
}

fn limits(config: &Config) -> Limits {
    let limits = &config.limits;
    let ms = |time: u64| u32::try_from(time).unwrap_or(u32::MAX);
    Limits {
        message_bytes: limits.message_bytes.0,
        events_per_second: limits.events_per_second,
        events_burst: limits.events_burst,
        audio_bytes_per_second: limits.audio_bytes_per_second.0,
        audio_burst_bytes: limits.audio_burst_bytes.0,
        audio_chunk_bytes_min: limits.audio_chunk_bytes_min.0,
        auth_timeout_ms: ms(limits.auth_timeout.0),
        unauthenticated_bytes: limits.unauthenticated_bytes.0,
        ping_interval_ms: ms(limits.ping_interval.0),
        ping_timeout_ms: ms(limits.ping_timeout.0),
        message_timeout_ms: ms(limits.message_timeout.0),
        write_timeout_ms: ms(limits.write_timeout.0),
        room_members: config.sessions.room_members,
        connections_per_user: limits.connections_per_user,
        connections: limits.connections,
        handshakes_per_second: limits.handshakes_per_second,
        handshakes_burst: limits.handshakes_burst,
    }
}

fn rules(config: &Config) -> engine::Config {
    let sessions = &config.sessions;
    engine::Config {
        grace_ms: sessions.grace.0,
        inactivity_ms: sessions.inactivity.0,
        max_duration_ms: sessions.max_duration.0,
        scheduled_ttl_ms: sessions.scheduled_ttl.0,
        create_on_join: sessions.create_on_join,
        takeover_newest: sessions.takeover == Takeover::Newest,
        room_size: sessions.room_members as usize,
        sessions: sessions.live_max as usize,
        ..engine::Config::default()
    }
}

/// Whom to tell what; none: nobody.
fn hooks(config: &Config) -> anyhow::Result<Option<HookSettings>> {
    let hooks = &config.webhooks;
    if hooks.urls.0.is_empty() {
        return Ok(None);
    }
    let endpoints = hooks.urls.0.iter().map(|url| {
        let wrong = |expected| anyhow::anyhow!("webhooks.urls must be {expected}");
        Endpoint::parse(url, hooks.allow_private).map_err(wrong)
    });
    let secret = secret_bytes(hooks.secret.reveal()).context("webhooks.secret cannot be read")?;
    let kinds = hooks.types.0.iter();
    Ok(Some(HookSettings {
        endpoints: endpoints.collect::<anyhow::Result<_>>()?,
        secret: Secret::new(secret),
        kinds: kinds.filter_map(|word| HookKind::parse(word)).collect(),
        allow_private: hooks.allow_private,
        timeout: Duration::from_millis(hooks.timeout.0),
        attempts: hooks.attempts,
        first_retry: Duration::from_millis(hooks.first_retry.0),
        longest_retry: Duration::from_millis(hooks.longest_retry.0),
        keep: Duration::from_millis(hooks.keep.0),
        public_url: config.server.public_url.clone(),
    }))
}

/// The recognizer, where it is wanted and installed.
fn speech_setup(config: &Config) -> anyhow::Result<Option<SpeechSetup>> {
    if config.speech.enabled == Speech::Off {
        return Ok(None);
    }
    let profile = config.speech.profile;
    let files = match speech::models::verify(&config.speech.models, profile) {
        Ok(files) => files,
        Err(error) if config.speech.enabled == Speech::On => {
            return Err(error).context("speech.enabled is \"on\", but there is no usable model");
        }
        Err(error) => {
            tracing::warn!(%error, "no speech model: everything but captions works");
            return Ok(None);
        }
    };
    let decoders = match config.speech.workers {
        Auto::Auto => 0,
        Auto::Of(workers) => workers as usize,
    };
    Ok(Some(SpeechSetup {
        config: SpeechConfig {
            decoders,
            ..SpeechConfig::default()
        },
        factory: moonshine_factory(files),
    }))
}

/// An id nobody guesses: 26 letters and digits, 130 bits.
fn new_id() -> String {
    letters::<26>()
}

/// So many letters and digits, 5 bits each, that nobody guesses.
pub fn letters<const N: usize>() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bytes = [0; N];
    // The system's generator does not fail once the process runs; without it there is no server.
    if getrandom::fill(&mut bytes).is_err() {
        tracing::error!("the system gives no random numbers");
        std::process::abort();
    }
    bytes
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
        .collect()
}
