//! A plan, run over a table's stream on both sides.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use tenfold_aws::queue::SqsQueue;
use tenfold_aws::table::DynamoTable;
use tenfold_ports::stream::Record;
use tenfold_ports::table::{Item, Key, Table, Value, Write};
use tenfold_ports::{CallError, Queue};
use tenfold_world::stream::{MappingSettings, RecordFilter};
use tenfold_world::{QueueSettings, World};

use super::changes::Plan;
use super::relay::{self, Mapping, reaches};
use super::script::{Follower, Seen};
use crate::both::{Both, ask, in_quiet_world};
use crate::suite::{Compared, Failure};
use crate::tables::compare;

/// What became of the records.
struct Became {
    follower: Shared,
    /// What the on-failure queue was told.
    letters: Vec<String>,
}

/// The item that is written last, and a filter for it.
const END: &str = "the end";
const END_PASSES: &str = r#"{"dynamodb": {"Keys": {"pk": {"S": ["the end"]}}}}"#;

type Shared = Arc<Mutex<Follower>>;

fn look(follower: &Shared) -> MutexGuard<'_, Follower> {
    follower.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn run(both: &Both, plan: &Plan) -> Compared {
    in_quiet_world(|world| {
        let here = here(world, plan)?;
        let there = there(both, plan, &here)?;
        let (ours, theirs) = (look(&here.follower), look(&there.follower));
        if theirs.again {
            // AWS promises at least once; here it was too slow to hear the function's answer.
            return Err(Failure::Unanswered("take an answer within the function's time-out".to_owned()));
        }
        let keys = ours.taken().keys().chain(theirs.taken().keys());
        for (i, key) in keys.enumerate() {
            let show = |side: &Follower| format!("{key}: {:#?}", side.taken().get(key));
            compare(i, &show(&theirs), &show(&ours))?;
        }
        compare(0, &format!("{:#?}", there.letters), &format!("{:#?}", here.letters))?;
        Ok(ours.count() + here.letters.len())
    })
}

fn here(world: &World, plan: &Plan) -> Result<Became, Failure> {
    world.add_stream(1);
    for write in plan.writes() {
        ask(world, |env| async move { env.write(write).await }).map_err(|why| differs(&why))?;
    }
    let letters = world.add_queue("letters", QueueSettings::default());
    let filters: Result<Vec<_>, _> = plan.filters.iter().map(|text| RecordFilter::parse(text)).collect();
    let settings = MappingSettings {
        batch: plan.batch,
        filters: filters.map_err(|why| differs(&why))?,
        bisect: plan.bisect,
        max_retries: Some(plan.retries),
        on_failure: Some(letters),
        ..MappingSettings::default()
    };
    let follower = Arc::new(Mutex::new(Follower::new(plan.fates.clone())));
    let follows = Arc::clone(&follower);
    world.follow(settings, "function", move |_, records| {
        let batch: Vec<Seen> = records.iter().map(|record| seen(record)).collect();
        let answer = look(&follows).answer(&batch);
        async move { answer }
    });
    world.run().map_err(|why| Failure::Differs(format!("the world's run ends with {why:?}")))?;
    let letters = world.queue(letters, |letters| {
        let all = letters.bodies().map(|body| letter(body.as_bytes(), &look(&follower)));
        all.collect()
    });
    Ok(Became { follower, letters })
}

fn differs(why: &impl std::fmt::Display) -> Failure {
    Failure::Differs(format!("the world refuses: {why}"))
}

/// Runs the plan on LocalStack, until it has come as far as the world has.
fn there(both: &Both, plan: &Plan, expected: &Became) -> Result<Became, Failure> {
    let name = Both::name();
    let (table, stream) = both.create_streamed_table(&name)?;
    let made = both.create_queue(&format!("{name}-letters"), HashMap::new());
    let result = made.and_then(|(queue, url)| {
        let there = There { both, plan, expected, table, queue, name: &name };
        let result = there.run(&stream);
        both.delete_queue(&url);
        result
    });
    both.delete_table(&name);
    result
}

struct There<'a> {
    both: &'a Both,
    plan: &'a Plan,
    expected: &'a Became,
    table: DynamoTable,
    queue: SqsQueue,
    name: &'a str,
}

impl There<'_> {
    fn run(&self, stream: &str) -> Result<Became, Failure> {
        for write in self.plan.writes() {
            let written = self.both.local(self.table.write(write));
            written.map_err(|why| Failure::Unanswered(why.to_string()))?;
        }
        let follower = Arc::new(Mutex::new(Follower::new(self.plan.fates.clone())));
        let mapping = self.map(stream, Arc::clone(&follower))?;
        let expected = look(&self.expected.follower).count() + self.expected.letters.len();
        let (mut letters, mut failed) = (Vec::new(), None);
        reaches(self.both, expected, || match self.letters(&follower) {
            Ok(more) => {
                letters.extend(more);
                look(&follower).count() + letters.len()
            }
            Err(why) => {
                failed = Some(why);
                usize::MAX
            }
        });
        if let Some(why) = failed {
            return Err(Failure::Unanswered(why.to_string()));
        }
        // Behind all that was, one more: when it comes, nothing else comes any more.
        let end = Write::create(Item::new(Key::new(END, END)));
        self.both.local(self.table.write(end)).map_err(|why| Failure::Unanswered(why.to_string()))?;
        if !reaches(self.both, 1, || usize::from(look(&follower).ended)) {
            return Err(Failure::Unanswered("come to the end of a stream".to_owned()));
        }
        drop(mapping);
        let last = self.letters(&follower).map_err(|why| Failure::Unanswered(why.to_string()))?;
        letters.extend(last);
        Ok(Became { follower, letters })
    }

    fn map(&self, stream: &str, follower: Shared) -> Result<Mapping<'_>, Failure> {
        let script = Arc::new(move |records: &[Json]| {
            let mut batch: Vec<Seen> = records.iter().map(seen_in).collect();
            let mut follower = look(&follower);
            follower.ended |= batch.pop_if(|last| last.what.contains(END)).is_some();
            if batch.is_empty() { Some(Vec::new()) } else { follower.answer(&batch) }
        });
        let letters = Both::queue_arn(&format!("{}-letters", self.name), false);
        let end = (!self.plan.filters.is_empty()).then_some(END_PASSES);
        let filters = self.plan.filters.iter().copied().chain(end).map(|text| json!({ "Pattern": text }));
        let settings = json!({
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": self.plan.batch,
            "BisectBatchOnFunctionError": self.plan.bisect,
            "MaximumRetryAttempts": self.plan.retries,
            "FilterCriteria": { "Filters": filters.collect::<Vec<_>>() },
            "DestinationConfig": { "OnFailure": { "Destination": letters } },
        });
        relay::map(self.both, stream, script, settings)
    }

    /// What the on-failure queue was told since the last time.
    fn letters(&self, follower: &Shared) -> Result<Vec<String>, CallError> {
        let deliveries = self.both.local(self.queue.receive(10, Duration::ZERO))?;
        Ok(deliveries.iter().map(|delivery| letter(&delivery.body, &look(follower))).collect())
    }
}

/// What a letter says of the records that were given up; where they are is each side's own.
fn letter(body: &[u8], follower: &Follower) -> String {
    let letter: Json = serde_json::from_slice(body).unwrap_or_default();
    let batch = &letter["DDBStreamBatchInfo"];
    let place = |name: &str| batch[name].as_str().and_then(|sequence| follower.place(sequence));
    format!(
        "{} records, {:?} to {:?} of those seen, {} after {} invocations, version {}",
        batch["batchSize"],
        place("startSequenceNumber"),
        place("endSequenceNumber"),
        letter["requestContext"]["condition"],
        letter["requestContext"]["approximateInvokeCount"],
        letter["version"],
    )
}

/// A record of the world, as [`seen_in`] sees it.
fn seen(record: &Record) -> Seen {
    let image = |item: &Option<Item>| item.as_ref().map_or(Json::Null, image);
    let (old, new) = (image(&record.old), image(&record.new));
    let what = format!("{} {old} -> {new}", record.kind().name());
    Seen { sequence: record.sequence.clone(), key: record.key.to_string(), what }
}

fn image(item: &Item) -> Json {
    let key = [("pk", item.key.pk.as_str()), ("sk", item.key.sk.as_str())];
    let key = key.map(|(name, text)| (name.to_owned(), json!({ "S": text })));
    let attributes = item.attributes().map(|(name, value)| {
        let value = match value {
            Value::N(n) => json!({ "N": n.to_string() }),
            Value::S(text) => json!({ "S": text }),
            Value::Bool(truth) => json!({ "BOOL": truth }),
            other => json!(format!("{other:?} is in no plan")),
        };
        (name.to_string(), value)
    });
    Json::Object(key.into_iter().chain(attributes).collect::<Map<_, _>>())
}

/// A record of an event.
fn seen_in(record: &Json) -> Seen {
    let change = &record["dynamodb"];
    let (old, new) = (&change["OldImage"], &change["NewImage"]);
    let text = |value: &Json| value["S"].as_str().unwrap_or_default().to_owned();
    let key = Key::new(text(&change["Keys"]["pk"]), text(&change["Keys"]["sk"]));
    let what = format!("{} {old} -> {new}", record["eventName"].as_str().unwrap_or_default());
    let sequence = change["SequenceNumber"].as_str().unwrap_or_default().into();
    Seen { sequence, key: key.to_string(), what }
}
