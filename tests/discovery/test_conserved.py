"""``discover`` on motions goes on after the verdicts: what is conserved, in Python, in files, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import isotropy
from isotropy.data import Dataset, load, save
from isotropy.data.synthetic import Kepler
from isotropy.discovery import Discovery
from isotropy.discovery._conserved_blocks import conserved_sentence
from isotropy.errors import DomainError, DtypeError, SchemaError, ShapeError
from isotropy.report import Curves

MOTION = Kepler(shear=0.5, tracks=12, steps=14)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Discovery, Path]:
    out = tmp_path_factory.mktemp("run")
    mixed = torch.randperm(12 * 14, generator=torch.Generator().manual_seed(0))
    data = MOTION.dataset().take(mixed)  # rows may come in any order
    return isotropy.discover(data, groups="SO(2)", quick=True, out=out, progress=False), out


def test_what_is_conserved_follows_the_verdicts(run: tuple[Discovery, Path]) -> None:
    found, _ = run
    told = {each.name: each.verdict for each in found.conserved}
    assert told == {
        "energy": "conserved",
        "angular momentum": "conserved",
        "dilation": "symmetry of the equations only",
    }
    assert found.sentences[-1].startswith("Conserved: energy (drift ")
    assert "What is conserved" in {block.section for block in found.blocks()}


def test_the_sentence_says_why_motions_cannot_decide(run: tuple[Discovery, Path]) -> None:
    energy, momentum, dilation = run[0].conserved
    flat = replace(momentum, verdict="undecided", note="the motions lie nearly in one plane")
    told = conserved_sentence([energy, flat, replace(dilation, verdict="undecided")])
    assert told.endswith("; undecided: angular momentum (the motions lie nearly in one plane); undecided: dilation.")


def test_curves_of_one_quantity_look_alike(run: tuple[Discovery, Path]) -> None:
    drawn = [block for block in run[0].blocks() if isinstance(block, Curves) and "along 10 tracks" in block.title]
    assert [block.title for block in drawn] == ["Energy along 10 tracks", "Angular momentum along 10 tracks"]
    for block in drawn:
        assert [(one.tone, one.look) for one in block.curves] == [("broken", (0, 1))] * 10 + [("holds", (0, 0))] * 10


def test_quantities_are_functions(run: tuple[Discovery, Path]) -> None:
    found, _ = run
    q, v = Kepler(shear=0.5, tracks=200).start(torch.Generator().manual_seed(1))
    truth = MOTION.quantities(q, v)
    for each in found.conserved[:2]:
        both = torch.stack([each(q.numpy(), v.numpy()), truth[each.name]])
        assert float(torch.corrcoef(both)[0, 1].abs()) > 0.999


def test_the_run_holds_json_and_values(run: tuple[Discovery, Path]) -> None:
    found, out = run
    again = Discovery.from_json(out)
    assert again.conserved == found.conserved
    with pytest.raises(ShapeError, match="energy without its Lagrangian"):
        again.conserved[0]([[1.0, 0]], [[0.0, 1]])
    with np.load(out / "conserved.npz") as kept:
        data = found.samples
        assert kept["value"].shape == (168, 3)
        assert np.array_equal(kept["position"], data.x[:, :2].numpy())
        assert np.array_equal(kept["time"], data.time.numpy())
        assert np.array_equal(kept["track"], data.cluster.numpy())
        row = found.conserved[1](kept["position"], kept["velocity"]).numpy()
        assert np.allclose(kept["value"][:, 1], row)


# Refused before anything is fitted.
def test_velocities_of_another_unit_are_refused() -> None:
    data = MOTION.dataset()
    with pytest.raises(DomainError, match=r"misses the positions by .*; expected at most "):
        isotropy.discover(replace(data, x=torch.cat([data.x[:, :2], 3.6 * data.x[:, 2:]], 1)), groups="SO(2)")


def test_tracks_of_one_point_are_refused() -> None:
    data = MOTION.dataset()
    with pytest.raises(ShapeError, match="168 tracks of one point"):
        isotropy.discover(replace(data, cluster=torch.arange(168)), groups="SO(2)")


def test_motions_need_times_and_tracks(tmp_path: Path) -> None:
    data = MOTION.dataset()
    assert isinstance(data, Dataset)
    with pytest.raises(SchemaError, match="dynamics without times"):
        isotropy.discover(data.x, data.y, data.types, cluster=data.cluster, groups="SO(2)")
    with pytest.raises(SchemaError, match="dynamics without a cluster"):
        isotropy.discover(data.x, data.y, data.types, time=data.time, groups="SO(2)")
    with pytest.raises(ShapeError, match=r"time of shape \(3,\)"):
        isotropy.discover(data, groups="SO(2)", time=[0.0, 1.0, 2.0])
    days = np.datetime64("2026-01-01") + np.arange(data.rows)
    for dates in (days, days.astype(str), days.astype(object)):
        with pytest.raises(DtypeError, match="numbers, in the unit of time of the velocities"):
            isotropy.discover(data, groups="SO(2)", time=dates)
    with pytest.raises(SchemaError, match="no array 'time'"):
        load(
            save(tmp_path / "tracks.npz", data.x, data.y, data.cluster), schema={**_written(data), "cluster": "cluster"}
        )


def _written(data: Dataset) -> dict[str, object]:
    return {"x": str(data.types.x), "y": str(data.types.y), "dynamics": data.types.dynamics, "cluster": "cluster"}
