//! JSON Web Tokens, good ones and bad ones, made by hand.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::now_ms;

/// The secret of every server the tests start.
pub(crate) const SECRET: &str = "a secret for tests alone, longer than thirty-two bytes";

/// A good token for this user, in this role, invited to this session.
pub(crate) fn invited(user: &str, role: &str, session: &str) -> String {
    good(&json!({"sub": user, "role": role, "session": session, "exp": now_ms() / 1000 + 600}))
}

/// A good token of an administrator.
pub(crate) fn admin() -> String {
    good(&json!({"sub": "root", "role": "admin", "exp": now_ms() / 1000 + 600}))
}

/// A token with these claims and nothing wrong about its signature.
pub(crate) fn good(claims: &Value) -> String {
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    signed(
        header.as_bytes(),
        claims.to_string().as_bytes(),
        SECRET,
        Algorithm::HS256,
    )
}

/// Any two parts, signed.
pub(crate) fn signed(header: &[u8], claims: &[u8], secret: &str, algorithm: Algorithm) -> String {
    let message = unsigned(header, claims);
    let key = EncodingKey::from_secret(secret.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// Any two parts, without the third.
pub(crate) fn unsigned(header: &[u8], claims: &[u8]) -> String {
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    format!("{}.{}", part(header), part(claims))
}
