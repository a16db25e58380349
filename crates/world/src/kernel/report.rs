//! What handlers report, of whatever type.

use std::any::Any;
use std::fmt;
use std::hash::Hash;
use std::rc::Rc;

use super::fingerprint::fingerprint;

/// What a handler reported.
pub(crate) type Report = Rc<dyn Reported>;

/// Something that can be reported.
pub(crate) trait Reported: Any {
    fn fingerprint(&self) -> u64;
    fn show(&self) -> String;
    fn any(&self) -> &dyn Any;
}

impl<T: Any + Hash + fmt::Debug> Reported for T {
    fn fingerprint(&self) -> u64 {
        fingerprint(self)
    }
    fn show(&self) -> String {
        format!("{self:?}")
    }
    fn any(&self) -> &dyn Any {
        self
    }
}
