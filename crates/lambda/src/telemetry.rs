//! Log lines: one JSON object a line on standard output, which Lambda hands to CloudWatch Logs.
//!
//! Each has `timestamp`, `level`, `message` and `function`, then the fields of the spans around it (an
//! invocation gives `request_id`, `correlation_id` and `trace_id`; an inner span wins over an outer one), then
//! its own. A field `json.<name>` whose text is JSON becomes the value `<name>` itself:
//! `info!(json.aws_calls = %counts, "…")`.
//!
//! `LOG_LEVEL` is `error`, `warn`, `info` (the default), `debug` or `trace`; libraries below us say what is
//! at least a warning, or at `debug` and `trace` everything.

mod line;

use std::io::Write as _;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber, span};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use line::{LogFields, LogLine};

/// Installs the subscriber of the process, and a hook that turns a panic into a log line. A second call
/// changes nothing.
pub fn init(function: &'static str) {
    let level = std::env::var("LOG_LEVEL").ok().and_then(|level| level.parse().ok());
    let layer = JsonLines { function, write: to_stdout };
    let installed = tracing_subscriber::registry().with(layer.with_filter(filter(level))).try_init();
    if installed.is_ok() {
        std::panic::set_hook(Box::new(|info| {
            let at = info.location().map(ToString::to_string).unwrap_or_default();
            let what = info.payload_as_str().unwrap_or("no message");
            tracing::error!(at, panic = what, "panicked");
        }));
    }
}

fn filter(level: Option<LevelFilter>) -> Targets {
    let level = level.unwrap_or(LevelFilter::INFO);
    let targets = Targets::new().with_default(level);
    // The same error is in our own line already, with the invocation's fields.
    let targets = targets.with_target("lambda_runtime::layers", LevelFilter::OFF);
    if level >= LevelFilter::DEBUG {
        return targets;
    }
    let below = ["aws_", "h2", "hyper", "lambda_runtime_api_client", "reqwest", "rustls", "tower"];
    targets.with_targets(below.map(|name| (name, level.min(LevelFilter::WARN))))
}

fn to_stdout(line: &str) {
    // Whole lines only, or two writers could mix theirs. When standard output is gone there is nobody to tell.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}

/// Writes events as lines of JSON.
struct JsonLines<W> {
    function: &'static str,
    write: W,
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    W: Fn(&str) + 'static,
{
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = LogFields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<LogFields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = LogLine::new(*event.metadata().level(), self.function);
        for span in
            context.event_scope(event).into_iter().flat_map(tracing_subscriber::registry::Scope::from_root)
        {
            if let Some(fields) = span.extensions().get::<LogFields>() {
                line.extend(fields);
            }
        }
        let mut own = LogFields::default();
        event.record(&mut own);
        line.extend(&own);
        (self.write)(&line.finish());
    }
}

#[cfg(test)]
mod tests;
