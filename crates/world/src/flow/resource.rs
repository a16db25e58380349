//! What a Task calls.
//!
//! Functions are named by ARN, or called through the integration `lambda:invoke`, whose parameters name the
//! function and whose answer is wrapped; the interpreter unpacks the one and wraps the other, so that whoever
//! carries out the call sees a function and its payload. Of other services it hands over the parameters as
//! they are (developer guide, "Integrating services with Step Functions").

use serde_json::{Value, json};
use smol_str::SmolStr;

use super::error::TaskError;
use super::json::SharedJson;
use super::template::PayloadTemplate;

/// What is to be called.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Resource {
    /// The Lambda function with this name or ARN. The input is its event; the result is its answer.
    Function(SmolStr),
    /// `sqs:sendMessage`. The input has `QueueUrl` and `MessageBody`, which may be any JSON value.
    SendMessage,
    /// `dynamodb:updateItem`. The input is that of `UpdateItem`.
    UpdateItem,
    /// `states:startExecution`. The input has `StateMachineArn`, and may have `Name` and `Input`.
    StartExecution,
}

/// What the `Resource` field of a Task says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Integration {
    Function(SmolStr),
    Invoke,
    SendMessage,
    UpdateItem,
    StartExecution,
}

const INTEGRATION: &str = "arn:aws:states:::";

/// What is after the prefix, the parameters that must be there, and those that may.
const INTEGRATIONS: &[(&str, Integration, &[&str], &[&str])] = &[
    ("lambda:invoke", Integration::Invoke, &["FunctionName"], &["Payload"]),
    (
        "sqs:sendMessage",
        Integration::SendMessage,
        &["QueueUrl", "MessageBody"],
        &["DelaySeconds", "MessageAttributes", "MessageDeduplicationId", "MessageGroupId"],
    ),
    (
        "dynamodb:updateItem",
        Integration::UpdateItem,
        &["TableName", "Key"],
        &[
            "UpdateExpression",
            "ConditionExpression",
            "ExpressionAttributeNames",
            "ExpressionAttributeValues",
            "ReturnValues",
        ],
    ),
    ("states:startExecution", Integration::StartExecution, &["StateMachineArn"], &["Input", "Name"]),
];

impl Integration {
    /// Reads a `Resource`. The error says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix(INTEGRATION) {
            let known = INTEGRATIONS.iter().find(|(known, ..)| *known == name);
            return known.map(|(_, service, ..)| service.clone()).ok_or_else(|| {
                let known: Vec<&str> = INTEGRATIONS.iter().map(|(known, ..)| *known).collect();
                format!("the integration `{name}` is not supported; there is {}", known.join(", "))
            });
        }
        let parts: Vec<&str> = text.split(':').collect();
        match parts[..] {
            ["arn", _, "lambda", _, _, "function", name]
            | ["arn", _, "lambda", _, _, "function", name, _]
                if !name.is_empty() =>
            {
                Ok(Self::Function(text.into()))
            }
            _ => Err(format!(
                "the ARN of a Lambda function or `{INTEGRATION}…` was expected instead of `{text}`"
            )),
        }
    }

    /// What is wrong with the parameters of a call, as far as the definition shows it.
    pub fn check(&self, parameters: Option<&PayloadTemplate>) -> Result<(), String> {
        let Some((name, _, needed, allowed)) = INTEGRATIONS.iter().find(|(_, service, ..)| service == self)
        else {
            return Ok(());
        };
        for field in *needed {
            if !parameters.is_some_and(|parameters| parameters.has(field)) {
                return Err(format!("{name} needs the parameter `{field}`"));
            }
        }
        let names = parameters.map(PayloadTemplate::names).unwrap_or_default();
        match names.into_iter().find(|field| !needed.contains(field) && !allowed.contains(field)) {
            Some(field) => Err(format!("{name} has no parameter `{field}` that is supported")),
            None => Ok(()),
        }
    }

    /// What is to be called with which input.
    ///
    /// # Errors
    /// `States.Runtime`: the name of a function is no text.
    pub fn call(&self, payload: SharedJson) -> Result<(Resource, SharedJson), TaskError> {
        Ok(match self {
            Self::Function(name) => (Resource::Function(name.clone()), payload),
            Self::Invoke => {
                let name = payload.get("FunctionName").and_then(Value::as_str);
                let name =
                    name.ok_or_else(|| TaskError::runtime("lambda:invoke: `FunctionName` is no text"))?;
                // Without a payload a function is called with an empty object.
                let event = payload.get("Payload").cloned().unwrap_or_else(|| json!({}));
                (Resource::Function(name.into()), event.into())
            }
            Self::SendMessage => (Resource::SendMessage, payload),
            Self::UpdateItem => (Resource::UpdateItem, payload),
            Self::StartExecution => (Resource::StartExecution, payload),
        })
    }

    /// The task's result, made of the answer. Of `lambda:invoke`, Step Functions also gives the headers of
    /// HTTP, which are left out here.
    pub fn result(&self, answer: SharedJson) -> SharedJson {
        match self {
            Self::Invoke => {
                json!({"ExecutedVersion": "$LATEST", "Payload": answer.into_value(), "StatusCode": 200})
                    .into()
            }
            Self::Function(_) | Self::SendMessage | Self::UpdateItem | Self::StartExecution => answer,
        }
    }
}
