"""Pictures in standard position: what moments remove exactly, what they leave open, and which pictures have none."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from isotropy.errors import DegenerateError, DomainError, DtypeError, ShapeError
from isotropy.frames import Frame, FrameAveraged, MomentFrame
from isotropy.frames._moments import moments
from isotropy.groups import SO, Group, homogeneous, linear, parse, translation
from isotropy.groups.parts import matrix
from isotropy.reps import Bumps, Field, Scalar, act

FLOAT64 = torch.float64
SIDES = (64, 64)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def signals(count: int = 6, k: int = 2) -> Tensor:
    """Three bumps each; on the grid their sums are integrals to rounding, since they are smooth and inside."""
    height = 0.5 + torch.rand(count, 3, generator=generator(), dtype=FLOAT64)
    centre = 0.2 * (2 * torch.rand(count, 3, k, generator=generator(1), dtype=FLOAT64) - 1)
    return Bumps(k).of(height, centre, 0.005 * torch.eye(k, dtype=FLOAT64).expand(count, 3, k, k))


def moved(G: Group, f: Tensor, within: float = 0.15) -> tuple[Tensor, Tensor]:
    h = matrix(G.sample((len(f),), generator=generator(2), dtype=FLOAT64, within=within))
    return h, act(Bumps(2), G, h, f)


@pytest.mark.parametrize("name", ["GL+(2)", "SL(2)", "Similarity+(2)", "Scale(2)", "T(2)"])
def test_frames_move_with_the_picture_up_to_their_ambiguity(name: str) -> None:
    """Specification 02 §5.8: canonical(h.f) = R.canonical(f) with R in SO(2), on analytic mixtures to 1e-8."""
    frame = MomentFrame(name)
    f = signals()
    h, hf = moved(frame.group, f)
    one, other = (matrix(frame(Bumps(2).render(x, SIDES)).g)[:, 0] for x in (f, hf))
    assert bool(frame.group.contains(one).all())
    rest = torch.linalg.inv(other) @ h @ one
    assert float(translation(rest).abs().max()) < 1e-8
    assert bool(frame.ambiguity.contains(linear(rest), 1e-8).all())
    if frame.ambiguity.order != 1:
        assert float((linear(rest) - torch.eye(2)).abs().max()) > 1e-3, "the rotation is left open"
    assert float((h @ one - one).abs().max()) > 0.01, "the maps moved something"
    assert isinstance(frame, Frame)


def test_canonical_pictures_are_centred_and_round() -> None:
    """Specification 02 §5.8: the covariance of the output is a multiple of one, to 3 %."""
    frame = MomentFrame("GL+(2)", spread=0.25)
    _, f = moved(frame.group, signals(), 0.2)
    straight, g = frame.canonicalise(Bumps(2).render(f, SIDES))
    _, centre, covariance = moments(straight)
    assert g.shape == (6, 3, 3)
    assert float(centre.abs().max()) < 0.01
    assert float((covariance / 0.25**2 - torch.eye(2)).abs().mean()) < 0.03
    back = act(Field(), frame.group, g, straight)
    assert float((back - Bumps(2).render(f, SIDES)).abs().max()) < 0.1


def test_real_digits_are_whitened() -> None:
    path = Path(os.environ.get("ISOTROPY_DATA", "")) / "02-lie-decomposition" / "mnist_10k.npz"
    if not path.exists():
        pytest.skip("the ten thousand digits are not here")
    digits = torch.as_tensor(np.load(path)["images"][:200])[:, None].float() / 255
    images = torch.nn.functional.pad(digits, (6, 6, 6, 6))
    straight, _ = MomentFrame("GL+(2)").canonicalise(images)
    _, _, covariance = moments(straight)
    assert float((covariance / 0.3**2 - torch.eye(2)).abs().mean()) < 0.03


def test_voxels_have_moments_too() -> None:
    frame, f = MomentFrame("GL+(3)"), signals(2, 3)
    h = matrix(frame.group.sample((2,), generator=generator(3), dtype=FLOAT64, within=0.1))
    sides = (32, 32, 32)
    one, other = (matrix(frame(Bumps(3).render(x, sides)).g)[:, 0] for x in (f, act(Bumps(3), frame.group, h, f)))
    rest = torch.linalg.inv(other) @ h @ one
    assert bool(SO(3).contains(linear(rest), 1e-6).all())


def test_an_average_over_angles_closes_the_ambiguity() -> None:
    """Of a fourth moment, of trigonometric degree 4 in the angle, five turns are enough."""
    frame = MomentFrame("GL+(2)", angles=5)
    f = signals()
    h, hf = moved(parse("SO(2)"), f)
    images = [Bumps(2).render(x, (128, 128)) for x in (f, hf)]
    x = torch.linspace(-1, 1, 128, dtype=FLOAT64)

    def spread(image: Tensor) -> Tensor:
        return (image * x**4).sum((2, 3))

    closed = FrameAveraged(spread, frame, Field(), Scalar)
    left_open = FrameAveraged(spread, MomentFrame("GL+(2)"), Field(), Scalar)
    plain = float((spread(images[0]) / spread(images[1]) - 1).abs().max())
    gaps = [float((model(images[0]) / model(images[1]) - 1).abs().max()) for model in (closed, left_open)]
    assert gaps[0] < 0.01
    assert min(plain, gaps[1]) > 0.05
    assert len(frame(images[0])) == 5
    weights = frame(images[0]).weight.sum(-1)
    assert torch.allclose(weights, torch.ones_like(weights))
    assert h.shape == (6, 2, 2)


def test_a_wrapped_model_forgets_stretch_and_place() -> None:
    """A function of the canonical picture that turning leaves alone forgets the whole affine group."""
    model = FrameAveraged(lambda image: image.square().sum((2, 3)), MomentFrame("GL+(2)"), Field(), Scalar)
    f = signals()
    _, hf = moved(parse("Affine(GL+(2))"), f)
    images = [Bumps(2).render(x, SIDES) for x in (f, hf)]
    wrapped, plain = ([m(x) for x in images] for m in (model, model.backbone))
    assert float((wrapped[0] / wrapped[1] - 1).abs().max()) < 0.04
    assert float((plain[0] / plain[1] - 1).abs().max()) > 0.2


def test_the_frame_has_a_derivative() -> None:
    image = (0.01 + Bumps(2).render(signals(1), (12, 12))).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: matrix(MomentFrame("GL+(2)")(x).g), image, fast_mode=True)


IMAGE = torch.zeros(3, 1, 8, 8)
IMAGE[0, 0, 2:5, 3:6] = 1
IMAGE[2, 0, 3, 2:6] = 1
LINE, EMPTY, GREY = IMAGE, IMAGE[:2], torch.full((1, 1, 8, 8), 0.5)


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (EMPTY, DegenerateError, r"images \[1\] without a shape"),
        (LINE, DegenerateError, r"images \[1, 2\] without a shape"),
        (GREY, DegenerateError, "of one grey"),
        (GREY - 1, DomainError, "negative"),
        (GREY * math.nan, DomainError, "missing"),
        (GREY[0], ShapeError, "one channel"),
        ((GREY * 255).byte(), DtypeError, "255"),
    ],
)
def test_pictures_without_a_shape_are_refused(x: Tensor, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        MomentFrame("GL+(2)")(x)


@pytest.mark.parametrize("name", ["SO(2)", "GL+(4)", "Affine(SO(2))", "Homography(2)", "D(4)"])
def test_groups_that_second_moments_say_nothing_of_are_refused(name: str) -> None:
    with pytest.raises(DomainError, match="moments"):
        MomentFrame(name)


def test_settings_that_mean_nothing_are_refused() -> None:
    for settings in ({"spread": 0.0}, {"angles": 0}):
        with pytest.raises(DomainError):
            MomentFrame("GL+(2)", **settings)  # type: ignore[arg-type]
    with pytest.raises(DomainError, match="angles"):
        MomentFrame("Scale(2)", angles=4)
    assert MomentFrame("Affine(GL+(2))") == MomentFrame("GL+(2)")
    assert homogeneous(torch.eye(2)).shape == (3, 3)
