"""What end-to-end tests of every pattern have: a target, and the stacks on LocalStack."""

import pytest

from target import Target


@pytest.fixture(scope="session")
def target():
    """A real HTTP service. Each process of a parallel run has one of its own."""
    with Target() as target:
        yield target


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: waits a minute or so for what happens by itself")


def pytest_collection_modifyitems(items):
    """Each process of a parallel run takes two tests to begin with: one that waits, and one that does not."""
    slow = [item for item in items if item.get_closest_marker("slow")]
    quick = [item for item in items if not item.get_closest_marker("slow")]
    pairs = zip(slow, quick, strict=False)
    items[:] = [item for pair in pairs for item in pair] + slow[len(quick) :] + quick[len(slow) :]
