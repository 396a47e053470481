"""The one engine of all products of functions on the sphere."""

import inspect
import math
from itertools import product, zip_longest
from typing import Any, Literal, TypedDict

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from isotropy.errors import DomainError, ShapeError
from isotropy.nn.gaunt import _door as door
from isotropy.nn.gaunt._calibration import product_costs
from isotropy.nn.gaunt._carriers import carrier
from isotropy.nn.gaunt._coefficients import flattening, inverse_root, variances
from isotropy.nn.gaunt._constants import Operation, spheres
from isotropy.nn.gaunt._costs import Band
from isotropy.nn.gaunt._method import Method, without_rows
from isotropy.nn.gaunt._work import Size
from isotropy.reps import Normalization, degrees
from isotropy.settings import Settled

Weights = Literal["none", "degree", "rank"]
Parities = tuple[int, ...]  # of the functions that one input packs: (1,), (-1,) or (1, -1)


class Settings(TypedDict, total=False):
    """What all products may be told beside their degrees; the defaults are those of ``SphereProduct``."""

    weights: Weights
    rank: int
    shared: bool
    channels: int | None
    normalization: Normalization
    method: Literal["auto"] | Method
    strict: bool
    check_finite: bool
    generator: Generator | None


class SphereProduct(Settled, Operation):
    """The engine of all products: scale by degree, lift, multiply pointwise, project, scale by degree.

    ``even`` products multiply parities, ``odd`` ones multiply them and change the sign; what has one parity is added
    before it is projected. With weights, even and odd products scale the inputs each in their own way and share w3.
    """

    w3: nn.Parameter

    def __init_subclass__(cls) -> None:
        """``help`` and editors list the ``settings`` of a product one by one, with their defaults."""
        super().__init_subclass__()
        made: Any = cls.__init__
        own = inspect.signature(made).parameters.values()
        kept = [p for p in own if p.kind is not p.VAR_KEYWORD]
        if len(kept) < len(own):
            told = inspect.signature(SphereProduct.__init__).parameters
            made.__signature__ = inspect.Signature([*kept, *(told[name] for name in Settings.__annotations__)])

    def __init__(
        self,
        L1: int,
        L2: int,
        L3: int,
        *,
        parities: tuple[Parities, Parities],
        even: bool,
        odd: bool,
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
        self.method: Literal["auto"] | Method = method
        self.in_graphs: Method = self._in_graphs()
        self.bands = self._bands()
        # The one for graphs first: whoever looks for "the" constants of a product finds those.
        forms: tuple[Method, ...] = (self.in_graphs, *(band.method for bands in self.bands for band in bands))
        for each in dict.fromkeys(forms):
            self.add_module(each, self._carrier(each))
        self.simple = weights == "none" and not odd and len(parities[0]) == len(parities[1]) == 1
        single = len(parities[0]) == len(parities[1]) == 1 and (channels is not None or len(self.parities_out) == 1)
        self.usual = single and not check_finite and max(L1, L2, L3) <= door.HIGH
        self.axes = 3 if channels is not None or len(self.parities_out) > 1 else 2  # one more than belong together
        count = channels or 1
        self.rep_in = (spheres(L1, parities[0], count), spheres(L2, parities[1], count))
        self.rep_out = spheres(L3, self.parities_out, count)
        if weights != "none":
            self._add_weights(count, generator)

    def settings(self) -> dict[str, Any]:
        return {
            "L": [self.L1, self.L2, self.L3],
            "parities": [list(packed) for packed in self.parities],
            "paths": self._kinds(),
            "weights": self.weights,
            "channels": self.channels,
            "normalization": self.normalization,
        }

    def _add_weights(self, channels: int, generator: Generator | None) -> None:
        """w1[l1], w2[l2] for each kind of product and w3[l3], so that outputs start with unit variance."""
        total = {parity: torch.zeros(self.L3 + 1, dtype=torch.float64) for parity in self.parities_out}
        for kind in self._kinds():
            odd = kind == "odd"
            for number, (L, packed) in enumerate(zip((self.L1, self.L2), self.parities, strict=True), 1):
                start = (flattening(L) if odd else torch.ones(L + 1)).expand(self.rank, len(packed) * channels, L + 1)
                if self.weights == "rank":
                    start = start * torch.randn(start.shape, generator=generator)
                self.register_parameter(f"w{number}_{kind}", parameter(start))
            variance = variances(self.L1, self.L2, self.L3, self.normalization, odd)
            for p, q in product(*self.parities):
                total[-p * q if odd else p * q] += self.rank * variance
        start = torch.stack([inverse_root(total[parity]) for parity in self.parities_out])
        start = start.repeat_interleave(channels, 0)
        self.w3 = parameter(start if self.shared else start.expand(self.rank, -1, -1))
        for number, L in enumerate((self.L1, self.L2, self.L3), 1):
            self.constant(f"l{number}", degrees(L))

    def _kinds(self) -> list[str]:
        return [kind for kind, there in (("even", self.even), ("odd", self.odd)) if there]

    def forward(self, x: Tensor, y: Tensor) -> Float[Tensor, "... k3"]:
        if not self._fits(x, y):
            self._look(x, y)
        return self.precisely(self._product, x, y)

    def _fits(self, x: Tensor, y: Tensor) -> bool:
        """Whether the usual case is at hand, in which nothing else need be looked at: small products are overhead."""
        one = self.at_hand("one")
        lead = x.shape[:-1]
        return (
            self.usual
            and x.dtype == one.dtype == y.dtype
            and x.device == one.device == y.device
            and lead == y.shape[:-1]
            and (self.channels is None or lead[-1:] == (self.channels,))
            and x.shape[-1] == (self.L1 + 1) ** 2
            and y.shape[-1] == (self.L2 + 1) ** 2
        )

    def _look(self, x: Tensor, y: Tensor) -> None:
        for z, name, L, packed in ((x, "x", self.L1, self.parities[0]), (y, "y", self.L2, self.parities[1])):
            door.features(z, L, name, self.one, len(packed), self.channels)
        door.together(x, y, len(self.parities[0]), len(self.parities[1]))
        if len(self.parities_out) > 1 and max(x.dim(), y.dim()) < 2:
            raise ShapeError(
                f"x of shape {tuple(x.shape)}", "(..., C, k): the pseudo part is appended as channels", "write x[None]"
            )
        door.precise(max(self.L1, self.L2, self.L3), self.one.dtype)
        door.finite(self.check_finite, x=x, y=y)

    def _product(self, x: Tensor, y: Tensor) -> Tensor:
        carrier, piece = self._form(x, y)
        if piece:
            parts = zip(x.split(piece), y.split(piece), strict=True)
            return torch.cat([self._at_once(one, other, carrier) for one, other in parts])
        return self._at_once(x, y, carrier)

    def _at_once(self, x: Tensor, y: Tensor, carrier: Any) -> Tensor:
        """The product of these rows by one form, a ``Carrier``; products of other things have others."""
        ps, qs = self.parities
        if self.simple:
            return carrier.project(carrier.times(carrier.value(x, 1), carrier.value(y, 2)), None)
        even: dict[int, Tensor] = {}
        odd: dict[int, Tensor] = {}
        if self.even:
            us, vs = ((carrier.value(self._scaled(z, n, "even"), n),) for n, z in ((1, x), (2, y)))
            for (p, (u,)), (q, (v,)) in product(parts(us, ps, carrier.point_axes), parts(vs, qs, carrier.point_axes)):
                _add(even, p * q, carrier.times(u, v))
        if self.odd:
            us, vs = (carrier.slopes(self._scaled(z, n, "odd"), n) for n, z in ((1, x), (2, y)))
            for (p, u), (q, v) in product(parts(us, ps, carrier.point_axes), parts(vs, qs, carrier.point_axes)):
                _add(odd, -p * q, carrier.bracket(u, v))
        sums = [[kind.get(p) for kind in (even, odd)] for p in self.parities_out]
        found = [carrier.project(*(None if F is None else self._total(F, carrier) for F in both)) for both in sums]
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

    def _in_graphs(self) -> Method:
        return without_rows(self.method, self.L1, self.L2, self.L3)

    def _carrier(self, method: Method) -> nn.Module:
        return carrier(method, self.L1, self.L2, self.L3, self.normalization, self.even, self.odd)

    def _bands(self) -> tuple[tuple[Band, ...], ...]:
        """Which form to take for how many rows: forward alone, and with gradients."""
        single, size = (Band(math.inf, self.in_graphs, 0),), self._size()
        if self.method != "auto" and self.in_graphs == "fourier":
            return single, single
        costs, itemsize = product_costs(), torch.get_default_dtype().itemsize
        if self.method != "auto" or self.in_graphs == "dense":
            piece = costs.rows_in_a_piece(self.in_graphs, size, itemsize)
            single = (Band(math.inf, self.in_graphs, piece),)
            return single, single
        return costs.bands(size, False, itemsize), costs.bands(size, True, itemsize)

    def _size(self) -> Size:
        pairs = len(self.parities[0]) * len(self.parities[1])
        return Size(self.L1, self.L2, self.L3, self.even + 2 * self.odd, len(self.parities_out), self.rank * pairs)

    def _form(self, x: Tensor, y: Tensor) -> tuple[nn.Module, int]:
        """The carrier for this number of rows, and how many entries of the first axis it takes at once, 0 for all.

        In a graph, that for any number, all at once.
        """
        if torch.compiler.is_compiling():
            return getattr(self, self.in_graphs), 0
        forms: dict[str, Any] = self._modules
        rows = x.numel() // x.shape[-1]
        alike = x.shape[:-1] == y.shape[:-1]
        if not alike:
            sizes = zip_longest(reversed(x.shape[:-1]), reversed(y.shape[:-1]), fillvalue=1)
            rows = math.prod(max(pair) for pair in sizes)
        learned = torch.is_grad_enabled() and (self.weights != "none" or x.requires_grad or y.requires_grad)
        bands = self.bands[learned]
        band = bands[-1]  # of any number of rows
        for each in bands:
            if rows <= each.rows:
                band = each
                break
        # A piece is never smaller than what the model counts on: a last one that would be is shared by the others.
        if not band.piece or rows < 2 * band.piece or not alike or x.dim() < self.axes:
            return forms[band.method], 0
        return forms[band.method], -(-x.shape[0] // max(rows // band.piece, 1))

    def _total(self, lifted: Tensor, carrier: Any) -> Tensor:
        """The sum over the ranks, before the one projection that they share."""
        if self.rank == 1 or not self.shared:
            return lifted
        return lifted.sum(-2 - carrier.point_axes)

    def extra_repr(self) -> str:
        sizes = f"{self.L1}, {self.L2}, {self.L3}, method={self.method!r}, weights={self.weights!r}"
        return sizes if self.weights == "none" else f"{sizes}, rank={self.rank}, channels={self.channels}"


def parts(lifted: tuple[Tensor, ...], parities: Parities, point_axes: int) -> list[tuple[int, tuple[Tensor, ...]]]:
    """What was lifted, apart by parity: the proper channels come first."""
    if len(parities) == 1:
        return [(parities[0], lifted)]
    halves = [part.chunk(2, dim=-1 - point_axes) for part in lifted]
    return list(zip(parities, zip(*halves, strict=True), strict=True))


def _add(sums: dict[int, Tensor], parity: int, term: Tensor) -> None:
    sums[parity] = sums[parity] + term if parity in sums else term


def parameter(start: Tensor) -> nn.Parameter:
    """A start in the default dtype, with memory of its own."""
    return nn.Parameter(start.to(torch.get_default_dtype(), copy=True).contiguous())


def _rank(weights: str, rank: int, channels: int | None) -> int:
    if weights not in ("none", "degree", "rank"):
        raise DomainError(f"weights={weights!r}", "'none', 'degree' or 'rank'")
    if rank < 1 or (rank > 1 and weights != "rank"):
        raise DomainError(f"rank={rank} with weights={weights!r}", "rank=1", "write weights='rank'")
    if weights != "none" and (channels is None or channels < 1):
        raise DomainError(f"channels={channels} with weights={weights!r}", "the number of channels, each with weights")
    return rank
