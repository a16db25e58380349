//! Steps on the rows, one call after the other: what each leaves behind, and what a repeated, late or early
//! one finds. What crashes and races do is explored in the world.

use saga_core::context::{SagaContext, Style};
use saga_core::decide::StepOutcome;
use saga_core::definition::Definition;
use saga_core::error::SagaError;
use saga_core::inventory::{Releases, Stock, StockId, StockKind, stock_key};
use saga_core::names::SagaId;
use saga_core::rows::{Partition, SagaData, SagaRow};
use saga_core::state::{SagaState, StepState};
use saga_core::steps::Steps;
use saga_core::trip::{self, Trip};
use tenfold_ports::{Carrier, Table};
use tenfold_world::Env;

const FLIGHT: usize = 0;
const HOTEL: usize = 1;
const CAR: usize = 2;

fn definition() -> Definition<Trip> {
    trip::definition().unwrap()
}

fn id(text: &str) -> StockId {
    StockId::parse(text).unwrap()
}

fn context(key: &str, round: u32) -> SagaContext<Trip> {
    let day = "2030-01-01".parse().unwrap();
    let payload =
        Trip { traveller: "Ada".into(), flight: id("F"), hotel: id("H"), car: id("C"), from: day, to: day };
    SagaContext {
        saga: SagaId::of_key(key),
        round,
        style: Style::Choreographed,
        payload,
        carrier: Carrier::default(),
    }
}

/// One invocation in a world with two of each kind and the sagas `a` and `b`; gives the calls that it made.
fn quietly<F: Future<Output = ()> + 'static>(body: impl Fn(Shop) -> F + Copy + 'static) -> Vec<&'static str> {
    let mut calls = crate::quiet::calls_of(move |env| async move {
        for (kind, stock) in [(StockKind::Flight, "F"), (StockKind::Hotel, "H"), (StockKind::Car, "C")] {
            env.write(Stock::put(kind, &id(stock), 2, Releases::Accepted)).await.unwrap();
        }
        for key in ["a", "b"] {
            let SagaContext { saga, style, payload, carrier, .. } = context(key, 0);
            let data = SagaData { style, payload, created: tenfold_ports::Clock::now(&env), carrier };
            env.write(SagaRow::create(&definition(), saga, data)).await.unwrap();
        }
        let steps = Steps { table: env.clone(), runtime: env.clone(), definition: definition() };
        body(Shop { env, steps }).await;
    });
    calls.split_off(5)
}

struct Shop {
    env: Env,
    steps: Steps<Env, Env, Trip>,
}

impl Shop {
    async fn perform(&self, at: usize, context: &SagaContext<Trip>) -> Result<StepOutcome, SagaError> {
        self.steps.perform(at, context).await
    }

    async fn undo(&self, at: usize, context: &SagaContext<Trip>) -> Result<StepOutcome, SagaError> {
        self.steps.undo(at, context).await
    }

    async fn read(&self, key: &str) -> Partition<Trip> {
        Partition::read(&self.env, &definition(), SagaId::of_key(key)).await.unwrap().unwrap()
    }

    async fn stock(&self, kind: StockKind, name: &str) -> (i64, i64) {
        let read = tenfold_ports::table::Read::Consistent;
        let item = self.env.get(&stock_key(kind, &id(name)), read).await.unwrap().unwrap();
        let stock = Stock::read(&item).unwrap();
        (stock.available, stock.reserved)
    }

    async fn put(&self, kind: StockKind, name: &str, available: i64, releases: Releases) {
        self.env.write(Stock::put(kind, &id(name), available, releases)).await.unwrap();
    }

    async fn states(&self, key: &str) -> (SagaState, Vec<Option<StepState>>) {
        let part = self.read(key).await;
        (part.saga.state, (0..3).map(|at| part.state(at)).collect())
    }
}

#[test]
fn three_steps_are_three_transactions_and_no_read() {
    let calls = quietly(|shop| async move {
        for at in [FLIGHT, HOTEL, CAR] {
            assert_eq!(shop.perform(at, &context("a", 0)).await, Ok(StepOutcome::Done));
        }
    });
    assert_eq!(calls, ["table.transact"; 3]);
}

#[test]
fn a_step_that_comes_twice_has_one_effect() {
    quietly(|shop| async move {
        let context = context("a", 0);
        for at in [FLIGHT, HOTEL, CAR] {
            assert_eq!(shop.perform(at, &context).await, Ok(StepOutcome::Done));
            assert_eq!(shop.perform(at, &context).await, Ok(StepOutcome::AlreadyDone));
        }
        assert_eq!(shop.stock(StockKind::Car, "C").await, (1, 1));
        let part = shop.read("a").await;
        assert_eq!((part.saga.state, part.saga.wake), (SagaState::Committed, None));
        let events: Vec<String> = part.log.iter().map(|e| e.event.to_string()).collect();
        assert_eq!(events, ["car.done", "flight.done", "hotel.done"]);
    });
}

#[test]
fn a_committed_saga_is_not_undone() {
    quietly(|shop| async move {
        let context = context("a", 0);
        for at in [FLIGHT, HOTEL, CAR] {
            shop.perform(at, &context).await.unwrap();
        }
        for at in [CAR, HOTEL, FLIGHT] {
            assert_eq!(shop.undo(at, &context).await, Err(SagaError::SagaCommitted(context.saga)));
        }
        assert_eq!(shop.stock(StockKind::Flight, "F").await, (1, 1));
    });
}

#[test]
fn a_refusal_turns_the_saga_around_and_is_for_good() {
    quietly(|shop| async move {
        shop.put(StockKind::Hotel, "H", 0, Releases::Accepted).await;
        let context = context("a", 0);
        shop.perform(FLIGHT, &context).await.unwrap();
        let why = "hotel H is sold out".to_owned();
        let step = definition().steps()[HOTEL].name.clone();
        let refused = SagaError::StepRefused { saga: context.saga, step, why };
        assert_eq!(shop.perform(HOTEL, &context).await, Err(refused.clone()));
        // There is room by now, but a late copy of the step must not take it.
        shop.put(StockKind::Hotel, "H", 1, Releases::Accepted).await;
        assert_eq!(shop.perform(HOTEL, &context).await, Err(refused));
        assert_eq!(shop.undo(FLIGHT, &context).await, Ok(StepOutcome::Undone));
        let tombstones = vec![Some(StepState::Undone), Some(StepState::Refused), Some(StepState::Undone)];
        assert_eq!(shop.states("a").await, (SagaState::Compensated, tombstones));
        assert_eq!(shop.stock(StockKind::Hotel, "H").await, (1, 0));
        assert_eq!(shop.stock(StockKind::Flight, "F").await, (2, 0));
    });
}

#[test]
fn what_is_refused_first_leaves_nothing_to_undo() {
    quietly(|shop| async move {
        shop.put(StockKind::Flight, "F", 0, Releases::Accepted).await;
        let error = shop.perform(FLIGHT, &context("a", 0)).await.unwrap_err();
        assert_eq!(error.name(), "StepRefused");
        assert_eq!(shop.states("a").await.0, SagaState::Compensated);
        assert_eq!(shop.steps.settle(SagaId::of_key("a"), 0, &Carrier::default()).await, Ok(()));
    });
}

#[test]
fn an_undo_before_its_step_refuses_it_for_ever() {
    quietly(|shop| async move {
        let context = context("a", 0);
        for at in [CAR, HOTEL, FLIGHT] {
            assert_eq!(shop.undo(at, &context).await, Ok(StepOutcome::Undone));
            assert_eq!(shop.undo(at, &context).await, Ok(StepOutcome::AlreadyUndone));
            assert_eq!(shop.perform(at, &context).await, Err(SagaError::SagaNotRunning(context.saga)));
        }
        assert_eq!(shop.states("a").await, (SagaState::Compensated, vec![Some(StepState::Undone); 3]));
        assert_eq!(shop.stock(StockKind::Flight, "F").await, (2, 0));
    });
}

#[test]
fn a_step_that_cannot_be_undone_is_stuck_and_those_before_it_are_undone() {
    quietly(|shop| async move {
        let context = context("a", 0);
        shop.perform(FLIGHT, &context).await.unwrap();
        shop.perform(HOTEL, &context).await.unwrap();
        shop.put(StockKind::Hotel, "H", 2, Releases::Refused).await;
        shop.undo(CAR, &context).await.unwrap();
        for _ in 0..2 {
            assert_eq!(shop.undo(HOTEL, &context).await.unwrap_err().name(), "UndoRefused");
        }
        assert_eq!(shop.states("a").await.0, SagaState::Compensating);
        shop.undo(FLIGHT, &context).await.unwrap();
        let states = vec![Some(StepState::Undone), Some(StepState::Stuck), Some(StepState::Undone)];
        assert_eq!(shop.states("a").await, (SagaState::Stuck, states));
        assert_eq!(
            shop.steps.settle(context.saga, 0, &Carrier::default()).await.unwrap_err().name(),
            "SagaStuck"
        );
    });
}

#[test]
fn the_end_waits_for_a_step_that_nobody_has_tried_to_undo() {
    quietly(|shop| async move {
        let context = context("a", 0);
        shop.perform(FLIGHT, &context).await.unwrap();
        shop.perform(HOTEL, &context).await.unwrap();
        // The undo of the hotel never came through.
        shop.undo(CAR, &context).await.unwrap();
        shop.undo(FLIGHT, &context).await.unwrap();
        assert_eq!(shop.states("a").await.0, SagaState::Compensating);
        let error = shop.steps.settle(context.saga, 0, &Carrier::default()).await.unwrap_err();
        assert_eq!(error.name(), "SagaStuck");
    });
}

#[test]
fn a_late_chain_of_an_earlier_round_does_not_end_the_saga() {
    quietly(|shop| async move {
        let early = context("a", 0);
        shop.perform(FLIGHT, &early).await.unwrap();
        shop.perform(HOTEL, &early).await.unwrap();
        shop.put(StockKind::Hotel, "H", 2, Releases::Refused).await;
        shop.undo(CAR, &early).await.unwrap();
        shop.undo(HOTEL, &early).await.unwrap_err();
        assert_eq!(
            shop.steps.settle(early.saga, 0, &Carrier::default()).await.unwrap_err().name(),
            "SagaStuck"
        );
        shop.steps.retry(early.saga, &Carrier::default()).await.unwrap();
        // The end of the first chain comes only now. The hotel may be given back in this round.
        assert_eq!(shop.undo(FLIGHT, &early).await, Ok(StepOutcome::Undone));
        assert_eq!(shop.states("a").await.0, SagaState::Compensating);
        shop.put(StockKind::Hotel, "H", 2, Releases::Accepted).await;
        let later = context("a", 1);
        shop.undo(CAR, &later).await.unwrap();
        shop.undo(HOTEL, &later).await.unwrap();
        assert_eq!(shop.undo(FLIGHT, &later).await, Ok(StepOutcome::AlreadyUndone));
        assert_eq!(shop.states("a").await.0, SagaState::Compensated);
    });
}

#[test]
fn a_new_round_does_not_begin_to_do_what_is_to_be_undone() {
    quietly(|shop| async move {
        shop.undo(CAR, &context("a", 0)).await.unwrap();
        let later = context("a", 1);
        assert_eq!(shop.perform(FLIGHT, &later).await, Err(SagaError::SagaNotRunning(later.saga)));
    });
}

#[test]
fn two_sagas_share_what_there_is() {
    quietly(|shop| async move {
        shop.put(StockKind::Car, "C", 1, Releases::Accepted).await;
        let (a, b) = (context("a", 0), context("b", 0));
        for at in [FLIGHT, HOTEL] {
            shop.perform(at, &a).await.unwrap();
            shop.perform(at, &b).await.unwrap();
        }
        assert_eq!(shop.perform(CAR, &b).await, Ok(StepOutcome::Done));
        assert_eq!(shop.perform(CAR, &a).await.unwrap_err().name(), "StepRefused");
        shop.undo(HOTEL, &a).await.unwrap();
        shop.undo(FLIGHT, &a).await.unwrap();
        assert_eq!(
            (shop.states("a").await.0, shop.states("b").await.0),
            (SagaState::Compensated, SagaState::Committed)
        );
        for (kind, name) in [(StockKind::Flight, "F"), (StockKind::Hotel, "H")] {
            assert_eq!(shop.stock(kind, name).await, (1, 1));
        }
        assert_eq!(shop.stock(StockKind::Car, "C").await, (0, 1));
    });
}

#[test]
fn a_saga_that_does_not_exist_is_not_begun() {
    quietly(|shop| async move {
        let nobody = context("nobody", 0);
        assert_eq!(shop.perform(FLIGHT, &nobody).await, Err(SagaError::UnknownSaga(nobody.saga)));
        assert_eq!(shop.undo(CAR, &nobody).await, Err(SagaError::UnknownSaga(nobody.saga)));
        assert_eq!(shop.stock(StockKind::Flight, "F").await, (2, 0));
    });
}
