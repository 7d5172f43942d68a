//! A recording as a microphone would give it: small chunks of 16-bit mono at the file's own rate.
//! No clock here; the caller asks for the next chunk when it is time.

use std::path::{Path, PathBuf};

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SoundError {
    /// The file cannot be read as WAV.
    #[error("{path} is not a WAV file that can be read")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: hound::Error,
    },
    /// The rate is not one the server takes.
    #[error("{path} has {rate} samples a second; between 8000 and 48000 are understood")]
    Rate {
        /// Which.
        path: PathBuf,
        /// Its rate.
        rate: u32,
    },
}

/// A recording in memory.
#[derive(Debug)]
pub(super) struct Recording {
    /// Hertz.
    pub rate: u16,
    samples: Vec<i16>,
}

/// Length of a chunk, milliseconds of sound.
pub(super) const CHUNK_MS: u64 = 100;

impl Recording {
    /// Reads a WAV file: 16-, 24- or 32-bit or float, any number of channels (the mean is sent).
    ///
    /// # Errors
    /// When it is no WAV file, or its rate is outside 8 to 48 kHz.
    pub(super) fn open(path: &Path) -> Result<Self, SoundError> {
        let unreadable = |source| SoundError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let mut reader = hound::WavReader::open(path).map_err(unreadable)?;
        let spec = reader.spec();
        let fits = u16::try_from(spec.sample_rate)
            .ok()
            .filter(|r| (8_000..=48_000).contains(r));
        let rate = fits.ok_or_else(|| SoundError::Rate {
            path: path.to_owned(),
            rate: spec.sample_rate,
        })?;
        let wide: Vec<f32> = match spec.sample_format {
            hound::SampleFormat::Float => reader
                .samples::<f32>()
                .collect::<Result<_, _>>()
                .map_err(unreadable)?,
            hound::SampleFormat::Int => {
                let full = f32::powi(2.0, i32::from(spec.bits_per_sample) - 1);
                let read = reader
                    .samples::<i32>()
                    .map(|sample| sample.map(|s| s as f32 / full));
                read.collect::<Result<_, _>>().map_err(unreadable)?
            }
        };
        let channels = usize::from(spec.channels.max(1));
        let mono = wide.chunks(channels).map(|frame| {
            let mean = frame.iter().sum::<f32>() / frame.len() as f32;
            (mean * 32_767.0).clamp(-32_768.0, 32_767.0) as i16
        });
        Ok(Self {
            rate,
            samples: mono.collect(),
        })
    }

    /// How long it is, milliseconds.
    pub(super) fn length_ms(&self) -> u64 {
        self.samples.len() as u64 * 1_000 / u64::from(self.rate)
    }

    /// The chunk that begins at this point, as little-endian bytes; beyond the end it is silence,
    /// as a microphone in a quiet room gives it.
    pub(super) fn chunk(&self, at_ms: u64) -> Vec<u8> {
        let from = (at_ms * u64::from(self.rate) / 1_000) as usize;
        let to = ((at_ms + CHUNK_MS) * u64::from(self.rate) / 1_000) as usize;
        let sample = |index: usize| self.samples.get(index).copied().unwrap_or(0);
        (from..to)
            .flat_map(|index| sample(index).to_le_bytes())
            .collect()
    }
}

/// How loud a chunk is, 0 to 1 on a scale people find even (decibels over the lowest 50).
pub(super) fn level(chunk: &[u8]) -> f32 {
    let samples = chunk
        .chunks_exact(2)
        .filter_map(|pair| pair.try_into().ok());
    let squares: Vec<f32> = samples
        .map(|pair| f32::from(i16::from_le_bytes(pair)) / 32_768.0)
        .map(|s| s * s)
        .collect();
    if squares.is_empty() {
        return 0.0;
    }
    let mean = squares.iter().sum::<f32>() / squares.len() as f32;
    ((10.0 * mean.max(1e-9).log10() + 50.0) / 50.0).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(rate: u32, channels: u16) -> tempfile::TempPath {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for n in 0..rate / 2 {
            for _ in 0..channels {
                writer.write_sample((n % 100) as i16 * 100).unwrap();
            }
        }
        writer.finalize().unwrap();
        path
    }

    #[test]
    fn chunks_cover_the_recording_and_silence_follows() {
        let path = write(16_000, 2);
        let sound = Recording::open(&path).unwrap();
        assert_eq!(sound.length_ms(), 500);
        assert_eq!(sound.chunk(0).len(), 3_200);
        assert!(level(&sound.chunk(0)) > 0.3);
        assert!(level(&sound.chunk(500)) < 0.01);
    }

    #[test]
    fn a_rate_the_server_refuses_is_refused_here() {
        let path = write(96_000, 1);
        assert!(matches!(
            Recording::open(&path),
            Err(SoundError::Rate { rate: 96_000, .. })
        ));
    }
}
