"""Who is near whom: edges between atoms within a cutoff, by the trees of scipy and the cells of ase."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np
import scipy
import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import DomainError, MissingExtraError, ShapeError
from isotropy.linalg import Segments

COINCIDENT = 1e-6  # Angstrom: atoms that are closer are in one place


class Neighbours(NamedTuple):
    """Edges ``(2, E)`` from source to target, and ``shifts (E, 3)`` in Angstrom to the periodic image of the source.

    The vector of an edge is ``positions[source] + shift - positions[target]``; ``shifts`` is None without a cell.
    """

    edges: Int[Tensor, "2 E"]
    shifts: Float[Tensor, "E 3"] | None = None


def neighbour_list(
    positions: Float[Tensor, "N 3"],
    r_max: float,
    segments: Segments | None = None,
    cell: Float[Tensor, "*B 3 3"] | None = None,
    pbc: tuple[bool, bool, bool] = (True, True, True),
) -> Neighbours:
    """All ordered pairs of atoms of one configuration that are less than ``r_max`` apart, in Angstrom.

    ``segments`` says which atoms make one configuration (all of them by default). With a ``cell (3, 3)``, rows being
    its vectors, or one for each configuration ``(B, 3, 3)``, pairs run over periodic images in the directions of
    ``pbc``, an atom and its own images included; this takes the extra [molecules]. Edges are found on the CPU.

    Raises DomainError for positions that are not finite and for atoms in one place (closer than 1e-6 Angstrom),
    naming the pair; ShapeError; MissingExtraError.

    >>> neighbour_list(torch.tensor([[0.0, 0, 0], [0, 0, 1], [0, 0, 3]]), 2.5).edges.tolist()
    [[0, 1, 1, 2], [1, 0, 2, 1]]
    """
    if positions.dim() != 2 or positions.shape[1] != 3:
        raise ShapeError(f"positions of shape {tuple(positions.shape)}", "(N, 3)")
    where = positions.detach().cpu().to(torch.float64).numpy()
    if not np.isfinite(where).all():
        raise DomainError("positions that are not finite", "coordinates in Angstrom")
    if cell is not None:
        return _periodic(positions, where, r_max, segments, cell, pbc)
    label = np.zeros(len(where)) if segments is None else segments.label.cpu().numpy()
    # A fourth coordinate keeps configurations apart: one tree serves them all.
    points = np.concatenate([where, label[:, None] * (2 * r_max)], axis=1)
    tree = scipy.spatial.KDTree(points) if len(points) else None
    pairs = np.empty((0, 2), np.int64) if tree is None else tree.query_pairs(r_max, output_type="ndarray")
    length = np.linalg.norm(where[pairs[:, 0]] - where[pairs[:, 1]], axis=1)
    _refuse_coincident(pairs, length)
    pairs = pairs[length < r_max]
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.lexsort((both[:, 1], both[:, 0]))].T.astype(np.int64)
    return Neighbours(torch.from_numpy(np.ascontiguousarray(both)).to(positions.device))


def _periodic(
    positions: Tensor,
    where: Any,
    r_max: float,
    segments: Segments | None,
    cell: Tensor,
    pbc: tuple[bool, bool, bool],
) -> Neighbours:
    try:
        from ase.neighborlist import primitive_neighbor_list
    except ImportError as missing:
        raise MissingExtraError.of("ase", "molecules") from missing
    count = 1 if segments is None else segments.count
    if cell.shape[-2:] != (3, 3) or (cell.dim() == 3 and len(cell) != count) or cell.dim() > 3:
        raise ShapeError(f"a cell of shape {tuple(cell.shape)}", f"(3, 3), or ({count}, 3, 3): one for each")
    boxes = cell.detach().cpu().to(torch.float64).numpy() * np.ones((count, 1, 1))
    found: list[Any] = []
    for number, box in enumerate(boxes):  # ase takes one configuration at a time
        atoms = np.arange(len(where))
        if segments is not None:
            atoms = np.flatnonzero(segments.label.cpu().numpy() == number)
        target, source, steps, length = cast(
            Any, primitive_neighbor_list("ijSd", pbc, box, where[atoms], r_max, self_interaction=False)
        )
        pairs = np.stack([atoms[source], atoms[target]], axis=1)
        _refuse_coincident(pairs, length)
        found.append((pairs, steps @ box))
    edges = torch.from_numpy(np.concatenate([pairs for pairs, _ in found]).T.astype(np.int64).copy())
    shifts = torch.from_numpy(np.concatenate([shift for _, shift in found])).to(positions)
    return Neighbours(edges.to(positions.device), shifts)


def _refuse_coincident(pairs: Any, length: Any) -> None:
    if (length <= COINCIDENT).any():
        first, second = sorted(pairs[int(np.argmin(length))].tolist())
        raise DomainError(
            f"atoms {first} and {second} in one place ({length.min():.1e} Angstrom apart)",
            f"more than {COINCIDENT} Angstrom between two atoms",
            "leave one of them out",
        )
