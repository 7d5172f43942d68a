//! The coach and the candidate's consent: what is asked of the coach is answered, what it says and
//! when is judged, and nobody is heard before they agreed.

use engine::Input;
use engine::effect::{AdviceAsked, Voice};
use engine::input::SpeechReport;
use protocol::client::ClientMessage;
use protocol::id::{EffectId, Generation, Participant, SessionId};
use protocol::record::{EventRow, Save};
use protocol::value::{Role, Status, Suggestion};

use crate::path::Path;
use crate::setup::session_number;
use crate::world::World;

/// How an event with a suggestion begins.
const SUGGESTIONS: &str = r#"{"type":"responses:suggestions""#;
/// How the event that says yes begins.
const GIVEN: &str = r#"{"type":"consent:given""#;

impl World {
    /// Speech is about to be told: notes when the candidate was last heard.
    pub(crate) fn note_voice(&mut self, room: usize, report: &SpeechReport) {
        let (SpeechReport::Voiced { participant }
        | SpeechReport::Partial { participant, .. }
        | SpeechReport::Final { participant, .. }) = report
        else {
            return;
        };
        let now = self.now;
        let it = &mut self.rooms[room];
        if it.candidates.contains(participant) {
            it.voiced_at = Some(now);
        }
    }

    /// The coach is asked.
    pub(crate) fn advise(&mut self, id: EffectId, session: SessionId, asked: &AdviceAsked) {
        let room = session_number(&session);
        let now = self.now;
        let quiet = self.setup.config.suggest_quiet_ms;
        let voiced = self.rooms[room].voiced_at;
        if voiced.is_some_and(|at| now - at < quiet) {
            self.violate(|| format!("s{room}: advice is asked for while the candidate speaks"));
        }
        if self.rng.chance(10) {
            return;
        }
        let nth = asked.given.len();
        let suggestion = self.rng.chance(80).then(|| Suggestion {
            criterion: format!("point:{nth}"),
            label: "more".to_owned(),
            text: "What else?".to_owned(),
            reason: "Nothing of it was heard.".to_owned(),
        });
        let wait = self.rng.between(1, 800);
        let question = asked.question.id.clone();
        self.fact_later(
            wait,
            Input::Advised {
                id,
                session,
                question,
                suggestion,
            },
        );
    }

    /// A new event is on its way to the records.
    pub(crate) fn watch_suggestion(&mut self, room: usize, event: &EventRow) {
        if !event.body.starts_with(SUGGESTIONS) {
            return;
        }
        self.took(Path::Suggested);
        // By the clock of the steps: the wall clock of a world may jump.
        let now = self.now;
        let before = self.rooms[room].suggested_at.replace(now);
        let every = self.setup.config.suggest_every_ms;
        // A save that waited shows several events at once.
        let slack = 6_000;
        if before.is_some_and(|before| now - before + slack < every) && !self.rooms[room].cut {
            self.violate(|| format!("s{room}: two suggestions within {every} ms"));
        }
        if event.audience.0 == 0 {
            self.violate(|| format!("s{room}: a suggestion for nobody"));
        }
    }

    /// An interview whose plan asks for consent must not run without it.
    pub(crate) fn watch_consent(&mut self, room: usize, save: &Save) {
        let asks = save.row.snapshot.contains(r#""purposes":"#);
        if save.row.status != Status::Active || !asks || self.rooms[room].rejected {
            return;
        }
        let mirror = &self.rooms[room].mirror;
        let stored = (1..=mirror.seq()).filter_map(|seq| mirror.event(seq));
        let given = stored.filter(|event| event.body.starts_with(GIVEN)).count();
        if given == 0 {
            self.violate(|| format!("s{room} runs without the consent its plan asks for"));
        }
        self.took(Path::Consented);
    }

    /// Somebody's voice is opened or closed.
    pub(crate) fn voice(
        &mut self,
        session: &SessionId,
        conn: u64,
        generation: Generation,
        voice: Voice,
    ) {
        let room = session_number(session);
        let holders = self.rooms[room].holders.values();
        let holder = { holders }
            .find(|holder| holder.conn == conn && holder.generation == generation.0)
            .copied();
        match holder {
            None => self.violate(|| format!("c{conn} has no seat in s{room} to be heard from")),
            Some(holder) if holder.role != Role::Candidate => {
                self.violate(|| format!("the voice of a {} changes in s{room}", holder.role));
            }
            Some(_) if voice == Voice::Listens => {
                self.violate(|| format!("the candidate of s{room} may only listen"));
            }
            Some(_) => {}
        }
    }

    /// A seat is given: whom to listen to, and how far they may be heard.
    pub(crate) fn judge_voice(
        &mut self,
        room: usize,
        participant: Participant,
        role: Role,
        voice: Voice,
    ) {
        // Numbers of seats that were never stored are given out again.
        let candidates = &mut self.rooms[room].candidates;
        if role == Role::Candidate {
            candidates.insert(participant);
        } else {
            candidates.remove(&participant);
        }
        let fits = match role {
            Role::Candidate => voice != Voice::Listens,
            Role::Interviewer => voice == Voice::Speaks,
            Role::Observer => voice == Voice::Listens,
        };
        if !fits {
            self.violate(|| format!("a {role} is seated in s{room} with the voice {voice:?}"));
        }
    }

    /// What a candidate says to the wording, mostly yes.
    pub(crate) fn a_consent(&mut self) -> ClientMessage {
        let given = !self.rng.chance(12);
        let version = match self.rng.below(8) {
            0 if !given => None,
            1 => Some("another".into()),
            _ => Some("1".into()),
        };
        ClientMessage::Consent { version, given }
    }
}
