//! A map that is looked up by an id on every input and walked only for sums and on rare occasions.
//! Nothing else: what the ids stand for is the owner's.
//!
//! Hashed, because a tree compares a dozen long ids that begin alike for each look. The hasher is
//! seeded anew for each map, since ids come from outside; so whoever walks in an order takes
//! [`ById::sorted`], and the engine stays deterministic.

#![expect(
    clippy::disallowed_types,
    reason = "the reviewed map: its own order is never seen outside"
)]

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

/// Room that an emptied map keeps: a small crowd that comes and goes does not have it made anew.
const KEPT: usize = 1_024;

/// The map.
pub(crate) struct ById<K, V>(HashMap<K, V>);

impl<K: Hash + Ord, V> ById<K, V> {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self(HashMap::new())
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What has this id.
    pub(crate) fn get<Q>(&self, id: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.get(id)
    }

    /// What has this id, to be changed.
    pub(crate) fn get_mut<Q>(&mut self, id: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.0.get_mut(id)
    }

    /// Puts it in; what had this id before comes back.
    pub(crate) fn insert(&mut self, id: K, value: V) -> Option<V> {
        self.0.insert(id, value)
    }

    /// Takes it out. What a crowd took goes back once most of it has left.
    pub(crate) fn remove<Q>(&mut self, id: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let gone = self.0.remove(id);
        if self.0.capacity() > KEPT && self.0.len() * 8 < self.0.capacity() {
            self.0.shrink_to(self.0.len() * 2);
        }
        gone
    }

    /// All of them in no order: for sums, and for what must hold of each.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.0.values()
    }

    /// All of them in the order of their ids.
    pub(crate) fn sorted(&self) -> Vec<(&K, &V)> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }
}

impl<K: Hash + Ord + fmt::Debug, V: fmt::Debug> fmt::Debug for ById<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.sorted()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_walked_in_the_order_of_ids_and_gives_a_crowds_room_back() {
        let mut map = ById::new();
        for n in (0..10_000).rev() {
            assert_eq!(map.insert(n, n * 2), None);
        }
        assert_eq!(map.insert(7, 8), Some(14));
        let ids: Vec<i32> = map.sorted().into_iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, (0..10_000).collect::<Vec<_>>());
        assert!(map.0.capacity() >= 10_000);
        for n in 10..10_000 {
            assert!(map.remove(&n).is_some());
        }
        assert_eq!((map.len(), map.get(&7)), (10, Some(&8)));
        assert!(map.0.capacity() <= 2 * KEPT, "{}", map.0.capacity());
        assert!(map.values().all(|value| value % 2 == 0));
    }
}
