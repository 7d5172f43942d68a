//! API keys: for back ends, with the rights of an administrator. A key is shown once; what is kept
//! is its hash. The table in memory is filled from the configuration and the store. No IO, no
//! randomness of its own.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use protocol::id::UserId;
use protocol::time::Wall;
use sha2::{Digest as _, Sha256};
use store::desk::ApiKeyRow;

use crate::auth::AuthError;
use crate::identity::{Identity, Via};
use crate::secret::{Private, Secret};

/// How every key begins.
pub const PREFIX: &str = "gr_";
/// Letters of the key that name it in lists and logs.
pub const ID_CHARS: usize = 8;
/// The least letters behind the prefix: the id, and 160 bits nobody knows.
pub const KEY_CHARS_MIN: usize = 40;
/// The most.
pub const KEY_CHARS_MAX: usize = 128;
/// Longest name of a key, characters.
pub const NAME_CHARS_MAX: usize = 80;

/// A key as it was made: to be shown now and never again.
#[derive(Debug)]
pub struct NewKey {
    /// The key.
    pub key: Secret<String>,
    /// What is kept of it.
    pub row: ApiKeyRow,
}

/// Makes a key of [`KEY_CHARS_MIN`] letters nobody can guess.
pub fn make(random: &str, name: &str, now: Wall) -> NewKey {
    let key = format!("{PREFIX}{random}");
    let row = ApiKeyRow {
        id: random.chars().take(ID_CHARS).collect(),
        name: name.chars().take(NAME_CHARS_MAX).collect(),
        hash: hash(&key),
        created_at: now,
        revoked_at: None,
    };
    NewKey {
        key: Secret::new(key),
        row,
    }
}

/// Whether a text has the form of a key.
pub fn is_well_formed(key: &str) -> bool {
    key.strip_prefix(PREFIX).is_some_and(|rest| {
        (KEY_CHARS_MIN..=KEY_CHARS_MAX).contains(&rest.len())
            && rest.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

fn hash(key: &str) -> String {
    let digest = Sha256::digest(key.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    id: Arc<str>,
    name: Arc<str>,
}

/// The keys in force.
#[derive(Debug, Default)]
pub struct ApiKeys {
    configured: HashMap<String, Known>,
    stored: RwLock<HashMap<String, Known>>,
}

impl ApiKeys {
    /// Those of the configuration; they stay until the server stops.
    pub fn new(configured: &[Secret<String>]) -> Self {
        let known = configured.iter().map(|key| {
            let id: String = key
                .reveal()
                .chars()
                .skip(PREFIX.len())
                .take(ID_CHARS)
                .collect();
            let known = Known {
                id: id.into(),
                name: "configured".into(),
            };
            (hash(key.reveal()), known)
        });
        Self {
            configured: known.collect(),
            stored: RwLock::default(),
        }
    }

    /// Puts the store's keys in the place of those it had before. Whether that took one away.
    pub fn replace(&self, rows: &[ApiKeyRow]) -> bool {
        let live = rows.iter().filter(|row| row.revoked_at.is_none());
        let fresh: HashMap<_, _> = live
            .map(|row| {
                let known = Known {
                    id: row.id.as_str().into(),
                    name: row.name.as_str().into(),
                };
                (row.hash.clone(), known)
            })
            .collect();
        let mut stored = self.stored.write();
        let gone = stored.keys().any(|hash| !fresh.contains_key(hash));
        *stored = fresh;
        gone
    }

    /// Whose key this is.
    ///
    /// # Errors
    /// Unknown or taken back: the same answer.
    pub fn check(&self, key: &str) -> Result<Identity, AuthError> {
        if !is_well_formed(key) {
            return Err(AuthError::Key);
        }
        let hash = hash(key);
        let known = self.configured.get(&hash).cloned();
        let known = known.or_else(|| self.stored.read().get(&hash).cloned());
        let known = known.ok_or(AuthError::Key)?;
        Ok(Identity {
            user: UserId::parse(&format!("apikey:{}", known.id)).map_err(|_| AuthError::Key)?,
            name: Some(Private(known.name)),
            role: None,
            admin: true,
            session: None,
            via: Via::Key(known.id),
            issued_at: Wall(i64::MAX),
            expires_at: Wall(i64::MAX),
        })
    }

    /// Whether the key of this id is still in force.
    pub fn stands(&self, id: &str) -> bool {
        let is = |known: &Known| &*known.id == id;
        self.configured.values().any(is) || self.stored.read().values().any(is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: &str = "abcdefghijklmnopqrstuvwxyz234567abcdefgh";

    #[test]
    fn a_key_is_known_by_its_hash_and_is_an_administrator() {
        let keys = ApiKeys::default();
        let made = make(RANDOM, "the shop", Wall(5));
        assert!(is_well_formed(made.key.reveal()));
        assert_eq!(made.row.id, "abcdefgh");
        assert!(!format!("{made:?}").contains("ijklmnop"), "{made:?}");
        assert_eq!(keys.check(made.key.reveal()), Err(AuthError::Key));
        assert!(!keys.replace(std::slice::from_ref(&made.row)));
        let who = keys.check(made.key.reveal()).unwrap();
        assert_eq!(who.user.as_str(), "apikey:abcdefgh");
        assert!(who.admin && keys.stands("abcdefgh"));

        let revoked = ApiKeyRow {
            revoked_at: Some(Wall(9)),
            ..made.row
        };
        assert!(keys.replace(&[revoked]));
        assert_eq!(keys.check(made.key.reveal()), Err(AuthError::Key));
        assert!(!keys.stands("abcdefgh"));
    }

    #[test]
    fn a_configured_key_is_good_whatever_the_store_says() {
        let key = format!("{PREFIX}{RANDOM}");
        let keys = ApiKeys::new(&[Secret::new(key.clone())]);
        keys.replace(&[]);
        assert!(keys.check(&key).is_ok() && keys.stands("abcdefgh"));
    }

    #[test]
    fn what_has_not_the_form_of_a_key_is_none() {
        for text in [
            "",
            "gr_",
            "gr_short",
            "abc",
            &format!("gr_{}", "ä".repeat(40)),
        ] {
            assert!(!is_well_formed(text), "{text}");
        }
    }
}
