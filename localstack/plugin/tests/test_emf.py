import json
from datetime import UTC, datetime

import pytest

from tenfold_localstack import emf

NOW_MS = 1_700_000_000_123


def line(directive=None, **members) -> str:
    metadata = {"Timestamp": NOW_MS, "CloudWatchMetrics": [directive] if directive else []}
    return json.dumps({"_aws": metadata} | members)


def directive(**parts) -> dict:
    return {
        "Namespace": "Tenfold",
        "Dimensions": [["service"]],
        "Metrics": [{"Name": "failures", "Unit": "Count"}],
    } | parts


def test_a_metric_has_all_that_the_line_says():
    (metric,) = emf.parse(line(directive(), service="pay", failures=3))
    assert metric.namespace == "Tenfold"
    assert metric.datum == {
        "MetricName": "failures",
        "Dimensions": [{"Name": "service", "Value": "pay"}],
        "Timestamp": datetime.fromtimestamp(NOW_MS / 1000, UTC),
        "Unit": "Count",
        "StorageResolution": 60,
        "Value": 3.0,
    }


def test_every_metric_counts_under_every_set_of_dimensions():
    metrics = emf.parse(
        line(
            directive(
                Dimensions=[["service"], ["service", "target"], []],
                Metrics=[{"Name": "calls"}, {"Name": "time", "Unit": "Milliseconds"}],
            ),
            service="pay",
            target="bank",
            calls=1,
            time=2.5,
        )
    )
    assert [(m.datum["MetricName"], len(m.datum["Dimensions"])) for m in metrics] == [
        ("calls", 1),
        ("calls", 2),
        ("calls", 0),
        ("time", 1),
        ("time", 2),
        ("time", 0),
    ]


def test_an_array_of_values_stays_one_datum():
    (metric,) = emf.parse(line(directive(), service="pay", failures=[1, 2, 2]))
    assert metric.datum["Values"] == [1.0, 2.0, 2.0]
    assert "Value" not in metric.datum


def test_without_dimensions_a_metric_has_none():
    bare = directive()
    del bare["Dimensions"]
    (metric,) = emf.parse(line(bare, failures=1))
    assert metric.datum["Dimensions"] == []


def test_high_resolution_is_kept():
    fine = directive(Metrics=[{"Name": "failures", "StorageResolution": 1}])
    (metric,) = emf.parse(line(fine, service="pay", failures=1))
    assert (metric.datum["StorageResolution"], metric.datum["Unit"]) == (1, "None")


@pytest.mark.parametrize(
    "text",
    ["", "plain", "{", '{"level":"INFO"}', '{"_aws": 1}', '{"_aws": {}}', '{"_aws" broken', line()],
)
def test_other_lines_are_no_metrics(text):
    assert emf.parse(text) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (line(directive(), failures=1), "'service' is missing"),
        (line(directive(), service="pay"), "'failures' is missing"),
        (line(directive(), service=1, failures=1), "dimension service is 1, not a string"),
        (line(directive(), service="pay", failures="3"), "metric failures is '3', not a number"),
        (line(directive(), service="pay", failures=True), "not a number"),
        (line(directive(), service="pay", failures=[]), "has 0 values"),
        (line(directive(), service="pay", failures=[1] * 101), "has 101 values"),
        (line(directive(Dimensions=[["d"] * 31]), d="x", failures=1), "31 dimensions"),
    ],
)
def test_a_malformed_line_says_what_is_wrong(text, reason):
    with pytest.raises(emf.Malformed, match=reason):
        emf.parse(text)


def told(at_ms=NOW_MS, resolution=60, **members) -> list[dict]:
    metrics = [{"Name": "failures", "Unit": "Count", "StorageResolution": resolution}]
    document = json.loads(line(directive(Metrics=metrics), **members))
    document["_aws"]["Timestamp"] = at_ms
    return [metric.datum for metric in emf.parse(json.dumps(document))]


def test_values_of_one_metric_and_minute_become_one_entry():
    data = told(service="pay", failures=1) + told(service="pay", failures=[2, 1])
    assert emf.merged(data) == [
        {
            "MetricName": "failures",
            "Dimensions": [{"Name": "service", "Value": "pay"}],
            "Timestamp": datetime.fromtimestamp(NOW_MS / 1000, UTC),
            "Unit": "Count",
            "StorageResolution": 60,
            "Values": [1.0, 2.0, 1.0],
        }
    ]


def test_other_dimensions_and_other_periods_stay_apart():
    minute, second = told(service="pay", failures=1), told(resolution=1, service="pay", failures=1)
    assert len(emf.merged(minute + told(service="ship", failures=1))) == 2
    assert len(emf.merged(minute + told(at_ms=NOW_MS + 1000, service="pay", failures=1))) == 1
    assert len(emf.merged(minute + told(at_ms=NOW_MS + 60_000, service="pay", failures=1))) == 2
    assert len(emf.merged(second + told(NOW_MS + 1000, resolution=1, service="pay", failures=1))) == 2
    assert len(emf.merged(minute + second)) == 2


def test_an_entry_has_no_more_values_than_cloudwatch_takes():
    entries = emf.merged(datum for n in range(400) for datum in told(service="pay", failures=n))
    assert [len(entry["Values"]) for entry in entries] == [150, 150, 100]
    assert sorted(value for entry in entries for value in entry["Values"]) == list(range(400))
