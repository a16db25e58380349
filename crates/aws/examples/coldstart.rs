//! What a function with a table and a queue costs to start; `benches/coldstart` measures it.
//!
//! Its handler makes one call of each, so that the first invocation shows what was put off at init.

use std::process::ExitCode;
use std::time::Duration;

use tenfold_aws::Aws;
use tenfold_aws::queue::SqsQueue;
use tenfold_aws::table::DynamoTable;
use tenfold_lambda::{Env, run};
use tenfold_ports::api::Response;
use tenfold_ports::table::{Key, Read};
use tenfold_ports::{Queue, Table};

fn main() -> ExitCode {
    run("coldstart", async |start| {
        let env = Env::from_process();
        let names = (env.text("TABLE_NAME").get(), env.url("QUEUE_URL").get());
        let (table, queue) = env.finish(names)?;
        let aws = Aws::from_env()?;
        let table = DynamoTable::new(aws.dynamodb(), table).index("queue", "queue", "wake");
        let queue = SqsQueue::new(aws.sqs(), queue);
        let start = start.counting(move || aws.calls().take());
        let handle = async move |_, _| {
            let read = table.get(&Key::new("p", "s"), Read::Eventual).await;
            let received = queue.receive(1, Duration::ZERO).await;
            Response::json(200, &format!("{read:?} {received:?}"))
        };
        start.serve_api(handle).await
    })
}
