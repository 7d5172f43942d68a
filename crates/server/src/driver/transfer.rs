//! Codes that move a running interview to another device (L10): made when the engine allows it,
//! good once and for a few minutes, in memory only. Who may have one is the engine's business.

use std::collections::HashMap;
use std::sync::Arc;

use engine::effect::Answer;
use engine::input::Ask;
use parking_lot::Mutex;
use protocol::client::ReplyTo;
use protocol::error::{ErrorCode, Refusal};
use protocol::id::{SessionId, UserId};
use protocol::server::Reply;
use protocol::time::Mono;
use protocol::value::Role;

use super::Driver;

/// Codes that are good at once.
const CODES_MAX: usize = 10_000;
/// Letters and digits nobody mistakes for each other.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKMNPQRSTVWXYZ0123456789";
/// Letters of a code: 50 bits, far too many to try in its few minutes.
const CODE_LETTERS: usize = 10;

/// What a code is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) session: SessionId,
    pub(crate) user: UserId,
    pub(crate) role: Role,
    until: Mono,
    /// The id of the request that asked for it, and what it was answered: whoever lost the answer
    /// asks again and gets the same one.
    asked: Option<(Box<str>, String)>,
}

/// The codes that are good now.
#[derive(Debug, Default)]
pub(crate) struct Codes(Mutex<HashMap<String, Offer>>);

impl Codes {
    /// Puts a fresh code in; an earlier one of the same seat is void. None: too many are out.
    fn put(&self, code: String, offer: Offer, now: Mono) -> Option<()> {
        let mut codes = self.0.lock();
        let same = |known: &Offer| known.session == offer.session && known.user == offer.user;
        codes.retain(|_, known| known.until > now && !same(known));
        if codes.len() >= CODES_MAX {
            return None;
        }
        codes.insert(code, offer);
        Some(())
    }

    /// The answer that a request with this id got, while its code is good.
    fn answered(&self, seat: (&SessionId, &UserId), id: &str, now: Mono) -> Option<String> {
        let codes = self.0.lock();
        let mine = |offer: &&Offer| (&offer.session, &offer.user) == seat && offer.until > now;
        let (asked, fields) = codes.values().find(mine)?.asked.as_ref()?;
        (**asked == *id).then(|| fields.clone())
    }

    /// Takes a code out; whatever it is good for, it is good once.
    pub(crate) fn take(&self, code: &str, now: Mono) -> Option<Offer> {
        let plain: String = code
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_uppercase())
            .collect();
        let offer = self.0.lock().remove(&plain)?;
        (offer.until > now).then_some(offer)
    }
}

/// Answers `session:transfer`.
pub(crate) async fn offer(
    driver: Arc<Driver>,
    seat: (SessionId, UserId),
    id: Option<Box<str>>,
    to: ReplyTo,
) {
    let reply = match make(&driver, seat, id).await {
        Ok(fields) => Reply::Ok(fields.into()),
        Err(refusal) => Reply::Refused(refusal),
    };
    if let Some(core) = driver.core() {
        core.answer(&to, &reply);
    }
}

async fn make(
    driver: &Driver,
    (session, user): (SessionId, UserId),
    id: Option<Box<str>>,
) -> Result<String, Refusal> {
    let now = driver.clock.mono();
    let known = { id.as_deref() }.and_then(|id| driver.codes.answered((&session, &user), id, now));
    if let Some(fields) = known {
        return Ok(fields);
    }
    let ask = Ask::Transfer { user: user.clone() };
    let (role, lasts_ms) = match driver.ask_engine(session.clone(), ask).await? {
        Answer::Transfer { role, lasts_ms } => (role, lasts_ms),
        Answer::Refused(refusal) => return Err(refusal),
        Answer::Created | Answer::Ended { .. } | Answer::Said { .. } => {
            return Err(ErrorCode::Internal.into());
        }
    };
    let code = code().ok_or(ErrorCode::Internal)?;
    let now = driver.clock.now();
    let until = now.mono.after(lasts_ms);
    let expires_at = now.wall.after(lasts_ms);
    let fields = format!(
        "\"sessionId\":\"{session}\",\"code\":\"{code}\",\"expiresAt\":{},\
         \"link\":\"/?transfer={code}\"",
        expires_at.0
    );
    let offer = Offer {
        session,
        user,
        role,
        until,
        asked: id.map(|id| (id, fields.clone())),
    };
    let put = driver.codes.put(code, offer, now.mono);
    put.ok_or_else(|| Refusal::new(ErrorCode::Busy).retry_after(60_000))?;
    Ok(fields)
}

/// A code nobody guesses; none if the system has no randomness.
fn code() -> Option<String> {
    let mut bytes = [0; CODE_LETTERS];
    getrandom::fill(&mut bytes).ok()?;
    let letter = |byte: &u8| char::from(LETTERS[usize::from(byte % 32)]);
    Some(bytes.iter().map(letter).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_once_in_its_time_however_it_is_typed() {
        let codes = Codes::default();
        let offer = Offer {
            session: SessionId::parse("s1").unwrap(),
            user: UserId::parse("ana").unwrap(),
            role: Role::Candidate,
            until: Mono(100),
            asked: Some(("r1".into(), "the answer".to_owned())),
        };
        let put = |code: &str| codes.put(code.to_owned(), offer.clone(), Mono(1));
        put("ABCDE12345").unwrap();
        assert_eq!(codes.take("abcde-12345 ", Mono(50)), Some(offer.clone()));
        assert_eq!(codes.take("ABCDE12345", Mono(50)), None);
        put("ABCDE12345").unwrap();
        assert_eq!(codes.take("ABCDE12345", Mono(100)), None, "too late");
        put("ABCDE12345").unwrap();
        put("VWXYZ12345").unwrap();
        let answered = |id: &str, now: u64| {
            let seat = (&offer.session, &offer.user);
            codes.answered(seat, id, Mono(now))
        };
        assert_eq!(answered("r1", 99).as_deref(), Some("the answer"));
        assert_eq!((answered("r2", 99), answered("r1", 100)), (None, None));
        assert_eq!(
            codes.take("ABCDE12345", Mono(2)),
            None,
            "a newer one is out"
        );
    }
}
