//! Sessions that are not in memory, looked for in the records: one thread, one question for all
//! that were asked for meanwhile. Nearly all are new, so a crowd that comes at once costs a few
//! questions and not one each. What there is is then read as any other job.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};

use engine::Input;
use engine::input::Found;
use parking_lot::Mutex;
use protocol::id::{EffectId, SessionId};
use store::rows::Trace;

use super::{Driver, jobs};

/// Sessions of one question: it holds a reading connection.
const BATCH: usize = 256;

type Asked = Vec<(EffectId, SessionId)>;

/// The thread, and what is to be handed to it.
pub(crate) struct Finder {
    thread: Sender<(Weak<Driver>, Asked)>,
    /// At most one of each session that is being loaded.
    gathered: Mutex<Asked>,
}

impl Finder {
    /// Starts it. It ends with its sender.
    pub(crate) fn start() -> std::io::Result<Self> {
        let (thread, orders) = channel();
        std::thread::Builder::new()
            .name("finder".to_owned())
            .spawn(move || serve(&orders))?;
        Ok(Self {
            thread,
            gathered: Mutex::default(),
        })
    }

    /// Looks for a session; answers `SessionLoaded`.
    pub(crate) fn queue(&self, driver: &Arc<Driver>, id: EffectId, session: SessionId) {
        let first = {
            let mut gathered = self.gathered.lock();
            gathered.push((id, session));
            gathered.len() == 1
        };
        if !first {
            return;
        }
        // On an io thread the others who wait for their turn come first, so that all they ask for
        // goes with this: a thread that is woken for each costs more than the question.
        match tokio::runtime::Handle::try_current() {
            Ok(here) => {
                let driver = Arc::clone(driver);
                here.spawn(async move { driver.finder.hand_over(&driver) });
            }
            Err(_) => self.hand_over(driver),
        }
    }

    fn hand_over(&self, driver: &Arc<Driver>) {
        let gathered = std::mem::take(&mut *self.gathered.lock());
        // The thread lives as long as we do.
        let _ = self.thread.send((Arc::downgrade(driver), gathered));
    }
}

fn serve(orders: &Receiver<(Weak<Driver>, Asked)>) {
    while let Ok((driver, mut asked)) = orders.recv() {
        while asked.len() < BATCH
            && let Ok((_, more)) = orders.try_recv()
        {
            asked.extend(more);
        }
        let Some(driver) = driver.upgrade() else {
            return;
        };
        for asked in batches(asked) {
            // Whoever asked waits no longer than the engine's deadline; the next ones are looked for.
            if catch_unwind(AssertUnwindSafe(|| find(&driver, asked))).is_err() {
                tracing::error!("finder_panicked");
            }
        }
    }
}

fn batches(mut asked: Asked) -> impl Iterator<Item = Asked> {
    std::iter::from_fn(move || {
        let rest = asked.split_off(asked.len().min(BATCH));
        let batch = std::mem::replace(&mut asked, rest);
        (!batch.is_empty()).then_some(batch)
    })
}

fn find(driver: &Arc<Driver>, asked: Asked) {
    let (ids, sessions): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
    let traces = match driver.store.find(&sessions) {
        Ok(traces) => traces,
        Err(error) => {
            tracing::warn!(sessions = sessions.len(), %error, "sessions_not_found");
            let away = |(id, session)| answer(id, session, Found::Unavailable);
            let all = ids.into_iter().zip(sessions);
            return driver.inboxes.post_all(all.map(away));
        }
    };
    let mut answers = Vec::with_capacity(ids.len());
    for ((id, session), trace) in ids.into_iter().zip(sessions).zip(traces) {
        match trace {
            Trace::Nothing => answers.push(answer(id, session, Found::Nothing)),
            Trace::Deleted => answers.push(answer(id, session, Found::Forgotten)),
            // Reading it takes longer, and it may be taken over from a dead process.
            Trace::Kept => jobs::load_session(driver, id, session),
        }
    }
    driver.inboxes.post_all(answers);
}

fn answer(id: EffectId, session: SessionId, found: Found) -> Input {
    Input::SessionLoaded { id, session, found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_cut_into_questions_and_nobody_is_left_out() {
        let asked = |n: usize| -> Asked {
            let one = |at: usize| {
                (
                    EffectId(at as u64),
                    SessionId::parse(&format!("s{at}")).unwrap(),
                )
            };
            (0..n).map(one).collect()
        };
        for (n, questions) in [(0, 0), (1, 1), (BATCH, 1), (BATCH + 1, 2), (3 * BATCH, 3)] {
            let cut: Vec<Asked> = batches(asked(n)).collect();
            assert_eq!(cut.len(), questions, "{n}");
            assert_eq!(cut.concat(), asked(n));
        }
    }
}
