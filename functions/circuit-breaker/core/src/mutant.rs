//! Bugs to be put in on purpose, so that the deterministic world can prove that it would find them.
//!
//! Each is a mistake that a real implementation of this pattern has been seen to make. They exist only with the
//! feature `mutants`, which a release build refuses.

#[cfg(all(feature = "mutants", not(debug_assertions)))]
compile_error!("the feature `mutants` puts bugs in: it is for `make sim` only, never for a release build");

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The state is read and written back whole: a late success overwrites what came since.
    CommitWithoutCondition,
    /// A probe's result counts in whatever epoch it arrives.
    ResultOfAnyEpoch,
    /// Half-open lets everybody through.
    PermitsWithoutEnd,
    /// Half-open is owned by whoever began it, and never comes back from one that died.
    LeaseWithoutEnd,
    /// Closing and opening keep the epoch.
    EpochKept,
    /// Failures count only in the environment that saw them: thin traffic never trips.
    CountedAlone,
    /// The open circuit drops the request that it promises.
    OpenDropsRequest,
    /// 202 before the row is written.
    PromisedBeforeStored,
    /// Nobody looks for messages that were lost.
    NoSweep,
    /// What is given up is only marked so.
    DeadWithoutLetter,
    /// A request's row is written whatever became of it since.
    RowWithoutCondition,
    /// A key that is being worked on is taken over at once.
    ClaimStolen,
    /// A request is delivered wherever it stands in its line.
    LineIgnored,
    /// A request with an ordering key does not look for others before it.
    LineJumped,
}

impl Mutant {
    /// All of them, with their names.
    pub const ALL: &[(Self, &'static str)] = &[
        (Self::CommitWithoutCondition, "state written back whole"),
        (Self::ResultOfAnyEpoch, "a late result counts in a newer epoch"),
        (Self::PermitsWithoutEnd, "half-open without a limit"),
        (Self::LeaseWithoutEnd, "half-open owned by one that can die"),
        (Self::EpochKept, "the epoch stays when the state changes"),
        (Self::CountedAlone, "never trips on thin traffic"),
        (Self::OpenDropsRequest, "the open circuit drops the request"),
        (Self::PromisedBeforeStored, "promised before it is stored"),
        (Self::NoSweep, "lost messages stay lost"),
        (Self::DeadWithoutLetter, "dead without a letter"),
        (Self::RowWithoutCondition, "a delivered request is written over"),
        (Self::ClaimStolen, "a running key is taken over"),
        (Self::LineIgnored, "a line in any order"),
        (Self::LineJumped, "a line that newcomers jump"),
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
