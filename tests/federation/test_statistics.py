"""Statistics of sites add up to those of all rows; shapes turn with the data and forget where it lies."""

import pytest
import torch
from torch import Tensor

from isotropy.errors import DomainError, InfeasibleError, ShapeError
from isotropy.federation import ClassStats, GeometricShape, GeometryGuidedAugmenter
from isotropy.federation._factors import Factors
from isotropy.random import spawn


def clouds(n: int, p: int, classes: int, *keys: object) -> tuple[Tensor, Tensor]:
    draw = spawn(0, "federation", *keys)
    mix = torch.randn(classes, p, p, generator=draw, dtype=torch.float64)
    y = torch.arange(n) % classes
    x = torch.einsum("nij,nj->ni", mix[y], torch.randn(n, p, generator=draw, dtype=torch.float64))
    return x + 2 * torch.randn(classes, p, generator=draw, dtype=torch.float64)[y], y


def _sites(n: int) -> list[slice]:
    """Four sites of which one has no row, one has one."""
    return [slice(0, 1), slice(1, 1), slice(1, n // 3), slice(n // 3, n)]


@pytest.mark.parametrize(("n", "p"), [(90, 5), (24, 40)])  # matrices, factors
def test_any_partition_gives_the_pooled_covariance(n: int, p: int) -> None:
    x, y = clouds(n, p, 3)
    stats = [ClassStats.from_data(x[s], y[s], classes=3) for s in _sites(n)]
    assert any(isinstance(s.moments, Factors) for s in stats) or n > p
    for whole in (sum(stats), stats[3] + (stats[1] + (stats[2] + stats[0]))):
        assert isinstance(whole, ClassStats)
        for c in range(3):
            truth = torch.cov(x[y == c].T, correction=0)
            assert float((whole.cov[c] - truth).norm() / truth.norm()) < 1e-12
            torch.testing.assert_close(whole.mean[c], x[y == c].mean(0))
        torch.testing.assert_close(whole.within + whole.between, whole.cov)
        sizes = torch.stack([s.n for s in stats])
        within = sum(k.n[:, None, None] * k.cov for k in stats) / sizes.sum(0)[:, None, None]
        torch.testing.assert_close(whole.within, within)


def test_sums_about_a_centre_and_far_from_it() -> None:
    x, y = clouds(90, 5, 3)
    stats = [ClassStats.from_data(x[s], y[s], classes=3) for s in _sites(90)]
    truth = ClassStats.from_data(x, y, classes=3)
    centre = x.mean(0)
    found = ClassStats.from_sums(*sum(s.to_sums(centre) for s in stats), centre=centre)  # pyright: ignore[reportArgumentType, reportGeneralTypeIssues]
    assert float((found.cov - truth.cov).norm() / truth.cov.norm()) < 1e-10
    torch.testing.assert_close(found.mean, truth.mean)
    far = ClassStats.from_data(x + 1e6, y, classes=3).to_sums(0.0)
    with pytest.raises(DomainError, match=r"from the centre.*near the mean of all rows"):
        ClassStats.from_sums(*far)
    moved = ClassStats.from_sums(*ClassStats.from_data(x + 1e6, y, classes=3).to_sums(1e6), centre=1e6)
    assert float((moved.cov - truth.cov).norm() / truth.cov.norm()) < 1e-9


def test_few_rows_stay_at_the_site() -> None:
    x, y = clouds(60, 4, 2)
    x, y = x[:33], torch.cat([y[:9] * 0, torch.ones(24, dtype=torch.int64)])
    for rank in (None, 2):
        kept = ClassStats.from_data(x, y, classes=2, rank=rank).release(min_count=10)
        assert kept.n.tolist() == [0, 24]
        assert not kept.mean[0].any()
        assert not kept.cov[0].any()
        assert list(kept.shapes()) == [1]


def test_shapes_turn_with_the_data_and_forget_where_it_lies() -> None:
    x, y = clouds(400, 6, 2)
    Q = torch.linalg.qr(torch.randn(6, 6, generator=spawn(0, "Q"), dtype=torch.float64)).Q
    stats, turned = (ClassStats.from_data(rows, y, classes=2) for rows in (x, x @ Q.T + 3.0))
    torch.testing.assert_close(turned.mean, stats.mean @ Q.T + 3.0, rtol=0, atol=1e-10)
    torch.testing.assert_close(turned.cov, Q @ stats.cov @ Q.T, rtol=0, atol=1e-10)
    a, b = stats.shapes(), turned.shapes()
    for c in (0, 1):
        torch.testing.assert_close(a[c].values, b[c].values, rtol=1e-10, atol=0)
        overlap = ((Q @ a[c].vectors).T @ b[c].vectors).abs()
        torch.testing.assert_close(overlap, torch.eye(6, dtype=torch.float64), rtol=0, atol=1e-9)
    for kind in ("subspace", "literal", "affinity", "affine", "bures"):
        one, other = a[0].similarity(a[1], kind, q=3), b[0].similarity(b[1], kind, q=3)
        assert abs(one - other) < 1e-10 * max(1, one), kind


def test_similarities_are_what_they_say() -> None:
    def shape(*variances: float) -> GeometricShape:
        return GeometricShape.from_cov(torch.diag(torch.tensor(variances, dtype=torch.float64)))

    a, b, swapped = shape(9, 4, 1), shape(1, 4, 9), shape(4, 9, 1)
    assert a.similarity(a, "subspace", 2) == pytest.approx(1)
    assert a.similarity(swapped, "subspace", 2) == pytest.approx(1)
    assert a.similarity(swapped, "literal", 2) == pytest.approx(0), "index by index axes that change places differ"
    assert a.similarity(b, "subspace", 2) == pytest.approx(1 / 2)
    assert a.similarity(b, "affinity") == pytest.approx((9 + 16 + 9) / (81 + 16 + 1))
    assert a.similarity(b, "affine") == pytest.approx(2**0.5 * torch.tensor(9.0).log().item())
    assert a.similarity(b, "bures") == pytest.approx((2 * (3 - 1) ** 2) ** 0.5)
    with pytest.raises(DomainError, match="one of full rank"):
        a.similarity(shape(1, 1, 0), "affine")
    with pytest.raises(DomainError, match="one of subspace, literal"):
        a.similarity(b, "cosine")


def test_ranks() -> None:
    x, y = clouds(200, 6, 1)
    stats = ClassStats.from_data(x, y, classes=1)
    whole = stats.shapes()[0]
    assert len(stats.shapes(2)[0].values) == 2
    energy = stats.shapes(0.9)[0]
    share = whole.values.cumsum(0) / whole.values.sum()
    assert len(energy.values) == 1 + int((share < 0.9).sum())
    few = ClassStats.from_data(x[:4], y[:4], classes=1)
    with pytest.warns(UserWarning, match="rank 5 of a class of 4 rows is cut to 3"):
        assert len(few.shapes(5)[0].values) == 3
    assert GeometricShape.from_cov(torch.diag(torch.tensor([3.0, 1.0, 1.0]))).blocks == ((0,), (1, 2))


def test_wide_rows_never_become_a_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Factors, "dense", lambda self: pytest.fail("formed p x p"))
    draw = spawn(0, "wide")
    x, y = torch.randn(60, 4096, generator=draw), torch.arange(60) % 2
    whole = ClassStats.from_data(x[:20], y[:20], classes=2) + ClassStats.from_data(x[20:], y[20:], classes=2)
    shape = whole.shapes(10)[1]
    assert shape.vectors.shape == (4096, 10)
    assert shape.sample(3, generator=draw).shape == (3, 4096)
    assert shape.similarity(whole.shapes(10)[0], "bures") > 0


@pytest.mark.parametrize(
    ("x", "y", "error", "words"),
    [
        (torch.ones(3), torch.zeros(3), ShapeError, r"x of shape \(3,\).*of north"),
        (torch.ones(3, 2), torch.tensor([0, 1, 7]), DomainError, "1 label of north such as 7.*from 0 to 2.*classes=8"),
        (torch.ones(3, 2), torch.tensor([0, 0.5, 1]), DomainError, "labels of north that are not whole, such as 0.5"),
        (torch.tensor([[1, torch.nan], [torch.inf, 0]]), torch.zeros(2), DomainError, "2 rows of north with NaN"),
    ],
)
def test_rows_are_refused_with_the_site(x: Tensor, y: Tensor, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ClassStats.from_data(x, y, classes=3, site="north")


def test_other_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = (ClassStats.from_data(torch.ones(3, p), torch.zeros(3), classes=1) for p in (2, 3))
    with pytest.raises(ShapeError, match="1 classes of 2 features, and 1 of 3"):
        a + b
    with pytest.raises(KeyError, match="class 1 has no rows"):
        ClassStats.from_data(torch.rand(9, 2), torch.zeros(9), classes=2).shapes()[1]
    with pytest.raises(DomainError, match="C - C"):
        GeometricShape.from_cov(torch.tensor([[1.0, 0.5], [0.0, 1.0]]))
    with pytest.raises(DomainError, match="eigenvalue -1"):
        GeometricShape.from_cov(torch.diag(torch.tensor([2.0, -1.0])))
    monkeypatch.setattr("isotropy.federation._statistics._BYTES", 1000)
    with pytest.raises(InfeasibleError, match=r"2 covariances of 8 x 8.*give rank="):
        ClassStats.from_data(torch.zeros(20, 8), torch.zeros(20), classes=2)
    assert ClassStats.from_data(torch.rand(20, 8), torch.zeros(20), classes=2, rank=2).n.tolist() == [20, 0]


def test_factors_of_few_rows_are_not_the_rows() -> None:
    x, y = clouds(9, 14, 2, "few")
    found = ClassStats.from_data(x, y, classes=2)
    assert isinstance(found.moments, Factors)
    for c in (0, 1):
        told = found.moments.inner[c] + found.mean[c]
        assert float(torch.cdist(told, x).min()) > 1e-3
        torch.testing.assert_close(found.cov[c], torch.cov(x[y == c].T, correction=0))


def test_a_tight_class_far_from_the_centre_is_refused_beside_wide_ones() -> None:
    draw = spawn(0, "tight")
    x = torch.randn(80, 3, generator=draw, dtype=torch.float64)
    y = torch.arange(80) // 40
    x[y == 1] = 1e-6 * x[y == 1] + 30.0
    with pytest.raises(DomainError, match=r"class 1 at .* from the centre"):
        ClassStats.from_sums(*ClassStats.from_data(x, y, classes=2).to_sums())
    n, s, Q = ClassStats.from_data(x, y, classes=2).to_sums(30.0)
    s[0, 0] = torch.nan
    with pytest.raises(DomainError, match="NaN"):
        ClassStats.from_sums(n, s, Q)


def test_class_one_is_not_classes_ten_to_nineteen() -> None:
    draw = spawn(0, "twenty-one")
    y = torch.arange(21).repeat_interleave(6)
    x = 100.0 * y[:, None] + torch.randn(len(y), 3, generator=draw, dtype=torch.float64)
    stats = sum(ClassStats.from_data(x[k::2], y[k::2], classes=21) for k in range(2))
    for c in range(21):
        torch.testing.assert_close(stats.mean[c], x[y == c].mean(0))
        torch.testing.assert_close(stats.cov[c], torch.cov(x[y == c].T, correction=0))
    more, labels, _ = GeometryGuidedAugmenter(stats.shapes(), 20).augment(x, y)
    assert torch.bincount(labels).tolist() == [20] * 21
    # Classes are a hundred apart, and spread by 1.
    assert float((more - 100.0 * labels[:, None]).abs().max()) < 20
