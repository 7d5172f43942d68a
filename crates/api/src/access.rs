//! Who may do what with a session (the contract's table of rights), as far as the records know.
//! Pure. A running session judges its members again.

use protocol::value::{EndReason, Role};

use protocol::id::SessionId;

use crate::handle::{LiveMember, SessionRecord};
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
    if let Some(access) = everywhere(who) {
        return Some(access);
    }
    let named = record.participants.iter().find(|row| row.user == who.user);
    if let Some(named) = named {
        return Some(Access::As(named.role));
    }
    if record.row.candidate.as_ref() == Some(&who.user) {
        return Some(Access::As(Role::Candidate));
    }
    invitation(who, &record.row.session)
}

/// What this person is to a session nothing is written down of yet, by who is in it: candidates who
/// may create a session by joining leave no row until something happens that lasts.
pub fn access_live(who: &Identity, id: &SessionId, members: &[LiveMember]) -> Option<Access> {
    let member = members.iter().find(|member| member.user_id == who.user);
    everywhere(who)
        .or_else(|| member.map(|member| Access::As(member.role)))
        .or_else(|| invitation(who, id))
}

/// What this person is to every session.
fn everywhere(who: &Identity) -> Option<Access> {
    who.admin.then_some(match who.via {
        Via::Key(_) => Access::ApiKey,
        _ => Access::Admin,
    })
}

/// An invitation by token has to name the session and the role.
fn invitation(who: &Identity, id: &SessionId) -> Option<Access> {
    let invited = who.session.as_ref() == Some(id);
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
