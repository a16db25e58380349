use tenfold_ports::topic::Notice;
use tenfold_ports::{CallError, Topic};

use crate::service::Service;
use crate::service::Step::{HangUp, Xml};

fn notice(body: &str) -> Notice {
    Notice::new(body.to_owned())
}

const ALL_WELL: &str = "<PublishBatchResponse><PublishBatchResult><Successful/><Failed/></PublishBatchResult>\
    </PublishBatchResponse>";

#[tokio::test]
async fn a_batch_of_notices_names_what_was_rejected() {
    let answer = "<PublishBatchResponse><PublishBatchResult>\
        <Successful><member><Id>0</Id><MessageId>m</MessageId></member></Successful>\
        <Failed><member><Id>1</Id><Code>InvalidParameter</Code><SenderFault>true</SenderFault></member></Failed>\
        </PublishBatchResult></PublishBatchResponse>";
    let service = Service::new(vec![Xml(200, answer)]).await;
    let notices = vec![notice("a").with("event", "paid").with("price", 5), notice("")];
    assert_eq!(service.topic().publish(notices).await, Ok(vec![1]));
    let seen = &service.seen()[0];
    let entry = |rest: &str| &seen[format!("PublishBatchRequestEntries.member.{rest}")];
    assert_eq!((entry("1.Id"), entry("1.Message"), entry("2.Id")), (&"0".into(), &"a".into(), &"1".into()));
    let price = (1..=2).find(|n| *entry(&format!("1.MessageAttributes.entry.{n}.Name")) == "price").unwrap();
    let price = |part| entry(&format!("1.MessageAttributes.entry.{price}.Value.{part}")).as_str();
    assert_eq!((price("DataType"), price("StringValue")), (Some("Number"), Some("5")));
    assert_eq!(service.calls(), [("sns:Publish".to_owned(), 1)].into());
}

#[tokio::test]
async fn notices_whose_answer_was_lost_are_not_published_twice() {
    let failed = "<ErrorResponse><Error><Code>InternalFailure</Code></Error></ErrorResponse>";
    for lost in [HangUp, Xml(500, failed)] {
        let service = Service::new(vec![lost, Xml(200, ALL_WELL)]).await;
        assert_eq!(service.topic().publish(vec![notice("a")]).await, Err(CallError::Unknown));
        assert_eq!(service.seen().len(), 1);
    }
}

#[tokio::test]
async fn throttled_notices_are_published_again() {
    let throttled = "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>";
    let service = Service::new(vec![Xml(400, throttled), Xml(200, ALL_WELL)]).await;
    assert_eq!(service.topic().publish(vec![notice("a")]).await, Ok(vec![]));
    let service = Service::new((0..3).map(|_| Xml(400, throttled)).collect()).await;
    assert_eq!(service.topic().publish(vec![notice("a")]).await, Err(CallError::Throttled));
    assert_eq!(service.calls(), [("sns:Publish".to_owned(), 3)].into());
}

#[tokio::test]
async fn a_topic_with_too_much_to_do_has_published_nothing() {
    // SNS's own name for it, which the SDK does not take for a reason to try again.
    let throttled = "<ErrorResponse><Error><Code>Throttled</Code></Error></ErrorResponse>";
    let service = Service::new(vec![Xml(429, throttled)]).await;
    assert_eq!(service.topic().publish(vec![notice("a")]).await, Err(CallError::Throttled));
}

#[tokio::test]
async fn a_topic_that_is_not_there_refuses_and_nothing_to_publish_is_no_call() {
    let missing = "<ErrorResponse><Error><Code>NotFound</Code><Message>m</Message></Error></ErrorResponse>";
    let service = Service::new(vec![Xml(404, missing)]).await;
    assert_eq!(service.topic().publish(Vec::new()).await, Ok(vec![]));
    let answer = service.topic().publish(vec![notice("a")]).await;
    assert_eq!(answer, Err(CallError::Refused("NotFound: m".to_owned())));
}
