"""Where the copies of each atom stand in a feature vector; Points, read and written relative to their centroid."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.groups import Group
from isotropy.reps import Rep, translates


def dimensions(groups: Group | Sequence[Group]) -> dict[str, int]:
    """The dimension of each space that some group acts on; raises ``ShapeError`` where two groups disagree.

    >>> from isotropy.groups import parse
    >>> dimensions([parse("O(3)"), parse("O(2)@z")])
    {'space': 3}
    """
    found: dict[str, int] = {}
    for group in [groups] if isinstance(groups, Group) else groups:
        for space in group.spaces:
            factor = group.factor(space)
            degree = group.degree if factor is None else factor.degree
            if found.setdefault(space, degree) != degree:
                raise ShapeError(
                    f"{group} on {space!r} of dimension {degree}",
                    f"dimension {found[space]} as the groups before it",
                    "list only groups that act on the same data; write O(2)@z for O(2) inside R^3",
                )
    return found


def size(rep: Rep, groups: Group | Sequence[Group]) -> int:
    """The number of columns of ``rep``, each space as large as the groups say.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Scalar, Vector
    >>> size(2 * Scalar + Vector, parse("O(3)"))
    5
    """
    return rep.size(dimensions(groups))


def copies(rep: Rep, groups: Group | Sequence[Group]) -> dict[Rep, Int[Tensor, "m d"]]:
    """The columns ``(m, d)`` of the m copies of each atom of ``rep``, of dimension d.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Scalar, Vector
    >>> copies(Scalar + Vector + Scalar, parse("O(2)"))[Scalar].tolist()
    [[0], [3]]
    """
    dims = dimensions(groups)
    found: dict[Rep, list[Tensor]] = {}
    for part, where in zip(rep.parts(), rep.columns(dims), strict=True):
        places = torch.arange(where.start, where.stop).reshape(part.multiplicity, -1)
        found.setdefault(part.atom, []).append(places)
    return {atom: torch.cat(places) for atom, places in found.items()}


def moved_points(rep: Rep, groups: Sequence[Group]) -> bool:
    """Whether ``rep`` has Points on a space that one of ``groups`` translates."""
    spaces = {part.term.place for part in rep.parts() if part.term.affine}
    return any(translates(group, space) for group in groups for space in spaces)


def centroid_map(rep_in: Rep, rep_out: Rep, groups: Sequence[Group]) -> Float[Tensor, "n_out n_in"]:
    """A matrix of 0 and 1: which coordinates of the Points of x are averaged for each coordinate of the Points of y.

    Raises ``DomainError`` where y has Points and x has none: no translation could be seen.

    >>> from isotropy.groups import parse
    >>> from isotropy.reps import Point, Scalar
    >>> centroid_map(2 * Point, Scalar + Point, [parse("T(1)")])
    tensor([[0., 0.],
            [1., 1.]])
    """
    result = torch.zeros(size(rep_out, groups), size(rep_in, groups))
    sources = {part.term.place: part.atom for part in rep_in.parts() if part.term.affine}
    for atom in {part.atom for part in rep_out.parts() if part.term.affine}:
        space = atom.parts()[0].term.place
        if space not in sources:
            raise DomainError(
                f"Points of {space!r} in {rep_out} but none in {rep_in}",
                "input Points that say where they are",
                "predict Vectors, differences from a place that the input does not contain",
            )
        d = dimensions(groups)[space]
        columns = copies(rep_in, groups)[sources[space]].reshape(-1, d)
        for row in copies(rep_out, groups)[atom].reshape(-1, d):
            result[row[None, :], columns] = 1.0
    return result


def centroids(x: Float[Tensor, "... n_in"], chosen: Float[Tensor, "n_out n_in"]) -> Float[Tensor, "... n_out"]:
    """The means that ``centroid_map`` asks for, exact in the dtype of x; 0 where it asks for none.

    >>> centroids(torch.tensor([1.0, 3.0]), torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
    tensor([0., 2.])
    """
    # The weights 1/m are not stored: cast from single precision they would be wrong in double.
    return torch.nn.functional.linear(x, chosen) / chosen.sum(1).clamp(min=1)
