"""Rust in a pattern's README is of an example that is compiled, line by line; what is not says `rust,ignore`."""

import re
import textwrap

import pytest
from repository import ROOT, patterns

BLOCK = re.compile(r"(?ms)^```rust\n(.*?)^```")


def of_no_example(readme: str, examples: list[str]) -> list[str]:
    """The blocks whose lines stand in no example, one after the other. How far they are indented does not matter."""
    sources = [dedented(example) for example in examples]
    return [block for block in BLOCK.findall(readme) if not any(dedented(block) in source for source in sources)]


def dedented(code: str) -> str:
    return "\n".join(line.strip() for line in textwrap.dedent(code).strip().splitlines())


@pytest.mark.parametrize("slug", patterns())
def test_code_of_a_readme_is_of_an_example(slug):
    folder = ROOT / "functions" / slug
    examples = [path.read_text() for core in ("core/", "") for path in sorted(folder.glob(f"{core}examples/*.rs"))]
    found = of_no_example((folder / "README.md").read_text(), examples)
    assert not found, (
        f"functions/{slug}/README.md has code that stands in no file of functions/{slug}/core/examples and functions/{slug}/examples:\n"
        + "\n".join(found)
    )


def test_code_that_is_of_no_example_is_found():
    """The check itself."""
    example = "fn main() {\n    let a = 1;\n    if a == 1 {\n        go();\n    }\n}\n"
    same = "```rust\nlet a = 1;\nif a == 1 {\n    go();\n```\n"
    assert of_no_example(same + "```rust,ignore\nno();\n```\n", [example]) == []
    assert of_no_example(same + "```rust\nlet a = 1;\ngo();\n```\n", [example]) == ["let a = 1;\ngo();\n"]
