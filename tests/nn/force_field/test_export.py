"""A force field as a program of torch: other numbers of atoms and edges, in a process without this package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from isotropy.nn import ForceFieldCommittee, GauntForceField, export_force_field, neighbour_list
from isotropy.random import spawn

FREE = {13: -2.0, 29: -3.5}
CELL = torch.tensor([[3.1, 0, 0], [0.4, 3.4, 0], [0, 0.3, 3.2]], dtype=torch.float64)
RUN = """
import sys, torch
program, given = torch.export.load(sys.argv[1]).module(), torch.load(sys.argv[2], weights_only=True)
torch.save([program(*one) for one in given], sys.argv[3])
assert "isotropy" not in sys.modules
"""


@pytest.mark.slow
@pytest.mark.parametrize("members", [1, 2])
def test_a_program_says_what_the_model_says_of_any_number_of_atoms(tmp_path: Path, members: int) -> None:
    each = [
        GauntForceField(
            FREE, channels=2, radial=(4,), r_max=3.5, repulsion={"Al-Cu": 2.0}, generator=spawn(seed, "weights")
        ).double()
        for seed in range(members)
    ]
    model = each[0].eval() if members == 1 else ForceFieldCommittee(each).eval()
    export_force_field(model, tmp_path / "field.pt2")
    assert all(parameter.requires_grad for parameter in model.parameters())
    numbers, wanted, given = torch.tensor([29, 13, 29, 29]), [], []
    places = torch.rand(4, 3, generator=spawn(0, "places"), dtype=torch.float64) @ CELL
    for count in (4, 1, 2):
        edges, shifts = neighbour_list(places[:count], model.r_max, cell=CELL)
        given.append((places[:count], numbers[:count], edges, shifts))
        found = model.predict(places[:count], numbers[:count], cell=CELL, stressed=True)
        assert found.stress is not None
        wanted.append((found.energy[0], found.forces, found.stress[0] * torch.linalg.det(CELL)))
    torch.save(given, tmp_path / "given.pt")
    files = [str(tmp_path / name) for name in ("field.pt2", "given.pt", "said.pt")]
    subprocess.run([sys.executable, "-I", "-c", RUN, *files], check=True, cwd=tmp_path)
    for said, one in zip(torch.load(files[2], weights_only=True), wanted, strict=True):
        for mine, theirs in zip(said, one, strict=True):
            assert not mine.requires_grad
            assert torch.allclose(mine, theirs, atol=1e-10)
