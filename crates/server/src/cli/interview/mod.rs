//! `greenroom interview`: a real participant. It joins with a token, streams one recording for
//! each question in real time (or faster), shows question, clock and captions, says when it is
//! done, and prints the report's summary and address. It uses nothing but the public wire and API.
//!
//! No rule of a session lives here: the server asks, closes and ends.

mod screen;
mod sound;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use futures_util::{SinkExt, StreamExt};
use protocol::audio::{Direction, Format, Header};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use self::screen::{Mode, Now, Screen};
use self::sound::{CHUNK_MS, Recording, level};

/// Take part in an interview with recordings instead of a microphone.
#[derive(Debug, Args)]
pub struct InterviewArgs {
    /// Address of the server, as in a browser.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// The candidate's token (`greenroom token` makes one).
    #[arg(long, env = "GREENROOM_TOKEN", hide_env_values = true)]
    pub token: String,
    /// Which plan to run.
    #[arg(long, default_value = "practice")]
    pub plan: String,
    /// Which session to join; a new one where the server lets a join create it.
    #[arg(long)]
    pub session: Option<String>,
    /// A WAV recording; the first answers the first question, and so on.
    #[arg(long = "audio", required = true)]
    pub audio: Vec<PathBuf>,
    /// How many times faster than real time to speak. The server's audio limit bounds it.
    #[arg(long, default_value_t = 1.0)]
    pub speed: f64,
    /// Agree to what the plan asks for before anything is heard.
    #[arg(long)]
    pub agree: bool,
    /// One JSON object a line, for programs.
    #[arg(long)]
    pub json: bool,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The server must answer a request, a connect or a close within this.
const ANSWER: Duration = Duration::from_secs(15);
/// After the recording: how long to listen for the last words, and for what the coach has to say
/// after them, before saying "done".
const SETTLE: Duration = Duration::from_millis(4_000);

/// Runs the interview to its end.
///
/// # Errors
/// When the server cannot be reached, refuses, or goes away before the interview ended.
pub async fn run(args: InterviewArgs) -> anyhow::Result<()> {
    let recordings: Vec<Recording> = args
        .audio
        .iter()
        .map(|path| Recording::open(path))
        .collect::<Result<_, _>>()?;
    if !(0.1..=100.0).contains(&args.speed) {
        bail!("--speed must be between 0.1 and 100");
    }
    let screen = Screen::stdout(args.json);
    let socket = connect(&args).await?;
    let mut talk = Talk::new(args, recordings, socket, screen);
    talk.run().await?;
    let Talk {
        args,
        mut screen,
        session,
        report,
        ..
    } = talk;
    tokio::task::spawn_blocking(move || {
        show_report(&args, &mut screen, &session, report.as_deref())
    })
    .await?
}

async fn connect(args: &InterviewArgs) -> anyhow::Result<Socket> {
    let base = args.url.trim_end_matches('/');
    let address = match base.split_once("://") {
        Some(("http", rest)) => format!("ws://{rest}/ws"),
        Some(("https", rest)) => format!("wss://{rest}/ws"),
        Some(("ws" | "wss", _)) => format!("{base}/ws"),
        _ => bail!("--url must begin with http:// or https://"),
    };
    let mut request = address
        .as_str()
        .into_client_request()
        .context("--url is no address")?;
    let bearer = format!("Bearer {}", args.token);
    let bearer = bearer
        .parse()
        .context("the token has characters no token has")?;
    request.headers_mut().insert("authorization", bearer);
    let connecting = tokio_tungstenite::connect_async(request);
    let connected = tokio::time::timeout(ANSWER, connecting).await;
    let (socket, _) = connected
        .with_context(|| format!("no answer from {base} within {} s", ANSWER.as_secs()))?
        .with_context(|| format!("cannot connect to {base}; does the server run?"))?;
    Ok(socket)
}

/// What is being said right now.
struct Speaking {
    /// Which recording; none: there are fewer recordings than questions, so it is passed over.
    recording: Option<usize>,
    began: Instant,
    /// How much was sent, milliseconds of sound.
    sent_ms: u64,
    /// When the last new words came.
    heard: Instant,
    /// `answer:done` is out.
    done: bool,
}

struct Talk<W: std::io::Write> {
    args: InterviewArgs,
    recordings: Vec<Recording>,
    socket: Socket,
    screen: Screen<W>,
    session: String,
    room: u16,
    speed: f64,
    limit: f64,
    now: Now,
    deadline: Option<Instant>,
    speaking: Option<Speaking>,
    /// Chunks sent of the one stream, and where the stream is, milliseconds.
    chunks: u32,
    stream_ms: u64,
    refs: u64,
    awaited: VecDeque<(u64, &'static str, Instant)>,
    report: Option<String>,
    /// The plan asked for consent.
    asked_consent: bool,
    ended: bool,
}

impl<W: std::io::Write> Talk<W> {
    fn new(
        args: InterviewArgs,
        recordings: Vec<Recording>,
        socket: Socket,
        screen: Screen<W>,
    ) -> Self {
        let session = args.session.clone().unwrap_or_else(new_session_id);
        Self {
            speed: args.speed,
            args,
            recordings,
            socket,
            screen,
            session,
            room: 0,
            limit: f64::INFINITY,
            now: Now::default(),
            deadline: None,
            speaking: None,
            chunks: 0,
            stream_ms: 0,
            refs: 0,
            awaited: VecDeque::new(),
            report: None,
            asked_consent: false,
            ended: false,
        }
    }

    async fn run(&mut self) -> anyhow::Result<()> {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut drawn = Instant::now();
        let mut ending = false;
        let greeted = Instant::now();
        while !self.ended {
            tokio::select! {
                message = self.socket.next() => self.receive(message).await?,
                _ = tick.tick() => {
                    self.speak().await?;
                    if drawn.elapsed() > Duration::from_millis(100) && self.speaking.is_some() {
                        drawn = Instant::now();
                        let left = self.deadline.map(|at| at.saturating_duration_since(drawn));
                        self.now.left_s = left.and_then(|left| i64::try_from(left.as_secs()).ok());
                        self.screen.draw(&self.now)?;
                    }
                    let late = self.awaited.front().filter(|(_, _, at)| at.elapsed() > ANSWER);
                    if let Some((_, what, _)) = late {
                        bail!("the server did not answer {what} within {} s", ANSWER.as_secs());
                    }
                    if self.room == 0 && self.refs == 0 && greeted.elapsed() > ANSWER {
                        bail!("the server took the connection but said nothing");
                    }
                }
                pressed = tokio::signal::ctrl_c(), if !ending => {
                    pressed.context("cannot listen for Ctrl-C")?;
                    ending = true;
                    self.screen.line("Ending the interview …")?;
                    self.ask("end_interview", json!({})).await?;
                }
            }
        }
        Ok(())
    }

    async fn ask(&mut self, kind: &'static str, mut fields: Value) -> anyhow::Result<()> {
        self.refs += 1;
        let object = fields.as_object_mut().context("a request is an object")?;
        object.insert("type".into(), kind.into());
        object.insert("ref".into(), self.refs.into());
        object.insert("sessionId".into(), self.session.clone().into());
        self.awaited.push_back((self.refs, kind, Instant::now()));
        self.socket
            .send(Message::text(fields.to_string()))
            .await
            .context("the connection broke")
    }

    async fn receive(
        &mut self,
        message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    ) -> anyhow::Result<()> {
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(frame))) => {
                let why = frame.map_or("no reason".to_owned(), |frame| {
                    format!("{} {}", u16::from(frame.code), frame.reason)
                });
                bail!("the server closed the connection before the interview ended: {why}");
            }
            Some(Ok(_)) => return Ok(()),
            Some(Err(error)) => return Err(error).context("the connection broke"),
            None => bail!("the connection was lost before the interview ended"),
        };
        let event: Value = serde_json::from_str(&text).context("the server sent no JSON")?;
        self.screen.json(&text)?;
        let kind = event
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        match kind.as_str() {
            "connection:success" => self.welcomed(&event).await?,
            "connection:error" => bail!("the server refused: {}", sentence(&event)),
            "session:joined" => self.joined(&event).await?,
            "ok" | "error" => self.answered(&kind, &event)?,
            "question:asked" => self.question(&event)?,
            "question:closed" => self.question_closed(&event)?,
            "transcription:result" => self.caption(&event)?,
            "responses:suggestions" => self.suggested(&event)?,
            "consent:request" => self.consent(&event).await?,
            "consent:given" => {
                let plan = self.args.plan.clone();
                self.ask("interview:start", json!({"planId": plan})).await?;
            }
            "session:expiring" => {
                let what = match text_of(&event, "what") {
                    "question" => "this question",
                    "inactivity" => "waiting for you",
                    _ => "the interview",
                };
                self.screen
                    .line(&format!("(not much time left for {what})"))?;
            }
            "session:degraded" => {
                let on = event.get("on").and_then(Value::as_bool).unwrap_or_default();
                let text = if on {
                    "The records are slow."
                } else {
                    "The records are well again."
                };
                self.screen.line(text)?;
            }
            "audio:error" | "transcription:error" => {
                self.screen.line(&format!("Sound: {}", sentence(&event)))?;
            }
            "session:error" => bail!("the server says: {}", sentence(&event)),
            "interview_ended" => {
                self.speaking = None;
                self.report = Some(text_of(&event, "reportUrl").to_owned());
            }
            "session_ended" => {
                self.ended = true;
                let reason = text_of(&event, "reason").to_owned();
                self.screen
                    .line(&format!("The interview is over ({reason})."))?;
                self.close().await;
            }
            _ => {}
        }
        Ok(())
    }

    async fn welcomed(&mut self, event: &Value) -> anyhow::Result<()> {
        let limit = event
            .pointer("/limits/audioBytesPerSecond")
            .and_then(Value::as_f64);
        self.limit = limit.unwrap_or(f64::INFINITY);
        self.ask("session:join", json!({})).await
    }

    async fn joined(&mut self, event: &Value) -> anyhow::Result<()> {
        let room = event
            .get("room")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        self.room = u16::try_from(room).unwrap_or_default();
        self.screen
            .line(&format!("Joined session {}.", self.session))?;
        match event.get("status").and_then(Value::as_str) {
            Some("scheduled") => {
                let plan = self.args.plan.clone();
                self.ask("interview:start", json!({"planId": plan})).await
            }
            // Somebody else started it; the open question came with the answer.
            _ => match event.get("question") {
                Some(question) if question.is_object() => self.question(question),
                _ => Ok(()),
            },
        }
    }

    fn answered(&mut self, kind: &str, event: &Value) -> anyhow::Result<()> {
        let number = event.get("ref").and_then(Value::as_u64).unwrap_or_default();
        let Some(at) = self
            .awaited
            .iter()
            .position(|(known, _, _)| *known == number)
        else {
            return Ok(());
        };
        let Some((_, what, _)) = self.awaited.remove(at) else {
            return Ok(());
        };
        // The clock may have closed the question in the same moment: that is no failure.
        let late = text_of(event, "code") == "no_open_question"
            || (what == "interview:start" && self.asked_consent);
        if kind == "error" && !late {
            bail!("{what} was refused: {}", sentence(event));
        }
        Ok(())
    }

    fn question(&mut self, event: &Value) -> anyhow::Result<()> {
        let number = |key: &str| event.get(key).and_then(Value::as_i64).unwrap_or_default();
        let index = usize::try_from(number("index")).unwrap_or_default();
        let left = number("deadlineAt")
            - event
                .get("serverNow")
                .map_or_else(now_ms, |_| number("serverNow"));
        let left = Duration::from_millis(u64::try_from(left).unwrap_or_default());
        let now = Instant::now();
        self.deadline = Some(now + left);
        let recording = (index < self.recordings.len()).then_some(index);
        self.now = Now {
            heading: format!("Question {} of {}", index + 1, number("total")),
            question: text_of(event, "text").to_owned(),
            left_s: i64::try_from(left.as_secs()).ok(),
            ..Now::default()
        };
        let heading = format!(
            "{} ({} s): {}",
            self.now.heading,
            left.as_secs(),
            self.now.question
        );
        if self.screen.mode() != Mode::Live {
            self.screen.line(&heading)?;
        }
        self.speed = self.args.speed;
        if let Some(sound) = recording.and_then(|index| self.recordings.get(index)) {
            let bytes_per_second = f64::from(sound.rate) * 2.0 + 200.0;
            let most = self.limit * 0.9 / bytes_per_second;
            if self.speed > most {
                self.speed = most;
                self.screen.line(&format!(
                    "(speed {most:.1}: the server takes no more audio)"
                ))?;
            }
        }
        self.speaking = Some(Speaking {
            recording,
            began: now,
            sent_ms: 0,
            heard: now,
            done: false,
        });
        Ok(())
    }

    /// What the coach would ask next.
    fn suggested(&mut self, event: &Value) -> anyhow::Result<()> {
        let all = event.get("suggestions").and_then(Value::as_array);
        for suggestion in all.into_iter().flatten() {
            let (text, reason) = (text_of(suggestion, "text"), text_of(suggestion, "reason"));
            self.screen.line(&format!("  ? {text}  ({reason})"))?;
        }
        Ok(())
    }

    /// The plan wants the candidate's yes first.
    async fn consent(&mut self, event: &Value) -> anyhow::Result<()> {
        self.asked_consent = true;
        let text = text_of(event, "text").to_owned();
        self.screen.line(&text)?;
        if !self.args.agree {
            bail!("the plan asks for this consent; run again with --agree to give it");
        }
        let version = text_of(event, "version").to_owned();
        self.ask("consent:give", json!({"version": version})).await
    }

    fn question_closed(&mut self, event: &Value) -> anyhow::Result<()> {
        let outcome = match text_of(event, "outcome") {
            "answered" => "answered",
            "timed_out" => "the time was over",
            "skipped" => "passed over",
            _ => "not finished",
        };
        let used = event
            .get("usedMs")
            .and_then(Value::as_u64)
            .unwrap_or_default()
            / 1_000;
        let block = std::mem::take(&mut self.now);
        if self.screen.mode() == Mode::Live {
            self.screen
                .line(&format!("{}: {}", block.heading, block.question))?;
            self.screen.line(&format!("  “{}”", block.settled.trim()))?;
        }
        self.screen.line(&format!("  {outcome} after {used} s"))?;
        self.speaking = None;
        Ok(())
    }

    fn caption(&mut self, event: &Value) -> anyhow::Result<()> {
        let text = text_of(event, "text").to_owned();
        if let Some(speaking) = &mut self.speaking {
            speaking.heard = Instant::now();
        }
        if event
            .get("isFinal")
            .and_then(Value::as_bool)
            .unwrap_or_default()
        {
            self.now.settled.push_str(&text);
            self.now.settled.push(' ');
            self.now.stable.clear();
            self.now.unstable.clear();
            if self.screen.mode() == Mode::Plain {
                self.screen.line(&format!("  > {text}"))?;
            }
            return Ok(());
        }
        let stable = event
            .get("stable")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        let stable = usize::try_from(stable).unwrap_or_default();
        let words: Vec<&str> = text.split_whitespace().collect();
        let (firm, loose) = words.split_at(stable.min(words.len()));
        self.now.stable = firm.join(" ");
        self.now.unstable = loose.join(" ");
        if self.screen.mode() == Mode::Plain {
            self.screen
                .line(&format!("  … {} [{}]", self.now.stable, self.now.unstable))?;
        }
        Ok(())
    }

    /// Sends what a microphone would have given by now, and says when the answer is done.
    async fn speak(&mut self) -> anyhow::Result<()> {
        let Some(speaking) = &mut self.speaking else {
            return Ok(());
        };
        let Some(sound) = speaking
            .recording
            .and_then(|index| self.recordings.get(index))
        else {
            if !std::mem::replace(&mut speaking.done, true) {
                self.ask("answer:done", json!({"skip": true})).await?;
            }
            return Ok(());
        };
        let due_ms = (speaking.began.elapsed().as_secs_f64() * 1_000.0 * self.speed) as u64;
        let length = sound.length_ms();
        let mut frames = Vec::new();
        while speaking.sent_ms + CHUNK_MS <= due_ms && !speaking.done {
            let chunk = sound.chunk(speaking.sent_ms);
            self.now.level = level(&chunk);
            let header = Header {
                format: Format::Pcm16,
                is_last: false,
                sender: 0,
                room: self.room,
                sample_rate: sound.rate,
                stream: 1,
                seq: self.chunks,
                at_ms: u32::try_from(self.stream_ms).unwrap_or(u32::MAX),
            };
            let mut frame = header.encode(Direction::ToServer).to_vec();
            frame.extend_from_slice(&chunk);
            frames.push(frame);
            self.chunks += 1;
            self.stream_ms += CHUNK_MS;
            speaking.sent_ms += CHUNK_MS;
        }
        self.now.progress = (speaking.sent_ms as f32 / length.max(1) as f32).min(1.0);
        let spoken = speaking.sent_ms >= length + 600;
        let settled = spoken && speaking.heard.elapsed() > SETTLE && self.now.unstable.is_empty();
        // A caption that never settles must not hold the interview.
        let enough = speaking.sent_ms > length + (15_000.0 * self.speed) as u64;
        let finished =
            (settled || enough) && !std::mem::replace(&mut speaking.done, settled || enough);
        for frame in frames {
            self.socket
                .feed(Message::binary(frame))
                .await
                .context("the connection broke")?;
        }
        self.socket.flush().await.context("the connection broke")?;
        if finished {
            self.ask("answer:done", json!({})).await?;
        }
        Ok(())
    }

    /// Waits for the server's close and answers it.
    async fn close(&mut self) {
        let closing = async {
            while let Some(Ok(message)) = self.socket.next().await {
                if message.is_close() {
                    break;
                }
            }
            // The answer is queued by now; this sends it. A lost peer is no news here.
            self.socket.flush().await.ok();
        };
        tokio::time::timeout(Duration::from_secs(3), closing)
            .await
            .ok();
    }
}

fn text_of<'a>(event: &'a Value, key: &str) -> &'a str {
    event.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The server's own sentence, with its code.
fn sentence(event: &Value) -> String {
    format!("{} ({})", text_of(event, "message"), text_of(event, "code"))
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// A name nobody else uses: the moment and the process are enough for a client.
fn new_session_id() -> String {
    format!("talk-{:x}-{:x}", now_ms(), std::process::id())
}

/// Fetches the report and prints its summary and address.
fn show_report<W: std::io::Write>(
    args: &InterviewArgs,
    screen: &mut Screen<W>,
    session: &str,
    page: Option<&str>,
) -> anyhow::Result<()> {
    let base = args.url.trim_end_matches('/');
    let address = format!("{base}/api/sessions/{session}/report");
    let bearer = format!("Bearer {}", args.token);
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(ANSWER))
        .build();
    let asked = ureq::Agent::from(config)
        .get(&address)
        .header("authorization", &bearer)
        .call();
    let mut answer = asked.with_context(|| format!("the report is not there: {address}"))?;
    let text = answer
        .body_mut()
        .read_to_string()
        .context("the report cannot be read")?;
    screen.json(&text)?;
    let report: coach::report::Report =
        serde_json::from_str(&text).context("the report is of another version")?;
    screen.line("")?;
    screen.line(&coach::summary(&report))?;
    let page = page.map_or_else(|| format!("/reports/{session}"), str::to_owned);
    screen.line(&format!("Report: {base}{page}"))?;
    Ok(())
}
