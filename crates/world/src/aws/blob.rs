//! Buckets of objects in memory, with the semantics of S3: strong consistency, puts under `If-None-Match: *`,
//! listings in the order of the keys' bytes.
//!
//! Not modelled: versions, multipart uploads, events, and the 409 of two conditional puts at once, which the
//! fault "throttled" stands for.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Bound;

use jiff::Timestamp;
use smol_str::{SmolStr, format_smolstr};
use tenfold_ports::blob::{Listing, MAX_KEY, Object, PAGE, PutError, PutIf};
use tenfold_ports::{Bytes, CallError};

/// A bucket.
#[derive(Debug, Clone, Default, Hash)]
pub struct Objects {
    all: BTreeMap<SmolStr, (Bytes, Timestamp)>,
}

impl Objects {
    /// The keys and contents, in the order of the keys.
    pub fn all(&self) -> impl Iterator<Item = (&SmolStr, &Bytes)> {
        self.all.iter().map(|(key, (bytes, _))| (key, bytes))
    }

    pub(crate) fn put(
        &mut self,
        key: &SmolStr,
        bytes: &Bytes,
        condition: PutIf,
        now: Timestamp,
    ) -> Result<(), PutError> {
        valid(key)?;
        if condition == PutIf::Absent && self.all.contains_key(key) {
            return Err(PutError::Exists);
        }
        self.all.insert(key.clone(), (bytes.clone(), now));
        Ok(())
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<Bytes>, CallError> {
        valid(key)?;
        Ok(self.all.get(key).map(|(bytes, _)| bytes.clone()))
    }

    pub(crate) fn head(&self, key: &str) -> Result<Option<Object>, CallError> {
        valid(key)?;
        Ok(self.all.get_key_value(key).map(object))
    }

    pub(crate) fn delete(&mut self, key: &str) -> Result<(), CallError> {
        valid(key)?;
        self.all.remove(key);
        Ok(())
    }

    pub(crate) fn list(&self, prefix: &str, after: Option<&str>) -> Listing {
        let first = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let rest = self.all.range::<str, _>((first, Bound::Unbounded));
        let mut found = rest.take_while(|(key, _)| key.starts_with(prefix)).map(object);
        let objects: Vec<Object> = found.by_ref().take(PAGE).collect();
        let next = found.next().and(objects.last()).map(|last| last.key.clone());
        Listing { objects, next }
    }
}

fn object((key, (bytes, put_at)): (&SmolStr, &(Bytes, Timestamp))) -> Object {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let tag = format_smolstr!("{:016x}", hasher.finish());
    Object { key: key.clone(), size: bytes.len() as u64, tag, put_at: *put_at }
}

fn valid(key: &str) -> Result<(), CallError> {
    match key.len() {
        0 => Err(CallError::Refused("an empty key".to_owned())),
        1..=MAX_KEY => Ok(()),
        _ => Err(CallError::Refused("KeyTooLongError: a key has at most 1024 bytes".to_owned())),
    }
}

#[cfg(test)]
mod tests;
