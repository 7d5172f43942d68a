use super::*;

#[test]
fn controls_become_visible_and_overrides_lose_their_power() {
    assert_eq!(plain("a\u{1b}[31mb\0c\u{7f}"), "a␛[31mb␀c␡");
    assert_eq!(
        plain("user\u{202e}gpj.exe\u{2066}x\u{9b}"),
        "user�gpj.exe�x�"
    );
    assert_eq!(plain("a\tb\r\nc\u{2028}d"), "a b  c d");
    assert_eq!(plain_lines("a\r\nb\u{8}"), "a\nb␈");
    assert_eq!(plain("שלום é 日本 \u{200d}"), "שלום é 日本 \u{200d}");
}

#[test]
fn long_text_is_cut_at_a_word_and_never_inside_a_character() {
    assert_eq!(shortened("short", 10), "short");
    assert_eq!(
        shortened("Tell me about yourself, please", 25),
        "Tell me about yourself…"
    );
    assert_eq!(
        shortened(&"é".repeat(50), 10),
        format!("{}…", "é".repeat(9))
    );
}

#[test]
fn times_read_like_a_clock() {
    assert_eq!(clock(0), "0:00");
    assert_eq!(clock(59_999), "0:59");
    assert_eq!(clock(754_000), "12:34");
    assert_eq!(clock(3_600_000), "1:00:00");
    assert_eq!(seconds(249), "0.2 s");
    assert_eq!(seconds(1_950), "2.0 s");
    assert_eq!(spelled(400), "less than a second");
    assert_eq!(spelled(61_000), "1 minute 1 second");
    assert_eq!(spelled(7_322_000), "2 hours 2 minutes 2 seconds");
    assert!(!clock(u64::MAX).is_empty() && !seconds(u64::MAX).is_empty());
}

#[test]
fn dates_follow_the_calendar() {
    let text = |ms| date(Wall(ms)).map(|d| d.text);
    assert_eq!(text(0).unwrap(), "1 January 1970, 00:00 UTC");
    assert_eq!(
        text(951_782_400_000).unwrap(),
        "29 February 2000, 00:00 UTC"
    );
    assert_eq!(text(-1).unwrap(), "31 December 1969, 23:59 UTC");
    assert_eq!(
        date(Wall(1_795_232_926_000)).unwrap().iso,
        "2026-11-21T03:48:46Z"
    );
    assert_eq!(text(i64::MAX), None);
    assert_eq!(text(i64::MIN), None);
}
