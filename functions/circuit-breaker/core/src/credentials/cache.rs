//! What was read, for as long as it lives. Those who want the same at the same time wait for one read.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use foldhash::fast::RandomState;
use futures_util::FutureExt;
use futures_util::future::Shared;
use jiff::Timestamp;

use super::outside::Later;

/// For how long something is used whose issuer does not say.
pub(super) const KEPT: Duration = Duration::from_mins(5);
/// For how long it is not asked for again that something cannot be had.
pub(super) const FAILURE_KEPT: Duration = Duration::from_secs(15);
/// A read that has not ended by then is not waited for any more: whoever began it is gone.
const READ_MOST: Duration = Duration::from_secs(10);
/// What was read anew is not read anew again before this has passed.
const PAUSE: Duration = Duration::from_secs(10);

/// A read, which may have ended.
pub(super) type SharedRead<V> = Shared<Later<V>>;

/// Values by key, each read when it is first wanted.
pub(super) struct Cache<K, V: Clone> {
    all: RefCell<HashMap<K, Kept<V>, RandomState>>,
    most: usize,
}

struct Kept<V: Clone> {
    begun: Timestamp,
    /// Whether it was read although an older value was there.
    anew: bool,
    value: SharedRead<V>,
    /// The last value that was good, where this one may turn out not to be.
    before: Option<V>,
}

/// A value that may be none.
pub(super) trait MayFail {
    /// Whether it is what was asked for.
    fn is_good(&self) -> bool;
}

impl<T, E> MayFail for Result<T, E> {
    fn is_good(&self) -> bool {
        self.is_ok()
    }
}

impl<V: Clone + MayFail> Kept<V> {
    fn last_good(&self) -> Option<V> {
        self.value.peek().filter(|value| value.is_good()).or(self.before.as_ref()).cloned()
    }
}

impl<V: Clone> Kept<V> {
    fn is_alive(&self, now: Timestamp, lives: fn(&V) -> Duration) -> bool {
        let time = self.value.peek().map_or(READ_MOST, lives);
        now < self.begun + time
    }
}

impl<K: Clone + Eq + Hash, V: Clone + MayFail + 'static> Cache<K, V> {
    /// A cache of at most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { all: RefCell::default(), most }
    }

    /// Returns what is kept. How long a value lives, from the beginning of its read on, `lives` says.
    pub(super) fn kept(&self, key: &K, now: Timestamp, lives: fn(&V) -> Duration) -> Option<SharedRead<V>> {
        let all = self.all.borrow();
        all.get(key).filter(|kept| kept.is_alive(now, lives)).map(|kept| kept.value.clone())
    }

    /// Returns the last good value before the one that is kept.
    pub(super) fn before(&self, key: &K) -> Option<V> {
        self.all.borrow().get(key).and_then(|kept| kept.before.clone())
    }

    /// Returns what is kept, or begins to read it.
    pub(super) fn get(
        &self,
        key: &K,
        now: Timestamp,
        lives: fn(&V) -> Duration,
        begin: impl FnOnce() -> Later<V>,
    ) -> SharedRead<V> {
        self.kept(key, now, lives).unwrap_or_else(|| self.put(key, now, lives, false, begin()))
    }

    /// Begins to read what may be another by now, unless that was done a moment ago.
    pub(super) fn renew(
        &self,
        key: &K,
        now: Timestamp,
        lives: fn(&V) -> Duration,
        begin: impl FnOnce() -> Later<V>,
    ) -> SharedRead<V> {
        let recent = |kept: &Kept<V>| kept.anew && now < kept.begun + PAUSE && kept.is_alive(now, lives);
        let recent = self.all.borrow().get(key).filter(|kept| recent(kept)).map(|kept| kept.value.clone());
        recent.unwrap_or_else(|| self.put(key, now, lives, true, begin()))
    }

    fn put(
        &self,
        key: &K,
        now: Timestamp,
        lives: fn(&V) -> Duration,
        anew: bool,
        value: Later<V>,
    ) -> SharedRead<V> {
        let mut all = self.all.borrow_mut();
        if all.len() >= self.most && !all.contains_key(key) {
            all.retain(|_, kept| kept.is_alive(now, lives));
            // All are alive: the oldest has to go.
            if all.len() >= self.most
                && let Some(oldest) =
                    all.iter().min_by_key(|(_, kept)| kept.begun).map(|(key, _)| key.clone())
            {
                all.remove(&oldest);
            }
        }
        let value = value.shared();
        let before = all.get(key).and_then(Kept::last_good);
        all.insert(key.clone(), Kept { begun: now, anew, value: value.clone(), before });
        value
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use futures_util::future::ready;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "so values are looked at")]
    fn a_minute(_: &u32) -> Duration {
        Duration::from_mins(1)
    }

    impl MayFail for u32 {
        fn is_good(&self) -> bool {
            true
        }
    }

    /// A cache and what counts its reads.
    fn counted() -> (Cache<u32, u32>, impl Fn() -> Later<u32>) {
        let reads = Rc::new(Cell::new(0));
        let read = move || -> Later<u32> {
            reads.set(reads.get() + 1);
            Box::pin(ready(reads.get()))
        };
        (Cache::new(3), read)
    }

    fn now(reading: SharedRead<u32>) -> u32 {
        reading.now_or_never().unwrap()
    }

    #[test]
    fn a_value_is_read_once_while_it_lives() {
        let (cache, read) = counted();
        assert_eq!(now(cache.get(&1, at(0), a_minute, &read)), 1);
        assert_eq!(now(cache.get(&1, at(59), a_minute, &read)), 1);
        assert_eq!(now(cache.get(&1, at(60), a_minute, &read)), 2);
    }

    #[test]
    fn those_who_want_it_at_once_wait_for_one_read() {
        let (cache, read) = counted();
        let (one, other) = (cache.get(&1, at(0), a_minute, &read), cache.get(&1, at(9), a_minute, &read));
        // Nobody has looked yet. After ten seconds it is begun again.
        let late = cache.get(&1, at(10), a_minute, &read);
        assert_eq!((now(one), now(other), now(late)), (1, 1, 2));
    }

    #[test]
    fn it_is_read_anew_at_most_every_ten_seconds() {
        let (cache, read) = counted();
        assert_eq!(now(cache.get(&1, at(0), a_minute, &read)), 1);
        assert_eq!(now(cache.renew(&1, at(1), a_minute, &read)), 2);
        assert_eq!(now(cache.renew(&1, at(10), a_minute, &read)), 2);
        assert_eq!(now(cache.renew(&1, at(11), a_minute, &read)), 3);
        assert_eq!(now(cache.get(&1, at(12), a_minute, &read)), 3);
    }

    #[test]
    fn there_are_never_more_than_there_may_be() {
        let (cache, read) = counted();
        for key in 0..10 {
            now(cache.get(&key, at(key.into()), a_minute, &read));
        }
        assert_eq!(cache.all.borrow().len(), 3);
        assert!(cache.kept(&9, at(10), a_minute).is_some() && cache.kept(&1, at(10), a_minute).is_none());
    }
}
