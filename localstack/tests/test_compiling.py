"""Cargo without a terminal: a count, the time so far and what is left, and nothing of what matters is lost."""

import sys

import pytest
from tenfold_local import compiling


def bar(built, total=40):
    return f"    Building [==>   ] {built}/{total}: serde, syn\n"


def told(*built, seconds):
    """What is said at the last of these, so many seconds after the begin."""
    times = iter([0.0, seconds])
    telling = compiling.Bar(lambda: next(times))
    for one in built:
        assert telling.takes(bar(one))
    return telling.progress()


def test_it_is_said_how_many_crates_are_built_for_how_long_and_what_is_left():
    assert told(0, seconds=30) == "0 of 40 crates, 30 s"
    assert told(0, 10, seconds=60) == "10 of 40 crates, 60 s, about 180 s left"
    assert told(0, 10, 20, seconds=90) == "20 of 40 crates, 90 s, about 90 s left"


def test_what_was_built_before_does_not_make_the_rest_look_quick():
    assert told(30, 35, seconds=100) == "35 of 40 crates, 100 s, about 100 s left"


def test_one_crate_that_takes_long_does_not_make_the_rest_look_long():
    times = iter([0.0, 10.0, 20.0])
    telling = compiling.Bar(lambda: next(times))
    telling.takes(bar(0)), telling.takes(bar(20))
    assert telling.progress() == "20 of 40 crates, 10 s, about 10 s left"
    assert telling.progress() == "20 of 40 crates, 20 s"


def test_before_there_is_a_bar_nothing_is_said():
    assert told(seconds=10) is None


@pytest.mark.parametrize(
    "line",
    ["\x1b[31merror\x1b[0m: no such thing", "  --> src/lib.rs:1", "    Finished `dev` profile in 2 s"],
)
def test_warnings_and_errors_stay(line):
    assert not compiling.Bar().takes(f"{line}\n")


@pytest.mark.parametrize("line", ["   Compiling serde v1.0.229", "  Downloaded syn v2.0.0", ""])
def test_a_line_for_each_crate_does_not(line):
    assert compiling.Bar().takes(f"{line}\n")


def test_a_crate_is_built_and_told_of(tmp_path, monkeypatch, capsys):
    """The real cargo, whose bar this reads, and a crate that takes a second."""
    (tmp_path / "src").mkdir()
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "small"\nedition = "2024"\n[workspace]\n')
    (tmp_path / "src" / "lib.rs").write_text("pub fn unused() { let x = 1; }\n")
    (tmp_path / "build.rs").write_text(
        "fn main() { std::thread::sleep(std::time::Duration::from_millis(500)); }\n"
    )
    monkeypatch.setattr(compiling, "EVERY", 0.02)
    monkeypatch.setattr(sys, "stderr", open(tmp_path / "no-terminal", "w"))
    monkeypatch.delenv("CARGO_TARGET_DIR", raising=False)
    done = compiling.cargo(["build", "--offline"], tmp_path)
    said = capsys.readouterr().out
    assert done.returncode == 0, said
    # Each step of a crate counts: building its script, running it, and the crate itself.
    assert " of 3 crates, " in said, said
    assert "unused variable" in said and "Compiling" not in said
