//! A table, a clock and chance in memory: for tests of what is built on a Tenfold core.
//!
//! [`MemoryTable`] is a table as DynamoDB is one, of one process, that nothing goes wrong with. [`ManualRuntime`] is time that
//! goes on when it is told to, chance by a seed, and metrics that can be looked at. Both may be shared by threads, and a
//! clone is the same.
//!
//! What goes wrong between two calls, `tenfold-world` finds: there each call may be throttled, lost or overtaken. It takes a
//! handler of its own and one thread; these take none.

mod runtime;
mod table;

pub use runtime::ManualRuntime;
pub use table::MemoryTable;
