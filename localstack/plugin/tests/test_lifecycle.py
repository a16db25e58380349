import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import Function, eventually, is_running

from tenfold_localstack.process import DIE_WITH_PARENT
from tenfold_localstack.sandbox import InitFailed


def error_of(result) -> dict:
    assert result.answer.is_error
    return json.loads(result.answer.payload)


def hanging_pids(function) -> list[int]:
    """The processes of a function that was told to hang."""
    found = eventually(
        lambda: [line for line in function.lines if line.startswith('{"pids"')], "the function hangs"
    )
    return json.loads(found[-1])["pids"]


def gone(pids: list[int]) -> None:
    for pid in pids:
        eventually(lambda pid=pid: not is_running(pid), f"process {pid} is gone")


def test_a_function_that_exits_fails_its_invocation_only(function):
    result = function.invoke("exit", status=3)
    assert error_of(result) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "RequestId: request-1 Error: Runtime exited with error: exit status 3",
    }
    assert "last words" in result.log
    assert function.ask("echo", value="back again") == "back again"


def test_a_time_out_kills_the_process_and_its_children(make):
    # Long enough for a process to be started anew afterwards.
    function = make(timeout_seconds=5)
    function.sandbox.start()
    started = time.monotonic()
    result = function.invoke("hang")
    assert time.monotonic() - started >= 5
    assert error_of(result) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: request-1 Error: Task timed out after 5.00 seconds",
    }
    assert "request-1 Task timed out after 5.00 seconds" in result.log
    gone(hanging_pids(function))
    assert function.ask("echo", value="back again") == "back again"


def test_an_init_error_is_what_the_caller_gets(make):
    with pytest.raises(InitFailed) as failure:
        make(env={"INIT": "error"}).sandbox.start()
    assert json.loads(failure.value.payload) == {
        "errorType": "Config",
        "errorMessage": "TABLE is not set",
    }


def test_an_exit_during_init_tells_the_status_and_keeps_the_log(make):
    function = make(env={"INIT": "exit"})
    with pytest.raises(InitFailed, match="exit status 7"):
        function.sandbox.start()
    assert "cannot start" in function.sandbox.take_log()


def test_an_init_that_never_ends_is_cut_off(make):
    with pytest.raises(InitFailed, match="Task timed out after 0.50 seconds"):
        make(env={"INIT": "hang"}, init_seconds=0.5).sandbox.start()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda bootstrap: bootstrap.unlink(), "Couldn't find valid bootstrap"),
        (lambda bootstrap: bootstrap.chmod(0o644), "permission denied"),
    ],
)
def test_an_artifact_without_a_runnable_bootstrap_says_so(make, task_root, spoil, reason):
    spoil(task_root / "bootstrap")
    with pytest.raises(InitFailed, match=reason) as failure:
        make().sandbox.start()
    assert json.loads(failure.value.payload)["errorType"] == "Runtime.InvalidEntrypoint"


def test_concurrent_invocations_run_in_as_many_processes(make, tmp_path):
    """Each waits for all the others: with fewer processes none would answer."""
    count, folder = 8, tmp_path / "meeting"
    folder.mkdir()

    def one(_) -> int:
        function = make()
        function.sandbox.start()
        return function.ask("meet", folder=str(folder), count=count)

    with ThreadPoolExecutor(count) as pool:
        assert len(set(pool.map(one, range(count)))) == count


def test_stop_ends_an_idle_process_at_once(function):
    pid = function.ask("describe")["pid"]
    function.sandbox.stop()
    gone([pid])


def test_stop_lets_an_invocation_finish(make, tmp_path):
    function, folder = make(), tmp_path / "meeting"
    folder.mkdir()
    function.sandbox.start()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(function.ask, "meet", folder=str(folder), count=2)
        eventually(lambda: os.listdir(folder), "the invocation is under way")
        function.sandbox.stop()
        (folder / "the second").touch()
        pid = answer.result()
    gone([pid])


@pytest.mark.skipif(not DIE_WITH_PARENT, reason="needs setpriv, which is Linux only")
def test_processes_die_with_a_killed_parent(task_root):
    program = (
        "import sys, threading; sys.path[:0] = sys.argv[2:]\n"
        "from conftest import Function\n"
        "function = Function(sys.argv[1])\n"
        # Started by a thread that ends, as LocalStack's do: the process must survive that.
        "starter = threading.Thread(target=function.sandbox.start)\n"
        "starter.start(); starter.join()\n"
        "print(function.ask('describe')['pid'], flush=True)\n"
        "sys.stdin.read()\n"
    )
    tests = Path(__file__).parent
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(task_root), str(tests), str(tests.parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with parent:
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.send_signal(signal.SIGKILL)
    gone([pid])


def test_what_is_printed_before_the_answer_is_in_the_invocations_log(function):
    for number in range(50):
        lines = [f"{number}-{line}" for line in range(20)]
        result = function.invoke("print", lines=lines)
        start, *printed, end, report = result.log.splitlines()
        assert printed == lines
        assert start == f"START RequestId: request-{number + 1} Version: $LATEST"
        assert end == f"END RequestId: request-{number + 1}"
        assert report.startswith(f"REPORT RequestId: request-{number + 1}\tDuration: ")


def test_only_the_first_report_has_an_init_duration(function: Function):
    assert "Init Duration" in function.invoke("echo", value=1).log
    assert "Init Duration" not in function.invoke("echo", value=1).log


def test_the_process_sees_its_environment_and_nothing_of_ours(make, monkeypatch, task_root):
    monkeypatch.setenv("SECRET_OF_THE_PARENT", "1")
    function = make(env={"TABLE": "orders"})
    function.sandbox.start()
    seen = function.ask("describe")
    added_by_python = {"LC_CTYPE"}
    assert seen["env"].keys() - added_by_python == {"PATH", "TABLE", "AWS_LAMBDA_RUNTIME_API"}
    assert seen["cwd"] == str(task_root)
