"""Which stores a pattern needs, what its template is told of them, and what is in the way: nothing is started."""

import json
import os
import socket

import pytest
from tenfold_local import deploy, doctor, maven, paths, prerequisites, server, stores
from tenfold_local.say import Failure
from tenfold_local.stores import store as base


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch):
    """A checkout in which no store runs, and all ports are free."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    for name in ("TEMPLATES", "STORES", "RUNNING_STORES"):
        monkeypatch.setattr(paths, name, tmp_path / name.lower())
    paths.TEMPLATES.mkdir()
    monkeypatch.setattr(base.os, "geteuid", lambda: 1000)
    for store in stores.ALL.values():
        monkeypatch.setenv(store.port_name, str(free()))
    return tmp_path


def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture
def pattern():
    """A pattern with these values for laptops."""

    def make(slug: str, **values) -> None:
        (paths.TEMPLATES / f"{slug}.yaml").write_text("Resources: {}\n")
        (paths.TEMPLATES / f"{slug}.local.json").write_text(json.dumps(values))

    return make


def names(slugs) -> list[str]:
    return [store.name for store in stores.needed(slugs)]


def test_a_pattern_needs_the_stores_that_its_values_name(pattern):
    pattern("p", LogLevel="debug", Url="${gremlin.url}", Where="${postgres.host}:${postgres.port}")
    pattern("q", LogLevel="debug")
    assert names(["p", "q"]) == ["gremlin", "postgres"]
    assert names(["q"]) == names(["no-such-pattern"]) == []


def test_the_template_is_told_where_they_are(pattern, monkeypatch):
    monkeypatch.setenv("TENFOLD_OPENSEARCH_PORT", "1234")
    pattern("p", Days="1", Url="${opensearch.url}/orders")
    told = deploy._parameters("p")
    assert told == [
        "--parameter-overrides",
        'ParameterKey=Days,ParameterValue="1"',
        'ParameterKey=Url,ParameterValue="http://127.0.0.1:1234/orders"',
    ]


@pytest.mark.parametrize("text", ["${postgres.nope}", "${redis.url}"])
def test_what_names_no_store_is_refused_with_what_there_is(pattern, text):
    pattern("p", Url=text)
    with pytest.raises(Failure, match=r"names no value of a store; there are opensearch.host, .*, postgres.url$"):
        stores.needed(["p"])


def test_a_value_that_is_no_string_is_refused(pattern):
    pattern("p", Days=1, Url="")
    with pytest.raises(Failure, match=r"^p.local.json: Days must be a string, as sam takes it$"):
        stores.local_values("p")


def test_a_store_that_was_started_anew_is_deployed_to_anew(pattern, monkeypatch):
    monkeypatch.setattr(server, "instance", lambda: "a run")
    pattern("p", Url="${gremlin.url}")
    gremlin = stores.ALL["gremlin"]
    seen = []
    for number in (1, 2):
        paths.RUNNING_STORES.mkdir(exist_ok=True)
        gremlin._pid.write_text("1 1")
        os.utime(gremlin._pid, ns=(number, number))
        seen += [deploy._digest("p"), deploy._digest("p")]
    assert seen[0] == seen[1] != seen[2] == seen[3]


def test_a_port_that_another_program_has_is_told_before_anything_is_installed(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("TENFOLD_POSTGRES_PORT", str(port))
        with pytest.raises(Failure) as failure:
            stores.require([stores.ALL["postgres"]])
    said = str(failure.value)
    assert f"port {port}, for PostgreSQL 17, is in use by process {os.getpid()}" in said
    assert "TENFOLD_POSTGRES_PORT" in said and "\n" not in said


def test_one_that_runs_on_another_port_than_is_asked_for_is_left_alone(monkeypatch):
    gremlin = stores.ALL["gremlin"]
    monkeypatch.setattr(type(gremlin), "running", lambda _: base.daemon.Running(7, 18182))
    assert f"port {gremlin.port} is asked for" in stores.problem_of(gremlin)
    assert "TENFOLD_GREMLIN_PORT=18182" in stores.problem_of(gremlin)


def test_a_stale_pid_file_is_not_taken_for_a_store():
    postgres = stores.ALL["postgres"]
    paths.RUNNING_STORES.mkdir()
    postgres._pid.write_text(f"{os.getpid()} {postgres.port}")
    assert postgres.was_started() and postgres.running() is None
    postgres.stop()
    assert not postgres.was_started()


def test_what_stores_hold_does_not_outlive_localstack(monkeypatch, checkout):
    done = []
    for name in ("TEMPORARY", "FILESYSTEM", "OUTPUTS", "DEPLOYED"):
        monkeypatch.setattr(paths, name, checkout / name.lower())
    monkeypatch.setattr(stores, "stop", lambda quiet: done.append("stopped"))
    monkeypatch.setattr(server.daemon, "spawn", lambda *_, **__: done.append("spawned"))
    server._spawn(free())
    assert done == ["stopped", "spawned"]


def test_doctor_names_what_a_needed_store_lacks_and_no_other(pattern, monkeypatch):
    monkeypatch.setattr(prerequisites, "java_since", lambda minimum: None)
    assert list(doctor.needed_stores()) == []
    pattern("p", Url="${opensearch.url} ${gremlin.url}")
    opensearch, gremlin = doctor.needed_stores()
    assert (opensearch.is_well, gremlin.is_well) == (False, True)
    assert "needs a JDK, 21 or later" in opensearch.found and "install" in opensearch.found
    assert gremlin.found == "not yet: the first run gets it"


def test_a_machine_without_a_build_of_postgres_is_told(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert "and this is linux-riscv64" in stores.ALL["postgres"].problem().replace("darwin-riscv64", "linux-riscv64")


def test_root_in_a_folder_of_its_own_is_told_what_to_do(monkeypatch, checkout):
    monkeypatch.setattr(base.os, "geteuid", lambda: 0)
    closed = checkout / "closed"
    monkeypatch.setattr(paths, "RUNNING_STORES", closed / "run")
    closed.mkdir(mode=0o700)
    for folder in checkout.parents:
        if folder.stat().st_mode & 0o001 == 0:
            closed = folder
    assert f"chmod o+x {closed}" in stores.ALL["postgres"].problem()
    assert stores.ALL["gremlin"].problem() is None


@pytest.mark.parametrize("newest", ["17", "25"])
def test_another_java_than_the_usual_one_is_found(monkeypatch, tmp_path, newest):
    for version in ("17", newest):
        java = tmp_path / version / "bin" / "java"
        java.parent.mkdir(parents=True, exist_ok=True)
        java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}.0.1\"' >&2\n")
        java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "17"))
    monkeypatch.setattr(prerequisites, "JDKS", (str(tmp_path / "*" / "bin" / "java"),))
    for name in [name for name in os.environ if name.startswith("JAVA_HOME_")]:
        monkeypatch.delenv(name)
    prerequisites.java_since.cache_clear()
    expected = str(tmp_path / "25" / "bin" / "java") if newest == "25" else None
    assert prerequisites.java_since(21) == expected
    assert prerequisites.java_since(17) == str(tmp_path / "17" / "bin" / "java")
    prerequisites.java_since.cache_clear()


@pytest.mark.parametrize(("locked", "why"), [({}, "is not locked"), ({"a.jar": "0" * 64}, "is not the file")])
def test_a_file_that_is_not_the_locked_one_is_refused(tmp_path, monkeypatch, locked, why):
    monkeypatch.setattr(maven, "run", lambda *_, **__: (tmp_path / "a.jar").write_text("a"))
    (tmp_path / "definition").mkdir()
    sums = tmp_path / "definition" / maven.SUMS
    sums.write_text("".join(f"{sum}  {name}\n" for name, sum in locked.items()))
    into = tmp_path / "into"
    into.mkdir()
    (tmp_path / "a.jar").write_text("a")
    monkeypatch.setattr(maven, "_copy", lambda *_: (into / "a.jar").write_text("a"))
    with pytest.raises(Failure, match=f"a.jar {why}"):
        maven.fetch(tmp_path / "definition", into, "a store")
    sums.write_text(f"{maven._sum(into / 'a.jar')}  a.jar\n")
    maven.fetch(tmp_path / "definition", into, "a store")
