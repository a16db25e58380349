"""What end-to-end tests of every pattern have: a target, and the stacks on LocalStack."""

import time
from collections import defaultdict
from pathlib import Path

import pytest

from target import Target

HERE = Path(__file__).parent
# How long the tests of each folder took, all workers together.
TOOK: dict[str, float] = defaultdict(float)


@pytest.fixture(scope="session")
def target():
    """A real HTTP service. Each process of a parallel run has one of its own."""
    with Target() as target:
        yield target


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: waits a minute or so for what happens by itself")
    config.began = time.monotonic()


def pytest_collection_modifyitems(items):
    """Each process of a parallel run takes two tests to begin with: one that waits, and one that does not."""
    slow = [item for item in items if item.get_closest_marker("slow")]
    quick = [item for item in items if not item.get_closest_marker("slow")]
    pairs = zip(slow, quick, strict=False)
    items[:] = [item for pair in pairs for item in pair] + slow[len(quick) :] + quick[len(slow) :]


def pytest_runtest_logreport(report):
    TOOK[report.nodeid.split("/")[0]] += report.duration


def pytest_terminal_summary(terminalreporter, config):
    """Tells `tools/stages.py` what share of the run each pattern had, by what its tests took."""
    if hasattr(config, "workerinput") or not (whole := sum(TOOK.values())):
        return
    wall = time.monotonic() - config.began
    for folder in sorted(TOOK):
        slug = folder.replace("_", "-")
        if (HERE / folder).is_dir():
            terminalreporter.write_line(f"seconds: {slug} e2e {wall * TOOK[folder] / whole:.1f}")
