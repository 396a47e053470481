"""What is trained for each method: a network, the rows as it sees them, its loss, and how it predicts."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.utils import _pytree as tree

from isotropy.comparison._methods import Budget, Kind, acting
from isotropy.comparison._own import Own, best_constant
from isotropy.errors import DomainError
from isotropy.frames.parts import PosedRows, canonical_frame, pose_frame
from isotropy.groups import Draws, T
from isotropy.nn import EMLP
from isotropy.random import derive, spawn
from isotropy.reps import Standardiser, linear_part
from isotropy.soft import Constraint, Evidence, ProjectionPenalty, attach, hidden_rep
from isotropy.study import Candidate, Preparation, Problem, penalised

_RATE, _RATE_LAYERS = 3e-3, 1e-2
_UPDATES = 15  # of the strengths of soft penalties, over the whole training
Batch = tuple[Tensor, Tensor]


class GatedNetwork(nn.Module):
    """``(..., n_in) -> (..., n_out)``: a linear map to ``width``, ``depth`` gated residual layers, a linear map.

    A layer is ``z + O(silu(a) * b)`` with ``(a, b) = L z``. Products of features, which most laws contain, are learnt
    from far fewer rows than by a perceptron, and go on growing beyond the data; normalised features would not. It knows
    of no group. Source: Shazeer, arXiv:2002.05202 (gates); He et al., CVPR 2016 (residual layers).

    >>> from isotropy.random import spawn
    >>> import torch
    >>> GatedNetwork(20, 9, width=32, depth=2, generator=spawn(0, "net"))(torch.ones(7, 20)).shape
    torch.Size([7, 9])
    """

    def __init__(self, n_in: int, n_out: int, *, width: int = 128, depth: int = 1, generator: Generator) -> None:
        super().__init__()
        self.enter = nn.Linear(n_in, width)
        self.gates = nn.ModuleList(nn.Linear(width, 2 * width) for _ in range(depth))
        self.mixes = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.head = nn.Linear(width, n_out)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                # The start of torch's own linear layers, drawn from our stream.
                nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=generator)
                bound = 1 / math.sqrt(layer.in_features)
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)

    def layers_in_order(self) -> list[Callable[[Tensor], Tensor]]:
        """All that it does, one after the other, which is what a budget of memory is planned for."""
        return [self.enter, *map(Gated, self.gates, self.mixes), self.head]

    def forward(self, x: Float[Tensor, "... n_in"]) -> Float[Tensor, "... n_out"]:
        for layer in self.layers_in_order():
            x = layer(x)
        return x


@dataclass(frozen=True)
class Gated:
    """``z + mix(silu(a) * b)`` with ``(a, b) = gate(z)``."""

    gate: nn.Module
    mix: nn.Module

    def __call__(self, z: Tensor) -> Tensor:
        a, b = self.gate(z).chunk(2, -1)
        return z + self.mix(nn.functional.silu(a) * b)


@dataclass(frozen=True, eq=False)
class Trainee(ABC):
    """A network ``core`` on prepared rows in single precision; everything around it is computed in double."""

    core: nn.Module
    problem: Problem
    preparation: Preparation
    rate: float
    spread: (
        float  # mean square of the targets of the training rows as the plain network sees them, or a constant's loss
    )
    own: Own

    def optimizer(self) -> torch.optim.Optimizer:
        """Adam, afresh."""
        return torch.optim.Adam(self.core.parameters(), lr=self.rate)

    def constraints(self, epochs: int) -> list[Constraint]:
        """Penalties of a training of so many epochs."""
        return []

    def prepared(self, core: Callable[[Tensor], Tensor], x: Float[Tensor, "... p"]) -> Float[Tensor, "... q"]:
        """``core`` on standardised columns, in its own precision; its outputs in the unit of the targets."""
        z = self.preparation.inputs.apply(x).to(next(self.core.parameters()).dtype)
        return self.preparation.targets.restore(core(z).double())

    def lost(self, prediction: Float[Tensor, "B q"], y: Float[Tensor, "B q"]) -> Float[Tensor, " B"]:
        """Losses of rows in one unit for all methods, so that clipped gradients are equally large, too."""
        loss = (prediction - y).square().mean(-1) if self.own.function is None else self.own.each(prediction, y)
        return loss / self.spread

    @abstractmethod
    def table(self, rows: Int[Tensor, " m"]) -> Batch:
        """The rows as batches hold them."""

    @abstractmethod
    def loss(self, core: nn.Module, batch: Batch) -> Float[Tensor, " B"]:
        """The loss of each row of a batch; in train mode the rows may be moved."""

    def predict(self, x: Float[Tensor, "n p"]) -> Float[Tensor, "n q"]:
        """Targets for raw inputs."""
        return self.prepared(self.core, x)


@dataclass(frozen=True, eq=False)
class Direct(Trainee):
    """Rows as they are: the plain network, the soft one, and exact layers."""

    penalty: ProjectionPenalty | None = None

    def constraints(self, epochs: int) -> list[Constraint]:
        if self.penalty is None:
            return []
        return [Constraint(self.penalty, multiplier=Evidence(every=max(1, epochs // _UPDATES)))]

    def table(self, rows: Int[Tensor, " m"]) -> Batch:
        inputs, targets = self.preparation.inputs, self.preparation.targets
        if self.own.function is not None:
            return inputs.apply(self.problem.x[rows]).float(), self.problem.y[rows].float()
        return inputs.apply(self.problem.x[rows]).float(), targets.apply(self.problem.y[rows]).float()

    def loss(self, core: nn.Module, batch: Batch) -> Float[Tensor, " B"]:
        if self.own.function is not None:
            return self.lost(self.preparation.targets.restore(core(batch[0])), batch[1])
        scale = float(self.preparation.targets.scale[0])  # one for all targets
        return (core(batch[0]) - batch[1]).square().mean(-1) * (scale**2 / self.spread)


@dataclass(frozen=True, eq=False)
class Augmented(Trainee):
    """Each row is moved by a random element whenever it is seen."""

    candidate: Candidate
    generator: torch.Generator

    def table(self, rows: Int[Tensor, " m"]) -> Batch:
        return self.problem.x[rows], self.problem.y[rows]

    def loss(self, core: nn.Module, batch: Batch) -> Float[Tensor, " B"]:
        x, y = batch
        if core.training:
            drawn = Draws.of(self.candidate.measured, 1).take(len(x), self.generator, dtype=x.dtype)
            group, g = drawn.group, tree.tree_map(lambda part: part[:, 0], drawn.g)
            x, y = self.problem.rep_in.act(group, g, x), self.problem.rep_out.act(group, g, y)
        return self.lost(self.prepared(core, x), y)


@dataclass(frozen=True, eq=False)
class Posed(Trainee):
    """Each row is seen in a random one of its poses while training, and in all of them afterwards.

    The poses of all rows are found once. A batch holds the numbers of its rows.
    """

    pose: PosedRows
    g: Tensor
    weight: Float[Tensor, "n F"]
    generator: torch.Generator

    def table(self, rows: Int[Tensor, " m"]) -> Batch:
        return rows, rows

    def loss(self, core: nn.Module, batch: Batch) -> Float[Tensor, " B"]:
        rows, _ = batch
        x, y = self.problem.x[rows], self.problem.y[rows]
        if not core.training:
            return self.lost(self._averaged(core)(x), y)
        pose, group = self.pose, self.pose.group
        drawn = torch.multinomial(self.weight[rows], 1, generator=self.generator)[:, 0]
        g = self.g[rows, drawn]
        inside = self.prepared(core, pose.rep_in.act(group, group.inverse(g), x))
        return self.lost(pose.rep_out.act(group, g, inside), y)

    def predict(self, x: Float[Tensor, "n p"]) -> Float[Tensor, "n q"]:
        return self._averaged(self.core)(x)

    def _averaged(self, core: nn.Module) -> Callable[[Tensor], Tensor]:
        return self.pose.close(lambda z: self.prepared(core, z))


def trainee_of(
    kind: Kind, problem: Problem, candidate: Candidate | None, rows: Int[Tensor, " m"], spend: Budget, seed: int,
    own: Own = Own(),  # noqa: B008  frozen
) -> Trainee:  # fmt: skip
    """What a method trains on these rows; methods with the same network start from the same weights.

    Exact layers are on Points seen from their centroid where the group translates.
    """
    start, draws = spawn(seed, "weights"), spawn(seed, "draws")
    rep_in, rep_out = problem.rep_in, problem.rep_out
    plain = Preparation.fit(problem, problem.x[rows], problem.y[rows])
    unit = _Unit(
        float(plain.targets.scale[0]) ** 2 if own.function is None else _of_constant(own, problem.y[rows]), own
    )
    if kind == "layers":
        assert candidate is not None
        group, ends = candidate.group, (linear_part(rep_in), linear_part(rep_out))
        layers = EMLP(*ends, acting(group), ch=spend.channels, depth=spend.blocks, generator=start)
        if not group.affine:
            prepared = Preparation.fit(replace(problem, candidates=(candidate,)), problem.x[rows], problem.y[rows])
            return Direct(layers, problem, unit.of(prepared), _RATE_LAYERS, *unit)
        pose = pose_frame(T(group.degree).on(group.space), rep_in, rep_out)
        preparation, g, weight = _posed(problem, candidate, pose, rows)
        return Posed(layers, problem, unit.of(preparation), _RATE_LAYERS, *unit, pose, g, weight, start)
    width, (n_in, n_out) = spend.width, (problem.x.shape[1], problem.y.shape[1])
    rate = own.rate or _RATE
    core = own.network(n_in, n_out, derive(seed, "own weights"))
    if core is None:
        core = GatedNetwork(n_in, n_out, width=width, depth=spend.depth, generator=start)
    if kind in ("plain", "soft"):
        penalty = _penalty(problem, core, width) if isinstance(core, GatedNetwork) and kind == "soft" else None
        return Direct(core, problem, unit.of(plain), rate, *unit, penalty)
    assert candidate is not None
    if kind == "augmentation":
        return Augmented(core, problem, unit.of(plain), rate, *unit, candidate, draws)
    pose = (pose_frame if kind == "frames" else canonical_frame)(candidate.group, rep_in, rep_out)
    preparation, g, weight = _posed(problem, candidate, pose, rows)
    return Posed(core, problem, unit.of(preparation), rate, *unit, pose, g, weight, draws)


class _Unit(NamedTuple):
    """The loss that counts as 1, and which loss it is."""

    spread: float
    own: Own

    def of(self, preparation: Preparation) -> Preparation:
        """Logits have no unit that targets could give them."""
        if not self.own.classes:
            return preparation
        zero = torch.zeros_like(preparation.targets.shift)
        return replace(preparation, targets=replace(preparation.targets, shift=zero, scale=zero + 1))


def _of_constant(own: Own, y: Float[Tensor, "m q"]) -> float:
    return float(own.each(best_constant(own, y).expand_as(y), y).mean()) or 1.0


def _posed(
    problem: Problem, candidate: Candidate, pose: PosedRows, rows: Int[Tensor, " m"]
) -> tuple[Preparation, Tensor, Float[Tensor, "n F"]]:
    """Columns in the units that rows have when they are posed, and the poses of all rows with their weights."""
    g, weight, degenerate = pose.atoms(problem.x)
    group = pose.group
    # A row without a size of its own says nothing about units: divided by nearly zero, its target would be all of them.
    plain = rows[~degenerate[rows]]
    shown = plain if len(plain) else rows
    first = group.inverse(g[shown, weight[shown].argmax(1)])
    x, y = pose.rep_in.act(group, first, problem.x[shown]), pose.rep_out.act(group, first, problem.y[shown])
    preparation = Preparation.fit(replace(problem, candidates=(candidate,)), x, y)
    return replace(preparation, targets=_typical(preparation.targets, y)), g, weight


def _typical(targets: Standardiser, y: Float[Tensor, "m q"]) -> Standardiser:
    """The scale of a typical row: divided by the size of their inputs, a few targets can be beyond all others."""
    size = (y - targets.shift).square().mean(-1).sqrt().median()
    return replace(targets, scale=size.expand_as(targets.scale).clone()) if size > 0 else targets


def _penalty(problem: Problem, core: GatedNetwork, width: int) -> ProjectionPenalty:
    """One penalty for each candidate on all weights of the network, whose features are read as scalars, vectors, ..."""
    groups = penalised(problem)
    if not groups:
        raise DomainError("no candidate for soft layers", "a group that acts by orthogonal matrices")
    hidden = hidden_rep(groups, width)
    types = {"enter": (problem.rep_in, hidden), "head": (hidden, problem.rep_out)}
    for i in range(len(core.gates)):
        types |= {f"gates.{i}": (hidden, hidden + hidden), f"mixes.{i}": (hidden, hidden)}
    return attach(core, types, groups)
