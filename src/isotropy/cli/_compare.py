"""``isotropy compare``: which way to use a symmetry wins on my data?"""

from __future__ import annotations

from typing import Annotated

import typer

from isotropy.cli import _options as ask
from isotropy.cli._app import app
from isotropy.cli._show import point, show
from isotropy.errors import SchemaError


@app.command(short_help="Which way to use a symmetry wins?")
def compare(
    data: ask.Data,
    group: Annotated[
        list[str],
        typer.Option(
            "--group",
            "--groups",
            help='The symmetry, e.g. "O(3)"; may be repeated. A single one brings along those subgroups that built-in '
            "data name; without one all that they name are compared.",
        ),
    ] = [],  # noqa: B006  typer copies its defaults
    methods: Annotated[
        str | None,
        typer.Option("--methods", help="Only these: augmentation,soft,frames,coordinates,layers (plain is always in)."),
    ] = None,
    schema: ask.SchemaFile = None,
    setting: ask.Settings = [],  # noqa: B006
    seed: ask.Seed = 0,
    out: ask.Out = None,
    resume: ask.Resume = False,
    engine: Annotated[ask.Engine, typer.Option("--engine", help="Where jobs run.")] = ask.Engine.process,
    workers: ask.Workers = None,
    address: ask.Address = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A first look: three folds of 500 steps, smaller networks.")
    ] = False,
) -> None:
    """Which way to use a symmetry wins: none, augmentation, soft, frames, invariant coordinates or exact layers?"""
    ask.check_run(out, resume, engine, address)
    if any(not name.strip() for name in group):
        raise SchemaError("--group with nothing in it", "a group", '--group "O(3)"')
    settings = ask.settings_of(setting)
    from isotropy import data as rooms
    from isotropy.comparison import compare as contrast

    dataset = rooms.load(data, schema=schema, **settings)
    if not (group or dataset.groups):
        raise SchemaError(f"no group for {data}", "at least one", '--group "O(3)"')
    found = contrast(
        dataset,
        groups=",".join(group) or None,
        methods=methods,
        seed=seed,
        quick=quick,
        engine=engine.value,
        workers=workers,
        address=address,
        out=out,
        resume=resume,
    )
    show(found, found.recommendation, found.notes)
    point(out)
