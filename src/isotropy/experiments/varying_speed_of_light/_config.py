"""What runs, how long chains are, and what the paper took for granted."""

from __future__ import annotations

from dataclasses import dataclass, field

from isotropy.study import Configuration

TABLE, OTHERS, FREE, BINS = "published table", "other samples", "b1 and b2 free", "H0 by redshift"
EVIDENCE, RIDGE, MOCKS, PEAKS = "evidence", "mu and zeta", "mocks", "microwave background"

M = -19.35
"""The absolute magnitude that the paper takes for known [recalled; it reproduces the paper's H0]."""

VSL, LCDM, PLAIN = "VSL, F(z)", "flat LambdaCDM", "VSL, F = 1"

SAMPLES = (
    ("pantheon", "stat"),
    ("pantheon-zhel", "stat"),
    ("pantheon-binned", "stat"),
    ("pantheon-binned", "stat+sys"),
    ("union3", "stat+sys"),
    ("pantheon-plus", "stat"),
    ("des-5yr", "stat"),
)


@dataclass(frozen=True)
class Plan:
    """Chains of ``walkers`` x ``steps`` without the first ``burn``; ``live`` points; ``mocks`` draws; lowest redshift
    ``least`` of the samples with diagonal errors, whose peculiar velocities are not in them; ``panels`` on a side of
    the quadrature over three parameters, and ``draws`` of that posterior."""

    walkers: int = 64
    steps: int = 3000
    burn: int = 500
    live: int = 200
    mocks: int = 200
    least: float = 0.01
    panels: int = 6
    draws: int = 4000


@dataclass(frozen=True)
class Config(Configuration):
    """The plan, and the ``edges`` of the redshift bins."""

    plan: Plan = field(default_factory=Plan)
    edges: tuple[float, ...] = (0.01, 0.03, 0.06, 0.15, 0.25, 0.35, 0.5, 0.7, 1.0, 2.3)


SMALL = Config()
FULL = Config(plan=Plan(walkers=128, steps=20000, burn=1000, live=1000, mocks=1000, panels=12, draws=20000))
