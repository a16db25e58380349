"""One word, one thing: no two types share a name, replaced words stay away, and documentation is in sentences."""

import functools
import re
from collections import defaultdict
from pathlib import Path

import pytest
from repository import ROOT, files, relative
from rust_source import TYPES, Code, doc_blocks, items, tokens, without_tests

# Types that may share a name, each with the reason.
MAY_SHARE: dict[str, str] = {}

# What a word was replaced by is in the code; what is in this list does not come back.
REPLACED_TYPES = set(
    "Came Desk Draft Fate Guards Hold Host Job Line Made Member Moment Pass Process Right Say Slot Turn What".split()
)
REPLACED_FUNCTIONS = {"bury", "calm", "look_after", "taste", "told"}

# The end of a sentence, which brackets, quotes or emphasis may enclose.
ENDS = re.compile(r"[.:?!][\"')\]*_]*$")


@functools.cache
def sources() -> dict[str, str]:
    """All Rust sources, by their path, that are no tests and that no function runs without."""
    paths = [path for path in files() if path.suffix == ".rs" and is_source(relative(path))]
    return {relative(path): path.read_text() for path in paths}


def is_source(path: str) -> bool:
    """Whether a path is of `crates/*/src`, `functions/*/src` or `functions/*/core/src`, and of no unit tests."""
    in_sources = re.match(r"(crates/[^/]+|functions/[^/]+(/core)?)/src/", path)
    return bool(in_sources) and Path(path).name != "tests.rs" and "tests" not in Path(path).parts


@functools.cache
def code(source: str, *, documentation: bool = False) -> Code:
    return without_tests(tokens(source, documentation=documentation))


def types(sources: dict[str, str]) -> dict[str, list[str]]:
    """Where types are that the whole crate or others see, by their name."""
    found = defaultdict(list)
    for path, source in sources.items():
        for item in items(code(source)):
            if item.kind in TYPES and item.in_module and item.visibility in ("pub", "pub(crate)"):
                found[item.name].append(f"{path}:{item.line}")
    return found


def shared_names(sources: dict[str, str]) -> dict[str, list[str]]:
    return {name: places for name, places in sorted(types(sources).items()) if len(places) > 1}


def replaced(sources: dict[str, str]) -> list[str]:
    """Where a replaced word names a type or a function; what a type of a trait is called, the trait has said."""
    found = []
    for path, source in sources.items():
        for item in items(code(source)):
            is_type = item.kind in TYPES and (item.in_module or item.kind != "type")
            if (is_type and item.name in REPLACED_TYPES) or (
                item.kind == "fn" and item.name in REPLACED_FUNCTIONS
            ):
                found.append(f"{path}:{item.line}: {item.kind} {item.name}")
    return found


def begins(paragraph: str) -> bool:
    """Whether it begins with a capital, a number, or a code span, which may be a link."""
    return paragraph[:1].isupper() or paragraph[:1].isdigit() or paragraph.startswith(("`", "[`"))


def no_sentences(sources: dict[str, str]) -> list[str]:
    """Documentation whose first paragraph is no sentence by its first and last letter."""
    found = []
    for path, source in sources.items():
        for line, text in doc_blocks(code(source, documentation=True)):
            paragraph = " ".join(re.split(r"\n[ \t]*\n", text.strip())[0].split())
            if not (begins(paragraph) and ENDS.search(paragraph)):
                found.append(f"{path}:{line}: {paragraph}")
    return found


def test_no_two_types_share_a_name():
    found = {name: places for name, places in shared_names(sources()).items() if name not in MAY_SHARE}
    assert not found, f"{len(found)} names are of several types: rename all but one\n" + "\n".join(
        f"{name}: {', '.join(places)}" for name, places in found.items()
    )


def test_what_may_share_a_name_does():
    idle = set(MAY_SHARE) - set(shared_names(sources()))
    assert not idle, f"{sorted(idle)} share no name any more: take them off MAY_SHARE"


def test_replaced_words_do_not_come_back():
    found = replaced(sources())
    assert not found, f"{len(found)} names were replaced by others:\n" + "\n".join(found)


def test_documentation_is_in_sentences():
    found = no_sentences(sources())
    assert not found, (
        f"{len(found)} pieces of documentation do not begin with a capital, a number or code, "
        "or do not end with a full stop:\n" + "\n".join(found)
    )


# The checks themselves.


def test_types_that_share_a_name_are_found():
    shared = shared_names(
        {
            "a.rs": "pub struct Call; pub(crate) enum Kept { Call } pub use b::Rule; impl X { type Out = u8; }\n"
            "mod inner { pub type Result<T> = std::result::Result<T, ()>; }",
            "b.rs": "// pub struct Kept;\npub trait Call {} struct Kept; pub(super) struct Result; pub struct Rule;\n"
            "fn f() { struct Rule; }\n#[cfg(test)] mod tests { pub struct Rule; }\npub type Result = u8;",
        }
    )
    assert shared == {"Call": ["a.rs:1", "b.rs:2"], "Result": ["a.rs:2", "b.rs:5"]}


def test_replaced_words_are_found():
    found = replaced(
        {
            "a.rs": "struct Job; impl Job { fn told(&self) { told() } }\nenum Jobs { Slot }\n"
            "impl T for U { type Host = u8; } type Host = u8; fn bury_it() {} const fn bury() {} let say = Say;",
        }
    )
    assert found == ["a.rs:1: struct Job", "a.rs:1: fn told", "a.rs:3: type Host", "a.rs:3: fn bury"]


@pytest.mark.parametrize(
    "text",
    [
        "/// A sentence.",
        "/// `code` begins it, and it goes on\n/// in a second line.\n///\n/// - a list",
        "/// [`Link`] (and a bracket.)\n#[derive(Debug)]",
        "/// 5 of them:\n///\n/// | a | table |",
        "/// Ärger!",
    ],
)
def test_sentences_pass(text):
    assert no_sentences({"a.rs": f"{text}\npub struct A;"}) == []


@pytest.mark.parametrize(
    "text",
    ["/// a sentence.", "/// No end", "/// No end\n///\n/// here.", "/// (A bracket).", "///"],
)
def test_what_is_no_sentence_is_found(text):
    function = f"{text}\n#[must_use]\npub const fn a() {{}} //// no\n//! no\n// no"
    assert len(no_sentences({"a.rs": function})) == 1
    variant = f"pub enum A {{\n{text}\nB }}\n#[cfg(test)]\nmod tests {{\n{text}\nfn f() {{}} }}"
    assert len(no_sentences({"a.rs": variant})) == 1


def test_tests_are_no_sources():
    assert is_source("crates/world/src/flow/parse.rs") and is_source("functions/saga/src/bin/api.rs")
    assert is_source("functions/saga/core/src/lib.rs")
    assert not is_source("crates/world/src/flow/tests/laws.rs") and not is_source("crates/world/src/flow/tests.rs")
    assert not is_source("crates/aws/tests/wire/main.rs") and not is_source("crates/aws/examples/a.rs")
