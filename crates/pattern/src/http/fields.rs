//! JSON bodies, read field by field: every fault of one is named at once, each under its JSON pointer (RFC 6901).
//!
//! ```
//! use tenfold_pattern::http::Fields;
//!
//! let mut order = Fields::parse(br#"{"item": "book", "copies": 0, "express": "yes", "colour": "red"}"#).unwrap();
//! let item = order.text("item", 1..=40);
//! let copies = order.whole_or("copies", 1, 1..=10);
//! let mut address = order.object("address");
//! let city = address.text("city", 1..=100);
//! order.close(address);
//! let express = order.choice_or("express", false, &[("true", true), ("false", false)]);
//! let faults = order.finish().unwrap_err();
//!
//! let wrong: Vec<_> = faults.iter().map(|fault| fault.at.as_str()).collect();
//! assert_eq!(wrong, ["/copies", "/address/city", "/express", "/colour"]);
//! # let _ = (item, copies, city, express);
//! ```

mod hidden;
mod node;

use std::fmt::Display;
use std::ops::RangeInclusive;

use smol_str::SmolStr;
use tenfold_ports::api::Fault;

pub use node::Node;
use node::shown;

/// The fields of an object that nobody has read yet, and what was wrong with those read.
///
/// A reader answers none (or the default) where a field is not what it should be, and [`Fields::finish`] then names all
/// that was wrong; so a whole body is read before the first fault is told.
#[derive(Debug)]
#[must_use]
pub struct Fields {
    /// The pointer to the object.
    at: String,
    left: Vec<(String, Node)>,
    faults: Vec<Fault>,
}

impl Fields {
    /// The fields of the object that a body is.
    ///
    /// # Errors
    /// It is no JSON, or no object.
    pub fn parse(body: &[u8]) -> Result<Self, Vec<Fault>> {
        match serde_json::from_slice(body) {
            Ok(Node::Object(fields)) => Ok(Self::of(String::new(), fields)),
            Ok(_) => Err(vec![Fault::new("", "a JSON object was expected")]),
            Err(error) => Err(vec![Fault::new("", format!("is no JSON: {error}"))]),
        }
    }

    fn of(at: String, fields: Vec<(String, Node)>) -> Self {
        let twice = |place: usize| fields[..place].iter().any(|(name, _)| *name == fields[place].0);
        let faults = (0..fields.len()).filter(|place| twice(*place));
        let faults = faults.map(|place| Fault::new(pointer(&at, &fields[place].0), "comes twice")).collect();
        Self { at, left: fields, faults }
    }

    /// Notes what is wrong with a field, and answers none.
    pub fn fault<T>(&mut self, name: &str, detail: impl Into<String>) -> Option<T> {
        self.faults.push(Fault::new(pointer(&self.at, name), detail));
        None
    }

    /// A field as it came; none where it is absent or `null`.
    pub fn optional(&mut self, name: &str) -> Option<Node> {
        let place = self.left.iter().position(|(n, _)| n == name);
        let found = place.map(|place| self.left[place].1.clone());
        self.left.retain(|(n, _)| n != name);
        found.filter(|value| *value != Node::Null)
    }

    /// A field that must be there.
    pub fn required(&mut self, name: &str) -> Option<Node> {
        self.optional(name).or_else(|| self.fault(name, "is missing"))
    }

    /// Text of so many characters that must be there. It is not blank and has no control characters.
    pub fn text(&mut self, name: &str, characters: RangeInclusive<usize>) -> Option<SmolStr> {
        let value = self.required(name)?;
        self.read_text(name, &value, characters)
    }

    /// Text of so many characters, where it is there.
    pub fn optional_text(&mut self, name: &str, characters: RangeInclusive<usize>) -> Option<SmolStr> {
        let value = self.optional(name)?;
        self.read_text(name, &value, characters)
    }

    fn read_text(&mut self, name: &str, value: &Node, characters: RangeInclusive<usize>) -> Option<SmolStr> {
        if let Node::Text(text) = value
            && characters.contains(&text.chars().count())
            && !text.trim().is_empty()
            && !text.chars().any(char::is_control)
        {
            return Some(text.into());
        }
        let (least, most) = (characters.start(), characters.end());
        self.fault(name, format!("text of {least} to {most} characters was expected"))
    }

    /// Text that must be there, read by `parse`, whose error says what was expected.
    pub fn parsed<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.required(name)?;
        self.read_parsed(name, &value, parse)
    }

    /// Text read by `parse`, where it is there.
    pub fn optional_parsed<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let value = self.optional(name)?;
        self.read_parsed(name, &value, parse)
    }

    fn read_parsed<T, E: Display>(
        &mut self,
        name: &str,
        value: &Node,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let Node::Text(text) = value else {
            return self.fault(name, format!("is {value}; text was expected"));
        };
        parse(text).map_or_else(|error| self.fault(name, error.to_string()), Some)
    }

    /// One of these words, which must be there.
    pub fn choice<T: Clone>(&mut self, name: &str, of: &[(&str, T)]) -> Option<T> {
        let value = self.required(name)?;
        self.read_choice(name, &value, of)
    }

    /// One of these words, or the default where the field is absent.
    pub fn choice_or<T: Clone>(&mut self, name: &str, default: T, of: &[(&str, T)]) -> T {
        let Some(value) = self.optional(name) else { return default };
        self.read_choice(name, &value, of).unwrap_or(default)
    }

    fn read_choice<T: Clone>(&mut self, name: &str, value: &Node, of: &[(&str, T)]) -> Option<T> {
        let found = of.iter().find(|(word, _)| matches!(value, Node::Text(text) if text == word));
        if let Some((_, chosen)) = found {
            return Some(chosen.clone());
        }
        let words: Vec<_> = of.iter().map(|(word, _)| *word).collect();
        let words = words.split_last().map_or_else(String::new, |(last, before)| match before {
            [] => (*last).to_owned(),
            before => format!("{} or {last}", before.join(", ")),
        });
        self.fault(name, format!("is {value}; {words} was expected"))
    }

    /// A whole number within a range, which must be there.
    pub fn whole(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.required(name)?;
        self.read_whole(name, &value, range)
    }

    /// A whole number within a range, or the default where the field is absent.
    pub fn whole_or(&mut self, name: &str, default: i64, range: RangeInclusive<i64>) -> i64 {
        let Some(value) = self.optional(name) else { return default };
        self.read_whole(name, &value, range).unwrap_or(default)
    }

    fn read_whole(&mut self, name: &str, value: &Node, range: RangeInclusive<i64>) -> Option<i64> {
        let found = value.as_whole().filter(|n| range.contains(n));
        let (least, most) = (range.start(), range.end());
        found.or_else(|| {
            self.fault(name, format!("is {value}; a whole number from {least} to {most} was expected"))
        })
    }

    /// A number within a range, or the default where the field is absent.
    pub fn number_or(&mut self, name: &str, default: f64, range: RangeInclusive<f64>) -> f64 {
        let Some(value) = self.optional(name) else { return default };
        if let Some(n) = value.as_number().filter(|n| range.contains(n)) {
            return n;
        }
        let (least, most) = (range.start(), range.end());
        self.fault::<()>(name, format!("is {value}; a number from {least} to {most} was expected"));
        default
    }

    /// `true` or `false`, or the default where the field is absent.
    pub fn flag_or(&mut self, name: &str, default: bool) -> bool {
        match self.optional(name) {
            None => default,
            Some(Node::Bool(value)) => value,
            Some(value) => {
                self.fault::<()>(name, format!("is {value}; true or false was expected"));
                default
            }
        }
    }

    /// The elements of an array of at most `most`; none of them where the field is absent.
    pub fn list(&mut self, name: &str, most: usize) -> Vec<Node> {
        match self.optional(name) {
            None => Vec::new(),
            Some(Node::Array(elements)) if elements.len() <= most => elements,
            Some(value) => {
                self.fault::<()>(name, format!("is {value}; an array of at most {most} was expected"));
                Vec::new()
            }
        }
    }

    /// The fields of an object within this one, to be given back to [`Fields::close`]. An absent one has no fields.
    pub fn object(&mut self, name: &str) -> Self {
        let at = pointer(&self.at, name);
        match self.optional(name) {
            None => Self::of(at, Vec::new()),
            Some(Node::Object(fields)) => Self::of(at, fields),
            Some(value) => {
                self.fault::<()>(name, format!("is {value}; an object was expected"));
                Self::of(at, Vec::new())
            }
        }
    }

    /// The fields of the objects in an array of 1 to `most`, each to be given back to [`Fields::close`]; none where it is
    /// absent or something else.
    pub fn objects(&mut self, name: &str, most: usize) -> Vec<Self> {
        let at = pointer(&self.at, name);
        let elements = match self.required(name) {
            Some(Node::Array(elements)) if (1..=most).contains(&elements.len()) => elements,
            Some(value) => {
                self.fault::<()>(name, format!("is {value}; an array of 1 to {most} objects was expected"));
                return Vec::new();
            }
            None => return Vec::new(),
        };
        let mut objects = Vec::with_capacity(elements.len());
        for (place, element) in elements.into_iter().enumerate() {
            let at = pointer(&at, &place.to_string());
            match element {
                Node::Object(fields) => objects.push(Self::of(at, fields)),
                element => self.faults.push(Fault::new(at, format!("is {element}; an object was expected"))),
            }
        }
        objects
    }

    /// Takes an object within this one back, with what was wrong with it.
    pub fn close(&mut self, inner: Self) {
        self.faults.extend(inner.into_faults());
    }

    /// Whether something was wrong with a field so far: what is held against it need not be called wrong too.
    #[must_use]
    pub fn is_faulty(&self, name: &str) -> bool {
        let at = pointer(&self.at, name);
        self.faults.iter().any(|fault| fault.at == at)
    }

    /// Whether nothing was wrong so far, and no field is left that nobody has read.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.left.is_empty() && self.faults.is_empty()
    }

    /// That all fields were read and nothing was wrong with them.
    ///
    /// # Errors
    /// All that was wrong, in the order in which it was read; unknown fields come last.
    pub fn finish(self) -> Result<(), Vec<Fault>> {
        let faults = self.into_faults();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// What was wrong, unknown fields included.
    #[must_use]
    pub fn into_faults(mut self) -> Vec<Fault> {
        let unknown = self
            .left
            .iter()
            .map(|(name, _)| Fault::new(pointer(&self.at, name), "is no field of this object"));
        self.faults.extend(unknown);
        self.faults
    }
}

/// A JSON pointer to a field of the object at `at`.
fn pointer(at: &str, name: &str) -> String {
    format!("{at}/{}", shown(name).replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests;
