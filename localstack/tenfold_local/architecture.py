"""One switch for two: which processors the functions are built for, and what the stack is told they were built for.

It is `ARCH` of `make deploy`, or the template's parameter `Architecture` wherever `sam deploy` takes that from. sam's
own code says where: an option, a file that an option names, or an environment of samconfig.toml.
"""

from __future__ import annotations

import contextlib

import click

from tenfold_local import paths
from tenfold_local.say import Failure

PARAMETER = "Architecture"
# What `cargo lambda build` is to be told; the first one is the usual.
FLAGS = {"x86_64": "--x86-64", "arm64": "--arm64"}


def settle(asked: str | None, command: list[str]) -> tuple[str, list[str]]:
    """The architecture to build for, and the command `sam deploy …` that tells the stack the same.

    It always tells: without a word the stack would keep what it was told by a deployment before.
    """
    parameters = read(command)["parameter_overrides"]
    architecture = choose(asked, parameters.get(PARAMETER))
    if PARAMETER in parameters:
        return architecture, command
    wanted = parameters | {PARAMETER: architecture}
    # Of several such options sam takes the last: it has what the others and samconfig.toml say, too.
    told = [*command, "--parameter-overrides", *(f"{name}={quoted(value)}" for name, value in wanted.items())]
    if not _says(told, wanted):
        raise Failure(
            f"{PARAMETER} is not among the parameters of this deployment, and cannot be put beside them, as a value has "
            f"backslashes that sam reads otherwise there: add {PARAMETER}={architecture} where the others are"
        )
    return architecture, told


def choose(asked: str | None, parameter: str | None) -> str:
    """By ARCH, by the parameter, or by both where they agree."""
    for name, value in (("ARCH", asked), (f"the parameter {PARAMETER}", parameter)):
        if value is not None and value not in FLAGS:
            raise Failure(f"{name} must be {' or '.join(FLAGS)}, it is {value!r}: for instance ARCH=arm64")
    if asked and parameter and asked != parameter:
        raise Failure(
            f"ARCH is {asked}, and the parameter {PARAMETER} is {parameter} in SAM's options or samconfig.toml; "
            "both must be the same: leave one of them out"
        )
    return asked or parameter or next(iter(FLAGS))


def read(command: list[str]) -> dict:
    """What `sam deploy …` makes of its options and of samconfig.toml; nothing is deployed."""
    # They take a second, and only a deployment to AWS needs them. Locked, as they are no interface of sam's.
    from samcli.cli.main import cli as sam
    from samcli.commands.deploy.command import cli as deploy

    try:
        # Where sam will be run.
        with contextlib.chdir(paths.ROOT):
            context = deploy.make_context("deploy", command[2:], parent=click.Context(sam, info_name="sam"))
    except click.ClickException as error:
        said = " ".join(error.format_message().split())
        raise Failure(f"sam deploy would not take what SAM says: {said}") from None
    except click.exceptions.Exit as over:
        # It has said what was asked for: --help, for instance.
        raise SystemExit(over.exit_code) from None
    return context.params


def _says(command: list[str], parameters: dict[str, str]) -> bool:
    try:
        return read(command)["parameter_overrides"] == parameters
    except Failure:
        return False


def quoted(value: str) -> str:
    return '"' + value.replace('"', '\\"') + '"'
