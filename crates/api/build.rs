//! Writes the table of the web app's files, so that they are compiled into the program. The files
//! are put into `app` by the app's own build; a program built without them says so on its pages.
//! Nothing is run or fetched here.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What a browser is told a file is; others are not taken in.
const KINDS: [(&str, &str); 9] = [
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("json", "application/json"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("txt", "text/plain; charset=utf-8"),
    ("wav", "audio/wav"),
    ("woff2", "font/woff2"),
];

fn main() -> io::Result<()> {
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("app");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    walk(&folder, &mut files)?;
    files.sort();
    let mut table = String::from("static FILES: &[File] = &[\n");
    for path in &files {
        if let Some(kind) = kind(path) {
            entry(&mut table, &folder, path, kind)?;
        }
    }
    table.push_str("];\n");
    let target = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("app.rs");
    fs::write(target, table)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), found)?;
        } else {
            found.push(entry.path());
        }
    }
    Ok(())
}

fn kind(path: &Path) -> Option<&'static str> {
    let end = path.extension()?.to_str()?;
    KINDS
        .iter()
        .find(|(known, _)| *known == end)
        .map(|(_, kind)| *kind)
}

fn entry(table: &mut String, folder: &Path, path: &Path, kind: &str) -> io::Result<()> {
    let name = path.strip_prefix(folder).unwrap_or(path);
    let name = name.to_string_lossy().replace('\\', "/");
    let mut hasher = DefaultHasher::new();
    fs::read(path)?.hash(&mut hasher);
    let bytes = |path: &Path| format!("include_bytes!({:?})", path.display().to_string());
    let packed = |end: &str| {
        let packed = PathBuf::from(format!("{}.{end}", path.display()));
        if packed.is_file() {
            format!("Some({})", bytes(&packed))
        } else {
            "None".to_owned()
        }
    };
    writeln!(
        table,
        "    File {{ name: {name:?}, kind: {kind:?}, tag: \"\\\"{:016x}\\\"\", plain: {}, gzip: {}, \
         brotli: {} }},",
        hasher.finish(),
        bytes(path),
        packed("gz"),
        packed("br"),
    )
    .map_err(io::Error::other)
}
