//! The commands as a person meets them, without a process.

use api::auth::{AuthSettings, Claims, Verifier};
use api::identity::TokenRole;
use clap::{CommandFactory as _, Parser as _};
use protocol::id::{SessionId, UserId};
use protocol::time::Wall;
use protocol::value::Role;

use super::*;
use crate::config::Config;

const NOW: Wall = Wall(1_790_000_000_000);

fn verifier() -> Verifier {
    Verifier::new(AuthSettings::with_secret(
        "a-secret-of-forty-bytes-for-tests-only!!",
    ))
}

fn issued(verifier: &Verifier) -> String {
    let claims = Claims {
        name: Some("Ana".to_owned()),
        role: Some(TokenRole::Session(Role::Candidate)),
        session: Some(SessionId::parse("s1").unwrap()),
        expires_in_ms: Some(3_600_000),
        ..Claims::of(UserId::parse("ana").unwrap())
    };
    verifier.issue(&claims, NOW).unwrap()
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn what_people_type_is_understood() {
    for line in [
        "greenroom serve",
        "greenroom serve --dev --listen 127.0.0.1:0 --data /tmp/x --log debug --speech off",
        "greenroom token issue --user ana --role candidate --session s1 --expires-in 12h",
        "greenroom token --user ana --role candidate --session demo",
        "greenroom token inspect --dev -",
        "greenroom interview --url http://127.0.0.1:1 --token x --audio a.wav",
        "greenroom check-config --config greenroom.toml",
        "greenroom models status --dir models",
        "greenroom models install file.whl",
        "greenroom models install --profile base-en",
        "greenroom version",
    ] {
        assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
    }
    for line in [
        "greenroom",
        "greenroom token",
        "greenroom token --role candidate",
        "greenroom token --user ana inspect x",
        "greenroom token issue",
        "greenroom token issue --user a/b",
        "greenroom token issue --user ana --role boss",
        "greenroom token issue --user ana --session s1",
        "greenroom token issue --user ana --expires-in 0",
        "greenroom token issue --user ana --expires-in soon",
    ] {
        assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
    }
}

#[test]
fn token_alone_means_issue() {
    for line in [
        "token --user ana --role candidate",
        "token issue --user ana",
    ] {
        let words = ["greenroom"].into_iter().chain(line.split(' '));
        let Command::Token(args) = Cli::try_parse_from(words).unwrap().command else {
            panic!("{line}");
        };
        assert!(args.issues_for("ana"), "{line}");
    }
}

#[test]
fn a_good_token_is_told_in_words() {
    let verifier = verifier();
    let (valid, text) = token::inspect(&verifier, &issued(&verifier), NOW);
    assert!(valid);
    let wanted = "Valid: signed with a key of this server.\n  user     ana\n  name     Ana\n  \
                  role     candidate\n  session  s1\n  expires  2026-09-21 15:13:20 UTC, in 1 h";
    assert_eq!(text, wanted);
}

#[test]
fn a_bad_token_is_told_what_is_wrong_with_it_and_what_it_says() {
    let verifier = verifier();
    let good = issued(&verifier);
    let (valid, text) = token::inspect(&verifier, &good, NOW.after(7_200_000));
    assert!(!valid);
    assert!(
        text.starts_with("Not valid (token_expired): the token expired 3600 s ago."),
        "{text}"
    );
    assert!(text.contains("  sub: \"ana\""), "{text}");

    let other = Verifier::new(AuthSettings::with_secret(
        "another key of more than 32 bytes",
    ));
    let (_, text) = token::inspect(&other, &good, NOW);
    assert!(text.contains("signed with another key"), "{text}");
    let (_, text) = token::inspect(&verifier, "nonsense", NOW);
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_token_cannot_drive_the_terminal() {
    let verifier = verifier();
    let claims = Claims {
        name: Some("\u{1b}[2J\u{202e}evil".to_owned()),
        ..Claims::of(UserId::parse("ana").unwrap())
    };
    let token = verifier.issue(&claims, NOW).unwrap();
    for at in [NOW, NOW.after(u64::MAX / 4)] {
        let (_, text) = token::inspect(&verifier, &token, at);
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            "{text:?}"
        );
    }
}

#[test]
fn only_dev_on_loopback_prints_tokens() {
    let mut config = Config::default();
    config.auth.jwt_secret = api::secret::Secret::new("x".repeat(40));
    config.dev = true;
    let start = serve::Start { config };
    let banner = start
        .banner("127.0.0.1:8080".parse().unwrap(), NOW)
        .unwrap();
    assert!(
        banner.contains("ws://127.0.0.1:8080/ws?token=eyJ"),
        "{banner}"
    );
    // Behind the `#`, where no browser sends it and no log sees it.
    for page in ["interview/practice-", "watch/practice-", "admin"] {
        let links = banner.lines().filter(|line| line.contains(page));
        let mut links = links.filter(|line| line.contains("http://127.0.0.1:8080/"));
        assert!(
            links.all(|line| line.contains("#token=eyJ")) && banner.contains(page),
            "{banner}"
        );
    }
    let open = start.banner("10.0.0.1:8080".parse().unwrap(), NOW).unwrap();
    assert!(!open.contains("eyJ"), "{open}");
    let mut config = start.config;
    config.dev = false;
    config.server.public_url = Some("https://rooms.example/".to_owned());
    let banner = serve::Start { config }
        .banner("0.0.0.0:8080".parse().unwrap(), NOW)
        .unwrap();
    assert!(!banner.contains("eyJ"), "{banner}");
    assert!(banner.contains("wss://rooms.example/ws"), "{banner}");
}

#[test]
fn the_development_secret_is_kept_private_and_stays_the_same() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let fill = |dev: bool| {
        let mut config = Config {
            dev,
            ..Config::default()
        };
        config.store.dir = folder.path().join("data");
        crate::config::dev::fill(&mut config).unwrap();
        config.auth.jwt_secret.reveal().clone()
    };
    assert_eq!(fill(false), "", "never without --dev");
    assert!(!folder.path().join("data").exists());
    let first = fill(true);
    assert!(first.len() >= 32);
    assert_eq!(fill(true), first);
    let file = folder.path().join("data").join(crate::config::dev::FILE);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let entries = std::fs::read_dir(folder.path().join("data"))
        .unwrap()
        .count();
    assert_eq!(entries, 1, "nothing is left beside it");
}

#[test]
fn errors_are_one_chain_of_sentences_and_have_their_code() {
    let error = anyhow::anyhow!("permission denied").context("cannot read data/x");
    assert_eq!(out::chain(&error), "Cannot read data/x. Permission denied.");
    assert_eq!(exit_code(&error), 1);
    let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    assert_eq!(
        exit_code(&anyhow::Error::from(refused).context("cannot connect")),
        4
    );
    let problems = load::load(&Inputs::default()).unwrap_err();
    let error = anyhow::Error::from(problems);
    assert_eq!(exit_code(&error), 3);
    assert!(
        out::chain(&error).contains("openssl rand"),
        "{}",
        out::chain(&error)
    );
}

#[test]
fn dates_and_spans_are_right() {
    for (ms, text) in [
        (0, "1970-01-01 00:00:00 UTC"),
        (951_782_399_999, "2000-02-28 23:59:59 UTC"),
        (951_782_400_000, "2000-02-29 00:00:00 UTC"),
        (951_868_800_000, "2000-03-01 00:00:00 UTC"),
        (1_790_000_000_000, "2026-09-21 14:13:20 UTC"),
        (4_107_542_400_000, "2100-03-01 00:00:00 UTC"),
    ] {
        assert_eq!(date::utc(Wall(ms)), text);
    }
    assert_eq!(date::span(999), "less than a second");
    assert_eq!(date::span(3_600_000), "1 h");
    assert_eq!(date::span(600_000_000), "6 d 22 h");
    assert_eq!(date::span(86_400_000 + 61_000), "1 d");
}

#[test]
fn default_settings_are_the_parts_own_defaults() {
    let mut config = Config {
        dev: true,
        ..Config::default()
    };
    config.auth.jwt_secret = api::secret::Secret::new("x".repeat(40));
    config.speech.enabled = crate::config::setting::Speech::Off;
    let settings = crate::run::settings(&config).unwrap();
    assert_eq!(settings.limits, protocol::limits::Limits::default());
    assert_eq!(settings.engine, engine::Config::default());
    assert_eq!(settings.limits.problems(), Vec::<String>::new());
    assert!(settings.bank.list().len() > 0 && settings.speech.is_none());
}
