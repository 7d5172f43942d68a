//! Configuration: one tree of settings. Precedence: built-in default < file < environment < flag.
//!
//! Why the tree is declared by a macro: the struct, its defaults, `config.example.toml`, the names
//! of the variables and the answer to "what is this set to" are made from one list, so none of
//! them can be forgotten. **Invariants**: an unknown name is an error, wherever it stands; all
//! problems are reported at once, each with its place; a limit of 0 is an error, never "no limit".
//!
//! `setting` has the kinds of value, `load` the layers, `check` what must hold between settings,
//! `example` the commented file, `dev` the secret of `--dev`. Nothing here looks at the machine but
//! `load::gather` and `dev`.

pub mod check;
pub mod dev;
pub mod example;
pub mod load;
pub mod setting;

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use api::secret::Secret;
use setting::{
    Auto, List, LogFormat, Millis, Origins, Raw, Secrets, Setting, Size, Speech, Takeover,
    TokenAlgorithm,
};
use speech::models::Profile;

/// A setting as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Name inside its section.
    pub key: &'static str,
    /// What it means, in sentences.
    pub doc: String,
    /// The value as TOML.
    pub value: String,
}

/// A section of the tree, whichever it is.
pub trait Section {
    /// Its name in the file.
    fn name(&self) -> &'static str;
    /// What it is about.
    fn doc(&self) -> String;
    /// Its settings in order, with their present values.
    fn fields(&self) -> Vec<Field>;
    /// Sets one of [`Section::fields`]; `Err` completes "must be …", `None` is an unknown key.
    fn set(&mut self, key: &str, raw: &Raw) -> Option<Result<(), String>>;
}

macro_rules! section {
    ($(#[doc = $doc:literal])+ $name:ident = $toml:literal {
        $($(#[doc = $fdoc:literal])+ $field:ident: $kind:ty = $default:expr,)+
    }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name { $($(#[doc = $fdoc])+ pub $field: $kind,)+ }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl Section for $name {
            fn name(&self) -> &'static str { $toml }

            fn doc(&self) -> String { [$($doc),+].join("\n") }

            fn fields(&self) -> Vec<Field> {
                vec![$(Field {
                    key: stringify!($field),
                    doc: [$($fdoc),+].join("\n"),
                    value: self.$field.show(),
                },)+]
            }

            fn set(&mut self, key: &str, raw: &Raw) -> Option<Result<(), String>> {
                match key {
                    $(stringify!($field) => {
                        Some(<$kind as Setting>::read(raw).map(|value| self.$field = value))
                    })+
                    _ => None,
                }
            }
        }
    };
}

section! {
    /// Where the server listens and what it is called from outside.
    Server = "server" {
        /// Address and port. With --dev always 127.0.0.1. The variable PORT changes the port alone.
        listen: SocketAddr = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080)),
        /// The address people use, like "https://interviews.example.org", for links in reports and
        /// messages. Empty: links are made from the address of the request.
        public_url: Option<String> = None,
        /// Pages of these origins may use the API and connect; besides pages of the server itself.
        /// Also set by FRONTEND_URL, separated by commas.
        frontend_origins: Origins = Origins(vec!["http://localhost:3000".to_owned()]),
        /// Socket.IO clients may join the namespace "/" instead of "/interview".
        socketio_root: bool = true,
        /// Threads for sockets. "auto": one per core.
        io_threads: Auto = Auto::Auto,
        /// How long a stop may take: members are told to come back later, everything is written.
        drain: Millis = Millis(30_000),
    }
}

section! {
    /// Who is let in: JSON Web Tokens, and API keys for back ends.
    Auth = "auth" {
        /// How tokens are signed: "HS256" with jwt_secret; "RS256" or "ES256" with a key of an identity
        /// provider, from public_key_file, jwks_url or both. Tokens with another one are refused.
        algorithm: TokenAlgorithm = TokenAlgorithm::Hs256,
        /// The secret, at least 32 bytes (`openssl rand -base64 48`). Better set as JWT_SECRET in the
        /// environment than here. With --dev and none set, one is made and kept in store.dir.
        jwt_secret: Secret<String> = Secret::new(String::new()),
        /// A PEM file with the public keys tokens are checked with (BEGIN PUBLIC KEY); to change keys
        /// without a gap, both are in it for a while.
        public_key_file: Option<PathBuf> = None,
        /// Where the identity provider publishes its keys (JWKS); https, or http on this machine.
        /// Redirects are not followed. A key that is not known yet is looked for at once.
        jwks_url: Option<String> = None,
        /// How often the published keys are fetched anew.
        jwks_refresh: Millis = Millis(600_000),
        /// API keys for back ends, besides those of `greenroom keys create`: gr_ and at least 40 letters
        /// and digits. Better set as GREENROOM_API_KEYS, separated by commas, than here.
        api_keys: Secrets = Secrets(Vec::new()),
        /// How long tokens made by this server are good for. Also set by JWT_EXPIRES_IN.
        expires_in: Millis = Millis(7 * 86_400_000),
        /// When set, the claim `iss` must be this.
        issuer: Option<String> = None,
        /// When set, the claim `aud` must be this, or a list with this in it.
        audience: Option<String> = None,
        /// How far the clock of whoever makes tokens may be off.
        leeway: Millis = Millis(5_000),
        /// The claim that holds the user.
        user_claim: String = "sub".to_owned(),
        /// The claim that holds the role: candidate, interviewer, observer or admin.
        role_claim: String = "role".to_owned(),
    }
}

section! {
    /// How sessions live and end.
    Sessions = "sessions" {
        /// A candidate who joins an unknown session creates it. With --dev true unless set.
        create_on_join: bool = false,
        /// A candidate who lost the connection may come back for this long. 0 ends at once.
        grace: Millis = Millis(60_000),
        /// An interview in which nobody speaks or does anything for this long ends.
        inactivity: Millis = Millis(300_000),
        /// The longest an interview may take where its plan says nothing.
        max_duration: Millis = Millis(600_000),
        /// A session nobody starts for this long expires.
        scheduled_ttl: Millis = Millis(7 * 86_400_000),
        /// Two pages of one user in one session: "newest" keeps the newer, "refuse" the older.
        takeover: Takeover = Takeover::Newest,
        /// Sessions in memory at once.
        live_max: u32 = 20_000,
        /// Members of one room.
        room_members: u32 = 32,
    }
}

section! {
    /// What one client, one address and all of them together may take. 0 is refused.
    Limits = "limits" {
        /// Largest message of a client.
        message_bytes: Size = Size(256 << 10),
        /// Requests a second and connection, audio not counted.
        events_per_second: u32 = 50,
        /// Requests that may come at once after a quiet time.
        events_burst: u32 = 100,
        /// Bytes of audio messages a second and connection.
        audio_bytes_per_second: Size = Size(256 << 10),
        /// Bytes of audio that may come at once after a quiet time. At least message_bytes.
        audio_burst_bytes: Size = Size(512 << 10),
        /// What the smallest chunk of audio counts as.
        audio_chunk_bytes_min: Size = Size(512),
        /// From the upgrade to a token.
        auth_timeout: Millis = Millis(5_000),
        /// Bytes a connection may send before it is authenticated. At most message_bytes.
        unauthenticated_bytes: Size = Size(4 << 10),
        /// A ping goes out this often.
        ping_interval: Millis = Millis(25_000),
        /// Silence after a ping that is accepted. Less than ping_interval.
        ping_timeout: Millis = Millis(20_000),
        /// From the first to the last byte of one message.
        message_timeout: Millis = Millis(10_000),
        /// A client that cannot be written to for this long is cut off.
        write_timeout: Millis = Millis(5_000),
        /// Connections of one user.
        connections_per_user: u32 = 20,
        /// Connections of this server.
        connections: u32 = 19_000,
        /// Handshakes a second and address.
        handshakes_per_second: u32 = 500,
        /// Handshakes of one address at once after a quiet time.
        handshakes_burst: u32 = 5_000,
    }
}

section! {
    /// What lasts.
    Store = "store" {
        /// The folder of everything that is kept: the database greenroom.db, the audio of answers that
        /// are not transcribed yet, ends that wait for the database. Made at the first start. Also set by
        /// --data.
        dir: PathBuf = PathBuf::from("data"),
        /// Memory of each of the five connections to the database for what they have read. The
        /// system keeps the file in memory besides; more helps where the disk is slow.
        cache: Size = Size(512 << 10),
    }
}

section! {
    /// How long the data of ended sessions is kept. Sound is deleted as soon as it is text.
    Retention = "retention" {
        /// What was said. At most as long as everything.
        transcript: Millis = Millis(30 * 86_400_000),
        /// The report, which quotes what was said: at most as long as the transcript.
        report: Millis = Millis(30 * 86_400_000),
        /// Everything else: who took part, when, how it ended. Only the id is left, so that it is
        /// not used again.
        everything: Millis = Millis(30 * 86_400_000),
    }
}

section! {
    /// Captions and transcripts.
    SpeechSection = "speech" {
        /// "auto": where the model is installed; "on": do not start without it; "off": never.
        enabled: Speech = Speech::Auto,
        /// The folder of the model, as `greenroom models install` fills it.
        models: PathBuf = PathBuf::from("models"),
        /// Which model. "base-en" gets more words right for about twice the work; it is made once by
        /// `greenroom models install --profile base-en`.
        profile: Profile = Profile::TinyEn,
        /// Threads that recognize speech, each with about 200 MB. "auto": half of the cores.
        workers: Auto = Auto::Auto,
    }
}

section! {
    /// Interview plans.
    Plans = "plans" {
        /// A folder of plans (*.toml), besides the built-in ones. Empty: none.
        dir: Option<PathBuf> = None,
    }
}

section! {
    /// Messages to back ends when an interview begins or ends and when its report is there.
    Webhooks = "webhooks" {
        /// Where to: https addresses, at most 8. Empty: nobody is told.
        urls: List = List(Vec::new()),
        /// What messages are signed with (Standard Webhooks): whsec_ and base64 of at least 24 bytes.
        /// Better set as WEBHOOK_SECRET in the environment than here.
        secret: Secret<String> = Secret::new(String::new()),
        /// What is told.
        types: List = List(vec![
            "session.started".to_owned(),
            "session.ended".to_owned(),
            "report.ready".to_owned(),
        ]),
        /// Allow http and addresses of this machine and its own networks.
        allow_private: bool = false,
        /// How long one attempt may take.
        timeout: Millis = Millis(10_000),
        /// Attempts before a message is given up; with these pauses 15 of them take about five hours.
        attempts: u32 = 15,
        /// From the first attempt to the second. Doubled from then on.
        first_retry: Millis = Millis(5_000),
        /// The longest pause between two attempts.
        longest_retry: Millis = Millis(3_600_000),
        /// How long the log of deliveries is kept.
        keep: Millis = Millis(30 * 86_400_000),
    }
}

section! {
    /// What the server writes about itself. Never tokens, never what people say.
    Log = "log" {
        /// "text" for people, "json" for machines; "auto": text on a terminal, else JSON.
        format: LogFormat = LogFormat::Auto,
        /// error, warn, info, debug or trace; also by module: "info,server=debug".
        level: String = "info".to_owned(),
    }
}

/// Every setting. Valid once it came out of [`load::load`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// Started with `--dev`; no setting, a flag only.
    pub dev: bool,
    /// `[server]`
    pub server: Server,
    /// `[auth]`
    pub auth: Auth,
    /// `[sessions]`
    pub sessions: Sessions,
    /// `[limits]`
    pub limits: Limits,
    /// `[store]`
    pub store: Store,
    /// `[retention]`
    pub retention: Retention,
    /// `[speech]`
    pub speech: SpeechSection,
    /// `[plans]`
    pub plans: Plans,
    /// `[webhooks]`
    pub webhooks: Webhooks,
    /// `[log]`
    pub log: Log,
}

impl Config {
    /// All sections, in the order of the file.
    pub fn sections(&self) -> [&dyn Section; 10] {
        [
            &self.server,
            &self.auth,
            &self.sessions,
            &self.limits,
            &self.store,
            &self.retention,
            &self.speech,
            &self.plans,
            &self.webhooks,
            &self.log,
        ]
    }

    fn sections_mut(&mut self) -> [&mut dyn Section; 10] {
        [
            &mut self.server,
            &mut self.auth,
            &mut self.sessions,
            &mut self.limits,
            &mut self.store,
            &mut self.retention,
            &mut self.speech,
            &mut self.plans,
            &mut self.webhooks,
            &mut self.log,
        ]
    }

    /// `section.key` of every setting.
    pub fn paths() -> Vec<String> {
        let defaults = Self::default();
        let mut paths = Vec::new();
        for section in defaults.sections() {
            for field in section.fields() {
                paths.push(format!("{}.{}", section.name(), field.key));
            }
        }
        paths
    }

    /// How tokens are signed.
    pub fn algorithm(&self) -> api::keyring::Algorithm {
        match self.auth.algorithm {
            TokenAlgorithm::Hs256 => api::keyring::Algorithm::Hs256,
            TokenAlgorithm::Rs256 => api::keyring::Algorithm::Rs256,
            TokenAlgorithm::Es256 => api::keyring::Algorithm::Es256,
        }
    }

    /// The pages that may use the API and connect: those listed, and the server's own.
    pub fn origins(&self) -> api::cors::Origins {
        let listed = self.server.frontend_origins.0.iter();
        let own = self.server.public_url.iter();
        api::cors::Origins::new(listed.chain(own).map(String::as_str))
    }

    /// What the token rules need, with a ring without keys: [`crate::identity`] fills it.
    pub fn auth_settings(&self) -> api::auth::AuthSettings {
        api::auth::AuthSettings {
            algorithm: self.algorithm(),
            keyring: std::sync::Arc::default(),
            secret: self.auth.jwt_secret.clone(),
            issuer: self.auth.issuer.clone(),
            audience: self.auth.audience.clone(),
            leeway_ms: self.auth.leeway.0,
            user_claim: self.auth.user_claim.clone(),
            role_claim: self.auth.role_claim.clone(),
            expires_in_ms: self.auth.expires_in.0,
        }
    }
}
