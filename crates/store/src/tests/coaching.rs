//! The desk: plans, scoring keys, report jobs and deletion by id, on both implementations.

use protocol::id::PlanId;
use protocol::record::{JobState, ReportJob, Save, Saved};
use protocol::value::{EndReason, Status};

use super::conformance::full;
use super::{NOW, Rig, end, sid, start};
use crate::rows::{Forgotten, Kind};

fn both(check: impl Fn(&Rig)) {
    check(&Rig::memory());
    check(&Rig::sqlite());
}

fn committed(rig: &Rig, save: &Save) {
    assert!(matches!(rig.save(save), Saved::Committed(_)));
}

/// A session that was active and has ended, without a report.
fn ended(rig: &Rig, session: &str, user: &str) {
    committed(rig, &start(session, user));
    let mut last = end(session, user, 2, EndReason::Completed);
    last.report = None;
    last.row.started_at = Some(NOW);
    committed(rig, &last);
}

fn state(rig: &Rig, session: &str) -> Option<JobState> {
    rig.store()
        .report_job(&sid(session))
        .unwrap()
        .map(|job| job.state)
}

#[test]
fn plans_are_put_replaced_and_taken_out() {
    both(|rig| {
        let store = rig.store();
        let id = PlanId::parse("mine").unwrap();
        store.put_plan(&id, Some("one"), NOW).unwrap();
        store.put_plan(&id, Some("two"), NOW.after(1)).unwrap();
        let row = store.plans().unwrap().remove(0);
        assert_eq!(
            (row.plan, row.body.as_deref(), row.changed_at),
            (id.clone(), Some("two"), NOW.after(1))
        );
        store.put_plan(&id, None, NOW.after(2)).unwrap();
        assert_eq!(store.plans().unwrap()[0].body, None);
    });
}

#[test]
fn a_scoring_key_keeps_the_text_it_came_with() {
    both(|rig| {
        let store = rig.store();
        let key = |body: &str| [("k1".to_owned(), body.to_owned())];
        store.put_scorings(&key("{}")).unwrap();
        store.put_scorings(&key("[]")).unwrap();
        assert_eq!(store.scoring("k1").unwrap().as_deref(), Some("{}"));
        assert_eq!(store.scoring("k2").unwrap(), None);
    });
}

#[test]
fn an_end_with_its_report_leaves_nothing_to_do_and_one_without_is_due() {
    both(|rig| {
        let store = rig.store();
        committed(rig, &start("s1", "ana"));
        let mut last = end("s1", "ana", 2, EndReason::Completed);
        last.row.started_at = Some(NOW);
        last.report = Some("{}".into());
        committed(rig, &last);
        assert_eq!(state(rig, "s1"), Some(JobState::Done));
        ended(rig, "s2", "bob");
        assert_eq!(state(rig, "s2"), Some(JobState::Queued));
        let later = NOW.after(1_000_000);
        let job = store
            .take_report_job(later, later.after(1))
            .unwrap()
            .unwrap();
        assert_eq!((job.session, job.attempts), (sid("s2"), 1));
        assert_eq!(store.take_report_job(later, later).unwrap(), None, "taken");
    });
}

#[test]
fn a_session_that_was_never_active_has_no_report_to_come() {
    both(|rig| {
        let mut last = end("s1", "ana", 2, EndReason::Expired);
        last.report = None;
        last.row.started_at = None;
        let mut made = start("s1", "ana");
        made.row.status = Status::Scheduled;
        made.row.started_at = None;
        made.active = protocol::record::ActiveChange::Keep;
        committed(rig, &made);
        committed(rig, &last);
        assert_eq!(state(rig, "s1"), None);
    });
}

#[test]
fn a_job_goes_from_hand_to_hand_only_when_its_lease_is_over() {
    both(|rig| {
        let store = rig.store();
        ended(rig, "s1", "ana");
        let now = NOW.after(1_000_000);
        let until = now.after(100);
        assert!(store.take_report_job(now, until).unwrap().is_some());
        assert_eq!(store.take_report_job(now.after(99), until).unwrap(), None);
        let again = store.take_report_job(until, until.after(100)).unwrap();
        assert_eq!(again.unwrap().attempts, 2);
    });
}

#[test]
fn a_report_is_made_once_and_a_second_one_changes_nothing() {
    both(|rig| {
        let store = rig.store();
        ended(rig, "s1", "ana");
        assert!(store.report_made(&sid("s1"), "{\"n\":1}", NOW).unwrap());
        assert!(store.report_made(&sid("s1"), "{\"n\":2}", NOW).unwrap());
        assert_eq!(
            store.report(&sid("s1")).unwrap().as_deref(),
            Some("{\"n\":1}")
        );
        assert_eq!(state(rig, "s1"), Some(JobState::Done));
        assert!(store.open_report_jobs(None, 9).unwrap().is_empty());
    });
}

#[test]
fn what_failed_waits_for_its_time_and_what_was_given_up_for_an_order() {
    both(|rig| {
        let store = rig.store();
        ended(rig, "s1", "ana");
        let now = NOW.after(1_000_000);
        let job = store.take_report_job(now, now.after(50)).unwrap().unwrap();
        let retry = now.after(500);
        store
            .report_failed(&job.session, "store", Some(retry), now)
            .unwrap();
        assert_eq!(
            store
                .take_report_job(retry.after(0), retry)
                .unwrap()
                .unwrap()
                .attempts,
            2
        );
        store
            .report_failed(&job.session, "missing", None, retry)
            .unwrap();
        let open = store.open_report_jobs(None, 9).unwrap();
        assert_eq!(
            (open[0].state, open[0].error.as_deref()),
            (JobState::Failed, Some("missing"))
        );
        assert_eq!(
            store.take_report_job(retry.after(1 << 40), retry).unwrap(),
            None
        );
        assert!(store.requeue_report(&sid("s1"), retry).unwrap());
        assert!(!store.requeue_report(&sid("s1"), retry).unwrap());
        assert_eq!(state(rig, "s1"), Some(JobState::Queued));
    });
}

#[test]
fn open_reports_are_paged_given_up_ones_first() {
    both(|rig| {
        let store = rig.store();
        for name in ["s1", "s2", "s3", "s4"] {
            ended(rig, name, name);
        }
        let now = NOW.after(1_000_000);
        for _ in 0..2 {
            let job = store.take_report_job(now, now.after(50)).unwrap().unwrap();
            store
                .report_failed(&job.session, "missing", None, now)
                .unwrap();
        }
        let all = store.open_report_jobs(None, 9).unwrap();
        assert_eq!(all.len(), 4);
        let given_up = |job: &ReportJob| job.state == JobState::Failed;
        assert!(all[..2].iter().all(given_up) && !all[2..].iter().any(given_up));
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let page = store.open_report_jobs(after.as_ref(), 1).unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.place());
            paged.extend(page);
        }
        assert_eq!(paged, all);
    });
}

#[test]
fn one_kind_is_deleted_by_id_and_says_when() {
    both(|rig| {
        let store = rig.store();
        committed(rig, &full("s1"));
        let none = store.forget_kind(&sid("s0"), Kind::Report, NOW).unwrap();
        assert_eq!(none, Forgotten::Unknown);
        let early = store.forget_kind(&sid("s1"), Kind::Report, NOW).unwrap();
        assert_eq!(early, Forgotten::NotEnded);
        committed(rig, &end("s1", "ana", 5, EndReason::Completed));
        let done = store.forget_kind(&sid("s1"), Kind::Report, NOW).unwrap();
        assert_eq!(done, Forgotten::Done);
        assert_eq!(store.report(&sid("s1")).unwrap(), None);
        assert!(!store.segments(&sid("s1")).unwrap().is_empty());
        assert!(
            !store.report_made(&sid("s1"), "{}", NOW).unwrap(),
            "a deleted report is not made again"
        );
        let at = NOW.after(7);
        store.forget_kind(&sid("s1"), Kind::Audio, at).unwrap();
        let gone = store.deletions(&sid("s1")).unwrap();
        assert_eq!(gone, [(Kind::Audio, at), (Kind::Report, NOW)]);
        store.forget_kind(&sid("s1"), Kind::Everything, at).unwrap();
        let gone = store.deletions(&sid("s1")).unwrap();
        assert_eq!(gone, [(Kind::Everything, at)]);
        assert_eq!(store.report_job(&sid("s1")).unwrap(), None);
    });
}

#[test]
fn reports_a_dead_process_was_making_are_to_be_made_at_the_next_start() {
    let rig = Rig::sqlite();
    ended(&rig, "s1", "ana");
    let now = NOW.after(1_000_000);
    assert!(
        rig.store()
            .take_report_job(now, now.after(1 << 40))
            .unwrap()
            .is_some()
    );
    assert_eq!(state(&rig, "s1"), Some(JobState::Running));
    let again = Rig::sqlite_in(rig.into_folder(), "b2", |_| {});
    assert_eq!(state(&again, "s1"), Some(JobState::Queued));
}
