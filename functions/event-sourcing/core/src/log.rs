//! The log: every commit of every aggregate, for ever. It is the truth, and all else can be made of it again.
//!
//! * [`commit`]: a commit as it is stored, and the chain of hashes through an aggregate's commits.
//! * [`codec`]: events as bytes, and those of older programs.
//! * [`history`]: what an aggregate's commits come to.
//! * [`mod@append`]: one more commit.
//!
//! A commit is one item, with all its events: partition `<kind>#<id>`, sort key `v` and its version in twelve digits. Versions
//! of an aggregate are 1, 2, 3, …: a commit is written where there is none with its version, by somebody who has read
//! the one before. Beside it are the commands that were carried out (`command#<id>`), and now and then a snapshot (`v…s`).
//! Nothing of it is ever changed, and nobody has a permission to delete.

pub mod append;
pub mod codec;
pub mod commit;
pub mod history;

pub use append::{Append, Appended, append};
pub use codec::UnknownEvent;
pub use commit::{Commit, CommitMeta};
pub use history::{History, LogError};
