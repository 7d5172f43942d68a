//! `sim`: many worlds and what they proved, one world in detail, planted bugs, or the engine's pace.

use std::io::Write;
use std::process::ExitCode;

use engine::planted::Bug;
use sim::{bench, many, run};

const HELP: &str = "\
sim [--worlds N] [--seed S] [--threads N]   run N worlds from seed S on
sim --trace SEED [--bug NAME]               run one world, a line a step; with a planted bug
sim --planted [--worlds N]                  how soon is each planted bug caught
sim --bench [--limit N]                     how many inputs a second the engine takes alone";

#[derive(Debug)]
struct Args {
    worlds: Option<u64>,
    seed: u64,
    threads: usize,
    trace: Option<u64>,
    bug: Option<Bug>,
    planted: bool,
    bench: bool,
    limit: u64,
}

fn parse(words: &[String]) -> Result<Args, String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut args = Args {
        worlds: None,
        seed: 1,
        threads: cores,
        trace: None,
        bug: None,
        planted: false,
        bench: false,
        limit: 500_000,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--bug" {
            let name = words.next().ok_or("--bug needs a name")?;
            let named = |bug: &&Bug| format!("{bug:?}") == *name;
            let bug = Bug::ALL.iter().find(named);
            args.bug = Some(*bug.ok_or(format!("no planted bug is called {name}"))?);
            continue;
        }
        let mut number = || {
            let text = words.next().ok_or(format!("{word} needs a number"))?;
            let digits: String = text.chars().filter(|c| *c != '_').collect();
            digits
                .parse::<u64>()
                .map_err(|_| format!("{word} needs a number, not {text}"))
        };
        match word.as_str() {
            "--worlds" => args.worlds = Some(number()?),
            "--seed" => args.seed = number()?,
            "--threads" => args.threads = usize::try_from(number()?).unwrap_or(1).max(1),
            "--trace" => args.trace = Some(number()?),
            "--limit" => args.limit = number()?,
            "--planted" => args.planted = true,
            "--bench" => args.bench = true,
            _ => return Err(format!("unknown word {word}\n{HELP}")),
        }
    }
    Ok(args)
}

fn main() -> ExitCode {
    // A panic inside a turn is the engine's to catch; what it would print is noise here.
    std::panic::set_hook(Box::new(|_| {}));
    let words: Vec<String> = std::env::args().skip(1).collect();
    let args = match parse(&words) {
        Ok(args) => args,
        Err(what) => return say(&[what], false),
    };
    if let Some(seed) = args.trace {
        let outcome = run::run(seed, args.bug, true);
        let mut lines = outcome.lines.clone();
        lines.push(match &outcome.failed {
            Some(what) => format!("FAILED: {what}"),
            None => format!("held; trace {:016x}", outcome.hash),
        });
        return say(&lines, outcome.failed.is_none());
    }
    if args.bench {
        let (lines, good) = bench::bench(args.limit);
        return say(&lines, good);
    }
    if args.planted {
        let caught = many::planted(args.seed, args.worlds.unwrap_or(5_000), args.threads);
        let good = caught.iter().all(|caught| caught.worlds > 0);
        let lines: Vec<String> = caught.iter().map(ToString::to_string).collect();
        return say(&lines, good);
    }
    let worlds = args.worlds.unwrap_or(50_000);
    let total = many::many(args.seed, worlds, args.threads);
    say(&total.lines(args.seed), total.good())
}

fn say(lines: &[String], good: bool) -> ExitCode {
    let mut out = std::io::stdout().lock();
    for line in lines {
        // Nobody reads any more: there is nobody to tell either.
        if writeln!(out, "{line}").is_err() {
            break;
        }
    }
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
