"""Canonical labelling: one form for a whole isomorphism class and none for another; the whole automorphism group."""

from __future__ import annotations

import itertools
import math
import sys

import networkx as nx
import numpy as np
import pytest
import torch
from torch import Tensor

from isotropy.errors import DomainError, DtypeError, MissingExtraError, ShapeError
from isotropy.frames import CanonicalForms, canonical_forms, canonical_labelling
from isotropy.frames.graphs._coloured import ColouredGraph, classes
from isotropy.frames.graphs._labelling import is_automorphism


@pytest.fixture(params=["python", "nauty"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "nauty":
        pytest.importorskip("pynauty")
    return request.param


def of(graph: nx.Graph) -> Tensor:
    return torch.from_numpy(nx.to_numpy_array(graph))


def relabelled(A: Tensor, X: Tensor | None, seed: int) -> tuple[Tensor, Tensor | None, Tensor]:
    p = torch.randperm(len(A), generator=torch.Generator().manual_seed(seed))
    return A[p][:, p], None if X is None else X[p], p


def form(A: Tensor, X: Tensor | None = None, **settings: object) -> tuple[Tensor, Tensor | None]:
    order = canonical_labelling(A, X, **settings).order  # type: ignore[arg-type]
    return A[order][:, order], None if X is None else X[order]


def random_graph(seed: int) -> tuple[Tensor, Tensor | None]:
    """Small, with few colours, so that many have symmetries: weighted, directed, looped, featured, disconnected."""
    draw = torch.Generator().manual_seed(seed)
    n, k = int(torch.randint(1, 9, (), generator=draw)), 1 + seed % 3
    low = -k if seed % 4 == 0 else 0
    A = torch.randint(low, k + 1, (n, n), generator=draw).double() * (torch.rand(n, n, generator=draw) < 0.6)
    if seed % 2:
        A = A.triu() + A.triu(1).T
    if seed % 5 == 0:
        A, n = torch.block_diag(A, A), 2 * n
    X = torch.randint(0, 2, (n, 2), generator=draw).double() if seed % 3 == 0 else None
    return A, X


def brute_automorphisms(A: Tensor, X: Tensor | None) -> list[tuple[int, ...]]:
    found = []
    for p in itertools.permutations(range(len(A))):
        g = torch.tensor(p)
        if torch.equal(A[g][:, g], A) and (X is None or torch.equal(X[g], X)):
            found.append(p)
    return found


SYMMETRIC = {
    "Petersen": (nx.petersen_graph(), 120),
    "cube": (nx.hypercube_graph(3), 48),
    "5-cube": (nx.hypercube_graph(5), 3840),
    "cycle": (nx.cycle_graph(12), 24),
    "empty": (nx.empty_graph(9), math.factorial(9)),
    "complete": (nx.complete_graph(9), math.factorial(9)),
    "star": (nx.star_graph(7), math.factorial(7)),
    "bipartite": (nx.complete_bipartite_graph(4, 4), 2 * 24 * 24),
    "edges": (nx.disjoint_union_all([nx.path_graph(2)] * 6), 2**6 * math.factorial(6)),
    "three Petersens": (nx.disjoint_union_all([nx.petersen_graph()] * 3), 120**3 * 6),
    "rook": (nx.line_graph(nx.complete_bipartite_graph(4, 4)), 1152),
    "tree": (nx.balanced_tree(2, 4), 2**15),
    "icosahedron": (nx.icosahedral_graph(), 120),
    "frucht": (nx.frucht_graph(), 1),
    "Heawood": (nx.heawood_graph(), 336),
    "point": (nx.empty_graph(1), 1),
}


@pytest.mark.parametrize("seed", range(60))
def test_relabelled_graphs_have_equal_forms(seed: int, engine: str) -> None:
    A, X = random_graph(seed)
    first = form(A, X, engine=engine)
    for turn in range(3):
        B, Y, _ = relabelled(A, X, turn)
        second = form(B, Y, engine=engine)
        assert torch.equal(first[0], second[0])
        assert X is None or torch.equal(first[1], second[1])  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [s for s in range(60) if len(random_graph(s)[0]) <= 6])
def test_automorphisms_are_those_found_by_trying_all_permutations(seed: int, engine: str) -> None:
    A, X = random_graph(seed)
    found, brute = canonical_labelling(A, X, engine=engine), brute_automorphisms(A, X)
    assert found.symmetries == len(brute)
    for g in found.automorphisms.tolist():
        assert tuple(g) in brute
    orbits = {frozenset(p[i] for p in brute) for i in range(len(A))}
    numbers = found.orbits.tolist()
    assert orbits == {frozenset(i for i, o in enumerate(numbers) if o == k) for k in set(numbers)}
    pairs = {frozenset((p[i], p[j]) for p in brute) for i in range(len(A)) for j in range(len(A))}
    assert len(pairs) == len(found.orbitals.unique())
    for pair in pairs:
        assert len({int(found.orbitals[i, j]) for i, j in pair}) == 1


@pytest.mark.parametrize("name", SYMMETRIC)
def test_symmetric_graphs_have_their_group(name: str, engine: str) -> None:
    graph, count = SYMMETRIC[name]
    A = of(graph)
    B, _, p = relabelled(A, None, 7)
    found, again = canonical_labelling(A, engine=engine), canonical_labelling(B, engine=engine)
    assert found.symmetries == again.symmetries == count
    assert torch.equal(A[found.order][:, found.order], B[again.order][:, again.order])
    for g in found.automorphisms:
        assert is_automorphism(ColouredGraph.of(A), g.numpy())
    # Vertex i of B is vertex p[i] of A: the orbits are the same up to their numbers.
    assert len({*zip(found.orbits[p].tolist(), again.orbits.tolist(), strict=True)}) == len(found.orbits.unique())


def test_engines_agree_on_orbits_and_orbitals() -> None:
    pytest.importorskip("pynauty")
    for seed in range(40):
        A, X = random_graph(seed)
        ours, nauty = (canonical_labelling(A, X, engine=e) for e in ("python", "nauty"))
        assert ours.symmetries == nauty.symmetries
        assert torch.equal(ours.orbits, nauty.orbits)
        assert torch.equal(ours.orbitals, nauty.orbitals)


@pytest.mark.parametrize("weight", [1.0, 2.0, -1.0])
def test_graphs_that_differ_have_different_forms(weight: float, engine: str) -> None:
    """Circulants of equal degrees, and one edge weighted otherwise."""
    six, triangles = of(nx.cycle_graph(6)), of(nx.disjoint_union_all([nx.cycle_graph(3)] * 2))
    assert not torch.equal(form(weight * six, engine=engine)[0], form(weight * triangles, engine=engine)[0])
    changed = six.clone()
    changed[0, 1] = changed[1, 0] = 3.0
    assert not torch.equal(form(changed, engine=engine)[0], form(six, engine=engine)[0])


def test_directions_count(engine: str) -> None:
    cycle = torch.eye(5, dtype=torch.float64).roll(1, 0)
    assert canonical_labelling(cycle, engine=engine).symmetries == 5
    assert canonical_labelling(cycle + cycle.T, engine=engine).symmetries == 10
    mixed = cycle + 2 * cycle.T
    assert canonical_labelling(mixed, engine=engine).symmetries == 5


def test_features_and_loops_count(engine: str) -> None:
    A = torch.ones(4, 4, dtype=torch.float64) - torch.eye(4)
    X = torch.tensor([[0.0], [1.0], [0.0], [1.0]])
    assert canonical_labelling(A, X, engine=engine).symmetries == 4
    looped = A.clone()
    looped[2, 2] = 1.0
    assert canonical_labelling(looped, engine=engine).symmetries == 6


def test_rounding_parts_equal_weights_unless_a_tolerance_joins_them(engine: str) -> None:
    A = of(nx.cycle_graph(6)) * 0.3
    noisy = A.clone()
    noisy[0, 1] = noisy[1, 0] = 0.1 + 0.2
    assert canonical_labelling(noisy, engine=engine).symmetries == 2
    assert canonical_labelling(noisy, engine=engine, tol=1e-9).symmetries == 12


def test_classes_end_at_gaps_not_at_multiples() -> None:
    step = 1e-3
    straddling = np.array([0.5 * step - 1e-12, 0.5 * step + 1e-12, 1.0])
    assert classes(straddling, tol=1e-6).tolist() == [0, 0, 1]
    assert classes(np.array([-0.0, 0.0])).tolist() == [0, 0]


@pytest.mark.parametrize(
    "graph",
    [nx.star_graph(499), nx.disjoint_union_all([nx.path_graph(2)] * 200), nx.random_labeled_tree(1000, seed=1)],
    ids=["star", "edges", "tree"],
)
def test_large_graphs(graph: nx.Graph) -> None:
    A = of(graph)
    B, _, _ = relabelled(A, None, 0)
    assert torch.equal(form(A, engine="python")[0], form(B, engine="python")[0])


def test_generic_weights_need_no_search(engine: str) -> None:
    W = torch.rand(200, 200, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for A in (W, W + W.T):
        B, _, _ = relabelled(A, None, 1)
        assert torch.equal(form(A, engine=engine)[0], form(B, engine=engine)[0])


def test_the_store_finds_what_it_has(engine: str) -> None:
    A = torch.stack([of(nx.cycle_graph(6)), of(nx.path_graph(6)), of(nx.cycle_graph(6))])
    forms = canonical_forms(A, engine=engine)  # type: ignore[arg-type]
    assert len(forms) == 2
    first, _, third = forms.of(A)
    assert first is third
    padded = torch.nn.functional.pad(A, (0, 2, 0, 2))
    assert torch.equal(forms.of(padded, sizes=torch.tensor([6, 6, 6]))[1].order, forms.of(A)[1].order)
    assert len(forms) == 2
    forms.clear()
    assert len(forms) == 0


def test_without_pynauty_our_own_search_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynauty", None)
    monkeypatch.setattr("isotropy.frames.graphs._forms.available", lambda: False)
    assert CanonicalForms().engine == "python"
    with pytest.raises(MissingExtraError, match="graph"):
        CanonicalForms("nauty")


@pytest.mark.parametrize(
    ("A", "X", "error"),
    [
        (torch.zeros(3, 2), None, ShapeError),
        (torch.zeros(0, 0), None, ShapeError),
        (torch.zeros(3, 3, dtype=torch.int64), None, DtypeError),
        (torch.full((2, 2), torch.nan), None, DomainError),
        (torch.zeros(2, 2), torch.tensor([[1.0], [torch.inf]]), DomainError),
    ],
)
def test_bad_graphs_are_refused(A: Tensor, X: Tensor | None, error: type[Exception]) -> None:
    with pytest.raises(error):
        CanonicalForms().of(A[None], None if X is None else X[None])
