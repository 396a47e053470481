"""Losses by hand, latent simulators against explicit matrices, and the group law that one of them cannot break."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from isotropy.data.render import latents
from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.groups import SO
from isotropy.random import spawn
from isotropy.represent import (
    HyperPredictor,
    NTXent,
    ResNet18,
    SmallEncoder,
    Split,
    SplitEncoder,
    SplitLoss,
    VICRegLoss,
    covariance,
    group_law_report,
    rank_me,
    variance,
)
from isotropy.reps import wigner_D


def normal(*shape: int, key: str = "") -> Tensor:
    return torch.randn(*shape, generator=spawn(0, "normal", key), dtype=torch.float64)


@pytest.fixture(scope="module")
def halves() -> tuple[Split, Split, Tensor]:
    a, b = (Split(*(0.5 * normal(6, w, key=f"{name}{w}") for w in (3, 2, 5, 4))) for name in "ab")
    return a, b, 0.5 * normal(6, 4, key="predicted")


def by_hand_variance(y: Tensor) -> float:
    total = 0.0
    for column in y.T.tolist():
        mean = sum(column) / len(column)
        var = sum((value - mean) ** 2 for value in column) / (len(column) - 1)
        total += max(0.0, 1 - math.sqrt(var + 1e-4))
    return total / y.shape[1] / 2


def by_hand_covariance(y: Tensor) -> float:
    n, p = y.shape
    mean = [sum(column) / n for column in y.T.tolist()]
    total = 0.0
    for i in range(p):
        for j in range(p):
            if i != j:
                total += (sum((float(r[i]) - mean[i]) * (float(r[j]) - mean[j]) for r in y) / (n - 1)) ** 2
    return total / p


def test_the_terms_are_those_of_the_formulas(halves: tuple[Split, Split, Tensor]) -> None:
    a, b, predicted = halves
    y, z = torch.cat([a.emb_inv, a.emb_equi], 1), torch.cat([b.emb_inv, b.emb_equi], 1)
    found = SplitLoss(2.0, 3.0, 5.0, 7.0)(a, b, predicted)
    spread = by_hand_variance(y) + by_hand_variance(z)
    by_hand = {
        "inv": 2 * sum((u - v) ** 2 for u, v in zip(a.emb_inv.flatten(), b.emb_inv.flatten(), strict=True)) / 30,
        "equi": 3 * sum((u - v) ** 2 for u, v in zip(predicted.flatten(), b.emb_equi.flatten(), strict=True)) / 24,
        "var": 5 * (spread + by_hand_variance(predicted)),
        "cov": 7 * (by_hand_covariance(y) + by_hand_covariance(z)),
    }
    for name, value in by_hand.items():
        assert float(found[name]) == pytest.approx(float(value), abs=1e-10), name
    assert float(found["total"]) == pytest.approx(float(sum(by_hand.values())), abs=1e-10)
    plain = SplitLoss(2.0, 3.0, 5.0, 7.0, predictor_variance=False)(a, b, predicted)
    assert float(plain["var"]) == pytest.approx(5 * spread, abs=1e-10)
    # On both halves side by side: covariances across them count.
    apart = covariance(a.emb_inv) * 5 / 9 + covariance(a.emb_equi) * 4 / 9
    assert float(covariance(y)) > float(apart) + 1e-3
    vicreg = VICRegLoss()(y, z)
    assert float(vicreg["var"]) == pytest.approx(10 * spread, abs=1e-10)
    assert float(vicreg["inv"]) == pytest.approx(float(10 * (y - z).square().mean()), abs=1e-10)


def test_the_contrast_is_that_of_its_definition() -> None:
    y, z = normal(4, 3, key="y"), normal(4, 3, key="z")
    both = [v / v.norm() for v in (*y, *z)]
    total = 0.0
    for i in range(8):
        alike = [float(both[i] @ both[k]) / 0.2 for k in range(8)]
        total -= alike[(i + 4) % 8] - math.log(sum(math.exp(a) for k, a in enumerate(alike) if k != i))
    assert float(NTXent(0.2)(y, z)["total"]) == pytest.approx(total / 8, abs=1e-10)


def test_white_data_have_no_covariance_and_a_constant_all_of_the_variance_term() -> None:
    y = normal(40, 6)
    centred = y - y.mean(0)
    white = torch.linalg.qr(centred)[0] * 39**0.5
    assert float(covariance(white)) < 1e-8
    assert float(variance(white)) < 1e-4
    assert float(variance(torch.ones(9, 5).double())) == pytest.approx(0.5 * (1 - 0.01), abs=1e-12)
    with pytest.raises(DomainError, match="at least two rows"):
        variance(torch.ones(1, 5))
    assert rank_me(white) == pytest.approx(6, rel=1e-3)


@pytest.mark.parametrize("group_input", ["quat_canonical", "matrix", "irreps"])
@pytest.mark.parametrize("kind", ["linear", "deep", "homomorphism"])
def test_forward_is_the_explicit_product(group_input: str, kind: str) -> None:
    predictor = HyperPredictor(9, group_input, kind).double()
    views = latents.sample(5, generator=spawn(0, "views"))
    g, y = latents.relative(views, views.roll(1, 0), group_input), normal(5, 9)
    assert torch.allclose(predictor(y, g), torch.bmm(predictor.matrix(g), y[..., None])[..., 0], atol=1e-12)
    assert not torch.allclose(predictor(y, g), predictor(y, g.roll(1, 0)), atol=1e-3)


def test_signs_of_quaternions() -> None:
    views = latents.sample(5, generator=spawn(0, "views"))
    q = latents.relative(views, views.roll(1, 0), "quat")
    linear = HyperPredictor(4, "quat").double()
    assert torch.equal(linear.matrix(-q), -linear.matrix(q)), "no function of the rotation"
    exact = HyperPredictor(8, "quat", "homomorphism").double()
    assert torch.equal(exact.matrix(-q), exact.matrix(q))


@pytest.mark.parametrize("pose", ["object", "world"])
def test_the_group_law_is_exact_before_and_after_training(pose: str) -> None:
    exact = HyperPredictor(12, "matrix", "homomorphism", pose).double()
    assert exact.multiplicities[1] >= 1 <= exact.multiplicities[2]
    R, S = SO(3).sample((2, 50), generator=spawn(0, "turns"), dtype=torch.float64)
    turns = torch.cat([R, torch.diag(torch.tensor([1.0, -1, -1]).double())[None], torch.eye(3).double()[None]])

    def W(g: Tensor) -> Tensor:
        return exact.matrix(g.flatten(-2)).detach()

    started = W(turns)
    target = torch.linalg.qr(normal(12, 12))[0]
    optimiser = torch.optim.Adam(exact.parameters(), 0.1)
    for _ in range(5):
        optimiser.zero_grad()
        (exact.matrix(R[:3].flatten(-2)) - target).square().sum().backward()
        optimiser.step()
    assert float((W(turns) - started).abs().max()) > 0.1, "it has learned"
    both = R @ S if pose == "object" else S @ R
    for left, right in (
        (W(torch.eye(3).double()[None])[0], torch.eye(12).double()),
        (W(turns.mT) @ W(turns), torch.eye(12).double().expand(len(turns), -1, -1)),
        (W(S) @ W(R), W(both)),
        (W(turns).mT @ W(turns), torch.eye(12).double().expand(len(turns), -1, -1)),
    ):
        assert torch.allclose(left, right, atol=1e-10)
    assert not torch.allclose(W(R) @ W(S), W(both), atol=0.1), "the order matters"
    # Degrees 1 and 2 are really there: the trace is the sum of characters.
    trace = sum(m * wigner_D(l, R).diagonal(dim1=-2, dim2=-1).sum(-1) for l, m in exact.multiplicities.items())
    assert torch.allclose(W(R).diagonal(dim1=-2, dim2=-1).sum(-1), torch.as_tensor(trace), atol=1e-10)
    assert max(group_law_report(exact)) < 1e-10
    assert group_law_report(HyperPredictor(12, "matrix", pose=pose).double()).composition > 0.01
    assert exact.rep.dim(SO(3)) == 12


@pytest.mark.parametrize("colour", [True, "raw"])
def test_the_group_law_of_a_simulator_that_takes_hues_is_that_where_they_stay(colour: latents.Colour) -> None:
    plain, hued = HyperPredictor(5, "matrix").double(), HyperPredictor(5, "matrix", colour=colour).double()
    with torch.no_grad():
        # One map for each number in g; those of the hues count where they stay only as cosines, which are 1 then.
        maps = hued.maps.weight.unflatten(0, (5, 5))
        maps[..., :9], maps[..., 9:] = plain.maps.weight.unflatten(0, (5, 5)), 0
        if colour is True:
            maps[..., 9], maps[..., 10] = torch.eye(5), -torch.eye(5)
        else:
            maps[..., 9:] = 1
    assert group_law_report(hued) == pytest.approx(group_law_report(plain), abs=1e-12)


def test_no_matrix_is_made_for_every_row() -> None:
    from torch.profiler import ProfilerActivity, profile

    B = D = 96
    views = latents.sample(B, generator=spawn(0, "views")).float()
    g, y = latents.relative(views, views.roll(1, 0)), normal(B, D).float()
    for kind in ("linear", "homomorphism"):
        predictor = HyperPredictor(D, kind=kind)
        with torch.no_grad(), profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
            predictor(y, g)
        now = peak = 0
        for event in seen.profiler.kineto_results.events():  # type: ignore[union-attr]
            if event.name() == "[memory]":
                now += event.nbytes()
                peak = max(peak, now)
        assert 0 < peak < B * D * D * 4 / 4, kind


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ShapeError, match="expected 16, the width of the backbone"):
        SplitEncoder(SmallEncoder(16), 8, 4)
    predictor = HyperPredictor(8, "quat")
    y = torch.zeros(2, 8)
    with pytest.raises(ShapeError, match=r"\(B, 4\) of group_input='quat'"):
        predictor(y, torch.zeros(2, 9))
    with pytest.raises(DomainError, match="off 1"):
        predictor(y, torch.full((2, 4), 0.6))
    with pytest.raises(ShapeError, match="9 columns; expected 8"):
        HyperPredictor(8, kind="homomorphism", multiplicities={1: 3})
    with pytest.raises(SchemaError, match="write homomorphism"):
        HyperPredictor(8, kind="homomorphic")
    with pytest.raises(SchemaError, match="linear in y"):
        HyperPredictor(8, kind="mlp").matrix(torch.zeros(1, 35))
    encoder = SplitEncoder(SmallEncoder(8), 4, 4, (8,))
    one = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    with pytest.raises(DomainError, match="a batch of one in training"):
        encoder(one)
    assert encoder.eval()(one).rep_inv.shape == (1, 4)
    with pytest.raises(DomainError, match="images from 0 to 2"):
        encoder(torch.linspace(0, 2, 768).reshape(1, 3, 16, 16))


def test_the_residual_network_has_its_published_size() -> None:
    assert sum(p.numel() for p in ResNet18(small=False).parameters()) == 11_176_512
    x = torch.zeros(1, 3, 64, 64)
    for small, side in ((True, 8), (False, 2)):
        network = ResNet18(small).eval()
        assert network.blocks(network.stem(x)).shape == (1, 512, side, side)
        assert network(x).shape == (1, 512)
    last = [m for m in ResNet18().modules() if isinstance(m, nn.BatchNorm2d) and bool((m.weight == 0).all())]
    assert len(last) == 8


@pytest.mark.parametrize(("group_input", "pose"), [("irreps", "object"), ("quat", "world")])
def test_the_exact_simulator_is_found_from_pairs(group_input: str, pose: str) -> None:
    hidden, found = (
        HyperPredictor(27, group_input, "homomorphism", pose).double().requires_grad_(False) for _ in range(2)
    )
    views = latents.sample(120, generator=spawn(0, "views"))
    g = latents.relative(views[:60], views[60:], group_input, pose)
    y = normal(60, 27) @ torch.diag(torch.linspace(0.3, 3, 27).double())  # not white
    z = hidden(y, g)
    assert float((found(y, g) - z).norm() / z.norm()) > 0.5
    assert found.initialize_from_pairs(y[:40], g[:40], z[:40]) < 1e-6
    # Of noise it keeps little: 351 numbers are asked of 1620.
    error = found.initialize_from_pairs(y, g, z + 0.1 * normal(60, 27, key="noise"))
    assert error < 0.1
    assert float((found(y, g) - z).norm() / z.norm()) < 0.6 * error
    # The group law does not hang on the precision that Q was found in.
    rounded = HyperPredictor(27, group_input, "homomorphism", pose)
    rounded.initialize_from_pairs(y.float(), g.float(), z.float())
    assert max(group_law_report(rounded.double())) < 1e-10
    with pytest.raises(ShapeError, match="B >= 27"):
        found.initialize_from_pairs(y[:20], g[:20], z[:20])
    for nothing in (torch.nan, 0):
        with pytest.raises(DomainError, match="pairs that are not finite, or all 0"):
            found.initialize_from_pairs(y, g, z * nothing)
    with pytest.raises(SchemaError, match='kind="homomorphism"'):
        HyperPredictor(27, group_input, "linear", pose).double().initialize_from_pairs(y, g, z)
