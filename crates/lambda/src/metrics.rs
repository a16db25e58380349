//! Metrics as log lines in CloudWatch's Embedded Metric Format: no call, no wait, no permission.

use std::io::Write as _;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use smol_str::SmolStr;
use tenfold_ports::Metrics;
use tenfold_ports::metrics::{Dimension, Metric, Unit};

/// The most metrics that one line may declare.
const MOST: usize = 100;
/// The dimension that keeps two stacks of one pattern apart.
const STACK: &str = "Stack";

/// Writes metrics to standard output, under the namespace `Tenfold/<Pattern>` and the dimension `Stack`.
#[derive(Debug, Clone)]
pub struct Emf {
    namespace: String,
    function: SmolStr,
    stack: Option<SmolStr>,
}

impl Emf {
    /// Metrics of the pattern `slug` (`circuit-breaker` becomes `Tenfold/CircuitBreaker`), recorded by
    /// `function`, which each line names.
    ///
    /// The stack is the variable `STACK_NAME`. A function without one, outside of our templates, records without
    /// the dimension.
    pub fn new(slug: &str, function: impl Into<SmolStr>) -> Self {
        Self::of_stack(slug, function, std::env::var("STACK_NAME").ok().as_deref())
    }

    fn of_stack(slug: &str, function: impl Into<SmolStr>, stack: Option<&str>) -> Self {
        let stack = stack.filter(|name| !name.is_empty()).map(SmolStr::from);
        Self { namespace: format!("Tenfold/{}", pascal(slug)), function: function.into(), stack }
    }

    /// One line for at most [`MOST`] metrics.
    fn line(&self, now: Timestamp, dimensions: &[Dimension], metrics: &[Metric]) -> Value {
        let of_stack: Vec<&str> = self.stack.iter().map(|_| STACK).collect();
        let mut sets = vec![of_stack.clone()];
        if !dimensions.is_empty() {
            sets.push(of_stack.into_iter().chain(dimensions.iter().map(|(name, _)| *name)).collect());
        }
        let mut line = Map::new();
        let mut declared: Vec<Value> = Vec::new();
        for metric in metrics {
            let value = Value::from(metric.value);
            match line.get_mut(metric.name) {
                // Measured more than once: a list of values, which the format knows too.
                Some(Value::Array(values)) => values.push(value),
                Some(first) => *first = Value::from(vec![first.take(), value]),
                None => {
                    declared.push(json!({ "Name": metric.name, "Unit": unit(metric.unit) }));
                    line.insert(metric.name.to_owned(), value);
                }
            }
        }
        if let Some(stack) = &self.stack {
            line.insert(STACK.to_owned(), stack.as_str().into());
        }
        for (name, value) in dimensions {
            line.insert((*name).to_owned(), value.as_str().into());
        }
        line.insert("function".to_owned(), self.function.as_str().into());
        let directive = json!({ "Namespace": self.namespace, "Dimensions": sets, "Metrics": declared });
        let about = json!({ "Timestamp": now.as_millisecond(), "CloudWatchMetrics": [directive] });
        line.insert("_aws".to_owned(), about);
        Value::Object(line)
    }
}

impl Metrics for Emf {
    fn record(&self, dimensions: &[Dimension], metrics: &[Metric]) {
        // JSON has no word for infinity, and CloudWatch takes none.
        let finite: Vec<Metric> = metrics.iter().copied().filter(|m| m.value.is_finite()).collect();
        for some in finite.chunks(MOST) {
            let line = format!("{}\n", self.line(Timestamp::now(), dimensions, some));
            // One write a line, or CloudWatch could see two halves. A metric is not worth a failure.
            let _ = std::io::stdout().lock().write_all(line.as_bytes());
        }
    }
}

const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "Count",
        Unit::Milliseconds => "Milliseconds",
        Unit::Seconds => "Seconds",
        Unit::Percent => "Percent",
        Unit::None => "None",
    }
}

fn pascal(slug: &str) -> String {
    let mut pascal = String::with_capacity(slug.len());
    for word in slug.split('-') {
        let mut letters = word.chars();
        pascal.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        pascal.push_str(letters.as_str());
    }
    pascal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(dimensions: &[Dimension], metrics: &[Metric]) -> Value {
        line_of(Some("payments-dev"), dimensions, metrics)
    }

    fn line_of(stack: Option<&str>, dimensions: &[Dimension], metrics: &[Metric]) -> Value {
        let now = Timestamp::from_millisecond(1_574_109_732_004).unwrap();
        let emf = Emf::of_stack("circuit-breaker", "circuit-breaker-gateway", stack);
        serde_json::from_str(&emf.line(now, dimensions, metrics).to_string()).unwrap()
    }

    fn sets(line: &Value) -> &Value {
        &line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    }

    #[test]
    fn a_metric_is_declared_and_given_for_the_stack_and_for_its_dimensions_there() {
        let metrics = [Metric::count("Opened", 1.0), Metric::milliseconds("Latency", 12.5)];
        let expected = json!({
            "_aws": {
                "Timestamp": 1_574_109_732_004_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "Tenfold/CircuitBreaker",
                    "Dimensions": [["Stack"], ["Stack", "Target"]],
                    "Metrics": [{"Name": "Opened", "Unit": "Count"}, {"Name": "Latency", "Unit": "Milliseconds"}]
                }]
            },
            "Stack": "payments-dev",
            "Target": "payments",
            "function": "circuit-breaker-gateway",
            "Opened": 1.0,
            "Latency": 12.5
        });
        assert_eq!(line(&[("Target", "payments".into())], &metrics), expected);
    }

    #[test]
    fn without_dimensions_there_is_the_stack_alone() {
        let line = line(&[], &[Metric::plain("State", 2.0)]);
        assert_eq!(sets(&line), &json!([["Stack"]]));
    }

    #[test]
    fn outside_of_a_stack_there_is_the_pattern_and_what_a_metric_is_of() {
        for stack in [None, Some("")] {
            let metrics = [Metric::plain("State", 2.0)];
            assert_eq!(sets(&line_of(stack, &[], &metrics)), &json!([[]]));
            let line = line_of(stack, &[("Target", "payments".into())], &metrics);
            assert_eq!(sets(&line), &json!([[], ["Target"]]));
            assert_eq!(line.get("Stack"), None);
        }
    }

    #[test]
    fn a_metric_measured_twice_becomes_a_list() {
        let line = line(&[], &[1.0, 2.0, 3.0].map(|v| Metric::seconds("Age", v)));
        assert_eq!(line["Age"], json!([1.0, 2.0, 3.0]));
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Metrics"],
            json!([{"Name": "Age", "Unit": "Seconds"}])
        );
    }

    #[test]
    fn names_become_pascal_case() {
        assert_eq!(pascal("work-stealing"), "WorkStealing");
        assert_eq!(pascal("saga"), "Saga");
        assert_eq!(pascal("a--é"), "AÉ");
    }
}
