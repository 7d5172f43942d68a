//! The operator's tables, on memory and SQLite alike.

use protocol::record::Saved;
use protocol::time::Wall;
use protocol::value::{EndReason, Status};

use super::{NOW, Rig, end, save, sid, start};
use crate::desk::{
    ApiKeyRow, DeliveryFilter, DeliveryRow, HookKind, HookState, RevocationRow, Revokes,
};
use crate::rows::Forgotten;
use crate::sqlite::DeskFile;

fn rigs() -> [Rig; 2] {
    [
        Rig::memory(),
        Rig::sqlite_with(|config| config.hooks = true),
    ]
}

fn key(id: &str, at: i64) -> ApiKeyRow {
    ApiKeyRow {
        id: id.to_owned(),
        name: format!("the key {id}"),
        hash: format!("hash-of-{id}"),
        created_at: NOW.after(at.unsigned_abs()),
        revoked_at: None,
    }
}

#[test]
fn api_keys_are_kept_listed_and_revoked_once() {
    for rig in rigs() {
        let store = rig.store();
        assert!(store.add_api_key(key("b", 2)).unwrap());
        assert!(store.add_api_key(key("a", 1)).unwrap());
        assert!(!store.add_api_key(key("a", 3)).unwrap());
        assert_eq!(store.api_keys().unwrap(), [key("a", 1), key("b", 2)]);
        assert!(store.revoke_api_key("a", NOW).unwrap());
        assert!(!store.revoke_api_key("a", NOW).unwrap());
        assert!(!store.revoke_api_key("x", NOW).unwrap());
        assert_eq!(store.api_keys().unwrap()[0].revoked_at, Some(NOW));
    }
}

#[test]
fn of_two_revocations_of_one_subject_the_later_moment_counts_and_there_is_a_bound() {
    let row = |kind, subject: &str, before| RevocationRow {
        kind,
        subject: subject.to_owned(),
        before: Wall(before),
        by: "root".to_owned(),
    };
    for rig in rigs() {
        let store = rig.store();
        assert!(store.revoke(row(Revokes::User, "ana", 20), 2).unwrap());
        assert!(store.revoke(row(Revokes::User, "ana", 10), 2).unwrap());
        assert!(store.revoke(row(Revokes::Session, "ana", 5), 2).unwrap());
        assert!(!store.revoke(row(Revokes::User, "ivo", 5), 2).unwrap());
        let all = [
            row(Revokes::Session, "ana", 5),
            row(Revokes::User, "ana", 20),
        ];
        assert_eq!(store.revocations().unwrap(), all);
        assert!(store.unrevoke(Revokes::User, "ana").unwrap());
        assert!(!store.unrevoke(Revokes::User, "ana").unwrap());
        assert_eq!(store.revocations().unwrap().len(), 1);
    }
}

#[test]
fn start_end_and_report_of_a_session_are_noted_once_with_the_commit_that_holds_them() {
    for rig in rigs() {
        let store = rig.store();
        let mut scheduled = save("s1", "ana", 0);
        scheduled.row.status = Status::Scheduled;
        scheduled.row.started_at = None;
        assert!(matches!(rig.save(&scheduled), Saved::Committed(_)));
        assert!(store.hook_events(10).unwrap().is_empty(), "it is scheduled");
        let start = start("s1", "ana");
        let end = end("s1", "ana", 2, EndReason::Completed);
        for step in [&start, &start, &end, &end] {
            assert!(matches!(rig.save(step), Saved::Committed(_)));
        }
        let events = store.hook_events(10).unwrap();
        let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
        assert_eq!(
            kinds,
            [HookKind::Started, HookKind::Ended, HookKind::Report]
        );
        assert!(events.windows(2).all(|two| two[0].place < two[1].place));
        assert_eq!(store.hook_events(2).unwrap(), events[..2]);
    }
}

#[test]
fn with_the_records_of_a_session_go_what_was_told_of_it_and_what_was_not_yet() {
    for rig in rigs() {
        let store = rig.store();
        rig.save(&start("s1", "ana"));
        rig.save(&end("s1", "ana", 2, EndReason::Completed));
        let rows = vec![delivery("m1", "a", 1)];
        store.queue_deliveries(0, rows, 100).unwrap();
        assert_eq!(store.hook_events(10).unwrap().len(), 3);
        assert_eq!(store.forget(&sid("s1"), NOW).unwrap(), Forgotten::Done);
        assert!(store.hook_events(10).unwrap().is_empty());
        let all = DeliveryFilter {
            limit: 10,
            ..DeliveryFilter::default()
        };
        assert!(store.deliveries(&all).unwrap().is_empty());
    }
}

#[test]
fn without_webhooks_nothing_is_noted() {
    let rig = Rig::sqlite();
    assert!(matches!(rig.save(&start("s1", "ana")), Saved::Committed(_)));
    assert!(rig.store().hook_events(10).unwrap().is_empty());
}

fn delivery(id: &str, endpoint: &str, at: u64) -> DeliveryRow {
    DeliveryRow {
        id: id.to_owned(),
        endpoint: endpoint.to_owned(),
        kind: HookKind::Ended,
        session: sid("s1"),
        body: "{}".into(),
        created_at: NOW.after(at),
        state: HookState::Waiting,
        attempts: 0,
        next_at: NOW.after(at),
        status: None,
        error: None,
    }
}

#[test]
fn deliveries_wait_their_time_and_keep_how_they_stand() {
    for rig in rigs() {
        let store = rig.store();
        let rows = vec![
            delivery("m1", "a", 1),
            delivery("m1", "b", 1),
            delivery("m2", "a", 5),
        ];
        assert_eq!(store.queue_deliveries(0, rows.clone(), 100).unwrap(), 0);
        assert_eq!(store.queue_deliveries(0, rows.clone(), 100).unwrap(), 0);
        let due = |at| store.due_deliveries("a", NOW.after(at), 10).unwrap();
        assert!(due(0).is_empty());
        assert_eq!(due(1), [rows[0].clone()]);
        assert_eq!(due(9), [rows[0].clone(), rows[2].clone()]);
        let tried = DeliveryRow {
            attempts: 1,
            next_at: NOW.after(100),
            status: Some(503),
            error: Some("503".to_owned()),
            ..rows[0].clone()
        };
        store.delivery_done(tried.clone()).unwrap();
        assert_eq!(due(9), [rows[2].clone()]);
        assert_eq!(due(100), [rows[2].clone(), tried.clone()]);
        let done = DeliveryRow {
            state: HookState::Delivered,
            ..tried
        };
        store.delivery_done(done.clone()).unwrap();
        assert_eq!(due(100), [rows[2].clone()]);

        let all = |filter| store.deliveries(&filter).unwrap();
        let page = |after, limit| DeliveryFilter {
            after,
            limit,
            ..DeliveryFilter::default()
        };
        assert_eq!(
            all(page(None, 10)),
            [rows[2].clone(), rows[1].clone(), done.clone()]
        );
        let after = Some((rows[2].created_at, "m2".to_owned(), "a".to_owned()));
        assert_eq!(all(page(after, 1)), [rows[1].clone()]);
        let delivered = DeliveryFilter {
            state: Some(HookState::Delivered),
            session: Some(sid("s1")),
            limit: 10,
            after: None,
        };
        assert_eq!(all(delivered), [done]);
        let other = DeliveryFilter {
            session: Some(sid("s2")),
            limit: 10,
            ..DeliveryFilter::default()
        };
        assert!(all(other).is_empty());
    }
}

#[test]
fn too_many_waiting_deliveries_give_up_the_oldest_and_old_ones_are_trimmed() {
    for rig in rigs() {
        let store = rig.store();
        let rows = (0..5).map(|n| delivery(&format!("m{n}"), "a", n)).collect();
        assert_eq!(store.queue_deliveries(0, rows, 3).unwrap(), 2);
        let failed = DeliveryFilter {
            state: Some(HookState::Failed),
            limit: 10,
            ..DeliveryFilter::default()
        };
        let given_up = store.deliveries(&failed).unwrap();
        let ids: Vec<_> = given_up.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids, ["m1", "m0"]);
        assert_eq!(store.trim_deliveries(NOW.after(1), 10).unwrap(), 1);
        assert_eq!(store.trim_deliveries(NOW, 0).unwrap(), 1);
        assert_eq!(
            store.due_deliveries("a", NOW.after(9), 10).unwrap().len(),
            3
        );
    }
}

#[test]
fn a_command_beside_a_running_server_writes_keys_the_server_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.db");
    let first = DeskFile::open(&path).unwrap();
    assert!(first.add_api_key(&key("early", 1)).unwrap());
    drop(first);
    let rig = Rig::sqlite_in(folder, "b1", |_| {});
    let beside = DeskFile::open(&path).unwrap();
    assert!(beside.add_api_key(&key("late", 2)).unwrap());
    let ids: Vec<_> = rig.store().api_keys().unwrap();
    assert_eq!(ids, [key("early", 1), key("late", 2)]);
    assert!(beside.revoke_api_key("early", NOW).unwrap());
    assert_eq!(rig.store().api_keys().unwrap()[0].revoked_at, Some(NOW));
}
