"""The product of vector fields on the sphere: one pass with all paths, each of them several times over."""

import math
from itertools import product
from typing import Any, Unpack, cast

import torch
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError
from isotropy.nn.gaunt._coefficients import bracket_coefficient, gaunt_coefficient, inverse_root
from isotropy.nn.gaunt._constants import table
from isotropy.nn.gaunt._costs import FORMS
from isotropy.nn.gaunt._engine import Settings, SphereProduct, parameter, parts
from isotropy.nn.gaunt._fields import FieldGrid, Fields, FieldSeparable, Pair
from isotropy.nn.gaunt._method import Method, route
from isotropy.nn.gaunt._work import Size
from isotropy.reps import Normalization, degrees, rescaling

KINDS = ("dot", "curl", "radial", "gradient")
"""What becomes of two fields V and W: V.W and V x W on r x grad Y (even paths), V x W on Y r and on grad Y (odd)."""


class VectorProduct(SphereProduct):
    """The inner and the cross product of two vector fields on the sphere: all paths, even and odd, with more weights.

    x ``(..., C, (L1+1)^2)`` and y ``(..., C, (L2+1)^2)`` -> ``(..., 2C, (L3+1)^2)``, the pair of C proper channels and
    C pseudo ones, as of ``GauntProduct(..., include_odd=True)``. An input becomes the field ``sum a_l x_lm Y_lm r + b_l
    x_lm grad Y_lm / sqrt(l (l + 1))``; V.W and the part of V x W along r x grad Y are proper, the others, {b x, d y}
    among them, pseudo. Each path is that of ``GauntProduct`` or ``PoissonProduct`` times a weight; here the weights are
    sums of several products by degree, where those have one.

    - ``weights``: "none" (all 1); "degree": a, b for each degree of each input and channel, one for each degree of each
      of the four outputs; "rank" adds ``rank`` such products. ``channels``: C. ``pairs=(True, True)`` takes pairs
      (proper, pseudo) as inputs, ``(..., 2C, k)``, as ``CompleteProduct`` does.
    - ``L1``, ``L2``, ``L3``, ``shared``, ``normalization``, ``strict``, ``check_finite``, ``generator`` as in
      ``GauntProduct``; ``method``: "auto", "grid" or "grid_separable".

    Raises ShapeError, DtypeError (both at the call) and DomainError.
    Sources: Xie, Daigavane, Kotak, Smidt 2026; Heyraud, Weller-Davies, Tilly 2026 (the idea, in another basis).

    >>> import torch
    >>> product = VectorProduct(1, 1, 1, weights="degree", channels=4)
    >>> product(torch.ones(5, 4, 4), torch.ones(5, 4, 4)).shape
    torch.Size([5, 8, 4])
    """

    def __init__(
        self,
        L1: int,
        L2: int,
        L3: int | None = None,
        *,
        pairs: tuple[bool, bool] = (False, False),
        **settings: Unpack[Settings],
    ) -> None:
        first, second = ((1, -1) if pair else (1,) for pair in pairs)
        L3 = L1 + L2 if L3 is None else L3
        super().__init__(L1, L2, L3, parities=(first, second), even=True, odd=True, **settings)

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "paths": list(KINDS)}

    def _in_graphs(self) -> Method:
        if self.method == "auto":
            return "grid" if route(self.L1 + self.L2 + self.L3) == "dense" else "grid_separable"
        if self.method not in FORMS:
            raise DomainError(f"method={self.method!r}", "'auto', 'grid' or 'grid_separable' for fields")
        return self.method

    def _carrier(self, method: Method) -> nn.Module:
        kind = FieldGrid if method == "grid" else FieldSeparable
        return kind(self.L1, self.L2, self.L3, self.normalization)

    def _size(self) -> Size:
        pairs = len(self.parities[0]) * len(self.parities[1])
        return Size(self.L1, self.L2, self.L3, 3, 6 * len(self.parities_out) // 2, self.rank * pairs)

    def _add_weights(self, channels: int, generator: Generator | None) -> None:
        """a and b of both inputs and one weight for each output: outputs start with unit variance."""
        for number, (L, packed) in enumerate(zip((self.L1, self.L2), self.parities, strict=True), 1):
            for name in ("radial", "tangent"):
                start = torch.ones(self.rank, len(packed) * channels, L + 1)
                if self.weights == "rank":
                    start = start * torch.randn(start.shape, generator=generator)
                self.register_parameter(f"w{number}_{name}", parameter(start))
        random = self.weights == "rank"
        each, joint = field_variances(self.L1, self.L2, self.L3, self.normalization, random)
        for kind, variance in zip(KINDS, each, strict=True):
            start = [
                inverse_root(variance) * inverse_root(self.rank * self._sources(joint, parity))
                for parity in self.parities_out
                if self._feed(kind, parity)
            ]
            start = torch.stack(start).repeat_interleave(channels, 0)
            weights = start if self.shared else start.expand(self.rank, -1, -1)
            self.register_parameter(f"w3_{kind}", parameter(weights))
        for number, L in enumerate((self.L1, self.L2, self.L3), 1):
            self.constant(f"l{number}", degrees(L))

    def _feed(self, kind: str, parity: int) -> int:
        """How many pairs of parts of the inputs feed this output: odd kinds change the sign."""
        sign = 1 if kind in ("dot", "curl") else -1
        return sum(sign * p * q == parity for p, q in product(*self.parities))

    def _sources(self, joint: Tensor, parity: int) -> Tensor:
        """The variance of an output, where each of its kinds has one: pairs of parts are independent."""
        return self._feed("dot", parity) * joint[0] + self._feed("radial", parity) * joint[1]

    def _at_once(self, x: Tensor, y: Tensor, carrier: Any) -> Tensor:
        fields = cast(Fields, carrier)
        (xs, ys), axes = (self._field(z, n, fields) for n, z in ((1, x), (2, y))), fields.point_axes
        found: dict[tuple[str, int], Tensor] = {}
        tangents: dict[int, Pair] = {}
        for (p, (u0, u1, u2)), (q, (v0, v1, v2)) in product(
            parts(xs, self.parities[0], axes), parts(ys, self.parities[1], axes)
        ):
            _add(found, ("dot", p * q), u0 * v0 + u1 * v1 + u2 * v2)
            _add(found, ("radial", -p * q), u1 * v2 - u2 * v1)
            # The tangent part of V x W is r x T with T = V_r W - W_r V.
            T = u0 * v1 - v0 * u1, u0 * v2 - v0 * u2
            kept = tangents.get(p * q)
            tangents[p * q] = T if kept is None else (kept[0] + T[0], kept[1] + T[1])
        out: dict[tuple[str, int], Tensor] = {key: fields.scalars(self._total(F, fields)) for key, F in found.items()}
        for parity, T in tangents.items():
            T = self._total(T[0], fields), self._total(T[1], fields)
            # r x T on r x grad Y is T on grad Y; r x T on grad Y is -T on r x grad Y.
            out["curl", parity], out["gradient", -parity] = fields.along(T), -fields.across(T)
        return self._gathered(out)

    def _field(self, x: Tensor, number: int, fields: Fields) -> tuple[Tensor, Tensor, Tensor]:
        radial = fields.radial(self._scaled(x, number, "radial"), number)
        return radial, *fields.tangent(self._scaled(x, number, "tangent"), number)

    def _gathered(self, out: dict[tuple[str, int], Tensor]) -> Tensor:
        """The outputs of each parity, weighted by degree and added; of all ranks, where each has its own weights."""
        total: dict[int, Tensor] = {}
        for kind in KINDS:
            there = [parity for parity in self.parities_out if (kind, parity) in out]
            F = torch.cat([out[kind, parity] for parity in there], dim=-2) if len(there) > 1 else out[kind, there[0]]
            if self.weights != "none":
                F = F * getattr(self, f"w3_{kind}").index_select(-1, self.l3)
            F = F if self.shared else F.sum(-3)
            for parity, part in zip(there, F.chunk(len(there), dim=-2) if len(there) > 1 else [F], strict=True):
                total[parity] = total[parity] + part if parity in total else part
        return torch.cat([total[parity] for parity in self.parities_out], dim=-2)


def _add(sums: dict[tuple[str, int], Tensor], key: tuple[str, int], term: Tensor) -> None:
    sums[key] = sums[key] + term if key in sums else term


def field_factors(l1: int, l2: int, l3: int) -> tuple[float, float, float, float, float, float]:
    """What each pair of parts of two fields is of one path, as multiples of its Wigner 3j symbol of unit norm.

    In this order: radial with radial and tangent with tangent in V.W; radial with tangent and tangent with radial on
    r x grad Y, all times Gaunt's coefficient; tangent with tangent on Y r; radial with tangent on grad Y, times that
    of the bracket; tangent with radial has l1 for l2 there. From grad A . grad B = (lap AB - A lap B - B lap A) / 2
    and, by parts, the integral of A {B, C} being that of C {A, B}.

    >>> [round(factor, 4) for factor in field_factors(1, 1, 0)]
    [0.4886, 0.4886, 0.0, 0.0, 0.0, 0.0]
    """
    g, b = gaunt_coefficient(l1, l2, l3), bracket_coefficient(l1, l2, l3)
    s1, s2, s3 = (l * (l + 1) for l in (l1, l2, l3))
    f1, f2, f3 = (1 / math.sqrt(max(s, 1)) for s in (s1, s2, s3))
    both = (s1 + s2 - s3) / 2 * f1 * f2 * g
    curl = ((s2 + s3 - s1) / 2 * f2 * f3 * g, -(s1 + s3 - s2) / 2 * f1 * f3 * g) if l3 else (0.0, 0.0)
    return g, both, *curl, b * f1 * f2, b * f2 * f3


@table
def field_variances(L1: int, L2: int, L3: int, normalization: Normalization, random: bool) -> tuple[Tensor, Tensor]:
    """The variance by degree of each output (dot, curl, radial, gradient), for independent inputs of unit variance, and
    that of both even ones together and both odd ones, scaled to unit variance each.

    ``random``: where weights of radial and tangent parts are independent, of mean 0 and variance 1; else all are 1.
    """
    s1, s2, s3 = ([float(s) for s in rescaling(L, normalization)[torch.arange(L + 1) ** 2]] for L in (L1, L2, L3))
    found, joint = torch.zeros(4, L3 + 1, dtype=torch.float64), torch.zeros(2, L3 + 1, dtype=torch.float64)
    for l3 in range(L3 + 1):
        paths: list[list[float]] = []
        for l1 in range(L1 + 1):
            for l2 in range(abs(l1 - l3), min(L2, l1 + l3) + 1):
                dot, both, one, two, radial, along = field_factors(l1, l2, l3)
                other = field_factors(l2, l1, l3)[5]
                terms = ((dot, both), (one, two), (radial,), (along, other))
                scale = s1[l1] * s2[l2] / s3[l3] / math.sqrt(2 * l3 + 1)
                paths.append([scale * (math.hypot(*term) if random else sum(term)) for term in terms])
        sizes = torch.tensor(paths or [[0.0] * 4], dtype=torch.float64)
        found[:, l3] = sizes.square().sum(0)
        even, odd = (sizes * inverse_root(found[:, l3])).unflatten(1, (2, 2)).unbind(1)
        for half, pair in enumerate((even, odd)):
            joint[half, l3] = pair.square().sum() if random else pair.sum(1).square().sum()
    return found, joint
