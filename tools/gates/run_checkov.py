"""checkov on expanded templates, in checkov's own environment: one line of JSON on the standard output.

checkov's command line would ask its maker's server for texts first, and print for people.
"""

import json
import logging
import sys
from collections import Counter

logging.disable(logging.ERROR)

from checkov.cloudformation.runner import Runner  # noqa: E402
from checkov.runner_filter import RunnerFilter  # noqa: E402


def main(files: list[str]) -> None:
    report = Runner().run(
        root_folder=None, files=files, runner_filter=RunnerFilter(framework=["cloudformation"])
    )
    records = [*report.passed_checks, *report.failed_checks, *report.skipped_checks]
    checks = Counter(record.file_abs_path for record in records)
    findings = [
        {
            "rule": record.check_id,
            "file": record.file_abs_path,
            "resource": record.resource.split(".")[-1],
            "what": record.check_name,
            "todo": "look at " + (", ".join(record.check_result.get("evaluated_keys") or []) or "the resource"),
        }
        for record in report.failed_checks
    ]
    findings += [
        {
            "rule": record.check_id,
            "file": record.file_abs_path,
            "resource": record.resource.split(".")[-1],
            "what": "is skipped by the template's Metadata",
            "todo": "take that out: rules are opted out in tools/gates/rules.toml only",
        }
        for record in report.skipped_checks
    ]
    rules = {record.check_id for record in records}
    print(json.dumps({"checks": checks, "rules": len(rules), "findings": findings}))


if __name__ == "__main__":
    main(sys.argv[1:])
