//! Reads the rules of a Choice, retriers and catchers.

use serde_json::Value;
use smol_str::SmolStr;

use super::fields::{DefinitionFault, FieldReader, MachineError, wrong};
use super::parts::{LONGEST, Names, place, source};
use crate::flow::choice::{Operand, Operator, Test, pattern};
use crate::flow::context::ValueSource;
use crate::flow::error::{ALL, RESERVED};
use crate::flow::json::brief;
use crate::flow::policy::{CatchPolicy, ErrorEquals, RetryPolicy};

/// `Retry`, or nothing.
pub(super) fn retry(fields: &mut FieldReader<'_>) -> Result<Vec<RetryPolicy>, MachineError> {
    let all = fields.list("Retry")?;
    let last = all.len().saturating_sub(1);
    all.into_iter().enumerate().map(|(i, (at, value))| retrier(value, at, i == last)).collect()
}

fn retrier(value: &Value, at: String, last: bool) -> Result<RetryPolicy, MachineError> {
    let mut fields = FieldReader::of(value, at)?;
    let retrier = RetryPolicy {
        errors: error_equals(&mut fields, last)?,
        interval: fields.whole("IntervalSeconds", 1..=LONGEST)?.unwrap_or(1),
        most: fields.whole("MaxAttempts", 0..=LONGEST)?.unwrap_or(3),
        rate: match fields.take("BackoffRate").map(|rate| rate.as_f64().filter(|rate| *rate >= 1.0)) {
            None => 2.0,
            Some(Some(rate)) => rate,
            Some(None) => return Err(fields.wrong("BackoffRate", "a number of at least 1")),
        },
        longest: fields.whole("MaxDelaySeconds", 1..=31_622_399)?,
        jitter: match fields.text("JitterStrategy")? {
            None | Some("NONE") => false,
            Some("FULL") => true,
            Some(_) => return Err(fields.wrong("JitterStrategy", "\"FULL\" or \"NONE\"")),
        },
    };
    fields.finish()?;
    Ok(retrier)
}

/// `Catch`, or nothing.
pub(super) fn catch(
    fields: &mut FieldReader<'_>,
    names: &Names<'_>,
) -> Result<Vec<CatchPolicy>, MachineError> {
    let all = fields.list("Catch")?;
    let last = all.len().saturating_sub(1);
    let catcher = |(i, (at, value)): (usize, (String, _))| {
        let mut fields = FieldReader::of(value, at)?;
        let errors = error_equals(&mut fields, i == last)?;
        let place = place(&mut fields)?;
        let next = names.need(&mut fields, "Next")?;
        fields.finish()?;
        Ok(CatchPolicy { errors, place, next })
    };
    all.into_iter().enumerate().map(catcher).collect()
}

/// A name of Step Functions that nothing ever has is a slip.
fn error_equals(fields: &mut FieldReader<'_>, last: bool) -> Result<ErrorEquals, MachineError> {
    let mut names: Vec<SmolStr> = Vec::new();
    for (at, value) in fields.need_list("ErrorEquals")? {
        match value.as_str() {
            Some(name) if !name.starts_with("States.") || RESERVED.contains(&name) => names.push(name.into()),
            Some(_) => {
                return Err(wrong(at, "a name that Step Functions gives an error, or your own", value));
            }
            None => return Err(wrong(at, "the name of an error", value)),
        }
    }
    if names.iter().any(|name| name == ALL) && (names.len() > 1 || !last) {
        return Err(MachineError::new(fields.place("ErrorEquals"), DefinitionFault::AllNotLast));
    }
    Ok(ErrorEquals(names))
}

/// A rule of a Choice, and the state that it leads to.
pub(super) fn rule(value: &Value, at: String, names: &Names<'_>) -> Result<(Test, usize), MachineError> {
    let mut fields = FieldReader::of(value, at)?;
    let next = names.need(&mut fields, "Next")?;
    Ok((test(fields)?, next))
}

/// What is left of a rule: one Boolean expression or one comparison.
fn test(mut fields: FieldReader<'_>) -> Result<Test, MachineError> {
    for name in ["And", "Or"] {
        if fields.take(name).is_some() {
            let tests =
                fields.need_list(name)?.into_iter().map(|(at, value)| test(FieldReader::of(value, at)?));
            let tests = tests.collect::<Result<_, _>>()?;
            fields.finish()?;
            return Ok(if name == "And" { Test::And(tests) } else { Test::Or(tests) });
        }
    }
    if let Some(value) = fields.take("Not") {
        let inner = test(FieldReader::of(value, fields.place("Not"))?)?;
        fields.finish()?;
        return Ok(Test::Not(Box::new(inner)));
    }
    let variable = match fields.take("Variable") {
        Some(_) => source(&mut fields, "Variable")?,
        None => return Err(MachineError::new(fields.at, DefinitionFault::Missing("Variable"))),
    };
    let rest: Vec<(&str, &Value)> = fields.rest().collect();
    let [(name, value)] = rest[..] else {
        let why = format!("one comparison is needed, and there are {}", rest.len());
        return Err(MachineError::new(fields.at, DefinitionFault::Unreadable(why)));
    };
    let Some(operator) = Operator::parse(name) else {
        return Err(MachineError::new(fields.at, DefinitionFault::Unknown(name.to_owned())));
    };
    comparison(operator, variable, value).map_err(|why| fields.unreadable(name, why))
}

fn comparison(operator: Operator, variable: ValueSource, value: &Value) -> Result<Test, String> {
    let text = || value.as_str().ok_or_else(|| format!("a text was expected instead of {}", brief(value)));
    match operator {
        Operator::Is(kind) => match value.as_bool() {
            Some(wanted) => Ok(Test::Is { variable, kind, wanted }),
            None => Err(format!("true or false was expected instead of {}", brief(value))),
        },
        Operator::StringMatches => Ok(Test::Matches { variable, pattern: pattern(text()?)? }),
        Operator::Compares { relation, path: true } => {
            let with = Operand::Path(ValueSource::parse(text()?)?);
            Ok(Test::Compares { variable, relation, with })
        }
        Operator::Compares { relation, path: false } if relation.kind.is_of(value) => {
            Ok(Test::Compares { variable, relation, with: Operand::Value(value.clone()) })
        }
        Operator::Compares { .. } => {
            Err(format!("a value of the comparison's kind was expected instead of {}", brief(value)))
        }
    }
}
