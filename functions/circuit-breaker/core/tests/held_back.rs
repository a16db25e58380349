//! What waits for the credentials of its target.

use circuit_breaker_core::metrics::CREDENTIALS_UNAVAILABLE;
use jiff::SignedDuration;
use tenfold_ports::secrets::{Secret, SecretError};

use crate::credentials::{HEADER, six_minutes};
use crate::lab::lab;
use crate::world::{breaker, rows};

/// Hours without a secret must not end what waits: only its age does.
#[test]
fn what_waits_for_credentials_loses_no_attempt_and_is_not_written_again() {
    let fields = HEADER.replace(r#""baseDelayMs":10"#, r#""baseDelayMs":10,"maxAttempts":2"#);
    lab(&fields, |lab| {
        lab.refuse_secrets(Some(SecretError::Denied));
        for key in ["a", "b", "c"] {
            assert_eq!(lab.post(key).status, 202);
        }
        let before = rows(lab.world);
        for _ in 0..10 {
            lab.world.pass(SignedDuration::from_mins(1));
            assert_eq!(lab.process().dead, 0);
        }
        assert_eq!(rows(lab.world), before);
        assert!(before.iter().all(|row| row.data.tries == 0));
        assert_eq!(breaker(lab.world), None);
        assert!(lab.measured(CREDENTIALS_UNAVAILABLE).len() > 10);
        lab.refuse_secrets(None);
        lab.put_secret("key");
        lab.world.pass(SignedDuration::from_mins(1));
        assert_eq!(lab.process().delivered, 3);
    });
}

/// While those that keep secrets do not answer, what was read goes on being used.
#[test]
fn a_secret_that_was_read_outlives_an_outage_of_those_that_keep_it() {
    lab(HEADER, |lab| {
        lab.seen.secrets.borrow_mut().extend([Ok(Secret::new("key")), Err(SecretError::Silent)]);
        assert_eq!(lab.posts(&["a", "b"], six_minutes), [200, 200]);
        assert_eq!(lab.sent("x-api-key"), ["key", "key"]);
    });
}
