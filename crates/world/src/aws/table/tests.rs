//! What LocalStack cannot be held against.

use smol_str::SmolStr;
use tenfold_ports::CallError;
use tenfold_ports::table::{Condition, Item, Key, TransactError, Update, Value, Write, WriteError};

use super::*;

fn key(sk: &str) -> Key {
    Key::new("p", SmolStr::new(sk))
}

fn put(sk: &str) -> Write {
    Write::Put { item: Item::new(key(sk)).with("n", 1).with("t", "text"), condition: Condition::Always }
}

fn add(sk: &str, name: &'static str, n: i64) -> Write {
    let updates = vec![(name.into(), Update::Add(n))];
    Write::Update { key: key(sk), updates, condition: Condition::Always }
}

#[test]
fn a_transaction_does_not_write_an_item_twice() {
    let mut items = Items::default();
    let result = items.transact(&[put("a"), put("b"), put("a")], jiff::Timestamp::MIN);
    assert!(matches!(result, Err(TransactError::Call(CallError::Refused(_)))));
    assert_eq!(items.all().count(), 0);
}

#[test]
fn a_transaction_with_one_change_that_cannot_be_changes_nothing() {
    let mut items = Items::default();
    items.transact(&[put("a"), put("b")], jiff::Timestamp::MIN).unwrap();
    let result = items.transact(&[add("a", "n", 1), add("b", "t", 1)], jiff::Timestamp::MIN);
    assert!(matches!(result, Err(TransactError::Call(CallError::Refused(_)))));
    assert_eq!(items.get(&key("a")).unwrap().number("n"), Ok(1));
}

#[test]
fn a_number_beyond_what_the_port_holds_is_refused() {
    let mut items = Items::default();
    items.write(&add("a", "n", i64::MAX), jiff::Timestamp::MIN).unwrap();
    let result = items.write(&add("a", "n", 1), jiff::Timestamp::MIN);
    assert!(matches!(result, Err(WriteError::Call(CallError::Refused(_)))));
    assert_eq!(items.get(&key("a")).unwrap().get("n"), Some(&Value::N(i64::MAX)));
}
