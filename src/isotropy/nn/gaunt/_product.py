"""Products of functions on the sphere: Gaunt's, Poisson's bracket, and both together, by one engine."""

from __future__ import annotations

from itertools import product
from typing import Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError
from isotropy.nn.gaunt import _door as door
from isotropy.nn.gaunt._carriers import carrier
from isotropy.nn.gaunt._constants import Operation
from isotropy.nn.gaunt._method import Method, chosen
from isotropy.nn.gaunt._types import spheres
from isotropy.nn.gaunt._weights import flattening, inverse_root, variances
from isotropy.random import spawn
from isotropy.reps import Normalization, degrees

Weights = Literal["none", "degree", "rank"]
Parities = tuple[int, ...]  # of the functions that one input packs: (1,), (-1,) or (1, -1)


class SphereProduct(Operation):
    """The engine of all products: scale by degree, lift, multiply pointwise, project, scale by degree.

    ``even`` products multiply parities, ``odd`` ones multiply them and change the sign; what has one parity is added
    before it is projected. With weights, even and odd products scale the inputs each in their own way and share w3.
    """

    def __init__(
        self,
        L1: int,
        L2: int,
        L3: int,
        *,
        parities: tuple[Parities, Parities],
        even: bool,
        odd: bool,
        weights: Weights,
        rank: int,
        shared: bool,
        channels: int | None,
        normalization: Normalization,
        method: Literal["auto"] | Method,
        strict: bool,
        check_finite: bool,
        generator: Generator | None,
    ) -> None:
        super().__init__()
        self.L1, self.L2, self.L3 = door.degree(L1, "L1"), door.degree(L2, "L2"), door.degree(L3, "L3")
        door.reachable(L3, L1 + L2, strict)
        self.parities, self.even, self.odd, self.check_finite = parities, even, odd, check_finite
        self.weights, self.rank, self.channels = weights, _rank(weights, rank, channels), channels
        self.shared = shared or rank == 1
        self.normalization: Normalization = normalization
        products = {p * q for p in parities[0] for q in parities[1]}
        out = (products if even else set[int]()) | ({-p for p in products} if odd else set[int]())
        self.parities_out: Parities = tuple(sorted(out, reverse=True))
        self.method = chosen(method, L1, L2, L3)
        self.carrier = carrier(self.method, L1, L2, L3, normalization, even, odd)
        count = channels or 1
        self.rep_in = (spheres(L1, parities[0], count), spheres(L2, parities[1], count))
        self.rep_out = spheres(L3, self.parities_out, count)
        if weights != "none":
            self._add_weights(count, generator or spawn(0, "SphereProduct"))

    def _add_weights(self, channels: int, generator: Generator) -> None:
        """w1[l1], w2[l2] for each kind of product and w3[l3], so that outputs start with unit variance."""
        total = {parity: torch.zeros(self.L3 + 1, dtype=torch.float64) for parity in self.parities_out}
        for kind in self._kinds():
            odd = kind == "odd"
            for number, (L, packed) in enumerate(zip((self.L1, self.L2), self.parities, strict=True), 1):
                start = (flattening(L) if odd else torch.ones(L + 1)).expand(self.rank, len(packed) * channels, L + 1)
                if self.weights == "rank":
                    start = start * torch.randn(start.shape, generator=generator)
                self.register_parameter(f"w{number}_{kind}", _parameter(start))
            variance = variances(self.L1, self.L2, self.L3, self.normalization, odd)
            for p, q in product(*self.parities):
                total[-p * q if odd else p * q] += self.rank * variance
        start = torch.stack([inverse_root(total[parity]) for parity in self.parities_out])
        start = start.repeat_interleave(channels, 0)
        self.w3 = _parameter(start if self.shared else start.expand(self.rank, -1, -1))
        for number, L in enumerate((self.L1, self.L2, self.L3), 1):
            self.constant(f"l{number}", degrees(L))

    def _kinds(self) -> list[str]:
        return [kind for kind, there in (("even", self.even), ("odd", self.odd)) if there]

    def forward(self, x: Tensor, y: Tensor) -> Float[Tensor, "... k3"]:
        for z, name, L, packed in ((x, "x", self.L1, self.parities[0]), (y, "y", self.L2, self.parities[1])):
            door.features(z, L, name, self.one, len(packed), self.channels)
        door.together(x, y, len(self.parities[0]), len(self.parities[1]))
        door.precise(max(self.L1, self.L2, self.L3), self.one.dtype)
        door.finite(self.check_finite, x=x, y=y)
        return self.precisely(self._product, x, y)

    def _product(self, x: Tensor, y: Tensor) -> Tensor:
        carrier, (ps, qs) = self.carrier, self.parities
        even: dict[int, Tensor] = {}
        odd: dict[int, Tensor] = {}
        if self.even:
            us, vs = ((carrier.value(self._scaled(z, n, "even"), n),) for n, z in ((1, x), (2, y)))
            for (p, (u,)), (q, (v,)) in product(self._parts(us, ps), self._parts(vs, qs)):
                _add(even, p * q, carrier.times(u, v))
        if self.odd:
            us, vs = (carrier.slopes(self._scaled(z, n, "odd"), n) for n, z in ((1, x), (2, y)))
            for (p, u), (q, v) in product(self._parts(us, ps), self._parts(vs, qs)):
                _add(odd, -p * q, carrier.bracket(u, v))
        found = [carrier.project(self._total(even.get(p)), self._total(odd.get(p))) for p in self.parities_out]
        out = found[0] if len(found) == 1 else torch.cat(found, dim=-2)
        if self.weights != "none":
            out = out * self.w3.index_select(-1, self.l3)
        return out if self.shared else out.sum(-3)

    def _scaled(self, x: Tensor, number: int, kind: str) -> Tensor:
        """The input, scaled by degree where there are weights: (..., R, C, k) for rank R > 1."""
        if self.weights == "none":
            return x
        w = getattr(self, f"w{number}_{kind}").index_select(-1, getattr(self, f"l{number}"))
        return x * w[0] if self.rank == 1 else x.unsqueeze(-3) * w

    def _parts(self, lifted: tuple[Tensor, ...], parities: Parities) -> list[tuple[int, tuple[Tensor, ...]]]:
        """What was lifted, apart by parity: the proper channels come first."""
        if len(parities) == 1:
            return [(parities[0], lifted)]
        halves = [part.chunk(2, dim=-1 - self.carrier.point_axes) for part in lifted]
        return list(zip(parities, zip(*halves, strict=True), strict=True))

    def _total(self, lifted: Tensor | None) -> Tensor | None:
        """The sum over the ranks, before the one projection that they share."""
        if lifted is None or self.rank == 1 or not self.shared:
            return lifted
        return lifted.sum(-2 - self.carrier.point_axes)

    def extra_repr(self) -> str:
        extra = (
            "" if self.weights == "none" else f", weights={self.weights!r}, rank={self.rank}, channels={self.channels}"
        )
        return f"{self.L1}, {self.L2}, {self.L3}, method={self.method!r}{extra}"


class GauntProduct(SphereProduct):
    """The pointwise product of two functions on the sphere, projected to degrees 0..L3: equivariant under O(3).

    x ``(..., C, (L1+1)^2)`` and y ``(..., C, (L2+1)^2)`` -> ``(..., C, (L3+1)^2)``, L3 = L1 + L2 by default:
    ``out_l3m3 = sum G x_l1m1 y_l2m2``. Only products of full degree associate. Coefficients multiply the harmonics of
    ``normalization``. ``weights="degree"`` scales degrees by ``w1[l1] w2[l2] w3[l3]``, for each channel; ``"rank"``
    adds ``rank`` such products, with w3 in common (one projection), or each with its own where not ``shared``: then
    enough of them reach every even path. Both start at unit variance. ``include_odd`` appends the bracket of
    ``PoissonProduct``, with weights of its own, as further channels: the output is the pair ``(..., 2C, (L3+1)^2)`` of
    type ``C * Sphere(L3) + C * Sphere(L3, -1)``. ``parities`` says which inputs are pseudofunctions (-1). All methods
    are exact; ``"auto"`` chooses by size.

    Raises ShapeError, DtypeError (both at the call) and DomainError; DomainError instead of a warning for L3 > L1 + L2
    with ``strict``, and for NaN with ``check_finite``.
    Source: Luo, Chen, Krishnapriyan 2024, eq. 4 and §3.3; grids of Xie, Daigavane, Kotak, Smidt 2025.

    >>> gaunt = GauntProduct(1, 1, 2)
    >>> one = torch.tensor([[(4 * torch.pi) ** 0.5, 0.0, 0.0, 0.0]])
    >>> gaunt(one, torch.tensor([[1.0, 2.0, 3.0, 4.0]]))[..., :4]
    tensor([[1.0000, 2.0000, 3.0000, 4.0000]])
    """

    def __init__(
        self,
        L1: int,
        L2: int,
        L3: int | None = None,
        *,
        weights: Weights = "none",
        rank: int = 1,
        shared: bool = True,
        channels: int | None = None,
        normalization: Normalization = "integral",
        method: Literal["auto"] | Method = "auto",
        include_odd: bool = False,
        parities: tuple[int, int] = (1, 1),
        strict: bool = False,
        check_finite: bool = False,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(
            L1,
            L2,
            L1 + L2 if L3 is None else L3,
            parities=_single(parities),
            even=True,
            odd=include_odd,
            weights=weights,
            rank=rank,
            shared=shared,
            channels=channels,
            normalization=normalization,
            method=method,
            strict=strict,
            check_finite=check_finite,
            generator=generator,
        )


class PoissonProduct(SphereProduct):
    """The bracket {x, y} = r . (grad x x grad y) of two functions on the sphere: the odd paths, which Gaunt loses.

    x ``(..., C, (L1+1)^2)`` and y ``(..., C, (L2+1)^2)`` -> ``(..., C, (L3+1)^2)``, L3 = L1 + L2 - 1 by default. The
    output of two proper functions is a pseudofunction, ``rep_out = C * Sphere(L3, -1)``: {a.r, b.r} = (a x b).r.
    Weights, normalization, methods and errors are those of ``GauntProduct``.
    Source: Bochkarev, Lysogorskiy, Drautz 2026.

    >>> bracket = PoissonProduct(1, 1, 1, normalization="norm")
    >>> x, y = torch.tensor([[0.0, 1.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 1.0, 0.0]])
    >>> bracket(x, y).round(decimals=6).abs()
    tensor([[0., 0., 0., 1.]])
    """

    def __init__(
        self,
        L1: int,
        L2: int,
        L3: int | None = None,
        *,
        weights: Weights = "none",
        rank: int = 1,
        shared: bool = True,
        channels: int | None = None,
        normalization: Normalization = "integral",
        method: Literal["auto"] | Method = "auto",
        parities: tuple[int, int] = (1, 1),
        strict: bool = False,
        check_finite: bool = False,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(
            L1,
            L2,
            max(L1 + L2 - 1, 0) if L3 is None else L3,
            parities=_single(parities),
            even=False,
            odd=True,
            weights=weights,
            rank=rank,
            shared=shared,
            channels=channels,
            normalization=normalization,
            method=method,
            strict=strict,
            check_finite=check_finite,
            generator=generator,
        )


class CompleteProduct(SphereProduct):
    """The product of pairs of a proper and a pseudofunction on the sphere, by all paths, even and odd.

    x ``(..., 2C, (L1+1)^2)``, y ``(..., 2C, (L2+1)^2)`` -> ``(..., 2C, (L3+1)^2)``: C proper channels, then C pseudo
    ones, of type ``C * Sphere(L) + C * Sphere(L, -1)``. With x = (a, a') and y = (b, b') the proper part is ``ab + a'b'
    + {a, b'} + {a', b}``, the pseudo part ``ab' + a'b + {a, b} + {a', b'}``. ``pairs=(True, False)`` takes proper
    functions alone as y, (..., C, (L2+1)^2). With weights each part of each input has its own, ``channels`` is C. The
    rest is that of ``GauntProduct``. Source: specification 05 §2.7.

    >>> complete = CompleteProduct(1, 1, 2)
    >>> complete(torch.ones(5, 4, 4), torch.ones(5, 4, 4)).shape
    torch.Size([5, 4, 9])
    """

    def __init__(
        self,
        L1: int,
        L2: int,
        L3: int | None = None,
        *,
        pairs: tuple[bool, bool] = (True, True),
        weights: Weights = "none",
        rank: int = 1,
        shared: bool = True,
        channels: int | None = None,
        normalization: Normalization = "integral",
        method: Literal["auto"] | Method = "auto",
        strict: bool = False,
        check_finite: bool = False,
        generator: Generator | None = None,
    ) -> None:
        first, second = ((1, -1) if pair else (1,) for pair in pairs)
        super().__init__(
            L1,
            L2,
            L1 + L2 if L3 is None else L3,
            parities=(first, second),
            even=True,
            odd=True,
            weights=weights,
            rank=rank,
            shared=shared,
            channels=channels,
            normalization=normalization,
            method=method,
            strict=strict,
            check_finite=check_finite,
            generator=generator,
        )


def _add(sums: dict[int, Tensor], parity: int, term: Tensor) -> None:
    sums[parity] = sums[parity] + term if parity in sums else term


def _parameter(start: Tensor) -> nn.Parameter:
    return nn.Parameter(start.to(torch.get_default_dtype(), copy=True).contiguous())


def _single(parities: tuple[int, int]) -> tuple[Parities, Parities]:
    if not all(p in (1, -1) for p in parities):
        raise DomainError(f"parities={parities}", "1 (proper) or -1 (pseudo) for each input")
    return (parities[0],), (parities[1],)


def _rank(weights: str, rank: int, channels: int | None) -> int:
    if weights not in ("none", "degree", "rank"):
        raise DomainError(f"weights={weights!r}", "'none', 'degree' or 'rank'")
    if rank < 1 or (rank > 1 and weights != "rank"):
        raise DomainError(f"rank={rank} with weights={weights!r}", "rank=1", "write weights='rank'")
    if weights != "none" and (channels is None or channels < 1):
        raise DomainError(f"channels={channels} with weights={weights!r}", "the number of channels, each with weights")
    return rank
