use proptest::prelude::*;
use tenfold_ports::table::{Item, Key, Value};

use super::*;

/// What a condition becomes: the expression with its placeholders filled in again.
fn check(given: &Condition, expected: Option<&str>) {
    let mut p = Placeholders::default();
    let expression = condition(given, &mut p).unwrap();
    // DynamoDB refuses a name or value that the expression does not use.
    let text = expression.clone().unwrap_or_default();
    assert!((0..p.names.len()).all(|i| text.contains(&format!("#n{i}"))), "{given:?}");
    assert!((0..p.values.len()).all(|i| text.contains(&format!(":v{i}"))), "{given:?}");
    assert_eq!(expression.map(|e| filled(&e, &p)).as_deref(), expected, "{given:?}");
}

fn filled(expression: &str, p: &Placeholders) -> String {
    let mut filled = expression.to_owned();
    for (i, name) in p.names.iter().enumerate().rev() {
        filled = filled.replace(&format!("#n{i}"), name);
    }
    for (i, value) in p.values.iter().enumerate().rev() {
        let value = match value {
            AttributeValue::N(n) => n.clone(),
            AttributeValue::S(s) => format!("'{s}'"),
            other => format!("{other:?}"),
        };
        filled = filled.replace(&format!(":v{i}"), &value);
    }
    filled
}

#[test]
fn each_condition_has_its_expression() {
    check(&Condition::Always, None);
    check(&Condition::Absent, Some("attribute_not_exists(pk)"));
    check(&Condition::Present, Some("attribute_exists(pk)"));
    check(&Condition::Without("lease"), Some("attribute_not_exists(lease)"));
    check(&Condition::Is("state", "open".into()), Some("state = 'open'"));
    check(&Condition::AtLeast("version", 3), Some("version >= 3"));
    check(&Condition::Below("version", -3), Some("version < -3"));
}

#[test]
fn groups_keep_their_meaning_inside_each_other() {
    let free = Condition::Any(vec![Condition::Without("lease"), Condition::Below("until", 9)]);
    check(
        &Condition::All(vec![Condition::Present, free]),
        Some("(attribute_exists(pk) AND (attribute_not_exists(lease) OR until < 9))"),
    );
}

#[test]
fn groups_without_content_are_always_and_never() {
    let never = "attribute_exists(pk) AND attribute_not_exists(pk)";
    check(&Condition::All(vec![]), None);
    check(&Condition::Any(vec![]), Some(never));
    check(&Condition::All(vec![Condition::Always, Condition::Any(vec![])]), Some(never));
    check(&Condition::Any(vec![Condition::Below("n", 1), Condition::Always]), None);
    check(&Condition::Any(vec![Condition::Any(vec![]), Condition::Absent]), Some("attribute_not_exists(pk)"));
}

#[test]
fn placeholders_name_each_attribute_once_and_each_value_by_itself() {
    let mut p = Placeholders::default();
    let both = Condition::All(vec![Condition::AtLeast("n", 1), Condition::Below("n", 5)]);
    assert_eq!(condition(&both, &mut p).unwrap().as_deref(), Some("(#n0 >= :v0 AND #n0 < :v1)"));
    let changes = [
        ("n".into(), Update::Add(2)),
        ("size".into(), Update::Set(Value::N(1))),
        ("gone".into(), Update::Remove),
        ("state".into(), Update::Set("x".into())),
    ];
    let expression = update(&changes, &mut p).unwrap();
    assert_eq!(expression.as_deref(), Some("SET #n1 = :v3, #n3 = :v4 ADD #n0 :v2 REMOVE #n2"));
    let names = p.names().unwrap();
    assert_eq!(names.len(), 4);
    assert_eq!(names["#n3"], "state");
    let values = p.values().unwrap();
    assert_eq!(values.len(), 5);
    assert_eq!(values[":v2"], AttributeValue::N("2".to_owned()));
}

#[test]
fn nothing_to_say_needs_no_placeholders() {
    let mut p = Placeholders::default();
    assert_eq!(update(&[], &mut p).unwrap(), None);
    assert_eq!(p.names(), None);
    assert_eq!(p.values(), None);
}

const NAMES: [&str; 3] = ["a", "b", "c"];

fn conditions() -> impl Strategy<Value = Condition> {
    let name = || prop::sample::select(&NAMES[..]);
    let leaf = prop_oneof![
        Just(Condition::Always),
        Just(Condition::Absent),
        Just(Condition::Present),
        name().prop_map(Condition::Without),
        (name(), -2_i64..3).prop_map(|(n, v)| Condition::Is(n, v.into())),
        (name(), -2_i64..3).prop_map(|(n, v)| Condition::AtLeast(n, v)),
        (name(), -2_i64..3).prop_map(|(n, v)| Condition::Below(n, v)),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::All),
            prop::collection::vec(inner, 0..4).prop_map(Condition::Any),
        ]
    })
}

fn items() -> impl Strategy<Value = Option<Item>> {
    prop::option::of(prop::collection::vec(prop::option::of(-2_i64..3), 3).prop_map(|values| {
        let mut item = Item::new(Key::new("p", "s"));
        for (name, value) in NAMES.iter().zip(values) {
            if let Some(value) = value {
                item.set((*name).into(), value.into());
            }
        }
        item
    }))
}

/// Reads an expression as DynamoDB does: `OR` binds weakest, then `AND`, then a function or a comparison.
struct Reader<'a> {
    words: std::iter::Peekable<std::vec::IntoIter<&'a str>>,
    item: Option<&'a Item>,
    p: &'a Placeholders,
}

impl Reader<'_> {
    fn any(&mut self) -> bool {
        let mut holds = self.all();
        while self.words.next_if_eq(&"OR").is_some() {
            holds |= self.all();
        }
        holds
    }

    fn all(&mut self) -> bool {
        let mut holds = self.one();
        while self.words.next_if_eq(&"AND").is_some() {
            holds &= self.one();
        }
        holds
    }

    fn one(&mut self) -> bool {
        match self.words.next().unwrap() {
            "(" => {
                let holds = self.any();
                assert_eq!(self.words.next(), Some(")"));
                holds
            }
            function @ ("attribute_exists" | "attribute_not_exists") => {
                assert_eq!(self.words.next(), Some("("));
                let name = self.words.next().unwrap();
                assert_eq!(self.words.next(), Some(")"));
                self.exists(name) == (function == "attribute_exists")
            }
            name => {
                let (operator, value) = (self.words.next().unwrap(), self.words.next().unwrap());
                let AttributeValue::N(value) = &self.p.values[value[2..].parse::<usize>().unwrap()] else {
                    panic!("only numbers here")
                };
                let value: i64 = value.parse().unwrap();
                match (self.item.and_then(|i| i.get(self.name(name))), operator) {
                    (Some(Value::N(n)), "=") => *n == value,
                    (Some(Value::N(n)), ">=") => *n >= value,
                    (Some(Value::N(n)), "<") => *n < value,
                    _ => false,
                }
            }
        }
    }

    fn name(&self, placeholder: &str) -> &str {
        &self.p.names[placeholder[2..].parse::<usize>().unwrap()]
    }

    fn exists(&self, placeholder: &str) -> bool {
        let name = self.name(placeholder);
        self.item.is_some_and(|item| name == PK || item.get(name).is_some())
    }
}

proptest! {
    /// The port's meaning of a condition and DynamoDB's meaning of its expression are the same.
    #[test]
    fn an_expression_holds_when_its_condition_does(given in conditions(), item in items()) {
        let mut p = Placeholders::default();
        let holds = match condition(&given, &mut p).unwrap() {
            None => true,
            Some(expression) => {
                let spaced = expression.replace('(', " ( ").replace(')', " ) ");
                let words: Vec<&str> = spaced.split_whitespace().collect();
                let mut reader = Reader { words: words.into_iter().peekable(), item: item.as_ref(), p: &p };
                let holds = reader.any();
                assert_eq!(reader.words.next(), None, "{expression}");
                holds
            }
        };
        prop_assert_eq!(holds, given.holds(item.as_ref()));
    }
}
