"""``isotropy discover``: which candidate symmetries hold in my data, and how far?"""

from __future__ import annotations

from typing import Annotated

import typer

from isotropy.cli._app import app
from isotropy.cli._options import Data, Engine, Out, Resume, SchemaFile, Seed, Settings, settings_of
from isotropy.cli._show import show
from isotropy.errors import SchemaError


@app.command(short_help="Which symmetries hold in my data, and how far?")
def discover(
    data: Data,
    schema: SchemaFile = None,
    groups: Annotated[
        str | None, typer.Option("--groups", help='Candidates, e.g. "O(3),O(2)@z"; built-in data have their own.')
    ] = None,
    setting: Settings = [],  # noqa: B006  typer copies its defaults
    seed: Seed = 0,
    out: Out = None,
    resume: Resume = False,
    engine: Annotated[
        Engine | None,
        typer.Option("--engine", help="Where jobs run; by default on all cores, a quick look in this process."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Jobs at a time; by default one for each core.")
    ] = None,
    address: Annotated[str | None, typer.Option("--address", help="A Ray cluster; --out on shared storage.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A first look, in seconds: one learner, no calibration.")
    ] = False,
    tol: Annotated[
        float, typer.Option("--tol", min=0.0, max=1.0, help="Breaking below this share of the signal is negligible.")
    ] = 0.01,
) -> None:
    """Which candidate symmetries hold in my data, how far does each one hold, and what should I do about it?"""
    if resume and out is None:
        raise SchemaError("--resume without --out", "the directory of the interrupted run", "--out DIR --resume")
    # Processes take longer to start than a quick look has to do.
    engine = engine or (Engine.serial if quick else Engine.process)
    if address is not None and engine is not Engine.ray:
        raise SchemaError(f"--address with --engine {engine.value}", "--engine ray")
    settings = settings_of(setting)
    from isotropy import data as rooms
    from isotropy.discovery import discover as find

    dataset = rooms.load(data, schema=schema, **settings)
    if not (groups if groups is not None else dataset.groups):
        raise SchemaError(f"no candidate groups for {data}", "at least one", '--groups "O(3),O(2)@z"')
    found = find(
        dataset,
        groups=groups,
        seed=seed,
        tolerance=tol,
        quick=quick,
        engine=engine.value,
        workers=workers,
        address=address,
        out=out,
        resume=resume,
    )
    show(found, found.recommendation, found.notes)
    print(f"\nreport: {out / 'report.html'}" if out else "\nWith --out DIR the report is written there.")
