//! Scoring keys: found by the name a plan has for them, kept while they are used, asked for what
//! could be asked next. What a key means is the coach's.

use std::collections::BTreeMap;
use std::sync::Arc;

use coach::rubric::Scoring;
use coach::suggest;
use engine::effect::AdviceAsked;
use parking_lot::Mutex;
use protocol::value::{Plan, Suggestion};
use store::StoreError;

use super::Driver;

/// Keys kept in memory; one is a few dozen kilobytes.
const KEPT_MAX: usize = 64;

/// Keys by name, as they were last used.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    kept: Mutex<BTreeMap<String, Arc<Scoring>>>,
}

/// How the answers of a session with this plan are scored: by the key the plan names, as it was
/// when the interview began; else by what the bank has for its questions now.
///
/// # Errors
/// When the records cannot be read.
pub(crate) fn scoring(driver: &Driver, plan: &Plan) -> Result<Arc<Scoring>, StoreError> {
    if let Some(name) = &plan.scoring
        && let Some(found) = named(driver, name)?
    {
        return Ok(found);
    }
    Ok(Arc::new(driver.plans.bank().scoring(plan)))
}

fn named(driver: &Driver, name: &str) -> Result<Option<Arc<Scoring>>, StoreError> {
    if let Some(found) = driver.keys.kept.lock().get(name) {
        return Ok(Some(Arc::clone(found)));
    }
    let Some(text) = driver.store.scoring(name)? else {
        return Ok(None);
    };
    match serde_json::from_str::<Scoring>(&text) {
        Ok(read) => {
            let read = Arc::new(read);
            let mut kept = driver.keys.kept.lock();
            if kept.len() >= KEPT_MAX {
                kept.clear();
            }
            kept.insert(name.to_owned(), Arc::clone(&read));
            Ok(Some(read))
        }
        Err(error) => {
            tracing::error!(key = name, %error, "scoring_key_not_read");
            Ok(None)
        }
    }
}

/// What could be asked next about this answer; nothing when that cannot be found out.
pub(crate) fn suggestion(driver: &Driver, asked: &AdviceAsked) -> Option<Suggestion> {
    let plan = Plan {
        id: asked.plan.clone(),
        questions: vec![asked.question.clone()],
        scoring: asked.scoring.clone(),
        ..Plan::default()
    };
    let found = scoring(driver, &plan).inspect_err(|error| {
        tracing::warn!(%error, "no_suggestion");
    });
    suggest::next(&*found.ok()?, &asked.question.id, &asked.said, &asked.given)
}
