"""How the contract tests read Rust."""

import re

import pytest
from repository import ROOT
from rust_source import Use, crate, imports, items, texts_of, tokens, uses, without_tests


def read(source: str) -> list[str]:
    return texts_of(tokens(source))


@pytest.mark.parametrize(
    "source",
    [
        "// a 'comment' \"with\nx",
        "/* one /* in \" another */ */ x",
        "/// documentation\n//! of both kinds\nx",
    ],
)
def test_comments_are_left_out(source):
    assert read(source) == ["x"]


@pytest.mark.parametrize(
    "text",
    [
        r'"a \" quote // and no comment"',
        r'"\\"',
        '"two\nlines"',
        r'r"\"',
        'r#"a " quote"#',
        'br##"a "# quote"##',
        'b"bytes"',
        "'a'",
        "'\"'",
        r"'\''",
        r"'\\'",
        r"'\n'",
        r"'\x7f'",
        r"'\u{1F600}'",
        "b'{'",
        "'{'",
    ],
)
def test_a_text_is_one_token(text):
    assert read(f"f({text}, 'x')") == ["f", "(", text, ",", "'x'", ")"]


def test_lifetimes_are_no_texts():
    assert read("fn f<'a, 'b: 'a>(_: &'a str, c: 'static) { 'outer: loop { break 'outer } }").count("{") == 2
    assert "'a" in read("impl<'a> X<'a> {}")


def test_lines_are_counted():
    assert [(t.text, t.line) for t in tokens('a /*\n*/ "\n"\n// c\nb')] == [("a", 1), ('"\n"', 2), ("b", 5)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("use a;", [Use(("a",), "a")]),
        ("pub(crate) use a::B as C;", [Use(("a", "B"), "C", "pub(crate)")]),
        ("pub(in crate::x) use a::*;", [Use(("a",), "*", "pub(incrate::x)")]),
        (
            "use crate::{a, b::{self, C, d::*,},};",
            [
                Use(("crate", "a"), "a"),
                Use(("crate", "b"), "b"),
                Use(("crate", "b", "C"), "C"),
                Use(("crate", "b", "d"), "*"),
            ],
        ),
        ("use a::{self as b}; use T as _;", [Use(("a",), "b"), Use(("T",), "_")]),
        ("use {a::B, ::c::D};", [Use(("a", "B"), "B"), Use(("::", "c", "D"), "D")]),
        ("fn f<'a>() -> impl Sized + use<'a> { use a::B; }", [Use(("a", "B"), "B")]),
    ],
)
def test_imports_are_read(source, expected):
    assert uses(tokens(source))[0] == expected


def test_items_are_found_where_they_are():
    source = """
        pub struct A<T>(pub T); pub(crate) enum B { C { d: u8 } } unsafe trait E { type F; fn g(); const H: u8; }
        pub const fn i() { struct J; } pub type K = u8; static mut L: u8 = 0; macro_rules! m { () => {} }
        mod n { pub(super) union O { p: u8 } } let union = 5; extern "C" fn q() {} pub async fn r() {} impl A<u8> {}
    """
    found = {item.name: (item.kind, item.visibility, item.in_module) for item in items(tokens(source))}
    assert found == {
        "A": ("struct", "pub", True),
        "B": ("enum", "pub(crate)", True),
        "E": ("trait", "", True),
        "F": ("type", "", False),
        "g": ("fn", "", False),
        "H": ("const", "", False),
        "i": ("fn", "pub", True),
        "J": ("struct", "", False),
        "K": ("type", "pub", True),
        "L": ("static", "", True),
        "m": ("macro", "", True),
        "n": ("mod", "", True),
        "O": ("union", "pub(super)", True),
        "q": ("fn", "", True),
        "r": ("fn", "pub", True),
    }


@pytest.mark.parametrize(
    "test",
    [
        "#[cfg(test)] mod tests { fn f() { { } } }",
        "/// Documentation.\n#[cfg(test)] #[allow(unused)] pub(crate) fn f(x: [u8; 2]) -> u8 { 1 }",
        "#[cfg(test)] mod tests;",
        "#[cfg(test)] use a::{b, c};",
        "#[cfg(test)] const A: B = B { c: [1; 2] };",
        "#[cfg(all(unix, test))] struct S;",
        "#[cfg(test)] impl A for B { fn f() {} }",
    ],
)
def test_what_is_for_tests_only_is_left_out(test):
    assert texts_of(without_tests(tokens(f"a; {test} b;", documentation=True))) == ["a", ";", "b", ";"]


def test_parts_of_items_may_be_for_tests_only():
    kept = without_tests(tokens("struct A { #[cfg(test)] b: u8, c: u8 } match d { #[cfg(test)] E => {} f => g }"))
    assert texts_of(kept) == "struct A { c : u8 } match d { f = > g }".split()


@pytest.mark.parametrize("condition", ["not(test)", "any(test, unix)", 'feature = "test"'])
def test_what_is_not_for_tests_only_stays(condition):
    assert "x" in texts_of(without_tests(tokens(f"#[cfg({condition})] fn x() {{}}")))


@pytest.mark.parametrize("folder", ["crates/*", "functions/*", "functions/*/core"])
def test_every_import_of_the_project_leads_to_what_makes_the_name(folder):
    strange = set()
    for library in ROOT.glob(f"{folder}/src/lib.rs"):
        modules = list(crate(library).all())
        defined = {(module.file, name) for module in modules for name in module.defined}
        # These may make more names than they say.
        with_macros = {module.file for module in modules if re.search(r"! [{(]", " ".join(texts_of(module.code)))}
        # An exported macro is at its crate's root, wherever it is written.
        exported = {name for module in modules for name in re.findall(r"macro_rules ! (\w+)", " ".join(texts_of(module.code)))}
        strange |= {
            taken
            for module in modules
            for taken in imports(module)
            if (taken.file, taken.name) not in defined and taken.file not in with_macros and taken.name not in exported
        }
    assert not strange, f"{strange} are not defined where the imports lead, so the reading is wrong"
