//! The port of a bucket, and the buckets of a run.

use std::hash::Hash;

use jiff::Timestamp;
use smol_str::SmolStr;
use tenfold_ports::blob::{Blob, Listing, Object, PutError, PutIf};
use tenfold_ports::{Bytes, CallError};

use crate::aws::blob::Objects;
use crate::kernel::fault::Fails;
use crate::kernel::ids::BucketId;
use crate::run::env::Env;
use crate::run::state::{RunState, detail};
use crate::run::world::World;

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

const PUTS: &str = "blob.puts_a_prefix";
const GETS: &str = "blob.gets_a_prefix";

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
        let effect = move |state: &mut RunState| {
            // A prefix's rate; what S3 takes for one is not said: here it is all before the last slash.
            let limit = if matches!(call, "blob.put" | "blob.delete") { PUTS } else { GETS };
            let prefix = key.rsplit_once('/').map_or("", |(prefix, _)| prefix);
            let result = match state.spend_rate(limit, prefix, 1) {
                Ok(()) => act(&mut state.services.buckets[bucket], &key, state.now),
                Err(error) => R::fails(error),
            };
            let what = detail(state, || format!("{key} -> {}", show(&result)));
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
