"""resilience4j's decisions under JMH, where a JDK and Maven are there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import figures
from running import ROOT, run

POM = ROOT / "benches" / "resilience4j" / "pom.xml"
BUILT = ROOT / "target" / "resilience4j"
LEAST = 17
# Of what JMH says, how far it is.
PROGRESS = re.compile(r"^# (Benchmark|Run progress):")


def unbuilt() -> str | None:
    """Compiles them. Gives why they cannot be measured, and what to do; none where they can."""
    if reason := missing():
        return reason
    done = run(
        [
            *("mvn", "--batch-mode", "--quiet", "-Dstyle.color=never", "--file", str(POM)),
            *("compile", "dependency:copy-dependencies", "-DincludeScope=runtime"),
        ]
    )
    return "Maven could not build it, and its messages say why" if done else None


def missing() -> str | None:
    what = f"a JDK, {LEAST} or later, and Maven measure it too"
    if not shutil.which("mvn"):
        return f"there is no `mvn`; {what}"
    if not shutil.which(tool("javac")):
        return f"there is no `javac`; {what}"
    done = subprocess.run([tool("javac"), "-version"], capture_output=True, text=True, check=False)
    found = re.search(r"javac (\d+)", done.stdout + done.stderr)
    if not found or int(found[1]) < LEAST:
        return f"`javac -version` says {(done.stdout + done.stderr).strip()!r}; {what}"
    return None


def measured(result: Path, arguments: tuple[str, ...]) -> tuple[figures.Times, dict[str, float]]:
    """One round."""
    result.parent.mkdir(parents=True, exist_ok=True)
    command = [
        *(tool("java"), "-cp", f"{BUILT / 'classes'}{os.pathsep}{BUILT / 'dependency' / '*'}"),
        *("org.openjdk.jmh.Main", "-bm", "avgt", "-tu", "ns", "-prof", "gc", "-foe", "true", *arguments),
        *("-rf", "json", "-rff", str(result)),
    ]
    if run(command, PROGRESS):
        sys.exit("error: JMH failed: its messages are above")
    return figures.jmh(result)


def tool(name: str) -> str:
    """JAVA_HOME's, where that is set, as Java's own tools do it."""
    home = os.environ.get("JAVA_HOME")
    return os.path.join(home, "bin", name) if home else name
