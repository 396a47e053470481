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
    epilog=examples("isotropy reproduce zoo", "isotropy reproduce frame-averaging --part separation --out runs/e"),
)
def reproduce(
    name: Annotated[str, typer.Argument(help="The experiment, e.g. soft-equivariance.")],
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
    """Does it do what the papers say? Prints our table beside the published one, and which claims held."""
    from isotropy.runs import Run

    experiment = _find(name)
    settings = settings_of(setting)
    config = experiment.configured(full=full, seed=seed, parts=part, device=device, settings=settings)
    with Run(out or Path("runs") / f"reproduce-{name}{'-full' if full else ''}", resume=resume) as run:
        given = {"set": settings, "part": part, "device": device}
        run.configure({"experiment": name, "full": full, "seed": seed, **{k: v for k, v in given.items() if v}})
        result = experiment.run(config, run)
        result.to_json(run.path / "result.json")
        result.report(run.path / "report.html")
        show(result)
        show_claims(result.claims)
        print(f"\nreport: {run.path / 'report.html'}")


def _find(name: str) -> Any:
    registry: dict[str, Any] = importlib.import_module("isotropy.experiments").REGISTRY
    if name not in registry:
        raise SchemaError(f"the experiment {name!r}", "one of " + ", ".join(sorted(registry)), nearest(name, registry))
    return registry[name]
