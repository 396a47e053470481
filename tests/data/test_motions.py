"""Motions with known laws, and files whose rows are moments of motions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from isotropy.data import Dataset, load
from isotropy.data.synthetic import MOTIONS, Kepler, Motion, Oscillator, integrated
from isotropy.errors import DomainError, SchemaError
from isotropy.reps import Schema


@pytest.mark.parametrize(
    "motion",
    [Kepler(tracks=4, steps=12), Kepler(tracks=4, steps=12, shear=0.7), Oscillator(tracks=4, steps=12),
     Oscillator(tracks=4, steps=12, second=1.0), Kepler(tracks=4, steps=12, friction=0.1)],
    ids=str,
)  # fmt: skip
def test_what_is_said_to_be_conserved_is(motion: Motion) -> None:
    data = motion.dataset()
    q, v = data.x.split(2, 1)
    for name, values in motion.quantities(q, v).items():
        along = values.unflatten(0, (4, 12))
        wandered = float((along - along[:, :1]).abs().max())
        assert (wandered < 1e-7) == (name in motion.conserved), name
        assert wandered < 1e-7 or wandered > 0.01


def test_accelerations_are_those_of_the_motion() -> None:
    data = Kepler(tracks=3, steps=400, shear=0.4, friction=0.02).dataset()
    q, v = (part.unflatten(0, (3, 400)) for part in data.x.split(2, 1))
    h = 5 / 399
    assert torch.allclose((q[:, 2:] - q[:, :-2]) / (2 * h), v[:, 1:-1], atol=5e-3)
    assert torch.allclose((v[:, 2:] - v[:, :-2]) / (2 * h), data.y.unflatten(0, (3, 400))[:, 1:-1], atol=5e-2)


def test_an_oscillator_in_closed_form() -> None:
    t = torch.linspace(0, 3, 7, dtype=torch.float64)
    start = torch.tensor([[1.0, -0.5]], dtype=torch.float64)
    q, v = integrated(Oscillator().acceleration, start, 0 * start, t)
    w = torch.tensor([1.0, 1.6], dtype=torch.float64)
    assert torch.allclose(q[0], start * (w * t[:, None]).cos(), atol=1e-8)
    assert torch.allclose(v[0], -start * w * (w * t[:, None]).sin(), atol=1e-8)


def test_settings_that_cannot_be() -> None:
    for settings in ({"tracks": 0}, {"steps": 1}, {"span": 0.0}, {"noise": -1.0}):
        with pytest.raises(DomainError):
            load("kepler", **settings)
    assert set(MOTIONS) == {"kepler", "oscillator"}


# Files and schemas.
MOVING = {
    "x": 'Vector("position") + Vector("velocity")',
    "y": 'Vector("acceleration")',
    "dynamics": {"position": "position", "velocity": "velocity", "time": "when"},
}


def test_a_schema_with_dynamics_comes_back_from_its_text() -> None:
    schema = Schema.of({**MOVING, "cluster": "track"})
    assert Schema.from_yaml(schema.to_yaml()) == schema
    assert "dynamics:\n  position: position\n" in schema.to_yaml()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"dynamics": {"position": "position"}}, "dynamics with position; expected position, velocity and time"),
        ({"dynamics": {**MOVING["dynamics"], "velocity": "speed"}}, "velocity: 'speed' in dynamics"),  # type: ignore[dict-item]
        ({"dynamics": {**MOVING["dynamics"], "velocity": "position"}}, "'position' as position and velocity"),  # type: ignore[dict-item]
        ({"x": "Cloud(Point)"}, "dynamics of types"),
        ({"columns": {"x": ["a", "b", "c", "d"], "y": ["e", "f"]}}, "dynamics without a cluster"),
        ({"dynamic": MOVING["dynamics"]}, "did you mean 'dynamics'"),
    ],
)
def test_dynamics_that_name_what_is_not_there(changed: dict[str, object], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        Schema.of({**MOVING, **changed})


def test_times_come_with_the_file(tmp_path: Path) -> None:
    data = Kepler(tracks=4, steps=15).dataset()
    assert data.time is not None
    assert data.cluster is not None
    np.savez(tmp_path / "tracks.npz", x=data.x, y=data.y, track=data.cluster, when=data.time)
    found = load(tmp_path / "tracks.npz", schema={**MOVING, "cluster": "track"})
    assert torch.equal(found.time, data.time)
    assert torch.equal(found[20:30].time, data.time[20:30])
    table = np.column_stack([data.x, data.y, data.cluster, data.time])
    names = ["x", "y", "vx", "vy", "ax", "ay", "track", "when"]
    np.savetxt(tmp_path / "tracks.csv", table, delimiter=",", header=",".join(names), comments="", fmt="%.17g")
    columns = {"x": names[:4], "y": names[4:6]}
    found = load(tmp_path / "tracks.csv", schema={**MOVING, "cluster": "track", "columns": columns})
    assert isinstance(found, Dataset)
    assert torch.equal(found.time, data.time)
    np.savez(tmp_path / "short.npz", x=data.x, y=data.y, track=data.cluster)
    with pytest.raises(SchemaError, match=r"no array 'when' in short\.npz"):
        load(tmp_path / "short.npz", schema={**MOVING, "cluster": "track"})
