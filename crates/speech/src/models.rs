//! The pinned model files: what they are, whether they are there and unharmed, and how they are
//! taken out of the package they come in.
//!
//! Downloading does not live here: `scripts/models.sh` does it, before any of this is compiled, and
//! `scripts/models_base.py` for the second [`Profile`]. Scripts and this module read the same lists,
//! `models.lock` and `base-en.lock`. A [`ModelFiles`] can only be made by [`verify`], so nothing
//! unchecked is ever loaded: an unknown ONNX Runtime can abort the whole process.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

#[cfg(test)]
mod tests;

const LIBRARY: &str = "libonnxruntime.so.1";

/// The list of the files of base-en, for the script that makes them.
pub const BASE_EN_LOCK: &str = include_str!("../base-en.lock");

/// The script that makes the files of base-en: `python3 SCRIPT --lock LOCK DIR [PACKAGE]`.
pub const BASE_EN_SCRIPT: &str = include_str!("../../../scripts/models_base.py");

/// Which model is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// Moonshine tiny-en, as it comes in its package: the one everything is measured with.
    #[default]
    TinyEn,
    /// Moonshine base-en, converted once: fewer wrong words for about twice the work.
    BaseEn,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 2] = [Self::TinyEn, Self::BaseEn];

    /// Its name in settings and flags.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TinyEn => "tiny-en",
            Self::BaseEn => "base-en",
        }
    }

    /// The profile of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.as_str() == name)
    }

    /// Its folder below the model folder `dir`.
    #[must_use]
    pub fn folder(self, dir: &Path) -> PathBuf {
        match self {
            Self::TinyEn => dir.to_owned(),
            Self::BaseEn => dir.join("base-en"),
        }
    }

    /// What to do about any problem with its files.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::TinyEn => "run `make setup` (it downloads and checks the speech model)",
            Self::BaseEn => {
                "run `greenroom models install --profile base-en` (it downloads, converts and \
                 checks the model), or go back to speech.profile = \"tiny-en\""
            }
        }
    }

    /// The list this program was built with.
    ///
    /// # Panics
    /// Only when the committed list is malformed, which a test excludes.
    #[must_use]
    pub fn manifest(self) -> Manifest {
        let text = match self {
            Self::TinyEn => include_str!("../models.lock"),
            Self::BaseEn => BASE_EN_LOCK,
        };
        parse(text).expect("invariant: the committed lists parse")
    }
}

/// One file that has to be in the model directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinnedFile {
    /// Path below the model directory.
    pub target: &'static str,
    /// Exact size in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: &'static str,
    /// Its name inside the package; empty for one that is made from the package.
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
            ["file", target, bytes, sha256] => manifest.files.push(PinnedFile {
                target,
                bytes: bytes.parse().ok()?,
                sha256,
                member: "",
            }),
            // What the script that makes base-en goes by.
            ["source", _, _] | ["tool", _, _, ..] => {}
            _ => return None,
        }
    }
    Some(manifest)
}

/// What is wrong with the model files. Every message ends in what to do.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file is not there.
    #[error("the speech model is not complete: {path} is missing; {remedy}")]
    Missing {
        /// The file that should be there.
        path: PathBuf,
        /// What to do.
        remedy: &'static str,
    },
    /// A file is there and is not the pinned one.
    #[error(
        "{path} is not the pinned file (sha256 {found}, expected {expected}); delete it and {remedy}"
    )]
    Wrong {
        /// The file in question.
        path: PathBuf,
        /// Hash in the list.
        expected: String,
        /// Hash on disk.
        found: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The operating system refused.
    #[error("cannot {doing} {path}; check the folder's permissions and free space, then {remedy}")]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What to do then.
        remedy: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The package cannot be opened, or lacks a member.
    #[error("{path} is not the expected package ({message}); {}", Profile::TinyEn.remedy())]
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
    profile: Profile,
    encoder: PathBuf,
    decoder: PathBuf,
    tokenizer: PathBuf,
    library: PathBuf,
    recordings: PathBuf,
}

impl ModelFiles {
    /// Which model they are.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

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

/// Checks that every file of `profile` is in its place in the model folder `dir`, with the right
/// size and hash (about 0.1 s). Every profile runs on the library that comes with tiny-en.
///
/// # Errors
/// The first file that is missing, wrong or unreadable, and what to do.
pub fn verify(dir: &Path, profile: Profile) -> Result<ModelFiles, ModelError> {
    let dir = std::path::absolute(dir).map_err(|source| ModelError::Io {
        doing: "resolve",
        path: dir.to_owned(),
        remedy: profile.remedy(),
        source,
    })?;
    let folder = profile.folder(&dir);
    for file in profile.manifest().files {
        check_file(&folder.join(file.target), &file, profile)?;
    }
    let library = dir.join(LIBRARY);
    if profile == Profile::BaseEn {
        let common = Profile::TinyEn.manifest().files;
        for file in common.iter().filter(|file| file.target == LIBRARY) {
            check_file(&library, file, profile)?;
        }
    }
    let (encoder, decoder) = match profile {
        Profile::TinyEn => ("encoder_model.ort", "decoder_model_merged.ort"),
        Profile::BaseEn => ("encoder_model.onnx", "decoder_model_merged.onnx"),
    };
    Ok(ModelFiles {
        profile,
        encoder: folder.join(encoder),
        decoder: folder.join(decoder),
        tokenizer: folder.join("tokenizer.bin"),
        library,
        recordings: dir.join("recordings"),
    })
}

/// Takes the files of tiny-en out of the package at `wheel` and places those that `dir` lacks.
///
/// The package's hash is checked before it is opened and each file's before it is placed, by a
/// rename in the same folder: a file is there whole or not at all. Returns how many files were
/// placed; 0 means all were there already and `wheel` was not read.
///
/// # Errors
/// See [`ModelError`]; files placed before an error stay, and are right.
pub fn install_from_wheel(wheel: &Path, dir: &Path) -> Result<usize, ModelError> {
    let manifest = Profile::TinyEn.manifest();
    let missing: Vec<&PinnedFile> = manifest
        .files
        .iter()
        .filter(|file| check_file(&dir.join(file.target), file, Profile::TinyEn).is_err())
        .collect();
    if missing.is_empty() {
        return Ok(0);
    }
    let pinned = manifest.wheels.first().ok_or_else(|| ModelError::Package {
        path: wheel.to_owned(),
        message: "no package is pinned".to_owned(),
    })?;
    let whole = PinnedFile {
        target: pinned.name,
        bytes: pinned.bytes,
        sha256: pinned.sha256,
        member: "",
    };
    check_file(wheel, &whole, Profile::TinyEn)?;
    let package = |message: String| ModelError::Package {
        path: wheel.to_owned(),
        message,
    };
    let opened = File::open(wheel).map_err(|source| ModelError::Io {
        doing: "open",
        path: wheel.to_owned(),
        remedy: Profile::TinyEn.remedy(),
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
            remedy: Profile::TinyEn.remedy(),
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

fn check_file(path: &Path, pinned: &PinnedFile, profile: Profile) -> Result<(), ModelError> {
    let remedy = profile.remedy();
    let unreadable = |source| ModelError::Io {
        doing: "read",
        path: path.to_owned(),
        remedy,
        source,
    };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ModelError::Missing {
                path: path.to_owned(),
                remedy,
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
    if total != pinned.bytes || found != pinned.sha256 {
        return Err(ModelError::Wrong {
            path: path.to_owned(),
            expected: pinned.sha256.to_owned(),
            found,
            remedy,
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
