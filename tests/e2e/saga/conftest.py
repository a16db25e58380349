"""What the saga's tests have: its API, and inventory of their own."""

import pytest

from saga.api import KINDS, Agency, Api
from stack import Stack


@pytest.fixture(scope="session")
def stack():
    stack = Stack("saga")
    impatient(stack)
    return stack


def impatient(stack: Stack) -> None:
    """Lets a message come again soon after what had it in its hands has died, and not after minutes.

    For all tests alike, and for as long as the stack lives: each process of a parallel run says the same. A message
    that is worked on for longer may come twice by it, which is what queues do.
    """
    for kind in KINDS:
        stack.queues.set_queue_attributes(
            QueueUrl=stack.outputs[f"{kind.capitalize()}QueueUrl"], Attributes={"VisibilityTimeout": "4"}
        )


@pytest.fixture(scope="session")
def api(stack):
    return Api(stack.outputs["ApiUrl"])


@pytest.fixture
def agency(stack):
    """An agency with plenty of everything."""
    agency = Agency(stack)
    agency.has(flight=5, hotel=5, car=5)
    return agency
