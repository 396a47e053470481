"""Flower: the same messages and functions as in process; an environment of its own; nothing left when it ends."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from safetensors.torch import load_file

from isotropy.errors import DomainError, InfeasibleError, MissingExtraError, ShapeError
from isotropy.federation import _leftovers as leftovers
from isotropy.federation import federate_files
from isotropy.federation._flower import client_app, registered, server_app
from isotropy.federation._leftovers import left_of
from isotropy.federation._on_flower import MODULE, PROJECT
from isotropy.federation._preparing import packed, unpacked
from isotropy.federation._protocol import Node, Tensors, coordinate, standing_of, standing_tensors
from isotropy.federation._request import read_request
from isotropy.federation._statistics import ClassStats
from isotropy.random import spawn
from isotropy.runs import Run

ROOT = Path(__file__).parents[2]
# What flwr 1.42.0 says of what it needs; the test below reads it again where flwr is installed.
CAPS = {"packaging": "<26", "protobuf": "<7", "rich": "<15", "typer": "<0.21", "ray": "==2.55.1"}
HAS_FLOWER = all(importlib.util.find_spec(name) for name in ("flwr", "ray"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("flower")
    draw = spawn(0, "flower")
    for name, counts in {"north": [30, 20, 0], "south": [0, 25, 30]}.items():
        y = torch.arange(3).repeat_interleave(torch.tensor(counts))
        x = 2 * torch.eye(3, 4)[y] + torch.randn(len(y), 4, generator=draw)
        np.savez(found / f"{name}.npz", x=x.numpy(), y=y.numpy())
    return found


def request_of(folder: Path, **changes: object) -> Path:
    told = {
        "clients": [{"name": name, "features": f"{name}.npz"} for name in ("north", "south")],
        "classes": 3, "rounds": 3, "learning_rate": 0.1, "augment": {"mode": "matched", "target": 40},
    }  # fmt: skip
    path = folder / "sites.yaml"
    path.write_text(yaml.safe_dump(told | changes))
    return path


def by_calls(path: Path, seed: int = 0) -> tuple[Tensors, dict[str, tuple[int, int]]]:
    """The server and a node for each site, with calls for messages."""
    request = read_request(path)
    nodes = [Node(request, path.parent, k, seed) for k in range(len(request.clients))]
    memories: list[Tensors] = [{} for _ in nodes]
    standing, told = coordinate(
        lambda kind, tensors, numbers: [
            node.answer(kind, tensors, numbers, memory) for node, memory in zip(nodes, memories, strict=True)
        ],
        request,
        seed,
    )
    assert standing_of(standing_tensors(standing), [node.name for node in nodes]).history == standing.history
    return standing_tensors(standing), told


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"algorithm": "scaffold", "augment": None},
        {"algorithm": "moon", "head": "mlp"},
        {"algorithm": "fedproto", "head": "mlp", "min_count": 5},
        {"algorithm": "fedadam", "min_count": 1},
    ],
)
def test_messages_give_what_the_engine_in_process_gives(
    folder: Path, changes: dict[str, object], tmp_path: Path
) -> None:
    path = request_of(folder, **changes)
    found = federate_files(path, out=tmp_path / "run")
    tensors, told = by_calls(path)
    with Run(tmp_path / "run", resume=True) as run:
        weights = run.read("model.safetensors")
    # The order of a module's parameters: weight before bias, layer after layer.
    names = sorted(weights, key=lambda name: (name.rpartition(".")[0], name.endswith("bias")))
    expected = torch.cat([weights[name].flatten() for name in names])
    torch.testing.assert_close(tensors["w"], expected, rtol=0, atol=1e-6)
    shares = {name: right / held for name, (right, held) in told.items()}
    assert shares == pytest.approx({site.name: site.together.mean for site in found.sites})


def test_a_site_answers_once_and_in_any_order(folder: Path) -> None:
    request = read_request(request_of(folder, augment=None))

    def told(answering: list[int]) -> Tensors:
        nodes = [Node(request, folder, k, 0) for k in answering]
        memories: list[Tensors] = [{} for _ in nodes]
        standing, _ = coordinate(
            lambda kind, tensors, numbers: [
                node.answer(kind, tensors, numbers, memory) for node, memory in zip(nodes, memories, strict=True)
            ],
            request, 0,
        )  # fmt: skip
        return standing_tensors(standing)

    assert torch.equal(told([1, 0])["w"], told([0, 1])["w"])
    with pytest.raises(InfeasibleError, match="2 answers to 'query', none of south and several of north"):
        told([0, 0])
    with pytest.raises(InfeasibleError, match="1 answer to 'query', none of north"):
        told([1])


def test_statistics_travel_whole_as_matrices_and_as_factors() -> None:
    draw = spawn(0, "packed")
    for n, p in ((40, 3), (6, 9)):
        stats = ClassStats.from_data(torch.randn(n, p, generator=draw), torch.arange(n) % 2, classes=3)
        again = unpacked(packed(stats))
        assert type(again.moments) is type(stats.moments)
        assert again.dtype == stats.dtype
        assert torch.equal(again.n, stats.n)
        assert torch.equal(again.cov, stats.cov)
        assert torch.equal((again + again).between, (stats + stats).between)
        axes = torch.linalg.qr(torch.randn(p, 2, generator=draw).double()).Q
        torch.testing.assert_close(stats.along(1, axes), axes.T @ stats.cov[1] @ axes)


def test_a_server_waits_for_its_sites_and_refuses_fewer_or_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isotropy.federation._flower.PAUSE", 0.0)
    looks = iter([[], [7], [9, 7]])
    assert registered(lambda: next(looks), 2, 60.0) == [7, 9]
    with pytest.raises(InfeasibleError, match=r"1 of 3 sites registered in 0 s.*num-supernodes=3"):
        registered(lambda: [4], 3, 0.0)
    with pytest.raises(InfeasibleError, match="2 nodes for 1 site"):
        registered(lambda: [4, 5], 1, 0.0)


def test_what_messages_cannot_carry_is_refused_before_anything_starts(folder: Path) -> None:
    for changes, words in (
        ({"privacy": {"epsilon": 1.0, "delta": 1e-5, "clip": 3.0}}, "privacy with engine=flower"),
        ({"augment": {"mode": "auto"}}, "mode: auto with engine=flower"),
    ):
        with pytest.raises(DomainError, match=words):
            federate_files(request_of(folder, **changes), engine="flower")
    with pytest.raises(DomainError, match="one of local, flower"):
        federate_files(request_of(folder), engine="flour")
    if not HAS_FLOWER:
        with pytest.raises(MissingExtraError, match=r"isotropy\[federated\]"):
            federate_files(request_of(folder), engine="flower")
    np.savez(folder / "wide.npz", x=np.zeros((30, 5), np.float32), y=np.arange(30) % 3)
    clients = [{"name": name, "features": f"{name}.npz"} for name in ("north", "wide")]
    with pytest.raises(ShapeError, match="4 features at north and 5 at wide"):
        by_calls(request_of(folder, clients=clients))


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    return {key.lower(): value for key, _, value in (line.partition("==") for line in lines) if value}


def test_flower_has_an_environment_of_its_own_because_its_pins_and_ours_disagree() -> None:
    ours, theirs = pins("constraints.txt"), pins("constraints-federated.txt")
    refused = {name for name, cap in CAPS.items() if name in ours and ours[name] not in SpecifierSet(cap)}
    assert refused, "both sets of pins would resolve together: [federated] can join [all], and this page can go"
    assert all(theirs[name] in SpecifierSet(cap) for name, cap in CAPS.items())
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (flower,) = (Requirement(one) for one in extras["federated"])
    assert (flower.name, set(flower.extras)) == ("flwr", {"simulation"})
    assert theirs["flwr"] in flower.specifier
    assert "federated" not in "".join(extras["all"])
    assert theirs["torch"] == ours["torch"], "the same arithmetic in both"


def test_the_application_in_the_examples_is_the_one_that_the_command_runs() -> None:
    folder = ROOT / "examples" / "federated"
    assert (folder / "pyproject.toml").read_text() == PROJECT
    assert (folder / "sites.py").read_text() == MODULE
    components = tomllib.loads(PROJECT)["tool"]["flwr"]["app"]["components"]
    assert set(components) == {"serverapp", "clientapp"}


def test_processes_of_a_home_are_found_by_it_and_no_others(tmp_path: Path) -> None:
    if not Path("/proc/self/environ").exists():
        pytest.skip("no /proc on this system")
    code = "import time; print('up', flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-S", "-c", code], env=os.environ | {"FLWR_HOME": str(tmp_path)}, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert left_of(tmp_path) == [process.pid]
        assert left_of(tmp_path / "other") == []
        process.terminate()
    assert left_of(tmp_path) == []


STARTS = """
import importlib.util, os, subprocess, sys, time
from pathlib import Path
spec = importlib.util.spec_from_file_location("leftovers", sys.argv[1])
leftovers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(leftovers)
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
code = (stubborn if sys.argv[3] == "killed" else "import time; ") + "print('up', flush=True); time.sleep(600)"
with leftovers.swept(Path(sys.argv[2])):
    child = subprocess.Popen([sys.executable, "-S", "-c", code], env=os.environ | {"FLWR_HOME": sys.argv[2]},
                             stdout=subprocess.PIPE, start_new_session=True)
    child.stdout.readline()
    print(child.pid, flush=True)
    if sys.argv[3] == "killed":
        time.sleep(600)
"""


@pytest.mark.parametrize("how", ["ended", "killed"])
def test_a_command_that_is_killed_leaves_no_process_and_no_folder(how: str, tmp_path: Path) -> None:
    """SIGKILL of the command, and a process of its home that ignores SIGTERM."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("no /proc on this system")
    home = tmp_path / "home"
    home.mkdir()
    before = _processes()
    code = [sys.executable, "-S", "-c", STARTS, leftovers.__file__, str(home), how]
    with subprocess.Popen(code, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        if how == "killed":
            assert left_of(home) == [pid]
            process.kill()
    deadline = time.monotonic() + 3 * leftovers.GRACE
    while home.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not home.exists()
    assert left_of(home) == []
    assert not [line for line in _processes() - before if str(home) in line]


# Warnings of packages of another environment than the suite's are not ours to mend.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.skipif(not HAS_FLOWER, reason="flwr is in an environment of its own: make federated")
def test_the_application_answers_messages_of_flower(folder: Path, tmp_path: Path) -> None:
    flwr: Any = importlib.import_module("flwr.app")
    task: Any = importlib.import_module("flwr.supercore.task_identity").TaskIdentity
    # Which task it is, a process is told when it starts; messages name it.
    task.run_id, task.node_id, task.task_id = 1, 0, 1
    path = request_of(folder, algorithm="scaffold")
    config = {"config": str(path), "seed": 0, "wait": 5.0, "out": str(tmp_path / "out.safetensors")}

    def context(node: int) -> Any:
        place = {"site": "south"} if node == 22 else {"partition-id": 0}
        return flwr.Context(1, node, place, flwr.RecordDict(), config)

    contexts, client = {node: context(node) for node in (11, 22)}, client_app()

    class Calls:
        """A grid without a network: it hands messages over, the last first, as a network may."""

        def get_node_ids(self) -> list[int]:
            return list(contexts)

        def send_and_receive(self, messages: list[Any], *, timeout: None) -> list[Any]:
            return [client(one, contexts[one.metadata.dst_node_id]) for one in reversed(messages)]

    server_app()(Calls(), context(0))
    expected, _ = by_calls(path)
    found = load_file(tmp_path / "out.safetensors")
    assert torch.equal(found["w"], expected["w"])
    kept = contexts[11].state["tensors"].to_torch_state_dict()
    assert any(name.startswith("kept/") for name in kept), "a control variate stays in the state of its node"
    assert not torch.equal(kept["kept/c_k"], contexts[22].state["tensors"].to_torch_state_dict()["kept/c_k"])


@pytest.mark.slow
@pytest.mark.skipif(not HAS_FLOWER, reason="flwr is in an environment of its own: make federated")
def test_on_flower_parameters_are_those_in_process_and_nothing_is_left(folder: Path, tmp_path: Path) -> None:
    for package, cap in CAPS.items():
        told = [Requirement(line) for line in requires("flwr") or () if Requirement(line).name == package]
        assert any(str(SpecifierSet(cap)) in str(one.specifier) for one in told), package
    path = request_of(folder, algorithm="scaffold")
    before = _processes()
    federate_files(path, out=tmp_path / "flower", engine="flower")
    assert not re.search("flower-|flwr|raylet|gcs_server", " ".join(_processes() - before))
    federate_files(path, out=tmp_path / "local")
    with Run(tmp_path / "flower", resume=True) as one, Run(tmp_path / "local", resume=True) as other:
        a, b = one.read("model.safetensors"), other.read("model.safetensors")
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(not HAS_FLOWER, reason="flwr is in an environment of its own: make federated")
def test_a_federation_on_flower_that_is_killed_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    """SIGKILL of the command while Ray runs: no process more than before, and no folder."""
    path, before = request_of(folder, rounds=50), _processes()
    short = tempfile.mkdtemp(prefix="k")  # its sockets want a short path
    command = [
        sys.executable,
        "-c",
        "from isotropy.cli import main; main()",
        "federate",
        str(path),
        "--engine",
        "flower",
    ]
    with subprocess.Popen([*command, "--out", str(tmp_path / "run")], env=os.environ | {"TMPDIR": short}) as process:
        while not any("raylet" in line for line in _processes() - before):
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(0.2)
        (home,) = Path(short).glob("iso-flwr-*")
        assert left_of(home)
        process.kill()
    deadline = time.monotonic() + 12 * leftovers.GRACE
    while home.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left_of(home) == []
    assert not re.search("flower-|flwr|raylet|gcs_server", " ".join(_processes() - before))
    os.rmdir(short)  # fails if anything is in it


def _processes() -> set[str]:
    """Every process of this machine: number and command line."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            found.add(entry.name + " " + (entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found
