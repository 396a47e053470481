"""Flower: the same messages and functions as in process; an environment of its own; nothing left when it ends."""

from __future__ import annotations

import copy
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
from isotropy.federation import error_of, federate_files
from isotropy.federation._flower import client_app, registered, server_app
from isotropy.federation._leftovers import left_of
from isotropy.federation._node import SUMMED, Kind, Node, Numbers, Parcel, Tensors
from isotropy.federation._on_flower import MODULE, PROJECT
from isotropy.federation._preparing import packed, unpacked
from isotropy.federation._protocol import Outcome, coordinate, outcome_of, outcome_tensors, stats_of
from isotropy.federation._request import read_request
from isotropy.federation._secure import drawn, masked, total, with_masks
from isotropy.federation._statistics import ClassStats
from isotropy.federation._words import Layout, Words
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


def by_calls(path: Path, seed: int = 0) -> Outcome:
    """The server and a node for each site, with calls for messages, and masks that the operating system draws."""
    request = read_request(path)
    nodes = [Node(request, path.parent, k, seed) for k in range(len(request.clients))]
    memories: list[Tensors] = [{} for _ in nodes]

    def ask(kind: Kind, tensors: Tensors, numbers: Numbers) -> list[Parcel]:
        return [node.answer(kind, tensors, numbers, memory) for node, memory in zip(nodes, memories, strict=True)]

    def add(kind: Kind, tensors: Tensors, numbers: Numbers) -> tuple[Words, Layout]:
        told = [node.summand(kind, tensors, numbers, memory) for node, memory in zip(nodes, memories, strict=True)]
        return total(masked([words for words, _ in told], drawn(len(told)), b"sum")), told[0][1]

    found = coordinate(ask, request, seed, add=add)
    again = outcome_of(outcome_tensors(found), request)
    assert again.standing.history == found.standing.history
    assert (again.told, again.chosen) == (found.told, found.chosen)
    assert all(torch.equal(again.stats[name].cov, one.cov) for name, one in found.stats.items())
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"algorithm": "scaffold", "augment": None},
        {"algorithm": "moon", "head": "mlp"},
        {"algorithm": "fedproto", "head": "mlp", "min_count": 5},
        {"algorithm": "fedadam", "min_count": 1},
        {"augment": {"mode": "auto", "target": 40}},
        {"augment": {"mode": "auto", "target": 40}, "min_count": 1},
        {"secure_aggregation": {"reach": 30.0}},
        {"secure_aggregation": {"reach": 30.0}, "algorithm": "scaffold", "min_count": 25},
        {"secure_aggregation": {"reach": 30.0}, "algorithm": "fedproto", "head": "mlp", "min_count": 5},
    ],
)
def test_messages_give_what_the_engine_in_process_gives(
    folder: Path, changes: dict[str, object], tmp_path: Path
) -> None:
    path = request_of(folder, **changes)
    found = federate_files(path, out=tmp_path / "run")
    outcome = by_calls(path)
    with Run(tmp_path / "run", resume=True) as run:
        weights = run.read("model.safetensors")
    # The order of a module's parameters: weight before bias, layer after layer.
    names = sorted(weights, key=lambda name: (name.rpartition(".")[0], name.endswith("bias")))
    expected = torch.cat([weights[name].flatten() for name in names])
    torch.testing.assert_close(outcome.standing.server.w, expected, rtol=0, atol=1e-6)
    shares = {name: right / held for name, (right, held) in outcome.told.items()}
    assert shares == pytest.approx({site.name: site.together.mean for site in found.sites})
    assert {name: tuple(int(n) for n in one.n) for name, one in outcome.stats.items()} == found.counts
    if outcome.chosen:
        assert all(mode in found.modes[str(c)] for c, mode in outcome.chosen.items() if str(c) in found.modes)


def test_a_private_site_draws_its_noise_once_and_says_it_again(folder: Path) -> None:
    path = request_of(folder, privacy={"epsilon": 3.0, "delta": 1e-5, "clip": 6.0}, min_count=1)
    request = read_request(path)
    node = Node(request, folder, 0, 0)
    kept: Tensors = {}
    first, again = (node.answer("query", {}, {}, kept)[0] for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["mean"], node.answer("query", {}, {}, {})[0]["mean"]), "elsewhere it is another"
    x, y = (torch.from_numpy(np.load(folder / "north.npz")[name]) for name in ("x", "y"))
    assert not torch.equal(unpacked(first).n, torch.bincount(y, minlength=3).double())
    assert first["noise"].tolist() == [first["noise"][0]] * 3, "an absent class too"
    assert len(x) == 50


def test_a_server_that_has_noisy_statistics_asks_for_none_and_ends_where_calls_do(folder: Path, tmp_path: Path) -> None:
    path = request_of(folder, privacy={"epsilon": 30.0, "delta": 1e-3, "clip": 6.0}, min_count=1)
    found = federate_files(path, out=tmp_path / "run")
    with Run(tmp_path / "run", resume=True) as run:
        weights, told = run.read("model.safetensors"), run.read("released.safetensors")
    request = read_request(path)
    asked: list[str] = []
    nodes = [Node(request, folder, k, 0) for k in range(2)]
    memories: list[Tensors] = [{}, {}]

    def ask(kind: Kind, tensors: Tensors, numbers: Numbers) -> list[Parcel]:
        asked.append(kind)
        return [node.answer(kind, tensors, numbers, memory) for node, memory in zip(nodes, memories, strict=True)]

    released = stats_of(told, ["north", "south"])
    w = coordinate(ask, request, 0, released=released).standing.server.w
    assert "query" not in asked
    torch.testing.assert_close(w, torch.cat([weights["weight"].flatten(), weights["bias"]]), rtol=0, atol=1e-6)
    assert {name: tuple(int(n) for n in one.n) for name, one in released.items()} == found.counts


def test_a_site_tells_sums_only_where_the_request_says_so(folder: Path) -> None:
    node = Node(read_request(request_of(folder, secure_aggregation={"reach": 30.0})), folder, 0, 0)
    for kind in SUMMED:
        with pytest.raises(DomainError, match=f"the question '{kind}' to north alone"):
            node.answer(kind, {}, {}, {})


def test_a_site_tells_of_halves_only_where_its_own_request_says_so(folder: Path) -> None:
    private = {"epsilon": 8.0, "delta": 1e-5, "clip": 8.0}
    auto = {"mode": "auto", "target": 40}
    for changes in ({"privacy": private, "augment": auto}, {}, {"secure_aggregation": {"reach": 30.0}}):
        node = Node(read_request(request_of(folder, min_count=1, **changes)), folder, 0, 0)
        x, y = node._rows()[0]
        memory: Tensors = {}
        node.answer("query.shapes", packed(ClassStats.from_data(x, y, classes=3)), {}, memory)
        for kind in ("query.halves", "query.counts"):
            with pytest.raises(DomainError, match=f"the question '{kind}' to north; expected one that its own request"):
                node.answer(kind, {}, {}, memory)


def test_rare_classes_of_all_sites_together_tell_their_number_and_no_more(folder: Path) -> None:
    masking = {"reach": 30.0}
    counts = {
        few: by_calls(request_of(folder, secure_aggregation=masking, min_count=few, augment=None)).stats
        for few in (23, 24)
    }
    assert counts[23]["all sites"].n.tolist() == [23, 34, 23]
    seen = counts[24]["all sites"]
    assert seen.n.tolist() == [0, 34, 0]
    assert not seen.cov[2].any()


def test_a_site_answers_once_and_in_any_order(folder: Path) -> None:
    request = read_request(request_of(folder, augment=None))

    def told(answering: list[int]) -> torch.Tensor:
        nodes = [Node(request, folder, k, 0) for k in answering]
        memories: list[Tensors] = [{} for _ in nodes]
        outcome = coordinate(
            lambda kind, tensors, numbers: [
                node.answer(kind, tensors, numbers, memory) for node, memory in zip(nodes, memories, strict=True)
            ],
            request, 0,
        )  # fmt: skip
        return outcome.standing.server.w

    assert torch.equal(told([1, 0]), told([0, 1]))
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
    private = {"epsilon": 1.0, "delta": 1e-5, "clip": 3.0}
    with pytest.raises(DomainError, match="privacy and mode: auto with engine=flower"):
        federate_files(request_of(folder, privacy=private, augment={"mode": "auto"}), engine="flower")
    for changes, words in (
        ({"secure_aggregation": {"reach": 0.0}}, "reach=0"),
        ({"secure_aggregation": {"reach": 3.0}, "privacy": private}, "secure_aggregation and privacy"),
        ({"secure_aggregation": {"reach": 3.0}, "augment": {"mode": "auto"}}, "secure_aggregation and mode: auto"),
        ({"secure_aggregation": {"reach": 3.0}, "clients": [{"name": "north", "features": "north.npz"}]}, "one site"),
    ):
        with pytest.raises(DomainError, match=words):
            read_request(request_of(folder, **changes))
    with pytest.raises(DomainError, match=r"rows of north beyond 0\.5"):
        by_calls(request_of(folder, secure_aggregation={"reach": 0.5}))
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


@pytest.mark.skipif(not HAS_FLOWER, reason="flwr is in an environment of its own: make federated")
@pytest.mark.parametrize(("pinned", "resolves"), [("constraints.txt", False), ("constraints-federated.txt", True)])
def test_pip_finds_no_environment_for_both_and_one_for_flower(pinned: str, resolves: bool) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["federated"]]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--dry-run", "--quiet"]
    told = subprocess.run([*pip, "-c", str(ROOT / pinned), *asked], capture_output=True, text=True, check=False)
    assert (told.returncode == 0) is resolves, told.stderr[-2000:]
    if not resolves:
        assert "ResolutionImpossible" in told.stderr, "it failed for another reason, such as no index of packages"


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

    def about() -> list[str]:
        """Processes about this home that were not there before: the one that stands by ends after all others."""
        return [line for line in _processes() - before if str(home) in line]

    while (home.exists() or about()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not home.exists()
    assert left_of(home) == []
    assert not about()


class Calls:
    """A grid without a network: it hands messages over, the last first, as a network may, and keeps what it saw."""

    def __init__(self, path: Path, out: Path) -> None:
        self.flwr: Any = importlib.import_module("flwr.app")
        task: Any = importlib.import_module("flwr.supercore.task_identity").TaskIdentity
        # Which task it is, a process is told when it starts; messages name it.
        task.run_id, task.node_id, task.task_id = 1, 0, 1
        self.config = {"config": str(path), "seed": 0, "wait": 5.0, "out": str(out), "released": ""}
        self.contexts = {node: self.context(node) for node in (11, 22)}
        self.client, self.seen = client_app(), list[tuple[int, Any]]()

    def context(self, node: int) -> Any:
        place = {"site": "south"} if node == 22 else {"partition-id": 0}
        return self.flwr.Context(1, node, place, self.flwr.RecordDict(), self.config)

    def get_node_ids(self) -> list[int]:
        return list(self.contexts)

    def send_and_receive(self, messages: list[Any], *, timeout: None) -> list[Any]:
        replies = []
        for one in reversed(messages):
            # A network would carry a copy; Flower's workflow sends one content to all, and its modifier takes from it.
            one.content = copy.deepcopy(one.content)
            node = one.metadata.dst_node_id
            replies.append(self.client(one, self.contexts[node]))
            if replies[-1].has_content():
                self.seen.append((node, replies[-1].content))
        return replies

    def masked_digits(self) -> list[tuple[int, np.ndarray]]:
        """What the server saw of sums: integers ``(3, n)`` of each node, question after question."""
        common: Any = importlib.import_module("flwr.common")
        told = [(node, content.config_records.get("secaggplus_configs", {})) for node, content in self.seen]
        return [
            (node, common.bytes_to_ndarray(one["masked_params"][1])) for node, one in told if "masked_params" in one
        ]


# Warnings of packages of another environment than the suite's are not ours to mend.
flower = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.skipif(not HAS_FLOWER, reason="flwr is in an environment of its own: make federated"),
]


def marked(test: Any) -> Any:
    for mark in flower:
        test = mark(test)
    return test


@marked
def test_the_application_answers_messages_of_flower(folder: Path, tmp_path: Path) -> None:
    path = request_of(folder, algorithm="scaffold")
    grid = Calls(path, tmp_path / "out.safetensors")
    server_app()(grid, grid.context(0))
    expected = by_calls(path)
    assert torch.equal(load_file(tmp_path / "out.safetensors")["w"], expected.standing.server.w)
    states = [grid.contexts[node].state["tensors"].to_torch_state_dict() for node in (11, 22)]
    assert any(name.startswith("kept/") for name in states[0]), "a control variate stays in the state of its node"
    assert not torch.equal(states[0]["kept/c_k"], states[1]["kept/c_k"])


@marked
@pytest.mark.parametrize("algorithm", ["fedavg", "scaffold"])
def test_sums_by_secagg_are_those_of_calls_to_the_last_bit(folder: Path, tmp_path: Path, algorithm: str) -> None:
    path = request_of(folder, algorithm=algorithm, secure_aggregation={"reach": 30.0}, rounds=2)
    grid = Calls(path, tmp_path / "out.safetensors")
    server_app()(grid, grid.context(0))
    found, expected = load_file(tmp_path / "out.safetensors"), by_calls(path)
    assert torch.equal(found["w"], expected.standing.server.w)
    (sums,) = expected.stats.values()
    assert torch.equal(unpacked({k.removeprefix("stats/0/"): v for k, v in found.items()}).cov, sums.cov)
    plain = [ClassStats.from_data(*Node(read_request(path), folder, k, 0)._rows()[0], classes=3) for k in range(2)]
    whole = plain[0] + plain[1]
    assert torch.equal(sums.n, whole.n)
    # The step is 2^-40 of (2 reach)^2; the bar is 1e-4 of the scale.
    assert float((sums.cov - whole.cov).abs().max()) < 10 * error_of(2, 60.0, int(whole.n.sum()))


@marked
@pytest.mark.parametrize("masks", ["both", "ours", "flower's", "none"])
def test_what_the_server_sees_of_a_site_is_noise(
    folder: Path, tmp_path: Path, masks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under either mask alone too; under none the counts of the site stand there."""
    if masks in ("ours", "none"):
        for module in ("flwr.client.mod.secure_aggregation.secaggplus_mod",
                       "flwr.server.workflow.secure_aggregation.secaggplus_workflow"):  # fmt: skip
            monkeypatch.setattr(
                importlib.import_module(module), "pseudo_rand_gen",
                lambda seed, size, shapes: [np.zeros(shape, int) for shape in shapes],
            )  # fmt: skip
    if masks in ("flower's", "none"):
        monkeypatch.setattr(
            "isotropy.federation._secure._mask", lambda key, length, purpose: np.zeros(length, np.uint64)
        )
    path = request_of(folder, secure_aggregation={"reach": 30.0}, rounds=1)
    grid = Calls(path, tmp_path / "out.safetensors")
    server_app()(grid, grid.context(0))
    expected = by_calls(path)
    assert torch.equal(load_file(tmp_path / "out.safetensors")["w"], expected.standing.server.w), "the sum is as ever"
    seen = grid.masked_digits()
    assert [node for node, _ in seen] == [22, 11] * 3, "means, statistics, weights"
    north = Node(read_request(path), folder, 0, 0)._rows()[0][1]
    shown = seen[1][1][0, :3].tolist() == torch.bincount(north, minlength=3).tolist()
    assert shown is (masks == "none")
    if masks == "none":
        return
    digits = np.concatenate([array[:2].ravel() for _, array in seen]) % 2**22
    # Uniform digits: a mean of so many is known to 0.29 / sqrt(n) of their range.
    assert digits.mean() / 2**22 == pytest.approx(0.5, abs=5 * 0.29 / len(digits) ** 0.5)
    means, statistics = (np.array([array[0, :3] for _, array in seen[a : a + 2]]) for a in (0, 2))
    assert not (means == statistics).any(), "the same counts, under other masks"


@marked
def test_flower_draws_masks_from_32_bits_of_a_key_which_is_why_ours_are_under_them() -> None:
    """Fails when Flower mends it: then one of the two masks can go."""
    made: Any = importlib.import_module("flwr.common.secure_aggregation.secaggplus_utils")
    one = b"0123456789abcdef" + b"ABCD" * 7  # 44 bytes, as the keys are
    other = one[4:] + one[:4]  # the same four columns of bytes
    masks = [made.pseudo_rand_gen(key, 2**32, [(50,)])[0] for key in (one, other)]
    assert one != other
    assert np.array_equal(*masks)
    ours = [with_masks(np.zeros(50, np.uint64), {1: key}, 0, b"SecAgg+") for key in (one, other)]
    assert not (ours[0] == ours[1]).any()


@marked
def test_a_site_that_fails_in_a_sum_is_told_of(folder: Path, tmp_path: Path) -> None:
    path = request_of(folder, secure_aggregation={"reach": 0.5})
    grid = Calls(path, tmp_path / "out.safetensors")

    def failing(message: Any, context: Any) -> Any:
        try:
            return real(message, context)
        except DomainError as error:
            return grid.flwr.Message(grid.flwr.Error(code=2, reason=str(error)), reply_to=message)

    real, grid.client = grid.client, failing
    with pytest.raises(InfeasibleError, match=r"'query.means' for a sum: .*rows of \w+ beyond 0\.5"):
        server_app()(grid, grid.context(0))


@pytest.mark.slow
@pytest.mark.skipif(not HAS_FLOWER, reason="flwr is in an environment of its own: make federated")
@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "scaffold", "secure_aggregation": {"reach": 30.0}},
        {"augment": {"mode": "auto", "target": 40}},
    ],
    ids=["scaffold by SecAgg+", "mode auto"],
)
def test_on_flower_parameters_are_those_in_process_and_nothing_is_left(
    folder: Path, tmp_path: Path, changes: dict[str, object]
) -> None:
    for package, cap in CAPS.items():
        told = [Requirement(line) for line in requires("flwr") or () if Requirement(line).name == package]
        assert any(str(SpecifierSet(cap)) in str(one.specifier) for one in told), package
    path = request_of(folder, **changes)
    before = _processes()
    federate_files(path, out=tmp_path / "flower", engine="flower")
    assert not _of_flower(_processes() - before)
    federate_files(path, out=tmp_path / "local")
    with Run(tmp_path / "flower", resume=True) as one, Run(tmp_path / "local", resume=True) as other:
        a, b = one.read("model.safetensors"), other.read("model.safetensors")
    for name in a:
        torch.testing.assert_close(a[name], b[name], rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(not HAS_FLOWER, reason="flwr is in an environment of its own: make federated")
def test_a_federation_on_flower_that_is_killed_leaves_nothing_and_draws_no_noise_again(
    folder: Path, tmp_path: Path
) -> None:
    """SIGKILL of the command during the rounds: no process more than before, no folder, and noise that stays."""
    private = {"epsilon": 8.0, "delta": 1e-5, "clip": 8.0}
    path, before = request_of(folder, rounds=12, privacy=private, min_count=1), _processes()
    short = tempfile.mkdtemp(prefix="k")  # its sockets want a short path
    code = "from isotropy.cli import main; main()"
    command = [sys.executable, "-c", code, "federate", str(path), "--engine", "flower", "--out", str(tmp_path / "run")]
    released = tmp_path / "run" / "released.safetensors"
    with subprocess.Popen(command, env=os.environ | {"TMPDIR": short}) as process:
        while not released.exists():
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(0.1)
        (home,) = Path(short).glob("iso-flwr-*")
        assert left_of(home)
        process.kill()
    deadline = time.monotonic() + 12 * leftovers.GRACE
    while home.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left_of(home) == []
    assert not _of_flower(_processes() - before)
    os.rmdir(short)  # fails if anything is in it
    kept = released.read_bytes()
    found = federate_files(path, out=tmp_path / "run", resume=True, engine="flower")
    assert released.read_bytes() == kept
    assert len(found.rounds) == 12
    assert not (tmp_path / "run" / "rounds.safetensors").exists()


def _of_flower(lines: set[str]) -> list[str]:
    """Processes that are Flower's or Ray's, by the name of the program or of what Python runs."""
    names = re.compile(r"(.*/)?(flwr|flwr-\w+|flower-\w+|raylet|gcs_server)")
    return [line for line in lines if any(names.fullmatch(word) for word in line.split()[1:3])]


def _processes() -> set[str]:
    """Every process of this machine: number and command line."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            found.add(entry.name + " " + (entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found
