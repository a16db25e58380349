//! Times every case with Criterion.

use std::time::Instant;

use criterion::{Criterion, SamplingMode, Throughput};
use tenfold_decisions::cases;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for mut case in cases() {
        let mut group = criterion.benchmark_group(case.decision);
        group.throughput(Throughput::Elements(case.units));
        if case.units > 1 {
            // Milliseconds each: the same number in every sample, or there would be hundreds of them.
            group.sample_size(10).sampling_mode(SamplingMode::Flat);
        }
        group.bench_function(case.of, |bencher| {
            bencher.iter_custom(|times| {
                let begun = Instant::now();
                case.run(times);
                begun.elapsed()
            });
        });
        group.finish();
    }
    criterion.final_summary();
}
