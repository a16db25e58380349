"""No message is lost: each queue has a dead-letter queue, and time enough for its consumers."""

import pytest
from repository import Template, as_list, patterns, referenced

DEFAULT_RETENTION = 345_600
DEFAULT_VISIBILITY = 30
LONGEST_RETENTION = 1_209_600


def queues() -> list[tuple[str, str]]:
    return [
        (slug, name) for slug in patterns() for name in Template.of(slug).of_type("AWS::SQS::Queue")
    ]


def dead_letter_queue(queue: dict) -> str | None:
    return referenced(queue.get("RedrivePolicy", {}).get("deadLetterTargetArn"))


def consumers(template: Template, queue: str) -> dict[str, int]:
    """The functions that receive from a queue, and their timeouts."""
    found = {}
    for name, function in template.functions().items():
        events = function.get("Events", {}).values()
        polled = [referenced(e["Properties"]["Queue"]) for e in events if e["Type"] == "SQS"]
        received = [
            referenced(resource)
            for statement in template.statements(function)
            if "sqs:ReceiveMessage" in as_list(statement["Action"])
            for resource in as_list(statement["Resource"])
        ]
        if queue in polled + received:
            found[name] = function["Timeout"]
    return found


@pytest.mark.parametrize(("slug", "name"), queues())
def test_a_queue_has_a_dead_letter_queue_that_keeps_longer(slug, name):
    template = Template.of(slug)
    all_queues = template.of_type("AWS::SQS::Queue")
    queue = all_queues[name]
    # A queue that no function receives from is for people, as the dead-letter queue of another is.
    if name in {dead_letter_queue(q) for q in all_queues.values()} or not consumers(template, name):
        assert not dead_letter_queue(queue), f"{name} is a dead-letter queue and needs none itself"
        assert queue.get("MessageRetentionPeriod") == LONGEST_RETENTION, (
            f"{name} is for people and needs MessageRetentionPeriod: {LONGEST_RETENTION}, the longest there is"
        )
        return
    letters = dead_letter_queue(queue)
    assert letters in all_queues, (
        f"{name} needs a RedrivePolicy with the !GetAtt Arn of a queue of its own stack"
    )
    keeps, longer = (
        q.get("MessageRetentionPeriod", DEFAULT_RETENTION) for q in (queue, all_queues[letters])
    )
    # A message's age goes on counting when it is moved.
    assert longer > keeps, (
        f"{letters} keeps messages for {longer} s; more than the {keeps} s of {name} was expected, or a message "
        "that is moved late is gone before anybody has seen it"
    )


@pytest.mark.parametrize(("slug", "name"), queues())
def test_a_message_stays_hidden_for_six_timeouts(slug, name):
    template = Template.of(slug)
    queue = template.of_type("AWS::SQS::Queue")[name]
    hidden = queue.get("VisibilityTimeout", DEFAULT_VISIBILITY)
    for function, timeout in consumers(template, name).items():
        assert hidden >= 6 * timeout, (
            f"{name} hides a message for {hidden} s, and {function} may take {timeout} s: "
            f"at least {6 * timeout} s was expected, as AWS advises"
        )


@pytest.mark.parametrize(("slug", "name"), queues())
def test_a_queue_is_encrypted(slug, name):
    queue = Template.of(slug).of_type("AWS::SQS::Queue")[name]
    managed, own = ({"Ref": "AWS::NoValue"}, True), ({"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"})
    assert queue.get("SqsManagedSseEnabled") == {"Fn::If": ["HasKmsKey", *managed]} and (
        queue.get("KmsMasterKeyId") == {"Fn::If": ["HasKmsKey", *own]}
    ), f"{name} needs SqsManagedSseEnabled, or with KmsKeyArn that key as KmsMasterKeyId: as other queues have it"
