//! Who may do what with a session (the contract's table of rights), as far as the records know.
//! Pure. A running session judges its members again.

use protocol::value::{EndReason, Role};

use crate::handle::SessionRecord;
use crate::identity::{Identity, Via};

/// What somebody is to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Named in it, or holding an invitation to it.
    As(Role),
    /// An administrator.
    Admin,
    /// A back end with an API key.
    ApiKey,
}

/// What this person is to this session; none: nothing, and to them it does not exist.
pub fn access(who: &Identity, record: &SessionRecord) -> Option<Access> {
    if who.admin {
        let by_key = matches!(who.via, Via::Key(_));
        return Some(if by_key {
            Access::ApiKey
        } else {
            Access::Admin
        });
    }
    let named = record.participants.iter().find(|row| row.user == who.user);
    if let Some(named) = named {
        return Some(Access::As(named.role));
    }
    if record.row.candidate.as_ref() == Some(&who.user) {
        return Some(Access::As(Role::Candidate));
    }
    // An invitation by token has to name the session and the role.
    let invited = who.session.as_ref() == Some(&record.row.session);
    who.role.filter(|_| invited).map(Access::As)
}

impl Access {
    /// The reason an end on their behalf has; none: they may not end it.
    pub fn end_reason(self) -> Option<EndReason> {
        match self {
            Self::As(Role::Candidate) => Some(EndReason::CandidateEnded),
            Self::As(Role::Interviewer) => Some(EndReason::InterviewerEnded),
            Self::As(Role::Observer) => None,
            Self::Admin => Some(EndReason::AdminEnded),
            Self::ApiKey => Some(EndReason::ApiEnded),
        }
    }
}
