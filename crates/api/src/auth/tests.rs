//! One negative test per claim and per part of a token, and a rough price of a check.

use serde_json::json;

use super::*;

const SECRET: &str = "a-secret-of-forty-bytes-for-tests-only!!";
const NOW: Wall = Wall(1_790_000_000_000);
const NOW_S: i64 = NOW.0 / 1000;

fn verifier() -> Verifier {
    Verifier::new(AuthSettings::with_secret(SECRET))
}

fn sign(header: &Value, claims: &Value, secret: &str) -> String {
    let part = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let key = EncodingKey::from_secret(secret.as_bytes());
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &key, jsonwebtoken::Algorithm::HS256)
            .unwrap();
    format!("{message}.{signature}")
}

fn token(claims: Value) -> String {
    sign(&json!({"alg": "HS256", "typ": "JWT"}), &claims, SECRET)
}

/// What a good token's claims become with one of them changed; null takes it away.
fn with(claim: &str, value: Value) -> String {
    let mut claims = json!({"sub": "ana", "exp": NOW_S + 60, "role": "candidate", "session": "s1"});
    let map = claims.as_object_mut().unwrap();
    map.remove(claim);
    if !value.is_null() {
        map.insert(claim.into(), value);
    }
    token(claims)
}

fn fails(token: &str) -> AuthError {
    verifier().verify(token, NOW).unwrap_err()
}

fn wrong_claim(token: &str) -> String {
    match fails(token) {
        AuthError::Claim { claim, .. } => claim,
        other => panic!("{other}"),
    }
}

#[test]
fn a_good_token_says_who_its_bearer_is() {
    let claims = json!({
        "sub": "ana@example.org", "name": " Ana\u{7} Lopez ", "role": "interviewer",
        "session": "s1", "exp": NOW_S + 60,
    });
    let who = verifier().verify(&token(claims), NOW).unwrap();
    assert_eq!(who.user.as_str(), "ana@example.org");
    assert_eq!(&*who.name.as_ref().unwrap().0, "Ana Lopez");
    assert_eq!(who.role, Some(protocol::value::Role::Interviewer));
    assert_eq!(who.session.as_ref().unwrap().as_str(), "s1");
    assert_eq!(who.expires_at, Wall((NOW_S + 60) * 1000));
    assert!(!who.admin);
    assert!(!format!("{who:?}").contains("Lopez"));
}

#[test]
fn an_admin_has_no_role_inside_sessions_and_an_unknown_word_is_no_role() {
    let admin = verifier()
        .verify(&with("role", json!("admin")), NOW)
        .unwrap();
    assert!(admin.admin && admin.role.is_none());
    let other = verifier()
        .verify(&with("role", json!("editor")), NOW)
        .unwrap();
    assert!(!other.admin && other.role.is_none());
}

#[test]
fn what_is_issued_is_accepted_until_it_expires() {
    let verifier = verifier();
    let claims = Claims {
        name: Some("Ana".into()),
        role: Some(TokenRole::Session(protocol::value::Role::Candidate)),
        session: Some(SessionId::parse("s1").unwrap()),
        expires_in_ms: Some(60_000),
        ..Claims::of(UserId::parse("ana").unwrap())
    };
    let token = verifier.issue(&claims, NOW).unwrap();
    let who = verifier.verify(&token, NOW.after(59_000)).unwrap();
    assert_eq!(who.user.as_str(), "ana");
    assert_eq!(who.role, Some(protocol::value::Role::Candidate));
    assert!(verifier.verify(&token, NOW.after(64_999)).is_ok(), "leeway");
    let late = verifier.verify(&token, NOW.after(66_000)).unwrap_err();
    assert_eq!(late, AuthError::Expired { ago_s: 6 });
    assert_eq!(late.code(), ErrorCode::TokenExpired);
}

#[test]
fn issued_tokens_last_as_configured() {
    let verifier = verifier();
    let token = verifier
        .issue(&Claims::of(UserId::parse("ana").unwrap()), NOW)
        .unwrap();
    let who = verifier.verify(&token, NOW).unwrap();
    assert_eq!(who.expires_at.0 - NOW.0, 7 * 24 * 3_600_000);
}

#[test]
fn a_token_without_algorithm_is_refused() {
    for (alg, tail) in [("none", ""), ("None", ""), ("nOnE", "AAAA")] {
        let whole = sign(
            &json!({"alg": alg}),
            &json!({"sub": "ana", "exp": NOW_S + 60}),
            SECRET,
        );
        let (message, signature) = whole.rsplit_once('.').unwrap();
        assert_eq!(
            fails(&format!("{message}.{tail}")),
            AuthError::Algorithm {
                found: alg.into(),
                wanted: "HS256"
            }
        );
        assert_eq!(
            fails(&format!("{message}.{signature}")),
            AuthError::Algorithm {
                found: alg.into(),
                wanted: "HS256"
            }
        );
    }
}

#[test]
fn another_algorithm_in_the_header_is_refused_even_with_our_signature() {
    for alg in [
        "RS256", "ES256", "HS384", "HS512", "PS256", "EdDSA", "hs256",
    ] {
        let whole = sign(
            &json!({"alg": alg}),
            &json!({"sub": "ana", "exp": NOW_S + 60}),
            SECRET,
        );
        let error = fails(&whole);
        assert_eq!(
            error,
            AuthError::Algorithm {
                found: alg.into(),
                wanted: "HS256"
            }
        );
        assert_eq!(error.code(), ErrorCode::TokenInvalid);
    }
}

#[test]
fn keys_and_extensions_named_by_the_token_change_nothing() {
    let claims = json!({"sub": "ana", "exp": NOW_S + 60});
    let header = json!({"alg": "HS256", "kid": "../../dev/null", "jku": "https://evil.example/k"});
    assert!(
        verifier()
            .verify(&sign(&header, &claims, SECRET), NOW)
            .is_ok()
    );
    assert_eq!(
        fails(&sign(&header, &claims, "another secret of enough bytes!!")),
        AuthError::Signature
    );
    let critical = json!({"alg": "HS256", "crit": ["b64"], "b64": false});
    assert_eq!(
        fails(&sign(&critical, &claims, SECRET)),
        AuthError::Critical
    );
}

#[test]
fn a_changed_token_is_refused() {
    let good = with("sub", json!("ana"));
    let forged = sign(
        &json!({"alg": "HS256"}),
        &json!({"sub": "bob", "exp": NOW_S + 60}),
        "x",
    );
    assert_eq!(fails(&forged), AuthError::Signature);
    let parts: Vec<&str> = good.split('.').collect();
    let claims = URL_SAFE_NO_PAD.encode(json!({"sub": "bob", "exp": NOW_S + 60}).to_string());
    assert_eq!(
        fails(&format!("{}.{claims}.{}", parts[0], parts[2])),
        AuthError::Signature
    );
    assert_eq!(
        fails(&format!("{}.{}.", parts[0], parts[1])),
        AuthError::Signature
    );
}

#[test]
fn what_is_no_token_is_refused() {
    for text in [
        "x",
        "a.b",
        "a.b.c",
        "....",
        "a.b.c.d",
        "\u{0}",
        "ey.ey.ey",
        "e30.e30.",
        "🦀.🦀.🦀",
    ] {
        let error = fails(text);
        assert_eq!(error, AuthError::Malformed, "{text:?}");
        assert_eq!(error.code(), ErrorCode::TokenInvalid);
    }
    assert_eq!(fails("").code(), ErrorCode::AuthRequired);
    let listed = sign(&json!({"alg": "HS256"}), &json!(["sub", "ana"]), SECRET);
    assert_eq!(fails(&listed), AuthError::Malformed);
    let good = with("sub", json!("ana"));
    assert_eq!(fails(&format!("{good}.{good}")), AuthError::Malformed);
}

#[test]
fn a_token_over_eight_kibibytes_is_not_even_read() {
    let long = with("pad", json!("x".repeat(7_000)));
    assert_eq!(fails(&long), AuthError::TooLarge);
    let fits = with("pad", json!("x".repeat(5_000)));
    assert!(fits.len() < TOKEN_BYTES_MAX);
    assert!(verifier().verify(&fits, NOW).is_ok());
}

#[test]
fn sub_must_be_there_and_be_a_user_id() {
    assert_eq!(
        fails(&with("sub", Value::Null)),
        AuthError::Missing("sub".into())
    );
    for bad in [
        json!(7),
        json!(["ana"]),
        json!({"id": "ana"}),
        json!(true),
        json!(""),
    ] {
        assert_eq!(wrong_claim(&with("sub", bad)), "sub");
    }
    assert_eq!(wrong_claim(&with("sub", json!("a b"))), "sub");
    assert_eq!(wrong_claim(&with("sub", json!("x".repeat(65)))), "sub");
}

#[test]
fn exp_must_be_there_and_be_a_number() {
    assert_eq!(
        fails(&with("exp", Value::Null)),
        AuthError::Missing("exp".into())
    );
    let text = (NOW_S + 60).to_string();
    for bad in [
        json!(text),
        json!([NOW_S + 60]),
        json!(true),
        json!({}),
        json!(-1),
        json!(1e300),
    ] {
        assert_eq!(wrong_claim(&with("exp", bad)), "exp");
    }
    let fraction = verifier()
        .verify(&with("exp", json!(NOW_S as f64 + 1.5)), NOW)
        .unwrap();
    assert_eq!(fraction.expires_at.0, NOW.0 + 1_500);
    assert_eq!(
        fails(&with("exp", json!(0))).code(),
        ErrorCode::TokenExpired
    );
}

#[test]
fn nbf_is_honored_with_leeway() {
    assert!(
        verifier()
            .verify(&with("nbf", json!(NOW_S + 5)), NOW)
            .is_ok()
    );
    assert_eq!(
        fails(&with("nbf", json!(NOW_S + 6))),
        AuthError::NotYet { ahead_s: 6 }
    );
    assert_eq!(wrong_claim(&with("nbf", json!("soon"))), "nbf");
}

#[test]
fn role_session_and_name_must_be_texts_where_present() {
    for claim in ["role", "session", "name"] {
        for bad in [json!(1), json!(["candidate"]), json!({"is": "admin"})] {
            assert_eq!(wrong_claim(&with(claim, bad)), claim);
        }
    }
    assert_eq!(wrong_claim(&with("session", json!("../etc"))), "session");
}

#[test]
fn issuer_and_audience_are_judged_where_configured() {
    let mut settings = AuthSettings::with_secret(SECRET);
    settings.issuer = Some("https://id.example".into());
    settings.audience = Some("greenroom".into());
    let strict = Verifier::new(settings);
    let case = |iss: Value, aud: Value| {
        let mut claims = json!({"sub": "ana", "exp": NOW_S + 60, "iss": iss, "aud": aud});
        claims.as_object_mut().unwrap().retain(|_, v| !v.is_null());
        strict.verify(&token(claims), NOW).map(|_| ())
    };
    let (iss, aud) = (json!("https://id.example"), json!("greenroom"));
    assert_eq!(case(iss.clone(), aud.clone()), Ok(()));
    assert_eq!(case(iss.clone(), json!(["other", "greenroom"])), Ok(()));
    assert_eq!(
        case(Value::Null, aud.clone()),
        Err(AuthError::Missing("iss".into()))
    );
    assert_eq!(
        case(iss.clone(), Value::Null),
        Err(AuthError::Missing("aud".into()))
    );
    assert!(matches!(
        case(json!("https://evil"), aud.clone()),
        Err(AuthError::Issuer { .. })
    ));
    assert!(matches!(
        case(json!([iss.clone()]), aud),
        Err(AuthError::Claim { .. })
    ));
    assert!(matches!(
        case(iss.clone(), json!("other")),
        Err(AuthError::Audience { .. })
    ));
    assert!(matches!(
        case(iss.clone(), json!([])),
        Err(AuthError::Audience { .. })
    ));
    assert!(matches!(
        case(iss, json!(["greenroom", 7])),
        Err(AuthError::Claim { .. })
    ));
    let own = strict
        .issue(&Claims::of(UserId::parse("ana").unwrap()), NOW)
        .unwrap();
    assert!(strict.verify(&own, NOW).is_ok());
}

#[test]
fn the_claims_of_user_and_role_can_be_named() {
    let mut settings = AuthSettings::with_secret(SECRET);
    settings.user_claim = "uid".into();
    settings.role_claim = "https://example.org/role".into();
    let named = Verifier::new(settings);
    let claims = json!({
        "sub": "auth0|1", "uid": "ana", "role": "admin", "exp": NOW_S + 60,
        "https://example.org/role": "observer",
    });
    let who = named.verify(&token(claims), NOW).unwrap();
    assert_eq!(who.user.as_str(), "ana");
    assert_eq!(
        (who.role, who.admin),
        (Some(protocol::value::Role::Observer), false)
    );
    let without = json!({"sub": "ana", "exp": NOW_S + 60});
    assert_eq!(
        named.verify(&token(without), NOW),
        Err(AuthError::Missing("uid".into()))
    );
    let own = named
        .issue(&Claims::of(UserId::parse("bob").unwrap()), NOW)
        .unwrap();
    assert_eq!(named.verify(&own, NOW).unwrap().user.as_str(), "bob");
}

#[test]
fn no_error_shows_anything_of_the_token() {
    let marked = [
        with("sub", json!("CANARY CANARY")),
        with("session", json!("CANARY/CANARY")),
        with("role", json!(["CANARY"])),
        with("exp", json!("CANARY")),
        sign(&json!({"alg": "HS256"}), &json!({"sub": "CANARY"}), "other"),
    ];
    for token in marked {
        let error = fails(&token);
        assert!(!format!("{error} {error:?}").contains("CANARY"), "{error}");
    }
}

#[test]
fn a_bearer_header_is_read_whatever_its_case_and_nothing_else_is() {
    let with = |value: &str| {
        let mut headers = http::HeaderMap::new();
        headers.insert("authorization", value.parse().unwrap());
        bearer(&headers).map(str::to_owned)
    };
    assert_eq!(with("Bearer a.b.c").as_deref(), Some("a.b.c"));
    assert_eq!(with("bearer  a.b.c").as_deref(), Some("a.b.c"));
    for other in ["Basic YTpi", "Bearer", "Bearer ", "a.b.c"] {
        assert_eq!(with(other), None, "{other}");
    }
    assert_eq!(
        query_value(Some("x=1&token=a.b.c&y=2"), "token"),
        Some("a.b.c")
    );
    assert_eq!(query_value(Some("xtoken=a&token="), "token"), None);
    assert_eq!(query_value(None, "token"), None);
}

/// Not a benchmark: it fails when a check becomes dearer by orders of magnitude.
#[test]
fn a_check_costs_microseconds() {
    let (verifier, token) = (verifier(), with("name", json!("Ana Lopez")));
    let rounds = 2_000;
    let start = std::time::Instant::now();
    for _ in 0..rounds {
        verifier.verify(&token, NOW).unwrap();
    }
    let each = start.elapsed() / rounds;
    println!("one check of a token: {each:?}");
    assert!(each < std::time::Duration::from_millis(1), "{each:?}");
}
