"""Every stack rings: where something fails, is turned away, falls silent or is given up, an alarm says so."""

import pytest
from repository import Template, artifact, as_list, branches, pascal, patterns, referenced
from test_metrics import recorders

# What calls a function by itself, so that its silence is a fault.
BY_ITSELF = ("Schedule", "ScheduleV2", "DynamoDB", "Kinesis")
SENTENCES = 2
# The metrics that are recorded at each attempt, 0 where it went well.
SHARES = {"saga": {"Faults", "Unsent"}}


def alarms(template: Template) -> dict[str, dict]:
    return template.of_type("AWS::CloudWatch::Alarm")


def is_on(alarm: dict, namespace: str, metric: str, **dimensions) -> bool:
    """Whether an alarm is on this metric of exactly these dimensions."""
    has = {d["Name"]: d["Value"] for d in alarm.get("Dimensions", [])}
    return (alarm.get("Namespace"), alarm.get("MetricName"), has) == (namespace, metric, dimensions)


def is_named(alarm: dict, name: str) -> bool:
    return alarm["AlarmName"] == {"Fn::Sub": f"${{AWS::StackName}}-{name}"}


def role(template: Template, function: str) -> str:
    return artifact(template.functions()[function]).removeprefix(f"{template.path.stem}-")


def without_errors(template: Template) -> list[str]:
    """The functions whose failures raise no alarm: one on Lambda's metric or, where that says too little or too much,
    `…-<role>-errors` on one of ours."""
    return [
        name
        for name in template.functions()
        if not any(
            is_on(alarm, "AWS/Lambda", "Errors", FunctionName={"Ref": name})
            or (is_named(alarm, f"{role(template, name)}-errors") and alarm["Namespace"].startswith("Tenfold/"))
            for alarm in alarms(template).values()
        )
    ]


def without_throttles(template: Template) -> list[str]:
    return [
        name
        for name in template.functions()
        if not any(
            is_on(alarm, "AWS/Lambda", "Throttles", FunctionName={"Ref": name})
            for alarm in alarms(template).values()
        )
    ]


def without_silence(template: Template) -> list[str]:
    """The functions that a schedule or a stream calls, and that may stop without an alarm."""
    found = []
    for name, function in template.functions().items():
        events = function.get("Events", {}).items()
        # SAM names the mapping of an event after both.
        sources = {f"{name}{event}": settings["Type"] for event, settings in events if settings["Type"] in BY_ITSELF}
        streams = {source for source, kind in sources.items() if not kind.startswith("Schedule")}
        streams |= streams_of(template, name)
        if (sources or streams) and not any(
            is_named(alarm, f"{role(template, name)}-silent")
            and alarm.get("TreatMissingData") == "breaching"
            and hears(template, alarm, name, streams)
            for alarm in alarms(template).values()
        ):
            found.append(name)
    return found


def streams_of(template: Template, name: str) -> set[str]:
    """The mappings of streams to a function that the template has by themselves: only streams have a position."""
    mappings = template.of_type("AWS::Lambda::EventSourceMapping").items()
    return {m for m, settings in mappings if settings["FunctionName"] == {"Ref": name} and "StartingPosition" in settings}


def hears(template: Template, alarm: dict, name: str, streams: set[str]) -> bool:
    """Whether an alarm is on something that a function does in each of its runs: it records a metric of ours at the end
    of each. That it is called says nothing of that. A stream with nothing in it calls nobody, so its polls count too,
    beside a metric of ours for the runs that there are."""
    module = role(template, name).replace("-", "_")
    runs = {m for m, modules in recorders(template.path.stem).items() if m.endswith("Runs") and module in modules}
    dimensions = {"Stack": {"Ref": "AWS::StackName"}}
    namespace = f"Tenfold/{pascal(template.path.stem)}"
    return (
        any(is_on(alarm, namespace, metric, **dimensions) for metric in runs)
        or bool(runs)
        and any(is_on(alarm, "AWS/Lambda", "PolledEventCount", EventSourceMappingUUID={"Ref": s}) for s in streams)
    ) and (alarm["ComparisonOperator"], alarm["Statistic"]) == ("LessThanThreshold", "SampleCount")


def without_lost_events(template: Template) -> list[str]:
    """The functions that a schedule calls, of which Lambda may give up an event and lose it without an alarm: what it
    cannot send to the queue of failed events it counts, and no more."""
    return [
        name
        for name, function in template.functions().items()
        if any(event["Type"].startswith("Schedule") for event in function.get("Events", {}).values())
        and not any(
            is_on(alarm, "AWS/Lambda", "DeadLetterErrors", FunctionName={"Ref": name})
            for alarm in alarms(template).values()
        )
    ]


def deaf_to_shares(template: Template) -> list[str]:
    """The alarms on shares (the metrics of which there is an average a function or service) that a number would raise
    for ever where there is much traffic, or that a message which is hidden for minutes between two tries never raises."""
    hidden = [queue.get("VisibilityTimeout", 0) for queue in template.of_type("AWS::SQS::Queue").values()]
    minutes = -(-max(hidden, default=0) // 60)
    return [
        name
        for name, alarm in alarms(template).items()
        if alarm.get("MetricName") in SHARES.get(template.path.stem, ())
        and (
            alarm["Statistic"] != "Average"
            or not template.decided_by(alarm["Threshold"])
            or alarm["EvaluationPeriods"] < (alarm.get("DatapointsToAlarm", 1) - 1) * minutes + 1
        )
    ]


def without_api_errors(template: Template) -> list[str]:
    found = []
    for name, api in template.of_type("AWS::Serverless::Api").items():
        dimensions = {"ApiName": api["Name"], "Stage": api["StageName"]}
        if not any(is_on(a, "AWS/ApiGateway", "5XXError", **dimensions) for a in alarms(template).values()):
            found.append(name)
    return found


def dead_letter_queues(template: Template) -> list[str]:
    """The queues that other queues give messages up to, and those that nothing in the stack receives from."""
    queues = template.of_type("AWS::SQS::Queue")
    targets = {referenced(q.get("RedrivePolicy", {}).get("deadLetterTargetArn")) for q in queues.values()}
    received = {
        referenced(resource)
        for function in template.functions().values()
        for statement in template.statements(function)
        if "sqs:ReceiveMessage" in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
    return [name for name in queues if name in targets or name not in received]


def not_empty(queue: str, alarm: dict) -> bool:
    name = {"Fn::GetAtt": [queue, "QueueName"]}
    return is_on(alarm, "AWS/SQS", "ApproximateNumberOfMessagesVisible", QueueName=name) and (
        alarm["ComparisonOperator"],
        alarm["Threshold"],
    ) == ("GreaterThanThreshold", 0)


def one_more(queue: str, alarm: dict) -> bool:
    """Messages that SQS moves by itself count as sent nowhere, so the number of messages has to grow."""
    queries = alarm.get("Metrics", [])
    name = {"Fn::GetAtt": [queue, "QueueName"]}
    counted = {
        q["MetricStat"]["Metric"]["MetricName"]
        for q in queries
        if "MetricStat" in q and is_on(q["MetricStat"]["Metric"], "AWS/SQS", _name(q), QueueName=name)
    }
    grows = [q for q in queries if q.get("Expression", "").startswith("DIFF(") and q.get("ReturnData", True)]
    # Hidden ones too, or one that a person looks at and puts back would ring.
    messages = {"ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"}
    return (
        counted == messages
        and len(grows) == 1
        and (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
    )


def _name(query: dict) -> str:
    return query["MetricStat"]["Metric"]["MetricName"]


def without(template: Template, rings) -> list[str]:
    return [
        queue
        for queue in dead_letter_queues(template)
        if not any(rings(queue, alarm) for alarm in alarms(template).values())
    ]


def untold(template: Template) -> list[str]:
    """The alarms that nobody hears: without the team's topic or address among their actions."""
    told = {"AlarmTopicArn", "AlarmTopic"}
    return [
        name
        for name, alarm in alarms(template).items()
        if not told <= {referenced(b) for action in alarm.get("AlarmActions", []) for b in branches(action)}
    ]


RULES = {
    "errors of a function": without_errors,
    "throttles of a function": without_throttles,
    "silence of a schedule or stream": without_silence,
    "failed events that are lost": without_lost_events,
    "shares of attempts": deaf_to_shares,
    "5xx of an API": without_api_errors,
    "dead-letter queue: not empty": lambda template: without(template, not_empty),
    "dead-letter queue: one more": lambda template: without(template, one_more),
    "heard by somebody": untold,
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("slug", patterns())
def test_every_stack_rings(slug, rule):
    found = RULES[rule](Template.of(slug))
    assert not found, f"infra/sam/{slug}.yaml: {', '.join(found)} without an alarm ({rule}); copy another pattern's"


@pytest.mark.parametrize("slug", patterns())
def test_an_alarm_says_what_it_means_and_what_to_do_first(slug):
    for name, alarm in alarms(Template.of(slug)).items():
        text = alarm.get("AlarmDescription", "")
        assert text.endswith(".") and text.count(". ") + 1 >= SENTENCES, (
            f"{name}: its AlarmDescription says in one sentence what it means, in another what to do first"
        )


@pytest.mark.parametrize("slug", patterns())
def test_what_an_alarm_calls_is_called_again(slug):
    """CloudWatch calls when an alarm changes, and no more: whoever fails then is called again by Lambda only."""
    template = Template.of(slug)
    called = {referenced(b) for alarm in alarms(template).values() for a in alarm["AlarmActions"] for b in branches(a)}
    for name, function in template.functions().items():
        retries = function.get("EventInvokeConfig", {}).get("MaximumRetryAttempts", 2)
        assert name not in called or retries > 0, f"{name} is called by an alarm: MaximumRetryAttempts is 0"


def test_what_is_unsettled_now_and_then_rings_too():
    template = Template.of("circuit-breaker")
    alarm = template.resources["UnsettledAlarm"]["Properties"]
    hidden = template.resources["RetryQueue"]["Properties"]["VisibilityTimeout"]
    threshold = template.content["Parameters"][referenced(alarm["Threshold"])]["Default"]
    assert (alarm["EvaluationPeriods"], alarm["Statistic"]) == (1, "Sum")
    # One message that never can be acted on comes again so often; less than that need not be a fault.
    assert 1 < threshold <= alarm["Period"] // hidden


def test_the_retry_processor_knows_from_which_age_on_the_alarm_is_raised():
    template = Template.of("circuit-breaker")
    told = template.functions()["CircuitBreakerRetryProcessor"]["Environment"]["Variables"]
    alarm = template.resources["QueueAgeAlarm"]["Properties"]
    assert told["QUEUE_AGE_THRESHOLD_SECONDS"] == alarm["Threshold"]
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold", "as it compares"


# The checks themselves.


def broken(slug: str, remove) -> dict[str, list[str]]:
    """What the rules find in a template without the alarms that `remove` is true of."""
    template = Template.of(slug)
    template.resources = {
        name: resource
        for name, resource in template.resources.items()
        if resource["Type"] != "AWS::CloudWatch::Alarm" or not remove(name, resource["Properties"])
    }
    return {rule: found for rule, check in RULES.items() if (found := check(template))}


def test_what_does_not_ring_is_found():
    everything = broken("saga", lambda *_: True)
    functions = {f"Saga{role}" for role in ("Api", "Flight", "Hotel", "Car", "Publisher", "Coordinator")}
    queues = {f"{name}Queue" for name in ("FlightDeadLetter", "HotelDeadLetter", "CarDeadLetter", "DeadLetter")}
    assert {rule: set(found) for rule, found in everything.items()} == {
        "errors of a function": functions,
        "throttles of a function": functions,
        "silence of a schedule or stream": {"SagaPublisher", "SagaCoordinator"},
        "failed events that are lost": {"SagaCoordinator"},
        "5xx of an API": {"TripsApi"},
        "dead-letter queue: not empty": queues | {"UnpublishedQueue"},
        "dead-letter queue: one more": queues | {"UnpublishedQueue"},
    }
    assert broken("circuit-breaker", lambda name, _: name == "DeadLettersGrewAlarm") == {
        "dead-letter queue: one more": ["DeadLetterQueue"]
    }


def test_an_alarm_that_takes_silence_for_health_is_no_alarm_on_silence():
    template = Template.of("circuit-breaker")
    template.resources["HealthMonitorSilentAlarm"]["Properties"]["TreatMissingData"] = "notBreaching"
    assert without_silence(template) == ["CircuitBreakerHealthMonitor"]


def test_an_alarm_that_is_deaf_or_rings_for_ever_is_found():
    template = Template.of("saga")
    alarm = template.resources["FlightFaultsAlarm"]["Properties"]
    for other in ({"EvaluationPeriods": 5}, {"Statistic": "Sum"}, {"Threshold": 0}):
        template.resources["FlightFaultsAlarm"]["Properties"] = alarm | other
        assert deaf_to_shares(template) == ["FlightFaultsAlarm"]


def test_that_a_schedule_calls_is_no_end_of_a_run():
    template = Template.of("circuit-breaker")
    alarm = template.resources["RetryProcessorSilentAlarm"]["Properties"]
    called = {"Name": "FunctionName", "Value": {"Ref": "CircuitBreakerRetryProcessor"}}
    for other in (
        {"Namespace": "AWS/Lambda", "MetricName": "Invocations", "Dimensions": [called]},
        {"MetricName": "MonitorRuns"},
        {"MetricName": "RetryRuns", "Dimensions": []},
    ):
        template.resources["RetryProcessorSilentAlarm"]["Properties"] = alarm | other
        assert without_silence(template) == ["CircuitBreakerRetryProcessor"]


def test_an_alarm_that_tells_nobody_is_found():
    template = Template.of("circuit-breaker")
    template.resources["ApiErrorsAlarm"]["Properties"]["AlarmActions"] = [
        {"Fn::GetAtt": ["CircuitBreakerHealthMonitor", "Arn"]}
    ]
    assert untold(template) == ["ApiErrorsAlarm"]
