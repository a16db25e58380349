//! What must hold: of every change of a row, and of every end.

use circuit_breaker_core::decide::breaker::Breaker;
use circuit_breaker_core::rows::{BreakerRow, EXPIRES, RequestRow, RequestStatus, StoredBody};
use jiff::Timestamp;
use tenfold_ports::table::{Item, Key};
use tenfold_world::World;
use tenfold_world::table::Items;

use super::{Answered, Stack, answers, rows};

/// What holds of every change of a row, whatever happens.
pub fn every_change(items: &Items, before: Option<&Item>, after: Option<&Item>) -> Result<(), String> {
    what_may_be_sent_has_its_body(items, before, after)?;
    let (Some(before), Some(after)) = (before, after) else { return Ok(()) };
    epochs_only_grow(before, after)?;
    delivered_is_final(before, after)?;
    dead_comes_back_by_hand_only(before, after)
}

/// A request that waits or is dead has its body, for as long as it may be needed: when its row is written, and when the
/// body's item is changed or deleted.
fn what_may_be_sent_has_its_body(
    items: &Items,
    before: Option<&Item>,
    after: Option<&Item>,
) -> Result<(), String> {
    let Some(changed) = after.or(before).filter(|item| item.key.pk.starts_with("request#")) else {
        return Ok(());
    };
    let row = items.get(&Key::new(changed.key.pk.clone(), "-")).map(|item| RequestRow::read(item).unwrap());
    let Some(row) = row else { return Ok(()) };
    let StoredBody::Apart(until) = row.body else { return Ok(()) };
    let item = items
        .get(&row.body_key())
        .ok_or_else(|| format!("{} is {:?} without its body", row.id, row.status))?;
    let kept = Timestamp::from_second(item.number(EXPIRES).unwrap()).unwrap();
    if kept < until || until.as_second() < row.body_needed().as_second() {
        return Err(format!("{} is {:?}, and its body is kept until {kept} only", row.id, row.status));
    }
    Ok(())
}

/// The epoch never shrinks, and grows with every change of state.
fn epochs_only_grow(before: &Item, after: &Item) -> Result<(), String> {
    let (Some(old), Some(new)) = (breaker_of(before), breaker_of(after)) else { return Ok(()) };
    let (last, was, epoch, is) = (old.epoch, old.state.name(), new.epoch, new.state.name());
    if epoch < last || (epoch == last && was != is) {
        return Err(format!("{} went from {was} in epoch {last} to {is} in {epoch}", after.key));
    }
    if was == "open" && is == "closed" {
        return Err(format!("{} went from open to closed without a probe", after.key));
    }
    Ok(())
}

/// What the target has answered is never queued, tried or given up again.
fn delivered_is_final(before: &Item, after: &Item) -> Result<(), String> {
    let status = |item: &Item| item.text("status").ok().cloned().unwrap_or_default();
    if before.key.pk.starts_with("request#") && status(before) == "delivered" {
        return Err(format!("{} was delivered and then written over as {}", before.key, status(after)));
    }
    Ok(())
}

/// What is dead is queued again or discarded by a person, and by nobody else.
fn dead_comes_back_by_hand_only(before: &Item, after: &Item) -> Result<(), String> {
    let status = |item: &Item| item.text("status").ok().cloned().unwrap_or_default();
    let goes_on = matches!(status(after).as_str(), "queued" | "dead");
    if before.key.pk.starts_with("request#") && status(before) == "dead" && !goes_on {
        return Err(format!("{} was dead and then written over as {}", before.key, status(after)));
    }
    Ok(())
}

/// Every 202 ends delivered or dead, never both and never lost, and what is delivered had its effect.
pub fn promises_are_kept(world: &World, stack: &Stack) -> Result<(), String> {
    let rows = rows(world);
    for Answered(key, status) in answers(world).iter().filter(|answer| answer.1 == 202) {
        let row = rows.iter().find(|r| r.data.key == key.as_str());
        let row = row.ok_or_else(|| format!("{key} was promised ({status}) and is lost"))?;
        let effects = world.service(|s| s.effects.iter().filter(|e| *e == key).count());
        match row.status {
            RequestStatus::Delivered
                if row.data.answer.as_ref().is_some_and(|a| a.status == 200) && effects == 0 =>
            {
                return Err(format!("{key} is called delivered, and the target never had it"));
            }
            RequestStatus::Delivered
                if row.data.answer.as_ref().is_none_or(|a| !(200..300).contains(&a.status)) =>
            {
                return Err(format!("{key} is called delivered, and the target refused it"));
            }
            RequestStatus::Delivered => {}
            // Nobody is told of what somebody has done.
            RequestStatus::Dead if row.data.dismissed.is_some() => {}
            RequestStatus::Dead => {
                let id = row.id.to_string();
                if stack.dead_letters(world, |letters| !letters.iter().any(|l| l.contains(&id))) {
                    return Err(format!("{key} is dead without a dead letter"));
                }
            }
            other => return Err(format!("{key} was promised and ended {other:?}")),
        }
    }
    Ok(())
}

/// The breaker that an item holds.
fn breaker_of(item: &Item) -> Option<Breaker> {
    item.key.pk.starts_with("breaker#").then(|| BreakerRow::read(item).unwrap().breaker)
}
