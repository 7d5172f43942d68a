//! Processes a benchmark starts: bound to a core, killed with their guard and
//! with the benchmark itself. No other process is ever touched.

use anyhow::{Context, Result, bail};
use rustix::process::{Signal, set_parent_process_death_signal};
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A started process; dropping it kills and reaps it.
#[derive(Debug)]
pub struct Guarded {
    child: Child,
    what: String,
}

impl Guarded {
    /// Starts `program args…` on `core` (none: on all) with the given extra environment, its
    /// output in `log`. This very program goes first as `exec`, so that the
    /// core is set before the first instruction of what is measured.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(
        core: Option<usize>,
        program: &Path,
        args: &[OsString],
        environment: &[(&str, String)],
        log: &Path,
    ) -> Result<Guarded> {
        let what = program.display().to_string();
        let output = std::fs::File::create(log)?;
        let child = Command::new(std::env::current_exe()?)
            .arg("exec")
            .arg(core.map_or_else(|| ALL_CORES.to_owned(), |core| core.to_string()))
            .arg(program)
            .args(args)
            // What the caller's shell has set must not change what is measured.
            .env_clear()
            .envs(environment.iter().map(|(k, v)| (*k, v)))
            .current_dir(log.parent().unwrap_or(Path::new(".")))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("starting {what}"))?;
        Ok(Guarded { child, what })
    }

    /// As [`Guarded::start`], on whatever core the system gives and by no other program: for
    /// callers that are not this one.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_free(
        program: &Path,
        args: &[OsString],
        environment: &[(&str, String)],
        log: &Path,
    ) -> Result<Guarded> {
        let what = program.display().to_string();
        let output = std::fs::File::create(log)?;
        let child = Command::new(program)
            .args(args)
            .env_clear()
            .envs(environment.iter().map(|(k, v)| (*k, v)))
            .current_dir(log.parent().unwrap_or(Path::new(".")))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("starting {what}"))?;
        Ok(Guarded { child, what })
    }

    /// Process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Waits until `ready` gives a value.
    ///
    /// # Errors
    /// When the process ends before, or `limit` passes.
    pub fn wait_for<T>(&mut self, limit: Duration, ready: impl Fn() -> Option<T>) -> Result<T> {
        let until = Instant::now() + limit;
        loop {
            if let Some(value) = ready() {
                return Ok(value);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status} before it was ready", self.what);
            }
            if Instant::now() > until {
                bail!("{} was not ready after {limit:?}", self.what);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // Already gone is as good as killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How the command line says that a program is bound to no core.
pub const ALL_CORES: &str = "all";

/// Becomes `program` on `core` (none: on all of them); returns only if that fails. The kernel ends it
/// when the benchmark that started it is gone.
///
/// # Errors
/// Whatever kept it from running.
pub fn become_pinned(core: Option<usize>, program: &OsString, args: &[OsString]) -> Result<()> {
    match core {
        Some(core) => crate::sys::pin(core)?,
        None => crate::sys::unpin()?,
    }
    crate::sys::go_before_others();
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let error = Command::new(program).args(args).exec();
    Err(error).with_context(|| format!("running {}", program.display()))
}
