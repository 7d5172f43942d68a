//! Speech through the socket: how many words come back right, and how long
//! people wait for captions while several speak at once. Each stream is a
//! candidate in a session of its own who sends the reference recording in real
//! time, 20 ms a chunk. The end of a voice is judged by energy, independently
//! of the detector under test.

use crate::fleet::Dialect;
use crate::judge::Sheet;
use crate::limits::Speech as Limits;
use crate::target::{Role, Target};
use anyhow::{Context, Result, bail, ensure};
use protocol::audio::{Direction, Format, Header};
use protocol::ws::{self, Opcode, client};
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CHUNK_MS: u64 = 20;
const RATE: u16 = 16_000;
/// How long after the recording the last final may take.
const LINGER: Duration = Duration::from_secs(6);
/// A pause that ends a stretch of voice, as the server's detector has it.
const PAUSE_MS: u64 = 500;
/// Streams begin this far apart, so that they do not pause together.
const STAGGER_MS: u64 = 1_700;

/// A recording at 16 kHz, 16-bit, mono, with its words.
pub struct Reference {
    /// Little-endian samples.
    samples: Vec<i16>,
    /// Where voice ends, ms, by energy.
    voice_ends: Vec<u64>,
    words: &'static str,
}

/// The words of the Two Cities recording.
const TWO_CITIES: &str = include_str!("../../crates/speech/testdata/two_cities.txt");

impl Reference {
    /// The recording in the folder of the speech model.
    ///
    /// # Errors
    /// When it is not there (`make setup` fetches it) or not WAV.
    pub fn open(models: &Path) -> Result<Reference> {
        let path = models.join("recordings/two_cities.wav");
        let bytes = std::fs::read(&path)
            .with_context(|| format!("{}: `make setup` fetches it", path.display()))?;
        use speech::format::{AudioFormat, Encoding, decode_recording};
        let wide = decode_recording(AudioFormat::Wav, Encoding::Raw, RATE.into(), &bytes)
            .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        Ok(Reference {
            voice_ends: voice_ends(&wide),
            samples: wide.iter().map(|s| (s * 32_767.0) as i16).collect(),
            words: TWO_CITIES,
        })
    }

    fn length_ms(&self) -> u64 {
        self.samples.len() as u64 * 1_000 / u64::from(RATE)
    }

    fn chunk(&self, at_ms: u64) -> Vec<u8> {
        let from = (at_ms * u64::from(RATE) / 1_000) as usize;
        let count = (CHUNK_MS * u64::from(RATE) / 1_000) as usize;
        let sample = |index: usize| self.samples.get(index).copied().unwrap_or(0);
        (from..from + count)
            .flat_map(|index| sample(index).to_le_bytes())
            .collect()
    }
}

/// Ends of spoken stretches: where 20 ms frames stay 16 dB below loud speech
/// for as long as the server's own pause.
fn voice_ends(samples: &[f32]) -> Vec<u64> {
    let levels: Vec<f32> = samples
        .chunks(320)
        .map(|frame| (frame.iter().map(|s| s * s).sum::<f32>() / frame.len() as f32).sqrt())
        .collect();
    let mut sorted = levels.clone();
    sorted.sort_by(f32::total_cmp);
    let loud = sorted.get(sorted.len() * 9 / 10).copied().unwrap_or(0.0);
    let mut ends: Vec<u64> = Vec::new();
    for (index, level) in levels.iter().enumerate() {
        if *level <= loud * 0.16 {
            continue;
        }
        let (from, to) = (index as u64 * 20, index as u64 * 20 + 20);
        match ends.last_mut() {
            Some(last) if from.saturating_sub(*last) < PAUSE_MS => *last = to,
            _ => ends.push(to),
        }
    }
    ends
}

/// What one stream came to.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// All finals, in order.
    pub text: String,
    /// From the end of a voice to its final, seconds.
    pub finals: Vec<f64>,
    /// From the beginning of a voice to its first partial, seconds.
    pub firsts: Vec<f64>,
    /// Anything the server called an error.
    pub errors: Vec<String>,
}

/// What the run came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// One for each stream.
    pub streams: Vec<Heard>,
    /// The server's median decode, seconds.
    pub median_decode: f64,
    /// The machine's load at the end.
    pub load: String,
}

/// Lets `streams` candidates speak at once.
///
/// # Errors
/// When the server does not start, or a connection breaks.
pub fn measure(target: &Target, reference: &Arc<Reference>, streams: u32) -> Result<Outcome> {
    let Dialect::Plain(identity) = &target.dialect else {
        bail!("speech is measured on the server");
    };
    let begin = Instant::now() + Duration::from_millis(500);
    let talks: Vec<_> = (0..streams)
        .map(|room| {
            let token = identity.token(room, 0, Role::Candidate)?;
            let session = identity.session(room);
            let (address, reference) = (target.address, Arc::clone(reference));
            let begin = begin + Duration::from_millis(STAGGER_MS * u64::from(room));
            Ok(std::thread::spawn(move || {
                Talk::open(address, &token, &session)?.speak(&reference, begin)
            }))
        })
        .collect::<Result<_>>()?;
    let mut heard = Vec::new();
    for talk in talks {
        match talk.join() {
            Ok(result) => heard.push(result?),
            Err(_) => bail!("a stream's thread panicked"),
        }
    }
    let metrics = target.get("/metrics")?;
    Ok(Outcome {
        streams: heard,
        median_decode: gauge(&metrics, MEDIAN)
            .with_context(|| format!("/metrics has no {MEDIAN}"))?,
        load: crate::sys::load(),
    })
}

/// The server's own figure over its last decodes.
const MEDIAN: &str = "greenroom_speech_decode_recent_seconds{quantile=\"0.5\"}";

fn gauge(metrics: &str, name: &str) -> Option<f64> {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().parse().ok()
}

/// Puts the figures on the sheet.
pub fn judge(sheet: &mut Sheet, limits: Limits, reference: &Reference, outcome: &Outcome) {
    let mut worst = 0.0_f64;
    let (mut finals, mut firsts) = (Vec::new(), Vec::new());
    for (index, heard) in outcome.streams.iter().enumerate() {
        let errors = speech::wer::score(reference.words, &heard.text);
        worst = worst.max(errors.rate());
        for error in &heard.errors {
            sheet.fault(format!("stream {index}: {error}"));
        }
        finals.extend(&heard.finals);
        firsts.extend(&heard.firsts);
    }
    sheet.at_most(
        "words wrong, worst stream",
        worst,
        limits.word_error_rate,
        "",
    );
    sheet.note("streams", outcome.streams.len().to_string());
    sheet.note("median decode", format!("{:.3} s", outcome.median_decode));
    sheet.note("load", outcome.load.clone());
    sheet.note(
        "finals, first partials",
        format!("{}, {}", finals.len(), firsts.len()),
    );
    sheet.note(
        "final after voice, p50",
        format!("{:.3} s", percentile(&mut finals, 0.5)),
    );
    sheet.note(
        "first partial, p50",
        format!("{:.3} s", percentile(&mut firsts, 0.5)),
    );
    let decodes = limits.decode_factor * outcome.median_decode;
    let final_limit = (limits.final_wait_ms as f64) / 1_000.0 + decodes;
    let partial_limit = (limits.partial_wait_ms as f64) / 1_000.0 + decodes;
    sheet.at_most(
        "final after voice, p95",
        percentile(&mut finals, 0.95),
        final_limit,
        "s",
    );
    sheet.at_most(
        "first partial, p95",
        percentile(&mut firsts, 0.95),
        partial_limit,
        "s",
    );
}

fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = (values.len().saturating_sub(1) as f64 * share).round() as usize;
    values.get(index).copied().unwrap_or(f64::NAN)
}

/// One candidate's connection. Blocking, with short waits: eight of them cost
/// nothing beside what they measure.
struct Talk {
    socket: TcpStream,
    frames: ws::Ws,
    begin: Instant,
    heard: Heard,
    voice_ends: Vec<u64>,
    last_utterance: Option<u64>,
    events: Vec<Value>,
}

impl Talk {
    fn open(address: SocketAddr, token: &str, session: &str) -> Result<Talk> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        let key = *b"greenroom-speech";
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str())];
        let request = client::request(&address.to_string(), "/ws", key, &headers);
        socket.write_all(request.as_bytes())?;
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            socket.read_exact(&mut byte)?;
            head.push(byte[0]);
            ensure!(
                head.len() < 16_384,
                "the answer to the handshake has no end"
            );
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        ensure!(
            text.starts_with("HTTP/1.1 101"),
            "handshake refused: {text}"
        );
        socket.set_read_timeout(Some(Duration::from_millis(2)))?;
        let limits = ws::Limits {
            frame_bytes_max: 1 << 20,
            message_bytes_max: 1 << 20,
            fragments_max: 16,
            unfinished_ms_max: 10_000,
        };
        let mut talk = Talk {
            socket,
            frames: ws::Ws::for_client(limits),
            begin: Instant::now(),
            heard: Heard::default(),
            voice_ends: Vec::new(),
            last_utterance: None,
            events: Vec::new(),
        };
        talk.ask(
            &format!(r#"{{"type":"session:join","ref":"join","sessionId":"{session}"}}"#),
            "join",
        )?;
        let start = r#"{"type":"interview:start","ref":"start","questions":[{"text":"Read to us.","limitSeconds":300}]}"#;
        talk.ask(start, "start")?;
        Ok(talk)
    }

    fn send(&mut self, opcode: Opcode, payload: &[u8]) -> Result<()> {
        let frame = client::frame(opcode, payload, [7, 11, 13, 17]);
        self.socket
            .write_all(&frame)
            .context("the connection broke")
    }

    fn ask(&mut self, request: &str, reference: &str) -> Result<()> {
        self.send(Opcode::Text, request.as_bytes())?;
        let limit = Instant::now() + Duration::from_secs(10);
        while Instant::now() < limit {
            self.read()?;
            for event in std::mem::take(&mut self.events) {
                if event.get("ref").and_then(Value::as_str) == Some(reference) {
                    ensure!(
                        event.get("type").and_then(Value::as_str) == Some("ok"),
                        "refused: {event}"
                    );
                    return Ok(());
                }
            }
        }
        bail!("no answer to {reference}")
    }

    fn speak(mut self, reference: &Reference, begin: Instant) -> Result<Heard> {
        std::thread::sleep(begin.saturating_duration_since(Instant::now()));
        self.begin = Instant::now();
        self.voice_ends.clone_from(&reference.voice_ends);
        let total_ms = reference.length_ms() + LINGER.as_millis() as u64;
        let mut seq = 0;
        // A chunk is sent when its last sample has been spoken.
        while u64::from(seq) * CHUNK_MS < total_ms {
            let at_ms = u64::from(seq) * CHUNK_MS;
            if self.begin.elapsed() >= Duration::from_millis(at_ms + CHUNK_MS) {
                let header = Header {
                    format: Format::Pcm16,
                    is_last: false,
                    sender: 0,
                    room: 0,
                    sample_rate: RATE,
                    stream: 1,
                    seq,
                    at_ms: at_ms as u32,
                };
                let mut frame = header.encode(Direction::ToServer).to_vec();
                frame.extend_from_slice(&reference.chunk(at_ms));
                self.send(Opcode::Binary, &frame)?;
                seq += 1;
            }
            self.read()?;
            self.note();
        }
        self.send(Opcode::Text, br#"{"type":"end_interview"}"#)?;
        Ok(self.heard)
    }

    /// Takes in what came, waiting 2 ms at most.
    fn read(&mut self) -> Result<()> {
        let mut buffer = [0; 16_384];
        let read = match self.socket.read(&mut buffer) {
            Ok(0) => bail!("the server closed the connection"),
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let now_ms = self.begin.elapsed().as_millis() as u64;
        let (events, mut pings, mut closed) = (&mut self.events, Vec::new(), false);
        let bytes = buffer.get_mut(..read).unwrap_or_default();
        let received = self.frames.receive(now_ms, bytes, &mut |frame| {
            match frame {
                ws::WsIn::Packet(ws::Packet::Text(text)) => {
                    events.extend(serde_json::from_str(text).ok())
                }
                ws::WsIn::Ping(payload) => pings.push(payload.to_vec()),
                ws::WsIn::Close { .. } => closed = true,
                ws::WsIn::Packet(ws::Packet::Binary(_)) | ws::WsIn::Pong => {}
            }
            ws::Flow::Continue
        });
        ensure!(
            received.is_ok() && !closed,
            "the server closed the connection"
        );
        for ping in pings {
            self.send(Opcode::Pong, &ping)?;
        }
        Ok(())
    }

    fn note(&mut self) {
        let now = self.begin.elapsed().as_secs_f64();
        for event in std::mem::take(&mut self.events) {
            let kind = event
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let number = |key: &str| event.get(key).and_then(Value::as_u64).unwrap_or_default();
            match kind {
                "transcription:result" if event.get("isFinal") == Some(&Value::Bool(true)) => {
                    let text = event
                        .get("text")
                        .and_then(Value::as_str)
                        .unwrap_or_default();
                    self.heard.text.push_str(text);
                    self.heard.text.push(' ');
                    // The final's own end may lie a little after the voice's, never far from it.
                    let end = number("endMs");
                    let voice = self
                        .voice_ends
                        .iter()
                        .find(|voice| voice.abs_diff(end) < 400);
                    let wait = voice.map(|voice| now - *voice as f64 / 1_000.0);
                    self.heard.finals.extend(wait);
                }
                "transcription:result" => {
                    let utterance = number("utterance");
                    if self.last_utterance.is_none_or(|last| last < utterance) {
                        self.last_utterance = Some(utterance);
                        self.heard
                            .firsts
                            .push(now - number("startMs") as f64 / 1_000.0);
                    }
                }
                "session:joined" | "session:degraded" => {}
                error if error.ends_with("error") => self.heard.errors.push(event.to_string()),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_ends_where_a_long_pause_begins() {
        let tone = |ms: u64| (0..ms * 16).map(|n| (n as f32 * 0.2).sin() * 0.5);
        let quiet = |ms: u64| std::iter::repeat_n(0.0_f32, (ms * 16) as usize);
        let sound: Vec<f32> = tone(1_000)
            .chain(quiet(300))
            .chain(tone(400))
            .chain(quiet(600))
            .chain(tone(200))
            .collect();
        assert_eq!(voice_ends(&sound), [1_700, 2_500]);
    }

    #[test]
    fn a_gauge_with_a_label_is_found() {
        let text = "x 1\ngreenroom_speech_decode_recent_seconds{quantile=\"0.5\"} 0.031\n";
        assert_eq!(gauge(text, MEDIAN), Some(0.031));
    }
}
