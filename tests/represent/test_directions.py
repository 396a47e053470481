"""The split is found where it is known: mixed features whose parts stay, or move as vectors, or as quadrupoles."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.groups import SO, matrix_to_angles
from isotropy.random import spawn
from isotropy.represent import best_predictor, directions, group_law_report, retrieval
from isotropy.reps import wigner_blocks


@pytest.fixture(scope="module")
def haar() -> Tensor:
    R = SO(3).sample((60, 12), generator=spawn(0, "poses"), dtype=torch.float64)
    assert isinstance(R, Tensor)
    return torch.cat([matrix_to_angles(R), torch.zeros(60, 12, 4, dtype=torch.float64)], -1)


def parts(haar: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    from isotropy.data.render import latents

    one, two = wigner_blocks(2, latents.rotation(haar))[1:]
    code = torch.randn(60, 1, 3, generator=spawn(0, "code"), dtype=torch.float64).expand(60, 12, 3)
    return code, one[..., 0, :], two[..., 0, :]


def test_what_stays_and_what_moves_is_found_in_a_mixture(haar: Tensor) -> None:
    x = torch.cat(parts(haar), -1)
    mix = torch.linalg.qr(torch.randn(11, 11, generator=spawn(0, "mix"), dtype=torch.float64))[0]
    mixed = x @ (mix * torch.linspace(0.5, 2, 11).double())
    found = directions(mixed, haar)
    assert torch.allclose(directions(mixed, haar.float()).content, found.content, atol=1e-3)
    assert found.staying() == 3
    assert bool((found.moving[:3] < 1e-6).all())
    assert bool((found.moving[3:] > 0.8).all())
    assert bool((found.content[:3, 0] > 0.9).all())
    # Three of degree 1 and five of degree 2 share eight directions that move, in some order and mixture.
    assert found.content[3:].sum(0).tolist() == pytest.approx([0, 3, 5], abs=0.6)


def test_the_degree_of_a_pure_part_is_told(haar: Tensor) -> None:
    code, one, two = parts(haar)
    for degree, x in ((0, code), (1, one), (2, two)):
        shares = directions(x, haar).content.mean(0)
        assert int(shares.argmax()) == degree
        assert float(shares[degree]) > 0.85
    noise = torch.randn(60, 12, 4, generator=spawn(0, "noise"), dtype=torch.float64)
    assert float(directions(noise, haar).content.sum(1).max()) < 0.3


def test_the_best_simulator_of_features_that_have_one_is_a_group_and_of_noise_is_none(haar: Tensor) -> None:
    _, one, _ = parts(haar)
    predictor = best_predictor(one, haar, group_input="matrix", penalty=1e-9)
    # y = R^T e has W(g) = g^T.
    assert max(group_law_report(predictor)) < 1e-4
    assert retrieval(one, haar, predictor).mrr > 0.95
    noise = torch.randn(60, 12, 3, generator=spawn(0, "noise"), dtype=torch.float64)
    assert group_law_report(best_predictor(noise, haar, group_input="matrix")).identity > 0.3


def test_what_tells_no_directions_is_refused(haar: Tensor) -> None:
    with pytest.raises(DomainError, match="the same for all views"):
        directions(torch.zeros(60, 12, 3), haar)
    with pytest.raises(ShapeError, match="at least two views"):
        directions(torch.zeros(60, 1, 3), haar[:, :1])
    with pytest.raises(ShapeError, match="more of them"):
        best_predictor(torch.zeros(2, 2, 9), haar[:2, :2])
