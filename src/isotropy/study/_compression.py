"""Lengths that range over decades: learned by their logarithms, vectors by their directions and log-norms.

A column that runs from 1 to 10,000 is, to a learner that sees distances, one cluster and outliers. A scaling moves
logarithms, so what is compressed here answers to scalings by a shift, and to rotations as before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.study._problem import Problem

_DECADES = 100.0  # sizes whose 1 % and 99 % quantiles differ by more than this factor are heavy-tailed
_SMALLEST = 1e-300


@dataclass(frozen=True, eq=False)
class Compression:
    """The columns that are read by their logarithms, and those of vectors by log-norm, with the unit of each norm.

    Source: docs/statistics.md; v -> v asinh(|v| / m) / |v|, which is v / m near zero and grows as log |v|.
    """

    logs: tuple[int, ...]
    vectors: tuple[tuple[int, int], ...]  # first column and the one behind the last
    units: tuple[float, ...]

    @classmethod
    def fit(cls, problem: Problem, x: Float[Tensor, "n p"]) -> Compression | None:
        """What these rows call for; None where no size ranges over two decades."""
        logs: list[int] = []
        vectors: list[tuple[int, int]] = []
        units: list[float] = []
        for part, where in zip(problem.rep_in.parts(), problem.rep_in.columns(problem.dims), strict=True):
            if part.term.affine:
                continue  # the distance of a place from the origin is no size
            width = (where.stop - where.start) // part.multiplicity
            for start in range(where.start, where.stop, width):
                values = x[:, start : start + width]
                if width == 1:
                    if float(values.min()) > 0 and _heavy(values[:, 0]):
                        logs.append(start)
                elif _heavy(sizes := torch.linalg.vector_norm(values, dim=1)):
                    vectors.append((start, start + width))
                    units.append(float(torch.quantile(sizes[sizes > 0], 0.1)))
        return cls(tuple(logs), tuple(vectors), tuple(units)) if logs or vectors else None

    def apply(self, x: Float[Tensor, "... p"]) -> Float[Tensor, "... p"]:
        """The same columns, compressed."""
        columns = list(x.unbind(-1))
        for k in self.logs:
            columns[k] = columns[k].clamp_min(_SMALLEST).log()
        for (start, stop), unit in zip(self.vectors, self.units, strict=True):
            scaled = x[..., start:stop] / unit
            size = (scaled.square().sum(-1) + _SMALLEST).sqrt()
            shrink = torch.where(size > 1e-6, size.asinh() / size, torch.ones_like(size))
            columns[start:stop] = [column * shrink for column in scaled.unbind(-1)]
        return torch.stack(columns, -1)

    def state(self) -> dict[str, Any]:
        return {"logs": list(self.logs), "vectors": [list(v) for v in self.vectors], "units": list(self.units)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Compression:
        vectors = tuple((int(start), int(stop)) for start, stop in state["vectors"])
        return cls(tuple(int(k) for k in state["logs"]), vectors, tuple(float(u) for u in state["units"]))


def _heavy(sizes: Float[Tensor, " n"]) -> bool:
    present = sizes[sizes > 0]
    if len(present) < len(sizes) // 2:
        return False
    low, high = torch.quantile(present, torch.tensor([0.01, 0.99], dtype=present.dtype)).tolist()
    return high > _DECADES * low
