//! Event patterns: the language in which EventBridge rules, SNS filter policies and Lambda's event filters
//! say which events they want.
//!
//! By EventBridge's user guide, "Creating event patterns" and "Comparison operators": a pattern has the shape
//! of the event; each of its fields must match, by one of the matchers listed for it; a field of an array
//! matches by any of its elements; `$or` wants one of its alternatives. Known are exact values, `prefix`,
//! `suffix`, `equals-ignore-case`, `anything-but` (of values, a prefix or a suffix), `numeric` and `exists`.
//! Anything else is refused when the pattern is read, so that no rule is quietly another one than on AWS.
//!
//! What events look like belongs to those who have them: they implement [`EventNode`].

mod bad;
mod matcher;
mod node;

use std::rc::Rc;

use serde_json::Value as Json;
use smol_str::SmolStr;

pub use bad::BadPattern;
pub use node::{EventNode, Leaf};

use matcher::Matcher;

/// A pattern. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPattern(Rc<Fields>);

/// What the fields of one map must be.
#[derive(Debug, Clone, PartialEq, Default)]
struct Fields {
    all: Vec<(SmolStr, Rule)>,
    /// Of these alternatives one must hold, where there are any.
    any: Vec<Fields>,
}

#[derive(Debug, Clone, PartialEq)]
enum Rule {
    /// The field is a map with these fields.
    Map(Fields),
    /// One of these matches the field.
    Any(Vec<Matcher>),
}

impl EventPattern {
    /// Reads a pattern of JSON.
    ///
    /// # Errors
    /// The text is no JSON, no pattern, or has a matcher that the world does not know.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let json: Json =
            serde_json::from_str(text).map_err(|e| BadPattern::new("", format!("no JSON: {e}")))?;
        let fields = Fields::read(&json, "")?;
        if fields == Fields::default() {
            return Err(BadPattern::new("", "has no field; at least one was expected"));
        }
        Ok(Self(Rc::new(fields)))
    }

    /// Whether an event matches.
    pub fn matches(&self, event: impl EventNode) -> bool {
        self.0.match_(Some(event))
    }

    /// The paths of all fields that are looked at.
    pub(crate) fn paths(&self) -> Vec<Vec<&str>> {
        let mut paths = Vec::new();
        self.0.collect(&mut Vec::new(), &mut paths);
        paths
    }
}

impl Fields {
    fn read(json: &Json, at: &str) -> Result<Self, BadPattern> {
        let Json::Object(map) = json else {
            return Err(BadPattern::new(at, format!("{json} should be a map of fields")));
        };
        let mut fields = Self::default();
        for (name, rule) in map {
            let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            match rule {
                Json::Array(all) if name == "$or" => {
                    if all.len() < 2 {
                        return Err(BadPattern::new(&at, "should have at least 2 alternatives"));
                    }
                    fields.any = all.iter().map(|each| Self::read(each, &at)).collect::<Result<_, _>>()?;
                }
                Json::Array(all) if !all.is_empty() => {
                    let matchers =
                        all.iter().map(|each| Matcher::read(each, &at)).collect::<Result<_, _>>()?;
                    fields.all.push((name.into(), Rule::Any(matchers)));
                }
                Json::Object(_) => fields.all.push((name.into(), Rule::Map(Self::read(rule, &at)?))),
                other => {
                    let why = format!("{other} should be a list of at least one value, or a map of fields");
                    return Err(BadPattern::new(&at, why));
                }
            }
        }
        Ok(fields)
    }

    /// Whether the fields of a map match, none standing for a map that is not there: its fields are not
    /// either.
    fn match_<N: EventNode>(&self, map: Option<N>) -> bool {
        let field = |(name, rule): &(SmolStr, Rule)| rule.matches(map.and_then(|map| map.field(name)));
        self.all.iter().all(field) && (self.any.is_empty() || self.any.iter().any(|some| some.match_(map)))
    }

    fn collect<'a>(&'a self, path: &mut Vec<&'a str>, paths: &mut Vec<Vec<&'a str>>) {
        for (name, rule) in &self.all {
            path.push(name);
            match rule {
                Rule::Map(fields) => fields.collect(path, paths),
                Rule::Any(_) => paths.push(path.clone()),
            }
            path.pop();
        }
        self.any.iter().for_each(|some| some.collect(path, paths));
    }
}

impl Rule {
    fn matches<N: EventNode>(&self, field: Option<N>) -> bool {
        match (self, field) {
            (Self::Map(fields), None) => fields.match_(None::<N>),
            (Self::Map(fields), Some(field)) => field.any(&|element| fields.match_(Some(element))),
            (Self::Any(all), None) => all.iter().any(|matcher| matcher.matches(None)),
            (Self::Any(all), Some(field)) => field.any(&|element| {
                let leaf = element.leaf();
                all.iter().any(|matcher| matcher.matches(leaf.as_ref()))
            }),
        }
    }
}

#[cfg(test)]
mod tests;
