//! A token's claims set, read in place: a text without escapes is not copied. What a claim means is
//! not known here, and nothing here is to be believed before the signature was found right.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// One claim's value.
#[derive(Debug, PartialEq)]
pub(crate) enum Claim<'t> {
    /// A text.
    Text(Cow<'t, str>),
    /// Anything else.
    Other(Value),
}

/// The claims in their order.
#[derive(Debug, PartialEq)]
pub(crate) struct ClaimsSet<'t>(Vec<(Cow<'t, str>, Claim<'t>)>);

impl<'t> ClaimsSet<'t> {
    /// The JSON object a token holds.
    pub(crate) fn read(json: &'t [u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// The claim of this name; of several, the last, as JSON readers nearly all have it.
    pub(crate) fn get(&self, name: &str) -> Option<&Claim<'t>> {
        let mut found = self.0.iter().rev().filter(|(known, _)| known == name);
        found.next().map(|(_, claim)| claim)
    }
}

impl<'de> Deserialize<'de> for ClaimsSet<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = ClaimsSet<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut claims = Vec::with_capacity(8);
                while let Some((Text(name), claim)) = map.next_entry()? {
                    claims.push((name, claim));
                }
                Ok(ClaimsSet(claims))
            }
        }
        from.deserialize_map(Object)
    }
}

/// A text that is borrowed where it can be; `Cow`'s own way always copies.
struct Text<'t>(Cow<'t, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match from.deserialize_str(Any)? {
            Claim::Text(text) => Ok(Self(text)),
            Claim::Other(_) => Err(D::Error::custom("a name is a text")),
        }
    }
}

impl<'de> Deserialize<'de> for Claim<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Claim<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claim")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Claim::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Claim::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Claim::Other(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Claim::Other(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Claim::Other(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Claim::Other(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Claim::Other(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(list)).map(Claim::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(Claim::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    /// As the library for JSON reads it.
    fn read_by_the_library(json: &[u8]) -> Option<Map<String, Value>> {
        serde_json::from_slice(json).ok()
    }

    #[test]
    fn reads_what_the_library_reads() {
        let texts: [&str; 16] = [
            "{}",
            r#" { "sub" : "ada", "exp": 1.5e9, "iat": -3, "n": 12345678901234567890 } "#,
            r#"{"s\u0075b":"a\nda","sub":"eve","x":null,"y":true}"#,
            r#"{"aud":["a",{"b":[1,"c"]}],"deep":{"er":{"sub":"no"}}}"#,
            r#"{"sub":"first","sub":"last"}"#,
            r#"{"sub":"text","sub":null}"#,
            r#"{"sub":"ada"}x"#,
            r#"{"sub":"ada""#,
            r#"{"sub":}"#,
            r#"{"sub":"ada",}"#,
            r#"{sub:"ada"}"#,
            r#"{1:"ada"}"#,
            r#"["sub","ada"]"#,
            r#""sub""#,
            "null",
            "",
        ];
        for text in texts {
            let expected = read_by_the_library(text.as_bytes());
            let found = ClaimsSet::read(text.as_bytes());
            assert_eq!(found.is_some(), expected.is_some(), "{text}");
            let (Some(expected), Some(found)) = (expected, found) else {
                continue;
            };
            for (name, value) in &expected {
                let expected = match value {
                    Value::String(text) => Claim::Text(text.into()),
                    other => Claim::Other(other.clone()),
                };
                assert_eq!(found.get(name), Some(&expected), "{text}: {name}");
            }
            let names = found.0.iter();
            assert!(
                names
                    .clone()
                    .all(|(name, _)| expected.contains_key(&**name))
            );
            assert_eq!(found.get("absent"), None);
        }
        assert!(ClaimsSet::read(b"{\"sub\":\"\xff\"}").is_none());
        assert!(ClaimsSet::read("[".repeat(9_000).as_bytes()).is_none());
        assert!(ClaimsSet::read(format!("{{\"a\":{}", "[".repeat(9_000)).as_bytes()).is_none());
    }

    #[test]
    fn a_text_without_escapes_is_not_copied() {
        let json = json!({"sub": "ada", "name": "a\"b"}).to_string();
        let set = ClaimsSet::read(json.as_bytes()).unwrap();
        let is_borrowed = |name| match set.get(name) {
            Some(Claim::Text(text)) => matches!(text, Cow::Borrowed(_)),
            _ => false,
        };
        assert!(is_borrowed("sub") && !is_borrowed("name"));
        assert!(
            set.0
                .iter()
                .all(|(name, _)| matches!(name, Cow::Borrowed(_)))
        );
    }
}
