//! Shows that the benchmarks can fail: each measured thing is broken once, by
//! a floor with a planted defect in the server's place where sockets are
//! involved, and the judge must notice. An honest floor must pass.

use crate::floor::Sabotage;
use crate::idle;
use crate::judge::Sheet;
use crate::limits::{Limits, Ratios};
use crate::prometheus::Buckets;
use crate::relay::{self, Against, Scenario};
use crate::starts;
use crate::stats::Histogram;
use crate::sys::Cores;
use crate::target::Program;
use anyhow::{Context, Result};
use std::time::Duration;

/// One breakage: what it is, whether it was caught, and what the judge said.
#[derive(Debug)]
pub struct Case {
    /// What was broken.
    pub name: String,
    /// Whether the verdict was as it had to be.
    pub right: bool,
    /// The judge's first complaint.
    pub said: String,
}

/// Runs every case; bounded, about half a minute.
///
/// # Errors
/// When a case cannot be run at all.
pub fn run(limits: &Limits, cores: Cores) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    let relay = |sabotage: Sabotage, rounds: usize| relay_case(limits, cores, sabotage, rounds);
    let enough = limits.method.rounds;
    cases.push(case(
        "an honest relay holds",
        true,
        &relay(Sabotage::None, enough)?,
    ));
    cases.push(case(
        "a lost delivery",
        false,
        &relay(Sabotage::Lose, enough)?,
    ));
    cases.push(case(
        "a corrupt payload",
        false,
        &relay(Sabotage::Corrupt, enough)?,
    ));
    cases.push(case(
        "CPU over its limit",
        false,
        &relay(Sabotage::Burn, enough)?,
    ));
    cases.push(case(
        "p99 over its limit",
        false,
        &relay(Sabotage::Stall, enough)?,
    ));
    cases.push(case(
        "too few rounds",
        false,
        &relay(Sabotage::None, enough - 1)?,
    ));
    cases.push(case(
        "idle memory within its limit holds",
        true,
        &idle_case(limits, cores, Sabotage::None)?,
    ));
    cases.push(case(
        "idle memory over its limit",
        false,
        &idle_case(limits, cores, Sabotage::Hoard)?,
    ));
    cases.extend(start_cases(limits)?);
    let broken = Limits::parse("[method]\nrounds = 7\n");
    cases.push(Case {
        name: "a limits file without its limits".to_owned(),
        right: broken.is_err(),
        said: broken.err().map(|e| e.to_string()).unwrap_or_default(),
    });
    Ok(cases)
}

fn case(name: &str, must_hold: bool, sheet: &Sheet) -> Case {
    Case {
        name: name.to_owned(),
        right: sheet.holds() == must_hold,
        said: sheet.failures().into_iter().next().unwrap_or_default(),
    }
}

/// A small paced relay with the sabotaged floor in the server's place. The
/// other ratio's limit is out of reach, so that each case fails for its reason.
fn relay_case(limits: &Limits, cores: Cores, sabotage: Sabotage, rounds: usize) -> Result<Sheet> {
    let mut scenario: Scenario = relay::scenarios(limits)[0].quick();
    let wide = 1000.0;
    scenario.limits = match sabotage {
        Sabotage::Burn => Ratios {
            cpu_ratio: scenario.limits.cpu_ratio,
            p99_ratio: wide,
        },
        Sabotage::Stall => Ratios {
            cpu_ratio: wide,
            p99_ratio: scenario.limits.p99_ratio,
        },
        _ => scenario.limits,
    };
    scenario.load.gap = Duration::from_millis(10);
    let server = Program::Floor(sabotage);
    let honest = Program::Floor(Sabotage::None);
    let outcome = relay::measure(&scenario, &honest, &server, rounds, cores)?;
    let mut sheet = Sheet::new("self-test", limits.method, false);
    relay::judge(&mut sheet, &scenario, &outcome, Against::Floor, limits);
    Ok(sheet)
}

fn idle_case(limits: &Limits, cores: Cores, sabotage: Sabotage) -> Result<Sheet> {
    let program = Program::Floor(sabotage);
    let readings = idle::measure(&program, 2000, Duration::from_millis(300), cores.measured)?;
    let mut sheet = Sheet::new("self-test", limits.method, false);
    idle::judge(
        &mut sheet,
        ("idle", limits.idle.bytes_per_connection),
        &readings,
        None,
    );
    Ok(sheet)
}

fn start_cases(limits: &Limits) -> Result<Vec<Case>> {
    let wanted = limits.starts.starts;
    let judge = |fast: u32, all: u32, refused: Option<(u32, String)>| -> Result<Sheet> {
        let text = format!("s_bucket{{le=\"0.005\"}} {fast}\ns_bucket{{le=\"+Inf\"}} {all}\n");
        let outcome = starts::Outcome {
            store: Buckets::parse(&text, "s").context("the sample histogram")?,
            client: Histogram::default(),
            refused,
        };
        let mut sheet = Sheet::new("self-test", limits.method, false);
        starts::judge(&mut sheet, limits.starts, wanted, &outcome);
        Ok(sheet)
    };
    let slow = wanted / 50;
    Ok(vec![
        case("quick starts hold", true, &judge(wanted, wanted, None)?),
        case(
            "starts over their limit",
            false,
            &judge(wanted - slow, wanted, None)?,
        ),
        case(
            "a start that was not measured",
            false,
            &judge(wanted - 1, wanted - 1, None)?,
        ),
        case(
            "a start that was refused",
            false,
            &judge(wanted, wanted, Some((1, "busy".to_owned())))?,
        ),
    ])
}
