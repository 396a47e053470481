"""Subspaces, forms and algebras written with small whole numbers, where these lie close."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from isotropy.groups._form_text import WHOLE
from isotropy.groups._kept import CLOSE, EXACT, echelon, echelon_rows, pair_products


def whole_rows(w: Tensor) -> list[Tensor]:
    """A subspace of row vectors written with small whole numbers, in ways that lie close; itself last."""
    if not len(w):
        return [w]
    reduced = echelon_rows(w)
    found: list[Tensor] = []
    for m in range(1, WHOLE + 1):
        rounded = (reduced * m).round()
        if _near(rounded, reduced) and not any(_same_span(rounded, other) for other in found):
            found.append(
                rounded / torch.tensor([[float(math.gcd(*row))] for row in rounded.int().tolist()]).to(rounded)
            )
    return [*found, reduced]


def _near(rounded: Tensor, rows: Tensor) -> bool:
    cosine = torch.nn.functional.cosine_similarity(rounded, rows, dim=-1)
    return bool((cosine > 1 - CLOSE**2 / 2).all())


def _same_span(a: Tensor, b: Tensor) -> bool:
    return bool((a @ torch.linalg.pinv(b) @ b - a).abs().max() < EXACT)


def whole_forms(forms: Tensor, w: Tensor, to: Tensor) -> Iterator[tuple[Tensor, bool]]:
    """The form (up to squares of the functions w) as the Euclidean one, one of special relativity, one of whole
    numbers, and itself; and whether it is the Euclidean one."""
    if not len(forms):
        yield forms, False
        return
    d = forms.shape[-1]
    # Closeness in units of the data, as everywhere.
    span = (to.mT @ torch.cat([forms, pair_products(w)]) @ to).flatten(1)
    one = torch.eye(d, dtype=forms.dtype)
    time = one.clone()
    time[1:] *= -1
    for form, plain in ((one, True), (time, False)):
        target = (to.mT @ form @ to).flatten()
        inside = target @ torch.linalg.pinv(span) @ span
        if float((inside - target).norm()) < CLOSE * float(target.norm()):
            yield form[None], plain
    Q = forms[0] / forms[0].flatten()[forms[0].abs().argmax()]
    seen = [one / one.norm(), time / time.norm()]
    for m in range(1, WHOLE + 1):
        # Whole coefficients of the polynomial: halves beside the diagonal.
        rounded = (m * Q).round().diagonal().diag() + ((2 * m * Q).round() / 2).fill_diagonal_(0.0)
        a, b = (to.mT @ rounded @ to).flatten(), (to.mT @ Q @ to).flatten()
        if float(a @ b) <= (1 - CLOSE**2 / 2) * float(a.norm() * b.norm()):
            continue
        direction = rounded / rounded.norm()
        if not any(abs(float((direction * other).sum())) > 1 - EXACT for other in seen):
            seen.append(direction)
            yield rounded[None], False
    yield Q[None], False


def whole_algebra(A: Tensor) -> Tensor | None:
    """The same generators with whole numbers for entries, where these lie close and close under brackets."""
    reduced = echelon(A)
    for m in range(1, WHOLE + 1):
        rounded = (reduced * m).round() / m
        if float((rounded - reduced).flatten(1).norm(dim=1).max()) > CLOSE * float(
            reduced.flatten(1).norm(dim=1).max()
        ):
            continue
        flat = rounded.flatten(1)
        brackets = (rounded[:, None] @ rounded - rounded @ rounded[:, None]).flatten(2)
        if bool((brackets @ torch.linalg.pinv(flat) @ flat - brackets).abs().max() < EXACT):
            return rounded
    return None
