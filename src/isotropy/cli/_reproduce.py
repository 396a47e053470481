"""``isotropy reproduce``: does it do what the papers say?"""

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

from isotropy.cli._app import app
from isotropy.cli._options import Out, Resume, Seed, examples, settings_of, show, show_claims
from isotropy.errors import SchemaError, nearest


@app.command(
    short_help="Does it do what the papers say?",
    epilog=examples(
        "isotropy reproduce zoo",
        "isotropy reproduce frame-averaging --part graphs --out runs/e",
        "isotropy reproduce all --out runs/all",
        "isotropy reproduce all --out runs/all --resume",
    ),
)
def reproduce(
    name: Annotated[str, typer.Argument(help="The experiment, e.g. soft-equivariance, or all.")],
    full: Annotated[bool, typer.Option("--full", help="The paper's own sizes (hours) instead of minutes.")] = False,
    seed: Seed = 0,
    out: Out = None,
    resume: Resume = False,
    setting: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="A field of its plan, e.g. plan.epochs=100.")
    ] = [],  # noqa: B006  typer copies its defaults
    part: Annotated[
        list[str], typer.Option("--part", help="Only this part, where an experiment has several; may be repeated.")
    ] = [],  # noqa: B006
    device: Annotated[
        str | None, typer.Option("--device", help="Where networks are trained and timed, e.g. cuda.")
    ] = None,
) -> None:
    """Does it do what the papers say? Prints our table beside the published one, and which claims held.

    With all, every experiment runs in a folder of its own, and one table counts the claims that held.
    """
    from isotropy.runs import Run

    room = importlib.import_module("isotropy.experiments")
    settings = settings_of(setting)
    given = {key: value for key, value in (("set", settings), ("part", part), ("device", device)) if value}
    everything = name == "all"
    if everything and (settings or part):
        raise SchemaError(f"{' and '.join(f'--{key}' for key in given)} for all experiments", "one experiment by name")
    experiment = None if everything else _find(name, room.REGISTRY)
    config = experiment and experiment.configured(full=full, seed=seed, parts=part, device=device, settings=settings)
    with Run(out or Path("runs") / f"reproduce-{name}{'-full' if full else ''}", resume=resume) as run:
        run.configure({"experiment": name, "full": full, "seed": seed, **given})
        if experiment:
            result = room.reproduced(experiment, config, run)
        else:
            result = room.reproduce_all(room.REGISTRY, run, full=full, seed=seed, device=device)
        show(result)
        show_claims(result.claims)
        print(f"\nreport: {run.path / 'report.html'}")


def _find(name: str, registry: dict[str, Any]) -> Any:
    if name not in registry:
        known = ["all", *sorted(registry)]
        raise SchemaError(f"the experiment {name!r}", "one of " + ", ".join(known), nearest(name, known))
    return registry[name]
