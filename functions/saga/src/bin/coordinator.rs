//! `saga-coordinator`: recovers late trips, on a schedule, and settles those whose state machine is at its
//! end.

use std::process::ExitCode;

use saga::{CoordinatorCall, Rows, SLUG, SagaFailure};
use saga_core::coordinator::Coordinator;
use tenfold_lambda::{Boot, run};

fn main() -> ExitCode {
    run(SLUG, "coordinator", async |Boot { env, aws, runtime, start }| {
        let coordinator = Coordinator { steps: Rows::read(env)?.steps(&aws, runtime)? };
        let handle = async move |CoordinatorCall(event): &CoordinatorCall, context: &_| {
            Ok::<_, SagaFailure>(coordinator.handle(event, context).await?)
        };
        start.serve_event(handle).await
    })
}
