"""The deployed API against its contract, `functions/saga/openapi.yaml`, with generated requests.

Whatever is sent: no 5xx, only statuses, types, headers and bodies that the contract names, and nothing that
the contract forbids is taken.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from saga.api import KINDS
from stack import ROOT

SEED = 20251120
EXAMPLES = 12
EXCLUDED = [
    # The contract cannot say that a trip does not end before it begins, or which trips there are.
    "positive_data_acceptance",
    # API Gateway answers unknown methods itself, and with 403.
    "unsupported_method",
]


@pytest.mark.slow
def test_the_api_keeps_its_contract(agency, stack, api, tmp_path):
    saga_id = agency.book("orchestrated")
    agency.ends_as(saga_id, "committed")
    command = [
        *(Path(sys.executable).with_name("schemathesis"), "run"),
        ROOT / "functions" / stack.slug / "openapi.yaml",
        *("--url", api.url, "--request-timeout", "35"),
        *("--seed", SEED, "--max-examples", EXAMPLES, "--generation-deterministic"),
        *("--exclude-checks", ",".join(EXCLUDED), "--continue-on-failure"),
        # CPython 3.11 keeps one depth of `ast.parse` for all threads, and Hypothesis parses: with two workers that
        # ends in "AST constructor recursion depth mismatch" now and then.
        *("--workers", "1"),
    ]
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "saga.contract_hooks",
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "TENFOLD_CONTRACT_STOCK": agency.name,
        "TENFOLD_CONTRACT_SAGA": saga_id,
    }
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
    finally:
        stack.delete_items([{"pk": f"inventory#{kind}#{agency.name}", "sk": "stock"} for kind in KINDS])
    assert done.returncode == 0, done.stdout
