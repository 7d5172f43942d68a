//! The routes, by subject. Each handler authenticates by its arguments, judges rights by the
//! records, and asks; none of them knows a rule of a session.

pub mod active;
pub mod broadcast;
pub mod contracts;
pub mod data;
pub mod documents;
pub mod life;
pub mod log;
pub mod operations;
pub mod plans;
pub mod reports;
pub mod revocations;
pub mod sessions;
pub mod tickets;
pub mod transfers;
pub mod webhooks;

#[cfg(test)]
mod tests;

use std::time::Duration;

use protocol::error::{ErrorCode, Refusal};
use protocol::id::SessionId;

use crate::access::{Access, access, access_live};
use crate::handle::SessionRecord;
use crate::identity::Identity;
use crate::problem::Problem;
use crate::router::Api;

/// How long a caller waits for the server at most. What was begun goes on without them.
const PATIENCE: Duration = Duration::from_secs(15);

/// A session and what the caller is to it. Unknown and foreign ones are the same answer.
async fn find(
    api: &Api,
    who: &Identity,
    id: SessionId,
) -> Result<(SessionRecord, Access), Problem> {
    let record = within(api.records.session(id)).await?;
    record
        .and_then(|record| access(who, &record).map(|access| (record, access)))
        .ok_or_else(|| ErrorCode::SessionNotFound.into())
}

/// What the caller is to a session that only lives, and of which nothing is written down yet.
fn live_access(api: &Api, who: &Identity, id: &SessionId) -> Option<Access> {
    let members = api.handle.live(id)?;
    access_live(who, id, &members)
}

fn invalid(message: impl Into<String>) -> Problem {
    Refusal::because(ErrorCode::InvalidField, message).into()
}

/// The answer, or `timed_out`.
async fn within<T>(answer: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(Refusal::new(ErrorCode::TimedOut).retry_after(1_000)),
    }
}
