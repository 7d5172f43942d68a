//! `sim`: many worlds, or one in detail.
use std::io::Write;

fn main() {
    let mut out = std::io::stdout().lock();
    let args: Vec<String> = std::env::args().collect();
    let from: u64 = args.get(1).and_then(|a| a.parse().ok()).unwrap_or(1);
    let many: u64 = args.get(2).and_then(|a| a.parse().ok()).unwrap_or(1);
    let trace = args.len() > 3;
    let mut bad = 0;
    let mut kinds = std::collections::BTreeMap::<String, (u64, u64)>::new();
    let (mut steps, mut inputs) = (0, 0);
    for seed in from..from + many {
        let o = sim::run::run(seed, None, trace);
        steps += o.steps;
        inputs += o.inputs;
        if let Some(f) = &o.failed {
            bad += 1;
            let k: String = f.chars().filter(|c| !c.is_ascii_digit()).take(70).collect();
            let e = kinds.entry(k).or_insert((0, seed));
            e.0 += 1;
            if trace {
                let n = o.lines.len().saturating_sub(args[3].parse().unwrap_or(40));
                for l in &o.lines[n..] {
                    let _ = writeln!(out, "{l}");
                }
                let _ = writeln!(out, "{f}");
            }
        } else if trace {
            for l in &o.lines {
                let _ = writeln!(out, "{l}");
            }
        }
    }
    for (k, (n, s)) in kinds {
        let _ = writeln!(out, "{n:>6} seed {s}: {k}");
    }
    let _ = writeln!(out, "{bad} bad of {many}, {steps} steps, {inputs} inputs");
}
