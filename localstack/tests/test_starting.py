"""Starting LocalStack where it cannot be: what runs is left alone, and one line says what to do."""

import http.server
import json
import os
import re
import socket
import subprocess
import sys
import threading

import pytest
from tenfold_local import __main__ as command
from tenfold_local import install, paths, ports, prerequisites, server
from tenfold_local.say import Failure


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch):
    """A checkout whose installation is none, and in which nothing that runs may be ended, nor anything be started."""
    monkeypatch.setattr(paths, "PID", tmp_path / "pid")
    monkeypatch.delenv("TENFOLD_ENDPOINT", raising=False)
    monkeypatch.setattr(prerequisites, "check", lambda: None)
    for module, name in ((install, "everything"), (server, "_spawn"), (server, "stop")):
        monkeypatch.setattr(module, name, lambda *_, name=name, **__: pytest.fail(f"{name} was called"))


@pytest.fixture
def wanted(monkeypatch):
    return lambda port: monkeypatch.setenv("TENFOLD_LOCALSTACK_PORT", str(port))


@pytest.fixture
def other():
    """Another program, which has a port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


@pytest.fixture
def free():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return port


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"session_id": "a session"}).encode())

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def answering():
    """Something that answers as LocalStack does: its port."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving.server_address[1]
        serving.shutdown()


@pytest.fixture
def process():
    """A process that looks like this checkout's LocalStack."""
    waits = [sys.executable, "-c", "import sys; sys.stdin.read()", "localstack.runtime.main"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE) as running:
        yield running
        assert running.poll() is None, "it was ended"
        running.kill()


@pytest.fixture
def said(capsys, monkeypatch):
    """Runs the command, which has to fail, and gives the one line that it says."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["tenfold", *arguments])
        assert command.main() == 1
        out, error = capsys.readouterr()
        assert out == "" and len(error.splitlines()) == 1, (out, error)
        return error

    return run


COMMANDS = pytest.mark.parametrize("arguments", [["start"], ["up"], ["up", "saga"]])


@COMMANDS
def test_another_port_than_that_of_ours_which_runs(process, answering, free, wanted, said, arguments):
    paths.PID.write_text(f"{process.pid} {answering}")
    wanted(free)
    line = said(*arguments)
    assert f"port {free} is asked for" in line
    assert f"runs on port {answering} (process {process.pid})" in line
    assert f"TENFOLD_LOCALSTACK_PORT={answering}" in line and "make down" in line


@COMMANDS
def test_the_port_of_another_program(other, wanted, said, arguments):
    wanted(other)
    line = said(*arguments)
    assert f"port {other} is in use by process {os.getpid()}" in line
    assert "TENFOLD_LOCALSTACK_PORT" in line


def test_the_port_of_somebody_elses_localstack_while_ours_runs(process, free, answering, wanted, said):
    paths.PID.write_text(f"{process.pid} {free}")
    wanted(answering)
    assert f"runs on port {free}" in said("start")


def test_the_port_of_somebody_elses_localstack(answering, wanted, said):
    wanted(answering)
    assert f"set TENFOLD_ENDPOINT to http://127.0.0.1:{answering}" in said("start")


@COMMANDS
@pytest.mark.parametrize("port", ["0", "70000", "-1", "http", "4566.0", "²", "9" * 5000])
def test_no_port_at_all(process, wanted, said, arguments, port):
    paths.PID.write_text(f"{process.pid} 4566")
    wanted(port)
    line = said(*arguments)
    assert f"TENFOLD_LOCALSTACK_PORT must be a port number from 1 to 65535, it is {port!r}" in line
    assert "in the environment: set it to" in line


def test_no_port_in_the_file(tmp_path, monkeypatch, said):
    monkeypatch.delenv("TENFOLD_LOCALSTACK_PORT", raising=False)
    monkeypatch.setattr(ports, "FILE", tmp_path / "ports.env")
    ports.FILE.write_text("TENFOLD_LOCALSTACK_PORT=none\n")
    assert f"it is 'none' in {ports.FILE}" in said("start")
    ports.FILE.write_text("# nothing\n")
    assert f"TENFOLD_LOCALSTACK_PORT is neither in {ports.FILE} nor in the environment" in said("start")


def test_a_port_that_this_user_may_not_have(wanted, monkeypatch, said):
    def refuse(self, address):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    wanted(80)
    assert "port 80 is not for this user (Permission denied): " in said("start")


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:{}", "http://127.0.0.1:70000", "nonsense"])
def test_an_endpoint_where_nobody_answers(free, monkeypatch, said, endpoint):
    endpoint = endpoint.format(free)
    monkeypatch.setenv("TENFOLD_ENDPOINT", endpoint)
    assert f"TENFOLD_ENDPOINT is {endpoint}, and no LocalStack answers there: " in said("start")


def test_ours_that_answers_is_used(process, answering, wanted, capsys):
    paths.PID.write_text(f"{process.pid} {answering}")
    wanted(answering)
    server.start()
    assert f"LocalStack is up at http://127.0.0.1:{answering}" in capsys.readouterr().out


def test_one_that_an_earlier_version_has_started_is_used_too(process, answering, wanted):
    paths.PID.write_text(str(process.pid))
    wanted(answering)
    assert server.is_up()


def test_a_half_dead_one_of_ours_is_ended_and_started_anew(process, free, wanted, monkeypatch):
    paths.PID.write_text(f"{process.pid} {free}")
    wanted(free)
    done = []
    monkeypatch.setattr(server, "stop", lambda quiet: done.append("stopped"))

    def spawn(port: int) -> None:
        done.append(port)
        monkeypatch.setattr(server, "instance", lambda: "a session")

    monkeypatch.setattr(server, "_spawn", spawn)
    server.start()
    assert done == ["stopped", free]


def test_status_says_where_ours_runs(process, answering, free, wanted):
    paths.PID.write_text(f"{process.pid} {answering}")
    wanted(free)
    with pytest.raises(Failure, match=f"answers at .*:{free}; this checkout's runs on port {answering}"):
        server.status()


def test_a_stale_pid_file_is_not_taken_for_localstack():
    paths.PID.write_text(f"{os.getpid()} 4566")
    assert server._ours() is None


def test_who_has_a_port_is_told_in_one_line():
    """The command of a process may have many."""
    program = "import socket\ns = socket.create_server(('127.0.0.1', 0))\nprint(s.getsockname()[1], flush=True)\ninput()"
    started = [sys.executable, "-c", program]
    with subprocess.Popen(started, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holding:
        port = int(holding.stdout.readline())
        assert re.fullmatch(rf"process {holding.pid} \(.* import socket s = .*\)", ports.holder(port))
        holding.communicate("\n")
