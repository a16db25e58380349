//! What a pattern's tests ask of its workloads: a smoke test of what `make sim` explores whole.

use crate::explore::{Bounds, Memory, Violation, Workload, exhaust, sample, trace_detail};
use crate::run::limits::Order;

/// Explores a workload for so many runs in each of its orders, half as many at random and deeper, and as many by time. Gives
/// how many runs there were.
///
/// # Errors
/// What does not hold, and in which run.
pub fn smoke(workload: &Workload, runs: u64) -> Result<u64, Box<Violation>> {
    let mut made = 0;
    for order in workload.orders {
        let report = exhaust(Bounds { runs, ..workload.bounds(*order) }, workload.run);
        made += report.runs;
        report.violation.map_or(Ok(()), |violation| Err(Box::new(violation)))?;
    }
    let far = Bounds { runs: runs / 2, ..workload.deep() };
    let report = sample(far, 1, &mut Memory::default(), workload.run);
    made += report.runs;
    report.violation.map_or(Ok(()), |violation| Err(Box::new(violation)))?;
    let by_time = Bounds { runs: runs / 2, ..workload.bounds(Order::Timed) };
    let report = sample(by_time, 1, &mut Memory::default(), workload.run);
    report.violation.map_or(Ok(made + report.runs), |violation| Err(Box::new(violation)))
}

/// The same of the workload with this name.
///
/// # Errors
/// What does not hold, in which workload and run; or there is no such workload.
pub fn smoke_of(workloads: &[Workload], name: &str, runs: u64) -> Result<u64, String> {
    let workload = workloads.iter().find(|workload| workload.name == name);
    let workload = workload.ok_or_else(|| format!("there is no workload `{name}`"))?;
    smoke(workload, runs).map_err(|violation| format!("{name}: {violation}"))
}

/// Whether nothing in a run is left to chance but its choices: the same seed is the same run, byte for byte.
/// So many seeds are run twice, each with one of the workloads.
///
/// # Errors
/// Both runs of a seed, where they differ or nothing happened in them.
pub fn a_seed_is_a_run(workloads: &[Workload], seeds: u64) -> Result<(), String> {
    for (seed, workload) in (0..seeds).zip(workloads.iter().cycle()) {
        let run = || trace_detail(workload.deep(), seed, workload.run);
        let (first, second) = (run(), run());
        if first != second || first.lines().count() < 2 {
            return Err(format!("{} with seed {seed}:\n{first}\nand then:\n{second}", workload.name));
        }
    }
    Ok(())
}
