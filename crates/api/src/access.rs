//! Who may do what with a session (the contract's table of rights), as far as the records know.
//! Pure. A running session judges its members again.

use protocol::id::SessionId;
use protocol::value::{EndReason, Role};

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
    let named = record.participants.iter().find(|row| row.user == who.user);
    let named = named.map(|row| row.role);
    let is_candidate = record.row.candidate.as_ref() == Some(&who.user);
    let role = named.or(is_candidate.then_some(Role::Candidate));
    judged(who, &record.row.session, role)
}

/// The same for a session that runs and is not in the records yet: the first join is answered
/// before it is stored.
pub fn access_live(who: &Identity, id: &SessionId, members: &[LiveMember]) -> Option<Access> {
    let member = members.iter().find(|member| member.user_id == who.user);
    judged(who, id, member.map(|member| member.role))
}

/// `role`: what the session knows them as.
fn judged(who: &Identity, session: &SessionId, role: Option<Role>) -> Option<Access> {
    if who.admin {
        let by_key = matches!(who.via, Via::Key(_));
        return Some(if by_key {
            Access::ApiKey
        } else {
            Access::Admin
        });
    }
    // An invitation by token has to name the session and the role.
    let invited = who.session.as_ref() == Some(session);
    let invited = who.role.filter(|_| invited);
    role.or(invited).map(Access::As)
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
