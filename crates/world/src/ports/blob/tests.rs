use std::cell::RefCell;

use super::*;
use crate::{Bounds, exhaust, replay};

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn keys(listing: &Listing) -> Vec<&str> {
    listing.objects.iter().map(|object| object.key.as_str()).collect()
}

#[test]
fn a_handler_reads_what_it_has_put() {
    let run = |world: &World| {
        let bucket = world.add_bucket("claims");
        world.ask(move |env| async move {
            let blob = env.blob(bucket);
            blob.put("k", Bytes::from_static(b"1"), PutIf::Absent).await.unwrap();
            assert_eq!(blob.get("k").await.unwrap().unwrap(), "1");
            assert_eq!(blob.head("k").await.unwrap().unwrap().put_at, now());
            assert_eq!(keys(&blob.list("", None).await.unwrap()), ["k"]);
            blob.put("l", Bytes::new(), PutIf::Always).await.unwrap();
            blob.delete("k").await.unwrap();
        })?;
        assert_eq!(world.bucket(bucket, |objects| objects.all().count()), 1);
        Ok(())
    };
    replay(Bounds { faults: 0, ..Bounds::default() }, run, &[]).0.unwrap();
}

#[test]
fn a_put_whose_answer_was_lost_stands_in_its_own_way() {
    let ends = RefCell::new(Vec::new());
    exhaust(Bounds::default(), |world: &World| {
        let bucket = world.add_bucket("claims");
        world.spawn("test", (), move |env, ()| async move {
            let put = || async { env.blob(bucket).put("k", Bytes::new(), PutIf::Absent).await };
            if put().await == Err(PutError::Call(CallError::Unknown)) {
                env.report(put().await);
            }
        });
        world.run()?;
        ends.borrow_mut().extend(world.reports::<Result<(), PutError>>());
        Ok(())
    });
    assert_eq!(*ends.borrow(), [Err(PutError::Exists)]);
}
