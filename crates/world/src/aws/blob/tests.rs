use super::*;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn bucket(keys: impl IntoIterator<Item = String>) -> Objects {
    let mut objects = Objects::default();
    for key in keys {
        objects.put(&key.into(), &Bytes::from_static(b"x"), PutIf::Always, now()).unwrap();
    }
    objects
}

fn keys(listing: &Listing) -> Vec<&str> {
    listing.objects.iter().map(|object| object.key.as_str()).collect()
}

#[test]
fn a_put_replaces_unless_there_must_be_nothing() {
    let mut objects = bucket([]);
    let (key, one, other) = (SmolStr::new("k"), Bytes::from_static(b"1"), Bytes::from_static(b"22"));
    assert_eq!(objects.put(&key, &one, PutIf::Absent, now()), Ok(()));
    assert_eq!(objects.put(&key, &other, PutIf::Absent, now()), Err(PutError::Exists));
    assert_eq!(objects.get("k"), Ok(Some(one)));
    let before = objects.head("k").unwrap().unwrap();
    objects.put(&key, &other, PutIf::Always, now()).unwrap();
    let after = objects.head("k").unwrap().unwrap();
    assert_eq!((before.size, after.size, before.tag == after.tag), (1, 2, false));
    objects.delete("k").unwrap();
    objects.delete("k").unwrap();
    assert_eq!((objects.get("k"), objects.head("k")), (Ok(None), Ok(None)));
}

#[test]
fn a_listing_has_the_keys_with_a_prefix_in_order_after_a_key() {
    let objects = bucket(["a/2", "a/1", "b/1", "a", "a/10"].map(str::to_owned));
    assert_eq!(keys(&objects.list("a/", None)), ["a/1", "a/10", "a/2"]);
    assert_eq!(keys(&objects.list("a/", Some("a/1"))), ["a/10", "a/2"]);
    assert_eq!(keys(&objects.list("b", Some("a/2"))), ["b/1"]);
    assert_eq!(keys(&objects.list("b", Some("c"))), [""; 0]);
    assert_eq!(objects.list("", None).objects.len(), 5);
}

#[test]
fn a_listing_is_paged_by_a_thousand() {
    let objects = bucket((0..2000).map(|n| format!("{n:04}")));
    let first = objects.list("", None);
    assert_eq!((first.objects.len(), first.next.as_deref()), (1000, Some("0999")));
    let second = objects.list("", first.next.as_deref());
    assert_eq!((keys(&second)[0], second.objects.len(), &second.next), ("1000", 1000, &None));
}

#[test]
fn keys_that_s3_does_not_take_are_refused() {
    let mut objects = bucket([]);
    for key in [String::new(), "k".repeat(1025)] {
        let put = objects.put(&SmolStr::from(&key), &Bytes::new(), PutIf::Always, now());
        assert!(matches!(put, Err(PutError::Call(CallError::Refused(_)))));
        assert!(objects.get(&key).is_err() && objects.head(&key).is_err() && objects.delete(&key).is_err());
    }
}
