//! Where a client is watched: two servers, the client's program, one of the other door to talk to,
//! and one interview whose candidate it is.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::line::Line;
use crate::program::{Client, Door, Kind, Program, QUIET, told};
use crate::server::{Server, candidate, free_port, token, until};
use crate::{NEWEST, WS};

/// Everything that one client is let loose on.
pub(crate) struct House {
    pub(crate) kind: Kind,
    pub(crate) program: Program,
    /// A client that comes through the other door.
    pub(crate) partner: Program,
    pub(crate) server: Server,
    /// A server that soon misses a sign of life.
    pub(crate) nervous: Server,
    pub(crate) settings: Vec<(&'static str, String)>,
    _data: [TempDir; 2],
}

/// Connections a user may have here.
pub(crate) const CONNECTIONS_PER_USER: usize = 3;

impl House {
    pub(crate) fn open(kind: Kind) -> Self {
        let pages = free_port();
        let settings: Vec<(&'static str, String)> = [
            ("FRONTEND_URL", &*format!("http://127.0.0.1:{pages}")),
            (
                "GREENROOM__LIMITS__CONNECTIONS_PER_USER",
                &CONNECTIONS_PER_USER.to_string(),
            ),
            // A flood of sound is what makes a reader slow.
            ("GREENROOM__LIMITS__AUDIO_BYTES_PER_SECOND", "256MiB"),
            ("GREENROOM__LIMITS__AUDIO_BURST_BYTES", "256MiB"),
            ("GREENROOM__LIMITS__WRITE_TIMEOUT", "3s"),
            ("GREENROOM__LIMITS__MESSAGE_TIMEOUT", "2s"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .into();
        let mut nervous = settings.clone();
        nervous.push(("GREENROOM__LIMITS__PING_INTERVAL", "3s".to_owned()));
        nervous.push(("GREENROOM__LIMITS__PING_TIMEOUT", "2500ms".to_owned()));
        let data = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let server = Server::start(data[0].path(), &settings);
        let nervous = Server::start(data[1].path(), &nervous);
        let address = format!("http://{}", server.address);
        let other = match kind.door {
            Door::Plain => NEWEST,
            Door::SocketIo => WS,
        };
        let program = Program::start(kind, &address, pages);
        let partner = Program::start(other, &address, 0);
        program.is_ready();
        partner.is_ready();
        Self {
            kind,
            program,
            partner,
            server,
            nervous,
            settings,
            _data: data,
        }
    }

    /// Once everybody is gone nothing is left of them.
    pub(crate) fn leaves_nothing(self) {
        let Self {
            program,
            partner,
            server,
            nervous,
            ..
        } = self;
        drop((program, partner));
        for server in [server, nervous] {
            until("nothing is left in memory", || {
                let left = server.order("GET", "/api/metrics", &Value::Null);
                let names = ["activeSessions", "questionTimers", "socketMappings"];
                names.iter().all(|name| left[*name] == 0)
            });
        }
    }
}

/// An interview that has begun, and its candidate: a member of the program under test, on a line
/// of its own.
pub(crate) struct Scene<'h> {
    pub(crate) house: &'h House,
    pub(crate) server: &'h Server,
    pub(crate) line: Line,
    pub(crate) client: Client<'h>,
    pub(crate) user: String,
    pub(crate) session: String,
    /// The log's place when it joined.
    since: u64,
}

impl<'h> Scene<'h> {
    /// The candidate's first token is good for so many seconds.
    pub(crate) fn begin(house: &'h House, server: &'h Server, name: &str, seconds: i64) -> Self {
        let session: String = name
            .chars()
            .map(|letter| {
                if letter.is_ascii_alphanumeric() {
                    letter
                } else {
                    '-'
                }
            })
            .collect();
        let user = format!("{session}-ana");
        let line = Line::to(server.address);
        let tokens = [token(&user, "candidate", None, seconds), candidate(&user)];
        let order = json!({"url": line.url(), "tokens": tokens, "join": [session]});
        let mut client = house.program.open(&user, order);
        client.next("open");
        let joined = client.joined();
        let question = json!({"text": "Why us?", "limitSeconds": 600});
        client.must(json!({"type": "interview:start", "questions": [question]}));
        client.event("question:asked");
        server.say(&session, "before");
        client.event("custom:before");
        Self {
            house,
            server,
            line,
            client,
            user,
            session,
            since: joined["seq"].as_u64().expect("a place in the log"),
        }
    }

    /// The client hears that it is over, as its door says it. `told`: the server's words get
    /// through.
    pub(crate) fn closes(&mut self, (code, reason, back): (u16, &str, &str), told: bool) {
        closes(&mut self.client, (code, reason, back), told);
    }

    /// What the server noted of it.
    pub(crate) fn noted(&self, code: u16, reason: &str) {
        noted(self.server, &self.user, (code, reason));
    }

    /// Something happens that is stored, and that the client must not lose.
    pub(crate) fn something_happens(&self) {
        self.server.say(&self.session, "missed");
    }

    /// It is there again, in its seat, with all that was stored.
    pub(crate) fn comes_back(&mut self, nth: u64) {
        self.client.wait("way back", |saw, data| {
            saw == "open" && data["nth"].as_u64() >= Some(nth)
        });
        let joined = self.client.joined();
        assert_eq!(joined["recovered"], true, "{}: {joined}", self.user);
        self.client.event("custom:missed");
        self.server.say(&self.session, "after");
        self.client.event("custom:after");
        self.has_everything();
    }

    /// Each stored event once, in order, none missing.
    fn has_everything(&self) {
        let told = in_order(&self.client, &self.session, Some(self.since));
        let path = format!("/api/sessions/{}/events?after={}", self.session, self.since);
        let (status, log) = self
            .server
            .ask("GET", &path, &candidate(&self.user), &Value::Null);
        assert_eq!(status, 200, "{log}");
        let events = log["events"].as_array().cloned().unwrap_or_default();
        let stored: Vec<u64> = events
            .iter()
            .filter_map(|event| event["seq"].as_u64())
            .collect();
        assert_eq!(told, stored, "{}: {log}", self.user);
    }

    /// It does not come back.
    pub(crate) fn stays_away(&self) {
        stays_away(&self.client, &self.line, 1);
    }

    /// Leaves nothing behind.
    pub(crate) fn clear(self) {
        self.server.end(&self.session);
    }
}

/// The places of what was stored and told since it joined: each event follows the one before it.
pub(crate) fn in_order(client: &Client<'_>, session: &str, since: Option<u64>) -> Vec<u64> {
    let told = client.stored(session);
    let mut last = since;
    for (seq, prev, kind) in &told {
        assert_eq!(Some(*prev), last, "before {kind} {seq} in {told:?}");
        last = Some(*seq);
    }
    told.into_iter().map(|(seq, ..)| seq).collect()
}

/// Waits until the server has noted that a connection of this user ended so.
pub(crate) fn noted(server: &Server, user: &str, close: (u16, &str)) {
    until(&format!("{user}: {close:?} is noted"), || {
        is_noted(server, user, close)
    });
}

pub(crate) fn is_noted(server: &Server, user: &str, (code, reason): (u16, &str)) -> bool {
    let all = server.order("GET", "/api/connections/closed", &Value::Null);
    let all = all["connections"].as_array().cloned().unwrap_or_default();
    let mut of_user = all.into_iter().filter(|one| one["userId"] == *user);
    of_user.any(|one| one["code"] == code && one["reason"] == reason)
}

/// It was opened so many times, and it stays that way.
pub(crate) fn stays_away(client: &Client<'_>, line: &Line, times: usize) {
    let before = line.handshakes();
    std::thread::sleep(QUIET);
    assert_eq!(
        line.handshakes(),
        before,
        "it knocked again: {}",
        told(&client.all())
    );
    assert_eq!(client.count(&["open"]), times, "{}", told(&client.all()));
}

/// The client hears that it is over, as its door says it.
pub(crate) fn closes(client: &mut Client<'_>, (code, reason, back): (u16, &str, &str), told: bool) {
    let expected = json!({"code": code, "reason": reason, "back": back});
    if client.kind().door == Door::Plain {
        // An attempt that found no line is a close, too.
        let closed = client.wait("close", |saw, data| {
            saw == "closed" && (!told || code == 1006 || data["code"] != 1006)
        });
        if told {
            assert_eq!(closed, expected);
        } else {
            assert_eq!(closed["back"], back, "{closed}");
        }
        return;
    }
    if told {
        let closing = client.event("connection:closing");
        let heard = json!({"code": closing["code"], "reason": closing["reason"],
                           "back": closing["comeBack"]});
        assert_eq!(heard, expected);
    }
    let lost = client.next("disconnect");
    let lost = lost["reason"].as_str().unwrap_or_default().to_owned();
    if back == "no" {
        // Anything else, and the official client would come back.
        let word = if client.kind().is_python() {
            "server disconnect"
        } else {
            "io server disconnect"
        };
        assert_eq!(lost, word);
    } else {
        let fits = ["transport close", "transport error", "ping timeout"];
        assert!(fits.contains(&&*lost), "{lost}");
    }
}
