"""Who hears of which event: the template subscribes the services as the definition in Rust says."""

import json

import pytest
from repository import ROOT, Template, as_list, patterns, referenced, texts

FILES = {slug: ROOT / "statemachines" / f"{slug}.subscriptions.json" for slug in patterns()}


def slugs() -> list[str]:
    return [slug for slug, file in FILES.items() if file.exists()]


def generated(slug: str) -> dict[str, dict]:
    """What is generated from the definition, by step."""
    found = json.loads(FILES[slug].read_text())["subscriptions"]
    return {subscription["step"]: subscription for subscription in found}


def subscriptions(template: Template) -> dict[str, dict]:
    """The subscriptions of the template, by the queue that they feed."""
    found = template.of_type("AWS::SNS::Subscription").values()
    return {referenced(subscription["Endpoint"]): subscription for subscription in found}


def queue_of(template: Template, slug: str, step: str) -> str:
    """The queue that calls the function of a step."""
    events = template.artifacts()[f"{slug}-{step}"]["Events"].values()
    (queue,) = [referenced(e["Properties"]["Queue"]) for e in events if e["Type"] == "SQS"]
    return queue


@pytest.mark.parametrize("slug", slugs())
def test_each_step_hears_what_it_acts_on(slug):
    template = Template.of(slug)
    expected = {queue_of(template, slug, step): s for step, s in generated(slug).items()}
    assert set(subscriptions(template)) == set(expected), "one subscription a step"
    for queue, subscription in subscriptions(template).items():
        assert subscription["FilterPolicy"] == expected[queue]["filterPolicy"], (
            f"the filter policy of {queue} in infra/sam/{slug}.yaml is not that of {FILES[slug].name}"
        )
        # Policies are about attributes unless they say otherwise.
        assert subscription.get("FilterPolicyScope", "MessageAttributes") == "MessageAttributes"
        assert subscription.get("RawMessageDelivery") is True, (
            f"the subscription of {queue} needs RawMessageDelivery: true; services read bare log entries"
        )


@pytest.mark.parametrize("slug", slugs())
def test_each_queue_has_the_patience_of_its_step(slug):
    template = Template.of(slug)
    queues = template.of_type("AWS::SQS::Queue")
    for step, subscription in generated(slug).items():
        queue = queues[queue_of(template, slug, step)]
        assert queue["VisibilityTimeout"] == subscription["visibilityTimeoutSeconds"], step
        assert queue["RedrivePolicy"]["maxReceiveCount"] == subscription["maxReceiveCount"], step


@pytest.mark.parametrize("slug", slugs())
def test_the_topic_may_send_to_each_queue_and_nobody_else(slug):
    template = Template.of(slug)
    ((policy, statement),) = [
        (policy, statement)
        for policy in template.of_type("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    queues = set(subscriptions(template))
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
    assert {referenced(queue) for queue in policy["Queues"]} == queues
    assert {referenced(resource) for resource in as_list(statement["Resource"])} == queues
    (topic,) = {referenced(s["TopicArn"]) for s in subscriptions(template).values()}
    assert referenced(statement["Condition"]["ArnEquals"]["aws:SourceArn"]) == topic


@pytest.mark.parametrize("slug", slugs())
def test_the_state_machine_may_call_what_it_calls_and_no_more(slug):
    template = Template.of(slug)
    (machine,) = template.of_type("AWS::Serverless::StateMachine").values()
    text = (ROOT / "statemachines" / f"{slug}.asl.json").read_text()
    substitutions = machine["DefinitionSubstitutions"]
    for name in substitutions:
        assert f"${{{name}}}" in text, f"no state uses {name}"
    named = {name for t in texts(json.loads(text)) if t.startswith("${") for name in [t[2:-1]]}
    assert named == set(substitutions), "the substitutions are those that the file asks for"
    # But for what it may under a condition, which is about keys and traces.
    allowed = {
        referenced(resource)
        for statement in template.statements(machine)
        if statement["Resource"] not in ("*", {"Ref": "KmsKeyArn"})
        for resource in as_list(statement["Resource"])
    }
    assert allowed == {referenced(value) for value in substitutions.values()}
