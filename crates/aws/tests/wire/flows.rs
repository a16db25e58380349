use serde_json::json;
use tenfold_ports::flow::Started;
use tenfold_ports::{CallError, Flow};

use crate::service::Service;
use crate::service::Step::{self, Answer, HangUp};

fn error(code: &str) -> Step {
    Answer(400, json!({ "__type": format!("com.amazonaws.swf.service.v2.model#{code}"), "message": "m" }))
}

fn started() -> Step {
    Answer(200, json!({ "executionArn": "arn", "startDate": 1_800_000_000.5 }))
}

async fn start(steps: Vec<Step>) -> (Result<Started, CallError>, Service) {
    let service = Service::new(steps).await;
    (service.state_machine().start("trip-1", r#"{"saga":"1"}"#).await, service)
}

#[tokio::test]
async fn an_execution_is_started_under_its_name_with_its_input() {
    let (answer, service) = start(vec![started()]).await;
    assert_eq!(answer, Ok(Started::Running));
    let seen = &service.seen()[0];
    assert_eq!((&seen["name"], &seen["input"]), (&"trip-1".into(), &r#"{"saga":"1"}"#.into()));
    assert_eq!(seen["stateMachineArn"], "arn:aws:states:us-east-1:000000000000:stateMachine:saga");
    assert_eq!(service.calls(), [("states:StartExecution".to_owned(), 1)].into());
}

#[tokio::test]
async fn a_name_that_is_taken_is_an_answer() {
    assert_eq!(start(vec![error("ExecutionAlreadyExists")]).await.0, Ok(Started::Exists));
}

#[tokio::test]
async fn a_start_whose_answer_was_lost_is_not_made_again() {
    for lost in [HangUp, Answer(500, json!({}))] {
        let (answer, service) = start(vec![lost, started()]).await;
        assert_eq!((answer, service.seen().len()), (Err(CallError::Unknown), 1));
    }
}

#[tokio::test]
async fn too_many_executions_are_a_reason_to_try_later_and_a_bad_name_is_not() {
    let too_many = || error("ExecutionLimitExceeded");
    let (answer, _) = start(vec![too_many(), too_many(), too_many()]).await;
    assert_eq!(answer, Err(CallError::Throttled));
    let (answer, _) = start(vec![error("InvalidName")]).await;
    assert_eq!(answer, Err(CallError::Refused("InvalidName: m".to_owned())));
}
