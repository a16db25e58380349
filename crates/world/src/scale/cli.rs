//! `make scale`: a pattern's scenarios, from the command line; and the same short, for tests.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use jiff::SignedDuration;

use super::figures::Figures;
use super::host::OutsideService;
use super::load::Load;
use super::nanos::{Nanos, SECOND};
use super::outcome::{Outcome, short as shown};
use super::picture;
use super::scenario::Scenario;
use super::simulation::Simulation;
use crate::run::world::World;

/// The state that something is in, and how long it took to come to it where it is an end.
pub type StateOf = (&'static str, Option<SignedDuration>);

/// A pattern with scenarios.
#[derive(Debug, Clone, Copy)]
pub struct ScalePattern {
    /// Its slug.
    pub slug: &'static str,
    /// The folder of its scenarios.
    pub scenarios: &'static str,
    /// Makes its stack in a simulation, of what the scenario says of it.
    pub build: fn(&mut Simulation, &toml::Table) -> Result<(), String>,
    /// The names of the metrics that it counts.
    pub metrics: &'static [&'static str],
    /// The state of each of the things that the pattern is about, and how long it took to come to it where it is an
    /// end: of what the table has at the end of a run.
    pub states: fn(&World) -> Vec<StateOf>,
}

/// What a run may do other than the scenario says.
#[derive(Debug, Default)]
struct Wishes {
    scenario: Option<String>,
    rate: Option<f64>,
    seconds: Option<f64>,
    /// For how many seconds requests come at the most: the load and the script of a longer scenario are made as much
    /// shorter.
    longest: Option<f64>,
    seed: u64,
    short: bool,
    /// Another file of latencies.
    latencies: Option<PathBuf>,
    /// Latencies that are made so many times as long, `table.write=2,queue.send=0.5`.
    stretch: Option<String>,
    /// Another folder of scenarios.
    scenarios: Option<PathBuf>,
    /// Where pictures go; none where there shall be none.
    pictures: Option<PathBuf>,
}

/// A positive number of the environment.
fn number(name: &str) -> Result<Option<f64>, String> {
    let Ok(text) = env::var(name) else { return Ok(None) };
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.map(Some).ok_or_else(|| format!("{name}={text}: a number above 0 was expected"))
}

fn seed() -> Result<u64, String> {
    let Ok(text) = env::var("SEED") else { return Ok(1) };
    text.parse().map_err(|_| format!("SEED={text}: a whole number from 0 was expected"))
}

impl Wishes {
    fn of_environment() -> Result<Self, String> {
        Ok(Self {
            scenario: env::var("SCENARIO").ok(),
            rate: number("RATE")?,
            seconds: number("SECONDS")?,
            longest: number("LONGEST")?,
            seed: seed()?,
            short: env::var("SHORT").is_ok_and(|short| short == "1"),
            latencies: env::var("LATENCIES").ok().map(PathBuf::from),
            stretch: env::var("STRETCH").ok(),
            scenarios: env::var("SCENARIOS").ok().map(PathBuf::from),
            pictures: Some(
                env::var("PICTURES").map_or_else(|_| PathBuf::from(".local/scale"), PathBuf::from),
            ),
        })
    }

    /// Whether the scenarios run as they are written.
    fn are_none(&self) -> bool {
        let as_written = self.rate.is_none() && self.seconds.is_none() && self.longest.is_none();
        as_written && self.latencies.is_none() && self.stretch.is_none() && !self.short
    }

    fn figures(&self) -> Result<Figures, String> {
        let mut figures = match &self.latencies {
            None => Figures::of_aws(),
            Some(file) => {
                let text =
                    fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
                Figures::new(&text)
            }
        }
        .map_err(|error| error.to_string())?;
        for each in self.stretch.iter().flat_map(|all| all.split(',')) {
            let bad = || {
                format!(
                    "STRETCH: {each:?} was found, and a latency and a factor above 0 expected: table.write=2"
                )
            };
            let (name, factor) = each.split_once('=').ok_or_else(bad)?;
            let factor = factor.parse().ok().filter(|factor: &f64| factor.is_finite() && *factor > 0.0);
            let factor = factor.ok_or_else(bad)?;
            figures.stretch(name, factor).map_err(|error| error.to_string())?;
        }
        Ok(figures)
    }
}

/// Runs a pattern's scenarios as the environment says: `SCENARIO`, `RATE`, `SECONDS`, `SEED`, `SHORT=1`, `LATENCIES`
/// and `STRETCH`; `LONGEST` seconds of load at the most; `SCENARIOS` names another folder of them, `PICTURES` one for
/// pictures.
#[must_use]
pub fn main(pattern: &ScalePattern) -> ExitCode {
    match Wishes::of_environment().and_then(|wishes| all(pattern, &wishes, true)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(what) => {
            eprintln!("scale: {what}");
            ExitCode::FAILURE
        }
    }
}

/// Runs all scenarios of a pattern short, as `make test` does, each twice. Gives how many there were.
///
/// # Errors
/// What does not hold, or cannot be read; or a run came to something else with the same seed.
pub fn short(pattern: &ScalePattern) -> Result<usize, String> {
    let wishes = Wishes { seed: 1, short: true, ..Wishes::default() };
    let scenarios = scenarios(pattern, Path::new(pattern.scenarios), None)?;
    for (name, scenario) in &scenarios {
        let made = || run(pattern, name, scenario.clone(), &wishes, false);
        let ((_, outcome), (_, again)) = (made()?, made()?);
        let [first, second] = [&outcome, &again].map(|of| of.json(pattern.slug, name, 1).to_string());
        if first != second {
            return Err(format!("{name}: the same seed gave two runs:\n{first}\n{second}"));
        }
        if !outcome.wrong.is_empty() {
            return Err(format!("{name}: {}\n{}", outcome.wrong.join("; "), outcome.table()));
        }
    }
    Ok(scenarios.len())
}

fn all(pattern: &ScalePattern, wishes: &Wishes, tell: bool) -> Result<bool, String> {
    let mut well = true;
    let folder = wishes.scenarios.as_deref().unwrap_or(Path::new(pattern.scenarios));
    for (name, scenario) in scenarios(pattern, folder, wishes.scenario.as_deref())? {
        let (simulation, outcome) = run(pattern, &name, scenario.clone(), wishes, tell)?;
        print!("{}", outcome.table());
        if let Some(folder) = &wishes.pictures {
            fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
            let file = folder.join(format!("{}-{name}.svg", pattern.slug));
            let title = format!("{} {name}: {}", pattern.slug, scenario.says);
            picture::draw(&file, &title, &simulation.recorder.seconds)?;
            println!("  {:<13}{}", "picture", file.display());
        }
        println!("{}", outcome.json(pattern.slug, &name, wishes.seed));
        well &= outcome.wrong.is_empty();
    }
    Ok(well)
}

/// The scenarios of a pattern by name, all or the wanted one.
fn scenarios(
    pattern: &ScalePattern,
    folder: &Path,
    wanted: Option<&str>,
) -> Result<Vec<(String, Scenario)>, String> {
    let files = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut found = Vec::new();
    for file in files.filter_map(Result::ok).map(|entry| entry.path()) {
        let Some(name) = file.file_name().and_then(|name| name.to_str()?.strip_suffix(".toml")) else {
            continue;
        };
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let scenario = Scenario::parse(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        found.push((name.to_owned(), scenario));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let names = found.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>().join(", ");
    if let Some(wanted) = wanted {
        found.retain(|(name, _)| name == wanted);
    }
    if found.is_empty() {
        let wanted = wanted.unwrap_or("any");
        return Err(format!("{} has no scenario {wanted}; there are {names}", pattern.slug));
    }
    Ok(found)
}

fn run(
    pattern: &ScalePattern,
    name: &str,
    scenario: Scenario,
    wishes: &Wishes,
    tell: bool,
) -> Result<(Simulation, Outcome), String> {
    let mut scenario = if wishes.short { scenario.shortened() } else { scenario };
    scenario.rate = wishes.rate.unwrap_or(scenario.rate);
    if let Some(seconds) = wishes.seconds {
        scenario.hurry(seconds / scenario.seconds);
    }
    if let Some(longest) = wishes.longest.filter(|longest| *longest < scenario.seconds) {
        scenario.hurry(longest / scenario.seconds);
    }
    if !(scenario.rate > 0.0
        && scenario.seconds > 0.0
        && scenario.rate.is_finite()
        && scenario.seconds.is_finite())
    {
        return Err(format!("{name}: a rate and seconds above 0 were expected"));
    }
    let mut figures = wishes.figures()?;
    for (limit, value) in &scenario.limits {
        figures.limit(limit, *value).map_err(|error| format!("{name}: {error}"))?;
    }
    let nanos = |seconds: f64| (seconds * SECOND as f64) as Nanos;
    let load = Load::new(scenario.arrivals, scenario.rate, nanos(scenario.ramp), nanos(scenario.seconds));
    let mut simulation = Simulation::new(figures, wishes.seed, load);
    for (host, settings) in &scenario.hosts {
        simulation.hosts.insert(host.clone(), OutsideService::new(*settings));
    }
    let script = scenario.script.iter();
    simulation.script = script.map(|change| (nanos(change.at), change.becomes.clone())).collect();
    (pattern.build)(&mut simulation, &scenario.stack).map_err(|error| format!("{name}: {error}"))?;
    simulation.check(&scenario, pattern.metrics).map_err(|error| format!("{name}: {error}"))?;
    let whole = scenario.seconds + scenario.after;
    if tell {
        println!(
            "{} {name}: {} ({} a second for {} s)",
            pattern.slug,
            scenario.says,
            shown(scenario.rate),
            scenario.seconds
        );
    }
    let begun = Instant::now();
    let mut told = Instant::now();
    simulation.run(nanos(whole), |simulation| {
        if tell && told.elapsed().as_secs() >= 2 {
            told = Instant::now();
            let done = simulation.now as f64 / SECOND as f64;
            let left = begun.elapsed().as_secs_f64() / done * (whole - done);
            println!("  ... {done:.0} of {whole:.0} s, {:.0} s left", left.max(0.0));
        }
    });
    simulation.recorder.states((pattern.states)(simulation.world()));
    let outcome = simulation.outcome(&scenario, wishes.are_none());
    if tell {
        let took = begun.elapsed().as_secs_f64();
        let all = outcome.measured.iter();
        let counted = all
            .filter(|(name, _)| matches!(name.as_str(), "in" | "calls") || name.starts_with("invocations_"));
        let calls: f64 = counted.map(|(_, n)| n).sum();
        let (assumed, of) = simulation.figures.assumed();
        eprintln!(
            "  {assumed} of {of} latencies are assumed: STRETCH=table.write=2 shows how much one of them matters"
        );
        // Not in the line of JSON: the same seed gives the same bytes.
        eprintln!("  took {took:.1} s: {} requests, invocations and calls a second", shown(calls / took));
    }
    Ok((simulation, outcome))
}
