//! Public keys that tokens are checked with: out of a PEM text, out of a JWKS document, and the
//! ring that holds both. A key is chosen by us: a token's `kid` is only an index into the ring, and
//! a key is used with the one configured algorithm. No IO: who fetches the document is behind
//! [`Refetch`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use parking_lot::RwLock;
use rsa::pkcs1::DecodeRsaPublicKey as _;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::traits::PublicKeyParts as _;
use serde::Deserialize;

#[cfg(test)]
pub(crate) mod tests;

/// Keys of one ring; a document with more is refused.
pub const KEYS_MAX: usize = 32;
/// Longest `kid` that is kept, bytes.
const KID_BYTES_MAX: usize = 256;
/// RSA keys: fewer bits are weak, more cost too much time on each token.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=4_096;

/// How tokens are signed. Exactly one is configured; a token with another is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256 and a shared secret.
    Hs256,
    /// RSA PKCS #1 v1.5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    /// As a token's header has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }

    pub(crate) fn library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
        }
    }
}

/// Why keys cannot be used. Says nothing of what is in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A PEM block is no public key of the configured kind.
    #[error("block {0} is no public key for {1} (`BEGIN PUBLIC KEY`)")]
    Pem(usize, &'static str),
    /// There is no PEM block.
    #[error("there is no PEM block (`BEGIN PUBLIC KEY`)")]
    Empty,
    /// Too many keys.
    #[error("there are more than {KEYS_MAX} keys")]
    TooMany,
    /// No JWKS.
    #[error("it is no JWKS document: {{\"keys\":[…]}}")]
    Jwks,
    /// A JWKS without a key for us.
    #[error("none of its keys is for {0}")]
    None(&'static str),
    /// An RSA key that is too short or too long.
    #[error("an RSA key must have 2048 to 4096 bits, this one has {0}")]
    Bits(usize),
    /// HS256 has no public keys.
    #[error("HS256 has a secret, no public keys")]
    Symmetric,
}

/// A public key.
#[derive(Clone)]
pub struct PublicKey {
    kid: Option<Box<str>>,
    decoding: DecodingKey,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublicKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl PublicKey {
    pub(crate) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

/// Every key of a PEM text, for this algorithm.
///
/// # Errors
/// A block that is no such key, or no block at all.
pub fn from_pem(algorithm: Algorithm, text: &str) -> Result<Vec<PublicKey>, KeyError> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find("-----BEGIN ") {
        const END: &str = "-----END ";
        let block = &rest[begin..];
        let nth = keys.len() + 1;
        let wrong = || KeyError::Pem(nth, algorithm.as_str());
        let end = block.find(END).ok_or_else(wrong)?;
        let line = block[end..].find('\n').unwrap_or(block.len() - end);
        let block = block[..end + line].trim_end();
        let decoding = match algorithm {
            Algorithm::Hs256 => return Err(KeyError::Symmetric),
            Algorithm::Rs256 => {
                let key = rsa::RsaPublicKey::from_public_key_pem(block)
                    .ok()
                    .or_else(|| rsa::RsaPublicKey::from_pkcs1_pem(block).ok());
                rsa_key(&key.ok_or_else(wrong)?)?
            }
            Algorithm::Es256 => {
                let key = p256::PublicKey::from_public_key_pem(block).map_err(|_| wrong())?;
                DecodingKey::from_ec_der(&key.to_sec1_bytes())
            }
        };
        keys.push(PublicKey {
            kid: None,
            decoding,
        });
        rest = &rest[begin + end + line..];
    }
    match keys.len() {
        0 => Err(KeyError::Empty),
        1..=KEYS_MAX => Ok(keys),
        _ => Err(KeyError::TooMany),
    }
}

fn rsa_key(key: &rsa::RsaPublicKey) -> Result<DecodingKey, KeyError> {
    let bits = key.n().bits();
    if !RSA_BITS.contains(&bits) {
        return Err(KeyError::Bits(bits));
    }
    let (n, e) = (key.n().to_bytes_be(), key.e().to_bytes_be());
    Ok(DecodingKey::from_rsa_raw_components(&n, &e))
}

/// A key as a JWKS has it. What else is in it is passed over.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<serde_json::Value>,
}

/// The keys of a JWKS document that are for this algorithm; others in it are passed over.
///
/// # Errors
/// No such document, too many keys, or none for this algorithm.
pub fn from_jwks(algorithm: Algorithm, document: &[u8]) -> Result<Vec<PublicKey>, KeyError> {
    if algorithm == Algorithm::Hs256 {
        return Err(KeyError::Symmetric);
    }
    let document: Jwks = serde_json::from_slice(document).map_err(|_| KeyError::Jwks)?;
    if document.keys.len() > KEYS_MAX {
        return Err(KeyError::TooMany);
    }
    let keys: Vec<PublicKey> = document
        .keys
        .into_iter()
        .filter_map(|value| serde_json::from_value(value).ok())
        .filter_map(|jwk| key_of(algorithm, jwk))
        .collect();
    if keys.is_empty() {
        return Err(KeyError::None(algorithm.as_str()));
    }
    Ok(keys)
}

fn key_of(algorithm: Algorithm, jwk: Jwk) -> Option<PublicKey> {
    let fits = jwk.alg.is_none_or(|alg| alg == algorithm.as_str());
    let signs = jwk.r#use.is_none_or(|purpose| purpose == "sig");
    let kid = jwk.kid.map(String::into_boxed_str);
    if !fits || !signs || kid.as_ref().is_some_and(|kid| kid.len() > KID_BYTES_MAX) {
        return None;
    }
    let bytes = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
    let decoding = match (algorithm, jwk.kty.as_str()) {
        (Algorithm::Rs256, "RSA") => {
            let big = |text| Some(rsa::BigUint::from_bytes_be(&bytes(text)?));
            let key = rsa::RsaPublicKey::new(big(jwk.n)?, big(jwk.e)?).ok()?;
            rsa_key(&key).ok()?
        }
        (Algorithm::Es256, "EC") if jwk.crv.as_deref() == Some("P-256") => {
            let (x, y) = (bytes(jwk.x)?, bytes(jwk.y)?);
            let point = [&[4], x.as_slice(), y.as_slice()].concat();
            // Refuses points that are not on the curve.
            let key = p256::PublicKey::from_sec1_bytes(&point).ok()?;
            DecodingKey::from_ec_der(&key.to_sec1_bytes())
        }
        _ => return None,
    };
    Some(PublicKey { kid, decoding })
}

/// A fetch of the document that is under way; over when it succeeded or failed.
pub type Fetching = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Whoever fetches the document.
pub trait Refetch: Send + Sync {
    /// Has it fetched, or joins a fetch that is under way. None: it was fetched a moment ago, and a
    /// stranger's made-up `kid` is no reason to do it again.
    fn refetch(&self) -> Option<Fetching>;
}

/// Keys that are tried with one token: without a `kid` there may be several.
const TRIES_MAX: usize = 4;

/// The keys in force.
#[derive(Default)]
pub struct Keyring {
    fixed: Vec<PublicKey>,
    version: AtomicU64,
    fetched: RwLock<Arc<Vec<PublicKey>>>,
    fetcher: RwLock<Option<Arc<dyn Refetch>>>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring")
            .field("fixed", &self.fixed)
            .field("fetched", &*self.fetched.read())
            .finish_non_exhaustive()
    }
}

impl Keyring {
    /// A ring with these keys in it for good.
    pub fn new(fixed: Vec<PublicKey>) -> Self {
        Self {
            fixed,
            ..Self::default()
        }
    }

    /// From now on this one is asked for keys nobody knows.
    pub fn fetch_with(&self, fetcher: Arc<dyn Refetch>) {
        *self.fetcher.write() = Some(fetcher);
    }

    /// Puts the fetched keys in the place of those fetched before.
    pub fn replace(&self, keys: Vec<PublicKey>) {
        *self.fetched.write() = Arc::new(keys);
        self.version.fetch_add(1, Ordering::AcqRel);
    }

    /// Grows whenever the keys change.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Whether there is no key at all yet.
    pub fn is_empty(&self) -> bool {
        self.fixed.is_empty() && self.fetched.read().is_empty()
    }

    /// Has the keys fetched, if anybody does that and it is time.
    pub(crate) fn refetch(&self) -> Option<Fetching> {
        let fetcher = self.fetcher.read().clone();
        fetcher?.refetch()
    }

    /// Tries the keys this token may have been signed with: those of its `kid`, and those without
    /// one. None: there is none to try.
    pub(crate) fn any(
        &self,
        kid: Option<&str>,
        mut fits: impl FnMut(&PublicKey) -> bool,
    ) -> Option<bool> {
        let fetched = Arc::clone(&self.fetched.read());
        let named = |key: &&PublicKey| match (kid, &key.kid) {
            (Some(kid), Some(known)) => kid == &**known,
            (Some(_) | None, None) | (None, Some(_)) => true,
        };
        let mut tried = None;
        let candidates = self.fixed.iter().chain(&*fetched).filter(named);
        for key in candidates.take(TRIES_MAX) {
            if fits(key) {
                return Some(true);
            }
            tried = Some(false);
        }
        tried
    }
}
