"""The reproduction of Luo et al.: force fields and their peer, the run from end to end, claims, published numbers."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import pytest
import torch

from isotropy.data import Molecules, load_molecules
from isotropy.experiments.gaunt import (
    GAUNT,
    ChiralityPlan,
    Config,
    EfficiencyPlan,
    ForceField,
    ForceFieldPlan,
    GauntProducts,
    _forcefield,
    _steps,
)
from isotropy.experiments.gaunt._dynamics import conservation
from isotropy.experiments.gaunt._forcefield import forcefield_job, invariance
from isotropy.experiments.peers import (
    CouplingConvolution,
    CouplingPower,
    ParticlesPlan,
    symmetric_couplings,
    with_clebsch_gordan_products,
)
from isotropy.groups import O
from isotropy.measure import equivariance_error
from isotropy.nn import GauntConvolution, GauntForceField, Scales, gaunt_coefficient
from isotropy.random import spawn
from isotropy.reps import Sphere, wigner_blocks
from isotropy.runs import Run
from recorded import assert_recorded

pytest.importorskip("ase")

TINY = Config(
    sizes={"interaction": (1, 2), "convolution": (1,), "many-body": (1,)},
    efficiency=EfficiencyPlan(channels=4, edges=3, atoms=2, rounds=1, least=0.001),
    force_field=ForceFieldPlan(channels=4, L=1, radial=(8,), train=10, batch=5, rate=0.01, warmup=1, look_every=1),
    nbody=ParticlesPlan(rows=40, width=4, layers=1, batch=20, epochs=1, rate=5e-3),
    chirality=ChiralityPlan(width=4, degree=2, copies=2, test_copies=2, epochs=1),
    force_fields=(
        ForceField("acac", 4, dynamics=20),
        ForceField("acac", 4, products="Clebsch-Gordan", seeds=2),
        ForceField("3bpa", 2),
        ForceField("acac", 4, order=1),
    ),
    degrees=(1,),
    engine="serial",
)
E0 = {1: -13.5, 6: -1026.5, 8: -2037.5}


@pytest.fixture(scope="module")
def tiny(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> GauntProducts:
    with pytest.MonkeyPatch.context() as patch, Run(tmp_path_factory.mktemp("gaunt") / "run") as run:
        for room in (_forcefield, _steps):
            patch.setattr(room, "load_molecules", few)
        return GAUNT.run(TINY, run)


@cache
def few(name: str, part: str = "train_300K") -> Molecules:
    """Whole test sets take a minute, and reading a file takes one of all its molecules."""
    return load_molecules(name, part)[:15]


def test_the_answer_is_the_recorded_one(tiny: GauntProducts) -> None:
    assert_recorded("reproduce-gaunt", tiny)


def test_the_run_fills_every_table_and_judges_every_claim(tiny: GauntProducts) -> None:
    assert {score.task for score in tiny.scores} == set(TINY.parts)
    assert len(tiny.claims) == len(GAUNT.claims_of(TINY))
    assert all(verdict.numbers for verdict in tiny.claims)
    assert GauntProducts.from_json(tiny.to_json()) == tiny
    forces = tiny.score("forcefield", "acac, 4 steps, test_300K: forces", "Gaunt")
    assert 0 < forces.mean < 1e5
    assert {trace.figure for trace in tiny.traces} == {"learning", "parity", "dynamics"}
    shown = [trace for trace in tiny.traces if trace.figure == "learning"]
    assert len(shown) == len(TINY.force_fields)  # of the first seed
    assert len(tiny.score("forcefield", "acac, 4 steps, test_300K: forces", "Clebsch-Gordan").values) == 2
    assert any(
        note.startswith("published, forcefield, acac, 300 K: forces: MACE 5.1 meV/A") for note in tiny.summary().notes
    )


def test_a_job_that_is_run_again_says_the_same(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was killed after a training, and before its outcome was written, continues with the same weights."""
    monkeypatch.setattr(_forcefield, "load_molecules", few)
    given = {"field": asdict(ForceField("acac", 4)), "plan": asdict(TINY.force_field)}
    with Run(tmp_path / "run") as run:
        first, again = (forcefield_job(run, seed=0, **given) for _ in range(2))
    assert {**first, "seconds": 0} == {**again, "seconds": 0}
    assert again["traces"][0]["columns"]["step"] == [2, 4]


@pytest.mark.parametrize(
    ("task", "setting", "method", "values", "text"),
    [
        ("chirality", "Tetris: logits of mirror images", "Gaunt", (1e-3,), "cannot tell them apart"),
        ("chirality", "Tetris: all classes", "Gaunt", (0.0,), "recognise all other shapes"),
        ("chirality", "tetrahedra: mirror images", "Gaunt", (0.0,), "half of the time"),
        ("chirality", "tetrahedra: all classes", "complete", (0.99,), "complete products"),
        ("nbody", "degree 1", "Gaunt", (9.0,), "n-body, degree 1: Gaunt at most"),
        ("efficiency", "interaction, L = 2", "Gaunt", (1e9,), "e3nn's product of the same function"),
        ("forcefield", "acac, 4 steps: O(3) error of energy after", "Gaunt", (1e-4,), "O(3) error of energy"),
        ("forcefield", "acac: step of training", "Gaunt", (1e9,), "a step is faster"),
        ("forcefield", "acac, 4 steps, test_600K: forces", "Gaunt", (0.0,), "acac grow with temperature"),
    ],
)
def test_bad_numbers_fail_their_claims(
    tiny: GauntProducts, task: str, setting: str, method: str, values: tuple[float, ...], text: str
) -> None:
    bad = replace(tiny.score(task, setting, method), values=values)
    kept = [score for score in tiny.scores if (score.task, score.setting, score.method) != (task, setting, method)]
    result = replace(tiny, scores=(*kept, bad))
    (claim,) = [
        claim for claim in GAUNT.claims_of(TINY) if text in claim.text and not claim.text.startswith("convolution")
    ]
    assert not claim.judge(result).held


def test_a_claim_about_nothing_is_none() -> None:
    lone = replace(TINY, sizes={"many-body": (9,)}, force_fields=(ForceField("3bpa", 2, products="Clebsch-Gordan"),))
    texts = [claim.text for claim in GAUNT.claims_of(lone)]
    assert texts
    assert not any(text.startswith(("many-body", "interaction", "force field")) for text in texts)


def test_an_energy_that_changes_with_the_pose_is_seen(real_data: Path) -> None:
    molecules = load_molecules("acac", "test_300K")[:4]
    usual = Scales(shift=-4.0, scale=0.01, neighbours=14.0)
    model = GauntForceField(molecules.isolated, scales=usual, channels=4, radial=(8,))
    assert invariance(model, molecules, 0)["energy"] < 1e-5
    plain = model.energy_forces

    def tilted(pos: torch.Tensor, *rest: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        energy, forces = plain(pos, *rest)
        up = pos[:, 2].unflatten(0, (len(energy), -1))[:, 0]
        return energy + 0.1 * up.sign(), forces

    model.energy_forces = tilted  # pyright: ignore[reportAttributeAccessIssue]
    assert invariance(model, molecules, 0)["energy"] > 1e-4


def test_the_report_shows_claims_figures_and_other_peoples_numbers(tiny: GauntProducts, tmp_path: Path) -> None:
    page = tiny.report(tmp_path / "report.html").read_text()
    for words in ("claims held", "Learning curves", "Parity", "Molecular dynamics", "Published by others"):
        assert words in page


def test_a_part_runs_alone(tmp_path: Path) -> None:
    config = replace(TINY, parts=("chirality",))
    with Run(tmp_path / "run") as run:
        result = GAUNT.run(config, run)
    assert {score.task for score in result.scores} == {"chirality"}
    assert [verdict.text for verdict in result.claims] == [claim.text for claim in GAUNT.claims_of(config)]
    assert all(claim.tasks == {"chirality"} for claim in GAUNT.claims_of(config))


def test_claims_name_the_marks() -> None:
    texts = [claim.text for claim in GAUNT.claims]
    assert any("25 meV/A" in text for text in texts)
    assert sum("prototype" in text for text in texts) == 4
    assert len(texts) == len(set(texts))


def test_the_peer_contains_the_gaunt_convolution() -> None:
    """With weights h_l g(l1, l, l3) of its paths, e3nn's product is ours; with others it is not."""
    L_in, L_filter, C = 1, 3, 4
    generator = spawn(0, "convolution")
    x, r = (torch.randn(6, *size, generator=generator, dtype=torch.float64) for size in ((C, 4), (3,)))
    h = torch.randn(6, C, L_filter + 1, generator=generator, dtype=torch.float64)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # e3nn keeps its constants in the default dtype
    try:
        peer = CouplingConvolution(L_in, L_filter, L_filter, C).double()
    finally:
        torch.set_default_dtype(before)
    ours = GauntConvolution(L_in, L_filter, L_filter, normalization="component", channels=C).double()(x, r, h)
    single = torch.eye(len(peer.paths), dtype=torch.float64)
    for number, (l1, l2, l3) in enumerate(peer.paths):
        part = peer(x, r, single[number].expand(6, C, -1))
        block = slice(l3 * l3, (l3 + 1) ** 2)
        assert part[..., : l3 * l3].abs().max() == 0 if l3 else True
        assert part[..., block].abs().max() > 0.1, (l1, l2, l3)
        assert gaunt_coefficient(l1, l2, l3) > 0
    design = torch.stack([peer(x, r, row.expand(6, C, -1)) for row in single], -1)
    for edge, channel in ((0, 0), (3, 2)):
        A, b = design[edge, channel], ours[edge, channel]
        found = torch.linalg.lstsq(A, b[:, None], driver="gelsd").solution
        assert (A @ found - b[:, None]).abs().max() < 1e-12 * b.abs().max()


def test_couplings_are_all_symmetric_equivariant_maps() -> None:
    # Cubic invariants of a scalar, a vector, degree 2 and degree 3: counted by hand.
    assert symmetric_couplings(3, 3, 0).shape == (1, 16, 16, 16, 8)
    U = symmetric_couplings(2, 3, 1)
    flat = U.flatten(0, 3)
    assert (flat.T @ flat - 3 * torch.eye(U.shape[-1], dtype=torch.float64)).abs().max() < 1e-10
    assert (U - U.transpose(1, 3)).abs().max() < 1e-12
    R = O(3).sample((1,), generator=spawn(0, "R"), dtype=torch.float64)[0]
    sign = torch.linalg.det(R).sign()
    blocks = [block * sign**l for l, block in enumerate(wigner_blocks(2, R * sign))]
    D = torch.block_diag(*blocks)
    turned = torch.einsum("mabcp,ai,bj,ck->mijkp", U, D, D, D)
    assert (turned - torch.einsum("nm,nabcp->mabcp", blocks[1].T.contiguous(), U)).abs().max() < 1e-10


def test_the_peer_is_equivariant_and_tells_elements_apart() -> None:
    power = CouplingPower(2, 1, 3, 2, 4, spawn(0, "power")).double()
    A = torch.randn(20, 4, 9, generator=spawn(0, "A"), dtype=torch.float64)
    types = torch.zeros(20, dtype=torch.int64)
    error = equivariance_error(
        lambda x: power(x, types[: len(x)].new_zeros(len(x))), "O(3)", A, 4 * Sphere(2), 4 * Sphere(1), n=8
    )
    assert error.mean < 1e-12
    assert (power(A, types) - power(A, 1 - types)).abs().max() > 0.1


@pytest.mark.parametrize("products", ["Gaunt", "Clebsch-Gordan"])
def test_both_force_fields_are_invariant_and_have_their_forces(products: str) -> None:
    model = GauntForceField(E0, channels=4, radial=(8,), generator=spawn(0, "model"))
    if products == "Clebsch-Gordan":
        model = with_clebsch_gordan_products(model, spawn(0, "peer"))
    model = model.double().eval()
    pos = 1.5 * torch.randn(5, 3, generator=spawn(0, "atoms"), dtype=torch.float64)
    numbers = torch.tensor([6, 1, 8, 1, 6])
    energy, forces = model.energy_forces(pos, numbers)
    R = O(3).sample((1,), generator=spawn(1, "R"), dtype=torch.float64)[0]
    turned, along = model.energy_forces(pos @ R.T, numbers)
    # e3nn's constants are single precision.
    assert (turned - energy).abs().max() < 1e-6
    assert (along - forces @ R.T).abs().max() < 1e-6
    step = torch.zeros_like(pos)
    step[2, 1] = 1e-4
    above, below = (model.energy_forces(pos + sign * step, numbers)[0] for sign in (1, -1))
    assert abs(float((above - below) / 2e-4 + forces[2, 1])) < 1e-6


def test_dynamics_start_at_rest_as_a_whole_and_record_every_tenth_step(real_data: Path) -> None:
    molecules = load_molecules("acac", "test_300K")[:1]
    gentle = Scales(scale=0.01, neighbours=14.0)  # what nobody trained would throw atoms apart
    model = GauntForceField(molecules.isolated, scales=gentle, channels=4, radial=(8,)).double()
    found = conservation(model, molecules, 40, 0)
    assert found["femtoseconds"] == [0.0, 5.0, 10.0, 15.0, 20.0]
    assert found["total"][0] == 0.0
    assert max(map(abs, found["total"])) < 0.05 * max(found["kinetic"])
    assert min(found["kinetic"]) > 5
    assert conservation(model, molecules, 40, 0) == found
