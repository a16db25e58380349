//! What an environment knows of requests whose turn it is not.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tenfold_ports::table::Key;

use crate::names::RequestId;
use crate::rows;

/// For how long a request is not read again that is behind others of its order group, or cannot be read. Whoever takes
/// the one before it off goes on with it all the same.
const LEFT: SignedDuration = SignedDuration::from_secs(30);
/// The number of requests of which that is remembered.
const REMEMBERED: usize = 100_000;

/// The requests whose turn it is not: their places in the index come first, and their rows need not be read each time.
#[derive(Debug, Default)]
pub struct Behind(Mutex<HashMap<Key, Timestamp>>);

impl Behind {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that it is not a request's turn.
    pub(super) fn note(&self, id: RequestId, now: Timestamp) {
        self.note_key(rows::request_key(id), now);
    }

    /// Notes that its turn has come.
    pub(super) fn forget(&self, id: RequestId) {
        self.lock().remove(&rows::request_key(id));
    }

    pub(super) fn note_key(&self, key: Key, now: Timestamp) {
        let mut known = self.lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(key, now + LEFT);
    }

    pub(super) fn is_left(&self, key: &Key, now: Timestamp) -> bool {
        self.lock().get(key).is_some_and(|until| now < *until)
    }
}
