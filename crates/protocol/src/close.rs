//! The one table of close codes: number, word, whether the client should come back.

use crate::value::words;

/// Why the server closes a connection. The numbers are the plain door's close codes; Socket.IO
/// clients get number and word in a `connection:closing` event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// The session is over.
    SessionOver,
    /// Not authenticated.
    Unauthenticated,
    /// Authenticated, but not allowed; also a wrong origin.
    Forbidden,
    /// A newer connection of the same user took the seat.
    Replaced,
    /// The token expired while the connection was open.
    TokenExpired,
    /// The server restarts.
    Restart,
    /// The client does not read fast enough.
    SlowConsumer,
    /// The client was silent too long.
    HeartbeatMissed,
    /// A limit was reached.
    Limited,
    /// RFC 6455: protocol error.
    Protocol,
    /// RFC 6455: a type of data that cannot be accepted.
    Unsupported,
    /// RFC 6455: data inconsistent with its type (UTF-8).
    BadData,
    /// RFC 6455: policy violated.
    Policy,
    /// RFC 6455: message too big.
    TooBig,
    /// RFC 6455: a fault of the server.
    ServerError,
}

words! {
    /// What a client should do after a close.
    ComeBack {
        /// Stay away.
        No = "no",
        /// Connect again and resume.
        Resume = "resume",
        /// Connect again with a new token and resume.
        WithNewToken = "with_new_token",
        /// Wait as long as it was told, then connect and resume.
        AfterDelay = "after_delay",
    }
}

/// Codes a client sees though this server never sends them: number, what happened, what to do.
/// 1005 stands for a close without a code.
pub const SEEN: &[(u16, &str, ComeBack)] = &[
    (1001, "The other side went away.", ComeBack::Resume),
    (1005, "Closed without a code.", ComeBack::Resume),
    (1006, "The connection was lost.", ComeBack::Resume),
    (1012, "Something between restarts.", ComeBack::Resume),
];

impl CloseCode {
    /// Every code, in the order of the contract's table.
    pub const ALL: &[Self] = &[
        Self::SessionOver,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::Replaced,
        Self::TokenExpired,
        Self::Restart,
        Self::SlowConsumer,
        Self::HeartbeatMissed,
        Self::Limited,
        Self::Protocol,
        Self::Unsupported,
        Self::BadData,
        Self::Policy,
        Self::TooBig,
        Self::ServerError,
    ];

    /// The number in the close frame.
    pub fn number(self) -> u16 {
        self.row().0
    }

    /// The reason in the close frame: a stable word.
    pub fn reason(self) -> &'static str {
        self.row().1
    }

    /// What the client should do.
    pub fn come_back(self) -> ComeBack {
        self.row().2
    }

    /// The code of a number, if the number is in the table.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|c| c.number() == number)
    }

    /// What it means, as a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::SessionOver => "The session is over; `session_ended` came first.",
            Self::Unauthenticated => "Not authenticated; `connection:error` says why.",
            Self::Forbidden => "Authenticated, but not allowed; also a wrong origin.",
            Self::Replaced => "A newer connection of the same user took the seat.",
            Self::TokenExpired => "The token expired while the connection was open.",
            Self::Restart => "The server restarts; `server:draining` said when to come back.",
            Self::SlowConsumer => "The client does not read fast enough.",
            Self::HeartbeatMissed => "The client was silent too long.",
            Self::Limited => "A limit was reached.",
            Self::Protocol => "The client broke the WebSocket protocol.",
            Self::Unsupported => "A kind of data this server does not take.",
            Self::BadData => "Text that is not UTF-8.",
            Self::Policy => "A rule of this server was broken.",
            Self::TooBig => "A message larger than this server accepts.",
            Self::ServerError => "A fault of the server.",
        }
    }

    fn row(self) -> (u16, &'static str, ComeBack) {
        match self {
            Self::SessionOver => (1000, "session_over", ComeBack::No),
            Self::Unauthenticated => (4401, "not_authenticated", ComeBack::No),
            Self::Forbidden => (4403, "not_allowed", ComeBack::No),
            Self::Replaced => (4409, "replaced", ComeBack::No),
            Self::TokenExpired => (4410, "token_expired", ComeBack::WithNewToken),
            Self::Restart => (4420, "server_restart", ComeBack::AfterDelay),
            Self::SlowConsumer => (4421, "slow_consumer", ComeBack::Resume),
            Self::HeartbeatMissed => (4422, "heartbeat_missed", ComeBack::Resume),
            Self::Limited => (4429, "limited", ComeBack::AfterDelay),
            Self::Protocol => (1002, "protocol_error", ComeBack::No),
            Self::Unsupported => (1003, "unsupported_data", ComeBack::No),
            Self::BadData => (1007, "invalid_data", ComeBack::No),
            Self::Policy => (1008, "policy", ComeBack::No),
            Self::TooBig => (1009, "too_big", ComeBack::No),
            Self::ServerError => (1011, "server_error", ComeBack::Resume),
        }
    }
}
