"""Continuous symmetries in all of gl(d): metrics recovered, plain names, and nothing claimed where there is nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from crossfit import kernel_fit
from numpy.typing import NDArray

from isotropy.discovery._jobs import fit_half
from isotropy.discovery._unlisted import Unlisted, unlisted, unlisted_algebras, unlisted_of
from isotropy.reps import Nodes, Point, Pseudovector, Rep, Scalar, Schema, Vector
from isotropy.runs import Run, map_jobs
from isotropy.study import Problem, dataset_of, problem_of

Array = NDArray[np.float64]
ETA = np.diag([1.0, -1.0, -1.0, -1.0])


def problem(x: Array, y: Array, rep_in: Rep, rep_out: Rep, groups: str, **dims: int) -> Problem:
    types = Schema(x=rep_in, y=rep_out, dims=dims or {"space": int(groups.partition("(")[2].partition(")")[0])})
    y = y.reshape(len(y), -1)
    return problem_of(dataset_of(np.ascontiguousarray(x.reshape(len(x), -1)), y, types, None), groups, None, 0)


def found(p: Problem, splits: int = 3) -> list[Unlisted]:
    fit, models = kernel_fit(), []
    for split in range(splits):
        half = p.half(split)
        pair = [fit(p, *(part[half != fold] for part in (p.x, p.y, p.unit)), 2 * split + fold) for fold in (0, 1)]
        models.append(tuple(pair))
    return unlisted_algebras(p, models)


def only(records: list[Unlisted]) -> Unlisted:
    (record,) = records
    assert 0 <= record.low <= record.high < 0.02
    assert len(record.generators) == record.dimension
    return record


def form(record: Unlisted) -> Array:
    """The quadratic form kept by the generators, of unit length: the smallest singular vector of Q -> A^T Q + Q A."""
    A = np.array(record.generators)
    d = A.shape[-1]
    pairs = [(i, j) for i in range(d) for j in range(i, d)]
    units = np.zeros((len(pairs), d, d))
    for k, (i, j) in enumerate(pairs):
        units[k, i, j] = units[k, j, i] = 1
    moved = np.stack([(A.transpose(0, 2, 1) @ Q + Q @ A).ravel() for Q in units], 1)
    Q = np.tensordot(np.linalg.svd(moved)[2][-1], units, 1)
    return Q / np.linalg.norm(Q)


def cosine(a: Array, b: Array) -> float:
    return abs(float((a * b).sum())) / float(np.linalg.norm(a) * np.linalg.norm(b))


def noisy(y: Array, share: float, r: np.random.Generator) -> Array:
    y = y.reshape(len(y), -1)
    return y + share * y.std() * r.normal(size=y.shape)


def momenta(r: np.random.Generator, n: int, bodies: int) -> Array:
    p, m = r.normal(size=(n, bodies, 3)), r.uniform(0.1, 2, (n, bodies))
    return np.concatenate([np.sqrt((p**2).sum(2) + m**2)[..., None], p], 2)


@pytest.mark.parametrize(("bodies", "mass", "seed"), [(1, False, 0), (2, False, 1), (1, True, 2)])
def test_the_minkowski_metric_is_recovered_from_500_events(bodies: int, mass: bool, seed: int) -> None:
    r = np.random.default_rng(seed)
    p = momenta(r, 500, bodies)
    total = p.sum(1)
    square = np.einsum("ni,ij,nj->n", total, ETA, total)
    record = only(
        found(problem(p, noisy(np.sqrt(square) if mass else square, 0.02, r), bodies * Vector, Scalar, "SO(4)"))
    )
    assert (record.group, record.dimension) == ("gl(4)", 6)
    assert cosine(form(record), ETA) > 0.99
    assert record.name.startswith("Lorentz transformations SO(1,3), keeping x1^2 - ")


@pytest.mark.parametrize(
    ("Q", "law"),
    [
        ([[2.0, 1.0], [1.0, 1.0]], lambda q: np.exp(-q / 2)),
        ([[1.0, 0.3], [0.3, 0.4]], lambda q: np.log(0.5 + q)),
        ([[2.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 1.0]], lambda q: q + 0.1 * q**2),
    ],
)
def test_a_sheared_rotation_is_recovered_with_its_form_from_300_rows(
    Q: list[list[float]], law: Callable[[Array], Array]
) -> None:
    r = np.random.default_rng(3)
    form_ = np.array(Q)
    d = len(Q)
    x = r.normal(size=(300, d))
    y = law(np.einsum("ni,ij,nj->n", x, form_, x) / np.trace(form_))
    record = only(found(problem(x, noisy(y, 0.02, r), Vector, Scalar, f"SO({d})")))
    assert record.dimension == d * (d - 1) // 2
    assert cosine(form(record), form_) > 0.99
    assert "in sheared coordinates" in record.name
    # The generators move nothing of the form that was found: they are an exact algebra, not a noisy span.
    A = np.array(record.generators)
    assert np.abs(A.transpose(0, 2, 1) @ form(record) + form(record) @ A).max() < 1e-6


LAWS: dict[str, tuple[int, Callable[[Array], Array], Rep, int]] = {
    "rotation about (1,2,2)": (3, lambda x: (x**2).sum(1) + (x @ [1, 2, 2] / 3) ** 3, Scalar, 1),
    "every linear map that keeps x^2 + y^2": (3, lambda x: np.sqrt(x[:, 0] ** 2 + x[:, 1] ** 2 + 0.2), Scalar, 4),
    "every linear map that keeps x + 2 y": (3, lambda x: np.tanh(x @ [1, 2, 0]), Scalar, 6),
    "hyperbolic scaling, keeping x y": (2, lambda x: np.sin(x[:, 0] * x[:, 1]), Scalar, 1),
    "boost, keeping x^2 - y^2": (2, lambda x: np.tanh((x[:, 0] ** 2 - x[:, 1] ** 2) / 2), Scalar, 1),
    "rotation about z": (3, lambda x: -np.linalg.norm(x, axis=1, keepdims=True) * x * [1, 1, 2], Vector, 1),
}


@pytest.mark.parametrize("name", LAWS)
def test_what_is_found_has_a_plain_name(name: str) -> None:
    r = np.random.default_rng(5)
    d, law, rep_out, dimension = LAWS[name]
    x = r.normal(size=(300, d))
    record = only(found(problem(x, noisy(law(x), 0.02, r), Vector, rep_out, f"O({d})")))
    assert (record.name, record.dimension) == (name, dimension)


def test_points_are_translated_too() -> None:
    r = np.random.default_rng(6)
    x = r.normal(size=(300, 3)) + np.arange(1, 4)
    around = only(found(problem(x, noisy(np.exp(-((x - [1, 2, 3]) ** 2).sum(1) / 2), 0.02, r), Point, Scalar, "T(3)")))
    assert (around.group, around.dimension) == ("aff(3)", 3)
    assert around.name.startswith("all rotations about the point (")
    A = np.array(around.generators)
    assert np.abs(A @ [1, 2, 3, 1]).max() < 0.3
    x = r.normal(size=(300, 2, 2))
    y = ((x[:, 0] - x[:, 1]) ** 2).sum(1) + x[:, 0, 0] - x[:, 1, 0]
    along = only(found(problem(x, noisy(y, 0.02, r), 2 * Point, Scalar, "SO(2)")))
    assert (along.name, along.dimension) == ("all translations", 2)


def test_listed_algebras_are_not_reported_again() -> None:
    r = np.random.default_rng(7)
    x = r.normal(size=(300, 6))
    y = noisy(np.cross(x[:, :3], x[:, 3:]), 0.02, r)
    assert found(problem(x, y, 2 * Vector, Pseudovector, "SO(3)")) == []
    record = only(found(problem(x, y, 2 * Vector, Pseudovector, "O(2)@z", space=3)))
    assert (record.name, record.dimension) == ("all rotations", 3)
    x = r.normal(size=(200, 3))
    y = noisy(x[:, 0] ** 2 + x[:, 1] ** 2 + np.exp(x[:, 2]), 0.02, r)
    assert found(problem(x, y, Vector, Scalar, "O(3),O(2)@z")) == []


def test_units_and_copies_do_not_matter() -> None:
    """Vectors of the nodes of a graph, in units 1000 times another vector's."""
    r = np.random.default_rng(8)
    v, w = r.normal(size=(400, 2, 2)), r.normal(size=(400, 2))
    y = np.einsum("nki,ni->n", v, w) + 0.3 * (w**2).sum(1)
    record = only(
        found(problem(np.c_[1e3 * v.reshape(400, 4), w], y, Nodes * Vector + Vector, Scalar, "S(2)", nodes=2, space=2))
    )
    assert (record.space, record.name) == ("space", "rotation")


def targets(seed: int) -> Problem:
    """A random smooth target without any symmetry: a network, a cubic, waves, or hills."""
    r = np.random.default_rng(seed)
    d, k = [(2, 1), (3, 1), (4, 1), (3, 2), (2, 2)][seed % 5]
    q = d if seed % 2 else 1
    x = r.normal(size=(300, d * k)) @ (np.eye(d * k) + 0.3 * r.normal(size=(d * k, d * k)))
    h, mix = x @ r.normal(size=(d * k, 16)) / np.sqrt(d * k) * 1.5, r.normal(size=(16, q))
    y = [
        lambda: np.tanh(h + r.normal(size=16)) @ mix,
        lambda: (h**2 / 18) @ r.normal(size=(16, q)) + (h / 3) @ mix + (h**3 / 90) @ r.normal(size=(16, q)),
        lambda: np.sin(h[:, :8] / 1.5 + 1) @ mix[:8],
        lambda: np.exp(-0.5 * ((x[:, None] - r.normal(size=(6, d * k))) ** 2).sum(-1) / d / k) @ mix[:6],
    ][seed // 5 % 4]()
    return problem(x, noisy(y, [0.05, 0.3][seed % 2], r), k * Vector, Vector if q > 1 else Scalar, f"SO({d})")


def test_nothing_is_claimed_on_random_targets() -> None:
    assert [seed for seed in range(20) if found(targets(seed), splits=2)] == []


@pytest.mark.slow
def test_nothing_is_claimed_on_more_random_targets() -> None:
    assert sum(bool(found(targets(seed), splits=5)) for seed in range(100, 180)) <= 2


def test_nothing_is_claimed_where_much_is_neither_learnt_nor_noise() -> None:
    r = np.random.default_rng(9)
    x = r.normal(size=(400, 3))
    p = problem(x, (x**2).sum(1) + 1.5 * np.sin(25 * x[:, 0]), Vector, Scalar, "O(2)@z", space=3)
    assert found(p) == []
    assert found(problem(x, r.normal(size=400), Vector, Scalar, "O(2)@z", space=3)) == []


def test_the_job_returns_records_that_are_read_back(tmp_path: Path) -> None:
    r = np.random.default_rng(10)
    x = r.normal(size=(120, 2))
    p = problem(x, (x**2).sum(1) + 0.2 * r.normal(size=120), Vector, Scalar, "C(2)")
    run = Run(tmp_path)
    p.save(run)
    map_jobs([p.job(fit_half, learner="kernel", split=s, fold=f) for s in (0, 1) for f in (0, 1)], run, progress=False)
    (outcome,) = map_jobs([p.job(unlisted, learner="kernel", splits=2)], run, progress=False)
    (record,) = unlisted_of(outcome)
    assert (record.space, record.group, record.name) == ("space", "gl(2)", "rotation")
    assert torch.tensor(record.generators).shape == (1, 2, 2)
