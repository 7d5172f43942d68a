//! What is delivered, in which order, and what the receiver holds meanwhile.

use super::super::{Flow, Limits, Opcode, Violation, Ws, client, unmask};
use super::{Got, KEY, feed, raw, received};

fn text(text: &str) -> Vec<u8> {
    client::frame(Opcode::Text, text.as_bytes(), KEY)
}

#[test]
fn the_example_of_the_rfc_is_understood() {
    let hello = [
        0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58,
    ];
    assert_eq!(
        received(Limits::default(), &hello),
        (vec![Got::Text("Hello".into())], None)
    );
}

#[test]
fn messages_of_every_length_form_arrive_whole() {
    let lengths = [
        0, 1, 3, 15, 16, 17, 63, 64, 65, 125, 126, 127, 4096, 65_535, 65_536, 100_000,
    ];
    for len in lengths {
        let payload: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let bytes = client::frame(Opcode::Binary, &payload, KEY);
        let mut ws = Ws::new(Limits::default());
        for read_len in [1_000, bytes.len()] {
            let (got, violation) = feed(&mut ws, &bytes, read_len);
            assert_eq!(
                (got, violation),
                (vec![Got::Binary(payload.clone())], None),
                "{len} bytes"
            );
        }
    }
}

#[test]
fn several_frames_in_one_read_come_out_in_order() {
    let bytes = [
        text("one"),
        raw(0x89, b"?"),
        raw(0x82, &[1, 2]),
        raw(0x8A, b""),
        text(""),
    ];
    let expected = vec![
        Got::Text("one".into()),
        Got::Ping(b"?".to_vec()),
        Got::Binary(vec![1, 2]),
        Got::Pong,
        Got::Text(String::new()),
    ];
    assert_eq!(
        received(Limits::default(), &bytes.concat()),
        (expected, None)
    );
}

#[test]
fn control_frames_pass_between_the_fragments_of_a_message() {
    let bytes = [
        raw(0x01, "gr\u{fc}".as_bytes()),
        raw(0x89, b"a"),
        raw(0x00, b""),
        raw(0x8A, b"b"),
        raw(0x80, "\u{df}".as_bytes()),
    ];
    let expected = vec![
        Got::Ping(b"a".to_vec()),
        Got::Pong,
        Got::Text("gr\u{fc}\u{df}".into()),
    ];
    assert_eq!(
        received(Limits::default(), &bytes.concat()),
        (expected, None)
    );
}

#[test]
fn a_character_may_be_cut_by_fragments_but_not_by_the_end() {
    let euro = "\u{20ac}".as_bytes();
    let whole = [
        raw(0x01, &euro[..1]),
        raw(0x00, &euro[1..2]),
        raw(0x80, &euro[2..]),
    ]
    .concat();
    let cut = [raw(0x01, &euro[..1]), raw(0x80, &euro[1..2])].concat();
    assert_eq!(
        received(Limits::default(), &whole).0,
        vec![Got::Text("\u{20ac}".into())]
    );
    assert_eq!(received(Limits::default(), &cut).1.unwrap().code, 1007);
}

#[test]
fn wrong_text_is_refused_at_the_byte_that_makes_it_wrong() {
    // A surrogate: ED is fine so far, ED A0 can never become a character.
    let bytes = raw(0x01, &[b'o', b'k', 0xED, 0xA0, 0x80, b'!']);
    let mut ws = Ws::new(Limits::default());
    assert_eq!(feed(&mut ws, &bytes[..6 + 3], 100), (vec![], None));
    assert_eq!(
        feed(&mut ws, &bytes[6 + 3..6 + 4], 100).1.unwrap().code,
        1007
    );
}

#[test]
fn nothing_is_delivered_after_a_close() {
    let bytes = [
        raw(0x88, &[0x03, 0xE8, b'b', b'y', b'e']),
        text("late"),
        raw(0x89, b""),
    ];
    let expected = vec![Got::Close(Some(1000), "bye".into())];
    assert_eq!(
        received(Limits::default(), &bytes.concat()),
        (expected, None)
    );
}

#[test]
fn nothing_is_delivered_after_a_violation() {
    let mut ws = Ws::new(Limits::default());
    let bytes = [text("kept"), raw(0x83, b"")].concat();
    let (got, violation) = feed(&mut ws, &bytes, 100);
    assert_eq!(got, vec![Got::Text("kept".into())]);
    assert_eq!(violation.unwrap().code, 1002);
    assert!(ws.is_done());
    assert_eq!(feed(&mut ws, &text("late"), 100), (vec![], None));
}

#[test]
fn once_stopped_only_the_peers_close_is_delivered() {
    let close = raw(0x88, &[0x03, 0xE8]);
    let rest = [
        raw(0x01, b"begun"),
        raw(0x89, b"?"),
        raw(0x02, &[0xFF; 300]),
        text("x"),
        close,
    ];
    let bytes = [text("last"), rest.concat()].concat();
    for read_len in [1, 5, bytes.len()] {
        let mut ws = Ws::new(Limits {
            frame_bytes_max: 200,
            ..Limits::default()
        });
        let mut got = Vec::new();
        for read in bytes.chunks(read_len) {
            ws.receive(0, &mut read.to_vec(), &mut |event| {
                got.push(Got::from(event));
                Flow::Stop
            })
            .unwrap();
            assert!(ws.held_bytes() < 400, "what is thrown away is not kept");
        }
        assert_eq!(
            got,
            vec![
                Got::Text("last".into()),
                Got::Close(Some(1000), String::new())
            ]
        );
    }
}

#[test]
fn stopping_in_the_middle_of_a_message_gives_its_memory_back() {
    let mut ws = Ws::new(Limits::default());
    let bytes = raw(0x01, &[b'a'; 5_000]);
    assert_eq!(feed(&mut ws, &bytes[..4_000], 4_000), (vec![], None));
    assert!(ws.held_bytes() >= 4_000);
    ws.stop();
    assert!(ws.held_bytes() < 400);
    assert_eq!(ws.poll_timeout(), None);
    let rest = [bytes[4_000..].to_vec(), raw(0x80, b"end"), raw(0x88, b"")].concat();
    assert_eq!(
        feed(&mut ws, &rest, 100),
        (vec![Got::Close(None, String::new())], None)
    );
    assert_eq!(ws.held_bytes(), 0);
}

#[test]
fn an_unfinished_frame_or_message_has_ten_seconds_from_its_first_byte() {
    let message = [raw(0x01, b"a"), raw(0x00, b"b"), raw(0x80, b"c")].concat();
    let mut ws = Ws::new(Limits::default());
    for (i, byte) in message.iter().take(message.len() - 1).enumerate() {
        let now_ms = 1_000 + 100 * i as u64;
        ws.receive(now_ms, &mut [*byte], &mut |_| panic!("nothing is complete"))
            .unwrap();
        assert_eq!(
            ws.poll_timeout(),
            Some(11_000),
            "trickling bytes buy no time"
        );
        ws.handle_timeout(now_ms).unwrap();
    }
    ws.handle_timeout(10_999).unwrap();
    assert_eq!(ws.handle_timeout(11_000).unwrap_err().code, 1008);
    assert!(ws.is_done());
    ws.handle_timeout(99_000).unwrap();
}

#[test]
fn a_complete_message_leaves_neither_deadline_nor_memory_behind() {
    let message = [
        raw(0x01, &[b'x'; 200]),
        raw(0x89, &[7; 100]),
        raw(0x80, &[b'y'; 200]),
    ]
    .concat();
    let mut ws = Ws::new(Limits::default());
    let (got, violation) = feed(&mut ws, &message, 9);
    assert_eq!((got.len(), violation), (2, None));
    assert_eq!((ws.poll_timeout(), ws.held_bytes()), (None, 0));
    assert_eq!(
        feed(&mut ws, &raw(0x89, &[7; 100]), 9).0,
        [Got::Ping(vec![7; 100])]
    );
    assert_eq!((ws.poll_timeout(), ws.held_bytes()), (None, 0));
}

#[test]
fn memory_follows_what_has_arrived_and_not_what_was_announced() {
    let bytes = raw(0x82, &[0; 200_000]);
    let mut ws = Ws::new(Limits::default());
    let mut arrived = 0;
    for read in bytes.chunks(1_500).take(130) {
        assert_eq!(feed(&mut ws, read, read.len()), (vec![], None));
        arrived += read.len();
        assert!(
            ws.held_bytes() <= 2 * arrived + 16 * 1024 + 512,
            "{arrived} bytes arrived"
        );
    }
}

#[test]
fn limits_are_inclusive_and_count_all_fragments() {
    let limits = Limits {
        frame_bytes_max: 6,
        message_bytes_max: 10,
        fragments_max: 3,
        ..Limits::default()
    };
    let code = |bytes: &[Vec<u8>]| received(limits, &bytes.concat()).1.map(|v| v.code);
    assert_eq!(code(&[raw(0x82, &[0; 6])]), None);
    assert_eq!(code(&[raw(0x82, &[0; 7])]), Some(1009));
    assert_eq!(code(&[raw(0x02, &[0; 6]), raw(0x80, &[0; 4])]), None);
    assert_eq!(code(&[raw(0x02, &[0; 6]), raw(0x80, &[0; 5])]), Some(1009));
    assert_eq!(
        code(&[raw(0x02, b""), raw(0x00, b""), raw(0x80, b"")]),
        None
    );
    assert_eq!(
        code(&[
            raw(0x02, b""),
            raw(0x00, b""),
            raw(0x00, b""),
            raw(0x80, b"")
        ]),
        Some(1008)
    );
}

#[test]
fn an_oversized_frame_is_refused_by_its_header_alone() {
    let head = [0x82, 0xFF, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0];
    let (got, violation) = received(Limits::default(), &head);
    assert_eq!(
        (got, violation),
        (
            vec![],
            Some(Violation {
                code: 1009,
                reason: "The frame is too large."
            })
        )
    );
}

#[test]
fn a_client_takes_unmasked_frames_only() {
    let mut ws = Ws::for_client(Limits::default());
    let hello = super::super::frame::text("Hello");
    assert_eq!(
        feed(&mut ws, &hello, 2),
        (vec![Got::Text("Hello".into())], None)
    );
    assert_eq!(feed(&mut ws, &text("Hello"), 2).1.unwrap().code, 1002);
}

#[test]
fn unmasking_in_pieces_is_unmasking_at_once() {
    let plain: Vec<u8> = (0..300).map(|i| (i * 7) as u8).collect();
    let naive: Vec<u8> = plain
        .iter()
        .enumerate()
        .map(|(i, b)| b ^ KEY[i % 4])
        .collect();
    for cut in 0..=plain.len() {
        let mut bytes = plain.clone();
        let (head, tail) = bytes.split_at_mut(cut);
        unmask(head, KEY, 0);
        unmask(tail, KEY, cut);
        assert_eq!(bytes, naive, "cut at {cut}");
    }
}

#[test]
fn an_idle_receiver_is_small() {
    println!("size_of::<Ws>() = {}", size_of::<Ws>());
    assert!(size_of::<Ws>() <= 64);
    assert_eq!(Ws::new(Limits::default()).held_bytes(), 0);
}
