//! Reads the fields that several kinds of states have: names of states, paths and templates.

use serde_json::Value;

use super::fields::{DefinitionFault, FieldReader, MachineError};
use crate::flow::context::ValueSource;
use crate::flow::path::ReferencePath;
use crate::flow::template::PayloadTemplate;

/// The longest time-out and interval, in seconds.
pub(super) const LONGEST: u32 = 99_999_999;

/// The names of a scope's states, in the states' order.
pub(super) struct Names<'a>(pub Vec<&'a str>);

impl Names<'_> {
    /// The state that a field names.
    pub fn need(&self, fields: &mut FieldReader<'_>, field: &'static str) -> Result<usize, MachineError> {
        let name = fields.need_text(field)?;
        let at = self.0.iter().position(|known| *known == name);
        at.ok_or_else(|| {
            MachineError::new(fields.place(field), DefinitionFault::NoSuchState(name.to_owned()))
        })
    }
}

/// A path that is `$` by default, and none where it is null.
pub(super) fn path(
    fields: &mut FieldReader<'_>,
    name: &'static str,
) -> Result<Option<ValueSource>, MachineError> {
    match fields.take(name) {
        None => ValueSource::parse("$").map(Some).map_err(|why| fields.unreadable(name, why)),
        Some(Value::Null) => Ok(None),
        Some(_) => source(fields, name).map(Some),
    }
}

/// A path that is there, and not about an element of a Map.
pub(super) fn source(fields: &mut FieldReader<'_>, name: &'static str) -> Result<ValueSource, MachineError> {
    let source = ValueSource::parse(fields.need_text(name)?).map_err(|why| fields.unreadable(name, why))?;
    if source.is_of_item() { Err(fields.unreadable(name, OF_ITEM.to_owned())) } else { Ok(source) }
}

const OF_ITEM: &str = "`$$.Map.Item` is supported in a Map's `ItemSelector` only";

/// `ResultPath`: `$` by default, and none where it is null.
pub(super) fn place(fields: &mut FieldReader<'_>) -> Result<Option<ReferencePath>, MachineError> {
    match fields.take("ResultPath") {
        None => Ok(Some(ReferencePath::default())),
        Some(Value::Null) => Ok(None),
        Some(_) => {
            let path = ReferencePath::parse(fields.need_text("ResultPath")?);
            path.map(Some).map_err(|why| fields.unreadable("ResultPath", why))
        }
    }
}

pub(super) fn template(
    fields: &mut FieldReader<'_>,
    name: &'static str,
) -> Result<Option<PayloadTemplate>, MachineError> {
    let Some(value) = fields.take(name) else { return Ok(None) };
    let at = fields.place(name);
    let read = PayloadTemplate::parse(value);
    read.map(Some).map_err(|(inner, why)| MachineError::new(at + &inner, DefinitionFault::Unreadable(why)))
}

/// A template outside of a Map, which has no element to ask about.
pub(super) fn plain(
    fields: &mut FieldReader<'_>,
    name: &'static str,
) -> Result<Option<PayloadTemplate>, MachineError> {
    match template(fields, name)? {
        Some(template) if template.asks_for_item() => Err(fields.unreadable(name, OF_ITEM.to_owned())),
        template => Ok(template),
    }
}
