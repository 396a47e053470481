"""What is conserved: after the verdicts, of data whose rows are moments of motions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isotropy.data import Dataset
from isotropy.discovery._findings import GroupFinding
from isotropy.discovery._unlisted import Unlisted
from isotropy.discovery._verdicts import HOLDS
from isotropy.dynamics import Judged, Law, Laws, PointGenerator, Trajectories, laws_of
from isotropy.errors import DtypeError, ShapeError
from isotropy.study import Candidate

SEEN = (*HOLDS, "none seen")


@dataclass(frozen=True)
class Conserved:
    """One symmetry of the motions and the quantity that belongs to it: ``found.conserved[0](q, v)`` is its value.

    ``generator`` is the matrix that moves positions (homogeneous where it translates), ``tau`` how much time moves,
    ``dilation`` by how much it is stretched. ``drift`` is the largest |J(t) - J(0)| of a track in standard deviations
    of J over tracks, averaged, with the ends of a 95 % interval; ``bound`` the mean of what it may at most be, as
    measured; ``floor`` the drift of a generator that is no symmetry, ``expected`` that of a true quantity under the
    noise of the data, ``note`` why the motions cannot decide, where that is known.
    """

    name: str
    generator: tuple[tuple[float, ...], ...]
    tau: float
    dilation: float
    group: str
    drift: float
    low: float
    high: float
    bound: float
    floor: float
    expected: float
    verdict: Judged
    note: str = ""
    law: Law | None = field(default=None, compare=False, repr=False, metadata={"json": False})

    @classmethod
    def of(cls, law: Law) -> Conserved:
        drift = law.drift
        return cls(
            law.name, tuple(tuple(row) for row in law.generator.matrix()), law.generator.tau, law.generator.dilation,
            law.group, drift.mean, drift.low, drift.high, float(drift.bound.mean()), law.floor.mean, law.expected,
            law.verdict, law.note, law,
        )  # fmt: skip

    def __call__(self, q: Any, v: Any, t: Any = None) -> Tensor:
        """The quantity of positions and velocities ``(n, d)``; ``t (n,)`` where time is stretched.

        Raises ShapeError for one read from a file: the Lagrangian behind it is not stored.
        """
        if self.law is None:
            raise ShapeError(f"{self.name} without its Lagrangian", "the answer of discover itself, not a file of it")
        q, v = (torch.as_tensor(np.asarray(part), dtype=torch.float64) for part in (q, v))
        times = None if t is None else torch.as_tensor(np.asarray(t), dtype=torch.float64)
        return self.law.quantity(q, v, times)


@dataclass(frozen=True, eq=False)
class Motions:
    """The moments that a discovery was about, and the laws found in them, for report and files."""

    moments: Trajectories
    laws: Laws

    def arrays(self) -> dict[str, Any]:
        """The file conserved.npz: values (n, m) of the quantities in the order of the rows, and where, when, which."""
        m, back = self.moments, torch.argsort(self.moments.order)
        found = [law.quantity.of(m) for law in self.laws.laws]
        value = torch.stack(found, 1) if found else m.q.new_zeros(len(m.q), 0)
        parts = {"value": value, "position": m.q, "velocity": m.v, "track": m.tracks.label, "time": m.t}
        return {name: part[back].numpy() for name, part in parts.items()}


def timed(data: Dataset, time: Iterable[Any] | None) -> Dataset:
    """The data set with these times, where some are given.

    Raises DtypeError for what are no numbers, dates too, and ShapeError for another number of times than rows.
    """
    if time is None:
        return data
    times = np.asarray(time)
    if times.dtype.kind not in "mM":
        with suppress(TypeError, ValueError):
            times = times.astype(np.float64)
    if times.dtype.kind != "f":
        hint = "a motion is measured in them: give seconds since its start, where velocities are per second"
        raise DtypeError(f"time of dtype {times.dtype}", "numbers, in the unit of time of the velocities", hint)
    if times.shape != (data.rows,):
        raise ShapeError(f"time of shape {tuple(times.shape)}", f"({data.rows},), one time for each row")
    return replace(data, time=torch.from_numpy(times))


def conserved_in(
    data: Dataset,
    moments: Trajectories,
    candidates: Sequence[Candidate],
    groups: Sequence[GroupFinding],
    unlisted: Sequence[Unlisted],
    seed: int,
) -> Motions:
    """The laws of the motions, with the generators of every group that the verdicts support."""
    supported: dict[str, list[PointGenerator]] = {}
    held = {f.name for f in groups if f.verdict in SEEN}
    for candidate in candidates:
        if candidate.name in held and candidate.group.dim:
            supported[candidate.name] = _generators(data, candidate)
    for one in unlisted:
        supported[one.name or one.group] = [PointGenerator.of(A, d=moments.q.shape[1]) for A in one.generators]
    return Motions(moments, laws_of(moments, supported, seed=seed))


def _generators(data: Dataset, candidate: Candidate) -> list[PointGenerator]:
    """The generators of a group on the columns of the position; none of what does more than a matrix there."""
    types, group = data.types, candidate.group
    assert types.dynamics is not None
    known = types.known_dims(data.x.shape[1], data.y.shape[1])
    if group.affine or not isinstance(group.algebra.basis, Tensor):
        return []
    parts: Mapping[str, slice] = {
        part.name: columns for part, columns in zip(types.x.parts(), types.x.columns(known), strict=True)
    }
    columns = parts[types.dynamics["position"]]
    moved = types.x.drho(group, group.algebra.basis, known)[:, columns, columns]
    return [PointGenerator.of(A) for A in moved if bool(A.any())]
