//! Base64 as it travels inside JSON: the standard alphabet, padded or not. Checked without
//! decoding, since a relayed chunk is never decoded; what passes [`is_sound`] always decodes.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Bytes looked at together. The compiler turns the check of a block into vector code; an array of
/// fixed size instead of a slice undoes that and costs fifteen times as much (see `json_costs`).
const BLOCK: usize = 64;

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How many leading bytes belong to the alphabet (without `=`).
pub(super) fn run(bytes: &[u8]) -> usize {
    let mut at = 0;
    for block in bytes.chunks_exact(BLOCK) {
        if !block.iter().fold(true, |all, &b| all & is_digit(b)) {
            break;
        }
        at += BLOCK;
    }
    at + bytes[at..].iter().take_while(|&&b| is_digit(b)).count()
}

fn is_digit(b: u8) -> bool {
    // `/` and the ten figures are neighbors in ASCII.
    ((b | 0x20).wrapping_sub(b'a') < 26) | (b.wrapping_sub(b'/') < 11) | (b == b'+')
}

/// Whether a text is base64 in full: alphabet, length and padding.
pub fn is_sound(text: &str) -> bool {
    let digits = run(text.as_bytes());
    let padding = &text.as_bytes()[digits..];
    padding.iter().all(|&b| b == b'=') && fits(digits, padding.len())
}

/// Whether so many digits and so many `=` behind them are a text in full.
pub(super) fn fits(digits: usize, padding: usize) -> bool {
    match padding {
        0 => digits % 4 != 1,
        1 => digits % 4 == 3,
        2 => digits % 4 == 2,
        _ => false,
    }
}

/// Number of bytes a sound text stands for.
pub fn decoded_len(text: &str) -> usize {
    let digits = text.trim_end_matches('=').len();
    digits / 4 * 3 + (digits % 4).saturating_sub(1)
}

/// Number of characters, with padding, that stand for so many bytes.
pub(super) fn encoded_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// Appends the bytes a text stands for. False, and nothing appended, if it is not sound.
#[must_use]
pub fn decode_into(out: &mut Vec<u8>, text: &str) -> bool {
    let before = out.len();
    // The decoder wants room for whole groups of four.
    out.resize(before + text.len().div_ceil(4) * 3, 0);
    if let Ok(len) = ENGINE.decode_slice(text, &mut out[before..]) {
        out.truncate(before + len);
        true
    } else {
        out.truncate(before);
        false
    }
}

/// Appends the padded text of some bytes.
pub(crate) fn encode_into(out: &mut Vec<u8>, bytes: &[u8]) {
    let before = out.len();
    out.resize(before + encoded_len(bytes.len()), 0);
    let written = ENGINE.encode_slice(bytes, &mut out[before..]).unwrap_or(0);
    out.truncate(before + written);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_alphabet_is_the_standard_one() {
        for b in 0..=255_u8 {
            let known = b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
            assert_eq!(is_digit(b), known, "{b}");
        }
    }

    #[test]
    fn padding_stands_only_at_the_end_and_fills_up_to_four() {
        for good in ["", "QUI=", "QUI", "QQ==", "QQ", "QUJD", "QUJDRA=="] {
            assert!(is_sound(good), "{good}");
        }
        for bad in [
            "Q", "Q=", "Q===", "QUI==", "QU=I", "====", "QUJ-", "QUJ_", "QU JD", "QUJDé",
        ] {
            assert!(!is_sound(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_sound_decodes_and_its_length_was_known(text in "[A-Za-z0-9+/]{0,200}={0,2}") {
            let mut out = b"x".to_vec();
            if is_sound(&text) {
                prop_assert!(decode_into(&mut out, &text));
                prop_assert_eq!(out.len() - 1, decoded_len(&text));
            }
        }

        #[test]
        fn bytes_survive_the_round_trip(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut text = Vec::new();
            encode_into(&mut text, &bytes);
            let text = String::from_utf8(text).unwrap();
            prop_assert!(is_sound(&text));
            let mut back = Vec::new();
            prop_assert!(decode_into(&mut back, &text));
            prop_assert_eq!(back, bytes);
        }
    }
}
