//! `saga-hotel`: the service of the step `hotel`, in both styles.

use std::process::ExitCode;

fn main() -> ExitCode {
    saga::serve("hotel")
}
