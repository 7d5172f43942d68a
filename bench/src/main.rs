//! The command line of the benchmarks: parses, runs, prints, and exits
//! non-zero when a figure falls short. Measuring and judging are in the library.
#![allow(clippy::print_stdout, reason = "a benchmark's print is its product")]

use anyhow::{Context, Result, ensure};
use bench::floor::Sabotage;
use bench::judge::Sheet;
use bench::limits::Limits;
use bench::sys::Cores;
use bench::target::{Program, Target};
use bench::{
    child, churn, faults, floor, idle, relay, restart, self_test, soak, speech, starts, sys, target,
};
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

#[derive(Parser)]
#[command(about = "Benchmarks of the server against bench/limits.toml")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Args, Clone)]
struct Common {
    /// The server's release binary.
    #[arg(long, default_value = "target/release/greenroom")]
    server: PathBuf,
    /// Small and short: shows that everything works, is no result.
    #[arg(long)]
    quick: bool,
    /// Same as the `self-test` command.
    #[arg(long)]
    self_test: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Plain door against the raw relay: CPU and latency by paired rounds.
    Relay {
        #[command(flatten)]
        common: Common,
        /// Paired rounds of each scenario.
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=50))]
        rounds: u16,
        /// Only scenarios whose name contains this.
        #[arg(long)]
        only: Option<String>,
        /// A second floor in the server's place: shows the noise of the method.
        #[arg(long)]
        floor_only: bool,
    },
    /// Memory of idle, joined connections.
    Idle {
        #[command(flatten)]
        common: Common,
    },
    /// Store work of interview starts.
    Starts {
        #[command(flatten)]
        common: Common,
    },
    /// Words and captions of live streams through the socket, on the real model.
    Speech {
        #[command(flatten)]
        common: Common,
        /// The folder of the speech model (`make setup` fills it).
        #[arg(long, default_value = "models")]
        models: PathBuf,
    },
    /// Kills, cut links, a database away, a process that stands still; the judge reads all.
    Faults {
        #[command(flatten)]
        common: Common,
        /// Only faults whose name contains this.
        #[arg(long)]
        only: Option<String>,
    },
    /// Mixed load with random cuts; afterwards nothing may be left.
    Soak {
        #[command(flatten)]
        common: Common,
        /// How long.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=1_440))]
        minutes: u64,
    },
    /// Connections that join and vanish: what is left of them.
    Churn {
        #[command(flatten)]
        common: Common,
    },
    /// Live sessions whose server goes away: how soon all are back.
    Restart {
        #[command(flatten)]
        common: Common,
    },
    /// Breaks each measured thing once; succeeds if every breakage was caught.
    SelfTest,
    /// The raw relay itself; runs until it is killed.
    Floor {
        /// Where its port is written.
        #[arg(long)]
        port_file: PathBuf,
        /// The core it runs on.
        #[arg(long)]
        core: usize,
        /// A planted defect, for the self-test.
        #[arg(long, value_enum, default_value_t)]
        sabotage: Sabotage,
    },
    /// Becomes another program on one core; used by the other commands.
    #[command(hide = true)]
    Exec {
        core: usize,
        program: OsString,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

fn main() -> Result<ExitCode> {
    let limits = Limits::load()?;
    let holds = match Cli::parse().command {
        Command::Exec {
            core,
            program,
            args,
        } => {
            child::become_pinned(core, &program, &args)?;
            false
        }
        Command::Floor {
            port_file,
            core,
            sabotage,
        } => {
            sys::pin(core)?;
            sys::raise_open_files()?;
            floor::run(&port_file, sabotage)?;
            true
        }
        Command::SelfTest => run_self_test(&limits)?,
        Command::Relay { common, .. }
        | Command::Idle { common }
        | Command::Starts { common }
        | Command::Speech { common, .. }
        | Command::Faults { common, .. }
        | Command::Soak { common, .. }
        | Command::Churn { common }
        | Command::Restart { common }
            if common.self_test =>
        {
            run_self_test(&limits)?
        }
        Command::Relay {
            common,
            rounds,
            only,
            floor_only,
        } => run_relay(&limits, &common, rounds.into(), only.as_deref(), floor_only)?,
        Command::Idle { common } => run_idle(&limits, &common)?,
        Command::Starts { common } => run_starts(&limits, &common)?,
        Command::Speech { common, models } => run_speech(&limits, &common, &models)?,
        Command::Faults { common, only } => run_life("Faults", &limits, &common, |life, sheet| {
            let run = faults::Run {
                binary: life.binary,
                core: life.core,
                limits: limits.faults,
                quick: common.quick,
            };
            faults::run(&run, only.as_deref(), sheet)
        })?,
        Command::Soak { common, minutes } => run_life("Soak", &limits, &common, |life, sheet| {
            let seconds = if common.quick { 20 } else { minutes * 60 };
            let length = Duration::from_secs(seconds);
            soak::run(life.binary, life.core, length, limits.soak, sheet)
        })?,
        Command::Churn { common } => run_life("Churn", &limits, &common, |life, sheet| {
            churn::run(life.binary, life.core, common.quick, limits.churn, sheet)
        })?,
        Command::Restart { common } => run_life("Restart", &limits, &common, |life, sheet| {
            let sessions = if common.quick {
                100
            } else {
                limits.restart.sessions
            };
            restart::run(life.binary, life.core, sessions, limits.restart, sheet)
        })?,
    };
    Ok(if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Takes the generator's core and enough descriptors.
fn prepare() -> Result<Cores> {
    let cores = sys::two_cores()?;
    sys::pin(cores.generator)?;
    let nice = if sys::go_before_others() {
        "all at nice -10"
    } else {
        "all at ordinary priority"
    };
    let files = sys::raise_open_files()?;
    ensure!(
        files >= 19_900,
        "20,000 open files are needed, {files} are allowed"
    );
    println!(
        "core {} for what is measured, core {} for the generator, {nice}; load {}",
        cores.measured,
        cores.generator,
        sys::load()
    );
    Ok(cores)
}

fn server(common: &Common) -> Result<Program> {
    let path = std::fs::canonicalize(&common.server).with_context(|| {
        format!(
            "{}: build it with `cargo build --release -p server`",
            common.server.display()
        )
    })?;
    println!("{}", target::raised_limits());
    Ok(Program::Server(path))
}

fn run_relay(
    limits: &Limits,
    common: &Common,
    rounds: usize,
    only: Option<&str>,
    floor_only: bool,
) -> Result<bool> {
    let cores = prepare()?;
    let floor = Program::Floor(Sabotage::None);
    let server = if floor_only {
        println!("a second floor stands in the server's place: this shows noise, not a server");
        floor.clone()
    } else {
        server(common)?
    };
    let mut sheet = Sheet::new(
        "Plain relay against the raw relay",
        limits.method,
        common.quick,
    );
    let rounds = if common.quick { 2 } else { rounds };
    let chosen = relay::scenarios(limits).into_iter();
    for scenario in chosen.filter(|s| only.is_none_or(|part| s.name.contains(part))) {
        let scenario = if common.quick {
            scenario.quick()
        } else {
            scenario
        };
        let outcome = relay::measure(&scenario, &floor, &server, rounds, cores)
            .with_context(|| scenario.name)?;
        println!("\n{}", scenario.describe(outcome.message_bytes));
        print!("{}", relay::judge(&mut sheet, &scenario, &outcome));
    }
    println!("\n{sheet}");
    Ok(sheet.holds())
}

fn run_idle(limits: &Limits, common: &Common) -> Result<bool> {
    let cores = prepare()?;
    let server = server(common)?;
    let (connections, settle) = if common.quick {
        (500, Duration::from_secs(1))
    } else {
        (limits.idle.connections, Duration::from_secs(5))
    };
    let floor = Program::Floor(Sabotage::None);
    let of_floor = idle::measure(&floor, connections, Duration::from_secs(1), cores.measured)?;
    let of_server = idle::measure(&server, connections, settle, cores.measured)?;
    let mut sheet = Sheet::new("Idle connections", limits.method, common.quick);
    idle::judge(&mut sheet, limits.idle, &of_server, Some(&of_floor));
    println!("\n{sheet}");
    Ok(sheet.holds())
}

fn run_starts(limits: &Limits, common: &Common) -> Result<bool> {
    let cores = prepare()?;
    let server = server(common)?;
    let starts = if common.quick {
        50
    } else {
        limits.starts.starts
    };
    let outcome = starts::measure(&server, starts, cores.measured)?;
    let mut sheet = Sheet::new("Interview starts", limits.method, common.quick);
    starts::judge(&mut sheet, limits.starts, starts, &outcome);
    println!("\n{sheet}");
    Ok(sheet.holds())
}

fn run_speech(limits: &Limits, common: &Common, models: &Path) -> Result<bool> {
    let cores = prepare()?;
    let Program::Server(binary) = server(common)? else {
        anyhow::bail!("speech is measured on the server");
    };
    let models = std::fs::canonicalize(models)
        .with_context(|| format!("{}: `make setup` fills it", models.display()))?;
    let reference = Arc::new(speech::Reference::open(&models)?);
    let streams = if common.quick {
        1
    } else {
        limits.speech.streams
    };
    let target = Target::start(&Program::Speaking(binary, models), cores.measured)?;
    let outcome = speech::measure(&target, &reference, streams)?;
    let mut sheet = Sheet::new("Speech through the socket", limits.method, common.quick);
    speech::judge(&mut sheet, limits.speech, &reference, &outcome);
    println!("\n{sheet}");
    Ok(sheet.holds())
}

/// What a run about a session's life is given.
struct Life<'a> {
    binary: &'a Path,
    core: Option<usize>,
}

fn run_life(
    title: &str,
    limits: &Limits,
    common: &Common,
    run: impl FnOnce(&Life<'_>, &mut Sheet) -> Result<()>,
) -> Result<bool> {
    // Where times are judged the server has a core of its own; else it shares with everybody.
    let core = match title {
        "Churn" | "Restart" if !common.quick => Some(prepare()?.measured),
        _ => {
            sys::raise_open_files()?;
            None
        }
    };
    let Program::Server(binary) = server(common)? else {
        anyhow::bail!("this is measured on the server");
    };
    let mut sheet = Sheet::new(title, limits.method, common.quick);
    let life = Life {
        binary: &binary,
        core,
    };
    run(&life, &mut sheet)?;
    println!("\n{sheet}");
    Ok(sheet.holds())
}

fn run_self_test(limits: &Limits) -> Result<bool> {
    let cores = prepare()?;
    let cases = self_test::run(limits, cores)?;
    for case in &cases {
        let verdict = if case.right {
            "as it must"
        } else {
            "NOT CAUGHT"
        };
        println!(
            "  {verdict:<10}  {:<40} {}",
            case.name,
            case.said.lines().next().unwrap_or_default()
        );
    }
    let right = cases.iter().all(|case| case.right);
    println!(
        "self-test: {} of {} as they must",
        cases.iter().filter(|c| c.right).count(),
        cases.len()
    );
    Ok(right)
}
