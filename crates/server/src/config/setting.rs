//! The kinds of value a setting can have: how each is read from a file or a word of text, what to
//! say when it cannot be, and how it is written back. No settings here: those are in `mod.rs`.

use std::net::SocketAddr;
use std::path::PathBuf;

use api::secret::Secret;
use speech::models::Profile;

/// A value as it was found, before anybody knows what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Raw {
    /// From the environment or a flag: text that may stand for any kind.
    Word(String),
    /// A TOML string.
    Text(String),
    /// A TOML integer.
    Integer(i64),
    /// A TOML boolean.
    Bool(bool),
    /// A TOML array of strings.
    List(Vec<String>),
    /// Something no setting takes; the name of its type.
    Other(&'static str),
}

/// One kind of value.
pub trait Setting: Sized {
    /// Reads it. The error completes the sentence "must be …".
    fn read(raw: &Raw) -> Result<Self, String>;

    /// As TOML text. Secrets show a placeholder.
    fn show(&self) -> String;
}

fn text(raw: &Raw) -> Option<&str> {
    match raw {
        Raw::Word(text) | Raw::Text(text) => Some(text),
        _ => None,
    }
}

fn whole(raw: &Raw) -> Option<u64> {
    match raw {
        Raw::Integer(number) => u64::try_from(*number).ok(),
        Raw::Word(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Setting for bool {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Bool(value) => Ok(*value),
            Raw::Word(text) if matches!(text.trim(), "true" | "1" | "yes" | "on") => Ok(true),
            Raw::Word(text) if matches!(text.trim(), "false" | "0" | "no" | "off") => Ok(false),
            _ => Err("true or false".to_owned()),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for u32 {
    fn read(raw: &Raw) -> Result<Self, String> {
        let number = whole(raw).and_then(|number| Self::try_from(number).ok());
        number.ok_or_else(|| format!("a whole number from 0 to {}", Self::MAX))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for String {
    fn read(raw: &Raw) -> Result<Self, String> {
        text(raw)
            .map(|text| text.trim().to_owned())
            .ok_or_else(|| "text in quotes".to_owned())
    }

    fn show(&self) -> String {
        quoted(self)
    }
}

/// Text where `""` means "not set".
impl Setting for Option<String> {
    fn read(raw: &Raw) -> Result<Self, String> {
        let text = String::read(raw)?;
        Ok((!text.is_empty()).then_some(text))
    }

    fn show(&self) -> String {
        quoted(self.as_deref().unwrap_or_default())
    }
}

impl Setting for PathBuf {
    fn read(raw: &Raw) -> Result<Self, String> {
        match text(raw) {
            Some(text) if !text.is_empty() => Ok(Self::from(text)),
            _ => Err("a path in quotes".to_owned()),
        }
    }

    fn show(&self) -> String {
        quoted(&self.to_string_lossy())
    }
}

/// A folder where `""` means "none".
impl Setting for Option<PathBuf> {
    fn read(raw: &Raw) -> Result<Self, String> {
        let text = String::read(raw).map_err(|_| "a path in quotes, or \"\" for none")?;
        Ok((!text.is_empty()).then(|| PathBuf::from(text)))
    }

    fn show(&self) -> String {
        let text = self.as_deref().map(|path| path.to_string_lossy());
        quoted(&text.unwrap_or_default())
    }
}

impl Setting for SocketAddr {
    fn read(raw: &Raw) -> Result<Self, String> {
        text(raw)
            .and_then(|text| text.trim().replace("localhost:", "127.0.0.1:").parse().ok())
            .ok_or_else(|| "an address with a port, like 0.0.0.0:8080 or [::]:8080".to_owned())
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

/// A number, or "auto": the server finds a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auto {
    /// As the machine has it.
    Auto,
    /// So many.
    Of(u32),
}

impl Setting for Auto {
    fn read(raw: &Raw) -> Result<Self, String> {
        if text(raw).map(str::trim) == Some("auto") {
            return Ok(Self::Auto);
        }
        match u32::read(raw) {
            Ok(number) if number > 0 => Ok(Self::Of(number)),
            _ => Err("\"auto\" or a whole number of at least 1".to_owned()),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Auto => "\"auto\"".to_owned(),
            Self::Of(number) => number.to_string(),
        }
    }
}

/// A length of time in milliseconds. Written `"500ms"`, `"60s"`, `"5m"`, `"12h"`, `"7d"`; a bare
/// number means seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

const TIME_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl Millis {
    /// Reads `90`, `90s`, `5 min` and the like.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = split_unit(text)?;
        let factor = match unit.as_str() {
            "" | "s" | "sec" | "second" | "seconds" => 1_000,
            "ms" => 1,
            "m" | "min" | "minute" | "minutes" => 60_000,
            "h" | "hour" | "hours" => 3_600_000,
            "d" | "day" | "days" => 86_400_000,
            "w" | "week" | "weeks" => 7 * 86_400_000,
            _ => return None,
        };
        number.checked_mul(factor).map(Self)
    }
}

impl Setting for Millis {
    fn read(raw: &Raw) -> Result<Self, String> {
        let found = match raw {
            Raw::Integer(seconds) => u64::try_from(*seconds)
                .ok()
                .and_then(|s| s.checked_mul(1_000))
                .map(Self),
            _ => text(raw).and_then(Self::parse),
        };
        // Beyond a century somebody has mistaken the unit.
        found
            .filter(|millis| millis.0 <= 36_500 * 86_400_000)
            .ok_or_else(|| {
                "a length of time: \"500ms\", \"60s\", \"5m\", \"12h\", \"7d\"; a bare number \
                 means seconds"
                    .to_owned()
            })
    }

    fn show(&self) -> String {
        let fit = TIME_UNITS
            .iter()
            .find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor));
        let (unit, factor) = fit.unwrap_or(&("s", 1_000));
        format!("\"{}{unit}\"", self.0 / factor)
    }
}

/// A number of bytes. Written `4096`, `"256KiB"`, `"1MiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u32);

impl Setting for Size {
    fn read(raw: &Raw) -> Result<Self, String> {
        let found = match raw {
            Raw::Integer(bytes) => u64::try_from(*bytes).ok(),
            _ => text(raw).and_then(|text| {
                let (number, unit) = split_unit(text)?;
                let factor = match unit.as_str() {
                    "" | "b" => 1,
                    "k" | "kib" => 1 << 10,
                    "m" | "mib" => 1 << 20,
                    _ => return None,
                };
                number.checked_mul(factor)
            }),
        };
        found
            .and_then(|bytes| u32::try_from(bytes).ok())
            .map(Self)
            .ok_or_else(|| "a size below 4 GiB: 4096, \"256KiB\", \"1MiB\"".to_owned())
    }

    fn show(&self) -> String {
        match self.0 {
            bytes if bytes > 0 && bytes % (1 << 20) == 0 => format!("\"{}MiB\"", bytes >> 20),
            bytes if bytes > 0 && bytes % (1 << 10) == 0 => format!("\"{}KiB\"", bytes >> 10),
            bytes => bytes.to_string(),
        }
    }
}

fn split_unit(text: &str) -> Option<(u64, String)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number = text[..end].parse().ok()?;
    Some((number, text[end..].trim().to_ascii_lowercase()))
}

/// Origins of web pages: `https://host[:port]`, lower case, without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origins(pub Vec<String>);

const ORIGIN: &str = "a list of origins like \"https://interviews.example.org\": scheme, host and \
     port, no path and no *";

impl Setting for Origins {
    fn read(raw: &Raw) -> Result<Self, String> {
        let parts: Vec<&str> = match raw {
            Raw::List(list) => list.iter().map(String::as_str).collect(),
            _ => text(raw).ok_or(ORIGIN)?.split(',').collect(),
        };
        let parts = parts
            .iter()
            .map(|part| part.trim())
            .filter(|part| !part.is_empty());
        let origins = parts.map(|part| {
            api::cors::normalize(part).ok_or_else(|| format!("{ORIGIN} ({} is none)", quoted(part)))
        });
        origins.collect::<Result<_, _>>().map(Self)
    }

    fn show(&self) -> String {
        let quoted: Vec<String> = self.0.iter().map(|origin| quoted(origin)).collect();
        format!("[{}]", quoted.join(", "))
    }
}

/// A key. Empty means "not set".
impl Setting for Secret<String> {
    fn read(raw: &Raw) -> Result<Self, String> {
        text(raw)
            .map(|text| Self::new(text.trim().to_owned()))
            .ok_or_else(|| "text in quotes".to_owned())
    }

    fn show(&self) -> String {
        quoted(if self.reveal().is_empty() {
            ""
        } else {
            "[secret]"
        })
    }
}

/// Several keys, none of them shown. From text: separated by commas.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Secrets(pub Vec<Secret<String>>);

impl Setting for Secrets {
    fn read(raw: &Raw) -> Result<Self, String> {
        let found = List::read(raw)?.0;
        Ok(Self(found.into_iter().map(Secret::new).collect()))
    }

    fn show(&self) -> String {
        let shown = vec!["\"[secret]\""; self.0.len()];
        format!("[{}]", shown.join(", "))
    }
}

/// Several texts. From text: separated by commas.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List(pub Vec<String>);

impl Setting for List {
    fn read(raw: &Raw) -> Result<Self, String> {
        let parts: Vec<&str> = match raw {
            Raw::List(list) => list.iter().map(String::as_str).collect(),
            _ => text(raw)
                .ok_or("a list of texts in quotes")?
                .split(',')
                .collect(),
        };
        let parts = parts.into_iter().map(str::trim).filter(|p| !p.is_empty());
        Ok(Self(parts.map(str::to_owned).collect()))
    }

    fn show(&self) -> String {
        let quoted: Vec<String> = self.0.iter().map(|text| quoted(text)).collect();
        format!("[{}]", quoted.join(", "))
    }
}

/// Declares a setting that is one of a few words.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl Setting for $name {
            fn read(raw: &Raw) -> Result<Self, String> {
                match text(raw).map(str::trim) {
                    $(Some($word) => Ok(Self::$variant),)+
                    _ => Err(format!("one of {}", [$(concat!("\"", $word, "\"")),+].join(", "))),
                }
            }

            fn show(&self) -> String {
                match self { $(Self::$variant => concat!("\"", $word, "\"").to_owned(),)+ }
            }
        }
    };
}

/// Which speech model.
impl Setting for Profile {
    fn read(raw: &Raw) -> Result<Self, String> {
        let found = text(raw).and_then(|text| Self::parse(text.trim()));
        found.ok_or_else(|| {
            let words = Self::ALL.map(|profile| quoted(profile.as_str()));
            format!("one of {}", words.join(", "))
        })
    }

    fn show(&self) -> String {
        quoted(self.as_str())
    }
}

choice! {
    /// How log lines look.
    LogFormat {
        /// For people on a terminal, JSON otherwise.
        Auto = "auto",
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

choice! {
    /// How tokens are signed.
    TokenAlgorithm {
        /// With the shared secret.
        Hs256 = "HS256",
        /// With an RSA key of somebody else's.
        Rs256 = "RS256",
        /// With an elliptic-curve key (P-256) of somebody else's.
        Es256 = "ES256",
    }
}

choice! {
    /// Which of two pages of one user keeps the seat (L3).
    Takeover {
        /// The newer one.
        Newest = "newest",
        /// The one that has it.
        Refuse = "refuse",
    }
}

choice! {
    /// Whether speech is recognized.
    Speech {
        /// Where the model is installed.
        Auto = "auto",
        /// Always: the server does not start without the model.
        On = "on",
        /// Never.
        Off = "off",
    }
}
