//! Objects by key, with the semantics of Amazon S3: every read sees every write that was answered before it.
//!
//! Objects are whole, in memory. What is too large for that needs another port.

use bytes::Bytes;
use jiff::Timestamp;
use smol_str::SmolStr;

use crate::CallError;

/// The most objects of a page of [`Blob::list`].
pub const PAGE: usize = 1000;

/// The longest key, in bytes.
pub const MAX_KEY: usize = 1024;

/// What must hold for an object to be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PutIf {
    /// Nothing: an object with the key is replaced.
    Always,
    /// There is no object with the key (`If-None-Match: *`).
    Absent,
}

/// Why an object was not put.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PutError {
    /// There is an object with the key (412). Nothing was written by this call; but an earlier attempt of the
    /// same call whose answer was lost may be the very reason.
    #[error("there is an object with this key already")]
    Exists,
    /// The call failed. [`CallError::Throttled`] is also that another write of the key was under way (409).
    #[error(transparent)]
    Call(#[from] CallError),
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Object {
    /// Its key.
    pub key: SmolStr,
    /// How many bytes it has.
    pub size: u64,
    /// Names its content: another content has another tag.
    pub tag: SmolStr,
    /// When it was put.
    pub put_at: Timestamp,
}

/// A page of objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Listing {
    /// At most [`PAGE`] objects, in the order of the bytes of their keys.
    pub objects: Vec<Object>,
    /// The key after which the next page begins; none when this is the last.
    pub next: Option<SmolStr>,
}

/// A bucket of objects. Keys have 1 to [`MAX_KEY`] bytes.
pub trait Blob {
    /// Puts a whole object.
    ///
    /// # Errors
    /// The condition did not hold, or the call failed.
    async fn put(&self, key: &str, bytes: Bytes, condition: PutIf) -> Result<(), PutError>;

    /// Reads a whole object into memory; none where there is none. Look at [`Blob::head`] first where nobody has
    /// promised how large it is.
    ///
    /// # Errors
    /// The call failed.
    async fn get(&self, key: &str) -> Result<Option<Bytes>, CallError>;

    /// Looks at an object without reading it.
    ///
    /// # Errors
    /// The call failed.
    async fn head(&self, key: &str) -> Result<Option<Object>, CallError>;

    /// Deletes an object; an absent one is no error.
    ///
    /// # Errors
    /// The call failed.
    async fn delete(&self, key: &str) -> Result<(), CallError>;

    /// Lists the objects whose keys begin with `prefix`, a page at a time: those after the key `after`.
    ///
    /// # Errors
    /// The call failed.
    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Listing, CallError>;
}
