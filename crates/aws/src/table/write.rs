//! Writes: one by one, and in transactions.

use std::error::Error;
use std::time::Duration;

use aws_sdk_dynamodb::config;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure as OnFailure,
    TransactWriteItem, Update as UpdateItem,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tenfold_ports::table::{Cancelled, Item, TransactError, Write, WriteError};
use tenfold_ports::{CallError, Rng};

use super::DynamoTable;
use super::expression::{Placeholders, condition, update};
use super::value::{self, Attributes};
use crate::error::{Effect, call_error, is_throttling};
use crate::retry::OnlyWhenCertain;

/// How often a transaction whose answer was lost is sent again under its token.
const REPEATS: u32 = 1;
/// How often one is made again that met another transaction on one of its items.
const CONFLICTS: u32 = 4;
/// The pause before the first of these; each further one is twice as long, less up to all of it by chance.
const PAUSE: Duration = Duration::from_millis(50);

fn certain() -> config::Builder {
    config::Builder::default().retry_classifier(OnlyWhenCertain)
}

impl DynamoTable {
    pub(super) async fn write_one(&self, write: Write) -> Result<(), WriteError> {
        let mut p = Placeholders::default();
        let expression = condition(write.condition(), &mut p)?;
        // Without a condition there is no failure to return an item with, and DynamoDB refuses to be asked.
        let on_failure = expression.is_some().then_some(OnFailure::AllOld);
        match write {
            Write::Put { item, .. } => {
                let call = self.client.put_item().table_name(self.name.as_str());
                let call = call
                    .set_item(Some(value::item(&item)?))
                    .set_condition_expression(expression)
                    .set_return_values_on_condition_check_failure(on_failure)
                    .set_expression_attribute_names(p.names())
                    .set_expression_attribute_values(p.values());
                let answer = call.customize().config_override(certain()).send().await;
                answer.map(drop).map_err(|error| match error.as_service_error() {
                    Some(PutItemError::ConditionalCheckFailedException(failed)) => conflict(failed),
                    _ => call_failed(&error),
                })
            }
            Write::Update { key, updates, .. } => {
                let changes = update(&updates, &mut p)?;
                let call = self.client.update_item().table_name(self.name.as_str());
                let call = call
                    .set_key(Some(value::key(&key)))
                    .set_update_expression(changes)
                    .set_condition_expression(expression)
                    .set_return_values_on_condition_check_failure(on_failure)
                    .set_expression_attribute_names(p.names())
                    .set_expression_attribute_values(p.values());
                let answer = call.customize().config_override(certain()).send().await;
                answer.map(drop).map_err(|error| match error.as_service_error() {
                    Some(UpdateItemError::ConditionalCheckFailedException(failed)) => conflict(failed),
                    _ => call_failed(&error),
                })
            }
            Write::Delete { key, .. } => {
                let call = self.client.delete_item().table_name(self.name.as_str());
                let call = call
                    .set_key(Some(value::key(&key)))
                    .set_condition_expression(expression)
                    .set_return_values_on_condition_check_failure(on_failure)
                    .set_expression_attribute_names(p.names())
                    .set_expression_attribute_values(p.values());
                let answer = call.customize().config_override(certain()).send().await;
                answer.map(drop).map_err(|error| match error.as_service_error() {
                    Some(DeleteItemError::ConditionalCheckFailedException(failed)) => conflict(failed),
                    _ => call_failed(&error),
                })
            }
            // DynamoDB checks only inside transactions.
            Write::Check { .. } => match self.transact_all(vec![write]).await {
                Ok(()) => Ok(()),
                Err(TransactError::Call(error)) => Err(error.into()),
                Err(TransactError::Cancelled(reasons)) => Err(match reasons.into_iter().next() {
                    Some(Cancelled::Condition(current)) => WriteError::Conflict { current },
                    _ => CallError::Throttled.into(),
                }),
            },
        }
    }

    pub(super) async fn transact_all(&self, writes: Vec<Write>) -> Result<(), TransactError> {
        let writes = writes.iter().map(|w| self.part(w)).collect::<Result<Vec<_>, _>>()?;
        let mut conflicts = 0;
        loop {
            match self.transact_under_token(&writes).await {
                Err(TransactError::Cancelled(reasons)) if conflicts < CONFLICTS && met_others(&reasons) => {
                    let pause = PAUSE * 2_u32.pow(conflicts);
                    conflicts += 1;
                    tokio::time::sleep(pause.mul_f64(self.rng.unit())).await;
                }
                answer => return answer,
            }
        }
    }

    /// Under one token DynamoDB applies a transaction once and answers a repetition as the first time. So a lost
    /// answer can be asked for again, which no other write can.
    async fn transact_under_token(&self, writes: &[TransactWriteItem]) -> Result<(), TransactError> {
        let token = format!("{:016x}{:016x}", self.rng.next_u64(), self.rng.next_u64());
        let mut lost = 0;
        loop {
            match self.transact_once(writes.to_vec(), &token).await {
                Err(TransactError::Call(CallError::Unknown)) if lost < REPEATS => lost += 1,
                // Certain for this attempt; but an earlier one may have been applied.
                Err(TransactError::Call(_)) if lost > 0 => return Err(CallError::Unknown.into()),
                answer => return answer,
            }
        }
    }

    async fn transact_once(&self, writes: Vec<TransactWriteItem>, token: &str) -> Result<(), TransactError> {
        let call = self.client.transact_write_items().set_transact_items(Some(writes));
        let call = call.client_request_token(token).customize().config_override(certain());
        call.send().await.map(drop).map_err(|error| match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                cancellation(cancelled.cancellation_reasons())
            }
            _ => call_error(&error, Effect::Write).into(),
        })
    }

    /// One write as a part of a transaction.
    fn part(&self, write: &Write) -> Result<TransactWriteItem, CallError> {
        let mut p = Placeholders::default();
        let expression = condition(write.condition(), &mut p)?;
        let on_failure = expression.is_some().then_some(OnFailure::AllOld);
        let whole = TransactWriteItem::builder();
        let whole = match write {
            Write::Put { item, .. } => {
                let put = Put::builder().table_name(self.name.as_str()).set_item(Some(value::item(item)?));
                let put = put
                    .set_condition_expression(expression)
                    .set_return_values_on_condition_check_failure(on_failure)
                    .set_expression_attribute_names(p.names())
                    .set_expression_attribute_values(p.values());
                whole.put(put.build().map_err(|e| incomplete(&e))?)
            }
            Write::Update { key, updates, .. } => {
                let changes = update(updates, &mut p)?;
                let part = UpdateItem::builder().table_name(self.name.as_str());
                let part = part
                    .set_key(Some(value::key(key)))
                    .set_update_expression(changes)
                    .set_condition_expression(expression)
                    .set_return_values_on_condition_check_failure(on_failure)
                    .set_expression_attribute_names(p.names())
                    .set_expression_attribute_values(p.values());
                whole.update(part.build().map_err(|e| incomplete(&e))?)
            }
            Write::Delete { key, .. } => {
                let part = Delete::builder().table_name(self.name.as_str());
                let part = part
                    .set_key(Some(value::key(key)))
                    .set_condition_expression(expression)
                    .set_return_values_on_condition_check_failure(on_failure)
                    .set_expression_attribute_names(p.names())
                    .set_expression_attribute_values(p.values());
                whole.delete(part.build().map_err(|e| incomplete(&e))?)
            }
            Write::Check { key, .. } => {
                let part = ConditionCheck::builder().table_name(self.name.as_str());
                let part = part
                    .set_key(Some(value::key(key)))
                    .set_condition_expression(expression)
                    .set_return_values_on_condition_check_failure(on_failure)
                    .set_expression_attribute_names(p.names())
                    .set_expression_attribute_values(p.values());
                whole.condition_check(part.build().map_err(|e| incomplete(&e))?)
            }
        };
        Ok(whole.build())
    }
}

/// An update without changes or a check without a condition: DynamoDB has no such part of a transaction.
fn incomplete(error: &BuildError) -> CallError {
    CallError::Refused(format!("a transaction cannot hold a write that does nothing: {error}"))
}

fn call_failed<E>(error: &SdkError<E, HttpResponse>) -> WriteError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    call_error(error, Effect::Write).into()
}

fn conflict(failed: &ConditionalCheckFailedException) -> WriteError {
    match current(failed.item()) {
        Ok(current) => WriteError::Conflict { current },
        Err(error) => error.into(),
    }
}

fn current(item: Option<&Attributes>) -> Result<Option<Item>, CallError> {
    item.filter(|item| !item.is_empty()).cloned().map(value::read_item).transpose()
}

/// Whether nothing but other transactions kept one from being made: it is certain that it was not applied, and a
/// moment later it can be.
fn met_others(reasons: &[Cancelled]) -> bool {
    reasons.contains(&Cancelled::Busy) && !reasons.iter().any(|r| matches!(r, Cancelled::Condition(_)))
}

/// What the reasons of a cancelled transaction, one for each write, mean together.
fn cancellation(reasons: &[CancellationReason]) -> TransactError {
    let each: Result<Vec<Cancelled>, CallError> = reasons.iter().map(cancelled).collect();
    match each {
        Ok(reasons) => TransactError::Cancelled(reasons),
        Err(error) => error.into(),
    }
}

fn cancelled(reason: &CancellationReason) -> Result<Cancelled, CallError> {
    match reason.code().unwrap_or("None") {
        "None" => Ok(Cancelled::No),
        "ConditionalCheckFailed" => current(reason.item()).map(Cancelled::Condition),
        "TransactionConflict" => Ok(Cancelled::Busy),
        code if is_throttling(code) => Err(CallError::Throttled),
        code => Err(CallError::Refused(format!("{code}: {}", reason.message().unwrap_or("no message")))),
    }
}

#[cfg(test)]
mod tests {
    use tenfold_ports::table::Key;

    use super::*;

    fn reason(code: &str, item: Option<&Item>) -> CancellationReason {
        let item = item.map(|item| value::item(item).unwrap());
        CancellationReason::builder().code(code).set_item(item).message("m").build()
    }

    #[test]
    fn reasons_keep_the_order_of_the_writes() {
        let item = Item::new(Key::new("p", "s")).with("n", 1);
        let reasons = [
            reason("None", None),
            reason("ConditionalCheckFailed", Some(&item)),
            reason("TransactionConflict", None),
            reason("ConditionalCheckFailed", None),
        ];
        let expected = vec![
            Cancelled::No,
            Cancelled::Condition(Some(item)),
            Cancelled::Busy,
            Cancelled::Condition(None),
        ];
        assert_eq!(cancellation(&reasons), TransactError::Cancelled(expected));
    }

    #[test]
    fn only_what_met_others_and_nothing_else_is_made_again() {
        let (no, busy, not_so) = (Cancelled::No, Cancelled::Busy, Cancelled::Condition(None));
        assert!(met_others(&[no.clone(), busy.clone()]));
        assert!(!met_others(&[busy, not_so.clone()]), "a condition has decided already");
        assert!(!met_others(&[no.clone(), not_so]));
        assert!(!met_others(&[no]));
    }

    #[test]
    fn a_reason_that_no_condition_gave_fails_the_call() {
        let throttled = [reason("None", None), reason("ProvisionedThroughputExceeded", None)];
        assert_eq!(cancellation(&throttled), TransactError::Call(CallError::Throttled));
        let invalid = [reason("ValidationError", None)];
        let expected = CallError::Refused("ValidationError: m".to_owned());
        assert_eq!(cancellation(&invalid), TransactError::Call(expected));
    }
}
