"""checkov and cdk-nag over the templates, as SAM expands them."""

from __future__ import annotations

import functools
import json
import re
import threading
from dataclasses import dataclass
from pathlib import Path

from report import GATES, ROOT, Finding, Outcome, Refused, relative, run
from rules import DEFAULTS, HARDENED, Rules, values_for

HERE = Path(__file__).parent
SAM = ROOT / "infra" / "sam"
NAG = ROOT / ".local" / "gates-nag"
# Left there, to be looked at.
EXPANDED = ROOT / ".local" / "gates-expanded"


@dataclass(frozen=True)
class Expanded:
    """A template with some parameters, as a file that a tool can read."""

    source: Path
    variant: str
    file: Path

    def place(self, logical_id: str) -> str:
        """Where a resource stands in the source; SAM makes further ones, whose names begin with that of theirs."""
        lines = self.source.read_text().splitlines()
        found = [
            (len(match[1]), number)
            for number, line in enumerate(lines, 1)
            if (match := re.match(r"  (\w+):$", line)) and logical_id.startswith(match[1])
        ]
        return f"{relative(self.source)}:{max(found)[1]}" if found else relative(self.source)


def expanded(sources: list[Path], variants: dict[str, dict[str, str]], folder: Path) -> list[Expanded]:
    """Each template with each set of parameters."""
    if not sources:
        raise Refused(f"there are no templates in {relative(SAM)}; one a pattern was expected")
    # Only here: SAM's modules take a second to load.
    from expand import NotExpanded, expand, parameters

    made = []
    for source in sources:
        for variant, values in variants.items():
            file = folder / f"{source.stem}.{variant}.json"
            try:
                template = expand(source, values_for(parameters(source), values))
            except NotExpanded as error:
                raise Refused(str(error)) from None
            file.write_text(json.dumps(template, indent=1))
            made.append(Expanded(source, variant, file))
    return made


_once = threading.Lock()


@functools.cache
def _of_the_project() -> tuple[Rules, list[Expanded]]:
    rules = Rules.read()
    EXPANDED.mkdir(parents=True, exist_ok=True)
    return rules, expanded(sorted(SAM.glob("*.yaml")), {DEFAULTS: {}, HARDENED: rules.hardened()}, EXPANDED)


def of_the_project() -> tuple[Rules, list[Expanded]]:
    """The project's templates, expanded once for both gates."""
    with _once:
        return _of_the_project()


def checkov() -> Outcome:
    rules, templates = of_the_project()
    outcome = checkov_on(templates)
    outcome.findings = rules.judged(outcome.findings, "CKV")
    return outcome


def cdk_nag() -> Outcome:
    rules, templates = of_the_project()
    outcome = cdk_nag_on(templates)
    outcome.findings = rules.judged(outcome.findings, "AwsSolutions")
    return outcome


def checkov_on(templates: list[Expanded]) -> Outcome:
    files = [template.file for template in templates]
    return _told("checkov", run([GATES / "bin" / "python", HERE / "run_checkov.py", *files], "checkov"), templates)


def cdk_nag_on(templates: list[Expanded]) -> Outcome:
    if not NAG.exists():
        raise Refused("cdk-nag is not installed; `localstack/tenfold install-gates` installs it")
    files = [template.file for template in templates]
    return _told("cdk-nag", run(["node", HERE / "nag" / "run_nag.cjs", NAG, *files], "Node.js"), templates)


def _told(tool: str, done, templates: list[Expanded]) -> Outcome:
    """What the tool's runner printed: one line of JSON, the same for both."""
    try:
        told = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        end = "\n".join((done.stdout + done.stderr).strip().splitlines()[-10:])
        raise Refused(f"{tool} ended with exit code {done.returncode} and no answer:\n{end}") from None
    by_file = {str(template.file): template for template in templates}
    unseen = [template for file, template in by_file.items() if not told["checks"].get(file)]
    if unseen:
        names = ", ".join(f"{relative(template.source)} ({template.variant})" for template in unseen)
        raise Refused(f"{tool} checked nothing in {names}; at least one rule was expected to apply")
    findings = [
        Finding(
            finding["rule"],
            by_file[finding["file"]].place(finding["resource"]),
            finding["resource"],
            finding["what"],
            finding["todo"],
            by_file[finding["file"]].variant,
        )
        for finding in told["findings"]
    ]
    what = f"{told['rules']} rules on {len({t.source for t in templates})} templates"
    return Outcome(sum(told["checks"].values()), what, findings)
