//! Tells release builds which commit they are made from. Outside a git checkout, or without git,
//! there is none to tell, and that is no error.

use std::process::Command;

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A development build is made after every commit anyway; it need not be made again for that.
    let release = std::env::var("PROFILE").as_deref() == Ok("release");
    for file in ["HEAD", "logs/HEAD"].iter().filter(|_| release) {
        if let Some(path) = git(&["rev-parse", "--git-path", file]) {
            let path = std::path::absolute(path).unwrap_or_default();
            if path.exists() {
                println!("cargo::rerun-if-changed={}", path.display());
            }
        }
    }
    let mut version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    if release && let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) {
        version = format!("{version} ({commit})");
    }
    println!("cargo::rustc-env=GREENROOM_VERSION={version}");
}
