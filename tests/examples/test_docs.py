"""The tutorials: their Python runs from top to bottom, as a reader would type it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
TUTORIALS = ("make-any-model-symmetric.md", "frames.md", "products-on-the-sphere.md")


@pytest.mark.parametrize("page", TUTORIALS)
def test_the_blocks_of_a_tutorial_run(page: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    assert len(blocks) >= 3
    (tmp_path / "page.py").write_text("\n".join(blocks))
    ran = subprocess.run(
        [sys.executable, "page.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert ran.returncode == 0, ran.stderr
