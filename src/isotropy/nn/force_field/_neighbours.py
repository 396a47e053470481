"""Who is near whom: edges between atoms within a cutoff, periodic ones by the cells of ase."""

from typing import Any, NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.data import Boxes
from isotropy.errors import DomainError, MissingExtraError, ShapeError
from isotropy.linalg import Segments, neighbours

COINCIDENT = 1e-6  # Angstrom: atoms that are closer are in one place


class Neighbours(NamedTuple):
    """Edges ``(2, E)`` from source to target, and ``shifts (E, 3)`` in Angstrom to the periodic image of the source.

    The vector of an edge is ``positions[source] + shift - positions[target]``; ``shifts`` is None without a cell.
    """

    edges: Int[Tensor, "2 E"]
    shifts: Float[Tensor, "E 3"] | None = None


def edge_lengths(
    positions: Float[Tensor, "N 3"], edges: Int[Tensor, "2 E"], shifts: Float[Tensor, "E 3"] | None = None
) -> Float[Tensor, " E"]:
    """The length of each edge in Angstrom.

    >>> edge_lengths(torch.tensor([[0.0, 0, 0], [0, 0, 3]]), torch.tensor([[0], [1]])).tolist()
    [3.0]
    """
    vectors = positions[edges[0]] - positions[edges[1]]
    return (vectors if shifts is None else vectors + shifts).norm(dim=-1)


def neighbour_list(
    positions: Float[Tensor, "N 3"],
    r_max: float,
    segments: Segments | None = None,
    cell: Float[Tensor, "*B 3 3"] | None = None,
    pbc: tuple[bool, bool, bool] | Bool[Tensor, "*P 3"] | None = None,
) -> Neighbours:
    """All ordered pairs of atoms of one configuration that are less than ``r_max`` apart, in Angstrom.

    ``segments`` says which atoms make one configuration (all of them by default). With a ``cell (3, 3)``, rows being
    its vectors, or one for each configuration ``(B, 3, 3)``, pairs run over periodic images in the directions of
    ``pbc``, ``(3,)`` or ``(B, 3)``, by default all, an atom and its own images included; this takes the extra
    [molecules]. Segments
    that are ``isotropy.data.Boxes`` bring their cells and directions. Edges are found on the CPU.

    Raises DomainError for positions that are not finite, for atoms in one place (closer than 1e-6 Angstrom), naming
    the pair, for cells that cannot repeat, and for ``pbc`` without one; ShapeError; MissingExtraError.

    >>> neighbour_list(torch.tensor([[0.0, 0, 0], [0, 0, 1], [0, 0, 3]]), 2.5).edges.tolist()
    [[0, 1, 1, 2], [1, 0, 2, 1]]
    """
    if positions.dim() != 2 or positions.shape[1] != 3:
        raise ShapeError(f"positions of shape {tuple(positions.shape)}", "(N, 3)")
    where = positions.detach().cpu().to(torch.float64).numpy()
    if not np.isfinite(where).all():
        raise DomainError("positions that are not finite", "coordinates in Angstrom")
    if segments is None:
        segments = Segments.one(len(where))
    if cell is not None:
        repeats = torch.as_tensor((True, True, True) if pbc is None else pbc).cpu()
        segments = Boxes(segments.label.cpu(), segments.count, cell.detach().cpu(), repeats)
    elif pbc is not None and not isinstance(segments, Boxes) and bool(torch.as_tensor(pbc).any()):
        raise DomainError(
            f"pbc={torch.as_tensor(pbc).tolist()} without a cell", "the cell that repeats", "cell=(3, 3), in Angstrom"
        )
    label = segments.label.cpu().numpy()
    if cell is None and not (isinstance(segments, Boxes) and bool(segments.periodic.any())):
        pairs = _open(where, label, r_max)
        return Neighbours(torch.from_numpy(np.ascontiguousarray(pairs.T)).to(positions.device))
    edges, shifts = _periodic(where, label, r_max, cast(Boxes, segments))
    both = torch.from_numpy(np.ascontiguousarray(edges.T)).to(positions.device)
    return Neighbours(both, torch.from_numpy(shifts).to(positions))


def volumes(
    cell: Float[Tensor, "*B 3 3"] | None,
    pbc: tuple[bool, bool, bool] | Bool[Tensor, "*P 3"] | None,
    count: int,
) -> Float[Tensor, " B"]:
    """The volume of each cell in Angstrom^3, by which slopes become stresses.

    Raises DomainError, with the numbers of the configurations, where there is no volume or nothing repeats.

    >>> volumes(2 * torch.eye(3), None, 2)
    tensor([8., 8.])
    """
    given = torch.zeros(3, 3) if cell is None else cell
    size = torch.linalg.det(given.detach().double()).abs().expand(count).to(given)
    repeats = torch.as_tensor((True, True, True) if pbc is None else pbc).to(size.device).any(-1).expand(count)
    wrong = ((size <= 0) | ~repeats).nonzero().flatten()[:5].tolist()
    if wrong:
        raise DomainError(
            f"configurations {wrong} without a volume or a direction that repeats",
            "a cell of three independent vectors, and pbc along one or more",
            "a free molecule has no stress: ask energy_forces",
        )
    return size


def _open(where: Any, label: Any, r_max: float) -> Any:
    """The pairs ``(E, 2)`` of configurations that do not repeat, sorted."""
    sets = Segments(torch.from_numpy(label), int(label.max(initial=-1)) + 1)
    pairs = neighbours(torch.from_numpy(where), radius=r_max, segments=sets).flip(0).T.numpy()
    _refuse_coincident(pairs, np.linalg.norm(where[pairs[:, 0]] - where[pairs[:, 1]], axis=1))
    return pairs


def _periodic(where: Any, label: Any, r_max: float, boxes: Boxes) -> tuple[Any, Any]:
    """Pairs ``(E, 2)`` and shifts ``(E, 3)``; first those of the configurations that do not repeat."""
    try:
        from ase.neighborlist import primitive_neighbor_list
    except ImportError as missing:
        raise MissingExtraError.of("ase", "molecules") from missing
    pbc: Any = boxes.pbc.cpu().numpy()
    # Vectors along which nothing repeats are left out: ase completes the cell, and they may be anything.
    cell = boxes.cell.detach().cpu().to(torch.float64).numpy() * pbc[..., None]
    still = np.flatnonzero(~pbc.any(1)[label])
    pairs = still[_open(where[still], label[still], r_max)]
    found, shifts = [pairs], [np.zeros((len(pairs), 3))]
    for number in np.flatnonzero(pbc.any(1)):  # ase takes one configuration at a time
        atoms = np.flatnonzero(label == number)
        target, source, steps, length = cast(
            Any, primitive_neighbor_list("ijSd", pbc[number], cell[number], where[atoms], r_max, self_interaction=False)
        )
        pairs = np.stack([atoms[source], atoms[target]], axis=1)
        _refuse_coincident(pairs, length)
        found.append(pairs)
        shifts.append(steps @ cell[number])
    return np.concatenate(found).astype(np.int64), np.concatenate(shifts)


def _refuse_coincident(pairs: Any, length: Any) -> None:
    if (length <= COINCIDENT).any():
        first, second = sorted(pairs[int(np.argmin(length))].tolist())
        raise DomainError(
            f"atoms {first} and {second} in one place ({length.min():.1e} Angstrom apart)",
            f"more than {COINCIDENT} Angstrom between two atoms",
            "leave one of them out",
        )
