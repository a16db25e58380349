"""`rules.toml`: which rules are opted out, and which hold only with a parameter."""

from __future__ import annotations

import fnmatch
import tomllib
from dataclasses import dataclass
from pathlib import Path

from report import Finding, Refused

FILE = Path(__file__).with_name("rules.toml")
MOST_OPTED_OUT = 3
# So long has a reason to be that says something.
LEAST_REASON = 40
DEFAULTS, HARDENED = "defaults", "hardened"


@dataclass(frozen=True)
class SwitchedOn:
    """Rules that hold only with a parameter, and the values that switch it on."""

    by: str
    values: dict[str, str]
    rules: frozenset[str]


@dataclass(frozen=True)
class Rules:
    opted_out: dict[str, str]
    switched_on: tuple[SwitchedOn, ...]
    path: Path = FILE

    @classmethod
    def read(cls, path: Path = FILE) -> Rules:
        content = tomllib.loads(path.read_text())
        opted_out: dict[str, str] = {}
        for entry in content.get("opted_out", []):
            reason = " ".join(entry.get("reason", "").split())
            if len(reason) < LEAST_REASON:
                raise Refused(
                    f"{path.name}: {entry['rule']} is opted out with the reason '{reason}'; a sentence of "
                    f"{LEAST_REASON} characters or more was expected. Say why the rule does not fit, or mend what it finds"
                )
            opted_out[entry["rule"]] = reason
        if len(opted_out) > MOST_OPTED_OUT:
            raise Refused(
                f"{path.name}: {len(opted_out)} rules are opted out ({', '.join(opted_out)}); at most "
                f"{MOST_OPTED_OUT} were expected. Mend what one of them finds"
            )
        switched_on = tuple(
            SwitchedOn(entry["by"], entry["values"], frozenset(entry["rules"]))
            for entry in content.get("switched_on", [])
        )
        return cls(opted_out, switched_on, path)

    def hardened(self) -> dict[str, str]:
        return {name: value for entry in self.switched_on for name, value in entry.values.items()}

    def judged(self, findings: list[Finding], of_tool: str) -> list[Finding]:
        """The findings that count; and one for each entry that no finding of the tool needs."""
        needs_parameter = {rule: entry.by for entry in self.switched_on for rule in entry.rules}
        counting = [
            finding
            for finding in findings
            if finding.rule not in self.opted_out
            and not (finding.variant == DEFAULTS and finding.rule in needs_parameter)
        ]
        found = {finding.rule for finding in findings}
        idle = {rule for rule in self.opted_out if rule.startswith(of_tool) and rule not in found}
        in_defaults = {finding.rule for finding in findings if finding.variant == DEFAULTS}
        idle |= {rule for rule in needs_parameter if rule.startswith(of_tool) and rule not in in_defaults}
        for rule in sorted(idle):
            what = "is in this file, and finds nothing any more"
            counting.append(Finding(rule, self.path.name, rule, what, "take its entry out"))
        return counting


def values_for(parameters: list[str], values: dict[str, str]) -> dict[str, str]:
    """The values of those parameters that a template has; a name may be a pattern."""
    return {
        parameter: value
        for name, value in values.items()
        for parameter in fnmatch.filter(parameters, name)
    }
