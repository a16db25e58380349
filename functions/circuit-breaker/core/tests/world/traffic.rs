//! Who calls what, when, and how a run is brought to its end.

use circuit_breaker_core::health_monitor::MonitorEvent;
use circuit_breaker_core::rows::{RequestRow, RequestStatus};
use jiff::{SignedDuration, Timestamp};
use tenfold_ports::api::Request;
use tenfold_ports::{Clock, Context};
use tenfold_world::{Env, RunOutcome, World, request};

use super::invariants::promises_are_kept;
use super::{Stack, deliver, rows};

/// How long an invocation may take.
const INVOCATION: SignedDuration = SignedDuration::from_secs(29);

/// A key and the status that its sender was answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Answered(pub String, pub u16);

/// A path and the status that another call of the API was answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Called(pub String, pub u16);

/// What was answered so far, in the order of the answers.
pub fn answers(world: &World) -> Vec<Answered> {
    world.reports()
}

/// A request to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Post {
    pub key: &'static str,
    pub ordering: Option<&'static str>,
    pub tenant: Option<&'static str>,
    pub body: &'static str,
}

impl Post {
    pub const fn new(key: &'static str) -> Self {
        Self { key, ordering: None, tenant: None, body: "{}" }
    }

    pub const fn ordered(key: &'static str, ordering: &'static str) -> Self {
        Self { ordering: Some(ordering), ..Self::new(key) }
    }

    fn request(&self) -> Request {
        let mut request = request("POST", "/requests/pay", self.body);
        request.set_header("idempotency-key", self.key);
        if let Some(ordering) = self.ordering {
            request.set_header("ordering-key", ordering);
        }
        if let Some(tenant) = self.tenant {
            request.set_header("tenant", tenant);
        }
        request
    }
}

/// The context of an invocation that begins now and may take so long.
pub fn until(env: &Env, time: SignedDuration) -> Context {
    Context::until(Clock::now(env) + time)
}

impl Stack {
    /// Invocations of one gateway environment, one request after the other.
    pub fn spawn_requests(self, world: &World, start: Timestamp, skew: SignedDuration, requests: Vec<Post>) {
        world.spawn_at(start, skew, "gateway", requests, move |env, requests| async move {
            let gateway = self.gateway(&env, &env);
            for post in requests {
                let response = gateway.handle(&post.request(), &until(&env, INVOCATION)).await;
                env.report(Answered(post.key.to_owned(), response.status));
                gateway.tend().await;
            }
        });
    }

    /// One call of the API by an environment of its own.
    pub fn spawn_call(self, world: &World, method: &'static str, path: &str, body: &'static str) {
        let input = (method, path.to_owned(), body);
        world.spawn("gateway", input, move |env, (method, path, body)| async move {
            let gateway = self.gateway(&env, &env);
            let request = request(method, &path, body);
            let response = gateway.handle(&request, &until(&env, INVOCATION)).await;
            env.report(Called(request.path.to_string(), response.status));
            gateway.tend().await;
        });
    }

    /// A change of the target's configuration by one who has seen it with this tag; it is reported by its body.
    pub fn spawn_change(self, world: &World, seen: &str, body: &'static str) {
        world.spawn("gateway", (seen.to_owned(), body), move |env, (seen, body)| async move {
            let mut request = request("PUT", "/targets/pay", body);
            request.set_header("if-match", seen);
            let response = self.gateway(&env, &env).handle(&request, &until(&env, INVOCATION)).await;
            env.report(Called(body.to_owned(), response.status));
        });
    }

    pub fn spawn_request(self, world: &World, key: &'static str) {
        self.spawn_requests(world, world.now(), SignedDuration::ZERO, vec![Post::new(key)]);
    }

    pub fn spawn_processor(self, world: &World, start: Timestamp) {
        world.spawn_at(start, SignedDuration::ZERO, "retry-processor", (), move |env, ()| async move {
            let context = until(&env, SignedDuration::from_secs(90));
            self.minute(&env, &env, &context).await;
        });
    }

    /// What the event source of the retry queue brings, without a sweep.
    pub fn spawn_delivery(self, world: &World, start: Timestamp) {
        world.spawn_at(
            start,
            SignedDuration::ZERO,
            "retry-processor",
            "delivery",
            move |env, _| async move {
                let context = until(&env, SignedDuration::from_secs(90));
                deliver(&self.processor(&env, &env), &context).await;
            },
        );
    }

    pub fn spawn_monitor(self, world: &World, start: Timestamp, event: MonitorEvent) {
        world.spawn_at(start, SignedDuration::ZERO, "health-monitor", event, move |env, event| async move {
            let monitor = self.monitor(&env, &env);
            let _ = monitor.handle(&event, &until(&env, SignedDuration::from_mins(1))).await;
        });
    }

    /// Ends a run: once the schedule has settled everything in quiescence, what holds of the end, for every workload
    /// and for this one. A state that another run has come to is not settled anew.
    pub fn finish(&self, world: &World, also: impl Fn(&World) -> RunOutcome) -> RunOutcome {
        if world.settled_before() {
            return Ok(());
        }
        world.quiesce();
        self.run_schedule(world)?;
        promises_are_kept(world, self)?;
        also(world)
    }

    /// Lets the schedule run until no request waits, without the minutes in which nothing can happen.
    pub fn run_schedule(&self, world: &World) -> RunOutcome {
        let due = |world: &World| {
            let waits = |r: &&RequestRow| matches!(r.status, RequestStatus::Queued | RequestStatus::Dying);
            let wake = rows(world).iter().filter(waits).map(|r| r.wake).min()?;
            let minute = world.now() + SignedDuration::from_mins(1);
            Some(wake.max(minute))
        };
        world.settle(due, |world| self.spawn_processor(world, world.now()), "requests wait for ever")
    }
}
