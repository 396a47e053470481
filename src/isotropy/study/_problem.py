"""What every job of one question reads: the data, the candidates and a few settings, as files of the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.groups import Group
from isotropy.linalg import nullspace
from isotropy.measure import Dependence
from isotropy.measure.parts import split_halves
from isotropy.random import spawn
from isotropy.reps import Rep, Scalar, Schema, equivariant_basis
from isotropy.runs import Job, Run
from isotropy.study._candidates import Candidate, dims_of
from isotropy.study._trials import job_of

# Evaluations of a model, rows x draws, spent on one candidate and one half of the data.
_EVALUATIONS = 150_000
# Elements drawn for each row. The rows, not the draws, limit what can be known: long tables do with fewer draws.
_MOST_DRAWS, _FEWEST_DRAWS = 32, 8
_SHORT, _DRAWS = 1000, 16
_TURNS = 10  # splits of a series begin at tenths of it, so that five of them go half-way round
CONSTANT = 1e-10  # a spread below this share of the size of the targets is rounding


@dataclass(frozen=True)
class TargetPart:
    """One part of the target: its name and its columns."""

    name: str
    columns: slice

    @property
    def outputs(self) -> int:
        return self.columns.stop - self.columns.start


@dataclass(frozen=True, eq=False)
class Problem:
    """Typed data and candidates; ``unit (n,)`` numbers the independent units 0, 1, ... without gaps."""

    x: Float[Tensor, "n p"]
    y: Float[Tensor, "n q"]
    unit: Int[Tensor, " n"]
    types: Schema
    candidates: tuple[Candidate, ...]
    seed: int
    robust: bool = False  # whether far residuals pull no more than near ones
    dependence: Dependence = Dependence()  # of the rows, as the door saw it; jobs do not need it
    series: Tensor | None = None  # (n,) long blocks of a series, which a randomisation test moves as a whole

    @property
    def rep_in(self) -> Rep:
        return self.types.x

    @property
    def rep_out(self) -> Rep:
        return self.types.y

    @cached_property
    def dims(self) -> dict[str, int]:
        """Dimensions of the spaces: those that the types declare, else those of the candidates and of the columns."""
        return dims_of(self.types, [candidate.group for candidate in self.candidates], self.x, self.y)

    @property
    def translated(self) -> bool:
        """Whether a candidate translates, so that only places relative to each other may matter."""
        return any(candidate.group.affine for candidate in self.candidates)

    @cached_property
    def bodies(self) -> Int[Tensor, "bodies k"] | None:
        """The columns of each body where the inputs are m copies of everything, ``5*Scalar + 5*Vector``; else None."""
        parts = self.rep_in.parts()
        counts = {part.multiplicity for part in parts}
        if len(counts) != 1 or counts == {1}:
            return None
        (m,) = counts
        columns = [torch.arange(where.start, where.stop) for where in self.rep_in.columns(self.dims)]
        return torch.cat([part.unflatten(0, (m, -1)) for part in columns], dim=1)

    def few(self, rows: Int[Tensor, " m"]) -> Problem:
        """The same question on some rows, each a unit of its own."""
        return replace(self, x=self.x[rows], y=self.y[rows], unit=torch.arange(len(rows)))

    def half(self, split: int) -> Int[Tensor, " n"]:
        """The half, 0 or 1, of each row in a split; units stay whole, and the halves of a series are contiguous."""
        if self.series is not None:
            blocks = int(self.unit.max()) + 1
            return ((self.unit - split * blocks // _TURNS) % blocks >= blocks // 2).long()
        return split_halves(self.unit, self.seed, split)

    def draws(self, candidate: Candidate) -> int:
        """How many elements move each row: all of a small finite group, else as many random ones as help."""
        order = candidate.group.order
        if order is not None and order <= _MOST_DRAWS:
            return order
        if len(self.x) < _SHORT:
            return _MOST_DRAWS
        return max(_FEWEST_DRAWS, min(_DRAWS, 2 * _EVALUATIONS // len(self.x)))

    def measured(self, candidate: Candidate) -> Int[Tensor, " m"]:
        """The rows on which a candidate is judged: all, or a random subset that the budget affords."""
        affordable = 2 * _EVALUATIONS // self.draws(candidate)
        if affordable >= len(self.x):
            return torch.arange(len(self.x))
        chosen = torch.randperm(len(self.x), generator=spawn(self.seed, "measured rows"))[:affordable]
        return chosen.sort().values

    @cached_property
    def parts(self) -> tuple[TargetPart, ...]:
        """The parts of the target, each judged in its own energy: the terms of its type, with their names."""
        named = [part.name or str(part.multiplicity * part.atom) for part in self.rep_out.parts()]
        return tuple(
            TargetPart(name if named.count(name) == 1 else f"{name} ({named[:k].count(name) + 1})", columns)
            for k, (name, columns) in enumerate(zip(named, self.rep_out.columns(self.dims), strict=True))
        )

    @cached_property
    def spreads(self) -> Float[Tensor, " K"]:
        """The mean energy of each part about its own mean (about 0 for a part that is the same in every row)."""
        about, whole = (self.y - self.y.mean(0)).square().mean(0), self.y.square().mean(0)
        energies = [(float(about[part.columns].sum()), float(whole[part.columns].sum())) for part in self.parts]
        varies = [v if v > CONSTANT**2 * size else size for v, size in energies]
        return torch.tensor([v or 1.0 for v in varies], dtype=torch.float64)

    def comparable(self, values: Float[Tensor, "... q"]) -> Float[Tensor, "... q"]:
        """Targets in units in which every part has the mean energy 1 over all K, so that they sum to shares."""
        unit = torch.ones(values.shape[-1], dtype=values.dtype)
        for part, spread in zip(self.parts, self.spreads.tolist(), strict=True):
            unit[part.columns] = (spread * len(self.parts)) ** -0.5
        return values * unit

    def losses(self, residual: Float[Tensor, "n q"]) -> Float[Tensor, "K n"]:
        """The squared error of each row, part by part."""
        return torch.stack([residual[:, part.columns].square().sum(-1) for part in self.parts])

    def centre(self, y: Float[Tensor, "n q"], candidate: Candidate | None = None) -> Float[Tensor, " q"]:
        """The best constant for these targets that is invariant under the candidate; by default, under all of them."""
        chosen = self.candidates if candidate is None else (candidate,)
        groups = tuple(one.group for one in chosen)
        basis = _invariant_constants(self.rep_out, groups, tuple(self.dims.items())).to(y)
        return basis @ (basis.mT @ y.mean(0))

    def job(self, function: Callable[..., Any], **arguments: Any) -> Job:
        """The call ``function(run, seed=..., **arguments)``, which loads this problem from the run."""
        return job_of(function, self.seed, **arguments)

    def save(self, run: Run) -> None:
        series = {} if self.series is None else {"series": self.series.numpy()}
        run.write("data.npz", {"x": self.x.numpy(), "y": self.y.numpy(), "unit": self.unit.numpy(), **series})
        run.write(
            "problem.json",
            {
                "types": self.types.to_yaml(),
                "candidates": [candidate.as_json() for candidate in self.candidates],
                "seed": self.seed,
                "robust": self.robust,
            },
        )

    @staticmethod
    def load(run: Run) -> Problem:
        stamp = (run.path / "problem.json").stat().st_mtime_ns
        return _load(run.path, stamp)


@lru_cache(maxsize=4)
def _load(path: Path, stamp: int) -> Problem:
    """One reading per process: jobs of one run share it; ``stamp`` tells a rewritten problem from the old one."""
    run = Run.attach(path)
    arrays, described = run.read("data.npz"), run.read("problem.json")
    described_candidates: Sequence[dict[str, Any]] = described["candidates"]
    return Problem(
        *(torch.from_numpy(arrays[name]) for name in ("x", "y", "unit")),
        types=Schema.from_yaml(described["types"]),
        candidates=tuple(Candidate.from_json(item) for item in described_candidates),
        seed=described["seed"],
        robust=described["robust"],
        series=torch.from_numpy(arrays["series"]) if "series" in arrays else None,
    )


def penalised(problem: Problem) -> list[Group]:
    """The candidates that act orthogonally and translate nothing: layers have subspaces that are theirs to keep."""
    return [
        candidate.group
        for candidate in problem.candidates
        if candidate.group.compact and problem.rep_in.orthogonal(candidate.group)
        and problem.rep_out.orthogonal(candidate.group)
    ]  # fmt: skip


@lru_cache(maxsize=16)
def _invariant_constants(rep_out: Rep, groups: tuple[Group, ...], dims: tuple[tuple[str, int], ...]) -> Tensor:
    """An orthonormal basis ``(q, r)`` of the targets that every group leaves alone; types and groups decide it."""
    return nullspace(torch.cat([_not_invariant(rep_out, group, dict(dims)) for group in groups])).basis


def _not_invariant(rep_out: Rep, group: Group, dims: dict[str, int]) -> Float[Tensor, "q q"]:
    """The projector on what a group moves among constant targets; a Point that is translated has none fixed."""
    size = rep_out.dim(group, dims)
    identity = torch.eye(size, dtype=torch.float64)
    if any(part.term.affine for part in rep_out.parts()):
        return identity
    basis = equivariant_basis(Scalar, rep_out, group, dims=dims)
    inside = basis.maps.reshape(basis.dim, size).to(torch.float64)
    return identity - inside.mT @ inside
