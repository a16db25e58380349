"""Links lead somewhere, and nothing in the project speaks of one machine or of work left undone."""

import re
from pathlib import Path

import pytest
from repository import files, relative

FENCE = re.compile(r"(?ms)^( *)(```|~~~).*?^\1\2")
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(
    r"\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s+<?(\S+?)>?\s*$", re.MULTILINE
)
HEADING = re.compile(r"(?m)^#{1,6}\s+(.+?)\s*#*$")
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.~-])/(?:work|root|home|Users)/\w"),
    "work left undone": re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b"),
}


def documents() -> list:
    return [pytest.param(path, id=relative(path)) for path in files() if path.suffix == ".md"]


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", path.read_text())):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        same = sum(
            re.fullmatch(re.escape(anchor) + r"(-\d+)?", other) is not None for other in found
        )
        found.add(f"{anchor}-{same}" if same else anchor)
    return found


def broken(path: Path) -> list[str]:
    text = CODE.sub("", FENCE.sub("", path.read_text()))
    found = []
    for link in (a or b for a, b in LINK.findall(text)):
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        if not target.exists():
            found.append(f"{link}: there is no such file")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            found.append(f"{link}: no such heading; there are {sorted(anchors(target))}")
    return found


@pytest.mark.parametrize("path", documents())
def test_links_lead_somewhere(path):
    assert not broken(path), f"{relative(path)}:\n" + "\n".join(broken(path))


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_speaks_of(what):
    found = []
    for path in files():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [
            f"{relative(path)}:{i}: {line.strip()}"
            for i, line in enumerate(lines, 1)
            if FORBIDDEN[what].search(line)
        ]
    assert not found, f"{what}; say it without, or do it:\n" + "\n".join(found)


def test_broken_links_are_found(tmp_path):
    """The check itself: a check that finds nothing would look the same as a project without faults."""
    (tmp_path / "other.md").write_text("# A `b` heading\n\n## Twice\n## Twice\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md#a-b-heading) [b](other.md#twice-1) [c](https://example.com/no) `[d](no.md)`\n"
        "```\n[e](no.md)\n```\n[f](no.md) [g](other.md#no) [h](#no)\n"
    )
    assert [link.split(":")[0] for link in broken(page)] == ["no.md", "other.md#no", "#no"]
