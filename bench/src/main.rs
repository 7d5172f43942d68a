//! The command line of the benchmarks: parses, runs, prints, and exits
//! non-zero when a figure falls short. Measuring and judging are in the library.
#![allow(clippy::print_stdout, reason = "a benchmark's print is its product")]

use anyhow::{Context, Result, ensure};
use bench::floor::Sabotage;
use bench::judge::Sheet;
use bench::limits::Limits;
use bench::relay::{Against, Scenario};
use bench::sys::Cores;
use bench::target::{Program, Target};
use bench::{
    child, churn, faults, floor, idle, joins, relay, restart, scale, self_test, soak, speech,
    starts, sys, takeover, target,
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

/// Where the NestJS gateway lies, from the root of the source tree.
const PEER: &str = "bench/peers/nestjs";

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
        /// Who stands against whom.
        #[arg(long, value_enum, default_values_t = [Against::Floor, Against::SocketIo, Against::Nestjs])]
        against: Vec<Against>,
        /// The folder of the NestJS gateway (`make bench-peers` fills it).
        #[arg(long, default_value = PEER)]
        peer: PathBuf,
        /// A second floor in the server's place: shows the noise of the method.
        #[arg(long)]
        floor_only: bool,
    },
    /// CPU of connect, token and join against the floor and NestJS.
    Joins {
        #[command(flatten)]
        common: Common,
        /// The folder of the NestJS gateway (`make bench-peers` fills it).
        #[arg(long, default_value = PEER)]
        peer: PathBuf,
    },
    /// What a second core is worth.
    Scale {
        #[command(flatten)]
        common: Common,
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
    /// From a takeover to its first event, against a plain join.
    Takeover {
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
        /// Which model: tiny-en or base-en. The limits are for tiny-en.
        #[arg(long, default_value = "tiny-en")]
        profile: String,
    },
    /// The report of an interview of half an hour, without speech.
    Report {
        /// The program that makes one and prints how long it took.
        #[arg(long, default_value = "target/release/examples/half_hour")]
        program: PathBuf,
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
        core: String,
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
            let core = match core.as_str() {
                child::ALL_CORES => None,
                number => Some(number.parse().context("the number of a core")?),
            };
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
        | Command::Takeover { common }
        | Command::Joins { common, .. }
        | Command::Scale { common }
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
            against,
            peer,
            floor_only,
        } => {
            let chosen = Chosen {
                rounds: rounds.into(),
                only,
                against,
                peer,
                floor_only,
            };
            run_relay(&limits, &common, &chosen)?
        }
        Command::Joins { common, peer } => run_joins(&limits, &common, &peer)?,
        Command::Scale { common } => run_scale(&limits, &common)?,
        Command::Idle { common } => run_idle(&limits, &common)?,
        Command::Starts { common } => run_starts(&limits, &common)?,
        Command::Takeover { common } => run_takeover(&limits, &common)?,
        Command::Speech {
            common,
            models,
            profile,
        } => run_speech(&limits, &common, &models, &profile)?,
        Command::Report { program } => run_report(&limits, &program)?,
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

/// What of the relay benchmark is to run.
struct Chosen {
    rounds: usize,
    only: Option<String>,
    against: Vec<Against>,
    peer: PathBuf,
    floor_only: bool,
}

fn server(common: &Common) -> Result<Program> {
    binary(common).map(Program::Server)
}

fn peer(folder: &Path) -> Result<Program> {
    let folder = std::fs::canonicalize(folder).with_context(|| folder.display().to_string())?;
    Ok(Program::NestJs(folder))
}

fn binary(common: &Common) -> Result<PathBuf> {
    let path = std::fs::canonicalize(&common.server).with_context(|| {
        format!(
            "{}: build it with `cargo build --release -p server`",
            common.server.display()
        )
    })?;
    println!("{}", target::raised_limits());
    Ok(path)
}

fn run_relay(limits: &Limits, common: &Common, chosen: &Chosen) -> Result<bool> {
    let cores = prepare()?;
    let floor = Program::Floor(Sabotage::None);
    let rounds = if common.quick { 2 } else { chosen.rounds };
    let mut sheet = Sheet::new(
        "Relay: the plain door against the raw relay, its other door and a peer",
        limits.method,
        common.quick,
    );
    let binary = if chosen.floor_only {
        println!("a second floor stands in the server's place: this shows noise, not a server");
        None
    } else {
        Some(binary(common)?)
    };
    for against in &chosen.against {
        let (base, judged) = match (&binary, against) {
            (None, _) => (floor.clone(), floor.clone()),
            (Some(binary), Against::Floor) => (floor.clone(), Program::Server(binary.clone())),
            (Some(binary), Against::SocketIo) => (
                Program::Server(binary.clone()),
                Program::SocketIo(binary.clone()),
            ),
            (Some(binary), Against::Nestjs) => {
                (Program::Server(binary.clone()), peer(&chosen.peer)?)
            }
        };
        let named = |scenario: &Scenario| {
            let part = chosen.only.as_deref();
            part.is_none_or(|part| scenario.name.contains(part))
        };
        for scenario in relay::scenarios(limits).into_iter().filter(named) {
            let scenario = if common.quick {
                scenario.quick()
            } else {
                scenario
            };
            let outcome = relay::measure(&scenario, &base, &judged, rounds, cores)
                .with_context(|| scenario.name)?;
            println!("\n{}", scenario.describe(outcome.message_bytes));
            let rounds = relay::judge(&mut sheet, &scenario, &outcome, *against, limits);
            print!("{rounds}");
        }
    }
    println!("\n{sheet}");
    Ok(sheet.holds())
}

fn run_joins(limits: &Limits, common: &Common, folder: &Path) -> Result<bool> {
    let cores = prepare()?;
    let binary = binary(common)?;
    let (connections, rounds) = if common.quick {
        (100, 2)
    } else {
        (limits.joins.connections, limits.method.rounds)
    };
    let programs = [
        Program::Floor(Sabotage::None),
        Program::Server(binary.clone()),
        Program::SocketIo(binary),
        peer(folder)?,
    ];
    let outcome = joins::measure(&programs, connections, rounds, cores.measured)?;
    let mut sheet = Sheet::new("Connect, token and join", limits.method, common.quick);
    joins::judge(&mut sheet, limits.joins, &outcome);
    println!("\n{sheet}");
    Ok(sheet.holds())
}

fn run_scale(limits: &Limits, common: &Common) -> Result<bool> {
    let cores = prepare()?;
    let binary = binary(common)?;
    let scenario = scale::scenario(limits);
    let (scenario, rounds) = if common.quick {
        (scenario.quick(), 2)
    } else {
        (scenario, limits.method.rounds)
    };
    let (one, two) = (Program::Server(binary.clone()), Program::Threads(binary, 2));
    let outcome = relay::measure(&scenario, &one, &two, rounds, cores)?;
    let mut sheet = Sheet::new("Two cores against one", limits.method, common.quick);
    scale::judge(&mut sheet, limits, &outcome);
    println!("\n{sheet}");
    Ok(sheet.holds())
}

fn run_idle(limits: &Limits, common: &Common) -> Result<bool> {
    let cores = prepare()?;
    let binary = binary(common)?;
    let (connections, settle) = if common.quick {
        (500, Duration::from_secs(1))
    } else {
        (limits.idle.connections, Duration::from_secs(5))
    };
    let floor = Program::Floor(Sabotage::None);
    let of_floor = idle::measure(&floor, connections, Duration::from_secs(1), cores.measured)?;
    let mut sheet = Sheet::new("Idle connections", limits.method, common.quick);
    let plain = Program::Server(binary.clone());
    let of_plain = idle::measure(&plain, connections, settle, cores.measured)?;
    let most = limits.idle.bytes_per_connection;
    idle::judge(&mut sheet, ("idle", most), &of_plain, Some(&of_floor));
    let of_socket_io = Program::SocketIo(binary);
    let of_socket_io = idle::measure(&of_socket_io, connections, settle, cores.measured)?;
    let most = limits.idle.socket_io_bytes_per_connection;
    idle::judge(&mut sheet, ("idle, Socket.IO", most), &of_socket_io, None);
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

/// The program measures itself: of seven runs the one in the middle.
fn run_report(limits: &Limits, program: &Path) -> Result<bool> {
    let done = std::process::Command::new(program)
        .output()
        .with_context(|| format!("{}: `make bench-report` builds it", program.display()))?;
    ensure!(done.status.success(), "{} failed", program.display());
    let text = String::from_utf8_lossy(&done.stdout);
    print!("{text}");
    let figure = text
        .lines()
        .find_map(|line| line.strip_prefix("report_ms "));
    let figure = figure.context("no figure was printed")?;
    let took: f64 = figure.trim().parse().context("the figure is no number")?;
    let mut sheet = Sheet::new("Report of half an hour", limits.method, false);
    sheet.at_most("made and drawn", took, limits.report.half_hour_ms, "ms");
    println!("\n{sheet}");
    Ok(sheet.holds())
}

fn run_takeover(limits: &Limits, common: &Common) -> Result<bool> {
    let cores = prepare()?;
    let server = server(common)?;
    let mut wanted = limits.takeover;
    if common.quick {
        wanted.rooms = 50;
    }
    let outcome = takeover::measure(&server, wanted.rooms, cores.measured)?;
    let mut sheet = Sheet::new("Takeovers", limits.method, common.quick);
    takeover::judge(&mut sheet, wanted, &outcome);
    println!("\n{sheet}");
    Ok(sheet.holds())
}

fn run_speech(limits: &Limits, common: &Common, models: &Path, profile: &str) -> Result<bool> {
    let cores = prepare()?;
    let binary = binary(common)?;
    let models = std::fs::canonicalize(models)
        .with_context(|| format!("{}: `make setup` fills it", models.display()))?;
    let reference = Arc::new(speech::Reference::open(&models)?);
    let streams = if common.quick {
        1
    } else {
        limits.speech.streams
    };
    let program = Program::Speaking(binary, models, profile.to_owned());
    let target = Target::start(&program, cores.measured)?;
    let outcome = speech::measure(&target, &reference, streams)?;
    let title = format!("Speech through the socket, {profile}");
    let mut sheet = Sheet::new(&title, limits.method, common.quick);
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
