//! What a saga is: one definition, for both styles.
//!
//! In reading order: `action` is what a team implements, `policy` how often it is tried, `step` what it is to
//! the saga, `saga` the order of the steps, [`builder`] what keeps a team from defining what is unsafe. From
//! a definition are generated [`choreography`], which service goes by which event, and [`asl`], the state
//! machine.
//!
//! ```
//! use saga_core::definition::choreography::Direction;
//! use saga_core::definition::{Compensable, Pivot, Saga, asl};
//! use saga_core::inventory::StockKind;
//! use saga_core::trip::Reserve;
//!
//! let trip = Saga::named("trip")
//!     .step(Compensable::new("flight", Reserve(StockKind::Flight)))
//!     .pivot(Pivot::new("car", Reserve(StockKind::Car)))
//!     .build()?;
//!
//! // Choreographed: the car is booked once the flight is, and the flight is undone once the car was refused.
//! let (flight, car) = (0, 1);
//! assert_eq!(trip.reaction(car, &"flight.done".parse()?), Some(Direction::Do));
//! assert_eq!(trip.reaction(flight, &"car.failed".parse()?), Some(Direction::Undo));
//! assert_eq!(trip.reaction(flight, &"car.done".parse()?), None);
//!
//! // Orchestrated: the same, as a state machine whose functions are substitutions.
//! let machine = asl::machine(&trip, "Saga");
//! assert!(machine.contains("\"Do car\"") && machine.contains("${SagaCarArn}"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod action;
pub mod asl;
pub mod builder;
pub mod choreography;
mod policy;
mod saga;
mod step;

pub use action::{Action, Undo, WRITES_MOST, Work};
pub use builder::{DefinitionError, Saga};
pub use policy::{Policy, Retry};
pub use saga::{Definition, STEPS_MOST};
pub use step::{Compensable, Pivot, Retryable, Role, Step};
