"""The laws of what is generated, by counting."""

import pytest
import torch
from torch import Tensor

from isotropy.errors import DomainError, InfeasibleError
from isotropy.federation import (
    ClassStats,
    GeometryGuidedAugmenter,
    choose_modes,
    dirichlet_label_skew,
    domain_skew,
    federate,
    lds,
)
from isotropy.random import spawn

P, DRAWS = 8, 60_000


def _class(n: int, *keys: object, shift: float = 0.0) -> Tensor:
    draw = spawn(0, "law", *keys)
    mix = torch.randn(P, P, generator=draw, dtype=torch.float64) / P**0.5 + torch.eye(P, dtype=torch.float64)
    return torch.randn(n, P, generator=draw, dtype=torch.float64) @ mix.T + shift


def _apart(cov: Tensor, truth: Tensor) -> float:
    return float((cov - truth).norm() / truth.norm())


def _stats(x: Tensor) -> ClassStats:
    return ClassStats.from_data(x, torch.zeros(len(x)), classes=1)


SITES = [_class(40, "a", shift=1.0), _class(70, "b", shift=-2.0), _class(10, "c")]
POOLED = _stats(SITES[0]) + _stats(SITES[1]) + _stats(SITES[2])


def _drawn(mode: str, own: Tensor, bandwidth: float | None = None) -> Tensor:
    augment = GeometryGuidedAugmenter(POOLED.shapes(), target=DRAWS + len(own), mode=mode, bandwidth=bandwidth)
    x, _, synthetic = augment.augment(own, torch.zeros(len(own)), client=0)
    assert torch.equal(x[: len(own)], own)
    return x[synthetic]


# 60,000 draws in 8 dimensions: covariances are off by sqrt((p + 1) / n) = 1.2 % of their norm, means by 0.4 %.
@pytest.mark.parametrize("bandwidth", [None, 0.5, 0.0])
def test_matched_has_the_covariance_of_the_class(bandwidth: float | None) -> None:
    x = _drawn("matched", SITES[0], bandwidth=bandwidth)
    assert _apart(torch.cov(x.T), POOLED.cov[0]) < 0.02
    spread = (POOLED.cov[0].trace() / P).sqrt()
    assert float((x.mean(0) - POOLED.mean[0]).abs().max()) < 0.02 * float(spread)


def test_gaussian_has_the_covariance_of_the_class_seen_or_not() -> None:
    for own in (SITES[0], SITES[0][:0]):
        assert _apart(torch.cov(_drawn("gaussian", own).T), POOLED.cov[0]) < 0.02


def test_ggeur_is_wider_than_the_class_and_leaves_out_what_it_has_not_seen() -> None:
    own = SITES[1]
    x = _drawn("ggeur", own)
    assert _apart(torch.cov(x.T), _stats(own).cov[0] + POOLED.cov[0]) < 0.02
    assert float((x.mean(0) - own.mean(0)).abs().max()) < 0.03
    assert not len(_drawn("ggeur", own[:0]))


def test_over_domains_the_mixture_is_right_and_the_published_rule_counts_what_lies_between_twice() -> None:
    domains = [_stats(x) for x in (SITES[0], SITES[0] + 3, SITES[0] - 3)]  # equal weights
    named = {**dict(enumerate(domains)), "elsewhere": _stats(SITES[0][:0])}
    pooled = domains[0] + domains[1] + domains[2]
    W, B = pooled.within[0], pooled.between[0]
    drawn = {}
    for mode in ("gaussian", "matched", "ggeur"):
        augment = GeometryGuidedAugmenter(pooled.shapes(), target=DRAWS, mode=mode, prototypes=named)
        own = SITES[0] if mode == "matched" else SITES[0][:0]
        x, _, synthetic = augment.augment(own, torch.zeros(len(own)), client="elsewhere")
        drawn[mode] = torch.cov(x[synthetic].T)
    assert _apart(drawn["gaussian"], W + B) < 0.02
    assert _apart(drawn["matched"], W + B) < 0.02
    assert _apart(drawn["ggeur"], W + 2 * B) < 0.02
    assert _apart(drawn["ggeur"], W + B) > 0.2


def test_boosts_stretch_the_leading_variances() -> None:
    plain, boosted = (
        GeometryGuidedAugmenter(POOLED.shapes(), eig_boost=boost)._roots[0][0].square().sum(0)  # pyright: ignore[reportPrivateUsage]
        for boost in (None, (5.0, 4))
    )
    assert (boosted / plain).tolist() == pytest.approx([5, 1 + 4 * 2 / 3, 1 + 4 / 3, 1, 1, 1, 1, 1])
    assert torch.equal(plain, plain.sort(descending=True).values)


def test_what_is_drawn_turns_with_the_data() -> None:
    Q = torch.linalg.qr(torch.randn(P, P, generator=spawn(0, "Q"), dtype=torch.float64)).Q
    turned = _stats(SITES[0] @ Q.T) + _stats(SITES[1] @ Q.T) + _stats(SITES[2] @ Q.T)
    a, b = (GeometryGuidedAugmenter(s.shapes(), target=200, mode="matched") for s in (POOLED, turned))
    # Noise turned alike: the signs of axes are chosen alike.
    signs = ((Q @ a.shapes[0].vectors) * b.shapes[0].vectors).sum(0).sign()
    b._roots[0] = tuple(root * signs for root in b._roots[0])  # pyright: ignore[reportPrivateUsage, reportArgumentType]
    x, _, _ = a.augment(SITES[0], torch.zeros(40), client=3, seed=1)
    z, _, _ = b.augment(SITES[0] @ Q.T, torch.zeros(40), client=3, seed=1)
    torch.testing.assert_close(z, x @ Q.T, rtol=0, atol=1e-10)


def test_draws_depend_on_seed_client_and_class_alone() -> None:
    x, y = torch.cat([SITES[0], SITES[1]]).float(), torch.cat([torch.zeros(40), torch.ones(70)])
    shapes = ClassStats.from_data(x, y, classes=3).shapes()
    augment = GeometryGuidedAugmenter(shapes, target=90)
    both, labels, synthetic = augment.augment(x, y, client=1, seed=5)
    one, _, made = augment.augment(x[:40], y[:40], client=1, seed=5)
    assert both.dtype == torch.float32
    assert torch.bincount(labels).tolist() == [90, 90]
    assert torch.equal(both[synthetic & (labels == 0)], one[made][:50])
    other, _, made = augment.augment(x, y, client=2, seed=5)
    assert not torch.equal(other[made], both[synthetic])


def test_more_rows_than_the_target_are_kept_unless_asked() -> None:
    shapes = POOLED.shapes()
    kept, _, made = GeometryGuidedAugmenter(shapes, target=30).augment(SITES[0], torch.zeros(40))
    assert torch.equal(kept, SITES[0])
    assert not made.any()
    fewer, _, _ = GeometryGuidedAugmenter(shapes, target=30, subsample=True).augment(SITES[0], torch.zeros(40))
    assert len(fewer) == 30


def test_matched_gives_way_where_it_has_no_law() -> None:
    augment = GeometryGuidedAugmenter(POOLED.shapes())
    assert augment.mode_of(0, SITES[0]) == "matched"
    assert augment.mode_of(0, SITES[0][:P]) == "gaussian", "as many rows as columns have no full rank"
    assert augment.mode_of(0, torch.cat([SITES[0][:, :-1], SITES[0][:, :1]], 1)) == "gaussian", "a column twice"


def test_refusals() -> None:
    shapes = POOLED.shapes()
    with pytest.raises(DomainError, match="one of ggeur, matched, gaussian, auto"):
        GeometryGuidedAugmenter(shapes, mode="smote")
    with pytest.raises(DomainError, match="target=0"):
        GeometryGuidedAugmenter(shapes, target=0)
    with pytest.raises(DomainError, match="call choose_modes"):
        GeometryGuidedAugmenter(shapes, mode="auto").augment(SITES[0], torch.zeros(40))
    with pytest.raises(DomainError, match="alpha=0"):
        dirichlet_label_skew(torch.zeros(9), 2, 0.0, generator=spawn(0, "x"))
    with pytest.raises(InfeasibleError, match="4 sites of at least 3 rows from 9"):
        dirichlet_label_skew(torch.zeros(9), 4, 1.0, 3, generator=spawn(0, "x"))
    with pytest.raises(InfeasibleError, match="in 1000 draws"):
        dirichlet_label_skew(torch.arange(40) % 2, 10, 0.01, 4, generator=spawn(0, "x"))


def test_partitions() -> None:
    y, domain = torch.arange(300) % 3, torch.arange(300) // 100
    counts = {}
    for alpha in (0.05, 100.0):
        parts = dirichlet_label_skew(y, 5, alpha, generator=spawn(0, alpha))
        assert torch.cat(parts).sort().values.tolist() == list(range(300))
        table = torch.stack([torch.bincount(y[rows], minlength=3) for rows in parts]).double()
        counts[alpha] = float((table / table.sum(0)).square().sum(0).mean())
    assert counts[0.05] > 0.6 > 0.25 > counts[100.0] >= 0.2, "one site has nearly all of a class, or all share alike"
    assert [len(rows) for rows in domain_skew(domain)] == [100] * 3
    kept = lds(y, domain, 0.05, generator=spawn(0, "lds"))
    assert all(bool((domain[rows] == d).all()) for d, rows in enumerate(kept))
    assert all(len(torch.unique(y[rows])) == 3 for rows in kept), "at least one row of each class"
    assert sum(map(len, kept)) < 200


def test_what_is_chosen_is_what_does_best_on_rows_held_out() -> None:
    """Two sites, each with one class only: only a mode that fills up classes never seen can tell them apart."""
    x, y = torch.cat([SITES[1], SITES[1] + 4]), torch.arange(2).repeat_interleave(70)
    clients = [(x[y == c], y[y == c]) for c in (0, 1)]
    shapes = (ClassStats.from_data(*clients[0], classes=2) + ClassStats.from_data(*clients[1], classes=2)).shapes()
    augment = GeometryGuidedAugmenter(shapes, target=200, mode="auto")
    choice = choose_modes(augment, clients)
    assert (
        choice.chosen == augment.chosen == {c: max(choice.scores[c], key=choice.scores[c].__getitem__) for c in (0, 1)}
    )
    made, labels, synthetic = augment.augment(*clients[0])
    assert bool(synthetic.any())
    # Of one class in a mode of its own the draws are those of that mode.
    for c in (0, 1):
        alone = GeometryGuidedAugmenter(shapes, target=200, mode=choice.chosen[c])
        again, of, _ = alone.augment(*clients[0])
        assert torch.equal(made[labels == c], again[of == c])


def test_no_site_counts_its_own_domain_as_another_one() -> None:
    sites = [(SITES[0], torch.zeros(40)), (SITES[1] + 50, torch.zeros(70))]
    domains = [_stats(x) for x, _ in sites]
    shapes = (domains[0] + domains[1]).shapes()
    own = {}
    for given, names in ((domains, None), ({"b": domains[1], "a": domains[0]}, ["a", "b"])):
        augment = GeometryGuidedAugmenter(shapes, target=100, mode="ggeur", prototypes=given)
        found = federate(sites, classes=1, rounds=1, augment=augment, names=names).clients
        around = augment.augment(*sites[0], client=found[0].name, domain=0 if names is None else "a")[0]
        own[names is None] = torch.equal(found[0].x, around)
        assert set(choose_modes(augment, sites, names=names).chosen) == {0}
    assert all(own.values())
    with pytest.raises(DomainError, match=r"domain 'elsewhere'.*one of the prototypes"):
        augment.augment(*sites[0], client="elsewhere")
