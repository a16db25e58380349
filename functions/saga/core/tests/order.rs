//! Another saga of the same library: what comes after the pivot is done in the end, never undone.

mod shop;

use std::collections::BTreeSet;

use self::shop::{Order, account, definition, stock, warehouse};
use crate::quiet::{calls_of, run};
use jiff::Timestamp;
use saga_core::context::{SagaContext, Style};
use saga_core::decide::OperatorResult;
use saga_core::decide::StepOutcome;
use saga_core::definition::asl;
use saga_core::definition::choreography::{Direction, subscriptions};
use saga_core::error::SagaError;
use saga_core::names::SagaId;
use saga_core::rows::{Partition, SagaData, SagaRow};
use saga_core::service::StepService;
use saga_core::state::SagaState;
use saga_core::steps::Steps;
use serde_json::Value;
use tenfold_ports::table::{Condition, Item, Key, Read, Write};
use tenfold_ports::{Carrier, Context, Table};
use tenfold_world::Env;

const RESERVE: usize = 0;
const CHARGE: usize = 1;
const SHIP: usize = 2;
const NOTIFY: usize = 3;

fn machine() -> Value {
    serde_json::from_str(&asl::machine(&definition(), "Order")).unwrap()
}

fn next<'a>(machine: &'a Value, state: &str) -> BTreeSet<&'a str> {
    let state = &machine["States"][state];
    let catchers = state["Catch"].as_array().into_iter().flatten().map(|c| &c["Next"]);
    catchers.chain([&state["Next"]]).filter_map(Value::as_str).collect()
}

#[test]
fn every_state_is_there_and_can_be_reached() {
    let machine = machine();
    let mut reached = BTreeSet::new();
    let mut open = vec![machine["StartAt"].as_str().unwrap()];
    while let Some(state) = open.pop() {
        assert!(machine["States"][state].is_object(), "{state}");
        if reached.insert(state) {
            open.extend(next(&machine, state));
        }
    }
    let all: BTreeSet<&str> = machine["States"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(reached, all);
}

#[test]
fn after_the_pivot_there_is_no_way_back() {
    let machine = machine();
    let mut path = vec![machine["StartAt"].as_str().unwrap()];
    while let Some(next) = machine["States"][path[path.len() - 1]]["Next"].as_str() {
        path.push(next);
    }
    assert_eq!(path, ["Do reserve", "Do charge", "Do ship", "Do notify"], "n steps, n transitions");
    assert_eq!(next(&machine, "Do ship"), BTreeSet::from(["Do notify", "Settle"]));
    assert_eq!(next(&machine, "Do notify"), BTreeSet::from(["Settle"]));
    assert!(machine["States"].get("Undo ship").is_none());
    // The pivot's answer was lost, but it was done: the saga goes on.
    assert_eq!(next(&machine, "Undo charge"), BTreeSet::from(["Do ship", "Report charge", "Undo reserve"]));
    assert_eq!(machine["States"]["Do ship"]["Resource"], "${OrderShipArn}");
    assert_eq!(machine["States"]["Do reserve"]["TimeoutSeconds"], 10);
    assert_eq!(machine["States"]["Do ship"]["Retry"][1]["MaxAttempts"], 50);
    let never = |state: &str| machine["States"][state]["Retry"][0]["ErrorEquals"].to_string();
    assert!(never("Do reserve").contains("StepRefused"));
    assert!(!never("Do ship").contains("StepRefused"), "after the pivot even a refusal is tried again");
}

#[test]
fn the_choreography_resumes_after_the_pivot() {
    let definition = definition();
    let events = |at, direction| -> Vec<String> {
        definition.events(at, direction).iter().map(ToString::to_string).collect()
    };
    assert_eq!(events(SHIP, Direction::Do), ["resumed", "charge.done"]);
    assert_eq!(events(NOTIFY, Direction::Do), ["ship.done"]);
    assert!(events(SHIP, Direction::Undo).is_empty() && events(NOTIFY, Direction::Undo).is_empty());
    assert_eq!(events(RESERVE, Direction::Undo), ["charge.failed", "charge.undone", "charge.stuck"]);
    assert!(subscriptions(&definition).contains("\"ship.done\""));
}

struct Bench {
    env: Env,
    steps: Steps<Env, Env, Order>,
}

fn context(round: u32, style: Style) -> SagaContext<Order> {
    let payload = Order { customer: "Ada".into(), sku: "pen".into(), quantity: 2, amount: 30 };
    SagaContext { saga: SagaId::of_key("a"), round, style, payload, carrier: Carrier::default() }
}

/// Ten pens, a customer with that much money, an open warehouse, and the saga `a`.
async fn bench(env: Env, balance: i64, style: Style) -> Bench {
    let put = |item| Write::Put { item, condition: Condition::Always };
    let SagaContext { saga, payload, carrier, .. } = context(0, style);
    let data = SagaData { style, payload, created: tenfold_ports::Clock::now(&env), carrier };
    for write in [
        put(Item::new(stock("pen")).with("free", 10)),
        put(Item::new(account("Ada")).with("balance", balance)),
        put(Item::new(warehouse()).with("open", true)),
        SagaRow::create(&definition(), saga, data),
    ] {
        env.write(write).await.unwrap();
    }
    let steps = Steps { table: env.clone(), runtime: env.clone(), definition: definition() };
    Bench { env, steps }
}

impl Bench {
    async fn number(&self, key: Key, name: &str) -> i64 {
        self.env.get(&key, Read::Consistent).await.unwrap().unwrap().number(name).unwrap()
    }

    async fn open(&self, open: bool) {
        let item = Item::new(warehouse()).with("open", open);
        self.env.write(Write::Put { item, condition: Condition::Always }).await.unwrap();
    }

    async fn part(&self) -> Partition<Order> {
        Partition::read(&self.env, &definition(), SagaId::of_key("a")).await.unwrap().unwrap()
    }

    async fn state(&self) -> SagaState {
        self.part().await.saga.state
    }

    /// The log entry of an event, as its message brings it to a service.
    async fn message(&self, step: &str, round: u32, event: &str) {
        let part = self.part().await;
        let entry = part.log.iter().find(|e| e.round == round && e.event.to_string() == event).unwrap();
        let service = StepService::new(self.env.clone(), self.env.clone(), definition(), step).unwrap();
        let context = Context::until(Timestamp::MAX);
        service.handle_message(&serde_json::to_string(entry).unwrap(), &context).await.unwrap();
    }
}

#[test]
fn four_steps_are_four_transactions_and_the_pivot_decides() {
    let calls = calls_of(|env| async move {
        let bench = bench(env, 100, Style::Orchestrated).await;
        for at in [RESERVE, CHARGE, SHIP, NOTIFY] {
            assert_eq!(
                bench.steps.perform(at, &context(0, Style::Orchestrated)).await,
                Ok(StepOutcome::Done)
            );
        }
        assert_eq!(bench.number(stock("pen"), "free").await, 8);
        assert_eq!(bench.number(account("Ada"), "balance").await, 70);
    });
    assert_eq!(calls.iter().filter(|call| **call == "table.transact").count(), 4);
    run(|env| async move {
        let bench = bench(env, 100, Style::Orchestrated).await;
        let context = context(0, Style::Orchestrated);
        for (at, state) in [
            (RESERVE, SagaState::Running),
            (CHARGE, SagaState::Committing),
            (SHIP, SagaState::Committing),
            (NOTIFY, SagaState::Committed),
        ] {
            bench.steps.perform(at, &context).await.unwrap();
            assert_eq!(bench.state().await, state);
        }
    });
}

#[test]
fn who_cannot_pay_gets_the_stock_back() {
    run(|env| async move {
        let bench = bench(env, 29, Style::Orchestrated).await;
        let context = context(0, Style::Orchestrated);
        bench.steps.perform(RESERVE, &context).await.unwrap();
        let SagaError::StepRefused { why, .. } = bench.steps.perform(CHARGE, &context).await.unwrap_err()
        else {
            panic!("refused")
        };
        assert_eq!(why, "Ada cannot pay 30");
        bench.steps.undo(RESERVE, &context).await.unwrap();
        assert_eq!(bench.state().await, SagaState::Compensated);
        assert_eq!(bench.number(stock("pen"), "free").await, 10);
    });
}

#[test]
fn what_cannot_be_shipped_is_stuck_and_goes_forward_when_retried() {
    run(|env| async move {
        let bench = bench(env, 100, Style::Orchestrated).await;
        let (first, later) = (context(0, Style::Orchestrated), context(1, Style::Orchestrated));
        bench.steps.perform(RESERVE, &first).await.unwrap();
        bench.steps.perform(CHARGE, &first).await.unwrap();
        bench.open(false).await;
        assert_eq!(bench.steps.perform(SHIP, &first).await.unwrap_err().name(), "StepRefused");
        assert_eq!(bench.state().await, SagaState::Committing, "there is no way back");
        assert_eq!(bench.steps.undo(CHARGE, &first).await.unwrap_err().name(), "SagaCommitted");
        assert_eq!(bench.steps.cancel(first.saga, &Carrier::default()).await, Ok(OperatorResult::PastPivot));
        assert_eq!(
            bench.steps.settle(first.saga, 0, &Carrier::default()).await.unwrap_err().name(),
            "SagaStuck"
        );
        assert_eq!(bench.steps.undo(RESERVE, &first).await.unwrap_err().name(), "SagaCommitted");

        bench.open(true).await;
        assert_eq!(
            bench.steps.perform(SHIP, &first).await.unwrap_err().name(),
            "SagaNotRunning",
            "a person decides"
        );
        assert_eq!(
            bench.steps.retry(first.saga, &Carrier::default()).await,
            Ok(OperatorResult::Accepted(SagaState::Committing))
        );
        // The new execution walks over what is done to what is not.
        for (at, outcome) in [
            (RESERVE, StepOutcome::AlreadyDone),
            (CHARGE, StepOutcome::AlreadyDone),
            (SHIP, StepOutcome::Done),
            (NOTIFY, StepOutcome::Done),
        ] {
            assert_eq!(bench.steps.perform(at, &later).await, Ok(outcome));
        }
        assert_eq!(bench.state().await, SagaState::Committed);
        assert_eq!(bench.number(account("Ada"), "balance").await, 70);
    });
}

#[test]
fn a_choreography_that_is_resumed_goes_on_by_its_events() {
    run(|env| async move {
        let bench = bench(env, 100, Style::Choreographed).await;
        bench.steps.perform(RESERVE, &context(0, Style::Choreographed)).await.unwrap();
        bench.message("charge", 0, "reserve.done").await;
        bench.message("ship", 0, "charge.done").await;
        // The event of the shipment was lost. In the next round it comes anew, without a second parcel.
        let later = SagaId::of_key("a");
        bench.steps.settle(later, 0, &Carrier::default()).await.unwrap_err();
        bench.steps.retry(later, &Carrier::default()).await.unwrap();
        bench.message("ship", 1, "resumed").await;
        bench.message("notify", 1, "ship.done").await;
        assert_eq!(bench.state().await, SagaState::Committed);
    });
}
