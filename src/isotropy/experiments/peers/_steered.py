"""A steerable message passing network on charged particles, with Gaunt's product or with all Clebsch-Gordan paths."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from e3nn import o3
from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.experiments.peers._charged import complete_graphs, edges, unpack
from isotropy.experiments.peers._e3nn import by_channels, by_irreps
from isotropy.nn import GauntProduct
from isotropy.nn.parts import inverse_root, variances
from isotropy.reps import Scalar, Sphere, degrees, spherical_harmonics, to_e3nn

Product = Literal["Gaunt", "Clebsch-Gordan"]
GROUPS = 2  # of channels that see the degrees of an attribute in proportions of their own
_SQUARED = 16.0  # about the median squared distance of two particles, the unit of the invariant of pairs
_FIRST = 0.1  # what is read off an untrained network moves particles by about this

# What gives silu(x) and sigmoid(x) of standard normal x the second moment 1, so that layers keep unit variance.
_SILU, _SIGMOID = 1.67654, 1.84623


class Steered(nn.Module):
    """A linear map of features that is steered by an attribute: out = W(a) x, equivariant in x and a together.

    x ``(..., inputs, (L_in+1)^2)``, a ``(..., (L_a+1)^2)`` and invariants s ``(..., scalars)`` of the same rows ->
    ``(..., outputs, (L+1)^2)``; with ``gated`` its scalars pass through SiLU and each other degree of each channel is
    multiplied by the sigmoid of one more scalar. Source: Brandstetter et al., ICLR 2022 (steerable MLPs).
    """

    l: Tensor

    def __init__(self, L: int, outputs: int, gated: bool) -> None:
        super().__init__()
        self.L, self.outputs, self.gates = L, outputs, outputs * L if gated else 0
        self.bias = nn.Parameter(torch.zeros(outputs + self.gates))
        self.register_buffer("l", degrees(L)[1:] - 1, persistent=False)

    def of_pairs(
        self,
        h: Float[Tensor, "rows n c k"],
        pairs: Int[Tensor, "2 p"],
        a: Float[Tensor, "rows p ka"],
        s: Float[Tensor, "rows p m"],
    ) -> Float[Tensor, "rows p d q"]:
        """The map of (h_i, h_j) for each pair (i, j)."""
        return self(torch.cat([h.index_select(1, one) for one in pairs], -2), a, s)

    def finish(
        self, found: Float[Tensor, "... d q"], gates: Float[Tensor, "... g"] | None = None
    ) -> Float[Tensor, "... d q"]:
        """Biases of all scalars, and the gates."""
        scalars, others = found[..., :1] + self.bias[: self.outputs, None], found[..., 1:]
        if gates is not None:
            opened = (gates + self.bias[self.outputs :]).sigmoid().unflatten(-1, (self.outputs, self.L)) * _SIGMOID
            scalars, others = nn.functional.silu(scalars) * _SILU, others * opened.index_select(-1, self.l)
        return torch.cat([scalars, others], -1)


class GauntSteered(Steered):
    """Maps of channels by degree, the product with the attribute as functions on the sphere, and maps once more.

    The attribute is weighted by degree for each of ``GROUPS`` groups of channels, not for each channel: it is then
    evaluated on the grid that many times for a row. With W1[l1] before the product and W3[l3] after it the weights
    w2[l2] of two groups reach every even path up to degree 2, where at most two l2 share l1 and l3. W1 is applied to
    particles before pairs are formed, which no map that depends on the attribute can be.
    Source: Luo, Chen, Krishnapriyan, ICLR 2024.

    >>> GauntSteered(1, 2, 1, inputs=2, outputs=8, gated=True)(torch.ones(5, 2, 4), torch.ones(5, 9)).shape
    torch.Size([5, 8, 4])
    """

    l_a: Tensor

    def __init__(
        self, L_in: int, L_a: int, L: int, *, inputs: int, outputs: int, scalars: int = 0, gated: bool = False
    ) -> None:
        super().__init__(L, outputs, gated)
        # Pairs and what is updated have two sides, which are added: twice the inputs are no more channels inside.
        middle = -(-max(outputs, inputs // 2) // GROUPS) * GROUPS
        self.enter = ByDegree(L_in, inputs, middle)
        self.invariants = nn.Linear(scalars, middle, bias=False) if scalars else None
        self.product = GauntProduct(L_in, L_a, L, normalization="component")
        self.weights = nn.Parameter(torch.randn(GROUPS, 1, L_a + 1))
        self.leave = ByDegree(L, middle, outputs, inverse_root(variances(L_in, L_a, L, "component", odd=False)))
        self.gate = nn.Linear(middle, self.gates, bias=False) if gated else None
        self.register_buffer("l_a", degrees(L_a), persistent=False)

    def forward(
        self, x: Float[Tensor, "... c k"], a: Float[Tensor, "... ka"], s: Float[Tensor, "... m"] | None = None
    ) -> Float[Tensor, "... d q"]:
        return self._steered(self.enter(x), a, s)

    def of_pairs(
        self,
        h: Float[Tensor, "rows n c k"],
        pairs: Int[Tensor, "2 p"],
        a: Float[Tensor, "rows p ka"],
        s: Float[Tensor, "rows p m"],
    ) -> Float[Tensor, "rows p d q"]:
        """The map of (h_i, h_j) for each pair (i, j)."""
        left, right = (self.enter(h, side).index_select(1, one) for side, one in enumerate(pairs))
        return self._steered(left + right, a, s)

    def _steered(self, z: Tensor, a: Tensor, s: Tensor | None) -> Tensor:
        if self.invariants is not None and s is not None:
            z = z + nn.functional.pad(self.invariants(s).unsqueeze(-1), (0, z.shape[-1] - 1))
        weighted = a[..., None, None, :] * self.weights.index_select(-1, self.l_a)
        z = self.product(z.unflatten(-2, (GROUPS, -1)), weighted).flatten(-3, -2)
        return self.finish(self.leave(z), None if self.gate is None else self.gate(z[..., 0]))


class ByDegree(nn.Module):
    """``y[d, lm] = sum_c W_l[c, d] x[c, lm]``; W starts standard normal over the root of the number of inputs.

    ``scale`` of each degree, if any, is that of what comes in: it is multiplied by it.
    """

    l: Tensor
    scale: Tensor

    def __init__(self, L: int, inputs: int, outputs: int, scale: Float[Tensor, " l"] | None = None) -> None:
        super().__init__()
        self.W = nn.Parameter(torch.randn(L + 1, inputs, outputs))
        found = (torch.ones(L + 1) if scale is None else scale) * inputs**-0.5
        self.register_buffer("scale", found.to(self.W.dtype)[:, None, None], persistent=False)
        self.register_buffer("l", degrees(L), persistent=False)

    def forward(self, x: Float[Tensor, "... c k"], half: int | None = None) -> Float[Tensor, "... d k"]:
        """Of all channels, or of x as the ``half`` 0 or 1 of them."""
        W = self.W * self.scale
        if half is not None:
            W = W.chunk(2, 1)[half]
        rows = x.flatten(0, -3).permute(2, 0, 1) @ W.index_select(0, self.l)
        return rows.permute(1, 2, 0).unflatten(0, x.shape[:-2])


class ClebschGordanSteered(Steered):
    """e3nn's fully connected product with the attribute: a matrix of channels of its own for each even path.

    >>> ClebschGordanSteered(1, 2, 1, inputs=2, outputs=8, gated=True)(torch.ones(5, 2, 4), torch.ones(5, 9)).shape
    torch.Size([5, 8, 4])
    """

    def __init__(
        self, L_in: int, L_a: int, L: int, *, inputs: int, outputs: int, scalars: int = 0, gated: bool = False
    ) -> None:
        super().__init__(L, outputs, gated)
        given, attribute, found = (
            to_e3nn(rep)[0]
            for rep in (
                inputs * Sphere(L_in) + scalars * Scalar,
                Sphere(L_a),
                outputs * Sphere(L) + self.gates * Scalar,
            )
        )
        # Proper inputs have only even paths to proper outputs.
        self.product: Any = o3.FullyConnectedTensorProduct(given, attribute, found)

    def forward(
        self, x: Float[Tensor, "... c k"], a: Float[Tensor, "... ka"], s: Float[Tensor, "... m"] | None = None
    ) -> Float[Tensor, "... d q"]:
        y = self.product(by_irreps(x, s), a)
        scalars, gates, others = y.split((self.outputs, self.gates, y.shape[-1] - self.outputs - self.gates), -1)
        return self.finish(by_channels(torch.cat([scalars, others], -1), self.L), gates if self.gates else None)


PRODUCTS: dict[str, Callable[..., Steered]] = {"Gaunt": GauntSteered, "Clebsch-Gordan": ClebschGordanSteered}


class SteeredLayer(nn.Module):
    """f_i + two maps, steered by a_i, of (f_i, sum_j m_ij); m_ij two maps, steered by a_ij, of (f_i, f_j, e_ij)."""

    def __init__(self, product: Product, L: int, L_a: int, width: int) -> None:
        super().__init__()
        build = PRODUCTS[product]
        self.pair = build(L, L_a, L, inputs=2 * width, outputs=width, scalars=2, gated=True)
        self.message = build(L, L_a, L, inputs=width, outputs=width, gated=True)
        self.update = build(L, L_a, L, inputs=2 * width, outputs=width, gated=True)
        self.step = build(L, L_a, L, inputs=width, outputs=width)

    def forward(
        self,
        f: Float[Tensor, "rows n c k"],
        pairs: Int[Tensor, "2 p"],
        a: Float[Tensor, "rows n ka"],
        a_pairs: Float[Tensor, "rows p ka"],
        e: Float[Tensor, "rows p m"],
    ) -> Float[Tensor, "rows n c k"]:
        n = f.shape[1]
        m = self.message(self.pair.of_pairs(f, pairs, a_pairs, e), a_pairs)
        m = m.unflatten(1, (n, n - 1)).sum(2) / (n - 1) ** 0.5
        return f + self.step(self.update(torch.cat([f, m], -2), a), a)


class SteeredNetwork(nn.Module):
    """Later positions of charged particles, by features of degrees 0..L of ``width`` channels each; E(3)-equivariant.

    States ``(rows, n, 7)`` -> positions ``(rows, n, 3)``. Attributes of pairs are the harmonics up to ``L_a`` of their
    difference, those of particles the mean over their pairs and the harmonics of the velocity; the output is
    x + s v + u, where s, u are read off each particle. Source: Brandstetter et al., ICLR 2022 (SEGNN).
    """

    def __init__(self, product: Product, L: int, L_a: int, width: int, layers: int) -> None:
        super().__init__()
        build = PRODUCTS[product]
        self.L_a = L_a
        self.embedding = build(1, L_a, L, inputs=2, outputs=width)
        self.layers = nn.ModuleList(SteeredLayer(product, L, L_a, width) for _ in range(layers))
        self.pool = build(L, L_a, L, inputs=width, outputs=width, gated=True)
        self.exit = build(L, L_a, 1, inputs=width, outputs=1)

    def forward(self, x: Float[Tensor, "rows n 7"]) -> Float[Tensor, "rows n 3"]:
        loc, vel, _ = unpack(x)
        n = loc.shape[1]
        i, j = pairs = complete_graphs(1, n, x.device)
        a_pairs = self._harmonics(loc.index_select(1, i) - loc.index_select(1, j))
        a = (a_pairs.unflatten(1, (n, n - 1)).mean(2) + self._harmonics(vel)) / 2
        e = edges(x).flatten(1, 2).index_select(1, i * n + j) / x.new_tensor([1.0, _SQUARED])
        vectors = torch.stack([loc - loc.mean(1, keepdim=True), vel], 2)
        f = self.embedding(torch.cat([vectors.norm(dim=-1, keepdim=True), vectors], -1), a)
        for layer in self.layers:
            f = layer(f, pairs, a, a_pairs, e)
        out = _FIRST * self.exit(self.pool(f, a), a).squeeze(2)
        return loc + out[..., :1] * vel + out[..., 1:]

    def _harmonics(self, r: Float[Tensor, "*rows 3"]) -> Float[Tensor, "*rows ka"]:
        return spherical_harmonics(self.L_a, r, normalization="component")
