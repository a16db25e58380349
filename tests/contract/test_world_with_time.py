"""The world with time says the same as what it stands for: the SDK's retries, the quotas that scenarios lift, the names
in its documentation."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORLD = ROOT / "crates" / "world"
SCENARIOS = sorted(ROOT.glob("functions/*/core/scenarios/*.toml"))
LIMITS = tomllib.loads((WORLD / "limits.toml").read_text())
# Not AWS's to raise by themselves: the first comes with `api.requests`, the second is how fast a function grows, and
# the READMEs say what follows.
LIFTED = {"api.burst", "lambda.scaling"}


def constant(file: str, name: str) -> int:
    text = (ROOT / file).read_text()
    return int(re.search(rf"const {name}: \w+ = (?:Duration::from_millis\()?(\d+)", text).group(1))


def made_again(name: str) -> tuple[int, int]:
    text = (WORLD / "src" / "scale" / "calls.rs").read_text()
    times, pause = re.search(rf"const {name}: Again = Again \{{ times: (\d+), pause: (\d+) \* MILLISECOND", text).groups()
    return int(times), int(pause)


def test_calls_are_made_again_as_the_adapters_do() -> None:
    client, write = "crates/aws/src/client.rs", "crates/aws/src/table/write.rs"
    assert made_again("BY_SDK") == (constant(client, "ATTEMPTS") - 1, constant(client, "BACKOFF"))
    assert made_again("BY_ADAPTER") == (constant(write, "CONFLICTS"), constant(write, "PAUSE"))


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: f"{file.parts[-4]}/{file.stem}")
def test_a_scenario_switches_off_only_what_aws_raises(file: Path) -> None:
    limits = tomllib.loads(file.read_text()).get("limits", {})
    lifted = {name for name, value in limits.items() if value == float("inf")}
    raisable = {name for name in lifted if LIMITS[name.split(".")[0]][name.split(".")[1]]["raisable"]}
    assert lifted - raisable <= LIFTED


def test_each_figure_has_a_source() -> None:
    for file in ("limits", "latencies", "prices"):
        figures = tomllib.loads((WORLD / f"{file}.toml").read_text())
        for service, of in figures.items():
            for what, figure in ({service: of} if file == "latencies" else of).items() if isinstance(of, dict) else ():
                assert len(figure["source"]) > 20, f"{file}: {service}.{what}"


def test_each_field_of_a_scenario_is_documented() -> None:
    page = (WORLD / "SCENARIOS.md").read_text()
    scenario = (WORLD / "src" / "scale" / "scenario.rs").read_text()
    service = (WORLD / "src" / "scale" / "host.rs").read_text()
    fields = set()
    for text, name in ((scenario, "Scenario"), (scenario, "Short"), (service, "ServiceSettings")):
        body = re.search(rf"pub(?:\(super\))? struct {name} \{{(.*?)\n\}}", text, re.DOTALL).group(1)
        fields |= set(re.findall(r"pub(?:\(super\))? (\w+):", body))
    for wiring in ROOT.glob("functions/*/core/tests/scale/mod.rs"):
        body = re.search(r"struct Stack \{(.*?)\n\}", wiring.read_text(), re.DOTALL).group(1)
        fields |= set(re.findall(r"^    (\w+):", body, re.MULTILINE))
    assert len(fields) > 25
    assert not {field for field in fields if f"`{field}`" not in page}
