"""Alarms and dashboards show metrics that the code records, and all of them."""

import json
import re
from collections import defaultdict
from pathlib import Path

import pytest
from repository import ROOT, Template, pascal, patterns, relative, rust, texts

CONSTANT = re.compile(r'pub const \w+: &str = "(\w+)";')
NAMED = re.compile(r'pub const (\w+): &str = "(\w+)";')
FUNCTION = re.compile(r"(?m)^(?:pub )?(?:const )?fn (\w+).*?^}", re.DOTALL)
MENTION = re.compile(r"\bmetrics::(\w+)")
LITERAL = re.compile(r'Metric::(?:count|milliseconds|seconds|plain)\(\s*"(\w+)"')
SEARCHED = re.compile(r'\{(Tenfold/\w+)[,}][^\'"]*MetricName="(\w+)"')


def recorded(slug: str) -> set[str]:
    names = {
        name
        for text in rust(ROOT / "functions" / slug / "core" / "src").values()
        for name in LITERAL.findall(text)
    }
    file = ROOT / "functions" / slug / "core" / "src" / "metrics.rs"
    # What every pattern records by the crate that they share.
    names |= set(CONSTANT.findall((ROOT / "crates" / "pattern" / "src" / "read.rs").read_text()))
    return names | set(CONSTANT.findall(file.read_text()) if file.exists() else ())


def recorders(slug: str) -> dict[str, set[str]]:
    """The modules of a core that record each metric of its `metrics.rs`, by themselves or by a function there."""
    core = ROOT / "functions" / slug / "core" / "src"
    return recorded_by(core, rust(core))


def recorded_by(core: Path, sources: dict[Path, str]) -> dict[str, set[str]]:
    declared = sources[core / "metrics.rs"]
    constants = dict(NAMED.findall(declared))
    means = {constant: {name} for constant, name in constants.items()}
    for function in FUNCTION.finditer(declared):
        means[function[1]] = {name for c, name in constants.items() if re.search(rf"\b{c}\b", function[0])}
    found = {name: set() for name in constants.values()}
    for path, text in sources.items():
        module = path.relative_to(core).with_suffix("").parts[0]
        for name in (name for mention in MENTION.findall(text) for name in means.get(mention, ())):
            found[name].add(module)
    return found


def own(slug: str, metrics: list[tuple[str, str]]) -> set[str]:
    """The names of those metrics that are not AWS's."""
    namespace = f"Tenfold/{pascal(slug)}"
    strange = {n for n, _ in metrics if n != namespace and not n.startswith("AWS/")}
    assert not strange, (
        f"the metrics of {slug} are in the namespace {namespace}, not in {sorted(strange)}"
    )
    return {name for n, name in metrics if n == namespace}


def alarmed(template: Template) -> list[tuple[str, str]]:
    found = []
    for alarm in template.of_type("AWS::CloudWatch::Alarm").values():
        if "MetricName" in alarm:
            found.append((alarm["Namespace"], alarm["MetricName"]))
        stats = [
            query["MetricStat"]["Metric"]
            for query in alarm.get("Metrics", [])
            if "MetricStat" in query
        ]
        found += [(metric["Namespace"], metric["MetricName"]) for metric in stats]
    return found


def shown(template: Template) -> list[tuple[str, str]]:
    found = []
    for name, dashboard in template.of_type("AWS::CloudWatch::Dashboard").items():
        (body,) = [
            text for text in texts(dashboard["DashboardBody"]) if text.lstrip().startswith("{")
        ]
        try:
            widgets = json.loads(re.sub(r"\$\{[^}]*\}", "x", body))["widgets"]
        except ValueError as e:
            pytest.fail(f"the body of {name} is no JSON: {e}")
        for metric in (m for widget in widgets for m in widget["properties"].get("metrics", [])):
            if isinstance(metric[0], str):
                found.append((metric[0], metric[1]))
            else:
                found += SEARCHED.findall(metric[0]["expression"])
    return found


@pytest.mark.parametrize("where", [alarmed, shown])
@pytest.mark.parametrize("slug", patterns())
def test_only_recorded_metrics_are_used(slug, where):
    unknown = own(slug, where(Template.of(slug))) - recorded(slug)
    assert not unknown, (
        f"infra/sam/{slug}.yaml uses {sorted(unknown)}; "
        f"functions/{slug}/core/src/metrics.rs names {sorted(recorded(slug))}"
    )


@pytest.mark.parametrize("slug", patterns())
def test_every_metric_is_on_the_dashboard(slug):
    hidden = recorded(slug) - own(slug, shown(Template.of(slug)))
    assert not hidden, (
        f"the code records {sorted(hidden)}: add it to the dashboard in infra/sam/{slug}.yaml"
    )


@pytest.mark.parametrize("slug", patterns())
def test_metrics_are_named_in_one_place(slug):
    core = ROOT / "functions" / slug / "core" / "src"
    scattered = {
        relative(path): LITERAL.findall(text)
        for path, text in rust(core).items()
        if path.name != "metrics.rs" and LITERAL.search(text)
    }
    assert not scattered, f"{scattered}: make it a constant of {relative(core / 'metrics.rs')}"


def alarms(slug: str) -> dict[str, dict]:
    found = Template.of(slug).of_type("AWS::CloudWatch::Alarm")
    assert found, f"infra/sam/{slug}.yaml has no alarm: nobody would hear of a failure"
    return found


@pytest.mark.parametrize("slug", patterns())
def test_every_metric_that_is_declared_is_recorded(slug):
    silent = sorted(name for name, modules in recorders(slug).items() if not modules)
    assert not silent, f"functions/{slug}/core/src/metrics.rs declares {silent}, and no module records them"


def test_who_records_a_metric_is_found():
    core = Path("core")
    sources = {
        core / "metrics.rs": 'pub const A: &str = "Aa";\npub const AB: &str = "Ab";\npub const C: &str = "Cc";\n'
        "pub fn both() {\n    use(A, AB)\n}\n",
        core / "run.rs": "metrics::both(); metrics::other();",
        core / "run" / "part.rs": "metrics::A",
        core / "api" / "view.rs": "metrics::AB",
    }
    assert recorded_by(core, sources) == {"Aa": {"run"}, "Ab": {"run", "api"}, "Cc": set()}


def watch_for_silence(slug: str) -> dict[str, dict]:
    """The alarms that count how often a metric is recorded, whatever its value is."""
    return {name: alarm for name, alarm in alarms(slug).items() if alarm.get("Statistic") == "SampleCount"}


@pytest.mark.parametrize("slug", patterns())
def test_silence_raises_no_alarm(slug):
    watchers = watch_for_silence(slug)
    by = defaultdict(set, recorders(slug))
    heard = {module for alarm in watchers.values() for module in by[alarm["MetricName"]]}
    for name, alarm in alarms(slug).items():
        # Silence is what an alarm of SampleCount watches for: where nothing is recorded there is no sample, not zero
        # samples, and without this it would never be raised.
        if name in watchers:
            assert alarm.get("TreatMissingData") == "breaching", (
                f"{name} watches for silence and needs TreatMissingData: breaching"
            )
            continue
        # One that stays as it was hides that nobody reports, so another one has to hear that who does is silent.
        if alarm.get("TreatMissingData") == "ignore":
            modules = by[alarm.get("MetricName")]
            assert modules & heard, f"{name} ignores missing data, and no alarm hears the silence of {sorted(modules)}"
            continue
        assert alarm.get("TreatMissingData") == "notBreaching", (
            f"{name} needs TreatMissingData: notBreaching"
        )


@pytest.mark.parametrize("slug", patterns())
def test_who_watches_for_silence_keeps_time_with_the_schedule(slug):
    for name, alarm in watch_for_silence(slug).items():
        assert alarm["Period"] == 60, (
            f"{name} has the Period {alarm['Period']}: schedules call each minute, so it is 60 and no parameter"
        )


@pytest.mark.parametrize("slug", patterns())
def test_every_alarm_is_on_the_dashboard(slug):
    bodies = Template.of(slug).of_type("AWS::CloudWatch::Dashboard").values()
    text = "".join(text for body in bodies for text in texts(body["DashboardBody"]))
    hidden = [name for name in alarms(slug) if f"${{{name}.Arn}}" not in text]
    assert not hidden, f"{hidden}: add them to the widget of alarms in infra/sam/{slug}.yaml"


@pytest.mark.parametrize("slug", patterns())
def test_every_alarm_is_explained(slug):
    readme = ROOT / "functions" / slug / "README.md"
    text = readme.read_text()
    for name, alarm in alarms(slug).items():
        (called,) = texts(alarm["AlarmName"])
        called = called.removeprefix("${AWS::StackName}")
        assert f"`…{called}`" in text, f"{relative(readme)} says nothing of {name}, `…{called}`"
