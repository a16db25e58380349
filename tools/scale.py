#!/usr/bin/env python3
"""`make scale`: a pattern's scenarios in the world with time, or those of all patterns.

SCENARIO, RATE, SECONDS, SEED, LATENCIES and STRETCH reach the simulation as they are. `tools/scale.py table` runs every
scenario at 10 to 100,000 requests a second and writes the table under "Scale" in the pattern's README, and a picture
beside it.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ["build", "--profile", "sim", "--example", "scale", "--message-format", "json-render-diagnostics"]
RATES = (10, 1_000, 10_000, 100_000)
# For how many seconds of its own time a run has load: the rows of all of it are in memory.
LONGEST = {"circuit-breaker": {100_000: 20}, "saga": {10_000: 20, 100_000: 4}}
# Of which run the README has a picture.
DRAWN = ("outage", 1_000)
# What the environment must not bring into the tables.
WISHES = ("SCENARIO", "SCENARIOS", "RATE", "SECONDS", "LONGEST", "SEED", "SHORT", "STRETCH", "LATENCIES", "PICTURES")
# What the table says besides, of a pattern whose work goes on when the request is answered: a title and a cell.
BESIDES = {
    "saga": [
        ("booked, undone, open at the end", lambda of: f"{short(of('state_committed'))}, {short(of('state_compensated'))}, "
         f"{short(of('state_running') + of('state_committing') + of('state_compensating') + of('state_stuck'))}"),
        ("until booked p50 / p99, s", lambda of: f"{short(of('state_committed_p50_s'))} / {short(of('state_committed_p99_s'))}"),
    ],
}  # fmt: skip
BEGIN, END = "<!-- scale: written by tools/scale.py table -->", "<!-- scale ends -->"
sys.path.insert(0, str(ROOT / "localstack"))

from tenfold_local import compiling  # noqa: E402


def patterns() -> list[str]:
    """The slugs of all patterns that have scenarios, or the wanted one."""
    found = sorted(path.parts[-4] for path in ROOT.glob("functions/*/core/examples/scale.rs"))
    wanted, scenario = os.environ.get("P"), os.environ.get("SCENARIO")
    if wanted and wanted not in found:
        sys.exit(f"scale: there is no pattern {wanted!r} with scenarios; there are {', '.join(found)}")
    if wanted:
        return [wanted]
    # Of all patterns those that have the scenario; with scenarios of one's own all.
    has = lambda slug: (ROOT / "functions" / slug / "core" / "scenarios" / f"{scenario}.toml").exists()  # noqa: E731
    which = [slug for slug in found if has(slug)] if scenario and not os.environ.get("SCENARIOS") else found
    if not which:
        sys.exit(f"scale: no pattern has a scenario {scenario!r}; `make scale P=pattern SCENARIO=x` lists those of one")
    return which


def build(slug: str) -> str:
    """Builds a pattern's simulation and answers where it is."""
    done = compiling.cargo([*BUILD, "--package", f"{slug}-core"], ROOT, capture=True)
    if done.returncode != 0:
        sys.exit(f"scale: the simulation of {slug} does not build")
    artifacts = (json.loads(line) for line in done.stdout.splitlines())
    return next(a["executable"] for a in artifacts if a.get("target", {}).get("name") == "scale" and a.get("executable"))


def run(program: str, **settings: str) -> tuple[bool, list[dict]]:
    """Runs scenarios, showing what they say; answers whether all was well and their lines of JSON."""
    found = []
    environment = {**os.environ, **settings}
    with subprocess.Popen([program], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            if line.startswith("{"):
                found.append(json.loads(line))
    return process.returncode == 0, found


def short(number: float | None) -> str:
    """A number as people read it."""
    if number is None:
        return "not in this run"
    for least, unit in ((1e6, " M"), (1e4, " k")):
        if abs(number) >= least:
            return f"{number / {' M': 1e6, ' k': 1e3}[unit]:.3g}{unit}"
    return f"{number:,.0f}" if abs(number) >= 1_000 else f"{number:.3g}"


def row(slug: str, rate: int, result: dict) -> str:
    """A line of the table."""
    of = lambda name: result["measured"].get(name, 0.0)  # noqa: E731
    failed = of("answered_5xx") + of("answered_429")
    cells = [
        result["scenario"],
        f"{rate:,}",
        f"{short(of('p50_ms'))} / {short(of('p99_ms'))}",
        short(of("added_p99_ms")),
        f"{100 * failed / max(1, of('in')):.2g} %",
        *(cell(of) for _, cell in BESIDES.get(slug, [])),
        f"{short(of('backlog_most'))}, {short(of('backlog_end'))}",
        f"{short(of('hottest_key_writes'))}: `{result['hottest'] or '–'}`",
        short(of("refused_calls")),
        short(of("usd_a_million")),
    ]
    return f"| {' | '.join(cells)} |"


def table(slug: str, program: str) -> str:
    """Runs every scenario at every rate and answers the table."""
    titles = ["scenario", "requests a second", "p50 / p99, ms", "added p99, ms", "failed"]
    titles += [title for title, _ in BESIDES.get(slug, [])]
    titles += ["waiting: most, at the end", "hottest key, write units a second", "calls refused for load", "$ a million served"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for scenario in sorted(path.stem for path in (ROOT / "functions" / slug / "core" / "scenarios").glob("*.toml")):
        for rate in RATES:
            settings = {"SCENARIO": scenario, "RATE": str(rate), "SEED": "1"}
            if longest := LONGEST.get(slug, {}).get(rate):
                settings["LONGEST"] = str(longest)
            _, results = run(program, **settings)
            if len(results) != 1:
                sys.exit(f"scale: {slug} {scenario} at {rate} a second came to no result; the table is as it was")
            lines.append(row(slug, rate, results[0]))
            if (scenario, rate) == DRAWN:
                shutil.copy2(ROOT / ".local" / "scale" / f"{slug}-{scenario}.svg", ROOT / "functions" / slug / "scale.svg")
    return "\n".join(lines)


def write_table(slug: str, program: str) -> None:
    """Writes the table and the pictures of a pattern."""
    readme = ROOT / "functions" / slug / "README.md"
    text = readme.read_text()
    if BEGIN not in text:
        sys.exit(f"scale: {readme} has no place for the table: {BEGIN} and {END} were expected")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    readme.write_text(f"{before}{BEGIN}\n\n{table(slug, program)}\n\n{END}{after}")


def main() -> None:
    if sys.argv[1:] not in ([], ["table"]):
        sys.exit(f"scale: {sys.argv[1:]} was found; nothing, or `table`, was expected")
    all_well = True
    if sys.argv[1:] == ["table"]:
        for wish in WISHES:
            os.environ.pop(wish, None)
    for slug in patterns():
        print(f"building the simulation of {slug}", flush=True)
        # One after the other: they all have the same name, and cargo keeps one file of that name.
        program = build(slug)
        if sys.argv[1:] == ["table"]:
            kept = ROOT / ".local" / f"scale-{slug}"
            kept.parent.mkdir(exist_ok=True)
            shutil.copy2(program, kept)
            write_table(slug, str(kept))
        else:
            all_well &= run(program)[0]
    sys.exit(0 if all_well else 1)


if __name__ == "__main__":
    main()
