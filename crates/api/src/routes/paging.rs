//! Pages of lists: how many entries, where the next page begins. Cursors are made here and read
//! here; what is none is `invalid_field`.

use protocol::contract::shape;
use protocol::id::SessionId;
use protocol::time::Wall;

use super::invalid;
use crate::describe::{PAGE_DEFAULT, PAGE_MAX};
use crate::problem::Problem;

/// How many entries a page has.
pub(super) fn limit(asked: Option<u32>) -> Result<u32, Problem> {
    let limit = asked.unwrap_or(PAGE_DEFAULT);
    match (1..=PAGE_MAX).contains(&limit) {
        true => Ok(limit),
        false => Err(invalid("`limit` must be 1 to 200.")),
    }
}

/// Where a page begins, read by `read`.
pub(super) fn after<T>(
    asked: Option<&str>,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    let Some(text) = asked else { return Ok(None) };
    match read(text) {
        Some(place) => Ok(Some(place)),
        None => Err(invalid("`after` is no cursor.")),
    }
}

/// A time and an id.
pub(super) fn place(text: &str) -> Option<(Wall, &str)> {
    let (time, id) = shape::cursor(text)?;
    Some((Wall(time), id))
}

/// A time and a session.
pub(super) fn session(text: &str) -> Option<(Wall, SessionId)> {
    let (time, id) = place(text)?;
    Some((time, SessionId::parse(id).ok()?))
}

/// The first of these, and whether there are more.
pub(super) fn take<T>(mut all: impl Iterator<Item = T>, limit: u32) -> (Vec<T>, bool) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let page: Vec<T> = all.by_ref().take(limit).collect();
    (page, all.next().is_some())
}

/// The last of a page that may have more behind it: of one that is as long as it may be.
pub(super) fn last_of_full<T>(page: &[T], limit: u32) -> Option<&T> {
    let full = u32::try_from(page.len()).is_ok_and(|found| found >= limit);
    page.last().filter(|_| full)
}
