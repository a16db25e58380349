//! What a SAM template says of its roles: what they allow, and what AWS itself does in their name.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use serde_norway::{Mapping, Value};

use crate::Rights;

/// What Lambda asks of a queue that it polls for a function (developer guide, "Configuring permissions" of SQS
/// event source mappings).
const POLLS_QUEUE: [&str; 3] = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];
/// And of a stream of DynamoDB.
const POLLS_STREAM: [&str; 4] =
    ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"];

/// A template that was read.
#[derive(Debug)]
pub struct Template {
    path: PathBuf,
    resources: Mapping,
}

/// A template that says something that is not understood here.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A file cannot be read.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// The template is no YAML, or has no resources.
    #[error("{0} is no template: {1}")]
    Yaml(PathBuf, String),
    /// A state machine's definition is no JSON.
    #[error("{0} is no definition of a state machine: {1}")]
    Asl(PathBuf, serde_json::Error),
    /// Something is written in another way than all templates write it.
    #[error("{place}: {found}; {expected} was expected")]
    Unknown {
        /// The resource.
        place: String,
        /// What is there.
        found: String,
        /// What can be read.
        expected: &'static str,
    },
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// It cannot be read, or is no template.
    pub fn read(path: impl Into<PathBuf>) -> Result<Self, TemplateError> {
        let path = path.into();
        let text = text(&path)?;
        let no_yaml = |error: &dyn ToString| TemplateError::Yaml(path.clone(), error.to_string());
        let mut template: Value = serde_norway::from_str(&text).map_err(|e| no_yaml(&e))?;
        template.apply_merge().map_err(|e| no_yaml(&e))?;
        let resources =
            template["Resources"].as_mapping().ok_or_else(|| no_yaml(&"it has no Resources"))?.clone();
        Ok(Self { path, resources })
    }

    /// What the policies of all roles allow. Of the rights on `*` there are only some that know no resource: the
    /// contract tests keep a list.
    ///
    /// # Errors
    /// A resource that is written in an unknown way.
    pub fn allowed(&self) -> Result<Rights, TemplateError> {
        let mut rights = Rights::new();
        for (name, role) in self.of_type("AWS::IAM::Role") {
            for policy in list(&role["Policies"]) {
                let of_role = rights.entry(policy_name(name, policy)?).or_default();
                for statement in list(&policy["PolicyDocument"]["Statement"]) {
                    let actions = list(&statement["Action"]).iter().filter_map(Value::as_str);
                    let actions: Vec<&str> = actions.filter(|action| !action.starts_with("logs:")).collect();
                    for resource in list(&statement["Resource"]) {
                        if actions.is_empty() || resource.as_str() == Some("*") {
                            continue;
                        }
                        let resource = named(name, resource)?;
                        of_role.extend(actions.iter().map(|action| format!("{action} on {resource}")));
                    }
                }
            }
        }
        Ok(rights)
    }

    /// What Lambda does in the name of the functions' roles: it polls queues and streams, and puts what it gives
    /// up elsewhere.
    ///
    /// # Errors
    /// An event source, a role or a resource that is written in an unknown way.
    pub fn polled(&self) -> Result<Rights, TemplateError> {
        let mut rights = Rights::new();
        for (name, function) in self.of_type("AWS::Serverless::Function") {
            let events = function["Events"].as_mapping().into_iter().flatten();
            for (_, event) in events {
                let properties = &event["Properties"];
                let source = match event["Type"].as_str() {
                    Some("SQS") => &properties["Queue"],
                    Some("DynamoDB") => &properties["Stream"],
                    _ => continue,
                };
                self.poll(&mut rights, name, function, source, properties)?;
            }
        }
        // By themselves, and not as an event of their function.
        for (name, mapping) in self.of_type("AWS::Lambda::EventSourceMapping") {
            let function = named(name, &mapping["FunctionName"])?;
            let function = &self.resources.get(function.as_str()).unwrap_or(&Value::Null)["Properties"];
            self.poll(&mut rights, name, function, &mapping["EventSourceArn"], mapping)?;
        }
        Ok(rights)
    }

    /// What the event source mapping with these properties does for the role of `function`.
    fn poll(
        &self,
        rights: &mut Rights,
        place: &str,
        function: &Value,
        source: &Value,
        properties: &Value,
    ) -> Result<(), TemplateError> {
        let source = named(place, source)?;
        let actions: &[&str] = if source.ends_with(".StreamArn") { &POLLS_STREAM } else { &POLLS_QUEUE };
        let of_role = rights.entry(self.policy_of(place, &function["Role"])?).or_default();
        of_role.extend(actions.iter().map(|action| format!("{action} on {source}")));
        let given_up = &properties["DestinationConfig"]["OnFailure"]["Destination"];
        if !given_up.is_null() {
            of_role.insert(format!("sqs:SendMessage on {}", named(place, given_up)?));
        }
        Ok(())
    }

    /// What the state machines' tasks do.
    ///
    /// # Errors
    /// A definition that cannot be read, or a task of a kind that is not known here.
    pub fn driven(&self) -> Result<Rights, TemplateError> {
        let mut rights = Rights::new();
        for (name, machine) in self.of_type("AWS::Serverless::StateMachine") {
            let folder = self.path.parent().unwrap_or(Path::new(""));
            let path = folder.join(machine["DefinitionUri"].as_str().unwrap_or_default());
            let definition = serde_json::from_str(&text(&path)?).map_err(|e| TemplateError::Asl(path, e))?;
            let of_role = rights.entry(self.policy_of(name, &machine["Role"])?).or_default();
            for (action, variable) in tasks(name, &definition)? {
                let value = &machine["DefinitionSubstitutions"][variable.trim_matches(['$', '{', '}'])];
                of_role.insert(format!("{action} on {}", named(name, value)?));
            }
        }
        Ok(rights)
    }

    fn of_type<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let all = self.resources.iter().filter(move |(_, resource)| resource["Type"] == wanted);
        all.map(|(name, resource)| (name.as_str().unwrap_or_default(), &resource["Properties"]))
    }

    /// The name of the policy of the role that `role` refers to.
    fn policy_of(&self, place: &str, role: &Value) -> Result<String, TemplateError> {
        let wanted = named(place, role)?;
        let role = &self.resources.get(wanted.as_str()).unwrap_or(&Value::Null)["Properties"];
        policy_name(&wanted, list(&role["Policies"]).first().unwrap_or(&Value::Null))
    }
}

fn text(path: &Path) -> Result<String, TemplateError> {
    std::fs::read_to_string(path).map_err(|error| TemplateError::File(path.to_owned(), error))
}

/// One or several.
fn list(value: &Value) -> &[Value] {
    match value {
        Value::Null => &[],
        Value::Sequence(all) => all,
        one => std::slice::from_ref(one),
    }
}

fn unknown(place: &str, found: &impl std::fmt::Debug, expected: &'static str) -> TemplateError {
    TemplateError::Unknown { place: place.to_owned(), found: format!("{found:?}"), expected }
}

fn policy_name(role: &str, policy: &Value) -> Result<String, TemplateError> {
    let name = policy["PolicyName"].as_str();
    name.map(ToOwned::to_owned).ok_or_else(|| unknown(role, policy, "a role with a policy that has a name"))
}

/// `Table` of `!GetAtt Table.Arn` and `!Ref Table`, `Table/index/open` of `!Sub ${Table.Arn}/index/open`.
fn named(place: &str, value: &Value) -> Result<String, TemplateError> {
    let text = match value {
        Value::Tagged(tagged) => tagged.value.as_str(),
        _ => None,
    };
    let text = text.ok_or_else(|| unknown(place, value, "!GetAtt, !Ref or !Sub"))?;
    Ok(text.replace("${", "").replace('}', "").replace(".Arn", ""))
}

/// The action of each task of a state machine, and the substitution that it is about, however deep it stands.
fn tasks<'a>(place: &str, state: &'a Json) -> Result<Vec<(&'static str, &'a str)>, TemplateError> {
    const KNOWN: &str = "a function, or arn:aws:states:::sqs:sendMessage";
    let mut found = Vec::new();
    if state["Type"] == "Task" {
        let resource = state["Resource"].as_str().unwrap_or_default();
        let queue = state["Parameters"]["QueueUrl"].as_str();
        found.push(match (resource, queue) {
            (function, _) if function.starts_with("${") => ("lambda:InvokeFunction", function),
            ("arn:aws:states:::sqs:sendMessage", Some(queue)) => ("sqs:SendMessage", queue),
            _ => return Err(unknown(place, &resource, KNOWN)),
        });
    }
    let children: Vec<&Json> = match state {
        Json::Object(members) => members.values().collect(),
        Json::Array(all) => all.iter().collect(),
        _ => Vec::new(),
    };
    for child in children {
        found.extend(tasks(place, child)?);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(resources: &str) -> Template {
        let resources: Value = serde_norway::from_str(resources).unwrap();
        Template { path: "t.yaml".into(), resources: resources.as_mapping().unwrap().clone() }
    }

    const ONE: &str = "
        Work:
          Type: AWS::Serverless::Function
          Properties:
            Role: !GetAtt WorkRole.Arn
            Events:
              Messages: { Type: SQS, Properties: { Queue: !GetAtt Jobs.Arn } }
              Records:
                Type: DynamoDB
                Properties:
                  Stream: !GetAtt Table.StreamArn
                  DestinationConfig: { OnFailure: { Destination: !GetAtt Lost.Arn } }
              Minute: { Type: Schedule, Properties: {} }
        WorkRole:
          Type: AWS::IAM::Role
          Properties:
            Policies:
              - PolicyName: work
                PolicyDocument:
                  Statement:
                    - { Effect: Allow, Action: dynamodb:Query, Resource: !Sub '${Table.Arn}/index/open' }
                    - { Effect: Allow, Action: [sns:Publish], Resource: [!Ref Topic, !GetAtt Other.Arn] }
                    - { Effect: Allow, Action: logs:PutLogEvents, Resource: !GetAtt Logs.Arn }
                    - { Effect: Allow, Action: xray:PutTraceSegments, Resource: '*' }";

    #[test]
    fn policies_are_read() {
        let allowed = template(ONE).allowed().unwrap();
        let expected = ["dynamodb:Query on Table/index/open", "sns:Publish on Other", "sns:Publish on Topic"];
        assert_eq!(allowed["work"].iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_lambda_polls_is_read() {
        let polled = template(ONE).polled().unwrap();
        let all: Vec<_> = polled["work"].iter().map(String::as_str).collect();
        assert_eq!(all.len(), 8, "{all:?}");
        for right in [
            "sqs:ReceiveMessage on Jobs",
            "dynamodb:GetRecords on Table.StreamArn",
            "sqs:SendMessage on Lost",
        ] {
            assert!(all.contains(&right), "{right}: {all:?}");
        }
    }

    #[test]
    fn a_mapping_by_itself_is_one_of_its_function() {
        let apart = "
            Work: { Type: AWS::Serverless::Function, Properties: { Role: !GetAtt WorkRole.Arn } }
            WorkRole: { Type: AWS::IAM::Role, Properties: { Policies: [{ PolicyName: work }] } }
            WorkLog:
              Type: AWS::Lambda::EventSourceMapping
              Properties:
                FunctionName: !Ref Work
                EventSourceArn: !GetAtt Table.StreamArn
                DestinationConfig: { OnFailure: { Destination: !GetAtt Lost.Arn } }";
        let polled = template(apart).polled().unwrap();
        let all: Vec<_> = polled["work"].iter().map(String::as_str).collect();
        assert!(all.contains(&"dynamodb:GetRecords on Table.StreamArn"), "{all:?}");
        assert!(all.contains(&"sqs:SendMessage on Lost"), "{all:?}");
    }

    #[test]
    fn tasks_are_found_however_deep() {
        let machine = serde_json::json!({ "States": {
            "A": { "Type": "Task", "Resource": "${WorkArn}" },
            "B": { "Type": "Parallel", "Branches": [{ "States": { "C": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage",
                "Parameters": { "QueueUrl": "${JobsUrl}" },
            }}}]},
        }});
        let found = tasks("machine", &machine).unwrap();
        assert_eq!(found, [("lambda:InvokeFunction", "${WorkArn}"), ("sqs:SendMessage", "${JobsUrl}")]);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        let odd = "
            Odd:
              Type: AWS::IAM::Role
              Properties:
                Policies:
                  - PolicyName: odd
                    PolicyDocument: { Statement: [{ Action: sqs:SendMessage, Resource: 'arn:aws:sqs:x' }] }";
        let error = template(odd).allowed().unwrap_err().to_string();
        assert!(error.contains("Odd") && error.contains("!GetAtt"), "{error}");
        let call = serde_json::json!({ "Type": "Task", "Resource": "arn:aws:states:::http:invoke" });
        assert!(tasks("machine", &call).unwrap_err().to_string().contains("http:invoke"));
    }
}
