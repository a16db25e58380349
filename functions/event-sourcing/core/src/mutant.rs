//! The bugs that `make sim` puts in on purpose and has to find.

tenfold_ports::mutants! {
    /// A commit is written over one that is there.
    AppendWithoutCondition = "a commit over another",
    /// The first commit of an aggregate is written without a look, as if nobody else began it.
    FirstWithoutCondition = "the first commit without a condition",
    /// A history of more than a page is read to the end of its first.
    FirstPageOnly = "a history ends with its first page",
    /// A snapshot is believed whatever program made it.
    SnapshotOfAnySchema = "a snapshot of another schema",
    /// What was carried out is not remembered.
    CommandForgotten = "a command is carried out twice",
    /// A command that was overtaken is decided by what it had read.
    DecidedByOldState = "decided anew by the state of before",
    /// A view takes in what it is told of, and no more.
    OnlyWhatIsTold = "a view takes in what it is told of only",
    /// A view is written over whatever is there.
    ViewWithoutCondition = "a view over a newer one",
    /// An event that cannot be taken in is passed over.
    PoisonSkipped = "what cannot be taken in is passed over",
    /// New events go into the views that answer only.
    ShadowNotTold = "a generation that is built hears of nothing new",
    /// The second pass begins before everybody knows of the generation.
    SecondPassAtOnce = "a second pass that comes too early",
    /// Readers go over after the first pass.
    OnePass = "readers go over after one pass",
}
