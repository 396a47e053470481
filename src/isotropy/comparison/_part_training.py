"""One way to use that parts move, on one fold: a network, trained, and asked about clouds it never saw."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.comparison._fold import fold_of
from isotropy.comparison._part_networks import OfCells, PointNetwork
from isotropy.data import Batches, Moved
from isotropy.frames.parts import motions_of
from isotropy.groups import parse
from isotropy.groups.parts import matrix
from isotropy.linalg import Segments
from isotropy.measure import equivariance_error
from isotropy.random import derive
from isotropy.reps import Piecewise, Point, Vector
from isotropy.runs import Run

PartKind = Literal["plain", "augmentation", "frames", "given parts", "found parts"]
PART_KINDS: tuple[PartKind, ...] = get_args(PartKind)
CLOUDS = "clouds.safetensors"
_AT_ONCE = 32
_ERROR_CLOUDS, _ERROR_DRAWS = 8, 4


def train_parts(
    run: Run, *, seed: int, kind: PartKind, group: str, fold: int, budget: dict[str, int], vectors: bool
) -> dict[str, Any]:
    """Losses of the held-out clouds, means over their points, and what the training took.

    The run holds clouds ``x`` (n, N, 3) in units of their size, targets ``y``, classes (n, N) or numbers
    (n, N, q), and the parts ``given`` and ``found`` (n, N). ``group`` moves each part; numbers are ``vectors`` or not.
    """
    held = run.read(CLOUDS)
    x, y = held["x"], held["y"]
    there = held["fold"] == fold
    rows, part = (~there).nonzero()[:, 0], _seen(kind, held)
    classes, scale = not y.is_floating_point(), _scale(y[rows])
    outputs = int(y.max()) + 1 if classes else y.shape[-1]
    began = time.process_time()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "fold", fold))
        network = OfCells(
            PointNetwork(outputs, budget["width"]), None if kind in ("plain", "augmentation") else group,
            vectors=vectors,
        )  # fmt: skip
    size = min(budget["batch"], len(rows))
    table = (x[rows], y[rows] if classes else y[rows] / scale, part[rows])
    batches: Any = Batches(table, size, seed=derive(seed, "batches", fold), drop_last=True)
    if kind == "augmentation":
        batches = Moved(batches, _moved(group, vectors), derive(seed, "moved", fold))

    def predict() -> Tensor:
        pairs = zip(x[there].split(_AT_ONCE), part[there].split(_AT_ONCE), strict=True)
        return torch.cat([network(*pair) for pair in pairs])

    def judge(out: Tensor) -> dict[str, Any]:
        seen, true = y[rows], y[there]
        judged = _of_classes(out, true, seen) if classes else _of_numbers(out * scale, true, seen, vectors)
        error = _asymmetry(network, kind, group, x[there], part[there], held["given"][there], seed, classes, vectors)
        return {**judged, "equivariance_error": error}

    return fold_of(
        network, _entropy if classes else _squares, batches, predict, judge, began=began, rate=3e-3,
        steps=budget["steps"], seed=seed, fold=fold,
    )  # fmt: skip


def _seen(kind: PartKind, held: Any) -> Int[Tensor, "n N"]:
    """The parts in whose frames the network sees a cloud: all of it is one, where it is not told of parts."""
    if kind == "given parts":
        return held["given"]
    return held["found"] if kind == "found parts" else torch.zeros_like(held["given"])


def _scale(y: Tensor) -> float:
    """The root mean square of targets; vectors have no other unit that turns leave alone."""
    return float(y.double().square().mean().sqrt()) or 1.0


def _entropy(network: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Float[Tensor, " B"]:
    x, y, part = batch
    return nn.functional.cross_entropy(network(x, part).mT, y, reduction="none").mean(1)


def _squares(network: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Float[Tensor, " B"]:
    x, y, part = batch
    return (network(x, part) - y).square().mean((1, 2))


def _moved(group: str, vectors: bool) -> Callable[..., Any]:
    """Moves the whole of each cloud by an element of its own, and vectors with it."""
    own, law = parse(group), motions_of(group, 1.0)

    def move(x: Tensor, y: Tensor, part: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        g = matrix(law.draw(len(x), generator)).to(x)[:, None]
        return (1 * Point).act(own, g, x), (y.shape[-1] // 3 * Vector).act(own, g, y) if vectors else y, part

    return move


def _of_classes(out: Float[Tensor, "m N c"], y: Int[Tensor, "m N"], seen: Int[Tensor, "r N"]) -> dict[str, Any]:
    share = torch.bincount(seen.flatten(), minlength=out.shape[-1]).double() / seen.numel()
    return {
        "loss": nn.functional.cross_entropy(out.mT, y, reduction="none").double().mean(1).numpy(),
        "constant": -share.clamp_min(1e-12).log()[y].mean(1).numpy(),
        "right": (out.argmax(-1) == y).double().mean(1).numpy(),
    }


def _of_numbers(
    out: Float[Tensor, "m N q"], y: Float[Tensor, "m N q"], seen: Float[Tensor, "r N q"], vectors: bool
) -> dict[str, Any]:
    best = torch.zeros(y.shape[-1]).double() if vectors else seen.double().mean((0, 1))
    return {
        "loss": (out - y).double().square().mean((1, 2)).numpy(),
        "constant": (best - y.double()).square().mean((1, 2)).numpy(),
    }


def _asymmetry(
    network: OfCells, kind: PartKind, group: str, x: Tensor, part: Tensor, given: Tensor, seed: int, classes: bool,
    vectors: bool,
) -> float:  # fmt: skip
    """The error when parts move each by itself, or when the whole does, for methods that know of no parts."""
    x, part = x[:_ERROR_CLOUDS], part[:_ERROR_CLOUDS]
    cells = part if kind != "plain" else given[:_ERROR_CLOUDS]
    B, n, _ = x.shape
    count = int(cells.max()) + 1
    parts = Segments(cells.flatten(), count)
    clouds = Segments(torch.arange(B).repeat_interleave(n), B)

    def ask(points: Tensor, segments: Segments) -> Tensor:
        rows = points.unflatten(0, (-1, n))
        own = part.repeat(len(rows) // B, 1)
        out = network(rows, own)
        return (out.softmax(-1) if classes else out).flatten(0, 1)

    return equivariance_error(
        ask, parse(group) ** count, x.flatten(0, 1), Piecewise(Point, parts),
        Piecewise("Vector" if vectors else None, parts), segments=clouds, measure=motions_of(group, 1.0) ** count,
        n=_ERROR_DRAWS, seed=derive(seed, "asymmetry"),
    ).mean  # fmt: skip
