use serde_json::{Value, json};

use super::*;
use crate::client::ErrorEvent;
use crate::error::ErrorCode;
use crate::id::{SessionId, StreamId};
use crate::value::EndReason;
use crate::ws::{Flow, Limits, Packet, Ws, WsIn};

/// The frames in a piece, as a client sees them.
fn frames(bytes: &[u8]) -> Vec<String> {
    let mut seen = Vec::new();
    Ws::for_client(Limits::default())
        .receive(0, &mut bytes.to_vec(), &mut |event| {
            seen.push(match event {
                WsIn::Packet(Packet::Text(text)) => text.to_owned(),
                WsIn::Packet(Packet::Binary(bytes)) => format!("{bytes:?}"),
                WsIn::Close { code, reason } => format!("close {code:?} {reason}"),
                other => format!("{other:?}"),
            });
            Flow::Continue
        })
        .unwrap();
    seen
}

fn ended() -> ServerMessage {
    ServerMessage::SessionEnded {
        session: SessionId::parse("s1").unwrap(),
        reason: EndReason::Completed,
        message: "Session has been terminated",
        recorded: true,
    }
}

#[test]
fn an_event_has_the_name_and_the_very_object_of_the_plain_door() {
    let plain = frames(&encode(Dialect::Plain, &ended(), Wall(0))).remove(0);
    let told = frames(&encode(Dialect::Interview, &ended(), Wall(0)));
    assert_eq!(told, [format!("42/interview,[\"session_ended\",{plain}]")]);
    let told = frames(&encode(Dialect::Root, &ended(), Wall(0)));
    assert_eq!(told, [format!("42[\"session_ended\",{plain}]")]);
    assert!(encode(Dialect::Unnamed, &ended(), Wall(0)).is_empty());
}

#[test]
fn every_message_is_named_after_its_type() {
    for message in json::tests::messages() {
        let told = frames(&encode(Dialect::Root, &message, Wall(7))).remove(0);
        let Some(array) = told.strip_prefix("42") else {
            // A pong that was asked for is an acknowledgement.
            assert!(told.starts_with("43"), "{told}");
            continue;
        };
        let array: Value = serde_json::from_str(array).unwrap();
        assert_eq!(array[0], array[1]["type"], "{told}");
        assert_eq!(array.as_array().unwrap().len(), 2);
    }
}

#[test]
fn an_acknowledgement_carries_the_object_of_the_reply() {
    let key = ReplyKey::Ref("12".into());
    let good = Reply::Ok("\"a\":1".into());
    let told = encode_reply(Dialect::Interview, &key, &good).unwrap();
    assert_eq!(
        frames(&told),
        ["43/interview,12[{\"type\":\"ok\",\"a\":1}]"]
    );
    let bad = Reply::Refused(ErrorCode::RoomFull.into());
    let told = encode_reply(Dialect::Root, &key, &bad).unwrap();
    let text = frames(&told).remove(0);
    let array: Value = serde_json::from_str(text.strip_prefix("4312").unwrap()).unwrap();
    let expected = json!([{"type": "error", "code": "room_full", "message": "The room is full."}]);
    assert_eq!(array, expected);
    let event = ReplyKey::Event(ErrorEvent::Session);
    let told = encode_reply(Dialect::Root, &event, &bad).unwrap();
    assert!(frames(&told)[0].starts_with("42[\"session:error\",{\"type\":\"session:error\","));
    assert_eq!(encode_reply(Dialect::Root, &event, &good), None);
    assert_eq!(encode_reply(Dialect::Unnamed, &key, &good), None);
    let pong = ServerMessage::Pong {
        reference: Some("3".into()),
    };
    let told = encode(Dialect::Root, &pong, Wall(0));
    assert_eq!(frames(&told), ["433[{\"type\":\"pong\"}]"]);
}

#[test]
fn who_must_stay_away_is_disconnected_and_who_should_come_back_is_not() {
    for code in CloseCode::ALL {
        let told = frames(&encode_close(
            Dialect::Interview,
            code.number(),
            code.reason(),
        ));
        let come_back = code.come_back();
        let closing = format!(
            "42/interview,[\"connection:closing\",{{\"type\":\"connection:closing\",\
             \"code\":{},\"reason\":\"{}\",\"comeBack\":\"{}\"}}]",
            code.number(),
            code.reason(),
            come_back.as_str()
        );
        assert_eq!(told[0], closing);
        let is_kept_away = told.iter().any(|frame| frame == "41/interview,");
        assert_eq!(is_kept_away, come_back == ComeBack::No, "{code:?}");
        let close = format!("close Some({}) {}", code.number(), code.reason());
        assert_eq!(told.last(), Some(&close));
    }
    let told = frames(&encode_close(Dialect::Unnamed, 4401, "not_authenticated"));
    assert_eq!(told, ["close Some(4401) not_authenticated"]);
    let told = frames(&encode_close(Dialect::Plain, 1000, "session_over"));
    assert_eq!(told, ["close Some(1000) session_over"]);
}

#[test]
fn sound_is_an_event_with_base64_or_with_one_attachment() {
    use crate::client::{AudioFormat, AudioIn, AudioPayload, SessionRef};
    use crate::id::{Participant, UserId};
    use crate::json::audio::Received;
    let sound: Vec<u8> = (0..70_000_u32).map(|n| n as u8).collect();
    for len in [0, 2, 90, 100, 106, 107, 200, 65_500, 65_520, 70_000] {
        let audio = AudioIn {
            session: SessionRef::Only,
            payload: AudioPayload::Raw(&sound[..len]),
            format: AudioFormat::Pcm16,
            sample_rate: 16_000,
            stream: StreamId(3),
            seq: Some(4),
            at_ms: None,
            is_last: false,
        };
        let session = SessionId::parse("s1").unwrap();
        let user = UserId::parse("ana").unwrap();
        let received = Received {
            session: &session,
            user: &user,
            participant: Participant(1),
            audio: &audio,
            seq: 4,
            timestamp: Wall(5),
        };
        for (dialect, namespace) in [(Dialect::Interview, "/interview,"), (Dialect::Root, "")] {
            let plain = frames(&received.text_frame(Dialect::Plain).frame).remove(0);
            let framed = received.text_frame(dialect);
            let expected = format!("42{namespace}[\"audio:received\",{plain}]");
            assert_eq!(frames(&framed.frame), [expected]);
            let plain = received.binary_frame(Dialect::Plain, 7).unwrap();
            let framed = received.binary_frame(dialect, 7).unwrap();
            assert_eq!(&framed.frame[framed.payload.clone()], &sound[..len]);
            let event =
                format!("451-{namespace}[\"audio:received\",{{\"_placeholder\":true,\"num\":0}}]");
            let told = frames(&framed.frame);
            assert_eq!(told, [event, frames(&plain.frame).remove(0)]);
        }
        assert!(received.text_frame(Dialect::Unnamed).frame.is_empty());
        assert_eq!(received.binary_frame(Dialect::Unnamed, 7), None);
    }
}
