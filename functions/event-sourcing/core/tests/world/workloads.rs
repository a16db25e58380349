//! Who does what at once, and what must hold afterwards.

use base64::Engine;
use event_sourcing_core::aggregate::Aggregate;
use event_sourcing_core::log::commit::commit_key;
use event_sourcing_core::log::history::{CommandRow, command_key};
use event_sourcing_core::log::{Commit, CommitMeta};
use event_sourcing_core::names::CommandId;
use event_sourcing_core::order::{OrderStatus, ShopOrder};
use event_sourcing_core::projection::Projection;
use event_sourcing_core::projection::building::{Part, PartRow, Progress};
use event_sourcing_core::projection::control::{Building, Control, ControlRow};
use event_sourcing_core::projection::orders::Orders;
use tenfold_ports::table::{Item, Key, Value, Write};
use tenfold_world::{Order, RunOutcome, World};

use super::invariants::seen;
use super::{
    Answered, PLACE, added, command, command_if, committed, control, encoded, finish, folded, log, order,
    placed, rebuild, stack, stack_that_knows, tick, written,
};

/// Every order of the invocations.
const EVERY: &[Order] = &[Order::Invocations];
/// The same, and one interruption also of an invocation by a call of its own.
const WHOLE: &[Order] = &[Order::Invocations, Order::Interrupted(1)];

/// No interruption but by a crash.
const ONE_BY_ONE: &[Order] = &[Order::Interrupted(0)];

const PEN: &str = r#"{"sku":"pen","quantity":1,"unitPrice":100}"#;
const INK: &str = r#"{"sku":"ink","quantity":1,"unitPrice":300}"#;
const PAY: &str = r#"{"method":"card","reference":"r-1"}"#;

tenfold_world::workloads! {
    of_two_who_place_the_same_order_one_is_first:
        "placed twice", 1, WHOLE, placed_twice;
    the_same_command_is_carried_out_once:
        "the same command twice", 1, WHOLE, same_command;
    a_command_that_was_overtaken_is_decided_anew:
        "overtaken", 1, WHOLE, overtaken;
    of_two_commands_that_exclude_each_other_one_is_refused:
        "pay or cancel", 1, EVERY, pay_or_cancel;
    a_command_of_a_version_is_carried_out_on_that_version:
        "of a version", 1, EVERY, of_a_version;
    a_long_history_is_read_to_its_end:
        "a long history", 1, EVERY, long_history;
    a_command_from_before_a_snapshot_is_known:
        "a command from before a snapshot", 1, EVERY, before_a_snapshot;
    a_command_that_a_snapshot_hides_is_not_carried_out_again:
        "the same command behind a snapshot", 1, ONE_BY_ONE, behind_a_snapshot;
    a_snapshot_of_another_schema_is_not_used:
        "a snapshot of another schema", 0, EVERY, other_schema;
    what_cannot_be_taken_in_parks_its_own_aggregate_only:
        "an event that nobody knows", 1, EVERY, poison;
    a_rebuild_misses_nothing_that_happens_meanwhile:
        "a rebuild", 1, ONE_BY_ONE, rebuilt;
    a_rebuild_misses_nothing_though_somebody_does_not_know_of_it:
        "a rebuild that not everybody knows of", 0, EVERY, rebuilt_unknown;
    what_happens_after_the_last_look_is_in_both_generations:
        "a rebuild at its end", 1, EVERY, rebuilt_at_last;
}

fn placed_twice(world: &World) -> RunOutcome {
    stack(world);
    command(world, "a", "place", "", PLACE);
    command(world, "a", "place", "", PLACE);
    world.run()?;
    finish(world, |world| {
        let commits = folded(world, "a").version;
        let carried_out = world.reports::<Answered>().iter().filter(|answer| answer.status == 200).count();
        if commits > 1 || carried_out > 1 {
            return Err(format!("placed {carried_out} times, in {commits} commits").into());
        }
        Ok(())
    })
}

fn same_command(world: &World) -> RunOutcome {
    stack(world);
    written(world, "a", encoded(&[placed()]), None);
    command(world, "a", "add-line", "c-1", PEN);
    command(world, "a", "add-line", "c-1", PEN);
    world.run()?;
    finish(world, |world| {
        let order = folded(world, "a").state;
        let pens = order.lines.iter().find(|line| line.sku == "pen").map_or(0, |line| line.quantity);
        let status = |answer: &Answered| answer.status;
        if pens > 1 {
            return Err(format!("{pens} pens were added by one command").into());
        }
        if world.faults() == 0 && !world.reports::<Answered>().iter().all(|answer| status(answer) == 200) {
            return Err("nothing went wrong, and a command was not answered".into());
        }
        Ok(())
    })
}

fn overtaken(world: &World) -> RunOutcome {
    stack(world);
    written(world, "a", encoded(&[placed()]), None);
    command(world, "a", "add-line", "", PEN);
    command(world, "a", "add-line", "", INK);
    world.run()?;
    finish(world, |world| {
        let order = folded(world, "a").state;
        if world.faults() == 0 && order.lines.len() != 3 {
            return Err(format!("nothing went wrong, and the order is {order:?}").into());
        }
        Ok(())
    })
}

fn pay_or_cancel(world: &World) -> RunOutcome {
    stack(world);
    written(world, "a", encoded(&[placed()]), None);
    command(world, "a", "pay", "", PAY);
    command(world, "a", "add-line", "", PEN);
    world.run()?;
    finish(world, |world| {
        // What was paid is what the order costs: nothing is added to it afterwards.
        let history = folded(world, "a");
        let order = &history.state;
        let paid = history.commits.iter().find_map(|commit| {
            let events = String::from_utf8(commit.events.to_vec()).unwrap();
            let events: serde_json::Value = serde_json::from_str(&events).unwrap();
            events[0]["data"]["amount"].as_u64()
        });
        match (order.status, paid) {
            (OrderStatus::Paid, Some(paid)) if paid == order.total() => Ok(()),
            (OrderStatus::Placed, None) => Ok(()),
            other => Err(format!("{other:?}, and the order costs {}", order.total()).into()),
        }
    })
}

fn of_a_version(world: &World) -> RunOutcome {
    stack(world);
    written(world, "a", encoded(&[placed()]), None);
    command_if(world, ("a", "add-line", "c-1", PEN, "\"1\""));
    command_if(world, ("a", "add-line", "c-2", INK, "\"1\""));
    world.run()?;
    finish(world, |world| {
        let answers = world.reports::<Answered>();
        let carried_out = answers.iter().filter(|answer| answer.status == 200).count();
        let version = folded(world, "a").version;
        if carried_out > 1 || version > 2 {
            return Err(format!("{carried_out} commands of version 1, and the order has {version}").into());
        }
        Ok(())
    })
}

thread_local! {
    /// An order with more commits than a page has, which takes long to make.
    static LONG: Vec<Item> = {
        let (mut items, mut before) = (Vec::new(), Vec::new());
        for version in 1..=70 {
            let events = if version == 1 { encoded(&[placed()]) } else { encoded(&[added()]) };
            let commit = committed(&order("a"), (version, &before), events, None);
            before = commit.hash.to_vec();
            items.push(commit.item(&order("a")));
        }
        items
    };
}

/// Puts the commits of the long order that come after a version.
fn long(world: &World, after: u64) {
    let items = LONG.with(|items| items[after as usize..].to_vec());
    world.edit(|table| items.into_iter().for_each(|item| table.put(item)));
}

fn long_history(world: &World) -> RunOutcome {
    log(world);
    long(world, 0);
    command(world, "a", "remove-line", "", r#"{"sku":"book"}"#);
    world.run()?;
    finish(world, |world| {
        let order = folded(world, "a").state;
        if world.faults() == 0 && order.lines.len() != 1 {
            return Err(format!("nothing went wrong, and the order is {order:?}").into());
        }
        Ok(())
    })
}

fn before_a_snapshot(world: &World) -> RunOutcome {
    log(world);
    long(world, 0);
    let name = order("a");
    // Its commit is hidden by the snapshot; its row is there.
    world.edit(|table| {
        let first = table.get(&commit_key(&name, 1)).cloned().unwrap();
        let meta =
            CommitMeta { command: Some(CommandId("c-1".into())), ..Commit::read(&first).unwrap().meta };
        let row = CommandRow { version: 1, commit: meta.id, digest: None };
        table.put(
            Item::new(command_key(&name, &CommandId("c-1".into())))
                .with("version", row.version as i64)
                .with("commit", "1"),
        );
    });
    snapshot(world, ShopOrder::SCHEMA, None);
    command(world, "a", "ship", "c-1", "");
    world.run()?;
    finish(world, |world| match world.reports::<Answered>().first() {
        // It was another command, and so it is said.
        Some(answer) if answer.status == 422 => Ok(()),
        _ if world.faults() > 0 => Ok(()),
        other => Err(format!("answered {other:?}").into()),
    })
}

fn behind_a_snapshot(world: &World) -> RunOutcome {
    log(world);
    written(world, "a", encoded(&[placed()]), None);
    command(world, "a", "add-line", "c-1", PEN);
    world.run()?;
    snapshot(world, ShopOrder::SCHEMA, None);
    command(world, "a", "add-line", "c-1", PEN);
    world.run()?;
    finish(world, |world| {
        let order = folded(world, "a").state;
        let pens = order.lines.iter().find(|line| line.sku == "pen").map_or(0, |line| line.quantity);
        if pens > 1 { Err(format!("{pens} pens were added by one command").into()) } else { Ok(()) }
    })
}

/// Puts a snapshot of an order as it is now.
fn snapshot(world: &World, schema: u32, state: Option<ShopOrder>) {
    let history = folded(world, "a");
    let state = state.unwrap_or_else(|| history.state.clone());
    let hash = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&history.hash);
    let at = history.at;
    let body = serde_json::json!({ "schema": schema, "at": at, "hash": hash, "state": state });
    let bytes: tenfold_ports::Bytes = serde_json::to_vec(&body).unwrap().into();
    let key = Key::new("order#a", format!("v{:012}s", history.version));
    world.edit(|table| table.put(Item::new(key).with("state", Value::B(bytes))));
}

fn other_schema(world: &World) -> RunOutcome {
    stack(world);
    written(world, "a", encoded(&[placed()]), None);
    snapshot(
        world,
        ShopOrder::SCHEMA + 1,
        Some(ShopOrder { status: OrderStatus::Cancelled, ..ShopOrder::default() }),
    );
    command(world, "a", "pay", "", PAY);
    world.run()?;
    finish(world, |world| match world.reports::<Answered>().first() {
        Some(answer) if answer.status == 200 => Ok(()),
        _ if world.faults() > 0 => Ok(()),
        other => Err(format!("answered {other:?}").into()),
    })
}

fn poison(world: &World) -> RunOutcome {
    stack(world);
    written(world, "a", encoded(&[placed()]), None);
    written(world, "b", encoded(&[placed()]), None);
    let unknown = br#"[{"type":"gift-wrapped","data":{"paper":"red"}}]"#.to_vec();
    // Both come through the stream.
    write_commit(world, "a", unknown);
    command(world, "b", "add-line", "", PEN);
    world.run()?;
    finish(world, |world| {
        let (a, b) = (seen(world, &order("a")), seen(world, &order("b")));
        let head = folded(world, "b").version;
        // Of what was there before the run the stream has told nothing.
        if a > 1 || (head == 2 && b != 2) {
            return Err(format!("the views have seen {a} and {b}").into());
        }
        Ok(())
    })
}

fn rebuilt(world: &World) -> RunOutcome {
    stack(world);
    written(world, "a", encoded(&[placed()]), None);
    written(world, "b", encoded(&[placed()]), None);
    rebuild(world);
    tick(world);
    command(world, "a", "add-line", "", PEN);
    world.run()?;
    finish(world, is_rebuilt)
}

fn rebuilt_unknown(world: &World) -> RunOutcome {
    stack_that_knows(world);
    written(world, "a", encoded(&[placed()]), None);
    rebuild(world);
    tick(world);
    tick(world);
    command(world, "a", "add-line", "", PEN);
    world.run()?;
    finish(world, is_rebuilt)
}

/// A generation whose first pass was over long ago.
fn rebuilt_at_last(world: &World) -> RunOutcome {
    stack(world);
    written(world, "a", encoded(&[placed()]), None);
    let building = Building { generation: 2, since: jiff::Timestamp::UNIX_EPOCH };
    let control = Control { building: Some(building), last: 2, ..Control::default() };
    put(world, ControlRow::read(None).unwrap().replace(Orders::NAME, control));
    let part = Part { generation: 2, pass: 0, segment: 0, segments: 1 };
    let done = Progress { done: true, ..Progress::default() };
    put(world, PartRow::read(None).unwrap().replace(part.key(Orders::NAME), done));
    tick(world);
    command(world, "a", "add-line", "", PEN);
    world.run()?;
    finish(world, is_rebuilt)
}

/// Puts a row, as if it had always been there.
fn put(world: &World, write: Write) {
    if let Write::Put { item, .. } = write {
        world.edit(|table| table.put(item));
    }
}

/// The generation that answers has seen all of the log, also what was there before the run.
fn is_rebuilt(world: &World) -> RunOutcome {
    if control(world).active == 1 {
        // Nobody has taken the rebuild in.
        return if world.faults() > 0 {
            Ok(())
        } else {
            Err("nothing went wrong, and nothing was rebuilt".into())
        };
    }
    for id in ["a", "b"] {
        let (seen, head) = (seen(world, &order(id)), folded(world, id).version);
        if seen != head {
            return Err(format!("{id} has version {head}, and its rebuilt view has seen {seen}").into());
        }
    }
    Ok(())
}

/// Makes a commit of which the stream tells.
fn write_commit(world: &World, id: &str, events: Vec<u8>) {
    let name = order(id);
    let history = super::commits(world, &name);
    let before = history.last().unwrap();
    let meta = CommitMeta { id: 99, at: jiff::Timestamp::MAX, ..before.meta.clone() };
    let commit = Commit::new(&name, (before.version + 1, &before.hash), meta, events).unwrap();
    assert!(world.write(&[Write::create(commit.item(&name))]));
}
