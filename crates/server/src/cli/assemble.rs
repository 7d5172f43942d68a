//! From configuration to a server: every setting goes to the part that keeps it. No decisions but
//! whether there is speech.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use api::auth::Verifier;
use api::cors::{Origins, Verdict};
use api::router::Api;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use coach::plan::Bank;
use protocol::limits::Limits;
use speech::SpeechConfig;

use super::now;
use crate::config::Config;
use crate::config::setting::{Millis, Speech, Takeover};
use crate::driver::server::{MakeRouter, RouterParts, Settings, SpeechSetup};
use crate::transport::handshake::{Verified, Verify};

/// Everything a server is told.
///
/// # Errors
/// Plans that cannot be read, and a speech model that has to be there and is not.
pub fn settings(config: &Config) -> anyhow::Result<Settings> {
    let verifier = Arc::new(Verifier::new(config.auth_settings()));
    let listed = config.server.frontend_origins.0.iter();
    let origins = Origins::new(
        listed
            .chain(config.server.public_url.as_ref())
            .map(String::as_str),
    );
    let bank = Arc::new(bank(config)?);
    let plans: BTreeMap<_, _> = bank
        .list()
        .map(|entry| (entry.id.clone(), Arc::new(entry.plan.clone())))
        .collect();

    let verify = verify(&verifier, config.auth.leeway);
    let router = router(verifier, origins.clone(), bank);
    let mut settings = Settings::new(config.server.listen, &config.store.dir, verify, router);
    settings.io_threads = config.server.io_threads.or(settings.io_threads);
    settings.limits = limits(config);
    settings.engine = engine(config);
    settings.plans = Arc::new(plans);
    settings.welcome = Arc::new(move |headers| origins.judge(headers) != Verdict::Refused);
    settings.speech = speech(config)?;
    settings.drain_deadline = Duration::from_millis(config.server.drain.0);
    settings.drain_window = settings.drain_window.min(settings.drain_deadline / 2);
    // Room for HTTP beside the connections.
    settings.sockets.sockets_max = config.limits.connections as usize + 1_000;
    Ok(settings)
}

fn verify(verifier: &Arc<Verifier>, leeway: Millis) -> Arc<Verify> {
    let verifier = Arc::clone(verifier);
    Arc::new(move |token, now| {
        let who = verifier.verify(token, now).map_err(|error| error.code())?;
        Ok(Verified {
            until: who.expires_at.after(leeway.0),
            who: engine::input::Identity {
                user: who.user,
                role: who.role,
                admin: who.admin,
                session: who.session,
            },
        })
    })
}

fn router(verifier: Arc<Verifier>, origins: Origins, plans: Arc<Bank>) -> MakeRouter {
    Box::new(move |parts: RouterParts| {
        api::router::build(Api {
            handle: parts.handle,
            records: parts.records,
            verifier,
            origins,
            plans,
            clock: now,
            new_id,
        })
    })
}

/// 128 random bits, 22 characters. Without randomness it is empty, which no session may be called.
fn new_id() -> String {
    let mut bytes = [0_u8; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => URL_SAFE_NO_PAD.encode(bytes),
        Err(_) => String::new(),
    }
}

fn bank(config: &Config) -> anyhow::Result<Bank> {
    match &config.plans.dir {
        None => Ok(Bank::builtin()),
        Some(dir) => Bank::load_dir(dir)
            .with_context(|| format!("the plans in {} cannot be used", dir.display())),
    }
}

fn limits(config: &Config) -> Limits {
    let limits = &config.limits;
    let ms = |time: Millis| u32::try_from(time.0).unwrap_or(u32::MAX);
    Limits {
        message_bytes: limits.message_bytes.0,
        events_per_second: limits.events_per_second,
        events_burst: limits.events_burst,
        audio_bytes_per_second: limits.audio_bytes_per_second.0,
        audio_burst_bytes: limits.audio_burst_bytes.0,
        audio_chunk_bytes_min: limits.audio_chunk_bytes_min.0,
        auth_timeout_ms: ms(limits.auth_timeout),
        unauthenticated_bytes: limits.unauthenticated_bytes.0,
        ping_interval_ms: ms(limits.ping_interval),
        ping_timeout_ms: ms(limits.ping_timeout),
        message_timeout_ms: ms(limits.message_timeout),
        write_timeout_ms: ms(limits.write_timeout),
        room_members: config.sessions.room_members,
        connections_per_user: limits.connections_per_user,
        connections: limits.connections,
        handshakes_per_second: limits.handshakes_per_second,
        handshakes_burst: limits.handshakes_burst,
    }
}

fn engine(config: &Config) -> engine::Config {
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

fn speech(config: &Config) -> anyhow::Result<Option<SpeechSetup>> {
    let dir: &Path = &config.speech.models;
    let files = match config.speech.enabled {
        Speech::Off => return Ok(None),
        _ => speech::models::verify(dir),
    };
    match (files, config.speech.enabled) {
        (Ok(files), _) => {
            let decoders = config.speech.workers.or(half_the_cores());
            Ok(Some(SpeechSetup {
                config: SpeechConfig {
                    decoders,
                    ..SpeechConfig::default()
                },
                factory: speech::moonshine_factory(files),
            }))
        }
        (Err(error), Speech::On) => Err(error).context("speech.enabled is \"on\""),
        (Err(error), _) => {
            tracing::warn!(%error, "no speech: everything else works, captions do not");
            Ok(None)
        }
    }
}

fn half_the_cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

#[cfg(test)]
mod tests {
    //! Nothing is lost between the configuration and the parts.

    use super::*;

    #[test]
    fn default_settings_are_the_parts_own_defaults() {
        let config = Config::default();
        assert_eq!(limits(&config), Limits::default());
        assert_eq!(engine(&config), engine::Config::default());
        assert_eq!(limits(&config).problems(), Vec::<String>::new());
    }

    #[test]
    fn ids_made_here_are_ids_and_never_the_same() {
        let (one, two) = (new_id(), new_id());
        assert_ne!(one, two);
        assert_eq!(one.len(), 22);
        assert!(protocol::id::SessionId::parse(&one).is_ok());
    }

    #[test]
    fn the_doors_and_the_api_let_the_same_people_and_pages_in() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config {
            dev: true,
            ..Config::default()
        };
        config.store.dir = folder.path().to_owned();
        config.speech.enabled = Speech::Off;
        config.server.public_url = Some("https://rooms.example".to_owned());
        crate::config::dev::fill(&mut config).unwrap();
        let settings = settings(&config).unwrap();
        let token = Verifier::new(config.auth_settings())
            .issue(
                &api::auth::Claims::of(protocol::id::UserId::parse("ana").unwrap()),
                now(),
            )
            .unwrap();
        let verified = (settings.verify)(&token, now()).unwrap();
        assert_eq!(verified.who.user.as_str(), "ana");
        assert!((settings.verify)("x.y.z", now()).is_err());
        for (origin, welcome) in [
            ("http://localhost:3000", true),
            ("https://rooms.example", true),
            ("https://evil.example", false),
            ("null", false),
        ] {
            let mut headers = http::HeaderMap::new();
            headers.insert("origin", origin.parse().unwrap());
            headers.insert("host", "h:8080".parse().unwrap());
            assert_eq!((settings.welcome)(&headers), welcome, "{origin}");
        }
        assert!(!settings.plans.is_empty() && settings.speech.is_none());
    }
}
