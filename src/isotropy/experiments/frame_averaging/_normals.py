"""Normals of CAD parts: clouds drawn once, networks trained on some parts, errors on the others (§4.1)."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.data import load_surfaces
from isotropy.errors import SchemaError
from isotropy.experiments.frame_averaging._config import NormalsPlan
from isotropy.experiments.peers import DGCNN, Lines, LocalFrames, PointNet, VectorDGCNN, VectorPointNet, frame_averaged
from isotropy.groups import SO
from isotropy.optics import Mode
from isotropy.random import derive, spawn
from isotropy.runs import Run
from isotropy.study import job, part, size, train
from isotropy.train import Batches, Moved

_SCALES = (0.8, 1.25)
_AT_ONCE = 8


@job
def clouds_job(run: Run, *, seed: int, abc: str, plan: NormalsPlan) -> dict[str, Any]:
    """Draws clouds with normals from all parts into one file of the run; the seed says which parts are held out."""
    parts = load_surfaces(abc)
    arrays: dict[str, Any] = {}
    names: list[str] = []
    split = held_out(len(parts), plan.held_out, spawn(seed, "parts"))
    for key, indices, count in zip(("train", "test"), split, (plan.clouds, plan.test_clouds), strict=True):
        drawn = [parts[i].sample(count, plan.points, spawn(seed, key, i)) for i in indices]
        arrays[f"{key}_x"] = standardised(torch.cat([x for x, _ in drawn])).numpy()
        arrays[f"{key}_normal"] = torch.cat([normal for _, normal in drawn]).numpy()
        names = [parts[i].name for i in indices]
    run.write(_file(seed), arrays)
    return {"held_out": names[:20]}


def _file(seed: int) -> str:
    return f"clouds/{seed}.npz"


@job
def normals_job(run: Run, *, seed: int, method: str, pose: str, plan: NormalsPlan) -> dict[str, Any]:
    """Trains ``method`` on clouds in ``pose``; the mean of 1 - <n, p>^2 on held-out parts as they lie and turned."""
    found = {name: torch.from_numpy(array) for name, array in run.read(_file(seed)).items()}
    mode: Mode = "stochastic" if plan.frames == "one" else "average"
    torch.manual_seed(derive(seed, "weights"))
    network = BUILDERS[method](plan, mode, derive(seed, "frames") % 2**31)
    batches = Batches(found["train_x"], found["train_normal"], plan.batch, seed=derive(seed, "batches"))
    moved = Moved(batches, scaled_and_turned if pose == "SO(3)" else scaled, seed, "poses")
    train(network, line_error, moved, plan, part(run, plan, "normals", method, pose, seed), seed)
    x, normal = found["test_x"], found["test_normal"]
    errors = {"I": held_out_error(network, x, normal)}
    errors["SO(3)"] = held_out_error(network, *turned(x, normal, spawn(seed, "test poses")))
    return {"errors": errors, "parameters": size(network)}


def held_out(count: int, number: int, generator: torch.Generator) -> tuple[list[int], list[int]]:
    """Which of ``count`` parts train and which ``number`` of them are kept for the test.

    Raises ``SchemaError`` where that leaves none to train on, as the parts shipped do for the paper's size.

    >>> train, test = held_out(18, 4, torch.Generator().manual_seed(0))
    >>> len(test), sorted(train + test) == list(range(18))
    (4, True)
    """
    if number >= count:
        raise SchemaError(
            f"{count} parts, {number} of them to be held out", "more parts than that", "--full --set abc=FOLDER of ABC"
        )
    order = torch.randperm(count, generator=generator).tolist()
    return sorted(order[number:]), sorted(order[:number])


def standardised(x: Float[Tensor, "c n 3"]) -> Float[Tensor, "c n 3"]:
    """Clouds centred at their mean, and divided by the standard deviation of the distances from it."""
    y = x - x.mean(1, keepdim=True)
    return y / y.norm(dim=-1).std(1)[:, None, None]


def turned(
    x: Float[Tensor, "c n 3"], normal: Float[Tensor, "c n 3"], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Each cloud in a Haar random pose of its own."""
    R: Any = SO(3).sample((len(x),), generator=generator, dtype=x.dtype)
    return x @ R.mT, normal @ R.mT


def line_error(network: nn.Module, batch: tuple[Tensor, Tensor]) -> Float[Tensor, " rows"]:
    """1 - n^T P n for the predicted line P, the mean over the points of each cloud.

    The error of one frame's line is linear in P, so that its mean over frames is the error of the mean: training on
    frames drawn at random follows the same objective as training on all.
    """
    x, normal = batch
    line = network(x).unflatten(-1, (3, 3))
    return 1 - torch.einsum("bni,bnij,bnj->bn", normal, line, normal).mean(-1)


def held_out_error(network: nn.Module, x: Tensor, normal: Tensor) -> float:
    """The mean of 1 - <n, p>^2, p the unit vector of the predicted line: the leading one of a mean of lines."""
    errors: list[Tensor] = []
    with torch.no_grad():
        for some, wanted in zip(x.split(_AT_ONCE), normal.split(_AT_ONCE), strict=True):
            line = network(some).unflatten(-1, (3, 3)).double()
            p = torch.linalg.eigh(line)[1][..., -1]
            errors.append(1 - (p * wanted).sum(-1).square())
    return float(torch.cat(errors).mean())


def scaled(x: Tensor, normal: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Each cloud as large as U(0.8, 1.25) says."""
    low, high = _SCALES
    return x * (low + (high - low) * torch.rand(len(x), 1, 1, generator=generator)), normal


def scaled_and_turned(x: Tensor, normal: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The same in a random pose."""
    return turned(*scaled(x, normal, generator), generator)


Builder = Callable[[NormalsPlan, Mode, int], nn.Module]
BUILDERS: dict[str, Builder] = {
    "PointNet": lambda plan, mode, seed: Lines(PointNet(plan.divide)),
    "DGCNN": lambda plan, mode, seed: Lines(DGCNN(plan.divide, plan.k)),
    "FA-PointNet": lambda plan, mode, seed: frame_averaged(PointNet(plan.divide), mode, seed),
    "FA-DGCNN": lambda plan, mode, seed: frame_averaged(DGCNN(plan.divide, plan.k, mean=True), mode, seed),
    # Its second frame is computed from what the first one's average leaves: with one drawn frame it would be trained
    # on vectors unlike those of the test, so it always takes all.
    "FA-Local-PointNet": lambda plan, mode, seed: LocalFrames(plan.divide, plan.local_k),
    "VN-PointNet": lambda plan, mode, seed: Lines(VectorPointNet(plan.divide, plan.local_k)),
    "VN-DGCNN": lambda plan, mode, seed: Lines(VectorDGCNN(plan.divide, plan.k)),
}
