//! What judging a token costs, by algorithm: the first time, and when its signature was found right
//! before. `cargo run --release -p api --example token_costs`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement prints, and may stop at the first error"
)]

use std::sync::Arc;
use std::time::Instant;

use api::auth::{AuthSettings, Verifier};
use api::keyring::{Algorithm, Keyring, from_pem};
use jsonwebtoken::{EncodingKey, Header};
use p256::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use protocol::time::Wall;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use serde_json::json;

const NOW: Wall = Wall(1_790_000_000_000);
const TOKENS: usize = 400;

fn main() {
    let random = &mut rsa::rand_core::OsRng;
    let ec = p256::SecretKey::random(random);
    let pem = ec.public_key().to_public_key_pem(LineEnding::LF).unwrap();
    let key = EncodingKey::from_ec_der(ec.to_pkcs8_der().unwrap().as_bytes());
    measure(Algorithm::Es256, jsonwebtoken::Algorithm::ES256, &key, &pem);
    for bits in [2_048, 4_096] {
        let rsa = rsa::RsaPrivateKey::new(random, bits).unwrap();
        let pem = rsa
            .to_public_key()
            .to_public_key_pem(LineEnding::LF)
            .unwrap();
        let key = EncodingKey::from_rsa_der(rsa.to_pkcs1_der().unwrap().as_bytes());
        println!("RSA with {bits} bits:");
        measure(Algorithm::Rs256, jsonwebtoken::Algorithm::RS256, &key, &pem);
    }
    let key = EncodingKey::from_secret(b"a secret of forty bytes, for this alone!");
    measure(Algorithm::Hs256, jsonwebtoken::Algorithm::HS256, &key, "");
}

fn measure(algorithm: Algorithm, alg: jsonwebtoken::Algorithm, key: &EncodingKey, pem: &str) {
    let keys = from_pem(algorithm, pem).unwrap_or_default();
    let verifier = Verifier::new(AuthSettings {
        algorithm,
        keyring: Arc::new(Keyring::new(keys)),
        ..AuthSettings::with_secret("a secret of forty bytes, for this alone!")
    });
    let tokens: Vec<String> = (0..TOKENS)
        .map(|n| {
            let claims = json!({"sub": format!("user-{n}"), "role": "candidate",
                "iat": NOW.0 / 1000, "exp": NOW.0 / 1000 + 600});
            jsonwebtoken::encode(&Header::new(alg), &claims, key).unwrap()
        })
        .collect();
    for round in ["first time", "again"] {
        let mut times: Vec<u128> = tokens
            .iter()
            .map(|token| {
                let begun = Instant::now();
                verifier.verify(token, NOW).unwrap();
                begun.elapsed().as_nanos()
            })
            .collect();
        times.sort_unstable();
        let (median, p99) = (times[TOKENS / 2], times[TOKENS * 99 / 100]);
        println!(
            "{:6} {round:10} median {:7.1} us, p99 {:7.1} us",
            algorithm.as_str(),
            median as f64 / 1e3,
            p99 as f64 / 1e3
        );
    }
}
