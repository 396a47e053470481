"""A federation on Flower from one command: a superlink of its own, in a home of its own, gone when the command ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

from safetensors.torch import load_file

from isotropy.errors import InfeasibleError, MissingExtraError
from isotropy.federation._leftovers import GRACE, swept
from isotropy.federation._protocol import Outcome, outcome_of, refuse_unsupported
from isotropy.federation._request import Request

PROJECT = """\
# An application on Flower: `flwr run . --stream` runs the two sites of sites.yaml. For others:
# `flwr run . --stream --run-config 'config="/path/to/sites.yaml"' --federation-config num-supernodes=3`
[project]
name = "isotropy-sites"
version = "1.0.0"
description = "Many sites, one classifier: statistics of classes, then rounds."
license = "Apache-2.0"

[tool.flwr.app]
publisher = "isotropy"

[tool.flwr.app.components]
serverapp = "sites:server"
clientapp = "sites:client"

[tool.flwr.app.config]
config = "sites.yaml"
seed = 0
wait = 600.0
out = ""
released = ""
"""
MODULE = '''\
"""The two applications that Flower runs; everything that they do is in isotropy.federation."""

from isotropy.federation.flower import client_app, server_app

client = client_app()
server = server_app()
'''

_LATE = "node timed out during startup"  # what Ray says then; its limit is a number in its code (ray 2.55.1)


def on_flower(
    config: Path, request: Request, seed: int, *, wait: float = 600.0, released: Path | None = None
) -> Outcome:
    """The federation of a request, run by Flower with a process for each of its parts; telemetry is off.

    Statistics of the sites stand in the file ``released``, or are written there as soon as they are known.
    Nothing of it runs when this returns or raises, and its folder is gone. Raises MissingExtraError without Flower,
    DomainError for what ``coordinate`` refuses, InfeasibleError where the run fails, with the end of what it said.
    """
    refuse_unsupported(request)
    if find_spec("flwr") is None or find_spec("ray") is None:
        raise MissingExtraError.of("flwr", "federated")
    with _home() as home, _superlink(home) as environment:
        out = home / "outcome.safetensors"
        nodes = f"num-supernodes={len(request.clients)}"
        kept = "" if released is None else released.resolve()
        run = {
            "config": f'"{config.resolve()}"',
            "out": f'"{out}"',
            "seed": seed,
            "wait": wait,
            "released": f'"{kept}"',
        }
        told = subprocess.run(
            [
                _program("flwr"), "run", str(home / "app"), "own", "--stream",
                "--run-config", " ".join(f"{key}={value}" for key, value in run.items()),
                "--federation-config", f"{nodes} init-args-num-cpus=2 client-resources-num-cpus=1",
            ],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if not out.is_file():
            said = "\n".join((told.stdout + told.stderr).splitlines()[-30:])
            late = "Ray gives a node 30 s to start: run again when the machine is less busy" if _LATE in said else ""
            raise InfeasibleError(
                f"a run on Flower that ended without a result:\n{said}", "weights of the last round", late
            )
        return outcome_of(load_file(out), request)


@contextmanager
def _home() -> Generator[Path]:
    """A folder for all that Flower and Ray write, with the application in it; sockets want a short path.

    When it ends, by whatever signal, so do all processes that name it in their environment.
    """
    home = Path(tempfile.mkdtemp(prefix="iso-flwr-"))
    with swept(home):
        (home / "app").mkdir()
        (home / "app" / "pyproject.toml").write_text(PROJECT)
        (home / "app" / "sites.py").write_text(MODULE)
        yield home


@contextmanager
def _superlink(home: Path) -> Generator[dict[str, str]]:
    """A superlink on free ports, and the environment in which its command finds it."""
    port, control = _free_ports(2)
    (home / "config.toml").write_text(
        f'[superlink]\ndefault = "own"\n\n[superlink.own]\naddress = "127.0.0.1:{port}"\ninsecure = true\n'
    )
    environment = os.environ | {
        "FLWR_HOME": str(home),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_TMPDIR": str(home),
        # Its parts start one another by name.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    log = home / "superlink.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [
                _program("flower-superlink"), "--insecure", "--simulation", "--isolation", "subprocess",
                "--control-api-address", f"127.0.0.1:{control}", "--host", "127.0.0.1", "--port", str(port),
            ],
            env=environment, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
    try:
        _await_health(process, port, log)
        yield environment
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_health(process: subprocess.Popen[bytes], port: int, log: Path, limit: float = 300.0) -> None:
    deadline = time.monotonic() + limit
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    end = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise InfeasibleError(f"a superlink that did not start in {limit:g} s:\n{end}", "one that answers")


def _program(name: str) -> str:
    """The command of the environment that this Python is of."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else name


def _free_ports(count: int) -> list[int]:
    """So many different ones: each is held until all are found."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in held]
