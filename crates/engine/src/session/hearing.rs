//! What speech reports becomes captions and transcript (I4): finals are recorded and belong to the
//! question in whose time they were heard; partials are words without a place in the log.

use protocol::error::ErrorCode;
use protocol::id::{Participant, UserId};
use protocol::server::{EventBody, PartialCaption, ServerMessage};
use protocol::value::{Audience, Role, Status, Word};

use super::{Ctx, Session, vocabulary};
use crate::effect::To;
use crate::event::Event;
use crate::input::SpeechReport;
use crate::planted::{self, Bug};

impl Session {
    pub(super) fn hear(&mut self, ctx: &mut Ctx<'_>, report: SpeechReport) {
        match report {
            SpeechReport::Flushed => self.speech_flushed(ctx),
            SpeechReport::Voiced { participant } if self.status == Status::Active => {
                self.awake(ctx);
                self.voice_heard(ctx, participant);
            }
            SpeechReport::Voiced { .. } => {}
            SpeechReport::Partial { .. } => self.partial(ctx, report),
            SpeechReport::Final { .. } => self.final_words(ctx, report),
            SpeechReport::Gap {
                participant,
                stream,
                start_ms,
                end_ms,
            } => {
                let Some(user_id) = self.speaker(participant) else {
                    return;
                };
                if self.is_sealed() {
                    return;
                }
                let session_id = self.id.clone();
                let body = EventBody::Gap {
                    session_id,
                    user_id,
                    stream_id: stream,
                    start_ms,
                    end_ms,
                };
                let audience = self.transcript_audience();
                self.record(ctx, &body, audience);
            }
            SpeechReport::Failed {
                participant,
                refusal,
            } => {
                let to = self.live(|seat| seat.participant == participant);
                let event = if refusal.code == ErrorCode::BadAudio {
                    protocol::client::ErrorEvent::Audio
                } else {
                    protocol::client::ErrorEvent::Transcription
                };
                let session = Some(self.id.clone());
                self.say(
                    ctx,
                    to,
                    ServerMessage::Error {
                        event,
                        session,
                        refusal,
                    },
                );
            }
            SpeechReport::Once { request, result } => {
                let Some(live) = &mut self.live else { return };
                let Some(at) = live.once.iter().position(|(known, _)| *known == request) else {
                    return;
                };
                let (_, of) = live.once.swap_remove(at);
                let to: To = self.live(|seat| seat.participant == of);
                let session = self.id.clone();
                let message = match result {
                    Ok((text, words, confidence)) => ServerMessage::TranscriptionResult {
                        session,
                        request,
                        text,
                        words,
                        confidence,
                    },
                    Err(mut refusal) => {
                        refusal.detail = Some(format!("\"requestId\":{request}").into());
                        ServerMessage::Error {
                            event: protocol::client::ErrorEvent::Transcription,
                            session: Some(session),
                            refusal,
                        }
                    }
                };
                self.say(ctx, to, message);
            }
        }
    }

    /// Who has this number. A seat that was given up is still known by the candidate's name.
    fn speaker(&self, participant: Participant) -> Option<UserId> {
        let seat = self
            .seats
            .iter()
            .find(|seat| seat.participant == participant);
        seat.map(|seat| seat.user.clone())
            .or_else(|| self.candidate.clone())
    }

    /// The candidate speaks: nobody is to talk into that.
    fn voice_heard(&mut self, ctx: &Ctx<'_>, participant: Participant) {
        let now = ctx.now.mono;
        if self.is_candidate(participant) {
            self.note_advice(|advice| advice.voice(now));
        }
    }

    /// Whether this is the candidate's voice, by the same rule as [`Self::speaker`]: what comes
    /// from a seat that was given up is theirs.
    fn is_candidate(&self, participant: Participant) -> bool {
        let mut seats = self.seats.iter();
        let seat = seats.find(|seat| seat.participant == participant);
        seat.map_or(self.candidate.is_some(), |seat| {
            seat.role == Role::Candidate
        })
    }

    pub(super) fn transcript_audience(&self) -> Audience {
        let shown = self
            .plan
            .as_ref()
            .is_none_or(|plan| plan.options.candidate_sees_transcript);
        if shown {
            Audience::ALL
        } else {
            Audience::STAFF
        }
    }

    /// Whether the transcript is closed: the report is being made or is made.
    fn is_sealed(&self) -> bool {
        match self.status {
            Status::Active => false,
            Status::Completing => self.end.as_ref().is_none_or(|end| !end.is_flushing()),
            Status::Scheduled | Status::Ended => true,
        }
    }

    fn partial(&mut self, ctx: &mut Ctx<'_>, report: SpeechReport) {
        let SpeechReport::Partial {
            participant,
            stream,
            utterance,
            text,
            stable,
            start_ms,
            end_ms,
        } = report
        else {
            return;
        };
        let Some(user) = self.speaker(participant).filter(|_| !self.is_sealed()) else {
            return;
        };
        self.voice_heard(ctx, participant);
        let question = self
            .live
            .as_ref()
            .and_then(|l| l.flow.open_id(self.plan.as_deref()));
        let message = ServerMessage::Partial(Box::new(PartialCaption {
            session: self.id.clone(),
            user,
            stream,
            utterance,
            text,
            stable,
            start_ms,
            end_ms,
            question,
        }));
        let audience = if planted::on(ctx.config, Bug::CaptionsForAll) {
            Audience::ALL
        } else {
            self.transcript_audience()
        };
        self.say_others(ctx, None, audience, message);
    }

    fn final_words(&mut self, ctx: &mut Ctx<'_>, report: SpeechReport) {
        let SpeechReport::Final {
            participant,
            stream,
            utterance,
            text,
            words,
            start_ms,
            end_ms,
            at_ms,
            confidence,
        } = report
        else {
            return;
        };
        let Some(user_id) = self.speaker(participant).filter(|_| !self.is_sealed()) else {
            return;
        };
        self.voice_heard(ctx, participant);
        if self.is_overfull(ctx) {
            ctx.news(Event::FinalDropped {
                session: self.id.clone(),
            });
            return;
        }
        let list = self.plan.as_ref().map_or(&[][..], |plan| &plan.words);
        let (text, raw, words) = match vocabulary::corrected(list, &words) {
            Some(words) => (joined(&words), Some(text), words),
            None => (text, None, words),
        };
        let flow = self.live.as_ref().map(|live| &live.flow);
        let question_id = flow.and_then(|flow| flow.question_at(self.plan.as_deref(), at_ms));
        let open = flow.and_then(|flow| flow.open_id(self.plan.as_deref()));
        if self.is_candidate(participant) && open.is_some() && open == question_id {
            let now = ctx.now.mono;
            self.note_advice(|advice| advice.heard(now, &text));
        }
        let body = EventBody::Transcript {
            session_id: self.id.clone(),
            user_id,
            stream_id: stream,
            utterance,
            is_final: true,
            text,
            raw,
            words,
            start_ms,
            end_ms,
            at_ms,
            confidence,
            question_id,
        };
        let audience = self.transcript_audience();
        self.record(ctx, &body, audience);
    }
}

fn joined(words: &[Word]) -> String {
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    texts.join(" ")
}
