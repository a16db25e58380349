//! `saga-publisher`: brings new log entries from the table's stream to the topic, the state machine and
//! people.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::process::ExitCode;

use saga::{Outlets, SLUG};
use saga_core::publisher::Publisher;
use saga_core::trip::Trip;
use tenfold_lambda::stream::{StreamBatch, again_from};
use tenfold_lambda::{Boot, run};

fn main() -> ExitCode {
    run(SLUG, "publisher", async |Boot { env, aws, runtime, start }| {
        let outlets = Outlets::read(env)?;
        let publisher = Publisher {
            topic: outlets.topic(&aws),
            flow: outlets.state_machine(&aws),
            dead_letters: outlets.dead_letters(&aws),
            runtime,
            payload: PhantomData::<Trip>,
        };
        let handle = async move |batch: &StreamBatch, context: &_| {
            let first = publisher.handle(&batch.records, context).await;
            Ok::<_, Infallible>(again_from(first))
        };
        start.serve_event(handle).await
    })
}
