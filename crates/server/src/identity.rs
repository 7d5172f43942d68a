//! From the configuration to what tokens are judged with: the secret, or public keys out of a file
//! and from where they are published. The rules are `api::auth`'s.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use api::auth::AuthSettings;
use api::keyring::{Keyring, from_pem};

use crate::config::Config;
use crate::jwks::{self, Source};

/// Longest file with public keys, bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What tokens are judged with. Published keys are not fetched yet: see [`source`].
///
/// # Errors
/// The file with public keys cannot be read, or holds something else.
pub fn settings(config: &Config) -> anyhow::Result<AuthSettings> {
    let mut settings = config.auth_settings();
    if let Some(path) = &config.auth.public_key_file {
        let place = || format!("auth.public_key_file {}", path.display());
        let size = std::fs::metadata(path).with_context(place)?.len();
        anyhow::ensure!(size <= FILE_BYTES_MAX, "{} is too large", place());
        let text = std::fs::read_to_string(path).with_context(place)?;
        let keys = from_pem(settings.algorithm, &text).with_context(place)?;
        settings.keyring = Arc::new(Keyring::new(keys));
    }
    Ok(settings)
}

/// Where keys are published, if anywhere.
pub fn source(config: &Config) -> Option<Source> {
    Some(Source {
        url: config.auth.jwks_url.clone()?,
        algorithm: config.algorithm(),
        every: Duration::from_millis(config.auth.jwks_refresh.0),
        cooldown: jwks::COOLDOWN,
    })
}

/// As [`settings`], with the published keys fetched once: for commands.
///
/// # Errors
/// As [`settings`], or the keys cannot be fetched.
pub fn settings_with_keys(config: &Config) -> anyhow::Result<AuthSettings> {
    let settings = settings(config)?;
    if let Some(source) = source(config) {
        let keys = jwks::fetch(&source.url, source.algorithm)
            .with_context(|| format!("cannot fetch {}", source.url))?;
        settings.keyring.replace(keys);
    }
    Ok(settings)
}
