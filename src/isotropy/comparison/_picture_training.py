"""One way to use a symmetry of pictures, on one fold: a network, trained, and asked about pictures it never saw."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from isotropy.comparison._fold import fold_of
from isotropy.data import Batches, Moved
from isotropy.errors import DomainError, IsotropyError
from isotropy.frames import MomentFrame
from isotropy.groups import SO, Group
from isotropy.measure import equivariance_error
from isotropy.nn import GroupResNet
from isotropy.optics import average
from isotropy.random import derive, spawn
from isotropy.reps import Field, Scalar
from isotropy.runs import Run
from isotropy.soft import Ascent, GroupTransforms, ImageOps, InvarianceConstraint, suggest_bound
from isotropy.study import Candidate, cross_entropy, picture_network

PictureKind = Literal["plain", "TrivialAugment", "augmentation", "constrained", "frames", "coordinates", "layers"]
PICTURE_KINDS: tuple[PictureKind, ...] = get_args(PictureKind)
PICTURES = "pictures.safetensors"
ANGLES = 8  # of a circle, over which frames of turns average
_AT_ONCE = 256
_ERROR_ROWS, _ERROR_DRAWS = 64, 8
_DRIVE = 6.0  # what a violation of 1 nat adds to the multiplier over the whole training, as for discover
_SAMPLES, _DIMS = 6, (10,)  # elements and channels of the convolution: what two cores can train
_WHOLE = 16  # elements of a finite group at most: two cores train no more


def train_pictures(
    run: Run, *, seed: int, kind: PictureKind, candidate: dict[str, Any], under: dict[str, Any], fold: int,
    budget: dict[str, int],
) -> dict[str, Any]:  # fmt: skip
    """Losses (nats) of the held-out pictures, which classes are right, and what the training took.

    ``candidate`` is the group that is used, ``under`` the one whose error is told; both as ``Candidate.as_json``.
    """
    held = run.read(PICTURES)
    x, y, folds = held["x"], held["y"], held["fold"]
    classes, there = int(y.max()) + 1, folds == fold
    rows = (~there).nonzero()[:, 0]
    used = Candidate.from_json(candidate) if candidate else None
    field = Field(x.shape[1] * Scalar)
    began = time.process_time()
    network, view = built(kind, used, x, classes, derive(seed, "fold", fold))
    steps, size = budget["steps"], min(budget["batch"], len(rows))
    batches = _batches(kind, used, field, (x[rows], y[rows]), view, size, derive(seed, "batches", fold))
    constraints: list[Any] = []
    if kind == "constrained":
        assert used is not None
        bound = suggest_bound(0.1 * math.log(classes), classes)
        transforms = GroupTransforms(used.measured, field)
        constraints = [InvarianceConstraint(transforms, bound, multiplier=Ascent(lr=_DRIVE / steps))]

    def ask(pictures: Tensor) -> Tensor:
        return torch.cat([network(view(part)) for part in pictures.split(_AT_ONCE)])

    def predict() -> Tensor:
        return torch.cat([ask(part.float() / 255) for part in x[there].split(_AT_ONCE)])

    def judge(scores: Tensor) -> dict[str, Any]:
        share = torch.bincount(y[rows], minlength=classes).double() / len(rows)
        some = x[there][:_ERROR_ROWS].float() / 255
        return {
            "loss": nn.functional.cross_entropy(scores, y[there], reduction="none").double().numpy(),
            "constant": -share.clamp_min(1e-12).log()[y[there]].numpy(),
            "right": (scores.argmax(1) == y[there]).double().numpy(),
            "equivariance_error": _asymmetry(ask, Candidate.from_json(under), some, field, classes, seed),
        }

    return fold_of(
        network, cross_entropy, batches, predict, judge, began=began, rate=2e-3, steps=steps, seed=seed, fold=fold,
        constraints=constraints,
    )  # fmt: skip


View = Callable[[Tensor], Tensor]


def built(
    kind: PictureKind, candidate: Candidate | None, x: UInt8[Tensor, "n C H W"], classes: int, seed: int
) -> tuple[nn.Module, View]:
    """The network of one method, and what is done to pictures before it.

    Raises DomainError, with the reason, where there is no such method for the group or the pictures.
    """
    channels, sides = x.shape[1], (x.shape[2], x.shape[3])
    group = None if candidate is None else candidate.group
    plain = picture_network(channels, sides, classes, seed)
    if kind == "frames":
        assert group is not None
        return _Averaged(plain, group, channels, classes), _as_it_is
    if kind == "coordinates":
        frame = MomentFrame(str(group))
        frame.canonicalise(x[:1].float() / 255)
        return plain, lambda pictures: frame.canonicalise(pictures)[0]
    if kind == "layers":
        assert group is not None
        if group.affine or group.projective:
            expected = "a linear group of the plane: every convolution takes shifts along"
            raise DomainError(f"a convolution over {group}", expected, "SO(2), SL(2), GL+(2), Similarity+(2)")
        order = group.order
        if order is not None and order > _WHOLE:
            expected = f"at most {_WHOLE} elements: of fewer than all a convolution is not equivariant"
            raise DomainError(f"a convolution over the {order} elements of {group}", expected)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "layers"))
            # Large pictures are averaged over two by two cells first: a convolution of all elements is dear.
            stem = 2 if max(sides) > 20 else 1
            samples = _SAMPLES if order is None else order
            return GroupResNet(
                str(group), _DIMS, samples, in_channels=channels, num_classes=classes, separable=True, stem=stem,
                head=64, dropout=0.0, resample="never",
            ), _as_it_is  # fmt: skip
    return plain, _as_it_is


class _Averaged(nn.Module):
    """A network averaged over a finite group that moves cells to cells, or over equal turns of a circle."""

    def __init__(self, network: nn.Module, group: Group, channels: int, classes: int) -> None:
        super().__init__()
        if not group.finite and not (isinstance(group, SO) and group.degree == 2):
            raise DomainError(f"frames {group} on pictures", f"a finite group, or SO(2) by {ANGLES} angles")
        self.network, self.group = network, group
        taken = group if group.finite else f"C({ANGLES})"
        self.lens = average(taken, Field(channels * Scalar), classes * Scalar)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        return self.lens.close(self.network)(x)


def why_missing(kind: PictureKind, candidate: Candidate, x: UInt8[Tensor, "n C H W"], classes: int) -> str:
    """Why there is no such method for a group and these pictures; empty where there is one."""
    try:
        network, view = built(kind, candidate, x, classes, 0)
        with torch.no_grad():
            network.eval()(view(x[:2].float() / 255))
            if kind == "coordinates":  # which one picture may have none of
                for part in x.split(_AT_ONCE):
                    view(part.float() / 255)
    except IsotropyError as error:
        return str(error)
    return ""


def _as_it_is(pictures: Tensor) -> Tensor:
    return pictures


def _batches(
    kind: PictureKind, candidate: Candidate | None, field: Field, rows: tuple[Tensor, Tensor], view: View, size: int,
    seed: int,
) -> Any:  # fmt: skip
    """Batches of bytes that become numbers, are moved by chance where the method says so, and seen as it sees them."""
    law: Any = None  # a TransformSet: what it draws is its own kind of parameters
    if kind == "TrivialAugment":
        law = ImageOps("standard", include_identity=True)
    elif kind == "augmentation":
        assert candidate is not None
        law = GroupTransforms(candidate.measured, field)

    def seen(x: Tensor, y: Int[Tensor, " B"], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        pictures = x.float() / 255
        if law is not None:
            pictures = law.apply(law.sample(len(x), generator), pictures).clamp(0, 1)
        return view(pictures), y

    return Moved(Batches(rows, size, seed=seed, drop_last=True), seen, seed)


def _asymmetry(ask: View, under: Candidate, x: Tensor, field: Field, classes: int, seed: int) -> float:
    return equivariance_error(
        lambda pictures: ask(pictures).softmax(1), under.measured, x, field, classes * Scalar, n=_ERROR_DRAWS,
        seed=derive(seed, "asymmetry"), chunk=_AT_ONCE,
    ).mean  # fmt: skip


def folds_of_pictures(y: Int[Tensor, " n"], count: int, seed: int) -> Int[Tensor, " n"]:
    """The fold of each picture; classes are spread evenly.

    >>> torch.bincount(folds_of_pictures(torch.tensor([0, 1] * 9), 3, 0)).tolist()
    [6, 6, 6]
    """
    order = torch.randperm(len(y), generator=spawn(seed, "folds"))
    fold = torch.empty_like(y)
    fold[order[y[order].argsort(stable=True)]] = torch.arange(len(y)) % count
    return fold
