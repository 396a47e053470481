"""Heads in closed form are those of all rows; shapes agree where they do, and only there."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.mixture import GaussianMixture

from isotropy.data import load_office_caltech
from isotropy.errors import DomainError
from isotropy.federation import ClassStats, ccvr_head, lda_head, mixture_head, ridge_head, shape_similarity_test
from isotropy.federation._similarity import ShapeSimilarity
from isotropy.random import spawn

_MIX = torch.randn(3, 5, 5, generator=spawn(0, "heads"), dtype=torch.float64)
Y = torch.arange(300) % 3
X = (_MIX[Y] @ torch.randn(300, 5, 1, generator=spawn(0, "rows"), dtype=torch.float64))[..., 0] + 2 * _MIX[Y, 0]
SITES = [slice(0, 7), slice(7, 120), slice(120, 300)]
POOLED = ClassStats.from_data(X[SITES[0]], Y[SITES[0]], classes=3)
for _s in SITES[1:]:
    POOLED = POOLED + ClassStats.from_data(X[_s], Y[_s], classes=3)


def test_ridge_in_one_round_is_ridge_on_all_rows() -> None:
    head = ridge_head(POOLED, alpha=2.5)
    peer = Ridge(alpha=2.5).fit(X.numpy(), np.eye(3)[Y.numpy()])
    np.testing.assert_allclose(head.weight.detach().numpy(), peer.coef_, atol=1e-8)
    np.testing.assert_allclose(head.bias.detach().numpy(), peer.intercept_, atol=1e-8)


def test_discriminants_in_one_round_are_those_of_all_rows() -> None:
    head = lda_head(POOLED, shrinkage=0.0)
    peer = LinearDiscriminantAnalysis(solver="lsqr").fit(X.numpy(), Y.numpy())
    ours = head(X).softmax(1).detach().numpy()
    # The peer's covariance has divisor N too.
    np.testing.assert_allclose(ours, peer.predict_proba(X.numpy()), atol=1e-8)
    never = lda_head(ClassStats.from_data(X, Y, classes=4), 0.1)
    assert not (never(X).argmax(1) == 3).any()


def test_heads_from_draws_come_near_them() -> None:
    truth = float((lda_head(POOLED)(X).argmax(1) == Y).double().mean())
    sites = [(X[s].float(), Y[s]) for s in SITES]
    for head in (ccvr_head(POOLED, 200), mixture_head(sites, 3, per_class=200)):
        found = float((head(X.to(head.weight.dtype)).argmax(1) == Y).double().mean())
        assert found > truth - 0.05
    assert head.weight.dtype == torch.float32


def test_refusals() -> None:
    few = ClassStats.from_data(X[:3], Y[:3], classes=3)
    with pytest.raises(DomainError, match="alpha=0 and 3 rows of 5 features"):
        ridge_head(few, alpha=0)
    with pytest.raises(DomainError, match="shrinkage=0 and 3 rows of 5 features"):
        lda_head(few, shrinkage=0)
    with pytest.raises(DomainError, match="a number from 0 to 1"):
        lda_head(few, shrinkage=2.0)
    with pytest.raises(DomainError, match="without any row"):
        ridge_head(few.release(10))


def _domains(shared: bool, seed: int) -> ShapeSimilarity:
    """Five classes in two domains, whose shapes are the same or drawn anew."""
    draw = spawn(seed, "domains")
    turns = [torch.linalg.qr(torch.randn(10, 10, generator=draw)).Q for _ in range(10)]
    spread = torch.linspace(3, 0.2, 10)
    x = [
        torch.randn(40, 10, generator=draw) * spread @ turns[c if shared else 5 * d + c].T + 5 * d
        for d in (0, 1)
        for c in range(5)
    ]
    y, domain = torch.arange(5).repeat_interleave(40).repeat(2), torch.arange(2).repeat_interleave(200)
    return shape_similarity_test(torch.cat(x), y, domain, q=3, permutations=199, seed=seed)


def test_shapes_that_are_shared_are_found_and_no_others() -> None:
    found = _domains(True, 0)
    assert found.same > 2 * found.different
    assert found.p_value < 0.05, "one in 120 ways to match five classes, of 199 that are drawn"
    assert [row["class"] for row in found.table()] == [0, 1, 2, 3, 4]
    # Under the null p is uniform: at most 5 % below 0.05, of 20 sets 3 with probability 7 %.
    assert sum(_domains(False, seed).p_value <= 0.05 for seed in range(20)) <= 3


def test_shapes_of_office_features_are_shared(real_data: Path) -> None:
    office = load_office_caltech("googlenet")
    assert (office.domains, tuple(office.x.shape)) == (("amazon", "dslr", "webcam"), (1410, 1024))
    some = office[office.domain != 1]
    x, y, d = some.x, some.y, some.domain
    literal = shape_similarity_test(x, y, d, kind="literal", permutations=99)
    # The specification saw 0.74 and 0.30.
    assert literal.same == pytest.approx(0.74, abs=0.01)
    assert literal.different == pytest.approx(0.30, abs=0.01)
    found = shape_similarity_test(x, y, d)
    assert found.p_value < 0.01
    assert found.same > 2 * found.different > 2 * 5 / 1024


@pytest.mark.parametrize("kind", ["bures", "affine"])
def test_by_distances_too_shapes_that_are_shared_are_found(kind: str) -> None:
    draw = spawn(2, "distances")
    mix = torch.randn(5, 4, 4, generator=draw, dtype=torch.float64)
    y, domain = torch.arange(5).repeat_interleave(50).repeat(2), torch.arange(2).repeat_interleave(250)
    x = torch.einsum("nij,nj->ni", mix[y], torch.randn(500, 4, generator=draw, dtype=torch.float64))
    found = shape_similarity_test(x, y, domain, q=3, permutations=99, kind=kind)
    assert found.same < found.different
    assert found.p_value < 0.05


def test_discriminants_far_from_the_origin_keep_their_digits() -> None:
    shift = 1e6
    near, far = (lda_head(ClassStats.from_data(X + by, Y, classes=3)) for by in (0.0, shift))
    # A bias of size |weight| * 1e6 in float64 keeps nine digits behind the point.
    torch.testing.assert_close(far(X + shift).softmax(1), near(X).softmax(1), rtol=0, atol=1e-6)


def test_mixtures_of_one_column_far_away_are_not_widened(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = spawn(0, "offset")
    y = torch.arange(120) % 2
    x = torch.randn(120, 3, generator=draw, dtype=torch.float64) + 4 * y[:, None]
    x[:, 2] += 1e3
    seen: list[float] = []

    def told(*args: object, reg_covar: float, **kwargs: object) -> GaussianMixture:
        seen.append(reg_covar)
        return GaussianMixture(*args, reg_covar=reg_covar, **kwargs)

    monkeypatch.setattr("sklearn.mixture.GaussianMixture", told)
    mixture_head([(x, y)], 2, components=1, per_class=5)
    assert max(seen) < 2e-3, "a thousandth of variances of 1, not of how far the columns lie apart"


def test_a_column_twice_is_singular_and_small_units_are_not() -> None:
    twice = ClassStats.from_data(torch.cat([X, X[:, :1] / 3], 1), Y, classes=3)
    with pytest.raises(DomainError, match="alpha=0"):
        ridge_head(twice, alpha=0)
    units = torch.tensor([1e-6, 1e6, 1.0, 1.0, 1.0]).double()
    head = ridge_head(ClassStats.from_data(X * units, Y, classes=3), alpha=0)
    peer = ridge_head(ClassStats.from_data(X, Y, classes=3), alpha=0)
    torch.testing.assert_close(head(X * units), peer(X), rtol=0, atol=1e-8)
