//! `saga-car`: the service of the step `car`, in both styles.

use std::process::ExitCode;

fn main() -> ExitCode {
    saga::serve("car")
}
