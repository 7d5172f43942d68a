//! Shapes as JSON Schema 2020-12, for the OpenAPI and the AsyncAPI document. No documents here.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::shape::{Field, Object, Shape, TIME_MAX, WHOLE_MAX, Words};
use crate::limits::REF_CHARS_MAX;

/// The named schemas of one document.
#[derive(Debug, Default)]
pub struct Schemas {
    named: BTreeMap<&'static str, Value>,
    /// What is described now is sent by clients: `null` is as good as left out.
    given: bool,
}

const PREFIX: &str = "#/components/schemas/";

impl Schemas {
    /// The schema of a shape; what it names is collected.
    pub fn of(&mut self, shape: &Shape) -> Value {
        match shape {
            Shape::Id => json!({
                "type": "string", "minLength": 1, "maxLength": crate::id::ID_BYTES_MAX,
                "pattern": "^[A-Za-z0-9._:@+|~=-]+$",
            }),
            Shape::Text(0) => json!({ "type": "string" }),
            Shape::Text(most) => json!({ "type": "string", "maxLength": most }),
            Shape::Line(most) => json!({
                "type": "string", "maxLength": most,
                "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
            }),
            Shape::Saying(most) => json!({
                "type": "string", "minLength": 1, "maxLength": most, "pattern": r"\S",
            }),
            Shape::Form(form) => json!({
                "type": "string", "maxLength": form.most, "pattern": form.pattern,
            }),
            Shape::Cursor => json!({
                "type": "string", "maxLength": 84,
                "pattern": r"^[0-9]{1,18}\.[A-Za-z0-9._:@+|~=-]{1,64}$",
            }),
            Shape::Base64 => json!({ "type": "string", "contentEncoding": "base64" }),
            Shape::Hex(digits) => json!({
                "type": "string", "pattern": format!("^[0-9A-Fa-f]{{{digits}}}$"),
            }),
            Shape::Flag => json!({ "type": "boolean" }),
            Shape::Whole(least, most) => json!({
                "type": "integer", "minimum": least, "maximum": most.min(&WHOLE_MAX),
            }),
            Shape::Number(least, most) => {
                json!({ "type": "number", "minimum": least, "maximum": most })
            }
            Shape::Share => json!({ "type": ["number", "null"], "minimum": 0, "maximum": 1 }),
            Shape::Time => json!({
                "type": "integer", "minimum": -(TIME_MAX as i64), "maximum": TIME_MAX,
                "description": "Milliseconds since 1970-01-01 UTC.",
            }),
            Shape::Millis => json!({
                "type": "integer", "minimum": 0, "maximum": WHOLE_MAX,
                "description": "Milliseconds.",
            }),
            Shape::Word(words) => self.words(words),
            Shape::Just(word) => json!({ "const": word }),
            Shape::Only(flag) => json!({ "const": flag }),
            Shape::Of(object) | Shape::Closed(object) | Shape::AtLeast(object) => {
                self.object(object, matches!(shape, Shape::Closed(_)))
            }
            Shape::List(item, 0) => json!({ "type": "array", "items": self.of(item) }),
            Shape::List(item, most) => {
                json!({ "type": "array", "items": self.of(item), "maxItems": most })
            }
            Shape::Or(shape) => json!({ "anyOf": [self.of(shape), { "type": "null" }] }),
            Shape::AnyOf(shapes) => {
                let schemas: Vec<Value> = shapes.iter().map(|shape| self.of(shape)).collect();
                json!({ "anyOf": schemas })
            }
            Shape::Ref => json!({
                "anyOf": [{ "type": "string", "maxLength": REF_CHARS_MAX }, { "type": "integer" }],
            }),
            Shape::Open => json!({ "type": "object" }),
            Shape::ByWord(words, item) => json!({
                "type": "object",
                "propertyNames": self.words(words),
                "additionalProperties": self.of(item),
            }),
            Shape::Map(item) => {
                json!({ "type": "object", "additionalProperties": self.of(item) })
            }
        }
    }

    /// As [`Schemas::of`], for what clients send: where a field may be left out it may be `null`.
    pub fn given(&mut self, shape: &Shape) -> Value {
        self.given = true;
        let schema = self.of(shape);
        self.given = false;
        schema
    }

    /// As [`Schemas::inline`], for what clients send.
    pub fn given_inline<'a>(
        &mut self,
        about: &str,
        fields: impl Iterator<Item = &'a Field>,
    ) -> Value {
        self.given = true;
        let schema = self.inline(about, fields, false);
        self.given = false;
        schema
    }

    /// A schema of its own kind, by reference.
    pub fn named(&mut self, name: &'static str, make: impl FnOnce(&mut Self) -> Value) -> Value {
        if !self.named.contains_key(name) {
            let schema = make(self);
            self.named.insert(name, schema);
        }
        json!({ "$ref": format!("{PREFIX}{name}") })
    }

    /// An object with these fields, written where it is used.
    pub fn inline<'a>(
        &mut self,
        about: &str,
        fields: impl Iterator<Item = &'a Field>,
        closed: bool,
    ) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in fields {
            let mut schema = self.of(&field.shape);
            if self.given && !field.required {
                schema = json!({ "anyOf": [schema, { "type": "null" }] });
            }
            if let Some(schema) = schema.as_object_mut() {
                let unit = schema.get("description").and_then(Value::as_str);
                let about = match unit {
                    Some(unit) => format!("{} {unit}", field.about),
                    None => field.about.to_owned(),
                };
                schema.insert("description".to_owned(), about.into());
            }
            properties.insert(field.name.to_owned(), schema);
            if field.required {
                required.push(field.name);
            }
        }
        let mut schema =
            json!({ "type": "object", "description": about, "properties": properties });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        if closed {
            schema["additionalProperties"] = json!(false);
        }
        schema
    }

    fn object(&mut self, object: &Object, closed: bool) -> Value {
        let (about, fields) = (object.about, object.fields);
        self.named(object.name, |schemas| {
            schemas.inline(about, fields.iter(), closed)
        })
    }

    fn words(&mut self, words: &Words) -> Value {
        let list: Vec<&str> = words.words.iter().map(|(word, _)| *word).collect();
        let meanings: Vec<String> = words
            .words
            .iter()
            .map(|(word, about)| format!("`{word}`: {}", about.trim()))
            .collect();
        let about = format!("{}\n\n{}", words.about.trim(), meanings.join("\n"));
        self.named(
            words.name,
            |_| json!({ "type": "string", "enum": list, "description": about }),
        )
    }

    /// Everything that was named, for `components.schemas`.
    pub fn components(self) -> Map<String, Value> {
        let named = self.named.into_iter();
        named
            .map(|(name, schema)| (name.to_owned(), schema))
            .collect()
    }
}
