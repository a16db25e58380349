//! Bugs to be put in on purpose, so that the deterministic world can prove that it would find them.

/// Declares a pattern's mutants: each a mistake that a real implementation of the pattern has been seen to make,
/// and its name. The core asks `is_in`, which is declared beside them, where the bug would be.
///
/// They exist only with the feature `mutants` of the crate that declares them, which a release build refuses.
/// Without it `is_in` is `false`, and what it guards is not compiled in.
///
/// ```
/// tenfold_ports::mutants! {
///     /// What was read is written back whole.
///     WithoutCondition = "written back whole",
/// }
///
/// assert_eq!(Mutant::NAMES, ["written back whole"]);
/// assert!(!is_in(Mutant::WithoutCondition));
/// ```
#[macro_export]
macro_rules! mutants {
    ($($(#[$doc:meta])* $mutant:ident = $name:literal,)*) => {
        #[cfg(all(feature = "mutants", not(debug_assertions)))]
        compile_error!(
            "the feature `mutants` puts bugs in: it is for `make sim` only, never for a release build"
        );

        /// A bug.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Mutant {
            $($(#[$doc])* $mutant,)*
        }

        impl Mutant {
            /// The names of all, in their order.
            pub const NAMES: &[&str] = &[$($name),*];
        }

        #[cfg(feature = "mutants")]
        thread_local! {
            static IN: std::cell::Cell<Option<usize>> = const { std::cell::Cell::new(None) };
        }

        /// Puts the mutant with this number in, for this thread, or takes it out.
        #[cfg(feature = "mutants")]
        pub fn put_in(mutant: Option<usize>) {
            IN.set(mutant);
        }

        /// Whether this bug is in. Never, without the feature.
        #[must_use]
        pub fn is_in(mutant: Mutant) -> bool {
            #[cfg(feature = "mutants")]
            return IN.get() == Some(mutant as usize);
            #[cfg(not(feature = "mutants"))]
            {
                let _ = mutant;
                false
            }
        }
    };
}
