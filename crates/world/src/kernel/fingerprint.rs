//! Numbers that stand for values.

use std::hash::{BuildHasher, Hash};

use foldhash::quality::FixedState;

/// A number that stands for a value: two values with the same one are taken for the same. With 64 bits and
/// the hundred thousands of states of an exploration, two that differ meet with a likelihood of about 1 to
/// 10⁹.
pub(crate) fn fingerprint(value: &(impl Hash + ?Sized)) -> u64 {
    FixedState::with_seed(0x7e0f_01d5).hash_one(value)
}
