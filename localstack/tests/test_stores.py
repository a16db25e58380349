"""The real servers of the stores: what of them patterns use, and that they start, tell where they are, and end.

They run apart from those that patterns need, on ports of their own, and are started once, side by side.
"""

import json
import os
import shutil
import signal
import socket
import ssl

import boto3
import pg8000.native
import pytest
import requests
from botocore.config import Config
from tenfold_local import install, paths, stores
from tenfold_local.say import Failure

WITHIN = 60


@pytest.fixture(scope="module")
def running():
    """All stores that this machine can run, and the output of their start."""
    with pytest.MonkeyPatch.context() as patch:
        # Not in pytest's own folder, which only its owner may enter: some of them are not run as root.
        patch.setattr(paths, "RUNNING_STORES", paths.STORES / "tests")
        patch.setattr(paths, "ENDPOINTS", paths.RUNNING_STORES / "stores.json")
        for store in stores.ALL.values():
            patch.setenv(store.port_name, str(free()))
        can = [store for store in stores.ALL.values() if not store.problem()]
        stores.stop(quiet=True)
        install.stores(can)
        try:
            stores.start(can)
            yield {store.name: store for store in can}
        finally:
            stores.stop(quiet=True)
            shutil.rmtree(paths.RUNNING_STORES, ignore_errors=True)


def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture
def value(running):
    """A value of a store, as tests of patterns read it."""

    def get(store: str, name: str) -> str:
        if store not in running:
            pytest.skip(stores.ALL[store].problem())
        return json.loads(paths.ENDPOINTS.read_text())[store][name]

    return get


@pytest.fixture
def connect(value):
    """Connects to PostgreSQL; the server's certificate is verified, and its name."""

    def to(password: str | None = None, verified: bool = True, **options) -> pg8000.native.Connection:
        trusted = ssl.create_default_context(cafile=value("postgres", "ca") if verified else None)
        names = ("host", "port", "user", "database")
        usual = {"ssl_context": trusted, **{name: value("postgres", name) for name in names}}
        password = password or value("postgres", "password")
        return pg8000.native.Connection(password=password, **{**usual, **options})

    return to


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_postgres_keeps_a_row_for_who_verifies_its_certificate(connect, host):
    with connect(host=host) as database:
        database.run("CREATE TEMPORARY TABLE t (id int PRIMARY KEY, body jsonb)")
        database.run("INSERT INTO t VALUES (1, :body)", body=json.dumps({"a": 1}))
        assert database.run("SELECT body, version() FROM t")[0][0] == {"a": 1}
        assert database.parameter_statuses["server_version"].startswith("17.")
        ((encrypted, method),) = database.run(
            "SELECT ssl, (SELECT rolpassword FROM pg_authid WHERE rolname = user) FROM pg_stat_ssl "
            "WHERE pid = pg_backend_pid()"
        )
        assert encrypted and method.startswith("SCRAM-SHA-256$")


def test_postgres_refuses_a_wrong_password_and_a_connection_without_tls(connect):
    with pytest.raises(pg8000.exceptions.DatabaseError, match="28P01"):
        connect(password="wrong")
    with pytest.raises(pg8000.exceptions.DatabaseError, match="no pg_hba.conf entry .* no encryption"):
        connect(ssl_context=False)


def test_the_certificate_of_postgres_is_from_nobody_else(connect):
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(verified=False)


def test_opensearch_takes_a_version_once_and_finds_it(value):
    url = f"{value('opensearch', 'url')}/orders"
    assert requests.put(url, json={"settings": {"number_of_replicas": 0}}, timeout=WITHIN).status_code == 200
    document = f"{url}/_doc/o-1?version=2&version_type=external&refresh=true"
    assert requests.put(document, json={"state": "paid"}, timeout=WITHIN).status_code == 201
    again = requests.put(document, json={"state": "other"}, timeout=WITHIN)
    assert (again.status_code, again.json()["error"]["type"]) == (409, "version_conflict_engine_exception")
    found = requests.post(f"{url}/_search", json={"query": {"match": {"state": "paid"}}}, timeout=WITHIN).json()
    assert [hit["_id"] for hit in found["hits"]["hits"]] == ["o-1"]


@pytest.fixture
def ask(value):
    """Asks as AWS's own client of Neptune does."""
    client = boto3.client(
        "neptunedata",
        endpoint_url=value("gremlin", "url"),
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    return lambda query, **options: client.execute_gremlin_query(gremlinQuery=query, **options)


def test_gremlin_answers_neptunes_client_with_types_or_as_plain_json(ask):
    answer = ask("g.addV('order').property(id, 'o-1').property(single, 'total', 5).values('total')")
    assert answer["status"]["code"] == 200 and answer["requestId"]
    assert answer["result"]["data"]["@value"] == [{"@type": "g:Int32", "@value": 5}]
    plain = ask("g.V('o-1').values('total')", serializer="application/vnd.gremlin-v3.0+json;types=false")
    assert plain["result"]["data"] == [5]


def test_a_gremlin_query_that_fails_has_changed_nothing(ask):
    with pytest.raises(Exception, match="no more") as failure:
        ask("g.addV('order').property(id, 'o-2').fail('no more')")
    assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    counted = ask("g.V('o-2').count()", serializer="application/vnd.gremlin-v3.0+json;types=false")
    assert counted["result"]["data"] == [0]


def test_what_runs_is_left_as_it_is(running, capsys):
    before = {name: store.running() for name, store in running.items()}
    capsys.readouterr()
    stores.start(running.values())
    assert {name: store.running() for name, store in running.items()} == before
    assert capsys.readouterr().out.count(" is up on port ") == len(running)
    assert stores.status() == []


def test_one_that_has_died_is_told_and_started_anew_and_empty(running, connect, capsys):
    postgres = running["postgres"]
    with connect() as database:
        database.run("CREATE TABLE kept (id int)")
    session = postgres.session()
    os.kill(postgres.running().pid, signal.SIGQUIT)
    while postgres.running():
        continue
    assert stores.status() == [postgres.title]
    assert f"has died (log: {postgres.log})" in capsys.readouterr().out
    stores.start([postgres])
    assert postgres.session() != session
    with connect() as database:
        assert database.run("SELECT to_regclass('kept')") == [[None]]


def test_one_that_ends_while_it_starts_is_told_with_the_end_of_its_log(running, monkeypatch):
    gremlin = running["gremlin"]
    gremlin.stop()
    monkeypatch.setattr(type(gremlin), "prepare", lambda store: None)
    with pytest.raises(Failure, match=r"Gremlin Server .* (ended|did not become ready)(.|\n)*server.yaml"):
        stores.start([gremlin])
    assert not gremlin.was_started()
