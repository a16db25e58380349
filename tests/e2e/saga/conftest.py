"""What the saga's tests have: its API, and inventory of their own."""

import pytest

from saga.api import Agency, Api
from stack import Stack


@pytest.fixture(scope="session")
def stack():
    return Stack("saga")


@pytest.fixture(scope="session")
def api(stack):
    return Api(stack.outputs["ApiUrl"])


@pytest.fixture
def agency(stack):
    """An agency with plenty of everything."""
    agency = Agency(stack)
    agency.has(flight=5, hotel=5, car=5)
    return agency
