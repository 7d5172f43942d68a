//! Layers, problems and the example file.

use std::path::{Path, PathBuf};

use super::example::{effective, example};
use super::load::{Inputs, Loaded, Problems, env_name, load};
use super::setting::Setting;
use super::*;

const GOOD: &str = "kW3v9QZ0n4bXl7sTt1pYc8RmUe5HaJf2gDoVxBiK";

fn with(
    file: &str,
    env: &[(&str, &str)],
    flags: &[(&'static str, &str)],
) -> Result<Loaded, Problems> {
    let mut env: Vec<_> = env
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    if !env.iter().any(|(name, _)| name == "JWT_SECRET") {
        env.push(("JWT_SECRET".to_owned(), GOOD.to_owned()));
    }
    load(&Inputs {
        dev: false,
        file: Some((PathBuf::from("greenroom.toml"), file.to_owned())),
        env,
        flags: flags
            .iter()
            .map(|(path, v)| ("--flag", *path, (*v).to_owned()))
            .collect(),
    })
}

fn dev(env: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let env = env
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    load(&Inputs {
        dev: true,
        env,
        ..Inputs::default()
    })
}

fn problems(file: &str, env: &[(&str, &str)]) -> Vec<String> {
    with(file, env, &[])
        .unwrap_err()
        .0
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let file = "[sessions]\ngrace = \"10s\"\ninactivity = \"20s\"\nmax_duration = \"30s\"\n";
    let env = [
        ("GREENROOM__SESSIONS__INACTIVITY", "21s"),
        ("GREENROOM__SESSIONS__MAX_DURATION", "31s"),
    ];
    let loaded = with(file, &env, &[("sessions.max_duration", "32s")]).unwrap();
    let sessions = &loaded.config.sessions;
    assert_eq!(sessions.grace, Millis(10_000));
    assert_eq!(sessions.inactivity, Millis(21_000));
    assert_eq!(sessions.max_duration, Millis(32_000));
    assert_eq!(sessions.scheduled_ttl, Sessions::default().scheduled_ttl);
    let place = |path: &str| loaded.places.get(path).map(ToString::to_string);
    assert_eq!(place("sessions.grace").as_deref(), Some("greenroom.toml:2"));
    assert_eq!(
        place("sessions.inactivity").as_deref(),
        Some("GREENROOM__SESSIONS__INACTIVITY")
    );
    assert_eq!(place("sessions.max_duration").as_deref(), Some("--flag"));
    assert_eq!(place("sessions.scheduled_ttl"), None);
}

#[test]
fn the_documents_names_of_variables_work() {
    let env = [
        ("JWT_SECRET", GOOD),
        ("FRONTEND_URL", "https://a.example/, http://localhost:5173"),
        ("JWT_EXPIRES_IN", "12h"),
        ("PORT", "9090"),
    ];
    let config = with("", &env, &[]).unwrap().config;
    assert_eq!(config.auth.jwt_secret.reveal(), GOOD);
    assert_eq!(
        config.server.frontend_origins.0,
        ["https://a.example", "http://localhost:5173"]
    );
    assert_eq!(config.auth.expires_in, Millis(12 * 3_600_000));
    assert_eq!(config.server.listen, "0.0.0.0:9090".parse().unwrap());
    for (text, seconds) in [
        ("7d", 604_800),
        ("3600", 3_600),
        ("90m", 5_400),
        ("2 days", 172_800),
    ] {
        let config = with("", &[("JWT_EXPIRES_IN", text)], &[]).unwrap().config;
        assert_eq!(config.auth.expires_in.0, seconds * 1_000, "{text}");
    }
}

#[test]
fn the_long_name_beats_the_short_one() {
    let env = [
        ("JWT_EXPIRES_IN", "1h"),
        ("GREENROOM__AUTH__EXPIRES_IN", "2h"),
    ];
    assert_eq!(
        with("", &env, &[]).unwrap().config.auth.expires_in,
        Millis(7_200_000)
    );
}

#[test]
fn an_unknown_name_is_an_error_with_its_place_and_a_suggestion() {
    let found = problems(
        "[sessions]\n\ngrase = 1\n\n[sesions]\nmax_duration = 1\n[limits]\nevents = 1\n",
        &[
            ("GREENROOM__STORE__DIRR", "x"),
            ("GREENROOM__SERVER_LISTEN", "x"),
        ],
    );
    assert_eq!(
        found,
        [
            "greenroom.toml:3: sessions.grase is no setting. Did you mean sessions.grace?",
            "greenroom.toml:6: sesions.max_duration is no setting. Did you mean sessions.max_duration?",
            "greenroom.toml:8: limits.events is no setting. Did you mean limits.events_burst?",
            "GREENROOM__SERVER_LISTEN is no setting. Did you mean GREENROOM__SERVER__LISTEN?",
            "GREENROOM__STORE__DIRR is no setting. Did you mean GREENROOM__STORE__DIR?",
        ]
    );
    let odd = problems("[zebra]\nstripes = 1\n[empty]\n", &[]);
    assert!(
        odd.iter().all(|line| line.contains("config.example.toml")),
        "{odd:?}"
    );
    assert_eq!(odd.len(), 2);
}

#[test]
fn a_setting_outside_its_section_is_told_where_it_belongs() {
    let found = problems("listen = \"0.0.0.0:1\"\n", &[]);
    assert_eq!(
        found,
        ["greenroom.toml:1: listen stands outside a section; it belongs under [server]."]
    );
}

#[test]
fn all_problems_are_reported_at_once() {
    let file = "[server]\nlisten = \"here\"\n[limits]\nconnections = 0\nping_timeout = \"30s\"\n\
                [log]\nlevel = \"loud\"\n[auth]\nleeway = [1]\n[sessions]\ncreate_on_join = \"yes\"\n";
    let env = [
        ("JWT_SECRET", "secret"),
        ("FRONTEND_URL", "*"),
        ("PORT", "many"),
    ];
    let found = problems(file, &env).join("\n");
    for path in [
        "server.listen",
        "limits.connections",
        "limits.ping_timeout",
        "log.level",
        "auth.leeway",
        "sessions.create_on_join",
        "auth.jwt_secret",
        "server.frontend_origins",
        "PORT",
    ] {
        assert!(found.contains(path), "{path} is missing in\n{found}");
    }
    assert_eq!(found.lines().count(), 9, "{found}");
}

#[test]
fn broken_toml_names_every_broken_line() {
    let found = problems("[server]\nlisten = \n[limits]\nconnections = 7 7\n", &[]);
    assert!(found[0].starts_with("greenroom.toml:2: "), "{found:?}");
    assert!(
        found
            .iter()
            .any(|line| line.starts_with("greenroom.toml:4: ")),
        "{found:?}"
    );
}

#[test]
fn a_limit_of_zero_is_an_error_but_a_grace_of_zero_is_a_choice() {
    for path in Config::paths()
        .iter()
        .filter(|path| path.starts_with("limits."))
    {
        let found = problems("", &[(&env_name(path), "0")]);
        assert!(
            found[0].contains(path.as_str()) && found[0].contains("more than 0"),
            "{found:?}"
        );
    }
    let zero = with("[sessions]\ngrace = 0\n", &[], &[]).unwrap();
    assert_eq!(zero.config.sessions.grace, Millis(0));
}

#[test]
fn without_dev_a_missing_or_weak_secret_is_an_error_that_says_how_to_make_one() {
    let long_but_known = "a-string-secret-at-least-256-bits-long";
    let weak = [
        "",
        "  ",
        "secret",
        "changeme",
        "your-256-bit-secret",
        "short-but-random-9fK2",
        long_but_known,
        "your-super-secret-jwt-key-change-this-in-production",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "12341234123412341234123412341234123412341234",
    ];
    for secret in weak {
        let found = problems("", &[("JWT_SECRET", secret)]);
        assert_eq!(found.len(), 1, "{secret}");
        assert!(found[0].contains("auth.jwt_secret"), "{found:?}");
        assert!(found[0].contains("openssl rand -base64 48"), "{found:?}");
        assert!(
            secret.trim().len() < 10 || !found[0].contains(secret),
            "it shows the secret"
        );
    }
    let hex = "3f1c9a7be2d84f60a5c7e9183b2d6f40918273645abcdef01234567890fedcba";
    assert!(with("", &[("JWT_SECRET", hex)], &[]).is_ok());
}

#[test]
fn dev_needs_no_secret_listens_on_loopback_only_and_lets_candidates_create() {
    let config = dev(&[]).unwrap().config;
    assert!(config.dev && config.sessions.create_on_join);
    assert_eq!(config.server.listen, "127.0.0.1:8080".parse().unwrap());
    assert!(
        !Config::default().sessions.create_on_join,
        "off without --dev"
    );
    let port = dev(&[("PORT", "9000")]).unwrap().config;
    assert_eq!(port.server.listen, "127.0.0.1:9000".parse().unwrap());
    let open = dev(&[("GREENROOM__SERVER__LISTEN", "0.0.0.0:8080")]).unwrap_err();
    assert!(open.to_string().contains("loopback"), "{open}");
    let six = dev(&[("GREENROOM__SERVER__LISTEN", "[::1]:8080")])
        .unwrap()
        .config;
    assert!(six.server.listen.ip().is_loopback());
}

#[test]
fn no_setting_can_switch_dev_on() {
    assert!(!Config::paths().iter().any(|path| path.contains("dev")));
    assert!(with("dev = true\n", &[], &[]).is_err());
    assert!(with("", &[("GREENROOM__DEV", "1")], &[]).is_err());
}

#[test]
fn the_committed_example_is_the_tree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config.example.toml");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&root, example()).unwrap();
    }
    let committed = std::fs::read_to_string(&root).unwrap();
    assert_eq!(
        committed,
        example(),
        "UPDATE_EXPECT=1 cargo test -p server writes it anew"
    );
}

#[test]
fn the_example_uncommented_is_the_defaults_and_names_everything() {
    let text = example();
    let uncommented: String = text
        .lines()
        .filter(|line| !line.starts_with("##"))
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| line.starts_with('[') || line.contains(" = "))
        .map(|line| format!("{line}\n"))
        .collect();
    // An empty secret cannot be loaded, so the environment has it; everything else is the file's.
    let loaded = with(&uncommented.replace("jwt_secret = \"\"\n", ""), &[], &[]).unwrap();
    let wanted = Config {
        auth: Auth {
            jwt_secret: Secret::new(GOOD.to_owned()),
            ..Auth::default()
        },
        ..Config::default()
    };
    assert_eq!(loaded.config, wanted);
    for path in Config::paths() {
        let (section, key) = path.split_once('.').unwrap();
        assert!(uncommented.contains(&format!("[{section}]\n")), "{section}");
        assert!(uncommented.contains(&format!("\n{key} = ")), "{path}");
    }
    for section in Config::default().sections() {
        assert!(section.doc().len() > 10, "{}", section.name());
        for field in section.fields() {
            assert!(
                field.doc.trim().len() > 10,
                "{} needs a sentence",
                field.key
            );
        }
    }
}

#[test]
fn effective_values_are_shown_with_their_place_and_without_the_secret() {
    let loaded = with("[log]\nlevel = \"debug\"\n", &[], &[]).unwrap();
    let text = effective(&loaded);
    assert!(text.contains("level = \"debug\""), "{text}");
    assert!(text.contains("# greenroom.toml:2"), "{text}");
    assert!(text.contains("jwt_secret = \"[secret]\""), "{text}");
    assert!(!text.contains(GOOD) && !format!("{loaded:?}").contains(GOOD));
    assert!(
        toml::from_str::<toml::Table>(&text).is_ok(),
        "it can be pasted back"
    );
}

#[test]
fn limits_are_the_contracts() {
    let limits = Limits::default();
    assert_eq!((limits.events_per_second, limits.events_burst), (50, 100));
    assert_eq!(limits.audio_bytes_per_second, Size(256 * 1024));
    assert_eq!(limits.connections_per_user, 20);
    assert_eq!(
        (limits.handshakes_per_second, limits.handshakes_burst),
        (500, 5_000)
    );
    assert_eq!(limits.connections, 19_000);
}

#[test]
fn what_is_shown_is_read_back_as_the_same() {
    for ms in [
        0, 1, 500, 1_000, 90_000, 60_000, 3_600_000, 86_400_000, 86_400_001,
    ] {
        let shown = Millis(ms).show();
        assert_eq!(
            Millis::read(&Raw::Text(shown.trim_matches('"').to_owned())),
            Ok(Millis(ms))
        );
    }
    for bytes in [0, 1, 512, 1_024, 256 << 10, 1 << 20, (1 << 20) + 1] {
        let shown = Size(bytes).show();
        assert_eq!(
            Size::read(&Raw::Word(shown.trim_matches('"').to_owned())),
            Ok(Size(bytes))
        );
    }
    for bad in [
        "",
        "s",
        "-1s",
        "1.5s",
        "5 lightyears",
        "99999999999999999999d",
        "200000d",
    ] {
        assert!(Millis::read(&Raw::Text(bad.to_owned())).is_err(), "{bad}");
    }
}

#[test]
fn the_servers_own_pages_are_let_in_whatever_a_proxy_makes_of_the_host() {
    let file = "[server]\npublic_url = \"https://rooms.example\"\n";
    let origins = with(file, &[], &[]).unwrap().config.origins();
    for (origin, verdict) in [
        ("https://rooms.example", api::cors::Verdict::Listed),
        ("http://localhost:3000", api::cors::Verdict::Listed),
        ("https://evil.example", api::cors::Verdict::Refused),
    ] {
        let mut headers = http::HeaderMap::new();
        headers.insert("origin", origin.parse().unwrap());
        headers.insert("host", "10.0.0.1:8080".parse().unwrap());
        assert_eq!(origins.judge(&headers), verdict, "{origin}");
    }
}

#[test]
fn public_keys_need_their_algorithm_and_the_algorithm_needs_keys() {
    let file = "[auth]\npublic_key_file = \"k.pem\"\n";
    assert!(problems(file, &[])[0].contains("must be \"RS256\" or \"ES256\""));
    let file = "[auth]\nalgorithm = \"ES256\"\n";
    assert!(problems(file, &[])[0].contains("needs auth.public_key_file or auth.jwks_url"));
    let file = "[auth]\nalgorithm = \"none\"\n";
    assert!(problems(file, &[])[0].contains("\"HS256\", \"RS256\", \"ES256\""));
    for url in [
        "http://keys.example.org/jwks",
        "https://user:pass@keys.example.org/jwks",
        "file:///etc/passwd",
        "keys.example.org",
    ] {
        let file = format!("[auth]\nalgorithm = \"RS256\"\njwks_url = \"{url}\"\n");
        assert!(
            problems(&file, &[])[0].contains("must be an https address"),
            "{url}"
        );
    }
    let file = "[auth]\nalgorithm = \"RS256\"\njwks_url = \"http://127.0.0.1:9/jwks\"\n";
    let loaded = with(file, &[("JWT_SECRET", "")], &[]).unwrap();
    assert_eq!(loaded.config.algorithm(), api::keyring::Algorithm::Rs256);
}

#[test]
fn api_keys_come_from_the_environment_and_are_never_shown() {
    let key = "gr_abcdefghijklmnopqrstuvwxyz234567abcdefgh";
    let both = format!("{key}, {key}x");
    let loaded = with("", &[("GREENROOM_API_KEYS", &both)], &[]).unwrap();
    assert_eq!(loaded.config.auth.api_keys.0.len(), 2);
    assert!(!effective(&loaded).contains("abcdefgh"));
    assert!(!format!("{loaded:?}").contains("abcdefgh"));
    let weak = problems("", &[("GREENROOM_API_KEYS", "gr_short")]);
    assert!(weak[0].contains("gr_ and 40 to 128"), "{weak:?}");
    assert!(!weak[0].contains("gr_short"));
}

#[test]
fn webhooks_need_a_secret_and_addresses_that_may_be_told() {
    let url = "urls = [\"https://hooks.example.org/x\"]\n";
    let file = format!("[webhooks]\n{url}");
    assert!(problems(&file, &[])[0].contains("webhooks.secret must have at least 24 bytes"));
    let env = [(
        "WEBHOOK_SECRET",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr",
    )];
    assert!(with(&file, &env, &[]).is_ok());
    for (line, says) in [
        ("urls = [\"http://hooks.example.org/x\"]", "https"),
        ("urls = [\"https://10.0.0.1/x\"]", "public"),
        (
            "urls = [\"https://a.example/x?k=1\", \"https://a.example/x?k=2\"]",
            "path",
        ),
        ("types = [\"session.paused\"]", "session.started"),
        ("timeout = \"10m\"", "minute"),
        ("attempts = 0", "at least 1"),
        ("longest_retry = \"1s\"", "first_retry"),
    ] {
        let found = problems(&format!("[webhooks]\n{line}\n"), &env);
        assert!(found[0].contains(says), "{line}: {found:?}");
    }
    let file = "[webhooks]\nallow_private = true\nurls = [\"http://127.0.0.1:9/x\"]\n";
    assert!(with(file, &env, &[]).is_ok());
}

#[test]
fn a_database_cache_too_small_or_too_large_is_refused_by_name() {
    for size in ["1KiB", "2048MiB"] {
        let found = problems(&format!("[store]\ncache = \"{size}\"\n"), &[]);
        assert!(found[0].contains("store.cache"), "{size}: {found:?}");
        assert!(
            found[0].contains("from 64KiB to 1024MiB"),
            "{size}: {found:?}"
        );
    }
}
