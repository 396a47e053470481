"""Vectors with parity, the columns that a layer makes of them, and the inner products that turns leave alone."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.errors import one_of

GROUPS = ("O(2)@z", "SO(2)@z")
NORMS = ("bounded", "l2", "none")
_PRODUCTS = 8  # projections of odd invariants, whose squares are even


def check_words(group: str, norm: str = "bounded") -> None:
    """Raises DomainError for a group or a norm that is none of those here."""
    one_of("group", group, GROUPS)
    one_of("norm", norm, NORMS)


class Typed(NamedTuple):
    """Vectors in channels, ``(..., channels, 3)``: ``polar`` ones turn round in a mirror as arrows do, ``axial`` ones
    as axes of rotation do. Without mirrors all are polar.
    """

    polar: Float[Tensor, ...]
    axial: Float[Tensor, ...]

    def __add__(self, other: Typed) -> Typed:  # type: ignore[override]
        return Typed(self.polar + other.polar, self.axial + other.axial)

    def each(self, first: nn.Module, second: nn.Module) -> Typed:
        return Typed(first(self.polar), second(self.axial))


class Mix(nn.Module):
    """Vectors of other channels, each a combination of those given: ``(..., a, 3)`` to ``(..., b, 3)``, no constant."""

    def __init__(self, a: int, b: int, scale: float | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(b, a))
        bound = scale if scale is not None else (3 / max(a, 1)) ** 0.5
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, Z: Float[Tensor, "... a 3"]) -> Float[Tensor, "... b 3"]:
        return self.weight @ Z


class Columns(nn.Module):
    """The matrix A = [Z W, V, ...] of a layer (SGNN, equation 4): ``width`` columns made of Z, and the fixed ones V.

    Where a vector g is fixed, a third of them are g x a: under "SO(2)@z" vectors like all others, under "O(2)@z" of
    the other parity, since g x a of an arrow is an axis.
    """

    def __init__(self, polar: int, axial: int, width: int, fixed: int, group: str) -> None:
        super().__init__()
        self.group, self.fixed = group, fixed
        across = max(width // 3, 1) if fixed else 0
        own = max(width - across, 1)
        # Of each parity: mixtures of its own vectors, and g x a of mixtures of the other's.
        axes = (own // 2 if polar else own) if axial else 0
        crossed = across // 2 if axial else 0
        self.polar, self.axial = Mix(polar, own - axes), Mix(axial, axes)
        self.turned, self.turned_axial = Mix(polar, across - crossed), Mix(axial, crossed)
        if group == "SO(2)@z":
            self.sizes = own - axes + fixed + across, axes
        else:
            self.sizes = own - axes + fixed + crossed, axes + across - crossed

    def forward(self, Z: Typed, V: Float[Tensor, "... fixed 3"]) -> Typed:
        P, X = [self.polar(Z.polar), V], [self.axial(Z.axial)]
        if self.fixed:
            g = nn.functional.normalize(V[..., :1, :], dim=-1)  # its direction: a layer without sizes keeps to it
            across = torch.linalg.cross(g.expand(*g.shape[:-2], self.turned.weight.shape[0], 3), self.turned(Z.polar))
            (P if self.group == "SO(2)@z" else X).append(across)
            if self.turned_axial.weight.shape[0]:
                axes = self.turned_axial(Z.axial)
                P.append(torch.linalg.cross(g.expand_as(axes), axes))
        return Typed(torch.cat(P, -2), torch.cat(X, -2))


class Invariants(nn.Module):
    """The inner products of the columns, upper triangles only, and what is even of the products across parities.

    ``norm``: "bounded" divides by 1 + |S| and tells log(1 + |S|) beside it, "l2" divides by |S| (then the layer knows
    no size), "none" leaves S as it is.
    """

    def __init__(self, sizes: tuple[int, int], norm: str) -> None:
        super().__init__()
        p, a = sizes
        self.norm = norm
        self.width = p * (p + 1) // 2 + a * (a + 1) // 2 + (_PRODUCTS if p * a else 0) + (norm == "bounded")
        self.odd = nn.Linear(p * a, _PRODUCTS, bias=False) if p * a else None
        self.sizes = sizes

    def forward(self, A: Typed) -> tuple[Float[Tensor, "... width"], Float[Tensor, "... 1"]]:
        """The features, and |S|."""
        P, X = A
        grams = [_triangle(P), _triangle(X)]
        odd = (P @ X.mT).flatten(-2)
        size = torch.linalg.vector_norm(torch.cat([*grams, odd], -1), dim=-1, keepdim=True)
        divide = {"bounded": 1 + size, "l2": size.clamp(min=torch.finfo(P.dtype).tiny), "none": torch.ones_like(size)}
        told = [gram / divide[self.norm] for gram in grams]
        if self.odd is not None:
            told.append(self.odd(odd / divide[self.norm]).square())
        if self.norm == "bounded":
            told.append(torch.log1p(size))
        return torch.cat(told, -1), size


class Combine(nn.Module):
    """Vectors A M, of a matrix of coefficients that turns leave alone, for each parity its own."""

    def __init__(self, sizes: tuple[int, int], out: tuple[int, int]) -> None:
        super().__init__()
        self.sizes, self.out = sizes, out
        self.width = sizes[0] * out[0] + sizes[1] * out[1]

    def forward(self, A: Typed, m: Float[Tensor, "... width"]) -> Typed:
        cut = self.sizes[0] * self.out[0]
        P = m[..., :cut].unflatten(-1, (self.out[0], self.sizes[0])) @ A.polar
        X = m[..., cut:].unflatten(-1, (self.out[1], self.sizes[1])) @ A.axial
        return Typed(P, X)


def perceptron(*widths: int, act: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Linear maps with a nonlinearity between them."""
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b), act()]
    return nn.Sequential(*layers[:-1])


def _triangle(A: Float[Tensor, "... k 3"]) -> Float[Tensor, "... pairs"]:
    i, j = _upper(A.shape[-2], A.device)
    return (A @ A.mT)[..., i, j]


@cache
@torch.inference_mode(False)  # kept for trainings too, whoever asks first
def _upper(k: int, device: torch.device) -> tuple[Tensor, Tensor]:
    i, j = torch.triu_indices(k, k, device=device)
    return i, j
