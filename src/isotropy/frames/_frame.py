"""What a frame is, and which vectors of typed inputs it is computed from."""

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from isotropy.errors import SchemaError
from isotropy.groups import DiscreteMeasure, Group
from isotropy.linalg import Segments
from isotropy.reps import Cloud, Point, Rep, Vector


@runtime_checkable
class Frame(Protocol):
    """``frame(x, segments=None) -> DiscreteMeasure``: an equivariant probability measure on ``frame.group``.

    Law: the measure of h.x is that of x translated by h, as a weighted set. Frozen where nothing is learned, a module
    otherwise. Source: Puny et al., ICLR 2022, Definition 1; Dym et al., ICML 2024, for weights.

    >>> from isotropy.frames import PCAFrame
    >>> isinstance(PCAFrame("E(3)"), Frame)
    True
    """

    @property
    def group(self) -> Group: ...

    def __call__(self, x: Any, segments: Segments | None = None, /) -> DiscreteMeasure: ...


def vectors_of(
    type_: Rep | Cloud, group: Group, x: Tensor, segments: Segments | None = None
) -> tuple[Tensor, Segments | None]:
    """The cloud ``(rows, m, d)`` that a frame on ``group`` is computed from, for inputs ``x (rows, ..., width)``.

    It holds all Points where the group has translations, else all Points and Vectors; in a ragged batch ``x`` and the
    cloud are flat, with a label for each vector. Raises SchemaError for a type that has neither. Source: specification
    03 §2.2, "velocities or other vector channels are transformed by the same V_a".

    >>> from isotropy.groups import O
    >>> from isotropy.reps import Scalar
    >>> vectors_of(2 * Scalar + 2 * Vector, O(2), torch.arange(6.0)[None])[0].tolist()
    [[[2.0, 3.0], [4.0, 5.0]]]
    """
    rep = type_.rep if isinstance(type_, Cloud) else type_
    if rep is not None and rep.feature_axes(group, x.shape) == 2:
        x = x.flatten(-2)
    atoms = seen_kinds(group)
    parts = () if rep is None else zip(rep.parts(), rep.columns({group.space: group.degree}), strict=True)
    columns = [where for part, where in parts if part.atom in atoms]
    if not columns:
        kind = "Points" if len(atoms) == 1 else "Vectors"
        raise SchemaError(f"the type {type_}, without {kind} to compute a frame of {group} from", f"{kind} among them")
    found = torch.cat([x[..., where] for where in columns], -1).unflatten(-1, (-1, group.degree))
    if segments is None:
        return found.flatten(1, -2), None
    each = found.shape[-2]
    return found.flatten(0, 1), Segments(segments.label.repeat_interleave(each), segments.count)


def seen_kinds(group: Group) -> set[Rep]:
    """Of which types a frame on ``group`` reads the values: Points, and Vectors where there are no translations.

    >>> from isotropy.groups import E
    >>> [str(kind) for kind in seen_kinds(E(3))]
    ['Point']
    """
    point, vector = Point.on(group.space), Vector.on(group.space)
    return {point} if group.affine else {point, vector}
