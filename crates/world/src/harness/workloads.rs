//! One list of workloads, for `make sim` and for tests.

/// Makes of one list of workloads both `ALL`, for [`sim`](crate::sim), and `each_workload!`, which makes a
/// test of each.
///
/// A line is `name of the test: "name", faults, orders, run;`. In the test file, `each_workload!(ALL, 3_000);`
/// is a [smoke test](crate::smoke::smoke) of each, of so many runs; cargo names them, and runs them at once.
#[macro_export]
macro_rules! workloads {
    ($($test:ident: $name:literal, $faults:expr, $orders:expr, $run:expr;)*) => {
        /// All of them.
        pub const ALL: &[$crate::Workload] = &[$($crate::Workload::new($name, $faults, $orders, $run)),*];

        $crate::workloads! { @tests ($) $($test: $name;)* }
    };
    (@tests ($d:tt) $($test:ident: $name:literal;)*) => {
        #[allow(unused_macros, reason = "only one test file uses it")]
        macro_rules! each_workload {
            ($d all:expr, $d runs:expr) => {
                $(#[test]
                fn $test() {
                    match $crate::smoke::smoke_of($d all, $name, $d runs) {
                        Ok(runs) => println!("{}: {runs} runs", $name),
                        Err(what) => panic!("{what}"),
                    }
                })*
            };
        }
        #[allow(unused_imports, reason = "only one test file uses it")]
        pub(crate) use each_workload;
    };
}
