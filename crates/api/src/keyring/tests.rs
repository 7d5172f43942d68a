//! Keys made on the spot, and what the ring makes of documents with them.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::pkcs8::EncodePrivateKey as _;
use protocol::time::Wall;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs8::EncodePublicKey as _;
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};

use super::*;
use crate::auth::{AuthError, AuthSettings, Verifier};

const NOW: Wall = Wall(1_790_000_000_000);

/// Making an RSA key takes a moment, so all tests share one.
static RSA: LazyLock<rsa::RsaPrivateKey> =
    LazyLock::new(|| rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2_048).unwrap());

/// A pair of keys whose public half is known as `kid`.
pub(crate) struct Pair {
    pub(crate) jwk: Value,
    pub(crate) pem: String,
    encoding: EncodingKey,
    algorithm: Algorithm,
    kid: String,
}

impl Pair {
    pub(crate) fn rsa(kid: &str) -> Self {
        let key = RSA.clone();
        let b64 = |big: &rsa::BigUint| URL_SAFE_NO_PAD.encode(big.to_bytes_be());
        Self {
            jwk: json!({"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256",
                "n": b64(key.n()), "e": b64(key.e())}),
            pem: key
                .to_public_key()
                .to_public_key_pem(rsa::pkcs8::LineEnding::LF)
                .unwrap(),
            encoding: EncodingKey::from_rsa_der(key.to_pkcs1_der().unwrap().as_bytes()),
            algorithm: Algorithm::Rs256,
            kid: kid.to_owned(),
        }
    }

    pub(crate) fn ec(kid: &str) -> Self {
        let key = p256::SecretKey::random(&mut rsa::rand_core::OsRng);
        let point = key.public_key().to_encoded_point(false);
        let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Self {
            jwk: json!({"kty": "EC", "crv": "P-256", "kid": kid,
                "x": b64(point.x().unwrap()), "y": b64(point.y().unwrap())}),
            pem: key
                .public_key()
                .to_public_key_pem(rsa::pkcs8::LineEnding::LF)
                .unwrap(),
            encoding: EncodingKey::from_ec_der(key.to_pkcs8_der().unwrap().as_bytes()),
            algorithm: Algorithm::Es256,
            kid: kid.to_owned(),
        }
    }

    /// A token for `ana`, with the `kid` or without.
    pub(crate) fn token(&self, with_kid: bool) -> String {
        let mut header = Header::new(self.algorithm.library());
        header.kid = with_kid.then(|| self.kid.clone());
        let seconds = NOW.0 / 1000;
        let claims = json!({"sub": "ana", "iat": seconds, "exp": seconds + 600});
        jsonwebtoken::encode(&header, &claims, &self.encoding).unwrap()
    }
}

fn document(keys: &[&Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

fn verifier(algorithm: Algorithm, keyring: Keyring) -> (Verifier, Arc<Keyring>) {
    let keyring = Arc::new(keyring);
    let settings = AuthSettings {
        algorithm,
        keyring: Arc::clone(&keyring),
        ..AuthSettings::with_secret("")
    };
    (Verifier::new(settings), keyring)
}

#[test]
fn tokens_signed_with_rsa_and_with_an_elliptic_curve_are_good_by_pem_and_by_document() {
    for pair in [Pair::rsa("k1"), Pair::ec("k1")] {
        let algorithm = pair.algorithm;
        let by_pem = Keyring::new(from_pem(algorithm, &pair.pem).unwrap());
        let by_document = Keyring::default();
        by_document.replace(from_jwks(algorithm, &document(&[&pair.jwk])).unwrap());
        for ring in [by_pem, by_document] {
            let (verifier, _) = verifier(algorithm, ring);
            for token in [pair.token(true), pair.token(false)] {
                // The second look is answered from memory.
                for _ in 0..2 {
                    let who = verifier.verify(&token, NOW).unwrap();
                    assert_eq!(who.user.as_str(), "ana");
                }
                let late = verifier.verify(&token, NOW.after(700_000));
                assert!(matches!(late, Err(AuthError::Expired { .. })), "{late:?}");
                let mut changed = token.clone();
                changed.replace_range(token.len() - 8..token.len() - 4, "AAAA");
                assert_eq!(verifier.verify(&changed, NOW), Err(AuthError::Signature));
            }
        }
    }
}

#[test]
fn a_public_key_is_never_a_secret_and_another_algorithm_is_refused() {
    let pair = Pair::rsa("k1");
    let ring = Keyring::new(from_pem(Algorithm::Rs256, &pair.pem).unwrap());
    let (verifier, _) = verifier(Algorithm::Rs256, ring);
    let key = EncodingKey::from_secret(pair.pem.as_bytes());
    let claims = json!({"sub": "ana", "exp": NOW.0 / 1000 + 60});
    let forged = jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap();
    let error = verifier.verify(&forged, NOW).unwrap_err();
    let wanted = "RS256";
    let found = "HS256".to_owned();
    assert_eq!(error, AuthError::Algorithm { found, wanted });
    let other = verifier.verify(&Pair::ec("k1").token(true), NOW);
    assert!(
        matches!(other, Err(AuthError::Algorithm { .. })),
        "{other:?}"
    );
    assert!(!verifier.can_issue());
}

#[test]
fn a_key_taken_out_of_the_document_is_good_no_more_though_its_token_was_seen() {
    let (old, new) = (Pair::ec("old"), Pair::ec("new"));
    let ring = Keyring::default();
    ring.replace(from_jwks(Algorithm::Es256, &document(&[&old.jwk])).unwrap());
    let (verifier, ring) = verifier(Algorithm::Es256, ring);
    let token = old.token(true);
    assert!(verifier.verify(&token, NOW).is_ok());
    let unknown = verifier.verify(&new.token(true), NOW);
    assert_eq!(unknown, Err(AuthError::UnknownKey));
    ring.replace(from_jwks(Algorithm::Es256, &document(&[&new.jwk])).unwrap());
    assert!(verifier.verify(&new.token(true), NOW).is_ok());
    assert_eq!(verifier.verify(&token, NOW), Err(AuthError::UnknownKey));
}

#[test]
fn without_any_key_yet_the_answer_says_to_come_again() {
    let (verifier, _) = verifier(Algorithm::Es256, Keyring::default());
    let error = verifier
        .verify(&Pair::ec("k").token(true), NOW)
        .unwrap_err();
    assert_eq!(error, AuthError::NoKeys);
    let refusal = protocol::error::Refusal::from(error);
    assert_eq!(refusal.retry_after_ms, Some(5_000));
}

#[test]
fn of_a_document_only_keys_for_signing_with_the_configured_algorithm_are_taken() {
    let (good, rsa) = (Pair::ec("good"), Pair::rsa("rsa"));
    let with = |key: &str, value: &str| {
        let mut jwk = good.jwk.clone();
        jwk[key] = value.into();
        jwk
    };
    let others = [
        with("use", "enc"),
        with("alg", "ES384"),
        with("crv", "P-384"),
        with("kty", "RSA"),
        with("x", "AAAA"),
        with("y", "not base64!"),
        with("kid", &"k".repeat(300)),
        json!({"kty": "oct", "k": "c2VjcmV0"}),
        json!("text"),
    ];
    for other in &others {
        let error = from_jwks(Algorithm::Es256, &document(&[other])).unwrap_err();
        assert_eq!(error, KeyError::None("ES256"), "{other}");
        let mixed = document(&[other, &good.jwk, &rsa.jwk]);
        assert_eq!(from_jwks(Algorithm::Es256, &mixed).unwrap().len(), 1);
    }
    let many = vec![&good.jwk; KEYS_MAX + 1];
    let error = from_jwks(Algorithm::Es256, &document(&many)).unwrap_err();
    assert_eq!(error, KeyError::TooMany);
    for text in ["", "[]", "{\"keys\":7}", "<html>"] {
        let error = from_jwks(Algorithm::Es256, text.as_bytes()).unwrap_err();
        assert_eq!(error, KeyError::Jwks);
    }
}

#[test]
fn weak_rsa_keys_and_texts_without_a_key_are_refused() {
    let weak = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 1_024).unwrap();
    let pem = weak
        .to_public_key()
        .to_public_key_pem(rsa::pkcs8::LineEnding::LF)
        .unwrap();
    let error = from_pem(Algorithm::Rs256, &pem).unwrap_err();
    assert_eq!(error, KeyError::Bits(1_024));
    let ec = Pair::ec("k").pem;
    let error = from_pem(Algorithm::Rs256, &ec).unwrap_err();
    assert_eq!(error, KeyError::Pem(1, "RS256"));
    assert_eq!(
        from_pem(Algorithm::Rs256, "no key").unwrap_err(),
        KeyError::Empty
    );
    let cut = &ec[..ec.len() / 2];
    assert_eq!(
        from_pem(Algorithm::Es256, cut).unwrap_err(),
        KeyError::Pem(1, "ES256")
    );
    let two = format!("# the old one\n{ec}\n# the new one\n{}", Pair::ec("k").pem);
    assert_eq!(from_pem(Algorithm::Es256, &two).unwrap().len(), 2);
}
