//! The way to a definition, in types: what is unsafe does not compile.
//!
//! Steps before the pivot are [`Compensable`], which takes something that knows how to undo; then comes
//! exactly one [`Pivot`]; then only [`Retryable`] steps.
//!
//! ```
//! # use saga_core::definition::{Compensable, Pivot, Retryable, Saga};
//! # use saga_core::inventory::StockKind;
//! # use saga_core::trip::Reserve;
//! let seats = Reserve(StockKind::Flight);
//! let trip = Saga::named("trip")
//!     .step(Compensable::new("flight", seats))
//!     .pivot(Pivot::new("car", Reserve(StockKind::Car)))
//!     .then(Retryable::new("confirm", seats))
//!     .build()?;
//! assert_eq!(trip.pivot(), 1);
//! # Ok::<(), saga_core::definition::DefinitionError>(())
//! ```
//!
//! A step before the pivot without a compensation does not build:
//!
//! ```compile_fail,E0277
//! # use saga_core::definition::{Action, Compensable, Pivot, Saga, Work};
//! # use saga_core::trip::Trip;
//! # use tenfold_ports::table::{Item, Write};
//! #[derive(Debug)]
//! struct Mail;
//! impl Action<Trip> for Mail {
//! #   fn item(&self, _: &Trip) -> tenfold_ports::SmolStr { "".into() }
//! #   fn writes(&self, _: &Work<'_, Trip>) -> Vec<Write> { Vec::new() }
//! #   fn refusal(&self, _: &Work<'_, Trip>, _: usize, _: Option<&Item>) -> String { String::new() }
//!     // what it does, but not how to take it back
//! }
//! Saga::named("trip").step(Compensable::new("mail", Mail)).pivot(Pivot::new("car", Mail)).build();
//! ```
//!
//! nor does a step before the pivot that can only be retried,
//!
//! ```compile_fail,E0308
//! # use saga_core::definition::{Pivot, Retryable, Saga};
//! # use saga_core::inventory::StockKind;
//! # use saga_core::trip::Reserve;
//! # let seats = Reserve(StockKind::Flight);
//! Saga::named("trip").step(Retryable::new("flight", seats)).pivot(Pivot::new("car", seats)).build();
//! ```
//!
//! nor one after it that is not retryable,
//!
//! ```compile_fail,E0308
//! # use saga_core::definition::{Compensable, Pivot, Saga};
//! # use saga_core::inventory::StockKind;
//! # use saga_core::trip::Reserve;
//! # let seats = Reserve(StockKind::Flight);
//! Saga::named("trip").pivot(Pivot::new("car", seats)).then(Compensable::new("flight", seats)).build();
//! ```
//!
//! nor a saga without a pivot,
//!
//! ```compile_fail,E0599
//! # use saga_core::definition::{Compensable, Saga};
//! # use saga_core::inventory::StockKind;
//! # use saga_core::trip::Reserve;
//! Saga::named("trip").step(Compensable::new("flight", Reserve(StockKind::Flight))).build();
//! ```
//!
//! nor one with two:
//!
//! ```compile_fail,E0599
//! # use saga_core::definition::{Pivot, Saga};
//! # use saga_core::inventory::StockKind;
//! # use saga_core::trip::Reserve;
//! # let seats = Reserve(StockKind::Flight);
//! Saga::named("trip").pivot(Pivot::new("car", seats)).pivot(Pivot::new("hotel", seats)).build();
//! ```

use std::marker::PhantomData;

use jiff::SignedDuration;

use super::policy::Policy;
use super::saga::{Definition, STEPS_MOST};
use super::step::{Compensable, Pivot, Retryable, Role, Step};
use crate::names::{BadName, COORDINATOR, Name};

/// The beginning of a definition.
#[derive(Debug, Clone, Copy)]
pub struct Saga;

/// The place in a definition before its pivot.
#[derive(Debug)]
pub struct BeforePivot;

/// The place in a definition after its pivot.
#[derive(Debug)]
pub struct AfterPivot;

/// A definition in the making.
#[derive(Debug)]
pub struct Builder<P, S> {
    name: String,
    steps: Vec<(String, Role<P>, Policy)>,
    pivot: usize,
    deadline: SignedDuration,
    recovery: SignedDuration,
    shards: u8,
    place: PhantomData<S>,
}

/// The error of a definition that is none. What the types do not keep from being written is found when it is
/// built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefinitionError {
    /// The saga or a step has no name that fits into keys, states and resources.
    #[error(transparent)]
    Name(#[from] BadName),
    /// Two steps would have the same resources.
    #[error("the steps `{0}` and `{1}` would both have the resource {resource}; rename one", resource = .0.pascal())]
    SameName(Name, Name),
    /// The step would share its function's place in the state machine, and its metrics, with the coordinator.
    #[error("a step cannot be named `{COORDINATOR}`, as the coordinator's function is; rename it")]
    Taken,
    /// One transaction could not hold a row for each.
    #[error("{0} steps; at most {STEPS_MOST} are possible")]
    TooMany(usize),
    /// A step's policy is out of range.
    #[error("step `{step}`: {fault}")]
    Policy {
        /// The step.
        step: Name,
        /// What is out of range, and what was expected.
        fault: &'static str,
    },
    /// A deadline is out of range.
    #[error("{what} is {found}; 1 s to 365 days was expected")]
    Deadline {
        /// Which of them.
        what: &'static str,
        /// How long it is.
        found: SignedDuration,
    },
    /// There must be at least one shard.
    #[error("no shards; 1 to 255 were expected")]
    NoShards,
}

impl Saga {
    /// Begins the definition of a saga with this name.
    #[must_use]
    pub fn named<P>(name: impl Into<String>) -> Builder<P, BeforePivot> {
        Builder {
            name: name.into(),
            steps: Vec::new(),
            pivot: 0,
            deadline: SignedDuration::from_mins(10),
            recovery: SignedDuration::from_mins(15),
            shards: 8,
            place: PhantomData,
        }
    }
}

impl<P> Builder<P, BeforePivot> {
    /// Adds a step that can be undone.
    #[must_use]
    pub fn step(mut self, step: Compensable<P>) -> Self {
        self.steps.push((step.name, Role::Compensable(step.undo), step.policy));
        self
    }

    /// Adds the step that decides.
    #[must_use]
    pub fn pivot(mut self, step: Pivot<P>) -> Builder<P, AfterPivot> {
        self.pivot = self.steps.len();
        self.steps.push((step.name, Role::Pivot(step.action), step.policy));
        let Self { name, steps, pivot, deadline, recovery, shards, .. } = self;
        Builder { name, steps, pivot, deadline, recovery, shards, place: PhantomData }
    }
}

impl<P> Builder<P, AfterPivot> {
    /// Adds a step that is tried until it is done.
    #[must_use]
    pub fn then(mut self, step: Retryable<P>) -> Self {
        self.steps.push((step.name, Role::Retryable(step.action), step.policy));
        self
    }

    /// Returns the definition.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn build(self) -> Result<Definition<P>, DefinitionError> {
        if self.steps.len() > STEPS_MOST {
            return Err(DefinitionError::TooMany(self.steps.len()));
        }
        if self.shards == 0 {
            return Err(DefinitionError::NoShards);
        }
        for (what, found) in [("the deadline", self.deadline), ("the recovery time", self.recovery)] {
            if found < SignedDuration::from_secs(1) || found > SignedDuration::from_hours(365 * 24) {
                return Err(DefinitionError::Deadline { what, found });
            }
        }
        let mut steps: Vec<Step<P>> = Vec::with_capacity(self.steps.len());
        for (name, role, policy) in self.steps {
            let name = Name::parse(&name)?;
            if name.as_str() == COORDINATOR {
                return Err(DefinitionError::Taken);
            }
            if let Some(same) = steps.iter().find(|s| s.name.pascal() == name.pascal()) {
                return Err(DefinitionError::SameName(same.name.clone(), name));
            }
            if let Some(fault) = policy.fault() {
                return Err(DefinitionError::Policy { step: name, fault });
            }
            steps.push(Step { name, role, policy });
        }
        Ok(Definition {
            name: Name::parse(&self.name)?,
            steps: steps.into(),
            pivot: self.pivot,
            deadline: self.deadline,
            recovery: self.recovery,
            shards: self.shards,
        })
    }
}

impl<P, S> Builder<P, S> {
    /// Sets how long the saga may take to its pivot before it is undone: 1 s to 365 days; 10 min unless said
    /// otherwise.
    #[must_use]
    pub const fn deadline(mut self, deadline: SignedDuration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how long a round of undoing may take, or of doing what comes after the pivot, before the next one
    /// begins: 1 s to 365 days; 15 min unless said otherwise.
    #[must_use]
    pub const fn recovery(mut self, recovery: SignedDuration) -> Self {
        self.recovery = recovery;
        self
    }

    /// Sets over how many partitions of the index the open sagas of a state are spread: 1 to 255; 8 unless
    /// said otherwise. To change it makes the coordinator overlook the sagas that are open at that moment.
    #[must_use]
    pub const fn shards(mut self, shards: u8) -> Self {
        self.shards = shards;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Retry;
    use crate::inventory::StockKind;
    use crate::trip::{Reserve, Trip};

    fn step(name: &str) -> Compensable<Trip> {
        Compensable::new(name, Reserve(StockKind::Flight))
    }

    fn pivot() -> Pivot<Trip> {
        Pivot::new("car", Reserve(StockKind::Car))
    }

    #[test]
    fn steps_are_undone_in_reverse_and_the_pivot_first() {
        let trip =
            Saga::named("trip").step(step("flight")).step(step("hotel")).pivot(pivot()).build().unwrap();
        assert_eq!((trip.undo_first(), trip.pivot(), trip.retryables().len()), (2, 2, 0));
        assert_eq!([2, 1, 0].map(|i| trip.undo_next(i)), [Some(1), Some(0), None]);
        assert_eq!([2, 1, 0].map(|i| trip.undo_from(i)), [Some(1), Some(0), None]);
    }

    #[test]
    fn what_types_cannot_refuse_is_refused_when_it_is_built() {
        let name = |n: &str| Name::parse(n).unwrap();
        let same = Saga::named("trip").step(step("a-1")).step(step("a1")).pivot(pivot()).build();
        assert_eq!(same.unwrap_err(), DefinitionError::SameName(name("a-1"), name("a1")));
        assert!(matches!(Saga::named("Trip").pivot(pivot()).build(), Err(DefinitionError::Name(_))));
        assert!(matches!(
            Saga::named("trip").step(step("a.b")).pivot(pivot()).build(),
            Err(DefinitionError::Name(_))
        ));
        let taken = Saga::named("trip").step(step("coordinator")).pivot(pivot()).build().unwrap_err();
        assert!(taken.to_string().contains("`coordinator`"), "{taken}");
        let many = (0..20).fold(Saga::named("trip"), |saga, i| saga.step(step(&format!("s{i}"))));
        assert_eq!(many.pivot(pivot()).build().unwrap_err(), DefinitionError::TooMany(21));
        let never = Retry { interval: 0, ..Retry::DO };
        let bad = Saga::named("trip").pivot(pivot().retry(never)).build().unwrap_err();
        assert_eq!(bad.to_string(), "step `car`: the interval should be 1 to 3,600 s");
        let short = Saga::named("trip").pivot(pivot()).deadline(SignedDuration::ZERO).build();
        assert!(matches!(short, Err(DefinitionError::Deadline { .. })));
        let none = Saga::named("trip").pivot(pivot()).shards(0).build();
        assert_eq!(none.unwrap_err(), DefinitionError::NoShards);
    }
}
