"""localstack/tenfold COMMAND: the local platform's command line."""

from __future__ import annotations

import argparse
import os
import sys

from tenfold_local import build, doctor, install, paths, prerequisites, server, stores
from tenfold_local.say import Failure, fail


def main() -> int:
    arguments = _parser().parse_args()
    try:
        arguments.run(arguments)
    except Failure as failure:
        return fail(failure)
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="localstack/tenfold", description="The local platform")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, help: str, run) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help)
        added.set_defaults(run=run)
        return added

    command("check", "name everything that this machine lacks", lambda _: prerequisites.check())
    command("doctor", "say what is there, what is missing, and what is in the way", lambda _: doctor.tell())
    command("install", "fill .local/, once", lambda _: _installed())
    command("install-bench", "install what `make bench` compares with", lambda _: install.bench())
    command("install-gates", "install what `gates` judges with", lambda _: (_installed(), install.gates()))
    command("start", "start LocalStack", lambda _: (server.is_up(), _installed(), server.start()))
    command("stop", "stop LocalStack and the stores", lambda _: (server.stop(), stores.stop()))
    command("status", "say what runs", lambda _: _status())
    command("lock", "resolve the lock files anew", lambda _: install.lock())
    up = command("up", "start LocalStack, build, deploy, write .local/outputs.json", _up)
    up.add_argument("slugs", nargs="*", metavar="PATTERN", help="all with a template by default")
    up.add_argument("--built", action="store_true", help="deploy what `build` has built")
    real = command("stores", "start stores, without a pattern that needs them", _stores)
    real.add_argument("names", nargs="+", metavar="STORE", choices=stores.ALL, help=", ".join(stores.ALL))
    build = command("build", "build the functions, and do no more", _build)
    build.add_argument("slugs", nargs="*", metavar="PATTERN", help="all with a template by default")
    aws = command("deploy", "build for release and deploy to AWS", _deploy)
    aws.add_argument("--arch", help="x86_64 or arm64: x86_64 unless the parameter Architecture says otherwise")
    aws.add_argument("slug", metavar="PATTERN")
    aws.add_argument("sam", nargs=argparse.REMAINDER, metavar="SAM_OPTION")
    gates = command("gates", "judge templates, state machines, crates and documentation", _gates)
    gates.add_argument("names", nargs="*", metavar="GATE", help="all by default; `tools/gates` says which there are")
    run = command("run", "run a command with LocalStack's settings and the tools' PATH", _run)
    run.add_argument("command", nargs=argparse.REMAINDER)
    return parser


def _installed() -> None:
    prerequisites.check()
    install.everything()


def _up(arguments: argparse.Namespace) -> None:
    # Before anything is installed: that may end a LocalStack that runs.
    server.is_up()
    stores.require(stores.needed(arguments.slugs or paths.patterns()))
    _installed()
    _continue_in_tools()
    from tenfold_local import deploy

    deploy.up(arguments.slugs, arguments.built)


def _stores(arguments: argparse.Namespace) -> None:
    wanted = [stores.ALL[name] for name in arguments.names]
    stores.require(wanted)
    _installed()
    _continue_in_tools()
    install.stores(wanted)
    stores.start(wanted)


def _status() -> None:
    dead = stores.status()
    server.status()
    if dead:
        raise Failure(f"{', '.join(dead)}: `make up` starts it anew")


def _build(arguments: argparse.Namespace) -> None:
    build.functions(arguments.slugs or paths.patterns())


def _deploy(arguments: argparse.Namespace) -> None:
    _installed()
    _continue_in_tools()
    from tenfold_local import deploy

    deploy.to_aws(arguments.slug, arguments.sam, arguments.arch)


def _run(arguments: argparse.Namespace) -> None:
    if not arguments.command:
        raise Failure("run what? For example: localstack/tenfold run sam list stack-outputs")
    _use_tools()
    os.environ.update(server.client_environment())
    try:
        os.execvp(arguments.command[0], arguments.command)
    except FileNotFoundError:
        raise Failure(f"there is no command {arguments.command[0]}") from None


def _gates(arguments: argparse.Namespace) -> None:
    _installed()
    install.gates()
    _use_tools()
    python = paths.TOOLS / "bin" / "python"
    sys.stdout.flush()
    os.execv(python, [str(python), str(paths.ROOT / "tools" / "gates"), *arguments.names])


def _use_tools() -> None:
    """sam, cargo-lambda and pytest are the locked ones, whatever else is on the PATH."""
    os.environ["PATH"] = os.pathsep.join([str(paths.TOOLS / "bin"), os.environ["PATH"]])


def _continue_in_tools() -> None:
    """Starts this command anew where boto3 is, unless we are there."""
    python = paths.TOOLS / "bin" / "python"
    if sys.prefix != str(paths.TOOLS):
        _use_tools()
        sys.stdout.flush()
        os.execv(python, [str(python), "-m", "tenfold_local", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
