"""Rows that a site does not have, drawn along the shape that the class has everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, cast, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from isotropy.errors import DomainError
from isotropy.federation._checks import checked
from isotropy.federation._shapes import ClassShapes, GeometricShape, factor
from isotropy.federation._statistics import ClassStats
from isotropy.linalg import Eigen, eigh
from isotropy.random import spawn

Mode = Literal["ggeur", "matched", "gaussian"]
Domain = int | str
_SINGULAR = (
    1e-9  # of the largest eigenvalue: below it a covariance cannot be whitened in float64 without noise taking over
)


class GeometryGuidedAugmenter:
    """Fills each class of a site up to ``target`` rows, along the ``shapes`` that the class has over all sites.

    Sigma = W + B is the covariance of a class over all sites (W within, B between them), C_k that of a site alone:

    - ``mode="ggeur"``: N(x, Sigma) about rows x of the site, as published; classes that a site has never seen are left
      out. Its law has the covariance C_k + Sigma: wider than the class. With ``prototypes``, also about the means of
      the other domains; its law there has B + Sigma.
    - ``mode="matched"``: ``m + sqrt(1 - h^2) T (x - m_k) + h A e`` with T = Sigma^1/2 C_k^-1/2 and A A^T = Sigma, which
      has the covariance Sigma; h^2 is ``bandwidth``, or (tr Sigma)^2 / (tr Sigma^2 n_k), at most 1. Sites whose C_k
      has not full rank (n_k <= p), and classes that a site has never seen, get "gaussian".
    - ``mode="gaussian"``: N(m, Sigma), or with ``prototypes`` a mixture of N(p_d, W) over domains d, by their rows.
    - ``mode="auto"``: for each class what does best on rows that the sites hold out; ``choose_modes`` decides it.

    m is the mean over all sites (``centre="global"``) or the site's own (``"client"``). ``prototypes`` are the
    ClassStats of each domain. ``scale="eigenvalue"`` takes variances for lengths, as the paper's text may be read
    [recalled]; ``eig_boost=(5.0, 10)`` stretches the ten leading variances by 5 ... 1, as the published code means to.
    ``subsample`` cuts classes of more rows than the target; ``skip_missing`` leaves classes without a shape as they
    are, which raise KeyError otherwise. Source: Ma et al., CVPR 2025 (arXiv 2503.06457); "matched", "gaussian" and
    "auto" are ours.

    Raises DomainError for unknown words and numbers outside their range.

    >>> x, y = torch.randn(40, 3, generator=spawn(0, "x")), torch.arange(40) % 2
    >>> shapes = ClassStats.from_data(x, y, classes=2).shapes()
    >>> more, labels, synthetic = GeometryGuidedAugmenter(shapes, target=50).augment(x[:30], y[:30])
    >>> torch.bincount(labels).tolist(), torch.equal(more[:30], x[:30]), int(synthetic.sum())
    ([50, 50], True, 70)
    """

    def __init__(
        self,
        shapes: ClassShapes,
        target: int = 300,
        mode: str = "matched",
        scale: str = "std",
        eig_boost: tuple[float, int] | None = None,
        prototypes: Mapping[Domain, ClassStats] | Sequence[ClassStats] | None = None,
        *,
        centre: str = "global",
        bandwidth: float | None = None,
        subsample: bool = False,
        skip_missing: bool = False,
    ) -> None:
        known = (*get_args(Mode), "auto")
        for name, value, allowed in (
            ("mode", mode, known),
            ("scale", scale, ("std", "eigenvalue")),
            ("centre", centre, ("global", "client")),
        ):
            if value not in allowed:
                raise DomainError(f"{name}={value!r}", f"one of {', '.join(allowed)}")
        if target < 1:
            raise DomainError(f"target={target}", "at least one row of each class")
        if bandwidth is not None and not 0 <= bandwidth <= 1:
            raise DomainError(f"bandwidth={bandwidth}", "h^2 in [0, 1]")
        if eig_boost is not None and (eig_boost[0] <= 0 or eig_boost[1] < 1):
            raise DomainError(f"eig_boost={eig_boost}", "a positive factor, and a number of axes of at least 1")
        self.shapes, self.target, self.mode, self.scale, self.eig_boost = shapes, target, mode, scale, eig_boost
        self.centre, self.bandwidth, self.subsample = centre, bandwidth, subsample
        self.skip_missing = skip_missing
        self.prototypes = _by_name(prototypes)
        self.chosen: dict[int, Mode] = {}
        self._roots = {c: self._root(shape) for c, shape in shapes.items()}

    def augment(
        self, x: Float[Tensor, "n p"], y: Tensor, client: Domain = 0, seed: int = 0, domain: Domain | None = None
    ) -> tuple[Float[Tensor, "m p"], Int[Tensor, " m"], Bool[Tensor, " m"]]:
        """The rows of a site, untouched and first, then synthetic ones; labels, and which rows are synthetic.

        What is drawn depends on ``seed``, ``client`` and the class alone. ``domain`` is the site's own among the
        ``prototypes`` (its ``client`` by default); "ggeur" raises DomainError for one that is not among them. Classes
        with more rows than the target keep them, unless ``subsample``. Raises KeyError for a class of the site that has
        no shape.
        """
        x, y = checked(x, y, self.shapes.classes, f"client {client}")
        kept, made, labels = [], [], []
        for c in range(self.shapes.classes):
            own = (y == c).nonzero().flatten()
            draw = spawn(seed, "augment", client, c)
            if c not in self.shapes and not len(own):
                continue
            if len(own) > self.target and self.subsample:
                own = own[torch.randperm(len(own), generator=draw)[: self.target].sort().values]
            kept.append(own)
            new = self._made(
                c, x[own].to(torch.float64), self.target - len(own), client if domain is None else domain, draw
            )
            made.append(new.to(x.dtype))
            labels.append(torch.full((len(new),), c))
        rows = torch.cat(kept).sort().values if kept else y[:0]
        new, of = (torch.cat(part) if part else like[:0] for part, like in ((made, x), (labels, y)))
        return (
            torch.cat([x[rows], new]),
            torch.cat([y[rows], of]),
            torch.cat([torch.zeros(len(rows), dtype=torch.bool), torch.ones(len(new), dtype=torch.bool)]),
        )

    def domain_of(self, name: str, names: Sequence[str]) -> Domain:
        """The site's own among the prototypes: by its name, or by its place where there is one for each site."""
        if name not in self.prototypes and len(self.prototypes) == len(names):
            return names.index(name)
        return name

    def mode_of(self, c: int, own: Float[Tensor, "n p"]) -> Mode:
        """What is drawn for a class at a site with rows ``own``: "matched" gives way where it has no law."""
        mode = self.mode
        if mode == "auto":
            if c not in self.chosen:
                raise DomainError(
                    'mode="auto", not decided',
                    "a decision from rows held out",
                    "call choose_modes(augmenter, clients) first",
                )
            mode = self.chosen[c]
        return "gaussian" if mode == "matched" and _white(own) is None else cast("Mode", mode)

    def _made(self, c: int, own: Tensor, need: int, domain: Domain, draw: Generator) -> Tensor:
        if need <= 0 or (self.skip_missing and c not in self.shapes):
            return own[:0]
        shape = self.shapes[c]
        mode = self.mode_of(c, own)
        if mode == "ggeur":
            centres = self._around(c, own, need, domain, draw)
            return centres + _noise(len(centres), self._roots[c][0], draw)
        where, root = self._where(c, shape, own, need, draw)
        if mode == "gaussian":
            return where + _noise(need, root, draw)
        white = _white(own)
        assert white is not None, "mode_of looked"
        h2 = self._bandwidth(shape, len(own)) if self.bandwidth is None else self.bandwidth
        seeds = own[torch.randint(len(own), (need,), generator=draw)] - own.mean(0)
        # T = Sigma^1/2 C_k^-1/2, from both factors: any root of Sigma will do.
        turned = seeds @ white @ _symmetric(root).T
        return where + (1 - h2) ** 0.5 * turned + h2**0.5 * _noise(need, root, draw)

    def _where(self, c: int, shape: GeometricShape, own: Tensor, need: int, draw: Generator) -> tuple[Tensor, Tensor]:
        """Where draws are centred, and a root of how they spread there: domains and W, or one mean and Sigma."""
        whole, within = self._roots[c]
        if self.centre == "client" and len(own):
            return own.mean(0), whole
        present = {name: s for name, s in self.prototypes.items() if s.n[c] > 0}
        if not present:
            return shape.mean, whole
        weight = torch.stack([s.n[c] for s in present.values()])
        means = torch.stack([s.mean[c] for s in present.values()])
        return means[torch.multinomial(weight, need, replacement=True, generator=draw)], within

    def _around(self, c: int, own: Tensor, need: int, domain: Domain, draw: Generator) -> Tensor:
        """Own rows and means of other domains, without replacement from as many copies as the paper makes."""
        if self.prototypes and domain not in self.prototypes:
            raise DomainError(
                f"a site of the domain {domain!r}",
                f"one of the prototypes: {', '.join(map(repr, self.prototypes))}",
                "say with domain= which is its own, so that no site counts itself as another one",
            )
        others = [s.mean[c] for name, s in self.prototypes.items() if name != domain and s.n[c] > 0]
        if not others:
            return own[_seeds(len(own), need, self.shapes.classes, draw)] if len(own) else own
        # As many draws about own rows, all together, as about each mean.
        parts = [need] * (len(others) + (len(own) > 0))
        which = torch.arange(len(parts)).repeat_interleave(torch.tensor(parts))
        which = which[torch.randperm(len(which), generator=draw)[:need]]
        centres = torch.stack([*others, *([own.mean(0)] if len(own) else [])])[which]
        if len(own):
            mine = which == len(others)
            centres[mine] = own[torch.randint(len(own), (int(mine.sum()),), generator=draw)]
        return centres

    def _root(self, shape: GeometricShape) -> tuple[Tensor, Tensor]:
        """A (p, q) with A A^T = Sigma, and one for W, stretched and scaled as was asked for."""
        whole = self._scaled(shape.eigen)
        return whole, whole if shape.within is None else self._scaled(shape.within)

    def _scaled(self, eigen: Eigen) -> Tensor:
        values = eigen.values
        if self.eig_boost is not None:
            factor_, axes = self.eig_boost
            stretch = torch.linspace(factor_, 1.0, axes, dtype=values.dtype)[: len(values)]
            values = torch.cat([values[: len(stretch)] * stretch, values[len(stretch) :]])
        values = values.square() if self.scale == "eigenvalue" else values
        return factor(Eigen(values, eigen.vectors, eigen.cluster))

    def _bandwidth(self, shape: GeometricShape, n: int) -> float:
        effective = float(shape.values.sum().square() / shape.values.square().sum())
        return min(1.0, effective / n)


def _noise(n: int, root: Tensor, draw: Generator) -> Tensor:
    return torch.randn(n, root.shape[1], generator=draw, dtype=root.dtype) @ root.T


def _symmetric(root: Tensor) -> Tensor:
    """The symmetric root, from A = U diag(s) with orthonormal U."""
    s = root.norm(dim=0).clamp_min(torch.finfo(root.dtype).tiny)
    return (root / s) @ root.T


def _white(own: Tensor) -> Tensor | None:
    """C_k^-1/2 (p, p), where the covariance of the rows has full rank; None elsewhere."""
    if len(own) <= own.shape[1]:
        return None
    centred = own - own.mean(0)
    eigen = eigh(centred.T @ centred / len(own))
    if float(eigen.values[-1]) <= _SINGULAR * float(eigen.values[0]):
        return None
    return (eigen.vectors / eigen.values.sqrt()) @ eigen.vectors.T


def _seeds(n: int, need: int, classes: int, draw: Generator) -> Tensor:
    """Rows about which to draw: distinct if there are enough, else without replacement from copies of each."""
    if n >= need:
        return torch.randperm(n, generator=draw)[:need]
    # The numbers of copies are those of the published code.
    copies = (5000 if n < 10 else 500) if classes < 100 else (500 if n < 10 else 50)
    copies = max(copies, -(-need // n))
    return torch.randperm(n * copies, generator=draw)[:need] % n


def _by_name(given: Mapping[Domain, ClassStats] | Sequence[ClassStats] | None) -> dict[Domain, ClassStats]:
    if given is None:
        return {}
    return dict(given) if isinstance(given, Mapping) else dict(enumerate(given))
