//! Credentials are read anew before they end, after an answer: what is used goes on being used meanwhile.

use jiff::SignedDuration;
use tenfold_ports::downstream::{Answer, NoAnswer};
use tenfold_ports::secrets::Secret;
use tenfold_ports::{Clock, Context};

use crate::credentials::{HEADER, OAUTH, answer};
use crate::lab::{Lab, header, lab, request};

/// What came of a request: its status, and how often secrets were read or a token endpoint was called before the answer, and
/// after it.
type Came = (u16, u32, u32);

/// What the target answers, and who is called for a token.
type Answers = Vec<Answer>;

fn token(name: &str, seconds: u32) -> Answer {
    let body = format!(r#"{{"access_token":"{name}","token_type":"Bearer","expires_in":{seconds}}}"#);
    answer(200, &body)
}

fn done() -> Answer {
    answer(200, "")
}

/// None at all.
fn hangs() -> Answer {
    answer(0, "")
}

impl Lab<'_> {
    /// One environment gets a request at each of these times, in seconds from the beginning; those who are called answer so.
    fn posts_at(&self, steps: Vec<(i64, Answers)>) -> Vec<Came> {
        let stack = self.stack;
        self.ask(move |env, own| async move {
            let gateway = stack.gateway(&env, &own);
            let asked = || {
                let calls = own.seen.calls.borrow();
                let tokens = calls.iter().filter(|call| call.url.starts_with("https://id.example"));
                own.seen.reads.get() + tokens.count() as u32
            };
            let (began, mut came) = (own.now(), Vec::new());
            for (seconds, answers) in steps {
                let at = began + SignedDuration::from_secs(seconds);
                own.seen.ahead.set(own.seen.ahead.get() + at.duration_since(own.now()));
                let answers = answers
                    .into_iter()
                    .map(|answer| if answer.status == 0 { Err(NoAnswer::TimedOut) } else { Ok(answer) });
                own.seen.answers.borrow_mut().extend(answers);
                let key = seconds.to_string();
                let request = request("POST", "/requests/pay", &[("idempotency-key", &key)], "{}");
                let before = asked();
                let context = Context::until(own.now() + SignedDuration::from_secs(29));
                let status = gateway.handle(&request, &context).await.status;
                let answered = asked();
                gateway.tend().await;
                came.push((status, answered - before, asked() - answered));
            }
            came
        })
    }
}

#[test]
fn a_secret_is_read_anew_after_an_answer_and_only_the_first_read_is_waited_for() {
    lab(HEADER, |lab| {
        lab.seen.secrets.borrow_mut().extend(["1", "2", "3"].map(|text| Ok(Secret::new(text))));
        let steps = [0, 100, 239, 286, 420, 525, 575, 600].map(|seconds| (seconds, Vec::new()));
        let (used, renewed) = ((200, 0, 0), (200, 0, 1));
        let expected = [(200, 1, 0), used, used, renewed, used, used, renewed, used];
        assert_eq!(lab.posts_at(steps.into()), expected);
        assert_eq!(lab.sent("x-api-key"), ["1", "1", "1", "1", "2", "2", "2", "3"]);
    });
}

#[test]
fn what_nobody_used_when_it_was_to_be_read_anew_is_read_when_it_is_wanted() {
    lab(HEADER, |lab| {
        lab.put_secret("key");
        let steps = [0, 100, 301].map(|seconds| (seconds, Vec::new()));
        assert_eq!(lab.posts_at(steps.into()), [(200, 1, 0), (200, 0, 0), (200, 1, 0)]);
    });
}

#[test]
fn a_token_is_renewed_after_an_answer() {
    lab(OAUTH, |lab| {
        lab.put_secret("client secret");
        // It is used for 540 seconds; for the one after it its secret is read anew.
        let steps = vec![
            (0, vec![token("t1", 600), done()]),
            (400, vec![done()]),
            (514, vec![done(), token("t2", 600)]),
            (560, vec![done()]),
        ];
        assert_eq!(lab.posts_at(steps), [(200, 2, 0), (200, 0, 0), (200, 0, 2), (200, 0, 0)]);
        let sent = lab.seen.calls.borrow();
        let last = header(sent.last().unwrap(), "authorization").unwrap();
        assert_eq!(last, "Bearer t2");
    });
}

#[test]
fn a_token_is_used_to_its_end_while_its_endpoint_hangs_and_that_is_asked_ever_less_often() {
    lab(OAUTH, |lab| {
        lab.put_secret("client secret");
        // It is used for 340 seconds.
        let steps = vec![
            (0, vec![token("t1", 400), done()]),
            (325, vec![done(), hangs()]),
            (330, vec![done()]),
            (339, vec![done()]),
            (346, vec![hangs()]),
            (348, vec![]),
            (375, vec![]),
            (390, vec![hangs()]),
            (449, vec![]),
            (480, vec![token("t2", 400), done()]),
            (481, vec![done()]),
        ];
        let (used, waits) = ((200, 0, 0), (202, 0, 0));
        let tried = (202, 1, 0);
        // The secret is read anew with the second: it is as old as it may be.
        let expected =
            [(200, 2, 0), (200, 0, 2), used, used, tried, waits, waits, tried, waits, (200, 1, 0), used];
        assert_eq!(lab.posts_at(steps), expected);
    });
}
