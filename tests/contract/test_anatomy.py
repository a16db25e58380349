"""Every pattern is built alike (ARCHITECTURE.md): who knows one finds the way in all."""

import re
from pathlib import Path

import pytest
from repository import ROOT, Template, files, pascal, patterns, relative
from rust_source import Module, crate

# In `functions/<slug>`.
FILES = (
    "README.md",
    "openapi.yaml",
    "src/lib.rs",
    "src/config.rs",
    "core/src/lib.rs",
    "core/tests/main.rs",
    "core/tests/api.rs",
    "core/tests/budgets.rs",
    "core/tests/world_invariants.rs",
    "core/tests/world/mod.rs",
    "core/tests/world/traffic.rs",
    "core/tests/world/invariants.rs",
    "core/tests/world/workloads.rs",
    "core/tests/world/costs.rs",
)
SEVERAL = ("src/bin/*.rs", "events/*.json")
# In the core of each, beside a module for each role.
MODULES = ("names", "error", "rows", "decide", "metrics", "mutant")
# In the module of the role that has the API, beside its routes.
API_MODULES = ("body", "view")
# Roles that are one module, which is not named after them.
TOGETHER = {"saga": {"flight": "service", "hotel": "service", "car": "service"}}

MAIN_LINES = 39
LINES = 400
# One document each, which has to say all.
AS_LONG_AS_NEEDED = {"README.md", "openapi.yaml", "scale.svg"}


def folder(slug: str) -> Path:
    return ROOT / "functions" / slug


def roles(pattern: Path) -> list[str]:
    return sorted(path.stem for path in (pattern / "src" / "bin").glob("*.rs"))


def module_of(slug: str, role: str) -> str:
    return TOGETHER.get(slug, {}).get(role, role)


def api_roles(slug: str) -> list[str]:
    """The roles that API Gateway calls."""
    functions = Template.of(slug).functions()
    return [
        role
        for role in roles(folder(slug))
        if any(
            event["Type"] in ("Api", "HttpApi")
            for event in functions.get(pascal(f"{slug}-{role}".replace("_", "-")), {}).get("Events", {}).values()
        )
    ]


def core(pattern: Path) -> Module:
    return crate(pattern / "core" / "src" / "lib.rs", tests=True)


def missing_files(pattern: Path) -> list[str]:
    return [path for path in FILES if not (pattern / path).is_file()] + [
        glob for glob in SEVERAL if not any(pattern.glob(glob))
    ]


def missing_modules(slug: str, root: Module, roles: list[str]) -> list[str]:
    needed = (*MODULES, *(module_of(slug, role) for role in roles))
    return sorted({name for name in needed if name not in root.children})


def empty_modules(root: Module) -> list[Path]:
    """The files of a crate with nothing in them but comments."""
    return sorted(module.file for module in root.all() if not (module.code or module.uses or module.children))


def undeclared_files(root: Module) -> list[Path]:
    """The files beside a crate's own that no `mod` speaks of: nothing compiles them."""
    declared = {module.file for module in root.all()}
    return sorted(set(root.file.parent.rglob("*.rs")) - declared)


def unexplained_modules(root: Module) -> list[str]:
    """The public modules that the documentation of a crate does not lead to."""
    text = "\n".join(re.findall(r"(?m)^//!(.*)$", root.file.read_text()))
    public = {name for name in root.children if root.names[name] == "pub"}
    return sorted(name for name in public if not re.search(rf"\[`{name}(::\w+)*`\]", text))


def lines(path: Path) -> int:
    return len(path.read_text(errors="replace").splitlines())


def too_long(paths: list[Path], most: int) -> list[str]:
    return [f"{path.name}: {lines(path)}" for path in paths if lines(path) > most]


@pytest.mark.parametrize("slug", patterns())
def test_a_pattern_has_all_files(slug):
    missing = missing_files(folder(slug))
    assert not missing, f"functions/{slug} has no {', '.join(missing)}: every pattern has"


@pytest.mark.parametrize("slug", patterns())
def test_a_core_has_all_modules(slug):
    missing = missing_modules(slug, core(folder(slug)), roles(folder(slug)))
    assert not missing, (
        f"functions/{slug}/core/src/lib.rs declares no {', '.join(missing)}: every core has {', '.join(MODULES)}, "
        "and a module for each file of src/bin, of the same name (or one in TOGETHER)"
    )


@pytest.mark.parametrize("slug", patterns())
def test_what_answers_the_api_has_its_bodies_and_views(slug):
    found = api_roles(slug)
    assert found, f"infra/sam/{slug}.yaml has no function with an event of the type Api"
    modules = core(folder(slug)).children
    for name in (module_of(slug, role) for role in found):
        missing = [part for part in API_MODULES if name not in modules or part not in modules[name].children]
        assert not missing, f"functions/{slug}/core/src/{name} has no {', '.join(missing)}"


@pytest.mark.parametrize("slug", patterns())
def test_no_file_of_a_core_is_empty_or_forgotten(slug):
    root = core(folder(slug))
    empty = [relative(path) for path in empty_modules(root)]
    assert not empty, f"{empty} have nothing in them"
    forgotten = [relative(path) for path in undeclared_files(root)]
    assert not forgotten, f"no `mod` declares {forgotten}"


@pytest.mark.parametrize("slug", patterns())
def test_a_core_says_in_which_order_it_is_read(slug):
    missing = unexplained_modules(core(folder(slug)))
    assert not missing, (
        f"the documentation at the head of functions/{slug}/core/src/lib.rs says nothing of "
        f"{', '.join(f'[`{name}`]' for name in missing)}"
    )


@pytest.mark.parametrize("slug", patterns())
def test_a_main_is_short(slug):
    mains = sorted((folder(slug) / "src" / "bin").glob("*.rs"))
    found = too_long(mains, MAIN_LINES)
    assert not found, f"{found} lines: a main is shorter than {MAIN_LINES + 1}, it composes and decides nothing"


@pytest.mark.parametrize("slug", patterns())
def test_a_file_is_read_at_once(slug):
    paths = [path for path in files() if path.is_relative_to(folder(slug)) and path.name not in AS_LONG_AS_NEEDED]
    found = too_long(paths, LINES)
    assert not found, f"functions/{slug}: {found} lines; make files of at most {LINES}"


# The checks themselves.


@pytest.fixture
def pattern(tmp_path):
    """A pattern of which all is there; its slug is saga."""
    for path in (*FILES, "src/bin/flight.rs", "src/bin/car.rs", "src/bin/health_check.rs", "events/a.json"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    modules = (*MODULES, "service", "health_check")
    (tmp_path / "core/src/lib.rs").write_text(
        f"//! {' '.join(f'[`{name}`]' for name in modules)}\n" + "".join(f"pub mod {name};\n" for name in modules)
    )
    for name in modules:
        (tmp_path / f"core/src/{name}.rs").write_text("pub struct Something;")
    return tmp_path


def test_a_complete_pattern_lacks_nothing(pattern):
    root = core(pattern)
    assert missing_files(pattern) == []
    assert missing_modules("saga", root, roles(pattern)) == []
    assert (empty_modules(root), undeclared_files(root), unexplained_modules(root)) == ([], [], [])


def test_missing_files_are_found(pattern):
    (pattern / "core/tests/world/traffic.rs").unlink()
    (pattern / "events/a.json").unlink()
    assert missing_files(pattern) == ["core/tests/world/traffic.rs", "events/*.json"]


def test_missing_modules_are_found(pattern):
    (pattern / "core/src/lib.rs").write_text("pub mod names; #[cfg(test)] mod tests; // mod error;\nmod service;")
    missing = ["decide", "error", "health_check", "metrics", "mutant", "rows"]
    assert missing_modules("saga", core(pattern), roles(pattern)) == missing
    assert "flight" in missing_modules("fan-out", core(pattern), roles(pattern))


def test_empty_and_forgotten_files_are_found(pattern):
    source = pattern / "core/src"
    (source / "error.rs").write_text("//! Later.\n/* struct Something; */")
    (source / "decide.rs").write_text("mod tests;")
    (source / "decide").mkdir()
    (source / "decide/tests.rs").write_text("fn f() {}")
    (source / "decide/old.rs").write_text("fn f() {}")
    assert empty_modules(core(pattern)) == [source / "error.rs"]
    assert undeclared_files(core(pattern)) == [source / "decide/old.rs"]


def test_modules_that_are_not_explained_are_found(pattern):
    (pattern / "core/src/lib.rs").write_text(
        "//! First [`names`], then [`decide::window`]; `rows` is no link.\n// [`error`]\n"
        "pub mod names; pub mod decide; pub mod rows; pub mod error; mod inner; pub(crate) mod metrics;"
    )
    assert unexplained_modules(core(pattern)) == ["error", "rows"]


def test_long_files_are_found(tmp_path):
    short, long = tmp_path / "short.rs", tmp_path / "long.rs"
    short.write_text("\n" * 39)
    long.write_text("\n" * 39 + "end without a line break")
    assert too_long([short, long], MAIN_LINES) == ["long.rs: 40"]
