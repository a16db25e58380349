//! The bugs that `make sim` puts in on purpose and has to find.

tenfold_ports::mutants! {
    /// The state is read and written back whole: a late success overwrites what came since.
    CommitWithoutCondition = "state written back whole",
    /// A probe's result counts in whatever epoch it arrives.
    ResultOfAnyEpoch = "a late result counts in a newer epoch",
    /// Half-open lets everybody through.
    PermitsWithoutLimit = "half-open without a limit",
    /// Half-open is owned by whoever began it, and never comes back from one that died.
    PermitWithoutEnd = "half-open owned by one that can die",
    /// A permit ends with its call, as if all clocks were alike.
    ClocksAgree = "permits without a margin for clocks",
    /// A permit's margin is smaller than clocks may differ.
    MarginTooSmall = "a margin smaller than clocks differ",
    /// A probe may take as long as any call, however long it took to get its permit.
    ProbeOutlivesPermit = "a probe that outlives its permit",
    /// A key is free again although its gateway may still be calling.
    ClaimTooShort = "a claim shorter than its call",
    /// A drain goes on calling under a lease that it does not renew.
    LeaseNotRenewed = "a lease that is not renewed",
    /// What waits for a target is delivered by whoever comes.
    DrainedTogether = "a drain without a lease",
    /// A drain ends without a look at the note that asks for another.
    NoteUnread = "a drain that ends though it was asked to look again",
    /// Closing and opening keep the epoch.
    EpochKept = "the epoch stays when the state changes",
    /// Failures count only in the environment that saw them: thin traffic never trips.
    CountedAlone = "never trips on thin traffic",
    /// The open circuit drops the request that it promises.
    OpenDropsRequest = "the open circuit drops the request",
    /// 202 before the row is written.
    PromisedBeforeStored = "promised before it is stored",
    /// A request's row is written before the body that it points at.
    RowBeforeBody = "a row that promises a body before it is stored",
    /// A redrive leaves the body to the time for which it was kept before.
    RedriveWithoutItsBody = "a redrive whose body expires",
    /// A body is deleted before the row is written that needs it no more.
    BodyDeletedFirst = "a body deleted before its request is delivered",
    /// Nobody looks for messages that were lost.
    NoSweep = "lost messages stay lost",
    /// What is given up is only marked so.
    DeadWithoutDeadLetter = "dead without a dead letter",
    /// An answer that says only how the target is now is the key's for good.
    PassingAnswerKept = "a passing failure is the key's answer for good",
    /// A parked request that the target refused counts as delivered.
    RefusedIsDone = "what the target refused is delivered",
    /// A request's row is written whatever became of it since.
    RowWithoutCondition = "a delivered request is written over",
    /// A key that is being worked on is taken over at once.
    ClaimStolen = "a running key is taken over",
    /// A request is delivered wherever it stands in its order group.
    OrderIgnored = "an order group in any order",
    /// A request with an ordering key does not look for others before it.
    OrderJumped = "an order group that newcomers jump",
    /// A cancelled request stays in its order group.
    CancelledInLine = "a cancelled request that keeps its place in line",
}
