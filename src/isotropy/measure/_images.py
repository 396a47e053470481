"""Errors of functions of images in two readings: on images made anew for every element, and on warped ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils import _pytree as tree

from isotropy.errors import SchemaError
from isotropy.estimate import Estimate
from isotropy.groups import Draws, Group, Window, parse
from isotropy.measure._defects import Defects, units
from isotropy.measure._error import equivariance_error
from isotropy.measure._sample import Sample
from isotropy.random import spawn
from isotropy.reps import Bumps, Field, Type, parse_type, pull


@dataclass(frozen=True)
class ImageErrors:
    """The equivariance error of a function of images, ``function_space`` and ``image_space``, beside the ``floor``.

    In function space every moved image is drawn anew from its formula; in image space it is warped. The floor is what
    warping an image there and back does to it: an error in image space that is not above it says nothing about f.
    """

    function_space: Estimate
    image_space: Estimate
    floor: Estimate

    def __str__(self) -> str:
        return f"function space {self.function_space}, image space {self.image_space}, floor {self.floor}"


def image_errors(
    f: Callable[..., Any],
    group: Group | Window | str,
    signals: Float[Tensor, "rows bumps p"],
    rep_out: Type | str = None,
    *,
    sides: tuple[int, ...] = (32, 32),
    field: Field | None = None,
    n: int = 8,
    seed: int = 0,
) -> ImageErrors:
    """`equivariance_error` of a function of images (rows, 1, *sides), on ``signals`` of type ``Bumps(len(sides))``.

    ``field`` says how images are warped. Outputs that are images themselves are warped in both readings, so that the
    floor stays in the first one, too. Raises as `equivariance_error`. Source: specification 02 §2.6 and §5.4.

    >>> ellipse = torch.diag(torch.tensor([0.04, 0.01]))[None, None]
    >>> f = Bumps(2).of(torch.ones(1, 1), torch.zeros(1, 1, 2), ellipse).double().expand(8, 1, 7)
    >>> found = image_errors(lambda image: image.square().sum((2, 3)), "SO(2)", f)
    >>> found.function_space.mean < 1e-4 < found.image_space.mean < found.floor.mean
    True
    """
    bumps, field = Bumps(len(sides)), field or Field()
    images = bumps.render(signals, sides)
    return ImageErrors(
        equivariance_error(lambda x: f(bumps.render(x, sides)), group, signals, bumps, rep_out, n=n, seed=seed),
        equivariance_error(f, group, images, field, rep_out, n=n, seed=seed),
        interpolation_floor(group, images, field, n=n, seed=seed),
    )


def interpolation_floor(
    group: Group | Window | str,
    x: Any,
    rep_in: Type | str,
    *,
    n: int = 8,
    cluster: Iterable[Any] | None = None,
    seed: int = 0,
    through: Callable[..., Any] | None = None,
    rep_out: Type | str = None,
) -> Estimate:
    """How far values ``x (rows, ...)`` are from themselves after being moved there and back, in the relative norm.

    Zero to rounding for a group action; for images that are interpolated (Field) what no reading in image space can
    see below. With ``through``, a function of the values, how far its outputs of type ``rep_out`` are: what it makes of
    the interpolation, which a mean over cells does not see. Elements are
    those of `equivariance_error` with the same seed. Raises SchemaError without a type.

    >>> image = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> [interpolation_floor(group, image, "Field(Scalar)").mean > 0.1 for group in ("D(4)", "SO(2)")]
    [False, True]
    """
    measure = group if isinstance(group, Window) else parse(group)
    G = measure.group if isinstance(measure, Window) else measure
    type_ = parse_type(rep_in)
    if type_ is None:
        raise SchemaError("no type of the inputs", "a type, as Field(Scalar)", "")
    source, sample = Draws.of(measure, n, G), Sample(x, type_).checked()
    type_out = type_ if through is None else parse_type(rep_out)
    like, draws = sample.floats[0], len(source.weight)
    generator = spawn(seed, "equivariance_error")
    with torch.no_grad():
        g = source.take(len(sample), generator, dtype=like.dtype, device=like.device).g
        g = tree.tree_map(lambda part: part.expand(len(sample), *part.shape[1:]).flatten(0, 1), g)
        row = torch.arange(len(sample), device=like.device).repeat_interleave(draws)
        pieces: list[list[Tensor]] = []
        for part in torch.arange(len(row), device=like.device).split(len(row) if through is None else _AT_ONCE):
            one, h = sample.take(row[part]), tree.tree_map(lambda leaf, part=part: leaf[part], g)
            there, back = one.x, pull(type_, G, h, one.moved(G, h).x)
            if through is not None:
                there, back = one.call(through), one.call(through, back)
            values = tree.tree_map(torch.sub, back, there), back, there
            pieces.append([one.out(value, type_out).norm() for value in values])
        sizes = [torch.cat(found).reshape(len(sample), draws) for found in zip(*pieces, strict=True)]
    found = Defects(sizes[0], sizes[1], sizes[2], source.weight.to(like.device), 1, 0, None)
    return found.estimate("relative", units(cluster, len(sample)).to(like.device), 0.95)


_AT_ONCE = 512  # images through a function, which bounds its memory
