//! The secret of `--dev`: made once, kept in the data folder, so that links survive a restart and
//! `greenroom token --dev` fits a server that runs. Never read or made without `--dev`.

use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use api::secret::Secret;
use base64::Engine as _;

use super::Config;

/// Its name in the data folder.
pub const FILE: &str = "dev-secret";

/// Gives a development configuration without a secret the kept one, or a new one.
///
/// # Errors
/// The folder cannot be made or the file not be read or written.
pub fn fill(config: &mut Config) -> anyhow::Result<()> {
    if config.dev && config.auth.jwt_secret.reveal().is_empty() {
        config.auth.jwt_secret = Secret::new(kept(&config.store.dir)?);
    }
    Ok(())
}

fn kept(dir: &Path) -> anyhow::Result<String> {
    let path = dir.join(FILE);
    let secret = match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => make(dir, &path)?,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    anyhow::ensure!(
        secret.len() >= api::auth::SECRET_BYTES_MIN,
        "{} holds no usable secret; delete it and a new one is made",
        path.display()
    );
    Ok(secret)
}

fn make(dir: &Path, path: &Path) -> anyhow::Result<String> {
    let cannot = || format!("cannot keep the development secret in {}", dir.display());
    let mut bytes = [0_u8; 36];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    let secret = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    std::fs::create_dir_all(dir).with_context(cannot)?;
    // Written beside and linked into place: of two processes that start at once, the later takes
    // the earlier one's secret, and nobody ever reads half of one.
    let partial = dir.join(format!(".{FILE}-{}", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)
        .with_context(cannot)?;
    file.write_all(secret.as_bytes()).with_context(cannot)?;
    let linked = std::fs::hard_link(&partial, path);
    std::fs::remove_file(&partial).with_context(cannot)?;
    match linked {
        Ok(()) => Ok(secret),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(std::fs::read_to_string(path)
            .with_context(cannot)?
            .trim()
            .to_owned()),
        Err(error) => Err(error).with_context(cannot),
    }
}
