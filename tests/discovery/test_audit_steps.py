"""Each audit ends with lines to run, filled in, that do what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

import isotropy
import isotropy.testing
from isotropy.discovery import Audit, audit_calculator
from isotropy.random import spawn

X = torch.randn(40, 6, generator=spawn(0, "x"), dtype=torch.float64)
TYPES = {"x": "2*Vector", "y": "Vector"}


def leaning(x: Tensor) -> Tensor:
    """Turns about z only."""
    return torch.linalg.cross(x[:, :3], x[:, 3:]) * torch.tensor([1.0, 1.0, 1.4], dtype=x.dtype)


def test_a_broken_group_is_built_in_by_its_line(tmp_path: Path) -> None:
    found = isotropy.audit(leaning, X, TYPES, groups="SO(3),SO(2)@z")
    build, ask, keep = found.next_steps
    assert build == 'isotropy.symmetrize(model, "SO(3)", rep_in="2*Vector", rep_out="Vector")'
    assert ask == 'isotropy.discover(x, y, types, groups="SO(3)", quick=True)'
    made = eval(build, {"isotropy": isotropy, "model": leaning})
    again = isotropy.audit(made, X, TYPES, groups="SO(3)")
    assert again["SO(3)"].verdict == "exact to rounding"
    assert "SO(2)@z" in keep
    eval(keep, {"isotropy": isotropy, "model": leaning, "x": X})
    with pytest.raises(AssertionError):
        eval(keep, {"isotropy": isotropy, "model": lambda x: x[:, :3].tanh(), "x": X})
    # On the terminal, in the report and in result.json alike.
    assert repr(found).endswith("\n".join(["next:", *(f"  {line}" for line in found.next_steps)]))
    assert json.loads(found.to_json())["next"] == list(found.next_steps)
    assert Audit.from_json(found.to_json()) == found
    page = found.report(tmp_path).read_text()
    assert "What to run next" in page
    assert "assert_equivariant(model" in page


def test_an_exact_model_is_kept_by_its_line() -> None:
    single = isotropy.audit(lambda x: x[:, :3] + x[:, 3:], X.float(), TYPES, groups="O(3)")
    assert single.next_steps[-1].endswith('x, rep_in="2*Vector", rep_out="Vector")')
    # In double precision an error of a 10^9th is no rounding of the usual kind: the line says what is asked.
    near = lambda x: x[:, :3] + 1e-9 * x[:, 3:].abs()  # noqa: E731
    double = isotropy.audit(near, X, TYPES, groups="O(3)")
    assert double["O(3)"].verdict == "exact to rounding"
    assert double.next_steps[-1].endswith("tol=1e-5)")
    eval(double.next_steps[-1], {"isotropy": isotropy, "model": near, "x": X})


def test_several_arguments_are_written_as_a_tuple() -> None:
    clouds = (torch.randn(20, 5, 3, generator=spawn(1, "p"), dtype=torch.float64), X[:20, :5, None])
    types = {"x": ("Cloud(Point)", "Cloud(Scalar)"), "y": "Scalar"}
    found = isotropy.audit(
        lambda p, q: (p[..., :1].square() * q).sum(1), clouds, types, groups="SE(3)", windows={"SE(3)": 1.0}
    )
    (build,) = found.next_steps
    made = eval(build, {"isotropy": isotropy, "model": lambda p, q: (p[..., :1].square() * q).sum(1)})
    isotropy.testing.assert_equivariant(made, "SE(3)", clouds, *types.values())


def test_where_no_frame_is_known_ways_are_compared() -> None:
    found = isotropy.audit(lambda x: x.tanh(), X, {"x": "2*Vector", "y": "2*Vector"}, groups="Shear(3)")
    assert [line.partition("(")[0] for line in found.next_steps] == ["isotropy.compare", "isotropy.discover"]
    graphs = isotropy.audit(lambda A: A.sum(2), torch.rand(9, 4, 4), {"x": "Pairs()", "y": "Cloud()"}, groups="S(4)")
    assert not any("discover" in line for line in graphs.next_steps)  # which takes no graphs


def test_calculators_end_with_the_worst_law_alone() -> None:
    pytest.importorskip("ase")
    from ase.build import molecule
    from ase.calculators.emt import EMT
    from ase.calculators.lj import LennardJones

    methane = molecule("CH4")
    kept = audit_calculator(EMT(), [methane], groups="O(3)")
    (line,) = kept.next_steps
    scope = {"isotropy": isotropy, "calculator": EMT(), "structures": [methane]}
    assert eval(line.removeprefix("assert "), scope)

    class Tilted(LennardJones):
        def calculate(self, *args: object, **kwargs: object) -> None:
            super().calculate(*args, **kwargs)
            self.results["forces"] = self.results["forces"] + 0.1 * self.atoms.positions[:, :1] * [0, 0, 1.0]  # pyright: ignore

    broken = audit_calculator(Tilted(rc=12.0), [methane, methane], groups="O(3)")
    alone, *cures = broken.next_steps
    check = eval(alone, {"isotropy": isotropy, "calculator": Tilted(rc=12.0), "structures": [methane, methane]})
    assert check.name == broken.broken[0].name
    assert not check.holds
    assert any("minus the gradient" in cure for cure in cures)
