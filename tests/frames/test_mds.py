"""Points from distances: equal to the coordinates they came from, whichever solver, and honest where none exist."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor

from isotropy.errors import ConvergenceWarning, DomainError, DtypeError, ShapeError
from isotropy.frames import (
    DegenerateCloudError,
    MDSResult,
    RankWarning,
    choose_landmarks,
    classical_mds,
    landmark_mds,
    stress,
)
from isotropy.frames.scaling._solvers import Centred, in_full, randomized
from isotropy.linalg import procrustes


def cloud(n: int, d: int, seed: int = 0) -> Tensor:
    widths = torch.linspace(3, 1, d, dtype=torch.float64)
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * widths


def distances(x: Tensor) -> Tensor:
    return torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")


def cycle(n: int) -> Tensor:
    """Distances along a circle, which no points of a Euclidean space have."""
    i = torch.arange(n, dtype=torch.float64)
    apart = (i[:, None] - i).abs()
    return torch.minimum(apart, n - apart)


def solve(method: str, D: Tensor, k: int) -> MDSResult:
    generator = torch.Generator().manual_seed(0) if method == "randomized" else None
    if method == "landmark":
        chosen = choose_landmarks(D.square(), min(len(D), max(50, 10 * k)))
        return landmark_mds(D.square()[:, chosen], chosen, k)
    return classical_mds(D=D, k=k, method=method, generator=generator)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["eigh", "lanczos", "randomized", "landmark"])
@pytest.mark.parametrize("d", [1, 2, 3, 7])
def test_points_are_found_again(method: str, d: int) -> None:
    """Specification 08 §5.4: every solver gives the points, up to an isometry."""
    x = cloud(60, d)
    found = solve(method, distances(x), d)
    assert float(procrustes(found.Y, x).error) < 1e-9
    assert (found.rank, found.negative_mass) == (d, pytest.approx(0.0, abs=1e-12))
    assert found.stress < 1e-12
    assert torch.allclose(found.Y.T @ found.Y, torch.diag(found.eigenvalues), atol=1e-9)
    assert float(found.Y.mean(0).abs().max()) < 1e-12


def test_it_is_principal_components() -> None:
    """Specification 08 §2.2: Y = Xc V and the eigenvalues are those of the scatter matrix."""
    x = cloud(40, 3)
    centred = x - x.mean(0)
    values, V = torch.linalg.eigh(centred.T @ centred)
    found = classical_mds(distances(x).square())
    assert torch.allclose(found.eigenvalues, values.flip(0), rtol=1e-12)
    assert torch.allclose(found.Y.abs(), (centred @ V.flip(1)).abs(), atol=1e-10)


def test_the_order_of_points_has_no_say() -> None:
    x = cloud(30, 3)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    for method in ("eigh", "lanczos", "landmark"):
        first, second = solve(method, distances(x), 3), solve(method, distances(x[order]), 3)
        assert torch.allclose(first.Y[order], second.Y, atol=1e-10), method


@pytest.mark.parametrize("m", [4, 5, 8, 14, 20])
def test_landmarks_in_general_position_lose_nothing(m: int) -> None:
    """Specification 08 §5.4, with the condition number bounded as there."""
    x, checked = cloud(200, 3), 0
    D2, full = distances(x).square(), classical_mds(distances(x).square(), k=3)
    for seed in range(20):
        chosen = torch.randperm(200, generator=torch.Generator().manual_seed(seed))[:m]
        spectrum = in_full(Centred(D2[chosen][:, chosen].numpy())).values[:3]
        if spectrum[0] < 1e6 * spectrum[-1]:
            found = landmark_mds(D2[:, chosen], chosen, k=3)
            assert float((found.Y - full.Y).abs().max()) < 1e-7
            checked += 1
    assert checked >= 18


def test_landmarks_are_chosen_by_rule() -> None:
    x = cloud(50, 2)
    D2 = distances(x).square()
    chosen = choose_landmarks(D2, 6)
    assert int(chosen[0]) == int(distances(x).sum(1).argmin())
    for i in range(1, 6):
        nearest = D2[chosen[:i]].amin(0)
        assert float(nearest[chosen[i]]) == float(nearest.max())
    order = torch.randperm(50, generator=torch.Generator().manual_seed(3))
    again = choose_landmarks(D2[order][:, order], 6)
    assert torch.equal(order[again], chosen)
    draw = torch.Generator().manual_seed(0)
    assert choose_landmarks(D2, 10, "random", generator=draw).unique().numel() == 10


@pytest.mark.parametrize("method", ["lanczos", "randomized"])
def test_the_leading_values_of_many_noisy_distances(method: str) -> None:
    """Specification 08 §5.6: relative error of the top eigenvalues below 1e-6 (its speed is in benchmarks/mds.py)."""
    x = cloud(900, 6)
    D = distances(x)
    noise = torch.rand(900, 900, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    D = D * (1 + 0.05 * (noise + noise.T - 1)).fill_diagonal_(0)
    exact = in_full(Centred(D.square().numpy()))
    assert exact.negative_mass > 0.05
    found = solve(method, D, 6)
    assert np.allclose(found.eigenvalues.numpy(), exact.values[:6], rtol=1e-9)
    assert 0 <= found.negative_mass <= exact.negative_mass


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lanczos", "randomized"])
def test_the_leading_values_of_3000_points(method: str) -> None:
    """Specification 08 §5.6, as it stands there: n = 3000 and 1e-6."""
    D = distances(cloud(3000, 8))
    noise = torch.rand(3000, 3000, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    D = D * (1 + 0.05 * (noise + noise.T - 1)).fill_diagonal_(0)
    exact = np.linalg.eigvalsh(Centred(D.square().numpy()).dense())[::-1]
    assert np.allclose(solve(method, D, 8).eigenvalues.numpy(), exact[:8], rtol=1e-6)


@pytest.mark.parametrize("n", [100, 1000, 4000])
def test_landmarks_are_exact_at_every_size(n: int) -> None:
    """Specification 08 §5.8: n m distances give what n^2 would; how its time grows is in benchmarks/mds.py."""
    x = cloud(n, 3)
    chosen = choose_landmarks(distances(x[:100]).square(), 8)
    centred = x - x.mean(0)
    to_landmarks = (x[:, None] - x[chosen]).square().sum(-1)
    found = landmark_mds(to_landmarks, chosen, k=3)
    assert float(procrustes(found.Y, x).error) < 1e-9
    assert torch.allclose(found.eigenvalues, torch.linalg.svdvals(centred).square(), rtol=1e-9)


@pytest.mark.parametrize("method", ["lanczos", "randomized"])
def test_multiple_eigenvalues_are_all_found(method: str) -> None:
    side = torch.arange(6, dtype=torch.float64)
    lattice = torch.cartesian_prod(side, side, side)
    found = solve(method, distances(lattice), 3)
    assert torch.allclose(found.eigenvalues, found.eigenvalues[0].expand(3), rtol=1e-12)
    assert float(procrustes(found.Y, lattice).error) < 1e-9


def test_a_start_that_does_not_settle_is_reported() -> None:
    noise = torch.rand(60, 60, generator=torch.Generator().manual_seed(5), dtype=torch.float64) + 1
    D2 = (noise + noise.T).fill_diagonal_(0).numpy()
    with pytest.warns(ConvergenceWarning, match="lanczos"):
        randomized(Centred(D2), 3, torch.Generator().manual_seed(0), oversampling=1, most=4)


def test_the_default_keeps_99_percent() -> None:
    D = cycle(40)
    values = in_full(Centred(D.square().numpy())).values
    shares = np.cumsum(values[values > 0]) / values[values > 0].sum()
    found = classical_mds(D=D)
    k = found.Y.shape[1]
    assert shares[k - 2] < 0.99 <= shares[k - 1]


def test_negative_mass_of_the_circle() -> None:
    """The doubly centred matrix is circulant: its eigenvalues are the Fourier coefficients of -d^2/2."""
    n = 32
    first = cycle(n)[0]
    fourier = torch.fft.fft(-first.square() / 2).real
    fourier[0] = 0.0  # what centring removes
    found = classical_mds(D=cycle(n), k=2)
    expected = -fourier[fourier < 0].sum() / fourier.abs().sum()
    assert found.negative_mass == pytest.approx(float(expected), rel=1e-12)
    assert found.stress > 0.01
    with pytest.raises(DomainError, match="Euclidean"):
        classical_mds(D=cycle(n), negative="raise")
    assert classical_mds(D=distances(cloud(9, 2)), negative="raise").rank == 2


@pytest.mark.parametrize("negative", ["lingoes", "cailliez"])
def test_the_least_constant_makes_distances_euclidean(negative: str) -> None:
    D = cycle(12)
    with pytest.warns(RankWarning, match="rank"):
        found = classical_mds(D=D, k=12, negative=negative)  # type: ignore[arg-type]
    E = distances(found.Y)
    change = (E.square() - D.square()) if negative == "lingoes" else E - D
    apart = ~torch.eye(12, dtype=torch.bool)
    added = change[apart]
    assert torch.allclose(added, added[0].expand_as(added), atol=1e-7)
    assert float(added[0]) > 0
    # A constant that is 1 % smaller leaves a negative eigenvalue: it is the least one.
    less = torch.zeros_like(D)
    less[apart] = (D.square() if negative == "lingoes" else D)[apart] + 0.99 * added[0]
    less = less.sqrt() if negative == "lingoes" else less
    assert classical_mds(D=less, k=1).negative_mass > 1e-4


def test_lingoes_by_lanczos() -> None:
    full = classical_mds(D=cycle(30), k=3, negative="lingoes")
    part = classical_mds(D=cycle(30), k=3, method="lanczos", negative="lingoes")
    assert torch.allclose(full.eigenvalues, part.eigenvalues, rtol=1e-9)


def test_more_axes_than_the_rank_are_zero() -> None:
    D = distances(cloud(10, 2))
    for method in ("eigh", "lanczos", "landmark"):
        with pytest.warns(RankWarning, match="exceeds the rank 2") as caught:
            found = solve(method, D, 5)
        assert len(caught) == 1
        assert (found.Y.shape, found.rank) == ((10, 5), 2)
        assert not bool(found.Y[:, 2:].any())
        assert not bool(found.eigenvalues[2:].any())


def test_numpy_and_float32_stay_what_they_are() -> None:
    x = cloud(20, 2)
    array = classical_mds(D=distances(x).numpy(), k=2)
    assert isinstance(array.Y, np.ndarray)
    assert np.array_equal(array.Y, classical_mds(D=distances(x), k=2).Y.numpy())
    single = classical_mds(D=distances(x).float(), k=2)
    assert single.Y.dtype == torch.float32
    assert float(procrustes(single.Y.double(), x).error) < 1e-5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert classical_mds(D=distances(x).float()).rank == 2


def test_stress() -> None:
    x = cloud(30, 3)
    D = distances(x)
    assert stress(D, x) < 1e-15
    assert stress(D, 1.1 * x) == pytest.approx(0.1, rel=1e-12)
    assert stress(D.numpy(), np.zeros((30, 1))) == pytest.approx(1.0)
    assert stress(D[:, :4], x, x[:4]) < 1e-15
    many = cloud(1200, 2)
    assert stress(distances(many), 2 * many) == pytest.approx(1.0, rel=1e-12)  # over several blocks of rows
    assert stress(torch.zeros(3, 3), torch.ones(3, 1)) == 0.0
    assert stress(torch.zeros(3, 3), torch.eye(3)) == float("inf")
    with pytest.raises(ShapeError, match="shapes"):
        stress(D, x[:5])


def entry(D: Tensor, i: int, j: int, value: float, both: bool = True) -> Tensor:
    D = D.clone()
    D[i, j] = value
    if both:
        D[j, i] = value
    return D


def test_symmetry_is_that_of_the_dtype() -> None:
    """One unit in the last place of float32 is no asymmetry; what no rounding explains is."""
    D = distances(cloud(8, 2)).float()
    one = entry(D, 1, 4, float(torch.nextafter(D[1, 4], D.new_tensor(9e9))), both=False)
    for arguments in ({"D": one}, {"D2": one.square()}):
        assert classical_mds(**arguments).rank == 2
    landmark_mds(one.square()[:, [1, 4, 6]], [1, 4, 6])
    with pytest.raises(DomainError, match=r"entry \(1, 4\)"):
        classical_mds(D=entry(D, 1, 4, float(D[1, 4]) * 1.001, both=False))


def test_distances_know_no_mirror_images() -> None:
    """Specification 08 §7: the handedness of a cloud is not in its distances."""
    D = distances(cloud(8, 3))
    with pytest.raises(DomainError, match="mirror"):
        classical_mds(D=D, reflections=False)
    with pytest.raises(DomainError, match="mirror"):
        landmark_mds(D.square()[:, :4], [0, 1, 2, 3], reflections=False)
    assert torch.equal(classical_mds(D=D, reflections=True).Y, classical_mds(D=D).Y)


def test_bad_distances_are_named() -> None:
    """Specification 08 §7."""
    D = distances(cloud(8, 2))
    for bad, match in (
        (entry(D, 2, 5, torch.nan), r"entry \(2, 5\)"),
        (entry(D, 2, 5, -1.0), r"entry \(2, 5\) = -1"),
        (entry(D, 3, 3, 0.5), r"entry \(3, 3\) = 0.5"),
        (entry(D, 1, 4, float(D[1, 4]) * 1.001, both=False), r"entry \(1, 4\)"),
    ):
        for arguments in ({"D": bad}, {"D2": bad}):
            with pytest.raises(DomainError, match=match):
                classical_mds(**arguments)
    assert classical_mds(D=entry(D, 1, 4, float(D[1, 4]) * (1 + 1e-10), both=False)).rank == 2
    with pytest.raises(ShapeError, match=r"\(n, n\)"):
        classical_mds(D=D[:5])
    with pytest.raises(ShapeError, match="at least 2"):
        classical_mds(D=D[:1, :1])
    with pytest.raises(DtypeError, match="int64"):
        classical_mds(D=D.long())
    with pytest.raises(DegenerateCloudError, match="zero"):
        classical_mds(D=torch.zeros(4, 4))


def test_bad_requests_are_refused() -> None:
    D = distances(cloud(12, 2))
    for arguments, match in (
        ({}, "exactly one"),
        ({"D": D, "D2": D}, "exactly one"),
        ({"D": D, "k": 0}, "k=0"),
        ({"D": D, "method": "lanczos"}, "without k"),
        ({"D": D, "method": "lanczos", "k": 12}, "1 to 11"),
        ({"D": D, "method": "randomized", "k": 2}, "generator"),
        ({"D": D, "method": "power", "k": 2}, "power"),
        ({"D": D, "negative": "drop"}, "drop"),
        ({"D": D, "method": "lanczos", "k": 2, "negative": "cailliez"}, "cailliez"),
    ):
        # Unknown words are also refused by the types, which tests check.
        with pytest.raises((DomainError, TypeError), match=match):
            classical_mds(**arguments)
    for landmarks, match in (
        ([0, 1], r"k \+ 1"),
        ([0, 1, 1], "twice"),
        ([0, 1, 12], "indices 0 to 11"),
        ([0.5, 1.0], "indices"),
    ):
        with pytest.raises(DomainError, match=match):
            landmark_mds(D.square()[:, : len(landmarks)], landmarks, k=2)
    twins = cloud(12, 2)
    twins[5] = twins[3]
    with pytest.raises(DomainError, match="3 and 5, which coincide"):
        landmark_mds(distances(twins).square()[:, [1, 3, 5]], [1, 3, 5])
    with pytest.raises(ShapeError, match="3 landmarks"):
        landmark_mds(D[:, :4], [0, 1, 2])
