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
use tenfold_ports::blob::{Blob, Listing, MAX_KEY, Object, PAGE, PutError, PutIf};
use tenfold_ports::{Bytes, CallError};

use crate::env::Env;
use crate::executor::{State, World};
use crate::fault::Fails;
use crate::ids::BucketId;
use crate::trace::told;

/// A bucket.
#[derive(Debug, Clone, Default, Hash)]
pub struct Objects {
    all: BTreeMap<SmolStr, (Bytes, Timestamp)>,
}

impl<T> Fails for Result<T, PutError> {
    fn fails(error: CallError) -> Self {
        Err(error.into())
    }
}

impl Objects {
    /// The keys and contents, in the order of the keys.
    pub fn all(&self) -> impl Iterator<Item = (&SmolStr, &Bytes)> {
        self.all.iter().map(|(key, (bytes, _))| (key, bytes))
    }

    fn put(
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

    fn get(&self, key: &str) -> Result<Option<Bytes>, CallError> {
        valid(key)?;
        Ok(self.all.get(key).map(|(bytes, _)| bytes.clone()))
    }

    fn head(&self, key: &str) -> Result<Option<Object>, CallError> {
        valid(key)?;
        Ok(self.all.get_key_value(key).map(object))
    }

    fn delete(&mut self, key: &str) -> Result<(), CallError> {
        valid(key)?;
        self.all.remove(key);
        Ok(())
    }

    fn list(&self, prefix: &str, after: Option<&str>) -> Listing {
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

impl World {
    /// Adds a bucket.
    pub fn add_bucket(&self, name: &'static str) -> BucketId {
        let buckets = &mut self.state.borrow_mut().services.buckets;
        buckets.push(Objects::default());
        BucketId { index: buckets.len() - 1, name }
    }

    /// Looks at a bucket.
    pub fn bucket<R>(&self, bucket: BucketId, look: impl FnOnce(&Objects) -> R) -> R {
        look(&self.state.borrow().services.buckets[bucket.index])
    }
}

/// A bucket as a handler holds it: an environment and which bucket.
#[derive(Debug, Clone)]
pub struct BlobOf {
    env: Env,
    bucket: BucketId,
}

impl Env {
    /// The port of a bucket.
    #[must_use]
    pub fn blob(&self, bucket: BucketId) -> BlobOf {
        BlobOf { env: self.clone(), bucket }
    }
}

impl BlobOf {
    /// A call that does `act` with a key or a prefix, and tells of the answer.
    async fn on<R: Fails + Hash + Clone + 'static>(
        &self,
        call: &'static str,
        key: &str,
        act: impl Fn(&mut Objects, &SmolStr, Timestamp) -> R + 'static,
        show: fn(&R) -> String,
    ) -> R {
        let (BucketId { index: bucket, name }, key) = (self.bucket, SmolStr::new(key));
        let effect = move |state: &mut State| {
            let result = act(&mut state.services.buckets[bucket], &key, state.now);
            let what = told(state, || format!("{key} -> {}", show(&result)));
            (result, what)
        };
        self.env.call(self.env.site(call, name), effect).await
    }
}

impl Blob for BlobOf {
    async fn put(&self, key: &str, bytes: Bytes, condition: PutIf) -> Result<(), PutError> {
        let put = move |objects: &mut Objects, key: &SmolStr, now| objects.put(key, &bytes, condition, now);
        self.on("blob.put", key, put, |result| format!("{result:?}")).await
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, CallError> {
        let show = |result: &Result<Option<Bytes>, CallError>| match result {
            Ok(Some(bytes)) => format!("{} bytes", bytes.len()),
            other => format!("{other:?}"),
        };
        self.on("blob.get", key, |objects, key, _| objects.get(key), show).await
    }

    async fn head(&self, key: &str) -> Result<Option<Object>, CallError> {
        self.on("blob.head", key, |objects, key, _| objects.head(key), |result| format!("{result:?}")).await
    }

    async fn delete(&self, key: &str) -> Result<(), CallError> {
        self.on("blob.delete", key, |objects, key, _| objects.delete(key), |result| format!("{result:?}"))
            .await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Listing, CallError> {
        let after = after.map(SmolStr::new);
        let list =
            move |objects: &mut Objects, prefix: &SmolStr, _| Ok(objects.list(prefix, after.as_deref()));
        let show = |result: &Result<Listing, CallError>| match result {
            Ok(listing) => format!("{} objects", listing.objects.len()),
            Err(error) => error.to_string(),
        };
        self.on("blob.list", prefix, list, show).await
    }
}

#[cfg(test)]
mod tests;
