"""``isotropy reproduce``: does it do what the papers say?"""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

from isotropy.cli._app import app
from isotropy.cli._options import Out, Resume, Seed, settings_of
from isotropy.cli._show import show
from isotropy.errors import SchemaError


@app.command(short_help="Does it do what the papers say?")
def reproduce(
    name: Annotated[str, typer.Argument(help="The experiment, e.g. soft-equivariance.")],
    full: Annotated[bool, typer.Option("--full", help="The paper's own sizes (hours) instead of minutes.")] = False,
    seed: Seed = 0,
    out: Out = None,
    resume: Resume = False,
    setting: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="A setting of the experiment, e.g. abc=DIR.")
    ] = [],  # noqa: B006  typer copies its defaults
) -> None:
    """Does it do what the papers say? Prints our table beside the published one, and which claims held."""
    from isotropy.runs import Run

    experiment = _find(name)
    settings = settings_of(setting)
    config = _set(experiment.full if full else experiment.small, settings, name)
    config = dataclasses.replace(config, seed=seed)
    with Run(out or Path("runs") / f"reproduce-{name}{'-full' if full else ''}", resume=resume) as run:
        run.configure({"experiment": name, "full": full, "seed": seed, **({"set": settings} if settings else {})})
        result = experiment.run(config, run)
        result.to_json(run.path / "result.json")
        result.report(run.path / "report.html")
        show(result)
        for claim in experiment.claims:
            print(f"{'held    ' if claim.holds(result) else 'NOT held'}  {claim.text}")
        print(f"\nreport: {run.path / 'report.html'}")


def _set(config: Any, settings: dict[str, object], name: str) -> Any:
    """The config with some of its text fields replaced; raises ``SchemaError`` for a key that is none of them."""
    known = [item.name for item in dataclasses.fields(config) if isinstance(getattr(config, item.name), str)]
    for key in settings:
        if key not in known:
            raise SchemaError(f"--set {key}=... for {name}", "one of " + ", ".join(known))
    return dataclasses.replace(config, **settings)


def _find(name: str) -> Any:
    registry: dict[str, Any] = importlib.import_module("isotropy.experiments").REGISTRY
    if name not in registry:
        raise SchemaError(f"the experiment {name!r}", "one of " + ", ".join(sorted(registry)))
    return registry[name]
