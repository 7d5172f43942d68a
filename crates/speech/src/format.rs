//! Bytes as a client sends them to mono samples: PCM, WAV and base64 around either.
//!
//! Nothing here knows about streams' time or speech. Every length is checked against what is
//! there, because all of it comes from the network.
//!
//! **PCM** (`pcm16`): signed 16-bit little-endian, one channel, whole samples in every chunk.
//!
//! **WAV** (`wav`): 16-bit integer or 32-bit float, one or two channels (two are averaged). A chunk
//! that starts with a RIFF header is read by that header, whose sample rate wins over the declared
//! one; so every chunk may be a small file of its own. A chunk without a header continues the
//! `data` of the one before, as when a file is sent in slices; a sample cut by a slice is put
//! together again. The header itself must lie in one chunk. What follows `data` in the same chunk
//! (tags) is ignored.
//!
//! **Base64**: standard alphabet, padding optional, no white space. A `data:…;base64,` prefix, as
//! browsers make it, is tolerated and its media type ignored.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// Lowest sample rate understood, in hertz.
pub const SAMPLE_RATE_MIN: u32 = 8_000;
/// Highest sample rate understood, in hertz.
pub const SAMPLE_RATE_MAX: u32 = 48_000;

/// A form of audio that can be turned into samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudioFormat {
    /// Signed 16-bit little-endian samples, one channel.
    Pcm16,
    /// RIFF/WAVE files or slices of one.
    Wav,
}

impl AudioFormat {
    /// Reads the name a client declares: `pcm16` or `wav`.
    ///
    /// # Errors
    /// [`AudioError::UnsupportedFormat`] for `webm` and `ogg`, which are known but not decoded,
    /// and for every other name.
    pub fn from_name(name: &str) -> Result<Self, AudioError> {
        match name {
            "pcm16" => Ok(Self::Pcm16),
            "wav" => Ok(Self::Wav),
            "webm" | "ogg" => Err(AudioError::UnsupportedFormat {
                message: format!("{name} audio is passed on but cannot be transcribed"),
            }),
            _ => Err(AudioError::UnsupportedFormat {
                message: "the audio format must be pcm16 or wav".to_owned(),
            }),
        }
    }
}

/// How the bytes of a chunk are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// The audio itself.
    #[default]
    Raw,
    /// Base64 text of it.
    Base64,
}

/// Why bytes could not be turned into samples. The stream stays usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AudioError {
    /// The bytes are not what they were declared to be.
    #[error("{message}")]
    BadAudio {
        /// What is wrong with them.
        message: String,
    },
    /// A form of audio nobody here can decode.
    #[error("{message}")]
    UnsupportedFormat {
        /// What can be decoded instead.
        message: String,
    },
    /// A sample rate out of range.
    #[error("the sample rate must be between 8000 and 48000 Hz, not {rate}")]
    UnsupportedSampleRate {
        /// The rate that was declared.
        rate: u32,
    },
}

impl AudioError {
    /// Stable code: `bad_audio`, `unsupported_format` or `unsupported_sample_rate`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadAudio { .. } => "bad_audio",
            Self::UnsupportedFormat { .. } => "unsupported_format",
            Self::UnsupportedSampleRate { .. } => "unsupported_sample_rate",
        }
    }

    fn bad(message: &str) -> Self {
        Self::BadAudio {
            message: message.to_owned(),
        }
    }

    fn unsupported(message: &str) -> Self {
        Self::UnsupportedFormat {
            message: message.to_owned(),
        }
    }
}

/// Checks a declared sample rate, in hertz.
///
/// # Errors
/// [`AudioError::UnsupportedSampleRate`] outside 8–48 kHz.
pub fn check_sample_rate(rate: u32) -> Result<u32, AudioError> {
    if (SAMPLE_RATE_MIN..=SAMPLE_RATE_MAX).contains(&rate) {
        Ok(rate)
    } else {
        Err(AudioError::UnsupportedSampleRate { rate })
    }
}

/// Decodes base64 text into `out`, which is cleared first.
///
/// # Errors
/// [`AudioError::BadAudio`] when the text is not base64.
pub fn decode_base64(text: &[u8], out: &mut Vec<u8>) -> Result<(), AudioError> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    const PREFIX_MAX: usize = 128;
    let mut body = text;
    if text.starts_with(b"data:") {
        let comma = text.iter().take(PREFIX_MAX).position(|&b| b == b',');
        let (head, rest) = comma
            .map(|at| (&text[..at], &text[at + 1..]))
            .ok_or_else(|| AudioError::bad("the data URL has no comma"))?;
        if !head.ends_with(b";base64") {
            return Err(AudioError::bad("the data URL is not base64"));
        }
        body = rest;
    }
    out.clear();
    ENGINE
        .decode_vec(body, out)
        .map_err(|_| AudioError::bad("the audio is not valid base64"))
}

/// Turns the chunks of one stream into mono samples at the stream's own rate.
#[derive(Debug)]
pub struct ChunkDecoder {
    format: AudioFormat,
    encoding: Encoding,
    sample_rate: u32,
    unwrapped: Vec<u8>,
    wav: Option<Wav>,
}

/// An open WAV `data` section.
#[derive(Debug, Clone)]
struct Wav {
    float: bool,
    channels: usize,
    /// Bytes of a frame cut by the end of a chunk.
    cut: Vec<u8>,
    /// Bytes of `data` still to come, where the header said so.
    left: Option<u64>,
}

impl Wav {
    fn frame_bytes(&self) -> usize {
        self.channels * if self.float { 4 } else { 2 }
    }
}

impl ChunkDecoder {
    /// A decoder for one stream with the declared rate in hertz.
    ///
    /// # Errors
    /// [`AudioError::UnsupportedSampleRate`] outside 8–48 kHz.
    pub fn new(
        format: AudioFormat,
        encoding: Encoding,
        sample_rate: u32,
    ) -> Result<Self, AudioError> {
        let sample_rate = check_sample_rate(sample_rate)?;
        Ok(Self {
            format,
            encoding,
            sample_rate,
            unwrapped: Vec::new(),
            wav: None,
        })
    }

    /// Rate of the samples the last chunk gave, in hertz. A WAV header may change it.
    #[must_use]
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// What follows has this rate in hertz, unless a WAV header says otherwise. One outside 8–48 kHz
    /// changes nothing.
    pub fn declare(&mut self, sample_rate: u32) {
        if self.format != AudioFormat::Wav && check_sample_rate(sample_rate).is_ok() {
            self.sample_rate = sample_rate;
        }
    }

    /// Bytes one sample instant takes before base64: 2 unless a WAV header says otherwise.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        self.wav.as_ref().map_or(2, Wav::frame_bytes)
    }

    /// Appends the samples of one chunk, -1 to 1, to `out`.
    ///
    /// # Errors
    /// [`AudioError`]; nothing is appended then and the next chunk may be good again.
    pub fn decode(&mut self, chunk: &[u8], out: &mut Vec<f32>) -> Result<(), AudioError> {
        if self.encoding == Encoding::Raw {
            return self.decode_bytes(chunk, out);
        }
        let mut bytes = std::mem::take(&mut self.unwrapped);
        let result = decode_base64(chunk, &mut bytes).and_then(|()| self.decode_bytes(&bytes, out));
        self.unwrapped = bytes;
        result
    }

    fn decode_bytes(&mut self, bytes: &[u8], out: &mut Vec<f32>) -> Result<(), AudioError> {
        match self.format {
            AudioFormat::Pcm16 if bytes.len().is_multiple_of(2) => {
                append_i16(bytes, 1, out);
                Ok(())
            }
            AudioFormat::Pcm16 => Err(AudioError::bad(
                "a pcm16 chunk must hold whole 16-bit samples",
            )),
            AudioFormat::Wav => self.decode_wav(bytes, out),
        }
    }

    fn decode_wav(&mut self, bytes: &[u8], out: &mut Vec<f32>) -> Result<(), AudioError> {
        let body = if bytes.len() >= 12 && &bytes[..4] == b"RIFF" && &bytes[8..12] == b"WAVE" {
            let header = parse_header(bytes)?;
            self.sample_rate = header.sample_rate;
            self.wav = Some(header.wav);
            &bytes[header.data_at..]
        } else {
            bytes
        };
        let wav = self
            .wav
            .as_mut()
            .ok_or_else(|| AudioError::bad("a wav stream starts with a header"))?;
        let body = match wav.left {
            Some(left) if left <= body.len() as u64 => {
                wav.left = None;
                &body[..usize::try_from(left).unwrap_or(body.len())]
            }
            Some(ref mut left) => {
                *left -= body.len() as u64;
                body
            }
            None => body,
        };
        append_frames(wav, body, out);
        Ok(())
    }
}

/// Appends whole frames and keeps the cut one for the next chunk.
fn append_frames(wav: &mut Wav, body: &[u8], out: &mut Vec<f32>) {
    let size = wav.frame_bytes();
    let convert = |bytes: &[u8], out: &mut Vec<f32>| {
        if wav.float {
            append_f32(bytes, wav.channels, out)
        } else {
            append_i16(bytes, wav.channels, out)
        }
    };
    let mut body = body;
    if !wav.cut.is_empty() {
        let (head, rest) = body.split_at((size - wav.cut.len()).min(body.len()));
        wav.cut.extend_from_slice(head);
        body = rest;
        if wav.cut.len() < size {
            return;
        }
        convert(&wav.cut, out);
    }
    let whole = body.len() / size * size;
    convert(&body[..whole], out);
    wav.cut = body[whole..].to_vec();
}

fn append_i16(bytes: &[u8], channels: usize, out: &mut Vec<f32>) {
    let value = |b: &[u8]| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0;
    out.extend(
        bytes
            .chunks_exact(2 * channels)
            .map(|frame| frame.chunks_exact(2).map(value).sum::<f32>() / channels as f32),
    );
}

fn append_f32(bytes: &[u8], channels: usize, out: &mut Vec<f32>) {
    let value = |b: &[u8]| {
        let value = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        if value.is_finite() {
            value.clamp(-1.0, 1.0)
        } else {
            0.0
        }
    };
    out.extend(
        bytes
            .chunks_exact(4 * channels)
            .map(|frame| frame.chunks_exact(4).map(value).sum::<f32>() / channels as f32),
    );
}

struct Header {
    sample_rate: u32,
    wav: Wav,
    data_at: usize,
}

fn parse_header(bytes: &[u8]) -> Result<Header, AudioError> {
    let mut at = 12usize;
    let mut format: Option<(u32, Wav)> = None;
    loop {
        let head = bytes
            .get(at..at + 8)
            .ok_or_else(|| AudioError::bad("the wav header ends before its data"))?;
        let size = u32_at(head, 4) as usize;
        at += 8;
        if &head[..4] == b"data" {
            let (sample_rate, mut wav) = format
                .ok_or_else(|| AudioError::bad("the wav header has no format before data"))?;
            // Writers that stream do not know the length yet: 0 or a huge number.
            wav.left = (size != 0 && size < 0x7fff_0000).then_some(size as u64);
            return Ok(Header {
                sample_rate,
                wav,
                data_at: at,
            });
        }
        let body = at
            .checked_add(size)
            .and_then(|end| bytes.get(at..end))
            .ok_or_else(|| AudioError::bad("a wav header section runs past its end"))?;
        if &head[..4] == b"fmt " {
            format = Some(parse_format(body)?);
        }
        at += size + size % 2;
    }
}

fn parse_format(body: &[u8]) -> Result<(u32, Wav), AudioError> {
    if body.len() < 16 {
        return Err(AudioError::bad("the wav format section is too short"));
    }
    let mut tag = u16_at(body, 0);
    if tag == 0xfffe && body.len() >= 26 {
        tag = u16_at(body, 24);
    }
    let channels = usize::from(u16_at(body, 2));
    let sample_rate = check_sample_rate(u32_at(body, 4))?;
    let float = match (tag, u16_at(body, 14)) {
        (1, 16) => false,
        (3, 32) => true,
        _ => {
            return Err(AudioError::unsupported(
                "wav audio must be 16-bit integer or 32-bit float",
            ));
        }
    };
    if !(1..=2).contains(&channels) {
        return Err(AudioError::unsupported(
            "wav audio must have one or two channels",
        ));
    }
    let wav = Wav {
        float,
        channels,
        cut: Vec::new(),
        left: None,
    };
    if usize::from(u16_at(body, 12)) != wav.frame_bytes() {
        return Err(AudioError::bad(
            "the wav header contradicts itself about the frame size",
        ));
    }
    Ok((sample_rate, wav))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Decodes a whole recording to mono samples at 16 kHz.
///
/// # Errors
/// As [`ChunkDecoder::decode`].
pub fn decode_recording(
    format: AudioFormat,
    encoding: Encoding,
    sample_rate: u32,
    bytes: &[u8],
) -> Result<Vec<f32>, AudioError> {
    let mut decoder = ChunkDecoder::new(format, encoding, sample_rate)?;
    let mut samples = Vec::new();
    decoder.decode(bytes, &mut samples)?;
    let mut resampler = crate::resample::Resampler::new(decoder.sample_rate())?;
    let mut out = Vec::new();
    resampler.push(&samples, &mut out);
    resampler.finish(&mut out);
    Ok(out)
}
