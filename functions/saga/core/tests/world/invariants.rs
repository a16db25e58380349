//! What must hold: of every change of a row, and when everything has come to its end. The numbers are those
//! of the pattern's README.

use saga_core::event::{LogEvent, StepEvent};
use saga_core::inventory::{Stock, StockKind};
use saga_core::names::{Name, SagaId};
use saga_core::rows::{LOG, LogEntry, SagaRow, StepRow, saga_key};
use saga_core::state::{SagaState, StepState};
use saga_core::trip::Trip;
use tenfold_ports::table::Item;
use tenfold_world::table::Items;
use tenfold_world::{RunOutcome, World};

use super::{STEPS, Stack, sagas, steps_of, stock};

/// What holds of every change of a row, whatever happens.
pub fn every_change(items: &Items, before: Option<&Item>, after: Option<&Item>) -> Result<(), String> {
    let Some(item) = after.or(before) else { return Ok(()) };
    match item.key.sk.as_str() {
        "saga" => saga_goes_its_way(before, after),
        "stock" => stock_is_conserved(before, after),
        sk if sk.starts_with("step#") => step_goes_its_way(items, before, after),
        sk if sk.starts_with(LOG) => log_only_grows(before, after),
        sk => Err(format!("a row of no known kind: {sk}")),
    }
}

/// 2 and 6: what is committed or compensated stays so, what is being undone is never committed.
fn saga_goes_its_way(before: Option<&Item>, after: Option<&Item>) -> Result<(), String> {
    let state = |item: &Item| SagaRow::<Trip>::read(item).map(|row| row.state).map_err(|e| e.to_string());
    let (before, after) = (before.map(state).transpose()?, after.map(state).transpose()?);
    let (Some(before), Some(after)) = (before, after) else {
        return if before.is_some() { Err("a saga's row is gone".to_owned()) } else { Ok(()) };
    };
    let may = match before {
        SagaState::Running => after != SagaState::Resolved,
        SagaState::Compensating => {
            matches!(after, SagaState::Compensating | SagaState::Compensated | SagaState::Stuck)
        }
        SagaState::Stuck => matches!(after, SagaState::Compensating | SagaState::Resolved),
        SagaState::Committing | SagaState::Committed | SagaState::Compensated | SagaState::Resolved => {
            after == before
        }
    };
    if may { Ok(()) } else { Err(format!("a saga went from {before} to {after}")) }
}

/// 5: never below zero, and nothing is made or lost.
fn stock_is_conserved(before: Option<&Item>, after: Option<&Item>) -> Result<(), String> {
    let read = |item: &Item| Stock::read(item).map_err(|e| e.to_string());
    let (Some(before), Some(after)) = (before.map(read).transpose()?, after.map(read).transpose()?) else {
        return Ok(());
    };
    if after.available < 0 || after.reserved < 0 {
        return Err(format!("inventory below zero: {after:?}"));
    }
    if before.available + before.reserved != after.available + after.reserved {
        return Err(format!("inventory went from {before:?} to {after:?}"));
    }
    Ok(())
}

/// 3 and 4: a step is done once at most and undone in its turn; what refuses it stays.
fn step_goes_its_way(items: &Items, before: Option<&Item>, after: Option<&Item>) -> Result<(), String> {
    let read = |item: &Item| StepRow::read(item).map(|row| row.state).map_err(|e| e.to_string());
    let Some(item) = after else { return Err("a step's row is gone".to_owned()) };
    let (before, after) = (before.map(read).transpose()?, read(item)?);
    let may = match before {
        None => after != StepState::Stuck,
        Some(StepState::Done) => matches!(after, StepState::Undone | StepState::Stuck),
        Some(StepState::Stuck) => matches!(after, StepState::Undone | StepState::Stuck),
        Some(StepState::Undone | StepState::Refused) => false,
    };
    if !may {
        return Err(format!("{} went from {before:?} to {after:?}", item.key));
    }
    if before == Some(StepState::Done) && after == StepState::Undone {
        let id = item.key.pk.strip_prefix("saga#").and_then(SagaId::parse).ok_or("a step of no saga")?;
        let step = item.key.sk.strip_prefix("step#").unwrap_or_default();
        let at = STEPS.iter().position(|known| *known == step).unwrap_or_default();
        let later = &steps_of(items, id)[at + 1..];
        if later.contains(&Some(StepState::Done)) {
            return Err(format!("{step} was undone while a later step was done: {later:?}"));
        }
    }
    Ok(())
}

/// 7: what is in the log stays there as it is.
fn log_only_grows(before: Option<&Item>, after: Option<&Item>) -> Result<(), String> {
    match (before, after) {
        (Some(before), after) if after != Some(before) => Err(format!("{} was changed", before.key)),
        (Some(before), _) => Err(format!("{} was written twice", before.key)),
        _ => Ok(()),
    }
}

/// What holds when nothing moves any more.
pub fn at_the_end(world: &World, stack: Stack) -> RunOutcome {
    let letters = stack.letters(world);
    for saga in sagas(world) {
        let steps = world.table(|table| steps_of(table, saga.id));
        let all = |state| steps.iter().all(|step| *step == Some(state));
        let any = |state| steps.contains(&Some(state));
        let well = match saga.state {
            SagaState::Committed => all(StepState::Done),
            // 4: each step has a row that refuses a late one.
            SagaState::Compensated => steps.iter().all(|step| step.is_some_and(StepState::is_final)),
            SagaState::Stuck => any(StepState::Stuck) || any(StepState::Done),
            SagaState::Resolved => true,
            SagaState::Running | SagaState::Committing | SagaState::Compensating => false,
        };
        if !well {
            return Err(format!("saga {} ended {} with its steps {steps:?}", saga.id, saga.state).into());
        }
        // 1: somebody was told.
        let id = saga.id.to_string();
        if saga.state == SagaState::Stuck && !letters.iter().any(|letter| letter.contains(&id)) {
            return Err(format!("saga {id} is stuck, and nobody was told").into());
        }
    }
    log_holds_every_transition(world)?;
    reserved_is_what_is_done(world)
}

/// 7: whatever a row says has happened is in the log.
fn log_holds_every_transition(world: &World) -> RunOutcome {
    for saga in sagas(world) {
        let partition = world.table(|table| {
            table.all().filter(|item| item.key.pk == saga_key(saga.id).pk).cloned().collect::<Vec<_>>()
        });
        let log = partition.iter().filter(|item| item.key.sk.starts_with(LOG));
        let log: Vec<LogEntry<Trip>> = log.map(|item| LogEntry::read(item).unwrap()).collect();
        let logged = |event: LogEvent| log.iter().any(|entry| entry.event == event);
        // In its latest round: only that one ends a saga.
        if !log.iter().any(|entry| entry.round == saga.round && entry.state == Some(saga.state)) {
            let (id, state, round) = (saga.id, saga.state, saga.round);
            return Err(
                format!("saga {id} is {state} in round {round}, and its log knows nothing of it").into()
            );
        }
        for item in &partition {
            let Some(step) = item.key.sk.strip_prefix("step#") else { continue };
            let (step, row) = (Name::parse(step).unwrap(), StepRow::read(item).unwrap());
            let happened: &[StepEvent] = match row.state {
                StepState::Done => &[StepEvent::Done],
                StepState::Refused => &[StepEvent::Failed],
                StepState::Stuck => &[StepEvent::Done, StepEvent::Stuck],
                StepState::Undone if row.data.item.is_some() => &[StepEvent::Done, StepEvent::Undone],
                // It was never done, and never will be.
                StepState::Undone => &[],
            };
            for event in happened {
                if !logged(LogEvent::of(&step, *event)) {
                    return Err(format!("the log of saga {} has no {step}.{}", saga.id, event.name()).into());
                }
            }
        }
    }
    Ok(())
}

/// 5: what is reserved is what steps have done and not undone.
fn reserved_is_what_is_done(world: &World) -> RunOutcome {
    let sagas = sagas(world);
    for (at, kind) in StockKind::ALL.into_iter().enumerate() {
        let holds = |saga: &&SagaRow<Trip>| {
            let step = world.table(|table| steps_of(table, saga.id))[at];
            matches!(step, Some(StepState::Done | StepState::Stuck))
        };
        let (held, stock) = (sagas.iter().filter(holds).count() as i64, stock(world, kind));
        if held != stock.reserved {
            return Err(
                format!("{held} sagas hold a {}, and the inventory says {stock:?}", kind.name()).into()
            );
        }
    }
    Ok(())
}
