use serde_json::json;
use tenfold_aws::secrets::AwsSecrets;
use tenfold_ports::Secrets;
use tenfold_ports::secrets::{Secret, SecretError, SecretReference};

use crate::service::Service;
use crate::service::Step::{self, Answer, HangUp};

const PARAMETER: &str = "ssm:/tenfold/pay";
const SECRET: &str = "secretsmanager:tenfold/pay";

fn error(status: u16, code: &str) -> Step {
    Answer(status, json!({ "__type": code, "message": "hunter2" }))
}

async fn get(reference: &str, steps: Vec<Step>) -> (Result<Secret, SecretError>, Service) {
    let service = Service::new(steps).await;
    let reference: SecretReference = reference.parse().unwrap();
    (service.secrets().get(&reference.source).await, service)
}

#[tokio::test]
async fn a_parameter_is_read_decrypted() {
    let answer =
        json!({ "Parameter": { "Name": "/tenfold/pay", "Type": "SecureString", "Value": "hunter2" } });
    let (secret, service) = get(PARAMETER, vec![Answer(200, answer)]).await;
    assert_eq!(secret, Ok(Secret::new("hunter2")));
    assert_eq!(service.seen()[0], json!({ "Name": "/tenfold/pay", "WithDecryption": true }));
    assert_eq!(service.calls(), [("ssm:GetParameter".to_owned(), 1)].into());
}

#[tokio::test]
async fn of_a_secret_the_current_version_is_read() {
    let answer = json!({ "Name": "tenfold/pay", "SecretString": "hunter2", "VersionStages": ["AWSCURRENT"] });
    let (secret, service) = get(SECRET, vec![Answer(200, answer)]).await;
    assert_eq!(secret, Ok(Secret::new("hunter2")));
    assert_eq!(service.seen()[0], json!({ "SecretId": "tenfold/pay" }));
    assert_eq!(service.calls(), [("secretsmanager:GetSecretValue".to_owned(), 1)].into());
}

#[tokio::test]
async fn what_cannot_be_had_has_a_name_and_no_text() {
    for (reference, step, expected) in [
        (PARAMETER, error(400, "ParameterNotFound"), SecretError::NotFound),
        (SECRET, error(400, "ResourceNotFoundException"), SecretError::NotFound),
        (PARAMETER, error(400, "AccessDeniedException"), SecretError::Denied),
        (SECRET, error(400, "DecryptionFailure"), SecretError::Denied),
        (SECRET, Answer(200, json!({ "SecretBinary": "aHVudGVyMg==" })), SecretError::Unreadable),
    ] {
        let (secret, _) = get(reference, vec![step]).await;
        assert_eq!(secret, Err(expected));
    }
}

#[tokio::test]
async fn a_service_that_is_silent_is_asked_three_times() {
    let (secret, service) = get(SECRET, vec![HangUp, error(500, "InternalServiceError"), HangUp]).await;
    assert_eq!(secret, Err(SecretError::Silent));
    assert_eq!(service.calls(), [("secretsmanager:GetSecretValue".to_owned(), 3)].into());
}

#[tokio::test]
async fn nobody_is_called_before_a_secret_is_wanted() {
    let service = Service::new(Vec::new()).await;
    let secrets: AwsSecrets = service.secrets();
    assert_eq!(format!("{secrets:?}"), "AwsSecrets { .. }");
    assert!(service.calls().is_empty() && service.seen().is_empty());
}
