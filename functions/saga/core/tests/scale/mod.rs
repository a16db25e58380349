//! The saga's stack in the world with time, as its template has it: what its scenarios run on.

#![allow(dead_code, reason = "each program uses its part")]
#![allow(clippy::unwrap_used, reason = "test code, which Clippy does not see in an included module")]

use std::marker::PhantomData;
use std::rc::Rc;
use std::time::Duration;

use saga_core::api::Api;
use saga_core::coordinator::{Coordinator, CoordinatorEvent};
use saga_core::definition::Definition;
use saga_core::inventory::{AVAILABLE_MOST, Releases, Stock, StockId, StockKind};
use saga_core::metrics;
use saga_core::publisher::Publisher;
use saga_core::rows::{OPEN_INDEX, SagaRow};
use saga_core::service::StepService;
use saga_core::steps::Steps;
use saga_core::trip::{self, Trip};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tenfold_ports::Context;
use tenfold_ports::api::Request;
use tenfold_ports::queue::Delivery;
use tenfold_ports::stream::Record;
use tenfold_ports::table::{Item, Write};
use tenfold_world::flow::{AslMachine, TaskError};
use tenfold_world::scale::{
    Event, InvocationOutcome, Keys, LambdaSettings, ScalePattern, Simulation, StackSettings, StateOf,
};
use tenfold_world::stream::{MappingSettings, RecordFilter};
use tenfold_world::topic::{Filter, QueueSubscription, TopicSettings};
use tenfold_world::{Env, FailedIds, MachineId, QueueId, QueueSettings, Tasks, TopicId, World};

/// The saga with its scenarios.
pub const PATTERN: ScalePattern = ScalePattern {
    slug: "saga",
    scenarios: concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios"),
    build,
    metrics: METRICS,
    states,
};

/// The state of each trip, and how long it took to its end.
fn states(world: &World) -> Vec<StateOf> {
    world.table(|table| {
        let sagas = table.all().filter(|item| item.key.sk == "saga");
        let trips = sagas.filter_map(|item| SagaRow::<Trip>::read(item).ok());
        let took = |row: &SagaRow<Trip>| row.since.duration_since(row.data.created);
        trips.map(|row| (row.state.name(), row.wake.is_none().then(|| took(&row)))).collect()
    })
}

const MACHINE: &str = include_str!("../../../../../statemachines/saga.asl.json");
const SUBSCRIPTIONS: &str = include_str!("../../../../../statemachines/saga.subscriptions.json");
/// Which records of the stream the publisher wants, as the template has it.
const LOG_RECORDS: &str = r#"{"eventName":["INSERT"],"dynamodb":{"Keys":{"sk":{"S":[{"prefix":"log#"}]}}}}"#;
const STEPS: [&str; 3] = ["flight", "hotel", "car"];
const LETTERS_URL: &str = "https://sqs/letters";

/// What its handlers measure, and a claim may go by.
const METRICS: &[&str] = &[
    metrics::STARTED,
    metrics::COMMITTED,
    metrics::COMPENSATED,
    metrics::BECAME_STUCK,
    metrics::RESOLVED,
    metrics::STEPS_STUCK,
    metrics::OUTBOX_AGE,
    metrics::PUBLISHER_RUNS,
    metrics::UNSENT,
    metrics::FAULTS,
    metrics::COORDINATOR_RUNS,
    metrics::STUCK,
    metrics::OVERDUE,
    metrics::OVERDUE_AGE,
    metrics::ROUND_AGE,
    metrics::ROUNDS,
    metrics::UNATTENDED,
];

/// What a scenario says of the stack and of who calls it.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Stack {
    /// The share of trips that are orchestrated; the others are choreographed.
    orchestrated: f64,
    /// Over how many flights, hotels and cars trips are spread.
    stocks: u64,
    /// The share of trips that want the first of each.
    wanted: f64,
    /// The share of cars of which there is none.
    cars_none: f64,
    /// Over how many partitions of the index open trips are spread.
    shards: u8,
    /// How many shards the table's stream has; each is read in four parts (`ParallelizationFactor`). A table that takes
    /// a thousand trips a second has dozens of partitions, and as many shards.
    stream_shards: usize,
    /// `ServiceConcurrency`.
    service_concurrency: u32,
}

impl Default for Stack {
    fn default() -> Self {
        Self {
            orchestrated: 0.5,
            stocks: 10_000,
            wanted: 0.0,
            cars_none: 0.0,
            shards: 8,
            stream_shards: 32,
            service_concurrency: 10,
        }
    }
}

fn arn(role: &str) -> String {
    format!("arn:aws:lambda:us-east-1:000000000000:function:saga-{role}")
}

/// The stack's queues, topic and state machine.
#[derive(Clone, Copy)]
struct Services {
    letters: QueueId,
    lost: QueueId,
    queues: [QueueId; 3],
    topic: TopicId,
    machine: MachineId,
}

fn build(simulation: &mut Simulation, settings: &StackSettings) -> Result<(), String> {
    let stack: Stack = settings.clone().try_into().map_err(|error| format!("[stack]: {error}"))?;
    simulation.indexes(&[OPEN_INDEX]);
    let services = services(simulation.world(), &stack);
    let definition: Definition<Trip> =
        trip::builder().shards(stack.shards).build().map_err(|error| error.to_string())?;
    let steps =
        move |env: &Env| Steps { table: env.clone(), runtime: env.clone(), definition: definition.clone() };
    add_api(simulation, steps.clone());
    add_steps(simulation, services, &stack, &steps);
    add_coordinator(simulation, steps);
    add_publisher(simulation, services);
    visitors(simulation, &stack)
}

fn services(world: &World, stack: &Stack) -> Services {
    let seconds = |seconds| QueueSettings::visible_after(Duration::from_secs(seconds));
    let letters = world.add_queue("letters", seconds(180));
    let lost = world.add_queue("lost", seconds(180));
    let queues = STEPS.map(|name| world.add_queue(name, seconds(180).redrive(lost, 9)));
    let topic = world.add_topic("events", TopicSettings::default());
    let filters: Json = serde_json::from_str(SUBSCRIPTIONS).unwrap();
    for (queue, each) in queues.iter().zip(filters["subscriptions"].as_array().unwrap()) {
        let filter = Filter::parse(&each["filterPolicy"].to_string()).unwrap();
        world.subscribe(topic, QueueSubscription::of(*queue).raw().filtered(filter));
    }
    let substitutions = [
        ("SagaFlightArn", &*arn("flight")),
        ("SagaHotelArn", &arn("hotel")),
        ("SagaCarArn", &arn("car")),
        ("SagaCoordinatorArn", &arn("coordinator")),
        ("SagaDeadLetterQueueUrl", LETTERS_URL),
    ];
    let machine = AslMachine::parse(MACHINE, &substitutions).unwrap();
    let machine = world.add_machine("machine", machine, Tasks::default().queue(LETTERS_URL, letters));
    world.add_stream(4 * stack.stream_shards);
    for n in 1..=stack.stocks {
        let cars = if n as f64 > stack.stocks as f64 * (1.0 - stack.cars_none) { 0 } else { AVAILABLE_MOST };
        put_stock(world, StockKind::Flight, n, AVAILABLE_MOST);
        put_stock(world, StockKind::Hotel, n, AVAILABLE_MOST);
        put_stock(world, StockKind::Car, n, cars);
    }
    Services { letters, lost, queues, topic, machine }
}

fn function(role: &'static str, timeout: u64) -> LambdaSettings {
    LambdaSettings::new(role, Duration::from_secs(timeout), 256)
}

fn add_api(simulation: &mut Simulation, steps: impl Fn(&Env) -> Steps<Env, Env, Trip> + 'static) {
    let api = simulation.function(function("api", 29), move |env| {
        let api = Rc::new(Api { steps: steps(&env) });
        Rc::new(move |event, context| {
            let api = Rc::clone(&api);
            Box::pin(async move {
                let Event::Request(request) = event else { return InvocationOutcome::Done(false) };
                InvocationOutcome::Response(api.handle(&request, &context).await)
            })
        })
    });
    simulation.serve(api);
}

fn add_steps(
    simulation: &mut Simulation,
    services: Services,
    stack: &Stack,
    steps: &(impl Fn(&Env) -> Steps<Env, Env, Trip> + Clone + 'static),
) {
    for (step, queue) in STEPS.into_iter().zip(services.queues) {
        let of_service = steps.clone();
        let service = simulation.function(function(step, 30), move |env| {
            let Steps { table, runtime, definition } = of_service(&env);
            let service = Rc::new(StepService::new(table, runtime, definition, step).unwrap());
            Rc::new(move |event, context| {
                let service = Rc::clone(&service);
                Box::pin(async move {
                    match event {
                        Event::Messages(batch) => {
                            InvocationOutcome::Batch(Some(messages(&service, batch, &context).await))
                        }
                        Event::Task(input) => InvocationOutcome::Task(task(&service, input, &context).await),
                        _ => InvocationOutcome::Done(false),
                    }
                })
            })
        });
        simulation.consume(queue, service, 10, Some(stack.service_concurrency));
        simulation.task(&arn(step), service);
    }
}

fn add_coordinator(simulation: &mut Simulation, steps: impl Fn(&Env) -> Steps<Env, Env, Trip> + 'static) {
    // The next minute's run does what a failed one has left.
    let settings =
        LambdaSettings { retries: 0, event_age: Duration::from_mins(1), ..function("coordinator", 60) };
    let coordinator = simulation.function(settings, move |env| {
        let coordinator = Rc::new(Coordinator { steps: steps(&env) });
        Rc::new(move |event, context| {
            let coordinator = Rc::clone(&coordinator);
            Box::pin(async move {
                if let Event::Task(input) = event {
                    let event = CoordinatorEvent::Settle(serde_json::from_value(input).unwrap());
                    let settled = coordinator.handle(&event, &context).await.map(|_| Json::Null);
                    return InvocationOutcome::Task(
                        settled.map_err(|error| TaskError::new(error.name(), error.to_string())),
                    );
                }
                let minute = coordinator.handle(&CoordinatorEvent::Schedule, &context).await;
                InvocationOutcome::Done(minute.is_ok())
            })
        })
    });
    simulation.task(&arn("coordinator"), coordinator);
    simulation.schedule(Duration::from_mins(1), coordinator);
}

fn add_publisher(simulation: &mut Simulation, services: Services) {
    let Services { letters, lost, topic, machine, .. } = services;
    let publisher = simulation.function(function("publisher", 60), move |env| {
        let publisher = Rc::new(Publisher {
            topic: env.topic(topic),
            flow: env.flow(machine),
            dead_letters: env.queue(letters),
            runtime: env,
            payload: PhantomData::<Trip>,
        });
        Rc::new(move |event, context| {
            let publisher = Rc::clone(&publisher);
            Box::pin(async move {
                let Event::Records(records) = event else { return InvocationOutcome::Done(false) };
                let records: Vec<Record> = records.iter().map(|record| (**record).clone()).collect();
                let failed = publisher.handle(&records, &context).await.into_iter().collect();
                InvocationOutcome::Batch(Some(failed))
            })
        })
    });
    let filters = vec![RecordFilter::parse(LOG_RECORDS).unwrap()];
    let log = MappingSettings {
        batch: 100,
        bisect: true,
        max_retries: Some(50),
        on_failure: Some(lost),
        filters,
        ..Default::default()
    };
    simulation.follow(log, publisher);
}

fn visitors(simulation: &mut Simulation, stack: &Stack) -> Result<(), String> {
    let (orchestrated, share_of_first) = (stack.orchestrated, stack.wanted);
    let stocks = Keys::new(stack.stocks, 0.0).ok_or("stocks: at least 1")?;
    simulation.visitors(move |number, random| {
        let share = (number as f64 * 0.618_033_988_749_895).fract();
        let style = if share < orchestrated { "orchestrated" } else { "choreographed" };
        let wanted = (number as f64 * 0.754_877_666_246_693).fract() < share_of_first;
        let mut one = || format!("s{}", if wanted { 1 } else { stocks.draw(random) });
        let body = json!({
            "style": style, "traveller": "t", "flight": one(), "hotel": one(), "car": one(),
            "from": "2030-01-01", "to": "2030-01-02",
        });
        let mut request = Request {
            method: "POST".into(),
            path: "/trips".into(),
            body: body.to_string().into(),
            ..Request::default()
        };
        request.set_header("idempotency-key", format!("key-{number}"));
        request
    });
    Ok(())
}

fn put_stock(world: &World, kind: StockKind, n: u64, available: i64) {
    let id = StockId::parse(&format!("s{n}")).unwrap();
    let Write::Update { key, updates, .. } = Stock::put(kind, &id, available, Releases::Accepted) else {
        return;
    };
    let mut item = Item::new(key);
    updates.iter().for_each(|(name, update)| update.apply(name, &mut item));
    world.edit(|table| table.put(item));
}

type Service = StepService<Env, Env, Trip>;

async fn messages(service: &Service, batch: Vec<Delivery>, context: &Context) -> FailedIds {
    let handle = async |message: Delivery| {
        let body = str::from_utf8(&message.body).unwrap_or_default();
        service.handle_message(body, context).await.is_err().then_some(message.id)
    };
    // Each on its own: a list of them is too large for an allocator to keep at hand.
    let all =
        futures_util::future::join_all(batch.into_iter().map(|message| Box::pin(handle(message)))).await;
    all.into_iter().flatten().collect()
}

async fn task(service: &Service, input: Json, context: &Context) -> Result<Json, TaskError> {
    let outcome = service.handle_task(&serde_json::from_value(input).unwrap(), context).await;
    outcome.map(|outcome| json!(outcome)).map_err(|error| TaskError::new(error.name(), error.to_string()))
}
