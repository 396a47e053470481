"""Where the copies of each atom stand in a feature vector."""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from isotropy.errors import ShapeError
from isotropy.groups import Group
from isotropy.reps import Rep


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
