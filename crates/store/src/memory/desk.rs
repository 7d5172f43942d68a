//! The operator's tables in memory: the same answers as SQLite's, gone with the process.

use std::collections::{BTreeMap, VecDeque};

use protocol::id::SessionId;
use protocol::record::Save;
use protocol::time::Wall;
use protocol::value::Status;

use crate::desk::{
    ApiKeyRow, DeliveryFilter, DeliveryRow, HookEventRow, HookState, RevocationRow, Revokes,
    worth_telling,
};
use crate::rows::PAGE_ROWS_MAX;

/// Events that may wait; nobody reads them where webhooks are off.
const EVENTS_MAX: usize = 10_000;

/// The tables.
#[derive(Debug, Default)]
pub(crate) struct DeskTables {
    keys: Vec<ApiKeyRow>,
    revocations: BTreeMap<(Revokes, String), RevocationRow>,
    events: VecDeque<HookEventRow>,
    last_place: u64,
    deliveries: BTreeMap<(String, String), DeliveryRow>,
}

impl DeskTables {
    pub(crate) fn api_keys(&self) -> Vec<ApiKeyRow> {
        let mut keys = self.keys.clone();
        keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        keys
    }

    pub(crate) fn add_api_key(&mut self, key: ApiKeyRow) -> bool {
        let known = |k: &ApiKeyRow| k.id == key.id || k.hash == key.hash;
        if self.keys.iter().any(known) {
            return false;
        }
        self.keys.push(key);
        true
    }

    pub(crate) fn revoke_api_key(&mut self, id: &str, now: Wall) -> bool {
        let mut found = self.keys.iter_mut();
        match found.find(|key| key.id == id && key.revoked_at.is_none()) {
            Some(key) => {
                key.revoked_at = Some(now);
                true
            }
            None => false,
        }
    }

    pub(crate) fn revocations(&self) -> Vec<RevocationRow> {
        let mut rows: Vec<_> = self.revocations.values().cloned().collect();
        rows.sort_by(|a, b| (a.kind.as_str(), &a.subject).cmp(&(b.kind.as_str(), &b.subject)));
        rows
    }

    pub(crate) fn revoke(&mut self, row: RevocationRow, most: u32) -> bool {
        let key = (row.kind, row.subject.clone());
        let known = self.revocations.get(&key).map(|row| row.before);
        if known.is_none() && self.revocations.len() >= most as usize {
            return false;
        }
        let before = known.map_or(row.before, |known| known.max(row.before));
        self.revocations
            .insert(key, RevocationRow { before, ..row });
        true
    }

    pub(crate) fn unrevoke(&mut self, kind: Revokes, subject: &str) -> bool {
        let key = (kind, subject.to_owned());
        self.revocations.remove(&key).is_some()
    }

    pub(crate) fn note(&mut self, save: &Save, before: Option<(Status, bool)>) {
        for kind in worth_telling(save, before) {
            self.last_place += 1;
            self.events.push_back(HookEventRow {
                place: self.last_place,
                session: save.session.clone(),
                kind,
                at: save.row.last_activity_at,
            });
        }
        while self.events.len() > EVENTS_MAX {
            self.events.pop_front();
        }
    }

    pub(crate) fn hook_events(&self, limit: u32) -> Vec<HookEventRow> {
        self.events.iter().take(limit as usize).cloned().collect()
    }

    pub(crate) fn queue_deliveries(&mut self, upto: u64, rows: Vec<DeliveryRow>, most: u32) -> u64 {
        for row in rows {
            let key = (row.id.clone(), row.endpoint.clone());
            self.deliveries.entry(key).or_insert(row);
        }
        self.events.retain(|event| event.place > upto);
        let mut waiting: Vec<_> = self.deliveries.values_mut().collect();
        waiting.retain(|row| row.state == HookState::Waiting);
        waiting.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        let beyond = waiting.into_iter().skip(most as usize);
        let mut given_up = 0;
        for row in beyond {
            row.state = HookState::Failed;
            row.error = Some("too many were waiting".to_owned());
            given_up += 1;
        }
        given_up
    }

    pub(crate) fn due_deliveries(&self, endpoint: &str, now: Wall, limit: u32) -> Vec<DeliveryRow> {
        let due = |row: &&DeliveryRow| {
            row.state == HookState::Waiting && row.endpoint == endpoint && row.next_at <= now
        };
        let mut found: Vec<_> = self.deliveries.values().filter(due).cloned().collect();
        found.sort_by(|a, b| {
            (a.next_at, a.created_at, &a.id).cmp(&(b.next_at, b.created_at, &b.id))
        });
        found.truncate(limit as usize);
        found
    }

    pub(crate) fn delivery_done(&mut self, row: DeliveryRow) {
        let key = (row.id.clone(), row.endpoint.clone());
        if let Some(known) = self.deliveries.get_mut(&key) {
            known.state = row.state;
            known.attempts = row.attempts;
            known.next_at = row.next_at;
            known.status = row.status;
            known.error = row.error;
        }
    }

    pub(crate) fn deliveries(&self, filter: &DeliveryFilter) -> Vec<DeliveryRow> {
        let place = |row: &DeliveryRow| (row.created_at, row.id.clone(), row.endpoint.clone());
        let fits = |row: &&DeliveryRow| {
            filter.session.as_ref().is_none_or(|id| row.session == *id)
                && filter.state.is_none_or(|state| row.state == state)
                && filter
                    .after
                    .as_ref()
                    .is_none_or(|after| place(row) < *after)
        };
        let mut found: Vec<_> = self.deliveries.values().filter(fits).cloned().collect();
        found.sort_by_key(|row| std::cmp::Reverse(place(row)));
        found.truncate(filter.limit.min(PAGE_ROWS_MAX) as usize);
        found
    }

    /// Nothing of this session is kept.
    pub(crate) fn forget(&mut self, session: &SessionId) {
        self.events.retain(|event| event.session != *session);
        self.deliveries.retain(|_, row| row.session != *session);
    }

    pub(crate) fn trim_deliveries(&mut self, before: Wall, most: u32) -> u64 {
        let had = self.deliveries.len();
        let over = |row: &DeliveryRow| row.state != HookState::Waiting;
        self.deliveries
            .retain(|_, row| !over(row) || row.created_at >= before);
        let mut rows: Vec<_> = self.deliveries.values().filter(|row| over(row)).collect();
        rows.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        let beyond = rows.into_iter().skip(most as usize);
        let beyond: Vec<_> = beyond
            .map(|row| (row.id.clone(), row.endpoint.clone()))
            .collect();
        for key in beyond {
            self.deliveries.remove(&key);
        }
        (had - self.deliveries.len()) as u64
    }
}
