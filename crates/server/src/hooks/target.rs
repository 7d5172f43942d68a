//! Where webhooks may go, and the client that sends them there. An address is checked after its
//! name was resolved, and exactly the checked addresses are connected to, so that no name can lead
//! into the operator's own network. Redirects are not followed, proxies not used.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use api::secret::Secret;
use http::Uri;
use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// Endpoints of one server.
pub const ENDPOINTS_MAX: usize = 8;
/// What is read of an answer, so that the connection can be used again.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;

/// Where messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The address. Its query may be a secret.
    url: Secret<String>,
    /// The address without its query: for logs and lists.
    pub label: String,
}

impl Endpoint {
    /// Takes an address: `https`, or with `allow_private` also `http`; no user and password in it.
    ///
    /// # Errors
    /// What is wrong, to complete the sentence "must be …".
    pub fn parse(text: &str, allow_private: bool) -> Result<Self, &'static str> {
        const WANTED: &str = "https addresses like \"https://hooks.example.org/greenroom\"";
        let uri: Uri = text.parse().map_err(|_| WANTED)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(WANTED)?;
        if uri
            .authority()
            .is_some_and(|whole| whole.as_str().contains('@'))
        {
            return Err("addresses without a user or password");
        }
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if allow_private => {}
            Some("http") => return Err("https addresses, unless webhooks.allow_private is true"),
            _ => return Err(WANTED),
        }
        let literal = host.trim_matches(['[', ']']).parse::<IpAddr>();
        if literal.is_ok_and(|address| !allow_private && !is_public(address)) {
            return Err("public addresses, unless webhooks.allow_private is true");
        }
        let label = text.split(['?', '#']).next().unwrap_or_default();
        Ok(Self {
            url: Secret::new(text.to_owned()),
            label: label.to_owned(),
        })
    }
}

/// Whether an address belongs to the public internet: not this machine, not a private, shared or
/// link-local network, not reserved, and no other way of writing one of those.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        // Shared by providers (RFC 6598).
        || (a == 100 && b & 0xC0 == 64)
        // Protocol assignments, benchmarks, reserved.
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && b & 0xFE == 18)
        || a >= 240)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        // ::, ::1, IPv4-mapped and -compatible.
        [0, 0, 0, 0, 0, 0xFFFF, high, low] => inner(high, low),
        [0, 0, 0, 0, 0, 0, ..] => false,
        // NAT64 and 6to4 lead to an IPv4 address.
        [0x64, 0xFF9B, 0, 0, 0, 0, high, low] => inner(high, low),
        [0x64, 0xFF9B, ..] => false,
        [0x2002, high, low, ..] => inner(high, low),
        // Teredo and other protocol assignments, documentation.
        [0x2001, second, ..] if second < 0x200 || second == 0xDB8 => false,
        [0x3FFF, second, ..] if second < 0x1000 => false,
        // Only 2000::/3 is given out; what is private or link-local lies outside of it.
        [first, ..] => first & 0xE000 == 0x2000,
    }
}

/// Resolves as the system does, and hands out nothing when any address is not public.
#[derive(Debug)]
struct Checked {
    allow_private: bool,
    system: DefaultResolver,
}

impl Resolver for Checked {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.system.resolve(uri, config, timeout)?;
        let all_public = found.iter().all(|address| is_public(address.ip()));
        if self.allow_private || all_public {
            return Ok(found);
        }
        Err(ureq::Error::Other(Box::new(Private)))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the address is not a public one")]
struct Private;

/// Why an attempt failed. Says nothing of what the receiver answered but its status.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// An answer outside 200 to 299.
    #[error("answered {0}")]
    Status(u16),
    /// The name leads to an address that is not public.
    #[error("the address is not a public one (webhooks.allow_private is false)")]
    Private,
    /// No answer.
    #[error("no answer: {0}")]
    Http(String),
}

impl SendError {
    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(*status),
            Self::Private | Self::Http(_) => None,
        }
    }

    /// Whether another attempt is useless: the receiver says it is gone for good.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Status(410))
    }
}

/// Sends messages; one at a time.
pub struct Sender {
    agent: ureq::Agent,
}

impl Sender {
    /// With these rules.
    pub fn new(allow_private: bool, timeout: Duration) -> Self {
        let config = Config::builder()
            .timeout_global(Some(timeout))
            .https_only(!allow_private)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .proxy(None)
            .max_idle_connections(1)
            .user_agent("greenroom-webhooks")
            .build();
        let resolver = Checked {
            allow_private,
            system: DefaultResolver::default(),
        };
        Self {
            agent: ureq::Agent::with_parts(config, DefaultConnector::default(), resolver),
        }
    }

    /// One attempt; the status of an answer from 200 to 299.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send(
        &self,
        endpoint: &Endpoint,
        id: &str,
        stamp: i64,
        signature: &str,
        body: &str,
    ) -> Result<u16, SendError> {
        let sent = self
            .agent
            .post(endpoint.url.reveal())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", stamp.to_string())
            .header("webhook-signature", signature)
            .send(body);
        let mut answer = sent.map_err(|error| match error {
            ureq::Error::Other(other) if other.is::<Private>() => SendError::Private,
            error => SendError::Http(reason(&error)),
        })?;
        let status = answer.status().as_u16();
        // Whatever it says: read to its end, within bounds, for the connection's sake.
        let rest = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        let _ = rest.read_to_vec();
        match status {
            200..=299 => Ok(status),
            status => Err(SendError::Status(status)),
        }
    }
}

/// Why there was no answer, in a few words that cannot hold the address.
fn reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "it took too long".to_owned(),
        ureq::Error::HostNotFound => "its name is not known".to_owned(),
        ureq::Error::ConnectionFailed => "it cannot be connected to".to_owned(),
        ureq::Error::Io(error) => error.kind().to_string(),
        ureq::Error::Tls(why) => format!("TLS: {why}"),
        ureq::Error::Rustls(error) => format!("TLS: {error}"),
        _ => "what came is no HTTP answer".to_owned(),
    }
}
