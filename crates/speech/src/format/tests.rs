use proptest::prelude::*;

use super::*;

fn wav(tag: u16, channels: u16, rate: u32, bits: u16, data_size: u32, data: &[u8]) -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
    let align = channels * bits / 8;
    file.extend(tag.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(align)).to_le_bytes());
    file.extend(align.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend(data_size.to_le_bytes());
    file.extend(data);
    file
}

fn pcm(values: &[i16]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn decoder(format: AudioFormat) -> ChunkDecoder {
    ChunkDecoder::new(format, Encoding::Raw, 16_000).unwrap()
}

fn decoded(format: AudioFormat, chunks: &[&[u8]]) -> Result<Vec<f32>, AudioError> {
    let mut decoder = decoder(format);
    let mut out = Vec::new();
    for chunk in chunks {
        decoder.decode(chunk, &mut out)?;
    }
    Ok(out)
}

#[test]
fn pcm_is_little_endian_and_scaled_to_one() {
    let samples = decoded(AudioFormat::Pcm16, &[&pcm(&[0, 16_384, -32_768])]).unwrap();
    assert_eq!(samples, [0.0, 0.5, -1.0]);
}

#[test]
fn half_a_sample_of_pcm_is_bad_audio() {
    assert_eq!(
        decoded(AudioFormat::Pcm16, &[&[1, 2, 3]])
            .unwrap_err()
            .code(),
        "bad_audio"
    );
}

#[test]
fn stereo_wav_is_averaged() {
    let file = wav(1, 2, 16_000, 16, 8, &pcm(&[16_384, 0, -16_384, -16_384]));
    assert_eq!(decoded(AudioFormat::Wav, &[&file]).unwrap(), [0.25, -0.5]);
}

#[test]
fn float_wav_is_clamped_and_cleaned() {
    let data: Vec<u8> = [0.5f32, 7.0, f32::NAN, f32::INFINITY]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let file = wav(3, 1, 16_000, 32, 16, &data);
    assert_eq!(
        decoded(AudioFormat::Wav, &[&file]).unwrap(),
        [0.5, 1.0, 0.0, 0.0]
    );
}

#[test]
fn a_wav_file_in_slices_gives_the_same_samples_as_the_whole() {
    let values: Vec<i16> = (0..500).map(|i| i * 7).collect();
    let mut file = wav(1, 2, 16_000, 16, 2_000, &pcm(&values).repeat(2));
    file.extend(b"LIST\x04\0\0\0tags");
    let whole = decoded(AudioFormat::Wav, &[&file]).unwrap();
    assert_eq!(whole.len(), 500);
    for cut in [44, 45, 46, 47, 301, 999, 2_043] {
        let (a, b) = file.split_at(cut);
        assert_eq!(
            decoded(AudioFormat::Wav, &[a, b]).unwrap(),
            whole,
            "cut at {cut}"
        );
    }
}

#[test]
fn every_chunk_may_be_a_file_and_a_new_header_may_change_the_rate() {
    let mut decoder = decoder(AudioFormat::Wav);
    let mut out = Vec::new();
    decoder
        .decode(&wav(1, 1, 48_000, 16, 4, &pcm(&[1, 2])), &mut out)
        .unwrap();
    assert_eq!((decoder.sample_rate(), out.len()), (48_000, 2));
    decoder
        .decode(&wav(1, 1, 8_000, 16, 4, &pcm(&[1, 2])), &mut out)
        .unwrap();
    assert_eq!((decoder.sample_rate(), out.len()), (8_000, 4));
}

#[test]
fn an_unknown_length_means_until_the_stream_ends() {
    for size in [0, u32::MAX] {
        let file = wav(1, 1, 16_000, 16, size, &pcm(&[1, 2, 3]));
        assert_eq!(
            decoded(AudioFormat::Wav, &[&file, &pcm(&[4])])
                .unwrap()
                .len(),
            4
        );
    }
}

#[test]
fn malformed_wav_gets_its_code_and_the_stream_goes_on() {
    let good = wav(1, 1, 16_000, 16, 4, &pcm(&[1, 2]));
    let mut lying = good.clone();
    lying[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut misaligned = good.clone();
    misaligned[32] = 3;
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("no header", pcm(&[1, 2]), "bad_audio"),
        ("header cut", good[..30].to_vec(), "bad_audio"),
        ("section past the end", lying, "bad_audio"),
        ("frame size contradiction", misaligned, "bad_audio"),
        (
            "8 bit",
            wav(1, 1, 16_000, 8, 4, &[0; 4]),
            "unsupported_format",
        ),
        (
            "mu-law",
            wav(7, 1, 16_000, 8, 4, &[0; 4]),
            "unsupported_format",
        ),
        (
            "24 bit",
            wav(1, 1, 16_000, 24, 3, &[0; 3]),
            "unsupported_format",
        ),
        (
            "six channels",
            wav(1, 6, 16_000, 16, 12, &[0; 12]),
            "unsupported_format",
        ),
        (
            "no channel",
            wav(1, 0, 16_000, 16, 0, &[]),
            "unsupported_format",
        ),
        (
            "rate",
            wav(1, 1, 7_999, 16, 4, &[0; 4]),
            "unsupported_sample_rate",
        ),
    ];
    for (name, bytes, code) in cases {
        let mut decoder = decoder(AudioFormat::Wav);
        let mut out = Vec::new();
        assert_eq!(
            decoder.decode(&bytes, &mut out).unwrap_err().code(),
            code,
            "{name}"
        );
        assert!(out.is_empty(), "{name}");
        decoder.decode(&good, &mut out).unwrap();
        assert_eq!(out.len(), 2, "{name}");
    }
}

#[test]
fn base64_may_lack_padding_and_may_carry_a_data_url_prefix() {
    let mut out = Vec::new();
    for text in ["AQID", "AQIDBA==", "AQIDBA", "data:audio/wav;base64,AQID"] {
        decode_base64(text.as_bytes(), &mut out).unwrap();
        assert_eq!(out[..3], [1, 2, 3], "{text}");
    }
    for text in ["AQ I", "A", "data:audio/wav,AQID", "data:AQID", "AQ_-"] {
        assert_eq!(
            decode_base64(text.as_bytes(), &mut out).unwrap_err().code(),
            "bad_audio"
        );
    }
}

#[test]
fn only_known_formats_have_a_name() {
    assert_eq!(AudioFormat::from_name("pcm16"), Ok(AudioFormat::Pcm16));
    assert_eq!(AudioFormat::from_name("wav"), Ok(AudioFormat::Wav));
    for name in ["webm", "ogg", "mp3", "WAV", ""] {
        assert_eq!(
            AudioFormat::from_name(name).unwrap_err().code(),
            "unsupported_format"
        );
    }
}

#[test]
fn rates_outside_8_to_48_khz_are_refused() {
    for rate in [0, 7_999, 48_001, u32::MAX] {
        let error = ChunkDecoder::new(AudioFormat::Pcm16, Encoding::Raw, rate).unwrap_err();
        assert_eq!(error.code(), "unsupported_sample_rate");
    }
    assert!(check_sample_rate(8_000).is_ok() && check_sample_rate(48_000).is_ok());
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused_and_never_give_more_samples_than_bytes(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..6),
        headed in any::<bool>(), base64 in any::<bool>(), format in any::<bool>(),
    ) {
        let format = if format { AudioFormat::Wav } else { AudioFormat::Pcm16 };
        let encoding = if base64 { Encoding::Base64 } else { Encoding::Raw };
        let mut decoder = ChunkDecoder::new(format, encoding, 16_000).unwrap();
        let mut out = Vec::new();
        let mut given = 0;
        for mut chunk in chunks {
            if headed && chunk.len() > 12 {
                chunk[..4].copy_from_slice(b"RIFF");
                chunk[8..12].copy_from_slice(b"WAVE");
            }
            given += chunk.len();
            let _ = decoder.decode(&chunk, &mut out);
        }
        prop_assert!(out.len() <= given);
        prop_assert!(out.iter().all(|v| (-1.0..=1.0).contains(v)));
    }
}
