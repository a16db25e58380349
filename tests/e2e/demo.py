"""The patterns at work, told step by step with real requests. `make demo` runs it on deployed stacks.

Exit code 0: all was as promised. 1: something was not; the last lines say what.
"""

from __future__ import annotations

import sys
import time

import requests
from botocore.exceptions import BotoCoreError, ClientError

import circuit_breaker.demo
import saga.demo
from stack import FunctionFailed, NotDeployed, Stack
from telling import Broken, bold, say

STORIES = {"circuit-breaker": circuit_breaker.demo, "saga": saga.demo}
FAILURES = (AssertionError, FunctionFailed, requests.RequestException, BotoCoreError, ClientError)


def tell(slug: str) -> bool:
    """Tells the story of a pattern; whether all was as promised."""
    began, story = time.monotonic(), STORIES[slug]
    print(bold(story.TITLE))
    try:
        stack = Stack(slug)
        say(f"the API is {stack.outputs['ApiUrl']}")
        outcome, problem = story.tell(stack), ""
    except NotDeployed as error:
        problem = str(error)
    except Broken as broken:
        problem = f"not as promised: {broken}"
    except FAILURES as error:
        problem = f"{type(error).__name__}: {error}"
    took = f"in {time.monotonic() - began:.0f} s"
    if problem:
        print(f"\n{bold('FAILED')} {took}. {problem}\n", flush=True)
        return False
    print(f"\n{bold('OK')} {took}: {outcome}\n", flush=True)
    return True


def main() -> int:
    slugs = sys.argv[1:] or list(STORIES)
    if unknown := set(slugs) - set(STORIES):
        print(f"error: no story of {', '.join(sorted(unknown))}; of {', '.join(STORIES)}", file=sys.stderr)
        return 2
    # All of them, whatever becomes of the first.
    if not all([tell(slug) for slug in slugs]):
        return 1
    print("next: call an API yourself (its contract: functions/<pattern>/openapi.yaml);")
    print("      tail -f .local/localstack/localstack.log shows what the functions log; make down stops all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
