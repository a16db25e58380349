//! What the saga's runs in the world have in common: wiring and settling. What comes in is in `traffic`.
//!
//! The stack is the one that ships: the state machine is `statemachines/saga.asl.json`, the subscriptions are
//! those of `statemachines/saga.subscriptions.json`.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "test code, which Clippy does not see in an included module")]

pub mod costs;
pub mod invariants;
mod traffic;
pub mod workloads;

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::time::Duration;

use jiff::SignedDuration;
use saga_core::coordinator::{Coordinator, CoordinatorEvent};
use saga_core::definition::{Compensable, Definition, Pivot, Retry, Saga, asl};
use saga_core::inventory::{Releases, Stock, StockId, StockKind};
use saga_core::mutant::{Mutant, is_in};
use saga_core::names::{Name, SagaId};
use saga_core::publisher::Publisher;
use saga_core::rows::{SagaRow, StepRow, step_key};
use saga_core::service::{StepService, StepTask};
use saga_core::state::{SagaState, StepState};
use saga_core::steps::Steps;
use saga_core::trip::{self, Reserve, Trip};
use serde_json::{Value as Json, json};
use tenfold_ports::queue::Delivery;
use tenfold_ports::stream::Record;
use tenfold_ports::{Clock, Context};
use tenfold_world::flow::{AslMachine, TaskError};
use tenfold_world::stream::{MappingSettings, RecordFilter};
use tenfold_world::table::Items;
use tenfold_world::topic::{Filter, QueueSubscription, TopicSettings};
use tenfold_world::{Env, FailedIds, MachineId, QueueId, QueueSettings, RunOutcome, Tasks, TopicId, World};
use traffic::put_stock;

const MACHINE: &str = include_str!("../../../../../statemachines/saga.asl.json");
const SUBSCRIPTIONS: &str = include_str!("../../../../../statemachines/saga.subscriptions.json");
/// Which records of the stream the publisher wants.
const LOG_RECORDS: &str = r#"{"eventName":["INSERT"],"dynamodb":{"Keys":{"sk":{"S":[{"prefix":"log#"}]}}}}"#;
/// Over how many partitions of the index open sagas are spread.
pub const SHARDS: u8 = 2;
const STEPS: [&str; 3] = ["flight", "hotel", "car"];
const LETTERS_URL: &str = "https://sqs/letters";

thread_local! {
    // Two shards are several; each takes the coordinator three calls.
    static DEFINITION: Definition<Trip> = trip::builder().shards(SHARDS).build().unwrap();
    static SHIPPED: AslMachine = parsed(MACHINE);
    static MADE: RefCell<Option<(Making, AslMachine)>> = const { RefCell::new(None) };
    static FILTERS: Vec<Filter> = {
        let all: Json = serde_json::from_str(SUBSCRIPTIONS).unwrap();
        let all = all["subscriptions"].as_array().unwrap();
        all.iter().map(|each| Filter::parse(&each["filterPolicy"].to_string()).unwrap()).collect()
    };
}

pub fn definition() -> Definition<Trip> {
    DEFINITION.with(Clone::clone)
}

fn parsed(machine: &str) -> AslMachine {
    let substitutions = [
        ("SagaFlightArn", &*arn("flight")),
        ("SagaHotelArn", &arn("hotel")),
        ("SagaCarArn", &arn("car")),
        ("SagaCoordinatorArn", &arn("coordinator")),
        ("SagaDeadLetterQueueUrl", LETTERS_URL),
    ];
    AslMachine::parse(machine, &substitutions).unwrap()
}

/// What makes a machine differ from the one that ships.
#[derive(Clone, Copy, PartialEq, Default)]
struct Making {
    /// No step is tried a second time.
    impatient: bool,
    /// A bug that the generator puts in.
    bugs: [bool; 2],
}

/// The machine that ships; generated where it has to be another one.
fn machine(impatient: bool) -> AslMachine {
    let making = Making { impatient, bugs: [Mutant::UndoOnlyAnswered, Mutant::OrderNotReversed].map(is_in) };
    if making == Making::default() {
        return SHIPPED.with(Clone::clone);
    }
    MADE.with_borrow_mut(|made| {
        if made.as_ref().is_none_or(|(of, _)| *of != making) {
            let definition = if impatient { impatient_definition() } else { definition() };
            *made = Some((making, parsed(&asl::machine(&definition, "Saga"))));
        }
        made.as_ref().unwrap().1.clone()
    })
}

/// The trip, whose steps are not tried a second time, so that one lost answer is lost for good.
fn impatient_definition() -> Definition<Trip> {
    let once = Retry { attempts: 0, ..Retry::DO };
    Saga::named("trip")
        .step(Compensable::new("flight", Reserve(StockKind::Flight)).retry(once))
        .step(Compensable::new("hotel", Reserve(StockKind::Hotel)).retry(once))
        .pivot(Pivot::new("car", Reserve(StockKind::Car)).retry(once))
        .build()
        .unwrap()
}

fn arn(role: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:saga-{role}")
}

/// A run's queues, topic and state machine.
#[derive(Clone, Copy)]
pub struct Stack {
    letters: QueueId,
    lost: QueueId,
    services: [QueueId; 3],
    topic: TopicId,
    machine: Option<MachineId>,
}

/// How a world begins, and what is odd about it.
#[derive(Clone, Copy, Default)]
pub struct Setup {
    /// How many there are of each kind.
    pub stock: [i64; 3],
    /// How many events of a run come twice.
    pub duplicates: u32,
    /// Which service never answers.
    pub gone: Option<usize>,
    /// No step is tried a second time.
    pub impatient: bool,
}

impl Stack {
    /// A world with so many of each kind.
    pub fn new(world: &World, stock: [i64; 3]) -> Self {
        Self::set_up(world, Setup { stock, ..Setup::default() })
    }

    /// A world that begins like that.
    pub fn set_up(world: &World, setup: Setup) -> Self {
        let Setup { stock, duplicates, gone, impatient } = setup;
        for (role, seconds) in
            [("api", 29), ("flight", 30), ("hotel", 30), ("car", 30), ("publisher", 60), ("coordinator", 60)]
        {
            world.limit_time(role, SignedDuration::from_secs(seconds));
        }
        let queue =
            |name, seconds| world.add_queue(name, QueueSettings::visible_after(Duration::from_secs(seconds)));
        let (letters, lost) = (queue("letters", 180), queue("lost", 180));
        let service = |name| {
            let settings = QueueSettings::visible_after(Duration::from_secs(180)).redrive(lost, 9);
            world.add_queue(name, settings)
        };
        let services = STEPS.map(service);
        let topic = world.add_topic("events", TopicSettings { duplicates, ..TopicSettings::default() });
        FILTERS.with(|filters| {
            for (queue, filter) in services.iter().zip(filters) {
                world.subscribe(topic, QueueSubscription::of(*queue).raw().filtered(filter.clone()));
            }
        });
        let mut made = Self { letters, lost, services, topic, machine: None };
        for (at, queue) in services.into_iter().enumerate().filter(|(at, _)| gone != Some(*at)) {
            world.consume(queue, 10, ROLES[at], move |env, batch| messages(env, at, batch));
        }
        made.machine = Some(world.add_machine("machine", machine(impatient), tasks(letters, gone)));
        world.edit(|table| table.watch(invariants::every_change));
        let filters = vec![RecordFilter::parse(LOG_RECORDS).unwrap()];
        let settings = MappingSettings {
            batch: 10,
            bisect: true,
            on_failure: Some(lost),
            filters,
            ..Default::default()
        };
        world.follow(settings, "publisher", move |env, records| made.publish(env, records));
        for (kind, n) in StockKind::ALL.into_iter().zip(stock) {
            put_stock(world, kind, n, Releases::Accepted);
        }
        made
    }

    async fn publish(self, env: Env, records: Vec<Rc<Record>>) -> FailedIds {
        let Some(machine) = self.machine else { return FailedIds::new() };
        let publisher = Publisher {
            topic: env.topic(self.topic),
            flow: env.flow(machine),
            dead_letters: env.queue(self.letters),
            runtime: env.clone(),
            payload: PhantomData::<Trip>,
        };
        let records: Vec<Record> = records.iter().map(|record| (**record).clone()).collect();
        publisher.handle(&records, &context(&env)).await.into_iter().collect()
    }

    /// Ends a run: in quiescence, the schedule goes on until no saga is open but those that wait for a person.
    /// Then what must hold for every workload, and for this one.
    pub fn finish(self, world: &World, also: impl Fn(&World) -> RunOutcome) -> RunOutcome {
        if world.settled_before() {
            return Ok(());
        }
        world.quiesce();
        Self::run_schedule(world)?;
        invariants::at_the_end(world, self)?;
        also(world)
    }

    /// Lets the schedule run until no saga moves any more, without the minutes in which nothing can happen.
    pub fn run_schedule(world: &World) -> RunOutcome {
        let due = |world: &World| {
            let open = |row: &&SagaRow<Trip>| row.state != SagaState::Stuck;
            let wake = sagas(world).iter().filter(open).filter_map(|row| row.wake).min()?;
            Some(wake.max(world.now()) + SignedDuration::from_secs(61))
        };
        world.settle(due, Self::tick, "sagas are open for ever")
    }

    /// What the services' queues have given up.
    pub fn lost(self, world: &World) -> Vec<String> {
        world.queue(self.lost, |messages| messages.bodies().map(ToOwned::to_owned).collect())
    }

    /// What people were told of.
    pub fn letters(self, world: &World) -> Vec<String> {
        world.queue(self.letters, |messages| messages.bodies().map(ToOwned::to_owned).collect())
    }
}

const ROLES: [&str; 3] = ["flight", "hotel", "car"];

fn steps(env: &Env) -> Steps<Env, Env, Trip> {
    Steps { table: env.clone(), runtime: env.clone(), definition: definition() }
}

/// How long an invocation may take.
const INVOCATION: SignedDuration = SignedDuration::from_secs(60);

/// The context of an invocation that begins now.
fn context(env: &Env) -> Context {
    Context::until(env.now() + INVOCATION)
}

fn service(env: &Env, at: usize) -> StepService<Env, Env, Trip> {
    StepService::new(env.clone(), env.clone(), definition(), STEPS[at]).unwrap()
}

/// A service's queue.
async fn messages(env: Env, at: usize, batch: Vec<Delivery>) -> FailedIds {
    let service = service(&env, at);
    let mut failed = FailedIds::new();
    for message in batch {
        let body = str::from_utf8(&message.body).unwrap();
        if service.handle_message(body, &context(&env)).await.is_err() {
            failed.push(message.id);
        }
    }
    failed
}

/// What the state machine calls.
fn tasks(letters: QueueId, gone: Option<usize>) -> Tasks {
    let mut tasks = Tasks::default().queue(LETTERS_URL, letters);
    for (at, role) in ROLES.into_iter().enumerate() {
        tasks = if gone == Some(at) {
            tasks.function(&arn(role), role, |_, _| async {
                Err(TaskError::new("Lambda.ServiceException", "nobody is there"))
            })
        } else {
            tasks.function(&arn(role), role, move |env, input| task(env, at, input))
        };
    }
    tasks.function(&arn("coordinator"), "coordinator", settle)
}

async fn task(env: Env, at: usize, input: Json) -> Result<Json, TaskError> {
    let task: StepTask<Trip> = serde_json::from_value(input).unwrap();
    let outcome = service(&env, at).handle_task(&task, &context(&env)).await;
    outcome.map(|outcome| json!(outcome)).map_err(|error| TaskError::new(error.name(), error.to_string()))
}

async fn settle(env: Env, input: Json) -> Result<Json, TaskError> {
    let event = CoordinatorEvent::Settle(serde_json::from_value(input).unwrap());
    let result = Coordinator { steps: steps(&env) }.handle(&event, &context(&env)).await;
    result.map(|_| Json::Null).map_err(|error| TaskError::new(error.name(), error.to_string()))
}

pub fn stock(world: &World, kind: StockKind) -> Stock {
    let key = saga_core::inventory::stock_key(kind, &StockId::parse("X").unwrap());
    world.table(|table| Stock::read(table.get(&key).unwrap()).unwrap())
}

/// All sagas.
pub fn sagas(world: &World) -> Vec<SagaRow<Trip>> {
    world.table(|table| {
        let rows = table.all().filter(|item| item.key.sk == "saga");
        rows.map(|item| SagaRow::read(item).unwrap()).collect()
    })
}

/// What became of the steps of a saga, in their order.
pub fn steps_of(items: &Items, id: SagaId) -> [Option<StepState>; 3] {
    STEPS.map(|step| {
        let key = step_key(id, &Name::parse(step).unwrap());
        items.get(&key).map(|item| StepRow::read(item).unwrap().state)
    })
}

pub fn state(world: &World, key: &str) -> Option<SagaState> {
    let id = SagaId::of_key(key);
    sagas(world).iter().find(|row| row.id == id).map(|row| row.state)
}
