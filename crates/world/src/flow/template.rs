//! Payload templates: an object whose fields that end in `.$` are filled in (States Language, "Payload
//! Template").

use serde_json::{Map, Value};

use super::context::{Context, ValueSource};
use super::error::TaskError;
use super::intrinsic::Intrinsic;
use super::json::brief;

/// A payload template.
#[derive(Debug, Clone)]
pub(super) struct PayloadTemplate(Node);

#[derive(Debug, Clone)]
enum Node {
    Fixed(Value),
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
    Path(ValueSource),
    Call(Intrinsic),
}

impl PayloadTemplate {
    /// Reads a template. The error says where in it and what was expected.
    pub fn parse(value: &Value) -> Result<Self, (String, String)> {
        if value.is_object() {
            node(value, "").map(Self)
        } else {
            Err((String::new(), format!("an object was expected instead of {}", brief(value))))
        }
    }

    /// Whether some field asks about an element of a Map.
    pub fn asks_for_item(&self) -> bool {
        self.0.any(&|source| source.is_of_item())
    }

    /// Whether the template has a field of this name at its top, filled in or fixed.
    pub fn has(&self, name: &str) -> bool {
        match &self.0 {
            Node::Object(fields) => fields.iter().any(|(field, _)| field == name),
            Node::Fixed(value) => value.get(name).is_some(),
            Node::Array(_) | Node::Path(_) | Node::Call(_) => false,
        }
    }

    /// The names of the fields at the top.
    pub fn names(&self) -> Vec<&str> {
        match &self.0 {
            Node::Object(fields) => fields.iter().map(|(name, _)| name.as_str()).collect(),
            Node::Fixed(Value::Object(fields)) => fields.keys().map(String::as_str).collect(),
            Node::Fixed(_) | Node::Array(_) | Node::Path(_) | Node::Call(_) => Vec::new(),
        }
    }

    /// The payload: the template with its fields filled in.
    ///
    /// # Errors
    /// `States.Runtime`: a path finds nothing. `States.IntrinsicFailure`: a function fails.
    pub fn fill(&self, input: &Value, context: Context<'_>) -> Result<Value, TaskError> {
        self.0.fill("", input, context)
    }
}

fn node(value: &Value, at: &str) -> Result<Node, (String, String)> {
    match value {
        Value::Object(fields) => {
            let mut nodes: Vec<(String, Node)> = Vec::new();
            for (name, value) in fields {
                let at = format!("{at}/{name}");
                let (name, node) = match name.strip_suffix(".$") {
                    None => (name.as_str(), node(value, &at)?),
                    Some(name) => (name, filled(value).map_err(|why| (at.clone(), why))?),
                };
                if nodes.iter().any(|(other, _)| other == name) {
                    return Err((at, format!("`{name}` is there with and without `.$`")));
                }
                nodes.push((name.to_owned(), node));
            }
            if nodes.iter().all(|(_, node)| matches!(node, Node::Fixed(_))) {
                return Ok(Node::Fixed(value.clone()));
            }
            Ok(Node::Object(nodes))
        }
        Value::Array(items) => {
            let nodes = items.iter().enumerate().map(|(i, item)| node(item, &format!("{at}[{i}]")));
            let nodes = nodes.collect::<Result<Vec<_>, _>>()?;
            if nodes.iter().all(|node| matches!(node, Node::Fixed(_))) {
                return Ok(Node::Fixed(value.clone()));
            }
            Ok(Node::Array(nodes))
        }
        fixed => Ok(Node::Fixed(fixed.clone())),
    }
}

/// The value of a field that ends in `.$`.
fn filled(value: &Value) -> Result<Node, String> {
    match value.as_str() {
        Some(text) if text.starts_with('$') => ValueSource::parse(text).map(Node::Path),
        Some(text) => Intrinsic::parse(text).map(Node::Call),
        None => Err(format!("a path or an intrinsic function was expected instead of {}", brief(value))),
    }
}

impl Node {
    fn any(&self, ask: &impl Fn(&ValueSource) -> bool) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Object(fields) => fields.iter().any(|(_, node)| node.any(ask)),
            Self::Array(items) => items.iter().any(|node| node.any(ask)),
            Self::Path(source) => ask(source),
            Self::Call(call) => call.sources().into_iter().any(ask),
        }
    }

    fn fill(&self, of: &str, input: &Value, context: Context<'_>) -> Result<Value, TaskError> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Object(fields) => {
                let fill =
                    |(name, node): &(String, Self)| Ok((name.clone(), node.fill(name, input, context)?));
                fields.iter().map(fill).collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
            Self::Array(items) => {
                let items = items.iter().map(|node| node.fill(of, input, context));
                items.collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            Self::Path(source) => match source.select(input, context) {
                Some(found) => Ok(found.into_owned()),
                None => Err(source.nothing(&format!("{of}.$"), input)),
            },
            Self::Call(call) => call.call(&format!("{of}.$"), input, context),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::flow::context::About;
    use crate::flow::error::RUNTIME;

    fn filled(template: &Value, input: &Value) -> Result<Value, TaskError> {
        let started = "2026-01-02T03:04:05Z".parse().unwrap();
        let about = About { id: "arn:e".into(), name: "TUESDAY".into(), input: json!({}).into(), started };
        let context = Context { execution: &about, state: "X", entered: started, retries: 0, item: None };
        PayloadTemplate::parse(template).unwrap().fill(input, context)
    }

    /// States Language, "Payload Template"; the day of the week is not in Step Functions' context object.
    #[test]
    fn the_specifications_example() {
        let template = json!({
            "flagged": true,
            "parts": {"first.$": "$.vals[0]", "last3.$": "$.vals[-3:]"},
            "weekday.$": "$$.Execution.Name",
            "formattedOutput.$": "States.Format('Today is {}', $$.Execution.Name)",
        });
        let payload = json!({
            "flagged": true,
            "parts": {"first": 0, "last3": [30, 40, 50]},
            "weekday": "TUESDAY",
            "formattedOutput": "Today is TUESDAY",
        });
        let input = json!({"flagged": 7, "vals": [0, 10, 20, 30, 40, 50]});
        assert_eq!(filled(&template, &input), Ok(payload));
    }

    #[test]
    fn fields_are_filled_however_deep_they_stand() {
        let template = json!({"a": [{"b": {"c.$": "$.x"}}, 1], "d": {"e": "$.x"}});
        assert_eq!(
            filled(&template, &json!({"x": 5})),
            Ok(json!({"a": [{"b": {"c": 5}}, 1], "d": {"e": "$.x"}}))
        );
    }

    #[test]
    fn a_path_that_finds_nothing_ends_the_execution() {
        let error = filled(&json!({"a.$": "$.none"}), &json!({"x": 5})).unwrap_err();
        assert_eq!(error.error, RUNTIME);
        let cause =
            "The JSONPath '$.none' specified for the field 'a.$' could not be found in the input '{\"x\":5}'";
        assert_eq!(error.cause, cause);
    }

    #[test]
    fn what_is_no_template_is_refused_by_its_place() {
        for (template, at) in [
            (json!([1]), ""),
            (json!({"a": {"b.$": 1}}), "/a/b.$"),
            (json!({"a": [{"b.$": "none"}]}), "/a[0]/b.$"),
            (json!({"a.$": "$.x", "a": 1}), "/a.$"),
            (json!({"a.$": "$$.Task.Token"}), "/a.$"),
        ] {
            assert_eq!(PayloadTemplate::parse(&template).unwrap_err().0, at, "{template}");
        }
    }
}
