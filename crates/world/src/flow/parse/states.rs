//! Reads states.

use std::rc::Rc;

use jiff::SignedDuration;
use serde_json::Value;
use smol_str::SmolStr;

use super::fields::{DefinitionFault, FieldReader, MachineError, wrong};
use super::graph;
use super::parts::{LONGEST, Names, path, place, plain, source, template};
use super::rules;
use crate::flow::choice::timestamp;
use crate::flow::context::ValueSource;
use crate::flow::definition::{FlowState, Scope, StateKind, WorkFields};
use crate::flow::resource::Integration;
use crate::flow::template::PayloadTemplate;
use crate::flow::wait::Until;

/// The longest name of a state, in characters (developer guide, "State machine structure").
const LONGEST_NAME: usize = 80;

/// How many iterations of a Map go on at once, whatever it allows (developer guide, "Map state in Inline
/// mode").
const MOST_AT_ONCE: u32 = 40;

/// `StartAt` and `States`.
pub(super) fn scope(fields: &mut FieldReader<'_>) -> Result<Scope, MachineError> {
    let at = fields.place("States");
    let Value::Object(states) = fields.need("States")? else {
        return Err(fields.wrong("States", "an object"));
    };
    let names = Names(states.keys().map(String::as_str).collect());
    let start = names.need(fields, "StartAt")?;
    let read = |(name, value): (&String, _)| {
        let at = format!("{at}/{name}");
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            return Err(wrong(at, "a name of 1 to 80 characters", &Value::from(name.as_str())));
        }
        state(name, FieldReader::of(value, at)?, &names)
    };
    let states = states.iter().map(read).collect::<Result<_, _>>()?;
    let scope = Scope { start, states };
    graph::check_reached(&scope, &fields.at)?;
    Ok(scope)
}

fn state(name: &str, mut fields: FieldReader<'_>, names: &Names<'_>) -> Result<FlowState, MachineError> {
    fields.query_language()?;
    let kind = fields.need_text("Type")?;
    let next = match kind {
        "Choice" | "Succeed" | "Fail" => None,
        _ => next(&mut fields, names)?,
    };
    // A Fail has nothing to read its input for.
    let (input, output) = match kind {
        "Fail" => (None, None),
        _ => (path(&mut fields, "InputPath")?, path(&mut fields, "OutputPath")?),
    };
    let kind = match kind {
        "Pass" => pass(&mut fields)?,
        "Task" => task(&mut fields, names)?,
        "Parallel" => parallel(&mut fields, names)?,
        "Map" => map(&mut fields, names)?,
        "Wait" => StateKind::Wait(until(&mut fields)?),
        "Succeed" => StateKind::Succeed,
        "Fail" => {
            let mut text = |name| Ok(SmolStr::from(fields.text(name)?.unwrap_or_default()));
            StateKind::Fail { error: text("Error")?, cause: text("Cause")? }
        }
        "Choice" => {
            let choices = fields.need_list("Choices")?;
            let rules = choices.into_iter().map(|(at, value)| rules::rule(value, at, names));
            let rules = rules.collect::<Result<_, _>>()?;
            let default = fields.take("Default").map(|_| names.need(&mut fields, "Default")).transpose()?;
            StateKind::Choice { rules, default }
        }
        _ => {
            let expected = "Pass, Task, Choice, Wait, Parallel, Map, Succeed or Fail";
            return Err(fields.wrong("Type", expected));
        }
    };
    fields.finish()?;
    Ok(FlowState { name: name.into(), input, output, next, kind })
}

fn next(fields: &mut FieldReader<'_>, names: &Names<'_>) -> Result<Option<usize>, MachineError> {
    let ends = match fields.take("End") {
        None => false,
        Some(Value::Bool(ends)) => *ends,
        Some(_) => return Err(fields.wrong("End", "true or false")),
    };
    match (fields.take("Next").is_some(), ends) {
        (true, false) => names.need(fields, "Next").map(Some),
        (false, true) => Ok(None),
        (true, true) | (false, false) => {
            Err(MachineError::new(fields.at.as_str(), DefinitionFault::NextOrEnd))
        }
    }
}

fn work(
    fields: &mut FieldReader<'_>,
    names: &Names<'_>,
    parameters: Option<PayloadTemplate>,
) -> Result<WorkFields, MachineError> {
    Ok(WorkFields {
        parameters,
        selector: plain(fields, "ResultSelector")?,
        place: place(fields)?,
        retry: rules::retry(fields)?,
        catch: rules::catch(fields, names)?,
    })
}

fn pass(fields: &mut FieldReader<'_>) -> Result<StateKind, MachineError> {
    let result = fields.take("Result").cloned().map(Into::into);
    let parameters = plain(fields, "Parameters")?;
    if result.is_some() && parameters.is_some() {
        let why = "`Parameters` has no effect beside `Result`".to_owned();
        return Err(fields.unreadable("Parameters", why));
    }
    Ok(StateKind::Pass { result, parameters, place: place(fields)? })
}

fn task(fields: &mut FieldReader<'_>, names: &Names<'_>) -> Result<StateKind, MachineError> {
    let service = Integration::parse(fields.need_text("Resource")?);
    let service = service.map_err(|why| fields.unreadable("Resource", why))?;
    let timeout = fields.whole("TimeoutSeconds", 1..=LONGEST)?.unwrap_or(LONGEST);
    let parameters = plain(fields, "Parameters")?;
    service.check(parameters.as_ref()).map_err(|why| fields.unreadable("Parameters", why))?;
    let work = work(fields, names, parameters)?;
    Ok(StateKind::Task { service, timeout: SignedDuration::from_secs(i64::from(timeout)), work })
}

fn parallel(fields: &mut FieldReader<'_>, names: &Names<'_>) -> Result<StateKind, MachineError> {
    let branches = fields.need_list("Branches")?.into_iter().map(|(at, value)| {
        let mut fields = FieldReader::of(value, at)?;
        let scope = scope(&mut fields)?;
        fields.finish()?;
        Ok(Rc::new(scope))
    });
    let branches = branches.collect::<Result<_, _>>()?;
    let parameters = plain(fields, "Parameters")?;
    Ok(StateKind::Parallel { branches, work: work(fields, names, parameters)? })
}

/// A Map in inline mode, by its newer names (`ItemProcessor`, `ItemSelector`) or its older ones (`Iterator`,
/// `Parameters`).
fn map(fields: &mut FieldReader<'_>, names: &Names<'_>) -> Result<StateKind, MachineError> {
    let processor = if fields.take("Iterator").is_some() { "Iterator" } else { "ItemProcessor" };
    let mut inner = FieldReader::of(fields.need(processor)?, fields.place(processor))?;
    if let Some(config) = inner.take("ProcessorConfig") {
        let mut config = FieldReader::of(config, inner.place("ProcessorConfig"))?;
        if config.text("Mode")? != Some("INLINE") {
            return Err(config.wrong("Mode", "\"INLINE\", the only mode that is supported"));
        }
        config.finish()?;
    }
    let iteration = Rc::new(scope(&mut inner)?);
    inner.finish()?;
    let selector = if fields.take("Parameters").is_some() { "Parameters" } else { "ItemSelector" };
    let selector = template(fields, selector)?;
    let items = match fields.take("ItemsPath") {
        Some(_) => source(fields, "ItemsPath")?,
        None => ValueSource::parse("$").map_err(|why| fields.unreadable("ItemsPath", why))?,
    };
    let most = fields.whole("MaxConcurrency", 0..=LONGEST)?.filter(|most| *most > 0).unwrap_or(MOST_AT_ONCE);
    let most = most.min(MOST_AT_ONCE) as usize;
    Ok(StateKind::Map { items, selector, most, iteration, work: work(fields, names, None)? })
}

fn until(fields: &mut FieldReader<'_>) -> Result<Until, MachineError> {
    let mut found = Vec::new();
    if let Some(seconds) = fields.whole("Seconds", 0..=LONGEST)? {
        found.push(Until::Seconds(seconds));
    }
    if fields.take("SecondsPath").is_some() {
        found.push(Until::SecondsPath(source(fields, "SecondsPath")?));
    }
    if let Some(value) = fields.take("Timestamp") {
        let time = timestamp(value);
        let time = time.ok_or_else(|| fields.wrong("Timestamp", "a time such as 2016-03-14T01:59:00Z"))?;
        found.push(Until::Timestamp(time));
    }
    if fields.take("TimestampPath").is_some() {
        found.push(Until::TimestampPath(source(fields, "TimestampPath")?));
    }
    if let (Some(until), true) = (found.pop(), found.is_empty()) {
        return Ok(until);
    }
    let why = "one of `Seconds`, `SecondsPath`, `Timestamp` and `TimestampPath` is needed".to_owned();
    Err(MachineError::new(fields.at.as_str(), DefinitionFault::Unreadable(why)))
}
