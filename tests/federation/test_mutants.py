"""What is easily done wrong in a federation, done wrong on purpose: each check holds, and fails on its mutants."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from isotropy.federation import ClassStats, GeometryGuidedAugmenter, federate, private_stats
from isotropy.federation import _node as node
from isotropy.federation import _privacy as privacy
from isotropy.federation import _rounds as rounds
from isotropy.federation import _shapes as shapes
from isotropy.federation import _statistics as statistics
from isotropy.federation._protocol import stats_of, stats_tensors
from isotropy.linalg import Eigen, Moments, Segments
from isotropy.random import spawn

Patch = pytest.MonkeyPatch
EPSILON, DELTA, CLIP = 4.0, 1e-5, 3.0
DRAWS = 600
# A row for each of twenty classes and more, so that 1 stands in 1 and in 10 to 19.
X = torch.randn(110, 3, generator=spawn(0, "mutants"), dtype=torch.float64) + torch.arange(110)[:, None] % 20
Y = torch.arange(110) % 20


def fedavg_is_gradient_descent_on_all_rows() -> None:
    """One full-batch step at sites of different sizes, twenty rounds, float32."""
    y = (Y >= 7).to(torch.int64)
    x = X.float() / 10
    first = nn.Linear(3, 2)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[0.1, -0.2, 0.3], [0.0, 0.2, -0.1]]))
    found = federate(
        [(x[:15], y[:15]), (x[15:50], y[15:50]), (x[50:], y[50:])], classes=2, rounds=20, lr=0.5, initial=first
    ).head
    w, b = (p.detach().clone().requires_grad_() for p in first.parameters())
    for _ in range(20):
        gradients = torch.autograd.grad(functional.cross_entropy(x @ w.T + b, y), (w, b))
        w, b = (p.detach() - 0.5 * g for p, g in zip((w, b), gradients, strict=True))
        w, b = w.requires_grad_(), b.requires_grad_()
    for p, expected in zip(found.parameters(), (w, b), strict=True):
        assert float((p - expected).detach().abs().max()) < 1e-6


def sums_are_the_statistics_of_all_rows() -> None:
    parts = (slice(0, 1), slice(1, 50), slice(50, 110))
    stats = [ClassStats.from_data(X[some], Y[some], classes=20) for some in parts]
    whole = sum(stats)
    assert isinstance(whole, ClassStats)
    assert torch.equal(whole.n, torch.bincount(Y, minlength=20).double())
    for c in range(20):
        truth = torch.cov(X[c == Y].T, correction=0)
        assert float((whole.cov[c] - truth).norm() / truth.norm()) < 1e-12
    # Twelve sites, so that 1 stands in 1, 10 and 11.
    many = {f"site {k}": ClassStats.from_data(X[k::12], Y[k::12], classes=20) for k in range(12)}
    again = stats_of(stats_tensors(many), list(many))
    assert all(
        torch.equal(again[name].n, one.n) and torch.equal(again[name].mean, one.mean) for name, one in many.items()
    )


def leading_axes_are_those_of_the_largest_variances() -> None:
    sd = torch.tensor([1.0, 6.0, 3.0], dtype=torch.float64)
    x = torch.randn(400, 3, generator=spawn(0, "axes"), dtype=torch.float64) * sd
    stats = ClassStats.from_data(x, torch.zeros(400), classes=1)
    (shape,) = stats.shapes(1).values()
    assert float(shape.vectors[1, 0].abs()) > 0.99
    augment = GeometryGuidedAugmenter(stats.shapes(), 40_400, "gaussian", eig_boost=(5.0, 1))
    more, _, synthetic = augment.augment(x, torch.zeros(400))
    grown = more[synthetic].var(0) / x.var(0)
    assert grown.tolist() == pytest.approx([1.0, 5.0, 1.0], rel=0.05)


def whether_a_row_was_there_shows_no_more_than_the_budget_allows() -> None:
    """The worst row: far outside, along one axis, so that n, s and Q change as far as they may."""
    x = torch.zeros(61, 2, dtype=torch.float64)
    x[-1, 0] = 5 * CLIP

    def seen(rows: Tensor, k: int) -> float:
        found = private_stats(
            rows, torch.zeros(len(rows)), classes=1, clip=CLIP, epsilon=EPSILON, delta=DELTA,
            generator=spawn(0, "noise", len(rows), k),
        )  # fmt: skip
        return float(found.n[0] + found.n[0] * found.mean[0, 0] / CLIP) / 2**0.5

    with_, without = (torch.tensor([seen(x[:rows], k) for k in range(DRAWS)]) for rows in (61, 60))
    apart = float((with_.mean() - without.mean()).abs() / ((with_.var() + without.var()) / 2).sqrt())
    # Of n and s alone: 2/3 of the squared distance that the budget allows on all three; sure to four deviations.
    allowed = (2 / 3) ** 0.5 / MULTIPLIER
    assert apart < allowed + 4 * (2 / DRAWS) ** 0.5


MULTIPLIER = privacy.noise_multiplier(EPSILON, DELTA)


def from_where_the_site_ended(patch: Patch) -> None:
    ended: dict[str, Tensor] = {}
    real = rounds.local_update

    def stale(model: nn.Module, server: Any, site: Any, *args: Any, **settings: Any) -> Any:
        found = real(model, replace(server, w=ended.get(site.name, server.w)), site, *args, **settings)
        ended[site.name] = found[0].w
        return found

    patch.setattr("isotropy.federation._federate.local_update", stale)


def softmax_before_cross_entropy(patch: Patch) -> None:
    patch.setattr(rounds, "_cross_entropy", lambda z, y: functional.cross_entropy(z.softmax(1), y, reduction="none"))


def plain_means(patch: Patch) -> None:
    def mean(uploads: Sequence[Any]) -> Tensor:
        return torch.stack([upload.w for upload in uploads]).mean(0)

    patch.setattr("isotropy.federation._algorithms.weighted", mean)


def within_sites_only(patch: Patch) -> None:
    patch.setattr(Moments, "scatter", property(lambda self: self.inner))


def divisor_n_minus_1(patch: Patch) -> None:
    patch.setattr(Moments, "cov", property(lambda self: self.scatter / (self.n - 1).clamp_min(1)[:, None, None]))


def classes_by_substring(patch: Patch) -> None:
    def segments(y: Tensor, count: int) -> Segments:
        found = [next(c for c in range(count) if str(c) in str(label)) for label in y.tolist()]
        return Segments(torch.tensor(found, dtype=torch.int64), count)

    patch.setattr(statistics, "Segments", segments)


def sites_by_substring(patch: Patch) -> None:
    def under(folder: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name.partition("/")[2]: value for name, value in tensors.items() if name.startswith(folder)}

    patch.setattr("isotropy.federation._protocol.under", under)
    patch.setattr(node, "under", under)


def ascending(patch: Patch) -> None:
    real = shapes.eigh

    def flipped(C: Tensor, **settings: Any) -> Eigen:
        found = real(C, **settings)
        return Eigen(found.values.flip(-1), found.vectors.flip(-1), found.cluster)

    patch.setattr(shapes, "eigh", flipped)


def half_the_noise(patch: Patch) -> None:
    patch.setattr(privacy, "noise_multiplier", lambda epsilon, delta: MULTIPLIER / 2)


def no_clipping(patch: Patch) -> None:
    source = inspect.getsource(inspect.unwrap(privacy.private_stats))
    clipped = "away = away * (clip / away.norm(dim=1, keepdim=True).clamp_min(clip))"
    assert clipped in source
    scope = dict(vars(privacy))
    exec(compile(textwrap.dedent(source).replace(clipped, "pass"), "mutant", "exec"), scope)
    patch.setitem(globals(), "private_stats", scope["private_stats"])


MUTANTS: dict[Callable[[], None], tuple[Callable[[Patch], None], ...]] = {
    fedavg_is_gradient_descent_on_all_rows: (from_where_the_site_ended, softmax_before_cross_entropy, plain_means),
    sums_are_the_statistics_of_all_rows: (
        within_sites_only, divisor_n_minus_1, classes_by_substring, sites_by_substring,
    ),
    leading_axes_are_those_of_the_largest_variances: (ascending,),
    whether_a_row_was_there_shows_no_more_than_the_budget_allows: (half_the_noise, no_clipping),
}  # fmt: skip


@pytest.mark.parametrize("check", MUTANTS, ids=lambda check: check.__name__)
def test_a_check_holds(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize(
    ("check", "mutant"),
    [(check, mutant) for check, mutants in MUTANTS.items() for mutant in mutants],
    ids=lambda part: part.__name__,
)
def test_a_mutant_fails(check: Callable[[], None], mutant: Callable[[Patch], None], monkeypatch: Patch) -> None:
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        check()
