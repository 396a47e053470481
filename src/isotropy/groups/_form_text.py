"""Quadratic forms, axes and points as text."""

from __future__ import annotations

import itertools
import math

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.groups._kept import EXACT
from isotropy.groups._rotations import axis_name

WHOLE = 3  # axes and coefficients are read as whole numbers up to this


def form_text(Q: Float[Tensor, "d d"], size: Float[Tensor, " d"] | None = None) -> str:
    """A quadratic form, up to its scale, as a polynomial in the coordinates; terms that matter little to data of that
    ``size`` are left out.

    >>> form_text(torch.tensor([[1.0, 0.5], [0.5, -2.0]]))
    'x^2 + x y - 2 y^2'
    """
    d = len(Q)
    pairs = list(itertools.combinations_with_replacement(range(d), 2))
    names = [axis_name(i, d) for i in range(d)]
    square = [f"{names[i]}^2" if i == j else f"{names[i]} {names[j]}" for i, j in pairs]
    values = [float(Q[i, j]) * (1 if i == j else 2) for i, j in pairs]
    weight = torch.ones_like(Q) if size is None else torch.outer(size, size) / size.max() ** 2
    common = _common(values) * next((math.copysign(1.0, a) for a in values if abs(a) > EXACT), 1.0)
    terms = [(a / common, what) for a, what in zip(values, square, strict=True)]
    return _polynomial(terms, [float(weight[i, j]) for i, j in pairs])


def _common(values: list[float]) -> float:
    """The greatest common divisor of whole numbers, else 1."""
    if any(abs(a - round(a)) > EXACT for a in values):
        return 1.0
    return float(math.gcd(*(round(a) for a in values)) or 1)


def sum_text(w: Tensor) -> str:
    w = w * w[w.abs().argmax()].sign()
    w = w / (w.max() if bool((w - w.round()).abs().max() > EXACT) else _common(w.tolist()))
    return _polynomial([(float(a), axis_name(i, len(w))) for i, a in enumerate(w)])


def _polynomial(terms: list[tuple[float, str]], weights: list[float] | None = None) -> str:
    weights = weights or [1.0] * len(terms)
    largest = max(abs(a) * weight for (a, _), weight in zip(terms, weights, strict=True))
    text = ""
    for (a, what), weight in zip(terms, weights, strict=True):
        if abs(a) * weight < 0.005 * largest:
            continue
        size = "" if abs(abs(a) - 1) < 0.005 else f"{abs(a):.3g} "
        text += (" - " if a < 0 else " + ") + size + what
    return text.removeprefix(" + ") if text.startswith(" + ") else "-" + text.removeprefix(" - ")


def listed(w: Tensor, forms: Tensor, size: Tensor) -> str:
    return " and ".join([*map(sum_text, w), *(form_text(Q / Q.flatten()[Q.abs().argmax()], size) for Q in forms)])


def axis_text(v: Tensor) -> str:
    d = len(v)
    v = v / v[v.abs().argmax()]
    for m in range(1, WHOLE + 1):
        if bool(((m * v).round() - m * v).abs().max() < EXACT * m):
            whole = [int(a) for a in (m * v).round()]
            sign = 1 if next(a for a in reversed(whole) if a) > 0 else -1
            if sum(map(abs, whole)) == 1:
                return axis_name(whole.index(sign), d)
            return "(" + ",".join(str(sign * a) for a in whole) + ")"
    v = v / v.norm()
    return "(" + ", ".join(f"{float(a):.2f}" for a in v) + ")"


def point_text(c: Tensor) -> str:
    return "(" + ", ".join(f"{float(a):.3g}" for a in c) + ")"
