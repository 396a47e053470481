"""The sizes of the experiment: a version for two cores and a quarter of an hour, and that of the paper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from isotropy.study import Configuration, Number, OnDevice

DIGITS, SUMS, SHAPES = "digits", "sums over the group", "voxels"
PLAIN, GLOBAL, MOMENTS, CONVOLUTION, BOTH = "plain", "plain, pooled globally", "moments", "convolution", "both"


@dataclass(frozen=True)
class NetworkPlan:
    """A network of ``method`` on digits.

    The convolution is one over ``group`` with ``samples`` elements and these ``weights``, ``rule`` and ``angle``;
    "both" puts canonical pictures in front of one over SO(2), which closes what moments leave open. Elements are the
    same in each step ("never"): drawn anew ("train"), as published, few of them move the features of a picture by more
    than pictures differ, and some hundred steps learn nothing.
    """

    method: str
    group: str = "SL(2)"
    samples: int = 8
    weights: Literal["haar", "none"] = "haar"
    rule: Literal["mc", "sobol"] = "sobol"
    angle: Literal["embed", "log"] = "embed"
    resample: Literal["train", "never"] = "never"

    @property
    def label(self) -> str:
        """What is told apart in tables: the method, and what differs from its defaults."""
        if self.method not in (CONVOLUTION, BOTH):
            return self.method
        usual = NetworkPlan(self.method)
        told = [
            str(self.group) if self.group != usual.group else "",
            f"{self.samples} samples" if self.samples != usual.samples else "",
            "no weights" if self.weights == "none" else "",
            "independent draws" if self.rule == "mc" else "",
            "angles as logarithms" if self.angle == "log" else "",
            "drawn anew in each step" if self.resample == "train" else "",
        ]
        return ", ".join([self.method, *(one for one in told if one)])


@dataclass(frozen=True)
class DigitsPlan(OnDevice):
    """``train`` digits to learn and ``test`` others, in frames of ``side`` cells, none of them augmented.

    ``images`` and ``labels`` are idx files of more digits to train on (those of MNIST's training part); without them
    train and test are parts of the ten thousand. ``channels`` are those of the plain network; the convolution has
    ``dims`` channels for each stage, kernels of ``lift`` cells at first and of ``kernel`` later, and averages ``stem``
    cells to one before lifting, ``pool`` after it. ``rate`` falls along a cosine to 0.
    """

    train: int = 7000
    test: int = 3000
    side: int = 40
    channels: tuple[int, ...] = (32, 64, 64)
    dims: tuple[int, ...] = (10, 10)
    lift: int = 5
    kernel: int = 5
    stem: int = 2
    pool: int = 2
    separable: bool = True
    head: int = 128
    batch: int = 64
    epochs: int = 8
    rate: Number = 2e-3
    decay: Number = 0.0
    images: str = ""
    labels: str = ""


@dataclass(frozen=True)
class SumsPlan:
    """The error of both sides of one equivariance, over ``repeats`` draws of each of ``counts`` elements (§5.4)."""

    counts: tuple[int, ...] = (16, 64, 256, 1024, 4096)
    repeats: int = 10
    width: Number = 0.4


@dataclass(frozen=True)
class ShapesPlan(OnDevice):
    """Voxels ``side``^3 of ``classes`` shapes, each of some bumps, ``train`` upright ones, ``test`` stretched ones.

    Stretches are of the window of deviation ``stretch`` in SL(3); upright ones differ by noise of ``jitter`` in where
    bumps are.
    """

    classes: int = 6
    bumps: int = 4
    side: int = 14
    train: int = 240
    test: int = 240
    jitter: Number = 0.04
    stretch: Number = 0.2
    dims: tuple[int, ...] = (8,)
    samples: int = 6
    batch: int = 24
    epochs: int = 12
    rate: Number = 3e-3
    seeds: int = 3


@dataclass(frozen=True)
class Config(Configuration):
    """What is trained and how often: the four networks that are compared once for each of ``seeds``, ablations once.

    Ablations of the convolution are its numbers of samples ``counts``, its ``groups``, no weights, elements drawn anew
    in each step, and with ``every`` independent draws and angles as logarithms.
    """

    digits: DigitsPlan = field(default_factory=DigitsPlan)
    sums: SumsPlan = field(default_factory=SumsPlan)
    shapes: ShapesPlan = field(default_factory=ShapesPlan)
    seeds: int = 3
    ablations: bool = True
    counts: tuple[int, ...] = (2, 4, 16)
    groups: tuple[str, ...] = ("GL+(2)",)
    every: bool = False
    device: str = "cpu"

    def networks(self) -> Iterator[tuple[NetworkPlan, int]]:
        """The networks, and for how many seeds each."""
        for method in (PLAIN, MOMENTS, CONVOLUTION, BOTH):
            yield NetworkPlan(method), self.seeds
        if not self.ablations:
            return
        yield NetworkPlan(GLOBAL), 1
        others: list[NetworkPlan] = [
            *(NetworkPlan(CONVOLUTION, samples=n) for n in self.counts),
            *(NetworkPlan(CONVOLUTION, group=group) for group in self.groups),
            NetworkPlan(CONVOLUTION, weights="none"),
            NetworkPlan(CONVOLUTION, resample="train"),
        ]
        if self.every:
            others += [NetworkPlan(CONVOLUTION, rule="mc"), NetworkPlan(CONVOLUTION, angle="log")]
        yield from ((one, 1) for one in others)


SMALL = Config(
    digits=DigitsPlan(train=2000, test=1000, channels=(12, 24, 24), dims=(12,), head=64, batch=50, epochs=5, rate=4e-3),
    shapes=ShapesPlan(train=120, test=120, epochs=8),
)
FULL = Config(
    digits=DigitsPlan(
        train=50_000, test=10_000, channels=(64, 128, 128), dims=(40, 40), stem=1, pool=1, separable=False, head=256,
        batch=128, epochs=50, rate=2e-4, decay=5e-3,
    ),
    sums=SumsPlan(counts=(16, 64, 256, 1024, 4096, 16384)),
    shapes=ShapesPlan(side=20, train=1200, test=1200, dims=(16, 16), samples=10, epochs=30),
    groups=("GL+(2)", "SO(2)", "Similarity+(2)"),
    every=True,
)  # fmt: skip
