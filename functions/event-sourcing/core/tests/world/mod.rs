//! What the runs in the world have in common: wiring, what comes in, and settling.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "test code, which Clippy does not see in an included module")]

pub mod invariants;
pub mod workloads;

use std::rc::Rc;

use event_sourcing_core::aggregate::Aggregate;
use event_sourcing_core::command_service::CommandService;
use event_sourcing_core::event_processor::{CommitNotice, EventProcessor};
use event_sourcing_core::execute::Commands;
use event_sourcing_core::log::commit::version_of;
use event_sourcing_core::log::{Commit, CommitMeta, History, codec};
use event_sourcing_core::names::{AggregateName, CommandId};
use event_sourcing_core::order::{OrderEvent, OrderLine, ShopOrder};
use event_sourcing_core::projection::Projection;
use event_sourcing_core::projection::control::{Control, ControlRow, control_key};
use event_sourcing_core::projection::orders::{OrderTable, Orders};
use event_sourcing_core::projection_manager::{BuildState, ProjectionManager};
use jiff::{SignedDuration, Timestamp};
use tenfold_ports::stream::Record;
use tenfold_ports::{Carrier, Clock, Context};
use tenfold_world::stream::MappingSettings;
use tenfold_world::{Env, FailedIds, RunOutcome, World, request};

/// How many segments a pass over the log has.
const SEGMENTS: u32 = 1;
/// How long an invocation may take.
const INVOCATION: SignedDuration = SignedDuration::from_secs(60);

/// What a command was answered: its name, the status and the version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Answered {
    /// The command's id, or its name.
    pub command: String,
    /// The status.
    pub status: u16,
    /// The version; none where it was not carried out.
    pub version: Option<u64>,
    /// The body.
    pub body: String,
}

pub fn order(id: &str) -> AggregateName {
    AggregateName::parse(ShopOrder::KIND, id).unwrap()
}

pub const PLACE: &str =
    r#"{"customer":"ada","currency":"EUR","lines":[{"sku":"book","quantity":1,"unitPrice":700}]}"#;

/// Wires the command service and the log.
pub fn log(world: &World) {
    world.limit_time("commands", SignedDuration::from_secs(29));
    world.edit(|table| table.watch(invariants::every_change));
}

/// Wires the stack.
pub fn stack(world: &World) {
    log(world);
    world.limit_time("orders", INVOCATION);
    let settings = MappingSettings { batch: 10, bisect: true, ..Default::default() };
    world.follow(settings, "orders", processed);
}

/// As [`stack`], where who brings views up has known since the begin that nothing is being built.
pub fn stack_that_knows(world: &World) {
    log(world);
    let settings = MappingSettings { batch: 10, bisect: true, ..Default::default() };
    let since = world.now();
    world.follow(settings, "orders", move |env, records| {
        let known = processor(&env).knowing(since, Control::default());
        taken_in(known, records)
    });
}

async fn processed(env: Env, records: Vec<Rc<Record>>) -> FailedIds {
    taken_in(processor(&env), records).await
}

async fn taken_in(processor: Processor, records: Vec<Rc<Record>>) -> FailedIds {
    let changes = records.iter().filter_map(|record| {
        let name = AggregateName::of_partition(&record.key.pk)?;
        let version = version_of(&record.key.sk)?;
        Some(CommitNotice { id: record.sequence.clone(), name, version })
    });
    let changes: Vec<CommitNotice> = changes.collect();
    processor.handle::<Orders>(&changes).await.into_iter().collect()
}

type Processor = EventProcessor<Env, OrderTable<Env>, Env, Env>;

fn processor(env: &Env) -> Processor {
    EventProcessor::new(env.clone(), OrderTable(env.clone()), env.clone(), env.clone())
}

fn manager(env: &Env) -> ProjectionManager<Env, Env, Env> {
    ProjectionManager { log: env.clone(), control: env.clone(), runtime: env.clone(), segments: SEGMENTS }
}

/// Somebody asks for a rebuild of the orders.
pub fn rebuild(world: &World) {
    world.spawn("manager", "rebuild", |env, _| async move {
        _ = manager(&env).begin(Orders::NAME).await;
    });
}

/// One run of the schedule: a look, and a step of each part that is to go on.
pub fn tick(world: &World) {
    world.spawn("manager", "tick", |env, _| async move {
        let manager = manager(&env);
        let Ok(BuildState::GoOn(parts)) = manager.look(Orders::NAME).await else { return };
        for part in parts {
            let context = Context::until(env.now() + INVOCATION);
            _ = manager.step::<Orders, _>(&OrderTable(env.clone()), part, &context).await;
        }
    });
}

/// Lets the schedule run until nothing is built any more.
pub fn build(world: &World) -> RunOutcome {
    let due = |world: &World| {
        let control = control(world);
        control.building.map(|building| world.now().max(building.since) + SignedDuration::from_secs(61))
    };
    world.settle(due, tick, "a generation is built for ever")
}

/// What the projection's row says.
pub fn control(world: &World) -> Control {
    world.table(|table| ControlRow::read(table.get(&control_key(Orders::NAME))).unwrap().control)
}

/// One command, with an id where that is not empty.
pub fn command(
    world: &World,
    id: &'static str,
    command: &'static str,
    command_id: &'static str,
    body: &'static str,
) {
    command_if(world, (id, command, command_id, body, ""));
}

/// One command, of a version where that is not empty.
pub fn command_if(
    world: &World,
    input: (&'static str, &'static str, &'static str, &'static str, &'static str),
) {
    world.spawn("commands", input, |env, (id, command, command_id, body, version)| async move {
        let mut request = request("POST", &format!("/orders/{id}/commands/{command}"), body.to_owned());
        if !command_id.is_empty() {
            request.headers.push(("command-id".into(), command_id.into()));
        }
        if !version.is_empty() {
            request.headers.push(("if-match".into(), version.into()));
        }
        let service = CommandService { commands: Commands::new(env.clone(), env.clone()) };
        let response = service.handle(&request, &Context::until(env.now() + INVOCATION)).await;
        let body = String::from_utf8(response.body.to_vec()).unwrap();
        let version = serde_json::from_str::<serde_json::Value>(&body).unwrap()["version"].as_u64();
        let name = if command_id.is_empty() { command } else { command_id };
        env.report(Answered { command: name.to_owned(), status: response.status, version, body });
        service.tend().await;
    });
}

/// Ends a run: in quiescence, all that the stream tells of is worked off. Then what must hold.
pub fn finish(world: &World, also: impl Fn(&World) -> RunOutcome) -> RunOutcome {
    if world.settled_before() {
        return Ok(());
    }
    world.quiesce();
    world.run()?;
    build(world)?;
    invariants::at_the_end(world)?;
    also(world)
}

/// A commit as it was made by somebody before the run.
pub fn written(world: &World, id: &str, events: Vec<u8>, command: Option<&str>) {
    let name = order(id);
    let (version, before) = head(world, &name);
    let commit = committed(&name, (version + 1, &before), events, command);
    world.edit(|table| table.put(commit.item(&name)));
}

/// A commit of before the run.
pub fn committed(
    name: &AggregateName,
    (version, before): (u64, &[u8]),
    events: Vec<u8>,
    command: Option<&str>,
) -> Commit {
    let meta = CommitMeta {
        id: version,
        at: Timestamp::UNIX_EPOCH,
        command: command.map(|id| CommandId(id.into())),
        digest: None,
        causation: None,
        actor: None,
        carrier: Carrier::default(),
    };
    Commit::new(name, (version, before), meta, events).unwrap()
}

/// Events as they are stored.
pub fn encoded(events: &[OrderEvent]) -> Vec<u8> {
    codec::encode(events).unwrap()
}

pub fn placed() -> OrderEvent {
    let lines = vec![OrderLine { sku: "book".into(), quantity: 1, unit_price: 700 }];
    OrderEvent::Placed { customer: "ada".into(), currency: "EUR".into(), lines, note: None }
}

pub fn added() -> OrderEvent {
    OrderEvent::LineAdded { line: OrderLine { sku: "pen".into(), quantity: 1, unit_price: 100 } }
}

/// The commits of an order, the oldest first.
pub fn commits(world: &World, name: &AggregateName) -> Vec<Commit> {
    world.table(|table| {
        let of_order = table.all().filter(|item| item.key.pk == name.partition());
        let mut commits: Vec<_> = of_order
            .filter(|item| version_of(&item.key.sk).is_some())
            .map(|item| Commit::read(item).unwrap())
            .collect();
        commits.sort_by_key(|commit| commit.version);
        commits
    })
}

fn head(world: &World, name: &AggregateName) -> (u64, Vec<u8>) {
    commits(world, name).last().map_or((0, Vec::new()), |last| (last.version, last.hash.to_vec()))
}

/// An order as its log makes it.
pub fn folded(world: &World, id: &str) -> History<ShopOrder> {
    let mut history = History::empty(order(id));
    for commit in commits(world, &order(id)) {
        history.take(commit).unwrap();
    }
    history
}
