//! `models`: is the speech model there, is it the pinned one, and get it. The list of files and
//! the checks are the speech crate's.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use speech::models::{self, Profile};

use super::{ConfigArgs, out};
use crate::config::load;

/// What to do about the model.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Say which files there are; quick, looks at sizes only
    Status(ModelsArgs),
    /// Check every file's SHA-256; code 1 if one is missing or wrong
    Verify(ModelsArgs),
    /// Download the pinned package with pip and place its files; does nothing when all are there.
    /// With `--profile base-en` that model is made beside the other: about a minute
    Install(InstallArgs),
}

/// Where the model is.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// The folder [default: speech.models of the configuration]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Which model: tiny-en or base-en [default: speech.profile of the configuration]
    #[arg(long, value_name = "WORD", value_parser = profile)]
    profile: Option<Profile>,
    /// The configuration file
    #[arg(long, value_name = "FILE", env = "GREENROOM_CONFIG")]
    config: Option<PathBuf>,
}

/// Where from, where to.
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// The package, where it was fetched by other means
    wheel: Option<PathBuf>,
    #[command(flatten)]
    to: ModelsArgs,
}

fn profile(word: &str) -> Result<Profile, &'static str> {
    Profile::parse(word).ok_or("expected tiny-en or base-en")
}

/// A model folder and one of the models in it.
struct Place {
    dir: PathBuf,
    profile: Profile,
}

impl ModelsArgs {
    fn place(&self) -> anyhow::Result<Place> {
        if let Some(dir) = &self.dir {
            return Ok(Place {
                dir: dir.clone(),
                profile: self.profile.unwrap_or_default(),
            });
        }
        // As in development: the model needs no secret.
        let args = ConfigArgs {
            dev: true,
            config: self.config.clone(),
            data: None,
        };
        let speech = load::load(&args.inputs()?)?.config.speech;
        Ok(Place {
            dir: speech.models,
            profile: self.profile.unwrap_or(speech.profile),
        })
    }
}

/// Runs one of them.
pub fn run(command: ModelsCommand) -> anyhow::Result<ExitCode> {
    match command {
        ModelsCommand::Status(args) => Ok(status(&args.place()?)),
        ModelsCommand::Verify(args) => {
            let place = args.place()?;
            models::verify(&place.dir, place.profile)?;
            out::line(format!(
                "Every file of {} in {} is the pinned one.",
                place.profile.as_str(),
                place.dir.display()
            ));
            Ok(ExitCode::SUCCESS)
        }
        ModelsCommand::Install(args) => {
            let place = args.to.place()?;
            match place.profile {
                Profile::TinyEn => install(&place.dir, args.wheel.as_deref())?,
                Profile::BaseEn => install_base_en(&place.dir, args.wheel.as_deref())?,
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn status(place: &Place) -> ExitCode {
    let manifest = place.profile.manifest();
    let folder = place.profile.folder(&place.dir);
    out::line(format!(
        "{} ({}) in {}",
        place.profile.as_str(),
        manifest.package,
        folder.display()
    ));
    let mut complete = true;
    for file in &manifest.files {
        let size = std::fs::metadata(folder.join(file.target)).map(|data| data.len());
        let word = match size {
            Ok(bytes) if bytes == file.bytes => "there",
            Ok(_) => "wrong size",
            Err(_) => "missing",
        };
        complete &= word == "there";
        let megabytes = file.bytes as f64 / 1e6;
        out::line(format!("  {word:<10} {megabytes:>6.1} MB  {}", file.target));
    }
    if complete {
        ExitCode::SUCCESS
    } else {
        out::note(format!(
            "Get what is missing with `greenroom models install --profile {}`.",
            place.profile.as_str()
        ));
        ExitCode::FAILURE
    }
}

fn install(dir: &Path, wheel: Option<&Path>) -> anyhow::Result<()> {
    if models::verify(dir, Profile::TinyEn).is_ok() {
        out::line(format!("Everything is in {} and checked.", dir.display()));
        return Ok(());
    }
    let placed = match wheel {
        Some(wheel) => models::install_from_wheel(wheel, dir)?,
        None => {
            let folder = tempfile::tempdir().context("cannot make a folder for the download")?;
            let wheel = download(folder.path())?;
            models::install_from_wheel(&wheel, dir)?
        }
    };
    models::verify(dir, Profile::TinyEn)?;
    out::line(format!(
        "Placed {placed} files in {} and checked all.",
        dir.display()
    ));
    Ok(())
}

/// Makes base-en by the script that is compiled in. It runs on the library of tiny-en, which is
/// installed first where it is missing.
fn install_base_en(dir: &Path, wheel: Option<&Path>) -> anyhow::Result<()> {
    install(dir, None)?;
    if models::verify(dir, Profile::BaseEn).is_ok() {
        out::line("base-en is there, too, and checked.");
        return Ok(());
    }
    let folder = tempfile::tempdir().context("cannot make a folder for the conversion")?;
    let script = folder.path().join("models_base.py");
    let lock = folder.path().join("base-en.lock");
    std::fs::write(&script, models::BASE_EN_SCRIPT)
        .and_then(|()| std::fs::write(&lock, models::BASE_EN_LOCK))
        .context("cannot write the script of the conversion")?;
    let mut command = Command::new("python3");
    command.arg(&script).arg("--lock").arg(&lock);
    command.arg(Profile::BaseEn.folder(dir)).args(wheel);
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(_) => anyhow::bail!("base-en was not made; the lines above say why"),
        Err(_) => anyhow::bail!(
            "python3 (3.11 or later) with pip and venv is needed to make base-en; install them \
             (Debian: apt-get install python3-pip python3-venv), then run this again"
        ),
    }
    models::verify(dir, Profile::BaseEn)?;
    out::line("base-en is in place and checked. Turn it on with speech.profile = \"base-en\"");
    out::line("in the configuration, or GREENROOM__SPEECH__PROFILE=base-en in the environment.");
    Ok(())
}

/// Fetches the pinned package with pip, which refuses any other file by its hash.
fn download(folder: &Path) -> anyhow::Result<PathBuf> {
    let manifest = Profile::TinyEn.manifest();
    let wheel = manifest.wheels.first().context("no package is pinned")?;
    let requirements = folder.join("requirements.txt");
    let line = format!("{} --hash=sha256:{}\n", manifest.package, wheel.sha256);
    std::fs::write(&requirements, line).context("cannot write the download's list")?;
    let megabytes = wheel.bytes / 1_000_000;
    out::note(format!(
        "Downloading {} ({megabytes} MB).",
        manifest.package
    ));
    let status = Command::new("python3")
        .args([
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--require-hashes",
        ])
        .args(["--python-version", "3.11", "--platform", wheel.platform])
        .args([
            "--disable-pip-version-check",
            "--no-input",
            "--timeout",
            "60",
            "--dest",
        ])
        .arg(folder)
        .arg("-r")
        .arg(&requirements)
        .status();
    let elsewhere = format!(
        "fetch {} by any means and run `greenroom models install FILE`",
        wheel.name
    );
    match status {
        Ok(status) if status.success() => Ok(folder.join(wheel.name)),
        Ok(_) => anyhow::bail!("the download failed; look at the lines above, or {elsewhere}"),
        Err(_) => {
            anyhow::bail!("python3 with pip is needed for the download; install it, or {elsewhere}")
        }
    }
}
