//! The pinned model files: what they are, whether they are there and unharmed, and how they are
//! taken out of the package they come in.
//!
//! Downloading does not live here: `scripts/models.sh` does it, before any of this is compiled.
//! Both read the same list, `models.lock`. A [`ModelFiles`] can only be made by [`verify`], so
//! nothing unchecked is ever loaded: an unknown ONNX Runtime can abort the whole process.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

#[cfg(test)]
mod tests;

const LOCK: &str = include_str!("../models.lock");

/// What to do about any problem with the model files.
pub const REMEDY: &str = "run `make setup` (it downloads and checks the speech model)";

/// One file that has to be in the model directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinnedFile {
    /// Path below the model directory.
    pub target: &'static str,
    /// Exact size in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: &'static str,
    /// Its name inside the package.
    pub member: &'static str,
}

/// The package the files come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinnedWheel {
    /// Platform tag.
    pub platform: &'static str,
    /// Exact size in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: &'static str,
    /// File name.
    pub name: &'static str,
}

/// The whole list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Package name and version, `name==version`.
    pub package: String,
    /// One per platform; the first is the one the files belong to.
    pub wheels: Vec<PinnedWheel>,
    /// In the order they are placed.
    pub files: Vec<PinnedFile>,
}

/// The list this program was built with.
///
/// # Panics
/// Only when the committed list is malformed, which a test excludes.
#[must_use]
pub fn manifest() -> Manifest {
    parse(LOCK).expect("invariant: the committed models.lock parses")
}

fn parse(text: &'static str) -> Option<Manifest> {
    let mut manifest = Manifest {
        package: String::new(),
        wheels: Vec::new(),
        files: Vec::new(),
    };
    for line in text
        .lines()
        .filter(|l| !l.trim().is_empty() && !l.starts_with('#'))
    {
        let parts: Vec<&'static str> = line.split_whitespace().collect();
        match parts.as_slice() {
            ["package", name, version] => manifest.package = format!("{name}=={version}"),
            ["wheel", platform, bytes, sha256, name] => manifest.wheels.push(PinnedWheel {
                platform,
                bytes: bytes.parse().ok()?,
                sha256,
                name,
            }),
            ["file", target, bytes, sha256, member] => manifest.files.push(PinnedFile {
                target,
                bytes: bytes.parse().ok()?,
                sha256,
                member,
            }),
            _ => return None,
        }
    }
    Some(manifest)
}

/// What is wrong with the model files. Every message ends in what to do.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file is not there.
    #[error("the speech model is not complete: {path} is missing; {REMEDY}")]
    Missing {
        /// The file that should be there.
        path: PathBuf,
    },
    /// A file is there and is not the pinned one.
    #[error(
        "{path} is not the pinned file (sha256 {found}, expected {expected}); delete it and {REMEDY}"
    )]
    Wrong {
        /// The file in question.
        path: PathBuf,
        /// Hash in the list.
        expected: String,
        /// Hash on disk.
        found: String,
    },
    /// The operating system refused.
    #[error("cannot {doing} {path}; check the folder's permissions and free space, then {REMEDY}")]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The package cannot be opened, or lacks a member.
    #[error("{path} is not the expected package ({message}); {REMEDY}")]
    Package {
        /// The package.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
}

impl ModelError {
    /// Stable code for logs and replies.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "model_missing",
            Self::Wrong { .. } => "model_wrong",
            Self::Io { .. } => "model_unreadable",
            Self::Package { .. } => "model_package",
        }
    }
}

/// Model files that were all present with the right hash when [`verify`] looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFiles {
    encoder: PathBuf,
    decoder: PathBuf,
    tokenizer: PathBuf,
    library: PathBuf,
    recordings: PathBuf,
}

impl ModelFiles {
    pub(crate) fn encoder(&self) -> &Path {
        &self.encoder
    }

    pub(crate) fn decoder(&self) -> &Path {
        &self.decoder
    }

    pub(crate) fn tokenizer(&self) -> &Path {
        &self.tokenizer
    }

    pub(crate) fn library(&self) -> &Path {
        &self.library
    }

    /// Folder of the human recordings that come with the model: `two_cities.wav` (48 kHz, 44 s)
    /// and `beckett.wav` (16 kHz, 10 s).
    #[must_use]
    pub fn recordings(&self) -> &Path {
        &self.recordings
    }
}

/// Checks that every pinned file is in `dir` with the right size and hash (about 0.1 s).
///
/// # Errors
/// The first file that is missing, wrong or unreadable, and what to do.
pub fn verify(dir: &Path) -> Result<ModelFiles, ModelError> {
    let dir = std::path::absolute(dir).map_err(|source| ModelError::Io {
        doing: "resolve",
        path: dir.to_owned(),
        source,
    })?;
    for file in manifest().files {
        check_file(&dir.join(file.target), file.bytes, file.sha256)?;
    }
    Ok(ModelFiles {
        encoder: dir.join("encoder_model.ort"),
        decoder: dir.join("decoder_model_merged.ort"),
        tokenizer: dir.join("tokenizer.bin"),
        library: dir.join("libonnxruntime.so.1"),
        recordings: dir.join("recordings"),
    })
}

/// Takes the pinned files out of the package at `wheel` and places those that `dir` lacks.
///
/// The package's hash is checked before it is opened and each file's before it is placed, by a
/// rename in the same folder: a file is there whole or not at all. Returns how many files were
/// placed; 0 means all were there already and `wheel` was not read.
///
/// # Errors
/// See [`ModelError`]; files placed before an error stay, and are right.
pub fn install_from_wheel(wheel: &Path, dir: &Path) -> Result<usize, ModelError> {
    let manifest = manifest();
    let missing: Vec<&PinnedFile> = manifest
        .files
        .iter()
        .filter(|file| check_file(&dir.join(file.target), file.bytes, file.sha256).is_err())
        .collect();
    if missing.is_empty() {
        return Ok(0);
    }
    let pinned = manifest.wheels.first().ok_or_else(|| ModelError::Package {
        path: wheel.to_owned(),
        message: "no package is pinned".to_owned(),
    })?;
    check_file(wheel, pinned.bytes, pinned.sha256)?;
    let package = |message: String| ModelError::Package {
        path: wheel.to_owned(),
        message,
    };
    let opened = File::open(wheel).map_err(|source| ModelError::Io {
        doing: "open",
        path: wheel.to_owned(),
        source,
    })?;
    let mut archive = zip::ZipArchive::new(opened).map_err(|e| package(e.to_string()))?;
    for file in &missing {
        let mut member = archive
            .by_name(file.member)
            .map_err(|e| package(e.to_string()))?;
        place(&mut member, file, &dir.join(file.target), wheel)?;
    }
    Ok(missing.len())
}

fn place(
    member: &mut impl Read,
    file: &PinnedFile,
    path: &Path,
    wheel: &Path,
) -> Result<(), ModelError> {
    let failed = |doing| {
        let path = path.to_owned();
        move |source| ModelError::Io {
            doing,
            path,
            source,
        }
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed("create the folder of"))?;
    let mut body = Vec::new();
    member
        .take(file.bytes + 1)
        .read_to_end(&mut body)
        .map_err(failed("unpack"))?;
    let found = hex(&Sha256::digest(&body));
    if found != file.sha256 {
        return Err(ModelError::Package {
            path: wheel.to_owned(),
            message: format!("{} has another hash than pinned", file.member),
        });
    }
    let mut partial = tempfile::Builder::new()
        .prefix(".partial-")
        .tempfile_in(folder)
        .map_err(failed("create a file beside"))?;
    partial.write_all(&body).map_err(failed("write"))?;
    readable_by_all(partial.as_file()).map_err(failed("set permissions of"))?;
    partial.as_file().sync_all().map_err(failed("write"))?;
    partial
        .persist(path)
        .map_err(|e| failed("place")(e.error))?;
    Ok(())
}

fn readable_by_all(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

fn check_file(path: &Path, bytes: u64, sha256: &str) -> Result<(), ModelError> {
    let unreadable = |source| ModelError::Io {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ModelError::Missing {
                path: path.to_owned(),
            });
        }
        Err(error) => return Err(unreadable(error)),
    };
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut total = 0u64;
    loop {
        let count = file.read(&mut buffer).map_err(unreadable)?;
        if count == 0 {
            break;
        }
        total += count as u64;
        hash.update(&buffer[..count]);
    }
    let found = hex(&hash.finalize());
    if total != bytes || found != sha256 {
        return Err(ModelError::Wrong {
            path: path.to_owned(),
            expected: sha256.to_owned(),
            found,
        });
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| {
            [
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]
        })
        .map(char::from)
        .collect()
}
