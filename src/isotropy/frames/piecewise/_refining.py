"""Cells split where votes disagree, until the certificate is good enough; and bounds calibrated on other scans."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import DomainError, counted
from isotropy.frames.piecewise._certificate import Certificate, piecewise_certificate
from isotropy.frames.piecewise._layer import PiecewiseLayer
from isotropy.frames.piecewise._partition import Partition, voronoi_partition


@dataclass(frozen=True, eq=False)
class Refined:
    """Where splitting ended: the ``partition`` of the cloud, its ``certificate``, the number of ``splits`` in a row.

    ``certified`` says whether the largest bound is at most the tolerance, a share of the largest output. ``model`` is
    the layer in the cells that so many splits make of any cloud, as ``piecewise_certificate`` takes it.
    """

    partition: Partition
    certificate: Certificate
    splits: int
    certified: bool
    model: Callable[[Tensor], tuple[Tensor, Partition]]


def refine_until_certified(
    layer: PiecewiseLayer,
    x: Float[Tensor, "N 3"],
    cells: Callable[[Tensor], Partition],
    parts: Partition,
    tol: float,
    g: Any = 4,
    *,
    group: str = "E(3)",
    most: int = 12,
    spread: float = 0.0,
    seed: int = 0,
) -> Refined:
    """Cells of ``layer`` split in two where their votes disagree, until the bound is at most ``tol`` times M.

    ``cells(x)`` makes the first cells of a cloud (N, 3), by a rule that motions do not change; ``parts`` are the true
    ones, ``g``, ``group`` and ``seed`` as in ``piecewise_certificate``. A cell is split into the votes nearer to either
    of its two farthest ones where the rms distance of its votes from their mean is above ``spread``, in the unit of the
    points; then votes are asked for again, at ``most`` so many times. Where that is not enough, or no cell is split any
    more, ``certified`` is False.

    Raises DomainError for a negative tolerance. Source: ours; a finer partition is exact for every coarser one.

    >>> torch.manual_seed(0) and None
    >>> layer = PiecewiseLayer(None, "Scalar", width=4, k_local=2).double()
    >>> x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> parts = Partition(torch.arange(20) // 10)
    >>> found = refine_until_certified(layer, x, lambda y: voronoi_partition(y, 2)[0], parts, 0)
    >>> found.certified, len(found.partition)
    (True, 20)
    """
    if not tol >= 0 or most < 0 or not spread >= 0:
        raise DomainError(f"tol={tol}, most={most}, spread={spread}", "0 or more each")
    splits, before = 0, -1
    while True:
        model = _split_model(layer, cells, splits, spread)
        found = piecewise_certificate(model, x, parts, g, rep_out=layer.rep_out.rep, group=group, seed=seed)
        partition = model(x)[1]
        good = float(found.bound.max()) <= tol * found.M
        if good or splits == most or len(partition) == before:
            return Refined(partition, found, splits, good, model)
        splits, before = splits + 1, len(partition)


def _split_model(
    layer: PiecewiseLayer, cells: Callable[[Tensor], Partition], splits: int, spread: float
) -> Callable[[Tensor], tuple[Tensor, Partition]]:
    def model(points: Tensor) -> tuple[Tensor, Partition]:
        partition = cells(points)
        with torch.no_grad():
            out, votes = layer(points, None, partition)
            for _ in range(splits):
                partition = split(votes, partition, spread)
                out, votes = layer(points, None, partition)
        return out, partition

    return model


def split(votes: Float[Tensor, "N 3"], partition: Partition, spread: float = 0.0) -> Partition:
    """Each cell in two where the rms distance of its ``votes (N, 3)`` from their mean is above ``spread``.

    >>> cells = Partition(torch.tensor([0, 0, 0, 1, 1]))
    >>> votes = torch.tensor([[0.0, 0, 0], [0, 0, 0.1], [5, 0, 0], [1, 1, 1], [1, 1, 1]])
    >>> split(votes, cells, 0.5).labels.tolist()
    [1, 1, 0, 2, 2]
    """
    sets = partition.cells
    apart = votes - sets.gather(sets.mean(votes))
    rms = sets.mean(apart.square().sum(1)).sqrt()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "k=2 seeds for a cloud of 1 point")  # a point alone stays one
        halves, _ = voronoi_partition(votes.detach(), 2, sets)
    divided = sets.gather(rms > spread)
    first = torch.searchsorted(halves.of.contiguous(), torch.arange(len(partition), device=votes.device))
    place = halves.labels - first[partition.labels]
    return Partition(2 * partition.labels + torch.where(divided, place, 0), partition.clouds)


@dataclass(frozen=True)
class CalibratedBound:
    """How much of the proved bound scans of one kind use up: ``factor``, from ``scans`` others, for ``coverage``.

    ``calibrated(certificate)`` is the bound of a new scan: under it with probability ``coverage`` at least, over scans
    that come as the others did (split conformal prediction; Papadopoulos et al., 2002). Too few scans leave the factor
    at 1, where the bound is the proved one.
    """

    factor: float
    coverage: float
    scans: int

    @classmethod
    def of(cls, certificates: Sequence[Certificate], coverage: float = 0.9) -> CalibratedBound:
        """From the certificates of held-out scans, one for each. Raises DomainError for none, and other coverages.

        >>> CalibratedBound.of([], 0.9)
        Traceback (most recent call last):
            ...
        isotropy.errors.DomainError: given 0 scans, coverage 0.9; expected a scan or more, 0 < coverage < 1
        """
        n = len(certificates)
        if not n or not 0 < coverage < 1:
            raise DomainError(f"{counted(n, 'scan')}, coverage {coverage}", "a scan or more, 0 < coverage < 1")
        used = sorted(_used(one) for one in certificates)
        place = math.ceil((n + 1) * coverage)
        return cls(used[place - 1] if place <= n else 1.0, coverage, n)

    def calibrated(self, certificate: Certificate) -> Float[Tensor, " D"]:
        """The bound of each motion of a certificate, at this coverage."""
        return self.factor * certificate.bound

    def covered(self, certificates: Sequence[Certificate]) -> float:
        """The share of scans whose error stays under the calibrated bound in every motion."""
        return sum(_used(one) <= self.factor for one in certificates) / len(certificates)


def _used(certificate: Certificate) -> float:
    """The largest share of the bound that the error of a motion uses up."""
    if not certificate.told:
        return 1.0
    bound = certificate.bound
    return float(torch.where(bound > 0, certificate.measured / torch.where(bound > 0, bound, 1.0), 0.0).max())
