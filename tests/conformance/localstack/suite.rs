//! Generates sequences, runs them on several workers, and makes the first that differs small.

use std::fmt::{self, Debug};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::both::Both;

/// Every run generates the same sequences, unless `TENFOLD_SEED` says otherwise.
const SEED: u64 = 20_260_101;
/// For how long a sequence that differs is made smaller.
const SHRINKING: Duration = Duration::from_secs(40);
/// How often a sequence is run anew because LocalStack did not answer in time.
const REPEATS: usize = 3;

/// Why a sequence did not come to its end.
#[derive(Debug)]
pub enum Failure {
    /// The world and LocalStack answered differently.
    Differs(String),
    /// LocalStack did not answer, which says nothing of the world.
    Unanswered(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Differs(why) => write!(f, "the world and LocalStack differ: {why}"),
            Self::Unanswered(why) => write!(f, "LocalStack does not answer: {why}"),
        }
    }
}

/// How many calls were compared.
pub type Compared = Result<usize, Failure>;

/// What part of the sequences is run: a taste in `make test`, all of them in `make conformance`.
fn share() -> f64 {
    std::env::var("TENFOLD_CONFORMANCE").ok().and_then(|share| share.parse().ok()).unwrap_or(0.2)
}

/// One test: a kind of sequences, and how many of them there are in all.
pub struct Area {
    name: &'static str,
    sequences: u64,
    workers: usize,
}

impl Area {
    pub fn new(name: &'static str, sequences: u64) -> Self {
        Self { name, sequences, workers: 1 }
    }

    /// How many sequences run at a time. Those that wait for a visibility cost nothing meanwhile.
    pub fn workers(self, workers: usize) -> Self {
        Self { workers, ..self }
    }

    /// Runs all sequences of the area.
    pub fn hold<S: Strategy>(
        self,
        strategy: impl Fn() -> S + Sync,
        run: impl Fn(&Both, &S::Value) -> Compared + Sync,
    ) where
        S::Value: Debug,
    {
        // Fails once and here where there is no LocalStack, not in every worker.
        drop(Both::connect());
        let begun = Instant::now();
        let seeds = self.seeds();
        let (next, operations) = (AtomicUsize::new(0), AtomicU64::new(0));
        let failed: Mutex<Option<(u64, Failure)>> = Mutex::new(None);
        let work = || {
            let both = Both::connect();
            while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                match patiently(&both, &run, &tree(&strategy(), *seed).current()) {
                    Ok(n) => operations.fetch_add(n as u64, Ordering::Relaxed),
                    Err(failure) => {
                        next.store(seeds.len(), Ordering::Relaxed);
                        failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert((*seed, failure));
                        return;
                    }
                };
            }
        };
        thread::scope(|scope| {
            for _ in 0..self.workers.min(seeds.len()) {
                scope.spawn(work);
            }
        });
        let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some((seed, first)) = failed {
            panic!("{}", self.smallest(seed, &first, tree(&strategy(), seed), &run));
        }
        println!(
            "conformance: {:<16} {:>4} sequences, {:>5} operations compared in {:.1} s",
            self.name,
            seeds.len(),
            operations.into_inner(),
            begun.elapsed().as_secs_f64()
        );
    }

    fn seeds(&self) -> Vec<u64> {
        let mine = |line: &str, by: char| {
            let (area, seed) = line.rsplit_once(by)?;
            (area.trim() == self.name).then(|| seed.trim().parse().ok())?
        };
        if let Ok(only) = std::env::var("TENFOLD_SEQUENCE") {
            return mine(&only, ':').into_iter().collect();
        }
        let kept = include_str!("../regressions.txt").lines().filter_map(|line| mine(line, ' '));
        let seed = std::env::var("TENFOLD_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(SEED);
        let sequences = ((self.sequences as f64 * share()).ceil() as u64).max(1);
        kept.chain(seed..seed + sequences).collect()
    }

    /// The report on a sequence that differs.
    fn smallest<T: ValueTree>(
        &self,
        seed: u64,
        first: &Failure,
        mut tree: T,
        run: &impl Fn(&Both, &T::Value) -> Compared,
    ) -> String
    where
        T::Value: Debug,
    {
        let both = Both::connect();
        let begun = Instant::now();
        let mut found = None;
        // Of a sequence that differs, tries simpler ones; of one that does not, goes back a little.
        loop {
            let value = tree.current();
            let more = match patiently(&both, run, &value) {
                Ok(_) => tree.complicate(),
                Err(failure) => {
                    found = Some((value, failure));
                    tree.simplify()
                }
            };
            if !more || begun.elapsed() > SHRINKING {
                break;
            }
        }
        let name = self.name;
        let Some((value, failure)) = found else {
            return format!(
                "{name}: sequence {seed} differed once and not again, so it hangs on time: {first}"
            );
        };
        format!("{name}: {failure}\nsequence: {value:#?}\nalone: TENFOLD_SEQUENCE='{name}:{seed}'")
    }
}

/// Runs a sequence, again where LocalStack was too slow for it.
fn patiently<V>(both: &Both, run: &impl Fn(&Both, &V) -> Compared, value: &V) -> Compared {
    let mut result = run(both, value);
    for _ in 1..REPEATS {
        if !matches!(result, Err(Failure::Unanswered(_))) {
            break;
        }
        result = run(both, value);
    }
    result
}

fn tree<S: Strategy>(strategy: &S, seed: u64) -> S::Tree {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    strategy.new_tree(&mut runner).unwrap()
}
