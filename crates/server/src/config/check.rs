//! What must hold between settings, and whether a secret deserves the name. All of it is judged,
//! so that nobody fixes one problem to meet the next. Pure.

use store::desk::HookKind;

use super::Config;
use super::load::Problem;
use super::setting::{Setting, TokenAlgorithm};
use crate::hooks::message::secret_bytes;
use crate::hooks::target::{ENDPOINTS_MAX, Endpoint};

/// How to get a good secret; ends every message about a bad one.
pub const HOW_TO_MAKE_A_SECRET: &str = "Make one with `openssl rand -base64 48` and set it as \
     JWT_SECRET in the environment, or start with --dev to try things out";

/// Secrets out of tutorials and templates. Compared without case and punctuation.
const WELL_KNOWN: [&str; 16] = [
    "secret",
    "changeme",
    "password",
    "jwtsecret",
    "mysecret",
    "mysecretkey",
    "supersecret",
    "supersecretkey",
    "supersecretjwtkey",
    "yoursecretkey",
    "yoursecretkeyhere",
    "yourjwtsecret",
    "your256bitsecret",
    "your384bitsecret",
    "your512bitsecret",
    "replaceme",
];

/// Why this secret must not sign tokens; none: it may.
pub fn weakness(secret: &str) -> Option<&'static str> {
    let bare: String = secret
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let tutorial = |known: &&str| bare == **known || bare.strip_prefix(*known) == Some("123");
    let pasted = bare.contains("atleast256bits") || bare.contains("changethis");
    if WELL_KNOWN.iter().any(tutorial) || pasted || bare.contains("inproduction") {
        return Some("is a well-known example");
    }
    if secret.len() < api::auth::SECRET_BYTES_MIN {
        return Some("is shorter than 32 bytes");
    }
    let mut bytes: Vec<u8> = secret.bytes().collect();
    bytes.sort_unstable();
    bytes.dedup();
    (bytes.len() < 10).then_some("repeats too few characters to be random")
}

/// Judges the whole tree. The places are filled in by the caller, who knows them.
pub(super) fn check(config: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    secret(config, &mut found);
    keys(config, &mut found);
    webhooks(config, &mut found);
    server(config, &mut found);
    names(config, &mut found);
    zeros(config, &mut found);
    limits(config, &mut found);
    retention(config, &mut found);
    store(config, &mut found);
    found
}

/// Public keys and API keys.
fn keys(config: &Config, found: &mut Vec<Problem>) {
    let auth = &config.auth;
    let (file, url) = (auth.public_key_file.is_some(), auth.jwks_url.is_some());
    let shared = auth.algorithm == TokenAlgorithm::Hs256;
    if shared && (file || url) {
        let message = "must be \"RS256\" or \"ES256\" where public keys are given, as their \
             owner signs";
        found.push(Problem::of("auth.algorithm", message));
    }
    if !shared && !file && !url {
        let message =
            "needs auth.public_key_file or auth.jwks_url: the keys tokens are checked with";
        found.push(Problem::of("auth.algorithm", message));
    }
    if auth.jwks_url.as_deref().is_some_and(|url| !is_safe(url)) {
        let message = "must be an https address, or an http address on this machine, without a \
             user or password";
        found.push(Problem::of("auth.jwks_url", message));
    }
    if !(1_000..=86_400_000).contains(&auth.jwks_refresh.0) {
        let message = "must be from one second to a day";
        found.push(Problem::of("auth.jwks_refresh", message));
    }
    let odd = |key: &&api::secret::Secret<String>| !api::apikey::is_well_formed(key.reveal());
    if auth.api_keys.0.iter().any(|key| odd(&key)) {
        let message = "must be keys like `greenroom keys create` makes them: gr_ and 40 to 128 \
             letters and digits nobody can guess";
        found.push(Problem::of("auth.api_keys", message));
    }
}

fn is_safe(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let address = host.parse::<std::net::IpAddr>();
    let here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    let bare = !uri
        .authority()
        .is_some_and(|whole| whole.as_str().contains('@'));
    let encrypted = uri.scheme_str() == Some("https") && !host.is_empty();
    bare && (encrypted || (uri.scheme_str() == Some("http") && here))
}

fn webhooks(config: &Config, found: &mut Vec<Problem>) {
    let hooks = &config.webhooks;
    let mut labels = Vec::new();
    for url in &hooks.urls.0 {
        match Endpoint::parse(url, hooks.allow_private) {
            Ok(endpoint) => labels.push(endpoint.label),
            Err(expected) => {
                found.push(Problem::of("webhooks.urls", format!("must be {expected}")));
            }
        }
    }
    labels.sort();
    if labels.windows(2).any(|two| two[0] == two[1]) || hooks.urls.0.len() > ENDPOINTS_MAX {
        let message = format!("must be at most {ENDPOINTS_MAX}, with a path each of their own");
        found.push(Problem::of("webhooks.urls", message));
    }
    if hooks
        .types
        .0
        .iter()
        .any(|word| HookKind::parse(word).is_none())
    {
        let words = HookKind::ALL.map(HookKind::as_str).join(", ");
        found.push(Problem::of(
            "webhooks.types",
            format!("must be some of {words}"),
        ));
    }
    let secret = hooks.secret.reveal();
    let bytes = secret_bytes(secret);
    if !hooks.urls.0.is_empty() && bytes.is_none_or(|bytes| bytes.len() < 24) {
        let message = "must have at least 24 bytes nobody can guess: whsec_ and the output of \
             `openssl rand -base64 32`";
        found.push(Problem::of("webhooks.secret", message));
    }
    if !(100..=60_000).contains(&hooks.timeout.0) {
        let message = "must be from 100ms to a minute";
        found.push(Problem::of("webhooks.timeout", message));
    }
    if hooks.first_retry.0 == 0 || hooks.longest_retry < hooks.first_retry {
        let message = "must be at least webhooks.first_retry, and both more than 0";
        found.push(Problem::of("webhooks.longest_retry", message));
    }
    if hooks.attempts == 0 {
        found.push(Problem::of("webhooks.attempts", "must be at least 1"));
    }
}

fn secret(config: &Config, found: &mut Vec<Problem>) {
    if config.dev || config.auth.algorithm != TokenAlgorithm::Hs256 {
        return;
    }
    let secret = config.auth.jwt_secret.reveal();
    if secret.is_empty() {
        let message = format!("is not set. {HOW_TO_MAKE_A_SECRET}");
        found.push(Problem::of("auth.jwt_secret", message));
    } else if let Some(why) = weakness(secret) {
        let message = format!("{why}. {HOW_TO_MAKE_A_SECRET}");
        found.push(Problem::of("auth.jwt_secret", message));
    }
}

fn server(config: &Config, found: &mut Vec<Problem>) {
    if config.dev && !config.server.listen.ip().is_loopback() {
        let message = "must be a loopback address with --dev, like 127.0.0.1:8080: the \
             development mode hands out tokens to whoever can reach it";
        found.push(Problem::of("server.listen", message));
    }
    if let Some(url) = &config.server.public_url
        && api::cors::normalize(url).is_none()
    {
        let message = "must be the address of the server without a path, like \
             \"https://interviews.example.org\"";
        found.push(Problem::of("server.public_url", message));
    }
}

fn names(config: &Config, found: &mut Vec<Problem>) {
    let claims = [
        ("auth.user_claim", &config.auth.user_claim),
        ("auth.role_claim", &config.auth.role_claim),
    ];
    for (path, claim) in claims {
        if claim.is_empty() {
            found.push(Problem::of(path, "must be the name of a claim"));
        }
    }
    if let Err(error) = crate::telemetry::filter(&config.log.level) {
        let message = format!("must be error, warn, info, debug or trace, or by module: {error}");
        found.push(Problem::of("log.level", message));
    }
}

/// Every number and time of these sections must be at least 1; `sessions.grace` alone may be 0.
fn zeros(config: &Config, found: &mut Vec<Problem>) {
    for section in config.sections() {
        for field in section.fields() {
            let path = format!("{}.{}", section.name(), field.key);
            let zero = matches!(field.value.as_str(), "0" | "\"0s\"");
            if zero && !matches!(path.as_str(), "sessions.grace" | "auth.leeway") {
                found.push(Problem::of(
                    path,
                    "must be more than 0; 0 does not mean \"no limit\"",
                ));
            }
        }
    }
}

fn retention(config: &Config, found: &mut Vec<Problem>) {
    let kept = &config.retention;
    let longer = [
        ("report", kept.report, "transcript", kept.transcript),
        ("transcript", kept.transcript, "everything", kept.everything),
    ];
    for (key, time, within, most) in longer {
        if time > most {
            let message = format!(
                "must be at most retention.{within}, which is {}, and goes with it",
                most.show()
            );
            found.push(Problem::of(format!("retention.{key}"), message));
        }
    }
}

fn store(config: &Config, found: &mut Vec<Problem>) {
    // SQLite takes no fewer than ten of its pages, and five connections may have this much.
    if !(64 << 10..=1 << 30).contains(&config.store.cache.0) {
        let message = "must be from 64KiB to 1024MiB; each of the five connections may take it";
        found.push(Problem::of("store.cache", message));
    }
}

fn limits(config: &Config, found: &mut Vec<Problem>) {
    let limits = &config.limits;
    if limits.ping_timeout >= limits.ping_interval {
        let message = format!(
            "must be less than limits.ping_interval, which is {}",
            limits.ping_interval.show()
        );
        found.push(Problem::of("limits.ping_timeout", message));
    }
    if limits.audio_burst_bytes < limits.message_bytes {
        let message = format!(
            "must be at least limits.message_bytes, which is {}, else a large chunk never passes",
            limits.message_bytes.show()
        );
        found.push(Problem::of("limits.audio_burst_bytes", message));
    }
    if limits.unauthenticated_bytes > limits.message_bytes {
        let message = format!(
            "must be at most limits.message_bytes, which is {}",
            limits.message_bytes.show()
        );
        found.push(Problem::of("limits.unauthenticated_bytes", message));
    }
    let times = [
        ("auth_timeout", limits.auth_timeout),
        ("ping_interval", limits.ping_interval),
        ("ping_timeout", limits.ping_timeout),
        ("message_timeout", limits.message_timeout),
        ("write_timeout", limits.write_timeout),
    ];
    for (key, time) in times {
        if time.0 > 3_600_000 {
            let message = "must be at most an hour, else dead connections pile up";
            found.push(Problem::of(format!("limits.{key}"), message));
        }
    }
}
