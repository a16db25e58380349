"""Embedded Metric Format: a log line that is a JSON object with `_aws` is also metric data.

AWS extracts the metrics from the log; LocalStack does not. The format:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

MAX_DIMENSIONS = 30
MAX_VALUES = 100
MAX_VALUES_PER_DATUM = 150  # of PutMetricData


class Malformed(ValueError):
    """The line says that it is EMF, and is not: AWS drops it silently, we say why."""


@dataclass(frozen=True)
class Metric:
    namespace: str
    datum: dict  # an entry of PutMetricData's MetricData


def parse(line: str) -> list[Metric]:
    """The metrics of one log line; none when the line is no EMF."""
    # Cheap first: most lines of a log are something else.
    if not line.startswith("{") or '"_aws"' not in line:
        return []
    try:
        document = json.loads(line)
    except ValueError:
        return []
    metadata = document.get("_aws")
    if not isinstance(metadata, dict) or "CloudWatchMetrics" not in metadata:
        return []
    try:
        when = datetime.fromtimestamp(metadata["Timestamp"] / 1000, UTC)
        return [
            metric
            for directive in metadata["CloudWatchMetrics"]
            for metric in _directive(directive, document, when)
        ]
    except KeyError as missing:
        raise Malformed(f"{missing} is missing") from missing
    except (TypeError, AttributeError, OverflowError) as error:
        raise Malformed(str(error)) from error


def merged(data: Iterable[dict]) -> list[dict]:
    """The same data in fewer entries: one for each metric and period, with all its values.

    LocalStack makes a transaction on disk of each entry, and falls minutes behind a busy stack when
    each value comes as its own. Nothing is lost: CloudWatch keeps no times within a period.
    """
    series: dict[tuple, dict] = {}
    for datum in data:
        period = int(datum["Timestamp"].timestamp()) // datum["StorageResolution"]
        dimensions = tuple((d["Name"], d["Value"]) for d in datum["Dimensions"])
        key = (datum["MetricName"], dimensions, datum["Unit"], datum["StorageResolution"], period)
        rest = {name: value for name, value in datum.items() if name not in ("Value", "Values")}
        values = datum["Values"] if "Values" in datum else [datum["Value"]]
        series.setdefault(key, rest | {"Values": []})["Values"].extend(values)
    return [
        datum | {"Values": values}
        for datum in series.values()
        for values in _chunks(datum["Values"], MAX_VALUES_PER_DATUM)
    ]


def _directive(directive: dict, document: dict, when: datetime) -> Iterator[Metric]:
    namespace = directive["Namespace"]
    # A directive without Dimensions counts under no dimension, as the empty set does.
    dimension_sets = [_dimensions(keys, document) for keys in directive.get("Dimensions") or [[]]]
    for definition in directive["Metrics"]:
        name = definition["Name"]
        values = _values(name, document[name])
        for dimensions in dimension_sets:
            datum = {
                "MetricName": name,
                "Dimensions": dimensions,
                "Timestamp": when,
                "Unit": definition.get("Unit", "None"),
                "StorageResolution": definition.get("StorageResolution", 60),
            }
            datum |= {"Value": values[0]} if len(values) == 1 else {"Values": values}
            yield Metric(namespace, datum)


def _dimensions(keys: list[str], document: dict) -> list[dict]:
    if len(keys) > MAX_DIMENSIONS:
        raise Malformed(f"{len(keys)} dimensions in a set, {MAX_DIMENSIONS} are allowed")
    for key in keys:
        if not isinstance(document[key], str):
            raise Malformed(f"dimension {key} is {document[key]!r}, not a string")
    return [{"Name": key, "Value": document[key]} for key in keys]


def _chunks(values: list[float], size: int) -> Iterator[list[float]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _values(name: str, value) -> list[float]:
    values = value if isinstance(value, list) else [value]
    if not values or len(values) > MAX_VALUES:
        raise Malformed(f"metric {name} has {len(values)} values, 1 to {MAX_VALUES} are allowed")
    for number in values:
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise Malformed(f"metric {name} is {number!r}, not a number")
    return [float(number) for number in values]
