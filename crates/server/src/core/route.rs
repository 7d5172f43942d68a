//! The data plane of one session: who is in the room, who may speak, who listens in. The engine
//! opens and changes it by effects; audio goes from the speaker's task straight to the members.
//!
//! A route never waits: what a member's queue does not take is that queue's business.

use std::sync::Arc;

use engine::effect::Voice;
use parking_lot::Mutex;
use protocol::client::{AudioFormat, AudioIn, AudioPayload};
use protocol::error::ErrorCode;
use protocol::id::{ConnectionId, Generation, Participant, SessionId, StreamId, UserId};
use protocol::json::audio::Received;
use protocol::outbox::Frame;
use protocol::time::{Mono, Now};
use protocol::value::Role;
use smallvec::SmallVec;

use super::conn::Conn;
use super::counters::Counters;
use super::received::Forms;

/// Streams of one member whose chunks are counted; beyond it the oldest starts again at 0.
const STREAMS_MAX: usize = 8;

/// What a tap is told of a chunk. It must neither block nor wake an io thread.
#[derive(Debug, Clone, Copy)]
pub struct Heard<'a> {
    /// Who speaks.
    pub user: &'a UserId,
    /// Their number.
    pub participant: Participant,
    /// As what.
    pub role: Role,
    /// Which of their streams.
    pub stream: StreamId,
    /// Which chunk of it.
    pub seq: u32,
    /// The number is the sender's own.
    pub numbered: bool,
    /// What it holds.
    pub format: AudioFormat,
    /// Samples a second.
    pub sample_rate: u32,
    /// The payload as it came.
    pub payload: AudioPayload<'a>,
    /// Milliseconds from the stream's start to the first sample, where the sender says so.
    pub at_ms: Option<u32>,
    /// The stream ends with it.
    pub is_last: bool,
    /// When it came.
    pub at: Mono,
}

/// Whoever listens in on a room: the recorder and the recognizer.
pub trait Tap: Send {
    /// Takes a chunk in, or counts it as lost.
    fn hear(&mut self, heard: &Heard<'_>);
    /// No more will come; finish what was heard and report it.
    fn flush(self: Box<Self>);
}

/// A session's audio.
pub struct Route {
    session: SessionId,
    inner: Mutex<Inner>,
}

struct Inner {
    members: SmallVec<[Member; 1]>,
    tap: Option<Box<dyn Tap>>,
}

/// Somebody in the room.
struct Member {
    conn: Arc<Conn>,
    generation: Generation,
    user: UserId,
    participant: Participant,
    room: u16,
    role: Role,
    voice: Voice,
    /// Was told of their seat: sound before that would be of a session they know nothing of.
    hears: bool,
    /// The next chunk's number, by stream. Allocated with the first chunk.
    streams: Vec<(StreamId, u32)>,
}

/// A member as the engine gives it.
#[derive(Debug, Clone)]
pub(crate) struct Seated {
    pub(crate) generation: Generation,
    pub(crate) user: UserId,
    pub(crate) participant: Participant,
    pub(crate) room: u16,
    pub(crate) role: Role,
    pub(crate) voice: Voice,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Route")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

impl Route {
    /// An empty room.
    pub(crate) fn new(session: SessionId) -> Arc<Self> {
        Arc::new(Self {
            session,
            inner: Mutex::new(Inner {
                members: SmallVec::new(),
                tap: None,
            }),
        })
    }

    /// Lets a connection in, in place of its earlier self. It hears nothing before [`Self::hear`].
    pub(crate) fn admit(&self, conn: &Arc<Conn>, seated: Seated) {
        let mut inner = self.inner.lock();
        inner.members.retain(|m| m.conn.id() != conn.id());
        inner.members.push(Member {
            conn: Arc::clone(conn),
            generation: seated.generation,
            user: seated.user,
            participant: seated.participant,
            room: seated.room,
            role: seated.role,
            voice: seated.voice,
            hears: false,
            streams: Vec::new(),
        });
    }

    /// Shows that holder of the seat out; a later one stays.
    pub(crate) fn dismiss(&self, conn: ConnectionId, generation: Generation) {
        let mut inner = self.inner.lock();
        inner
            .members
            .retain(|m| m.conn.id() != conn || m.generation != generation);
    }

    /// From now on that holder of the seat hears who speaks.
    pub(crate) fn hear(&self, conn: ConnectionId, generation: Generation) {
        self.change(conn, generation, |member| member.hears = true);
    }

    /// From now on that holder of the seat is heard, or not.
    pub(crate) fn set_voice(&self, conn: ConnectionId, generation: Generation, voice: Voice) {
        self.change(conn, generation, |member| member.voice = voice);
    }

    fn change(&self, conn: ConnectionId, generation: Generation, how: impl FnOnce(&mut Member)) {
        let mut inner = self.inner.lock();
        let mut members = inner.members.iter_mut();
        if let Some(member) = members.find(|m| m.conn.id() == conn && m.generation == generation) {
            how(member);
        }
    }

    /// From now on this listens in; what did before is told to finish.
    pub(crate) fn listen(&self, tap: Box<dyn Tap>) {
        let before = self.inner.lock().tap.replace(tap);
        if let Some(before) = before {
            before.flush();
        }
    }

    /// Nobody listens in from now on. What did is handed back, to be told to finish.
    pub(crate) fn deafen(&self) -> Option<Box<dyn Tap>> {
        self.inner.lock().tap.take()
    }

    /// Empties the room; nothing passes any more.
    pub(crate) fn close(&self) {
        let (members, tap) = {
            let mut inner = self.inner.lock();
            (std::mem::take(&mut inner.members), inner.tap.take())
        };
        drop(members);
        if let Some(tap) = tap {
            tap.flush();
        }
    }

    /// Whether nobody is in the room and nobody listens in.
    pub(crate) fn is_idle(&self) -> bool {
        let inner = self.inner.lock();
        inner.members.is_empty() && inner.tap.is_none()
    }

    /// Who is in the room.
    pub(crate) fn who(&self) -> Vec<(UserId, Role)> {
        let inner = self.inner.lock();
        inner
            .members
            .iter()
            .map(|m| (m.user.clone(), m.role))
            .collect()
    }

    /// How many are in the room.
    pub fn members(&self) -> usize {
        self.inner.lock().members.len()
    }

    /// Passes a chunk on to everybody else who hears. Returns the chunk's number in its stream.
    ///
    /// # Errors
    /// [`ErrorCode::NotInSession`] if that holder of a seat is not in the room (any more),
    /// [`ErrorCode::NotAllowed`] if they may only listen, [`ErrorCode::ConsentRequired`] if they have
    /// to agree first.
    pub(crate) fn relay(
        &self,
        now: Now,
        conn: ConnectionId,
        generation: Generation,
        audio: &AudioIn<'_>,
        counters: &Counters,
    ) -> Result<u32, ErrorCode> {
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        let at = inner
            .members
            .iter()
            .position(|m| m.conn.id() == conn && m.generation == generation)
            .ok_or(ErrorCode::NotInSession)?;
        let speaker = &mut inner.members[at];
        match speaker.voice {
            Voice::Speaks => {}
            Voice::Listens => return Err(ErrorCode::NotAllowed),
            Voice::AwaitsConsent => return Err(ErrorCode::ConsentRequired),
        }
        let seq = speaker.count(audio);
        let (participant, role) = (speaker.participant, speaker.role);
        let user = speaker.user.clone();
        if inner.members.len() > 1 {
            let mut forms = Forms::new(Received {
                session: &self.session,
                user: &user,
                participant,
                audio,
                seq,
                timestamp: now.wall,
            });
            let others = inner.members.iter().filter(|m| m.conn.id() != conn);
            for member in others.filter(|member| member.hears) {
                let bytes = forms.bytes(member.conn.dialect(), member.conn.hears(), member.room);
                let frame = Frame::audio(bytes, now.mono.0);
                member.conn.push(now.mono, frame, counters);
            }
        }
        if let Some(tap) = &mut inner.tap {
            tap.hear(&Heard {
                user: &user,
                participant,
                role,
                stream: audio.stream,
                seq,
                numbered: audio.seq.is_some(),
                format: audio.format,
                sample_rate: audio.sample_rate,
                payload: audio.payload,
                at_ms: audio.at_ms,
                is_last: audio.is_last,
                at: now.mono,
            });
        }
        Ok(seq)
    }
}

impl Member {
    /// The chunk's number: the client's own, else one more than the last.
    fn count(&mut self, audio: &AudioIn<'_>) -> u32 {
        let at = self.streams.iter().position(|(s, _)| *s == audio.stream);
        let at = at.unwrap_or_else(|| {
            if self.streams.len() >= STREAMS_MAX {
                self.streams.remove(0);
            }
            self.streams.push((audio.stream, 0));
            self.streams.len() - 1
        });
        let next = &mut self.streams[at].1;
        let seq = audio.seq.unwrap_or(*next);
        *next = seq.wrapping_add(1);
        seq
    }
}
