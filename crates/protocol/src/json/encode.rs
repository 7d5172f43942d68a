//! What the server says, as text. Written by hand so that the order of fields is ours and nothing
//! is built first to be thrown away.

use bytes::Bytes;

use super::audio::{finish, room};
use super::write::Json;
use crate::client::ReplyKey;
use crate::close::ComeBack;
use crate::error::Refusal;
use crate::server::{
    Asked, ConnectionSuccess, Joined, Logged, PartialCaption, PresenceChange, Reply, ServerMessage,
    SessionView,
};
use crate::time::Wall;
use crate::value::Word;
use crate::ws::Opcode;

/// A push as JSON text. `now` becomes `serverNow` beside an open question.
pub fn encode(message: &ServerMessage, now: Wall) -> String {
    text(|out| encode_into(out, message, now))
}

/// The reply to one request as JSON text; none if the client did not ask for one.
pub fn encode_reply(key: &ReplyKey, reply: &Reply) -> Option<String> {
    let mut wanted = false;
    let text = text(|out| wanted = encode_reply_into(out, key, reply));
    wanted.then_some(text)
}

/// A push as a whole WebSocket frame; nothing is copied from a buffer of its own.
pub fn encode_frame(message: &ServerMessage, now: Wall) -> Bytes {
    let mut out = room(length(message));
    encode_into(&mut out, message, now);
    finish(out, Opcode::Text).0
}

/// Bytes that a message will nearly always fit in: what grows is copied.
fn length(message: &ServerMessage) -> usize {
    match message {
        ServerMessage::ConnectionSuccess(_) => 512,
        ServerMessage::Joined(_) => 1024,
        _ => 256,
    }
}

/// The reply to one request as a whole WebSocket frame; none if the client did not ask for one.
pub fn encode_reply_frame(key: &ReplyKey, reply: &Reply) -> Option<Bytes> {
    let mut out = room(256);
    encode_reply_into(&mut out, key, reply).then(|| finish(out, Opcode::Text).0)
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::with_capacity(256);
    write(&mut out);
    // Only whole strings are ever appended.
    String::from_utf8(out).unwrap_or_default()
}

/// Appends a reply; false, and nothing appended, if the client did not ask for one.
pub(crate) fn encode_reply_into(out: &mut Vec<u8>, key: &ReplyKey, reply: &Reply) -> bool {
    match (key, reply) {
        (ReplyKey::Event(_), Reply::Ok(_)) => return false,
        (ReplyKey::Ref(reference), Reply::Ok(fields)) => {
            let mut json = Json::event(out, "ok");
            json.raw("ref", reference);
            json.spliced(fields);
            json.end();
        }
        (ReplyKey::Ref(reference), Reply::Refused(refusal)) => {
            let mut json = Json::event(out, "error");
            json.raw("ref", reference);
            json.refusal(refusal);
            json.end();
        }
        (ReplyKey::Event(event), Reply::Refused(refusal)) => {
            let mut json = Json::event(out, event.name());
            json.refusal(refusal);
            json.end();
        }
    }
    true
}

/// Appends a reply as an object without a `ref`, for where something else says what it answers.
pub(crate) fn encode_reply_object(out: &mut Vec<u8>, reply: &Reply) {
    match reply {
        Reply::Ok(fields) => {
            let mut json = Json::event(out, "ok");
            json.spliced(fields);
            json.end();
        }
        Reply::Refused(refusal) => {
            let mut json = Json::event(out, "error");
            json.refusal(refusal);
            json.end();
        }
    }
}

/// The object of a CONNECT_ERROR: a sentence, and for programs what `connection:error` says.
pub(crate) fn connect_error(refusal: &Refusal) -> String {
    text(|out| {
        out.push(b'{');
        let mut json = Json::after(out);
        json.text("message", &refusal.message);
        json.open("data");
        json.word("type", "connection:error");
        json.refusal(refusal);
        json.end();
        json.end();
    })
}

/// Appends what a Socket.IO client is told before its connection closes.
pub(crate) fn closing_into(out: &mut Vec<u8>, code: u16, reason: &str, come_back: ComeBack) {
    let mut json = Json::event(out, "connection:closing");
    json.number("code", code.into());
    json.text("reason", reason);
    json.word("comeBack", come_back.as_str());
    json.end();
}

/// The `type` of a push, also of one whose text is made already.
pub(crate) fn event_name(message: &ServerMessage) -> &str {
    let body = match message {
        ServerMessage::Event(logged) => &logged.body,
        ServerMessage::Said(body) => body,
        _ => return name(message),
    };
    // Such text begins with its type, whose characters need no escapes.
    let rest = body.strip_prefix("{\"type\":\"");
    let end = rest.and_then(|rest| Some(&rest[..rest.find('"')?]));
    end.unwrap_or("error")
}

/// Appends a push.
pub(crate) fn encode_into(out: &mut Vec<u8>, message: &ServerMessage, now: Wall) {
    match message {
        ServerMessage::Event(logged) => logged_into(out, logged),
        ServerMessage::Said(body) => out.extend_from_slice(body.as_bytes()),
        ServerMessage::ConnectionSuccess(success) => success_into(out, success),
        ServerMessage::Joined(joined) => joined_into(out, joined, now),
        ServerMessage::State(view) => {
            let mut json = Json::event(out, "session:state");
            json.view(view, now);
            json.end();
        }
        ServerMessage::Partial(caption) => caption_into(out, caption),
        _ => small_into(out, message),
    }
}

/// Messages with few fields of their own.
fn small_into(out: &mut Vec<u8>, message: &ServerMessage) {
    let mut json = Json::event(out, name(message));
    match message {
        ServerMessage::ConnectionError(refusal) => json.refusal(refusal),
        ServerMessage::ConnectionReplaced { session } | ServerMessage::Left { session } => {
            json.word("sessionId", session.as_str())
        }
        ServerMessage::Error {
            event: _,
            session,
            refusal,
        } => {
            if let Some(session) = session {
                json.word("sessionId", session.as_str());
            }
            json.refusal(refusal);
        }
        ServerMessage::TokenExpiring {
            expires_at,
            server_now,
        } => {
            json.time("expiresAt", *expires_at);
            json.time("serverNow", *server_now);
        }
        ServerMessage::Draining { retry_after_ms } => json.number("retryAfterMs", *retry_after_ms),
        ServerMessage::Pong { reference } => {
            if let Some(reference) = reference {
                json.raw("ref", reference);
            }
        }
        _ => json.about_room(message),
    }
    json.end();
}

/// The `type` of a push. A durable event, and what a back end says, carry their own; for them this is empty.
pub fn name(message: &ServerMessage) -> &'static str {
    match message {
        ServerMessage::ConnectionSuccess(_) => "connection:success",
        ServerMessage::ConnectionError(_) => "connection:error",
        ServerMessage::ConnectionReplaced { .. } => "connection:replaced",
        ServerMessage::TokenExpiring { .. } => "connection:token_expiring",
        ServerMessage::Joined(_) => "session:joined",
        ServerMessage::Left { .. } => "session:left",
        ServerMessage::Presence { change, .. } => match change {
            PresenceChange::Joined => "user:joined",
            PresenceChange::Left => "user:left",
            PresenceChange::Disconnected => "user:disconnected",
        },
        ServerMessage::Visibility { .. } => "user:visibility",
        ServerMessage::State(_) => "session:state",
        ServerMessage::ConsentRequest { .. } => "consent:request",
        ServerMessage::Expiring { .. } => "session:expiring",
        ServerMessage::Degraded { .. } => "session:degraded",
        ServerMessage::SessionEnded { .. } => "session_ended",
        ServerMessage::Partial(_) | ServerMessage::TranscriptionResult { .. } => {
            "transcription:result"
        }
        ServerMessage::TranscriptionProcessing { .. } => "transcription:processing",
        ServerMessage::Error { event, .. } => event.name(),
        ServerMessage::AudioAck { .. } => "audio:ack",
        ServerMessage::Draining { .. } => "server:draining",
        ServerMessage::Event(_) | ServerMessage::Said(_) => "",
        ServerMessage::Pong { .. } => "pong",
    }
}

/// The stored text is the sent text: only what differs from member to member is added.
fn logged_into(out: &mut Vec<u8>, logged: &Logged) {
    let open = logged.body.strip_suffix('}').unwrap_or(&logged.body);
    out.reserve(open.len() + 64);
    out.extend_from_slice(open.as_bytes());
    let mut json = Json::after(out);
    json.number("seq", logged.seq.0);
    json.number("prev", logged.prev.0);
    if logged.provisional {
        json.flag("provisional", true);
    }
    json.end();
}

fn success_into(out: &mut Vec<u8>, success: &ConnectionSuccess) {
    let mut json = Json::event(out, "connection:success");
    json.display("connectionId", success.connection);
    json.word("userId", success.user.as_str());
    json.time("serverTime", success.server_time);
    json.open("heartbeat");
    json.number("pingIntervalMs", success.ping_interval_ms);
    json.number("timeoutMs", success.ping_timeout_ms);
    json.end();
    json.open("limits");
    json.number("messageBytes", success.message_bytes);
    json.number("audioBytesPerSecond", success.audio_bytes_per_second);
    json.number("eventsPerSecond", success.events_per_second);
    json.end();
    json.word("resumeKey", &success.resume_key.reveal());
    json.end();
}

fn joined_into(out: &mut Vec<u8>, joined: &Joined, now: Wall) {
    let mut json = Json::event(out, "session:joined");
    json.number("room", joined.room.into());
    json.open("you");
    json.number("participant", joined.participant.0.into());
    json.word("userId", joined.user.as_str());
    json.word("role", joined.role.as_str());
    json.end();
    json.view(&joined.view, now);
    json.flag("recovered", joined.recovered);
    json.word("resumeKey", &joined.resume_key.reveal());
    json.end();
}

fn caption_into(out: &mut Vec<u8>, caption: &PartialCaption) {
    let mut json = Json::event(out, "transcription:result");
    json.word("sessionId", caption.session.as_str());
    json.word("userId", caption.user.as_str());
    json.number("streamId", caption.stream.0.into());
    json.number("utterance", caption.utterance.into());
    json.flag("isFinal", false);
    json.text("text", &caption.text);
    json.number("stable", caption.stable.into());
    json.number("startMs", caption.start_ms);
    json.number("endMs", caption.end_ms);
    if let Some(question) = &caption.question {
        json.word("questionId", question.as_str());
    }
    json.end();
}

impl Json<'_> {
    /// Fields of what happens in a room.
    fn about_room(&mut self, message: &ServerMessage) {
        match message {
            ServerMessage::Presence {
                session,
                user,
                participant,
                role,
                change: _,
            } => {
                self.word("sessionId", session.as_str());
                self.word("userId", user.as_str());
                self.word("role", role.as_str());
                self.number("participant", participant.0.into());
            }
            ServerMessage::Visibility {
                session,
                user,
                state,
            } => {
                self.word("sessionId", session.as_str());
                self.word("userId", user.as_str());
                self.word("state", state.as_str());
            }
            ServerMessage::ConsentRequest { session, consent } => {
                self.word("sessionId", session.as_str());
                self.text("version", &consent.version);
                self.text("text", &consent.text);
                self.texts("purposes", &consent.purposes);
            }
            ServerMessage::Expiring {
                session,
                what,
                deadline_at,
            } => {
                self.word("sessionId", session.as_str());
                self.word("what", what.as_str());
                self.time("deadlineAt", *deadline_at);
            }
            ServerMessage::Degraded { session, on, seq } => {
                self.word("sessionId", session.as_str());
                self.flag("on", *on);
                if let Some(seq) = seq {
                    self.number("seq", seq.0);
                }
            }
            ServerMessage::SessionEnded {
                session,
                reason,
                message,
                recorded,
            } => {
                self.word("sessionId", session.as_str());
                self.word("reason", reason.as_str());
                self.text("message", message);
                self.flag("recorded", *recorded);
            }
            _ => self.about_sound(message),
        }
    }

    /// Fields of what was heard.
    fn about_sound(&mut self, message: &ServerMessage) {
        match message {
            ServerMessage::TranscriptionProcessing { session, request } => {
                self.word("sessionId", session.as_str());
                self.number("requestId", (*request).into());
            }
            ServerMessage::TranscriptionResult {
                session,
                request,
                text,
                words,
                confidence,
            } => {
                self.number("requestId", (*request).into());
                self.word("sessionId", session.as_str());
                self.flag("isFinal", true);
                self.text("text", text);
                self.words(words);
                self.number("startMs", words.first().map_or(0, |w| w.start_ms));
                self.number("endMs", words.last().map_or(0, |w| w.end_ms));
                self.fraction("confidence", *confidence);
            }
            ServerMessage::AudioAck {
                session,
                stream,
                seq,
            } => {
                self.word("sessionId", session.as_str());
                self.number("streamId", stream.0.into());
                self.number("seq", (*seq).into());
            }
            _ => unreachable!("every other message has a writer of its own"),
        }
    }

    fn refusal(&mut self, refusal: &Refusal) {
        self.word("code", refusal.code.as_str());
        self.text("message", &refusal.message);
        if let Some(ms) = refusal.retry_after_ms {
            self.number("retryAfterMs", ms);
        }
        if let Some(detail) = &refusal.detail {
            self.spliced(detail);
        }
    }

    /// The fields `session:joined` and `session:state` share.
    fn view(&mut self, view: &SessionView, now: Wall) {
        self.word("sessionId", view.session.as_str());
        self.open("session");
        self.word("id", view.session.as_str());
        self.text("title", &view.title);
        self.word("status", view.status.as_str());
        if let Some(plan) = &view.plan {
            self.word("planId", plan.as_str());
        }
        self.time("createdAt", view.created_at);
        if let Some(at) = view.started_at {
            self.time("startedAt", at);
        }
        if let Some(at) = view.ends_at {
            self.time("endsAt", at);
        }
        self.end();
        self.list("members");
        for member in &view.members {
            self.item();
            self.word("userId", member.user.as_str());
            self.word("role", member.role.as_str());
            self.number("participant", member.participant.0.into());
            self.word("state", member.state.as_str());
            self.end();
        }
        self.end_list();
        self.word("status", view.status.as_str());
        self.number("epoch", view.epoch.0.into());
        self.number("seq", view.seq.0);
        if let Some(question) = &view.question {
            self.open("question");
            self.word("sessionId", view.session.as_str());
            self.asked(question);
            self.time("serverNow", now);
            self.end();
        }
    }

    fn asked(&mut self, asked: &Asked) {
        self.word("questionId", asked.question_id.as_str());
        self.number("index", asked.index.into());
        self.number("total", asked.total.into());
        self.text("text", &asked.text);
        self.time("startedAt", asked.started_at);
        self.time("deadlineAt", asked.deadline_at);
    }

    fn words(&mut self, words: &[Word]) {
        self.list("words");
        for word in words {
            self.item();
            self.text("text", &word.text);
            self.number("startMs", word.start_ms);
            self.number("endMs", word.end_ms);
            self.fraction("confidence", word.confidence);
            self.end();
        }
        self.end_list();
    }
}
