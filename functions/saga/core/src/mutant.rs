//! Bugs to be put in on purpose, so that the deterministic world can prove that it would find them.
//!
//! Each is a mistake that a real implementation of this pattern has been seen to make. They exist only with the
//! feature `mutants`, which a release build refuses.

#[cfg(all(feature = "mutants", not(debug_assertions)))]
compile_error!("the feature `mutants` puts bugs in: it is for `make sim` only, never for a release build");

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The state machine undoes only the steps whose answer it has received.
    UndoOnlyAnswered,
    /// Steps are undone in the order in which they were done.
    OrderNotReversed,
    /// A service gives away what it does not have.
    StockWithoutCondition,
    /// A step that comes twice is done twice.
    StepTwice,
    /// The pivot is done whatever has become of the saga.
    PivotUnconditional,
    /// A refused step leaves nothing behind that would refuse a late copy of it.
    RefusedWithoutTombstone,
    /// An undo that comes before its step leaves nothing behind that would refuse it.
    NoTombstone,
    /// An undo gives back what was never taken.
    UndoWithoutCondition,
    /// An undo that is refused is passed over.
    RefusedUndoSkipped,
    /// The last undo calls the saga compensated without a look at the other steps.
    EndWithoutLook,
    /// A saga with a stuck step is called compensated.
    StuckCalledCompensated,
    /// Rounds go on for ever.
    EndlessRounds,
    /// Nobody looks for sagas that do not go on.
    NoDeadline,
    /// A cancel of a saga that does not exist writes a row.
    CancelMakesRow,
    /// A cancel is taken after the pivot.
    CancelledAfterPivot,
    /// A request that is repeated starts another saga.
    KeyIgnored,
    /// What happened is written down after it has happened.
    LogAfterwards,
    /// Nobody is told of what is stuck.
    StuckWithoutLetter,
}

impl Mutant {
    /// All of them, with their names.
    pub const ALL: &[(Self, &'static str)] = &[
        (Self::UndoOnlyAnswered, "only what was answered is undone"),
        (Self::OrderNotReversed, "undone in the order of doing"),
        (Self::StockWithoutCondition, "inventory without a condition"),
        (Self::StepTwice, "a step that comes twice is done twice"),
        (Self::PivotUnconditional, "the pivot does not ask whether the saga runs"),
        (Self::RefusedWithoutTombstone, "a refused step can come late"),
        (Self::NoTombstone, "an undo that comes first leaves no tombstone"),
        (Self::UndoWithoutCondition, "undone what was never done"),
        (Self::RefusedUndoSkipped, "a refused undo is passed over"),
        (Self::EndWithoutLook, "ended without a look at the other steps"),
        (Self::StuckCalledCompensated, "compensated though stuck"),
        (Self::EndlessRounds, "rounds without end"),
        (Self::NoDeadline, "nobody looks for sagas that do not go on"),
        (Self::CancelMakesRow, "a cancel makes a row"),
        (Self::CancelledAfterPivot, "cancelled after the pivot"),
        (Self::KeyIgnored, "a repeated request starts another saga"),
        (Self::LogAfterwards, "written first, published then"),
        (Self::StuckWithoutLetter, "stuck, and nobody is told"),
    ];
}

#[cfg(feature = "mutants")]
thread_local! {
    static IN: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Puts the mutant with this number in [`Mutant::ALL`] in, for this thread, or takes it out.
#[cfg(feature = "mutants")]
pub fn put_in(mutant: Option<usize>) {
    IN.set(mutant.map(|i| Mutant::ALL[i].0));
}

/// Whether this bug is in. Never, without the feature.
#[must_use]
pub fn is_in(mutant: Mutant) -> bool {
    #[cfg(feature = "mutants")]
    return IN.get() == Some(mutant);
    #[cfg(not(feature = "mutants"))]
    {
        let _ = mutant;
        false
    }
}
