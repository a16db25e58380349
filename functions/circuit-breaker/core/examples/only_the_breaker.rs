//! Only the breaker, around a flaky call: `cargo run -p circuit-breaker-core --example only_the_breaker`.
//!
//! The table is in memory, and time goes on when it is told to. In a service of yours they are a `DynamoTable` and a
//! `SystemRuntime` of `tenfold-aws`, and `tokio::spawn(guard::tend(&registry, tokio::time::sleep))` does what
//! `registry.tend()` does here.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use circuit_breaker_core::config::TargetConfig;
use circuit_breaker_core::guard::{Guard, GuardError};
use circuit_breaker_core::names::{BreakerName, TargetName};
use circuit_breaker_core::registry::Registry;
use circuit_breaker_core::rows::{TargetRow, target_item};
use tenfold_memory::{ManualRuntime, MemoryTable};
use tenfold_ports::Clock;

/// What a call may come to.
type Answer = Result<&'static str, &'static str>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Trips when half of at least four calls failed; then a break of ten seconds, and two probes.
    let config =
        br#"{"url": "https://pay.example", "minimumCalls": 4, "openDurationMs": 10000, "halfOpenProbes": 2}"#;
    let config = TargetConfig::parse(config).map_err(|faults| format!("{faults:?}"))?;
    let target = TargetName::parse("pay").map_err(|fault| fault.detail)?;
    let (table, runtime) = (MemoryTable::new(), ManualRuntime::new());
    table.put(target_item(&target, TargetRow::new(Arc::new(config), runtime.now())));

    // once a process
    let registry = Arc::new(Registry::new(table, runtime.clone(), Duration::from_secs(1)));
    let guard = Guard::new(Arc::clone(&registry), target.clone(), tokio::time::sleep);

    for second in 0..20 {
        let is_well = !(2..=7).contains(&second);
        let flaky = async |_| if is_well { Answer::Ok("charged") } else { Answer::Err("out of order") };
        let said = match guard.call(flaky).await {
            Ok(answer) => answer.to_owned(),
            Err(GuardError::Waiting { retry_after: Some(wait), .. }) => {
                format!("not called; again in {:.0} s", wait.as_secs_f64().ceil())
            }
            Err(error) => error.to_string(),
        };
        registry.tend().await;
        let state = registry.row(&BreakerName::of(target.clone())).breaker.state;
        println!("{second:>2} s  {:<9} {said}", state.name());
        runtime.advance(Duration::from_secs(1));
    }
    Ok(())
}
