//! The adapters against a service of the test's own: what they send, how often, and what they make of answers.
#![cfg(all(feature = "dynamodb", feature = "sqs", feature = "sns", feature = "sfn", feature = "secrets"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

mod flows;
mod secrets;
mod service;
mod topics;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tenfold_aws::table::DynamoTable;
use tenfold_ports::table::{Cancelled, Condition, Item, Key, Read, TransactError, Update, Write, WriteError};
use tenfold_ports::{CallError, Queue, Table};
use tokio::net::TcpListener;

use service::Service;
use service::Step::{Answer, HangUp, Late};
use service::{aws, error};

fn key() -> Key {
    Key::new("p", "s")
}

fn add() -> Write {
    let updates = vec![("n".into(), Update::Add(1))];
    Write::Update { key: key(), updates, condition: Condition::Always }
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_not_made_twice() {
    for lost in [HangUp, Answer(500, json!({"__type": "InternalServerError"}))] {
        let service = Service::new(vec![lost, Answer(200, json!({}))]).await;
        assert_eq!(service.table().write(add()).await, Err(CallError::Unknown.into()));
        assert_eq!(service.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_read_whose_answer_was_lost_is_made_again() {
    let item = json!({"Item": {"pk": {"S": "p"}, "sk": {"S": "s"}, "n": {"N": "7"}}});
    let service = Service::new(vec![HangUp, Answer(500, json!({})), Answer(200, item)]).await;
    let read = service.table().get(&key(), Read::Consistent).await;
    assert_eq!(read, Ok(Some(Item::new(key()).with("n", 7))));
    assert_eq!(service.seen()[0]["ConsistentRead"], true);
    assert_eq!(service.calls(), BTreeMap::from([("dynamodb:GetItem".to_owned(), 3)]));
}

#[tokio::test]
async fn a_throttled_write_is_made_again_and_each_attempt_counts() {
    let throttled = || error("ProvisionedThroughputExceededException");
    let service = Service::new(vec![throttled(), throttled(), Answer(200, json!({}))]).await;
    assert_eq!(service.table().write(add()).await, Ok(()));
    assert_eq!(service.calls(), BTreeMap::from([("dynamodb:UpdateItem".to_owned(), 3)]));
    let service = Service::new(vec![throttled(), throttled(), throttled()]).await;
    assert_eq!(service.table().write(add()).await, Err(CallError::Throttled.into()));
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_has_applied_nothing() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for scheme in ["http", "https"] {
        let aws = aws(&format!("{scheme}://{address}"));
        let table = DynamoTable::new(aws.dynamodb(), "orders");
        assert_eq!(table.write(add()).await, Err(CallError::Unavailable.into()));
        assert_eq!(aws.calls().take()["dynamodb:UpdateItem"], 3);
    }
}

#[tokio::test]
async fn a_conflict_brings_the_item_that_stood_in_the_way() {
    let failed = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "message": "m",
        "Item": {"pk": {"S": "p"}, "sk": {"S": "s"}, "version": {"N": "3"}}
    });
    let service = Service::new(vec![Answer(400, failed), error("ConditionalCheckFailedException")]).await;
    let table = service.table();
    let create = || Write::create(Item::new(key()));
    let current = Some(Item::new(key()).with("version", 3));
    assert_eq!(table.write(create()).await, Err(WriteError::Conflict { current }));
    assert_eq!(table.write(create()).await, Err(WriteError::Conflict { current: None }));
    let seen = &service.seen()[0];
    assert_eq!(seen["ConditionExpression"], "attribute_not_exists(#n0)");
    assert_eq!(seen["ReturnValuesOnConditionCheckFailure"], "ALL_OLD");
}

#[tokio::test]
async fn a_transaction_is_asked_for_again_under_its_token() {
    let service = Service::new(vec![HangUp, Answer(200, json!({}))]).await;
    assert_eq!(service.table().transact(vec![add()]).await, Ok(()));
    let [first, second] = &service.seen()[..] else { panic!("two requests") };
    assert_eq!(first, second);
    assert_eq!(first["ClientRequestToken"].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn a_transaction_that_may_have_been_applied_is_not_called_throttled() {
    let throttled = || error("ThrottlingException");
    let service = Service::new(vec![HangUp, throttled(), throttled(), throttled()]).await;
    let answer = service.table().transact(vec![add()]).await;
    assert_eq!(answer, Err(TransactError::Call(CallError::Unknown)));
}

#[tokio::test]
async fn a_cancelled_transaction_gives_all_its_reasons() {
    let cancelled = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "Message": "m",
        "CancellationReasons": [
            {"Code": "None"},
            {"Code": "ConditionalCheckFailed", "Message": "m", "Item": {"pk": {"S": "p"}, "sk": {"S": "s"}}},
            {"Code": "TransactionConflict", "Message": "m"}
        ]
    });
    let service = Service::new(vec![Answer(400, cancelled)]).await;
    let check = Write::Check { key: key(), condition: Condition::Absent };
    let answer = service.table().transact(vec![add(), check, add()]).await;
    let reasons = vec![Cancelled::No, Cancelled::Condition(Some(Item::new(key()))), Cancelled::Busy];
    assert_eq!(answer, Err(TransactError::Cancelled(reasons)));
}

#[tokio::test]
async fn a_batch_is_read_to_its_end_and_answered_in_order() {
    let item = |pk: &str| json!({"pk": {"S": pk}, "sk": {"S": "s"}});
    let first = json!({
        "Responses": {"orders": [item("c")]},
        "UnprocessedKeys": {"orders": {"Keys": [item("a"), item("b")]}}
    });
    let second = json!({"Responses": {"orders": [item("a")]}});
    let service = Service::new(vec![Answer(200, first), Answer(200, second)]).await;
    let keys = ["a", "b", "c"].map(|pk| Key::new(pk, "s"));
    let items = service.table().get_many(&keys, Read::Eventual).await.unwrap();
    let found: Vec<_> = items.iter().map(|item| item.as_ref().map(|i| i.key.pk.as_str())).collect();
    assert_eq!(found, [Some("a"), None, Some("c")]);
    assert_eq!(service.seen()[1]["RequestItems"]["orders"]["Keys"], json!([item("a"), item("b")]));
}

#[tokio::test]
async fn a_batch_that_stays_in_part_is_throttled() {
    let part = || json!({"UnprocessedKeys": {"orders": {"Keys": [{"pk": {"S": "p"}, "sk": {"S": "s"}}]}}});
    let service = Service::new((0..5).map(|_| Answer(200, part())).collect()).await;
    assert_eq!(service.table().get_many(&[key()], Read::Eventual).await, Err(CallError::Throttled));
}

#[tokio::test]
async fn a_receive_waits_longer_than_other_calls() {
    // Later than the time-out of one attempt, but within it and the wait.
    let service = Service::new(vec![Late(Duration::from_millis(3400), json!({}))]).await;
    assert_eq!(service.queue().receive(10, Duration::from_secs(1)).await, Ok(Vec::new()));
    assert_eq!(service.seen()[0]["WaitTimeSeconds"], 1);
    assert_eq!(service.calls(), BTreeMap::from([("sqs:ReceiveMessage".to_owned(), 1)]));
}

#[tokio::test]
async fn a_batch_of_messages_names_what_was_rejected() {
    let answer = json!({
        "Successful": [{"Id": "0"}],
        "Failed": [{"Id": "1", "Code": "InternalError", "SenderFault": false}]
    });
    let service = Service::new(vec![Answer(200, answer)]).await;
    let receipts = vec!["a".into(), "b".into()];
    assert_eq!(service.queue().hide(receipts, Duration::from_millis(1500)).await, Ok(vec![1]));
    assert_eq!(service.seen()[0]["Entries"][1]["VisibilityTimeout"], 2);
    assert_eq!(service.calls(), BTreeMap::from([("sqs:ChangeMessageVisibility".to_owned(), 1)]));
}
