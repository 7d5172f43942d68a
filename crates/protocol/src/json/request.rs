//! From the fields of a message to a typed request. Every check of a single message is here; what
//! needs to know the session is the engine's.

use std::borrow::Cow;

use serde_json::Value;

use super::scan::{Raw, Slot, Text};
use super::{Decoded, Hears, Message, Scratch, base64};
use crate::client::{
    AudioFormat, AudioIn, AudioPayload, ClientMessage, ErrorEvent, ReplyKey, Request, Resume,
    SessionRef, TranscribeRequest,
};
use crate::error::{ErrorCode, Refusal};
use crate::id::{Epoch, IdError, PlanId, QuestionId, ResumeKey, Seq, SessionId, StreamId};
use crate::limits::{
    ANSWER_CHARS_MAX, CONSENT_VERSION_CHARS_MAX, QUESTION_CHARS_MAX, QUESTION_LIMIT_MS_MAX,
    QUESTION_LIMIT_MS_MIN, QUESTIONS_MAX, REF_CHARS_MAX, REF_DIGITS_MAX, REQUEST_ID_CHARS_MAX,
    SAMPLE_RATE_MAX, SAMPLE_RATE_MIN, TOKEN_BYTES_MAX,
};
use crate::value::{Question, Status, Visibility};

/// The error event of an event's domain.
pub(super) fn domain(event: &str) -> ErrorEvent {
    match event {
        "interview:start" | "answer:done" | "answer:text" | "end_interview" | "user:visibility" => {
            ErrorEvent::Session
        }
        _ if event.starts_with("consent:") => ErrorEvent::Session,
        _ if event.starts_with("session:") => ErrorEvent::Session,
        _ if event.starts_with("audio:") => ErrorEvent::Audio,
        _ if event.starts_with("transcription:") => ErrorEvent::Transcription,
        _ => ErrorEvent::General,
    }
}

/// Reads a whole message.
pub(super) fn read<'b>(
    message: &Message<'b>,
    scratch: &'b mut Scratch,
) -> Result<Decoded<'b>, Refusal> {
    let event = message.required_text(Slot::Type)?;
    // Where the `ref` cannot be used, the refusal goes to the domain's error event.
    let reference = message.reference()?;
    if event == "ping" {
        return Ok(Decoded::Ping { reference });
    }
    let reply = reference.map_or(ReplyKey::Event(domain(&event)), ReplyKey::Ref);
    match &*event {
        "audio:stream" => Ok(Decoded::Audio {
            audio: message.audio(scratch)?,
            reply,
        }),
        "auth" => Ok(Decoded::Auth {
            token: message.token()?,
            reply,
        }),
        "auth:refresh" => Ok(Decoded::AuthRefresh {
            token: message.token()?,
            reply,
        }),
        _ => {
            let asked = message.asked(&event)?;
            let request = Request {
                session: message.id_of(Slot::SessionId, SessionId::parse)?,
                message: asked,
                reply,
                id: message.request_id()?,
            };
            let joins = matches!(request.message, ClientMessage::Join { .. });
            if joins && request.session.is_none() {
                return Err(missing(Slot::SessionId.name()));
            }
            let hears = if joins { message.hears()? } else { None };
            Ok(Decoded::Request { request, hears })
        }
    }
}

fn missing(name: &str) -> Refusal {
    Refusal::because(
        ErrorCode::MissingField,
        format!("The field `{name}` is missing."),
    )
}

fn wrong(name: &str, expected: &str) -> Refusal {
    Refusal::because(
        ErrorCode::InvalidField,
        format!("The field `{name}` must be {expected}."),
    )
}

fn large(name: &str, most: &str) -> Refusal {
    Refusal::because(
        ErrorCode::TooLarge,
        format!("The field `{name}` may have at most {most}."),
    )
}

fn id_error(name: &str, error: IdError) -> Refusal {
    Refusal::because(
        ErrorCode::InvalidField,
        format!("The field `{name}` cannot be used: {error}."),
    )
}

/// A number that is a whole one, however it is written.
fn whole(text: &str) -> Option<u64> {
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        let exact = number.fract() == 0.0 && (0.0..9e15).contains(&number);
        exact.then_some(number as u64)
    })
}

impl<'b> Message<'b> {
    fn asked(&self, event: &str) -> Result<ClientMessage, Refusal> {
        Ok(match event {
            "session:join" => ClientMessage::Join {
                resume: self.resume()?,
            },
            "session:leave" => ClientMessage::Leave,
            "interview:start" => {
                let plan = self.id_of(Slot::PlanId, PlanId::parse)?;
                let questions = self.questions()?;
                if plan.is_some() && questions.is_some() {
                    return Err(wrong("questions", "left out when `planId` is given"));
                }
                ClientMessage::Start { plan, questions }
            }
            "answer:done" => ClientMessage::AnswerDone {
                question: self.id_of(Slot::QuestionId, QuestionId::parse)?,
                skip: self.flag(Slot::Skip)?,
            },
            "answer:text" => ClientMessage::AnswerText {
                question: self.id_of(Slot::QuestionId, QuestionId::parse)?,
                text: self.typed()?,
            },
            "end_interview" => ClientMessage::End,
            "session:status" => {
                let word = self.required_text(Slot::Status)?;
                let expected = "one of scheduled, active, completing, ended";
                ClientMessage::SetStatus(
                    Status::parse(&word).ok_or_else(|| wrong("status", expected))?,
                )
            }
            "session:extend" => ClientMessage::Extend,
            "session:clear" => ClientMessage::Clear,
            "consent:give" => ClientMessage::Consent {
                version: Some(self.consent_version()?.ok_or_else(|| missing("version"))?),
                given: true,
            },
            "consent:decline" => ClientMessage::Consent {
                version: self.consent_version()?,
                given: false,
            },
            "session:transfer" => ClientMessage::Transfer,
            "user:visibility" => {
                let word = self.required_text(Slot::State)?;
                ClientMessage::Visibility(
                    Visibility::parse(&word).ok_or_else(|| wrong("state", "visible or hidden"))?,
                )
            }
            "transcription:request" => ClientMessage::Transcribe(Box::new(self.transcribe()?)),
            _ => {
                return Err(Refusal::because(
                    ErrorCode::UnknownEvent,
                    format!("This server knows no event `{}`.", shortened(event)),
                ));
            }
        })
    }

    fn text(&self, slot: Slot) -> Result<Option<Cow<'b, str>>, Refusal> {
        match self.fields.get(slot) {
            Raw::Absent => Ok(None),
            Raw::Text(text) => match text.value() {
                Some(value) => Ok(Some(value)),
                None => Err(wrong(slot.name(), "a string of whole characters")),
            },
            _ => Err(wrong(slot.name(), "a string")),
        }
    }

    fn required_text(&self, slot: Slot) -> Result<Cow<'b, str>, Refusal> {
        self.text(slot)?.ok_or_else(|| missing(slot.name()))
    }

    fn consent_version(&self) -> Result<Option<Box<str>>, Refusal> {
        let Some(version) = self.text(Slot::Version)? else {
            return Ok(None);
        };
        if version.chars().count() > CONSENT_VERSION_CHARS_MAX {
            let most = format!("{CONSENT_VERSION_CHARS_MAX} characters");
            return Err(large("version", &most));
        }
        Ok(Some(version.into()))
    }

    fn typed(&self) -> Result<Box<str>, Refusal> {
        let text = self.required_text(Slot::Text)?;
        if text.trim().is_empty() {
            return Err(wrong("text", "a string that is not empty"));
        }
        if text.chars().nth(ANSWER_CHARS_MAX).is_some() {
            return Err(large("text", "4000 characters"));
        }
        Ok(text.trim().into())
    }

    fn flag(&self, slot: Slot) -> Result<bool, Refusal> {
        match self.fields.get(slot) {
            Raw::Absent => Ok(false),
            Raw::Bool(value) => Ok(value),
            _ => Err(wrong(slot.name(), "true or false")),
        }
    }

    fn number(&self, slot: Slot) -> Result<Option<u32>, Refusal> {
        let refused = || wrong(slot.name(), "a whole number from 0 to 4294967295");
        match self.fields.get(slot) {
            Raw::Absent => Ok(None),
            Raw::Number(text) => whole(text)
                .and_then(|n| u32::try_from(n).ok())
                .map(Some)
                .ok_or_else(refused),
            _ => Err(refused()),
        }
    }

    fn id_of<T>(
        &self,
        slot: Slot,
        parse: impl Fn(&str) -> Result<T, IdError>,
    ) -> Result<Option<T>, Refusal> {
        match self.text(slot)? {
            None => Ok(None),
            Some(text) => parse(&text).map(Some).map_err(|e| id_error(slot.name(), e)),
        }
    }

    /// The `ref` as JSON text.
    pub(super) fn reference(&self) -> Result<Option<Box<str>>, Refusal> {
        let refused = || wrong("ref", "a string of at most 64 characters or a whole number");
        match self.fields.get(Slot::Ref) {
            Raw::Absent => Ok(None),
            Raw::Number(text) => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                let plain = digits.bytes().all(|b| b.is_ascii_digit());
                if plain && text.len() <= REF_DIGITS_MAX {
                    Ok(Some(text.into()))
                } else {
                    Err(refused())
                }
            }
            Raw::Text(text) => {
                let value = text.value().ok_or_else(refused)?;
                if value.chars().nth(REF_CHARS_MAX).is_some() {
                    return Err(refused());
                }
                Ok(Some(text.quoted.into()))
            }
            _ => Err(refused()),
        }
    }

    fn request_id(&self) -> Result<Option<Box<str>>, Refusal> {
        let Some(id) = self.text(Slot::Id)? else {
            return Ok(None);
        };
        if id.is_empty() || id.chars().nth(REQUEST_ID_CHARS_MAX).is_some() {
            return Err(wrong("id", "a string of 1 to 64 characters"));
        }
        Ok(Some(id.into()))
    }

    fn token(&self) -> Result<Cow<'b, str>, Refusal> {
        self.optional_token()?
            .ok_or_else(|| missing(Slot::Token.name()))
    }

    pub(super) fn optional_token(&self) -> Result<Option<Cow<'b, str>>, Refusal> {
        let token = self.text(Slot::Token)?;
        if token.as_ref().is_some_and(|t| t.len() > TOKEN_BYTES_MAX) {
            return Err(large("token", "8192 characters"));
        }
        Ok(token)
    }

    fn hears(&self) -> Result<Option<Hears>, Refusal> {
        match self.text(Slot::Audio)?.as_deref() {
            None => Ok(None),
            Some("json") => Ok(Some(Hears::Json)),
            Some("binary") => Ok(Some(Hears::Binary)),
            Some(_) => Err(wrong("audio", "json or binary")),
        }
    }

    fn resume(&self) -> Result<Option<Resume>, Refusal> {
        let text = match self.fields.get(Slot::Resume) {
            Raw::Absent => return Ok(None),
            Raw::Nested(text) => text,
            _ => return Err(wrong("resume", "an object")),
        };
        let value: Value = serde_json::from_str(text).map_err(|_| wrong("resume", "an object"))?;
        let object = value
            .as_object()
            .ok_or_else(|| wrong("resume", "an object"))?;
        let number = |name: &'static str, field: &'static str| match object.get(field) {
            None | Some(Value::Null) => Err(missing(name)),
            Some(value) => value.as_u64().ok_or_else(|| wrong(name, "a whole number")),
        };
        let key = match object.get("key") {
            None | Some(Value::Null) => return Err(missing("resume.key")),
            Some(value) => value.as_str().and_then(ResumeKey::parse),
        };
        let epoch = u32::try_from(number("resume.epoch", "epoch")?)
            .map_err(|_| wrong("resume.epoch", "a number this server gave out"))?;
        Ok(Some(Resume {
            key: key.ok_or_else(|| wrong("resume.key", "the key this server gave out"))?,
            epoch: Epoch(epoch),
            seq: Seq(number("resume.seq", "seq")?),
        }))
    }

    fn questions(&self) -> Result<Option<Vec<Question>>, Refusal> {
        let text = match self.fields.get(Slot::Questions) {
            Raw::Absent => return Ok(None),
            Raw::Nested(text) => text,
            _ => return Err(wrong("questions", "a list")),
        };
        let list: Value = serde_json::from_str(text).map_err(|_| wrong("questions", "a list"))?;
        let list = list
            .as_array()
            .ok_or_else(|| wrong("questions", "a list"))?;
        if list.len() > QUESTIONS_MAX {
            return Err(large("questions", "50 entries"));
        }
        let mut questions: Vec<Question> = Vec::with_capacity(list.len());
        for (index, item) in list.iter().enumerate() {
            let question = question(index, item)?;
            if questions.iter().any(|q| q.id == question.id) {
                let name = format!("questions[{index}].id");
                return Err(wrong(&name, "different from the other questions' ids"));
            }
            questions.push(question);
        }
        Ok(Some(questions))
    }

    fn format_and_rate(&self) -> Result<(AudioFormat, u32), Refusal> {
        let word = self.required_text(Slot::Format)?;
        let format = AudioFormat::parse(&word).ok_or_else(|| {
            Refusal::because(
                ErrorCode::UnsupportedFormat,
                "The field `format` must be one of pcm16, wav, webm, ogg.",
            )
        })?;
        // Other formats say it themselves; for them it may be left out or 0.
        let needed = format == AudioFormat::Pcm16;
        let rate = match self.number(Slot::SampleRate)? {
            None if needed => return Err(missing(Slot::SampleRate.name())),
            None => 0,
            Some(rate) => rate,
        };
        let known = (SAMPLE_RATE_MIN..=SAMPLE_RATE_MAX).contains(&rate);
        if !known && (needed || rate != 0) {
            return Err(ErrorCode::UnsupportedSampleRate.into());
        }
        Ok((format, rate))
    }

    fn payload(&self) -> Result<Text<'b>, Refusal> {
        match self.fields.get(Slot::AudioData) {
            Raw::Absent => Err(missing("audioData")),
            Raw::Text(text) => Ok(text),
            _ => Err(wrong("audioData", "a string of base64")),
        }
    }

    fn audio(&self, scratch: &'b mut Scratch) -> Result<AudioIn<'b>, Refusal> {
        let Scratch { payload, session } = scratch;
        let (sound, is_base64) = if let Some(raw) = self.sound {
            (AudioPayload::Raw(raw), true)
        } else {
            let text = self.payload()?;
            let data: &'b str = if text.escaped {
                *payload = text.value().ok_or_else(bad_base64)?.into_owned();
                payload
            } else {
                text.raw()
            };
            (AudioPayload::Base64(data), text.is_base64)
        };
        let (format, sample_rate) = self.format_and_rate()?;
        let is_last = self.flag(Slot::IsLast)?;
        check_audio(sound, is_base64, format, is_last)?;
        let session = match self.text(Slot::SessionId)? {
            None => SessionRef::Only,
            Some(id) => {
                crate::id::check(&id).map_err(|e| id_error("sessionId", e))?;
                match id {
                    Cow::Borrowed(id) => SessionRef::Id(id),
                    Cow::Owned(id) => {
                        *session = id;
                        SessionRef::Id(session)
                    }
                }
            }
        };
        Ok(AudioIn {
            session,
            payload: sound,
            format,
            sample_rate,
            stream: StreamId(self.number(Slot::StreamId)?.unwrap_or(0)),
            seq: self.number(Slot::Seq)?,
            at_ms: self.number(Slot::AtMs)?,
            is_last,
        })
    }

    fn transcribe(&self) -> Result<TranscribeRequest, Refusal> {
        let mut audio = Vec::new();
        let (format, sample_rate) = if let Some(raw) = self.sound {
            let (format, rate) = self.format_and_rate()?;
            check_audio(AudioPayload::Raw(raw), true, format, false)?;
            audio.extend_from_slice(raw);
            (format, rate)
        } else {
            let payload = self.payload()?;
            let text = payload.value().ok_or_else(bad_base64)?;
            let (format, rate) = self.format_and_rate()?;
            let sound = AudioPayload::Base64(&text);
            check_audio(sound, payload.is_base64, format, false)?;
            if !base64::decode_into(&mut audio, &text) {
                return Err(bad_base64());
            }
            (format, rate)
        };
        Ok(TranscribeRequest {
            audio: audio.into(),
            format,
            sample_rate,
        })
    }
}

fn bad_base64() -> Refusal {
    Refusal::because(
        ErrorCode::BadAudio,
        "The field `audioData` is not valid base64.",
    )
}

/// `is_base64`: known already; else it is looked at here. Only a last chunk may be empty.
fn check_audio(
    sound: AudioPayload<'_>,
    is_base64: bool,
    format: AudioFormat,
    is_last: bool,
) -> Result<(), Refusal> {
    let bytes = match sound {
        AudioPayload::Base64("") | AudioPayload::Raw([]) if is_last => return Ok(()),
        AudioPayload::Base64("") | AudioPayload::Raw([]) => {
            return Err(Refusal::because(
                ErrorCode::BadAudio,
                "The field `audioData` is empty.",
            ));
        }
        AudioPayload::Base64(data) if !is_base64 && !base64::is_sound(data) => {
            return Err(bad_base64());
        }
        AudioPayload::Base64(data) => base64::decoded_len(data),
        AudioPayload::Raw(raw) => raw.len(),
    };
    if format == AudioFormat::Pcm16 && !bytes.is_multiple_of(2) {
        return Err(Refusal::because(
            ErrorCode::BadAudio,
            "The field `audioData` holds half a sample: pcm16 has two bytes each.",
        ));
    }
    Ok(())
}

fn question(index: usize, item: &Value) -> Result<Question, Refusal> {
    let path = |field: &str| format!("questions[{index}].{field}");
    let Value::Object(item) = item else {
        return Err(wrong(&format!("questions[{index}]"), "an object"));
    };
    let present = |field: &str| item.get(field).filter(|v| !v.is_null());
    let id = match present("id") {
        None => format!("q{}", index + 1),
        Some(Value::String(id)) => id.clone(),
        Some(_) => return Err(wrong(&path("id"), "a string")),
    };
    let text = match present("text") {
        None => return Err(missing(&path("text"))),
        Some(Value::String(text)) => text.trim(),
        Some(_) => return Err(wrong(&path("text"), "a string")),
    };
    if text.is_empty() {
        return Err(wrong(&path("text"), "a string that says something"));
    }
    if text.chars().nth(QUESTION_CHARS_MAX).is_some() {
        return Err(large(&path("text"), "2000 characters"));
    }
    let (field, scale, expected) = match (present("limitMs"), present("limitSeconds")) {
        (None, None) => return Err(missing(&path("limitSeconds"))),
        (Some(_), Some(_)) => {
            return Err(wrong(
                &path("limitMs"),
                "left out when `limitSeconds` is given",
            ));
        }
        (Some(_), None) => ("limitMs", 1.0, "a number from 5000 to 3600000"),
        (None, Some(_)) => ("limitSeconds", 1_000.0, "a number from 5 to 3600"),
    };
    let limit_ms = present(field).and_then(Value::as_f64).map(|n| n * scale);
    let allowed = QUESTION_LIMIT_MS_MIN as f64..=QUESTION_LIMIT_MS_MAX as f64;
    let limit_ms = limit_ms
        .filter(|ms| allowed.contains(ms))
        .ok_or_else(|| wrong(&path(field), expected))?;
    Ok(Question {
        id: QuestionId::parse(&id).map_err(|e| id_error(&path("id"), e))?,
        text: text.to_owned(),
        limit_ms: limit_ms.round() as u64,
    })
}

/// For a sentence: what a client sent, not too long and without what could garble a log.
fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}
