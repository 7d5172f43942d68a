//! `models`: is the speech model there, is it the pinned one, and get it. The list of files and
//! the checks are the speech crate's.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use speech::models;

use super::{ConfigArgs, out};
use crate::config::load;

/// What to do about the model.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Say which files there are; quick, looks at sizes only
    Status(ModelsArgs),
    /// Check every file's SHA-256; code 1 if one is missing or wrong
    Verify(ModelsArgs),
    /// Download the pinned package with pip and place its files; does nothing when all are there
    Install(InstallArgs),
}

/// Where the model is.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// The folder [default: speech.models of the configuration]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
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

impl ModelsArgs {
    fn folder(&self) -> anyhow::Result<PathBuf> {
        if let Some(dir) = &self.dir {
            return Ok(dir.clone());
        }
        // As in development: the model needs no secret.
        let args = ConfigArgs {
            dev: true,
            config: self.config.clone(),
            data: None,
        };
        Ok(load::load(&args.inputs()?)?.config.speech.models)
    }
}

/// Runs one of them.
pub fn run(command: ModelsCommand) -> anyhow::Result<ExitCode> {
    match command {
        ModelsCommand::Status(args) => Ok(status(&args.folder()?)),
        ModelsCommand::Verify(args) => {
            let dir = args.folder()?;
            models::verify(&dir)?;
            out::line(format!(
                "Every file in {} is the pinned one.",
                dir.display()
            ));
            Ok(ExitCode::SUCCESS)
        }
        ModelsCommand::Install(args) => install(&args.to.folder()?, args.wheel.as_deref()),
    }
}

fn status(dir: &Path) -> ExitCode {
    let manifest = models::manifest();
    out::line(format!("{} in {}", manifest.package, dir.display()));
    let mut complete = true;
    for file in &manifest.files {
        let size = std::fs::metadata(dir.join(file.target)).map(|data| data.len());
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
        out::note("Get what is missing with `greenroom models install`.");
        ExitCode::FAILURE
    }
}

fn install(dir: &Path, wheel: Option<&Path>) -> anyhow::Result<ExitCode> {
    if models::verify(dir).is_ok() {
        out::line(format!("Everything is in {} and checked.", dir.display()));
        return Ok(ExitCode::SUCCESS);
    }
    let placed = match wheel {
        Some(wheel) => models::install_from_wheel(wheel, dir)?,
        None => {
            let folder = tempfile::tempdir().context("cannot make a folder for the download")?;
            let wheel = download(folder.path())?;
            models::install_from_wheel(&wheel, dir)?
        }
    };
    models::verify(dir)?;
    out::line(format!(
        "Placed {placed} files in {} and checked all.",
        dir.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Fetches the pinned package with pip, which refuses any other file by its hash.
fn download(folder: &Path) -> anyhow::Result<PathBuf> {
    let manifest = models::manifest();
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
