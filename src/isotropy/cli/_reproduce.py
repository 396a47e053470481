"""``isotropy reproduce``: does it do what the papers say?"""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

from isotropy.cli._app import app
from isotropy.cli._options import Out, Resume, Seed
from isotropy.cli._show import show
from isotropy.errors import SchemaError


@app.command(short_help="Does it do what the papers say?")
def reproduce(
    name: Annotated[str, typer.Argument(help="The experiment, e.g. soft-equivariance.")],
    full: Annotated[bool, typer.Option("--full", help="The paper's own sizes (hours) instead of minutes.")] = False,
    seed: Seed = 0,
    out: Out = None,
    resume: Resume = False,
) -> None:
    """Does it do what the papers say? Prints our table beside the published one, and which claims held."""
    from isotropy.runs import Run

    experiment = _find(name)
    config = dataclasses.replace(experiment.full if full else experiment.small, seed=seed)
    with Run(out or Path("runs") / f"reproduce-{name}{'-full' if full else ''}", resume=resume) as run:
        run.configure({"experiment": name, "full": full, "seed": seed})
        result = experiment.run(config, run)
        result.to_json(run.path / "result.json")
        result.report(run.path / "report.html")
        show(result)
        for claim in experiment.claims:
            print(f"{'held    ' if claim.holds(result) else 'NOT held'}  {claim.text}")
        print(f"\nreport: {run.path / 'report.html'}")


def _find(name: str) -> Any:
    registry: dict[str, Any] = importlib.import_module("isotropy.experiments").REGISTRY
    if name not in registry:
        raise SchemaError(f"the experiment {name!r}", "one of " + ", ".join(sorted(registry)))
    return registry[name]
