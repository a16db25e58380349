"""Rust sources, read as far as the contract tests need it: tokens, modules, imports, items and their documentation."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SPACE = re.compile(r"\s+")
TOKEN = re.compile(
    r"""
      (?P<comment>//[^\n]*)
    | (?P<text>
          [bc]?r(?P<hashes>\#*)".*?"(?P=hashes)
        | [bc]?"(?:\\.|[^"\\])*"
        | b?'(?:\\(?:u\{[^}]*\}|.)[^']{0,2}|[^'\\])'
      )
    | (?P<lifetime>'\w+)
    | (?P<name>(?:r\#)?[^\W\d]\w*)
    | (?P<number>\d\w*(?:\.\d\w*)?)
    | (?P<sign>::|.)
    """,
    re.VERBOSE | re.DOTALL,
)
OPEN, CLOSE = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}
TYPES = ("struct", "enum", "union", "trait", "type")
ITEMS = (*TYPES, "fn", "const", "static", "mod")
# What may stand before the keyword of an item.
QUALIFIERS = {"async", "unsafe", "const", "extern", "default", "auto"}
# Items that end with a semicolon even where they have braces.
WITH_SEMICOLON = {"use", "const", "static", "type", "let"}


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    line: int


# Tokens are never changed, so one reading of a source is enough for all tests.
Code = Sequence[Token]


@functools.cache
def tokens(source: str, *, documentation: bool = False) -> Code:
    """The tokens without comments, and texts as one token each; with `///` lines if they are asked for."""
    found, at, line = [], 0, 1
    while at < len(source):
        if space := SPACE.match(source, at):
            end, token = space.end(), None
        elif source.startswith("/*", at):
            end, token = _end_of_comment(source, at), None
        else:
            match = TOKEN.match(source, at)
            end, token = match.end(), Token(match.lastgroup, match.group(), line)
            if match.lastgroup == "comment":
                is_doc = re.match(r"///(?!/)", token.text)
                token = Token("doc", token.text[3:], line) if documentation and is_doc else None
        if token:
            found.append(token)
        line += source.count("\n", at, end)
        at = end
    return tuple(found)


def _end_of_comment(source: str, start: int) -> int:
    """Where a `/* … */` ends; they nest."""
    depth = 0
    for mark in re.compile(r"/\*|\*/").finditer(source, start):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(source)


def texts_of(code: Code) -> list[str]:
    return [token.text for token in code]


def closing(code: Code, start: int) -> int:
    """The index of the bracket that closes the one at `start`."""
    depth = 0
    for i in range(start, len(code)):
        if code[i].kind == "sign":
            depth += (code[i].text in OPEN) - (code[i].text in CLOSE)
            if depth == 0:
                return i
    raise ValueError(f"line {code[start].line}: nothing closes this {code[start].text}")


def is_sign(code: Code, i: int, text: str) -> bool:
    return 0 <= i < len(code) and code[i].kind == "sign" and code[i].text == text


def is_name(code: Code, i: int, *texts: str) -> bool:
    return 0 <= i < len(code) and code[i].kind == "name" and (not texts or code[i].text in texts)


def is_attribute(code: Code, i: int) -> bool:
    return is_sign(code, i, "#") and is_sign(code, i + 1, "[")


def after_attributes(code: Code, i: int) -> int:
    """Where what the attributes (and lines of documentation) at `i` belong to begins."""
    while i < len(code):
        if is_attribute(code, i):
            i = closing(code, i + 1) + 1
        elif code[i].kind == "doc":
            i += 1
        else:
            break
    return i


def after_visibility(code: Code, i: int) -> tuple[str, int]:
    """(`pub`, `pub(crate)`, … or nothing, where the rest begins)."""
    if not is_name(code, i, "pub"):
        return "", i
    if is_sign(code, i + 1, "(") and is_name(code, i + 2, "crate", "super", "self", "in"):
        end = closing(code, i + 1)
        return "".join(texts_of(code[i : end + 1])), end + 1
    return "pub", i + 1


def without_tests(code: Code) -> Code:
    """The tokens less all that is there only under `cfg(test)`."""
    kept, i = [], 0
    while i < len(code):
        if is_attribute(code, i) and is_for_tests(texts_of(code[i : closing(code, i + 1) + 1])):
            i = end_of_item(code, after_attributes(code, i))
            while kept and kept[-1].kind == "doc":
                kept.pop()
        else:
            kept.append(code[i])
            i += 1
    return kept


def is_for_tests(attribute: list[str]) -> bool:
    """Of the tokens of an attribute: `#[cfg(test)]`, `#[cfg(all(test, …))]`, but not `#[cfg(not(test))]`."""
    return re.match(r"#\[cfg\((all\()?([^()]*,)?test\b", "".join(attribute)) is not None


def end_of_item(code: Code, start: int) -> int:
    """The index behind an item, a statement, a field or an arm of a match."""
    _, first = after_visibility(code, start)
    by_semicolon = is_name(code, first, *WITH_SEMICOLON) and not is_name(code, first + 1, "fn", *QUALIFIERS)
    is_item = by_semicolon or is_name(code, first, *ITEMS, "impl", "macro_rules", *QUALIFIERS)
    i = start
    while i < len(code):
        if code[i].kind == "sign":
            if code[i].text in CLOSE:
                return i
            if code[i].text == ";" or (code[i].text == "," and not is_item):
                return i + 1
            if code[i].text in OPEN:
                ends_it = code[i].text == "{" and not by_semicolon
                i = closing(code, i)
                if ends_it:
                    return i + 1
        i += 1
    return i


# Imports.


@dataclass(frozen=True)
class Use:
    """One leaf of a `use`: the path, the name that it has here, and who may see it."""

    path: tuple[str, ...]
    name: str
    visibility: str = ""

    @property
    def is_glob(self) -> bool:
        return self.name == "*"


def uses(code: Code) -> tuple[list[Use], Code]:
    """All imports in these tokens, in functions too, and the tokens without them."""
    found, rest, i = [], [], 0
    while i < len(code):
        # `impl Trait + use<'a>` captures a lifetime and imports nothing.
        visibility, start = after_visibility(code, i)
        if is_name(code, start, "use") and not is_sign(code, start + 1, "<"):
            end = end_of_item(code, start)
            found += [Use(path, name, visibility) for path, name in leaves(code[start + 1 : end - 1])]
            i = end
        elif visibility:
            # The path in `pub(in crate::a)` is no import either.
            i = start
        else:
            rest.append(code[i])
            i += 1
    return found, rest


def leaves(tree: Code, prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """(path, name here) of each leaf of `a::{b, c::d as e, f::*, self}`; a leading `::` is the first part of a path."""
    path, i = list(prefix), 0
    if is_sign(tree, 0, "::") and not prefix:
        path.append("::")
    while i < len(tree) and not is_sign(tree, i, "{"):
        if is_name(tree, i, "as"):
            yield (_without_self(path), tree[i + 1].text)
            return
        if not is_sign(tree, i, "::"):
            path.append(tree[i].text)
        i += 1
    if i < len(tree):
        for part in _split(tree[i + 1 : closing(tree, i)]):
            yield from leaves(part, tuple(path))
    elif path[-1] == "*":
        yield (tuple(path[:-1]), "*")
    elif path:
        path = _without_self(path)
        yield (path, path[-1])


def _without_self(path: list[str]) -> tuple[str, ...]:
    """`a::self`, as in `a::{self, b}`, is `a`."""
    return tuple(path[:-1] if len(path) > 1 and path[-1] == "self" else path)


def _split(code: Code) -> Iterator[Code]:
    """The parts between the commas that are in no bracket."""
    part, depth = [], 0
    for token in code:
        if token.kind == "sign":
            depth += (token.text in OPEN) - (token.text in CLOSE)
        if depth == 0 and token.kind == "sign" and token.text == ",":
            yield part
            part = []
        else:
            part.append(token)
    if part:
        yield part


# Items.


@dataclass(frozen=True)
class Item:
    kind: str
    name: str
    visibility: str
    line: int
    # Whether it stands in a module, and not in a function, an `impl` or a macro.
    in_module: bool


def items(code: Code) -> Iterator[Item]:
    """What these tokens define, in whatever it stands. Names that a macro makes are not seen."""
    blocks, of_module = [True], False
    visibility = ""
    for i, token in enumerate(code):
        if token.kind == "sign" and token.text in OPEN:
            # Only the braces of a `mod` have items of a module in them.
            blocks.append(blocks[-1] and of_module and token.text == "{")
            of_module = False
        elif token.kind == "sign" and token.text in CLOSE and len(blocks) > 1:
            blocks.pop()
        elif is_name(code, i, "pub"):
            visibility, _ = after_visibility(code, i)
        elif is_name(code, i, "macro_rules") and is_sign(code, i + 1, "!") and is_name(code, i + 2):
            yield Item("macro", code[i + 2].text, "", token.line, blocks[-1])
        elif is_name(code, i, *ITEMS) and is_name(code, i + 1) and not is_name(code, i + 1, *ITEMS, *QUALIFIERS):
            name = code[i + 2 if is_name(code, i + 1, "mut") else i + 1]
            # `union` is a word like any other where no union is declared.
            if token.text != "union" or is_sign(code, i + 2, "{") or is_sign(code, i + 2, "<"):
                yield Item(token.text, name.text, visibility, token.line, blocks[-1])
            of_module = token.text == "mod"
        if token.kind == "sign" and token.text in ";,{}":
            visibility, of_module = "", of_module and token.text != ";"


def doc_blocks(code: Code) -> Iterator[tuple[int, str]]:
    """(line, text) of each block of `///` lines, attributes between them or not."""
    i = 0
    while i < len(code):
        end = after_attributes(code, i)
        block = [token for token in code[i:end] if token.kind == "doc"]
        if block:
            yield block[0].line, "\n".join(token.text for token in block)
        i = max(end, i + 1)


# Modules.


@dataclass
class Module:
    """A module of a crate: a file, or a `mod x { … }` in one."""

    file: Path
    path: tuple[str, ...] = ()
    parent: Module | None = None
    children: dict[str, Module] = field(default_factory=dict)
    # What it defines, its children aside.
    defined: set[str] = field(default_factory=set)
    # Its names, children and imports too, and the visibility of each.
    names: dict[str, str] = field(default_factory=dict)
    uses: list[Use] = field(default_factory=list)
    # All but the imports and what is in modules of its own.
    code: Code = ()

    @property
    def root(self) -> Module:
        return self.parent.root if self.parent else self

    def all(self) -> Iterator[Module]:
        yield self
        for child in self.children.values():
            yield from child.all()

    def said(self) -> set[str]:
        """All names in the code of this module."""
        return {token.text for token in self.code if token.kind == "name"}


@dataclass(frozen=True)
class Definition:
    """A name and the file that defines it."""

    file: Path
    name: str


def crate(root: Path, *, tests: bool = False) -> Module:
    """The modules of a crate from its `lib.rs` on, by their `mod` lines; those for tests only if asked for."""
    module = Module(root)
    _read(module, root.parent, tests)
    return module


def _read(module: Module, folder: Path, tests: bool) -> None:
    """Reads a file; the files of its child modules are in `folder`."""
    code = tokens(module.file.read_text())
    _fill(module, code if tests else without_tests(code), folder, tests)


def _fill(module: Module, code: Code, folder: Path, tests: bool) -> None:
    own, i = [], 0
    while i < len(code):
        visibility, start = after_visibility(code, i)
        if is_name(code, start, "mod") and is_name(code, start + 1):
            name = code[start + 1].text
            inline = is_sign(code, start + 2, "{")
            child = Module(module.file if inline else _file(folder, name), (*module.path, name), module)
            module.children[name] = child
            module.names[name] = visibility
            i = start + 3
            if inline:
                end = closing(code, start + 2)
                _fill(child, code[i:end], folder / name, tests)
                i = end + 1
            elif child.file.exists():
                _read(child, folder / name, tests)
        else:
            own.append(code[i])
            i += 1
    defined = [item for item in items(own) if item.in_module]
    module.uses, module.code = uses(own)
    # `_` is no name; `const _: () = …` defines nothing.
    module.defined = {item.name for item in defined} - {"_"}
    module.names |= {thing.name: thing.visibility for thing in (*module.uses, *defined)}


def _file(folder: Path, name: str) -> Path:
    name = name.removeprefix("r#")
    nested = folder / name / "mod.rs"
    return nested if nested.exists() else folder / f"{name}.rs"


# Where a path leads.


def resolve(module: Module, path: tuple[str, ...]) -> Module | Definition | None:
    """What a path leads to, through all re-exports; none when it leaves the crate."""
    return _resolve(module, path, frozenset())


def _resolve(module: Module, path: tuple[str, ...], seen: frozenset) -> Module | Definition | None:
    start, rest = module, path
    while rest and rest[0] in ("crate", "self", "super"):
        start = {"crate": module.root, "self": start, "super": start.parent}[rest[0]]
        rest = rest[1:]
        if start is None:
            return None
    is_relative = rest == path
    if is_relative and not _knows(module, path[0], seen):
        return None
    return _find(start, rest, seen)


def _knows(module: Module, name: str, seen: frozenset) -> bool:
    """Whether a name means something in a module, other than another crate."""
    return (
        name in module.children
        or name in module.defined
        # Not by the very line that is looked at: `use serde::…` beside `use serde;`.
        or any(use.name == name and (module.path, use) not in seen for use in module.uses)
        or any(name in visible(target, module, seen) for target in _globs(module, seen))
    )


def _globs(module: Module, seen: frozenset) -> Iterator[Module]:
    for use in module.uses:
        if use.is_glob and (module.path, use) not in seen:
            target = _resolve(module, use.path, seen | {(module.path, use)})
            if isinstance(target, Module):
                yield target


def visible(module: Module, viewer: Module, seen: frozenset = frozenset()) -> set[str]:
    """The names that a `use module::*` in another module may bring."""
    is_inside = viewer.path[: len(module.path)] == module.path
    names = {name for name, visibility in module.names.items() if visibility or is_inside}
    for use in module.uses:
        if use.is_glob and (use.visibility or is_inside) and (module.path, use) not in seen:
            now = seen | {(module.path, use)}
            target = _resolve(module, use.path, now)
            names |= visible(target, viewer, now) if isinstance(target, Module) else set()
    return names - {"_", "*"}


def _find(module: Module, path: tuple[str, ...], seen: frozenset) -> Module | Definition | None:
    if not path:
        return module
    name, rest = path[0], path[1:]
    if name in module.children and (rest or name not in module.defined):
        return _find(module.children[name], rest, seen)
    if name in module.defined:
        return Definition(module.file, name)
    for use in module.uses:
        if use.name == name and (module.path, use) not in seen:
            target = _resolve(module, use.path, seen | {(module.path, use)})
            return _find(target, rest, seen) if isinstance(target, Module) else target
    for target in _globs(module, seen):
        if name in visible(target, module, seen):
            return _find(target, path, seen)
    # A macro has made it.
    return Definition(module.file, name)


def inline_paths(code: Code) -> Iterator[tuple[str, ...]]:
    """The paths of two names and more in tokens that have no imports; `::a::b`, of another crate, is none."""
    i = 0
    while i < len(code):
        if not is_name(code, i):
            i += 1
            continue
        path, start = [code[i].text], i
        while is_sign(code, i + 1, "::") and is_name(code, i + 2):
            i += 2
            path.append(code[i].text)
        follows = start > 0 and code[start - 1].kind == "sign" and code[start - 1].text in ("::", ".")
        # Behind a `>` it is what a generic type has, as in `Vec::<T>::new`.
        if len(path) > 1 and not follows:
            yield tuple(path)
        i += 1


def imports(module: Module) -> Iterator[Definition]:
    """What the code of one module takes from other files of its crate.

    The names that it re-exports from its own children are nothing to it, unless it uses them itself.
    """
    said = module.said() - set(module.defined)
    for use in module.uses:
        target = resolve(module, use.path)
        if use.is_glob and isinstance(target, Module):
            found = [resolve(target, ("self", name)) for name in visible(target, module) & said]
        elif use.visibility and _is_below(target, module) and use.name not in said:
            continue
        else:
            found = [target]
        yield from (definition for definition in found if _is_elsewhere(definition, module))
    for path in inline_paths(module.code):
        definition = resolve(module, path)
        if _is_elsewhere(definition, module):
            yield definition


def _is_elsewhere(target: Module | Definition | None, module: Module) -> bool:
    # A module that is imported is only a name for it: what is taken from it, the paths say.
    return isinstance(target, Definition) and target.file != module.file


def _is_below(target: Module | Definition | None, module: Module) -> bool:
    """Whether the target is in a child of this module."""
    if not isinstance(target, Definition):
        return True
    files = {below.file for child in module.children.values() for below in child.all()}
    return target.file in files


def imports_of_files(root: Module) -> dict[Path, dict[Path, set[str]]]:
    """For each file of a crate, the files that it imports and the names that it takes from them."""
    graph: dict[Path, dict[Path, set[str]]] = {}
    for module in root.all():
        taken = graph.setdefault(module.file, {})
        for definition in imports(module):
            taken.setdefault(definition.file, set()).add(definition.name)
    return graph
