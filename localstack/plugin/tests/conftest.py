import itertools
import json
import os
import sys
import time
from pathlib import Path

import pytest

from tenfold_localstack.sandbox import Result, Sandbox, Settings

# Only so that nothing hangs: no test is about how quickly a process starts or ends.
DEADLINE_SECONDS = 60


class Function:
    """A sandbox with the test bootstrap in it, and what it printed."""

    def __init__(self, task_root: Path, **settings) -> None:
        self.lines: list[str] = []
        env = {"PATH": os.environ["PATH"]} | settings.pop("env", {})
        defaults = {
            "timeout_seconds": DEADLINE_SECONDS,
            "init_seconds": DEADLINE_SECONDS,
            "memory_mb": 128,
        }
        self.sandbox = Sandbox(
            Settings(task_root=str(task_root), env=env, **(defaults | settings)), self.lines.append
        )
        self._ids = (f"request-{number}" for number in itertools.count(1))

    def invoke(self, do: str, **event) -> Result:
        return self.sandbox.invoke(
            next(self._ids), json.dumps({"do": do} | event).encode(), "arn:test", "Root=1-2-3"
        )

    def ask(self, do: str, **event):
        """The answer of an invocation that must not fail."""
        answer = self.invoke(do, **event).answer
        assert not answer.is_error, answer.payload
        return json.loads(answer.payload)


@pytest.fixture
def task_root(tmp_path: Path) -> Path:
    bootstrap = tmp_path / "task" / "bootstrap"
    bootstrap.parent.mkdir()
    program = Path(__file__).with_name("bootstrap.py").read_text()
    # This very interpreter: one found by PATH may be a shim that adds to the environment.
    bootstrap.write_text(f"#!{sys.executable}\n{program}")
    bootstrap.chmod(0o755)
    return bootstrap.parent


@pytest.fixture
def make(task_root: Path):
    made = []

    def make(**settings) -> Function:
        made.append(Function(task_root, **settings))
        return made[-1]

    yield make
    for function in made:
        function.sandbox.stop()


@pytest.fixture
def function(make) -> Function:
    function = make()
    function.sandbox.start()
    return function


def eventually(condition, what: str):
    """Polls until the condition holds, and returns its value."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {DEADLINE_SECONDS} s: {what}"
        time.sleep(0.01)
    return value


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
