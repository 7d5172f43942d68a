//! The contract as TypeScript: one file of types and tables, for any client. Only text is made
//! here; where it is kept and that it is up to date is the tests' business.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::client::{self, ALWAYS};
use super::server;
use super::shape::{Field, Object, Shape, Words};
use super::{ClientSpec, ServerSpec, VERSION};
use crate::audio::{Direction, Format, HEADER_BYTES};
use crate::close::{CloseCode, ComeBack, SEEN};
use crate::error::{ErrorCode, Remedy};
use crate::limits;

/// Name of the realtime contract's file, for those beside it.
const REALTIME: &str = "./protocol.gen.ts";

/// The whole file.
pub fn realtime() -> String {
    declarations().finish()
}

fn declarations() -> File {
    let mut file = File::new(
        "The realtime contract of Greenroom: every message, field, reply and code.",
        "UPDATE_EXPECT=1 cargo test -p protocol contract",
    );
    file.constants();
    for words in [ErrorCode::WORDS, Remedy::WORDS, ComeBack::WORDS] {
        file.words(&words);
    }
    file.errors();
    file.closes();
    for spec in client::MESSAGES {
        file.client(spec);
    }
    for spec in server::MESSAGES {
        file.server(spec);
    }
    file.maps();
    file
}

/// A file of declarations; each name is declared once.
#[derive(Debug)]
pub struct File {
    head: String,
    out: String,
    declared: BTreeSet<&'static str>,
    /// What the realtime contract's file declares, and what of it is used here.
    elsewhere: BTreeSet<&'static str>,
    taken: BTreeSet<&'static str>,
    /// Whether what is declared now is built by clients, not only read by them.
    given: bool,
}

/// A word of ours as a string of theirs. Our words and sentences have no characters that would
/// need more than this.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A key, quoted where it must be.
fn key(name: &str) -> String {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if plain { name.to_owned() } else { quoted(name) }
}

/// `EndReason` → `END_REASONS`.
fn list_name(name: &str) -> String {
    let mut out = String::new();
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_uppercase());
    }
    let (stem, end) = match out.strip_suffix('Y') {
        Some(stem) if !out.ends_with("EY") => (stem, "IES"),
        _ if out.ends_with('S') => (out.as_str(), "ES"),
        _ => (out.as_str(), "S"),
    };
    format!("{stem}{end}")
}

/// A shape as a type; what it names must be declared with [`File::named`].
pub fn type_of(shape: &Shape) -> String {
    match shape {
        Shape::Id
        | Shape::Cursor
        | Shape::Form(_)
        | Shape::Text(_)
        | Shape::Line(_)
        | Shape::Saying(_)
        | Shape::Base64
        | Shape::Hex(_) => "string".to_owned(),
        Shape::Flag => "boolean".to_owned(),
        Shape::Whole(..) | Shape::Number(..) | Shape::Time | Shape::Millis => "number".to_owned(),
        Shape::Share => "number | null".to_owned(),
        Shape::Word(words) => words.name.to_owned(),
        Shape::Just(word) => quoted(word),
        Shape::Only(flag) => flag.to_string(),
        Shape::Of(object) | Shape::Closed(object) | Shape::AtLeast(object) => {
            object.name.to_owned()
        }
        Shape::List(item, _) => match type_of(item) {
            plain if plain.contains(' ') => format!("({plain})[]"),
            plain => format!("{plain}[]"),
        },
        Shape::Or(shape) => format!("{} | null", type_of(shape)),
        Shape::AnyOf(shapes) => shapes.iter().map(type_of).collect::<Vec<_>>().join(" | "),
        Shape::Ref => "string | number".to_owned(),
        Shape::Open => "Record<string, unknown>".to_owned(),
        Shape::Map(item) => format!("Record<string, {}>", type_of(item)),
        Shape::ByWord(words, item) => {
            format!("{{ [word in {}]?: {} }}", words.name, type_of(item))
        }
    }
}

/// A bound or unit the type cannot say.
fn note(shape: &Shape) -> Option<String> {
    match shape {
        Shape::Id
        | Shape::Cursor
        | Shape::Form(_)
        | Shape::Text(0)
        | Shape::Base64
        | Shape::Flag
        | Shape::Word(_)
        | Shape::Just(_)
        | Shape::Only(_)
        | Shape::Of(_)
        | Shape::Closed(_)
        | Shape::AtLeast(_)
        | Shape::List(_, 0)
        | Shape::Or(_)
        | Shape::AnyOf(_)
        | Shape::Open
        | Shape::Map(_)
        | Shape::ByWord(..)
        | Shape::Ref
        | Shape::Whole(0, _)
        | Shape::Millis => None,
        Shape::List(_, most) => Some(format!("At most {most}.")),
        _ => Some(format!("({}.)", capital(&shape.in_words()))),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

impl File {
    /// Begins a file: what it is, and the command that writes it anew.
    pub fn new(about: &str, command: &str) -> Self {
        let head = format!(
            "// {about}\n// Made from the server's own types; do not edit. `{command}` writes it anew.\n"
        );
        Self {
            head,
            out: String::new(),
            declared: BTreeSet::new(),
            elsewhere: BTreeSet::new(),
            taken: BTreeSet::new(),
            given: false,
        }
    }

    /// Begins a file beside the realtime contract's: what that one declares is taken from it.
    pub fn beside_realtime(about: &str, command: &str) -> Self {
        Self {
            elsewhere: declarations().declared,
            ..Self::new(about, command)
        }
    }

    /// The text.
    pub fn finish(self) -> String {
        let mut text = self.head;
        if !self.taken.is_empty() {
            let names: Vec<&str> = self.taken.into_iter().collect();
            let from = quoted(REALTIME);
            let _ = writeln!(text, "import type {{ {} }} from {from}", names.join(", "));
        }
        text + &self.out
    }

    /// Adds a line as it is.
    pub fn line(&mut self, text: impl AsRef<str>) {
        self.out.push_str(text.as_ref());
        self.out.push('\n');
    }

    /// Adds a comment for what follows.
    pub fn doc(&mut self, indent: &str, about: &str) {
        let about = about.split_whitespace().collect::<Vec<_>>().join(" ");
        self.line(format!("{indent}/** {about} */"));
    }

    /// Whether a name is still to be declared here; from now on it is not.
    fn is_new(&mut self, name: &'static str) -> bool {
        if self.elsewhere.contains(name) {
            self.taken.insert(name);
            return false;
        }
        self.declared.insert(name)
    }

    /// A list of words as a type and as a list.
    pub fn words(&mut self, words: &Words) {
        if !self.is_new(words.name) {
            return;
        }
        self.line("");
        self.doc("", words.about);
        self.line(format!("export type {} =", words.name));
        for (word, about) in words.words {
            self.doc("  ", about);
            self.line(format!("  | {}", quoted(word)));
        }
        let list: Vec<String> = words.words.iter().map(|(word, _)| quoted(word)).collect();
        let (name, list_name) = (words.name, list_name(words.name));
        self.line(format!(
            "export const {list_name}: readonly {name}[] = [{}]",
            list.join(", ")
        ));
    }

    /// Whatever a shape names.
    pub fn named(&mut self, shape: &Shape) {
        match shape {
            Shape::Word(words) => self.words(words),
            Shape::Of(object) | Shape::Closed(object) => self.object(object),
            Shape::AtLeast(object) => {
                let fields: Vec<&Field> = object.fields.iter().collect();
                self.interface(object, None, &fields, Some("Further fields."));
            }
            Shape::List(shape, _) | Shape::Or(shape) | Shape::Map(shape) => self.named(shape),
            Shape::ByWord(words, shape) => {
                self.words(words);
                self.named(shape);
            }
            Shape::AnyOf(shapes) => shapes.iter().for_each(|shape| self.named(shape)),
            _ => {}
        }
    }

    /// An object as an interface, after everything it names.
    pub fn object(&mut self, object: &Object) {
        let fields: Vec<&Field> = object.fields.iter().collect();
        self.interface(object, None, &fields, None);
    }

    /// Whatever a shape names, as something clients build.
    pub fn named_given(&mut self, shape: &Shape) {
        self.given = true;
        self.named(shape);
        self.given = false;
    }

    /// Fields that clients build, under a name of their own.
    pub fn given(&mut self, name: &str, about: &str, fields: &[Field]) {
        self.given = true;
        let fields: Vec<&Field> = fields.iter().collect();
        for field in &fields {
            self.named(&field.shape);
        }
        self.line("");
        self.doc("", about);
        self.line(format!("export interface {name} {{"));
        self.fields(&fields);
        self.line("}");
        self.given = false;
    }

    /// `more`: what fields beside these are.
    fn interface(
        &mut self,
        object: &Object,
        event: Option<&str>,
        fields: &[&Field],
        more: Option<&str>,
    ) {
        if !self.is_new(object.name) {
            return;
        }
        for field in fields {
            self.named(&field.shape);
        }
        self.line("");
        self.doc("", object.about);
        if fields.is_empty() && event.is_none() {
            self.line(format!(
                "export type {} = Record<string, never>",
                object.name
            ));
            return;
        }
        self.line(format!("export interface {} {{", object.name));
        if let Some(event) = event {
            let kind = match event.strip_suffix('*') {
                Some(prefix) => format!("`{prefix}${{string}}`"),
                None => quoted(event),
            };
            self.line(format!("  type: {kind}"));
        }
        self.fields(fields);
        if let Some(more) = more {
            self.doc("  ", more);
            self.line("  [field: string]: unknown");
        }
        self.line("}");
    }

    fn fields(&mut self, fields: &[&Field]) {
        for field in fields {
            let about = match note(&field.shape) {
                Some(note) => format!("{} {note}", field.about),
                None => field.about.to_owned(),
            };
            self.doc("  ", &about);
            let kind = type_of(&field.shape);
            let name = key(field.name);
            // Whoever builds a message may leave a field undefined; whoever reads one never sees that.
            let (mark, also) = match (field.required, self.given) {
                (true, _) => ("", ""),
                (false, true) => ("?", " | undefined"),
                (false, false) => ("?", ""),
            };
            self.line(format!("  {name}{mark}: {kind}{also}"));
        }
    }

    fn client(&mut self, spec: &ClientSpec) {
        let fields: Vec<&Field> = spec.fields().collect();
        self.given = true;
        self.interface(&spec.body, Some(spec.event), &fields, None);
        self.given = false;
        if let Some(reply) = &spec.reply {
            self.object(reply);
        }
    }

    fn server(&mut self, spec: &ServerSpec) {
        let fields: Vec<&Field> = spec.fields().collect();
        let more = "What the request's own reply carries: see `Replies`.";
        let more = (spec.event == "ok").then_some(more);
        self.interface(&spec.body, Some(spec.event), &fields, more);
    }

    fn constants(&mut self) {
        self.line("");
        self.doc(
            "",
            "The contract's name: the WebSocket subprotocol to ask for.",
        );
        self.line(format!("export const PROTOCOL = {}", quoted(VERSION)));
        self.line("");
        self.doc("", "Bounds that are part of the contract.");
        self.line("export const LIMITS = {");
        for (name, value) in [
            ("jsonDepth", limits::JSON_DEPTH_MAX as u64),
            ("refChars", limits::REF_CHARS_MAX as u64),
            ("requestIdChars", limits::REQUEST_ID_CHARS_MAX as u64),
            ("questions", limits::QUESTIONS_MAX as u64),
            ("questionChars", limits::QUESTION_CHARS_MAX as u64),
            ("questionLimitMsMin", limits::QUESTION_LIMIT_MS_MIN),
            ("questionLimitMsMax", limits::QUESTION_LIMIT_MS_MAX),
            ("sampleRateMin", limits::SAMPLE_RATE_MIN.into()),
            ("sampleRateMax", limits::SAMPLE_RATE_MAX.into()),
            ("tokenBytes", limits::TOKEN_BYTES_MAX as u64),
        ] {
            self.line(format!("  {name}: {value},"));
        }
        self.line("} as const");
        self.line("");
        self.doc(
            "",
            "Binary audio: numbers are little-endian, the payload follows the header.",
        );
        self.line("export const AUDIO = {");
        self.line(format!("  headerBytes: {HEADER_BYTES},"));
        self.line(format!("  toServer: {},", Direction::ToServer as u8));
        self.line(format!("  toClient: {},", Direction::ToClient as u8));
        self.line("  flagLast: 1,");
        self.line("  offsets: { kind: 0, format: 1, flags: 2, sender: 3, room: 4, sampleRate: 6, stream: 8, seq: 12, atMs: 16 },");
        let formats: Vec<String> = [Format::Pcm16, Format::Wav, Format::Webm, Format::Ogg]
            .iter()
            .map(|format| format!("{}: {}", format.name(), *format as u8))
            .collect();
        self.line(format!("  formats: {{ {} }},", formats.join(", ")));
        self.line("} as const");
    }

    fn errors(&mut self) {
        self.line("");
        self.doc(
            "",
            "Every error code: its sentence where no better one is sent, and what to do.",
        );
        self.line("export const ERRORS: { readonly [code in ErrorCode]: { readonly message: string; readonly remedy: Remedy } } = {");
        for code in ErrorCode::ALL {
            let _ = writeln!(
                self.out,
                "  {code}: {{ message: {}, remedy: {} }},",
                quoted(code.text()),
                quoted(code.remedy().as_str())
            );
        }
        self.line("}");
    }

    fn closes(&mut self) {
        self.line("");
        self.doc(
            "",
            "What a close code means and whether to come back. A code that is not here: resume.",
        );
        self.line("export interface CloseInfo {");
        self.doc(
            "  ",
            "Stable word; empty for codes this server never sends.",
        );
        self.line("  readonly reason: string");
        self.doc("  ", "What happened.");
        self.line("  readonly meaning: string");
        self.doc("  ", "What the client should do.");
        self.line("  readonly comeBack: ComeBack");
        self.line("}");
        self.line("export const CLOSE_CODES: { readonly [code: number]: CloseInfo } = {");
        let sent = CloseCode::ALL.iter().map(|code| {
            (
                code.number(),
                code.reason(),
                code.meaning(),
                code.come_back(),
            )
        });
        let seen = SEEN
            .iter()
            .map(|(number, meaning, back)| (*number, "", *meaning, *back));
        for (number, reason, meaning, back) in sent.chain(seen) {
            let _ = writeln!(
                self.out,
                "  {number}: {{ reason: {}, meaning: {}, comeBack: {} }},",
                quoted(reason),
                quoted(meaning),
                quoted(back.as_str())
            );
        }
        self.line("}");
    }

    /// Event → message, event → reply, and what goes with events.
    fn maps(&mut self) {
        self.line("");
        self.doc("", "What a client may send, by event.");
        self.line("export interface ClientMessages {");
        for spec in client::MESSAGES {
            self.line(format!("  {}: {}", key(spec.event), spec.body.name));
        }
        self.line("}");
        self.line("export type ClientEvent = keyof ClientMessages");
        self.line("export type ClientMessage = ClientMessages[ClientEvent]");

        self.line("");
        self.doc("", "What the server may send, by event.");
        self.line("export interface ServerMessages {");
        let mut done = Vec::new();
        for spec in server::MESSAGES {
            if done.contains(&spec.event) {
                continue;
            }
            done.push(spec.event);
            let kinds: Vec<&str> = server::of(spec.event).map(|spec| spec.body.name).collect();
            let name = match spec.event.strip_suffix('*') {
                Some(prefix) => format!("[event: `{prefix}${{string}}`]"),
                None => key(spec.event),
            };
            self.line(format!("  {name}: {}", kinds.join(" | ")));
        }
        self.line("}");
        self.line("export type ServerEvent = keyof ServerMessages");
        self.line("export type ServerMessage = ServerMessages[ServerEvent]");

        self.line("");
        self.doc(
            "",
            "What the `ok` to a request carries beside `ref`, by event.",
        );
        self.line("export interface Replies {");
        for spec in client::MESSAGES {
            if let Some(reply) = &spec.reply {
                self.line(format!("  {}: {}", key(spec.event), reply.name));
            }
        }
        self.line("}");
        self.request_tables();
    }

    fn request_tables(&mut self) {
        let codes = |codes: &[ErrorCode]| -> String {
            let codes: Vec<String> = codes.iter().map(|code| quoted(code.as_str())).collect();
            codes.join(", ")
        };
        self.line("");
        self.doc("", "Every event a client may send.");
        let events: Vec<String> = client::MESSAGES
            .iter()
            .map(|spec| quoted(spec.event))
            .collect();
        self.line(format!(
            "export const CLIENT_EVENTS: readonly ClientEvent[] = [{}]",
            events.join(", ")
        ));
        self.doc(
            "",
            "Every event the server may send, beside those that begin with `custom:`.",
        );
        let mut events: Vec<String> = server::MESSAGES
            .iter()
            .filter(|spec| !spec.event.ends_with('*'))
            .map(|spec| quoted(spec.event))
            .collect();
        events.dedup();
        self.line(format!(
            "export const SERVER_EVENTS: readonly ServerEvent[] = [{}]",
            events.join(", ")
        ));
        self.doc("", "Events that are stored and carry `seq` and `prev`: these (of `transcription:result` the finals of live speech) and those that begin with `custom:`.");
        let named = server::MESSAGES
            .iter()
            .filter(|spec| !spec.event.ends_with('*'));
        let durable = named.filter(|spec| spec.durable);
        let durable: Vec<String> = durable.map(|spec| quoted(spec.event)).collect();
        self.line(format!(
            "export const DURABLE_EVENTS: readonly ServerEvent[] = [{}]",
            durable.join(", ")
        ));
        self.line("");
        self.doc("", "Why any request may be refused.");
        self.line(format!(
            "export const ALWAYS_ERRORS: readonly ErrorCode[] = [{}]",
            codes(ALWAYS)
        ));
        self.doc("", "Why a request may be refused beside those, and which event says so when it had no `ref`.");
        self.line("export const REQUESTS: { readonly [event in ClientEvent]: { readonly errors: readonly ErrorCode[]; readonly errorsTo: ServerEvent; readonly repeatable: boolean } } = {");
        for spec in client::MESSAGES {
            let _ = writeln!(
                self.out,
                "  {}: {{ errors: [{}], errorsTo: {}, repeatable: {} }},",
                key(spec.event),
                codes(spec.errors),
                quoted(spec.errors_to),
                spec.repeatable
            );
        }
        self.line("}");
    }
}
