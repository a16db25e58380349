"""The real servers behind the stores of AWS: which of them patterns need, start, stop, status.

    store       what every store has: its files, its process, what others are told of it
    postgres    PostgreSQL, for Aurora and RDS
    opensearch  OpenSearch, for Amazon OpenSearch Service
    gremlin     Gremlin Server, for Neptune

A pattern needs a store when a value in its `<slug>.local.json` names it, as `${postgres.url}`. A store is started when
a pattern needs it, is empty then, and ends with LocalStack.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable

from tenfold_local import paths, ports, say
from tenfold_local.say import Failure
from tenfold_local.stores.gremlin import Gremlin
from tenfold_local.stores.opensearch import OpenSearch
from tenfold_local.stores.postgres import Postgres
from tenfold_local.stores.store import Store

# Which is the order in which they are started: the slowest first.
ALL: dict[str, Store] = {store.name: store for store in (OpenSearch(), Gremlin(), Postgres())}
_NAMED = re.compile(r"\$\{(?P<store>[^.}]*)\.(?P<value>[^}]*)\}")


def needed(slugs: Iterable[str]) -> list[Store]:
    """The stores that these patterns need."""
    texts = [text for slug in slugs for text in _local_values(slug).values()]
    names = {_found(match)[0].name for text in texts for match in _NAMED.finditer(text)}
    return [store for store in ALL.values() if store.name in names]


def local_values(slug: str) -> dict[str, str]:
    """What a pattern's template is told on a laptop, with the addresses of stores in it."""

    def fill(match: re.Match) -> str:
        store, value = _found(match)
        return store.values()[value]

    return {name: _NAMED.sub(fill, text) for name, text in _local_values(slug).items()}


def require(stores: Iterable[Store]) -> None:
    """Fails, in one line, where one of them runs or would run elsewhere than it is wanted, or cannot be started."""
    for store in stores:
        if problem := problem_of(store):
            raise Failure(problem)


def problem_of(store: Store) -> str | None:
    """What keeps this machine from running the store, and what to do about it."""
    try:
        port = store.port
    except Failure as failure:
        return str(failure)
    ours = store.running()
    if ours and ours.port != port:
        return (
            f"port {port} is asked for, and this checkout's {store.title} runs on port {ours.port} "
            f"(process {ours.pid}): go on with {store.port_name}={ours.port}, or end that one first, with `make down`"
        )
    if not ours and (obstacle := ports.obstacle(port)):
        return (
            f"port {port}, for {store.title}, is {obstacle}: "
            f"free it, or set {store.port_name} to another port (see {ports.FILE})"
        )
    return store.problem()


def start(stores: Iterable[Store]) -> None:
    """Starts those that do not run, side by side, and returns when all of them answer."""
    stores = list(stores)
    require(stores)
    waiting, began = [], time.monotonic()
    for store in stores:
        if store.running() and store.is_ready():
            say.step(f"{store.title} is up on port {store.port}")
            continue
        waiting.append(store)
        if not store.running():
            say.step(f"starting {store.title} on port {store.port} (log: {store.log})")
            store.spawn()
    while waiting := [store for store in waiting if not _is_ready(store, time.monotonic() - began)]:
        time.sleep(0.1)
    if stores:
        paths.ENDPOINTS.write_text(json.dumps(endpoints(), indent=2, sort_keys=True) + "\n")


def _is_ready(store: Store, seconds: float) -> bool:
    if store.is_ready():
        print(f"    {store.title} is ready after {seconds:.1f} s", flush=True)
        return True
    is_over = not store.running()
    if is_over or seconds > store.start_seconds:
        what = "ended" if is_over else f"did not become ready within {store.start_seconds} s"
        end = say.tail(store.log)
        store.stop()
        raise Failure(f"{store.title} {what}. The end of {store.log}:\n{end}")
    return False


def stop(quiet: bool = False) -> None:
    for store in ALL.values():
        if store.was_started():
            if not quiet:
                say.step(f"stopping {store.title}")
            store.stop()
    paths.ENDPOINTS.unlink(missing_ok=True)


def status() -> list[str]:
    """Says what runs of them, and gives those that were started and run no more."""
    dead = []
    for store in ALL.values():
        if not store.was_started():
            continue
        ours = store.running()
        if ours and store.is_ready():
            state = f"port {ours.port}, process {ours.pid}"
        else:
            state = f"does not answer, process {ours.pid}" if ours else "has died"
            dead.append(store.title)
        print(f"{store.name:<9} {state} (log: {store.log})")
    return dead


def endpoints() -> dict[str, dict[str, str]]:
    """What tests are told of those that run: `.local/stores.json`."""
    return {store.name: store.values() for store in ALL.values() if store.running()}


def session(slug: str) -> str:
    """Another one after each start of a store that the pattern needs: it is empty then."""
    return " ".join(f"{store.name}:{store.session()}" for store in needed([slug]))


def _local_values(slug: str) -> dict[str, str]:
    file = paths.TEMPLATES / f"{slug}.local.json"
    values = json.loads(file.read_text()) if file.exists() else {}
    if wrong := [name for name, value in values.items() if not isinstance(value, str)]:
        raise Failure(f"{file.name}: {', '.join(wrong)} must be a string, as sam takes it")
    return values


def _found(match: re.Match) -> tuple[Store, str]:
    store = ALL.get(match["store"])
    if store is None or match["value"] not in store.values():
        known = ", ".join(f"{store.name}.{value}" for store in ALL.values() for value in store.values())
        raise Failure(f"{match[0]} in a .local.json names no value of a store; there are {known}")
    return store, match["value"]
