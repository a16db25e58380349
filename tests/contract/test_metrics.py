"""Alarms and dashboards show metrics that the code records, and all of them."""

import json
import re

import pytest
from repository import ROOT, Template, pascal, patterns, relative, rust, texts

CONSTANT = re.compile(r'pub const \w+: &str = "(\w+)";')
LITERAL = re.compile(r'Metric::(?:count|milliseconds|seconds|plain)\(\s*"(\w+)"')
SEARCHED = re.compile(r'\{(Tenfold/\w+)[,}][^\'"]*MetricName="(\w+)"')


def recorded(slug: str) -> set[str]:
    names = {
        name
        for text in rust(ROOT / "functions" / slug / "core" / "src").values()
        for name in LITERAL.findall(text)
    }
    file = ROOT / "functions" / slug / "core" / "src" / "metrics.rs"
    return names | set(CONSTANT.findall(file.read_text()) if file.exists() else ())


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


@pytest.mark.parametrize("slug", patterns())
def test_silence_raises_no_alarm(slug):
    alarms = Template.of(slug).of_type("AWS::CloudWatch::Alarm")
    assert alarms, f"infra/sam/{slug}.yaml has no alarm: nobody would hear of a failure"
    for name, alarm in alarms.items():
        assert alarm.get("TreatMissingData") == "notBreaching", (
            f"{name} needs TreatMissingData: notBreaching"
        )
