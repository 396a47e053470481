"""The picture on which a model breaks most: as it is, moved, what is predicted of both, what the warp alone does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from isotropy.discovery._in_words import in_words
from isotropy.discovery._picture_report import displayed
from isotropy.errors import counted
from isotropy.groups import Group
from isotropy.groups.parts import matrix
from isotropy.measure import Sample
from isotropy.report import Block, Images, Picture
from isotropy.reps import Field, Rep, Type


@dataclass(frozen=True, eq=False)
class WorstPicture:
    """One picture ``(C, H, W)`` and the same ``moved`` (by what, in words), with what the model says of both.

    ``floor`` is how far the picture is from itself after it was moved there and back, relative to its norm.
    """

    picture: NDArray[Any]
    there: NDArray[Any]
    moved: str
    before: str
    after: str
    floor: float


def worst_picture(
    model: Callable[..., Any],
    group: Group,
    sample: Sample,
    row: int,
    element: Any,
    type_out: Type = None,
    names: Sequence[str] = (),
) -> WorstPicture | None:
    """The picture in this row under this element; None for inputs that are no images, or outputs that are trees.

    ``names`` are those of the classes of the data.
    """
    field, x = sample.type, sample.x
    if not isinstance(field, Field) or not isinstance(x, Tensor) or x.ndim != 4:
        return None
    one = sample.take(torch.tensor([row]))
    g = group.part(element, "space")
    with torch.no_grad():
        there = one.moved(group, _one(element))
        outputs = [each.call(model) for each in (one, there)]
        floor = field.interpolation_error(group, _one(element), one.x)
    if not all(isinstance(y, Tensor) for y in outputs):
        return None
    # What the group moves, such as a Vector, is no list of classes.
    classes = type_out is None or (isinstance(type_out, Rep) and type_out.is_trivial(group))
    before, after = (predicted(y[0].flatten(), classes, names) for y in outputs)
    said = "" if g is None else in_words(matrix(g).double())
    pixels = [np.asarray(each.x[0].cpu(), dtype=np.float64) for each in (one, there)]
    return WorstPicture(*pixels, moved=said, before=before, after=after, floor=float(floor[0]))


def _one(element: Any) -> Any:
    return element[None] if isinstance(element, Tensor) else tuple(part[None] for part in element)


def predicted(y: Float[Tensor, " m"], classes: bool = True, names: Sequence[str] = ()) -> str:
    """What a model says, in words: of several numbers the class, with its share, where they may be; else their size.

    Classes are called by ``names`` where there are as many of both.

    >>> predicted(torch.tensor([0.0, 3.0, 0.0])), predicted(torch.tensor([0.25]))
    ('class 1 (91 %)', '0.25')
    >>> predicted(torch.tensor([0.0, 3.0, 0.0]), names=("bird", "cat", "dog"))
    'cat (91 %)'
    """
    if len(y) == 1:
        return f"{float(y[0]):.3g}"
    if not classes or len(y) > _CLASSES:
        return f"{counted(len(y), 'number')} of norm {float(y.norm()):.3g}"
    shares = y.double()
    # Outputs that are shares already stay so; else they are taken as logits.
    if bool((shares < 0).any()) or abs(float(shares.sum()) - 1) > _SUM:
        shares = shares.softmax(0)
    first = int(shares.argmax())
    called = names[first] if len(names) == len(y) else f"class {first}"
    return f"{called} ({100 * float(shares.max()):.0f} %)"


_CLASSES = 1_000  # numbers that may be one for each class
_SUM = 1e-3  # how far shares in single precision may be from 1 in all


def shown(group: str, found: WorstPicture) -> Block:
    """Both pictures side by side, with both predictions."""
    low, high = float(found.picture.min()), float(found.picture.max())
    pixels = [displayed(each if len(each) in (1, 3) else each[:1]) for each in (found.picture, found.there)]
    labels = f"as it is: {found.before}", f"{found.moved}: {found.after}"
    floor = (
        f"Warped there and back this picture is {found.floor:.2g} of its norm from itself: a difference of "
        "that size may be interpolation alone."
        if found.floor
        else "Its cells go to cells: nothing is interpolated."
    )
    return Images(
        [Picture(each, label, low, high) for each, label in zip(pixels, labels, strict=True)],
        title=f"{group}: the picture on which the outputs differ most",
        caption=floor,
        half=True,
    )
