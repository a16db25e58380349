//! The port `Flow` on AWS Step Functions.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::config;
use aws_sdk_sfn::error::SdkError;
use aws_sdk_sfn::operation::start_execution::StartExecutionError;
use smol_str::SmolStr;
use tenfold_ports::flow::Started;
use tenfold_ports::{CallError, Flow};

use crate::MethodActions;
use crate::error::{Effect, call_error};
use crate::retry::OnlyWhenCertain;

/// The IAM action behind the method, on the state machine.
pub const ACTIONS: &[MethodActions] = &[("start", &["states:StartExecution"])];

/// A state machine of Step Functions, Standard or Express. Cheap to clone.
///
/// Only a Standard one knows an execution by its name. Of an Express one each start is another execution, so
/// [`Started::Exists`] is never answered, and whoever starts twice must not mind.
#[derive(Debug, Clone)]
pub struct StateMachine {
    client: Client,
    arn: SmolStr,
}

impl StateMachine {
    /// The state machine with this ARN.
    pub fn new(client: Client, arn: impl Into<SmolStr>) -> Self {
        Self { client, arn: arn.into() }
    }
}

// The SDK's futures take kilobytes and nest deep. In a box they do neither to those who wait for them.
impl Flow for StateMachine {
    async fn start(&self, name: &str, input: &str) -> Result<Started, CallError> {
        let call = self.client.start_execution().state_machine_arn(self.arn.as_str());
        // An execution that the first attempt has started may have ended by the second one, which then reports
        // that the name is taken.
        let certain = config::Builder::default().retry_classifier(OnlyWhenCertain);
        let call = call.name(name).input(input).customize().config_override(certain);
        match Box::pin(call.send()).await {
            Ok(_) => Ok(Started::Running),
            Err(SdkError::ServiceError(answer)) if is_taken(answer.err()) => Ok(Started::Exists),
            Err(error) => Err(call_error(&error, Effect::Write)),
        }
    }
}

const fn is_taken(error: &StartExecutionError) -> bool {
    matches!(error, StartExecutionError::ExecutionAlreadyExists(_))
}
