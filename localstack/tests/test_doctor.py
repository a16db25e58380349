"""`make doctor`: what is in the way is named with what to do, before anything is downloaded."""

import socket

import pytest
from tenfold_local import doctor, paths, prerequisites, server
from tenfold_local.prerequisites import Prerequisite
from tenfold_local.say import Failure


@pytest.fixture(autouse=True)
def empty(tmp_path, monkeypatch):
    """A checkout in which nothing is installed, on a machine that has all it needs, and no LocalStack."""
    for name in ("LOCAL", "TARGET", "VENV", "TOOLS", "DYNAMODB"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(prerequisites, "all_of_them", lambda: [Prerequisite("a shell", "", "", "sh")])
    monkeypatch.setattr(server, "is_ours", lambda: False)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("TENFOLD_LOCALSTACK_PORT", str(probe.getsockname()[1]))
    return tmp_path


def test_a_machine_that_has_all_is_told_what_to_do_next(capsys, empty):
    doctor.tell()
    said = capsys.readouterr().out
    assert "NO" not in said
    assert said.count("not yet: the first run gets it") == 4
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


def test_a_full_disk_is_in_the_way(monkeypatch):
    monkeypatch.setattr(doctor, "DEMO_GB", 1e9)
    with pytest.raises(Failure, match="in the way: disk"):
        doctor.tell()


def test_what_is_installed_is_told_with_its_size(capsys, empty):
    paths.VENV.mkdir()
    (paths.VENV / ".installed").write_bytes(bytes(300_000_000))
    doctor.tell()
    assert "LocalStack             0.3 GB" in capsys.readouterr().out
