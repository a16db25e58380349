//! From process start to answers: what each binary's `main` calls.

mod init_error;
mod invocation;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Instant;

use futures_util::FutureExt as _;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};
use tenfold_aws::{Aws, SystemRng, SystemRuntime};
use tenfold_ports::Context;
use tenfold_ports::api::{Problem, Request, Response};
use tower::util::MapFutureLayer;
use tracing::Instrument as _;

use invocation::Invocation;

use crate::api::{self, NoRequest};
use crate::environment::Environment;
use crate::error::{BAD_EVENT, ErrorType, InitError, PANIC, diagnostic, failure};
use crate::metrics::Emf;
use crate::telemetry;

/// What Lambda sets for every function and the runtime's client cannot do without.
const NEEDED: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// What a function is built of, once a process.
#[derive(Debug)]
pub struct Boot {
    /// The environment's variables, to be read into a configuration.
    pub env: Environment,
    /// The clients of AWS. Their calls are counted, and each invocation's last log line has the counts.
    pub aws: Aws,
    /// Time, chance, and metrics in the pattern's namespace.
    pub runtime: SystemRuntime<Emf>,
    /// What serves, once all is built.
    pub start: Start,
}

/// Runs the function `<slug>-<role>`: logs, then `init` on a runtime of one thread, which ends by serving.
///
/// `init` builds what lives as long as the process and hands its handler to one of the `serve_` methods. When
/// it fails or panics, one log line says why, Lambda is told so, and the process ends as a failure.
///
/// Futures need not be `Send`: a function has one invocation at a time, on one thread.
pub fn run<I>(slug: &str, role: &str, init: I) -> ExitCode
where
    I: AsyncFnOnce(Boot) -> Result<(), InitError>,
{
    let began = Instant::now();
    // Once a process, for as long as it lives.
    let function: &'static str = format!("{slug}-{role}").leak();
    telemetry::init(function);
    let outcome = boot(slug, function, began).and_then(|boot| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let whole = AssertUnwindSafe(async { init(boot).await }).catch_unwind();
        runtime.block_on(whole).unwrap_or_else(|panic| Err(InitError::of_panic(&*panic)))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let InitError { error_type, message, started } = error;
            let what = if started { "function ended" } else { "function did not start" };
            tracing::error!(error_type, error = message, "{what}");
            if !started && let Err(error) = init_error::report(&error_type, &message) {
                tracing::warn!(%error, "the failed start could not be reported to Lambda");
            }
            ExitCode::FAILURE
        }
    }
}

fn boot(slug: &str, function: &'static str, began: Instant) -> Result<Boot, InitError> {
    let env = Environment::from_process();
    for name in NEEDED {
        let _ = env.text(name).get();
    }
    // Set where the template lets X-Ray trace the function.
    let is_traced = env.flag("XRAY_TRACING").or(false);
    env.finish(())?;
    let aws = Aws::from_env()?;
    let calls = aws.calls().clone();
    Ok(Boot {
        env: Environment::from_process(),
        runtime: SystemRuntime::new(Emf::new(slug, function)),
        start: Start { began, is_traced, calls: Box::new(move || calls.take()) },
        aws,
    })
}

/// A function that is starting.
pub struct Start {
    began: Instant,
    /// Whether X-Ray traces the function, so that its trace ids are ours.
    is_traced: bool,
    calls: Box<dyn Fn() -> BTreeMap<String, u64>>,
}

impl fmt::Debug for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start").field("began", &self.began).finish_non_exhaustive()
    }
}

impl Start {
    /// Answers requests that come through API Gateway, for as long as the process lives.
    ///
    /// A panic of the handler is answered with a problem document of status 500, a header that HTTP does not allow
    /// or a correlation id that cannot go on as it is with one of 400 that names it; an event that is no proxy event fails the invocation as `BadEvent`.
    ///
    /// A request's `traceparent` names the trace, unless X-Ray traces the function (`XRAY_TRACING` is `true`): then log
    /// lines, rows and calls have X-Ray's trace id, so that what is found in the one is found in the other.
    ///
    /// # Errors
    /// Lambda's Runtime API cannot be reached any more.
    pub async fn serve_api<H>(self, handle: H) -> Result<(), InitError>
    where
        H: AsyncFn(&Request, &Context) -> Response + 'static,
    {
        self.serve_api_then(handle, async || ()).await
    }

    /// The same; after each answer `after` does what nobody waits for. Lambda hands the answer on when it has it, and
    /// freezes the process when the next event is asked for: until then it is the invocation's time, and paid for.
    ///
    /// # Errors
    /// Lambda's Runtime API cannot be reached any more.
    pub async fn serve_api_then<H, B>(self, handle: H, after: B) -> Result<(), InitError>
    where
        H: AsyncFn(&Request, &Context) -> Response + 'static,
        B: AsyncFn() + 'static,
    {
        let is_traced = self.is_traced;
        let answer = async move |invocation: Invocation, request: Result<Request, NoRequest>| {
            let response = match request {
                Ok(request) => {
                    let id = invocation.request_id.clone();
                    let work = Box::pin(async { handle(&request, &invocation.context).await });
                    let attempt = AssertUnwindSafe(work).catch_unwind().await;
                    attempt.unwrap_or_else(|_| {
                        let detail = format!("the function failed while it worked on request {id}");
                        Problem::internal(detail).into()
                    })
                }
                Err(NoRequest::BadHeader { faults, .. }) => {
                    let problem = Problem::invalid(faults);
                    tracing::warn!(why = problem.detail, "the request has headers that are not allowed");
                    problem.into()
                }
                Err(error @ NoRequest::NotProxied(_)) => return Err(failure(BAD_EVENT, error.to_string())),
            };
            Ok((Some(response.status), raw(&api::proxied(response))?))
        };
        let decode = move |event: &RawValue, invocation: &mut Invocation| {
            let request = api::request(event.get());
            match &request {
                Ok(request) => invocation.take_headers(request, !is_traced),
                Err(NoRequest::BadHeader { request, .. }) => invocation.take_headers(request, !is_traced),
                Err(NoRequest::NotProxied(_)) => {}
            }
            request
        };
        self.serve(decode, answer, after).await
    }

    /// Answers events of the type `E`, for as long as the process lives.
    ///
    /// An event of another shape fails the invocation as `BadEvent`, a panic of the handler as `Panic`, its
    /// error under the error's own name.
    ///
    /// # Errors
    /// Lambda's Runtime API cannot be reached any more.
    pub async fn serve_event<E, R, F, H>(self, handle: H) -> Result<(), InitError>
    where
        E: DeserializeOwned + 'static,
        R: Serialize + 'static,
        F: ErrorType + fmt::Display + 'static,
        H: AsyncFn(&E, &Context) -> Result<R, F> + 'static,
    {
        let answer = async move |invocation: Invocation, event: Result<E, serde_json::Error>| {
            let event = event.map_err(|e| failure(BAD_EVENT, e.to_string()))?;
            let work = Box::pin(async { handle(&event, &invocation.context).await });
            let attempt = AssertUnwindSafe(work).catch_unwind().await;
            match attempt {
                Ok(Ok(answer)) => Ok((None, raw(&answer)?)),
                Ok(Err(error)) => Err(diagnostic(&error)),
                Err(panic) => Err(failure(PANIC, panic_message(&*panic))),
            }
        };
        let decode = |event: &RawValue, _: &mut Invocation| serde_json::from_str(event.get());
        self.serve(decode, answer, async || ()).await
    }

    /// What `decode` makes of an event goes to `answer`. A panic of `decode` fails the invocation as `Panic`.
    async fn serve<T, D, A, B>(self, decode: D, answer: A, after: B) -> Result<(), InitError>
    where
        B: AsyncFn() + 'static,
        D: Fn(&RawValue, &mut Invocation) -> T + Copy + 'static,
        A: AsyncFn(Invocation, T) -> InvocationResult + 'static,
        T: 'static,
    {
        let Self { began, calls, .. } = self;
        let (answer, calls, ids) = (Rc::new(answer), Rc::new(calls), Rc::new(SystemRng::default()));
        let cold = Rc::new(Cell::new(Some(began.elapsed())));
        let service = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
            let (answer, calls, ids, cold) =
                (Rc::clone(&answer), Rc::clone(&calls), Rc::clone(&ids), Rc::clone(&cold));
            async move {
                let (event, context) = event.into_parts();
                let mut invocation = Invocation::new(&context, &*ids);
                let decoded = catch_unwind(AssertUnwindSafe(|| decode(&event, &mut invocation)));
                let span = invocation.span();
                let work = async {
                    let began = Instant::now();
                    let outcome = match decoded {
                        Ok(decoded) => answer(invocation, decoded).await,
                        Err(panic) => Err(failure(PANIC, panic_message(&*panic))),
                    };
                    let milliseconds = began.elapsed().as_secs_f64() * 1000.0;
                    log_end(&outcome, milliseconds, cold.take().map(|d| d.as_secs_f64() * 1000.0), &calls());
                    outcome.map(|(_, body)| body)
                };
                work.instrument(span).await
            }
        });
        // A layer's future goes on when the answer was sent, and before the next event is asked for.
        let after = Rc::new(after);
        let then = MapFutureLayer::new(move |answering| {
            let after = Rc::clone(&after);
            async move {
                let answered = answering.await;
                // The answer is out: nothing of this may end the process.
                if AssertUnwindSafe(after()).catch_unwind().await.is_err() {
                    tracing::error!(error_type = PANIC, "what comes after the answer failed");
                }
                answered
            }
        });
        // Not `lambda_runtime::run`: its own span would repeat ours.
        let served = lambda_runtime::Runtime::new(service).layer(then).run().await;
        served.map_err(|e| InitError {
            error_type: "RuntimeApi".to_owned(),
            message: e.to_string(),
            started: true,
        })
    }
}

/// What an invocation came to: the HTTP status, where it has one, and the answer's JSON.
type InvocationResult = Result<(Option<u16>, Box<RawValue>), Diagnostic>;

/// The last line of an invocation. `init_ms` is there on a cold start only: the time that `init` took.
fn log_end(
    outcome: &InvocationResult,
    duration_ms: f64,
    init_ms: Option<f64>,
    calls: &BTreeMap<String, u64>,
) {
    let cold_start = init_ms.is_some();
    let calls = serde_json::json!(calls);
    match outcome {
        Ok((status, _)) => {
            tracing::info!(duration_ms, cold_start, init_ms, status, json.aws_calls = %calls, "answered");
        }
        Err(Diagnostic { error_type, error_message }) => {
            let (error_type, error) = (error_type.as_str(), error_message.as_str());
            tracing::error!(
                duration_ms, cold_start, init_ms, error_type, error, json.aws_calls = %calls, "failed"
            );
        }
    }
}

fn raw(answer: &impl Serialize) -> Result<Box<RawValue>, Diagnostic> {
    // A handler's answer that has no JSON is a mistake in the handler, as a panic is.
    to_raw_value(answer).map_err(|e| failure(PANIC, format!("the answer cannot be written: {e}")))
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}

impl InitError {
    /// A failed start under a name of your own.
    pub fn new(error_type: impl Into<String>, message: impl Into<String>) -> Self {
        Self { error_type: error_type.into(), message: message.into(), started: false }
    }

    fn of_panic(panic: &(dyn std::any::Any + Send)) -> Self {
        Self::new(PANIC, panic_message(panic))
    }
}
