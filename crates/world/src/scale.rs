//! The world with time: the same handlers, unchanged, as a discrete-event simulation in virtual time.
//!
//! Each call takes a time that is drawn by seed from its service's distribution ([`figures`]) and is applied
//! somewhere between its begin and its end. Functions have environments that start cold, are kept, and hold one
//! invocation each; services have limits, and prices. A [`Simulation`] is a stack in such a world: functions,
//! what invokes them, who comes in from outside, and the services that are called. What services do with what
//! they hold is that of the runs that try every order (`aws`): there is one model of it.
//!
//! A [`Scenario`] says what load there is, what happens meanwhile, and what must hold; [`main`] runs those of a
//! pattern, with a table, a picture and a line of JSON. The same seed gives the same bytes.
//!
//! Not modelled, and so not to be concluded from a run: time that a handler computes (nothing, between two
//! calls), the memory that an environment has, networks that lose packets, how DynamoDB's and the stream's
//! partitions split, retries of API Gateway's clients, and reads that miss the last second's writes. Time to
//! live deletes at once. The whole list is in ARCHITECTURE.md ("The world with time").

mod agenda;
mod arrive;
mod asynchronous;
mod calls;
mod check;
mod cli;
mod drive;
mod execute;
pub mod figures;
mod function;
mod host;
mod ids;
mod invoke;
mod lanes;
mod load;
mod machines;
mod nanos;
mod outcome;
mod picture;
mod poll;
mod poll_stream;
mod quantiles;
mod recorder;
mod scenario;
mod simulation;
mod sources;

pub use cli::{ScalePattern, StateOf, main, short};
pub use function::{Answering, Event, Handle, InvocationOutcome, LambdaSettings};
pub use load::{Keys, Visitor};
pub use scenario::Scenario;
pub use simulation::{FunctionId, Simulation};
pub use toml::Table as StackSettings;

#[cfg(test)]
mod tests;
