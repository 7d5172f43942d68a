//! Candidates of one pool who join, perhaps start, and vanish, over and over.

use super::line::{Came, Line};
use super::{Crowd, Shared};
use crate::target::Role;
use anyhow::Result;
use serde_json::{Value, json};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// What came of it.
#[derive(Debug, Default, Clone, Copy)]
pub struct Churned {
    /// Joined before they vanished.
    pub joined: u32,
    /// Of these, in an interview that had begun.
    pub started: u32,
    /// Were not let in, and vanished all the same.
    pub refused: u32,
}

impl Churned {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Churned) -> Churned {
        Churned {
            joined: self.joined + other.joined,
            started: self.started + other.started,
            refused: self.refused + other.refused,
        }
    }
}

impl Crowd {
    /// Lets `count` connections come and vanish, of `pool` candidates with one connection each.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn churn(&self, count: u32, pool: u32) -> Result<Churned> {
        let left = Rc::new(Cell::new(count));
        let sum = Rc::new(Cell::new(Churned::default()));
        let lanes = (0..pool).map(|place| {
            let shared = Rc::clone(&self.shared);
            let (left, sum) = (Rc::clone(&left), Rc::clone(&sum));
            self.local.spawn_local(async move {
                // A session that is over is followed by one of the same place in the pool.
                let mut room = place;
                while left.get() > 0 {
                    left.set(left.get() - 1);
                    let visit = visit(&shared, room).await?;
                    let mut it = sum.get();
                    match visit {
                        Visit::Joined => it.joined += 1,
                        Visit::Started => {
                            it.joined += 1;
                            it.started += 1;
                        }
                        Visit::Refused => it.refused += 1,
                        Visit::Over => {
                            it.refused += 1;
                            room += pool;
                        }
                    }
                    sum.set(it);
                }
                anyhow::Ok(())
            })
        });
        let lanes: Vec<_> = lanes.collect();
        self.local.block_on(&self.runtime, async {
            for lane in lanes {
                lane.await??;
            }
            anyhow::Ok(())
        })?;
        Ok(sum.get())
    }
}

enum Visit {
    Joined,
    Started,
    Refused,
    Over,
}

async fn visit(shared: &Shared, room: u32) -> Result<Visit> {
    let token = shared.identity.token(room, 0, Role::Candidate)?;
    let mut line = Line::open(shared.address, &token).await?;
    let session = shared.identity.session(room);
    let join = json!({"type": "session:join", "ref": 1, "sessionId": session});
    let answer = ask(&mut line, &join).await?;
    let visit = match answer["code"].as_str() {
        None if shared.chance(20) => {
            let question = json!([{"text": "Well?", "limitSeconds": 600}]);
            let start = json!({"type": "interview:start", "ref": 2, "questions": question});
            let answer = ask(&mut line, &start).await?;
            match answer["type"] == "ok" {
                true => Visit::Started,
                false => Visit::Joined,
            }
        }
        None => Visit::Joined,
        Some("session_ended" | "session_not_found") => Visit::Over,
        Some(_) => Visit::Refused,
    };
    line.reset();
    Ok(visit)
}

/// Sends a request and waits for its answer; a close is an answer too.
async fn ask(line: &mut Line, request: &Value) -> Result<Value> {
    line.send(request).await?;
    let waiting = async {
        loop {
            for came in line.receive().await? {
                match came {
                    Came::Message(message) if message["ref"] == request["ref"] => {
                        return anyhow::Ok(message);
                    }
                    Came::Message(_) => {}
                    Came::Close(code) => return Ok(json!({"code": code.to_string()})),
                }
            }
        }
    };
    tokio::time::timeout(ANSWER_LIMIT, waiting).await?
}
