//! `saga-api`: the API.

use std::process::ExitCode;

use saga::Rows;
use saga_core::api::Api;
use tenfold_aws::Aws;
use tenfold_lambda::{Env, run};

const NAME: &str = "saga-api";

fn main() -> ExitCode {
    run(NAME, async |start| {
        let rows = Rows::read(Env::from_process())?;
        let aws = Aws::from_env()?;
        let api = Api { steps: rows.steps(&aws, NAME)? };
        let start = start.counting(move || aws.calls().take());
        start.serve_api(async move |request, _| api.handle(&request).await).await
    })
}
