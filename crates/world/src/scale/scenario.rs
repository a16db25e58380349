//! Scenarios: what load there is, what happens meanwhile, and what must hold.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use smol_str::SmolStr;

use super::host::ServiceSettings;
use super::load::Arrivals;

/// A scenario, as `functions/<slug>/core/scenarios/<name>.toml` has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is, in one sentence.
    pub says: String,
    /// Requests a second.
    pub rate: f64,
    /// For how many seconds they come.
    pub seconds: f64,
    /// In how many of these the rate grows to what it is.
    #[serde(default)]
    pub ramp: f64,
    /// For how many seconds the run goes on after the last of them.
    #[serde(default)]
    pub after: f64,
    /// The same run short, for tests.
    #[serde(default)]
    pub short: Short,
    #[serde(default = "poisson")]
    pub(super) arrivals: Arrivals,
    /// What the pattern makes its stack of; the pattern says what there is.
    #[serde(default)]
    pub stack: toml::Table,
    /// The services that are called, by their hosts.
    #[serde(default)]
    pub(super) hosts: BTreeMap<SmolStr, ServiceSettings>,
    /// What happens to them.
    #[serde(default)]
    pub(super) script: Vec<Change>,
    /// Limits that are other than AWS's defaults; infinity is none.
    #[serde(default)]
    pub(super) limits: BTreeMap<String, f64>,
    /// What must hold.
    #[serde(default)]
    pub(super) must: Vec<Claim>,
    /// What does not hold yet, each with the reason. A run fails when it does hold, so that it is moved.
    #[serde(default)]
    pub(super) not_yet: Vec<NotYet>,
}

fn poisson() -> Arrivals {
    Arrivals::Poisson
}

impl Default for Short {
    fn default() -> Self {
        Self { rate: 20.0, share: 0.05, after: None }
    }
}

/// A run made short.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Short {
    /// Requests a second.
    pub rate: f64,
    /// How much of the time of the whole run it takes: seconds of load, script and end alike.
    pub share: f64,
    /// For how many seconds it goes on after the last request; the same share where it is not said.
    pub after: Option<f64>,
}

/// A change: of a service that is called, or of how many invocations of a function there may be.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "ChangeLine")]
pub(super) struct Change {
    /// After how many seconds.
    pub at: f64,
    pub becomes: Becomes,
}

/// What is written of a change.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeLine {
    at: f64,
    host: Option<toml::Table>,
    function: Option<ChangedFunction>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Becomes {
    /// A service that is called behaves like that from then on.
    Host(ChangedService),
    /// A function has so many invocations at once from then on, at most.
    Function(ChangedFunction),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct ChangedService {
    pub name: SmolStr,
    pub settings: ServiceSettings,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangedFunction {
    pub role: SmolStr,
    /// None is no limit of its own.
    pub reserved: Option<u32>,
}

impl TryFrom<ChangeLine> for Change {
    type Error = String;

    fn try_from(line: ChangeLine) -> Result<Self, String> {
        let becomes = match (line.host, line.function) {
            (Some(mut host), None) => {
                let name = host.remove("name");
                let name = name.as_ref().and_then(toml::Value::as_str).ok_or("a host needs its name")?.into();
                let settings = host.try_into().map_err(|error| format!("host {name}: {error}"))?;
                Becomes::Host(ChangedService { name, settings })
            }
            (None, Some(function)) => Becomes::Function(function),
            _ => return Err("a line of the script changes a host or a function".to_owned()),
        };
        Ok(Self { at: line.at, becomes })
    }
}

/// A claim about a run, `p99_ms < 40` or `metric_Committed+metric_Compensated = in`: what was measured, by its name or
/// as a sum of names; a comparison; a number, or what else was measured.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Claim {
    pub left: String,
    pub comparison: Comparison,
    pub right: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Below,
    AtMost,
    Equal,
    AtLeast,
    Above,
}

/// A claim that does not hold yet.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NotYet {
    pub claim: Claim,
    pub because: String,
}

impl TryFrom<String> for Claim {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bad = || {
            format!(
                "{text:?} is no claim: a name, one of < <= = >= >, and a number or another name were expected, with \
                 spaces between them"
            )
        };
        let [left, comparison, right] = text.split_whitespace().collect::<Vec<_>>()[..] else {
            return Err(bad());
        };
        let comparison = match comparison {
            "<" => Comparison::Below,
            "<=" => Comparison::AtMost,
            "=" => Comparison::Equal,
            ">=" => Comparison::AtLeast,
            ">" => Comparison::Above,
            _ => return Err(bad()),
        };
        Ok(Self { left: left.to_owned(), comparison, right: right.to_owned() })
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let comparison = match self.comparison {
            Comparison::Below => "<",
            Comparison::AtMost => "<=",
            Comparison::Equal => "=",
            Comparison::AtLeast => ">=",
            Comparison::Above => ">",
        };
        write!(f, "{} {comparison} {}", self.left, self.right)
    }
}

impl Claim {
    /// Whether it holds of what was measured.
    ///
    /// # Errors
    /// Nothing of a name was measured.
    pub fn holds(&self, measured: &BTreeMap<String, f64>) -> Result<bool, String> {
        let (left, right) = (value(&self.left, measured)?, value(&self.right, measured)?);
        Ok(match self.comparison {
            Comparison::Below => left < right,
            Comparison::AtMost => left <= right,
            Comparison::Equal => (left - right).abs() < 1e-9,
            Comparison::AtLeast => left >= right,
            Comparison::Above => left > right,
        })
    }
}

/// A number, or what was measured of this name, or the sum of several.
pub(super) fn value(text: &str, measured: &BTreeMap<String, f64>) -> Result<f64, String> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    text.split('+').map(|name| named(name, measured)).sum()
}

fn named(name: &str, measured: &BTreeMap<String, f64>) -> Result<f64, String> {
    // What no handler has counted, and a status that nobody was answered, has no entry.
    let counted = ["metric_", "answered_", "calls_", "state_"].iter().any(|kind| name.starts_with(kind));
    measured.get(name).or(counted.then_some(&0.0)).copied().ok_or_else(|| {
        let known = measured.keys().cloned().collect::<Vec<_>>().join(", ");
        format!("nothing called {name:?} was measured; there are {known}")
    })
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// It is not TOML, or has a field that there is not.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| format!("{error}(crates/world/SCENARIOS.md has what there is)"))
    }

    /// The same run, made short.
    #[must_use]
    pub fn shortened(mut self) -> Self {
        let Short { rate, share, after } = self.short;
        self.rate = rate;
        self.hurry(share);
        self.after = after.unwrap_or(share * self.after);
        // What only a load breaks holds of this one.
        self.not_yet.clear();
        self
    }

    /// All names of measured things that claims go by, each with its claim.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &Claim)> {
        let all = self.must.iter().chain(self.not_yet.iter().map(|known| &known.claim));
        all.flat_map(|claim| {
            let sides = claim.left.split('+').chain(claim.right.split('+'));
            sides.filter(|name| name.parse::<f64>().is_err()).map(move |name| (name, claim))
        })
    }

    /// Makes the load and the script so much shorter.
    pub fn hurry(&mut self, share: f64) {
        self.seconds *= share;
        self.ramp *= share;
        self.script.iter_mut().for_each(|change| change.at *= share);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_a_name_a_comparison_and_a_number() {
        let claim = Claim::try_from("p99_ms < 40".to_owned()).unwrap();
        let measured = |value| BTreeMap::from([("p99_ms".to_owned(), value)]);
        assert_eq!(claim.holds(&measured(39.9)), Ok(true));
        assert_eq!(claim.holds(&measured(40.0)), Ok(false));
        assert_eq!(claim.to_string(), "p99_ms < 40");
        assert!(claim.holds(&BTreeMap::new()).unwrap_err().contains("p99_ms"));
        for bad in ["p99_ms 40", "p99_ms ~ 40", "p99_ms<40", ""] {
            assert!(Claim::try_from(bad.to_owned()).unwrap_err().contains("is no claim"), "{bad}");
        }
        let forty = Claim::try_from("p99_ms < forty".to_owned()).unwrap();
        assert!(forty.holds(&measured(1.0)).unwrap_err().contains("\"forty\""));
    }

    #[test]
    fn a_claim_compares_sums_and_other_things_that_were_measured() {
        let measured = BTreeMap::from([("in".to_owned(), 5.0), ("metric_A".to_owned(), 3.0)]);
        let holds = |text: &str| Claim::try_from(text.to_owned()).unwrap().holds(&measured);
        assert_eq!(holds("metric_A+metric_B = in"), Ok(false));
        assert_eq!(holds("metric_A < in"), Ok(true));
        assert_eq!(
            holds("in = metric_A+2"),
            Err("nothing called \"2\" was measured; there are in, metric_A".to_owned())
        );
    }
}
