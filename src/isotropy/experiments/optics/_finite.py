"""X1: on finite sets the components of the 2-category of optics are the lenses, by looking at all of them."""

from __future__ import annotations

from isotropy.optics import finite
from isotropy.runs import Run
from isotropy.study import Outcome, job


@job
def finite_job(run: Run, *, seed: int, sets: str, residual: int) -> Outcome:
    """Counts on sets of these sizes, with residuals of 1, ..., ``residual`` elements.

    ``split`` counts components with more than one lens in them, ``cells`` optics to which not exactly one 2-cell leads
    from their lens.
    """
    sizes = [int(one) for one in sets.split(",")]
    a, a2, b, b2 = sizes
    parts = finite.components(a, a2, b, b2, residual)
    optics = [optic for part in parts for optic in part]
    split = sum(len({optic.to_lens() for optic in part}) != 1 for part in parts)
    cells = sum(finite.two_cells(one.to_lens().to_optic(), one) != [one.kept] for one in optics)
    return {
        "optics": len(optics),
        "components": len(parts),
        "lenses": len(finite.enumerate_lenses(a, a2, b, b2)),
        "split": split,
        "cells": cells,
    }
