"""What a machine must have before anything can be installed; all that is missing is named at once."""

from __future__ import annotations

import functools
import glob
import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from tenfold_local.say import Failure

MIN_JAVA = 17


@dataclass(frozen=True)
class Prerequisite:
    name: str
    why: str
    how: str
    command: str
    minimum: int | None = None
    version_flag: str = "--version"

    def problem(self) -> str | None:
        found = shutil.which(self.command)
        if not found:
            return f"{self.name}: not found ({self.why}). {self.how}"
        if self.minimum is None:
            return None
        major = _major_version(found, self.version_flag)
        if major is None or major < self.minimum:
            return f"{self.name}: {found} is version {major}, {self.minimum} is needed. {self.how}"
        return None


def all_of_them() -> list[Prerequisite]:
    return [
        Prerequisite(
            "Rust", "builds the functions", "Install it with rustup: rustup.rs", "cargo"
        ),
        Prerequisite(
            "a C compiler", "builds the TLS library", "Debian 12: apt install build-essential", "cc"
        ),
        Prerequisite(
            "Python 3.11",
            "LocalStack runs on it, with its venv module",
            "Debian 12: apt install python3.11 python3.11-venv; others: pyenv install 3.11",
            "python3.11",
        ),
        Prerequisite(
            f"a JDK, {MIN_JAVA} or later",
            "runs DynamoDB Local",
            "Debian 12: apt install openjdk-17-jre-headless",
            java(),
            minimum=MIN_JAVA,
            version_flag="-version",
        ),
        Prerequisite(
            "Maven", "fetches DynamoDB Local", "Debian 12: apt install maven", "mvn"
        ),
        Prerequisite(
            "Node.js, 18 or later",
            "runs the Kinesis emulator and cdk-nag",
            "Debian 12: apt install nodejs",
            "node",
            minimum=18,
        ),
        Prerequisite(
            "npm", "fetches the Kinesis emulator and cdk-nag", "Debian 12: apt install npm", "npm"
        ),
        Prerequisite(
            "strip", "makes the artifacts small", "Debian 12: apt install binutils", "strip"
        ),
        Prerequisite("unzip", "unpacks the artifacts", "Debian 12: apt install unzip", "unzip"),
    ]


def java() -> str:
    """JAVA_HOME's java where that is set, as Java's own tools do it."""
    home = os.environ.get("JAVA_HOME")
    return os.path.join(home, "bin", "java") if home else "java"


# Where JDKs are put that are not the usual one: by Linux distributions, macOS, SDKMAN.
JDKS = (
    "/usr/lib/jvm/*/bin/java",
    "/Library/Java/JavaVirtualMachines/*/Contents/Home/bin/java",
    "~/.sdkman/candidates/java/*/bin/java",
)


@functools.cache
def java_since(minimum: int) -> str | None:
    """The first java that is new enough: the usual one, or another beside it."""
    # GitHub's runners have a JAVA_HOME_21_X64, and so on.
    homes = [home for name, home in sorted(os.environ.items()) if name.startswith("JAVA_HOME_")]
    others = [path for pattern in JDKS for path in sorted(glob.glob(os.path.expanduser(pattern)))]
    for candidate in (java(), *(os.path.join(home, "bin", "java") for home in homes), *others):
        if (found := shutil.which(candidate)) and (_major_version(found, "-version") or 0) >= minimum:
            return found
    return None


def check() -> None:
    problems = [problem for item in all_of_them() if (problem := item.problem())]
    if problems:
        raise Failure("this machine lacks:\n" + "\n".join(f"  - {text}" for text in problems))


def _major_version(command: str, flag: str) -> int | None:
    done = subprocess.run([command, flag], capture_output=True, text=True, check=False)
    match = re.search(r"(\d+)[.\d]*", done.stdout + done.stderr)
    return int(match.group(1)) if match else None
