"""Layers that keep what fixed vectors leave: turns about gravity, mirrors by parity, limbs in any order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from isotropy.errors import DomainError, ShapeError
from isotropy.groups import parse
from isotropy.nn import SubequivariantCritic, SubequivariantLinear, SubequivariantPolicy
from isotropy.nn.parts import LimbTree
from isotropy.random import spawn
from isotropy.train import fit

G = torch.tensor([[0.0, 0.0, -1.0]], dtype=torch.float64)
VECTORS = (0, 6, 9, 12, 15, 18, 21)  # where vectors begin in the numbers of a limb; 3 is gravity
AXIAL = (12, 15, 18, 21)


def turns(group: str, n: int, *more: int) -> Tensor:
    return parse(group).sample((n, *more), generator=spawn(7, "turns"), dtype=torch.float64)


def layer(**settings: object) -> SubequivariantLinear:
    torch.manual_seed(0)
    return SubequivariantLinear(4, 2, 3, 2, **{"axial": 2, "out_axial": 1, **settings}).double()


def inputs(rows: int = 20, vectors: int = 4) -> tuple[Tensor, Tensor]:
    generator = spawn(1, "inputs")
    return (torch.randn(rows, vectors, 3, generator=generator, dtype=torch.float64),
            torch.randn(rows, 2, generator=generator, dtype=torch.float64))  # fmt: skip


Layer = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


@torch.no_grad()
def error(f: Layer, R: Tensor, V: Tensor, VR: Tensor, parity: bool) -> float:
    """Relative: what is lost by moving before instead of after."""
    Z, h = inputs()
    det = torch.linalg.det(R)[:, None, None]

    def moved(X: Tensor, axial: int) -> Tensor:
        X = X @ R.mT
        return torch.cat([X[:, :-axial], det * X[:, -axial:]], 1) if parity and axial else X

    own, told = f(Z, h, V)
    other, again = f(moved(Z, 2), h, VR)
    return max(relative(other, moved(own, 1)), relative(again, told))


@pytest.mark.parametrize("norm", ["bounded", "l2", "none"])
def test_what_gravity_leaves_is_kept_and_no_more(norm: str) -> None:
    V = G.expand(20, 1, 3)
    for group in ("O(2)@z", "SO(2)@z"):
        f = layer(group=group, norm=norm)
        assert error(f, turns(group, 20), V, V, group == "O(2)@z") < 1e-12
        assert error(f, turns("SO(3)", 20), V, V, True) > 1e-2
    assert error(layer(group="SO(2)@z", norm=norm), turns("O(2)@z", 20), V, V, True) > 1e-2


def test_parity_must_be_told() -> None:
    V = G.expand(20, 1, 3)
    with pytest.warns(UserWarning, match="axial="):
        untold = layer(axial=None, out_axial=0)
    mirrors = turns("O(2)@z", 20)
    assert error(untold, mirrors, V, V, False) < 1e-12  # mirrors hold of the function
    assert error(untold, mirrors, V, V, True) > 1e-2  # and not of the physics


def test_fixed_vectors_of_any_direction_and_none() -> None:
    slanted = torch.tensor([[0.6, 0.0, -0.8]], dtype=torch.float64).expand(20, 1, 3)
    about = parse("O(3)").stabilizer([0.6, 0.0, -0.8]).sample((20,), generator=spawn(2, "s"), dtype=torch.float64)
    assert error(layer(), about, slanted, slanted, True) < 1e-12
    nothing = slanted[:, :0]
    assert error(layer(fixed=0), turns("O(3)", 20), nothing, nothing, True) < 1e-12
    everything = turns("O(3)", 20)
    assert error(layer(), everything, slanted, slanted @ everything.mT, True) < 1e-12  # gravity turned along
    two = torch.cat([slanted, G.expand(20, 1, 3)], 1)
    assert error(layer(fixed=2), everything, two, two @ everything.mT, True) < 1e-12


def test_l2_knows_no_size_and_bounded_does() -> None:
    Z, _ = inputs()
    h, V = torch.zeros(20, 2, dtype=torch.float64), G.expand(20, 1, 3)
    for norm, scales in (("l2", True), ("bounded", False)):
        f = layer(norm=norm)
        own, _ = f(Z, h, V)
        other, _ = f(3 * Z, h, 3 * V)
        assert (relative(other, 3 * own) < 1e-12) is scales


def test_handedness_is_seen_without_mirrors_alone() -> None:
    """g.(a x b) of two arrows, on fresh rows, as a share of its variance."""
    g = G.float()

    def rows(n: int, name: str) -> tuple[Tensor, Tensor]:
        Z = torch.randn(n, 2, 3, generator=spawn(3, name))
        return Z, torch.linalg.cross(Z[:, 0], Z[:, 1]) @ g[0]

    left = {}
    Z, y = rows(2000, "train")
    fresh, truth = rows(1000, "test")
    for group in ("SO(2)@z", "O(2)@z"):
        torch.manual_seed(0)
        f = SubequivariantLinear(2, 0, 0, 1, group=group, axial=0, norm="none")

        def predicted(f: SubequivariantLinear, Z: Tensor) -> Tensor:
            return f(Z, Z[:, :0, 0], g.expand(len(Z), 1, 3))[1][:, 0]

        def loss(f: SubequivariantLinear, batch: tuple[Tensor, Tensor]) -> Tensor:
            return (predicted(f, batch[0]) - batch[1]).square()

        batches = list(zip(Z.split(100), y.split(100), strict=True))
        fit(f, loss, batches, max_epochs=30, optimizer=torch.optim.Adam(f.parameters(), 1e-2), progress=False)
        with torch.no_grad():
            left[group] = float((predicted(f, fresh) - truth).square().mean() / truth.var())
    assert left["SO(2)@z"] < 1e-2
    assert left["O(2)@z"] > 0.9


def limbs(rows: int = 8, n: int = 5, dtype: torch.dtype = torch.float64) -> Tensor:
    obs = torch.randn(rows, n, 41, generator=spawn(4, "limbs"), dtype=torch.float64)
    obs[..., 3:6] = torch.tensor([0.0, 0.0, -9.81])
    obs[..., 8] = 0
    return obs.to(dtype)


def turned(obs: Tensor, R: Tensor, but: tuple[int, ...] = ()) -> Tensor:
    out = obs.clone()
    for k in VECTORS:
        det = torch.linalg.det(R) if k in AXIAL else 1.0
        out[..., k : k + 3] = obs[..., k : k + 3] @ R.T * det
    return out


TREE = LimbTree(torch.tensor([-1, 0, 1, 0, 3]))


def policy(group: str = "O(2)@z", **settings: object) -> SubequivariantPolicy:
    torch.manual_seed(0)
    return SubequivariantPolicy(group=group, **settings).double()


def critic(group: str = "O(2)@z") -> SubequivariantCritic:
    torch.manual_seed(0)
    return SubequivariantCritic(group=group).double()


def relative(a: Tensor, b: Tensor) -> float:
    return ((a - b).abs().max() / b.abs().max()).item()


@pytest.mark.parametrize("group", ["O(2)@z", "SO(2)@z"])
def test_torques_and_values_turn_with_nothing(group: str) -> None:
    obs, p, q = limbs(), policy(group, positions=False), critic(group)
    u = p(obs, TREE)
    assert u.abs().mean() > 1e-3
    for R in turns(group, 10):
        assert relative(p(turned(obs, R), TREE), u) < 1e-12
        assert relative(q(turned(obs, R), u, TREE), q(obs, u, TREE)) < 1e-12
    tilt = torch.linalg.matrix_exp(torch.tensor([[0, 0, 0.52], [0, 0, 0], [-0.52, 0, 0]], dtype=torch.float64))
    assert relative(p(turned(obs, tilt), TREE), u) > 1e-2
    single = policy(group, positions=False).float()
    R = turns(group, 1)[0]
    assert relative(single(turned(obs, R).float(), TREE), single(obs.float(), TREE)) < 1e-5


def test_limbs_in_another_order_and_padding() -> None:
    obs, p, q = limbs(), policy(), critic()
    order = torch.tensor([0, 3, 4, 1, 2])

    class Reordered(LimbTree):
        """The same tree with its limbs called otherwise."""

        traversals = TREE.traversals[order]
        relation = TREE.relation[order][:, order]

    other = Reordered(torch.tensor([-1, 0, 1, 0, 3]))
    u = p(obs, TREE)
    assert relative(p(obs[:, order], other), u[:, order]) < 1e-12
    padded = torch.cat([obs, torch.randn(8, 2, 41, dtype=torch.float64)], 1)
    mask = torch.arange(7) < 5
    mask = mask.expand(8, 7)
    again = p(padded, [TREE] * 8, mask)
    assert relative(again[:, :5], u) < 1e-12
    assert not again[:, 5:].any()
    worth = q(padded, again, [TREE] * 8, mask)
    assert relative(worth[:, :5], q(obs, u, TREE)) < 1e-12


def test_bodies_of_one_batch_have_trees_of_their_own() -> None:
    small = LimbTree(torch.tensor([-1, 0, 1]))
    p, obs = policy(), limbs(2)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    u = p(obs, [TREE, small], mask)
    assert relative(u[:1], p(obs[:1], TREE)) < 1e-12
    assert relative(u[1:, :3], p(obs[1:, :3], small)) < 1e-12


def test_one_padded_body_acts_and_trees_must_fit_rows() -> None:
    small, p = LimbTree(torch.tensor([-1, 0, 1])), policy()
    obs, mask = limbs(1), torch.tensor([[True] * 3 + [False] * 2])
    assert relative(p(obs, [small], mask)[:, :3], p(obs[:, :3], small)) < 1e-12
    with pytest.raises(ShapeError, match="1 tree for 2 rows"):
        p(limbs(2), [small], mask.expand(2, 5))
    with pytest.raises(ShapeError, match="mask"):
        p(obs, [small])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DomainError, match="group"):
        SubequivariantPolicy(group="O(3)")
    with pytest.raises(DomainError, match="write small"):
        SubequivariantPolicy(size="smal")
    with pytest.raises(ShapeError, match="40 numbers"):
        policy()(limbs()[..., :40], TREE)
    with pytest.raises(ShapeError, match="5 limbs for 4"):
        policy()(limbs()[:, :4], TREE)
    with pytest.raises(ShapeError, match="Z with 3 vectors; expected 4"):
        layer()(torch.zeros(2, 3, 3, dtype=torch.float64), torch.zeros(2, 2, dtype=torch.float64), G.expand(2, 1, 3))


def test_a_state_of_another_group_is_refused_by_name() -> None:
    from isotropy.errors import SchemaError

    with pytest.raises(SchemaError, match="group"):
        policy("SO(2)@z").load_state_dict(policy().state_dict())


def test_what_is_kept_under_inference_serves_trainings_too() -> None:
    """Indices of triangles and relations of a tree that are first asked for under inference mode."""
    from isotropy.nn.subequivariant._columns import _upper

    _upper.cache_clear()
    policy, tree = SubequivariantPolicy().double(), LimbTree(torch.tensor([-1, 0, 1]))
    seen = torch.randn(2, 3, 41, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        policy(seen, tree)
    policy(seen, tree).square().sum().backward()
    assert all(weight.grad is not None for weight in policy.parameters() if weight.numel())
