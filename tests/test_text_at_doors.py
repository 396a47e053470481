"""Groups and types may be given as text at every public door, and mean what the parsed ones mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from isotropy import symmetrize
from isotropy.errors import SchemaError
from isotropy.frames import FrameAveraged, HaarFrame, MinimalFrame, PCAFrame, WeightedTupleFrame
from isotropy.groups import Group, parse
from isotropy.measure import equivariance_error, layer_errors, lie_derivative, lie_error, lie_gram, projection_error
from isotropy.nn import EMLP, BilinearBlock, EquivariantLinear, GatedNonlinearity, gated
from isotropy.optics import average
from isotropy.reps import Cloud, Point, Rep, Type, equivariant_basis, parse_rep, parse_type, projector
from isotropy.soft import LiePenalty, SamplePenalty, SoftEMLP, SoftLinear, SoftMLP
from isotropy.testing import assert_equivariant, check_group, check_rep

G = Group | str
R = Rep | str
X = torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
BENT = nn.Linear(3, 3).double()


def run(module: nn.Module, width: int) -> Tensor:
    return module(torch.ones(2, width))


def penalised(penalty: Any) -> Tensor:
    return penalty(BENT, X, torch.Generator().manual_seed(0))


# Each door takes a group and a type of three columns.
REP_DOORS: dict[str, Callable[[G, R], Any]] = {
    "equivariant_basis": lambda g, r: equivariant_basis(r, r, g).maps,
    "projector": lambda g, r: projector(r, r, g),
    "EquivariantLinear": lambda g, r: run(EquivariantLinear(r, r, g), 3),
    "EMLP": lambda g, r: run(EMLP(r, r, g, ch=8, depth=1), 3),
    "EMLP of a hidden type": lambda g, r: run(EMLP(r, r, g, ch=r, depth=1), 3),
    "gated": lambda g, r: str(gated(r, g)),
    "GatedNonlinearity": lambda g, r: run(GatedNonlinearity(r, g), 4),
    "BilinearBlock": lambda g, r: run(BilinearBlock(r, g), 3),
    "SoftLinear": lambda g, r: SoftLinear(r, r, [g]).penalty(),
    "SoftMLP": lambda g, r: run(SoftMLP(r, r, [g], ch=8, depth=1), 3),
    "SoftEMLP": lambda g, r: run(SoftEMLP(r, r, [g], ch=8, depth=1), 3),
    "projection_error": lambda g, r: projection_error(BENT.weight, r, r, g),
    "check_rep": lambda g, r: check_rep(r, g),
}
TYPE_DOORS: dict[str, Callable[[G, Type | str], Any]] = {
    "SamplePenalty": lambda g, r: penalised(SamplePenalty(r, r, [g])),
    "LiePenalty": lambda g, r: penalised(LiePenalty(r, r, [g])),
    "equivariance_error": lambda g, r: equivariance_error(BENT, g, X, r, r).mean,
    "lie_derivative": lambda g, r: lie_derivative(BENT, g, X, r, r),
    "lie_error": lambda g, r: lie_error(BENT, g, X, r, r).total.mean,
    "lie_gram": lambda g, r: lie_gram(BENT, g, X, r, r).matrix,
    "layer_errors": lambda g, r: layer_errors(nn.Sequential(BENT), g, X, r, r).total.total.mean,
    "assert_equivariant": lambda g, r: assert_equivariant(nn.Identity(), g, X, r, r),
    "average": lambda g, r: average(g, r, r).close(torch.relu)(X),
}
CLOUD_DOORS: dict[str, Callable[[G, Type | str, Type | str], Any]] = {
    "symmetrize": lambda g, c, r: symmetrize(torch.relu, g, c, r)(X[None]),
    "FrameAveraged": lambda g, c, r: FrameAveraged(torch.relu, PCAFrame(g), c, r)(X[None]),
}
GROUP_DOORS: dict[str, Callable[[G], Any]] = {
    "check_group": check_group,
    "PCAFrame": lambda g: PCAFrame(g).group,
    "HaarFrame": lambda g: HaarFrame(g, 4).group,
    "MinimalFrame": lambda g: MinimalFrame(g).group,
    "WeightedTupleFrame": lambda g: WeightedTupleFrame(g).group,
}


def same(one: Callable[[], Any], other: Callable[[], Any]) -> None:
    torch.manual_seed(0)
    first = one()
    torch.manual_seed(0)
    second = other()
    assert torch.equal(first, second) if isinstance(first, Tensor) else first == second


@pytest.mark.parametrize("name", [*REP_DOORS, *TYPE_DOORS])
def test_text_means_what_the_parsed_group_and_type_mean(name: str) -> None:
    door = REP_DOORS.get(name) or TYPE_DOORS[name]
    same(lambda: door("SO(3)", "Vector"), lambda: door(parse("SO(3)"), parse_rep("Vector")))


@pytest.mark.parametrize("name", CLOUD_DOORS)
def test_text_of_clouds(name: str) -> None:
    door, cloud = CLOUD_DOORS[name], "Cloud(Vector)"
    same(lambda: door("SO(3)", cloud, cloud), lambda: door(parse("SO(3)"), parse_type(cloud), parse_type(cloud)))


@pytest.mark.parametrize("name", GROUP_DOORS)
def test_text_of_groups(name: str) -> None:
    same(lambda: GROUP_DOORS[name]("SO(3)"), lambda: GROUP_DOORS[name](parse("SO(3)")))


@pytest.mark.parametrize("name", [*REP_DOORS, *TYPE_DOORS])
def test_what_is_no_group_or_type_is_refused_by_name(name: str) -> None:
    door = REP_DOORS.get(name) or TYPE_DOORS[name]
    with pytest.raises(SchemaError, match="SO"):
        door("SOO(3)", "Vector")
    with pytest.raises(SchemaError, match="Vektor"):
        door("SO(3)", "Vektor")


@pytest.mark.parametrize("name", [name for name in REP_DOORS if name != "check_rep"])
def test_clouds_where_only_columns_can_stand_are_refused(name: str) -> None:
    with pytest.raises(SchemaError):
        REP_DOORS[name]("SO(3)", "Cloud(Vector)")


def test_a_cloud_that_is_no_rep_hears_what_can_stand_there() -> None:
    with pytest.raises(SchemaError, match=r"Cloud\(Point\).* a Rep"):
        parse_rep(Cloud(Point))


def test_without_a_generator_layers_start_from_the_global_one() -> None:
    torch.manual_seed(3)
    first = EMLP("Vector", "Vector", "SO(3)", ch=8, depth=1).state_dict()
    torch.manual_seed(3)
    second = EMLP("Vector", "Vector", "SO(3)", ch=8, depth=1).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
