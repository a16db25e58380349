"""What happens without anybody asking for it: the schedules and the alarm, as they are deployed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from calling import new_key
from circuit_breaker.conftest import NO_PROBES, QUICK, STILL
from waiting import eventually

# A rate of one minute, its first tick after at most as much, and the run itself; and all that again.
SCHEDULE = 300
# The alarm needs three failures within 10 s. They come at once, since one after the other may take longer.
BURST = 4


@pytest.mark.slow
def test_the_schedule_delivers_what_was_parked(guarded, processor, stack):
    payments = guarded(openDurationMs=1000, maxOpenDurationMs=1000)
    with processor.only_by_schedule():
        payments.force("open")
        request_id = payments.park()
        payments.force("auto")
        eventually(
            "it is delivered",
            lambda: payments.request(request_id),
            lambda request: request["status"] == "delivered",
            within=SCHEDULE,
            every=0.5,
        )
    assert len(payments.service.posts) == 1
    is_told(stack, "RetryRuns", "QueueAge")


@pytest.mark.slow
def test_the_schedule_probes_a_target_that_nobody_calls(guarded, target, stack):
    health = target.endpoint(f"health-{new_key()}")
    payments = guarded(
        healthUrl=health.url, minimumCalls=1, halfOpenProbes=2, openDurationMs=300, maxOpenDurationMs=300,
        **NO_PROBES,
    )  # fmt: skip
    opened = payments.trip(1)
    closed = payments.eventually_is("closed", within=SCHEDULE)
    assert closed["epoch"] >= opened["epoch"] + 2
    assert "2 of 2 probes went well" in closed["reason"]
    # Not only the two: when the alarm goes off for others' failures, the monitor asks closed targets too.
    assert len(health.calls) >= 2
    assert {(call.method, call.status) for call in health.calls} == {("GET", 200)}
    assert len(payments.service.calls) == 1, "health is asked for at the health URL"
    is_told(stack, "MonitorRuns")


@pytest.mark.slow
def test_the_alarm_makes_the_monitor_look_and_open(guarded, target, stack):
    """So many failures raise the alarm; the breaker's own window is too large to trip by them."""
    calm = {"minimumCalls": 1000, "window": {"type": "count", "size": 1000}, **STILL}
    sick, well = (target.endpoint(f"{health}-{new_key()}") for health in ("sick", "well"))
    # The bystander first: a run of the monitor that finds the sick one finds it too.
    bystander = guarded(**calm, healthUrl=well.url)
    payments = guarded(**calm)
    payments.service.does(status=500)
    sick.does(status=503)
    payments.configure(**{**QUICK, **calm, "healthUrl": sick.url})
    cloudwatch = stack.client("cloudwatch")
    alarm = stack.outputs["TargetFailingAlarm"]

    def look():
        view = payments.view()
        if view["state"] == "closed":
            with ThreadPoolExecutor(BURST) as pool:
                list(pool.map(lambda _: payments.park(), range(BURST)))
            # Its action is taken when it changes. Other tests may have raised it before.
            if is_in_alarm(cloudwatch, alarm):
                cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="seen by a test")
        return view

    opened = eventually(
        "the monitor opens it", look, lambda view: view["state"] == "open", within=SCHEDULE, every=2
    )
    assert opened["reason"] == f"alarm {alarm}, and the health check failed"
    assert "GET" in {call.method for call in sick.calls}
    assert eventually("the other was looked at too", lambda: well.calls)
    assert bystander.view()["state"] == "closed"


def is_in_alarm(cloudwatch, alarm: str) -> bool:
    (found,) = cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    return found["StateValue"] == "ALARM"


def test_the_alarms_and_schedules_are_wired_to_their_functions(stack):
    cloudwatch, events = stack.client("cloudwatch"), stack.client("events")
    arns = {
        output: stack.functions.get_function(FunctionName=stack.outputs[output])["Configuration"][
            "FunctionArn"
        ]
        for output in ("RetryProcessorFunction", "HealthMonitorFunction")
    }
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[stack.outputs["TargetFailingAlarm"]])["MetricAlarms"]
    assert arns["HealthMonitorFunction"] in alarm["AlarmActions"]
    assert arns["HealthMonitorFunction"] in alarm["OKActions"]
    for arn in arns.values():
        (rule,) = events.list_rule_names_by_target(TargetArn=arn)["RuleNames"]
        described = events.describe_rule(Name=rule)
        assert (described["ScheduleExpression"], described["State"]) == ("rate(1 minute)", "ENABLED")


def test_calls_are_told_to_cloudwatch(guarded, stack, known_everywhere):
    payments = guarded(minimumCalls=3, **STILL)
    payments.trip(3)
    known_everywhere()
    payments.park()
    cloudwatch = stack.client("cloudwatch")
    of = {"Stack": stack.environment("GatewayFunction")["STACK_NAME"], "Target": payments.name}
    dimensions = [{"Name": name, "Value": value} for name, value in of.items()]

    def sums():
        names = ("Requests", "Failures", "Parked", "Opened")
        return {name: metric_sum(cloudwatch, name, dimensions) for name in names}

    told = {"Requests": 3, "Failures": 3, "Parked": 4, "Opened": 1}
    eventually("the metrics are there", sums, lambda seen: seen == told, within=180, every=0.5)


def is_told(stack, *metrics: str) -> None:
    """Waits until CloudWatch has values of these metrics, under the dimension that the alarms are on."""
    cloudwatch = stack.client("cloudwatch")
    dimensions = [{"Name": "Stack", "Value": stack.environment("GatewayFunction")["STACK_NAME"]}]

    def told():
        return [m for m in metrics if metric_sum(cloudwatch, m, dimensions, "SampleCount") >= 1]

    eventually("the metrics are there", told, lambda found: found == list(metrics), within=180, every=0.5)


def metric_sum(
    cloudwatch, metric: str, dimensions: list[dict[str, str]], statistic: str = "Sum"
) -> float:
    now = datetime.now(UTC)
    points = cloudwatch.get_metric_statistics(
        Namespace="Tenfold/CircuitBreaker",
        MetricName=metric,
        Dimensions=dimensions,
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=[statistic],
    )["Datapoints"]
    return sum(point[statistic] for point in points)
