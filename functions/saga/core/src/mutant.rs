//! The bugs that `make sim` puts in on purpose and has to find.

tenfold_ports::mutants! {
    /// The state machine undoes only the steps whose answer it has received.
    UndoOnlyAnswered = "only what was answered is undone",
    /// Steps are undone in the order in which they were done.
    OrderNotReversed = "undone in the order of doing",
    /// A service gives away what it does not have.
    StockWithoutCondition = "inventory without a condition",
    /// A step that comes twice is done twice.
    StepTwice = "a step that comes twice is done twice",
    /// The pivot is done whatever has become of the saga.
    PivotUnconditional = "the pivot does not ask whether the saga runs",
    /// A refused step leaves nothing behind that would refuse a late copy of it.
    RefusedWithoutTombstone = "a refused step can come late",
    /// An undo that comes before its step leaves nothing behind that would refuse it.
    NoTombstone = "an undo that comes first leaves no tombstone",
    /// An undo gives back what was never taken.
    UndoWithoutCondition = "undone what was never done",
    /// An undo that is refused is passed over.
    RefusedUndoSkipped = "a refused undo is passed over",
    /// The last undo calls the saga compensated without a look at the other steps.
    EndWithoutLook = "ended without a look at the other steps",
    /// A saga with a stuck step is called compensated.
    StuckCalledCompensated = "compensated though stuck",
    /// Rounds go on for ever.
    EndlessRounds = "rounds without end",
    /// An undo of a round that is over ends the saga, since its state is still the one that was read.
    EndOfAnyRound = "ended by a round that is over",
    /// Nobody looks for sagas that do not go on.
    NoDeadline = "nobody looks for sagas that do not go on",
    /// A cancel of a saga that does not exist writes a row.
    CancelMakesRow = "a cancel makes a row",
    /// A cancel is taken after the pivot.
    CancelledAfterPivot = "cancelled after the pivot",
    /// A request that is repeated starts another saga.
    KeyIgnored = "a repeated request starts another saga",
    /// What happened is written down after it has happened.
    LogAfterwards = "written first, published then",
    /// Nobody is told of what is stuck.
    StuckWithoutLetter = "stuck, and nobody is told",
}
