//! Configuration from the environment, read once at init: all of it is right, or one error names all that is
//! not.
//!
//! ```
//! use std::time::Duration;
//! use tenfold_lambda::Environment;
//!
//! struct Config { table: String, attempts: u32, timeout: Duration }
//!
//! let env = Environment::of([("TABLE_NAME", "orders"), ("TIMEOUT_MS", "250")]);
//! let config = Config {
//!     table: env.text("TABLE_NAME").get(),
//!     attempts: env.number("ATTEMPTS").within(1..=10).or(3),
//!     timeout: env.milliseconds("TIMEOUT_MS").or(Duration::from_secs(1)),
//! };
//! let config = env.finish(config)?;
//! assert_eq!((config.table.as_str(), config.attempts, config.timeout.as_millis()), ("orders", 3, 250));
//! # Ok::<(), tenfold_lambda::ConfigError>(())
//! ```

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// The environment, and what was found wrong with it so far.
#[derive(Debug)]
pub struct Environment {
    variables: HashMap<String, String>,
    bad: RefCell<Vec<BadVariable>>,
}

/// Variables that are missing or not what they should be: all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad configuration: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct ConfigError(pub Vec<BadVariable>);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadVariable {
    /// The variable's name.
    pub name: &'static str,
    /// What it has, at most 80 characters of it; none where it is not set or empty.
    pub found: Option<String>,
    /// What was expected.
    pub expected: String,
}

impl fmt::Display for BadVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, found, expected } = self;
        match found {
            None => write!(f, "{name} is not set, expected {expected}"),
            Some(found) => write!(f, "{name} is `{found}`, expected {expected}"),
        }
    }
}

impl Environment {
    /// The process's environment.
    #[must_use]
    pub fn from_process() -> Self {
        let text =
            std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Self { variables: text.collect(), bad: RefCell::default() }
    }

    /// These variables and no others.
    pub fn of<K: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (K, V)>) -> Self {
        let variables = variables.into_iter().map(|(k, v)| (k.into(), v.into())).collect();
        Self { variables, bad: RefCell::default() }
    }

    /// Text that is not empty.
    pub fn text(&self, name: &'static str) -> Setting<'_, String> {
        self.parsed(name, "text", |text| Some(text.to_owned()))
    }

    /// A number; whole or not, signed or not, as `T` is.
    pub fn number<T: FromStr + Default>(&self, name: &'static str) -> Setting<'_, T> {
        self.parsed(name, "a number", |text| text.parse().ok())
    }

    /// A truth value: `true` or `false`.
    pub fn flag(&self, name: &'static str) -> Setting<'_, bool> {
        self.parsed(name, "true or false", |text| text.parse().ok())
    }

    /// A duration given as a whole number of milliseconds.
    pub fn milliseconds(&self, name: &'static str) -> Setting<'_, Duration> {
        self.parsed(name, "a whole number of milliseconds", |text| {
            text.parse().ok().map(Duration::from_millis)
        })
    }

    /// A duration given as a whole number of seconds.
    pub fn seconds(&self, name: &'static str) -> Setting<'_, Duration> {
        self.parsed(name, "a whole number of seconds", |text| text.parse().ok().map(Duration::from_secs))
    }

    /// An absolute `http` or `https` URL.
    pub fn url(&self, name: &'static str) -> Setting<'_, String> {
        self.parsed(name, "an absolute http or https URL", |text| {
            let url = url::Url::parse(text).ok()?;
            (matches!(url.scheme(), "http" | "https") && url.has_host()).then(|| text.to_owned())
        })
    }

    /// Anything else, read by `parse`; `expected` says in words what it takes.
    pub fn parsed<T: Default>(
        &self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Setting<'_, T> {
        let text = self.variables.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let value = text.map_or(Found::Nothing, |text| parse(text).map_or(Found::Bad, Found::Good));
        Setting { env: self, name, expected: expected.to_owned(), text, value }
    }

    /// Gives out `config` if nothing was wrong with any variable that was asked for.
    ///
    /// # Errors
    /// All variables that are missing or bad.
    pub fn finish<C>(self, config: C) -> Result<C, ConfigError> {
        let bad = self.bad.into_inner();
        if bad.is_empty() { Ok(config) } else { Err(ConfigError(bad)) }
    }
}

/// A variable that was looked up, before it is said what its absence means.
///
/// A bad one gives a placeholder, so that one error can name all that is wrong; [`Environment::finish`] then gives
/// nothing out.
#[derive(Debug)]
#[must_use]
pub struct Setting<'e, T> {
    env: &'e Environment,
    name: &'static str,
    expected: String,
    text: Option<&'e str>,
    value: Found<T>,
}

#[derive(Debug)]
enum Found<T> {
    Good(T),
    Bad,
    Nothing,
}

impl<T: Default> Setting<'_, T> {
    /// The value; that it is absent is an error.
    #[must_use]
    pub fn get(self) -> T {
        match self.value {
            Found::Good(value) => value,
            Found::Bad | Found::Nothing => self.report(),
        }
    }

    /// The value, or `default` where it is absent.
    #[must_use]
    pub fn or(self, default: T) -> T {
        match self.value {
            Found::Good(value) => value,
            Found::Nothing => default,
            Found::Bad => self.report(),
        }
    }

    /// The value, where there is one.
    #[must_use]
    pub fn optional(self) -> Option<T> {
        match self.value {
            Found::Good(value) => Some(value),
            Found::Nothing => None,
            Found::Bad => Some(self.report()),
        }
    }

    fn report(self) -> T {
        let found = self.text.map(|text| text.chars().take(80).collect());
        self.env.bad.borrow_mut().push(BadVariable { name: self.name, found, expected: self.expected });
        T::default()
    }
}

impl<T: PartialOrd + fmt::Debug> Setting<'_, T> {
    /// The same setting, from `range` only.
    pub fn within(mut self, range: RangeInclusive<T>) -> Self {
        if matches!(&self.value, Found::Good(value) if !range.contains(value)) {
            self.value = Found::Bad;
        }
        self.expected = format!("{} from {:?} to {:?}", self.expected, range.start(), range.end());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_is_named_at_once() {
        let env =
            Environment::of([("PORT", "seventy"), ("SIZE", "11"), ("TARGET", "/relative"), ("EMPTY", "")]);
        let config = (
            env.text("TABLE_NAME").get(),
            env.number::<u16>("PORT").or(80),
            env.number::<u32>("SIZE").within(1..=10).get(),
            env.url("TARGET").get(),
            env.text("EMPTY").get(),
            env.milliseconds("WAIT").or(Duration::ZERO),
        );
        let error = env.finish(config).unwrap_err();
        assert_eq!(
            error.to_string(),
            "bad configuration: TABLE_NAME is not set, expected text; PORT is `seventy`, expected a number; \
             SIZE is `11`, expected a number from 1 to 10; \
             TARGET is `/relative`, expected an absolute http or https URL; EMPTY is not set, expected text"
        );
    }

    #[test]
    fn what_is_absent_takes_its_default_or_stays_away() {
        let env = Environment::of([("URL", "http://localhost:4566/x"), ("SECONDS", "5"), ("ON", "true")]);
        assert_eq!(env.number::<i64>("N").or(-7), -7);
        assert_eq!(env.text("T").optional(), None);
        assert_eq!(env.url("URL").optional().as_deref(), Some("http://localhost:4566/x"));
        assert_eq!(env.seconds("SECONDS").get(), Duration::from_secs(5));
        assert!(env.flag("ON").get());
        assert_eq!(env.finish(1), Ok(1));
    }

    #[test]
    fn an_optional_variable_is_still_checked() {
        let env = Environment::of([("N", "x".repeat(200))]);
        let _ = env.number::<u8>("N").optional();
        let ConfigError(bad) = env.finish(()).unwrap_err();
        assert_eq!(bad[0].found.as_ref().map(String::len), Some(80));
    }
}
