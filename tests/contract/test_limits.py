"""Tries, times and limits have one home, a constant; what a README says of them is held against it.

A row of `SAID` is a constant and what a README says of it, with `{}` where its number stands. It fails when either changes
alone: then change both, or the sentence.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from repository import ROOT

WORDS = "no one two three four five six seven eight nine ten".split()
SECONDS = {"millis": 0.001, "secs": 1, "mins": 60, "hours": 3600}


def number(value: float) -> str:
    """As READMEs write it: 2,000."""
    return f"{value:,.0f}" if value == int(value) else f"{value}"


def word(value: float) -> str:
    return WORDS[int(value)]


def kib(value: float) -> str:
    return f"{number(value / 1024)} KiB"


def ms(value: float) -> str:
    return f"{number(value * 1000)} ms"


def minutes(value: float) -> str:
    return number(value / 60)


def every(value: float) -> str:
    return "a minute" if value == 60 else f"{number(value)} s"


def days(value: float) -> str:
    return number(value / 86_400)


def thousandth(value: float) -> str:
    return number(value / 1000)


@dataclass(frozen=True)
class Said:
    """What a README says of constants: the sum of several where there are several."""

    file: str
    names: str
    text: str
    shown: Callable[[float], str] = number
    slug: str = "circuit-breaker"

    def value(self) -> float:
        home = ROOT / "functions" / self.slug
        files = ((sign, ROOT / path if path else home / self.file, name) for sign, path, name in parts(self.names))
        return sum(sign * constant(file.read_text(), name) for sign, file, name in files)

    def claim(self) -> str:
        return self.text.replace("{}", self.shown(self.value()))


def parts(names: str) -> list[tuple[int, str, str]]:
    """The constants of a sum, `A + B - C`, with their signs; one of another file with its path: `crates/a/src/b.rs:A`."""
    found = []
    for sign, name in re.findall(r"([+-]?)\s*([\w./:-]*\w)", names):
        path, _, last = name.rpartition(":")
        found.append((-1 if sign == "-" else 1, path, last))
    return found


def constant(source: str, name: str) -> float:
    """The number of a constant in Rust: as it is, or the seconds of a duration."""
    declared = re.search(rf"(?m)^(?:pub(?:\([^)]*\))? )?const {name}: [\w:]+ = ([^;]+);", source)
    assert declared, f"no `const {name}`: say which constant it is now, in tests/contract/test_limits.py"
    value = declared[1]
    duration = re.fullmatch(r"(?:Signed)?Duration::from_(\w+)\((.+)\)", value)
    return evaluate(duration[2]) * SECONDS[duration[1]] if duration else evaluate(value)


def evaluate(expression: str) -> float:
    product = 1.0
    for factor in expression.replace("_", "").split("*"):
        product *= float(factor)
    return product


CORE = "core/src"
SAID = [
    # What an environment knows
    Said(f"{CORE}/registry/memory.rs", "REMEMBERED", "An environment remembers {} breakers"),
    Said(f"{CORE}/registry/memory.rs", "STALE", "or what is {} TTLs old is read before the call", word),
    Said(f"{CORE}/registry/memory.rs", "STALE", "environments that have not read it yet ({} TTLs at most)", word),
    Said(f"{CORE}/registry/unreported.rs", "JUST_READ", "where the breaker was not read within {};", ms),
    # Counting
    Said(f"{CORE}/decide/report.rs", "SOME", "where the environment has fewer than {} calls a second", word),
    Said(f"{CORE}/decide/report.rs", "FEW", "but for those with {} calls a second or fewer", word),
    Said(f"{CORE}/decide/report.rs", "CROWDED", "from {} writes a second on the environments wait"),
    Said(f"{CORE}/decide/report.rs", "CROWD_WAITS", "each the longer the more is written, to about {} minutes", lambda value: word(value / 60)),
    Said(f"{CORE}/decide/report.rs", "URGENT_WAITS", "waits for {} s at the most, and reports these alone"),
    Said(f"{CORE}/registry/tend.rs", "TEND_MOST", "keeps an invocation for longer than {} s (`TEND_MOST`)"),
    Said(f"{CORE}/decide/report.rs", "REFUSED_WAITS", "reported after a pause that grows, to {} s"),
    Said(f"{CORE}/registry/tend.rs", "REPORT_TRIES", "(4) refused, overtaken {} times", word),
    Said(f"{CORE}/decide/window.rs", "BUCKETS", "a time window has at most {} buckets"),
    # Permits and clocks
    Said(f"{CORE}/decide/permits.rs", "CLOCK_MARGIN", "an entry in the row, for `timeoutMs` and {} s"),
    Said(f"{CORE}/decide/permits.rs", "CLOCK_MARGIN", "They rest on clocks that differ by less than {} s"),
    # Requests
    Said(f"{CORE}/call.rs", "BODY_MOST", "A request's body and a target's answer have at most {}", kib),
    Said(f"{CORE}/call.rs", "HEADERS_MOST", "and the headers of either {} (so API Gateway)", kib),
    Said(f"{CORE}/rows/body.rs", "INLINE_MOST", "| a body of more than {} | parked: 1 PutItem more", kib),
    Said(f"{CORE}/rows/body.rs", "INLINE_MOST", "A body of more than {} is deleted when its request is delivered", kib),
    Said(f"{CORE}/rows/body.rs", "WAITS_MOST", "{} days from when the request was taken in or redriven, or", days),
    Said(f"{CORE}/gateway/passage.rs", "URL_MOST", "Path and query have at most {}", kib),
    Said(f"{CORE}/names.rs", "TENANT_MOST", "| `Tenant` | optional, to {}:"),
    Said(f"{CORE}/gateway/body.rs", "ORDERING_MOST", "| `Ordering-Key` | optional, to {}:"),
    Said(f"{CORE}/rows/order_group.rs", "ORDER_GROUP_MOST", "At most {} requests wait for one ordering key of a target"),
    Said(f"{CORE}/rows/order_group.rs", "ORDER_GROUP_MOST", "the group has {} waiting | 429 `line-full`"),
    Said(f"{CORE}/park.rs", "TRIES", "(4) cancelled: others changed the group | read and decided anew, {} times", word),
    Said(f"{CORE}/park.rs", "crates/pattern/src/commit.rs:TRIES", "A lost write of a row is made again up to {} times", word),
    Said(f"{CORE}/park/wakes.rs", "TOGETHER", "a SendMessage for those that are due within {} s of each other"),
    Said(f"{CORE}/gateway/bulk.rs", "LOOKED_MOST", "About {} looked at a call"),
    Said(f"{CORE}/gateway/targets.rs", "PAGE", "all targets and their breakers, {} a page"),
    # Configuration
    Said(f"{CORE}/config/parse.rs", "TIMEOUT_MOST", "A call takes at most {} s: API Gateway waits 29 s", thousandth),
    Said(f"{CORE}/config/parse.rs", "TIMEOUT_MOST", "| `timeoutMs` | 5000 | 100 to {} |"),
    Said(f"{CORE}/config/parse.rs", "MAX_AGE_MOST", "| `retry.maxAgeSeconds` | 86,400 | 1 to {} |"),
    Said(f"{CORE}/config/url.rs", "URL_MOST", "`http` or `https`, to {} characters"),
    Said(f"{CORE}/config/parse.rs", "CALLS_MOST", "| `window.size` | 100 calls, 60 s | 1 to {} calls"),
    Said(f"{CORE}/config/parse.rs", "CONCURRENCY_MOST", "| `retry.maxConcurrentCalls` | 25 | 1 to {} |"),
    Said(f"{CORE}/config/target.rs", "USUAL_CONCURRENCY", "| `retry.maxConcurrentCalls` | {} | 1 to 256 |"),
    Said(f"{CORE}/config/statuses.rs", "MOST", "| `ignoredStatuses` | none | 400 to 599, at most {} of them |"),
    Said(f"{CORE}/config/forward.rs", "PATHS_MOST", "| `forward.paths` | none | to {}, to 200 bytes"),
    Said(f"{CORE}/config/forward.rs", "PATH_MOST", "| `forward.paths` | none | to 20, to {} bytes"),
    Said(f"{CORE}/rows.rs", "SHARDS", "`QueueShards` ({}: over how many partitions"),
    Said(f"{CORE}/rows/target.rs", "DELETED_TARGET_KEPT", "That stays for {} days", days),
    Said(f"{CORE}/rows/breaker.rs", "TENANT_KEPT", "It ends {} days after its last write", days),
    Said(f"{CORE}/registry/kept.rs", "OUTDATED", "an environment that has not looked at the row for {} days", days),
    # Credentials
    Said(f"{CORE}/credentials/cache.rs", "KEPT", "kept in the environment's memory for {} minutes", minutes),
    Said(f"{CORE}/credentials/cache.rs", "FAILURE_WAITS", "be had is asked for again after {} seconds"),
    Said(f"{CORE}/credentials/cache.rs", "FAILURE_WAITS_MOST", "after twice as long, to {} minutes", minutes),
    Said(f"{CORE}/credentials.rs", "KEPT_MOST", "where its issuer does not say); each at most {}."),
    # Draining
    Said(f"{CORE}/retry_processor.rs", "RUN", "A drain goes on for {} s; then a message begins the next"),
    Said(f"{CORE}/retry_processor.rs", "RUN", "| the time is up ({} s) with requests left |"),
    Said(
        f"{CORE}/retry_processor/lease.rs",
        "LENGTH + functions/circuit-breaker/core/src/decide/permits.rs:CLOCK_MARGIN",
        "the lease ends by the clock, after `timeoutMs` and {} s",
    ),
    Said(f"{CORE}/retry_processor/lease.rs", "LENGTH - SOON", "1 PutItem each {} s that it lasts"),
    Said(f"{CORE}/retry_processor/lease.rs", "LENGTH - SOON", "(2) is renewed every {} s"),
    Said(f"{CORE}/retry_processor/waiting.rs", "ROWS", "(4) read the rows, {} at a time"),
    Said(f"{CORE}/retry_processor/waiting.rs", "PAGE", "another for each further {} places"),
    Said(f"{CORE}/retry_processor/pass.rs", "REFUSALS_MOST", "the others go on, until {} in a row are refused", word),
    Said(f"{CORE}/retry_processor/behind.rs", "LEFT", "an environment reads them at most each {} s"),
    Said(f"{CORE}/retry_processor/behind.rs", "LEFT", "may wait for up to {} s and the next sweep"),
    Said(f"{CORE}/retry_processor/deliver.rs", "BY_HAND", "(where it was forced open, for {} minutes)", minutes),
    Said(f"{CORE}/decide/pace.rs", "BEGIN", "or was never open, a drain begins with {}."),
    Said(f"{CORE}/decide/wake.rs", "SWEEP_EVERY", "Every waiting row is looked at within {} of", every),
    Said(f"{CORE}/decide/wake.rs", "LATELY", "the sweep asks for it for {} s after a change"),
    Said(f"{CORE}/decide/wake.rs", "LATELY", "whose breaker or configuration has changed in the last {} s"),
    Said(f"{CORE}/decide/wake.rs", "LATELY", "For {} s after a change of its breaker"),
]


def flowing(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("said", SAID, ids=lambda said: f"{said.names} of {said.file}: {said.text[:40]}")
def test_a_readme_says_what_the_code_does(said):
    readme = f"functions/{said.slug}/README.md"
    assert flowing(said.claim()) in flowing((ROOT / readme).read_text()), (
        f"{readme} does not say “{said.claim()}”, as {said.names} of functions/{said.slug}/{said.file} has it"
    )


# The checks themselves.


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("const A: usize = 2_000;", 2000),
        ("pub const A: usize = 256 * 1024;", 262_144),
        ("pub(super) const A: f64 = 8.0;", 8),
        ("const A: Duration = Duration::from_secs(55);", 55),
        ("const B: u8 = 1;\nconst A: SignedDuration = SignedDuration::from_hours(30 * 24);", 2_592_000),
        ("const A: Duration = Duration::from_millis(500);", 0.5),
    ],
)
def test_numbers_of_constants_are_read(source, value):
    assert constant(source, "A") == value


def test_a_constant_that_is_gone_is_found():
    with pytest.raises(AssertionError, match="no `const A`"):
        constant("const AB: u8 = 1; // const A: u8 = 1;", "A")


def test_numbers_are_shown_as_readmes_write_them():
    shown = [number(2000), number(0.5), word(10), kib(262_144), ms(0.1), minutes(900), days(2_592_000)]
    assert shown == ["2,000", "0.5", "ten", "256 KiB", "100 ms", "15", "30"]


def test_sums_are_read():
    assert parts("LENGTH - SOON") == [(1, "", "LENGTH"), (-1, "", "SOON")]
    assert parts("crates/a/src/b.rs:A + B") == [(1, "crates/a/src/b.rs", "A"), (1, "", "B")]
