//! What a back end says into a session (S11). Its words were judged before they came here; the
//! session decides whether it can take them, and gives them their place.

use protocol::error::{ErrorCode, Refusal};
use protocol::id::Seq;
use protocol::said::Said;
use protocol::server::ServerMessage;
use protocol::value::{Audience, Status};

use super::{Ctx, Session};
use crate::config::ENDERS_MAX;
use crate::effect::{Answer, Effect};
use crate::input::AskId;

impl Session {
    /// Says it to everybody in the audience. Answered when it is stored, where it is to be.
    pub(crate) fn say_by_api(
        &mut self,
        ctx: &mut Ctx<'_>,
        ask: AskId,
        said: Said,
        audience: Audience,
    ) {
        let refusal = match self.status {
            Status::Ended => Some(ErrorCode::SessionEnded.into()),
            // The transcript is closed and the last words are being written.
            Status::Completing => Some(ErrorCode::BadTransition.into()),
            _ if !self.has_room(ctx) || self.sayers.len() >= ENDERS_MAX => {
                Some(Refusal::new(ErrorCode::Busy).retry_after(2_000))
            }
            _ => None,
        };
        if let Some(refusal) = refusal {
            let answer = Answer::Refused(refusal);
            ctx.out(Effect::Answer { ask, answer });
            return;
        }
        let to = self.live(|seat| audience.includes(seat.role));
        let receivers = u32::try_from(to.len()).unwrap_or(u32::MAX);
        if said.durable {
            self.record_text(ctx, said.body, audience);
            self.sayers.push(Sayer {
                ask,
                seq: self.log.last,
                receivers,
            });
        } else {
            self.say(ctx, to, ServerMessage::Said(said.body));
            let answer = Answer::Said {
                seq: None,
                receivers,
            };
            ctx.out(Effect::Answer { ask, answer });
        }
    }

    /// Answers those whose words are stored.
    pub(super) fn answer_sayers(&mut self, ctx: &mut Ctx<'_>) {
        let committed = self.log.committed;
        self.sayers.retain(|sayer| {
            if sayer.seq > committed {
                return true;
            }
            ctx.out(Effect::Answer {
                ask: sayer.ask,
                answer: Answer::Said {
                    seq: Some(sayer.seq),
                    receivers: sayer.receivers,
                },
            });
            false
        });
    }

    /// Refuses those whose words were dropped before they were stored.
    pub(super) fn refuse_sayers(&mut self, ctx: &mut Ctx<'_>, why: ErrorCode) {
        for sayer in std::mem::take(&mut self.sayers) {
            let answer = Answer::Refused(why.into());
            ctx.out(Effect::Answer {
                ask: sayer.ask,
                answer,
            });
        }
    }
}

/// Somebody whose words are on their way into the records.
#[derive(Debug)]
pub(super) struct Sayer {
    ask: AskId,
    seq: Seq,
    receivers: u32,
}
