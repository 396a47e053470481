"""What a frame is, which vectors of typed inputs it is computed from, and which draw a call makes."""

from collections import OrderedDict
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import NonDeterministicError, SchemaError
from isotropy.groups import DiscreteMeasure, Group
from isotropy.linalg import Segments
from isotropy.reps import Cloud, Point, Rep, Vector

_KEPT = 1024
"""Inputs that are remembered until the backward pass."""


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


def next_draw(seen: OrderedDict[tuple[Any, ...], list[int]], count: Tensor, x: Any) -> int:
    """The number of a call at ``x``: that of ``count``, which goes on, or, in a backward pass, of the call it repeats.

    ``torch.utils.checkpoint`` runs a call twice, the second time within the backward pass: the gradient belongs to the
    value only if both draw the same. The call is known by its inputs, the numbers of which are kept in ``seen``. Raises
    NonDeterministicError where a backward pass repeats a call with inputs that were not seen before.

    >>> seen, count = OrderedDict(), torch.zeros((), dtype=torch.int64)
    >>> next_draw(seen, count, torch.ones(2)), next_draw(seen, count, torch.ones(2)), int(count)
    (0, 1, 2)
    """
    key = _key(x)
    if torch._C._current_graph_task_id() != -1:  # a backward pass is running, within which a checkpoint calls again
        if key not in seen:
            raise NonDeterministicError(
                "a checkpoint that repeats a stochastic call with other inputs", "the same inputs", "no checkpoint here"
            )
        numbers = seen[key]
        return numbers.pop() if len(numbers) > 1 else numbers[0]
    number = int(count)
    count += 1
    seen.setdefault(key, []).append(number)
    seen.move_to_end(key)
    del seen[key][:-_KEPT]
    while len(seen) > _KEPT:
        seen.popitem(last=False)
    return number


def _key(x: Any) -> tuple[Any, ...]:
    leaves = [part.detach() for part in tree.tree_leaves(x) if isinstance(part, Tensor)]
    return tuple((tuple(part.shape), *_sums(part)) for part in leaves)


def _sums(part: Tensor) -> tuple[float, float]:
    flat = part.double().flatten() if not part.is_complex() else torch.view_as_real(part).double().flatten()
    place = torch.arange(1, len(flat) + 1, dtype=torch.float64, device=flat.device).to(flat)
    return float(flat.sum()), float((flat * place.sqrt()).sum())
