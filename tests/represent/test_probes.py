"""Probes on features of which the answer is known: oracles, noise and constants; and trainings that are small."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from isotropy.data.render import MultiViewDataset, latents
from isotropy.errors import DomainError, SchemaError, ShapeError
from isotropy.random import spawn
from isotropy.represent import (
    METHODS,
    CollapseWarning,
    HyperPredictor,
    SmallEncoder,
    SplitEncoder,
    colour_probe,
    features,
    linear_probe,
    pre,
    retrieval,
    rotation_probe,
    rotation_scores,
    train_representation,
)

OBJECTS, VIEWS = 60, 50
PARTED = (torch.arange(45), torch.arange(45, OBJECTS))


@pytest.fixture(scope="module")
def poses() -> Tensor:
    return latents.sample(OBJECTS * VIEWS, generator=spawn(0, "poses")).reshape(OBJECTS, VIEWS, 7)


def exact(y: Tensor, g: Tensor) -> Tensor:
    """W(g) of y = vec(R): R2 = R1 g."""
    return (y.unflatten(1, (3, 3)) @ g.unflatten(1, (3, 3))).flatten(1)


def test_scores_of_a_constant_are_the_floor(poses: Tensor) -> None:
    q = latents.relative(poses, poses.roll(-1, 1), "quat").flatten(0, 1)
    constant = rotation_scores(q, q.mean(0).expand_as(q))
    assert constant.pooled == pytest.approx(0.229, abs=0.02)  # [run] in the specification, of the whole box
    assert constant.floor == pytest.approx(constant.pooled, abs=1e-12)
    assert constant.component == pytest.approx(0, abs=1e-12)
    other = rotation_scores(q, q + 0.3 * torch.randn(q.shape, generator=spawn(0, "error"), dtype=torch.float64))
    assert other.component == pytest.approx((other.pooled - other.floor) / (1 - other.floor), abs=1e-12)
    # Off by a known angle, with either sign and any length.
    turn = torch.tensor([0.0, 0.0, 0.0871557427, 0.9961946981], dtype=torch.float64)
    from isotropy.groups import quaternion_product

    off = rotation_scores(q, -3 * quaternion_product(q, turn.expand_as(q)))
    assert off.angle == pytest.approx(10, abs=1e-4)
    with pytest.raises(DomainError, match="all the same"):
        rotation_scores(q[:1].expand(5, 4), q[:5])


def test_an_oracle_tells_the_pose_and_noise_does_not(poses: Tensor) -> None:
    oracle = latents.rotation(poses).flatten(2)
    noise = torch.randn(OBJECTS, VIEWS, 4, generator=spawn(0, "noise"))
    told = rotation_probe(oracle, poses, PARTED, epochs=800, width=64)
    assert told.component > 0.95
    nothing = rotation_probe(noise, poses, PARTED, epochs=20, width=32)
    assert nothing.component < 0.02
    assert nothing.pooled < nothing.floor + 0.02
    hues = colour_probe(torch.cat([oracle, poses[..., 3:]], -1), poses, PARTED, epochs=300, width=64)
    assert hues > 0.9 > 0.1 > colour_probe(oracle, poses, PARTED, epochs=20, width=32)


def test_retrieval_of_an_oracle_of_noise_and_of_a_constant(poses: Tensor) -> None:
    oracle = latents.rotation(poses).flatten(2)
    best = retrieval(oracle, poses, exact)
    assert (best.mrr, best.h1, best.h10, best.moved) == (1.0, 1.0, 1.0, 1.0)
    assert pre(oracle, poses, exact) < 1e-12
    world = retrieval(
        oracle, poses, lambda y, g: (g.unflatten(1, (3, 3)) @ y.unflatten(1, (3, 3))).flatten(1), pose="world"
    )
    assert world.mrr == 1.0
    assert retrieval(oracle, poses, lambda y, g: y).mrr < 0.4, "without moving only the first is found"
    noise = torch.randn(OBJECTS, VIEWS, 16, generator=spawn(0, "noise"))

    def carried(y: Tensor, g: Tensor) -> Tensor:
        return torch.randn(y.shape, generator=spawn(0, "carried"))

    random = retrieval(noise, poses, carried)
    assert random.chance == pytest.approx(0.0900, abs=1e-4)
    assert random.mrr == pytest.approx(0.090, abs=0.008)  # 3000 queries: the deviation of a mean is 0.003
    assert pre(noise, poses, lambda y, g: torch.randn(y.shape, generator=spawn(0, "carried"))) == pytest.approx(
        0.627, abs=0.03
    )
    constant = retrieval(torch.ones(OBJECTS, VIEWS, 16), poses, lambda y, g: y)
    assert constant.mrr <= constant.chance
    assert constant.h10 == 0.0, "ties share the mean rank, 25.5"
    with pytest.raises(SchemaError, match="without the target"):
        retrieval(noise, poses, lambda y, g: y, gallery=torch.arange(VIEWS - 1))
    other = (oracle[1:], poses[1:])
    assert pre(oracle[:1], poses[:1], exact, gallery=other) > 1e-3, "the target itself is not there"


def test_retrieval_asks_a_predictor_in_its_own_words(poses: Tensor) -> None:
    few = poses[:4, :6]
    y = torch.randn(4, 6, 5, generator=spawn(0, "y"))
    predictor = HyperPredictor(5, "irreps", pose="world", colour="raw")
    told = retrieval(y, few, predictor, "irreps", "world", colour="raw")
    assert retrieval(y, few, predictor) == told
    assert pre(y, few, predictor) == pre(y, few, predictor, "irreps", "world", colour="raw")
    for other in ({"group_input": "matrix"}, {"pose": "object"}, {"colour": False}):
        for ask in (retrieval, pre):
            with pytest.raises(SchemaError, match="as of the predictor; leave"):
                ask(y, few, predictor, **other)  # type: ignore[arg-type]


def test_embeddings_that_are_not_finite_are_no_perfect_ones(poses: Tensor) -> None:
    few = poses[:4, :6]
    y = torch.randn(4, 6, 5, generator=spawn(0, "y"))
    broken = y.index_fill(2, torch.tensor([1]), torch.nan)
    for ask in (retrieval, pre):
        with pytest.raises(DomainError, match="given embeddings that are not finite"):
            ask(broken, few, lambda y, g: y.nan_to_num())
        with pytest.raises(DomainError, match="carried embeddings"):
            ask(y, few, lambda y, g: y / 0)
        with pytest.raises(ShapeError, match="n_obj"):
            ask(y[0], few, exact)
    with pytest.raises(DomainError, match="of the gallery"):
        pre(y, few, lambda y, g: y, gallery=(broken, few))
    with pytest.raises(DomainError, match="features that are not finite"):
        linear_probe(broken, torch.arange(4) % 2, (torch.arange(3), torch.arange(3, 4)))


def test_a_column_that_is_dead_in_training_tells_nothing_in_judging(poses: Tensor) -> None:
    noise = torch.randn(OBJECTS, 8, 3, generator=spawn(0, "noise"))
    dead = torch.full((OBJECTS, 8, 1), 0.1)
    awake = dead.clone()
    awake[PARTED[1]] = torch.randn(15, 8, 1, generator=spawn(0, "awake"))
    asked = (poses[:, :8], PARTED)
    told = [rotation_probe(torch.cat([noise, last], 2), *asked, epochs=2, width=8).component for last in (dead, awake)]
    assert told[0] == told[1] > -10


def test_classes_are_read_from_features_that_have_them(poses: Tensor) -> None:
    labels = torch.arange(OBJECTS) % 3
    noise = torch.randn(OBJECTS, 8, 5, generator=spawn(0, "noise"))
    told = noise + 6 * nn.functional.one_hot(labels, 5)[:, None]
    assert linear_probe(told, labels, PARTED) > 0.98
    assert linear_probe(noise, labels, PARTED) == pytest.approx(1 / 3, abs=0.15)
    with pytest.raises(SchemaError, match="16 objects to learn from and to judge on"):
        linear_probe(noise, labels, (torch.arange(46), torch.arange(30, OBJECTS)))
    with pytest.raises(ShapeError, match="at least two views"):
        rotation_probe(noise[:, :1], poses[:, :1], PARTED)


@pytest.fixture(scope="module")
def tiny() -> MultiViewDataset:
    """Pictures that tell their latents: planes of one colour."""
    poses = latents.sample(24, generator=spawn(0, "tiny")).reshape(8, 3, 7)
    shown = (40 * (poses[..., [0, 3, 6]] + 2)).round().to(torch.uint8)[..., None, None]
    noise = torch.randint(20, (8, 3, 3, 16, 16), generator=spawn(0, "pixels"), dtype=torch.uint8)
    return MultiViewDataset(shown + noise, poses, torch.arange(8) % 2, torch.arange(8))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_and_repeats_itself(method: str, tiny: MultiViewDataset) -> None:
    def trained(seed: int = 0) -> dict[str, Tensor]:
        found = train_representation(
            tiny, method, steps=3, batch=4, embedding=9, seed=seed, backbone=SmallEncoder(6), d_inv=2
        )
        assert len(found.history.rows) == 2
        assert not found.encoder.training
        return {name: value for name, value in found.encoder.state_dict().items() if value.is_floating_point()}

    torch.manual_seed(3)
    first = trained()
    torch.manual_seed(3)
    again, other = trained(), trained(seed=1)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("method", ["split", "equimod", "equimod-linear", "only-equivariance", "sen"])
def test_what_is_embedded_for_the_predictor_was_trained_with_it(method: str, tiny: MultiViewDataset) -> None:
    class Means(nn.Module):
        """Without a weight, so that nothing but what is behind it can be trained."""

        width = 6

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([x.mean((2, 3)), x.std((2, 3))], 1)

    still, moved = (
        train_representation(tiny, method, steps=2, batch=4, embedding=9, d_inv=2, rate=rate, backbone=Means())
        for rate in (0.0, 1e-2)
    )
    y = moved.embed(tiny)
    assert y.shape == (8, 3, 9)
    assert not torch.allclose(y, still.embed(tiny), atol=1e-3)
    assert 0 < retrieval(y, tiny.latents, moved.predictor).mrr <= 1  # type: ignore[arg-type]


def test_encoders_come_back_as_they_were_and_collapse_is_said(tiny: MultiViewDataset) -> None:
    encoder = SplitEncoder(SmallEncoder(6), 3, 3, (6, 6))
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    said = features(encoder, tiny, batch=5)
    assert encoder.training
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert said.rep.shape == (8, 3, 6)
    assert torch.allclose(said.rep_equi[2, 1], encoder.eval()(tiny.images[2, 1:2]).rep_equi[0], atol=1e-6)

    class Constant(nn.Module):
        width = 4

        def __init__(self) -> None:
            super().__init__()
            self.value = nn.Parameter(torch.ones(4))

        def forward(self, x: Tensor) -> Tensor:
            return self.value.expand(len(x), 4)

    with pytest.warns(CollapseWarning, match=r"0.495 of at most 0.495"):
        train_representation(tiny, "vicreg", steps=1, batch=4, embedding=4, backbone=Constant())


def test_what_cannot_be_trained_is_refused(tiny: MultiViewDataset) -> None:
    with pytest.raises(SchemaError, match="write simclr"):
        train_representation(tiny, "simcrl", steps=1, batch=4)
    with pytest.raises(SchemaError, match="8 instances in training and in validation"):
        train_representation(tiny, steps=1, batch=4, validation=tiny)
    with pytest.raises(DomainError, match="2 to 8, one pair of each object"):
        train_representation(tiny, steps=1)
    with pytest.raises(SchemaError, match="best_predictor"):
        train_representation(tiny, "simclr", steps=1, batch=4, embedding=4).embed(tiny)
    with pytest.warns(latents.SameViewWarning):
        latents.relative(tiny.latents[:, 0], tiny.latents[:, 0])
