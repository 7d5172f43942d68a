//! What every implementation answers to a save before it looks at single rows: is it well formed,
//! may its owner write, does it fit the log. Pure, shared by SQLite and memory so that they cannot
//! differ. What a session may do is not decided here.

use protocol::id::{BootId, Epoch, Generation, Seq};
use protocol::record::{ActiveChange, EventRow, Save, Saved};
use protocol::value::{EndReason, Status};

/// What is stored of a session's row, as far as the verdict needs it.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// Who owns it.
    pub(crate) boot: BootId,
    /// The owner's generation.
    pub(crate) generation: Generation,
    /// Its status.
    pub(crate) status: Status,
    /// Its reason, if ended.
    pub(crate) reason: Option<EndReason>,
    /// Whether the owner itself wrote the end.
    pub(crate) sealed: bool,
    /// Last event.
    pub(crate) seq: Seq,
    /// Incarnation of the log.
    pub(crate) epoch: Epoch,
}

/// What to do with a save.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Write it.
    Write,
    /// Write it, but the row stays ended as the other program left it, and the active row as it is.
    WriteUnderEnd,
    /// A later save of the same owner is already stored: compare the events, write nothing.
    Overtaken(Seq),
    /// Answer this, write nothing; the sentence is for the log.
    Refuse(Saved, &'static str),
    /// Another program ended the row; the owner is to be told, and to come back with the end.
    EndedElsewhere,
}

/// Judges a save against what is stored.
pub(crate) fn judge(save: &Save, known: Option<&Known>, forgotten: bool) -> Verdict {
    if let Err(why) = well_formed(save) {
        return Verdict::Refuse(Saved::Rejected, why);
    }
    if forgotten {
        return Verdict::Refuse(Saved::Fenced, "the session's records were deleted");
    }
    let Some(known) = known else {
        return fits_log(save, Seq(0));
    };
    if known.boot != save.fence.boot || known.generation > save.fence.generation {
        return Verdict::Refuse(Saved::Fenced, "somebody else owns the session");
    }
    if known.status == Status::Ended {
        match save.row.status {
            // The owner was told and is ending it: its last words belong in the log.
            Status::Completing if !known.sealed => return behind_end(save, known),
            Status::Ended => {}
            _ if !known.sealed => return Verdict::EndedElsewhere,
            _ => {}
        }
        if known.sealed && (save.row.status != Status::Ended || save.row.reason != known.reason) {
            return Verdict::Refuse(Saved::Fenced, "an ended session stays ended");
        }
    }
    if save.row.epoch < known.epoch {
        return Verdict::Refuse(Saved::Rejected, "the log has a later incarnation");
    }
    if save.row.seq < known.seq {
        return Verdict::Overtaken(known.seq);
    }
    if save.row.status < known.status {
        return Verdict::Refuse(Saved::Rejected, "a status never goes back");
    }
    fits_log(save, known.seq)
}

/// A save of a session that another program has ended and whose owner is ending it.
fn behind_end(save: &Save, known: &Known) -> Verdict {
    if save.row.epoch < known.epoch {
        return Verdict::Refuse(Saved::Rejected, "the log has a later incarnation");
    }
    if save.row.seq < known.seq {
        return Verdict::Overtaken(known.seq);
    }
    match fits_log(save, known.seq) {
        Verdict::Write => Verdict::WriteUnderEnd,
        verdict => verdict,
    }
}

fn fits_log(save: &Save, stored: Seq) -> Verdict {
    let reaches = match (save.events.first(), save.events.last()) {
        (Some(first), Some(last)) if first.seq.0 <= stored.0 + 1 => last.seq.max(stored),
        (Some(_), _) => return Verdict::Refuse(Saved::Rejected, "the log would have a hole"),
        (None, _) => stored,
    };
    if save.row.seq == reaches {
        Verdict::Write
    } else {
        Verdict::Refuse(Saved::Rejected, "the row's seq is not the log's end")
    }
}

/// What must hold of a save whatever is stored.
fn well_formed(save: &Save) -> Result<(), &'static str> {
    let row = &save.row;
    if row.session != save.session {
        return Err("the row is of another session");
    }
    if row.reason.is_some() != (row.status == Status::Ended) {
        return Err("a reason stands exactly in an ended row");
    }
    if row.status != Status::Ended && row.deadline_at.is_none() {
        return Err("a session that is not ended has a deadline");
    }
    if let ActiveChange::Upsert { status, .. } = save.active {
        if row.candidate.is_none() {
            return Err("an active row needs a candidate");
        }
        if !matches!(status, Status::Active | Status::Completing) {
            return Err("an active row is active or completing");
        }
    }
    if save.events.first().is_some_and(|first| first.seq.0 == 0) {
        return Err("the first event is number 1");
    }
    let in_order = |pair: &[EventRow]| {
        pair[0]
            .seq
            .0
            .checked_add(1)
            .is_some_and(|next| pair[1].seq.0 == next)
    };
    if !save.events.windows(2).all(in_order) {
        return Err("the events have a hole");
    }
    if save.events.last().is_some_and(|last| last.seq > row.seq) {
        return Err("the row's seq is not the log's end");
    }
    if numbers(save).any(|number| i64::try_from(number).is_err()) {
        return Err("a number is too large");
    }
    Ok(())
}

/// Every number that has to fit the tables' signed 64 bits.
fn numbers(save: &Save) -> impl Iterator<Item = u64> {
    let row = [save.row.seq.0, save.row.duration_ms.unwrap_or(0)];
    let answers = save
        .answers
        .iter()
        .flat_map(|a| [a.from_ms, a.to_ms, a.limit_ms]);
    let segments = save
        .segments
        .iter()
        .flat_map(|s| [s.seq.0, s.start_ms, s.end_ms]);
    row.into_iter().chain(answers).chain(segments)
}
