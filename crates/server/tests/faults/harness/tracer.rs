//! `strace` at work on a running server: makes system calls fail, or kills the process at one.

use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::server::Server;
use super::{SOON, until};

/// Attached for as long as it lives.
pub(crate) struct Tracer(Child);

impl Tracer {
    /// Does this to these calls of the server from now on: `error=EIO`, or `signal=KILL:when=3`.
    pub(crate) fn attach(server: &Server, calls: &str, what: &str) -> Self {
        let child = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-p"])
            .arg(server.id().to_string())
            .arg(format!("--trace={calls}"))
            .arg(format!("--inject={calls}:{what}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("strace is needed (`make setup` installs it)");
        let tracer = Self(child);
        until(
            "strace holds every thread (may this user trace?)",
            SOON,
            || {
                let tasks = std::fs::read_dir(format!("/proc/{}/task", server.id())).ok()?;
                let held = tasks.map_while(Result::ok).all(|task| {
                    let status = std::fs::read_to_string(task.path().join("status"));
                    status.is_ok_and(|text| {
                        let line = text
                            .lines()
                            .find_map(|line| line.strip_prefix("TracerPid:"));
                        line.is_some_and(|pid| pid.trim() != "0")
                    })
                });
                held.then_some(())
            },
        );
        tracer
    }

    /// Lets go of the server, which goes on as if nothing had been.
    pub(crate) fn detach(mut self) {
        kill_process(Pid::from_child(&self.0), Signal::INT).unwrap();
        until("strace lets go", SOON, || self.0.try_wait().unwrap());
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
