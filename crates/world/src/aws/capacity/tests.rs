use tenfold_ports::table::{Condition, Item, Update, Write};

use super::*;

const LIMITS: TableLimits = TableLimits {
    key_writes: 1_000.0,
    key_reads: 3_000.0,
    table_writes: 40_000.0,
    table_reads: 40_000.0,
    holds: SignedDuration::from_millis(5),
};

fn item(name: &str, bytes: usize) -> Item {
    let text = SmolStr::new("x".repeat(bytes));
    Item::new(Key::new("p", name)).with("text", text).with("queue", "q").with("wake", 1_i64)
}

fn put(item: Item, condition: Condition) -> Write {
    Write::Put { item, condition }
}

/// A table with an index and an item of three kilobytes, and what writes of it take.
fn takes(writes: &[Write], transaction: bool) -> (f64, f64) {
    let mut items = Items::default();
    items.scale(&["queue"]);
    items.put(item("there", 2_900));
    let mut capacity = Capacity::new(LIMITS);
    let plan = items.plan(writes, transaction).unwrap();
    assert_eq!(capacity.writes(&items, &plan, Timestamp::UNIX_EPOCH, transaction), CapacityCheck::Made);
    let of = |partition: &Partition| capacity.keys.get(partition).map_or(0.0, |units| units.written);
    (of(&("", "p".into())), of(&("queue", "q".into())))
}

#[test]
fn a_write_costs_by_the_larger_of_what_was_and_what_is() {
    assert_eq!(takes(&[put(item("there", 10), Condition::Always)], false), (3.0, 0.0));
    assert_eq!(takes(&[put(item("new", 10), Condition::Always)], false), (1.0, 1.0));
    let gone = Write::Delete { key: Key::new("p", "there"), condition: Condition::Always };
    assert_eq!(takes(&[gone], false), (3.0, 1.0));
    let key = Key::new("p", "there");
    let shrinks = vec![("text".into(), Update::Remove)];
    assert_eq!(
        takes(&[Write::Update { key, updates: shrinks, condition: Condition::Always }], false),
        (3.0, 0.0)
    );
}

#[test]
fn a_write_that_is_refused_costs_what_it_found_and_no_index() {
    assert_eq!(takes(&[put(item("there", 10), Condition::Absent)], false), (3.0, 0.0));
    let key = Key::new("p", "none");
    assert_eq!(takes(&[Write::Delete { key, condition: Condition::Present }], false), (1.0, 0.0));
}

#[test]
fn a_transaction_that_is_more_than_a_second_has_takes_a_whole_one() {
    let mut items = Items::default();
    items.scale(&[]);
    let mut capacity = Capacity::new(LIMITS);
    let writes: Vec<Write> =
        (0..100).map(|n| put(item(&format!("s{n}"), 9_900), Condition::Always)).collect();
    let plan = items.plan(&writes, true).unwrap();
    let now = Timestamp::UNIX_EPOCH;
    assert_eq!(capacity.writes(&items, &plan, now, true), CapacityCheck::Made, "2,000 units");
    let one = [put(item("one", 10), Condition::Always)];
    let plan = items.plan(&one, false).unwrap();
    assert_eq!(capacity.writes(&items, &plan, now, false), CapacityCheck::Throttled);
    let later = now + SignedDuration::from_secs(1);
    assert_eq!(capacity.writes(&items, &plan, later, false), CapacityCheck::Made);
}
