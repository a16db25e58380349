"""Imports within a crate: none run in a circle, and those of the world run down its floors (ARCHITECTURE.md)."""

import itertools
from collections import deque
from pathlib import Path

import pytest
from repository import ROOT, relative
from rust_source import crate, imports_of_files

WORLD = ROOT / "crates" / "world"

# The floors of the world, from the top. Who stands on one floor may import from it and from all below.
FLOORS = (
    ("sim", "smoke", "harness", "scale"),  # what `make sim`, `make scale` and a pattern's tests run
    ("explore",),  # many runs: all, by chance, one again
    ("ports",),  # the port traits for a running handler
    ("run",),  # one run: whose turn it is
    ("aws",),  # each service's data and semantics; nothing of runs
    ("flow", "pattern"),  # languages: of state machines, of events
    ("kernel",),  # choices, names, faults, what is remembered
)
# Beside each other: neither imports from the other.
APART = {"flow", "pattern"}

Imports = dict[Path, dict[Path, set[str]]]


def crates() -> list[str]:
    """The folders of all crates that have a library."""
    libraries = itertools.chain(
        *(ROOT.glob(f"{folder}/src/lib.rs") for folder in ("crates/*", "functions/*", "functions/*/core"))
    )
    return sorted(relative(library.parents[1]) for library in libraries)


def groups(imports: Imports) -> list[set[Path]]:
    """The sets of files that reach each other, largest first."""
    below = {file: reachable(imports, file) for file in imports}
    found = {frozenset(other for other in below[file] if file in below[other]) for file in imports}
    return sorted((set(group) for group in found if group), key=lambda group: (-len(group), sorted(group)))


def reachable(imports: Imports, start: Path) -> set[Path]:
    found, waiting = set(), [start]
    while waiting:
        new = set(imports.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found


def shortest_circle(imports: Imports, group: set[Path]) -> list[Path]:
    """The fewest files that import each other in a circle; the first is also the last."""
    return min((way_back(imports, file) for file in sorted(group)), key=len)


def way_back(imports: Imports, start: Path) -> list[Path]:
    waiting = deque([[start]])
    seen = set()
    while waiting:
        way = waiting.popleft()
        for file in sorted(imports.get(way[-1], ())):
            if file == start:
                return [*way, file]
            if file not in seen:
                seen.add(file)
                waiting.append([*way, file])
    raise ValueError(f"{start} is in no circle")


def shown(imports: Imports, circle: list[Path], folder: Path) -> str:
    """A line for each step of a circle, with the names that make it."""
    return "\n".join(
        f"  {user.relative_to(folder)} takes {', '.join(sorted(imports[user][used]))} of {used.relative_to(folder)}"
        for user, used in itertools.pairwise(circle)
    )


def floor(file: Path, source: Path) -> int | None:
    """Which floor a file of the world is on, from the top; none is known for a module that is in no list."""
    name = module_of(file, source)
    return next((i for i, modules in enumerate(FLOORS) if name in modules), None)


def module_of(file: Path, source: Path) -> str:
    return file.relative_to(source).parts[0].removesuffix(".rs")


def upwards(imports: Imports, source: Path) -> list[str]:
    """The imports that do not run down the floors. `lib.rs` is on none: it names what is public."""
    found = []
    for user, used, names in ((u, f, n) for u, taken in imports.items() for f, n in taken.items()):
        floors = floor(user, source), floor(used, source)
        modules = {module_of(user, source), module_of(used, source)}
        if None not in floors and (floors[0] > floors[1] or modules == APART):
            found.append(f"{user.relative_to(source)} takes {', '.join(sorted(names))} of {used.relative_to(source)}")
    return sorted(found)


@pytest.mark.parametrize("folder", crates())
def test_no_imports_run_in_a_circle(folder):
    imports = imports_of_files(crate(ROOT / folder / "src" / "lib.rs"))
    circles = [
        f"{len(group)} files import each other, by the shortest way so:\n"
        + shown(imports, shortest_circle(imports, group), ROOT / folder / "src")
        for group in groups(imports)
    ]
    assert not circles, (
        f"{folder}: of two files one is read first. Move what both need into a file below them.\n"
        + "\n".join(circles)
    )


def test_every_module_of_the_world_is_on_a_floor():
    source = WORLD / "src"
    modules = {module_of(file, source) for file in imports_of_files(crate(source / "lib.rs"))} - {"lib"}
    strange = {name for name in modules if name not in itertools.chain(*FLOORS)}
    assert not strange, f"{sorted(strange)} of crates/world/src are on no floor: move them, or name them in FLOORS"


def test_imports_of_the_world_run_downwards():
    found = upwards(imports_of_files(crate(WORLD / "src" / "lib.rs")), WORLD / "src")
    assert not found, f"{len(found)} imports of crates/world/src do not run down its floors:\n" + "\n".join(found)


# The checks themselves.


@pytest.fixture
def imports_in(tmp_path):
    """Writes a crate and reads its imports, as `{file: {file: names}}` in text."""

    def read(files: dict[str, str]) -> dict[str, dict[str, set[str]]]:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        graph = imports_of_files(crate(tmp_path / "lib.rs"))
        return {
            str(user.relative_to(tmp_path)): {str(used.relative_to(tmp_path)): names for used, names in taken.items()}
            for user, taken in graph.items()
            if taken
        }

    return read


def test_every_way_to_write_an_import_is_read(imports_in):
    found = imports_in(
        {
            "lib.rs": "mod a; mod b; mod c;",
            "a.rs": "use crate::{b::{self, One, deep::{Two as Second, *}}, c::Three}; fn f() { b::four(); Five; }",
            "b.rs": "pub mod deep; pub struct One; pub fn four() {} struct Idle;",
            "b/deep.rs": "pub struct Two; pub struct Five; pub struct Never; use super::super::c as other;\n"
            "fn f(_: &'static str) -> char { other::six::<u8>(); r#\"crate::a::Text\"#; '\"' }",
            "c.rs": "pub struct Three; pub fn six<T>() {} // use crate::a::f;\n/* use crate::a::f; /* too */ */",
        }
    )
    assert found == {
        "a.rs": {"b.rs": {"One", "four"}, "b/deep.rs": {"Two", "Five"}, "c.rs": {"Three"}},
        "b/deep.rs": {"c.rs": {"six"}},
    }


def test_paths_in_the_code_are_imports(imports_in):
    found = imports_in(
        {
            "lib.rs": "mod a; mod b;",
            "a.rs": "mod child; fn f(_: crate::b::One) { <u8 as super::b::Two>::g(); child::h(); std::mem::take(x); }",
            "a/child.rs": "pub fn h() { self::inner::k() } mod inner { pub fn k() { super::super::f() } }",
            "b.rs": "pub struct One; pub trait Two {}",
        }
    )
    assert found == {
        "a.rs": {"b.rs": {"One", "Two"}, "a/child.rs": {"h"}},
        "a/child.rs": {"a.rs": {"f"}},
    }


def test_what_is_passed_on_is_an_import_of_where_it_is_defined(imports_in):
    found = imports_in(
        {
            "lib.rs": "mod a; mod b; pub use b::One;",
            "a.rs": "use crate::One; use crate::b::{self, Renamed, Made}; fn f() { b::Globbed; }",
            "b.rs": "mod c; mod d; pub use c::One; pub(crate) use self::c::Two as Renamed; pub use d::*;",
            "b/c.rs": "pub struct One; pub struct Two; use super::Globbed;",
            "b/d.rs": "pub struct Globbed; ids! { Made }",
        }
    )
    # A name that a macro makes is of the module that the path names.
    assert found == {
        "a.rs": {"b/c.rs": {"One", "Two"}, "b/d.rs": {"Globbed"}, "b.rs": {"Made"}},
        "b/c.rs": {"b/d.rs": {"Globbed"}},
    }


def test_who_passes_on_and_uses_it_too_imports_it(imports_in):
    files = {"lib.rs": "mod a;", "a.rs": "mod b; pub use b::One;", "a/b.rs": "pub struct One;"}
    assert imports_in(files) == {}
    files["a.rs"] += "pub struct Two(One);"
    assert imports_in(files) == {"a.rs": {"a/b.rs": {"One"}}}


def test_what_is_passed_on_from_elsewhere_is_an_import(imports_in):
    files = {"lib.rs": "mod a; mod b;", "a.rs": "pub use crate::b::One;", "b.rs": "pub struct One;"}
    assert imports_in(files) == {"a.rs": {"b.rs": {"One"}}}


def test_imports_of_tests_are_none(imports_in):
    found = imports_in(
        {
            "lib.rs": "mod a; mod b;",
            "a.rs": "#[cfg(test)] use crate::b::One; #[cfg(test)] mod tests; fn f() {}\n"
            "#[cfg(all(test, unix))] pub fn g() -> [u8; 2] { crate::b::One; [0; 2] }\n"
            "#[cfg(test)] mod more { use crate::b::*; fn h() { One; } }\n"
            "#[cfg(not(test))] fn k() { crate::b::two() }",
            "a/tests.rs": "use crate::b::One;",
            "b.rs": "pub struct One; pub fn two() {}",
        }
    )
    assert found == {"a.rs": {"b.rs": {"two"}}}


def test_other_crates_are_not_mistaken_for_modules(imports_in):
    found = imports_in(
        {
            "lib.rs": "mod a; mod queue;",
            "a.rs": "use ::queue::Out; use queue::Other; use serde; fn f() { serde::ser(); queue::g(); }",
            "queue.rs": "pub struct Out; pub(in crate::a) struct Other;",
        }
    )
    assert found == {}


def test_circles_are_found_and_the_shortest_is_named(tmp_path):
    a, b, c, d = (tmp_path / f"{name}.rs" for name in "abcd")
    imports: Imports = {a: {b: {"B"}}, b: {c: {"C"}}, c: {a: {"A"}, b: {"Y", "X"}}, d: {a: {"A"}}}
    (group,) = groups(imports)
    assert group == {a, b, c}
    circle = shortest_circle(imports, group)
    assert circle == [b, c, b]
    assert shown(imports, circle, tmp_path) == "  b.rs takes C of c.rs\n  c.rs takes X, Y of b.rs"
    assert groups({a: {b: {"B"}}, b: {}}) == []


def test_imports_that_run_upwards_are_found():
    files = {name: Path(f"src/{name}.rs") for name in ("lib", "sim", "smoke", "run/turns", "aws", "flow", "pattern")}
    below = {files["run/turns"]: {files["aws"]: {"Queue"}}, files["smoke"]: {files["sim"]: {"Workload"}}}
    assert upwards(below | {files["aws"]: {files["lib"]: {"World"}}}, Path("src")) == []
    above = {files["aws"]: {files["run/turns"]: {"Turn"}}, files["flow"]: {files["pattern"]: {"Rule"}}}
    assert upwards(below | above, Path("src")) == [
        "aws.rs takes Turn of run/turns.rs",
        "flow.rs takes Rule of pattern.rs",
    ]
