//! A server and records that are a few lists, and short ways to ask the router things.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response};
use coach::plan::{Entry, Shelf};
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{ConnectionId, Epoch, Generation, Participant, PlanId, Seq, SessionId, UserId};
use protocol::record::{
    DataKind, EventRow, JobState, ParticipantRow, ReportJob, ReportPlace, SessionRow,
};
use protocol::said::Said;
use protocol::time::Wall;
use protocol::value::{Audience, EndReason, PresenceState, Role, Status};
use serde_json::Value;
use store::desk::{DeliveryFilter, DeliveryRow, RevocationRow};
use tower::ServiceExt as _;

use crate::apikey::ApiKeys;
use crate::auth::{AuthSettings, Claims, Verifier};
use crate::cors::Origins;
use crate::describe::check_answer;
use crate::extract::Peer;
use crate::guard::Guard;
use crate::handle::Redeemed;
use crate::handle::{
    ActiveRecord, ActiveStats, Answer, Check, ClosedConnection, Closure, CreateSession, EndOrder,
    Ended, Handle, ListQuery, LiveMember, MetricsSnapshot, PlanPut, Readiness, Records,
    ReportState, SessionRecord, Story, StoryLine, Told,
};
use crate::identity::TokenRole;
use crate::office::{Office, RevokeDone, Subject};
use crate::router::{Api, build, routes};
use crate::secret::Secret;

pub(super) const NOW: Wall = Wall(1_790_000_000_000);
pub(super) const API_KEY: &str = "gr_abcdefghijklmnopqrstuvwxyz234567abcdefgh";
pub(super) const FRONT: &str = "http://localhost:3000";

/// What the fake server was asked, and what it knows.
#[derive(Default)]
pub(super) struct World {
    pub(super) sessions: Vec<SessionRecord>,
    pub(super) reports: Vec<(SessionId, Arc<str>)>,
    pub(super) active: Vec<(UserId, ActiveRecord)>,
    pub(super) created: Vec<CreateSession>,
    pub(super) ended: Vec<(SessionId, EndReason, UserId)>,
    pub(super) cleared: Vec<UserId>,
    pub(super) deleted: Vec<(SessionId, DataKind)>,
    pub(super) plans: Option<Arc<Shelf>>,
    pub(super) said: Vec<(SessionId, Said, Audience)>,
    /// The records cannot be read.
    pub(super) away: bool,
    /// Nothing new is taken.
    pub(super) draining: bool,
    pub(super) revocations: Vec<RevocationRow>,
    pub(super) deliveries: Vec<DeliveryRow>,
    pub(super) events: Vec<(SessionId, EventRow)>,
}

#[derive(Clone, Default)]
pub(super) struct Fake(pub(super) Arc<Mutex<World>>);

fn at_once<'a, T: Send + 'a>(value: T) -> Answer<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Handle for Fake {
    fn create(&self, session: CreateSession) -> Answer<'_, Result<(), Refusal>> {
        let mut world = self.0.lock().unwrap();
        if world.draining {
            return at_once(Err(Refusal::new(ErrorCode::Draining).retry_after(2_500)));
        }
        let mut record = record(session.id.as_str(), Status::Scheduled, &[]);
        record.row.candidate = session.candidate.clone();
        record.row.title = session.title.as_str().into();
        record.plan = session.plan.as_ref().and_then(|plan| plan.id.clone());
        world.sessions.push(record);
        world.created.push(session);
        at_once(Ok(()))
    }

    fn end(&self, order: EndOrder) -> Answer<'_, Result<Ended, Refusal>> {
        let mut world = self.0.lock().unwrap();
        let entry = (order.session.clone(), order.reason, order.by.user);
        world.ended.push(entry);
        for record in &mut world.sessions {
            if record.row.session == order.session {
                record.row.status = Status::Ended;
                record.row.reason = Some(order.reason);
            }
        }
        let reason = Some(order.reason);
        at_once(Ok(Ended {
            status: Status::Ended,
            reason,
            recorded: true,
        }))
    }

    fn say(
        &self,
        session: SessionId,
        said: Said,
        audience: Audience,
    ) -> Answer<'_, Result<Told, Refusal>> {
        let mut world = self.0.lock().unwrap();
        if world.away {
            return at_once(Err(ErrorCode::StoreUnavailable.into()));
        }
        let known = { world.sessions.iter() }.find(|one| one.row.session == session);
        let refused = match known.map(|one| one.row.status) {
            None if session != id(FRESH) => Some(ErrorCode::SessionNotFound),
            Some(Status::Ended) => Some(ErrorCode::SessionEnded),
            _ => None,
        };
        if let Some(code) = refused {
            return at_once(Err(code.into()));
        }
        let seq = said.durable.then_some(Seq(7));
        world.said.push((session, said, audience));
        at_once(Ok(Told { seq, receivers: 2 }))
    }

    fn clear_active(&self, user: UserId) -> Answer<'_, Result<Option<SessionId>, Refusal>> {
        let mut world = self.0.lock().unwrap();
        let at = world.active.iter().position(|(whose, _)| *whose == user);
        world.cleared.push(user);
        at_once(Ok(at.map(|at| world.active.remove(at).1.session)))
    }

    fn put_plan(
        &self,
        plan: Entry,
        _text: String,
        replace: bool,
    ) -> Answer<'_, Result<PlanPut, Refusal>> {
        let world = self.0.lock().unwrap();
        let Some(shelf) = &world.plans else {
            return at_once(Err(ErrorCode::StoreUnavailable.into()));
        };
        let mut bank = coach::plan::Bank::clone(&shelf.bank());
        let known = bank.entry(&plan.id).is_some();
        if known && !replace {
            return at_once(Ok(PlanPut::Exists));
        }
        bank.put(plan);
        shelf.replace(bank);
        at_once(Ok(if known {
            PlanPut::Replaced
        } else {
            PlanPut::Created
        }))
    }

    fn remove_plan(&self, id: PlanId) -> Answer<'_, Result<bool, Refusal>> {
        let world = self.0.lock().unwrap();
        let shelf = world.plans.as_ref().unwrap();
        let mut bank = coach::plan::Bank::clone(&shelf.bank());
        let gone = bank.remove(&id).is_some();
        shelf.replace(bank);
        at_once(Ok(gone))
    }

    fn forget(&self, session: SessionId, kind: DataKind) -> Answer<'_, Result<(), Refusal>> {
        let mut world = self.0.lock().unwrap();
        let known = world.sessions.iter().find(|one| one.row.session == session);
        let answer = match known.map(|one| one.row.status) {
            None => Err(ErrorCode::SessionNotFound.into()),
            Some(Status::Ended) => Ok(()),
            Some(_) => Err(ErrorCode::BadTransition.into()),
        };
        if answer.is_ok() {
            if kind == DataKind::Everything {
                world.sessions.retain(|one| one.row.session != session);
            }
            world.reports.retain(|(of, _)| *of != session);
            world.deleted.push((session, kind));
        }
        at_once(answer)
    }

    fn requeue_report(&self, session: SessionId) -> Answer<'_, Result<bool, Refusal>> {
        let world = self.0.lock().unwrap();
        at_once(Ok(!world.reports.iter().any(|(of, _)| *of == session)))
    }

    fn live(&self, session: &SessionId) -> Option<Vec<LiveMember>> {
        ["s1", FRESH].contains(&session.as_str()).then(|| {
            let (user_id, state) = (user("ana"), PresenceState::Connected);
            vec![LiveMember {
                user_id,
                role: Role::Candidate,
                state,
            }]
        })
    }

    fn redeem_transfer(&self, code: &str) -> Result<Redeemed, Refusal> {
        if code != "K7QX9M2TRB" {
            return Err(ErrorCode::TransferInvalid.into());
        }
        Ok(Redeemed {
            session: id("s1"),
            user: user("ana"),
            role: Role::Candidate,
        })
    }

    fn closed_connections(&self) -> Vec<ClosedConnection> {
        let closed = |connection| ClosedConnection {
            connection_id: ConnectionId(connection),
            user_id: user("ana"),
            session_id: Some(id("s1")),
            opened_at: NOW,
            closed_at: NOW.after(connection),
            code: None,
            reason: "lost".into(),
        };
        [7, 6, 5].map(closed).to_vec()
    }

    fn metrics(&self) -> MetricsSnapshot {
        MetricsSnapshot {
            active_sessions: 3,
            socket_mappings: 7,
            ..MetricsSnapshot::default()
        }
    }

    fn prometheus(&self) -> String {
        "greenroom_sessions 3\n".to_owned()
    }

    fn ready(&self) -> Answer<'_, Readiness> {
        let world = self.0.lock().unwrap();
        let store = Check {
            name: "store",
            ok: !world.away,
            detail: "as told".to_owned(),
        };
        at_once(Readiness {
            checks: vec![store],
        })
    }
}

impl Fake {
    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&World) -> T,
    ) -> Answer<'_, Result<T, Refusal>> {
        let world = self.0.lock().unwrap();
        if world.away {
            return at_once(Err(ErrorCode::StoreUnavailable.into()));
        }
        at_once(Ok(read(&world)))
    }
}

impl Records for Fake {
    fn session(&self, id: SessionId) -> Answer<'_, Result<Option<SessionRecord>, Refusal>> {
        self.read(|world| {
            world
                .sessions
                .iter()
                .find(|one| one.row.session == id)
                .cloned()
        })
    }

    fn report(&self, id: SessionId) -> Answer<'_, Result<Option<Arc<str>>, Refusal>> {
        self.read(|world| {
            let found = world.reports.iter().find(|(of, _)| *of == id);
            found.map(|(_, report)| report.clone())
        })
    }

    fn report_state(&self, id: SessionId) -> Answer<'_, Result<ReportState, Refusal>> {
        self.read(|world| {
            let made = world.reports.iter().any(|(of, _)| *of == id);
            let ended = { world.sessions.iter() }
                .any(|one| one.row.session == id && one.row.status == Status::Ended);
            let deleted = world.deleted.iter().filter(|(of, _)| *of == id);
            ReportState {
                job: ended.then(|| job(&id, made)),
                deleted: deleted.map(|(_, kind)| (*kind, NOW)).collect(),
            }
        })
    }

    fn open_reports(
        &self,
        after: Option<ReportPlace>,
        limit: u32,
    ) -> Answer<'_, Result<Vec<ReportJob>, Refusal>> {
        self.read(|_| {
            ["s7", "s8", "s9"]
                .map(|name| job(&id(name), false))
                .into_iter()
                .filter(|job| after.as_ref().is_none_or(|after| job.place() > *after))
                .take(limit as usize)
                .collect()
        })
    }

    fn active_of(&self, user: UserId) -> Answer<'_, Result<Option<ActiveRecord>, Refusal>> {
        self.read(|world| {
            let found = world.active.iter().find(|(whose, _)| *whose == user);
            found.map(|(_, active)| active.clone())
        })
    }

    fn list(&self, query: ListQuery) -> Answer<'_, Result<Vec<SessionRow>, Refusal>> {
        self.read(|world| {
            let rows = world.sessions.iter().map(|record| record.row.clone());
            let fits = |row: &SessionRow| query.status.is_none_or(|status| row.status == status);
            let behind =
                |row: &SessionRow| query.after.as_ref().is_none_or(|(_, id)| row.session < *id);
            let mut rows: Vec<SessionRow> = rows.filter(fits).filter(behind).collect();
            rows.sort_by_cached_key(|row| Reverse(row.session.clone()));
            rows.truncate(query.limit as usize);
            rows
        })
    }

    fn closures(
        &self,
        from: Wall,
        _until: Wall,
        bucket_ms: u64,
    ) -> Answer<'_, Result<Vec<Closure>, Refusal>> {
        self.read(|_| {
            let closure = |n: u64, reason, count| Closure {
                from: from.after(n * bucket_ms),
                reason,
                count,
                duration_ms: 10 * count,
            };
            vec![
                closure(0, EndReason::Abandoned, 1),
                closure(0, EndReason::Completed, 4),
                closure(2, EndReason::Completed, 2),
            ]
        })
    }

    fn log(
        &self,
        wanted: SessionId,
        after: Seq,
        limit_bytes: usize,
    ) -> Answer<'_, Result<Vec<EventRow>, Refusal>> {
        self.read(|world| {
            let mut left = limit_bytes;
            let fits = |row: &EventRow| {
                let room = left > 0;
                left = left.saturating_sub(row.body.len());
                room
            };
            let all = world.events.iter().filter(|(id, _)| *id == wanted);
            let rows = all.map(|(_, row)| row.clone());
            rows.filter(|row| row.seq > after)
                .take_while(fits)
                .collect()
        })
    }

    fn story(&self, wanted: SessionId) -> Answer<'_, Result<Option<Story>, Refusal>> {
        self.read(|world| {
            let known = world.sessions.iter().any(|one| one.row.session == wanted);
            known.then(|| Story {
                lines: vec![StoryLine {
                    at: NOW,
                    what: "joined".to_owned(),
                    seq: None,
                    user_id: Some(user("ana")),
                    detail: "candidate".to_owned(),
                }],
                truncated: false,
            })
        })
    }

    fn active_stats(&self) -> Answer<'_, Result<ActiveStats, Refusal>> {
        self.read(|world| ActiveStats {
            rows: world.active.len() as u64,
            oldest_age_ms: Some(9),
        })
    }
}

fn job(session: &SessionId, made: bool) -> ReportJob {
    let (state, error) = match made {
        true => (JobState::Done, None),
        false => (JobState::Failed, Some("store_unavailable".into())),
    };
    ReportJob {
        session: session.clone(),
        state,
        attempts: 5 * u32::from(!made),
        error,
        due_at: NOW,
        changed_at: NOW,
    }
}

impl Office for Fake {
    fn revoke(&self, subject: Subject, by: String) -> Answer<'_, Result<RevokeDone, Refusal>> {
        let row = RevocationRow {
            kind: subject.kind,
            subject: subject.id,
            before: NOW,
            by,
        };
        self.0.lock().unwrap().revocations.push(row.clone());
        at_once(Ok(RevokeDone { row, ended: None }))
    }

    fn unrevoke(&self, subject: Subject) -> Answer<'_, Result<bool, Refusal>> {
        let rows = &mut self.0.lock().unwrap().revocations;
        let had = rows.len();
        rows.retain(|row| (row.kind, &row.subject) != (subject.kind, &subject.id));
        at_once(Ok(rows.len() < had))
    }

    fn revocations(&self) -> Answer<'_, Result<Vec<RevocationRow>, Refusal>> {
        self.read(|world| world.revocations.clone())
    }

    fn deliveries(&self, filter: DeliveryFilter) -> Answer<'_, Result<Vec<DeliveryRow>, Refusal>> {
        self.read(|world| {
            let fits = |row: &&DeliveryRow| filter.state.is_none_or(|state| row.state == state);
            let place = |row: &DeliveryRow| (row.created_at, row.id.clone(), row.endpoint.clone());
            let behind =
                |row: &&DeliveryRow| filter.after.as_ref().is_none_or(|at| place(row) < *at);
            let rows = { world.deliveries.iter() }
                .filter(fits)
                .filter(behind)
                .cloned();
            rows.take(filter.limit as usize).collect()
        })
    }
}

/// A session that a join has just made: it runs, and the records do not know it yet.
pub(super) const FRESH: &str = "fresh";

pub(super) fn user(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

pub(super) fn id(text: &str) -> SessionId {
    SessionId::parse(text).unwrap()
}

pub(super) fn record(name: &str, status: Status, people: &[(&str, Role)]) -> SessionRecord {
    let candidate = people.iter().find(|(_, role)| *role == Role::Candidate);
    let row = SessionRow {
        session: id(name),
        status,
        reason: (status == Status::Ended).then_some(EndReason::Completed),
        ended_by: None,
        candidate: candidate.map(|(name, _)| user(name)),
        title: "Backend".into(),
        snapshot: "{}".into(),
        epoch: Epoch(1),
        seq: Seq(0),
        created_at: NOW,
        started_at: (status != Status::Scheduled).then_some(NOW),
        ended_at: (status == Status::Ended).then_some(NOW),
        duration_ms: None,
        deadline_at: (status != Status::Ended).then_some(NOW.after(60_000)),
        last_activity_at: NOW,
    };
    let participants = people
        .iter()
        .zip(0..)
        .map(|((name, role), number)| ParticipantRow {
            user: user(name),
            participant: Participant(number),
            role: *role,
            generation: Generation(1),
            joined_at: Some(NOW),
            key: None,
            away_since: None,
            seated: true,
        })
        .collect();
    SessionRecord {
        row,
        participants,
        plan: None,
        questions: (1, 3),
    }
}

/// The router over a world, and the tokens to ask it with.
pub(super) struct Bench {
    pub(super) world: Arc<Mutex<World>>,
    router: Router,
    verifier: Arc<Verifier>,
    pub(super) guard: Arc<Guard>,
}

/// `s1` runs with ana, ivo and olga; `done` is over and has a report.
pub(super) fn bench() -> Bench {
    let people = [
        ("ana", Role::Candidate),
        ("ivo", Role::Interviewer),
        ("olga", Role::Observer),
    ];
    let fake = Fake::default();
    {
        let mut world = fake.0.lock().unwrap();
        world.sessions.push(record("s1", Status::Active, &people));
        world.sessions.push(record("done", Status::Ended, &people));
        let report = include_str!("../../../../coach/tests/golden/interview.json");
        world.reports.push((id("done"), report.into()));
        let active = ActiveRecord {
            session: id("s1"),
            status: Status::Active,
            created_at: NOW,
        };
        world.active.push((user("ana"), active));
    }
    let shelf = Shelf::new(coach::plan::Bank::builtin());
    fake.0.lock().unwrap().plans = Some(Arc::clone(&shelf));
    let secret = "a-secret-of-forty-bytes-for-tests-only!!";
    let verifier = Arc::new(Verifier::new(AuthSettings::with_secret(secret)));
    let keys = ApiKeys::new(&[Secret::new(API_KEY.to_owned())]);
    let guard = Arc::new(Guard::with_keys(Arc::clone(&verifier), keys));
    let router = build(Api {
        handle: Arc::new(fake.clone()),
        records: Arc::new(fake.clone()),
        office: Arc::new(fake.clone()),
        verifier: Arc::clone(&verifier),
        guard: Arc::clone(&guard),
        origins: Origins::new([FRONT]),
        plans: shelf,
        clock: || NOW,
        new_id: || "made-by-the-server".to_owned(),
    });
    Bench {
        world: fake.0,
        router,
        verifier,
        guard,
    }
}

impl Bench {
    /// A token: `ana`, `ivo:interviewer`, `root:admin`, `guest:observer@s1`.
    pub(super) fn token(&self, who: &str) -> String {
        let (who, session) = who
            .split_once('@')
            .map_or((who, None), |(w, s)| (w, Some(id(s))));
        let (name, role) = who.split_once(':').unwrap_or((who, ""));
        let role = TokenRole::parse(role);
        let claims = Claims {
            role,
            session,
            ..Claims::of(user(name))
        };
        self.verifier.issue(&claims, NOW).unwrap()
    }

    /// `who` asks: a line like `POST /api/sessions`, and a body.
    pub(super) async fn ask(&self, who: &str, line: &str, body: &str) -> (u16, Value) {
        let bearer = format!("Bearer {}", self.token(who));
        let response = self.raw(line, &[("authorization", &bearer)], body).await;
        let status = response.status().as_u16();
        (status, json(response).await)
    }

    /// Asks with these headers.
    pub(super) async fn raw(
        &self,
        line: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response<Body> {
        let (method, uri) = line.split_once(' ').unwrap();
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header("host", "h:8080");
        for (name, value) in headers {
            match *name {
                "peer" => {
                    request = request.extension(Peer(value.parse().unwrap()));
                }
                name => request = request.header(name, *value),
            }
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        as_described(&method, &path, response).await
    }
}

/// Every answer any test gets is compared with what its route is described to answer.
async fn as_described(method: &Method, path: &str, response: Response<Body>) -> Response<Body> {
    // Preflights are the layer's business; see `cors`.
    let by_layer = method == Method::OPTIONS;
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 22).await.unwrap();
    let media = parts
        .headers
        .get("content-type")
        .map(|kind| kind.to_str().unwrap());
    let checked = check_answer(&routes(), method, path, parts.status, media, &bytes);
    if let Err(mismatch) = checked
        && !by_layer
        && !(method == Method::HEAD && bytes.is_empty())
    {
        panic!("{mismatch}: {}", String::from_utf8_lossy(&bytes));
    }
    Response::from_parts(parts, Body::from(bytes))
}

pub(super) async fn text(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 22)
        .await
        .unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(super) async fn json(response: Response<Body>) -> Value {
    let text = text(response).await;
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
