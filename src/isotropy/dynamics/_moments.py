"""Trajectories of a data set whose schema says which columns are positions and velocities, and when rows were."""

from __future__ import annotations

from torch import Tensor

from isotropy.data import Dataset
from isotropy.dynamics._trajectories import Trajectories
from isotropy.errors import DomainError, SchemaError, ShapeError, counted
from isotropy.reps import Schema


def trajectories_of(data: Dataset) -> Trajectories:
    """The moments of a data set with ``dynamics`` in its types, track by track.

    Raises SchemaError without ``dynamics``, times, or clusters, DomainError for missing times, ShapeError for
    positions, velocities and accelerations of different widths, and whatever ``Trajectories.of`` refuses.

    >>> from isotropy.data import load
    >>> moments = trajectories_of(load("oscillator", tracks=9, steps=12))
    >>> moments.count, moments.q.shape
    (9, torch.Size([108, 2]))
    """
    if data.types.dynamics is None:
        hint = "dynamics: {position: position, velocity: velocity, time: time} in the schema"
        raise SchemaError("types without dynamics", "the names of positions, velocities and times", hint)
    q, v = columns_of(data.types, data.x)
    if not q.shape == v.shape == data.y.shape:
        widths = f"{q.shape[1]}, {v.shape[1]} and {data.y.shape[1]} columns of position, velocity and acceleration"
        raise ShapeError(widths, "as many of each", "y is the acceleration, of the same type as the velocity")
    if data.time is None:
        raise SchemaError("dynamics without times", "a time for each row", "time=(n,), or the name of a column")
    if len(data.time) != len(q):
        raise ShapeError(counted(len(data.time), "time"), f"{len(q)}, one for each row")
    if not bool(data.time.isfinite().all()):
        raise DomainError("times that are not finite", "a time for each row", "leave those rows out")
    if data.cluster is None:
        raise SchemaError("dynamics without a cluster", "the track of each row", "cluster: track in the schema")
    return Trajectories.of(data.time.double(), q, v, data.y, data.cluster)


def columns_of(types: Schema, x: Tensor) -> tuple[Tensor, Tensor]:
    """The positions and the velocities among the columns of x."""
    assert types.dynamics is not None
    known = types.known_dims(x.shape[1])
    where = {part.name: columns for part, columns in zip(types.x.parts(), types.x.columns(known), strict=True)}
    q, v = (x[:, where[types.dynamics[role]]] for role in ("position", "velocity"))
    return q.contiguous(), v.contiguous()
