//! The layers: file, environment, flags, one over the other, each value with the place it came
//! from. [`load`] is pure; [`gather`] is the only function that looks at the machine.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::setting::{Auto, Raw};
use super::{Config, check};

/// Prefix of the long names of variables: `GREENROOM__SECTION__KEY`.
pub const ENV_PREFIX: &str = "GREENROOM__";

/// The file that is read when none is named and it is there.
pub const DEFAULT_FILE: &str = "greenroom.toml";

/// Short names: those of the documents, and the common habit of hosting platforms.
const SHORT_NAMES: [(&str, &str); 5] = [
    ("GREENROOM_API_KEYS", "auth.api_keys"),
    ("WEBHOOK_SECRET", "webhooks.secret"),
    ("JWT_SECRET", "auth.jwt_secret"),
    ("FRONTEND_URL", "server.frontend_origins"),
    ("JWT_EXPIRES_IN", "auth.expires_in"),
];

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nobody set it.
    Default,
    /// A file, and the line.
    File(PathBuf, usize),
    /// A variable of the environment.
    Env(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Env(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `section.key`, or what stands in its place.
    pub path: String,
    /// Where it was set.
    pub place: Place,
    /// The rest of the sentence that begins with the path.
    pub message: String,
}

impl Problem {
    pub(super) fn of(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            place: Place::Default,
            message: message.into(),
        }
    }

    fn at(place: &Place, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.clone(),
            ..Self::of(path, message)
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place != Place::Default {
            write!(f, "{}: ", self.place)?;
        }
        let stop = if self.message.ends_with(['.', '?']) {
            ""
        } else {
            "."
        };
        write!(f, "{} {}{stop}", self.path, self.message)
    }
}

/// Everything that is wrong, at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the configuration has a problem:")?,
            n => write!(f, "the configuration has {n} problems:")?,
        }
        for problem in &self.0 {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// What a configuration is made from.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// `--dev`.
    pub dev: bool,
    /// A file's name and text.
    pub file: Option<(PathBuf, String)>,
    /// The whole environment; what does not concern us is passed over.
    pub env: Vec<(String, String)>,
    /// Flags that set something: name, `section.key`, value.
    pub flags: Vec<(&'static str, &'static str, String)>,
}

/// A configuration without problems, and where each value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The tree.
    pub config: Config,
    /// `section.key` → place, for everything that is not a default.
    pub places: BTreeMap<String, Place>,
}

/// Reads the named file, or [`DEFAULT_FILE`] if it is there, and the environment.
///
/// # Errors
/// A named file that cannot be read.
pub fn gather(dev: bool, file: Option<&Path>) -> Result<Inputs, Problems> {
    let named = file.map(Path::to_owned);
    let path = named.clone().unwrap_or_else(|| DEFAULT_FILE.into());
    let file = match std::fs::read_to_string(&path) {
        Ok(text) => Some((path, text)),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            let message = format!("cannot be read: {error}");
            return Err(Problems(vec![Problem::of(
                path.display().to_string(),
                message,
            )]));
        }
    };
    let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
    let env = std::env::vars_os()
        .map(|(name, value)| (text(name), text(value)))
        .collect();
    Ok(Inputs {
        dev,
        file,
        env,
        flags: Vec::new(),
    })
}

/// Puts the layers over each other and judges the result.
///
/// # Errors
/// Every problem there is: unknown names, values of the wrong kind, and what does not go together.
pub fn load(inputs: &Inputs) -> Result<Loaded, Problems> {
    let mut layers = Layers::new(inputs.dev);
    if let Some((path, text)) = &inputs.file {
        layers.file(path, text);
    }
    layers.environment(&inputs.env);
    for (flag, path, value) in &inputs.flags {
        layers.set(path, &Raw::Word(value.clone()), Place::Flag(flag));
    }
    layers.finish()
}

struct Layers {
    config: Config,
    places: BTreeMap<String, Place>,
    problems: Vec<Problem>,
}

impl Layers {
    fn new(dev: bool) -> Self {
        let mut config = Config {
            dev,
            ..Config::default()
        };
        if dev {
            config
                .server
                .listen
                .set_ip(std::net::Ipv4Addr::LOCALHOST.into());
            config.sessions.create_on_join = true;
        }
        Self {
            config,
            places: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    fn set(&mut self, path: &str, raw: &Raw, place: Place) {
        let (section, key) = path.split_once('.').unwrap_or((path, ""));
        let mut sections = self.config.sections_mut();
        let outcome = sections
            .iter_mut()
            .find(|candidate| candidate.name() == section)
            .and_then(|section| section.set(key, raw));
        match outcome {
            Some(Ok(())) => {
                self.places.insert(path.to_owned(), place);
            }
            Some(Err(expected)) => {
                let message = format!("must be {expected}");
                self.problems.push(Problem::at(&place, path, message));
            }
            None => self.unknown(path, &place),
        }
    }

    fn unknown(&mut self, path: &str, place: &Place) {
        let message = match closest(path, Config::paths().iter().map(String::as_str)) {
            Some(known) => format!("is no setting. Did you mean {known}?"),
            None => "is no setting; config.example.toml lists them all".to_owned(),
        };
        self.problems.push(Problem::at(place, path, message));
    }

    fn file(&mut self, path: &Path, text: &str) {
        let place = |at: usize| {
            let before = text.as_bytes().get(..at).unwrap_or_default();
            Place::File(
                path.to_owned(),
                before.iter().filter(|b| **b == b'\n').count() + 1,
            )
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let at = place(error.span().map_or(0, |span| span.start));
            let message = format!("is not valid TOML here: {}", error.message());
            self.problems.push(Problem::at(&at, "the file", message));
        }
        for (name, section) in table.get_ref() {
            let at = place(name.span().start);
            let DeValue::Table(keys) = section.get_ref() else {
                self.stray(name.get_ref(), &at);
                continue;
            };
            for (key, value) in keys {
                let path = format!("{}.{}", name.get_ref(), key.get_ref());
                self.set(&path, &raw(value.get_ref()), place(key.span().start));
            }
            if keys.is_empty()
                && !self
                    .config
                    .sections()
                    .iter()
                    .any(|s| s.name() == &**name.get_ref())
            {
                self.unknown(name.get_ref(), &at);
            }
        }
    }

    /// A value outside any section: most likely its section's line was forgotten.
    fn stray(&mut self, key: &str, place: &Place) {
        let paths = Config::paths();
        let home = paths.iter().find(|path| path.ends_with(&format!(".{key}")));
        match home.and_then(|path| path.split_once('.')) {
            Some((section, _)) => {
                let message = format!("stands outside a section; it belongs under [{section}]");
                self.problems.push(Problem::at(place, key, message));
            }
            None => self.unknown(key, place),
        }
    }

    fn environment(&mut self, env: &[(String, String)]) {
        // Short names first: where both are set, the long one is meant more precisely.
        for (name, path) in SHORT_NAMES {
            if let Some((_, value)) = env.iter().find(|(known, _)| known == name)
                && !value.trim().is_empty()
            {
                self.set(path, &Raw::Word(value.clone()), Place::Env(name.to_owned()));
            }
        }
        if let Some((_, port)) = env.iter().find(|(name, _)| name == "PORT") {
            let place = Place::Env("PORT".to_owned());
            match port.trim().parse() {
                Ok(port) => {
                    self.config.server.listen.set_port(port);
                    self.places.insert("server.listen".to_owned(), place);
                }
                Err(_) => {
                    let message = "must be a port from 0 to 65535";
                    self.problems.push(Problem::at(&place, "PORT", message));
                }
            }
        }
        let mut long: Vec<_> = env
            .iter()
            .filter(|(name, _)| name.starts_with(ENV_PREFIX))
            .collect();
        long.sort();
        for (name, value) in long {
            let place = Place::Env(name.clone());
            let rest = name[ENV_PREFIX.len()..].to_ascii_lowercase();
            let path = rest.replacen("__", ".", 1);
            if Config::paths().contains(&path) {
                self.set(&path, &Raw::Word(value.clone()), place);
            } else {
                let names: Vec<String> =
                    Config::paths().iter().map(|path| env_name(path)).collect();
                let message = match closest(name, names.iter().map(String::as_str)) {
                    Some(known) => format!("is no setting. Did you mean {known}?"),
                    None => "is no setting; config.example.toml lists them all".to_owned(),
                };
                self.problems.push(Problem::of(name.as_str(), message));
            }
        }
    }

    fn finish(mut self) -> Result<Loaded, Problems> {
        if let Some(Place::Env(name)) = self.places.get("server.listen")
            && name == "PORT"
            && self.config.dev
        {
            // The port came from the platform, the address from us: nothing to complain about.
            self.config
                .server
                .listen
                .set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        for mut problem in check::check(&self.config) {
            if self.problems.iter().any(|known| known.path == problem.path) {
                continue;
            }
            problem.place = self
                .places
                .get(&problem.path)
                .cloned()
                .unwrap_or(Place::Default);
            self.problems.push(problem);
        }
        // The parser hands keys out by name; people read a file from the top.
        self.problems.sort_by_key(|problem| match &problem.place {
            Place::File(_, line) => *line,
            _ => usize::MAX,
        });
        if self.problems.is_empty() {
            Ok(Loaded {
                config: self.config,
                places: self.places,
            })
        } else {
            Err(Problems(self.problems))
        }
    }
}

/// The long name of a setting's variable.
pub fn env_name(path: &str) -> String {
    format!(
        "{ENV_PREFIX}{}",
        path.replacen('.', "__", 1).to_ascii_uppercase()
    )
}

/// The known name that looks most like this one, if any looks like it at all.
fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let last = |path: &str| path.rsplit(['.']).next().unwrap_or_default().to_owned();
    known
        .map(|path| {
            let whole = strsim::jaro_winkler(name, path);
            let end = strsim::jaro_winkler(&last(name), &last(path));
            (whole.max(end * 0.98), path)
        })
        .filter(|(score, _)| *score > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, path)| path)
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Raw::Other("integer"), Raw::Integer),
        DeValue::Boolean(value) => Raw::Bool(*value),
        DeValue::Array(items) => items
            .iter()
            .map(|item| item.get_ref().as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .map_or(Raw::Other("array"), Raw::List),
        other => Raw::Other(other.type_str()),
    }
}

impl Auto {
    /// The number, or what the machine suggests.
    pub fn or(self, suggested: usize) -> usize {
        match self {
            Self::Auto => suggested.max(1),
            Self::Of(number) => number as usize,
        }
    }
}
