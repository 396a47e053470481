"""The zoo of laws: what holds holds to rounding, what breaks breaks by the share that is written down."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from isotropy.data import list_datasets, load
from isotropy.data.zoo import BROKEN, HOLDING, LAWS, OPEN, Law
from isotropy.errors import DomainError, SchemaError
from isotropy.groups import parse_list

CANDIDATES = [(name, group) for name, law in LAWS.items() for group in law.groups]
HOLDS = [(name, group) for name, group in CANDIDATES if not any(LAWS[name].shares(group))]
BREAKS = [pair for pair in CANDIDATES if pair not in HOLDS]


def test_there_are_laws_of_all_kinds_with_something_that_holds_in_each() -> None:
    assert len(LAWS) >= 24
    held = {name for name, _ in HOLDS}
    assert held == set(LAWS)
    assert len({name for name, _ in BREAKS}) >= 20
    for name, law in LAWS.items():
        assert 2 <= len(law.groups) <= 4, name
        assert law.physics.endswith("."), name
        assert set(law.breaks) | set(law.windows) | set(law.moved) <= set(law.groups), name
        assert {group for group, G in law.candidates.items() if not G.compact} == set(law.windows), name
        assert all(law.parts), name
    assert sum(len(law.parts) > 1 for law in LAWS.values()) >= 5
    assert sum(bool(law.moved) for law in LAWS.values()) >= 3


@pytest.mark.parametrize(("name", "group"), HOLDS)
def test_what_holds_holds_to_rounding(name: str, group: str) -> None:
    assert LAWS[name].defect(group) < 1e-10


@pytest.mark.parametrize(("name", "group"), BREAKS)
def test_shares_by_monte_carlo(name: str, group: str) -> None:
    check_shares(LAWS[name], group, 10_000)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "group"), BREAKS)
def test_shares_by_monte_carlo_with_200_000_samples(name: str, group: str) -> None:
    check_shares(LAWS[name], group, 200_000)


def check_shares(law: Law, group: str, n: int) -> None:
    # A window tells nothing of the compact candidates inside it, by which a group breaks at least.
    inside = [g for g in law.groups if law.candidates[g].compact and law.candidates[g] <= law.candidates[group]]
    for part, (share, error) in enumerate(law.measured(group, n)):
        least = max((law.shares(g)[part] for g in inside), default=0.0)
        stored = law.shares(group)[part]
        if group in law.windows and stored == least:
            assert share <= stored + 4 * error
        else:
            assert share == pytest.approx(stored, abs=4 * error + 2e-3 * stored + 1e-12)


def test_the_monte_carlo_check_refuses_a_share_that_is_wrong() -> None:
    share, error = LAWS["crystal"].measured("O(2)@z", 50_000)[0]
    assert abs(share - LAWS["crystal"].shares("O(2)@z")[0]) < 4 * error
    assert abs(share - 0.75 * LAWS["crystal"].shares("O(2)@z")[0]) > 4 * error


def averaged(law: Law, group: str, x: Tensor) -> Tensor:
    """R f by summing over all elements, without any chance."""
    G, dims = law.candidates[group], law.types.dims
    elements = G.elements()
    count = len(elements[0] if isinstance(elements, tuple) else elements)
    total = torch.zeros_like(law.function(x))
    for i in range(count):
        g = tuple(part[i] for part in elements) if isinstance(elements, tuple) else elements[i]
        total += law.types.y.act(G, G.inverse(g), law.function(law.types.x.act(G, g, x, dims)), dims)
    return total / count


@pytest.mark.parametrize(("name", "group"), [pair for pair in BREAKS if LAWS[pair[0]].candidates[pair[1]].order])
def test_shares_of_finite_groups_by_their_whole_average(name: str, group: str) -> None:
    law = LAWS[name]
    x = law.draw(20_000, seed=3)
    y = law.function(x)
    rest = y - averaged(law, group, x)
    centre = averaged_constant(law, group, y.mean(0))
    for columns, share in zip(law.columns, law.shares(group), strict=True):
        rows, energy = rest[:, columns].square().sum(1), (y - centre)[:, columns].square().sum(1)
        found = float(rows.mean() / energy.mean())
        error = float((rows - found * energy).std() / energy.mean()) / len(x) ** 0.5
        assert found == pytest.approx(share, abs=4 * error + 1e-3 * share + 1e-12)


def averaged_constant(law: Law, group: str, c: Tensor) -> Tensor:
    """The part of a constant target that all elements leave alone."""
    G = law.candidates[group]
    elements = G.elements()
    assert not isinstance(elements, tuple)
    return torch.stack([law.types.y.act(G, g, c[None], law.types.dims)[0] for g in elements]).mean(0)


@pytest.mark.parametrize("name", LAWS)
def test_what_breaks_a_subgroup_breaks_the_group(name: str) -> None:
    law = LAWS[name]
    for small, H in law.candidates.items():
        for big, G in law.candidates.items():
            if H <= G:
                assert all(a <= b for a, b in zip(law.shares(small), law.shares(big), strict=True)), (small, big)


@pytest.mark.parametrize("name", LAWS)
def test_a_law_is_loaded_by_name_with_noise_in_units_of_each_part(name: str) -> None:
    law = LAWS[name]
    data = load(f"zoo/{name}", n="4000", noise="0.2", seed=1)
    assert data.function is not None
    assert (data.rows, data.name, data.story) == (4000, f"zoo/{name}", law.physics)
    assert [group.name for one in data.groups for group in parse_list(one)] == list(law.groups)
    assert data.truth == {group: max(law.shares(group)) for group in law.groups}
    assert torch.equal(data.y, load(f"zoo/{name}", n=4000, noise=0.2, seed=1).y)
    assert not torch.equal(data.x, load(f"zoo/{name}", n=4000, seed=2).x)
    error = data.y - data.function(data.x)
    for columns in law.columns:
        y = data.function(data.x)[:, columns]
        spread = float((y - y.mean(0)).square().mean().sqrt())
        # Squares of long-tailed targets are themselves uncertain.
        assert float(error[:, columns].square().mean().sqrt()) == pytest.approx(0.2 * spread, rel=0.25)


def test_the_list_of_data_sets_has_them() -> None:
    entries = {entry.name: entry for entry in list_datasets()}
    assert {f"zoo/{name}" for name in LAWS} <= set(entries)
    assert dict(entries["zoo/kepler"].settings) == {"n": 300, "noise": 0.0, "seed": 0}
    with pytest.raises(SchemaError, match="write zoo/kepler"):
        load("zoo/keppler")
    with pytest.raises(SchemaError, match="seed"):
        load("zoo/kepler", seeds=3)
    with pytest.raises(DomainError, match="at least one row"):
        load("zoo/kepler", n=0)
    with pytest.raises(DomainError, match="noise = -1"):
        load("zoo/kepler", noise=-1)


def test_words_are_right_by_the_share() -> None:
    parts = LAWS["momentum-as-vector"]
    assert set(parts.right("O(3)")) == {*BROKEN, *OPEN}
    assert set(parts.right("O(3)", part="energy")) == {*HOLDING, *OPEN}
    assert set(parts.right("O(3)", part="momentum")) == {*BROKEN, *OPEN}
    assert set(LAWS["crystal"].right("O(2)@z")) == {*BROKEN, *OPEN}
    assert set(LAWS["crystal"].right("O(2)@z", tolerance=0.02)) == {*HOLDING, *BROKEN, *OPEN}
    with pytest.raises(SchemaError, match="one of O"):
        parts.right("O(2)")
