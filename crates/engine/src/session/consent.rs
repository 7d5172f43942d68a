//! Consent (I10): where the plan asks for it, nothing a candidate says is taken before their yes is
//! stored. Who asks is the plan, who answers is the candidate; the answers are events of the log.

use protocol::error::{ErrorCode, Refusal};
use protocol::id::Seq;
use protocol::server::{EventBody, ServerMessage};
use protocol::value::{Audience, EndReason, Role};
use serde::{Deserialize, Serialize};

use super::seat::{Rights, Seat};
use super::{Asked, Ctx, Session};
use crate::effect::{Effect, To, Voice};

/// The candidate's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Given {
    /// To which wording.
    pub(crate) version: Box<str>,
    /// The event that says so.
    pub(crate) seq: Seq,
}

impl Session {
    /// Whether the plan asks for a consent that is not in the records.
    pub(super) fn lacks_consent(&self) -> bool {
        let wanted = self.plan.as_ref().and_then(|plan| plan.consent.as_ref());
        wanted.is_some_and(|wanted| {
            let given = self.consent.as_ref();
            given.is_none_or(|given| {
                *given.version != *wanted.version || given.seq > self.log.committed
            })
        })
    }

    /// How far somebody with this role is heard.
    pub(super) fn voice_of(&self, role: Role) -> Voice {
        match role {
            Role::Candidate if self.lacks_consent() => Voice::AwaitsConsent,
            _ if role.may_speak() => Voice::Speaks,
            _ => Voice::Listens,
        }
    }

    /// Asks whoever sits in the candidate's seat, if there is something to ask.
    pub(super) fn ask_consent(&mut self, ctx: &mut Ctx<'_>, fits: impl Fn(&Seat) -> bool) {
        if !self.lacks_consent() {
            return;
        }
        let wanted = self.plan.as_ref().and_then(|plan| plan.consent.clone());
        let Some(consent) = wanted else { return };
        let to: To = self.live(|seat| seat.role == Role::Candidate && fits(seat));
        let session = self.id.clone();
        let consent = Box::new(consent);
        self.say(ctx, to, ServerMessage::ConsentRequest { session, consent });
    }

    /// A start has to wait: from here on the session asks for the consent of its plan.
    pub(super) fn start_without_consent(&mut self, ctx: &mut Ctx<'_>, asked: Asked) {
        self.log.row_dirty = true;
        self.tell_voices(ctx);
        self.ask_consent(ctx, |_| true);
        self.refuse(ctx, asked, ErrorCode::ConsentRequired);
    }

    pub(super) fn consent_said(
        &mut self,
        ctx: &mut Ctx<'_>,
        asked: Asked,
        version: Option<Box<str>>,
        given: bool,
    ) {
        if asked.role != Role::Candidate {
            return self.refuse(ctx, asked, ErrorCode::NotAllowed);
        }
        if !self.has_room(ctx) {
            return self.refuse(ctx, asked, Refusal::new(ErrorCode::Busy).retry_after(2_000));
        }
        let wanted = self.plan.as_ref().and_then(|plan| plan.consent.clone());
        let Some(wanted) = wanted.filter(|_| self.end.is_none()) else {
            let why = "Nothing was asked that could be agreed to or declined.";
            let refusal = Refusal::because(ErrorCode::BadTransition, why);
            return self.refuse(ctx, asked, refusal);
        };
        if version.is_some_and(|version| *version != *wanted.version) {
            let why = format!(
                "The wording that is asked for has the version \"{}\".",
                wanted.version
            );
            let refusal = Refusal::because(ErrorCode::InvalidField, why);
            return self.refuse(ctx, asked, refusal);
        }
        let (session_id, user_id) = (self.id.clone(), asked.user.clone());
        let at = ctx.now.wall;
        if given {
            let known = self.consent.as_ref();
            if known.is_none_or(|known| *known.version != *wanted.version) {
                let version = wanted.version.clone();
                let body = EventBody::ConsentGiven {
                    session_id,
                    user_id,
                    version,
                    purposes: wanted.purposes,
                    at,
                };
                self.record(ctx, &body, Audience::ALL);
                self.consent = Some(Given {
                    version: wanted.version.into(),
                    seq: self.log.last,
                });
                self.consent_opens = true;
            }
        } else {
            self.consent = None;
            let body = EventBody::ConsentDeclined {
                session_id,
                user_id,
                version: wanted.version,
                at,
            };
            self.record(ctx, &body, Audience::ALL);
            self.tell_voices(ctx);
            self.begin_end(ctx, EndReason::Declined, Some(asked.user.clone()));
        }
        let fields = self.named();
        self.accept(ctx, asked, fields, true);
    }

    /// After every answer of the store: once the yes is stored the candidate is heard, and a plan
    /// that starts by itself does.
    pub(super) fn consent_stored(&mut self, ctx: &mut Ctx<'_>) {
        if !self.consent_opens || self.end.is_some() || self.lacks_consent() {
            return;
        }
        self.consent_opens = false;
        self.tell_voices(ctx);
        let here = { self.seats.iter() }.any(|seat| seat.role == Role::Candidate && seat.is_live());
        if here {
            self.candidate_back(ctx);
        }
    }

    fn tell_voices(&mut self, ctx: &mut Ctx<'_>) {
        let voice = self.voice_of(Role::Candidate);
        for seat in self.seats.iter().filter(|s| s.role == Role::Candidate) {
            let Some(conn) = seat.conn else { continue };
            ctx.out(Effect::Voice {
                session: self.id.clone(),
                conn,
                generation: seat.generation,
                voice,
            });
        }
    }
}
