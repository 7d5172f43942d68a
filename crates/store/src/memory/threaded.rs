//! The tables in memory behind the same interface as SQLite, for a server without a disk and for
//! tests of what stands on [`Store`]. One thread answers, as with SQLite.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use protocol::id::{BootId, EffectId, Seq, SessionId, UserId};
use protocol::record::{
    AnswerRow, EventRow, HappeningRow, Loaded, ParticipantRow, Save, Saved, SessionRow,
};
use protocol::time::{Now, Wall};

use super::Tables;
use super::desk::DeskTables;
use crate::desk::{
    ApiKeyRow, DeliveryFilter, DeliveryRow, Desk, HookEventRow, RevocationRow, Revokes,
};
use crate::metrics::Metrics;
use crate::rows::{
    ActiveRow, ActiveRows, Adopted, EndBucket, EndCounts, Filter, Forgotten, Health, Kind, Page,
    Reaped, SpokenRow, Trace,
};
use crate::{Callbacks, Coaching as _, Store, StoreError};

#[derive(Default)]
struct Queue {
    saves: HashMap<SessionId, (EffectId, Save, Instant)>,
    order: VecDeque<SessionId>,
    outside: Vec<(SessionId, Wall)>,
    stop: bool,
}

struct Shared {
    tables: Mutex<Tables>,
    desk: Mutex<DeskTables>,
    queue: Mutex<Queue>,
    wake: Condvar,
    metrics: Metrics,
    saves_max: usize,
}

/// The records in memory, gone with the process.
pub struct Memory {
    shared: Arc<Shared>,
    boot: BootId,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Memory {
    /// Starts with these tables; at most `saves_max` sessions wait at once.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn open(
        tables: Tables,
        saves_max: usize,
        boot: BootId,
        now: Wall,
        callbacks: Callbacks,
    ) -> Result<Self, StoreError> {
        let mut tables = tables;
        // There is no other process that could judge this one, so its lease lasts.
        tables.register(&boot, now, Wall(i64::MAX));
        let shared = Arc::new(Shared {
            tables: Mutex::new(tables),
            desk: Mutex::default(),
            queue: Mutex::default(),
            wake: Condvar::new(),
            metrics: Metrics::default(),
            saves_max,
        });
        let (of_thread, boot_of_thread) = (Arc::clone(&shared), boot.clone());
        let thread = std::thread::Builder::new()
            .name("store-memory".to_owned())
            .spawn(move || run(&of_thread, &boot_of_thread, &callbacks))
            .map_err(StoreError::Io)?;
        Ok(Self {
            shared,
            boot,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Ends a session as another program would (S8).
    pub fn end_from_outside(&self, session: &SessionId, now: Wall) {
        self.shared
            .queue
            .lock()
            .outside
            .push((session.clone(), now));
        self.shared.wake.notify_one();
    }

    /// The boot it was opened for.
    pub fn boot(&self) -> &BootId {
        &self.boot
    }

    /// What lies on the operator's desk of a session that is forgotten.
    pub(super) fn forget_desk(&self, session: &SessionId) {
        self.shared.desk.lock().forget(session);
    }

    /// Looks at the tables or changes them behind the owner's back.
    pub fn with_tables<T>(&self, look: impl FnOnce(&mut Tables) -> T) -> T {
        look(&mut self.shared.tables.lock())
    }
}

fn run(shared: &Shared, boot: &BootId, callbacks: &Callbacks) {
    loop {
        let mut queue = shared.queue.lock();
        while queue.order.is_empty() && queue.outside.is_empty() && !queue.stop {
            shared.wake.wait(&mut queue);
        }
        let outside = std::mem::take(&mut queue.outside);
        let order = std::mem::take(&mut queue.order);
        let mut saves = std::mem::take(&mut queue.saves);
        let stop = queue.stop;
        drop(queue);

        let mut tables = shared.tables.lock();
        for (session, now) in outside {
            tables.end_from_outside(&session, now);
        }
        let mut answers = Vec::with_capacity(order.len());
        for session in order {
            let Some((id, save, since)) = saves.remove(&session) else {
                continue;
            };
            let starts = tables.starts();
            let before = tables.standing(&session);
            let saved = tables.apply(&save);
            // An older save of a session changes nothing, so it is no news either.
            if saved == Saved::Committed(save.row.seq) && tables.standing(&session) != before {
                shared.desk.lock().note(&save, before);
            }
            match saved {
                Saved::Committed(_) => {
                    shared
                        .metrics
                        .saved(since.elapsed(), tables.starts() > starts);
                }
                Saved::Temporary => Metrics::count(&shared.metrics.saves_temporary),
                Saved::Rejected => Metrics::count(&shared.metrics.saves_rejected),
                Saved::Fenced => Metrics::count(&shared.metrics.saves_fenced),
                Saved::ActiveElsewhere(_) => {}
            }
            answers.push((id, session, saved));
        }
        let foreign = tables.ended_elsewhere(boot);
        drop(tables);
        for session in foreign {
            Metrics::count(&shared.metrics.ended_elsewhere);
            (callbacks.foreign_end)(session);
        }
        if !answers.is_empty() {
            Metrics::count(&shared.metrics.commits);
            (callbacks.saved)(answers);
        }
        if stop {
            return;
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.shutdown(Duration::ZERO);
    }
}

impl Store for Memory {
    fn submit(&self, id: EffectId, save: Save) -> Result<(), Saved> {
        let mut queue = self.shared.queue.lock();
        let session = save.session.clone();
        let waits = queue.saves.contains_key(&session);
        if queue.stop || (!waits && queue.saves.len() >= self.shared.saves_max) {
            Metrics::count(&self.shared.metrics.saves_temporary);
            return Err(Saved::Temporary);
        }
        let since = queue
            .saves
            .get(&session)
            .map_or_else(Instant::now, |(_, _, since)| *since);
        queue.saves.insert(session.clone(), (id, save, since));
        if waits {
            Metrics::count(&self.shared.metrics.saves_replaced);
        } else {
            queue.order.push_back(session);
        }
        drop(queue);
        self.shared.wake.notify_one();
        Ok(())
    }

    fn find(&self, sessions: &[SessionId]) -> Result<Vec<Trace>, StoreError> {
        let tables = self.shared.tables.lock();
        Ok(sessions.iter().map(|s| tables.find(s)).collect())
    }

    fn load(&self, session: &SessionId) -> Result<Option<Loaded>, StoreError> {
        Ok(self.shared.tables.lock().load(session))
    }

    fn session_row(&self, session: &SessionId) -> Result<Option<SessionRow>, StoreError> {
        Ok(self.shared.tables.lock().session_row(session))
    }

    fn log(
        &self,
        session: &SessionId,
        after: Seq,
        limit_bytes: usize,
    ) -> Result<Vec<EventRow>, StoreError> {
        Ok(self.shared.tables.lock().log(session, after, limit_bytes))
    }

    fn active_of(&self, user: &UserId) -> Result<Option<ActiveRow>, StoreError> {
        Ok(self.shared.tables.lock().active_of(user))
    }

    fn participants(&self, session: &SessionId) -> Result<Vec<ParticipantRow>, StoreError> {
        Ok(self.shared.tables.lock().participants(session))
    }

    fn answers(&self, session: &SessionId) -> Result<Vec<AnswerRow>, StoreError> {
        Ok(self.shared.tables.lock().answers(session))
    }

    fn segments(&self, session: &SessionId) -> Result<Vec<SpokenRow>, StoreError> {
        Ok(self.shared.tables.lock().segments(session))
    }

    fn report(&self, session: &SessionId) -> Result<Option<Arc<str>>, StoreError> {
        Ok(self.shared.tables.lock().report(session))
    }

    fn list_sessions(&self, filter: &Filter, page: &Page) -> Result<Vec<SessionRow>, StoreError> {
        Ok(self.shared.tables.lock().list_sessions(filter, page))
    }

    fn unfinished_of_other_boots(
        &self,
        boot: &BootId,
        now: Wall,
        limit: u32,
    ) -> Result<Vec<SessionId>, StoreError> {
        Ok(self
            .shared
            .tables
            .lock()
            .unfinished_of_other_boots(boot, now, limit))
    }

    fn overdue(&self, now: Wall, limit: u32) -> Result<Vec<SessionId>, StoreError> {
        Ok(self.shared.tables.lock().overdue(now, limit))
    }

    fn active_rows(&self, now: Wall) -> Result<ActiveRows, StoreError> {
        Ok(self.shared.tables.lock().active_rows(now))
    }

    fn ends_by_reason(&self, from: Wall, until: Wall) -> Result<EndCounts, StoreError> {
        Ok(self.shared.tables.lock().ends_by_reason(from, until))
    }

    fn health(&self) -> Health {
        Health {
            readable: true,
            writable: !self.shared.queue.lock().stop,
        }
    }

    fn adopt(
        &self,
        session: &SessionId,
        boot: &BootId,
        now: Now,
    ) -> Result<Option<Adopted>, StoreError> {
        Ok(self.shared.tables.lock().adopt(session, boot, now))
    }

    fn adopt_running(
        &self,
        boot: &BootId,
        now: Now,
        limit: u32,
    ) -> Result<Vec<(SessionId, Adopted)>, StoreError> {
        Ok(self.shared.tables.lock().adopt_running(boot, now, limit))
    }

    fn clear_active(&self, user: &UserId) -> Result<bool, StoreError> {
        Ok(self.shared.tables.lock().clear_active(user))
    }

    fn reap_active(&self, now: Wall, age_ms: u64) -> Result<Reaped, StoreError> {
        let done = self.shared.tables.lock().reap_active(now, age_ms);
        let reaped = &self.shared.metrics.active_rows_reaped;
        reaped.fetch_add(done.gone, std::sync::atomic::Ordering::Relaxed);
        Ok(done)
    }

    fn happenings(&self, session: &SessionId) -> Result<Vec<HappeningRow>, StoreError> {
        Ok(self.shared.tables.lock().happenings(session))
    }

    fn ends_over_time(
        &self,
        from: Wall,
        until: Wall,
        bucket_ms: u64,
    ) -> Result<Vec<EndBucket>, StoreError> {
        let tables = self.shared.tables.lock();
        Ok(tables.ends_over_time(from, until, bucket_ms))
    }

    fn forget(&self, session: &SessionId, now: Wall) -> Result<Forgotten, StoreError> {
        self.forget_kind(session, Kind::Everything, now)
    }

    fn purge(
        &self,
        kind: Kind,
        before: Wall,
        limit: u32,
        now: Wall,
    ) -> Result<Vec<SessionId>, StoreError> {
        let gone = self.shared.tables.lock().purge(kind, before, limit, now);
        if kind == Kind::Everything {
            gone.iter().for_each(|session| self.forget_desk(session));
        }
        Ok(gone)
    }

    fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    fn shutdown(&self, _within: Duration) -> bool {
        self.shared.queue.lock().stop = true;
        self.shared.wake.notify_one();
        let thread = self.thread.lock().take();
        thread.is_none_or(|thread| thread.join().is_ok())
    }
}

impl Desk for Memory {
    fn api_keys(&self) -> Result<Vec<ApiKeyRow>, StoreError> {
        Ok(self.shared.desk.lock().api_keys())
    }

    fn add_api_key(&self, key: ApiKeyRow) -> Result<bool, StoreError> {
        Ok(self.shared.desk.lock().add_api_key(key))
    }

    fn revoke_api_key(&self, id: &str, now: Wall) -> Result<bool, StoreError> {
        Ok(self.shared.desk.lock().revoke_api_key(id, now))
    }

    fn revocations(&self) -> Result<Vec<RevocationRow>, StoreError> {
        Ok(self.shared.desk.lock().revocations())
    }

    fn revoke(&self, row: RevocationRow, most: u32) -> Result<bool, StoreError> {
        Ok(self.shared.desk.lock().revoke(row, most))
    }

    fn unrevoke(&self, kind: Revokes, subject: &str) -> Result<bool, StoreError> {
        Ok(self.shared.desk.lock().unrevoke(kind, subject))
    }

    fn hook_events(&self, limit: u32) -> Result<Vec<HookEventRow>, StoreError> {
        Ok(self.shared.desk.lock().hook_events(limit))
    }

    fn queue_deliveries(
        &self,
        upto: u64,
        rows: Vec<DeliveryRow>,
        most: u32,
    ) -> Result<u64, StoreError> {
        Ok(self.shared.desk.lock().queue_deliveries(upto, rows, most))
    }

    fn due_deliveries(
        &self,
        endpoint: &str,
        now: Wall,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>, StoreError> {
        Ok(self.shared.desk.lock().due_deliveries(endpoint, now, limit))
    }

    fn delivery_done(&self, row: DeliveryRow) -> Result<(), StoreError> {
        self.shared.desk.lock().delivery_done(row);
        Ok(())
    }

    fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<DeliveryRow>, StoreError> {
        Ok(self.shared.desk.lock().deliveries(filter))
    }

    fn trim_deliveries(&self, before: Wall, most: u32) -> Result<u64, StoreError> {
        Ok(self.shared.desk.lock().trim_deliveries(before, most))
    }
}
