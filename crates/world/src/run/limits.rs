//! What a run may do.

/// In which orders the calls of invocations that run at once are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// In every order of the invocations; each makes its own calls in the order in which it began them.
    Invocations,
    /// An invocation is interrupted at most so often although it could go on: by another, or by a call of its
    /// own that it began later.
    Interrupted(usize),
    /// In every order of the calls.
    Calls,
    /// As time has it: each call is on its way for some time, which is chosen, and is applied before its answer is back.
    /// Clocks of functions, leases and queues end while others work.
    Timed,
}

/// What a run may do beyond letting all go well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many calls may go wrong.
    pub faults: usize,
    /// Who may go on before whom.
    pub order: Order,
    /// Whether eventual reads may be stale.
    pub stale_reads: bool,
}
