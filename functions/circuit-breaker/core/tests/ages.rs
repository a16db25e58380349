//! For how long requests wait, as the alarm on it is told: by their rows, and nothing that is not known.

use circuit_breaker_core::decide::breaker::BreakerState;
use circuit_breaker_core::metrics::{QUEUE_AGE, RETRY_RUNS};
use circuit_breaker_core::names::{RequestId, TargetName};
use circuit_breaker_core::rows::{QUEUE, WAKE, active, request_key, target_key};
use tenfold_ports::SmolStr;
use tenfold_ports::table::Item;

use crate::lab::lab;
use crate::refusing::{RETRIES, minutes, other, park, refused, sum};
use crate::world::{config, put_breaker, target};

#[test]
fn nothing_waits_and_the_age_is_none() {
    lab("", |lab| {
        lab.process();
        assert_eq!(lab.measured(QUEUE_AGE), [(None, 0.0)]);
    });
}

#[test]
fn the_age_is_that_of_the_row_also_where_no_message_is_in_hand() {
    let of_pay = |age| vec![(Some(SmolStr::from("pay")), age)];
    lab(RETRIES, |lab| {
        park(lab, "a");
        put_breaker(lab.world, &config(RETRIES), BreakerState::ForcedOpen);
        lab.world.pass(minutes(20));
        park(lab, "b");
        lab.process();
        assert_eq!(lab.measured(QUEUE_AGE), of_pay(1200.0), "the breaker says wait, so nothing is delivered");
        put_breaker(lab.world, &config(RETRIES), BreakerState::ForcedClosed);
        assert_eq!(lab.process().delivered, 2);
        assert!(sum(&lab.measured(QUEUE_AGE)) >= 1200.0, "until it is delivered");
        lab.process();
        assert_eq!(lab.measured(QUEUE_AGE), [(None, 0.0)], "nothing waits");
    });
}

#[test]
fn an_age_counts_from_a_redrive() {
    lab(r#","retry":{"maxAttempts":1,"baseDelayMs":10}"#, |lab| {
        park(lab, "a");
        assert_eq!(lab.process().dead, 1);
        lab.world.pass(minutes(60));
        let redrive = crate::lab::request("POST", "/targets/pay/redrive", &[], "");
        assert_eq!(lab.call(redrive).status, 200);
        lab.measured(QUEUE_AGE);
        lab.world.pass(minutes(1));
        lab.process();
        assert_eq!(lab.measured(QUEUE_AGE), [(Some("pay".into()), 60.0)]);
    });
}

#[test]
fn a_row_that_cannot_be_read_waits_since_its_message_was_expected() {
    lab(RETRIES, |lab| {
        park(lab, "a");
        let strange = Item::new(request_key(RequestId::new(&target(), None, "strange"))).with("version", 1);
        let wake = lab.world.now() - minutes(30);
        lab.put(strange.with(QUEUE, active(&target(), 0)).with(WAKE, wake.as_millisecond()));
        lab.process();
        assert_eq!(lab.measured(QUEUE_AGE), [(Some("pay".into()), 1800.0)]);
    });
}

#[test]
fn the_age_of_one_target_does_not_hide_that_of_another() {
    lab(RETRIES, |lab| {
        other(lab, "other");
        park(lab, "a");
        put_breaker(lab.world, &config(RETRIES), BreakerState::ForcedOpen);
        lab.world.pass(minutes(2));
        lab.process();
        assert_eq!(lab.measured(QUEUE_AGE), [(Some("pay".into()), 120.0)]);
    });
}

#[test]
fn where_not_all_is_looked_at_nobody_says_that_nothing_waits_or_not_for_long() {
    for calls in ["query targets", "query pay#active", "query other#active", "ages"] {
        lab(RETRIES, |lab| {
            other(lab, "other");
            park(lab, "a");
            put_breaker(lab.world, &config(RETRIES), BreakerState::ForcedOpen);
            lab.world.pass(minutes(2));
            assert!(!refused(lab, &[calls]).0);
            assert_eq!(lab.measured(QUEUE_AGE), [], "{calls}");
        });
    }
}

#[test]
fn a_target_that_cannot_be_read_is_not_one_for_which_nothing_waits() {
    lab(RETRIES, |lab| {
        lab.put(Item::new(target_key(&TargetName::parse("strange").unwrap())));
        lab.process();
        assert_eq!(lab.measured(QUEUE_AGE), []);
        park(lab, "a");
        put_breaker(lab.world, &config(RETRIES), BreakerState::ForcedOpen);
        lab.world.pass(minutes(14));
        lab.process();
        assert_eq!(lab.measured(QUEUE_AGE), [], "others may wait for longer");
        lab.world.pass(minutes(1));
        lab.process();
        assert!(sum(&lab.measured(QUEUE_AGE)) >= 900.0, "that raises the alarm, whoever waits");
    });
}

#[test]
fn what_waits_no_longer_hides_nothing_behind_it() {
    // The index may still have some that were delivered, before the one that waits.
    for (gone, ages) in [(0, vec![(Some(SmolStr::from("pay")), 60.0)]), (1, vec![])] {
        lab(RETRIES, |lab| {
            assert_eq!(lab.post("delivered").status, 200);
            let delivered = lab.items().into_iter().find(|item| item.key.pk.starts_with("request#")).unwrap();
            for n in 0..gone {
                let mut item = delivered.clone();
                item.key = request_key(RequestId::new(&target(), None, &format!("delivered {n}")));
                lab.put(item.with(QUEUE, active(&target(), 0)).with(WAKE, n));
            }
            park(lab, "a");
            put_breaker(lab.world, &config(RETRIES), BreakerState::ForcedOpen);
            lab.world.pass(minutes(1));
            lab.process();
            assert_eq!(lab.measured(QUEUE_AGE), ages, "{gone}");
        });
    }
}

#[test]
fn more_targets_and_rows_than_a_call_reads_hold_up_nobody() {
    lab(RETRIES, |lab| {
        let since = (lab.world.now() - minutes(30)).as_millisecond();
        for n in 0..120 {
            let name = other(lab, &format!("t{n}"));
            for key in ["a", "b"] {
                let row = Item::new(request_key(RequestId::new(&name, None, key))).with("version", 1);
                lab.put(row.with(QUEUE, active(&name, 0)).with(WAKE, since));
            }
        }
        park(lab, "a");
        assert_eq!(lab.process().delivered, 1);
        let ages = lab.measured(QUEUE_AGE);
        assert_eq!(ages.iter().filter(|(_, age)| *age >= 1800.0).count(), 120);
        assert_eq!(lab.measured(RETRY_RUNS).len(), 1);
    });
}
