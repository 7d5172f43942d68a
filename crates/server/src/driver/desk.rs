//! Plans: what ships, what lies in a folder and what was made through the API, laid over each other
//! at the start and changed while the server runs. The engine is told of every change.

use std::sync::Arc;

use api::handle::PlanPut;
use coach::plan::{Bank, Entry, parse_with};
use engine::{Input, Plans};
use protocol::error::{ErrorCode, Refusal};
use protocol::id::PlanId;
use store::{Store, StoreError};

use super::Driver;

/// Most plans made through the API.
const PLANS_MAX: usize = 500;

/// What the engine needs of a bank.
pub(crate) fn for_engine(bank: &Bank) -> Plans {
    let named = |entry: &Entry| Some((entry.plan.id.clone()?, Arc::new(entry.plan.clone())));
    bank.list().filter_map(named).collect()
}

/// Lays the plans of the records over a bank, and keeps the scoring keys of all of them. A stored
/// plan that cannot be read any more is left out and said so.
///
/// # Errors
/// When the records cannot be read or written.
pub(crate) fn open(mut bank: Bank, store: &dyn Store) -> Result<Bank, StoreError> {
    for row in store.plans()? {
        let Some(body) = row.body else {
            bank.remove(&row.plan);
            continue;
        };
        match parse_with(bank.questions(), row.plan.as_str(), &body) {
            Ok(entry) if entry.id == row.plan => {
                bank.put(entry);
            }
            Ok(_) => tracing::error!(plan = %row.plan, "stored_plan_has_another_id"),
            Err(problems) => {
                let first = problems
                    .first()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                tracing::error!(plan = %row.plan, problem = first, "stored_plan_not_read");
            }
        }
    }
    keep_keys(&bank, store)?;
    Ok(bank)
}

fn keep_keys(bank: &Bank, store: &dyn Store) -> Result<(), StoreError> {
    let keys = bank.list().filter_map(key).collect::<Vec<_>>();
    store.put_scorings(&keys)
}

/// Name and text of a plan's scoring key.
fn key(entry: &Entry) -> Option<(String, String)> {
    let scoring = entry.scoring()?;
    Some((scoring.name(), scoring.to_json()))
}

/// Puts a plan in, unless one with its id is there and `replace` is off.
///
/// # Errors
/// `store_unavailable`, and `busy` when there are too many.
pub(crate) fn put(
    driver: &Driver,
    entry: Entry,
    text: &str,
    replace: bool,
) -> Result<PlanPut, Refusal> {
    let _one = driver.changing.lock();
    let bank = driver.plans.bank();
    let known = bank.entry(&entry.id).is_some();
    if known && !replace {
        return Ok(PlanPut::Exists);
    }
    if !known && bank.list().len() >= PLANS_MAX {
        let why = format!("There are {PLANS_MAX} plans already. Delete one first.");
        return Err(Refusal::because(ErrorCode::Busy, why));
    }
    let now = driver.clock.wall();
    let keys: Vec<_> = key(&entry).into_iter().collect();
    let stored = driver
        .store
        .put_scorings(&keys)
        .and_then(|()| driver.store.put_plan(&entry.id, Some(text), now));
    stored.map_err(|error| away(&error))?;
    let mut changed = Bank::clone(&bank);
    changed.put(entry);
    show(driver, changed);
    Ok(if known {
        PlanPut::Replaced
    } else {
        PlanPut::Created
    })
}

/// Takes a plan out; sessions that have it keep it. Whether there was one.
///
/// # Errors
/// `store_unavailable`.
pub(crate) fn remove(driver: &Driver, id: &PlanId) -> Result<bool, Refusal> {
    let _one = driver.changing.lock();
    let bank = driver.plans.bank();
    if bank.entry(id).is_none() {
        return Ok(false);
    }
    let stored = driver.store.put_plan(id, None, driver.clock.wall());
    stored.map_err(|error| away(&error))?;
    let mut changed = Bank::clone(&bank);
    changed.remove(id);
    show(driver, changed);
    Ok(true)
}

fn show(driver: &Driver, bank: Bank) {
    let plans = Arc::new(for_engine(&bank));
    driver.plans.replace(bank);
    driver.inboxes.post(Input::PlansChanged { plans });
}

fn away(error: &StoreError) -> Refusal {
    tracing::warn!(%error, "plan_not_stored");
    Refusal::new(ErrorCode::StoreUnavailable).retry_after(2_000)
}
