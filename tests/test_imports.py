"""What is heavy is imported where it is used: a law on modules, not on seconds (those: ``benchmarks/imports.py``)."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    *("matplotlib", "sklearn", "lightning_fabric", "e3nn", "jinja2", "PIL", "ase", "networkx", "pandas", "ray"),
    *("scipy.special", "scipy.sparse", "scipy.spatial", "scipy.stats", "scipy.optimize", "scipy.integrate"),
    *("sympy", "torch._dynamo", "torch._inductor", "torch.utils.tensorboard"),
    *("isotropy.comparison", "isotropy.experiments", "isotropy.soft", "isotropy.train", "isotropy.cli"),
}
FORBIDDEN = {
    "import isotropy": HEAVY | {"torch", "numpy", "scipy", "pydantic", "yaml", "rich", "isotropy.discovery"},
    "import isotropy; isotropy.discover, isotropy.audit, isotropy.Discovery": HEAVY,
    "import isotropy; isotropy.symmetrize": HEAVY | {"rich", "isotropy.discovery", "isotropy.data"},
    "import isotropy; isotropy.train, isotropy.nn, isotropy.discovery": HEAVY - {"isotropy.soft", "isotropy.train"},
    "import isotropy.cli": HEAVY - {"isotropy.cli"} | {"torch", "numpy", "scipy", "pydantic", "isotropy.discovery"},
}


@pytest.mark.parametrize("line", FORBIDDEN)
def test_what_is_heavy_waits_for_its_use(line: str) -> None:
    say = f"{line}; import json, sys; print(json.dumps(list(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", say], check=True, capture_output=True, text=True)
    assert not FORBIDDEN[line] & set(json.loads(found.stdout))


def test_the_experiments_are_listed_without_any_extra_and_the_one_that_needs_it_is_refused() -> None:
    extras = ("mujoco", "gymnasium", "networkx", "torch_geometric", "camb", "emcee", "astropy", "ase", "trimesh")
    say = (
        f"import sys; sys.modules.update(dict.fromkeys({extras})); from isotropy.experiments import REGISTRY; "
        "print(len(REGISTRY)); list(REGISTRY['subequivariant'].trials(REGISTRY['subequivariant'].small))"
    )
    found = subprocess.run([sys.executable, "-c", say], check=False, capture_output=True, text=True)
    assert found.stdout.strip().isdecimal(), found.stderr
    assert "pip install 'isotropy[control]'" in found.stderr
