"""statelint on the state machines, as their templates fill them in."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from report import GATES, ROOT, Finding, Outcome, Refused, relative, run

FOLDER = ROOT / "statemachines"
TEMPLATES = ROOT / "infra" / "sam"
PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


def statelint() -> Outcome:
    from expand import yaml

    files = sorted(FOLDER.glob("*.asl.json"))
    if not files:
        raise Refused(f"there are no state machines (*.asl.json) in {relative(FOLDER)}; at least one was expected")
    substitutions = {}
    for template in sorted(TEMPLATES.glob("*.yaml")):
        for resource in yaml(template)["Resources"].values():
            if resource["Type"] == "AWS::Serverless::StateMachine":
                properties = resource["Properties"]
                file = (template.parent / properties["DefinitionUri"]).resolve()
                substitutions[file] = properties.get("DefinitionSubstitutions", {})
    findings = [finding for file in files for finding in statelint_on(file, substitutions.get(file))]
    states = sum(len(json.loads(file.read_text()).get("States", {})) for file in files)
    return Outcome(states, f"the states of {len(files)} state machines", findings)


def statelint_on(file: Path, substitutions: dict[str, Any] | None) -> list[Finding]:
    """What is wrong with a file; `substitutions` is what its template fills in, none if no template has it."""
    text = file.read_text()
    if substitutions is None:
        todo = "name it as the DefinitionUri of a state machine in infra/sam, or remove the file"
        return [Finding("template", relative(file), file.stem, "no template has this state machine", todo)]
    findings = [
        Finding("substitution", relative(file), name, "no substitution of the template fills this in", "add it there")
        for name in sorted(set(PLACEHOLDER.findall(text)) - set(substitutions))
    ]
    filled = PLACEHOLDER.sub(lambda m: example(substitutions.get(m[1])), text)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as made:
        made.write(filled)
        made.flush()
        done = run([GATES / "bin" / "statelint", made.name], "statelint")
    told = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    if done.returncode and not told:
        raise Refused(f"statelint ended with exit code {done.returncode} on {relative(file)} and said nothing")
    for line in told:
        if re.fullmatch(r"(One|\d+) errors?:", line):
            continue
        # "State Machine.States.Settle.Resource is ..."
        state = re.search(r"States\.([^.]+)", line)
        todo = "mend the state: states-language.net/spec.html"
        findings.append(Finding("statelint", relative(file), state[1] if state else "the machine", line, todo))
    return findings


def example(value: Any) -> str:
    """What a substitution may come to: statelint wants a resource to be a URI."""
    text = json.dumps(value)
    name = "".join(re.findall(r"\w+", text)) or "nothing"
    return f"arn:aws:lambda:us-east-1:123456789012:function:{name}" if "Arn" in text else f"https://example.com/{name}"
