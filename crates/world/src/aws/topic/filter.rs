//! Which notices a subscription wants.

use std::borrow::Cow;

use smol_str::SmolStr;
use tenfold_ports::topic::Attribute;

use crate::pattern::{BadPattern, EventNode, EventPattern, Leaf};

/// The most attributes that a filter policy names.
const MAX_NAMES: usize = 5;

/// A filter policy over the attributes of a notice (scope `MessageAttributes`). Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter(EventPattern);

impl Filter {
    /// Reads a filter policy of JSON.
    ///
    /// # Errors
    /// It is none, names more than 5 attributes, or looks into one as if it were a map.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let pattern = EventPattern::parse(text)?;
        let paths = pattern.paths();
        if let Some(deep) = paths.iter().find(|path| path.len() > 1) {
            return Err(BadPattern::new(&deep.join("."), "an attribute has no fields"));
        }
        let mut names: Vec<&str> = paths.into_iter().flatten().collect();
        names.sort_unstable();
        names.dedup();
        if names.len() > MAX_NAMES {
            let why = format!("names {} attributes; at most {MAX_NAMES} were expected", names.len());
            return Err(BadPattern::new("", why));
        }
        Ok(Self(pattern))
    }

    /// Whether a notice with these attributes passes.
    #[must_use]
    pub fn passes(&self, attributes: &[(SmolStr, Attribute)]) -> bool {
        self.0.matches(At::All(attributes))
    }
}

/// A place among attributes.
#[derive(Clone, Copy)]
enum At<'a> {
    All(&'a [(SmolStr, Attribute)]),
    One(&'a Attribute),
}

impl EventNode for At<'_> {
    fn field(self, name: &str) -> Option<Self> {
        let Self::All(all) = self else { return None };
        all.iter().find(|(n, _)| n == name).map(|(_, value)| At::One(value))
    }

    fn leaf(&self) -> Option<Leaf<'_>> {
        match self {
            Self::All(_) => None,
            Self::One(Attribute::Text(text)) => Some(Leaf::Text(Cow::Borrowed(text))),
            Self::One(Attribute::Number(number)) => Some(Leaf::Number(*number as f64)),
        }
    }
}
