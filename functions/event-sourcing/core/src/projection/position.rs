//! A place in the log: a version of an aggregate. There is no number of all commits, which would be one key that every
//! commit writes.

use serde::{Deserialize, Serialize};
use tenfold_pattern::http::page_token;
use tenfold_ports::api::Fault;

use crate::names::{AggregateName, is_id};

/// A place in the log: readers can ask for an answer in which it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The aggregate.
    pub name: AggregateName,
    /// Its version.
    pub version: u64,
}

/// What its tokens are of.
const OF: &str = "position";

impl Position {
    /// Returns the place of a commit.
    #[must_use]
    pub const fn of(name: AggregateName, version: u64) -> Self {
        Self { name, version }
    }

    /// Returns it as text that means something to us only.
    #[must_use]
    pub fn token(&self) -> String {
        page_token::write(OF, self)
    }

    /// Reads a token.
    ///
    /// # Errors
    /// It is none that [`token`](Self::token) has made.
    pub fn read(token: &str) -> Result<Self, Fault> {
        let position = page_token::read::<Self>(OF, token).ok();
        let position = position.filter(|position| is_id(&position.name.kind) && is_id(&position.name.id));
        position
            .ok_or_else(|| Fault::new("query:at_least", "the `position` of a command's answer was expected"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_the_place_that_it_was_made_of() {
        let position = Position::of(AggregateName::parse("order", "7").unwrap(), 3);
        assert_eq!(Position::read(&position.token()), Ok(position));
        let forged = Position::of(AggregateName { kind: "order".into(), id: "7#8".into() }, 3);
        for bad in ["", "x", &forged.token(), &page_token::write("other", &1)] {
            assert_eq!(Position::read(bad).unwrap_err().at, "query:at_least", "{bad}");
        }
    }
}
