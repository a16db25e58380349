//! `saga-publisher`: brings new log entries from the table's stream to the topic, the state machine and
//! people.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::process::ExitCode;

use saga::{Outlets, host};
use saga_core::publisher::Publisher;
use saga_core::trip::Trip;
use tenfold_aws::Aws;
use tenfold_lambda::stream::{StreamEvent, StreamResponse};
use tenfold_lambda::{Env, Invocation, run};

const NAME: &str = "saga-publisher";

fn main() -> ExitCode {
    run(NAME, async |start| {
        let outlets = Outlets::read(Env::from_process())?;
        let aws = Aws::from_env()?;
        let publisher = Publisher {
            topic: outlets.topic(&aws),
            flow: outlets.state_machine(&aws),
            dead_letters: outlets.dead_letters(&aws),
            host: host(NAME),
            payload: PhantomData::<Trip>,
        };
        let start = start.counting(move || aws.calls().take());
        start
            .serve_event(async move |event: StreamEvent, _: Invocation| {
                let first = publisher.publish(&event.records).await;
                Ok::<_, Infallible>(StreamResponse::from(first))
            })
            .await
    })
}
