//! What the cores of the patterns share, and no service owns.
//!
//! * [`http`]: a request at the edge, every fault of it named at once, and the answer.
//! * [`read`]: rows that can or cannot be read; one that cannot stops itself only.
//! * [`page`]: a query page after page, and the count of all.
//! * [`commit`]: a write that is made again until its fate is known.
//! * [`send`]: messages and notices in batches, and which of them did not go.
//!
//! It sees ports and nothing else: no SDK, no environment, no clock. What a pattern decides is in its core.

pub mod commit;
pub mod http;
pub mod page;
pub mod read;
pub mod send;

pub use read::ReadError;
