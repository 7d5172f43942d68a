//! Files that are made from the contract and kept in the repository.

use std::path::{Path, PathBuf};

use crate::contract::typescript;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Compares a file with what it should be, or writes it.
pub(super) fn kept(path: &str, wanted: &str) {
    let path = root().join(path);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let line = found
        .lines()
        .zip(wanted.lines())
        .position(|(found, wanted)| found != wanted)
        .unwrap_or_else(|| found.lines().count().min(wanted.lines().count()));
    assert!(
        found == wanted,
        "{} is not what the contract says from line {} on: \
         UPDATE_EXPECT=1 cargo test -p protocol contract writes it anew",
        path.display(),
        line + 1
    );
}

#[test]
fn the_typescript_types_are_those_of_the_contract() {
    kept(
        "web/packages/client/src/protocol.gen.ts",
        &typescript::realtime(),
    );
}
