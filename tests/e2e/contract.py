"""A deployed API against its contract, `functions/<slug>/openapi.yaml`, with generated requests.

Whatever is sent: no 5xx, only statuses, types, headers and bodies that the contract names, and nothing that
the contract forbids is taken. A part of it, the same in every run; `make soak` makes more of it, with the edges of
every value.
"""

import os
import subprocess
import sys
from pathlib import Path

from stack import ROOT, Stack

WHOLE = float(os.environ.get("TENFOLD_LOAD", "0.1")) >= 1
SEED = 20251120
EXAMPLES = 24 if WHOLE else 3
PHASES = "examples,coverage,fuzzing,stateful" if WHOLE else "examples,fuzzing,stateful"
EXCLUDED = [
    # A contract cannot say which fields contradict each other, or which names there are.
    "positive_data_acceptance",
    # API Gateway answers unknown methods itself, and with 403.
    "unsupported_method",
]


# With those that schemathesis does not think of: a body that violates its schema by being too large, and a condition
# that does not hold and is looked at before the body is.
REFUSED = ["400", "403", "404", "405", "409", "412", "413", "415", "422", "429", "503"]


def keeps_its_contract(stack: Stack, folder: Path, *left_out: str, **environment: str) -> None:
    """Runs schemathesis in `folder`, with the hooks of the pattern, which read the environment.

    What is `left_out`, by operation, is tried only where all is.
    """
    command = [
        *(Path(sys.executable).with_name("schemathesis"), "run"),
        ROOT / "functions" / stack.slug / "openapi.yaml",
        *("--url", stack.outputs["ApiUrl"].rstrip("/"), "--request-timeout", "120"),
        *("--seed", SEED, "--max-examples", EXAMPLES, "--phases", PHASES, "--generation-deterministic"),
        *("--exclude-checks", ",".join(EXCLUDED), "--continue-on-failure"),
        *(word for operation in left_out if not WHOLE for word in ("--exclude-operation-id", operation)),
        # How quickly requests are made up says nothing of the API.
        *("--suppress-health-check", "too_slow"),
        # CPython 3.11 keeps one depth of `ast.parse` for all threads, and Hypothesis parses: with two workers that
        # ends in "AST constructor recursion depth mismatch" now and then.
        *("--workers", "1"),
    ]
    (folder / "schemathesis.toml").write_text(f"[checks]\nnegative_data_rejection.expected-statuses = {REFUSED}\n")
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={
            **os.environ,
            "SCHEMATHESIS_HOOKS": f"{stack.slug.replace('-', '_')}.contract_hooks",
            "PYTHONPATH": str(Path(__file__).parent),
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stdout
