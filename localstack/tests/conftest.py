import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from tenfold_local import server  # noqa: E402


@pytest.fixture(scope="session")
def running_localstack() -> None:
    if not server.instance():
        pytest.skip("no LocalStack runs; run: localstack/tenfold start")


@pytest.fixture
def names():
    """Resources that are deleted at the end: (what deletes it, with what), latest first."""
    made = []
    yield made
    for delete, arguments in reversed(made):
        delete(**arguments)
