//! `saga-api`: the API.

use std::process::ExitCode;

use saga::{Rows, SLUG};
use saga_core::api::Api;
use tenfold_lambda::{Boot, run};

fn main() -> ExitCode {
    run(SLUG, "api", async |Boot { env, aws, runtime, start }| {
        let api = Api { steps: Rows::read(env)?.steps(&aws, runtime)? };
        start.serve_api(async move |request, context| api.handle(request, context).await).await
    })
}
