"""Frames that are learned: one element from equivariant vectors, or a distribution of them from noise."""

import math
from collections import OrderedDict
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from isotropy.errors import DegenerateError, DomainError, DtypeError, ShapeError, one_of
from isotropy.frames._frame import next_draw
from isotropy.frames._minimal import orthonormal
from isotropy.frames._padded import TOLERANCE, euclidean, no_rows, nothing, padded, placed
from isotropy.frames._signs import complement
from isotropy.frames.learned._vector_neurons import VectorNeurons
from isotropy.groups import DiscreteMeasure, Group, linear, parse
from isotropy.linalg import Segments
from isotropy.random import spawn
from isotropy.settings import Settled


class _VectorFrame(Settled):
    """What both learned frames have in common: a network of vectors, then Gram-Schmidt."""

    group: Group
    """The group on which the measures are."""

    def __init__(self, group: Group | str, net: nn.Module | None, noise: int) -> None:
        super().__init__()
        self.group = parse(group)
        self.special, self.affine = euclidean(self.group)
        # d - 1 vectors and the orientation decide the last axis.
        self.count = max(self.group.degree - self.special, 1)
        self.net = VectorNeurons(self.count, noise=noise) if net is None else net

    def settings(self) -> dict[str, Any]:
        return {"group": str(self.group)}

    def extra_repr(self) -> str:
        return f"group={self.group}"

    def _centred(self, x: Tensor, segments: Segments | None) -> tuple[Tensor, Tensor, Tensor]:
        """The cloud about its mean where the group translates, the mean ``(B, d)``, and the length that is nothing."""
        clouds = padded(self.group, x, segments, centred=self.affine)
        each = clouds.centre[:, None] if segments is None else segments.gather(clouds.centre)
        # Vectors of a network that is homogeneous in x are rounding where they are that small beside x.
        least = clouds.zero * clouds.unit if getattr(self.net, "homogeneous", False) else torch.zeros_like(clouds.zero)
        return (x.double() - each).to(x), clouds.centre, least

    def _rotations(self, vectors: Tensor, least: Tensor) -> tuple[Float[Tensor, "rows d d"], Bool[Tensor, " rows"]]:
        """The elements whose first columns are the vectors, made orthonormal; 1 for the rows told beside, which have
        dependent ones."""
        d = self.group.degree
        if vectors.shape != (len(least), self.count, d):
            given = f"vectors of shape {tuple(vectors.shape)}"
            raise ShapeError(given, f"{(len(least), self.count, d)} from the network")
        singular = dependent(vectors.detach(), least)
        as_it_lies = torch.eye(d, dtype=torch.float64, device=vectors.device)[: self.count]
        vectors = torch.where(singular[:, None, None], as_it_lies, vectors.double())
        axes = orthonormal(vectors[:, : d - self.special])
        return (torch.cat([axes.mT, complement(axes)], -1) if self.special else axes.mT), singular

    def _refuse(self, rows: Bool[Tensor, " rows"]) -> None:
        """While training, rows without a pose are let through: of millions that are seen one will have vectors in a
        plane, and it must not end the training."""
        if not self.training and bool(rows.any()):
            raise DegenerateError(
                f"dependent vectors at batch {(rows.nonzero().flatten()[:5]).tolist()}",
                f"{self.count} independent ones",
                "the cloud may be symmetric: average it with a PCAFrame, a WeightedTupleFrame or a ProbabilisticFrame",
            )


class CanonicalizerFrame(_VectorFrame):
    """One element for each cloud, from vectors of an equivariant network by Gram-Schmidt: a learned canonical pose.

    - ``group``: O(d), from d vectors, SO(d), from d - 1 and the orientation; E(d), SE(d), from the centred cloud, with
      the mean as translation.
    - ``net``: maps ``(B, n, d) -> (B, count, d)``, or flat with segments as its second argument; by default
      VectorNeurons.
    - ``degenerate``: "raise" or "keep". Rows whose vectors are dependent have no canonical pose, as symmetric clouds
      have none (where VectorNeurons gives nothing but rounding that is told too): in train mode they keep the pose in
      which they came and are ``degenerate`` in the measure, in eval mode they raise DegenerateError or, kept, are not
      equivariant.

    Call with ``x (B, n, d)``, or flat ``(N, d)`` with segments. Raises DomainError for other groups; ShapeError and
    DtypeError for wrong input. Source: Kaba et al., ICML 2023, learned canonicalization; specification 03 §2.9.

    >>> frame = CanonicalizerFrame("SE(3)")
    >>> frame(torch.randn(2, 10, 3)).g.shape
    torch.Size([2, 1, 4, 4])
    """

    def __init__(
        self, group: Group | str, net: nn.Module | None = None, *, degenerate: Literal["raise", "keep"] = "raise"
    ) -> None:
        super().__init__(group, net, noise=0)
        one_of("degenerate", degenerate, ("raise", "keep"))
        self.degenerate = degenerate

    def forward(self, x: Shaped[Tensor, "*index d"], segments: Segments | None = None) -> DiscreteMeasure:
        if no_rows(x, segments):
            return nothing(self.group, x)
        y, centre, least = self._centred(x, segments)
        vectors: Any = self.net(y) if segments is None else self.net(y, segments)
        R, none = self._rotations(vectors, least)
        if self.degenerate == "raise":
            self._refuse(none)
        g = placed(R[:, None], centre, self.affine, x)
        return DiscreteMeasure(g, x.new_zeros(len(R), 1), exact=not bool(none.any()), degenerate=none)


class ProbabilisticFrame(_VectorFrame):
    """``num_samples`` draws from a learned equivariant distribution: Gram-Schmidt of vectors computed from x and noise.

    The noise is normal, of standard deviation ``scale`` (lengths are those of x), in ``channels`` vectors at each
    point: its law is invariant, so that the law of the draws is equivariant, also at symmetric clouds. In train mode
    each call draws anew from ``seed``, counted in the state, so that training resumes exactly; in eval mode all calls
    and rows draw the same. ``group`` is O(d), SO(d), E(d) or SE(d).
    ``net`` maps ``(x, segments, noise (..., channels, d)) -> (rows, count, d)``; VectorNeurons unless given.

    Call with ``x (B, n, d)``, or flat ``(N, d)`` with segments. Raises DomainError for other groups, for S(n) too (see
    ProbabilisticOrderFrame); otherwise as CanonicalizerFrame. Source: Kim et al., NeurIPS 2023, probabilistic
    symmetrization; specification 03 §2.9.

    >>> frame = ProbabilisticFrame("SO(3)", num_samples=4).eval()
    >>> x = torch.ones(2, 10, 3)
    >>> frame(x).g.shape, torch.equal(frame(x).g, frame(x).g)
    (torch.Size([2, 4, 3, 3]), True)
    """

    def __init__(
        self,
        group: Group | str,
        num_samples: int = 20,
        net: nn.Module | None = None,
        *,
        channels: int = 2,
        scale: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(group, net, noise=channels)
        if num_samples < 1:
            raise DomainError(f"num_samples={num_samples}", "at least 1")
        self.num_samples, self.channels, self.scale, self.seed = num_samples, channels, scale, seed
        self.register_buffer("draws", torch.zeros((), dtype=torch.int64))
        self.draws: Tensor
        self.seen: OrderedDict[tuple[Any, ...], list[int]] = OrderedDict()

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "scale": self.scale, "channels": self.channels}

    def forward(self, x: Shaped[Tensor, "*index d"], segments: Segments | None = None) -> DiscreteMeasure:
        shape = (self.num_samples, *x.shape[:-1], self.channels, x.shape[-1])
        return self.from_noise(x, self.scale * fresh(self, shape, x, segments), segments)

    def from_noise(
        self,
        x: Float[Tensor, "*index d"],
        noise: Float[Tensor, "F *index channels d"],
        segments: Segments | None = None,
    ) -> DiscreteMeasure:
        """The measure with one atom for each noise; turns with both: ``mu(h.x, h.noise) = h_* mu(x, noise)``."""
        if no_rows(x, segments):
            return nothing(self.group, x, exact=False)
        y, centre, least = self._centred(x, segments)
        rows, count = len(centre), len(noise)
        many = y.expand(count, *y.shape).flatten(0, 1)
        copies = None
        if segments is not None:
            shift = rows * torch.arange(count, device=x.device)[:, None]
            copies = Segments((segments.label + shift).flatten(), rows * count)
        vectors: Any = self.net(many, copies, noise.flatten(0, 1))
        R, singular = self._rotations(vectors, least.repeat(count))
        R, without = R.unflatten(0, (count, rows)).transpose(0, 1), singular.unflatten(0, (count, rows)).mT
        none = without.all(1)
        self._refuse(none)
        # A draw without a pose has no weight; the law of the others is equivariant as before.
        weight = x.new_zeros(rows, count).masked_fill(without & ~none[:, None], -math.inf).log_softmax(1)
        return DiscreteMeasure(placed(R, centre, self.affine, x), weight, exact=False, degenerate=none)


def fresh(frame: Any, shape: tuple[int, ...], like: Tensor, segments: Segments | None = None) -> Tensor:
    """Normal noise: in train mode that of the next call, counted in ``frame.draws``; in eval mode always the same.

    That of eval mode is the same for all rows, which are then what they are alone.
    """
    if like.dtype not in TOLERANCE:
        raise DtypeError(f"coordinates of dtype {like.dtype}", "float32 or float64", "x.double()")
    # Drawn on the CPU in float64, so that it does not depend on where the network runs.
    if frame.training:
        generator = spawn(frame.seed, "draw", next_draw(frame.seen, frame.draws, like))
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(like)
    return _by_place(spawn(frame.seed, "eval"), shape, segments).to(like)


def _by_place(generator: torch.Generator, shape: tuple[int, ...], segments: Segments | None) -> Tensor:
    """Noise (F, *index, ...) that only depends on the place of a point in its set, whatever else is there."""
    count, *index = shape[: 3 if segments is None else 2]
    rest = shape[1 + len(index) :]
    n = index[-1] if segments is None else int(segments.sizes.max()) if segments.count else 0
    # Uniform numbers come one after another, so that longer sets begin as shorter ones do; normal ones come in blocks.
    u = torch.rand(n, count, *rest, generator=generator, dtype=torch.float64).clamp_min(1e-16)
    each = torch.special.ndtri(u).transpose(0, 1)
    if segments is None:
        return each[:, None].expand(count, *index, *rest)
    return each[:, segments.place.cpu()]


def dependent(vectors: Float[Tensor, "rows k d"], least: Float[Tensor, " rows"]) -> Bool[Tensor, " rows"]:
    """Which rows have vectors of at most the length ``least``, or dependent ones to rounding, or not finite ones."""
    tolerance = TOLERANCE[vectors.dtype]
    v = vectors.double()
    size = torch.linalg.vector_norm(v, dim=-1)
    smallest, largest = size.amin(1), size.amax(1)
    unit = v / torch.where(size > 0, size, 1.0)[..., None]
    # The Gram determinant of unit vectors is the square of their volume.
    flat = ~(torch.linalg.det(unit @ unit.mT) > tolerance**2)
    return flat | ~(smallest > torch.maximum(least, tolerance * largest))


def pose_prior(measure: DiscreteMeasure, group: Group) -> Float[Tensor, ""]:
    """The mean over rows and atoms of ``|R - 1|_F^2``, R the linear part: keeps poses near those of the data.

    A penalty for canonicalizers around a pretrained network. Source: Mondal et al., NeurIPS 2023, prior regulariser.

    >>> from isotropy.groups import SO
    >>> half_turn = DiscreteMeasure(-torch.eye(2)[None, None], torch.zeros(1, 1))
    >>> pose_prior(half_turn, SO(2))
    tensor(8.)
    """
    if not isinstance(measure.g, Tensor) or not measure.g.is_floating_point():
        raise DomainError(f"a measure on {group}", "one of matrices")
    R = linear(measure.g) if group.affine else measure.g
    one = torch.eye(R.shape[-1], dtype=R.dtype, device=R.device)
    return ((R - one).square().sum((-2, -1)) * measure.weight).sum(-1).mean()
