//! What a webhook says and how it is signed, in the style of Standard Webhooks. Pure.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use protocol::record::SessionRow;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use store::desk::{HookEventRow, HookKind};

/// How a secret in the configuration may begin; the rest is base64 then.
pub const SECRET_PREFIX: &str = "whsec_";

/// A message, ready to be sent to every endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The same for the same happening, however often it is told.
    pub id: String,
    /// JSON: `{type, timestamp, data}`.
    pub body: Arc<str>,
}

impl Message {
    /// About a committed event, from the session's row. Times are milliseconds since 1970.
    pub fn about(event: &HookEventRow, row: &SessionRow, public_url: Option<&str>) -> Self {
        let base = public_url.unwrap_or_default().trim_end_matches('/');
        let mut data = json!({
            "sessionId": row.session,
            "title": &*row.title,
            "candidate": row.candidate,
            "startedAt": row.started_at,
        });
        if event.kind != HookKind::Started {
            data["endedAt"] = json!(row.ended_at);
            data["reason"] = json!(row.reason);
            data["durationMs"] = json!(row.duration_ms);
        }
        if event.kind == HookKind::Report {
            data["reportUrl"] = json!(format!("{base}/reports/{}", row.session));
            data["reportApi"] = json!(format!("{base}/api/sessions/{}/report", row.session));
        }
        let body = json!({ "type": event.kind.as_str(), "timestamp": event.at, "data": data });
        let name = format!("{}\n{}", row.session, event.kind.as_str());
        let hash: String = Sha256::digest(name.as_bytes())
            .iter()
            .take(12)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            id: format!("msg_{hash}"),
            body: body.to_string().into(),
        }
    }
}

/// The bytes of a configured secret: `whsec_` and base64, or the text itself.
pub fn secret_bytes(secret: &str) -> Option<Vec<u8>> {
    match secret.strip_prefix(SECRET_PREFIX) {
        Some(encoded) => STANDARD.decode(encoded).ok(),
        None => Some(secret.as_bytes().to_vec()),
    }
}

/// `webhook-signature`: HMAC-SHA256 over id, time (seconds since 1970) and body.
pub fn sign(secret: &[u8], id: &str, stamp: i64, body: &str) -> String {
    let key = EncodingKey::from_secret(secret);
    let text = format!("{id}.{stamp}.{body}");
    // The library's HS256 is this HMAC, in base64url; it does not fail with a secret.
    let mac = jsonwebtoken::crypto::sign(text.as_bytes(), &key, Algorithm::HS256)
        .ok()
        .and_then(|mac| URL_SAFE_NO_PAD.decode(mac).ok())
        .unwrap_or_default();
    format!("v1,{}", STANDARD.encode(mac))
}
