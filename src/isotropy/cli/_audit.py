"""``isotropy audit``: how symmetric is the model that I already have, and where does it break?"""

from __future__ import annotations

from typing import Annotated

import typer

from isotropy.cli._app import app
from isotropy.cli._options import Data, Out, Resume, SchemaFile, Seed, Settings, settings_of
from isotropy.cli._show import show


@app.command()
def audit(
    model: Annotated[str, typer.Argument(help="A program saved by torch.export (.pt2), or module:attr of your code.")],
    data: Data,
    group: Annotated[list[str], typer.Option("--group", help="A group to test, e.g. SO(3); may be repeated.")],
    schema: SchemaFile = None,
    setting: Settings = [],  # noqa: B006  typer copies its defaults
    seed: Seed = 0,
    out: Out = None,
    resume: Resume = False,
) -> None:
    """How symmetric is the model that I already have, and in which layer does it break?"""
    settings = settings_of(setting)
    from isotropy import data as rooms
    from isotropy.cli._model import check_batches, load_model

    dataset = rooms.load(data, schema=schema, **settings)
    loaded = load_model(model)
    check_batches(loaded, dataset.x, model)
    from isotropy.discovery import audit as examine
    from isotropy.runs import Run

    groups = ",".join(group)
    if out is None:
        show(examine(loaded, dataset, groups=groups, seed=seed, name=model))
        return
    with Run(out, resume=resume) as run:
        run.configure({"model": model, "data": data, "settings": settings, "groups": groups, "seed": seed})
        found = examine(loaded, dataset, groups=groups, seed=seed, name=model)
        found.to_json(run.path / "result.json")
        found.report(run.path / "report.html")
    show(found)
    print(f"\nreport: {out / 'report.html'}")
