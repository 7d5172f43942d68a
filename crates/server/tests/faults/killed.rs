//! `kill -9` of the server while somebody speaks, and nobody comes back: what was said is
//! transcribed from its audio, and the session ends. Those who come back are in `comeback`.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::records::Records;
use crate::harness::server::{Server, Setup};
use crate::harness::{SOON, now_ms, sound, until};
use history::judge::Limits;

const KILLS: u32 = 20;
/// All of it together.
const LIMIT: Duration = Duration::from_secs(90);
/// Sound of which the server must have said that it is written before it is killed: four seconds,
/// the first sentence and the half of the second.
const WRITTEN_CHUNKS: u32 = 40;
/// Words of the recording, and the number of chunks in which they are said beyond doubt.
const WORDS: [(&str, u32); 2] = [("best of times", WRITTEN_CHUNKS), ("worst of times", 60)];
/// Pause between two chunks while the kill comes closer: five times as fast as speech.
const PACE: Duration = Duration::from_millis(20);

#[test]
fn killed_twenty_times_in_mid_answer_the_server_loses_nothing_it_acknowledged() {
    let data = tempfile::tempdir().unwrap();
    // Nobody may come back: without that the sessions would live on.
    let setup = Setup::new(data.path())
        .with_speech()
        .with("sessions.grace", "0s");
    let chunks = sound::recording("two_cities.wav", 8_000);
    let begun = Instant::now();
    let mut server = setup.start();
    println!("a start takes {:?}", begun.elapsed());
    for kill in 0..KILLS {
        let answer = Answer::give(&server, kill, &chunks);
        server.kill();
        let killed = Instant::now();
        server = setup.start();
        let (back, acked) = (killed.elapsed(), answer.acked);
        println!("kill {kill}: {acked} chunks acknowledged, back after {back:?}");
        answer.check(data.path());
    }
    let records = Records::of(data.path());
    records.assert_sound();
    let open = "SELECT count(*) FROM sessions WHERE status <> 'ended'";
    assert_eq!(records.count(open), 0);
    assert_eq!(
        records.count("SELECT count(*) FROM sessions"),
        i64::from(KILLS)
    );
    // What is transcribed and stored is not kept as sound.
    let kept = |data: &Path| store::audio::scan(data).unwrap().len();
    until("all sound is deleted", SOON, || {
        (kept(data.path()) == 0).then_some(())
    });
    let names: Vec<String> = (0..KILLS).map(|kill| format!("killed-{kill}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    setup.run.judge(data.path(), &names, Limits::default());
    let took = begun.elapsed();
    println!("{KILLS} kills in {took:?}");
    assert!(took < LIMIT, "{KILLS} kills took {took:?}");
}

/// What a candidate was told before the server died.
struct Answer {
    session: String,
    /// Stored events they saw.
    events: Vec<Value>,
    /// How many chunks were acknowledged.
    acked: u32,
    /// There until the server dies.
    _page: Client,
}

impl Answer {
    /// Speaks until enough is written, and then a little longer, each time differently.
    fn give(server: &Server, kill: u32, chunks: &[Vec<u8>]) -> Self {
        let (session, user) = (format!("killed-{kill}"), format!("ana-{kill}"));
        let mut ana = server.join(&user, "candidate", &session);
        let questions = json!([{"id": "q1", "text": "How were the times?", "limitSeconds": 600}]);
        ana.ask(json!({"type": "interview:start", "questions": questions}));
        ana.expect("question:asked");
        let mut sent = 0;
        let mut speak = |ana: &Client| {
            if let Some(chunk) = chunks.get(sent as usize) {
                ana.send_binary(&sound::binary(1, sent, chunk));
                sent += 1;
            }
        };
        for _ in 0..=WRITTEN_CHUNKS {
            speak(&ana);
        }
        ana.wait("an acknowledgement", SOON, |message| {
            message["type"] == "audio:ack"
                && message["seq"]
                    .as_u64()
                    .is_some_and(|seq| seq >= u64::from(WRITTEN_CHUNKS - 1))
        });
        // From at once to most of a second later, in no order.
        for _ in 0..kill * 7 % KILLS * 2 {
            speak(&ana);
            std::thread::sleep(PACE);
        }
        let acks = ana
            .all()
            .into_iter()
            .filter(|message| message["type"] == "audio:ack");
        let acked = acks.filter_map(|ack| ack["seq"].as_u64()).max().unwrap() + 1;
        Self {
            session,
            events: ana.stored(),
            acked: u32::try_from(acked).unwrap(),
            _page: ana,
        }
    }

    /// After the restart, before anything else is asked of the server.
    fn check(&self, data: &Path) {
        let records = Records::of(data);
        let session = &self.session;
        assert!(self.events.len() >= 2, "{:?}", self.events);
        records.assert_holds(session, &self.events);
        let row = records.session(session).unwrap();
        assert_eq!(
            (&*row.status, row.reason.as_deref()),
            ("ended", Some("server_crash"))
        );
        let events = records.events(session);
        let finals = events.iter().map(|(_, body)| body);
        let finals = finals.filter(|body| body["type"] == "transcription:result");
        let texts: Vec<&str> = finals.filter_map(|body| body["text"].as_str()).collect();
        let heard = texts.join(" ").to_lowercase();
        for (words, by) in WORDS {
            let said = self.acked < by || heard.contains(words);
            assert!(
                said,
                "{session}, {} chunks, {words:?}: {texts:?}",
                self.acked
            );
        }
        // What a final held already is not made again from the audio.
        let times = heard.matches(WORDS[0].0).count();
        assert_eq!(times, 1, "{session}, {} chunks: {texts:?}", self.acked);
        let report = records
            .report(session)
            .expect("a report")
            .to_string()
            .to_lowercase();
        assert!(
            report.contains(WORDS[0].0) && report.contains("server_crash"),
            "{report}"
        );
        let behind = "SELECT count(*) FROM sessions WHERE status <> 'ended' AND deadline_at < ";
        assert_eq!(records.count(&format!("{behind}{}", now_ms())), 0);
        assert_eq!(
            records.count("SELECT count(*) FROM active_interview_sessions"),
            0
        );
    }
}
