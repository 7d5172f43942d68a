//! The edges of what is JSON, where a random text rarely lands.

use crate::error::ErrorCode;
use crate::json::{Scratch, decode};
use crate::limits::JSON_DEPTH_MAX;

fn code(text: &str) -> Option<ErrorCode> {
    let mut scratch = Scratch::default();
    decode(text, &mut scratch)
        .err()
        .map(|refused| refused.refusal.code)
}

fn with(value: &str) -> String {
    format!(r#"{{"type":"ping","x":{value}}}"#)
}

#[test]
fn exactly_32_levels_are_allowed() {
    for (open, inner, close) in [("[", "1", "]"), (r#"{"a":"#, "{}", "}"), ("[", "[]", "]")] {
        let own_levels = usize::from(inner.len() > 1);
        let fits = JSON_DEPTH_MAX - 1 - own_levels;
        let nested = |n: usize| with(&(open.repeat(n) + inner + &close.repeat(n)));
        assert_eq!(code(&nested(fits)), None, "{open}");
        assert_eq!(code(&nested(fits + 1)), Some(ErrorCode::TooDeep), "{open}");
    }
}

#[test]
fn depth_is_forgotten_when_a_level_closes() {
    let list = format!("[{}]", vec!["[[]]"; 100].join(","));
    assert_eq!(code(&with(&list)), None);
}

#[test]
fn control_characters_in_strings_are_refused_and_all_others_taken() {
    for c in 0..0x100_u32 {
        let c = char::from_u32(c).unwrap();
        let expected = (u32::from(c) < 0x20).then_some(ErrorCode::BadJson);
        if c != '"' && c != '\\' {
            assert_eq!(code(&with(&format!("\"{c}\""))), expected, "{c:?}");
            assert_eq!(code(&with(&format!("{{\"{c}\":1}}"))), expected, "{c:?}");
        }
    }
}

#[test]
fn brackets_close_what_was_opened() {
    for bad in [
        r#"{"a":1]"#,
        "[1}",
        "[{]}",
        r#"{"a":[}]"#,
        "[[]",
        "[]]",
        r#"{"a":1}}"#,
        "[1 2]",
        r#"{"a":1 "b":2}"#,
        r#"{"a",1}"#,
        "{,}",
        "[,]",
    ] {
        assert_eq!(code(&with(bad)), Some(ErrorCode::BadJson), "{bad}");
    }
    for good in [
        "[]",
        "{}",
        "[[],{}]",
        r#"{"a":[{"b":[]}]}"#,
        "[ 1 , 2 ]",
        r#"{ "a" : { } }"#,
    ] {
        assert_eq!(code(&with(good)), None, "{good}");
    }
}
