//! What was read, for as long as it lives. Those who want the same at the same time wait for one read, and what is used is read
//! anew before its end, by [`Cache::due`], so that nobody waits for that.

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
/// From which part of its time on what is used is read anew: each draws its own, so that environments that began at the same
/// moment do not ask at the same moment.
const RENEWED_FROM: f64 = 0.8;
const RENEWED_WITHIN: f64 = 0.15;
/// For how long something is not asked for again that could not be had; it doubles with each further time, to a most, and up to
/// a quarter is added.
const FAILURE_WAITS: Duration = Duration::from_secs(15);
const FAILURE_WAITS_MOST: Duration = Duration::from_mins(4);
/// A read that has not ended by then is not waited for any more: whoever began it is gone.
const READ_MOST: Duration = Duration::from_secs(10);
/// What was read anew is not read anew again before this has passed.
const PAUSE: Duration = Duration::from_secs(10);

/// A read, which may have ended.
type SharedRead<V, E> = Shared<Later<Result<V, E>>>;

/// Values by key, each read when it is first wanted.
pub(super) struct Cache<K, V: Clone, E: Clone> {
    all: RefCell<HashMap<K, Cached<V, E>, RandomState>>,
    most: usize,
    lives: fn(&V) -> Duration,
}

/// What is known under a key.
struct Cached<V: Clone, E: Clone> {
    /// The last value that was had.
    last: Option<V>,
    /// The same with when its read began, and when it is to be read anew; none where it was refused by those that it is for.
    good: Option<(V, Timestamp, Timestamp)>,
    read: SharedRead<V, E>,
    begun: Timestamp,
    /// A random number of `0.0..1.0`.
    chance: f64,
    /// Whether it was read since an older value was refused.
    anew: bool,
    /// Whether what came of the read is known here.
    is_settled: bool,
    /// How many reads in a row have failed.
    failures: u32,
    /// Whether it was used when it was time to read it anew.
    is_due: bool,
}

/// When something is asked for.
#[derive(Clone, Copy)]
pub(super) struct AskedAt {
    pub(super) now: Timestamp,
    /// A random number of `0.0..1.0`.
    pub(super) chance: f64,
}

/// What there is for whoever asks.
pub(super) enum Found<V: Clone, E: Clone> {
    Known(Result<V, E>),
    Coming(SharedRead<V, E>),
}

impl<V: Clone, E: Clone> Found<V, E> {
    /// Waits for it, if it is not there yet.
    pub(super) async fn value(self) -> Result<V, E> {
        match self {
            Self::Known(value) => value,
            Self::Coming(read) => read.await,
        }
    }
}

impl<V: Clone, E: Clone> Cached<V, E> {
    /// Takes in what came of the read.
    fn settle(&mut self, lives: fn(&V) -> Duration) {
        if self.is_settled {
            return;
        }
        match self.read.peek() {
            None => {}
            Some(Ok(value)) => {
                let renewed = lives(value).mul_f64(RENEWED_FROM + RENEWED_WITHIN * self.chance);
                self.good = Some((value.clone(), self.begun, self.begun + renewed));
                self.last = Some(value.clone());
                (self.is_settled, self.failures) = (true, 0);
            }
            Some(Err(_)) => {
                self.is_settled = true;
                self.failures = self.failures.saturating_add(1);
            }
        }
    }

    /// Returns the good value while it lives.
    fn alive(&self, now: Timestamp, lives: fn(&V) -> Duration) -> Option<&V> {
        let (value, begun, _) = self.good.as_ref()?;
        (now < *begun + lives(value)).then_some(value)
    }

    fn is_under_way(&self, now: Timestamp) -> bool {
        !self.is_settled && now < self.begun + READ_MOST
    }

    /// Returns why it could not be had, while it is not to be asked for again.
    fn failed(&self, now: Timestamp) -> Option<E> {
        let doublings = self.failures.checked_sub(1)?.min(10);
        let wait = (FAILURE_WAITS * (1 << doublings)).min(FAILURE_WAITS_MOST);
        let error = self.read.peek()?.as_ref().err()?;
        (now < self.begun + wait.mul_f64(1.0 + self.chance / 4.0)).then(|| error.clone())
    }
}

impl<K: Clone + Eq + Hash, V: Clone + 'static, E: Clone + 'static> Cache<K, V, E> {
    /// A cache of at most so many. How long a value lives, from the beginning of its read on, `lives` says.
    pub(super) fn new(most: usize, lives: fn(&V) -> Duration) -> Self {
        Self { all: RefCell::default(), most, lives }
    }

    /// Returns the last good value, however old.
    pub(super) fn last(&self, key: &K) -> Option<V> {
        self.with(key, |cached| cached.last.clone())?
    }

    /// Returns whether it is known that it cannot be had.
    pub(super) fn is_missing(&self, key: &K, now: Timestamp) -> bool {
        let lives = self.lives;
        let missing =
            |cached: &mut Cached<V, E>| cached.alive(now, lives).is_none() && cached.failed(now).is_some();
        self.with(key, missing).unwrap_or(false)
    }

    /// Returns what is there, without asking for it.
    pub(super) fn look(&self, key: &K, now: Timestamp) -> Option<Found<V, E>> {
        let lives = self.lives;
        self.with(key, |cached| {
            if let Some(value) = cached.alive(now, lives).cloned() {
                let from = cached.good.as_ref().map_or(now, |(.., renewed)| *renewed);
                cached.is_due |= now >= from && !cached.is_under_way(now) && cached.failed(now).is_none();
                return Some(Found::Known(Ok(value)));
            }
            if cached.is_under_way(now) {
                return Some(Found::Coming(cached.read.clone()));
            }
            cached.failed(now).map(|error| Found::Known(Err(error)))
        })?
    }

    /// Returns what is there, or begins to read it.
    pub(super) fn get(
        &self,
        key: &K,
        at: AskedAt,
        begin: impl FnOnce() -> Later<Result<V, E>>,
    ) -> Found<V, E> {
        self.look(key, at.now).unwrap_or_else(|| self.begin(key, at, false, begin()))
    }

    /// Begins to read what was refused and may be another by now, unless that was done a moment ago.
    pub(super) fn renew(
        &self,
        key: &K,
        at: AskedAt,
        begin: impl FnOnce() -> Later<Result<V, E>>,
    ) -> Found<V, E> {
        let recent = self.with(key, |cached| {
            let recent = cached.anew && (at.now < cached.begun + PAUSE || cached.failed(at.now).is_some());
            if cached.is_under_way(at.now) || recent {
                Some(Found::Coming(cached.read.clone()))
            } else {
                None
            }
        });
        recent.flatten().unwrap_or_else(|| self.begin(key, at, true, begin()))
    }

    /// Begins to read what is used and will end, unless somebody does.
    pub(super) fn early(
        &self,
        key: &K,
        at: AskedAt,
        begin: impl FnOnce() -> Later<Result<V, E>>,
    ) -> Found<V, E> {
        let reading = self.with(key, |cached| cached.is_under_way(at.now).then(|| cached.read.clone()));
        reading.flatten().map_or_else(|| self.begin(key, at, false, begin()), Found::Coming)
    }

    /// Returns what was used when it was time to read it anew, once.
    pub(super) fn due(&self) -> Vec<K> {
        let mut all = self.all.borrow_mut();
        let due =
            all.iter_mut().filter_map(|(key, cached)| std::mem::take(&mut cached.is_due).then_some(key));
        due.cloned().collect()
    }

    fn with<A>(&self, key: &K, look: impl FnOnce(&mut Cached<V, E>) -> A) -> Option<A> {
        let mut all = self.all.borrow_mut();
        let cached = all.get_mut(key)?;
        cached.settle(self.lives);
        Some(look(cached))
    }

    fn begin(&self, key: &K, at: AskedAt, anew: bool, read: Later<Result<V, E>>) -> Found<V, E> {
        let mut all = self.all.borrow_mut();
        if all.len() >= self.most && !all.contains_key(key) {
            all.values_mut().for_each(|cached| cached.settle(self.lives));
            all.retain(|_, cached| cached.is_under_way(at.now) || cached.alive(at.now, self.lives).is_some());
            // All are alive: the oldest has to go.
            if all.len() >= self.most
                && let Some(oldest) =
                    all.iter().min_by_key(|(_, cached)| cached.begun).map(|(key, _)| key.clone())
            {
                all.remove(&oldest);
            }
        }
        let read = read.shared();
        let (last, good, failures) =
            all.remove(key).map_or((None, None, 0), |before| (before.last, before.good, before.failures));
        let good = if anew { None } else { good };
        let AskedAt { now: begun, chance } = at;
        let cached = Cached {
            last,
            good,
            read: read.clone(),
            begun,
            chance,
            anew,
            is_settled: false,
            failures,
            is_due: false,
        };
        all.insert(key.clone(), cached);
        Found::Coming(read)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use futures_util::future::{pending, ready};

    use super::*;

    type Read = Later<Result<u32, &'static str>>;

    fn at(seconds: i64) -> AskedAt {
        AskedAt { now: Timestamp::from_second(seconds).unwrap(), chance: 0.0 }
    }

    fn cache() -> Cache<u32, u32, &'static str> {
        Cache::new(3, |_| Duration::from_mins(1))
    }

    /// What counts reads.
    fn counted() -> impl Fn() -> Read {
        let reads = Rc::new(Cell::new(0));
        move || {
            reads.set(reads.get() + 1);
            Box::pin(ready(Ok(reads.get())))
        }
    }

    fn fails() -> Read {
        Box::pin(ready(Err("no")))
    }

    fn hangs() -> Read {
        Box::pin(pending())
    }

    fn now(found: Found<u32, &'static str>) -> Result<u32, &'static str> {
        found.value().now_or_never().unwrap()
    }

    #[test]
    fn a_value_is_read_once_while_it_lives() {
        let (cache, read) = (cache(), counted());
        assert_eq!(now(cache.get(&1, at(0), &read)), Ok(1));
        assert_eq!(now(cache.get(&1, at(59), &read)), Ok(1));
        assert_eq!(now(cache.get(&1, at(60), &read)), Ok(2));
    }

    #[test]
    fn what_is_used_is_due_before_its_end_and_goes_on_being_used_meanwhile() {
        let (cache, read) = (cache(), counted());
        assert_eq!(now(cache.get(&1, at(0), &read)), Ok(1));
        assert_eq!(now(cache.get(&1, at(47), &read)), Ok(1));
        assert_eq!(cache.due(), [0; 0]);
        assert_eq!(now(cache.get(&1, at(48), &read)), Ok(1));
        assert_eq!((cache.due(), cache.due()), (vec![1], vec![]), "each time once");
        _ = cache.early(&1, at(49), hangs);
        assert_eq!(now(cache.get(&1, at(50), &read)), Ok(1));
        assert_eq!(cache.due(), [0; 0], "somebody reads it");
        // That one is gone.
        assert_eq!(now(cache.early(&1, at(59), &read)), Ok(2));
        assert_eq!(now(cache.get(&1, at(61), &read)), Ok(2));
    }

    #[test]
    fn environments_read_anew_at_times_of_their_own() {
        let (cache, read) = (cache(), counted());
        assert_eq!(now(cache.get(&1, AskedAt { chance: 0.99, ..at(0) }, &read)), Ok(1));
        assert_eq!(now(cache.get(&1, at(56), &read)), Ok(1));
        assert_eq!(cache.due(), [0; 0]);
        assert_eq!(now(cache.get(&1, at(57), &read)), Ok(1));
        assert_eq!(cache.due(), [1]);
    }

    #[test]
    fn what_cannot_be_had_is_asked_for_after_a_time_that_doubles() {
        let cache = cache();
        let mut begun = 0;
        for wait in [15, 30, 60, 120, 240, 240] {
            assert_eq!(now(cache.get(&1, at(begun), fails)), Err("no"));
            assert_eq!(now(cache.get(&1, at(begun + wait - 1), counted())), Err("no"), "{wait}");
            assert!(
                cache.is_missing(&1, at(begun + wait - 1).now) && !cache.is_missing(&1, at(begun + wait).now)
            );
            begun += wait;
        }
        assert_eq!(now(cache.get(&1, at(begun), counted())), Ok(1));
        assert!(!cache.is_missing(&1, at(begun).now));
    }

    #[test]
    fn a_value_is_used_to_its_end_while_another_cannot_be_had() {
        let (cache, read) = (cache(), counted());
        assert_eq!(now(cache.get(&1, at(0), &read)), Ok(1));
        assert_eq!(now(cache.early(&1, at(48), fails)), Err("no"));
        assert_eq!(now(cache.get(&1, at(59), &read)), Ok(1));
        assert_eq!(cache.due(), [0; 0], "not for fifteen seconds");
        assert_eq!(now(cache.get(&1, at(60), &read)), Err("no"));
        assert_eq!((cache.last(&1), now(cache.get(&1, at(63), &read))), (Some(1), Ok(2)));
    }

    #[test]
    fn those_who_want_it_at_once_wait_for_one_read() {
        let (cache, read) = (cache(), counted());
        let (one, other) = (cache.get(&1, at(0), &read), cache.get(&1, at(9), &read));
        // Nobody has looked yet. After ten seconds it is begun again.
        let late = cache.get(&1, at(10), &read);
        assert_eq!((now(one), now(other), now(late)), (Ok(1), Ok(1), Ok(2)));
    }

    #[test]
    fn what_was_refused_is_read_anew_at_most_every_ten_seconds() {
        let (cache, read) = (cache(), counted());
        assert_eq!(now(cache.get(&1, at(0), &read)), Ok(1));
        assert_eq!(now(cache.renew(&1, at(1), &read)), Ok(2));
        assert_eq!(now(cache.renew(&1, at(10), &read)), Ok(2));
        assert_eq!(now(cache.renew(&1, at(11), &read)), Ok(3));
        assert_eq!(now(cache.get(&1, at(12), &read)), Ok(3));
        // Where it cannot be read, what was refused is not used again.
        assert_eq!(now(cache.renew(&1, at(22), fails)), Err("no"));
        assert_eq!(now(cache.get(&1, at(23), &read)), Err("no"));
        assert_eq!(now(cache.renew(&1, at(36), &read)), Err("no"));
        assert_eq!(now(cache.get(&1, at(37), &read)), Ok(4));
    }

    #[test]
    fn there_are_never_more_than_there_may_be() {
        let (cache, read) = (cache(), counted());
        for key in 0..10 {
            now(cache.get(&key, at(key.into()), &read)).unwrap();
        }
        assert_eq!(cache.all.borrow().len(), 3);
        assert!(cache.last(&9).is_some() && cache.last(&1).is_none());
    }
}
