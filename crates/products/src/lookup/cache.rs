//! A bounded memory of answers: what was asked again lately stays, the rest makes room.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Parts with a lock each, so that threads rarely wait for each other.
const SHARDS: usize = 16;

/// Answers by their questions.
pub struct Cache<K, V> {
    shards: [Mutex<Shard<K, V>>; SHARDS],
    hasher: RandomState,
    shard_max: usize,
}

/// Two generations: when the younger one is full it becomes the older one, which is dropped.
struct Shard<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// A memory of at most about `entries_max` answers.
    pub fn new(entries_max: usize) -> Self {
        let shard = || Mutex::new(Shard { young: HashMap::new(), old: HashMap::new() });
        Self {
            shards: std::array::from_fn(|_| shard()),
            hasher: RandomState::new(),
            shard_max: (entries_max / SHARDS / 2).max(1),
        }
    }

    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> MutexGuard<'_, Shard<K, V>> {
        let place = self.hasher.hash_one(key) as usize % SHARDS;
        self.shards[place].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to a question that was asked before.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut shard = self.shard(key);
        if let Some(found) = shard.young.get(key) {
            return Some(found.clone());
        }
        let (key, found) = shard.old.remove_entry(key)?;
        self.keep(&mut shard, key, found.clone());
        Some(found)
    }

    /// Keeps an answer.
    pub fn put(&self, key: K, value: V) {
        let mut shard = self.shard(&key);
        self.keep(&mut shard, key, value);
    }

    fn keep(&self, shard: &mut Shard<K, V>, key: K, value: V) {
        if shard.young.len() >= self.shard_max {
            shard.old = std::mem::take(&mut shard.young);
        }
        shard.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_what_is_asked_again_stays() {
        let cache: Cache<String, usize> = Cache::new(3_200);
        cache.put("kept".to_owned(), 7);
        for number in 0..100_000 {
            cache.put(number.to_string(), number);
            assert_eq!(cache.get("kept"), Some(7), "after {number}");
        }
        let held: usize = cache
            .shards
            .iter()
            .map(|shard| shard.lock().map(|shard| shard.young.len() + shard.old.len()))
            .map(|held| held.expect("no thread failed"))
            .sum();
        assert!(held <= 3_200, "{held} are held");
        assert_eq!(cache.get("0"), None, "the oldest made room");
        assert_eq!(cache.get("99999"), Some(99_999));
    }
}
