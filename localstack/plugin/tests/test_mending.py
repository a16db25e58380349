"""What LocalStack alone gets wrong, and is right once mended."""

from types import SimpleNamespace

import pytest
from localstack.services.apigateway.next_gen.execute_api.integrations import aws
from localstack.services.cloudwatch.resource_providers.aws_cloudwatch_alarm import (
    CloudWatchAlarmProvider,
)

from tenfold_localstack import mending


@pytest.fixture
def created(monkeypatch) -> list[dict]:
    """The alarms that reach LocalStack's own code; what mend() replaces is put back at the end."""
    created = []
    monkeypatch.setattr(
        CloudWatchAlarmProvider, "create", lambda self, request: created.append(request.desired_state)
    )
    monkeypatch.setattr(
        aws, "mime_type_matches_binary_media_types", aws.mime_type_matches_binary_media_types
    )
    mending.mend()
    return created


@pytest.mark.parametrize(("given", "expected"), [("3", 3.0), ("0.5", 0.5), (4, 4)])
def test_an_alarms_threshold_is_a_number(created, given, expected):
    CloudWatchAlarmProvider.create(None, SimpleNamespace(desired_state={"Threshold": given}))
    assert created == [{"Threshold": expected}]


def test_an_alarm_without_a_threshold_stays_so(created):
    CloudWatchAlarmProvider.create(None, SimpleNamespace(desired_state={"Metrics": []}))
    assert created == [{"Metrics": []}]


@pytest.mark.parametrize(
    ("accept", "binary", "expected"),
    [
        ("*/*", ["*/*"], True),
        (None, ["*~1*", "*/*"], True),
        ("image/png", ["image/*"], True),
        ("text/plain", ["image/*"], False),
        ("text/plain", None, False),
    ],
)
def test_any_media_type_is_binary_where_the_api_says_so(created, accept, binary, expected):
    assert aws.mime_type_matches_binary_media_types(accept, binary) is expected
