//! Tokens: one algorithm, keys chosen by us, required claims of the right type, time as an argument.
//!
//! Why `exp` and `nbf` are judged here and not by the library: its check reads the system clock
//! says less about what is wrong. Invariants: claims are read only after the signature was found
//! right; nothing of a token but its algorithm is ever in an error.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey, Header};
use parking_lot::Mutex;
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{SessionId, UserId};
use protocol::time::Wall;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::claims::{Claim, ClaimsSet};
use crate::identity::{Identity, NAME_CHARS_MAX, TokenRole, Via};
use crate::keyring::{Algorithm, Fetching, Keyring};
use crate::secret::{Private, Secret};

#[cfg(test)]
mod tests;

/// Longest token that is looked at, bytes.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// The shortest secret that is accepted for signing, bytes: as long as the hash.
pub const SECRET_BYTES_MIN: usize = 32;

/// How tokens are judged and made.
#[derive(Debug, Clone)]
pub struct AuthSettings {
    /// The one algorithm tokens may have.
    pub algorithm: Algorithm,
    /// HS256 key, as bytes of this text. Unused with another algorithm.
    pub secret: Secret<String>,
    /// Public keys. Unused with HS256.
    pub keyring: Arc<Keyring>,
    /// When set: `iss` must be this.
    pub issuer: Option<String>,
    /// When set: `aud` must be this, or a list with this in it.
    pub audience: Option<String>,
    /// How far clocks may be apart, milliseconds.
    pub leeway_ms: u64,
    /// The claim that holds the user.
    pub user_claim: String,
    /// The claim that holds the role.
    pub role_claim: String,
    /// How long tokens made here are good for, milliseconds.
    pub expires_in_ms: u64,
}

impl AuthSettings {
    /// The contract's defaults with this secret.
    pub fn with_secret(secret: impl Into<String>) -> Self {
        Self {
            algorithm: Algorithm::Hs256,
            secret: Secret::new(secret.into()),
            keyring: Arc::default(),
            issuer: None,
            audience: None,
            leeway_ms: 5_000,
            user_claim: "sub".to_owned(),
            role_claim: "role".to_owned(),
            expires_in_ms: 7 * 24 * 3_600_000,
        }
    }
}

/// What was wrong with a token. Holds names of claims and what the server expects, never anything
/// out of the token but its algorithm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// There was none.
    #[error("no token was sent")]
    Required,
    /// Longer than [`TOKEN_BYTES_MAX`].
    #[error("the token is longer than {TOKEN_BYTES_MAX} bytes")]
    TooLarge,
    /// Not three base64url parts around JSON objects.
    #[error("this is no JSON Web Token: it must be header.claims.signature in base64url")]
    Malformed,
    /// Another algorithm than the configured one.
    #[error("the token's algorithm is {found}; this server takes {wanted} and nothing else")]
    Algorithm {
        /// As the token has it.
        found: String,
        /// As configured.
        wanted: &'static str,
    },
    /// Extensions we must understand and do not.
    #[error("the token's header demands extensions (`crit`) this server does not have")]
    Critical,
    /// Signed with another key, or changed since.
    #[error("the signature is wrong: signed with another key, or changed since")]
    Signature,
    /// No key of that `kid` is known.
    #[error("the token's `kid` names no key of this server")]
    UnknownKey,
    /// The keys could not be fetched yet.
    #[error("the keys to check tokens with could not be fetched yet")]
    NoKeys,
    /// The token was taken back.
    #[error("the token was revoked")]
    Revoked,
    /// No ticket of ours, or one that was used or is too old.
    #[error("the ticket is unknown, used or older than a minute")]
    Ticket,
    /// No more tickets.
    #[error("too many tickets wait to be used")]
    TooManyTickets,
    /// No API key of ours, or one that was taken back.
    #[error("the API key is unknown or was revoked")]
    Key,
    /// A claim that must be there is not.
    #[error("the claim `{0}` is missing")]
    Missing(String),
    /// A claim is there and has a wrong type or an impossible value.
    #[error("the claim `{claim}` must be {expected}")]
    Claim {
        /// Which.
        claim: String,
        /// What it must be.
        expected: &'static str,
    },
    /// `nbf` lies ahead.
    #[error("the token is not valid yet: `nbf` is {ahead_s} s ahead of this server's clock")]
    NotYet {
        /// How far, seconds.
        ahead_s: u64,
    },
    /// `exp` is past.
    #[error("the token expired {ago_s} s ago")]
    Expired {
        /// How long ago, seconds.
        ago_s: u64,
    },
    /// `iss` is not the configured issuer.
    #[error("the claim `iss` must be {expected:?}")]
    Issuer {
        /// The configured one.
        expected: String,
    },
    /// `aud` does not name the configured audience.
    #[error("the claim `aud` must name {expected:?}")]
    Audience {
        /// The configured one.
        expected: String,
    },
    /// A token could not be made.
    #[error("the token could not be signed")]
    Signing,
    /// There is nothing to sign tokens with.
    #[error("this server checks tokens with public keys and makes none itself")]
    NoSigner,
}

impl AuthError {
    /// The stable code a client gets.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Required => ErrorCode::AuthRequired,
            Self::Expired { .. } => ErrorCode::TokenExpired,
            Self::Signing => ErrorCode::Internal,
            Self::NoSigner => ErrorCode::NotSupported,
            Self::Revoked => ErrorCode::TokenRevoked,
            Self::NoKeys => ErrorCode::Busy,
            Self::TooManyTickets => ErrorCode::Limited,
            _ => ErrorCode::TokenInvalid,
        }
    }
}

impl From<AuthError> for Refusal {
    /// Clients get the code's own sentence: what exactly was wrong with a token is for whoever
    /// holds the secret (`greenroom token inspect`).
    fn from(error: AuthError) -> Self {
        let code = error.code();
        match error {
            AuthError::Ticket => Self::because(
                code,
                "This ticket is unknown, used or older than a minute. Please get a new one.",
            ),
            AuthError::Key => Self::because(code, "The API key is unknown or was revoked."),
            AuthError::TooManyTickets => {
                Self::because(code, "Too many tickets wait to be used.").retry_after(60_000)
            }
            AuthError::NoKeys => Self::because(
                code,
                "The keys to check tokens with cannot be reached. Please try again in a moment.",
            )
            .retry_after(5_000),
            _ => Self::new(code),
        }
    }
}

/// What a token made here says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Whom it is for.
    pub user: UserId,
    /// What to call them.
    pub name: Option<String>,
    /// As what they come.
    pub role: Option<TokenRole>,
    /// The one session it is an invitation to.
    pub session: Option<SessionId>,
    /// Good for this long, milliseconds; none: as configured.
    pub expires_in_ms: Option<u64>,
}

impl Claims {
    /// For this user and nothing else.
    pub fn of(user: UserId) -> Self {
        Self {
            user,
            name: None,
            role: None,
            session: None,
            expires_in_ms: None,
        }
    }
}

/// Judges and makes tokens. Cheap to share. A check with HS256 costs a few microseconds, one with
/// a public key some hundred; the latter is remembered, since clients show a token again and again.
pub struct Verifier {
    settings: AuthSettings,
    /// Headers that are known to be good, as they stand in a token.
    headers: [String; 2],
    decoding: DecodingKey,
    encoding: EncodingKey,
    seen: Mutex<Seen>,
}

/// Claims of tokens whose signature was found right, by the hash of the whole token; as they stand.
#[derive(Default)]
struct Seen {
    /// The keys they were checked with.
    keys: u64,
    claims: HashMap<[u8; 32], Arc<[u8]>>,
}

/// Tokens whose signature is remembered.
const SEEN_MAX: usize = 2_048;

impl Seen {
    /// What was checked with other keys counts no more.
    fn with(&mut self, keys: u64) -> &mut HashMap<[u8; 32], Arc<[u8]>> {
        if self.keys < keys {
            self.keys = keys;
            self.claims.clear();
        }
        &mut self.claims
    }

    fn get(&mut self, keys: u64, hash: &[u8; 32]) -> Option<Arc<[u8]>> {
        self.with(keys).get(hash).cloned()
    }

    fn insert(&mut self, keys: u64, hash: [u8; 32], claims: Arc<[u8]>) {
        if self.keys > keys {
            return;
        }
        let known = self.with(keys);
        // Rare, and cheaper than a list of who came last.
        if known.len() >= SEEN_MAX {
            known.clear();
        }
        known.insert(hash, claims);
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Verifier {
    /// Ready to judge. Whether the secret is strong enough is the configuration's question.
    pub fn new(settings: AuthSettings) -> Self {
        let key = settings.secret.reveal().as_bytes();
        let alg = settings.algorithm.as_str();
        // As nearly every library writes it; what is written otherwise is read.
        let headers = [
            format!("{{\"alg\":\"{alg}\",\"typ\":\"JWT\"}}"),
            format!("{{\"typ\":\"JWT\",\"alg\":\"{alg}\"}}"),
        ];
        Self {
            headers: headers.map(|header| URL_SAFE_NO_PAD.encode(header)),
            decoding: DecodingKey::from_secret(key),
            encoding: EncodingKey::from_secret(key),
            seen: Mutex::default(),
            settings,
        }
    }

    /// Whether it can make tokens: with a shared secret alone.
    pub fn can_issue(&self) -> bool {
        self.settings.algorithm == Algorithm::Hs256
    }

    /// Has the public keys fetched anew, if that is due.
    pub fn refetch(&self) -> Option<Fetching> {
        self.settings.keyring.refetch()
    }

    /// How long tokens made here are good for where nothing else is said, milliseconds.
    pub fn expires_in_ms(&self) -> u64 {
        self.settings.expires_in_ms
    }

    /// Who the bearer of this token is, at this time.
    pub fn verify(&self, token: &str, now: Wall) -> Result<Identity, AuthError> {
        let claims = self.signed(token)?;
        let claims = ClaimsSet::read(&claims).ok_or(AuthError::Malformed)?;
        self.judge(&claims, now)
    }

    /// The claims of a token whose signature is right, as they stand.
    fn signed(&self, token: &str) -> Result<Vec<u8>, AuthError> {
        if token.is_empty() {
            return Err(AuthError::Required);
        }
        if token.len() > TOKEN_BYTES_MAX {
            return Err(AuthError::TooLarge);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(AuthError::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(AuthError::Malformed)?;
        let kid = self.header(header)?;
        if claims.contains('.') {
            return Err(AuthError::Malformed);
        }
        let algorithm = self.settings.algorithm;
        let message = message.as_bytes();
        let check = |key: &DecodingKey| {
            jsonwebtoken::crypto::verify(signature, message, key, algorithm.library())
        };
        if algorithm == Algorithm::Hs256 {
            return match check(&self.decoding) {
                Ok(true) => decoded(claims).ok_or(AuthError::Malformed),
                Ok(false) => Err(AuthError::Signature),
                Err(_) => Err(AuthError::Malformed),
            };
        }
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let keyring = &self.settings.keyring;
        let keys = keyring.version();
        if let Some(claims) = self.seen.lock().get(keys, &hash) {
            return Ok(claims.to_vec());
        }
        let fits = |key: &crate::keyring::PublicKey| check(key.decoding()).unwrap_or(false);
        match keyring.any(kid.as_deref(), fits) {
            Some(true) => {}
            Some(false) => return Err(AuthError::Signature),
            None if keyring.is_empty() => return Err(AuthError::NoKeys),
            None => return Err(AuthError::UnknownKey),
        }
        let claims = decoded(claims).ok_or(AuthError::Malformed)?;
        let known = Arc::from(claims.as_slice());
        self.seen.lock().insert(keys, hash, known);
        Ok(claims)
    }

    /// Whether a header asks for what this server does; the name of its key, if it has one.
    fn header(&self, header: &str) -> Result<Option<String>, AuthError> {
        if self.headers.iter().any(|known| known == header) {
            return Ok(None);
        }
        let header = object(header).ok_or(AuthError::Malformed)?;
        let wanted = self.settings.algorithm.as_str();
        match header.get("alg").and_then(Value::as_str) {
            Some(found) if found == wanted => {}
            Some(other) => {
                let found = showable(other);
                return Err(AuthError::Algorithm { found, wanted });
            }
            None => return Err(AuthError::Malformed),
        }
        if header.contains_key("crit") {
            return Err(AuthError::Critical);
        }
        let kid = header.get("kid").and_then(Value::as_str);
        Ok(kid.map(str::to_owned))
    }

    fn judge(&self, claims: &ClaimsSet<'_>, now: Wall) -> Result<Identity, AuthError> {
        let leeway = i64::try_from(self.settings.leeway_ms).unwrap_or(i64::MAX);
        let expires_at = time(claims, "exp")?.ok_or_else(|| AuthError::Missing("exp".into()))?;
        let past = now.0.saturating_sub(expires_at.0);
        if past > leeway {
            return Err(AuthError::Expired {
                ago_s: past.unsigned_abs() / 1000,
            });
        }
        if let Some(from) = time(claims, "nbf")? {
            let ahead = from.0.saturating_sub(now.0);
            if ahead > leeway {
                return Err(AuthError::NotYet {
                    ahead_s: ahead.unsigned_abs().div_ceil(1000),
                });
            }
        }
        self.judge_parties(claims)?;

        let subject = user(claims, "sub")?;
        let user = match self.settings.user_claim.as_str() {
            "sub" => subject,
            other => user(claims, other)?,
        };
        let role = self.role(claims)?;
        Ok(Identity {
            user,
            name: name(claims)?,
            role: match role {
                Some(TokenRole::Session(role)) => Some(role),
                _ => None,
            },
            admin: role == Some(TokenRole::Admin),
            session: session(claims)?,
            via: Via::Token,
            issued_at: time(claims, "iat")?.unwrap_or_default(),
            expires_at,
        })
    }

    /// `iss` and `aud`, where configured.
    fn judge_parties(&self, claims: &ClaimsSet<'_>) -> Result<(), AuthError> {
        if let Some(expected) = &self.settings.issuer {
            let issuer = text(claims, "iss", "a text")?;
            match issuer {
                None => return Err(AuthError::Missing("iss".into())),
                Some(issuer) if issuer == expected => {}
                Some(_) => {
                    return Err(AuthError::Issuer {
                        expected: expected.clone(),
                    });
                }
            }
        }
        let Some(expected) = &self.settings.audience else {
            return Ok(());
        };
        let named = match claims.get("aud") {
            None => return Err(AuthError::Missing("aud".into())),
            Some(Claim::Text(one)) => one == expected,
            Some(Claim::Other(Value::Array(many))) if many.iter().all(Value::is_string) => {
                many.iter().any(|one| one.as_str() == Some(expected))
            }
            Some(_) => {
                return Err(AuthError::Claim {
                    claim: "aud".into(),
                    expected: "a text or a list of texts",
                });
            }
        };
        if named {
            Ok(())
        } else {
            Err(AuthError::Audience {
                expected: expected.clone(),
            })
        }
    }

    /// A word that is no role of ours gives no role: identity providers have words of their own,
    /// and less than asked for is the safe reading.
    fn role(&self, claims: &ClaimsSet<'_>) -> Result<Option<TokenRole>, AuthError> {
        let word = text(claims, &self.settings.role_claim, "a text")?;
        Ok(word.and_then(TokenRole::parse))
    }

    /// Makes a token.
    ///
    /// # Errors
    /// With public keys there is nothing to sign with.
    pub fn issue(&self, claims: &Claims, now: Wall) -> Result<String, AuthError> {
        if !self.can_issue() {
            return Err(AuthError::NoSigner);
        }
        let lasts = claims.expires_in_ms.unwrap_or(self.settings.expires_in_ms);
        let mut body = Map::new();
        body.insert("sub".into(), claims.user.as_str().into());
        if self.settings.user_claim != "sub" {
            let key = self.settings.user_claim.clone();
            body.insert(key, claims.user.as_str().into());
        }
        body.insert("iat".into(), now.0.div_euclid(1000).into());
        body.insert("exp".into(), now.after(lasts).0.div_euclid(1000).into());
        if let Some(name) = &claims.name {
            body.insert("name".into(), name.as_str().into());
        }
        if let Some(role) = claims.role {
            body.insert(self.settings.role_claim.clone(), role.as_str().into());
        }
        if let Some(session) = &claims.session {
            body.insert("session".into(), session.as_str().into());
        }
        if let Some(issuer) = &self.settings.issuer {
            body.insert("iss".into(), issuer.as_str().into());
        }
        if let Some(audience) = &self.settings.audience {
            body.insert("aud".into(), audience.as_str().into());
        }
        let header = Header::new(Algorithm::Hs256.library());
        jsonwebtoken::encode(&header, &body, &self.encoding).map_err(|_| AuthError::Signing)
    }
}

/// Header and claims of a token as they stand, judged by nobody: for showing to its holder.
pub fn peek(token: &str) -> Option<(Map<String, Value>, Map<String, Value>)> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let mut parts = token.split('.');
    let (header, claims) = (object(parts.next()?)?, object(parts.next()?)?);
    Some((header, claims))
}

/// The token of an `Authorization: Bearer` header, if that is what it is.
pub fn bearer(headers: &http::HeaderMap) -> Option<&str> {
    let value = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The `X-API-Key` of a request.
pub fn api_key(headers: &http::HeaderMap) -> Option<&str> {
    let key = headers.get("x-api-key")?.to_str().ok()?.trim();
    key.starts_with(crate::apikey::PREFIX).then_some(key)
}

/// The `token` or `ticket` of a query string.
pub fn query_value<'q>(query: Option<&'q str>, name: &str) -> Option<&'q str> {
    // Both are base64url, dots and underscores, so nothing in them is ever percent-encoded.
    query?
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        .filter(|value| !value.is_empty())
}

fn decoded(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&decoded(part)?).ok()
}

/// What the header calls its algorithm, made fit to be shown.
fn showable(algorithm: &str) -> String {
    let fit = algorithm.chars().filter(char::is_ascii_graphic);
    fit.take(16).collect()
}

fn text<'a>(
    claims: &'a ClaimsSet<'_>,
    claim: &str,
    expected: &'static str,
) -> Result<Option<&'a str>, AuthError> {
    match claims.get(claim) {
        None | Some(Claim::Other(Value::Null)) => Ok(None),
        Some(Claim::Text(text)) => Ok(Some(text)),
        Some(_) => Err(AuthError::Claim {
            claim: claim.into(),
            expected,
        }),
    }
}

/// A NumericDate: seconds since the epoch, fractions allowed.
fn time(claims: &ClaimsSet<'_>, claim: &str) -> Result<Option<Wall>, AuthError> {
    /// The year 9999; beyond it lies only nonsense.
    const SECONDS_MAX: f64 = 253_402_300_799.0;
    let Some(value) = claims.get(claim) else {
        return Ok(None);
    };
    let number = match value {
        Claim::Other(value) => value.as_f64(),
        Claim::Text(_) => None,
    };
    match number {
        Some(seconds) if (0.0..=SECONDS_MAX).contains(&seconds) => {
            Ok(Some(Wall((seconds * 1000.0) as i64)))
        }
        _ => Err(AuthError::Claim {
            claim: claim.into(),
            expected: "a number: seconds since 1970",
        }),
    }
}

fn user(claims: &ClaimsSet<'_>, claim: &str) -> Result<UserId, AuthError> {
    const EXPECTED: &str = "a user id: 1 to 64 letters, digits and . _ : @ + | ~ = -";
    let found = text(claims, claim, EXPECTED)?;
    let found = found.ok_or_else(|| AuthError::Missing(claim.into()))?;
    UserId::parse(found).map_err(|_| AuthError::Claim {
        claim: claim.into(),
        expected: EXPECTED,
    })
}

fn session(claims: &ClaimsSet<'_>) -> Result<Option<SessionId>, AuthError> {
    const EXPECTED: &str = "a session id: 1 to 64 letters, digits and . _ : @ + | ~ = -";
    text(claims, "session", EXPECTED)?
        .map(SessionId::parse)
        .transpose()
        .map_err(|_| AuthError::Claim {
            claim: "session".into(),
            expected: EXPECTED,
        })
}

fn name(claims: &ClaimsSet<'_>) -> Result<Option<Private<Arc<str>>>, AuthError> {
    let found = text(claims, "name", "a text")?;
    Ok(found.and_then(|name| {
        let kept: String = name
            .trim()
            .chars()
            .filter(|c| !c.is_control())
            .take(NAME_CHARS_MAX)
            .collect();
        (!kept.is_empty()).then(|| Private(kept.into()))
    }))
}
