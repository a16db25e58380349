//! How far `make sim` goes.

use std::time::Duration;

/// How long and how much, as the command line or the environment says.
#[derive(Debug, Clone)]
pub struct Effort {
    /// The random part goes on until so much time has passed since the start.
    pub time: Duration,
    /// It also goes on until there were so many runs, the exhaustive part's too, but some of each workload and a
    /// hundredth of them in all at random.
    pub runs: u64,
    /// The random part never takes longer than this.
    pub limit: Duration,
    /// Where random choices begin.
    pub seed: u64,
    /// How many threads.
    pub threads: usize,
    /// Of which workloads the exhaustive part is: those whose names contain it. For who works on one of them.
    pub only: String,
}

impl Effort {
    /// Reads `SECONDS` (30), `RUNS` (2,000,000), `LIMIT` (300 s), `SEED` (1) and `ONLY` (all).
    #[must_use]
    pub fn from_environment() -> Self {
        let number = |name: &str, default: u64| {
            std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
        };
        Self {
            time: Duration::from_secs(number("SECONDS", 30)),
            runs: number("RUNS", 2_000_000),
            limit: Duration::from_secs(number("LIMIT", 300)),
            seed: number("SEED", 1),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            only: std::env::var("ONLY").unwrap_or_default(),
        }
    }
}
