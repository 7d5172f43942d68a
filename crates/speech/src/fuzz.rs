//! The body of the fuzz target: an ordinary function over any bytes that panics when a promise
//! breaks. Compiled for tests, which replay the committed corpus, and with the feature `fuzzing`.

use crate::format::{AudioFormat, ChunkDecoder, Encoding};

/// Audio as it comes: one byte of switches (bit 0: wav, else pcm16; bit 1: base64), one that says
/// where the rest is cut in two chunks. Samples are within -1 to 1 and no more than there are bytes
/// for; a refused chunk adds nothing; a file in two chunks says what the whole says.
pub fn wav(data: &[u8]) {
    let Some((&[switches, cut], bytes)) = data.split_first_chunk() else {
        return;
    };
    let format = if switches & 1 == 0 {
        AudioFormat::Pcm16
    } else {
        AudioFormat::Wav
    };
    let encoding = if switches & 2 == 0 {
        Encoding::Raw
    } else {
        Encoding::Base64
    };
    let Ok(mut decoder) = ChunkDecoder::new(format, encoding, 16_000) else {
        return;
    };
    let whole = decoded(&mut decoder, bytes);
    if encoding == Encoding::Base64 {
        return;
    }
    let Ok(mut decoder) = ChunkDecoder::new(format, encoding, 16_000) else {
        return;
    };
    let (first, second) = bytes.split_at(usize::from(cut).min(bytes.len()));
    let mut pieces = decoded(&mut decoder, first).unwrap_or_default();
    let goes_on = !second.starts_with(b"RIFF");
    if let (Some(more), Some(whole)) = (decoded(&mut decoder, second), whole)
        && goes_on
        && !pieces.is_empty()
    {
        pieces.extend(more);
        // What follows the data in the same chunk is ignored; alone it counts as more of it.
        assert!(pieces.starts_with(&whole), "cut at {cut}");
    }
}

/// The samples of a chunk; none if it is refused.
fn decoded(decoder: &mut ChunkDecoder, bytes: &[u8]) -> Option<Vec<f32>> {
    let mut out = vec![0.5];
    let result = decoder.decode(bytes, &mut out);
    assert!(out.len() <= 2 + bytes.len() / 2, "{} samples", out.len());
    assert!(out.iter().all(|sample| (-1.0..=1.0).contains(sample)));
    if result.is_err() {
        assert_eq!(out, [0.5], "a refused chunk adds nothing");
        return None;
    }
    Some(out.split_off(1))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_corpus_of_audio_files_holds() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/wav");
        let mut count = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            for end in 0..bytes.len() {
                super::wav(&bytes[..end]);
            }
            super::wav(&bytes);
            count += 1;
        }
        assert!(count >= 8, "the corpus is missing");
    }
}
