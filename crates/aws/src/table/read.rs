//! Reads: by key, in batches, and queries of a partition.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, Select};
use smol_str::SmolStr;
use tenfold_ports::table::{Cursor, Item, Key, Page, Query, Range, Read, Scan};
use tenfold_ports::{CallError, Rng};

use super::expression::Placeholders;
use super::value::{self, Attributes, PK, SK};
use super::{DynamoTable, Index};
use crate::error::{Effect, call_error};

/// How often what a batch left unread is asked for again.
const ROUNDS: u32 = 5;
/// The pause before the first of these; each further one is twice as long, less up to half by chance.
const PAUSE: Duration = Duration::from_millis(40);

impl DynamoTable {
    pub(super) async fn get_item(&self, key: &Key, read: Read) -> Result<Option<Item>, CallError> {
        let call = self.client.get_item().table_name(self.name.as_str()).set_key(Some(value::key(key)));
        let answer = call.consistent_read(read == Read::Consistent).send().await;
        let answer = answer.map_err(|e| call_error(&e, Effect::Read))?;
        answer.item.map(value::read_item).transpose()
    }

    pub(super) async fn batch_get(&self, keys: &[Key], read: Read) -> Result<Vec<Option<Item>>, CallError> {
        let mut found: HashMap<Key, Item> = HashMap::with_capacity(keys.len());
        let mut open: Vec<Attributes> = keys.iter().map(value::key).collect();
        let mut round = 0;
        while !open.is_empty() {
            if round == ROUNDS {
                // DynamoDB leaves out what it has no capacity for.
                return Err(CallError::Throttled);
            }
            if round > 0 {
                let pause = PAUSE * 2_u32.pow(round - 1);
                tokio::time::sleep(pause.mul_f64(1.0 - self.rng.unit() / 2.0)).await;
            }
            round += 1;
            open = self.batch_round(open, read, &mut found).await?;
        }
        Ok(keys.iter().map(|key| found.remove(key)).collect())
    }

    /// Asks for `open` once, and answers what was left unread.
    async fn batch_round(
        &self,
        open: Vec<Attributes>,
        read: Read,
        found: &mut HashMap<Key, Item>,
    ) -> Result<Vec<Attributes>, CallError> {
        let wanted =
            KeysAndAttributes::builder().set_keys(Some(open)).consistent_read(read == Read::Consistent);
        let wanted = wanted.build().map_err(|e| CallError::Refused(e.to_string()))?;
        let call = self.client.batch_get_item().request_items(self.name.as_str(), wanted);
        let answer = call.send().await.map_err(|e| call_error(&e, Effect::Read))?;
        // Only one table was asked, so all answers are its own, whether by its name or by its ARN.
        for attributes in answer.responses.into_iter().flat_map(HashMap::into_values).flatten() {
            let item = value::read_item(attributes)?;
            found.insert(item.key.clone(), item);
        }
        let left = answer.unprocessed_keys.into_iter().flat_map(HashMap::into_values);
        Ok(left.flat_map(|keys| keys.keys).collect())
    }

    pub(super) async fn query_page(&self, query: &Query) -> Result<Page, CallError> {
        let limit = i32::try_from(query.limit.max(1)).unwrap_or(i32::MAX);
        let index = self.index_of(query)?;
        let call = self.query_call(query, index)?.limit(limit);
        let answer = call.send().await.map_err(|e| call_error(&e, Effect::Read))?;
        let next = next(&answer, index)?;
        let items = answer.items.into_iter().flatten().map(value::read_item).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }

    pub(super) async fn count_page(&self, query: &Query) -> Result<(u64, Option<Cursor>), CallError> {
        let index = self.index_of(query)?;
        let limit = i32::try_from(query.limit.max(1)).unwrap_or(i32::MAX);
        let call = self.query_call(query, index)?.limit(limit).select(Select::Count);
        let answer = call.send().await.map_err(|e| call_error(&e, Effect::Read))?;
        Ok((u64::try_from(answer.count).unwrap_or(0), next(&answer, index)?))
    }

    pub(super) async fn scan_page(&self, scan: &Scan) -> Result<Page, CallError> {
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let call = self.client.scan().table_name(self.name.as_str()).consistent_read(true);
        let call = call.segment(number(scan.segment)).total_segments(number(scan.segments));
        let call = call.limit(number(scan.limit.max(1)));
        let start = scan.after.as_ref().map(|cursor| value::key(&cursor.key));
        let answer = call.set_exclusive_start_key(start).send().await;
        let answer = answer.map_err(|e| call_error(&e, Effect::Read))?;
        let next = answer.last_evaluated_key.filter(|last| !last.is_empty());
        let next = next.map(|mut last| value::take_key(&mut last).map(|key| Cursor { key, index: None }));
        let items = answer.items.into_iter().flatten().map(value::read_item).collect::<Result<_, _>>()?;
        Ok(Page { items, next: next.transpose()? })
    }

    fn index_of(&self, query: &Query) -> Result<Option<Index>, CallError> {
        let Some(name) = query.index else { return Ok(None) };
        let index = self.indexes.iter().find(|index| index.name == name);
        index.copied().map(Some).ok_or_else(|| {
            CallError::Refused(format!(
                "index `{name}` of {} was not registered: DynamoTable::index",
                self.name
            ))
        })
    }

    fn query_call(&self, query: &Query, index: Option<Index>) -> Result<QueryFluentBuilder, CallError> {
        let mut p = Placeholders::default();
        let expression = key_condition(query, index, &mut p)?;
        Ok(self
            .client
            .query()
            .table_name(self.name.as_str())
            .set_index_name(index.map(|i| i.name.to_owned()))
            // An index cannot be read consistently.
            .consistent_read(index.is_none())
            .scan_index_forward(!query.backward)
            .set_exclusive_start_key(query.after.as_ref().map(|cursor| start_key(cursor, index)))
            .key_condition_expression(expression)
            .set_expression_attribute_names(p.names())
            .set_expression_attribute_values(p.values()))
    }
}

fn key_condition(query: &Query, index: Option<Index>, p: &mut Placeholders) -> Result<String, CallError> {
    let partition = p.name(index.map_or(PK, |i| i.partition));
    let whole = format!("{partition} = {}", p.value(value::text(&query.partition)));
    match (&query.range, index) {
        (Range::All, _) => Ok(whole),
        // All text begins with nothing, but DynamoDB takes no empty text for a key.
        (Range::Prefix(prefix), None) if prefix.is_empty() => Ok(whole),
        (Range::Prefix(prefix), None) => {
            Ok(format!("{whole} AND begins_with({}, {})", p.name(SK), p.value(value::text(prefix))))
        }
        (Range::Between(first, last), None) => {
            let (first, last) = (p.value(value::text(first)), p.value(value::text(last)));
            Ok(format!("{whole} AND {} BETWEEN {first} AND {last}", p.name(SK)))
        }
        (Range::AtMost(most), Some(index)) => {
            Ok(format!("{whole} AND {} <= {}", p.name(index.sort), p.value(value::number(*most))))
        }
        (Range::Prefix(_) | Range::Between(..), Some(index)) => {
            Err(CallError::Refused(format!("index `{}` sorts by a number, not by text", index.name)))
        }
        (Range::AtMost(_), None) => {
            Err(CallError::Refused("the table sorts by text, not by a number".into()))
        }
    }
}

fn start_key(cursor: &Cursor, index: Option<Index>) -> Attributes {
    let mut start = value::key(&cursor.key);
    if let (Some(index), Some((partition, sort))) = (index, &cursor.index) {
        start.insert(index.partition.to_owned(), value::text(partition));
        start.insert(index.sort.to_owned(), value::number(*sort));
    }
    start
}

fn next(answer: &QueryOutput, index: Option<Index>) -> Result<Option<Cursor>, CallError> {
    let Some(last) = answer.last_evaluated_key().filter(|last| !last.is_empty()) else { return Ok(None) };
    let mut last = last.clone();
    let key = value::take_key(&mut last)?;
    let index = match index {
        None => None,
        Some(index) => match (last.remove(index.partition), last.remove(index.sort)) {
            (Some(AttributeValue::S(partition)), Some(AttributeValue::N(sort))) => {
                let sort = sort.parse().map_err(|_| bad_index(index))?;
                Some((SmolStr::from(partition), sort))
            }
            _ => return Err(bad_index(index)),
        },
    };
    Ok(Some(Cursor { key, index }))
}

fn bad_index(index: Index) -> CallError {
    let Index { name, partition, sort } = index;
    CallError::Refused(format!(
        "index `{name}` has other keys than text `{partition}` and whole number `{sort}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: Index = Index { name: "queue", partition: "queue", sort: "wake" };

    fn written(range: Range, index: Option<Index>) -> Result<String, CallError> {
        let query = Query { range, ..Query::partition("p".into()) };
        key_condition(&query, index, &mut Placeholders::default())
    }

    #[test]
    fn a_query_names_its_partition_and_its_range() {
        assert_eq!(written(Range::All, None).unwrap(), "#n0 = :v0");
        assert_eq!(written(Range::Prefix("".into()), None).unwrap(), "#n0 = :v0");
        assert_eq!(written(Range::Prefix("a".into()), None).unwrap(), "#n0 = :v0 AND begins_with(#n1, :v1)");
        let between = written(Range::Between("a".into(), "b".into()), None).unwrap();
        assert_eq!(between, "#n0 = :v0 AND #n1 BETWEEN :v1 AND :v2");
        assert_eq!(written(Range::AtMost(5), Some(QUEUE)).unwrap(), "#n0 = :v0 AND #n1 <= :v1");
    }

    #[test]
    fn a_range_of_the_other_kind_of_sort_key_is_refused() {
        assert!(matches!(written(Range::AtMost(5), None), Err(CallError::Refused(_))));
        assert!(matches!(written(Range::Prefix("a".into()), Some(QUEUE)), Err(CallError::Refused(_))));
    }

    #[test]
    fn a_cursor_comes_back_from_dynamodb_as_it_went() {
        for index in [None, Some(QUEUE)] {
            let cursor = Cursor { key: Key::new("p", "s"), index: index.map(|_| ("q".into(), -7)) };
            let output =
                QueryOutput::builder().set_last_evaluated_key(Some(start_key(&cursor, index))).build();
            assert_eq!(next(&output, index).unwrap(), Some(cursor));
        }
        assert_eq!(next(&QueryOutput::builder().build(), None).unwrap(), None);
    }
}
