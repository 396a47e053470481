"""Latent simulators: from the group element between two views to the matrix that carries one embedding to the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isotropy.data.render import latents
from isotropy.errors import DomainError, SchemaError, ShapeError, nearest
from isotropy.random import spawn
from isotropy.represent._intertwiner import orthogonal_intertwiner
from isotropy.reps import Irrep, Rep, Scalar, wigner_blocks
from isotropy.settings import Settled

KINDS = ("linear", "deep", "mlp", "homomorphism")


class HyperPredictor(Settled):
    """The embedding of a view that is a group element away: ``forward(y (B, D), g (B, k)) = W(g) y``.

    - ``dim``: D, the width of embeddings; ``group_input``, ``colour``: how g is written (``latents.relative``).
    - ``kind``: "linear", W(g) = sum of g_k A_k (the paper's); "deep", the same of a small network's output; "mlp", a
      network of g and y, no matrix; "homomorphism", ``W(g) = Q blockdiag(D^l(g)) Q^T`` with an orthogonal Q that is
      learned: the group law, to rounding, before, during and after training.
    - ``pose``: "object" (R2 = R1 g) or "world" (R2 = g R1). The right action enters as the left action of the inverse:
      W(g2) W(g1) = W(g1 g2) for objects, W(g2 g1) for the world.
    - ``multiplicities``: how often each degree l is there, for "homomorphism"; by default as often as in all functions
      on the group, 2l + 1 times, up to degree 2, the rest of the columns invariant.
    - ``hidden``: the width of the networks.

    No ``(B, D, D)`` is made but by ``matrix``. Raises ShapeError for g or y of other widths and multiplicities that do
    not fill ``dim``, SchemaError for unknown words, DomainError for quaternions off unit length.

    >>> simulate = HyperPredictor(16, kind="homomorphism")
    >>> views = latents.sample(3, generator=torch.Generator().manual_seed(0)).float()
    >>> g = latents.relative(views, views.roll(1, 0))
    >>> simulate(torch.ones(3, 16), g).shape, simulate.multiplicities
    (torch.Size([3, 16]), {0: 3, 1: 1, 2: 2})
    """

    def __init__(
        self,
        dim: int,
        group_input: str = "irreps",
        kind: str = "linear",
        pose: str = "object",
        *,
        colour: latents.Colour = False,
        multiplicities: Mapping[int, int] | None = None,
        hidden: int = 64,
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise SchemaError(f"kind={kind!r}", f"one of {', '.join(KINDS)}", nearest(kind, KINDS))
        if pose not in ("object", "world"):
            raise SchemaError(f"pose={pose!r}", '"object" or "world"')
        if colour and kind == "homomorphism":
            raise SchemaError('colour with kind="homomorphism"', "rotations alone", 'use kind="linear" for hues')
        if multiplicities is not None and kind != "homomorphism":
            raise SchemaError(f"multiplicities of kind={kind!r}", 'none, or kind="homomorphism"')
        self.dim, self.group_input, self.kind, self.pose, self.colour = dim, group_input, kind, pose, colour
        self.multiplicities = _multiplicities(dim, multiplicities) if kind == "homomorphism" else {}
        width = self.width = latents.width(group_input, colour)
        if kind == "linear":
            self.maps = nn.Linear(width, dim * dim, bias=False)
        elif kind == "deep":
            self.hyper = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU())
            self.maps = nn.Linear(hidden, dim * dim, bias=False)
        elif kind == "mlp":
            widths = (width + dim, max(hidden, dim), max(hidden, dim))
            self.network = nn.Sequential(
                nn.Linear(widths[0], widths[1]), nn.ReLU(), nn.Linear(widths[1], widths[2]), nn.ReLU(),
                nn.Linear(widths[2], dim),
            )  # fmt: skip
        else:
            self.skew = nn.Parameter(torch.randn(dim, dim) / dim**0.5)
            self.base: Tensor
            self.register_buffer("base", torch.eye(dim))

    def settings(self) -> dict[str, Any]:
        return {
            "group_input": self.group_input, "kind": self.kind, "pose": self.pose, "colour": self.colour,
            "multiplicities": {str(l): m for l, m in self.multiplicities.items()},
        }  # fmt: skip

    @property
    def rep(self) -> Rep:
        """The type of the latent that Q turns into: how many copies of each degree; none is told of other kinds."""
        whole = Rep()
        for l, m in self.multiplicities.items():
            whole = whole + m * (Scalar if l == 0 else Irrep(l, (-1) ** l))
        return whole

    @property
    def turn(self) -> Float[Tensor, "D D"]:
        """Q of "homomorphism", a base times a Cayley transform: orthogonal to rounding, in any dtype."""
        S, one = self.skew - self.skew.mT, torch.eye(self.dim, dtype=self.skew.dtype, device=self.skew.device)
        # A step of Newton's, for a base that was rounded in a lower precision: its errors are squared.
        base = self.base @ (3 * one - self.base.mT @ self.base) / 2
        return base @ torch.linalg.solve(one + S, one - S)

    def forward(self, y: Tensor, g: Tensor) -> Float[Tensor, "B D"]:
        if y.dim() != 2 or y.shape[1] != self.dim or g.shape != (len(y), self.width):
            given = f"y {tuple(y.shape)} and g {tuple(g.shape)}"
            raise ShapeError(given, f"(B, {self.dim}) and (B, {self.width}) of group_input={self.group_input!r}")
        if latents.width(self.group_input) == 4:
            latents.decode(g, self.group_input)  # raises for lengths that are not 1
        if self.kind == "mlp":
            return self.network(torch.cat([g, y], 1))
        if self.kind == "homomorphism":
            Q = self.turn
            return self._moved(y @ Q, self._blocks(g)) @ Q.mT
        # sum_k g_k (A_k y), one k after the other: memory (B, D) and not (B, D, D).
        codes = self.hyper(g) if self.kind == "deep" else g
        maps = self.maps.weight.unflatten(0, (self.dim, self.dim))
        predicted = torch.zeros_like(y)
        for k in range(codes.shape[1]):
            predicted = predicted + codes[:, k : k + 1] * (y @ maps[:, :, k].mT)
        return predicted

    def matrix(self, g: Tensor) -> Float[Tensor, "B D D"]:
        """W(g), for looking at: B D^2 numbers. Raises SchemaError for "mlp", which is no matrix."""
        if self.kind == "mlp":
            raise SchemaError('the matrix of kind="mlp"', "a kind that is linear in y")
        one = torch.eye(self.dim, dtype=g.dtype, device=g.device)
        columns = [self.forward(one, row.expand(self.dim, -1)).mT for row in g]
        return torch.stack(columns) if columns else g.new_empty(0, self.dim, self.dim)

    @torch.no_grad()
    def initialize_from_pairs(
        self, y: Float[Tensor, "B D"], g: Tensor, z: Float[Tensor, "B D"], seed: int = 0
    ) -> float:
        """Sets Q of "homomorphism" by pairs, W(g) y = z of y and z ``(B, D)``, and returns ``|W(g) y - z| / |z|``.

        By averages and Procrustes, from B >= D pairs. Descents from a random Q end, as often as not, where a copy of
        some degree is mirrored, and no small turn undoes that. ``seed`` is of the matrix that averages start from.
        Raises SchemaError for other kinds, ShapeError for fewer pairs, DomainError for numbers that are not finite.

        >>> hidden, fitted = (HyperPredictor(9, kind="homomorphism") for _ in range(2))
        >>> views = latents.sample(40, generator=torch.Generator().manual_seed(0)).float()
        >>> g, y = latents.relative(views, views.roll(1, 0)), torch.randn(40, 9)
        >>> fitted.initialize_from_pairs(y, g, hidden(y, g)) < 1e-5
        True
        """
        if self.kind != "homomorphism":
            raise SchemaError(f"pairs to begin kind={self.kind!r} from", 'kind="homomorphism"')
        predicted = self(y, g)
        if z.shape != y.shape or len(y) < self.dim:
            raise ShapeError(f"y {tuple(y.shape)} and z {tuple(z.shape)}", f"two of (B, {self.dim}), B >= {self.dim}")
        if not bool(predicted.isfinite().all() and z.isfinite().all() and z.any()):
            raise DomainError("pairs that are not finite, or all 0", "finite numbers, not all of them 0")
        blocks = self._blocks(g.double())
        Q = orthogonal_intertwiner(
            y, z, lambda u: self._moved(u, blocks), lambda u: self._moved(u, [D.mT for D in blocks]),
            spawn(seed, "intertwiner"),
        )  # fmt: skip
        self.skew.zero_()
        self.base.copy_(Q)
        return float((self(y, g) - z).norm() / z.norm())

    def _blocks(self, g: Tensor) -> tuple[Tensor, ...]:
        """D^l, (B, 2l + 1, 2l + 1), of each degree up to the highest; of g^-1 where the action is from the right."""
        R = latents.decode(g, self.group_input)
        return wigner_blocks(max(self.multiplicities), R.mT if self.pose == "object" else R)

    def _moved(self, u: Float[Tensor, "B D"], blocks: Sequence[Tensor]) -> Float[Tensor, "B D"]:
        """blockdiag(D^l) u, row by row."""
        parts = u.split([m * (2 * l + 1) for l, m in self.multiplicities.items()], 1)
        moved = [
            (part.unflatten(1, (m, 2 * l + 1)) @ blocks[l].mT).flatten(1)
            for part, (l, m) in zip(parts, self.multiplicities.items(), strict=True)
        ]
        return torch.cat(moved, 1)


def _multiplicities(dim: int, given: Mapping[int, int] | None) -> dict[int, int]:
    """How often each degree is there, in rising order; those that are not are left out."""
    if given is None:
        # Functions on SO(3) up to degree 2 have 1 + 9 + 25 columns; degrees 2, then 1, have their share of them.
        two = dim * 25 // 35 // 5
        one = (dim - 5 * two) * 9 // 10 // 3
        given = {0: dim - 3 * one - 5 * two, 1: one, 2: two}
    filled = sum(m * (2 * l + 1) for l, m in given.items())
    if filled != dim or min((*given, *given.values()), default=-1) < 0:
        raise ShapeError(f"multiplicities {dict(given)}, {filled} columns", f"{dim}: the sum of m (2l + 1)")
    return {l: given[l] for l in sorted(given) if given[l]}
