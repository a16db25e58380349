"""Where things are."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCALSTACK = ROOT / "localstack"
PLUGIN = LOCALSTACK / "plugin"
KINESIS = LOCALSTACK / "kinesis"
COLDSTART = ROOT / "benches" / "coldstart"
NAG = ROOT / "tools" / "gates" / "nag"
TEMPLATES = ROOT / "infra" / "sam"
TARGET = ROOT / "target"
ARTIFACTS = TARGET / "lambda"

# Everything that is made on this machine and not by cargo.
LOCAL = ROOT / ".local"
UV = LOCAL / "uv"
VENV = LOCAL / "venv"
TOOLS = LOCAL / "tools"
BENCH = LOCAL / "bench"
GATES = LOCAL / "gates"
GATES_NAG = LOCAL / "gates-nag"
DYNAMODB = LOCAL / "dynamodb"
STORES = LOCAL / "stores"
RUNNING_STORES = STORES / "run"
OUTPUTS = LOCAL / "outputs.json"
# Where the stores are that run.
ENDPOINTS = LOCAL / "stores.json"
STATE = LOCAL / "localstack"
LOG = STATE / "localstack.log"
FILESYSTEM = STATE / "filesystem"
TEMPORARY = STATE / "tmp"
PID = STATE / "pid"
DEPLOYED = STATE / "deployed.json"


def patterns() -> list[str]:
    """The patterns that have a stack."""
    return sorted(path.stem for path in TEMPLATES.glob("*.yaml"))
