//! The contract as Markdown: the tables of `docs/protocol.md`. Only text is made here; the tests keep
//! the document up to date.

use std::fmt::Write as _;

use super::client::{self, ALWAYS};
use super::server;
use super::shape::{Field, Object, Shape, Words};
use crate::close::{CloseCode, ComeBack, SEEN};
use crate::error::{ErrorCode, Remedy};
use crate::value::{Clock, EndReason, Outcome, PresenceState, Role, Status, Visibility};

/// Every section that is made, by name.
pub fn sections() -> Vec<(&'static str, String)> {
    vec![
        ("client-messages", client_messages()),
        ("server-messages", server_messages()),
        ("objects", objects()),
        ("words", words()),
        ("errors", errors()),
        ("closes", closes()),
    ]
}

fn cell(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace('|', "\\|")
}

fn rows<'a>(out: &mut String, fields: impl Iterator<Item = &'a Field>) {
    out.push_str("\n| field | holds | about |\n|---|---|---|\n");
    for field in fields {
        let mark = if field.required { "" } else { " (optional)" };
        let _ = writeln!(
            out,
            "| `{}`{mark} | {} | {} |",
            field.name,
            cell(&field.shape.in_words()),
            cell(field.about)
        );
    }
}

fn codes(codes: &[ErrorCode]) -> String {
    let codes: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
    codes.join(", ")
}

fn client_messages() -> String {
    let mut out = format!("Any message may be refused with {}.\n", codes(ALWAYS));
    for spec in client::MESSAGES {
        let _ = write!(out, "\n### `{}`\n\n{}\n", spec.event, spec.body.about);
        rows(&mut out, spec.fields());
        match &spec.reply {
            Some(reply) => {
                let _ = write!(out, "\nIts `ok`: {}", reply.about);
                if reply.fields.is_empty() {
                    out.push('\n');
                } else {
                    out.push_str(" It carries\n");
                    rows(&mut out, reply.fields.iter());
                }
            }
            None => out.push_str("\nIt is answered by `pong` and has no `ok`.\n"),
        }
        let _ = write!(
            out,
            "\nWithout a `ref`, a refusal comes as `{}`.",
            spec.errors_to
        );
        if !spec.errors.is_empty() {
            let _ = write!(out, " It may be refused with {}.", codes(spec.errors));
        }
        out.push('\n');
    }
    out
}

fn server_messages() -> String {
    let mut out = String::new();
    for spec in server::MESSAGES {
        let kind = if server::of(spec.event).count() > 1 {
            format!(" ({})", spec.body.name)
        } else {
            String::new()
        };
        let stored = if spec.durable { " Durable." } else { "" };
        let _ = write!(
            out,
            "{}### `{}`{kind}\n\n{} To {}.{stored}\n",
            if out.is_empty() { "" } else { "\n" },
            spec.event,
            spec.body.about,
            spec.to
        );
        if spec.fields().next().is_some() {
            rows(&mut out, spec.fields());
        }
    }
    out
}

/// Every object that is named inside messages, each once.
fn objects() -> String {
    let mut found: Vec<&'static Object> = Vec::new();
    let fields = client::MESSAGES.iter().flat_map(super::ClientSpec::fields);
    for field in fields.chain(server::MESSAGES.iter().flat_map(super::ServerSpec::fields)) {
        collect(&field.shape, &mut found);
    }
    let mut out = String::new();
    for object in found {
        let gap = if out.is_empty() { "" } else { "\n" };
        let _ = write!(out, "{gap}### {}\n\n{}\n", object.name, object.about);
        rows(&mut out, object.fields.iter());
    }
    out
}

fn collect(shape: &Shape, found: &mut Vec<&'static Object>) {
    match shape {
        Shape::Of(object) | Shape::Closed(object) | Shape::AtLeast(object)
            if !found.iter().any(|known| known.name == object.name) =>
        {
            found.push(object);
            for field in object.fields {
                collect(&field.shape, found);
            }
        }
        Shape::List(item, _) | Shape::Or(item) | Shape::Map(item) => collect(item, found),
        Shape::AnyOf(shapes) => shapes.iter().for_each(|shape| collect(shape, found)),
        _ => {}
    }
}

fn words() -> String {
    let mut out = String::new();
    for table in [
        Role::WORDS,
        Status::WORDS,
        EndReason::WORDS,
        Outcome::WORDS,
        Clock::WORDS,
        Visibility::WORDS,
        PresenceState::WORDS,
        ComeBack::WORDS,
        Remedy::WORDS,
    ] {
        let gap = if out.is_empty() { "" } else { "\n" };
        out.push_str(gap);
        list(&mut out, &table);
    }
    out
}

fn list(out: &mut String, table: &Words) {
    let _ = write!(out, "**{}.** {}\n\n", table.name, cell(table.about));
    for (word, about) in table.words {
        let _ = writeln!(out, "- `{word}`: {}", cell(about));
    }
}

fn errors() -> String {
    let mut out = String::from("| code | what a person is told | what to do |\n|---|---|---|\n");
    for code in ErrorCode::ALL {
        let _ = writeln!(
            out,
            "| `{code}` | {} | `{}` |",
            cell(code.text()),
            code.remedy()
        );
    }
    out
}

fn closes() -> String {
    let mut out = String::from("| code | reason | meaning | come back? |\n|---|---|---|---|\n");
    for code in CloseCode::ALL {
        let _ = writeln!(
            out,
            "| {} | `{}` | {} | `{}` |",
            code.number(),
            code.reason(),
            cell(code.meaning()),
            code.come_back()
        );
    }
    for (number, meaning, back) in SEEN {
        let _ = writeln!(
            out,
            "| {number} | – | {meaning} Never sent by this server. | `{back}` |"
        );
    }
    out
}
