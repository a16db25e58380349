"""`make doctor`: what is in the way is named with what to do, before anything is downloaded."""

import socket
import threading

import pytest
from tenfold_local import doctor, paths, prerequisites, server
from tenfold_local.prerequisites import Prerequisite
from tenfold_local.say import Failure


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch):
    """A checkout in which nothing is installed, on a machine that has all it needs, and no LocalStack."""
    for name in ("LOCAL", "TARGET", "VENV", "TOOLS", "GATES", "GATES_NAG", "DYNAMODB", "STORES", "TEMPLATES", "PID"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(prerequisites, "all_of_them", lambda: [Prerequisite("a shell", "", "", "sh")])
    monkeypatch.delenv("TENFOLD_ENDPOINT", raising=False)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("TENFOLD_LOCALSTACK_PORT", str(probe.getsockname()[1]))
    return tmp_path


def test_a_machine_that_has_all_is_told_what_to_do_next(capsys, empty):
    doctor.tell()
    said = capsys.readouterr().out
    assert "NO" not in said
    assert said.count("not yet: the first run gets it") == 6
    assert said.endswith("next: make demo\n")
    assert list(empty.iterdir()) == [], "nothing is changed"


def test_what_is_missing_and_who_has_the_port_is_named(capsys, monkeypatch):
    lacking = Prerequisite("a JDK", "runs DynamoDB Local", "apt install it", "no-such-java")
    monkeypatch.setattr(prerequisites, "all_of_them", lambda: [lacking])
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setenv("TENFOLD_LOCALSTACK_PORT", str(port))
        with pytest.raises(Failure, match=f"in the way: a JDK, port {port}"):
            doctor.tell()
    said = capsys.readouterr().out
    assert "apt install it" in said
    assert "set TENFOLD_LOCALSTACK_PORT" in said


def test_who_has_the_port_need_not_speak_http(monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setenv("TENFOLD_LOCALSTACK_PORT", str(other.getsockname()[1]))
        (finding,) = doctor.in_use()
        greeter = threading.Thread(target=greets, args=(other,), daemon=True)
        greeter.start()
        assert server.instance() is None
        greeter.join()
    assert not finding.is_well
    assert "in use by" in finding.found


def test_a_port_that_cannot_be_is_named_beside_all_else(capsys, monkeypatch):
    monkeypatch.setenv("TENFOLD_LOCALSTACK_PORT", "70000")
    with pytest.raises(Failure, match="in the way: LocalStack's port"):
        doctor.tell()
    said = capsys.readouterr().out
    assert "from 1 to 65535, it is '70000'" in said and "a shell" in said


def greets(listening: socket.socket) -> None:
    """As a mail or Redis server does."""
    connection, _ = listening.accept()
    with connection:
        connection.sendall(b"-ERR what?\r\n")


@pytest.mark.parametrize("answers", [True, False])
def test_a_localstack_that_somebody_else_runs_is_asked_itself(monkeypatch, answers):
    monkeypatch.setenv("TENFOLD_ENDPOINT", "http://docker:4566")
    monkeypatch.setattr(server, "instance", lambda: "session" if answers else None)
    (finding,) = doctor.in_use()
    assert (finding.what, finding.is_well) == ("TENFOLD_ENDPOINT", answers)


def test_each_folder_needs_its_own_room(monkeypatch, empty):
    sizes = {paths.LOCAL: 0.0, paths.TARGET: 100.0}
    monkeypatch.setattr(doctor, "size", sizes.__getitem__)
    assert "make demo needs 1 GB more, make test 1 GB" in doctor.disk().found


def test_a_full_disk_is_in_the_way(monkeypatch):
    monkeypatch.setattr(doctor, "DEMO_GB", 1e9)
    with pytest.raises(Failure, match="in the way: disk"):
        doctor.tell()


def test_what_is_installed_is_told_with_its_size(capsys, empty):
    paths.VENV.mkdir()
    (paths.VENV / ".installed").write_bytes(bytes(300_000_000))
    doctor.tell()
    assert "LocalStack             0.3 GB" in capsys.readouterr().out
