"""One training loop in the house: whoever steps an optimiser does it in ``train``."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import isotropy

HOUSE = Path(isotropy.__file__).parent
# What a backward pass takes, and how it runs again, is what plans of memory are about; they step nothing.
FILES = sorted(path for path in HOUSE.rglob("*.py") if path.parent.name not in ("train", "optics"))


def steps_an_optimiser(source: str) -> bool:
    """Whether the source calls ``x.backward()``, ``x.zero_grad(...)`` or ``optimizer.step()``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            bare = not node.args and not node.keywords
            if node.func.attr == "zero_grad" or (bare and node.func.attr in ("backward", "step")):
                return True
    return False


def test_a_loop_is_recognised() -> None:
    assert steps_an_optimiser("for epoch in range(3):\n    loss.backward()")
    assert steps_an_optimiser("optimizer.step()")
    assert not steps_an_optimiser("optic.backward(residual, y)")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_only_the_loop_steps_an_optimiser(path: Path) -> None:
    assert not steps_an_optimiser(path.read_text()), f"{path.name}: train it with isotropy.train.fit"
