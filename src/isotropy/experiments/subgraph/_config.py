"""The sizes of the experiment: the paper's own, and a version for two cores and half an hour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from isotropy.data import TU_NAMES
from isotropy.study import Configuration, Number

ACCURACY, EXPRESSIVITY, MEMORY, CENSUS = "accuracy", "expressivity", "memory", "census"
OURS = "ego networks"
METHODS = (OURS, "GIN", "DSS-GNN", "PPGN", "2-IGN")
"""What is trained: ours, three networks of others, and the same layers on whole graphs, the dearest, last."""
SHUFFLED = f"{OURS}, labels shuffled"
"""The control: what is learned where there is nothing to learn."""


@dataclass(frozen=True)
class Training:
    """Ten folds of a set: ``layers`` of ``width`` channels, AdamW at ``rate``, a tenth of it after ``drop`` epochs.

    After ``drop`` more epochs the rate is a hundredth, and so on. ``folds`` keeps the first so many, of which the
    ``control`` with shuffled labels takes at most so many, 0 for none. Networks on subgraphs have a ``norm`` behind
    each layer, "graph", "batch" or "none"; ``jumping`` reads out every layer; ``head`` are the widths behind the
    readout, with ``head_dropout``; ``dropout`` is that of the networks of others. ``average`` is the decay of the
    moving average of weights that is judged, 0 for none. One further fold validates: the epoch that is best on it gives
    the *nested* accuracy. With ``shuffle`` labels are exchanged among the training graphs.

    Parameters: ``epochs, batch, width, layers, rate, drop, dropout, norm, jumping, head, head_dropout, average, folds,
    control, shuffle``.
    """

    epochs: int = 40
    batch: int = 16
    width: int = 32
    layers: int = 3
    rate: Number = 1.5e-3
    drop: int = 20
    dropout: Number = 0.5
    norm: Literal["graph", "batch", "none"] = "batch"
    jumping: bool = True
    head: tuple[int, ...] = ()
    head_dropout: Number = 0.0
    average: Number = 0.0
    folds: int = 10
    control: int = 3
    shuffle: bool = False


@dataclass(frozen=True)
class Apart:
    """Random networks of ``layers`` layers of ``width`` channels, in float64; pairs of EXP, the first ``exp``."""

    layers: int = 3
    width: int = 16
    exp: int = 100


@dataclass(frozen=True)
class Curve:
    """Memory of one forward and backward pass on a 4-regular graph, by its nodes ``n``; ``width`` channels.

    Small graphs show where the curves cross; the slopes are those from 50 nodes on.
    """

    n: tuple[int, ...] = (8, 12, 16, 25, 50, 100, 200, 400, 800)
    width: int = 8
    layers: int = 2


@dataclass(frozen=True)
class Config(Configuration):
    """Which sets are learned by which methods."""

    datasets: tuple[str, ...] = ("MUTAG", "PTC")
    methods: tuple[str, ...] = METHODS
    training: Training = field(default_factory=Training)
    apart: Apart = field(default_factory=Apart)
    curve: Curve = field(default_factory=Curve)


SMALL = Config()
FULL = Config(
    datasets=TU_NAMES,
    training=Training(epochs=50, width=64, layers=4, control=10),
    curve=Curve(n=(8, 12, 16, 25, 50, 100, 200, 400, 800, 1600, 3200)),
)
