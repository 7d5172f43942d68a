//! What no compiler checks: which crates the rules may reach, which versions and how many crates
//! the lock file holds, and what every file of the tree has to look like. Its own binary, because
//! it needs nothing of the server and so is not linked with it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates compiled for everything together. Each one is compiled on small machines, too.
const CRATES_MAX: usize = 360;
/// Lines of a source file …
const LINES_MAX: usize = 800;
/// … but for one, which holds one order of events.
const LONG: [(&str, usize); 1] = [("crates/engine/src/session/log.rs", 950)];

/// Below these, a known vulnerability or a bug that loses data. Name, version, why.
const AT_LEAST: [(&str, &str, &str); 12] = [
    ("axum-core", "0.2.8", "CVE-2022-3212: no default body limit"),
    ("hyper", "0.14.10", "CVE-2021-32714: request smuggling"),
    (
        "jsonwebtoken",
        "10.3.0",
        "CVE-2026-25537: a claim of the wrong type passed as absent",
    ),
    (
        "libsqlite3-sys",
        "0.38.0",
        "SQLite before the WAL-reset fix can lose commits",
    ),
    ("ring", "0.17.12", "RUSTSEC-2025-0009: panic on overflow"),
    ("rust-embed", "6.3.0", "CVE-2021-45712: reads any file"),
    (
        "rustls",
        "0.23.18",
        "RUSTSEC-2024-0399: panic in the acceptor",
    ),
    ("sqlx", "0.8.1", "RUSTSEC-2024-0363: smuggled statements"),
    ("tokio", "1.43.1", "RUSTSEC-2025-0023: unsound broadcast"),
    (
        "tracing-subscriber",
        "0.3.20",
        "RUSTSEC-2025-0055: escape sequences in logs",
    ),
    (
        "tungstenite",
        "0.20.1",
        "CVE-2023-43669: minutes of CPU for a long header",
    ),
    (
        "zip",
        "2.3.0",
        "RUSTSEC-2025-0016: files outside the folder",
    ),
];

/// Never in the lock file: name and why.
const NEVER: [(&str, &str); 6] = [
    ("aws-lc-sys", "one cryptography: ring and the Rust ones"),
    (
        "h2",
        "HTTP/2 is off: its floods are nothing we need to know about",
    ),
    ("native-tls", "one TLS: rustls"),
    ("openssl-sys", "one TLS: rustls"),
    ("socketioxide", "the doors are ours"),
    ("sqlx", "the records are written by rusqlite"),
];

/// What rules, wire and simulator must never reach.
const IMPURE: [&str; 12] = [
    "axum",
    "getrandom",
    "hyper",
    "mio",
    "parking_lot",
    "rand",
    "rand_core",
    "rusqlite",
    "rustix",
    "socket2",
    "tokio",
    "ureq",
];

/// The one crate with a call the compiler cannot check; it says why.
const UNSAFE: &str = "crates/heap/Cargo.toml";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every file of the tree that belongs to it: what git tracks, or all there is without git.
fn files() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output();
    let mut found = Vec::new();
    match listed {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8(output.stdout).unwrap();
            found.extend(text.split_terminator('\0').map(PathBuf::from));
        }
        _ => walk(&root(), Path::new(""), &mut found),
    }
    found.retain(|path| root().join(path).is_file());
    assert!(
        found.len() > 50,
        "this finds too little to mean anything: {}",
        found.len()
    );
    found.sort();
    found
}

fn walk(root: &Path, below: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = below.join(entry.file_name());
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.file_type().unwrap().is_dir() {
            found.push(path);
        } else if !["target", "models", "data", ".git", ".venv", "node_modules"]
            .contains(&name.as_str())
        {
            walk(root, &path, found);
        }
    }
}

fn text(path: &Path) -> Option<String> {
    std::fs::read_to_string(root().join(path)).ok()
}

fn sources() -> Vec<(PathBuf, String)> {
    let rust = files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "rs"));
    rust.map(|path| (path.clone(), text(&path).unwrap()))
        .collect()
}

/// Name and versions of everything in the lock file.
fn locked() -> BTreeMap<String, Vec<Vec<u64>>> {
    let lock: toml::Table = text(Path::new("Cargo.lock")).unwrap().parse().unwrap();
    let mut found: BTreeMap<String, Vec<Vec<u64>>> = BTreeMap::new();
    for package in lock["package"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap().to_owned();
        found
            .entry(name)
            .or_default()
            .push(numbers(package["version"].as_str().unwrap()));
    }
    found
}

/// `1.12.0-rc.1+x` → 1, 12, 0.
fn numbers(version: &str) -> Vec<u64> {
    let plain = version.split(['-', '+']).next().unwrap_or_default();
    plain.split('.').map(|part| part.parse().unwrap()).collect()
}

#[test]
fn rules_wire_and_simulator_reach_no_io_and_no_randomness() {
    for package in ["engine", "protocol", "sim"] {
        let output = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "--locked",
                "--edges",
                "normal",
                "--prefix",
                "none",
            ])
            .args(["--format", "{p}", "--package", package])
            .current_dir(root())
            .output()
            .unwrap();
        let tree = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let reached: Vec<&str> = tree
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert!(
            reached.contains(&"serde"),
            "cargo tree says something else now:\n{tree}"
        );
        for name in IMPURE {
            assert!(
                !reached.contains(&name),
                "{package} reaches {name}:\n{tree}"
            );
        }
    }
}

#[test]
fn no_locked_version_has_a_known_hole() {
    let locked = locked();
    for (name, least, why) in AT_LEAST {
        for version in locked.get(name).into_iter().flatten() {
            assert!(
                *version >= numbers(least),
                "{name} {version:?} is below {least}: {why}"
            );
        }
    }
    for (name, why) in NEVER {
        assert!(!locked.contains_key(name), "{name} is in Cargo.lock: {why}");
    }
    let known = ["hyper", "jsonwebtoken", "libsqlite3-sys", "tungstenite"];
    assert!(
        known.iter().all(|name| locked.contains_key(*name)),
        "the list has lost its subject"
    );
}

#[test]
fn the_lock_file_stays_lean() {
    let crates: usize = locked().values().map(Vec::len).sum();
    assert!(
        crates <= CRATES_MAX,
        "{crates} crates, at most {CRATES_MAX}"
    );
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    // In pieces, or this file would be the first to be found.
    let marks = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
        concat!("/tmp/", "bash"),
    ];
    for path in files() {
        let Some(text) = text(&path) else { continue };
        for (line, content) in text.lines().enumerate() {
            for mark in marks {
                assert!(
                    !content.contains(mark),
                    "{}:{}: {mark}",
                    path.display(),
                    line + 1
                );
            }
        }
    }
}

/// The sources for which something does not hold, so that one run shows them all.
fn offenders(holds: impl Fn(&Path, &str) -> bool) -> Vec<String> {
    let broken = sources()
        .into_iter()
        .filter(|(path, text)| !holds(path, text));
    broken.map(|(path, _)| path.display().to_string()).collect()
}

#[test]
fn every_module_says_what_it_is() {
    // The names of tests are sentences, so a file of nothing else may go without one.
    let silent = offenders(|path, text| path.ends_with("tests.rs") || text.starts_with("//!"));
    assert!(silent.is_empty(), "these must begin with //!: {silent:#?}");
}

#[test]
fn no_file_is_too_long_to_be_read() {
    let long = offenders(|path, text| {
        let known = LONG.iter().find(|(long, _)| path == Path::new(long));
        text.lines().count() <= known.map_or(LINES_MAX, |(_, most)| *most)
    });
    assert!(long.is_empty(), "more than {LINES_MAX} lines: {long:#?}");
}

#[test]
fn every_crate_keeps_the_lints_of_the_house() {
    let manifests = files().into_iter().filter(|path| {
        path.ends_with("Cargo.toml") && path.parent().is_some_and(|dir| dir != Path::new(""))
    });
    for path in manifests.filter(|path| !path.starts_with("fuzz")) {
        let manifest: toml::Table = text(&path).unwrap().parse().unwrap();
        if path == Path::new(UNSAFE) {
            // All of them but one, and that one not given up either.
            let house: toml::Table = text(Path::new("Cargo.toml")).unwrap().parse().unwrap();
            let mut house = house["workspace"]["lints"].clone();
            house["rust"]["unsafe_code"] = "deny".into();
            assert_eq!(manifest["lints"], house);
            continue;
        }
        let inherited = manifest["lints"]["workspace"].as_bool();
        assert_eq!(inherited, Some(true), "{}", path.display());
    }
}

#[test]
fn nothing_is_skipped_or_left_for_later() {
    let marks = [
        concat!("#[ig", "nore"),
        concat!("to", "do!("),
        concat!("unimpl", "emented!("),
        concat!("FIX", "ME"),
    ];
    for (path, text) in sources() {
        for mark in marks {
            assert!(!text.contains(mark), "{}: {mark}", path.display());
        }
    }
}

#[test]
fn scripts_can_be_run() {
    use std::os::unix::fs::PermissionsExt as _;
    for path in [
        ".ci/run",
        "scripts/clients.sh",
        "scripts/demo.sh",
        "scripts/models.sh",
        "scripts/setup.sh",
        "scripts/test.sh",
    ] {
        let mode = root().join(path).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{path} is not executable");
    }
}

#[test]
fn the_tests_that_would_catch_what_broke_elsewhere_are_there() {
    let page = text(&root().join("docs/reliability.md")).unwrap();
    let all: Vec<String> = files().iter().filter_map(|path| text(path)).collect();
    let mut missing = Vec::new();
    let mut named = 0;
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let tests = row.rsplit('|').nth(1).unwrap_or_default();
        for test in tests.split('`').skip(1).step_by(2) {
            named += 1;
            let (rust, script) = (format!("fn {test}("), format!("it(\"{test}"));
            if !all
                .iter()
                .any(|text| text.contains(&rust) || text.contains(&script))
            {
                missing.push(test.to_owned());
            }
        }
    }
    assert!(named > 40, "{named}");
    assert_eq!(missing, Vec::<String>::new());
}
