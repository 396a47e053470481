"""``isotropy discover``: which candidate symmetries hold in my data, and how far?"""

from __future__ import annotations

from typing import Annotated

import typer

from isotropy.cli import _options as ask
from isotropy.cli._app import app
from isotropy.cli._show import point, show
from isotropy.errors import SchemaError


@app.command(short_help="Which symmetries hold in my data, and how far?")
def discover(
    data: ask.Data,
    schema: ask.SchemaFile = None,
    groups: Annotated[
        str | None, typer.Option("--groups", help='Candidates, e.g. "O(3),O(2)@z"; built-in data have their own.')
    ] = None,
    setting: ask.Settings = [],  # noqa: B006  typer copies its defaults
    seed: ask.Seed = 0,
    out: ask.Out = None,
    resume: ask.Resume = False,
    engine: Annotated[
        ask.Engine | None,
        typer.Option("--engine", help="Where jobs run; by default on all cores, a quick look in this process."),
    ] = None,
    workers: ask.Workers = None,
    address: ask.Address = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A first look, in seconds: one learner, no calibration.")
    ] = False,
    tol: Annotated[
        float, typer.Option("--tol", min=0.0, max=1.0, help="Breaking below this share of the signal is negligible.")
    ] = 0.01,
) -> None:
    """Which candidate symmetries hold in my data, how far does each one hold, and what should I do about it?"""
    # Processes take longer to start than a quick look has to do.
    engine = engine or (ask.Engine.serial if quick else ask.Engine.process)
    ask.check_run(out, resume, engine, address)
    settings = ask.settings_of(setting)
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
    point(out)
