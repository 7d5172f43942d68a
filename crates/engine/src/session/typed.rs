//! Answers that are typed: for whoever has no microphone, or cannot speak just now (C6). They stand
//! in the transcript like spoken words, in the time of the question that is open.

use protocol::error::{ErrorCode, Refusal};
use protocol::id::{QuestionId, StreamId};
use protocol::limits::TYPED_STREAM;
use protocol::server::EventBody;
use protocol::value::Status;

use super::seat::Rights as _;
use super::{Asked, Ctx, Session};

impl Session {
    pub(super) fn answer_text(
        &mut self,
        ctx: &mut Ctx<'_>,
        asked: Asked,
        question: Option<QuestionId>,
        text: &str,
    ) {
        if !asked.role.may_answer() {
            return self.refuse(ctx, asked, ErrorCode::NotAllowed);
        }
        let flow = self.live.as_ref().map(|live| &live.flow);
        let open = flow.and_then(|flow| flow.open_id(self.plan.as_deref()));
        let fits = open.is_some() && question.is_none_or(|named| open.as_ref() == Some(&named));
        if self.status != Status::Active || !fits {
            return self.refuse(ctx, asked, ErrorCode::NoOpenQuestion);
        }
        if !self.has_room(ctx) {
            return self.refuse(ctx, asked, Refusal::new(ErrorCode::Busy).retry_after(2_000));
        }
        let at_ms = self.session_ms(ctx.now.mono);
        let body = EventBody::Transcript {
            session_id: self.id.clone(),
            user_id: asked.user.clone(),
            stream_id: StreamId(TYPED_STREAM),
            // Its place in the log: no two pieces share one.
            utterance: u32::try_from(self.log.last.0).unwrap_or(u32::MAX),
            is_final: true,
            text: text.to_owned(),
            raw: None,
            words: Vec::new(),
            start_ms: at_ms,
            end_ms: at_ms,
            at_ms,
            confidence: 1.0,
            question_id: open,
        };
        let now = ctx.now.mono;
        self.note_advice(|advice| advice.heard(now, text));
        let audience = self.transcript_audience();
        self.record(ctx, &body, audience);
        let fields = self.named();
        self.accept(ctx, asked, fields, true);
    }
}
