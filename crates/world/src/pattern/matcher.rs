//! What a pattern says of one value.

use serde_json::Value as Json;
use smol_str::SmolStr;

use super::bad::BadPattern;
use super::node::Leaf;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Matcher {
    Is(Literal),
    Prefix(SmolStr),
    Suffix(SmolStr),
    /// In lower case.
    IgnoreCase(String),
    /// There is a value, and none of these matches it.
    AnythingBut(Vec<Matcher>),
    /// All of these hold.
    Numeric(Vec<(Comparison, f64)>),
    Exists(bool),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    Text(SmolStr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Matcher {
    pub(super) fn read(json: &Json, at: &str) -> Result<Self, BadPattern> {
        let Json::Object(map) = json else { return value(json, at).map(Self::Is) };
        let mut entries = map.iter();
        let (Some((name, operand)), None) = (entries.next(), entries.next()) else {
            return Err(BadPattern::new(at, format!("{json} should have one operator")));
        };
        match (name.as_str(), operand) {
            ("prefix", Json::String(text)) => Ok(Self::Prefix(text.into())),
            ("suffix", Json::String(text)) => Ok(Self::Suffix(text.into())),
            ("equals-ignore-case", Json::String(text)) => Ok(Self::IgnoreCase(text.to_lowercase())),
            ("exists", Json::Bool(exists)) => Ok(Self::Exists(*exists)),
            ("numeric", Json::Array(all)) => numeric(all, at).map(Self::Numeric),
            ("anything-but", operand) => anything_but(operand, at).map(Self::AnythingBut),
            _ => {
                let known = "prefix, suffix, equals-ignore-case, anything-but, numeric and exists are known";
                Err(BadPattern::new(at, format!("the world knows no matcher {json}; {known}")))
            }
        }
    }

    /// Whether it matches a value, none standing for a field that is not there or is a map.
    pub(super) fn matches(&self, leaf: Option<&Leaf<'_>>) -> bool {
        let text = match leaf {
            Some(Leaf::Text(text)) => Some(text.as_ref()),
            _ => None,
        };
        match self {
            Self::Is(value) => leaf.is_some_and(|leaf| value.is(leaf)),
            Self::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix.as_str())),
            Self::Suffix(suffix) => text.is_some_and(|text| text.ends_with(suffix.as_str())),
            Self::IgnoreCase(lower) => text.is_some_and(|text| text.to_lowercase() == *lower),
            Self::AnythingBut(all) => leaf.is_some() && !all.iter().any(|matcher| matcher.matches(leaf)),
            Self::Numeric(all) => {
                matches!(leaf, Some(Leaf::Number(n)) if all.iter().all(|(by, bound)| by.holds(*n, *bound)))
            }
            Self::Exists(exists) => leaf.is_some() == *exists,
        }
    }
}

impl Literal {
    fn is(&self, leaf: &Leaf<'_>) -> bool {
        match (self, leaf) {
            (Self::Null, Leaf::Null) => true,
            (Self::Bool(a), Leaf::Bool(b)) => a == b,
            (Self::Number(a), Leaf::Number(b)) => Comparison::Equal.holds(*a, *b),
            (Self::Text(a), Leaf::Text(b)) => a.as_str() == b,
            _ => false,
        }
    }
}

impl Comparison {
    fn holds(self, n: f64, bound: f64) -> bool {
        match self {
            Self::Equal => n.partial_cmp(&bound).is_some_and(std::cmp::Ordering::is_eq),
            Self::Less => n < bound,
            Self::AtMost => n <= bound,
            Self::More => n > bound,
            Self::AtLeast => n >= bound,
        }
    }
}

fn value(json: &Json, at: &str) -> Result<Literal, BadPattern> {
    Ok(match json {
        Json::Null => Literal::Null,
        Json::Bool(truth) => Literal::Bool(*truth),
        Json::Number(_) => Literal::Number(number(json, at)?),
        Json::String(text) => Literal::Text(text.into()),
        Json::Array(_) | Json::Object(_) => {
            return Err(BadPattern::new(at, format!("{json} should be a single value")));
        }
    })
}

fn number(json: &Json, at: &str) -> Result<f64, BadPattern> {
    json.as_f64().ok_or_else(|| BadPattern::new(at, format!("{json} should be a number")))
}

/// `[">", 0, "<=", 5]`.
fn numeric(all: &[Json], at: &str) -> Result<Vec<(Comparison, f64)>, BadPattern> {
    if !matches!(all.len(), 2 | 4) {
        return Err(BadPattern::new(at, "`numeric` should have one comparison and number, or two of each"));
    }
    let comparison = |pair: &[Json]| {
        let by = match pair[0].as_str() {
            Some("=") => Comparison::Equal,
            Some("<") => Comparison::Less,
            Some("<=") => Comparison::AtMost,
            Some(">") => Comparison::More,
            Some(">=") => Comparison::AtLeast,
            _ => return Err(BadPattern::new(at, format!("{} should be =, <, <=, > or >=", pair[0]))),
        };
        Ok((by, number(&pair[1], at)?))
    };
    all.chunks_exact(2).map(comparison).collect()
}

/// A value, a list of values, or one prefix or suffix.
fn anything_but(operand: &Json, at: &str) -> Result<Vec<Matcher>, BadPattern> {
    match operand {
        Json::Array(all) if all.is_empty() => Err(BadPattern::new(at, "`anything-but` excludes nothing")),
        Json::Array(all) => all.iter().map(|each| value(each, at).map(Matcher::Is)).collect(),
        Json::Object(_) => match Matcher::read(operand, at)? {
            matcher @ (Matcher::Prefix(_) | Matcher::Suffix(_) | Matcher::IgnoreCase(_)) => Ok(vec![matcher]),
            _ => Err(BadPattern::new(at, format!("`anything-but` should not have {operand}"))),
        },
        one => Ok(vec![Matcher::Is(value(one, at)?)]),
    }
}
