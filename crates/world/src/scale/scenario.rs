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
pub(super) struct Change {
    /// After how many seconds.
    pub at: f64,
    #[serde(flatten)]
    pub becomes: Becomes,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Becomes {
    /// A service that is called behaves like that from then on.
    Host(ChangedService),
    /// A function has so many invocations at once from then on, at most.
    Function(ChangedFunction),
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct ChangedService {
    pub name: SmolStr,
    #[serde(flatten)]
    pub settings: ServiceSettings,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct ChangedFunction {
    pub role: SmolStr,
    /// None is no limit of its own.
    pub reserved: Option<u32>,
}

/// A claim about a run, `p99_ms < 40`: a name of what was measured, a comparison, a number.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Claim {
    pub name: String,
    pub comparison: Comparison,
    pub number: f64,
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
        let bad = || format!("{text:?} is no claim: a name, one of < <= = >= >, and a number were expected");
        let [name, comparison, number] = text.split_whitespace().collect::<Vec<_>>()[..] else {
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
        Ok(Self { name: name.to_owned(), comparison, number: number.parse().map_err(|_| bad())? })
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
        write!(f, "{} {comparison} {}", self.name, self.number)
    }
}

impl Claim {
    /// Whether it holds of what was measured.
    ///
    /// # Errors
    /// Nothing of this name was measured.
    pub fn holds(&self, measured: &BTreeMap<String, f64>) -> Result<bool, String> {
        // What no handler has counted, and a status that nobody was answered, has no entry.
        let counted = ["metric_", "answered_", "calls_"].iter().any(|kind| self.name.starts_with(kind));
        let Some(value) = measured.get(&self.name).or(counted.then_some(&0.0)) else {
            let known = measured.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(format!("nothing called {:?} was measured; there are {known}", self.name));
        };
        Ok(match self.comparison {
            Comparison::Below => *value < self.number,
            Comparison::AtMost => *value <= self.number,
            Comparison::Equal => (value - self.number).abs() < 1e-9,
            Comparison::AtLeast => *value >= self.number,
            Comparison::Above => *value > self.number,
        })
    }
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// It is not TOML, or has a field that there is not.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
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
        for bad in ["p99_ms 40", "p99_ms ~ 40", "p99_ms < forty", ""] {
            assert!(Claim::try_from(bad.to_owned()).unwrap_err().contains("is no claim"), "{bad}");
        }
    }
}
