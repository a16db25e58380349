//! `saga-coordinator`: recovers late trips, on a schedule, and settles those whose state machine is at its
//! end.

use std::process::ExitCode;

use saga::{Rows, SagaFailure};
use saga_core::coordinator::{Coordinator, CoordinatorEvent};
use tenfold_aws::Aws;
use tenfold_lambda::{Env, Invocation, run};

const NAME: &str = "saga-coordinator";

fn main() -> ExitCode {
    run(NAME, async |start| {
        let rows = Rows::read(Env::from_process())?;
        let aws = Aws::from_env()?;
        let coordinator = Coordinator { steps: rows.steps(&aws, NAME)? };
        let start = start.counting(move || aws.calls().take());
        start
            .serve_event(async move |event: CoordinatorEvent, invocation: Invocation| match event {
                CoordinatorEvent::Settle(settle) => Ok(coordinator.settle(&settle).await.map(|()| None)?),
                CoordinatorEvent::Schedule { .. } => {
                    Ok::<_, SagaFailure>(Some(coordinator.run(invocation.deadline).await?))
                }
            })
            .await
    })
}
