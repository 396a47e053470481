"""Candidates for people who do not know which to name, found axes, and hints that a type may be wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from crossfit import kernel_fit
from numpy.typing import NDArray

from isotropy.discovery._proposing import propose, said_of_proposals, snapped
from isotropy.discovery._retyping import Hint, _as_copies, retyping_hints
from isotropy.errors import SchemaError
from isotropy.reps import Nodes, Pixels, Point, Pseudovector, Rep, Scalar, Schema, Tensor, Vector
from isotropy.study import Problem, candidates, dataset_of, problem_of, proposed

Array = NDArray[np.float64]


def problem(x: Array, y: Array, rep_in: Rep, rep_out: Rep, group: str, seed: int = 0) -> Problem:
    types = Schema(x=rep_in, y=rep_out)
    y = y.reshape(len(y), -1)
    return problem_of(dataset_of(np.ascontiguousarray(x.reshape(len(x), -1)), y, types, None), group, None, seed)


def names(rep_in: Rep, rep_out: Rep, **dims: int) -> list[str]:
    return [str(group) for group in proposed(Schema(x=rep_in, y=rep_out), dims).groups]


def test_types_propose_their_lattice() -> None:
    assert names(Vector("v") + Vector("B"), Vector, space=3) == ["O(3)", "SO(3)", "Inversion(3)"]
    places = ["E(2)", "SE(2)", "T(2)", "O(2)", "SO(2)"]
    assert names(2 * Point, Vector, space=2) == ["E(2) x S(2)", *places, "S(2)"]
    again = proposed(proposed(Schema(x=2 * Point, y=Vector), {"space": 2}).types, {"space": 2, "nodes": 2})
    assert str(again.groups[0]) == "E(2) x S(2)"
    assert names(Point, Vector, space=2) == places
    assert names(Pixels(8, 8), Scalar, space=2) == ["D(4)", "C(4)"]
    assert names(Vector + Scalar.weighted(1), Scalar.weighted(2), space=2) == ["O(2)", "SO(2)", "Scale(2)"]
    two = names(Vector.on("a") + Vector.on("b"), Scalar, a=2, b=3)
    assert two[0] == 'O(2).on("a") x O(3).on("b")'
    assert {'SO(2).on("a")', 'O(3).on("b")'} <= set(two)


def test_equal_copies_are_nodes_in_the_same_columns() -> None:
    given = Schema(x=5 * Scalar("mass") + 5 * Vector("position"), y=Tensor(2)("inertia"))
    proposal = proposed(given, {"space": 3})
    found = [str(group) for group in proposal.groups]
    assert found[0] == "O(3) x S(5)"
    assert "S(5)" in found
    assert str(proposal.types.x) == 'Nodes("mass") + (Nodes*Vector)("position")'
    assert proposal.types.widths() == (20, 9)
    x = torch.randn(60, 20, dtype=torch.float64)
    assert len(candidates(proposal.groups, proposal.types, x)) == len(found)  # nothing vacuous, nothing twice
    masses = Schema(x=2 * Vector + 3 * Scalar, y=Scalar)  # of unlike number: no copies of one thing
    assert "S(2)" not in [str(group) for group in proposed(masses, {"space": 3}).groups]


def test_scalars_alone_propose_nothing() -> None:
    with pytest.raises(SchemaError, match="nothing to propose but scale and permutations"):
        proposed(Schema(x=4 * Scalar, y=Scalar), {})
    with pytest.raises(SchemaError, match="without any structure"):
        proposed(Schema(x=Scalar("mass"), y=Vector), {"space": 3})


def _tilted(x: Array) -> Array:
    return (x**2).sum(1) + (x @ [1, 2, 2]) / 2


def _gravity(x: Array) -> Array:
    return -0.5 * np.linalg.norm(x, axis=1, keepdims=True) * x - [0, 0, 3.0]


@pytest.mark.parametrize(
    ("law", "rep_out", "axis"),
    [(_tilted, Scalar, "(1,2,2)"), (_gravity, Vector, "z"), (lambda x: np.abs(x @ [1, 0, -1]), Scalar, "(-1,0,1)")],
)
def test_axes_are_found_on_half_of_the_rows(law: Callable[[Array], Array], rep_out: Rep, axis: str) -> None:
    r = np.random.default_rng(1)
    x = r.normal(size=(400, 3))
    y = law(x).reshape(400, -1)
    found = propose(problem(x, y + 0.05 * y.std() * r.normal(size=y.shape), Vector, rep_out, "SO(3)"))
    assert {f"O(2)@{axis}", f"SO(2)@{axis}"} <= {str(group) for group in found.proposal.groups}
    assert 180 < int(found.judged.sum()) < 220


def test_in_four_dimensions_too_and_not_where_all_axes_are_alike() -> None:
    r = np.random.default_rng(2)
    x = r.normal(size=(400, 4))
    y = (x[:, 1:] ** 2).sum(1) + np.exp(x[:, 0] / 2) + 0.1 * r.normal(size=400)
    assert "SO(3)@(1,0,0,0)" in {
        str(group) for group in propose(problem(x, y, Vector, Scalar, "SO(4)")).proposal.groups
    }
    x = r.normal(size=(300, 3))
    round_ = propose(problem(x, (x**2).sum(1) + 0.2 * r.normal(size=300), Vector, Scalar, "O(3)"))
    assert not any("@" in str(group) for group in round_.proposal.groups)
    wind = x[:, 0] ** 2 - x[:, 2] ** 2  # three unlike axes: none stands out
    assert not any("@" in str(group) for group in propose(problem(x, wind, Vector, Scalar, "O(3)")).proposal.groups)


def test_where_no_axis_is_sought_all_rows_judge() -> None:
    r = np.random.default_rng(3)
    x = r.normal(size=(100, 2))
    assert propose(problem(x, (x**2).sum(1), Vector, Scalar, "SO(2)")).judged.all()


def test_where_units_are_too_few_for_an_axis_it_is_said() -> None:
    x = np.random.default_rng(6).normal(size=(60, 3))
    types, runs = Schema(x=Vector, y=Scalar), np.arange(60) % 12
    few = problem_of(dataset_of(x, x[:, 2:], types, runs), "O(3)", None, 0)
    assert "there are 12. Where you suspect one, name it" in said_of_proposals(60, 60, few)
    flat = problem(x[:, :2], x[:, 2], Vector, Scalar, "O(2)")
    many = problem(x, x[:, 2], Vector, Scalar, "O(3)")
    assert all("axis" not in said_of_proposals(60, 60, one) for one in (flat, many))


def test_axes_are_snapped_only_within_their_interval() -> None:
    axis = torch.tensor([0.30, 0.66, 0.69], dtype=torch.float64)
    assert snapped(axis, 0.06) == (1.0, 2.0, 2.0)
    assert snapped(axis, 0.001) == pytest.approx((axis / axis.norm()).tolist())
    assert snapped(-axis, 0.06) == (1.0, 2.0, 2.0)


def hints(p: Problem, splits: int = 2, of: Callable[[Problem], Problem] = lambda p: p) -> list[Hint]:
    fit, models = kernel_fit(), []
    for split in range(splits):
        half = p.half(split)
        pair = [fit(p, *(part[half != fold] for part in (p.x, p.y, p.unit)), 2 * split + fold) for fold in (0, 1)]
        models.append(tuple(pair))
    group = p.candidates[0].group
    return retyping_hints(of(p), group, str(group).replace("O(", "SO("), models)


def test_a_magnetic_field_typed_as_a_vector_is_asked_about() -> None:
    r = np.random.default_rng(4)
    x = r.normal(size=(400, 2, 3))
    force = np.cross(x[:, 0], x[:, 1])
    (hint,) = hints(
        problem(x, force + 0.02 * r.normal(size=force.shape), Vector("v") + Vector("B"), Vector("F"), "O(3)")
    )
    assert hint.text.startswith("SO(3) holds, O(3) fails (a mirror changes 100% of the signal): ")
    assert "B of x a Pseudovector" in hint.text
    assert hint.text.endswith("With any one of these so typed, O(3) holds.")
    # Bound by an electric force as well, only one of the three can be meant.
    both = force + 1.5 * x[:, 0]
    (hint,) = hints(problem(x, both, Vector("v") + Vector("B"), Vector("F"), "O(3)")) or (None,)
    assert hint is None or "is B of x a Pseudovector?" in hint.text


def test_the_one_part_that_can_be_meant_is_named() -> None:
    r = np.random.default_rng(5)
    x = r.normal(size=(500, 2, 2))
    spin = x[:, 0, 0] * x[:, 1, 1] - x[:, 0, 1] * x[:, 1, 0]
    y = spin + 0.05 * r.normal(size=500)
    (hint,) = hints(problem(x, y, Vector("r") + Vector("p"), Scalar("L"), "O(2)"))
    assert "L of y a Pseudoscalar" in hint.text
    # Torques on a dipole from what it carries: 2*Vector has two copies, each by itself.
    x = r.normal(size=(400, 2, 3))
    (hint,) = hints(problem(x, np.cross(x[:, 0], x[:, 1]), 2 * Vector, Vector, "O(3)"))
    assert "Vector 2 of x a Pseudovector" in hint.text


def test_unlike_bodies_are_doubted_one_by_one() -> None:
    """E + v x B of three vectors in one type, which are three nodes where permutations are proposed."""
    r = np.random.default_rng(8)
    x = r.normal(size=(400, 3, 3))
    force = x[:, 0] + np.cross(x[:, 1], x[:, 2])
    p = problem(x, force, Nodes * Vector, Vector, "O(3)")
    assert hints(p) == []  # all three at once can have no other parity
    (hint,) = hints(p, of=_as_copies)
    assert "Vector 2 of x a Pseudovector" in hint.text
    assert "Vector 3 of x a Pseudovector" in hint.text


def test_no_hint_where_mirrors_hold_or_nothing_mends_them() -> None:
    r = np.random.default_rng(6)
    x = r.normal(size=(400, 2, 3))
    right = np.cross(x[:, 0], x[:, 1])
    assert hints(problem(x, right, Vector("r") + Vector("p"), Pseudovector("L"), "O(3)")) == []
    # Each term alone can be mended, all three cannot, but by types that no mirror moves.
    mixed = np.cross(x[:, 0], x[:, 1]) + 0.5 * x[:, 0] + 0.5 * x[:, 1]
    assert hints(problem(x, mixed, 2 * Vector, Vector, "O(3)")) == []
    assert hints(problem(x[:, 0], (x[:, 0] ** 2).sum(1) + x[:, 0, 0], Vector, Scalar, "O(3)")) == []
