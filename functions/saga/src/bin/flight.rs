//! `saga-flight`: the service of the step `flight`, in both styles.

use std::process::ExitCode;

fn main() -> ExitCode {
    saga::serve("flight")
}
