"""One table becomes many sites: by skewed labels, by domains, or by both."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int
from torch import Generator, Tensor

from isotropy.errors import DomainError, InfeasibleError

_TRIES = 1000  # draws of a partition before `min_size` is called unlikely


def dirichlet_label_skew(
    y: Tensor, K: int, alpha: float, min_size: int = 1, *, generator: Generator
) -> list[Int[Tensor, " _"]]:
    """Rows for each of ``K`` sites: each class is shared out by a draw of Dirichlet(``alpha``).

    Every site has at least ``min_size`` rows. Raises DomainError for ``alpha <= 0``, InfeasibleError where ``min_size``
    cannot be, or was not in 1000 draws. Source: Hsu, Qi, Brown, arXiv 1909.06335; Li et al., ICDE 2022.

    >>> from isotropy.random import spawn
    >>> parts = dirichlet_label_skew(torch.arange(100) % 4, 5, 0.3, generator=spawn(0, "sites"))
    >>> sorted(torch.cat(parts).tolist()) == list(range(100)), min(map(len, parts)) >= 1
    (True, True)
    """
    _positive(alpha)
    if K < 1 or K * min_size > len(y):
        raise InfeasibleError(
            f"{K} sites of at least {min_size} rows from {len(y)}", f"K * min_size <= {len(y)}, K >= 1"
        )
    for _ in range(_TRIES):
        parts: list[list[Tensor]] = [[] for _ in range(K)]
        for rows in _classes(y, generator):
            for part, some in zip(parts, rows.split(_shares(len(rows), K, alpha, generator)), strict=True):
                part.append(some)
        sites = [torch.cat(part).sort().values for part in parts]
        if min(map(len, sites)) >= min_size:
            return sites
    raise InfeasibleError(
        f"no site below {min_size} rows in {_TRIES} draws of Dirichlet({alpha})", "a smaller min_size or a larger alpha"
    )


def domain_skew(domain: Tensor) -> list[Int[Tensor, " _"]]:
    """One site for each domain, in the order of their numbers."""
    return [(domain == d).nonzero().flatten() for d in domain.unique()]


def lds(y: Tensor, domain: Tensor, alpha: float, *, generator: Generator, at_least: int = 1) -> list[Int[Tensor, " _"]]:
    """One site for each domain, which keeps of each class the share that a draw of Dirichlet(``alpha``) gives it.

    Each site keeps at least ``at_least`` rows of a class that it has. Rows that no site keeps are left out. Raises
    DomainError for ``alpha <= 0``. Source: Ma et al., CVPR 2025 (Office-Home-LDS).
    """
    _positive(alpha)
    domains = domain.unique()
    kept: list[list[Tensor]] = [[] for _ in domains]
    for c in y.unique():
        share = _dirichlet(len(domains), alpha, generator)
        for d, part, of in zip(domains, kept, share.tolist(), strict=True):
            rows = ((domain == d) & (y == c)).nonzero().flatten()
            number = min(len(rows), max(at_least, round(of * len(rows))))
            part.append(rows[torch.randperm(len(rows), generator=generator)[:number]])
    return [torch.cat(part).sort().values for part in kept]


def _classes(y: Tensor, generator: Generator) -> list[Tensor]:
    found = []
    for c in y.unique():
        rows = (y == c).nonzero().flatten()
        found.append(rows[torch.randperm(len(rows), generator=generator)])
    return found


def _shares(n: int, K: int, alpha: float, generator: Generator) -> list[int]:
    """How many of n rows each of K sites gets."""
    ends = (_dirichlet(K, alpha, generator).cumsum(0)[:-1] * n).long().clamp(0, n)
    return torch.diff(ends, prepend=ends.new_zeros(1), append=ends.new_full((1,), n)).tolist()


def _dirichlet(K: int, alpha: float, generator: Generator) -> Tensor:
    # Logarithms of small gammas by G(a + 1) U^(1/a) (Marsaglia, Tsang 2000): at alpha 0.01 the gammas are zero.
    draw = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    log = torch.from_numpy(np.log(draw.standard_gamma(alpha + 1, K)) + np.log1p(-draw.random(K)) / alpha)
    return log.softmax(0)


def _positive(alpha: float) -> None:
    if not alpha > 0:
        raise DomainError(f"alpha={alpha}", "a concentration above 0")
