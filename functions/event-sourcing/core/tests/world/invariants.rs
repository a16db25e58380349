//! What must hold: of every change of a row, and when everything has come to its end.

use std::collections::BTreeSet;

use event_sourcing_core::log::codec;
use event_sourcing_core::log::commit::{Commit, commit_key, version_of};
use event_sourcing_core::names::AggregateName;
use event_sourcing_core::order::OrderEvent;
use event_sourcing_core::projection::Projection;
use event_sourcing_core::projection::control::{ControlRow, control_key};
use event_sourcing_core::projection::orders::{OrderView, Orders};
use event_sourcing_core::projection::parked::ParkedRow;
use event_sourcing_core::projection::view::At;
use jiff::Timestamp;
use tenfold_ports::table::Item;
use tenfold_world::table::Items;
use tenfold_world::{RunOutcome, World};

use super::{Answered, commits};

/// What holds of every change of a row, whatever happens.
pub fn every_change(items: &Items, before: Option<&Item>, after: Option<&Item>) -> Result<(), String> {
    let Some(item) = after.or(before) else { return Ok(()) };
    if item.key.pk.starts_with("order#") {
        return log_only_grows(items, before, after);
    }
    if item.key.pk.starts_with("orders#") {
        return view_is_the_fold(items, before, after);
    }
    Ok(())
}

/// 1: nothing in the log is changed or deleted, and versions are gapless.
fn log_only_grows(items: &Items, before: Option<&Item>, after: Option<&Item>) -> Result<(), String> {
    let Some(after) = after else { return Err("a row of the log is gone".to_owned()) };
    if before.is_some() {
        return Err(format!("{} was written over", after.key));
    }
    let Some(version) = version_of(&after.key.sk) else { return Ok(()) };
    let name = AggregateName::of_partition(&after.key.pk).ok_or("a commit of no aggregate")?;
    let hash = if version == 1 {
        Vec::new()
    } else {
        let before = items.get(&commit_key(&name, version - 1)).ok_or("a commit without the one before")?;
        Commit::read(before).map_err(|e| e.to_string())?.hash.to_vec()
    };
    let commit = Commit::read(after).map_err(|e| e.to_string())?;
    if commit.is_sound(&name, &hash) { Ok(()) } else { Err("the chain is broken".to_owned()) }
}

/// 2: a view is what the log makes of it, up to the version that it has seen, and goes on only.
fn view_is_the_fold(items: &Items, before: Option<&Item>, after: Option<&Item>) -> Result<(), String> {
    let Some(after) = after else { return Err("a view is gone".to_owned()) };
    let seen = |item: &Item| item.number("version").map_err(|e| e.to_string());
    let version = seen(after)?;
    if let Some(before) = before
        && seen(before)? > version
    {
        return Err(format!("{} went back to {version}", after.key));
    }
    let id = after.key.pk.rsplit('#').next().unwrap_or_default();
    let name = super::order(id);
    let mut view = OrderView::default();
    for version in 1..=version.unsigned_abs() {
        let item = items.get(&commit_key(&name, version)).ok_or("a view has seen what is not there")?;
        let commit = Commit::read(item).map_err(|e| e.to_string())?;
        let at = At { name: &name, version, at: commit.meta.at };
        let events = codec::decode::<OrderEvent>(&commit.events).map_err(|e| e.to_string())?;
        events.iter().try_for_each(|event| Orders::apply(&mut view, event, at)).map_err(|e| e.to_string())?;
    }
    let kept: OrderView = after.doc().map_err(|e| e.to_string())?;
    if kept == view { Ok(()) } else { Err(format!("the view is {kept:?} and the log makes {view:?}")) }
}

/// What holds when nothing is left to do.
pub fn at_the_end(world: &World) -> RunOutcome {
    let parked: Vec<ParkedRow> = world.table(|table| {
        let rows = table.all().filter(|item| item.key.pk.starts_with("parked#"));
        rows.map(|item| ParkedRow::read(item).unwrap()).collect()
    });
    let has_views = world.table(|table| table.all().any(|item| item.key.pk.starts_with("orders#")));
    for name in names(world).into_iter().filter(|_| has_views) {
        let log = commits(world, &name);
        let head = log.last().map_or(0, |last| last.version);
        let seen = seen(world, &name);
        match parked.iter().find(|row| row.name == name) {
            Some(row) if seen + 1 == row.from => {}
            // Of what was there before the run no stream tells.
            None if log
                .iter()
                .all(|commit| commit.version <= seen || commit.meta.at == Timestamp::UNIX_EPOCH) => {}
            _ => return Err(format!("{name} has version {head}, and its view has seen {seen}").into()),
        }
        one_commit_a_command(&log)?;
    }
    answers_are_true(world)
}

fn names(world: &World) -> BTreeSet<AggregateName> {
    world.table(|table| {
        let commits = table.all().filter(|item| version_of(&item.key.sk).is_some());
        commits.filter_map(|item| AggregateName::of_partition(&item.key.pk)).collect()
    })
}

/// The version that an order's view has seen.
pub fn seen(world: &World, name: &AggregateName) -> u64 {
    world.table(|table| {
        let active = ControlRow::read(table.get(&control_key(Orders::NAME))).unwrap().control.active;
        let row = table.all().find(|item| item.key.pk == format!("orders#{active}#{}", name.id));
        row.map_or(0, |item| item.number("version").unwrap().unsigned_abs())
    })
}

/// 3: a command with an id is carried out once.
fn one_commit_a_command(log: &[Commit]) -> RunOutcome {
    let mut commands = BTreeSet::new();
    for command in log.iter().filter_map(|commit| commit.meta.command.as_ref()) {
        if !commands.insert(command) {
            return Err(format!("{command} was carried out twice").into());
        }
    }
    Ok(())
}

/// 4: what was answered 200 is in the log, and the same command has the same answer each time.
fn answers_are_true(world: &World) -> RunOutcome {
    let answers = world.reports::<Answered>();
    let all: Vec<Commit> = names(world).iter().flat_map(|name| commits(world, name)).collect();
    for answer in answers.iter().filter(|answer| answer.status == 200) {
        let of_id =
            all.iter().find(|commit| commit.meta.command.as_ref().is_some_and(|id| id.0 == answer.command));
        let is_there = match of_id {
            Some(commit) => Some(commit.version) == answer.version,
            None => all.iter().any(|commit| Some(commit.version) == answer.version),
        };
        if !is_there {
            return Err(format!("answered {answer:?}, and it is not in the log").into());
        }
        let twin = answers.iter().find(|other| {
            other.status == 200
                && of_id.is_some()
                && other.command == answer.command
                && other.body != answer.body
        });
        if let Some(twin) = twin {
            return Err(format!("answered {answer:?} and {twin:?}").into());
        }
    }
    Ok(())
}
