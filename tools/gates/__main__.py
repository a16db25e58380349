"""The gates: what is judged of the project beside its tests. `localstack/tenfold gates [GATE...]`.

    rules.toml     which rules are opted out, and which hold only with a parameter
    rules          reads it, and judges findings by it
    expand         the templates as SAM expands them
    templates      checkov and cdk-nag on these
    machines       statelint on the state machines, as their templates fill them in
    crates         cargo-deny on the dependencies
    rust           the documentation without warnings, and the least version of Rust
    report         findings, and how they are told

Each gate says how many checks it made: one that made none fails.
"""

import sys

import crates
import machines
import rust
import templates
from report import Gate, all_of, usage

ALL = (
    Gate("checkov", "checkov's rules on the templates as SAM expands them", templates.checkov),
    Gate("cdk-nag", "cdk-nag's AwsSolutions rules on the same", templates.cdk_nag),
    Gate("statelint", "the state machines, as their templates fill them in", machines.statelint),
    Gate("cargo-deny", "licences, versions, sources and advisories of the crates", crates.cargo_deny),
    Gate("doc", "cargo doc, warnings being errors", rust.doc),
    Gate("rust-version", "the least version of Rust, wherever it is named", rust.rust_version),
)


def main(names: list[str]) -> int:
    known = [gate.name for gate in ALL]
    if strange := [name for name in names if name not in known]:
        return usage(f"error: there is no gate {', '.join(strange)}; there are {', '.join(known)}")
    return all_of([gate for gate in ALL if not names or gate.name in names])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
