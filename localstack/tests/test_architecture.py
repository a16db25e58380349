"""What is built for, and what the stack is told: one switch, wherever it is set."""

import pytest
from tenfold_local import architecture, build, deploy, paths
from tenfold_local.say import Failure

SAMCONFIG = """
version = 0.1
[p-arm.deploy.parameters]
stack_name = "p-arm"
parameter_overrides = ["Architecture=arm64", "LogLevel=debug"]
[p-list.deploy.parameters]
stack_name = "p-list"
parameter_overrides = ["LogLevel=debug", "Words=\\"two words\\"", "ParameterKey=Days,ParameterValue=7"]
[p-text.deploy.parameters]
stack_name = "p-text"
parameter_overrides = "LogLevel=debug Empty=\\"\\" Quoted=\\"say \\\\\\"so\\\\\\"\\""
[p-none.global.parameters]
stack_name = "p-none"
"""


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    """A checkout with one pattern, and a samconfig.toml."""
    # sam would tell its makers of every fifty files that it reads.
    monkeypatch.setenv("SAM_CLI_TELEMETRY", "0")
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(paths, "TEMPLATES", tmp_path / "infra" / "sam")
    paths.TEMPLATES.mkdir(parents=True)
    parameters = ("Architecture", "LogLevel", "Words", "Days", "Empty", "Quoted")
    lines = "".join(f"  {name}: {{Type: String, Default: x86_64}}\n" for name in parameters)
    (paths.TEMPLATES / "p.yaml").write_text(f"Parameters:\n{lines}Resources: {{}}\n")
    (tmp_path / "samconfig.toml").write_text(SAMCONFIG)
    return tmp_path


@pytest.fixture
def deployed(monkeypatch):
    """Deploys, and gives what cargo and sam were told: the flags that name an architecture, and the parameters."""

    def run(*sam_arguments: str, arch: str | None = None) -> tuple[list[str], dict[str, str]]:
        told = []
        monkeypatch.setattr(build, "binaries", lambda slugs: ["p-f"])
        monkeypatch.setattr(build, "cargo", lambda *arguments: told.append(arguments))
        monkeypatch.setattr(deploy.subprocess, "run", lambda command, **_: told.append(command) or Done())
        deploy.to_aws("p", list(sam_arguments), arch)
        cargo, sam = told
        assert "--bin=p-f" in cargo
        flags = [argument for argument in cargo if argument in ("--arm64", "--x86-64", "--target")]
        return flags, architecture.read(sam)["parameter_overrides"]

    return run


class Done:
    returncode = 0


def test_without_a_word_it_is_x86_and_the_stack_is_told(deployed):
    assert deployed() == (["--x86-64"], {"Architecture": "x86_64"})


@pytest.mark.parametrize(
    "sam",
    [
        ["--parameter-overrides", "Architecture=arm64"],
        ["--parameter-overrides=Architecture=arm64"],
        ["--parameter-overrides", "ParameterKey=Architecture,ParameterValue=arm64"],
        ["--parameter-overrides", 'Architecture="arm64"', "--no-execute-changeset"],
        ["--config-env", "p-none", "--parameter-overrides", "Architecture=arm64"],
        ["--parameter-overrides", "Architecture=x86_64", "--parameter-overrides", "Architecture=arm64"],
    ],
)
def test_the_build_follows_the_parameter_in_sams_options(deployed, sam):
    assert deployed(*sam) == (["--arm64"], {"Architecture": "arm64"})


def test_the_build_follows_the_parameter_among_others(deployed):
    sam = ("--parameter-overrides", "LogLevel=debug Architecture=arm64", "Days=7")
    expected = {"LogLevel": "debug", "Architecture": "arm64", "Days": "7"}
    assert deployed(*sam) == (["--arm64"], expected)


@pytest.mark.parametrize("sam", [["--config-env", "p-arm"], ["--config-env=p-arm"]])
def test_the_build_follows_samconfig(deployed, sam):
    assert deployed(*sam) == (["--arm64"], {"Architecture": "arm64", "LogLevel": "debug"})


def test_the_build_follows_a_file_of_parameters(deployed, root):
    (root / "parameters.yaml").write_text("Architecture: arm64\nDays: 7\n")
    sam = ("--parameter-overrides", "file://parameters.yaml")
    assert deployed(*sam) == (["--arm64"], {"Architecture": "arm64", "Days": "7"})


def test_a_samconfig_beside_the_template_counts_as_it_does_for_sam(deployed):
    """`--guided` writes one there."""
    saved = '[default.deploy.parameters]\nparameter_overrides = "Architecture=arm64 Days=7"\n'
    (paths.TEMPLATES / "samconfig.toml").write_text(f"version = 0.1\n{saved}")
    assert deployed() == (["--arm64"], {"Architecture": "arm64", "Days": "7"})


@pytest.mark.parametrize("arch", ["x86_64", "arm64"])
@pytest.mark.parametrize(
    ("sam", "others"),
    [
        ([], {}),
        (["--config-env", "p-none"], {}),
        (["--guided"], {}),
        (["--parameter-overrides", "Days=7", "LogLevel=debug", "--no-progressbar"], {"Days": "7", "LogLevel": "debug"}),
        (["--config-env", "p-list"], {"LogLevel": "debug", "Words": "two words", "Days": "7"}),
        (["--config-env", "p-text"], {"LogLevel": "debug", "Empty": "", "Quoted": 'say "so"'}),
    ],
)
def test_arch_is_put_beside_the_other_parameters(deployed, arch, sam, others):
    flag = architecture.FLAGS[arch]
    assert deployed(*sam, arch=arch) == ([flag], others | {"Architecture": arch})


def test_arch_and_a_parameter_that_agree_are_taken(deployed):
    expected = {"Architecture": "arm64", "LogLevel": "debug"}
    assert deployed("--config-env", "p-arm", arch="arm64") == (["--arm64"], expected)


@pytest.mark.parametrize("sam", [["--parameter-overrides", "Architecture=arm64"], ["--config-env", "p-arm"]])
def test_arch_and_a_parameter_that_differ_are_refused_before_anything_is_built(deployed, sam):
    with pytest.raises(Failure, match="ARCH is x86_64, and the parameter Architecture is arm64"):
        deployed(*sam, arch="x86_64")


@pytest.mark.parametrize("arch", ["arm", "aarch64", "ARM64"])
def test_what_lambda_does_not_have_is_refused(deployed, arch):
    with pytest.raises(Failure, match=f"^ARCH must be x86_64 or arm64, it is '{arch}': for instance ARCH=arm64$"):
        deployed(arch=arch)
    with pytest.raises(Failure, match=f"^the parameter Architecture must be x86_64 or arm64, it is '{arch}'"):
        deployed("--parameter-overrides", f"Architecture={arch}")


@pytest.mark.parametrize(
    ("sam", "why"),
    [
        (["--nope"], "No such option"),
        (["--config-env", "p-nope"], "--stack-name"),
        (["--config-env", "p-arm", "--config-file", "nope.toml"], "nope.toml does not exist"),
        (["--parameter-overrides", "Architecture"], "not a valid format"),
    ],
)
def test_what_sam_would_refuse_is_refused_in_one_line_before_anything_is_built(deployed, sam, why):
    with pytest.raises(Failure, match=f"sam deploy would not take what SAM says: .*{why}") as failure:
        deployed(*sam)
    assert "\n" not in str(failure.value)


def test_a_value_that_sam_reads_otherwise_is_not_handed_on(root, deployed):
    (root / "parameters.yaml").write_text("Words: 'ends in \\'\n")
    with pytest.raises(Failure, match="add Architecture=arm64 where the others are"):
        deployed("--parameter-overrides", "file://parameters.yaml", arch="arm64")


def test_guided_says_what_was_built(deployed, capsys):
    deployed("--guided", arch="arm64")
    assert "leave it at arm64" in capsys.readouterr().out
